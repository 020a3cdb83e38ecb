"""A DNS server on loopback, UDP and TCP on one port, whose zone can lie, stall and change.

Source of the wire format: RFC 1035, sections 4.1 and 4.2; RFC 6891 for the client's buffer size.
"""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
import socket
import struct
import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Trouble = Literal["nxdomain", "servfail", "refused", "silent", "garbled"]

_TYPES = {1: "A", 5: "CNAME", 28: "AAAA"}
_NUMBERS = {word: number for number, word in _TYPES.items()}
_RCODES = {"noerror": 0, "servfail": 2, "nxdomain": 3, "refused": 5}
_OPT, _IN = 41, 1
_RESPONSE, _TRUNCATED, _WANTED, _AVAILABLE = 0x8000, 0x0200, 0x0100, 0x0080
_LONGEST_CHAIN, _LONGEST_LABEL = 16, 63


@dataclass(frozen=True)
class Entry:
    """What the zone says of one name.

    Attributes:
        a: Its IPv4 addresses, in the order given.
        aaaa: Its IPv6 addresses; a name with neither has no address (NODATA).
        cname: The name that it is an alias of.
        ttl_s: The time to live of its records.
        trouble: What goes wrong instead of an answer.
        slow_s: How long the answer takes.
        truncated: Whether an answer by UDP sends the client to TCP.
        questions: After so many questions (of one type) the name's next entry counts.
    """

    a: tuple[str, ...] = ()
    aaaa: tuple[str, ...] = ()
    cname: str | None = None
    ttl_s: int = 60
    trouble: Trouble | None = None
    slow_s: float = 0.0
    truncated: bool = False
    questions: int | None = None


