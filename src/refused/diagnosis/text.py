"""From errors that somebody wrote down to a diagnosis.

What a text says is hearsay: it accuses, and confirms nothing. Where its words fit several causes,
all are named with what each is worth, and none is put above the others' sum.
"""

from __future__ import annotations

from refused.causes import modules
from refused.causes.statements import Clue
from refused.diagnosis.next_check import next_check, pointless
from refused.diagnosis.outcome import Diagnosis, PlaceSeen
from refused.diagnosis.rank import rank
from refused.diagnosis.severity import severity_of_text
from refused.diagnosis.weigh import weigh
from refused.evidence.error_words import SYMPTOMS
from refused.evidence.observations import LoggedError, Unseen
from refused.evidence.path import HOPS, HopSeen
from refused.evidence.told import Told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    from refused.causes.statements import Cause, Statement
    from refused.diagnosis.rank import Finding
    from refused.diagnosis.weigh import Weighed
    from refused.evidence.bundle import Bundle, Evidence

# Both fitted by cross-validation over the threads of the error corpus (docs/explain-accuracy.md).
TEMPERATURE = 0.95
SOMETHING_ELSE = 2.0
# Above this a cause is named; below, the text is said not to tell.
NAMED = 0.5


def said_of(module: ModuleType, told: Told) -> Iterator[Statement]:
    """Utter what the text says of one cause: by its words, by its symptoms, by what else stands there."""
    for signature in getattr(module, "SIGNATURES", ()):
        if signature.id in told.signatures:
            seen = tuple(each for each in told.errors if signature.id in each.signatures)
            yield Clue(weight=signature.weight, because=signature.says, seen=seen, fact="said")
    for symptom, weight in getattr(module, "SYMPTOMS", {}).items():
        if symptom in told.symptoms:
            seen = tuple(each for each in told.errors if symptom in each.symptoms)
            because = f"the text tells that {SYMPTOMS[symptom].says}"
            yield Clue(weight=weight, because=because, seen=seen, fact="said")
    read = getattr(module, "read", None)
    if read is not None:
        yield from read(told)
    yield from _against(module.CAUSE, told)


def _against(cause: Cause, told: Told) -> Iterator[Clue]:
    """Utter what speaks against whole groups of causes, whatever each says of itself."""
    if "between" in cause.traits and told.is_here:
        yield Clue(
            weight=-2.5,
            because="the client dialled its own host, with no network in between",
            seen=told.errors,
        )
    if cause.hop == "name" and told.host and told.address and not told.saw("name-unknown"):
        said = f"{told.host} was known, as {told.address}"
        yield Clue(weight=-0.9, because=said, seen=told.errors)
    if "azure" in cause.traits and told.hosted is not None:
        yield Clue(weight=-2.0, because=f"the host is of {told.hosted.name}", seen=told.errors)
    elif "azure" in cause.traits and told.marked("client=aws") and not told.is_azure:
        yield Clue(weight=-1.6, because="the client's host is one of EC2", seen=told.errors)
    if "start" in cause.traits and told.was_up:
        yield Clue(weight=-1.2, because="a connection had come about before", seen=told.errors)


# Beside what is seen now, what was written down at some time counts for less.
BESIDE = 0.6


# How an open connection ends, at whichever hop that is seen.
_ENDS = frozenset({"reset", "closed", "broken-pipe", "read-error", "socket-failure"})


def told_beside(errors: Sequence[LoggedError], hop: str) -> Told:
    """Return what a log tells of the hop that is seen to fail; its other symptoms explain other failures."""

    def fits(symptom: str) -> bool:
        at = SYMPTOMS[symptom].hop if symptom in SYMPTOMS else ""
        return at == hop or (symptom in _ENDS and hop in ("tls", "resp", "command"))

    return Told(
        [
            each.replace(symptoms=tuple(name for name in each.symptoms if fits(name)))
            for each in errors
        ]
    )


def said_beside(module: ModuleType, told: Told) -> Iterator[Clue]:
    """Utter what a log says of one cause to whoever also sees the path."""
    for statement in said_of(module, told):
        if isinstance(statement, Clue):
            because = f"in the log: {statement.because}"
            yield statement.replace(
                weight=statement.weight * BESIDE,
                because=because,
                fact=f"log: {statement.fact or statement.because}",
            )


def hear(errors: Sequence[LoggedError], well: Evidence | None = None) -> tuple[Weighed, ...]:
    """Weigh every cause by the text; its prior among the causes of a hop has no say.

    Args:
        well: The same path as it is seen now, where nothing is wrong with it: a cause that has an
            ``against_now`` holds the text against it.
    """
    told = Told(errors)
    heard = []
    for module in modules():
        statements = tuple(said_of(module, told))
        against_now = getattr(module, "against_now", None)
        if against_now is not None and well is not None:
            statements += tuple(against_now(told, well))
        weighed = weigh(module.CAUSE, statements, None)
        counts = any(each.weight > 0 for each in weighed.clues)
        heard.append(weighed.replace(score=weighed.score - module.CAUSE.prior, counts=counts))
    return tuple(heard)


