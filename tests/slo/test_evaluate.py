"""A replay fires and resolves as Azure Monitor would: held against a model that goes minute by minute."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.slo.evaluate import Firing, TooCoarse, evaluate
from refused.slo.rules import FREQUENCIES_S, WINDOWS_S, MetricRule

RULE = MetricRule(
    id="x",
    cause="max-clients-reached",
    title="x",
    metric="connectedclients",
    aggregation="Maximum",
    operator="GreaterThan",
    threshold=10.0,
    severity=2,
    window="PT5M",
    every="PT1M",
    why="x",
    timing="x",
    source="x",
)
AGGREGATIONS = st.sampled_from(("Average", "Minimum", "Maximum", "Total", "Count"))
OPERATORS = st.sampled_from(("GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual"))


def model(rule: MetricRule, points: dict[int, float], begin: int, end: int) -> list[Firing]:
    """Say the same in the plainest way: every second that is one, ask every point."""
    found: list[Firing] = []
    on: tuple[int, float] | None = None
    well = 0
    for now in range(begin + 1, end + 1):
        if now % rule.every_s:
            continue
        inside = [v for at, v in points.items() if now - rule.window_s <= at <= now - 60]
        if not inside:
            continue
        value = {
            "Average": sum(inside) / len(inside),
            "Minimum": min(inside),
            "Maximum": max(inside),
            "Total": sum(inside),
            "Count": sum(inside),
        }[rule.aggregation]
        met = {
            "GreaterThan": value > rule.threshold,
            "GreaterThanOrEqual": value >= rule.threshold,
            "LessThan": value < rule.threshold,
            "LessThanOrEqual": value <= rule.threshold,
        }[rule.operator]
        well = 0 if met or on is None else well + 1
        if met and on is None:
            on = (now, value)
        if on is not None and well == 3:
            found.append(Firing(at=float(on[0]), until=float(now), value=on[1]))
            on, well = None, 0
    if on is not None:
        found.append(Firing(at=float(on[0]), until=None, value=on[1]))
    return found


@given(
    aggregation=AGGREGATIONS,
    operator=OPERATORS,
    window=st.sampled_from(("PT1M", "PT5M", "PT15M")),
    every=st.sampled_from(("PT1M", "PT5M", "PT15M")),
    threshold=st.integers(0, 40),
    start=st.integers(0, 30),
    phase=st.integers(0, 59),
    values=st.lists(st.one_of(st.none(), st.integers(0, 20)), min_size=1, max_size=60),
)
def test_a_replay_agrees_with_the_model(
    *,
    aggregation: str,
    operator: str,
    window: str,
    every: str,
    threshold: int,
    start: int,
    phase: int,
    values: list[int | None],
) -> None:
    """Whatever the window, the frequency, the gaps, the second at which a tool stamps its values."""
    rule = RULE.replace(
        aggregation=aggregation,
        operator=operator,
        window=window,
        every=every,
        threshold=float(threshold),
    )
    first = 6000 + 60 * start
    points = {first + 60 * n: float(v) for n, v in enumerate(values) if v is not None}
    end = first + 60 * len(values)
    stamped = [(at + phase, value) for at, value in sorted(points.items())]
    made = evaluate(rule, stamped, begin=first, end=end)

    assert list(made) == (model(rule, points, first, end) if points else [])


def minutes(*values: float | None) -> list[tuple[float, float]]:
    """Return a value for each minute from 0 on; ``None`` is a gap."""
    return [(60.0 * n, v) for n, v in enumerate(values) if v is not None]


def test_an_alert_fires_once_and_waits_for_three_healthy_looks() -> None:
    """It is stateful: up and down within three minutes is one alert."""
    rule = RULE.replace(window="PT1M")
    points = minutes(1, 11, 1, 1, 11, 1, 1, 1, 11, 1)

    first, second = evaluate(rule, points)

    assert (first.at, first.until) == (120.0, 480.0)
    assert (second.at, second.until) == (540.0, None)


def test_silence_is_neither_well_nor_ill() -> None:
    """Without values an alert that is on stays on, and none begins."""
    rule = RULE.replace(window="PT1M")
    points = minutes(11, *[None] * 20, 1, 1)
    (only,) = evaluate(rule, points)

    assert only.until is None
    below = RULE.replace(window="PT1M", operator="LessThan")
    assert evaluate(below, minutes(11, *[None] * 20, 11)) == ()


def test_a_minute_counts_once_it_is_over() -> None:
    """Nobody can be told of what has not been measured yet."""
    (only,) = evaluate(RULE, [(600.0, 11.0)])

    assert only.at == 660.0


def test_samples_of_one_minute_are_taken_together() -> None:
    """A range of Prometheus has several."""
    rule = RULE.replace(window="PT1M", aggregation="Average")
    points = [(0.0, 2.0), (15.0, 4.0), (30.0, 30.0), (45.0, 16.0)]
    (only,) = evaluate(rule, points, interval_s=15)

    assert (only.at, only.value) == (60.0, 13.0)


def test_history_by_the_hour_cannot_tell_of_five_minutes() -> None:
    """It says so, and gives no answer."""
    with pytest.raises(TooCoarse, match="PT5M"):
        evaluate(RULE, [(0.0, 11.0), (3600.0, 11.0)], interval_s=3600)


def test_every_window_is_a_whole_number_of_minutes() -> None:
    """The replay goes by the minute."""
    assert all(seconds % 60 == 0 for seconds in WINDOWS_S.values())
    assert set(FREQUENCIES_S) <= set(WINDOWS_S)
