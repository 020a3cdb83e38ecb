"""Times in all the ways of loggers, and what is assumed where they leave something out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.probes.logs.times import Clock, days

WRITTEN = datetime(2026, 11, 26, 4, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("line", "expected", "has_zone"),
    [
        ("2025-11-26T03:37:12.123Z foo", "2025-11-26T03:37:12.123000", True),
        ("2025-11-26 03:37:12,123 ERROR log4j", "2025-11-26T03:37:12.123000", False),
        ("[2025-11-26 03:37:12+01:00] x", "2025-11-26T02:37:12", True),
        ("2025-11-26T03:37:12.1234567-0800 dotnet", "2025-11-26T11:37:12.123457", True),
        ("2024/03/12 06:11:08 Incr failed: EOF", "2024-03-12T06:11:08", False),
        ('10.0.0.1 - - [10/Oct/2024:13:55:36 -0700] "GET /"', "2024-10-10T20:55:36", True),
        ("6089:M 23 Jul 02:21:41.930 * redis", "2026-07-23T02:21:41.930000", False),
        ("1:M 22 Aug 2024 06:05:57.319 # redis", "2024-08-22T06:05:57.319000", False),
        ("Apr 08 17:17:45 app/web.1 syslog", "2026-04-08T17:17:45", False),
        ("Nov 28 03:00:00 host later than the file: last year's", "2025-11-28T03:00:00", False),
        ("[Wed Oct 11 14:32:52.123456 2023] [error]", "2023-10-11T14:32:52.123456", False),
        ("Wed, 26 Nov 2025 03:37:12 GMT x", "2025-11-26T03:37:12", True),
        ("11/26/2025 3:37:12 PM: dotnet", "2025-11-26T15:37:12", False),
        ("11/26/2025 12:37:12 AM: dotnet", "2025-11-26T00:37:12", False),
        ("26.11.2025 03:37:12 x", "2025-11-26T03:37:12", False),
        ("I1126 03:37:12.123456 1 klog.go:1] x", "2026-11-26T03:37:12.123456", False),
        ("1764128232 x", "2025-11-26T03:37:12", True),
        ("1764128232123 x", "2025-11-26T03:37:12.123000", True),
        ('{"level":"error","ts":1764128232.5}', "2025-11-26T03:37:12.500000", True),
        ("14:44:53.049[redisson-netty-2-2] DEBUG", "2026-11-25T14:44:53.049000", False),
        ("[03:55:56.375] WARN", "2026-11-26T03:55:56.375000", False),
        ("<34>1 2003-10-11T22:14:15.003Z mymachine", "2003-10-11T22:14:15.003000", True),
        ("20251126T033712Z foo", "2025-11-26T03:37:12", True),
    ],
)
def test_a_time_is_read(line: str, expected: str, has_zone: bool) -> None:
    """In every way that the loggers of our clients write it."""
    stamp = Clock(WRITTEN).read(line.encode())
    assert stamp is not None
    moment = datetime.fromtimestamp(stamp.at, UTC).replace(tzinfo=None)
    assert abs(moment - datetime.fromisoformat(expected)) < timedelta(microseconds=2)
    assert stamp.has_zone is has_zone


@pytest.mark.parametrize(
    "line",
    [
        "connect ECONNREFUSED 10.0.0.1:6379",
        "   at Foo 12:33:44",
        "2025-13-45T25:61:61Z",
        "1900-00-00T00:00:00",
        "order 1764128232 shipped",
        "Error 99999999999 foo",
        "9999999999 not yet",
        "",
        "\x00\xff",
        "x" * 200 + " 2025-11-26T03:37:12Z",
    ],
)
def test_what_is_no_time_is_not_taken_for_one(line: str) -> None:
    """Ports, counters and dates that do not exist."""
    assert Clock(WRITTEN).read(line.encode("latin-1")) is None


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2199, 1, 1)))  # noqa: DTZ001
def test_days_are_the_calendars(moment: datetime) -> None:
    """Leap years and centuries included."""
    assert days(moment.year, moment.month, moment.day) == (moment - datetime(1970, 1, 1)).days  # noqa: DTZ001


@given(
    st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2026, 11, 1)),  # noqa: DTZ001
    st.integers(-12 * 60, 14 * 60),
)
def test_any_moment_in_any_zone_comes_back(moment: datetime, minutes: int) -> None:
    """As ISO 8601 writes it."""
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    stamp = Clock(WRITTEN).read(aware.isoformat(timespec="microseconds").encode())
    assert stamp is not None
    assert stamp.at == pytest.approx(aware.timestamp(), abs=1e-3)


@given(st.binary(max_size=120))
def test_any_bytes_have_a_time_or_none(line: bytes) -> None:
    """Nothing raises."""
    Clock(WRITTEN).read(line)


def test_a_time_of_day_goes_over_midnight() -> None:
    """The last day seen goes on, and a clock that goes back by half a day is the next day's."""
    clock = Clock(WRITTEN)
    first = clock.read(b"23:59:58.000 x")
    second = clock.read(b"00:00:01.000 x")
    assert first is not None
    assert second is not None
    assert second.at - first.at == 3


def test_what_is_assumed_is_known() -> None:
    """So that the report can say so."""
    clock = Clock(WRITTEN)
    clock.read(b"03/04/2025 10:00:00 x")
    assert clock.is_ambiguous
    assert clock.lacks_zone
    assert not clock.lacks_year
    clock.read(b"Apr 08 17:17:45 x")
    assert clock.lacks_year


def test_a_day_above_twelve_tells_that_the_day_comes_first() -> None:
    """From then on; what came before stays as it was read."""
    clock = Clock(WRITTEN)
    clock.read(b"26/11/2025 10:00:00 x")
    later = clock.read(b"03/04/2025 10:00:00 x")
    assert later is not None
    assert datetime.fromtimestamp(later.at, UTC).month == 4
