"""Questions and answers of DNS, held against dnspython."""

from __future__ import annotations

import struct

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from dns.rdtypes.ANY.CNAME import CNAME as CNAME_RDATA
from dns.rdtypes.ANY.NS import NS as NS_RDATA
from dns.rdtypes.ANY.SOA import SOA as SOA_RDATA
from hypothesis import given
from hypothesis import strategies as st

from refused.evidence.observations import DnsRecord
from refused.probes.wire.dns_message import (
    BadName,
    DnsReply,
    GarbledMessage,
    ascii_name,
    build_query,
    parse_response,
)
from tests.probes.wire.garbage import MODEST, PATIENCE_S, cpu_seconds, mutated

A, CNAME, SOA, AAAA = 1, 5, 6, 28
HOST = "mycache.redis.cache.windows.net"

LABELS = st.from_regex(r"[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,20}[a-zA-Z0-9])?", fullmatch=True)
HOST_NAMES = st.lists(LABELS, min_size=1, max_size=6).map(".".join)
# On the wire a label may hold any byte. Few letters, so that names share endings to compress.
WILD_LABELS = st.binary(min_size=1, max_size=12) | st.sampled_from(
    [b"a", b"B", b".", b"\\", b" ", b"\x7f"]
)
WILD_NAMES = st.lists(WILD_LABELS, max_size=6).map(lambda labels: dns.name.Name([*labels, b""]))
TTLS = st.integers(0, 2**31 - 1)


def _same_name(text: str) -> dns.name.Name:
    return dns.name.from_text(text)


@st.composite
def _rdata(draw: st.DrawFn) -> dns.rdata.Rdata:
    kind = draw(
        st.sampled_from(["A", "AAAA", "CNAME", "NS", "SOA", "TXT", "MX", "CAA", "TYPE4711"])
    )
    name, other = draw(WILD_NAMES), draw(WILD_NAMES)
    number = draw(st.integers(0, 2**32 - 1))
    text = {
        "A": ".".join(map(str, draw(st.binary(min_size=4, max_size=4)))),
        "AAAA": draw(st.ip_addresses(v=6)).exploded,
        "SOA": f"{name} {other} {number} 1 2 3 300",
        "TXT": '"v=spf1 -all" "x"',
        "MX": f"10 {name}",
        "CAA": '0 issue "example.org"',
        "TYPE4711": "\\# 3 0aff00",
    }.get(kind, str(name))
    return dns.rdata.from_text("IN", kind, text)


@st.composite
def _replies(draw: st.DrawFn) -> dns.message.Message:
    query = dns.message.make_query(HOST, "A", use_edns=0 if draw(st.booleans()) else None)
    reply = dns.message.make_response(query)
    reply.flags |= draw(
        st.sampled_from([0, dns.flags.AA, dns.flags.RA, dns.flags.AA | dns.flags.RA])
    )
    reply.set_rcode(dns.rcode.Rcode(draw(st.sampled_from([0, 2, 3, 5]))))
    for section, most in ((reply.answer, 4), (reply.authority, 2), (reply.additional, 1)):
        for _ in range(draw(st.integers(0, most))):
            section.append(dns.rrset.from_rdata(draw(WILD_NAMES), draw(TTLS), draw(_rdata())))
    return reply


REPLIES = _replies()


def _reply(flags: int = 0x8180, counts: tuple[int, ...] = (1, 1, 0, 0), rest: bytes = b"") -> bytes:
    """The answer to question 7, A of ``a.b``, with *rest* behind the question."""
    return struct.pack("!6H", 7, flags, *counts) + b"\1a\1b\0\0\1\0\1" + rest


def _read(data: bytes) -> DnsReply:
    return parse_response(data, 7, "a.b", A)


ADDRESS = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\0\0\4"
GOOD = _reply(rest=ADDRESS)


# --- questions


@MODEST
@given(HOST_NAMES, st.sampled_from([A, AAAA, CNAME, SOA, 65]), st.integers(0, 65535), st.booleans())
def test_a_question_is_byte_for_byte_the_one_that_dnspython_asks(
    name: str,
    qtype: int,
    ident: int,
    recursion: bool,
) -> None:
    """Header, question and the EDNS record alike."""
    theirs = dns.message.make_query(
        name, dns.rdatatype.RdataType(qtype), use_edns=0, payload=1232, id=ident
    )
    if not recursion:
        theirs.flags &= ~dns.flags.RD

    assert build_query(name, qtype, ident, recursion=recursion) == theirs.to_wire()
    assert build_query(f"{name}.", qtype, ident, recursion=recursion) == theirs.to_wire()


