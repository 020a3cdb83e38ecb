"""How bad it is: four levels, from who is affected and how steadily. Never from the cause alone.

1  nothing works, for everybody · 2 nothing works for some · 3 it works at times, or for all but
one · 4 it works, with a flaw
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from refused.diagnosis.rank import Finding
    from refused.evidence.bundle import Evidence
    from refused.evidence.observations import LoggedError


def severity(verdicts: Sequence[str], scope: str | None, view: Evidence) -> tuple[int | None, str]:
    """Return the level (1 worst to 4) and why; ``None`` where the scope is not known.

    Args:
        verdicts: One for each vantage point.
        scope: ``all``, ``some`` or ``one``, where the user said who is affected.
    """
    failing = sum(verdict == "fault" for verdict in verdicts)
    if not failing:
        return None, "no fault was seen"
    broken = view.broken
    if broken is not None and broken.how in ("flaky", "stalled", "slow"):
        return 3, "it fails at times"
    if scope is not None:
        return {"all": 1, "some": 2, "one": 3}[scope], f"you say that it concerns {scope}"
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
    if scope is not None:
        return {"all": 1, "some": 2, "one": 3}[scope], f"you say that it concerns {scope}"
    return None, "a text does not tell who is affected; say so with --scope all|some|one"