@dataclass(frozen=True)
class Answer:
    """What the resolver says to one question: ``(name, type, value, ttl)`` in order."""

    records: tuple[tuple[str, str, str, int], ...]
    rcode: str = "noerror"
    trouble: Trouble | None = None
    slow_s: float = 0.0
    truncated: bool = False

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses at the end of the chain."""
        return tuple(value for _, kind, value, _ in self.records if kind != "CNAME")


class Zone:
    """All that one resolver knows; a name that it does not know does not exist (NXDOMAIN).

    Attributes:
        trouble: What befalls every question, where the resolver itself is ill; ``"closed"`` is a
            port on which no resolver listens.
        slow_s: How long every answer takes.
        view: What the client's own network knows of a name and nobody else does; ``None`` for
            names of which it knows nothing.
    """

    def __init__(self) -> None:
        self.view: Callable[[str], Entry | None] | None = None
        self.trouble: Trouble | Literal["closed"] | None = None
        self.slow_s = 0.0
        self._entries: dict[str, tuple[Entry, ...]] = {}
        self._asked: Counter[tuple[str, str]] = Counter()
        self._counting = threading.Lock()

    def says(self, name: str, *entries: Entry) -> None:
        """Set what is said of *name*: one entry, or several that follow one another."""
        self._entries[_key(name)] = entries

    def a(self, name: str, *addresses: str, ttl_s: int = 60) -> None:
        """Give *name* addresses, IPv4 or IPv6."""
        four = tuple(a for a in addresses if ":" not in a)
        six = tuple(a for a in addresses if a not in four)
        self.says(name, Entry(a=four, aaaa=six, ttl_s=ttl_s))

    def chain(self, *names: str, to: Iterable[str] = (), ttl_s: int = 60) -> None:
        """Make each of *names* an alias of the next; the last one gets the addresses *to*."""
        for name, target in itertools.pairwise(names):
            self.says(name, Entry(cname=target, ttl_s=ttl_s))
        if addresses := tuple(to):
            self.a(names[-1], *addresses, ttl_s=ttl_s)

    def forget(self, name: str) -> None:
        """Let *name* no longer exist."""
        self._entries.pop(_key(name), None)

    def asked(self, name: str, kind: str = "A") -> int:
        """How often the zone was asked for *name*."""
        return self._asked[_key(name), kind]

    def look_up(self, name: str, kind: str) -> Answer:
        """Answer one question, and count it."""
        records: list[tuple[str, str, str, int]] = []
        slow_s, truncated = self.slow_s, False
        for _ in range(_LONGEST_CHAIN):
            entry = self._now(name, kind)
            if entry is None:
                return Answer(tuple(records), "nxdomain", None, slow_s, truncated)
            slow_s, truncated = slow_s + entry.slow_s, truncated or entry.truncated
            if entry.trouble is not None:
                rcode = entry.trouble if entry.trouble in _RCODES else "noerror"
                told = tuple(records) if rcode == "nxdomain" else ()
                return Answer(told, rcode, entry.trouble, slow_s, truncated)
            if entry.cname is None:
                values = {"A": entry.a, "AAAA": entry.aaaa}.get(kind, ())
                records += [(name, kind, value, entry.ttl_s) for value in values]
                return Answer(tuple(records), "noerror", None, slow_s, truncated)
            records.append((name, "CNAME", entry.cname, entry.ttl_s))
            if kind == "CNAME":
                return Answer(tuple(records), "noerror", None, slow_s, truncated)
            name = entry.cname
        return Answer((), "servfail", None, slow_s, truncated)

    def _now(self, name: str, kind: str) -> Entry | None:
        key = _key(name)
        own = self.view(key) if self.view is not None else None
        if own is not None:
            return own
        with self._counting:
            entries = self._entries.get(key)
            asked = self._asked[key, kind]
            self._asked[key, kind] += 1
        if not entries:
            return None
        for entry in entries[:-1]:
            if entry.questions is None or asked < entry.questions:
                return entry
            asked -= entry.questions
        return entries[-1]


def _key(name: str) -> str:
    return name.rstrip(".").lower()


class DnsServer:
    """Answers from *zone* on one free port of loopback, UDP and TCP; a context manager."""

    def __init__(self, zone: Zone, host: str = "127.0.0.1", port: int = 0) -> None:
        self.zone = zone
        self.host = host
        self.port = port
        self._sockets: tuple[socket.socket, ...] = ()
        self._over = threading.Event()

    @property
    def address(self) -> str:
        """``address:port``, as ``--resolver`` takes it."""
        return f"{self.host}:{self.port}"

    def start(self) -> Self:
        """Bind both sockets and answer in threads."""
        udp, tcp = self._sockets = self._bind()
        if self.zone.trouble == "closed":
            self.stop()
            return self
        _in_thread(self._serve_udp, udp)
        _in_thread(self._serve_tcp, tcp)
        return self

    def stop(self) -> None:
        """Close both sockets; questions still open are never answered."""
        self._over.set()
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _bind(self) -> tuple[socket.socket, socket.socket]:
        for _ in range(50):
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tcp.bind((self.host, self.port))
                udp.bind((self.host, tcp.getsockname()[1]))
                tcp.listen(64)
            except OSError:
                udp.close()
                tcp.close()
                if self.port:
                    raise
                continue
            self.port = tcp.getsockname()[1]
            return udp, tcp
        raise OSError("no port is free for UDP and TCP alike")

    def _serve_udp(self, udp: socket.socket) -> None:
        while not self._over.is_set():
            try:
                question, asker = udp.recvfrom(4096)
            except ConnectionResetError:
                continue  # Darwin tells of askers that are gone
            except OSError:
                return
            _in_thread(self._answer_udp, udp, question, asker)

    def _answer_udp(self, udp: socket.socket, question: bytes, asker: tuple[str, int]) -> None:
        answer = self._reply(question, by_udp=True)
        if answer is not None:
            with contextlib.suppress(OSError):
                udp.sendto(answer, asker)

    def _serve_tcp(self, tcp: socket.socket) -> None:
        while not self._over.is_set():
            try:
                sock, _ = tcp.accept()
            except OSError:
                return
            _in_thread(self._converse, sock)

    def _converse(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            sock.settimeout(10.0)
            while size := _exactly(sock, 2):
                question = _exactly(sock, int.from_bytes(size, "big"))
                answer = self._reply(question, by_udp=False)
                if answer is not None:
                    sock.sendall(struct.pack("!H", len(answer)) + answer)

    def _reply(self, question: bytes, *, by_udp: bool) -> bytes | None:
        try:
            asked = _Question.read(question)
        except (IndexError, struct.error, UnicodeError, ValueError):
            return None
        trouble = self.zone.trouble
        if trouble is not None and trouble != "closed":
            rcode = trouble if trouble in _RCODES else "noerror"
            answer = Answer((), rcode, trouble, self.zone.slow_s)
        else:
            answer = self.zone.look_up(asked.name, asked.kind)
        if answer.slow_s and self._over.wait(answer.slow_s):
            return None
        if answer.trouble == "silent":
            return None
        if answer.trouble == "garbled":
            return (
                question[:2] + b"\x81\x80" + question[4:6] + b"\x00\x01\x00\x00\x00\x00" + b"\xc0"
            )
        whole = asked.write(answer)
        if by_udp and (answer.truncated or len(whole) > asked.room):
            return asked.write(Answer((), answer.rcode), _TRUNCATED)
        return whole

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


@dataclass(frozen=True)
class _Question:
    """One question as it was put; letters keep their case in the answer."""

    id: int
    flags: int
    name: str
    kind: str
    raw: bytes
    room: int

    @classmethod
    def read(cls, data: bytes) -> _Question:
        number, flags, questions, _, _, extras = struct.unpack("!6H", data[:12])
        if questions != 1 or flags & _RESPONSE:
            raise ValueError("not one question")
        labels, at = [], 12
        while size := data[at]:
            if size > _LONGEST_LABEL:
                raise ValueError("a question is never compressed")
            labels.append(data[at + 1 : at + 1 + size].decode("latin-1"))
            at += 1 + size
        kind, _ = struct.unpack("!2H", data[at + 1 : at + 5])
        end, room = at + 5, 512
        # An OPT record stands at the root: a zero, its type, and the buffer size as its class.
        if extras and data[end : end + 3] == struct.pack("!BH", 0, _OPT):
            room = max(512, *struct.unpack("!H", data[end + 3 : end + 5]))
        return cls(number, flags, ".".join(labels), _TYPES.get(kind, str(kind)), data[12:end], room)

    def write(self, answer: Answer, more_flags: int = 0) -> bytes:
        flags = _RESPONSE | _AVAILABLE | self.flags & _WANTED | more_flags | _RCODES[answer.rcode]
        head = struct.pack("!6H", self.id, flags, 1, len(answer.records), 0, 0)
        return head + self.raw + b"".join(_record(*record) for record in answer.records)


def _in_thread(work: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=work, args=arguments, name="lab-dns", daemon=True).start()


def _record(name: str, kind: str, value: str, ttl_s: int) -> bytes:
    body = _wire(value) if kind == "CNAME" else ipaddress.ip_address(value).packed
    return _wire(name) + struct.pack("!2HIH", _NUMBERS[kind], _IN, ttl_s, len(body)) + body


def _wire(name: str) -> bytes:
    labels = [label.encode("latin-1") for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\x00"


def _exactly(sock: socket.socket, wanted: int) -> bytes:
    data = b""
    while len(data) < wanted:
        more = sock.recv(wanted - len(data))
        if not more:
            break
        data += more
    return data
