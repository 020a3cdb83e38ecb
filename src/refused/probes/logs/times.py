"""When a line was written, in whatever way it says so.

Times without a zone are taken as they stand; times without a year or a date take what is missing
from when the file was last written. Both are said, never hidden: see :class:`Clock`.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from re import Match

DAY_S = 86400
# A time stands near the start of a line; what comes later may be part of the message.
REACH = 96
_MOST_MINUTES = 1024
_MONTHS = {
    name: at + 1
    for at, name in enumerate(b"jan feb mar apr may jun jul aug sep oct nov dec".split())
}
_CLOCK = rb"(\d\d):(\d\d):(\d\d)(?:[.,:](\d{1,9}))?"
_ZONE = rb"(?: ?(Z|UTC|GMT|[+-]\d\d:?\d\d)(?![\w:]))?"
_MONTH = rb"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_NOT_BEHIND_DIGIT = rb"(?<![\d.:/-])"


def days(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 to a day of the Gregorian calendar."""
    year -= month <= 2
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


class Stamp:
    """One time as a line gives it.

    Attributes:
        at: Seconds since 1970; as if UTC where no zone is given.
        has_zone: Whether the line says which zone.
    """

    __slots__ = ("at", "has_zone")

    def __init__(self, at: float, *, has_zone: bool) -> None:
        self.at = at
        self.has_zone = has_zone


class Clock:
    """Reads the times of one log, whose lines mostly say it in one way.

    Args:
        written_at: When the log was last written, in seconds since 1970: no line is later.

    Attributes:
        lacks_zone: Whether times without a zone were read.
        lacks_year: Whether times without a year, or without a date, were read.
        is_ambiguous: Whether dates such as 3/4 were read, as month and day.
    """

    def __init__(self, written_at: float) -> None:
        self.written_at = written_at
        self.lacks_zone = False
        self.lacks_year = False
        self.is_ambiguous = False
        self.minutes: dict[tuple[bytes, ...], float] = {}
        self._day_first = False
        self._last: float | None = None
        self._likely: _Format | None = None

    def read(self, line: bytes) -> Stamp | None:
        """Return the time near the start of *line*, or None."""
        # Most lines of a log are dated in one way, and many in the same second.
        head = line[:REACH]
        likely = self._likely
        if likely is not None:
            found = likely.pattern.search(head)
            if found is not None and (stamp := likely.read(self, found)) is not None:
                return self._kept(stamp)
        first: tuple[int, _Format, Stamp] | None = None
        for each in _FORMATS:
            found = each.pattern.search(head)
            if found is None or (first is not None and found.start() >= first[0]):
                continue
            stamp = each.read(self, found)
            if stamp is not None:
                first = found.start(), each, stamp
        if first is None:
            return None
        self._likely = first[1]
        return self._kept(first[2])

    def _kept(self, stamp: Stamp) -> Stamp:
        self.lacks_zone = self.lacks_zone or not stamp.has_zone
        self._last = stamp.at
        return stamp

    def yearless(self, month: int, day: int, second: float | None) -> Stamp | None:
        """Return the latest such time that is not after the log was written (a day of grace)."""
        from time import gmtime

        if second is None or _checked_days(2000, month, day) is None:
            return None
        self.lacks_year = True
        year = gmtime(self.written_at).tm_year
        at = days(year, month, day) * DAY_S + second
        if at > self.written_at + DAY_S:
            at = days(year - 1, month, day) * DAY_S + second
        return Stamp(at, has_zone=False)

    def dateless(self, second: float) -> float:
        """Return a time of day on the last day seen, or on the next once the clock went back."""
        self.lacks_year = True
        if self._last is None:
            at = self.written_at // DAY_S * DAY_S + second
            return at if at <= self.written_at + 1 else at - DAY_S
        at = self._last // DAY_S * DAY_S + second
        return at + DAY_S if at < self._last - DAY_S / 2 else at

    def month_and_day(self, first: int, second: int) -> tuple[int, int]:
        """Tell 26/11 from 11/26: what is above 12 is a day; until one is met, the month is first."""
        if first > 12:
            self._day_first = True
        elif not self._day_first and second <= 12 and first != second:
            self.is_ambiguous = True
        return (second, first) if self._day_first else (first, second)


class _Format:
    """One way to write a time: a pattern, and what its groups mean."""

    def __init__(self, source: bytes, read: Callable[[Clock, Match[bytes]], Stamp | None]) -> None:
        self.pattern = re.compile(source)
        self.read = read


def _second_of_day(hour: bytes, minute: bytes, second: bytes, part: bytes | None) -> float | None:
    hours, minutes, seconds = int(hour), int(minute), int(second)
    if hours > 23 or minutes > 59 or seconds > 60:
        return None
    return hours * 3600 + minutes * 60 + seconds + (float(b"." + part) if part else 0.0)


def _offset(zone: bytes) -> int:
    if zone[:1] not in b"+-":
        return 0
    seconds = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
    return -seconds if zone[:1] == b"-" else seconds


def _stamp(day: int | None, second: float | None, zone: bytes | None) -> Stamp | None:
    if day is None or second is None:
        return None
    at = day * DAY_S + second
    return Stamp(at - _offset(zone), has_zone=True) if zone else Stamp(at, has_zone=False)


def _checked_days(year: int, month: int, day: int) -> int | None:
    return days(year, month, day) if 1 <= month <= 12 and 1 <= day <= 31 else None


