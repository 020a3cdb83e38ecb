"""How bad it is, how soon it should be over, and who should hear of it.

Four levels, from who is affected (scope), how steadily (persistence) and whether there is a way
around (cause). Never from the cause alone, save where the cause leaves the service usable.

1  nothing works, for everybody · 2 nothing works for some · 3 it works at times, or for all but
one · 4 it works, with a flaw that can be worked around
"""

from __future__ import annotations

from refused.evidence.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from refused.diagnosis.rank import Finding
    from refused.evidence.bundle import Evidence
    from refused.evidence.observations import LoggedError

MINUTE_S = 60.0
HOUR_S = 3600.0
DAY_S = 86400.0

# What leaves the service usable: the next command works, or another one does the same.
FLAWS = {
    "idle-timeout": "the command after a pause fails, and the next one works",
    "unsupported-command-or-db": "one command or database is not offered, and the others work",
}
# What passes without anybody's doing, by the service's own documents.
PASSING = {
    "server-failover-maintenance": "a failover passes within minutes",
    "server-loading": "loading ends by itself",
}


class Response(Record):
    """What a level asks of whoever is on call. The defaults are ours; ``refused.toml`` changes them.

    Attributes:
        resolve_within_s: How long it should take until it is over.
        tell: Who should hear of it, the first first.
        every_s: How often they should hear of it until then.
    """

    resolve_within_s: float
    tell: tuple[str, ...]
    every_s: float


RESPONSES: Mapping[int, Response] = {
    1: Response(
        resolve_within_s=HOUR_S,
        tell=("the incident's lead", "the service's owner", "support", "the users"),
        every_s=15 * MINUTE_S,
    ),
    2: Response(
        resolve_within_s=4 * HOUR_S,
        tell=("the incident's lead", "the service's owner", "support"),
        every_s=30 * MINUTE_S,
    ),
    3: Response(
        resolve_within_s=DAY_S, tell=("the service's owner", "the team"), every_s=4 * HOUR_S
    ),
    4: Response(resolve_within_s=10 * DAY_S, tell=("the team",), every_s=7 * DAY_S),
}


def severity(
    verdicts: Sequence[str],
    scope: str | None,
    view: Evidence,
    findings: Sequence[Finding] = (),
) -> tuple[int | None, str]:
    """Return the level (1 worst to 4) and why; ``None`` where the scope is not known.

    Args:
        verdicts: One for each vantage point.
        scope: ``all``, ``some`` or ``one``, where the user said who is affected.
        findings: The causes found, best first.
    """
    failing = sum(verdict == "fault" for verdict in verdicts)
    if not failing:
        return None, "no fault was seen"
    broken = view.broken
    if broken is not None and (broken.at_times or broken.how in ("flaky", "stalled", "slow")):
        return 3, "it fails at times"
    flaw = _flaw(findings)
    if flaw:
        return 4, flaw
    if scope is not None:
        return _told(scope)
    if len(verdicts) > 1:
        if failing == len(verdicts):
            return 1, f"it fails from all {failing} vantage points"
        return 2, f"it fails from {failing} of {len(verdicts)} vantage points"
    return (
        None,
        "one look from one place cannot tell who is affected; say so with --scope all|some|one",
    )


def severity_of_text(
    verdict: str, scope: str | None, errors: Sequence[LoggedError], findings: Sequence[Finding]
) -> tuple[int | None, str]:
    """Return the level that a text tells, and why; ``None`` where it does not tell who is affected."""
    if verdict != "fault":
        return None, "no cause is named"
    flaw = _flaw(findings)
    if flaw:
        return 4, flaw
    if any("reconnected" in each.symptoms for each in errors):
        return 3, "the text tells that it works again at times"
    cause = findings[0].weighed.cause.id
    if cause in PASSING and scope is None:
        return 3, PASSING[cause]
    if scope is not None:
        return _told(scope)
    return None, "a text does not tell who is affected; say so with --scope all|some|one"


def _told(scope: str) -> tuple[int, str]:
    return {"all": 1, "some": 2, "one": 3}[scope], f"you say that it concerns {scope}"


def _flaw(findings: Sequence[Finding]) -> str:
    """Return why the service stays usable under the cause that is named, if it does."""
    if not findings or findings[0].probability <= 0.5:
        return ""
    return FLAWS.get(findings[0].weighed.cause.id, "")
