"""Plain text spoken to a port: the bare channel, and what a ``PING`` brings back.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import socket

from refused.evidence.observations import PlainTalk
from refused.probes.stopwatch import Deadline, Stopwatch
from refused.probes.wire.first_bytes import first_words, identify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from refused.evidence.observations import Protocol, TalkOutcome

_CHUNK = 65536
# Zero would make the socket non-blocking; a poll may wait as long as a context switch.
_LEAST_S = 0.001
# An answer that has begun and then pauses for this long is taken for whole.
_QUIET_S = 0.1
_MOST_BYTES = 1024


class PlainChannel:
    """A bare connection.

    A send that meets a connection already broken does not raise. The next :meth:`recv` tells, once
    it has handed out what the peer said before it went: a server at its connection limit says so
    and closes at once, and a reader that stops at the failed send never learns why.
    """

    __slots__ = ("sock", "send_wait_s", "_broken")

    def __init__(self, sock: socket.socket, send_wait_s: float = 5.0) -> None:
        self.sock = sock
        self.send_wait_s = send_wait_s
        self._broken: OSError | None = None

    def send(self, data: bytes) -> None:
        """Send all of *data*.

        Raises:
            TimeoutError: The peer takes no more of it within :attr:`send_wait_s`.
        """
        try:
            self.sock.settimeout(max(self.send_wait_s, _LEAST_S))
            self.sock.sendall(data)
        except socket.timeout:
            raise TimeoutError(f"nothing was taken for {self.send_wait_s:.1f} s") from None
        except OSError as fault:
            # The first one says why; after it, every send meets a broken pipe.
            self._broken = self._broken or fault

    def recv(self, wait_s: float) -> bytes:
        """Return what comes within *wait_s*; ``b""`` where the peer has closed.

        Raises:
            TimeoutError: Nothing came.
            OSError: The connection broke.
        """
        try:
            self.sock.settimeout(max(wait_s, _LEAST_S))
            data = self.sock.recv(_CHUNK)
        except socket.timeout:
            if self._broken is not None:
                raise self._broken from None
            raise TimeoutError(f"nothing came for {wait_s:.1f} s") from None
        # The kernel reports a reset once; where the send has met it, the read sees a mere end.
        if not data and isinstance(self._broken, ConnectionResetError):
            raise self._broken
        return data

    def close(self) -> None:
        """Close the connection."""
        self.sock.close()


class Line:
    """A connection to a stranger: counts what comes, keeps its beginning, and never raises.

    Attributes:
        ended: ``closed``, ``reset``, ``silent`` (the time was up) or ``error``, once nothing more
            will come; empty before.
        error_text: What the system said, where *ended* is ``error``.
        first: The first bytes that came, at most a kilobyte of them.
    """

    __slots__ = ("channel", "deadline", "ended", "error_text", "bytes_in", "first")

    def __init__(self, sock: socket.socket, wait_s: float) -> None:
        self.channel = PlainChannel(sock, wait_s)
        self.deadline = Deadline(wait_s)
        self.ended = ""
        self.error_text = ""
        self.bytes_in = 0
        self.first = b""

    def send(self, data: bytes) -> None:
        """Send *data* in the time that is left."""
        self.channel.send_wait_s = self.deadline.left()
        try:
            self.channel.send(data)
        except TimeoutError as lapse:
            self._end(lapse)

    def receive(self) -> bytes:
        """Return what comes next; empty where nothing more will, see :attr:`ended`."""
        if self.ended:
            return b""
        # Whoever had no time to look must not call the peer silent for it: one last look.
        is_last = self.deadline.over
        try:
            data = self.channel.recv(self.deadline.left())
        except OSError as fault:
            self._end(fault)
            return b""
        self._note(data)
        if is_last and not self.ended:
            self.ended = "silent"
        return data

    def receive_rest(self) -> None:
        """Listen until the peer pauses, ends, or has filled :attr:`first`."""
        while not self.ended and len(self.first) < _MOST_BYTES:
            try:
                data = self.channel.recv(self.deadline.left(_QUIET_S))
            except TimeoutError:
                return
            except OSError as fault:
                self._end(fault)
                return
            self._note(data)

    def _note(self, data: bytes) -> None:
        if not data:
            self.ended = "closed"
        self.bytes_in += len(data)
        self.first += data[: _MOST_BYTES - len(self.first)]

    def _end(self, fault: OSError) -> None:
        if isinstance(fault, TimeoutError):  # the kernel's ETIMEDOUT as well as our own deadline
            self.ended = "silent"
        elif isinstance(fault, (ConnectionResetError, ConnectionAbortedError)):
            self.ended = "reset"
        elif isinstance(fault, BrokenPipeError):
            self.ended = "closed"
        else:
            self.ended, self.error_text = "error", str(fault)


def talk(sock: socket.socket, *, address: str, port: int, wait_s: float, vantage: str) -> PlainTalk:
    """Say ``PING`` in plain text, note what comes back, and close *sock*.

    The inline form is understood by Redis and, unlike an array, ends in a line break that makes
    line-based servers of other kinds answer as well. ``error`` is a Redis that answers with an
    error (``-NOAUTH``, ``-DENIED``, too many clients); its text is in the first bytes.
    """
    watch = Stopwatch(vantage)
    line = Line(sock, wait_s)
    line.send(b"PING\r\n")
    if line.receive() and not line.first.endswith(b"\n"):
        line.receive_rest()
    line.channel.close()
    protocol = identify(line.first)
    return PlainTalk(
        **watch.stamp("PING in plain text" + (f": {line.error_text}" if line.error_text else "")),
        address=address,
        port=port,
        outcome=_outcome(line, protocol),
        protocol=protocol,
        first_bytes=first_words(line.first),
    )


def _outcome(line: Line, protocol: Protocol) -> TalkOutcome:
    if line.first:
        if protocol != "resp":
            return "not-resp"
        return "error" if line.first.startswith(b"-") else "ok"
    outcomes: tuple[TalkOutcome, ...] = ("closed", "reset", "silent")
    return next((word for word in outcomes if word == line.ended), "error")
