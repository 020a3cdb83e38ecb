"""``refused.toml``: what a team sets once. Read where it is needed, and never on the way to an answer.

The file is ``REFUSED_CONFIG``, else ``refused.toml`` in the working folder, else
``refused/refused.toml`` below ``XDG_CONFIG_HOME`` (``~/.config``). Shape::

    [severity.1]
    resolve_within = "1h"
    tell = ["the incident's lead", "support"]
    every = "15m"
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from refused.diagnosis.severity import Response

_LARGEST_BYTES = 1 << 20
_UNITS = {"m": 60.0, "h": 3600.0, "d": 86400.0}


class BadConfig(ValueError):
    """The file cannot be understood; the message is one line for people."""

    for_people = True


def path(environ: Mapping[str, str]) -> str | None:
    """Return the file that counts; ``None`` where there is none.

    Raises:
        BadConfig: ``REFUSED_CONFIG`` names a file that is not there.
    """
    named = environ.get("REFUSED_CONFIG")
    if named:
        if not os.path.isfile(named):
            raise BadConfig(f"REFUSED_CONFIG: {named} is not a file")
        return named
    home = environ.get("XDG_CONFIG_HOME") or os.path.join(environ.get("HOME", ""), ".config")
    places = ("refused.toml", os.path.join(home, "refused", "refused.toml"))
    return next((place for place in places if os.path.isfile(place)), None)


def responses(environ: Mapping[str, str]) -> Mapping[int, Response]:
    """Return what each level of severity asks for, as the file says, else as we do.

    Raises:
        BadConfig: The file cannot be read, or says something that cannot be meant.
    """
    from refused.diagnosis.severity import RESPONSES

    file = path(environ)
    if file is None:
        return RESPONSES
    given = _read(file).get("severity", {})
    if not isinstance(given, dict):
        raise BadConfig(f"{file}: severity is no table; write [severity.1]")
    found = dict(RESPONSES)
    for name, table in given.items():
        if name not in ("1", "2", "3", "4") or not isinstance(table, dict):
            raise BadConfig(
                f"{file}: [severity.{str(name)[:20]}] is none of severity.1 to severity.4"
            )
        level = int(name)
        found[level] = found[level].replace(**_changes(table, f"{file}: [severity.{name}]"))
    return found


def _read(file: str) -> dict[str, Any]:
    import tomllib

    try:
        with open(file, "rb") as source:
            return tomllib.loads(source.read(_LARGEST_BYTES).decode("utf-8"))
    except OSError as gone:
        raise BadConfig(f"{file}: {gone.strerror or gone}") from None
    except ValueError:
        raise BadConfig(f"{file} is not TOML") from None


def _changes(table: Mapping[str, object], where: str) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name, value in table.items():
        if name == "tell":
            if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
                raise BadConfig(f'{where} tell is no list of names; write tell = ["support"]')
            changes["tell"] = tuple(value)
        elif name in ("resolve_within", "every"):
            changes[f"{name}_s"] = _seconds(value, f"{where} {name}")
        else:
            raise BadConfig(f"{where} {name[:20]} is none of resolve_within, tell, every")
    return changes


def _seconds(value: object, where: str) -> float:
    """Read ``30m``, ``4h`` or ``2d`` as seconds."""
    text = value.strip().lower() if isinstance(value, str) else ""
    number = text[:-1]
    if (
        text[-1:] not in _UNITS
        or not number.isascii()
        or not number.isdigit()
        or not int(number[:6])
    ):
        raise BadConfig(f"{where}: give a time above 0 in minutes, hours or days, as 30m, 4h or 2d")
    return int(number[:6]) * _UNITS[text[-1]]
