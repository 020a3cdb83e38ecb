"""From evidence to a diagnosis: every cause is heard, the answers are weighed, and said aloud."""

from __future__ import annotations

from refused.causes import catalogue, modules
from refused.diagnosis.compare import differences, is_blind, summary
from refused.diagnosis.next_check import next_check, pointless
from refused.diagnosis.notes import notes
from refused.diagnosis.outcome import Diagnosis, PlaceSeen
from refused.diagnosis.rank import rank
from refused.diagnosis.severity import severity
from refused.diagnosis.weigh import weigh
from refused.evidence.observations import Elsewhere, LoggedError, Unseen
from refused.evidence.path import walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from refused.causes.statements import Cause
    from refused.diagnosis.rank import Finding
    from refused.diagnosis.weigh import Weighed
    from refused.evidence.bundle import Bundle, Evidence
    from refused.evidence.path import HopSeen


def diagnose(bundle: Bundle) -> Diagnosis:
    """Judge a bundle. Pure: the same bundle gives the same diagnosis anywhere."""
    if bundle.target.form == "text":
        from refused.diagnosis.text import diagnose_text

        return diagnose_text(bundle)
    seen = tuple(bundle.view(vantage) for vantage in bundle.vantages)
    elsewhere = _summaries(seen)
    views = with_elsewhere(seen)
    places = [(view, _place(view)) for view in views]
    # The place that fails is the one to explain; among several, the user's first.
    places.sort(key=lambda each: (each[1].verdict != "fault", bool(each[1].not_reached)))
    verdicts = {place.vantage: place.verdict for _, place in places if not place.not_reached}
    view, first = places[0]
    verdict = first.verdict
    heard = _hear(view) if verdict != "healthy" or _is_of_elsewhere(view) else ()
    findings = rank(heard) if verdict == "fault" else rank(_without_hop(heard))
    if verdict == "healthy" and findings:
        # The path is well from here, and what was read of the client's own place says that it is not there.
        verdict = "inconclusive"
    errors = view.look(LoggedError)
    if errors and verdict != "fault":
        verdict, findings = _by_the_log(verdict, findings, errors, view)
    found = {each.weighed.cause.id for each in findings}
    level, because = severity(tuple(verdicts.values()) or (verdict,), bundle.scope, view, findings)
    if verdict == "fault" and first.verdict == "healthy":
        level, because = 3, "the path is well now, and the log tells that it fails at times"
    return Diagnosis(
        verdict=verdict,
        severity=level,
        severity_because=because,
        places=tuple(place for _, place in places),
        findings=findings,
        ruled_out=tuple(each for each in heard if each.is_ruled_out and each.cause.id not in found),
        unseen=_unseen(tuple(place_view for place_view, _ in places), heard, found),
        next_check=next_check(
            findings,
            bundle.target.service,
            _done(view) | pointless(bundle.target.host),
            silent_ones(view, heard, found),
        ),
        notes=notes(
            view,
            tuple(place for _, place in places),
            taken_at=bundle.taken_at,
            told=tuple(each.because for found in findings for each in found.weighed.proofs),
        ),
        heard=heard,
        elsewhere=elsewhere,
        differences=differences(elsewhere, verdicts),
    )


def silent_ones(view: Evidence, heard: tuple[Weighed, ...], found: set[str]) -> tuple[Cause, ...]:
    """Return the causes that show at the broken hop, and that nothing speaks for or against yet."""
    broken = view.broken
    return tuple(
        each.cause
        for each in heard
        if broken is not None
        and broken.hop in each.cause.shows_at
        and each.cause.id not in found
        and not each.is_ruled_out
        and not each.clues
    )


def _place(view: Evidence) -> PlaceSeen:
    path = walk(view)
    why = ""
    if is_blind(view):
        gap = view.unseen[0]
        why = gap.why + (f"; {gap.how_to_see}" if gap.how_to_see else "")
    return PlaceSeen(vantage=view.vantage, path=path, verdict=_verdict(path), not_reached=why)


def _verdict(path: tuple[HopSeen, ...]) -> str:
    """Say what the path comes to.

    Healthy needs an answer from a Redis server: a path on which nothing failed because nothing was
    tried is inconclusive.
    """
    status = {hop.hop: hop.status for hop in path}
    if "failed" in status.values():
        return "fault"
    return "healthy" if status.get("resp") == "ok" else "inconclusive"


