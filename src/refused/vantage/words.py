"""How the values of options are read, on the command line and in the single file that travels.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

LONGEST_S = 3600.0
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class BadOption(ValueError):
    """An option's value cannot be understood; the message is one line for people."""

    for_people = True


def truth(text: str, variable: str) -> bool:
    """Read ``1``, ``true``, ``yes``, ``on`` and their opposites, in any case.

    Raises:
        BadOption: *text* is neither; the message names the *variable* it stands in.
    """
    word = text.strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise BadOption(f"{variable}: {text[:20]!r} is neither yes nor no; give 1 or 0")


def seconds(text: str, option: str, most: float = LONGEST_S) -> float:
    """Read ``5``, ``2.5``, ``500ms``, ``90s``, ``5m`` or ``1h`` as seconds.

    Raises:
        BadOption: *text* is no time, not above 0, or above *most*.
    """
    word = text.strip().lower()
    unit = next((each for each in _UNITS_S if word.endswith(each)), "")
    try:
        value = float(word[: len(word) - len(unit)]) * _UNITS_S.get(unit, 1.0)
    except ValueError:
        raise BadOption(
            f"{option}: {text[:20]!r} is no time; give seconds, or 500ms, 90s, 5m"
        ) from None
    if not 0 < value <= most:
        raise BadOption(
            f"{option}: {text[:20]!r} is out of range; give more than 0 and at most {most:.0f} s"
        )
    return value