def test_the_root_can_be_asked_for() -> None:
    """It is the one name with no label."""
    assert dns.message.from_wire(build_query(".", 2, 1)).question[0].name == dns.name.root


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("Bücher.example", b"xn--bcher-kva.example"),
        ("cache。例え.example", b"cache.xn--r8jz45g.example"),
        ("MyCache.example.", b"MyCache.example"),
    ],
)
def test_a_name_in_any_script_goes_out_in_ascii(name: str, asked: bytes) -> None:
    """As the standard library would do it for ``getaddrinfo``; ASCII is left as it is."""
    assert ascii_name(name) == asked


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "empty label"),
        ("..", "empty label"),
        (".example", "empty label"),
        ("a..example", "empty label"),
        ("a" * 64 + ".example", "longer than 63"),
        ("ü" * 64 + ".example", "no international name"),
        (".".join(["a" * 63] * 4), "longer than 253"),
        ("a" * 1_000_000, "longer than 253"),
        ("ü" * 1_000_000, "longer than 253"),
        ("my cache.example", "blank"),
        ("cache\n.example", "blank or a control character"),
        ("cache\x7f.example", "blank or a control character"),
        ("\u200e.example", "empty label|no international name"),
    ],
)
def test_a_name_that_cannot_be_asked_for(name: str, why: str) -> None:
    """The error says why, and shows no control character."""
    with pytest.raises(BadName, match=why) as caught:
        build_query(name, A, 1)

    assert str(caught.value).isprintable()


def test_the_longest_name_is_253_characters() -> None:
    """With lengths and the root they make the 255 bytes that the protocol allows."""
    longest = ".".join(["a" * 63] * 3 + ["a" * 61])
    assert len(longest) == 253

    assert dns.message.from_wire(build_query(longest, A, 1)).question[0].name == _same_name(longest)
    with pytest.raises(BadName):
        build_query(longest + "a", A, 1)


def test_a_label_is_shown_with_one_reading() -> None:
    """Letters stay, whatever else could be mistaken becomes a number."""
    labels = (b"a-_1*!~", b"a.b", b"a\\b", b" ", b"\x1f\x7f\x80\xff")
    owner = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"

    ours = _read(_reply(rest=owner + ADDRESS[2:]))

    assert ours.answers[0].name == r"a-_1*!~.a\046b.a\092b.\032.\031\127\128\255"


@pytest.mark.parametrize(
    ("number", "name"),
    [(2, "NS"), (33, "SRV"), (39, "DNAME"), (41, "OPT"), (46, "RRSIG"), (52, "TLSA"), (64, "SVCB"),
     (65, "HTTPS"), (66, "TYPE66"), (257, "CAA")],
)  # fmt: skip
def test_types_are_named_as_everybody_names_them(number: int, name: str) -> None:
    """Those without a name have a number (RFC 3597)."""
    value = b"\1x\0" if name in {"NS", "DNAME"} else b"\xab\xcd\xef"
    wire = _reply(rest=b"\xc0\x0c" + struct.pack("!HHIH", number, 1, 60, 3) + value)

    record = _read(wire).answers[0]

    assert (record.type, record.value) == (name, "x" if name in {"NS", "DNAME"} else "abcdef")
    assert name.startswith("TYPE") or dns.rdatatype.to_text(dns.rdatatype.RdataType(number)) == name


@given(st.text(max_size=300))
def test_any_text_is_a_name_or_a_bad_name(text: str) -> None:
    """Nothing else is raised, and what goes out is well formed."""
    try:
        asked = build_query(text, A, 1)
    except BadName:
        return
    dns.message.from_wire(asked)


# --- answers