def findings_of(errors: Sequence[LoggedError], well: Evidence | None = None) -> tuple[Finding, ...]:
    """Return the causes that the text speaks for, best first.

    Two faults at once are two findings: a cause that errors name by themselves, in another file or
    far from those that speak for the first, stands with what its own errors are worth.
    """
    if not errors:
        return ()
    together = _ranked(errors, well)
    if len(errors) == 1:
        return together
    first = together[0] if together and together[0].probability > NAMED else None
    taken = _places(first) if first is not None else ()
    apart: dict[str, Finding] = {}
    for error in errors[:MOST_APART]:
        if first is not None and not _is_far(error, taken):
            continue
        for finding in _ranked((error,), well)[:1]:
            cause = finding.weighed.cause.id
            if finding.probability > NAMED and (
                cause not in apart or finding.probability > apart[cause].probability
            ):
                apart[cause] = finding
    if first is not None:
        apart.setdefault(first.weighed.cause.id, first)
    if len(apart) < 2:
        return together
    rest = (each for each in together if each.weighed.cause.id not in apart)
    return (*sorted(apart.values(), key=lambda each: -each.probability), *rest)


# Judging each error alone costs a walk through all causes; the most frequent come first.
MOST_APART = 40
# Errors within so many lines may be one failure told by several layers.
NEAR_LINES = 30


def _places(finding: Finding) -> tuple[tuple[str, int], ...]:
    return tuple(
        (seen.file, seen.line)
        for clue in finding.weighed.clues
        if clue.weight > 0
        for seen in clue.seen
        if isinstance(seen, LoggedError)
    )


def _is_far(error: LoggedError, places: Sequence[tuple[str, int]]) -> bool:
    return all(error.file != file or abs(error.line - line) > NEAR_LINES for file, line in places)


def _ranked(errors: Sequence[LoggedError], well: Evidence | None = None) -> tuple[Finding, ...]:
    return rank(
        hear(errors, well), something_else=SOMETHING_ELSE, temperature=TEMPERATURE, at_most=1.0
    )


def diagnose_text(bundle: Bundle) -> Diagnosis:
    """Judge a bundle that holds nothing but what a text tells. Pure."""
    errors = tuple(fact for fact in bundle.facts if isinstance(fact, LoggedError))
    heard = hear(errors) if errors else ()
    findings = findings_of(errors)
    verdict = "fault" if findings and findings[0].probability > NAMED else "inconclusive"
    level, because = severity_of_text(verdict, bundle.scope, errors, findings)
    path = _path(errors)
    return Diagnosis(
        verdict=verdict,
        severity=level,
        severity_because=because,
        places=(PlaceSeen(vantage="user", path=path, verdict=verdict),),
        findings=findings,
        ruled_out=(),
        unseen=tuple(fact for fact in bundle.facts if isinstance(fact, Unseen)),
        next_check=next_check(findings, bundle.target.service, pointless(bundle.target.host)),
        notes=tuple(_notes(errors, findings)),
        heard=heard,
    )


def _path(errors: Sequence[LoggedError]) -> tuple[HopSeen, ...]:
    """Return the path as far as the text tells of it: which hops its errors show to be broken."""
    told = Told(errors)
    said: dict[str, tuple[str, LoggedError]] = {}
    for error in errors:
        for name in error.symptoms:
            hop = SYMPTOMS[name].hop if name in told.symptoms else ""
            if hop:
                said.setdefault(hop, (name, error))
    return tuple(
        HopSeen(
            hop=hop,
            status="failed",
            said=f"{SYMPTOMS[said[hop][0]].says}: {_short(said[hop][1].quote)}",
            how=said[hop][0],
        )
        if hop in said
        else HopSeen(hop=hop, status="unknown", said="the text does not tell")
        for hop in HOPS
    )


def _short(quote: str, most: int = 120) -> str:
    return quote if len(quote) <= most else quote[: most - 1] + "…"


def _notes(errors: Sequence[LoggedError], findings: Sequence[Finding]) -> Iterator[str]:
    if not errors:
        yield "no line of the text is an error of a Redis connection that I know"
        return
    yield "a text is hearsay: it confirms nothing, and tells nothing of the present"
    if not findings or findings[0].probability <= NAMED:
        yield "the text alone cannot tell the cause; several fit it"
    elsewhere = tuple(dict.fromkeys(place for each in errors for place in each.elsewhere))
    if elsewhere:
        yield f"connections to other services fail in the same text: {', '.join(elsewhere[:3])}"
