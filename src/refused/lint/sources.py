"""Find settings in source code and configuration files: names, values, and the lines they stand on.

No language is parsed as a whole. Comments and strings are told apart as the languages do, and what
has the shape of a setting (``name = value``, ``name: value``, ``'name' => value``,
``.setName(value)``) is taken for one. A value that is no literal is kept as text; whoever judges
says that it could not.
"""

from __future__ import annotations

import re
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

CODE = {
    ".cs": "//", ".java": "//", ".kt": "//", ".scala": "//", ".js": "//", ".mjs": "//",
    ".cjs": "//", ".ts": "//", ".tsx": "//", ".jsx": "//", ".go": "//", ".php": "/#",
    ".py": "#", ".rb": "#",
}  # fmt: skip
LINES = (".properties", ".env", ".ini", ".cfg", ".conf", ".toml")
NESTED = (".yml", ".yaml")
SUFFIXES = (*CODE, *LINES, *NESTED, ".json")
MOST_ITEMS = 20_000


class Item(NamedTuple):
    """One setting as it stands: its whole name, its value as written, and where."""

    name: str
    value: str
    line: int
    is_string: bool = False


class Token(NamedTuple):
    """One word, number, sign or string of source code."""

    kind: str
    text: str
    line: int


def kind_of(name: str, text: str) -> str:
    """Say how to read a text: a suffix of ours, ``string``, or a guess by what stands in it."""
    lowered = name.lower().rpartition("/")[2]
    for suffix in SUFFIXES:
        if lowered.endswith(suffix):
            return suffix
    if lowered.startswith(".env"):
        return ".env"
    if "\n" not in text.strip():
        return "string"
    if text.lstrip().startswith("{") and '"' in text:
        return ".json"
    if text.lstrip().startswith("<?php"):
        return ".php"
    if re.search(r"^\s*(?:import|from) [\w.]+|^def \w+\(", text, re.MULTILINE):
        return ".py" if not re.search(r"^import .*;", text, re.MULTILINE) else ".java"
    if re.search(r"^\s*(?:using [\w.]+;|const |package |require\()", text, re.MULTILINE):
        return ".js"
    if re.search(r"^[ \w-]+:\s*$", text, re.MULTILINE):
        return ".yaml"
    return ".properties"


# --- configuration files --------------------------------------------------------------------------

_PLAIN_LINE = re.compile(r"^\s*(?:export |set |ENV )?([\w.\-:]+)\s*[=:]\s*(.*?)\s*$")
_NESTED_LINE = re.compile(r"^(\s*)(?:- )?([\"']?[\w.\-/]+[\"']?)\s*:(?:\s+(.*?))?\s*$")


def from_lines(text: str) -> Iterator[Item]:
    """Read ``NAME=VALUE`` lines; a section's name goes before its settings'."""
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if not bare or bare.startswith(("#", ";", "//", "!")):
            continue
        if bare.startswith("[") and bare.endswith("]"):
            section = bare[1:-1].strip() + "."
            continue
        found = _PLAIN_LINE.match(line)
        if found:
            value, is_string = _unquoted(found[2])
            yield Item(section + found[1], value, number, is_string)


def from_nested(text: str) -> Iterator[Item]:
    """Read YAML's plain mappings: names joined by dots. Flow style and anchors are kept as text."""
    above: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith(("#", "---")):
            continue
        found = _NESTED_LINE.match(line)
        if not found:
            continue
        indent, name = len(found[1]), found[2].strip("\"'")
        while above and above[-1][0] >= indent:
            above.pop()
        value, is_string = _unquoted(found[3] or "")
        path = ".".join([*(each for _, each in above), name])
        if value or is_string:
            yield Item(path, value, number, is_string)
        else:
            above.append((indent, name))


def from_json(text: str) -> Iterator[Item]:
    """Read JSON as tokens, so that lines are known and comments do no harm."""
    yield from from_code(text, "//")


def _unquoted(value: str) -> tuple[str, bool]:
    quote = value[:1]
    if quote in ("'", '"') and quote:
        inside, closed, _ = value[1:].partition(quote)
        if closed:
            return inside, True
    return re.split(r"\s[#;]", value, maxsplit=1)[0].strip(), False


# --- source code ----------------------------------------------------------------------------------

