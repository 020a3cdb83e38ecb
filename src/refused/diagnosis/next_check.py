"""Choose the one next look that would tell the most per second of the user's time."""

from __future__ import annotations

from math import exp, log

from refused.diagnosis.checks import CHECKS
from refused.evidence.path import is_kept_inside
from refused.evidence.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from refused.causes.statements import Cause
    from refused.diagnosis.checks import Check
    from refused.diagnosis.rank import Finding

# Of "something else", so much is for causes of the catalogue that nothing was seen of yet. A guess.
UNHEARD = 0.5
# How often a check shows its usual outcome where a cause says nothing of it. A guess.
MOSTLY = 0.8
FEW = 5


class NextCheck(Record):
    """A check, and the causes that it would tell apart.

    Attributes:
        tells: Those of the findings that say what it would show; where none does, the first few
            of the causes that it would bring up.
        nats: The expected drop in uncertainty.
    """

    check: Check
    tells: tuple[str, ...]
    nats: float


def next_check(
    findings: Sequence[Finding],
    service: str,
    done: frozenset[str] = frozenset(),
    silent: Sequence[Cause] = (),
) -> NextCheck | None:
    """Return the best check; ``None`` where none would tell anything.

    A cause that does not say what a check would show is taken to allow any outcome of it.

    Args:
        silent: Causes that show at the hop that broke, and that nothing speaks for or against yet:
            they share half of what "something else" has, by their priors, since a look may bring
            them up.
    """
    if not findings or findings[0].certainty == "confirmed":
        return None
    best: NextCheck | None = None
    for check in CHECKS:
        if check.id in done or (check.services and service not in check.services):
            continue
        if (check.after and check.after not in done) or check.until in done:
            continue
        nats, tells = _expected_drop(check.id, findings, silent)
        if nats > 0.005 and (best is None or nats / check.seconds > best.nats / best.check.seconds):
            best = NextCheck(check=check, tells=tells, nats=nats)
    return best


def pointless(host: str) -> frozenset[str]:
    """Return the checks that can tell nothing of *host*: no public resolver knows an address or an inner name.

    Args:
        host: As it was dialled; ``""`` where nobody says.
    """
    return frozenset({"other-resolver"}) if host and is_kept_inside(host) else frozenset()


def _expected_drop(
    check: str, findings: Sequence[Finding], silent: Sequence[Cause] = ()
) -> tuple[float, tuple[str, ...]]:
    """Return mutual information between cause and outcome, in nats, and the causes told apart."""
    outcomes: dict[str, float] = {}
    usual = _USUAL.get(check, "")
    # (probability, the outcome that is said, whether it is a cause of the catalogue)
    placed: list[tuple[float, str | None, bool]] = []
    tells = []
    for finding in findings:
        outcome = dict(finding.weighed.cause.expects).get(check)
        placed.append((finding.probability, outcome, True))
        if outcome is not None:
            outcomes.setdefault(outcome, 0.0)
            tells.append(finding.weighed.cause.id)
    rest = max(0.0, 1.0 - sum(probability for probability, _, _ in placed))
    raised = []
    shares = [exp(cause.prior) for cause in silent]
    for cause, share in zip(silent, shares, strict=True):
        outcome = dict(cause.expects).get(check)
        placed.append((rest * UNHEARD * share / sum(shares), outcome, True))
        if outcome is not None:
            outcomes.setdefault(outcome, 0.0)
            if outcome != usual:
                raised.append(cause.id)
    if rest:
        placed.append((rest * (1 - UNHEARD) if silent else rest, None, False))
    if not outcomes:
        return 0.0, ()
    # "Something else" and causes that don't say allow every outcome, and one more besides.
    outcomes[""] = 0.0
    if usual:
        outcomes.setdefault(usual, 0.0)
    drop = 0.0
    for outcome in outcomes:
        joint = [
            probability * _chance(outcome, said, usual if known else "", len(outcomes))
            for probability, said, known in placed
        ]
        marginal = sum(joint)
        for (probability, _, _), both in zip(placed, joint, strict=True):
            if both > 0:
                drop += both * log(both / (probability * marginal))
    return drop, tuple(tells or raised[:FEW])


def _chance(outcome: str, said: str | None, usual: str, count: int) -> float:
    """Return how likely an outcome is for a cause that says *said*, or nothing, of the check."""
    if said is not None:
        return 1.0 if outcome == said else 0.0
    if usual:
        return MOSTLY if outcome == usual else (1 - MOSTLY) / (count - 1)
    return 1 / count


_USUAL = {check.id: check.usual for check in CHECKS}
