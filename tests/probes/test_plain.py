"""Plain text spoken to servers of all kinds, and the bare channel."""

from __future__ import annotations

import contextlib
import errno
import http.server
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.probes.plain import Line, PlainChannel, talk
from tests.conftest import LATE_S
from tests.probes.papers import Papers
from tests.probes.peers import (
    HERE,
    Peer,
    free_port,
    listen,
    redis,
    reset,
    say,
    server_context,
    tls,
)
from tests.probes.wire.garbage import MODEST

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Self

    from refused.evidence.observations import PlainTalk

SOON_S = 0.25


def ask(sock: socket.socket, **wishes: Any) -> PlainTalk:
    """Speak plain text to a peer on loopback."""
    seen = talk(sock, **{"address": HERE, "port": 6379, "wait_s": 5.0, "vantage": "here", **wishes})
    assert sock.fileno() == -1
    return seen


def dial(port: int) -> socket.socket:
    """Connect to loopback."""
    return socket.create_connection((HERE, port), 5)


# --- real servers ------------------------------------------------------------------------------


def test_an_open_redis_says_pong(tmp_path: Path) -> None:
    """It asks for no password."""
    port = free_port()
    with redis(tmp_path, port, "--port", str(port)):
        seen = ask(dial(port))

    assert (seen.outcome, seen.protocol, seen.first_bytes) == ("ok", "resp", r"+PONG\r\n")
    assert (seen.address, seen.port, seen.vantage) == (HERE, 6379, "here")


def test_a_redis_with_a_password_answers_with_an_error(tmp_path: Path) -> None:
    """That it is Redis is known all the same."""
    port = free_port()
    with redis(tmp_path, port, "--port", str(port), "--requirepass", "sesame"):
        seen = ask(dial(port))

    assert (seen.outcome, seen.protocol) == ("error", "resp")
    assert seen.first_bytes.startswith("-NOAUTH")


def test_a_redis_at_its_limit_is_heard_out(tmp_path: Path) -> None:
    """It speaks before it is asked, and closes at once."""
    port = free_port()
    limited = redis(tmp_path, port, "--port", str(port), "--maxclients", "1")
    with limited, PlainTalker(dial(port)) as first:
        assert first.say(b"PING\r\n") == b"+PONG\r\n"
        seen = ask(dial(port))
        late = PlainChannel(dial(port))
        answer = b""
        for _ in range(3):  # the last of these meets a connection that is gone
            late.send(b"AUTH sesame\r\n")
            threading.Event().wait(0.02)
        with contextlib.suppress(ConnectionResetError):
            while more := late.recv(5):
                answer += more
        late.close()

    assert seen.outcome == "error"
    assert seen.first_bytes.startswith("-ERR max number of clients reached")
    assert answer == b"-ERR max number of clients reached\r\n"


