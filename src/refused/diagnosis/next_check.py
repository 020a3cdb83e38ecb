"""Choose the one next look that would tell the most per second of the user's time."""

from __future__ import annotations

from math import log

from refused.diagnosis.checks import CHECKS
from refused.evidence.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from refused.diagnosis.checks import Check
    from refused.diagnosis.rank import Finding


class NextCheck(Record):
    """A check, and the causes that it would tell apart.

    Attributes:
        nats: The expected drop in uncertainty.
    """

    check: Check
    tells: tuple[str, ...]
    nats: float


def next_check(
    findings: Sequence[Finding], service: str, done: frozenset[str] = frozenset()
) -> NextCheck | None:
    """Return the best check; ``None`` where none would tell anything.

    A cause that does not say what a check would show is taken to allow any outcome of it.
    """
    if not findings or findings[0].certainty == "confirmed":
        return None
    best: NextCheck | None = None
    for check in CHECKS:
        if check.id in done or (check.services and service not in check.services):
            continue
        if (check.after and check.after not in done) or check.until in done:
            continue
        nats, tells = _expected_drop(check.id, findings)
        if nats > 0.005 and (best is None or nats / check.seconds > best.nats / best.check.seconds):
            best = NextCheck(check=check, tells=tells, nats=nats)
    return best


def _expected_drop(check: str, findings: Sequence[Finding]) -> tuple[float, tuple[str, ...]]:
    """Return mutual information between cause and outcome, in nats, and the causes told apart."""
    outcomes: dict[str, float] = {}
    placed: list[tuple[float, str | None]] = []
    tells = []
    for finding in findings:
        outcome = dict(finding.weighed.cause.expects).get(check)
        placed.append((finding.probability, outcome))
        if outcome is not None:
            outcomes.setdefault(outcome, 0.0)
            tells.append(finding.weighed.cause.id)
    rest = max(0.0, 1.0 - sum(probability for probability, _ in placed))
    if rest:
        placed.append((rest, None))
    if not outcomes:
        return 0.0, ()
    # "Something else" and causes that don't say allow every outcome, and one more besides.
    outcomes[""] = 0.0
    drop = 0.0
    for outcome in outcomes:
        joint = [
            probability
            * ((1.0 if said == outcome else 0.0) if said is not None else 1 / len(outcomes))
            for probability, said in placed
        ]
        marginal = sum(joint)
        for (probability, _), both in zip(placed, joint, strict=True):
            if both > 0:
                drop += both * log(both / (probability * marginal))
    return drop, tuple(tells)