@MODEST
@given(REPLIES)
def test_an_answer_reads_as_in_dnspython(reply: dns.message.Message) -> None:
    """Every record in order, names compressed by their rules, flags and codes included.

    Bytes that are no letters come out as numbers: no name can touch a terminal.
    """
    wire = reply.to_wire()
    theirs = dns.message.from_wire(wire, one_rr_per_rrset=True)

    ours = parse_response(wire, reply.id, HOST, A)

    assert (ours.rcode, ours.truncated) == (theirs.rcode(), False)
    assert ours.authoritative == bool(theirs.flags & dns.flags.AA)
    assert ours.recursion_available == bool(theirs.flags & dns.flags.RA)
    for said, rrset in zip(ours.answers, theirs.answer, strict=True):
        assert _same_name(said.name) == rrset.name
        assert (said.type, said.ttl_s) == (dns.rdatatype.to_text(rrset.rdtype), rrset.ttl)
        _hold_value(said, rrset[0])
        assert (said.name + said.value).isascii()
        assert (said.name + said.value).isprintable()
    zones = [rrset.name for rrset in theirs.authority if rrset.rdtype == SOA]
    assert (ours.soa_name is None) == (not zones)
    if ours.soa_name is not None:
        assert _same_name(ours.soa_name) == zones[0]


def _hold_value(said: DnsRecord, rdata: dns.rdata.Rdata) -> None:
    # Names may be escaped in more than one way: compare what they mean.
    if isinstance(rdata, (CNAME_RDATA, NS_RDATA)):
        assert _same_name(said.value) == rdata.target
    elif isinstance(rdata, SOA_RDATA):
        primary, contact, *numbers = said.value.split(" ")
        assert (_same_name(primary), _same_name(contact)) == (rdata.mname, rdata.rname)
        assert numbers == rdata.to_text().split(" ")[-5:]
    elif said.type == "AAAA":
        assert dns.rdata.from_text("IN", "AAAA", said.value) == rdata
    elif said.type == "A":
        assert said.value == rdata.to_text()
    elif said.type != "MX":  # its hex holds a pointer that means nothing outside the message
        assert said.value == (rdata.to_wire() or b"").hex()


def test_an_alias_chain_keeps_its_order() -> None:
    """First the aliases, then the address, as Azure's private zones answer."""
    query = dns.message.make_query(HOST, "A")
    reply = dns.message.make_response(query)
    private = "mycache.privatelink.redis.cache.windows.net."
    reply.answer.append(dns.rrset.from_text(f"{HOST}.", 300, "IN", "CNAME", private))
    reply.answer.append(dns.rrset.from_text(private, 10, "IN", "A", "10.1.0.4"))

    ours = parse_response(reply.to_wire(), query.id, HOST, A)

    assert ours.answers == (
        DnsRecord(name=HOST, type="CNAME", value=private.rstrip("."), ttl_s=300),
        DnsRecord(name=private.rstrip("."), type="A", value="10.1.0.4", ttl_s=10),
    )


def test_a_name_that_does_not_exist_names_the_zone_that_says_so() -> None:
    """The authority section of a negative answer holds the zone's SOA."""
    query = dns.message.make_query(HOST, "A")
    reply = dns.message.make_response(query)
    reply.set_rcode(dns.rcode.NXDOMAIN)
    zone = "redis.cache.windows.net."
    reply.authority.append(dns.rrset.from_text(zone, 60, "IN", "SOA", "a. b. 1 2 3 4 5"))

    ours = parse_response(reply.to_wire(), query.id, HOST, A)

    assert (ours.rcode, ours.answers, ours.soa_name) == (3, (), zone.rstrip("."))


def test_a_response_code_beyond_fifteen_has_its_upper_half_in_edns() -> None:
    """BADVERS is 16."""
    query = dns.message.make_query(HOST, "A", use_edns=0)
    reply = dns.message.make_response(query)
    reply.set_rcode(dns.rcode.BADVERS)

    assert parse_response(reply.to_wire(), query.id, HOST, A).rcode == 16


def test_a_server_that_refuses_may_leave_the_question_out() -> None:
    """Some do; an answer without its question is still no answer."""
    refusal = struct.pack("!6H", 7, 0x8185, 0, 0, 0, 0)

    assert _read(refusal).rcode == 5
    with pytest.raises(GarbledMessage, match="0 questions"):
        _read(struct.pack("!6H", 7, 0x8180, 0, 0, 0, 0))


