"""Dates, counted without a calendar library and held against one."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refused.service.retirement import EVENTS, day_number, days_left, retires_on

if TYPE_CHECKING:
    from refused.service.facts import Service


def test_what_ends_when() -> None:
    """Managed Redis goes on, and a Redis of one's own is nobody's business."""
    assert retires_on("acre") == "2027-03-31"
    assert retires_on("acr") == "2028-09-30"
    assert retires_on("amr") is retires_on("redis") is None


@pytest.mark.parametrize(
    ("service", "today", "left"),
    [
        ("acr", "2026-11-23", 677),
        ("acr", "2028-09-30", 0),
        ("acr", "2028-10-01", -1),
        ("acre", "2027-03-01", 30),
        ("amr", "2026-11-23", None),
    ],
)
def test_the_days_are_counted_down(service: Service, today: str, left: int | None) -> None:
    """And on, once the last has passed."""
    assert days_left(service, today) == left


@given(st.dates())
def test_days_are_numbered_as_the_calendar_has_them(day: dt.date) -> None:
    """Leap years and all."""
    epoch = dt.date(1970, 1, 1)
    assert day_number(day.isoformat()) == (day - epoch).days


@example("2026-13-01")
@example("0000-01-01")
@example("2027-02-29")
@example("2026-04-31")
@given(
    st.one_of(st.text(max_size=12), st.from_regex(r"[0-9]{4}-[01][0-9]-[0-3][0-9]", fullmatch=True))
)
def test_what_is_no_day_is_refused(text: str) -> None:
    """The same texts that the library refuses, in the one form that we take."""
    try:
        expected = dt.date.fromisoformat(text) if text.isascii() else None
    except ValueError:
        expected = None
    # Newer libraries also read 20261123 and 2026-W48; we do not.
    if expected is None or expected.isoformat() != text:
        with pytest.raises(ValueError, match=r"date|day"):
            days_left("acr", text)
    else:
        assert days_left("acr", text) == (dt.date(2028, 9, 30) - expected).days


def test_every_event_has_a_day_or_a_month() -> None:
    """The plan that was withdrawn is not among them."""
    for _, when, _, _, _, _ in EVENTS:
        day_number(when if len(when) == 10 else f"{when}-01")
        assert when != "2026-10-01"
    assert len({(row[0], row[2]) for row in EVENTS if row[2] == "retires"}) == 2
