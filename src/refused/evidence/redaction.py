"""Secrets have a type, and whatever leaves the program is searched for them once more.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

MASK = "***"


class Secret:
    """A password, key or token that prints as ``***`` wherever it ends up by mistake.

    It cannot be pickled, formatted, compared by order or turned into JSON. :meth:`reveal` is the
    one way to the text, for the one place that puts it on the wire.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text
        remember(text)

    def reveal(self) -> str:
        """Return the text itself; only for the code that sends it to the server."""
        return self._text

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str:
        raise TypeError("a secret is never pickled")


_known: list[str] = []
# Shorter texts would blank out half the report ("1" is a password, too, and a poor one).
_SHORTEST = 4


def remember(text: str) -> None:
    """Note a secret of this process, in every encoding in which it may come back at us."""
    raise NotImplementedError


def redact(text: str) -> str:
    """Mask known secrets, and whatever has the look of one, in free text."""
    raise NotImplementedError
