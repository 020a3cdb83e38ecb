"""Ways into answers of which nothing is certain: any part may be null, missing, or spelt otherwise."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def dig(data: Any, *path: str) -> Any:
    """Return what lies at *path*, ``None`` where the way ends; names match in any case."""
    for name in path:
        if not isinstance(data, dict):
            return None
        if name in data:
            data = data[name]
            continue
        lowered = name.lower()
        data = next((value for key, value in data.items() if str(key).lower() == lowered), None)
    return data


def text(data: Any, *path: str) -> str | None:
    """Return the text at *path*; a number or truth value as ARM would write it; ``None`` for empty."""
    found = dig(data, *path)
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, (int, float)):
        return str(found)
    return found if isinstance(found, str) and found else None


def number(data: Any, *path: str) -> float | None:
    """Return the number at *path*, also where it is written as text."""
    found = dig(data, *path)
    if isinstance(found, bool) or found is None:
        return None
    try:
        value = float(found)
    except (TypeError, ValueError, OverflowError):
        return None
    return value if value - value == 0 else None  # neither infinite nor "not a number"


def whole(data: Any, *path: str) -> int | None:
    """Return the whole number at *path*."""
    value = number(data, *path)
    return None if value is None or value != int(value) else int(value)


def truth(data: Any, *path: str) -> bool | None:
    """Return the truth value at *path*: ``true``, ``"True"``, ``"Enabled"`` and their opposites."""
    found = dig(data, *path)
    if isinstance(found, bool):
        return found
    if isinstance(found, str):
        return _TRUTHS.get(found.strip().lower())
    return None


_TRUTHS = {"true": True, "enabled": True, "false": False, "disabled": False}


def items(data: Any, *path: str) -> list[Any]:
    """Return the objects of the list at *path*; what is no object is left out."""
    found = dig(data, *path)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def texts(data: Any, *path: str) -> tuple[str, ...]:
    """Return the texts of the list at *path*; a text alone counts as a list of one."""
    found = dig(data, *path)
    if isinstance(found, str):
        return (found,) if found else ()
    if not isinstance(found, list):
        return ()
    return tuple(each for each in found if isinstance(each, str) and each)


def moment(data: Any, *path: str) -> float | None:
    """Return the point in time at *path*, ISO 8601 or seconds, as seconds since 1970 UTC."""
    found = dig(data, *path)
    return seconds_of(found) if isinstance(found, str) else number(found)


def seconds_of(word: str) -> float | None:
    """Read an ISO 8601 time, seven digits after the point included; without a zone it is UTC.

    >>> seconds_of("2020-09-02T07:58:10.7765263Z")
    1599033490.776526
    """
    from datetime import datetime, timezone

    try:
        read = datetime.fromisoformat(word.strip())
    except ValueError:
        return None
    if read.tzinfo is None:
        read = read.replace(tzinfo=timezone.utc)
    try:
        return read.timestamp()
    except (OverflowError, OSError):
        return None


def iso(seconds: float) -> str:
    """Write a point in time as ARM's filters want it, to the second."""
    from time import gmtime, strftime

    return strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(seconds))


def hours_of(word: str | None) -> float | None:
    """Read an ISO 8601 duration of hours, minutes and seconds as hours.

    >>> hours_of("PT4H30M")
    4.5
    """
    import re

    match = re.fullmatch(
        r"P(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?",
        word or "",
    )
    if match is None or not any(match.groups()):
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return days * 24 + hours + minutes / 60 + seconds / 3600


def same(one: str | None, two: str | None) -> bool:
    """Whether two ids or names are the same, whatever their casing."""
    return bool(one) and bool(two) and str(one).lower() == str(two).lower()


def last_of(name: str | None) -> str:
    """Return the last part of an id or of a name like ``cache/rule``."""
    return (name or "").rstrip("/").rpartition("/")[2]


def part_of(arm_id: str | None, kind: str) -> str:
    """Return what follows *kind* in an id, ``""`` where it has no such part.

    >>> part_of("/subscriptions/s/resourceGroups/prod/providers/x", "resourcegroups")
    'prod'
    """
    parts = (arm_id or "").split("/")
    for at, part in enumerate(parts[:-1]):
        if part.lower() == kind.lower():
            return parts[at + 1]
    return ""
