"""Servers on loopback to be looked at: real ones, and some that misbehave as told."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import warnings
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Self

HERE = "127.0.0.1"
PATIENCE_S = 10.0


class Peer:
    """A server that treats every connection as *meet* does, each in a thread of its own.

    Attributes:
        port: Where it listens.
    """

    def __init__(self, meet: Callable[[socket.socket], None], family: int = socket.AF_INET) -> None:
        self._meet = meet
        self._listener = socket.socket(family)
        self._listener.bind((HERE, 0))
        self._listener.listen(16)
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._surprises: list[BaseException] = []
        self._porter = threading.Thread(target=self._accept, daemon=True)
        self._porter.start()

    def dial(self) -> socket.socket:
        """Connect to it."""
        return socket.create_connection((HERE, self.port), PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._porter.join(PATIENCE_S)
        for conn in self._open:
            with contextlib.suppress(OSError):
                conn.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "a connection is still being served"
        for surprise in self._surprises:
            raise surprise

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                conn, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(conn,), daemon=True)
                self._open.append(conn)
                self._threads.append(thread)
                thread.start()

    def _serve(self, conn: socket.socket) -> None:
        try:
            with conn:
                self._meet(conn)
        except OSError:
            pass  # the client has left, or the handshake failed as it should
        except BaseException as surprise:  # noqa: BLE001 - it is raised again when the peer ends
            self._surprises.append(surprise)


def reset(conn: socket.socket) -> None:
    """End a connection with a RST."""
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()


def listen(conn: socket.socket) -> None:
    """Read whatever comes, say nothing, until the client leaves."""
    while conn.recv(65536):
        pass


def say(data: bytes) -> Callable[[socket.socket], None]:
    """Read something, answer *data* whatever it was, and close when the client does."""

    def meet(conn: socket.socket) -> None:
        conn.recv(65536)
        conn.sendall(data)
        listen(conn)

    return meet


def tls(context: ssl.SSLContext) -> Callable[[socket.socket], None]:
    """Speak TLS, and send back what is sent."""

    def meet(conn: socket.socket) -> None:
        with context.wrap_socket(conn, server_side=True) as wrapped:
            while data := wrapped.recv(65536):
                wrapped.sendall(data)

    return meet


def server_context(
    chain_file: Path, *, lowest: str = "1.2", highest: str = "1.3"
) -> ssl.SSLContext:
    """Make a server's context for the versions from *lowest* to *highest*, old ones too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain_file)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    names = {"1.0": "TLSv1", "1.1": "TLSv1_1", "1.2": "TLSv1_2", "1.3": "TLSv1_3"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion[names[lowest]]
        context.maximum_version = ssl.TLSVersion[names[highest]]
    return context


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as sock:
        sock.bind((HERE, 0))
        port: int = sock.getsockname()[1]
        return port


def _visit(port: int) -> None:
    """Connect, and stay until the server has let go: some count their clients."""
    with socket.create_connection((HERE, port), PATIENCE_S) as sock:
        sock.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            listen(sock)


@contextlib.contextmanager
def program(*command: str, folder: Path, port: int) -> Iterator[None]:
    """Run a server until the block ends; it has begun when *port* accepts."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"needs {command[0]}")
    log = (folder / f"{command[0]}-{port}.log").open("w+")
    with (
        log,
        subprocess.Popen(
            command, cwd=folder, stdin=subprocess.PIPE, stdout=log, stderr=log
        ) as process,
    ):
        try:
            for _ in range(500):
                with contextlib.suppress(ConnectionRefusedError):
                    _visit(port)
                    break
                if process.poll() is not None:
                    break
                threading.Event().wait(0.02)
            assert process.poll() is None, (folder / log.name).read_text()
            yield
        finally:
            process.kill()


@contextlib.contextmanager
def redis(folder: Path, port: int, *options: str) -> Iterator[None]:
    """Run a real Redis with *options*, among which a port."""
    quiet = ("--save", "", "--appendonly", "no", "--bind", HERE)
    with program("redis-server", *quiet, *options, folder=folder, port=port):
        yield
