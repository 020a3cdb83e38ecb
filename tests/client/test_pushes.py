"""What a server announces through the protocol: RESP3 pushes, as Redis Enterprise sends them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING

from redis.cache import CacheConfig

import refused.client
from refused.client import aio

if TYPE_CHECKING:
    from collections.abc import Iterator


class Speaker:
    """Speaks as much of Redis as a client needs to log in, and says what it is told to push.

    No open server sends these: the shapes are redis-py's own, tests/test_maint_notifications.py.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.accepted = 0
        self.connections: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def push(self, *words: bytes) -> None:
        """Push a message to everybody."""
        message = b">%d\r\n" % len(words)
        for word in words:
            message += word if word[:1] in b":*" else b"+" + word
            message += b"\r\n"
        for sock in self.connections:
            with contextlib.suppress(OSError):
                sock.sendall(message)

    def close(self) -> None:
        """Close everything."""
        for sock in (self._listener, *self.connections):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self.accepted += 1
                self.connections.append(sock)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), sock.makefile("rb") as lines:
            while line := lines.readline():
                words = []
                for _ in range(int(line[1:])):
                    size = int(lines.readline()[1:])
                    words.append(lines.read(size))
                    lines.read(2)
                sock.sendall(self._answer(words))

    def _answer(self, words: list[bytes]) -> bytes:
        if words[0] == b"HELLO":
            return b"%3\r\n+server\r\n+redis\r\n+version\r\n+7.4.0\r\n+proto\r\n:3\r\n"
        if words[0] == b"GET":
            return b"$%d\r\n%s\r\n" % (len(self.name), self.name.encode())
        return b"+OK\r\n"


@contextlib.contextmanager
def speakers() -> Iterator[tuple[Speaker, Speaker]]:
    """Two of them."""
    one, other = Speaker("old"), Speaker("new")
    try:
        yield one, other
    finally:
        one.close()
        other.close()


def moving(other: Speaker) -> tuple[bytes, ...]:
    """Return the words that send clients elsewhere, for 30 s."""
    return b"MOVING", b":1", b":30", f"127.0.0.1:{other.port}".encode()


def test_a_server_that_moves_is_followed_before_it_goes() -> None:
    """The next command goes to the new address, and the application sees nothing of it."""
    heard: list[tuple[str, str]] = []
    with speakers() as (old, new):
        # redis-py takes the new host from the message, and keeps the port: so both have the name.
        client = refused.client.connect(
            f"redis://127.0.0.1:{old.port}",
            on_event=lambda event: heard.append((event.name, event.reason)),
        )
        assert client.get("who") == b"old"
        dials = old.accepted
        old.push(*moving(new))
        time.sleep(0.2)
        assert client.get("who") == b"old"  # reads the push, and marks the connection
        assert client.get("who") == b"old"
        assert old.accepted > dials  # it was replaced, with no command lost
        assert ("maintenance", "started") in heard
        client.close()


def test_a_migration_is_told_and_over() -> None:
    """Both clients say when it begins and when it ends."""

    async def work(port: int, heard: list[tuple[str, str]], speaker: Speaker) -> None:
        client = aio.connect(
            f"redis://127.0.0.1:{port}",
            on_event=lambda event: heard.append((event.name, event.reason)),
        )
        assert await client.get("who") == b"old"
        speaker.push(b"MIGRATING", b":2", b":5", b":1")
        await asyncio.sleep(0.2)
        assert await client.get("who") == b"old"
        speaker.push(b"MIGRATED", b":3", b":1")
        await asyncio.sleep(0.2)
        assert await client.get("who") == b"old"
        await client.aclose()

    heard: list[tuple[str, str]] = []
    with speakers() as (old, _):
        asyncio.run(work(old.port, heard, old))
    assert heard == [("maintenance", "started"), ("maintenance", "ended")]


def test_client_side_caching_goes_on_working() -> None:
    """redis-py's, with our connection behind it; an invalidation empties it."""
    with speakers() as (old, _):
        client = refused.client.connect(
            f"redis://127.0.0.1:{old.port}", protocol=3, cache_config=CacheConfig(max_size=10)
        )
        assert client.get("who") == b"old"
        old.name = "newer"
        assert client.get("who") == b"old"  # from the cache
        old.push(b"invalidate", b"*1\r\n+who")
        time.sleep(0.2)
        assert client.get("who") == b"newer"
        client.close()