def test_letter_case_in_the_question_means_nothing() -> None:
    """Resolvers may mix it, or undo the mixing of others."""
    wire = GOOD.replace(b"\1a\1b", b"\1A\1b")

    assert _read(wire).answers[0].name == "A.b"
    assert parse_response(GOOD, 7, "a.B", A).answers[0].value == "10.0.0.4"


def test_a_truncated_answer_is_read_as_far_as_it_goes() -> None:
    """The caller asks again by TCP; half a record is no reason to call the server broken."""
    wire = _reply(0x8380, (1, 2, 0, 0), ADDRESS + ADDRESS[:9])

    ours = _read(wire)

    assert ours.truncated
    assert [record.value for record in ours.answers] == ["10.0.0.4"]


def test_bytes_behind_the_message_are_ignored() -> None:
    """The C library does not look at them either."""
    assert _read(GOOD + b"\0padding") == _read(GOOD)


def test_a_record_of_another_class_is_passed_over() -> None:
    """Only the internet's are asked for."""
    chaos = ADDRESS.replace(b"\0\1\0\1", b"\0\1\0\3")

    assert len(_read(_reply(counts=(1, 2, 0, 0), rest=chaos + ADDRESS)).answers) == 1


def test_a_time_to_live_with_the_topmost_bit_is_zero() -> None:
    """RFC 2181, section 8."""
    wire = _reply(rest=ADDRESS.replace(b"\0\0\0\x3c", b"\x80\0\0\x3c"))

    assert _read(wire).answers[0].ttl_s == 0


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        (b"", "0 bytes"),
        (GOOD[:11], "11 bytes"),
        (GOOD + bytes(65536), "no DNS message"),
        (b"\0\x08" + GOOD[2:], "answers question 8"),
        (_reply(0x0180, rest=ADDRESS), "not an answer"),
        (_reply(0xA980, rest=ADDRESS), "another kind"),
        (GOOD.replace(b"\1a\1b", b"\1a\1c"), "answers for a.c A"),
        (GOOD.replace(b"\1a\1b\0\0\1", b"\1a\1b\0\0\x1c"), "answers for a.b AAAA"),
        (GOOD.replace(b"\1a\1b\0\0\1\0\1", b"\1a\1b\0\0\1\0\3"), "answers for a.b A"),
        (_reply(counts=(2, 0, 0, 0)), "2 questions"),
        (_reply(rest=b"\xc0\x15" + ADDRESS[2:]), "leads nowhere"),  # to itself
        (_reply(rest=b"\xc0\x30" + ADDRESS[2:]), "leads nowhere"),  # forwards
        (_reply(rest=b"\xff\xff" + ADDRESS[2:]), "leads nowhere"),  # outside
        (_reply(rest=b"\xc0\0" + ADDRESS[2:]), "leads nowhere"),  # into the header
        (_reply(rest=b"\1x\xc0\x15" + ADDRESS[2:]), "leads nowhere"),  # round in a circle
        (_reply(rest=b"\xc0"), "leads nowhere"),
        (_reply(rest=b"\x40" + ADDRESS), "unknown kind"),
        (_reply(rest=b"\x3fa"), "past the end"),
        (_reply(rest=b"\x3f" + b"a" * 63 + b"\x3f" + b"a" * 63 + b"\x3f" + b"a" * 63
                + b"\x3f" + b"a" * 63 + ADDRESS), "longer than 255"),
        (_reply(counts=(1, 2, 0, 0), rest=ADDRESS), "past the end"),
        (_reply(rest=ADDRESS[:-4]), "longer than the message"),
        (_reply(rest=ADDRESS.replace(b"\0\4\x0a", b"\0\3\x0a")), "type A has the wrong length"),
        (_reply(rest=ADDRESS.replace(b"\0\1\0\1", b"\0\x1c\0\1")), "type AAAA has the wrong"),
        (_reply(rest=ADDRESS[:2] + b"\0\5\0\1" + bytes(4) + b"\0\3\1x\0\0"[:6]), None),
        (_reply(rest=ADDRESS[:2] + b"\0\5\0\1" + bytes(4) + b"\0\2\1x\0"), "CNAME has the wrong"),
        (_reply(rest=ADDRESS[:2] + b"\0\6\0\1" + bytes(4) + b"\0\5" + bytes(5)), "SOA has the"),
    ],
)  # fmt: skip
def test_a_message_that_is_not_the_answer(wire: bytes, why: str | None) -> None:
    """Each lie has its sentence; the one honest message among them is read."""
    if why is None:
        assert _read(wire).answers[0].value == "x"
        return
    with pytest.raises(GarbledMessage, match=why) as caught:
        _read(wire)
    assert str(caught.value).isprintable()


