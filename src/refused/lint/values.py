"""What a value in source code comes to: seconds, a number, a truth; or that it cannot be told."""

from __future__ import annotations

import re

_UNITS_S = {
    "ms": 0.001, "millis": 0.001, "milliseconds": 0.001, "millisecond": 0.001,
    "s": 1.0, "second": 1.0, "seconds": 1.0, "m": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hour": 3600.0, "hours": 3600.0,
}  # fmt: skip
_CALL = re.compile(
    r"(?:Duration\.of|TimeSpan\.From|timedelta|Duration\.from)\s*(\w*) *\( *(?:(\w+) *= *)?(-?[\d_.]+)[lL]? *\)"
)
_GO = re.compile(r"(?:([\d_.]+) *\* *)?time\.(Millisecond|Second|Minute|Hour)(?: *\* *([\d_.]+))?$")
_WITH_UNIT = re.compile(r"(-?[\d.]+) *(ms|s|m|h)$", re.IGNORECASE)
_PRODUCT = re.compile(r"-?[\d_.]+[lLfFdD]?(?: *\* *[\d_.]+[lLfF]?)*$")
_NONE = ("null", "none", "nil", "undefined", "infinite", "timeout.infinite")


def number(text: str) -> float | None:
    """Read a number, or a product of numbers; ``None`` for anything else."""
    word = text.strip()
    if not _PRODUCT.match(word):
        return None
    total = 1.0
    for part in word.split("*"):
        try:
            total *= float(part.strip().rstrip("lLfFdD").replace("_", ""))
        except ValueError:
            return None
    return total


def is_nothing(text: str) -> bool:
    """Whether a value says "none"."""
    return text.strip().lower() in _NONE


def seconds(text: str, unit_s: float) -> float | None:
    """Read a time; a bare number counts *unit_s* each. ``None`` where it cannot be told."""
    word = text.strip()
    found = _CALL.search(word)
    if found:
        unit = (found[1] or found[2] or "").lower()
        amount = number(found[3])
        factor = _UNITS_S.get(unit)
        return None if amount is None or factor is None else amount * factor
    found = _GO.match(word)
    if found:
        amount = number(found[1] or found[3] or "1")
        return None if amount is None else amount * _UNITS_S[found[2].lower()]
    found = _WITH_UNIT.match(word.strip("'\""))
    if found:
        return float(found[1]) * _UNITS_S[found[2].lower()] if found[1].count(".") < 2 else None
    iso = re.match(r"PT([\d.]+)([HMS])$", word.strip("'\""))
    if iso and iso[1].count(".") < 2:
        return float(iso[1]) * {"H": 3600.0, "M": 60.0, "S": 1.0}[iso[2]]
    amount = number(word.strip("'\""))
    return None if amount is None else amount * unit_s


def truth(text: str) -> bool | None:
    """Read true or false; ``None`` where it cannot be told."""
    word = text.strip().strip("'\"").lower()
    if word in ("true", "yes", "on", "1"):
        return True
    if word in ("false", "no", "off", "0"):
        return False
    return None
