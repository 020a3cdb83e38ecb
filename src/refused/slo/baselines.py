"""What is usual for a metric of this very cache, and how far a threshold is from it."""

from __future__ import annotations

from refused.evidence.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from refused.slo.replay import Span

# A day at least, by the minute: less has not seen a whole round of what users do.
FEWEST_POINTS = 1440


class Baseline(Record):
    """What a metric usually comes to, incidents left out.

    Attributes:
        points: How many values it is reckoned from.
        is_enough: Whether that is a day by the minute at least.
    """

    median: float
    p95: float
    p99: float
    most: float
    points: int

    @property
    def is_enough(self) -> bool:
        """Whether there are values enough to speak of what is usual."""
        return self.points >= FEWEST_POINTS


def baseline(
    points: Sequence[tuple[float, float]], incidents: Sequence[Span] = (), margin_s: float = 900.0
) -> Baseline | None:
    """Reckon what is usual; ``None`` where no value is left once the incidents are out.

    Args:
        margin_s: What is left out on both sides of an incident as well.
    """
    values = sorted(
        value
        for at, value in points
        if not any(
            each.began - margin_s <= at <= (each.ended if each.ended is not None else at) + margin_s
            for each in incidents
        )
    )
    if not values:
        return None
    return Baseline(
        median=quantile(values, 0.5),
        p95=quantile(values, 0.95),
        p99=quantile(values, 0.99),
        most=values[-1],
        points=len(values),
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which *share* of the values lie, between two where none is there.

    Args:
        ordered: At least one value, the smallest first.

    >>> quantile([1.0, 2.0, 3.0, 4.0], 0.5)
    2.5
    """
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
