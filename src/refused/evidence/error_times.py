"""Read the time at the beginning of a line of a log, and the rhythm of several.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Match, Optional, Sequence, Tuple

# How far into a line a time may stand: behind a level, a pod's name, a file's name.
REACH = 80
DAY_S = 86_400.0

_MONTHS = {
    name: at
    for at, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_CLOCK = r"([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]{1,9}))?"
_ISO = re.compile(
    rf"([0-9]{{4}})[-/]([0-9]{{2}})[-/]([0-9]{{2}})[T ]{{1,2}}{_CLOCK}(Z|[+-][0-9]{{2}}:?[0-9]{{2}})?"
)
_DAY_MONTH = re.compile(
    rf"\b([0-9]{{1,2}})[- /]([A-Za-z]{{3}})(?:[- /]([0-9]{{4}}|[0-9]{{2}}))?[ :]{_CLOCK}"
)
_MONTH_DAY = re.compile(rf"\b([A-Z][a-z]{{2}}) {{1,2}}([0-9]{{1,2}}) {_CLOCK}")
_ALONE = re.compile(rf"(?:^|[^0-9:]){_CLOCK}")
_UPTIME = re.compile(r"^\[ {0,12}([0-9]{1,9}\.[0-9]{1,9})s?\]")


def time_of(line: str) -> Optional[float]:
    """Return the moment that *line* bears, in seconds; ``None`` where it bears none.

    Seconds since 1970 UTC where the line has a date; a time of day or an uptime alone counts from
    its own zero, good for gaps only. Without a zone, UTC is taken. Without a year, 1970.
    """
    head = line[:REACH]
    found = _ISO.search(head)
    if found:
        year, month, day = (int(found.group(at)) for at in (1, 2, 3))
        return _moment((year, month, day), found, 4, found.group(8))
    found = _DAY_MONTH.search(head)
    if found and found.group(2).lower() in _MONTHS:
        year = int(found.group(3) or 1970)
        date = (
            year + 2000 if year < 100 else year,
            _MONTHS[found.group(2).lower()],
            int(found.group(1)),
        )
        return _moment(date, found, 4)
    found = _MONTH_DAY.search(head)
    if found and found.group(1).lower() in _MONTHS:
        return _moment((1970, _MONTHS[found.group(1).lower()], int(found.group(2))), found, 3)
    found = _UPTIME.search(head)
    if found:
        return float(found.group(1))
    found = _ALONE.search(head)
    return _moment((1970, 1, 1), found, 1) if found else None


def _moment(
    date: Tuple[int, int, int], found: Match[str], at: int, zone: Optional[str] = None
) -> Optional[float]:
    year, month, day = date
    hour, minute, second = (int(found.group(at + step)) for step in (0, 1, 2))
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 61):
        return None
    fraction = float(f"0.{found.group(at + 3)}") if found.group(at + 3) else 0.0
    offset = 0.0
    if zone and zone != "Z":
        digits = zone[1:].replace(":", "")
        offset = (int(digits[:2]) * 3600 + int(digits[2:]) * 60) * (-1 if zone[0] == "-" else 1)
    return _days(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second + fraction - offset


def _days(year: int, month: int, day: int) -> int:
    """Return days since 1970-01-01 in the Gregorian calendar; what Howard Hinnant's ``days_from_civil`` does."""
    shifted = year - (month <= 2)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


def gaps(times: Sequence[float]) -> Tuple[float, ...]:
    """Return the seconds between one moment and the next, where the order of lines is that of time."""
    return tuple(
        round(later - earlier, 3) for earlier, later in zip(times, times[1:]) if later >= earlier
    )


# What people and products set as the limit of silence, in seconds; 350 is that of AWS's balancers.
_LIMITS_S = (10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 350, 600, 900, 1200, 1800, 3600, 7200)


def is_round(seconds: float) -> bool:
    """Whether a connection that lived so long may have met a limit of idle time.

    What notices the end comes a little later than the limit, hardly ever before it.
    """
    return any(-0.2 <= seconds - each <= max(1.0, each / 100) for each in _LIMITS_S)
