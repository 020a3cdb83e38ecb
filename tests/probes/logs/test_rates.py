"""When a rate changed, told from chance; and what is not said on too little."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.probes.logs.rates import Course, Series, course, regular

START = 1_764_000_000.0


def poisson(rate: float, chance: random.Random) -> int:
    """Return a Poisson number (Knuth's way; for small rates)."""
    limit, count, product = math.exp(-rate), 0, chance.random()
    while product > limit:
        count += 1
        product *= chance.random()
    return count


def row(*parts: tuple[int, float], seed: int = 1) -> tuple[Series, float, float]:
    """Make a series of minutes: (how many, mean of each) in turn."""
    chance, series, at = random.Random(seed), Series(), START
    last = START
    for minutes, rate in parts:
        for _ in range(minutes):
            count = poisson(rate, chance)
            if count:
                series.add(at + 30, count)
                last = at + 30
            at += 60
    return series, at, last


def of(*parts: tuple[int, float], seed: int = 1) -> Course:
    """Say how such a row went."""
    series, end, last = row(*parts, seed=seed)
    return course(series, START, end, last_at=last)


def test_an_even_rate_shows_no_change() -> None:
    """In fewer than one of a hundred rows does chance look like one."""
    alarms = sum(
        of((minutes, rate), seed=seed).onset is not None
        for minutes, rate in ((60, 0.3), (120, 2.0), (300, 0.1))
        for seed in range(60)
    )
    assert alarms <= 2


@pytest.mark.parametrize("seed", range(10))
def test_a_rise_is_found_where_it_is(seed: int) -> None:
    """Within a few minutes, with the rate before it."""
    found = of((120, 0.5), (60, 5.0), seed=seed)
    assert found.onset is not None
    assert abs(found.onset - (START + 120 * 60)) <= 5 * 60
    assert found.normal_per_minute == pytest.approx(0.5, abs=0.3)


def test_errors_out_of_nothing_have_an_onset_and_a_normal_rate_of_zero() -> None:
    """The log was there before, and had none."""
    found = of((120, 0.0), (30, 2.0))
    assert found.onset is not None
    assert abs(found.onset - (START + 120 * 60)) <= 3 * 60
    assert found.normal_per_minute == 0


def test_a_burst_has_a_beginning_and_an_end() -> None:
    """It is above both of its neighbours."""
    found = of((60, 0.5), (10, 20.0), (60, 0.5))
    assert len(found.bursts) == 1
    assert abs(found.bursts[0].start - (START + 3600)) <= 120
    assert abs(found.bursts[0].end - (START + 4200)) <= 120
    assert found.quiet_since is None


def test_an_end_is_quiet_where_by_then_more_should_have_come() -> None:
    """And not where the next one was not due yet."""
    assert of((60, 2.0), (60, 0.0)).quiet_since is not None
    assert of((60, 2.0)).quiet_since is None


def test_errors_out_of_nothing_begin_with_the_first_and_end_with_the_last() -> None:
    """And not with the span of the row in which those happen to lie."""
    series, first, last = Series(), START + 36_000 + 16, START + 37_800 - 4
    for at in range(int(first), int(last) + 1, 2):
        series.add(at)
    found = course(series, START, START + 12 * 3600, first_at=first, last_at=last)

    assert found.onset == first
    assert [(each.start, each.end, each.count) for each in found.bursts] == [(first, last, 891)]
    assert found.normal_per_minute == 0
    assert sum(each.count for each in found.stretches) == 891
    for before, after in itertools.pairwise(found.stretches):
        assert before.end == after.start


def test_on_little_nothing_is_said() -> None:
    """Five events in an hour may be anything."""
    series = Series()
    for at in range(5):
        series.add(START + 3000 + at)
    found = course(series, START, START + 3600, last_at=START + 3004)
    assert not found.is_enough
    assert found.onset is None
    assert found.bursts == ()


def test_a_rhythm_is_told_where_the_gaps_are_alike() -> None:
    """Ten minutes is the idle limit of Azure's cache."""
    assert regular([600, 601, 599, 600, 1800]) == 600
    assert regular([600, 100, 1900, 3, 600]) is None
    assert regular([600, 600]) is None
    assert regular([0, 0, 0, 0, 0]) is None


@given(st.lists(st.floats(0, 1e7), min_size=1, max_size=80), st.integers(4, 30))
def test_a_series_keeps_every_event_in_bounded_spans(times: list[float], most: int) -> None:
    """However they are spread."""
    series = Series(most)
    for at in times:
        series.add(at)
    assert len(series.counts) <= most
    assert sum(series.counts.values()) == len(times)
    _, counts = series.row(min(times), max(times))
    assert sum(counts) == len(times)


@given(st.lists(st.floats(0, 1e6), max_size=40), st.lists(st.floats(0, 1e6), max_size=40))
def test_series_are_merged_without_loss(one: list[float], other: list[float]) -> None:
    """Of whatever widths."""
    first, second = Series(8), Series(16)
    for series, times in ((first, one), (second, other)):
        for at in times:
            series.add(at)
    first.merge(second)
    assert sum(first.counts.values()) == len(one) + len(other)


@given(st.lists(st.tuples(st.floats(0, 1e5), st.integers(1, 50)), min_size=1, max_size=60))
def test_stretches_cover_the_log_and_hold_every_event(events: list[tuple[float, int]]) -> None:
    """Whatever changes are found."""
    series = Series()
    for at, count in events:
        series.add(at, count)
    first, last = min(at for at, _ in events), max(at for at, _ in events)
    found = course(series, first, last, last_at=last)
    assert sum(each.count for each in found.stretches) == sum(count for _, count in events)
    for before, after in zip(found.stretches, found.stretches[1:], strict=False):
        assert before.end == after.start
