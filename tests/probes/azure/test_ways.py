"""Whatever an answer holds, a way into it ends in a value of the right type or in nothing."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.probes.azure import monitor, network, ways

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abA"), inner),
    max_leaves=8,
)


@given(JSON, st.lists(st.sampled_from("ab"), max_size=3))
def test_any_json_gives_the_right_type_or_nothing(data: object, path: list[str]) -> None:
    """Numbers too large to be one included."""
    assert isinstance(ways.text(data, *path), (str, type(None)))
    assert isinstance(ways.number(data, *path), (float, type(None)))
    assert isinstance(ways.whole(data, *path), (int, type(None)))
    assert isinstance(ways.truth(data, *path), (bool, type(None)))
    assert isinstance(ways.moment(data, *path), (float, type(None)))
    assert all(isinstance(each, dict) for each in ways.items(data, *path))
    assert all(isinstance(each, str) for each in ways.texts(data, *path))


@pytest.mark.parametrize("huge", [10**400, float("inf"), float("nan"), "1e999"])
def test_what_is_no_number_that_we_can_hold_is_none(huge: object) -> None:
    """JSON has no limit, and we have."""
    assert ways.number({"a": huge}, "a") is None
    assert ways.whole({"a": huge}, "a") is None
    assert ways.moment({"a": huge}, "a") is None


def test_names_match_in_any_case() -> None:
    """Azure's own casing differs between versions; the exact one comes first."""
    assert ways.dig({"HostName": 1, "hostName": 2}, "hostName") == 2
    assert ways.dig({"HOSTNAME": 1}, "hostName") == 1


@pytest.mark.parametrize(
    ("word", "hours"),
    [("PT5H", 5.0), ("PT4H30M", 4.5), ("P1D", 24.0), ("PT90M", 1.5), ("PT", None), ("5h", None)],
)
def test_durations_are_hours(word: str, hours: float | None) -> None:
    """ISO 8601, as maintenance windows have it."""
    assert ways.hours_of(word) == hours


def test_the_examples_in_the_docstrings_are_true() -> None:
    """They are what people copy."""
    for module in (ways, network, monitor):
        assert doctest.testmod(module).failed == 0


def test_a_duration_that_no_one_could_wait_is_none() -> None:
    """A number with hundreds of digits would be one without end."""
    assert ways.hours_of("PT4H30M") == 4.5
    assert ways.hours_of(f"PT{'9' * 400}H") is None
