"""One open connection as the fronts see it: bytes in, bytes out, half-close and reset kept apart.

A stream never blocks; :func:`relay` and :meth:`Stream.read` wait. Layers (TLS, delay, a script)
lie on top of one another and look like the stream beneath them.
"""

# ruff: noqa: D102  # a layer's methods do what the stream's do

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import struct
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable

CHUNK_BYTES = 1 << 16
_ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 s, so that close(2) sends a RST


class Stream:
    """A connected TCP socket."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(0)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._out = bytearray()
        self._finishing = False
        self.closed = False

    def fileno(self) -> int:
        """The descriptor to wait on; -1 once closed."""
        return self._sock.fileno()

    @property
    def is_full(self) -> bool:
        """Whether bytes wait for the peer to read, the kernel having no room for them."""
        return bool(self._out) and not self.closed

    @property
    def unsent(self) -> bool:
        """Whether bytes wait, for whatever reason."""
        return self.is_full

    def receive(self) -> bytes | None:
        """Return what has come; ``None`` for nothing yet, ``b""`` once the peer has finished.

        Raises:
            ConnectionResetError: The peer has aborted the connection.
        """
        try:
            return self._sock.recv(CHUNK_BYTES)
        except (BlockingIOError, InterruptedError):
            return None
        except ConnectionResetError:
            raise
        except OSError as failure:
            # Darwin and a closed descriptor have other numbers for "it is gone".
            raise ConnectionResetError(*failure.args) from failure

    def send(self, data: bytes) -> None:
        """Send *data*, as far as the peer takes it, and keep the rest."""
        self._out += data
        self.flush()

    def flush(self) -> None:
        """Send what is kept; a peer that is gone is noticed by :meth:`receive`."""
        try:
            while self._out and not self.closed:
                sent = self._sock.send(memoryview(self._out)[:CHUNK_BYTES])
                del self._out[:sent]
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._out.clear()
        if self._finishing and not self._out:
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_WR)

    def finish(self) -> None:
        """Send a FIN behind everything that was sent: we have no more to say."""
        self._finishing = True
        self.flush()

    def due_s(self) -> float | None:
        """Seconds until :meth:`tick` has something to do; ``None`` for never."""
        return None

    def tick(self) -> None:
        """Do what has fallen due."""

    def reset(self) -> None:
        """Abort the connection: the peer gets a RST."""
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        self.close()

    def close(self) -> None:
        """Give the socket back."""
        self.closed = True
        self._sock.close()

    def read(self, wait_s: float | None = None) -> bytes | None:
        """Wait for bytes; ``b""`` at the end or after a reset, ``None`` when *wait_s* is over."""
        until = None if wait_s is None else time.monotonic() + wait_s
        while not self.closed:
            try:
                data = self.receive()
            except ConnectionResetError:
                return b""
            if data is not None:
                return data
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                return None
            wait((self,), (self,), left)
        return b""

    def drain(self, wait_s: float | None = None) -> None:
        """Read and forget until the peer finishes, or *wait_s* is over."""
        until = None if wait_s is None else time.monotonic() + wait_s
        while until is None or until > time.monotonic():
            if not self.read(None if until is None else until - time.monotonic()):
                return


class Layer(Stream):
    """What lies on another stream; each method does what the stream beneath does."""

    def __init__(self, below: Stream) -> None:
        self.below = below

    def fileno(self) -> int:
        return self.below.fileno()

    @property
    def is_full(self) -> bool:
        return self.below.is_full

    @property
    def unsent(self) -> bool:
        return self.below.unsent

    @property
    def closed(self) -> bool:  # type: ignore[override]
        return self.below.closed

    def receive(self) -> bytes | None:
        return self.below.receive()

    def send(self, data: bytes) -> None:
        self.below.send(data)

    def flush(self) -> None:
        self.below.flush()

    def finish(self) -> None:
        self.below.finish()

    def due_s(self) -> float | None:
        return self.below.due_s()

    def tick(self) -> None:
        self.below.tick()

    def reset(self) -> None:
        self.below.reset()

    def close(self) -> None:
        self.below.close()


class TlsLayer(Layer):
    """The server's end of TLS; the handshake runs as the client's bytes come."""

    def __init__(self, below: Stream, context: ssl.SSLContext) -> None:
        super().__init__(below)
        self._in, self._wire = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._wire, server_side=True)
        self._early = b""
        self._ended = False
        self.agreed = False

    def receive(self) -> bytes | None:
        """Return clear text; a failed handshake sends its alert and counts as the end."""
        arrived = self.below.receive()
        if self._ended:
            return b"" if arrived == b"" else None
        if arrived == b"":
            self._in.write_eof()
        elif arrived:
            self._in.write(arrived)
        clear = b""
        try:
            if not self.agreed:
                self._tls.do_handshake()
                self.agreed = True
                self._pass_on()
                self.send(self._early)
            while piece := self._tls.read(CHUNK_BYTES):
                clear += piece
            self._ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self._ended = True
            self._pass_on()  # the alert
            if arrived != b"":
                self.below.finish()
        self._pass_on()
        return clear or (b"" if self._ended or arrived == b"" else None)

    def send(self, data: bytes) -> None:
        """Encrypt and send *data*; before the handshake is over it waits."""
        if not self.agreed:
            self._early += data
        elif data:
            with contextlib.suppress(ssl.SSLError):
                self._tls.write(data)
            self._pass_on()

    def finish(self) -> None:
        """Send close_notify, then a FIN."""
        if self.agreed:
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
            self._pass_on()
        self.below.finish()

    def _pass_on(self) -> None:
        if self._wire.pending:
            self.below.send(self._wire.read())


def wait(readers: Iterable[Stream], writers: Iterable[Stream], at_most_s: float | None) -> None:
    """Sleep until a reader has bytes, a writer with unsent bytes has room, or something is due."""
    writers = tuple(writers)
    mask: dict[Stream, int] = dict.fromkeys(readers, selectors.EVENT_READ)
    for stream in writers:
        if stream.is_full:
            mask[stream] = mask.get(stream, 0) | selectors.EVENT_WRITE
    dues = [due for due in (at_most_s, *(each.due_s() for each in writers)) if due is not None]
    with _selector() as selector:
        for stream, events in mask.items():
            if stream.fileno() >= 0:
                selector.register(stream.fileno(), events)
        if selector.get_map() or dues:
            selector.select(max(0.0, min(dues)) if dues else None)
    for stream in writers:
        stream.flush()
        due = stream.due_s()
        if due is not None and due <= 0:
            stream.tick()


# poll(2) takes descriptors beyond 1,023 and, unlike epoll, costs none of its own.
_selector: Callable[[], selectors.BaseSelector] = getattr(
    selectors, "PollSelector", selectors.DefaultSelector
)


def relay(client: Stream, server: Stream, over: threading.Event) -> None:
    """Carry bytes, half-closes and resets both ways until both ends are through, or it is *over*.

    Whoever sets *over* wakes us by shutting the client's socket down.
    """
    other = {client: server, server: client}
    reading = [client, server]
    try:
        while (reading or client.unsent or server.unsent) and not over.is_set():
            for end in list(reading):
                try:
                    data = end.receive()
                except ConnectionResetError:
                    other[end].reset()
                    return
                if data == b"":
                    reading.remove(end)
                    other[end].finish()
                elif data:
                    other[end].send(data)
            if client.closed or server.closed:
                return
            if reading or client.unsent or server.unsent:
                wait(reading, (client, server), None)
    finally:
        client.close()
        server.close()