@MODEST
@given(REPLIES)
def test_a_message_cut_short_anywhere_is_garbled(reply: dns.message.Message) -> None:
    """The counts in the header promise more than is there."""
    wire = reply.to_wire()

    for end in range(len(wire)):
        with pytest.raises(GarbledMessage):
            parse_response(wire[:end], reply.id, HOST, A)


def _rich_reply() -> bytes:
    """An answer with a bit of everything."""
    query = dns.message.make_query(HOST, "A", use_edns=0)
    reply = dns.message.make_response(query)
    for kind, value in (("CNAME", "a.b."), ("A", "10.0.0.4"), ("AAAA", "::1"), ("TXT", "x y")):
        reply.answer.append(dns.rrset.from_text(f"{HOST}.", 60, "IN", kind, value))
    soa = dns.rrset.from_text("windows.net.", 60, "IN", "SOA", f"{HOST}. a.windows.net. 1 2 3 4 5")
    reply.answer.append(soa)
    reply.authority.append(soa)
    return reply.to_wire()


@given(mutated(st.just(_rich_reply())) | st.binary(max_size=300))
def test_whatever_comes_is_read_or_garbled(data: bytes) -> None:
    """No other error leaves the parser, and what is read can be shown."""
    ident = int.from_bytes(data[:2], "big")
    try:
        reply = parse_response(data, ident, HOST, A)
    except GarbledMessage as garbled:
        assert str(garbled).isprintable()  # noqa: PT017 - an error need not come
    else:
        assert repr(reply).isprintable()


@given(st.binary(max_size=200))
def test_whatever_stands_behind_the_question_is_read_or_garbled(rest: bytes) -> None:
    """Here the header and the question are right, so that the records are reached."""
    for counts in ((1, 1, 0, 0), (1, 3, 2, 2), (1, 65535, 65535, 65535)):
        try:
            _read(_reply(counts=counts, rest=rest))
        except GarbledMessage:
            continue


def _ladder(rungs: int) -> bytes:
    """Pointers each of which leads to the one before, and 3,900 names that climb them all."""
    holder = b"\0\0\x10\0\1" + bytes(4) + struct.pack("!H", rungs * 2)
    base = len(_reply()) + len(holder)
    targets = [12, *range(base, base + 2 * rungs - 2, 2)]
    pointers = b"".join(struct.pack("!H", 0xC000 | target) for target in targets)
    climber = struct.pack("!H", 0xC000 | base + 2 * rungs - 2) + b"\0\x10\0\1" + bytes(6)
    return _reply(counts=(1, 3901, 0, 0), rest=holder + pointers + climber * 3900)


def test_a_name_may_lead_through_as_many_pointers_as_it_may_have_labels() -> None:
    """One more, and a small message could cost much time."""
    assert len(_read(_ladder(126)).answers) == 3901
    with pytest.raises(GarbledMessage, match="leads nowhere"):
        _read(_ladder(127))


LONG_NAMES = _reply(
    counts=(1, 5000, 0, 0),
    rest=b"\x01a" * 120
    + b"\0\0\x10\0\1"
    + bytes(6)
    + (b"\xc0\x15\0\2\0\1" + bytes(4) + b"\0\2\xc0\x15") * 4600,
)


@pytest.mark.parametrize(
    "wire",
    [
        _ladder(126),
        _ladder(8100),
        _reply(counts=(1, 65535, 0, 0), rest=(b"\xc0\x0c\0\x10\0\1" + bytes(6)) * 5000),
        LONG_NAMES,
        bytes(1_000_000),
    ],
    ids=["short ladder", "long ladder", "many records", "long names", "a megabyte of nothing"],
)  # fmt: skip
def test_no_message_keeps_the_processor_busy(wire: bytes) -> None:
    """The largest messages that a stranger can make are done with at once."""

    def read() -> None:
        try:
            _read(wire[:65535])
        except GarbledMessage:
            return

    assert cpu_seconds(read) < PATIENCE_S
