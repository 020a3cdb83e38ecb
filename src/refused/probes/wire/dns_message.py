"""Questions to a resolver as bytes, and its answers read back (RFC 1035, RFC 6891)."""

from __future__ import annotations

import struct

from refused.evidence.observations import DnsRecord
from refused.evidence.record import Record
from refused.probes.wire.addresses import ipv4_text, ipv6_text
from refused.probes.wire.first_bytes import printable_text

_IN = 1
_A, _CNAME, _SOA, _AAAA, _OPT = 1, 5, 6, 28, 41

# OPT: root name, type 41, 1232 bytes of UDP payload (the least MTU of IPv6 less headers), no flags.
_EDNS = b"\0" + b"\0\x29" + b"\x04\xd0" + b"\0\0\0\0" + b"\0\0"

# Types whose whole value is one name: NS, CNAME, PTR, DNAME.
_NAME_VALUED = (2, _CNAME, 12, 39)

_TYPES = {
    1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV",
    35: "NAPTR", 39: "DNAME", 41: "OPT", 43: "DS", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY",
    50: "NSEC3", 52: "TLSA", 64: "SVCB", 65: "HTTPS", 99: "SPF", 257: "CAA",
}  # fmt: skip

# A name has at most 127 labels, and no honest server needs more pointers than labels.
_MOST_POINTERS = 127

# FORMERR, SERVFAIL, NOTIMP, REFUSED: some servers leave the question out of these.
_CURT = (1, 2, 4, 5)


class BadName(ValueError):
    """A name that cannot be asked for; the message says why."""


class GarbledMessage(ValueError):
    """Bytes that are no answer to the question that was asked; the message says why."""


class DnsReply(Record):
    r"""One answer as the resolver sent it.

    Attributes:
        rcode: The response code with the upper bits from EDNS, 3 being NXDOMAIN.
        truncated: Whether it must be asked for again by TCP; *answers* may then be too few.
        answers: The answer section in order. Names have no closing dot, and octets that are no
            plain letters are written ``\DDD``; a value of a type without a text form is hex.
        soa_name: The zone that says no, from the authority section of a negative answer.
    """

    rcode: int
    truncated: bool
    authoritative: bool
    recursion_available: bool
    answers: tuple[DnsRecord, ...] = ()
    soa_name: str | None = None


def ascii_name(name: str) -> bytes:
    """*name* as it goes over the wire and into TLS: ASCII, without the closing dot.

    Raises:
        BadName: It is empty, too long, has an empty label, a blank or a control character.
    """
    # No name this long fits, and the IDNA codec of older Pythons is slow on very long ones.
    if len(name) > 254:
        raise BadName("the name is longer than 253 characters")
    try:
        raw = name.encode("ascii")
    except UnicodeEncodeError:
        try:
            raw = name.encode("idna")
        except UnicodeError as why:
            raise BadName(f"{printable_text(name)!r} is no international name: {why}") from None
    raw = raw[:-1] if raw.endswith(b".") else raw
    said = printable_text(name)
    if any(byte <= 32 or byte >= 127 for byte in raw):
        raise BadName(f"{said!r} holds a blank or a control character")
    for label in raw.split(b"."):
        if not label:
            raise BadName(f"{said!r} has an empty label")
        if len(label) > 63:
            raise BadName(f"{said!r} has a label longer than 63 characters")
    if len(raw) > 253:
        raise BadName("the name is longer than 253 characters")
    return raw


def build_query(name: str, qtype: int, ident: int, *, recursion: bool = True) -> bytes:
    """The message that asks for *qtype* of *name*, without the length that TCP wants before it.

    Raises:
        BadName: *name* cannot be asked for.
    """
    header = struct.pack("!6H", ident, 0x0100 if recursion else 0, 1, 0, 0, 1)
    asked = b"".join(bytes((len(label),)) + label for label in _labels_of(name)) + b"\0"
    return header + asked + struct.pack("!HH", qtype, _IN) + _EDNS


def parse_response(data: bytes, ident: int, name: str, qtype: int) -> DnsReply:
    """Read the answer to the question that :func:`build_query` made of the same arguments.

    Bytes behind the message are ignored, as resolvers in C libraries do. Letter case in names
    tells nothing. A truncated message is read as far as it goes.

    Raises:
        GarbledMessage: It is another question's answer, or no well-formed message.
        BadName: *name* is one that cannot have been asked for.
    """
    if not 12 <= len(data) <= 65535:
        raise GarbledMessage(f"{len(data)} bytes are no DNS message")
    got, flags, questions, *counts = struct.unpack_from("!6H", data)
    if got != ident:
        raise GarbledMessage(f"it answers question {got}, not {ident}")
    if not flags & 0x8000:
        raise GarbledMessage("it is a question, not an answer")
    if flags & 0x7800:
        raise GarbledMessage("it answers another kind of request than a query")
    at = _past_question(data, questions, flags & 15, (_labels_of(name), qtype))

    sections = _Sections(flags & 15)
    truncated = bool(flags & 0x0200)
    try:
        sections.read(data, at, *counts)
    except GarbledMessage:
        if not truncated:
            raise
    return DnsReply(
        rcode=sections.rcode,
        truncated=truncated,
        authoritative=bool(flags & 0x0400),
        recursion_available=bool(flags & 0x0080),
        answers=tuple(sections.answers),
        soa_name=sections.soa_name,
    )


