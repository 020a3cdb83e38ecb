"""Just enough RESP for the lab: split a byte stream into requests and replies, and ask a server.

Source: https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Self, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_AGGREGATES = {b"*": 1, b"~": 1, b">": 1, b"%": 2, b"|": 2}
_BULKS = (b"$", b"=", b"!")


class Flat(list["Reply"]):
    """A map, set or push of RESP3 as a flat list that remembers what it was."""

    kind = b"*"

    def like(self, items: list[Reply]) -> Flat:
        """Return other *items* in the same kind."""
        made = Flat(items)
        made.kind = self.kind
        return made


class ServerError(Exception):
    """An error reply; the text as the server sent it."""


# A reply as Python sees it; a simple string is text, a bulk is bytes.
Reply: TypeAlias = "str | bytes | int | float | bool | list[Reply] | ServerError | None"


def encode(*words: str | bytes | int) -> bytes:
    """Return one request as a client sends it."""
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(p), p) for p in parts)


def encode_reply(reply: Reply) -> bytes:  # one for each type
    """Return *reply* as a server sends it: text as a simple string, bytes as a bulk."""
    if isinstance(reply, ServerError):
        return b"-%b\r\n" % str(reply).encode()
    if isinstance(reply, str):
        return b"+%b\r\n" % reply.encode()
    if isinstance(reply, bytes):
        return b"$%d\r\n%b\r\n" % (len(reply), reply)
    if reply is None:
        return b"$-1\r\n"
    if isinstance(reply, list):
        kind = reply.kind if isinstance(reply, Flat) else b"*"
        head = b"%b%d\r\n" % (kind, len(reply) // _AGGREGATES[kind])
        return head + b"".join(encode_reply(item) for item in reply)
    if isinstance(reply, bool):
        return b"#t\r\n" if reply else b"#f\r\n"
    if isinstance(reply, float):
        return encode_reply(repr(reply).encode())
    return b":%d\r\n" % reply


def end_of(data: bytes | bytearray, at: int = 0) -> int | None:
    """Return where the value that starts *at* ends, or ``None`` while it is incomplete."""
    missing = 1
    while missing:
        eol = data.find(b"\r\n", at)
        if eol < 0:
            return None
        kind, head = bytes(data[at : at + 1]), bytes(data[at + 1 : eol])
        at = eol + 2
        missing -= 1
        if kind in _BULKS and int(head) >= 0:
            at += int(head) + 2
            if at > len(data):
                return None
        elif kind in _AGGREGATES and int(head) > 0:
            missing += int(head) * _AGGREGATES[kind]
            # An attribute comes before the value that it speaks of.
            missing += kind == b"|"
    return at


def decode(data: bytes) -> Reply:
    """Return the one value in *data*; maps come as flat lists, bulks as bytes."""
    return _decode(data, 0)[0]


# One branch for each type of the protocol.
def _decode(data: bytes, at: int) -> tuple[Reply, int]:  # noqa: C901, PLR0912
    eol = data.index(b"\r\n", at)
    kind, head, at = data[at : at + 1], data[at + 1 : eol], eol + 2
    if kind == b"|":
        for _ in range(int(head) * 2):
            _, at = _decode(data, at)
        return _decode(data, at)
    if kind in _AGGREGATES:
        if int(head) < 0:
            return None, at
        items: list[Reply] = []
        for _ in range(int(head) * _AGGREGATES[kind]):
            item, at = _decode(data, at)
            items.append(item)
        if kind == b"*":
            return items, at
        flat = Flat(items)
        flat.kind = kind
        return flat, at
    if kind in _BULKS:
        if int(head) < 0:
            return None, at
        body, at = data[at : at + int(head)], at + int(head) + 2
        if kind == b"!":
            return ServerError(body.decode(errors="replace")), at
        return (body[4:] if kind == b"=" else body), at
    if kind == b":":
        return int(head), at
    if kind == b"-":
        return ServerError(head.decode(errors="replace")), at
    if kind == b"_":
        return None, at
    if kind == b"#":
        return head == b"t", at
    if kind == b",":
        return float(head), at
    return head.decode(errors="replace"), at


def request_words(data: bytes) -> list[bytes]:
    """Return the words of one request, inline or not."""
    if data[:1] != b"*":
        return data.split()
    words = decode(data)
    return [w for w in words if isinstance(w, bytes)] if isinstance(words, list) else []


def requests(pending: bytearray) -> Iterator[bytes]:
    """Take every complete request off the front of *pending*."""
    while pending:
        if pending[:1] == b"*":
            end = end_of(pending)
        else:
            newline = pending.find(b"\n")
            end = newline + 1 if newline >= 0 else None
        if end is None:
            return
        request = bytes(pending[:end])
        del pending[:end]
        yield request


class Conversation:
    """A blocking connection of the lab's own to one of its servers."""

    def __init__(self, port: int, wait_s: float = 5.0) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), wait_s)
        self._pending = bytearray()

    def ask(self, *words: str | bytes | int) -> Reply:
        """Send one command and return its answer.

        Raises:
            ServerError: The server answered with an error.
            OSError: The server did not answer.
        """
        (reply,) = self.ask_all([words])
        if isinstance(reply, ServerError):
            raise reply
        return reply

    def ask_all(self, commands: Sequence[Sequence[str | bytes | int]]) -> list[Reply]:
        """Send *commands* in one go; errors come back among the replies."""
        self._sock.sendall(b"".join(encode(*words) for words in commands))
        return [self.next_reply() for _ in commands]

    def next_reply(self) -> Reply:
        """Wait for the next reply."""
        while (end := end_of(self._pending) if self._pending else None) is None:
            more = self._sock.recv(1 << 16)
            if not more:
                raise ConnectionError("the server has closed the connection")
            self._pending += more
        reply = decode(bytes(self._pending[:end]))
        del self._pending[:end]
        return reply

    def close(self) -> None:
        """Hang up."""
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
