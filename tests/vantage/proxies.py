"""A SOCKS5 proxy that says what a test wants."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

# A success whose bound address is 10.0.0.9, port 4711.
ACCEPTED = b"\5\0\0\1\x0a\0\0\x09\x12\x67"


class Proxy:
    """Serves each caller in a thread by *script*; a context manager."""

    def __init__(self, script: Callable[[Proxy, socket.socket], None]) -> None:
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.over = threading.Event()
        self.heard: list[bytes] = []

    def take(self, sock: socket.socket, size: int) -> bytes:
        """Receive so many bytes, and keep them in *heard*."""
        data = sock.recv(size, socket.MSG_WAITALL) if size else b""
        self.heard.append(data)
        return data

    def greet(self, sock: socket.socket, login: bytes | None = None) -> None:
        """Agree on no login, or on one that is answered with *login*."""
        _, count = self.take(sock, 2)
        self.take(sock, count)
        sock.sendall(b"\5\0" if login is None else b"\5\2")
        if login is not None:
            _, size = self.take(sock, 2)
            self.take(sock, size)
            self.take(sock, self.take(sock, 1)[0])
            sock.sendall(login)

    def hear(self, sock: socket.socket) -> bytes:
        """Return what is asked for, from the kind of address on."""
        head = self.take(sock, 4)
        size = {1: 4, 4: 16}.get(head[3]) or self.take(sock, 1)[0]
        return head[3:] + self.take(sock, size) + self.take(sock, 2)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                threading.Thread(target=self._one, args=(sock,), daemon=True).start()

    def _one(self, sock: socket.socket) -> None:
        # A caller that hangs up halfway leaves too few bytes.
        with sock, contextlib.suppress(OSError, ValueError, IndexError):
            self._script(self, sock)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._listener.close()