def _read_iso(clock: Clock, found: Match[bytes]) -> Stamp | None:
    year, month, day, hour, minute, second, part, zone = found.groups()
    # The lines of a log share their minute with the ones around.
    key = year, month, day, hour, minute, zone
    start = clock.minutes.get(key)
    if start is None:
        if len(clock.minutes) > _MOST_MINUTES:
            clock.minutes.clear()
        date = _checked_days(int(year), int(month), int(day))
        stamp = _stamp(date, _second_of_day(hour, minute, b"0", None), zone)
        if stamp is None:
            return None
        start = clock.minutes[key] = stamp.at
    seconds = float(second + b"." + part) if part else int(second)
    return Stamp(start + seconds, has_zone=zone is not None) if seconds < 61 else None


def _read_named(clock_of: Clock, found: Match[bytes]) -> Stamp | None:
    """Read a date whose month has a name; the groups are named, for their orders are many."""
    part = found.groupdict()
    second = _second_of_day(part["h"], part["m"], part["s"], part.get("f"))
    month, day = _MONTHS[part["b"].lower()], int(part["d"])
    year = part["y"] or part.get("late")
    if year is None:
        return clock_of.yearless(month, day, second)
    return _stamp(_checked_days(int(year), month, day), second, part["z"])


def _read_slashed(clock_of: Clock, found: Match[bytes]) -> Stamp | None:
    first, second, year, hour, minute, sec, half = found.groups()
    month, day = clock_of.month_and_day(int(first), int(second))
    hours = int(hour)
    if half is not None:
        hours = hours % 12 + (12 if half.upper() == b"PM" else 0)
    day_s = _second_of_day(b"%d" % hours, minute, sec, None)
    return _stamp(_checked_days(int(year), month, day), day_s, None)


def _read_klog(clock_of: Clock, found: Match[bytes]) -> Stamp | None:
    month, day, *clock = found.groups()
    return clock_of.yearless(int(month), int(day), _second_of_day(*clock))


def _read_epoch(clock_of: Clock, found: Match[bytes]) -> Stamp | None:
    whole, part = found.groups()
    at = float(whole + (b"." + part if part else b""))
    at /= {10: 1, 13: 1e3, 16: 1e6, 19: 1e9}[len(whole)]
    # An id may be as long. A log is not older than the century, nor later than when it was written.
    if not 946684800 <= at <= clock_of.written_at + 2 * DAY_S:
        return None
    return Stamp(at, has_zone=True)


def _read_time(clock_of: Clock, found: Match[bytes]) -> Stamp | None:
    second = _second_of_day(*found.groups())
    return None if second is None else Stamp(clock_of.dateless(second), has_zone=False)


_NAMED_CLOCK = rb"(?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d)(?:[.,](?P<f>\d{1,9}))?"
_NAMED_ZONE = rb"(?: ?(?P<z>Z|UTC|GMT|[+-]\d\d:?\d\d)(?![\w:]))?"
_B = _MONTH.replace(b"(", b"(?P<b>")

_FORMATS = (
    # ISO 8601 and its neighbours: log4j's comma, Go's slashes, the basic form.
    _Format(
        _NOT_BEHIND_DIGIT + rb"(\d{4})[-/.](\d\d)[-/.](\d\d)[T _:]" + _CLOCK + _ZONE, _read_iso
    ),
    _Format(_NOT_BEHIND_DIGIT + rb"(\d{4})(\d\d)(\d\d)[T-](\d\d)(\d\d)(\d\d)(?:[.,](\d{1,9}))?" + _ZONE, _read_iso),
    # nginx and Apache access logs.
    _Format(rb"(?P<d>\d{1,2})/" + _B + rb"/(?P<y>\d{4})[: ]" + _NAMED_CLOCK + _NAMED_ZONE, _read_named),
    # Redis itself, RFC 1123, .NET's invariant culture.
    _Format(
        rb"(?<!\d)(?P<d>\d{1,2})[ -]" + _B + rb"(?:[ -](?P<y>\d{4}))?,? " + _NAMED_CLOCK + _NAMED_ZONE,
        _read_named,
    ),
    # syslog, ctime, the error log of Apache.
    _Format(
        rb"\b" + _B + rb" {1,2}(?P<d>\d{1,2}),? (?:(?P<y>\d{4}) )?" + _NAMED_CLOCK + rb"(?: (?P<late>\d{4})\b)?" + _NAMED_ZONE,
        _read_named,
    ),
    # .NET and Windows.
    _Format(
        _NOT_BEHIND_DIGIT + rb"(\d{1,2})[/.](\d{1,2})[/.](\d{4}),? (\d{1,2}):(\d\d):(\d\d)(?: ([AaPp][Mm]))?",
        _read_slashed,
    ),
    _Format(rb"\b[IWEF](\d\d)(\d\d) " + _CLOCK, _read_klog),
    # Seconds, milli-, micro- or nanoseconds since 1970, at the start or behind a name.
    _Format(
        rb"(?:^\W{0,2}|(?:ts|time|timestamp|epoch|\"t\")\"?[=:] ?\"?)"
        rb"(\d{19}|\d{16}|\d{13}|\d{10})(?:\.(\d{1,9}))?(?![\d.:-])",
        _read_epoch,
    ),
    # A time of day alone; only at the very start, where an address or a port does not look like it.
    _Format(rb"^\W{0,3}" + _CLOCK + rb"(?![\d:])", _read_time),
)  # fmt: skip