_WORD = re.compile(r"[A-Za-z_$@][\w$]*(?:(?:\.|::|\?\.|->|\\)[A-Za-z_$][\w$]*)*[?!]?")
_NUMBER = re.compile(r"\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?[a-zA-Z]*")
_SIGNS = ("=>", ":=", "==", "===", "!=", "->", "::", "**", "...", "..", "?.", "&&", "||")


def tokens(text: str, comment: str) -> Iterator[Token]:
    """Cut source code into tokens, comments left out.

    Args:
        comment: ``//`` (and ``/* */``), ``#``, or ``/#`` for both.
    """
    at, line, most = 0, 1, len(text)
    while at < most:
        letter = text[at]
        if letter == "\n":
            line += 1
            at += 1
        elif letter.isspace():
            at += 1
        elif _is_comment(text, at, comment):
            end = text.find("\n", at)
            at = most if end < 0 else end
        elif "/" in comment and text.startswith("/*", at):
            end = text.find("*/", at)
            end = most if end < 0 else end + 2
            line += text.count("\n", at, end)
            at = end
        elif letter in "\"'`":
            inside, end = _string(text, at, comment)
            yield Token("string", inside, line)
            line += text.count("\n", at, end)
            at = end
        elif letter.isdigit():
            found = _NUMBER.match(text, at)
            word = found[0] if found else letter
            yield Token("number", word, line)
            at += len(word)
        else:
            found = _WORD.match(text, at)
            word = (
                found[0] if found else next((s for s in _SIGNS if text.startswith(s, at)), letter)
            )
            yield Token("word" if found else "sign", word, line)
            at += len(word)


def _is_comment(text: str, at: int, comment: str) -> bool:
    if "#" in comment and text[at] == "#" and not text.startswith("#[", at):
        return True
    return "/" in comment and text.startswith("//", at)


def _string(text: str, at: int, comment: str) -> tuple[str, int]:
    quote = text[at]
    if comment == "#" and text.startswith(quote * 3, at):  # Python's long strings
        end = text.find(quote * 3, at + 3)
        end = len(text) if end < 0 else end
        return text[at + 3 : end], min(end + 3, len(text))
    letters, here = [], at + 1
    while here < len(text) and text[here] != quote:
        if text[here] == "\\" and here + 1 < len(text):
            here += 1
        elif text[here] == "\n" and quote != "`":
            break  # it was no string: an apostrophe in text
        letters.append(text[here])
        here += 1
    return "".join(letters), min(here + 1, len(text))


_OPEN, _CLOSE = ("(", "[", "{"), (")", "]", "}")
_LONGEST_VALUE = 60


def from_code(text: str, comment: str) -> Iterator[Item]:
    """Yield what has the shape of a setting in source code."""
    words = list(tokens(text, comment))
    made = 0
    for at, token in enumerate(words):
        if made >= MOST_ITEMS:
            return
        following = words[at + 1] if at + 1 < len(words) else None
        if following is None or token.kind not in ("word", "string"):
            continue
        if (following.text in ("=", ":", "=>", ":=") and following.kind == "sign") or (
            token.kind == "word" and following.text == "(" and following.kind == "sign"
        ):
            value, is_string = _value(words, at + 2)
        else:
            continue
        made += 1
        yield Item(token.text, value, token.line, is_string)


def _value(words: list[Token], at: int) -> tuple[str, bool]:
    """Return an expression up to the comma, bracket or line that ends it."""
    parts: list[str] = []
    depth, first = 0, at
    for here in range(at, min(len(words), at + _LONGEST_VALUE)):
        token = words[here]
        is_sign = token.kind == "sign"
        if is_sign and token.text in _OPEN:
            depth += 1
        elif is_sign and token.text in _CLOSE:
            if depth == 0:
                break
            depth -= 1
        elif (is_sign and depth == 0 and token.text in (",", ";")) or (
            depth == 0 and here > first and token.line > words[here - 1].line and not is_sign
        ):
            break
        parts.append(repr(token.text) if token.kind == "string" else token.text)
    if len(parts) == 1 and words[first].kind == "string":
        return words[first].text, True
    # A sign of its own belongs to the number behind it.
    return re.sub(r"(^|[(,*=] )- (?=\d)", r"\1-", " ".join(parts)), False


def strings(text: str, comment: str) -> Iterator[tuple[str, int]]:
    """Yield every string of source code with its line."""
    for token in tokens(text, comment):
        if token.kind == "string":
            yield token.text, token.line