def _labels_of(name: str) -> list[bytes]:
    return [] if name == "." else ascii_name(name).split(b".")


def _past_question(data: bytes, questions: int, rcode: int, asked: tuple[list[bytes], int]) -> int:
    """Make sure that the question is ours, and return where it ends."""
    if questions == 0 and rcode in _CURT:
        return 12
    if questions != 1:
        raise GarbledMessage(f"it repeats {questions} questions")
    labels, at = _name(data, 12)
    if at + 4 > len(data):
        raise GarbledMessage("it ends within the question")
    qtype, qclass = struct.unpack_from("!HH", data, at)
    ours = [label.lower() for label in asked[0]]
    if [label.lower() for label in labels] != ours or (qtype, qclass) != (asked[1], _IN):
        raise GarbledMessage(f"it answers for {_text(labels)} {_type(qtype)}")
    return at + 4


class _Sections:
    """What the three sections of records say, as far as they could be read."""

    def __init__(self, rcode: int) -> None:
        self.answers: list[DnsRecord] = []
        self.soa_name: str | None = None
        self.rcode = rcode

    def read(self, data: bytes, at: int, answers: int, authorities: int, others: int) -> None:
        for _ in range(answers):
            at = self._answer(data, at)
        for _ in range(authorities):
            owner, kind, _class, _ttl, _start, at = _record(data, at)
            if kind == _SOA and self.soa_name is None:
                self.soa_name = _text(owner)
        for _ in range(others):
            _owner, kind, _class, ttl, _start, at = _record(data, at)
            if kind == _OPT:
                # The upper eight bits. Source: RFC 6891, section 6.1.3.
                self.rcode |= ttl >> 24 << 4

    def _answer(self, data: bytes, at: int) -> int:
        owner, kind, rclass, ttl, start, end = _record(data, at)
        # A record of another class is passed over, as by the C library.
        if rclass == _IN:
            record = DnsRecord(
                name=_text(owner),
                type=_type(kind),
                value=_value(data, kind, start, end),
                # The topmost bit means zero. Source: RFC 2181, section 8.
                ttl_s=ttl if ttl < 1 << 31 else 0,
            )
            self.answers.append(record)
        return end


def _record(data: bytes, at: int) -> tuple[list[bytes], int, int, int, int, int]:
    """Owner, type, class, TTL, and where the value starts and ends."""
    owner, at = _name(data, at)
    if at + 10 > len(data):
        raise GarbledMessage("it ends within a record")
    kind, rclass, ttl, length = struct.unpack_from("!HHIH", data, at)
    if at + 10 + length > len(data):
        raise GarbledMessage("a record is longer than the message")
    return owner, kind, rclass, ttl, at + 10, at + 10 + length


def _value(data: bytes, kind: int, start: int, end: int) -> str:
    if kind == _A:
        _hold(end - start == 4, kind)
        return ipv4_text(data[start:end])
    if kind == _AAAA:
        _hold(end - start == 16, kind)
        return ipv6_text(data[start:end])
    if kind in _NAME_VALUED:
        labels, after = _name(data, start)
        _hold(after == end, kind)
        return _text(labels)
    if kind == _SOA:
        primary, after = _name(data, start)
        contact, after = _name(data, after)
        _hold(after + 20 == end, kind)
        numbers = struct.unpack_from("!5I", data, after)
        return " ".join((_text(primary), _text(contact), *map(str, numbers)))
    return data[start:end].hex()


def _hold(fits: bool, kind: int) -> None:  # noqa: FBT001 - reads as a sentence
    if not fits:
        raise GarbledMessage(f"a record of type {_type(kind)} has the wrong length")


def _name(data: bytes, at: int) -> tuple[list[bytes], int]:
    """The labels of the name at *at*, and where the bytes behind it start."""
    labels: list[bytes] = []
    room, pointers, barrier, after = 255, 0, at, -1
    while at < len(data):
        length = data[at]
        if length == 0:
            return labels, at + 1 if after < 0 else after
        if length < 64:
            labels.append(data[at + 1 : at + 1 + length])
            at += 1 + length
            room -= 1 + length
            if room < 1:
                raise GarbledMessage("a name is longer than 255 bytes")
        elif length >= 192:
            if after < 0:
                after = at + 2
            at = (length & 63) << 8 | int.from_bytes(data[at + 1 : at + 2], "big")
            pointers += 1
            # A pointer that leads anywhere but back could go round in circles.
            if not 12 <= at < barrier or after > len(data) or pointers > _MOST_POINTERS:
                raise GarbledMessage("a name is compressed with a pointer that leads nowhere")
            barrier = at
        else:
            raise GarbledMessage("a name holds a label of an unknown kind")
    raise GarbledMessage("a name runs past the end of the message")


def _text(labels: list[bytes]) -> str:
    if not labels:
        return "."
    return ".".join(_label_text(label) for label in labels)


def _label_text(label: bytes) -> str:
    if label.isalnum():
        return label.decode("ascii")
    # A dot or a backslash within a label is escaped, so that the text has one reading.
    return "".join(
        chr(byte) if 32 < byte < 127 and byte not in b".\\" else f"\\{byte:03}" for byte in label
    )


def _type(number: int) -> str:
    return _TYPES.get(number) or f"TYPE{number}"
