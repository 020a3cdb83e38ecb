"""Times and filters as Azure's addresses write them."""

from __future__ import annotations

import datetime as dt
import re

_UNITS_S = {"D": 86400, "H": 3600, "M": 60, "S": 1}


def moment_of(text: str) -> float:
    """Return the seconds since the epoch of an ISO time; without a zone it is UTC.

    A plus sign of a zone that an address turned into a blank is put right, and digits of a second
    beyond the sixth do not count.

    >>> moment_of("1970-01-01 00:01:00.1234567Z")
    60.123456

    Raises:
        ValueError: It is no time.
    """
    text = re.sub(r" (\d\d:?\d\d)$", r"+\1", text.strip())
    text = re.sub(r"(\.\d{6})\d+", r"\1", text)
    at = dt.datetime.fromisoformat(text.replace(" ", "T", 1))
    return (at if at.tzinfo is not None else at.replace(tzinfo=dt.UTC)).timestamp()


def seconds_of(duration: str) -> int:
    """Return the seconds of an ISO duration of days and below.

    >>> seconds_of("PT5M"), seconds_of("P1DT12H")
    (300, 129600)

    Raises:
        ValueError: It is no duration, or none at all.
    """
    match = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", duration.upper())
    if match is None or not any(match.groups()):
        raise ValueError(f"{duration!r} is no duration such as PT5M")
    return sum(
        int(number) * _UNITS_S[unit]
        for number, unit in zip(match.groups(), "DHMS", strict=True)
        if number is not None
    )


def written(seconds: float) -> str:
    """Write a time without fractions of a second: ``2026-11-26T03:47:00Z``."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def conditions(text: str) -> list[tuple[str, str, str]]:
    """Return the conditions of an OData filter that are joined by ``and`` or ``or``, in order.

    Values come without quotes, and a doubled quote inside them is one.

    >>> conditions("(ShardId eq '*') and At ge 2026-01-01T00:00:00Z")
    [('ShardId', 'eq', '*'), ('At', 'ge', '2026-01-01T00:00:00Z')]

    Raises:
        ValueError: Something else stands there.
    """
    word = r"(\w+)\s+(eq|ne|ge|le|gt|lt)\s+('(?:[^']|'')*'|[^\s()]+)"
    found = re.findall(word, text, re.IGNORECASE)
    left = re.sub(word, "", text, flags=re.IGNORECASE)
    if re.sub(r"\band\b|\bor\b|[()\s]", "", left, flags=re.IGNORECASE):
        raise ValueError(f"this part of the filter is not understood: {left.strip()[:80]}")
    return [
        (name, operator.lower(), value.strip("'").replace("''", "'"))
        for name, operator, value in found
    ]
