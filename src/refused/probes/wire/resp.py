"""The Redis protocol, versions 2 and 3: commands as bytes, replies read as they trickle in.

Source: https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

from refused.evidence.observations import ClusterNode
from refused.probes.wire.first_bytes import identify, printable, printable_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, Tuple

    from refused.evidence.observations import Protocol

    Kind = Literal[
        "simple",
        "error",
        "integer",
        "bulk",
        "null",
        "array",
        "map",
        "set",
        "boolean",
        "double",
        "big-number",
        "verbatim",
        "push",
        "attribute",
    ]
    # Node id, host and port: what tells one node from another.
    Identity = Tuple[str, str, int]

LARGEST_REPLY_BYTES = 8 * 1024 * 1024
DEEPEST = 32

_LONGEST_LINE = 64 * 1024
_LONGEST_NUMBER = 32
# The largest double, written without an exponent, has 309 digits.
_LONGEST_DOUBLE = 330
# Python's own limit for turning text into numbers can be set as low as this, never lower.
_MOST_DIGITS = 640

# An element takes memory and time however few bytes it has; three is the fewest, `_\r\n`.
_ELEMENT_BYTES = 16
_SMALLEST_ELEMENT = 3 + _ELEMENT_BYTES

# From here on, what has been read is thrown away.
_STALE_BYTES = 64 * 1024

_SLOTS = 16384

_KINDS: dict[int, Kind] = {
    ord("+"): "simple",
    ord("-"): "error",
    ord(":"): "integer",
    ord("$"): "bulk",
    ord("*"): "array",
    ord("_"): "null",
    ord("#"): "boolean",
    ord(","): "double",
    ord("("): "big-number",
    ord("!"): "error",
    ord("="): "verbatim",
    ord("%"): "map",
    ord("~"): "set",
    ord(">"): "push",
    ord("|"): "attribute",
}
_SIZED = b"$!="
_AGGREGATES = b"*%~>|"
_PAIRED = b"%|"
_LONG_LINES = {
    ord("+"): _LONGEST_LINE,
    ord("-"): _LONGEST_LINE,
    ord("("): _MOST_DIGITS + 1,
    ord(","): _LONGEST_DOUBLE,
}


class NotResp(ValueError):
    """Bytes that no Redis sends.

    Attributes:
        protocol: What they look like instead; ``unknown`` where they start like RESP.
        first_bytes: Their printable form, from the first one that does not fit.
    """

    protocol: Protocol
    first_bytes: str

    def __init__(self, because: str, data: bytes = b"") -> None:
        """Look at *data*, the bytes from the first one that does not fit."""
        super().__init__(because)
        self.first_bytes = printable(data)
        looks_like = identify(data)
        self.protocol = "unknown" if looks_like in {"resp", "nothing"} else looks_like


class TooLarge(NotResp):
    """A reply larger than any that we ask for; RESP by its looks, but no answer to us."""

    def __init__(self, because: str, data: bytes = b"") -> None:
        """Keep the looks of *data*."""
        super().__init__(because, data)
        self.protocol = "resp"


class RedisError:
    """An error reply; a value like any other.

    Attributes:
        code: The first word, as in ``WRONGPASS``.
        text: The whole line, code included, unprintable characters escaped.
    """

    __slots__ = ("code", "text")

    def __init__(self, text: str) -> None:
        self.text = printable_text(text)
        self.code = self.text.partition(" ")[0]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RedisError) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"RedisError({self.text!r})"


class Reply:
    """One whole reply.

    Attributes:
        kind: The type it has on the wire. ``null`` covers the three ways to say nothing.
        value: ``str`` for a simple string, with unprintable characters escaped; ``bytes`` for a
            bulk or verbatim string; ``int``, ``float``, ``bool``, ``None``; :class:`RedisError`;
            ``list`` for an array, a set or a push, in the order of the wire; ``dict`` for a map
            whose keys are all strings, else a ``list`` of pairs.
        attributes: What stood before the reply as RESP3 attributes, as a map.
    """

    __slots__ = ("attributes", "kind", "value")

    def __init__(self, kind: Kind, value: object, attributes: object = None) -> None:
        self.kind = kind
        self.value = value
        self.attributes = attributes

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Reply):
            return False
        ours, theirs = self.kind, other.kind
        return ours == theirs and (self.value, self.attributes) == (other.value, other.attributes)

    __hash__ = None  # type: ignore[assignment] # lists have none either

    def __repr__(self) -> str:
        return f"Reply({self.kind!r}, {self.value!r})"


class _Open:
    """An aggregate whose elements are still coming in."""

    __slots__ = ("items", "kind", "left")

    def __init__(self, kind: Kind, left: int) -> None:
        self.kind = kind
        self.left = left
        self.items: list[object] = []


class Decoder:
    """Turns bytes into replies, however they are cut up.

    The work is linear in the bytes, the memory bounded by :data:`LARGEST_REPLY_BYTES`, and
    nesting costs no stack. Once the bytes have stopped being RESP, they stay so.
    """

    __slots__ = ("_at", "_attributes", "_buffer", "_failure", "_open", "_scanned", "_spent")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0  # where the next element starts
        self._scanned = 0  # up to where that element is known to hold no line end
        self._spent = 0  # bytes of the reply under way that have been read
        self._open: list[_Open] = []
        self._attributes: object = None
        self._failure: NotResp | None = None

    def feed(self, data: bytes) -> None:
        """Take in what the socket gave."""
        if self._failure is None:
            self._buffer += data

    @property
    def is_midway(self) -> bool:
        """Whether part of a reply has come in and the rest has not."""
        return bool(self._spent) or len(self._buffer) > self._at

    def next(self) -> Reply | None:
        """The next whole reply, or ``None`` as long as there is none.

        Raises:
            NotResp: The bytes are something else; :class:`TooLarge` where they are too many.
        """
        if self._failure is not None:
            raise self._failure
        try:
            reply = self._advance()
        except NotResp as failure:
            self._failure = failure
            self._buffer.clear()
            self._open.clear()
            raise
        if reply is None or self._at > _STALE_BYTES:
            del self._buffer[: self._at]
            self._scanned = max(self._scanned - self._at, 0)
            self._at = 0
        return reply

    def _advance(self) -> Reply | None:
        while True:
            start = self._at
            element = self._element()
            if element is None:
                return None
            self._spent += self._at - start + _ELEMENT_BYTES
            if self._spent > LARGEST_REPLY_BYTES:
                raise self._wrong("a reply is larger than 8 MiB", TooLarge)
            kind, value, children = element
            if children:
                if len(self._open) >= DEEPEST:
                    raise self._wrong(f"a reply is nested deeper than {DEEPEST} levels")
                self._open.append(_Open(kind, children))
                continue
            reply = self._placed(kind, value)
            if reply is not None:
                return reply

    def _placed(self, kind: Kind, value: object) -> Reply | None:
        """Put a whole value where it belongs, and close what it completes."""
        while kind != "attribute":
            if not self._open:
                reply = Reply(kind, value, self._attributes)
                self._attributes, self._spent = None, 0
                return reply
            around = self._open[-1]
            around.items.append(value)
            around.left -= 1
            if around.left:
                return None
            self._open.pop()
            kind, value = around.kind, _built(around.kind, around.items)
        # Attributes are no element of what they stand in; only those of the reply are kept.
        if not self._open:
            self._attributes = value
        return None

    def _element(self) -> tuple[Kind, object, int] | None:
        """Kind, value, and number of elements to follow; ``None`` while it is incomplete."""
        if self._at >= len(self._buffer):
            return None
        mark = self._buffer[self._at]
        kind = _KINDS.get(mark)
        if kind is None:
            raise self._wrong("no reply starts like that")
        line = self._line(_LONG_LINES.get(mark, _LONGEST_NUMBER))
        if line is None:
            return None
        after = self._at + len(line) + 3
        if mark in _SIZED:
            return self._string(mark, kind, self._count(line), after)
        if mark in _AGGREGATES:
            count = self._count(line)
            if count < 0 and mark not in b"*":
                raise self._wrong("a size is negative")
            children = count * 2 if mark in _PAIRED else count
            if children * _SMALLEST_ELEMENT > LARGEST_REPLY_BYTES:
                raise self._wrong(f"a reply claims {count} elements", TooLarge)
            self._at = self._scanned = after
            return ("null", None, 0) if count < 0 else (kind, _built(kind, []), children)
        value = self._scalar(kind, line)
        self._at = self._scanned = after
        return kind, value, 0

    def _line(self, longest: int) -> bytes | None:
        """What stands between the mark and the line end, at most *longest* bytes."""
        first = self._at + 1
        end = self._buffer.find(b"\r\n", max(self._scanned, first), first + longest + 2)
        if end >= 0:
            return bytes(self._buffer[first:end])
        if len(self._buffer) >= first + longest + 2:
            kind = TooLarge if longest == _LONGEST_LINE else NotResp
            raise self._wrong("a line does not end where it must", kind)
        # The line end may have been cut in two.
        self._scanned = len(self._buffer) - 1
        return None

    def _string(
        self, mark: int, kind: Kind, size: int, start: int
    ) -> tuple[Kind, object, int] | None:
        if size < 0:
            if mark not in b"$":
                raise self._wrong("a size is negative")
            self._at = self._scanned = start
            return "null", None, 0
        if size > LARGEST_REPLY_BYTES:
            raise self._wrong(f"a reply claims {size} bytes", TooLarge)
        end = start + size
        if self._buffer[end : end + 2] != b"\r\n"[: max(len(self._buffer) - end, 0)]:
            raise self._wrong("a string does not end where it said")
        if len(self._buffer) < end + 2:
            return None
        body = bytes(self._buffer[start:end])
        value: object = body
        if mark in b"!":
            value = RedisError(_decoded(body))
        elif mark in b"=":
            if body[3:4] != b":":
                raise self._wrong("a verbatim string does not say what it is")
            value = body[4:]
        self._at = self._scanned = end + 2
        return kind, value, 0

    def _count(self, line: bytes) -> int:
        if line == b"-1":
            return -1
        if not line.isdigit():
            raise self._wrong("a size is no number")
        return int(line)

    def _scalar(self, kind: Kind, line: bytes) -> object:
        if kind in {"simple", "error"}:
            if b"\r" in line or b"\n" in line:
                raise self._wrong("a line holds half a line end")
            text = _decoded(line)
            return RedisError(text) if kind == "error" else printable_text(text)
        if kind in {"integer", "big-number", "double"}:
            number = _number(kind, line)
            if number is not None:
                return number
        elif kind == "boolean" and line in {b"t", b"f"}:
            return line == b"t"
        elif kind == "null" and not line:
            return None
        raise self._wrong(f"that is no {kind}")

    def _wrong(self, because: str, kind: type[NotResp] = NotResp) -> NotResp:
        return kind(because, bytes(self._buffer[self._at : self._at + 4096]))


def encode(*args: bytes | str) -> bytes:
    """A command and its arguments as a server reads them; text goes out as UTF-8."""
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        raw = arg.encode() if isinstance(arg, str) else arg
        parts.append(b"$%d\r\n%b\r\n" % (len(raw), raw))
    return b"".join(parts)


def parse_info(text: object) -> dict[str, str]:
    """The ``field:value`` lines of ``INFO``, whatever section they stand in.

    Raises:
        NotResp: *text* is no text.
    """
    fields = {}
    for line in _lines(text):
        name, colon, value = line.partition(":")
        if colon and not name.startswith("#"):
            fields[printable_text(name)] = printable_text(value)
    return fields


def parse_cluster_info(text: object) -> dict[str, str]:
    """The ``field:value`` lines of ``CLUSTER INFO``.

    Raises:
        NotResp: *text* is no text.
    """
    return parse_info(text)


def parse_client_list(text: object) -> list[dict[str, str]]:
    """The ``field=value`` pairs of ``CLIENT LIST``, one dictionary for each client.

    Raises:
        NotResp: *text* is no text.
    """
    clients = []
    for line in _lines(text):
        pairs = (word.partition("=") for word in line.split(" "))
        client = {
            printable_text(name): printable_text(value) for name, equals, value in pairs if equals
        }
        if client:
            clients.append(client)
    return clients


def parse_cluster_slots(reply: object) -> tuple[ClusterNode, ...]:
    """The nodes of ``CLUSTER SLOTS``, each once; the first of a range is its primary.

    Here as in the two functions below: roles are ``primary`` and ``replica``, slots are the
    primary's alone, a node that keeps its address to itself has the host ``""``, and entries
    that are not well formed are left out.

    Raises:
        NotResp: *reply* is no list.
    """
    nodes = _Nodes()
    for entry in _list(reply):
        if not isinstance(entry, list) or len(entry) < 3:  # first, last, a node
            continue
        slots = _slot_pair(entry[0], entry[1])
        for place, node in enumerate(entry[2:]):
            if not isinstance(node, list) or len(node) < 2:  # host and port
                continue
            host, port = _word(node[0]), _port(node[1])
            if slots is not None and host is not None and port is not None:
                identity = (_word(node[2]) or "" if len(node) > 2 else "", host, port)
                nodes.add(identity, "replica" if place else "primary", (slots,))
    return nodes.all()


def parse_cluster_shards(reply: object, *, tls: bool = False) -> tuple[ClusterNode, ...]:
    """The nodes of ``CLUSTER SHARDS``, in the form of either protocol version.

    Health is the server's own word: ``online``, ``failed`` or ``loading``. A node with two ports
    is given with the one that *tls* asks for.

    Raises:
        NotResp: *reply* is no list.
    """
    nodes = _Nodes()
    for entry in _list(reply):
        shard = _fields(entry)
        flat = shard.get("slots")
        bounds = flat if isinstance(flat, list) else []
        pairs = [_slot_pair(*pair) for pair in zip(bounds[::2], bounds[1::2])]
        slots = tuple(pair for pair in pairs if pair is not None)
        members = shard.get("nodes")
        for member in members if isinstance(members, list) else []:
            node = _fields(member)
            host = _word(node.get("endpoint", node.get("ip", b"")))
            ports = [_port(node.get(name)) for name in ("tls-port", "port")]
            port = next((each for each in (ports if tls else ports[::-1]) if each), None)
            if host is None or port is None:
                continue
            role = "primary" if _word(node.get("role")) in {"master", "primary"} else "replica"
            identity = (_word(node.get("id")) or "", host, port)
            nodes.add(identity, role, slots, _word(node.get("health")) or "")
    return nodes.all()


def parse_cluster_nodes(text: object) -> tuple[ClusterNode, ...]:
    """The nodes of ``CLUSTER NODES``, by their addresses, or by name where they have none.

    Health is ``failed`` where the cluster agrees on it, ``suspected`` where only the node that
    was asked thinks so, ``handshake`` or ``noaddr`` as flagged, ``disconnected`` where the link
    to it is down, else ``online``.

    Raises:
        NotResp: *text* is no text.
    """
    nodes = _Nodes()
    for line in _lines(text):
        words = line.split(" ")
        if len(words) < 8:  # id, address, flags, primary, ping, pong, epoch, link
            continue
        address, _, names = words[1].partition(",")
        host, colon, port = address.partition("@")[0].rpartition(":")
        number = _port(int(port) if port.isdecimal() and len(port) < 6 else None)
        flags = words[2].split(",")
        if not colon or number is None or not ({"master", "slave"} & set(flags)):
            continue
        pairs = [_slot_range(word) for word in words[8:] if not word.startswith("[")]
        slots = tuple(pair for pair in pairs if pair is not None)
        shown = printable_text(host or names.partition(",")[0])
        role = "primary" if "master" in flags else "replica"
        identity = (printable_text(words[0]), shown, number)
        nodes.add(identity, role, slots, _health(flags, words[7]))
    return nodes.all()


class _Nodes:
    """Gathers what is said of each node in different places."""

    def __init__(self) -> None:
        self._said: dict[Identity, tuple[str, str, list[tuple[int, int]]]] = {}

    def add(
        self, who: Identity, role: str, slots: tuple[tuple[int, int], ...], health: str = ""
    ) -> None:
        role, _, known = self._said.setdefault(who, (role, health, []))
        if role == "primary":
            known.extend(slots)

    def all(self) -> tuple[ClusterNode, ...]:
        return tuple(
            ClusterNode(
                host=host,
                port=port,
                role=role,
                slots=tuple(sorted(slots)),
                node_id=node_id,
                health=health,
            )
            for (node_id, host, port), (role, health, slots) in self._said.items()
        )


def _health(flags: list[str], link: str) -> str:
    for flag, word in (("fail", "failed"), ("fail?", "suspected")):
        if flag in flags:
            return word
    for flag in ("handshake", "noaddr"):
        if flag in flags:
            return flag
    return "disconnected" if link == "disconnected" else "online"


def _slot_range(word: str) -> tuple[int, int] | None:
    first, dash, last = word.partition("-")
    last = last if dash else first
    if not (first.isdecimal() and last.isdecimal()) or len(word) > 11:  # 16383-16383
        return None
    return _slot_pair(int(first), int(last))


def _slot_pair(first: object, last: object) -> tuple[int, int] | None:
    if type(first) is int and type(last) is int and 0 <= first <= last < _SLOTS:
        return first, last
    return None


def _port(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 1 << 16 else None


def _word(value: object) -> str | None:
    """A short text from a reply; nothing said is an empty one, anything else is ``None``."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        value = _decoded(value)
    return printable_text(value) if isinstance(value, str) else None