class PlainTalker:
    """A connection that is closed when its block ends."""

    def __init__(self, sock: socket.socket) -> None:
        self.channel = PlainChannel(sock)

    def say(self, data: bytes) -> bytes:
        """Send *data* and return what comes next."""
        self.channel.send(data)
        return self.channel.recv(5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()


def test_a_tls_port_of_redis_ends_the_connection(tmp_path: Path) -> None:
    """It finds a record that is none."""
    papers = Papers(tmp_path)
    port = free_port()
    files = ("--tls-cert-file", str(papers.good), "--tls-key-file", str(papers.good))
    options = ("--port", "0", "--tls-port", str(port), "--tls-ca-cert-file", str(papers.ca_file))
    with redis(tmp_path, port, *options, *files):
        seen = ask(dial(port))

    assert seen.outcome in ("closed", "reset")
    assert (seen.protocol, seen.first_bytes) == ("nothing", "")


def test_a_tls_server_of_another_make_ends_the_connection(tmp_path: Path) -> None:
    """With an alert or without one."""
    with Peer(tls(server_context(Papers(tmp_path).good))) as peer:
        seen = ask(peer.dial())

    assert seen.outcome in ("closed", "reset", "not-resp")
    assert seen.protocol == ("tls" if seen.outcome == "not-resp" else "nothing")


def test_a_web_server_is_recognised() -> None:
    """It takes the word for a request of the first version of its protocol."""

    class Quiet(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer((HERE, 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        seen = ask(dial(server.server_port))
        server.shutdown()
        thread.join()

    assert (seen.outcome, seen.protocol) == ("not-resp", "http")


# --- how it can end ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "outcome", "protocol"),
    [
        (b"-DENIED Redis is running in protected mode\r\n", "error", "resp"),
        (b"-LOADING Redis is loading the dataset in memory\r\n", "error", "resp"),
        (b"-ERR unknown command\r\n", "error", "resp"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not-resp", "http"),
        (b"\x15\3\3\0\2\2\x46", "not-resp", "tls"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "not-resp", "ssh"),
        (b"ERROR\r\n", "not-resp", "memcached"),
        (b"hello\r\n", "not-resp", "unknown"),
        (b"\0", "not-resp", "unknown"),
    ],
)
@pytest.mark.parametrize("leaves", [True, False])
def test_an_answer_is_recognised(
    answer: bytes, outcome: str, protocol: str, *, leaves: bool
) -> None:
    """Whether or not the server stays."""
    meet = say(answer)

    def meet_and_leave(conn: socket.socket) -> None:
        conn.recv(100)
        conn.sendall(answer)

    with Peer(meet_and_leave if leaves else meet) as peer:
        began = time.monotonic()
        seen = ask(peer.dial())

    assert time.monotonic() - began < LATE_S
    assert (seen.outcome, seen.protocol) == (outcome, protocol)
    assert seen.first_bytes


def test_a_server_that_speaks_first_is_heard() -> None:
    """It does not care what it is sent."""
    with Peer(lambda conn: conn.sendall(b"220 mail.example ESMTP\r\n")) as peer:
        seen = ask(peer.dial())

    assert (seen.outcome, seen.protocol) == ("not-resp", "smtp")


@pytest.mark.parametrize("outcome", ["closed", "reset", "silent"])
def test_an_end_without_an_answer_is_told(outcome: str) -> None:
    """By how it came, within the time."""

    def after_reading(then: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
        def meet(conn: socket.socket) -> None:
            conn.recv(100)
            then(conn)

        return meet

    then: dict[str, Callable[[socket.socket], None]] = {
        "closed": socket.socket.close,
        "reset": reset,
        "silent": listen,
    }
    with Peer(after_reading(then[outcome])) as peer:
        began = time.monotonic()
        seen = ask(peer.dial(), wait_s=SOON_S if outcome == "silent" else 5.0)

    assert time.monotonic() - began < SOON_S + LATE_S
    assert (seen.outcome, seen.protocol, seen.first_bytes) == (outcome, "nothing", "")


def test_an_answer_in_pieces_is_put_together() -> None:
    """A first byte says little."""

    def meet(conn: socket.socket) -> None:
        conn.recv(100)
        for letter in b"+PONG\r\n":
            conn.sendall(bytes([letter]))
        listen(conn)

    with Peer(meet) as peer:
        seen = ask(peer.dial())

    assert (seen.outcome, seen.first_bytes) == ("ok", r"+PONG\r\n")


def test_an_endless_answer_is_cut() -> None:
    """A kilobyte is enough to know a stranger."""

    def meet(conn: socket.socket) -> None:
        while True:
            conn.sendall(b"x" * 65536)

    with Peer(meet) as peer:
        began = time.monotonic()
        seen = ask(peer.dial())

    assert time.monotonic() - began < LATE_S
    assert seen.outcome == "not-resp"
    assert len(seen.first_bytes) == 120


def test_an_endless_trickle_is_cut_by_the_clock() -> None:
    """Each byte comes before the answer would be taken for whole."""

    def meet(conn: socket.socket) -> None:
        while True:
            conn.sendall(b"x")
            threading.Event().wait(0.01)

    with Peer(meet) as peer:
        began = time.monotonic()
        seen = ask(peer.dial(), wait_s=SOON_S)

    assert time.monotonic() - began < SOON_S + LATE_S
    assert seen.outcome == "not-resp"


def test_a_socket_that_is_closed_already_is_an_error() -> None:
    """Told with the system's words, not raised."""
    sock = socket.socket()
    sock.close()
    seen = ask(sock)

    assert (seen.outcome, seen.protocol) == ("error", "nothing")
    assert "descriptor" in seen.source


def test_what_has_come_is_read_when_the_time_is_up() -> None:
    """Once: a peer that never stops gains no time by it."""
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(b"+PONG")
        line = Line(ours, 0.0)
        assert line.receive() == b"+PONG"
        theirs.sendall(b"\r\n")
        assert line.receive() == b""
        line.channel.close()

    assert (line.ended, line.first) == ("silent", b"+PONG")


def test_no_time_is_silence() -> None:
    """Nothing can come in it."""
    with Peer(listen) as peer:
        assert ask(peer.dial(), wait_s=0.0).outcome == "silent"
        assert ask(peer.dial(), wait_s=-1.0).outcome == "silent"


@MODEST
@given(st.binary(max_size=2000))
def test_random_bytes_are_an_observation(data: bytes) -> None:
    """Whatever they are, they are shown without harm."""
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        seen = ask(ours)

    assert seen.from_json(seen.to_json()) == seen
    assert seen.first_bytes.isprintable()
    assert (seen.outcome == "closed") == (not data)
    assert (seen.protocol == "resp") == (seen.outcome in ("ok", "error"))


# --- the channel -------------------------------------------------------------------------------


def test_a_channel_carries_bytes_both_ways() -> None:
    """Large ones, and a poll with no time takes what is there."""
    sent = os.urandom(300_000)
    ready = threading.Event()

    def meet(conn: socket.socket) -> None:
        got = b""
        while len(got) < len(sent):
            got += conn.recv(65536)
        conn.sendall(got[:10])
        ready.set()
        listen(conn)

    with Peer(meet) as peer, PlainTalker(peer.dial()) as talker:
        talker.channel.send(sent)
        ready.wait(5)
        assert talker.channel.recv(0) == sent[:10]
        with pytest.raises(TimeoutError):
            talker.channel.recv(0)


def test_a_peer_that_takes_nothing_runs_out_the_clock() -> None:
    """The buffers are full and stay so."""
    done = threading.Event()

    def meet(_: socket.socket) -> None:
        done.wait(5)

    with Peer(meet) as peer:
        channel = PlainChannel(peer.dial(), send_wait_s=0.1)
        with pytest.raises(TimeoutError):
            channel.send(bytes(50_000_000))
        channel.close()
        done.set()


@pytest.mark.parametrize("is_reset", [True, False])
def test_a_broken_connection_is_told_by_the_next_read(*, is_reset: bool) -> None:
    """What was said before comes first, and a reset stays one however often one sends."""
    gone = threading.Event()

    def meet(conn: socket.socket) -> None:
        conn.sendall(b"-ERR no\r\n")
        conn.recv(4)
        reset(conn) if is_reset else conn.close()
        gone.set()

    with Peer(meet) as peer:
        channel = PlainChannel(peer.dial())
        if is_reset:
            assert channel.recv(5) == b"-ERR no\r\n"
        channel.send(b"PING")
        gone.wait(5)
        for _ in range(3):
            channel.send(b"PING")
        if is_reset:
            with pytest.raises(ConnectionResetError):
                channel.recv(5)
        else:
            assert channel.recv(5) == b"-ERR no\r\n"
            with contextlib.suppress(ConnectionResetError):
                assert channel.recv(5) == b""
        channel.close()


def test_a_send_that_fails_for_another_reason_is_told_when_nothing_comes() -> None:
    """A dead route leaves the connection up and silent; the reason must not be lost."""
    with Peer(listen) as peer:
        channel = PlainChannel(peer.dial())
        channel._broken = OSError(113, "No route to host")
        with pytest.raises(OSError, match="No route to host"):
            channel.recv(0.05)
        channel.close()


@pytest.mark.parametrize(
    ("number", "ended"),
    [
        (errno.EPIPE, "closed"),
        (errno.ECONNRESET, "reset"),
        (errno.ECONNABORTED, "reset"),
        (errno.ETIMEDOUT, "silent"),
        (errno.EHOSTUNREACH, "error"),
    ],
)
def test_a_line_ends_in_few_words(number: int, ended: str) -> None:
    """Whatever the system's number."""
    with Peer(listen) as peer:
        line = Line(peer.dial(), SOON_S)
        line.channel._broken = OSError(number, "as the system says")
        assert line.receive() == b""
        line.channel.close()

    assert line.ended == ended
    assert ("as the system says" in line.error_text) == (ended == "error")


def test_a_line_counts_what_comes_and_keeps_its_beginning() -> None:
    """And stays ended once it has ended."""
    with Peer(lambda conn: conn.sendall(b"x" * 3000)) as peer:
        line = Line(peer.dial(), 5.0)
        while line.receive():
            pass
        assert line.receive() == b""
        line.channel.close()

    assert (line.ended, line.bytes_in, line.first) == ("closed", 3000, b"x" * 1024)
