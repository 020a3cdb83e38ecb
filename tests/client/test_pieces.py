"""Answers that come in pieces, slowly, or never end, with both of redis-py's parsers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from redis._parsers import _AsyncHiredisParser, _AsyncRESP3Parser, _HiredisParser, _RESP3Parser

import refused.client
from refused.client import aio

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HELLO = b"%1\r\n+proto\r\n:3\r\n"


@contextlib.contextmanager
def speaking(pieces: Sequence[bytes], rest_s: float) -> Iterator[int]:
    """Answer GET in pieces, with a rest before each but the first; everything else at once."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()
    open_: list[socket.socket] = []

    def serve(sock: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), sock.makefile("rb") as lines:
            while line := lines.readline():
                words = []
                for _ in range(int(line[1:])):
                    size = int(lines.readline()[1:])
                    words.append(lines.read(size + 2)[:-2])
                if words[0] != b"GET":
                    sock.sendall(HELLO if words[0] == b"HELLO" else b"+OK\r\n")
                    continue
                for at, piece in enumerate(pieces):
                    if at and over.wait(rest_s):
                        return
                    sock.sendall(piece)

    def listen() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                open_.append(sock)
                threading.Thread(target=serve, args=(sock,), daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        for sock in (listener, *open_):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


@pytest.mark.parametrize("parser", [_HiredisParser, _RESP3Parser])
def test_an_answer_in_pieces_is_one_answer(parser: Any) -> None:
    """A rest in the middle is longer than the silence; others answer meanwhile."""
    heard: list[refused.client.Event] = []
    with speaking([b"$5\r\nhe", b"ll", b"o\r\n"], 0.7) as port:
        client = refused.client.connect(
            f"redis://127.0.0.1:{port}", parser_class=parser, silence=0.2, on_event=heard.append
        )
        assert client.get("key") == b"hello"
        client.close()
    assert not heard


@pytest.mark.parametrize("parser", [_HiredisParser, _RESP3Parser])
def test_an_answer_that_trickles_is_given_up_at_the_deadline(parser: Any) -> None:
    """No piece comes late, and all of them together do."""
    with speaking([b"$9999\r\n", *[b"x"] * 200], 0.05) as port:
        client = refused.client.connect(
            f"redis://127.0.0.1:{port}", parser_class=parser, deadline=0.6
        )
        started = time.monotonic()
        with pytest.raises(refused.client.GaveUp):
            client.get("key")
        assert time.monotonic() - started < 5  # the whole would take ten
        client.close()


@pytest.mark.parametrize("parser", [_AsyncHiredisParser, _AsyncRESP3Parser])
def test_the_asynchronous_client_reads_pieces_as_well(parser: Any) -> None:
    """One answer, and one deadline."""
    heard: list[refused.client.Event] = []

    async def work(port: int, *, is_whole: bool) -> None:
        client = aio.connect(
            f"redis://127.0.0.1:{port}",
            parser_class=parser,
            silence=0.2,
            deadline=5 if is_whole else 0.6,
            on_event=heard.append,
        )
        if is_whole:
            assert await client.get("key") == b"hello"
            assert not heard
        else:
            with pytest.raises(refused.client.GaveUp):
                await client.get("key")
        await client.aclose()

    with speaking([b"$5\r\nhe", b"ll", b"o\r\n"], 0.7) as port:
        asyncio.run(work(port, is_whole=True))
    with speaking([b"$9999\r\n", *[b"x"] * 200], 0.05) as port:
        asyncio.run(work(port, is_whole=False))
