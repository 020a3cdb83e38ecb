"""What a line says once what collectors have put around it is taken off.

Containers' logs come as JSON with the line inside (Docker), or with a prefix (the CRI of
Kubernetes, ``kubectl logs --prefix``, Compose); applications write JSON of their own. Patterns are
looked for in whole chunks, so JSON's escapes are undone there at once: :func:`expand`. What an
event says word for word is read by a real parser, for the few lines that are shown: :func:`unwrap`.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Stands at the start of a line that was part of the line before, behind an escaped line end.
JOINED = b"\x0b"

# What stands before the line itself: Docker's JSON, the CRI's time and stream, kubectl, Compose.
PREFIX = (
    rb"(?:\{\"log\": ?\"|[0-9T:.+Z-]{20,40} std(?:out|err) [FP] |\[pod/[^\]\n]{1,300}\] |"
    rb"[\w.-]{1,64} {1,8}\| )"
)
_PREFIX = re.compile(rb"(?:\[pod/[^\]\n]{1,300}\] |[\w.-]{1,64} {1,8}\| )")
_CRI = re.compile(rb"([0-9T:.+Z-]{20,40}) std(?:out|err) [FP] ?")
_MOST_NESTED = 3

# Behind each other: what a doubled backslash stands for must not be taken for an escape.
_ESCAPES = (
    (b"\\\\", b"\x01"),
    (b'\\n"', b'"'),
    (b"\\r\\n", b"\n" + JOINED),
    (b"\\n", b"\n" + JOINED),
    (b"\\t", b"\t"),
    (b"\\r", b""),
    (b'\\"', b'"'),
    (b"\\/", b"/"),
    (b"\\u0027", b"'"),
    (b"\\u0022", b'"'),
    (b"\\u003c", b"<"),
    (b"\\u003C", b"<"),
    (b"\\u003e", b">"),
    (b"\\u003E", b">"),
    (b"\\u0026", b"&"),
    (b"\\u002b", b"+"),
    (b"\\u002B", b"+"),
    (b"\\u0060", b"`"),
    (b"\\u001b[", b"\x1b["),
    (b"\x01", b"\\"),
)


def expand(data: bytes) -> bytes:
    """Undo JSON's escapes in the lines of a chunk that are JSON; an escaped line end becomes one.

    The lines that this adds begin with :data:`JOINED`, so that lines can still be counted.
    """
    if JOINED in data:
        data = data.replace(JOINED, b" ")
    if b"\\" not in data or b'{"' not in data:
        return data
    if data.count(b"\n{") + data.startswith(b"{") >= data.count(b"\n"):
        return _unescaped(data)
    parts, done = [], 0
    at = data.find(b"\\")
    while at >= 0:
        start = data.rfind(b"\n", done, at) + 1 or done
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end
        if b'{"' in data[start:at]:
            parts += [data[done:start], _unescaped(data[start:end])]
            done = end
        at = data.find(b"\\", end)
    return b"".join(parts) + data[done:]


def _unescaped(data: bytes) -> bytes:
    for _ in range(_MOST_NESTED):
        is_nested = b'{\\"' in data
        for escape, letter in _ESCAPES:
            data = data.replace(escape, letter)
        if not is_nested:
            break
    return data


class Said:
    """A line without its wrapping.

    Attributes:
        text: The message, with its exception and stack on lines of their own.
        when: Where its time is to be looked for.
    """

    __slots__ = ("text", "when")

    def __init__(self, text: bytes, when: bytes) -> None:
        self.text = text
        self.when = when


def unwrap(line: bytes) -> Said:
    """Return what *line*, as it stands in the log, says; what cannot be parsed says itself."""
    text, when = line, b""
    for _ in range(_MOST_NESTED):
        prefix = _PREFIX.match(text)
        if prefix is not None:
            text = text[prefix.end() :]
        cri = _CRI.match(text)
        if cri is not None:
            when = when or cri[1]
            text = text[cri.end() :]
        if not text.startswith(b"{"):
            break
        fields = _parsed(text)
        if fields is None:
            text = _unescaped(text).replace(JOINED, b"")
            break
        inner, inner_when = _read(fields)
        when = inner_when or when
        if not inner:
            break
        text = inner
    return Said(text, when or text)


def _parsed(text: bytes) -> dict[str, Any] | None:
    from json import loads

    try:
        fields = loads(text.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):  # cut in the middle, or no JSON after all
        return None
    return fields if isinstance(fields, dict) else None


_MESSAGES = (
    "message", "msg", "@m", "log", "text", "RenderedMessage", "renderedMessage", "@mt", "Message",
    "short_message", "textPayload", "MessageTemplate", "event", "body", "full_message",
)  # fmt: skip
_FAULTS = (
    "exception", "Exception", "@x", "error", "err", "Error", "exc_info", "exc_text", "throwable",
    "thrown", "cause", "inner", "InnerException", "reason", "error.type", "error.message",
    "exception.type", "exception.message", "stack", "stack_trace", "stackTrace", "StackTrace",
    "stacktrace", "error.stack", "error.stack_trace", "exception.stacktrace", "details", "errors",
)  # fmt: skip
_INSIDE = ("jsonPayload", "fields", "@fields", "properties", "Properties", "data", "attributes")
_TIMES = (
    "timestamp", "time", "ts", "@timestamp", "@t", "Timestamp", "datetime", "date", "eventTime",
    "TimeGenerated", "asctime", "t",
)  # fmt: skip
_FAULT_PARTS = ("type", "name", "class", "code", "message", "msg", "Message", *_FAULTS)


def _read(fields: dict[str, Any], depth: int = 0) -> tuple[bytes, bytes]:
    """Return the text and the time that the fields of one record hold."""
    parts: list[str] = []
    for name in _MESSAGES:
        value = fields.get(name)
        if isinstance(value, str) and value.strip():
            parts.append(value)
            break
    for name in _FAULTS:
        _gather(fields.get(name), parts)
    when = b""
    for name in _TIMES:
        value = fields.get(name)
        if isinstance(value, str):
            when = value.encode("utf-8", "replace")
            break
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            when = b"ts=" + repr(value).encode()
            break
    text = "\n".join(part.rstrip("\r\n") for part in parts).encode("utf-8", "replace")
    for name in _INSIDE:
        value = fields.get(name)
        if isinstance(value, dict) and depth < _MOST_NESTED and not (text and when):
            inner, inner_when = _read(value, depth + 1)
            text, when = text or inner, when or inner_when
    return text, when


def _gather(value: Any, parts: list[str], depth: int = 0) -> None:
    """Add the texts of an exception, each once: a stack mostly begins with the message."""
    if isinstance(value, str):
        known = "\n".join(parts)
        if value.strip() and value.strip() not in known:
            if len(parts) > 1 and value.startswith(parts[-1]):
                parts.pop()
            parts.append(value)
    elif isinstance(value, list) and depth < 4:
        if value and all(isinstance(each, str) for each in value):
            value = ["\n".join(value)]
        for each in value[:20]:
            _gather(each, parts, depth + 1)
    elif isinstance(value, dict) and depth < 4:
        kind = value.get("type") or value.get("name") or value.get("class")
        message = value.get("message") or value.get("msg") or value.get("Message")
        if isinstance(kind, str) and isinstance(message, str):
            _gather(f"{kind}: {message}", parts, depth + 1)
        for name in _FAULT_PARTS:
            _gather(value.get(name), parts, depth + 1)
