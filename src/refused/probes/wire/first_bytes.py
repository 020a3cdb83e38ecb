"""What the first bytes of a stranger look like, and how to show them without harm."""

from __future__ import annotations

from refused.evidence.redaction import redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from refused.evidence.observations import Protocol

# No rule below needs more than this; a longer answer is not read twice.
_ENOUGH = 4096

_SHORT_ESCAPES = {9: "\\t", 10: "\\n", 13: "\\r", 92: "\\\\"}


def printable(data: bytes, limit: int = 120) -> str:
    r"""Show *data* in at most *limit* characters of ASCII that no terminal obeys.

    Whatever is not printable ASCII becomes an escape, and no escape is cut in half. Where bytes
    are left out, the text ends in an ellipsis, the only character beyond ASCII.

    >>> printable(b"-ERR \x1b[2J\r\n")
    '-ERR \\x1b[2J\\r\\n'
    """
    shown = []
    room = limit
    for byte in data[: max(limit, 0)]:
        if 32 <= byte < 127 and byte != 92:
            piece = chr(byte)
        else:
            piece = _SHORT_ESCAPES.get(byte) or f"\\x{byte:02x}"
        shown.append(piece)
        room -= len(piece)
        if room < 0:
            break
    if room >= 0 and len(data) <= limit:
        return "".join(shown)
    while shown and room < 1:
        room += len(shown.pop())
    return "".join(shown) + "…" if room >= 1 else ""


def first_words(data: bytes, limit: int = 120) -> str:
    """Show *data* as :func:`printable` does, no secret in it: none that the end would cut in half, either."""
    whole = printable(data[:_ENOUGH], 4 * _ENOUGH)
    shown = redact(whole)
    if shown == whole:
        return printable(data, limit)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def printable_text(text: str) -> str:
    """*text* with every character escaped that is not printable, by Unicode's own word.

    Letters of all scripts stay as they are; controls, line separators, and marks that reorder
    a line do not.
    """
    if text.isprintable():
        return text
    escapes = {
        letter: letter.encode("unicode_escape").decode("ascii")
        for letter in set(text)
        if not letter.isprintable()
    }
    return "".join(escapes.get(letter, letter) for letter in text)


def identify(data: bytes) -> Protocol:
    """Name the protocol in which a server began to answer; ``unknown`` rather than a guess.

    The bytes may be the start of an answer. They are taken for what came back to a ``PING``, a
    TLS ClientHello or silence: nothing here was asked for in the stranger's own protocol.
    """
    if not data:
        return "nothing"
    head = data[:_ENOUGH]
    for looks_like, protocol in _RULES:
        if looks_like(head):
            return protocol
    return "unknown"


def _is_resp(head: bytes) -> bool:
    mark, (line, end, _) = head[:1], head[1:].partition(b"\r\n")
    if mark in b"+-":
        # Status lines may still be under way; `-----BEGIN` and `+1` are no status lines.
        return line[:1].isalpha() and not any(byte < 32 or byte == 127 for byte in line)
    if not end:
        return False
    if mark in b":$*%~>|(=!":
        digits = line[1:] if line[:1] in (b"-", b"+") else line
        return digits.isdigit()
    if mark == b",":
        return line.lower().lstrip(b"+-") in (b"inf", b"nan") or (
            line[-1:].isdigit() and not line.strip(b"+-.0123456789eE")
        )
    return (mark == b"_" and not line) or (mark == b"#" and line in (b"t", b"f"))


def _is_http(head: bytes) -> bool:
    if head.startswith((b"HTTP/", b"PRI * HTTP/2.0")):
        return True
    # A server that takes a bare `PING` for HTTP/0.9 answers with the page alone.
    return head[:64].lstrip().lower().startswith((b"<!doctype html", b"<html")) or _is_http2(head)


def _is_http2(head: bytes) -> bool:
    """A SETTINGS or GOAWAY frame on stream 0, one of which is first. Source: RFC 9113, 4.1."""
    if len(head) < 9 or head[5:9] != b"\0\0\0\0":
        return False
    length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
    if kind == 4:
        return flags == 0 and length % 6 == 0 and length <= 600
    return kind == 7 and flags == 0 and 8 <= length <= _ENOUGH


