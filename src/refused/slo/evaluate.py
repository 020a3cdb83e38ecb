"""When a metric alert would have fired and been resolved, by the rules of Azure Monitor.

- Every *every* the values of the last *window* are taken together, and the result is compared.
- Alerts are stateful: one fires when its condition is met, and not again before it is resolved.
- It is resolved when the condition is not met in three evaluations in a row.
- Each combination of dimensions is watched for itself.
- A window without any value meets nothing. Whether it also counts towards those three is not
  documented where we looked; here it counts neither way.

What cannot be known from outside: where within the minute Azure evaluates, and how late values come
in. Here evaluation is at whole multiples of the frequency, and a value counts once its minute is over.

Sources:
    https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-overview (stateful, three checks)
    https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-troubleshoot-metric
    https://learn.microsoft.com/azure/azure-monitor/metrics/metrics-aggregation-explained
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from refused.evidence.record import Record, nested

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from refused.slo.rules import Aggregation, MetricRule

    Points = Sequence[tuple[float, float]]

HEALTHY_TO_RESOLVE = 3
MINUTE_S = 60


class TooCoarse(ValueError):
    """The history has one value for longer than the rule's window: it cannot be replayed."""

    for_people = True


@nested
class Firing(Record):
    """An alert from the moment it fired to the one at which it was resolved.

    Attributes:
        until: ``None`` while it was still on at the end of the history.
        value: What the window came to when it fired.
    """

    at: float
    until: float | None
    value: float


def evaluate(
    rule: MetricRule,
    points: Points,
    *,
    interval_s: int = 60,
    begin: float | None = None,
    end: float | None = None,
) -> tuple[Firing, ...]:
    """Replay one series.

    Args:
        points: ``(beginning of the interval, value)`` in order of time, in seconds since 1970 UTC;
            aggregated over *interval_s* as the rule aggregates. Several in a minute are taken together.
        begin: The first moment that is looked at; that of the first value where nothing is said.
        end: The last one, included; the end of the last interval where nothing is said.

    Raises:
        TooCoarse: *interval_s* is longer than the rule's window.
    """
    if interval_s > rule.window_s:
        raise TooCoarse(
            f"{rule.id} looks at {rule.window}, and the history has one value for {interval_s} s"
        )
    if not points:
        return ()
    # A value within a minute counts for that minute, as Azure stamps its own; other tools begin anywhere.
    points = [(at - at % MINUTE_S, value) for at, value in points]
    interval_s = max(interval_s, MINUTE_S)
    stamps = [at for at, _ in points]
    first = stamps[0] if begin is None else begin
    last = stamps[-1] + interval_s if end is None else end
    found: list[Firing] = []
    fired: Firing | None = None
    healthy = 0
    now = _next(first, rule.every_s)
    while now <= last:
        value = _window(rule, points, stamps, now, interval_s)
        if value is not None and rule.holds(value):
            healthy = 0
            if fired is None:
                fired = Firing(at=now, until=None, value=value)
        elif value is not None and fired is not None:
            healthy += 1
            if healthy == HEALTHY_TO_RESOLVE:
                found.append(fired.replace(until=now))
                fired, healthy = None, 0
        now += rule.every_s
    if fired is not None:
        found.append(fired)
    return tuple(found)


def _next(at: float, every_s: int) -> float:
    """Return the first whole multiple of the frequency after *at*."""
    return (at // every_s + 1) * every_s


def _window(
    rule: MetricRule, points: Points, stamps: list[float], now: float, interval_s: int
) -> float | None:
    """Return what the window that ends at *now* comes to; ``None`` where it has no value.

    An interval counts where it began within the window and is over.
    """
    low = bisect_left(stamps, now - rule.window_s)
    high = bisect_right(stamps, now - interval_s)
    return together(rule.aggregation, [value for _, value in points[low:high]])


def together(aggregation: Aggregation, values: Sequence[float]) -> float | None:
    """Take values together as Azure Monitor does; ``None`` of nothing.

    A mean of means is exact where every minute has as many samples, as gauges of a cache have.
    """
    if not values:
        return None
    if aggregation == "Maximum":
        return max(values)
    if aggregation == "Minimum":
        return min(values)
    if aggregation == "Average":
        return sum(values) / len(values)
    return sum(values)
