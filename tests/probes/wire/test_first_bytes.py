"""Strangers are named by their first words, and shown without harm."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.evidence import redaction
from refused.evidence.observations import PlainTalk
from refused.probes.wire.first_bytes import first_words, identify, printable, printable_text
from tests.probes.wire.garbage import PATIENCE_S, cpu_seconds, mutated


def _mysql(payload: bytes) -> bytes:
    return struct.pack("<I", len(payload)) + payload


def _postgresql(mark: bytes, payload: bytes) -> bytes:
    return mark + struct.pack("!I", len(payload) + 4) + payload


def _mongodb(opcode: int, body: bytes) -> bytes:
    return struct.pack("<4i", 16 + len(body), 7, 1, opcode) + body


MYSQL_GREETING = _mysql(b"\x0a8.0.36\0" + bytes(60))
POSTGRESQL_ERROR = _postgresql(
    b"E", b"SFATAL\0VFATAL\0C0A000\0Munsupported frontend protocol 65363.19778\0\0"
)
MONGODB_ON_THE_WEB = (
    b"HTTP/1.0 200 OK\r\nContent-Length: 85\r\n\r\n"
    b"It looks like you are trying to access MongoDB over HTTP on the native driver port.\r\n"
)
SPECIMENS = [
    (b"", "nothing"),
    # Redis in each of its moods
    (b"+PONG\r\n", "resp"),
    (b"+PON", "resp"),
    (b"-NOAUTH Authentication required.\r\n", "resp"),
    (b"-DENIED Redis is running in protected mode because", "resp"),
    (b"-ERR max number of clients reached\r\n", "resp"),
    (b"-ERR unknown command '\xc3\xbc'\r\n", "resp"),
    (b"$4\r\nPONG\r\n", "resp"),
    (b"$-1\r\n", "resp"),
    (b"*0\r\n", "resp"),
    (b":1\r\n", "resp"),
    (b"%7\r\n$6\r\nserver", "resp"),
    (b">2\r\n", "resp"),
    (b"_\r\n", "resp"),
    (b"#t\r\n", "resp"),
    (b",1.5\r\n", "resp"),
    (b",inf\r\n", "resp"),
    (b"(123\r\n", "resp"),
    # web servers
    (b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n", "http"),
    (b"HTTP/1.0 502", "http"),
    (b'<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>', "http"),
    (b"\r\n<HTML>", "http"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http"),
    (b"\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x80\0\4\0\1\0\0\0\5\0\xff\xff\xff", "http"),  # SETTINGS
    (b"\0\0\0\4\0\0\0\0\0", "http"),
    (b"\0\0\x08\7\0\0\0\0\0\0\0\0\0\0\0\0\1", "http"),  # GOAWAY
    # TLS
    (b"\x15\3\1\0\2\2\x46", "tls"),
    (b"\x15\3\3", "tls"),
    (b"\x16\3\3\0\x7a\2\0\0", "tls"),
    (b"\x17\3\3\0\x13", "tls"),
    (b"\x17\3\3\x48\0", "tls"),  # the largest record there can be
    (b"\x14\3\3\0\1\1", "tls"),
    # mail, files, shells
    (b"SSH-2.0-OpenSSH_9.6p1 Ubuntu-3\r\n", "ssh"),
    (b"220 mail.example ESMTP Postfix (Ubuntu)\r\n", "smtp"),
    (b"220-mx.example ESMTP\r\n220 go ahead\r\n", "smtp"),
    (b"554 smtp.example ESMTP not accepting messages\r\n", "smtp"),
    (b"220 (vsFTPd 3.0.5)\r\n", "ftp"),
    (b"220-FileZilla Server 1.8.1\r\n", "ftp"),
    (b"220 ProFTPD Server (Debian)\r\n", "ftp"),
    (b"530 Please login with USER and PASS.\r\n", "ftp"),
    # other databases and queues
    (MYSQL_GREETING, "mysql"),
    (_mysql(b"\x0a5.5.5-10.11.6-MariaDB-log\0" + bytes(60)), "mysql"),
    (_mysql(b"\xff\x6a\x04Host '10.0.0.5' is not allowed to connect to this server"), "mysql"),
    (POSTGRESQL_ERROR, "postgresql"),
    (b"EFATAL:  unsupported frontend protocol 65363.19778: server supports 1.0 to 3.0\n\0",
     "postgresql"),
    (_postgresql(b"R", struct.pack("!I", 0)), "postgresql"),
    (_postgresql(b"R", struct.pack("!I", 5) + b"salt"), "postgresql"),
    (_postgresql(b"R", struct.pack("!I", 10) + b"SCRAM-SHA-256\0\0"), "postgresql"),
    (b"ERROR\r\n", "memcached"),
    (b"ERROR\r\nERROR\r\nERROR\r\n", "memcached"),
    (b"CLIENT_ERROR bad command line format\r\n", "memcached"),
    (b"SERVER_ERROR out of memory\r\nERR", "memcached"),
    (b"AMQP\0\0\x09\1", "amqp"),
    (b"AMQP\3\1\0\0", "amqp"),
    (_mongodb(2013, bytes(4) + b"\0" + struct.pack("<i", 5) + b"\0"), "mongodb"),
    (_mongodb(1, bytes(20) + struct.pack("<i", 5) + b"\0"), "mongodb"),
    (MONGODB_ON_THE_WEB, "mongodb"),
    # none of these
    (b"N", "unknown"),  # would be PostgreSQL's answer to a question that nobody asked
    (b"S", "unknown"),
    (b"E", "unknown"),
    (b"ERROR", "unknown"),
    (b"ERROR\nmessage:no such frame\n", "unknown"),  # STOMP
    (b"ERROR\r\nsomething else\r\n", "unknown"),
    (b"EHLO there, stranger of the network", "unknown"),
    (b"E\0\0\0\x08Snonsense", "unknown"),
    (b"RFB 003.008\n", "unknown"),
    (b"220 ready\r\n", "unknown"),
    (b"220ESMTP", "unknown"),
    (b"-----BEGIN CERTIFICATE-----\r\n", "unknown"),
    (b"- no\r\n", "unknown"),
    (b"+1 555 0100\r\n", "unknown"),
    (b"+a\0b", "unknown"),
    (b"*", "unknown"),
    (b"* OK IMAP4rev1 ready\r\n", "unknown"),
    (b"$HOME\r\n", "unknown"),
    (b"$\r\n", "unknown"),
    (b"#include\r\n", "unknown"),
    (b"_x\r\n", "unknown"),
    (b",-\r\n", "unknown"),
    (b"\x16\3\3\x48\1", "unknown"),
    (b"530 no\r\n", "unknown"),
    (b"+a\x7f\r\n", "unknown"),
    (b"\x16\3\3\0\0", "unknown"),
    (b"\x16\2\0\0\5", "unknown"),
    (b"\x16\3", "unknown"),
    (b"\x16\3\4\0\5", "unknown"),
    (b"\x13\3\3\0\5", "unknown"),
    (b"\x18\3\3\0\5", "unknown"),
    (b"\0" * 40, "unknown"),
    (b"AMQP\x09", "unknown"),
    (_mongodb(2004, bytes(40)), "unknown"),
    (MYSQL_GREETING[:6], "unknown"),
    (_mysql(b"\x0ano version\0" + bytes(60)), "unknown"),
    (b"\0\0\x11\4\0\0\0\0\0" + bytes(17), "unknown"),
    (b"\0\0\x12\4\0\0\0\0\1" + bytes(18), "unknown"),
    (b"INFO {}\r\n", "unknown"),  # NATS
    (b"hello\r\n", "unknown"),
]  # fmt: skip
NAMES = {"resp", "http", "tls", "ssh", "smtp", "ftp", "mysql", "postgresql", "memcached", "amqp",
         "mongodb", "unknown", "nothing"}  # fmt: skip


@pytest.mark.parametrize(("data", "protocol"), SPECIMENS)
def test_a_stranger_is_named_or_unknown(data: bytes, protocol: str) -> None:
    """Better no name than a wrong one."""
    assert identify(data) == protocol


def test_every_protocol_has_a_specimen() -> None:
    """A word in the list of observations that nobody can find would be a lie."""
    assert {protocol for _, protocol in SPECIMENS} == NAMES
    assert PlainTalk._types["protocol"] == "Protocol"


@given(st.binary(max_size=200) | mutated(st.sampled_from([data for data, _ in SPECIMENS])))
def test_any_bytes_have_a_name(data: bytes) -> None:
    """Nothing is raised, whatever comes."""
    assert identify(data) in NAMES
    assert (identify(data) == "nothing") == (not data)


def test_naming_goes_by_the_first_bytes_alone() -> None:
    """A gigabyte takes no longer than a page."""
    for mark in (b"+a", b"\r\n", b"ERROR\r\n", b"220 ", b"\0\0\x12\4"):
        data = mark * (1_000_000 // len(mark))
        assert cpu_seconds(lambda data=data: identify(data)) < PATIENCE_S  # type: ignore[misc]
        assert identify(data) == identify(data + b"\0")


# --- showing


@given(st.binary(max_size=300), st.integers(0, 130))
def test_what_is_shown_fits_and_is_plain(data: bytes, limit: int) -> None:
    """At most as long as asked for, printable, and marked where something is left out."""
    shown = printable(data, limit)

    assert len(shown) <= limit
    assert shown.isprintable()
    assert shown.rstrip("…").isascii()
    whole = printable(data, 4 * len(data))
    assert shown == whole or whole.startswith(shown[:-1])
    if limit:
        assert (shown == whole) != shown.endswith("…")


@given(st.binary(max_size=100))
def test_what_is_shown_can_be_read_back(data: bytes) -> None:
    """Every escape has one meaning: it is that of a literal in Python."""
    shown = printable(data, 400)

    assert shown.encode("ascii").decode("unicode_escape").encode("latin-1") == data


@pytest.mark.parametrize(
    ("data", "limit", "shown"),
    [
        (b"PING\r\n", 120, "PING\\r\\n"),
        (b"a b~\x7f\x1f", 120, "a b~\\x7f\\x1f"),
        (b"\x1b[2J\x07", 120, "\\x1b[2J\\x07"),
        (b"a\\b\t\xff", 120, "a\\\\b\\t\\xff"),
        (b"abcdef", 6, "abcdef"),
        (b"abcdef", 5, "abcd…"),
        (b"ab\0", 5, "ab…"),
        (b"ab\0", 6, "ab\\x00"),
        (b"\0\0", 4, "…"),
        (b"a", 0, ""),
        (b"", 0, ""),
    ],
)
def test_no_escape_is_cut_in_half(data: bytes, limit: int, shown: str) -> None:
    """What does not fit is left out whole."""
    assert printable(data, limit) == shown


@given(st.text())
def test_a_text_keeps_its_letters_and_loses_its_commands(text: str) -> None:
    """Printable letters of every script stay."""
    shown = printable_text(text)

    assert shown.isprintable()
    if text.isprintable():
        assert shown == text


def test_marks_that_turn_the_writing_round_are_shown() -> None:
    """Or a line of the report could be made to read as another."""
    assert printable_text("é\u202eOK\x1b\n\u2028") == "é\\u202eOK\\x1b\\n\\u2028"


@given(before=st.integers(0, 130), after=st.integers(0, 40), limit=st.integers(20, 120))
def test_no_secret_is_cut_in_half_and_shown(before: int, after: int, limit: int) -> None:
    """Wherever the end of what is shown falls; a text without one is shown as ever."""
    redaction.remember("a-secret-of-some-length")
    data = b"." * before + b"a-secret-of-some-length" + b"!" * after
    shown = first_words(data, limit)

    assert "a-s" not in shown
    assert len(shown) <= limit
    assert first_words(b"." * before, limit) == printable(b"." * before, limit)