def _is_tls(head: bytes) -> bool:
    if len(head) < 3 or not 20 <= head[0] <= 23 or head[1] != 3 or head[2] > 3:
        return False
    return len(head) < 5 or 0 < int.from_bytes(head[3:5], "big") <= 16384 + 2048


def _is_ssh(head: bytes) -> bool:
    return head.startswith(b"SSH-")


def _is_smtp(head: bytes) -> bool:
    # 421 and 554 are how a mail server turns a stranger away. Source: RFC 5321, 3.1 and 3.8.
    return head.startswith((b"220", b"421", b"554")) and b"SMTP" in _greeting(head)


def _is_ftp(head: bytes) -> bool:
    if head.startswith(b"530 ") and b"USER AND PASS" in _greeting(head):
        return True
    if not head.startswith((b"220", b"421")):
        return False
    return b"FTP" in _greeting(head) or b"FILEZILLA" in _greeting(head)


def _greeting(head: bytes) -> bytes:
    """The text of a three-digit reply in capitals, or nothing where it is none."""
    return head[4:512].upper() if head[3:4] in (b" ", b"-") else b""


def _is_mysql(head: bytes) -> bool:
    """A greeting of protocol 10, or the error packet that a host meets which is not allowed."""
    length = int.from_bytes(head[:3], "little")
    if len(head) < 8 or head[3] != 0 or not 8 <= length <= 1024:
        return False
    if head[4] == 10:
        version, end, _ = head[5:64].partition(b"\0")
        return bool(end) and version[:1].isdigit() and _is_plain(version)
    return head[4] == 0xFF and _is_plain(head[7 : 4 + length])


def _is_postgresql(head: bytes) -> bool:
    """An error or a demand for authentication.

    A lone ``N`` or ``S`` answers an SSLRequest, which is never sent: it proves nothing.
    """
    if head.startswith((b"EFATAL: ", b"EERROR: ")):  # protocol 2
        return True
    length, body = int.from_bytes(head[1:5], "big"), head[5:]
    if head[:1] == b"E":
        severity, end, _ = body[1:32].partition(b"\0")
        return 16 <= length <= 30000 and body[:1] == b"S" and bool(end) and severity.isalpha()
    if head[:1] == b"R":
        method = int.from_bytes(body[:4], "big")
        return 8 <= length <= 256 and len(body) >= 4 and method <= 12
    return False


def _is_memcached(head: bytes) -> bool:
    """One line of complaint for each line that it was sent."""
    lines = head.split(b"\r\n")
    if len(lines) < 2:
        return False
    return all(
        line == b"ERROR" or line.startswith((b"CLIENT_ERROR ", b"SERVER_ERROR "))
        for line in lines[:-1]
    )


def _is_amqp(head: bytes) -> bool:
    # The version that the server speaks, sent in answer to any other. Source: AMQP 0-9-1, 4.2.2.
    return head.startswith(b"AMQP") and (len(head) < 5 or head[4] <= 3)


def _is_mongodb(head: bytes) -> bool:
    if head.startswith(b"HTTP/") and b"trying to access MongoDB over HTTP" in head:
        return True
    if len(head) < 20:
        return False
    length, opcode = int.from_bytes(head[:4], "little"), int.from_bytes(head[12:16], "little")
    # OP_REPLY and OP_MSG are what servers send; a message has at most 48,000,000 bytes.
    return opcode in (1, 2013) and 20 < length <= 48000000 and len(head) <= length


def _is_plain(text: bytes) -> bool:
    return bool(text) and all(32 <= byte < 127 for byte in text)


# The first that fits wins; MongoDB stands before HTTP because it can answer in HTTP.
_RULES: tuple[tuple[Callable[[bytes], bool], Protocol], ...] = (
    (_is_resp, "resp"),
    (_is_mongodb, "mongodb"),
    (_is_http, "http"),
    (_is_tls, "tls"),
    (_is_ssh, "ssh"),
    (_is_smtp, "smtp"),
    (_is_ftp, "ftp"),
    (_is_mysql, "mysql"),
    (_is_postgresql, "postgresql"),
    (_is_memcached, "memcached"),
    (_is_amqp, "amqp"),
)
