"""Error budgets and how fast they burn: several windows, so that a short fault rings and a blip does not.

Source of windows and factors: https://sre.google/workbook/alerting-on-slos/ (the multiwindow,
multi-burn-rate alert). Counters may be those of any probe: so many attempts, so many of them failed.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from refused.evidence.record import Record, nested

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# Shape: (name, long window in seconds, short window in seconds, burn rate, severity).
# A burn rate of 1 spends exactly the budget in the period; 14.4 spends 2 % of 30 days in an hour.
BURNS: tuple[tuple[str, int, int, float, int], ...] = (
    ("fast", 3600, 300, 14.4, 1),
    ("slow", 6 * 3600, 1800, 6.0, 1),
    ("day", 86400, 2 * 3600, 3.0, 2),
    ("three-days", 3 * 86400, 6 * 3600, 1.0, 2),
)


class Objective(Record):
    """What a service promises itself.

    Attributes:
        share: Of the attempts that have to work, above 0 and below 1.
        days: The period for which that holds.
    """

    share: float = 0.999
    days: int = 30

    @property
    def allowed(self) -> float:
        """The share of attempts that may fail."""
        return 1.0 - self.share


@nested
class Counted(Record):
    """What was tried from one moment to the next; *at* is the end of it, in seconds since 1970 UTC."""

    at: float
    good: float
    bad: float


class Budget(Record):
    """What is left of an error budget.

    Attributes:
        spent: The share of the budget that is gone; above 1 the promise is broken.
        attempts: How many it is reckoned from; with none, *spent* is 0 and says nothing.
    """

    spent: float
    attempts: float


class Tally:
    """What was counted, ready to be added up over any span of time.

    Args:
        counts: In any order.
    """

    def __init__(self, counts: Sequence[Counted]) -> None:
        ordered = sorted(counts, key=lambda each: each.at)
        self.ends = [each.at for each in ordered]
        self._good = list(accumulate((each.good for each in ordered), initial=0.0))
        self._bad = list(accumulate((each.bad for each in ordered), initial=0.0))

    def between(self, since: float, until: float) -> tuple[float, float]:
        """Return what worked and what failed after *since*, up to and with *until*."""
        low, high = bisect_right(self.ends, since), bisect_right(self.ends, until)
        return self._good[high] - self._good[low], self._bad[high] - self._bad[low]

    def budget(self, objective: Objective, now: float) -> Budget:
        """Return what is spent of the budget of the period that ends at *now*."""
        good, bad = self.between(now - objective.days * 86400, now)
        attempts = good + bad
        if not attempts:
            return Budget(spent=0.0, attempts=0.0)
        return Budget(spent=bad / attempts / objective.allowed, attempts=attempts)

    def burn_rate(self, objective: Objective, now: float, window_s: float) -> float | None:
        """Return how many times too fast the budget burns; ``None`` where nothing was tried."""
        good, bad = self.between(now - window_s, now)
        return bad / (good + bad) / objective.allowed if good + bad else None

    def rings(self, objective: Objective, now: float, burn: str) -> bool:
        """Whether the alert of that name in :data:`BURNS` is on: both windows burn too fast.

        Raises:
            KeyError: There is no such alert.
        """
        row = next((each for each in BURNS if each[0] == burn), None)
        if row is None:
            raise KeyError(burn)
        _, long_s, short_s, factor, _ = row
        rates = [self.burn_rate(objective, now, window_s) for window_s in (long_s, short_s)]
        return all(rate is not None and rate > factor for rate in rates)
