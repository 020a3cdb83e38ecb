"""Secrets have a type, and whatever leaves the program is searched for them once more.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Pattern, Tuple

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


# Shorter texts would blank out half the report ("1" is a password, too, and a poor one).
_SHORTEST = 4
# Longest first, so that a secret that holds another is masked whole.
_known: List[str] = []


def remember(text: str) -> None:
    """Note a secret of this process, in every encoding in which it may come back at us."""
    if len(text) < _SHORTEST:
        return
    forms = {
        text,
        text.strip(),
        repr(text)[1:-1],
        _json(text),
        _percent(text, ""),
        _percent(text, "/"),
        _html(text),
    }
    forms.add(_percent(text, "").replace("%20", "+"))
    forms.add(text.replace("'", "'\"'\"'"))
    data = text.encode("utf-8", "surrogatepass")
    forms |= {_base64(data), data.hex(), repr(data)[2:-1]}
    forms |= {form.lower() for form in forms if "%" in form}
    known = set(_known) | {form for form in forms if len(form) >= _SHORTEST}
    _known[:] = sorted(known, key=len, reverse=True)


def _json(text: str) -> str:
    from json import dumps

    return dumps(text)[1:-1]


def _percent(text: str, safe: str) -> str:
    from urllib.parse import quote

    return quote(text, safe=safe, errors="replace")


def _html(text: str) -> str:
    from html import escape

    return escape(text)


def _base64(data: bytes) -> str:
    from base64 import b64encode

    return b64encode(data).decode().rstrip("=")


def redact(text: str) -> str:
    """Mask known secrets, and whatever has the look of one, in free text."""
    for secret in _known:
        if secret in text:
            text = text.replace(secret, MASK)
    if not any(sign in text for sign in _SIGNS) and not any(
        sign in text.lower() for sign in _LOWER_SIGNS
    ):
        return text
    for pattern, mask in _patterns():
        text = pattern.sub(mask, text)
    return text


# Without one of these no pattern can match, and `re` need not be loaded.
_SIGNS = ("eyJ", "AzCa", "=", "://")
_LOWER_SIGNS = ("bearer ", "requirepass ", "auth ", "-a ", "--pass")


def redact_data(data: object) -> object:
    """Redact every text inside JSON-ready objects, keys included."""
    if isinstance(data, str):
        return redact(data)
    if isinstance(data, list):
        return [redact_data(item) for item in data]
    if isinstance(data, dict):
        return {redact(key): redact_data(value) for key, value in data.items()}
    return data


_compiled: List[Tuple[Pattern[str], str]] = []


def _patterns() -> List[Tuple[Pattern[str], str]]:
    """Return the shapes of secrets, compiled at the first need."""
    if not _compiled:
        import re

        _compiled.extend(
            (re.compile(pattern), mask)
            for pattern, mask in (
                # JSON Web Tokens: three base64url parts, the first two being JSON objects.
                (r"\beyJ[\w-]{5,}\.eyJ[\w-]{5,}(?:\.[\w-]*)?", MASK),
                # Azure's access keys: 32 bytes of base64, or 39 with the AzCa mark.
                (r"(?<![\w+/])[A-Za-z0-9+/]{43}=(?![\w=])", MASK),
                (r"(?<![\w+/])[A-Za-z0-9+/]{30,42}AzCa[A-Za-z0-9+/]{3,8}=?", MASK),
                (
                    r"(?i)\b(password|passwd|pwd|passphrase|accesskey|access_key|sharedaccesskey|primarykey|"
                    r"secondarykey|client_secret|secret|sig|redis(?:cli)?_auth|redis_password)"
                    r"(\s*[=:]\s*)(?!\*\*\*)(?:\"[^\"]*\"|'[^']*'|[^\s,;&\"']+)",
                    r"\1\2" + MASK,
                ),
                (r"(?i)\b(bearer\s+)(?!\*\*\*)[\w.~+/=-]{8,}", r"\1" + MASK),
                (r"(?i)(\brequirepass\s+|--pass\s+|(?<!\S)-a\s+)(?!\*\*\*)\S+", r"\1" + MASK),
                # User-info of a URL: what stands between the scheme and the last @ of the authority.
                (r"([a-zA-Z][\w+.-]{1,20}://[^\s/@:]*:)(?!\*\*\*@)[^\s/]*@", r"\1" + MASK + "@"),
            )
        )
    return _compiled
