"""What alert rules would have said of the past: in time, too late, for nothing, or not at all."""

from __future__ import annotations

from refused.evidence.record import Record, nested
from refused.slo.budget import BURNS, Tally
from refused.slo.evaluate import Firing, TooCoarse, evaluate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from refused.evidence.control_plane import Metric
    from refused.slo.budget import Counted, Objective
    from refused.slo.rules import MetricRule

    State = Literal["rang", "silent", "no-history", "too-coarse"]

# An alert that goes off no longer than this before an incident is a warning of it, ours to choose.
LEAD_S = 1800.0
BURN_EVERY_S = 60


@nested
class Span(Record):
    """An incident: when it began and when it worked again (``None``: not yet)."""

    id: str
    began: float
    ended: float | None = None


class Verdict(Record):
    """What one rule would have done.

    Attributes:
        state: ``rang`` at least once, ``silent``, ``no-history`` of its metric, or ``too-coarse``.
        firings: Each time it rang.
        before_s: How long before the first incident it rang for it; negative is after. ``None`` where
            it did not ring for it.
        missed: The incidents that it did not ring for.
        cried_wolf: How often it rang and there was no incident.
        days: How much history there was.
        bound: ``""`` where the history is aggregated as the rule is; ``upper`` where it may ring too
            often here, ``lower`` where it may ring too seldom, ``unsaid`` where the file does not say.
    """

    rule: str
    state: str
    firings: tuple[Firing, ...] = ()
    before_s: float | None = None
    missed: tuple[str, ...] = ()
    cried_wolf: int = 0
    days: float = 0.0
    bound: str = ""


def replay(
    rules: Sequence[MetricRule], series: Sequence[Metric], incidents: Sequence[Span]
) -> tuple[Verdict, ...]:
    """Replay every rule on the history that there is of its metric."""
    return tuple(_replay(rule, series, incidents) for rule in rules)


def replay_burns(
    counts: Sequence[Counted], objective: Objective, incidents: Sequence[Span]
) -> tuple[Verdict, ...]:
    """Replay the burn-rate alerts on what was counted, evaluated by the minute."""
    if not counts:
        return tuple(Verdict(rule=f"burns-{name}", state="no-history") for name, *_ in BURNS)
    tally, made = Tally(counts), []
    begin, end = tally.ends[0], tally.ends[-1]
    for name, *_ in BURNS:
        firings: list[Firing] = []
        now, began = (begin // BURN_EVERY_S + 1) * BURN_EVERY_S, None
        while now <= end:
            is_on = tally.rings(objective, now, name)
            if is_on and began is None:
                began = now
            elif not is_on and began is not None:
                firings.append(Firing(at=began, until=now, value=1.0))
                began = None
            now += BURN_EVERY_S
        if began is not None:
            firings.append(Firing(at=began, until=None, value=1.0))
        days = (end - begin) / 86400
        made.append(_judged(f"burns-{name}", firings, incidents, (begin, end), days=days))
    return tuple(made)


def _replay(rule: MetricRule, series: Sequence[Metric], incidents: Sequence[Span]) -> Verdict:
    mine, bound = _best([each for each in series if each.points and _fits(rule, each)], rule)
    if not mine:
        return Verdict(rule=rule.id, state="no-history")
    firings: list[Firing] = []
    try:
        for each in mine:
            firings += evaluate(rule, each.points, interval_s=each.interval_s)
    except TooCoarse:
        return Verdict(rule=rule.id, state="too-coarse")
    begin = min(each.points[0][0] for each in mine)
    end = max(each.points[-1][0] + each.interval_s for each in mine)
    days = (end - begin) / 86400
    firings.sort(key=lambda each: each.at)
    return _judged(rule.id, firings, incidents, (begin, end), days=days, bound=bound)


def _judged(
    rule: str,
    firings: Sequence[Firing],
    incidents: Sequence[Span],
    seen: tuple[float, float],
    *,
    days: float,
    bound: str = "",
) -> Verdict:
    """Tell alarms from false alarms. Incidents outside of the history say nothing of a rule.

    Values come in late: of an incident that began soon after the last of them it is known whether the
    rule had rung by then, and not whether it would have.
    """
    known = sorted(
        (each for each in incidents if seen[0] <= each.began <= seen[1] + LEAD_S),
        key=lambda each: each.began,
    )
    before, missed = None, []
    for span in known:
        mine = [each for each in firings if belongs(each, span)]
        if not mine:
            missed += [span.id] if span.began <= seen[1] else []
        elif before is None:
            before = span.began - mine[0].at
    wolf = [each for each in firings if not any(belongs(each, span) for span in known)]
    return Verdict(
        rule=rule,
        state="rang" if firings else "silent",
        firings=tuple(firings),
        before_s=before,
        missed=tuple(missed),
        cried_wolf=len(wolf),
        days=days,
        bound=bound,
    )


def belongs(firing: Firing, span: Span) -> bool:
    """Whether an alert rang for an incident: on while it lasted, or shortly before it began."""
    if span.ended is not None and firing.at > span.ended:
        return False
    return firing.until is None or firing.until >= span.began or firing.at >= span.began - LEAD_S


# --- which history fits a rule ----------------------------------------------------------------------


def _fits(rule: MetricRule, series: Metric) -> bool:
    if series.name.lower() != rule.metric.lower():
        return False
    if not rule.dimensions:
        return True
    if series.dimension is None:
        # Of a metric that is not split nobody can tell which part it was; "*" takes it as the only one.
        return all("*" in values for _, values in rule.dimensions)
    name, value = series.dimension
    return any(
        name.lower() == wanted.lower() and ("*" in values or value in values)
        for wanted, values in rule.dimensions
    )


def _best(series: Sequence[Metric], rule: MetricRule) -> tuple[list[Metric], str]:
    """Return the series that are aggregated most like the rule, and how far that is off."""
    if not rule.dimensions and any(each.dimension is None for each in series):
        series = [each for each in series if each.dimension is None]
    for how in (rule.aggregation, "", "Maximum", "Average", "Minimum"):
        found = [each for each in series if each.aggregation == how]
        bound = _bound(rule, how)
        if found and bound is not None:
            return found, bound
    return [], ""


_ORDER = ("Minimum", "Average", "Maximum")


def _bound(rule: MetricRule, how: str) -> str | None:
    """Return in which direction a replay errs; ``None`` where the two cannot be compared."""
    if how == rule.aggregation:
        return ""
    if not how:
        return "unsaid"
    if how not in _ORDER or rule.aggregation not in _ORDER:
        return None
    is_above = _ORDER.index(how) > _ORDER.index(rule.aggregation)
    return "upper" if is_above == rule.operator.startswith("Greater") else "lower"