def _hear(view: Evidence) -> tuple[Weighed, ...]:
    errors = view.look(LoggedError)
    if not errors:
        return tuple(weigh(cause, judge(view), view.broken) for cause, judge in catalogue())
    from refused.diagnosis.text import said_beside, told_beside

    told = told_beside(errors, view.broken.hop if view.broken else "")
    return tuple(
        weigh(module.CAUSE, (*module.judge(view), *said_beside(module, told)), view.broken)
        for module in modules()
    )


def _by_the_log(
    verdict: str,
    findings: tuple[Finding, ...],
    errors: tuple[LoggedError, ...],
    view: Evidence,
) -> tuple[str, tuple[Finding, ...]]:
    """Let a log name what cannot be seen now: the path may be well at this moment."""
    if findings and findings[0].certainty == "confirmed":
        return verdict, findings
    from refused.diagnosis.text import NAMED, findings_of

    told = findings_of(errors, view if verdict == "healthy" else None)
    if told and told[0].probability > NAMED:
        return "fault", told
    return verdict, findings or (told if verdict == "inconclusive" else ())


def _without_hop(heard: tuple[Weighed, ...]) -> tuple[Weighed, ...]:
    """Without a broken hop only what speaks for itself counts."""
    return tuple(
        each if each.proofs or each.is_foretold else each.replace(counts=False) for each in heard
    )


def _is_of_elsewhere(view: Evidence) -> bool:
    """Whether something was read of the place where the client runs, that nobody may have walked from."""
    # By name: whoever named no manifest does not pay for the records of a cluster.
    return any(type(fact).__name__ == "KubernetesWorkload" for fact in view.facts)


def _unseen(
    views: tuple[Evidence, ...], heard: tuple[Weighed, ...], found: set[str]
) -> tuple[Unseen, ...]:
    """Return what could not be seen, by the probes and by the judges of what is still possible.

    Of the places beside the one that is explained, the first of *views*, those that were not reached.
    """
    gaps: dict[tuple[str, str], Unseen] = {}
    blind = [each.unseen[0] for each in views[1:] if is_blind(each)]
    for gap in (*blind, *views[0].unseen):
        gaps.setdefault((gap.what, gap.why), gap)
    for each in heard:
        if each.cause.id in found:
            for gap in each.unseen:
                # "Nobody looked" with no way to look says nothing a reader could use.
                if gap.how_to_see or gap.why != "nobody looked":
                    gaps.setdefault((gap.what, gap.why), gap)
    return tuple(gaps.values())


def _done(view: Evidence) -> frozenset[str]:
    """Return the checks that this evidence already holds."""
    # By name: whoever did not ask the control plane does not pay for the records of its facts.
    seen = {type(fact).__name__ for fact in view.facts}
    asked = {name for name, kinds in _ANSWERS if kinds <= seen}
    return frozenset(asked | ({"elsewhere"} if view.look(Elsewhere) else set()))


# What the control plane answered need not be looked at again: (check, kinds that hold its answer).
_ANSWERS: tuple[tuple[str, frozenset[str]], ...] = (
    ("resource", frozenset({"AzureCache"})),
    ("resource", frozenset({"ResourceSearch"})),
    ("rules-read", frozenset({"FirewallRules"})),
    ("firewall-rules", frozenset({"FirewallRules", "ClientAddress"})),
    ("network-rules", frozenset({"NetworkSecurityGroup"})),
    ("network-rules", frozenset({"RouteTable"})),
    ("clients-metric", frozenset({"Metric"})),
    ("keys", frozenset({"AccessKeys"})),
)


def with_elsewhere(views: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """Let every vantage point know, in short, what the others saw."""
    summaries = _summaries(views)
    if not summaries:
        return views
    from refused.evidence.bundle import Evidence as View

    told = {view.vantage for view in views}
    return tuple(
        View(
            # A summary of these very places was made when they were judged before.
            *(
                fact
                for fact in view.facts
                if not (isinstance(fact, Elsewhere) and fact.vantage in told)
            ),
            *(each for each in summaries if each.vantage != view.vantage),
            target=view.target,
            vantage=view.vantage,
        )
        for view in views
    )


def _summaries(views: tuple[Evidence, ...]) -> tuple[Elsewhere, ...]:
    """Sum up every place, where there are several; of one that was not reached there is nothing to say."""
    if len(views) < 2:
        return ()
    return tuple(
        summary(view, healthy=_verdict(walk(view)) == "healthy")
        for view in views
        if not is_blind(view)
    )