def _fields(value: object) -> dict[str, object]:
    """A map as RESP3 gives it, or as the flat list of keys and values of RESP2."""
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(zip(value[::2], value[1::2]))
    else:
        return {}
    named = ((_word(name), each) for name, each in pairs)
    return {name: each for name, each in named if name}


def _number(kind: Kind, line: bytes) -> float | None:
    unsigned = line[1:] if line[:1] in {b"-", b"+"} else line
    if kind == "double":
        # Python would take blanks and underscores as well.
        if unsigned.lower() in {b"inf", b"nan"} or not unsigned.strip(b"+-.0123456789eE"):
            try:
                return float(line)
            except ValueError:
                pass
        return None
    if not unsigned.isdigit():
        return None
    number = int(line)
    return number if kind == "big-number" or -(1 << 63) <= number < 1 << 63 else None


def _built(kind: Kind, items: list[object]) -> object:
    if kind not in {"map", "attribute"}:
        return items
    pairs = list(zip(items[::2], items[1::2]))
    # Equal hashes of numbers can be had at will, and would make a dictionary slow; of strings not.
    if all(isinstance(key, (bytes, str)) for key, _ in pairs):
        return dict(pairs)
    return pairs


def _list(reply: object) -> list[object]:
    value = reply.value if isinstance(reply, Reply) else reply
    if not isinstance(value, list):
        raise NotResp(f"expected a list, got {type(value).__name__}")
    return value


def _lines(text: object) -> list[str]:
    value = text.value if isinstance(text, Reply) else text
    if isinstance(value, bytes):
        value = _decoded(value)
    if not isinstance(value, str):
        raise NotResp(f"expected a text, got {type(value).__name__}")
    return [line.rstrip("\r") for line in value.split("\n")]


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")
