"""What stands at an address and port: small behaviours that are put inside one another.

    Tls(Redis(server), certificate)                   a cache as it should be
    Flaky(Tls(Redis(server), certificate), ".x")      every second dial is met with silence
    AllowFrom(front, ["203.0.113.7"])                 an allow-list in front of it

A front is asked twice: :meth:`Front.meet` decides how a dial is answered, and what it returns deals
with the connection. Through a SOCKS5 vantage point a peer that vanishes can fall silent, and that
is all: the client's kernel still has its segments acknowledged by the vantage point's. Scenarios
that need unacknowledged data, ICMP errors or packet sizes need a real kernel and say so.
"""

# ruff: noqa: D102  # what meet() and the layers' methods do is said once, in their base classes

from __future__ import annotations

import contextlib
import enum
import ipaddress
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from refused.lab import resp
from refused.lab.streams import Layer, Stream, TlsLayer, relay

if TYPE_CHECKING:
    from refused.lab.certificates import Certificate
    from refused.lab.servers import Server

DIAL_WAIT_S = 2.0  # for a real server, whose kernel answers on loopback

Ending = Literal["close", "reset", "silent"]


class Turned(enum.Enum):
    """How a dial ends without a connection."""

    REFUSED = "refused"
    SILENT = "silent"
    NO_ROUTE = "no route to the network"
    NO_HOST = "no route to the host"


@dataclass(frozen=True)
class Call:
    """One dial: who calls, and what for; addresses are the lab's logical ones."""

    client: str
    address: str
    port: int
    over: threading.Event = field(default_factory=threading.Event)


class Served:
    """What deals with an accepted connection, in a thread of its own.

    Args:
        serve: Deals with it.
        has_room: Whether the server behind would take it; asked before TLS begins, and it may wait.
    """

    def __init__(
        self, serve: Callable[[Stream], None], has_room: Callable[[], bool] | None = None
    ) -> None:
        self._serve = serve
        self.has_room = has_room if has_room is not None else lambda: True

    def __call__(self, stream: Stream) -> None:
        self._serve(stream)


class Front:
    """What stands at an address and port."""

    def meet(self, call: Call) -> Served | Turned:
        """Answer a dial: how it is turned away, or what deals with the connection."""
        raise NotImplementedError


class Redis(Front):
    """Relays to a real server, which is dialled before the caller is let in."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def meet(self, call: Call) -> Served | Turned:
        try:
            backend = socket.create_connection(("127.0.0.1", self.server.port), DIAL_WAIT_S)
        except ConnectionRefusedError:
            return Turned.REFUSED
        except OSError:
            return Turned.SILENT

        def has_room() -> bool:
            return _lets_in(backend, call.over)

        return Served(lambda stream: relay(stream, Stream(backend), call.over), has_room)


def _lets_in(backend: socket.socket, over: threading.Event) -> bool:
    """Whether the server has room; asked with a PING, which it answers without a login.

    A busy server lets us wait, as one that does TLS itself would let the handshake wait. Closes
    *backend* when there is no room.
    """
    backend.settimeout(0.2)
    answer = b""
    with contextlib.suppress(OSError):
        backend.sendall(b"PING\r\n")
        while not answer.endswith(b"\r\n") and not over.is_set():
            with contextlib.suppress(TimeoutError):
                more = backend.recv(512)
                if not more:
                    break
                answer += more
    if answer.endswith(b"\r\n") and not answer.startswith(b"-ERR max number of clients"):
        return True
    backend.close()
    return False


class Tls(Front):
    """Terminates TLS and hands the clear text to what is inside.

    *client_ca* is the PEM file of those who vouch for clients, where they must show a certificate.
    """

    def __init__(  # what a listener can be set to
        self,
        inner: Front,
        certificate: Certificate,
        *,
        min_version: str = "1.2",
        max_version: str = "1.3",
        require_client_certificate: bool = False,
        client_ca: str | None = None,
    ) -> None:
        self.inner = inner
        self.certificate = certificate
        self.versions = (min_version, max_version)
        self.require_client_certificate = require_client_certificate
        self.client_ca = client_ca
        self.context = self._make()

    def meet(self, call: Call) -> Served | Turned:
        met = self.inner.meet(call)
        if isinstance(met, Turned):
            return met

        def serve(stream: Stream) -> None:
            if met.has_room():
                met(TlsLayer(stream, self.context))
            else:
                # The limit is looked at before TLS begins, so its text is never delivered.
                # Source: redis, src/networking.c, acceptCommonHandler; tried on 7.0 with TLS.
                _close(stream)

        return Served(serve)

    def require(self, min_version: str) -> None:
        """Take nothing older than *min_version* from now on."""
        self.versions = (min_version, self.versions[1])
        self.context = self._make()

    def _make(self) -> ssl.SSLContext:
        lowest, highest = (_VERSIONS[version] for version in self.versions)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if lowest < ssl.TLSVersion.TLSv1_2:
            context.set_ciphers("DEFAULT:@SECLEVEL=0")  # OpenSSL 3 bars TLS 1.0 and 1.1 above it
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # old versions are the point
            context.minimum_version, context.maximum_version = lowest, highest
        context.load_cert_chain(self.certificate.chain_file, self.certificate.key_file)
        if self.require_client_certificate:
            context.verify_mode = ssl.CERT_REQUIRED
            if self.client_ca is not None:
                context.load_verify_locations(self.client_ca)
        return context


_VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}


class Inspecting(Tls):
    """A proxy on the way that breaks TLS open and shows a certificate of its own making."""

    def __init__(self, tls: Tls, other_certificate: Certificate) -> None:
        low, high = tls.versions
        super().__init__(tls.inner, other_certificate, min_version=low, max_version=high)


# --- dials that come to nothing ----------------------------------------------------------------


class Refuse(Front):
    """Nobody listens: the dial is answered with a RST."""

    def meet(self, call: Call) -> Turned:  # noqa: ARG002
        return Turned.REFUSED


class Silent(Front):
    """Never answers the dial, as a filter that drops packets."""

    def meet(self, call: Call) -> Turned:  # noqa: ARG002
        return Turned.SILENT


class Unreachable(Front):
    """A router on the way says that there is no way to the ``network`` or to the ``host``."""

    def __init__(self, kind: Literal["network", "host"] = "host") -> None:
        self.kind = kind

    def meet(self, call: Call) -> Turned:  # noqa: ARG002
        return Turned.NO_ROUTE if self.kind == "network" else Turned.NO_HOST


# --- accepted, and then ------------------------------------------------------------------------


class ResetAfterAccept(Front):
    """Accepts, reads *after_bytes*, and aborts with a RST."""

    def __init__(self, after_bytes: int = 0) -> None:
        self.after_bytes = after_bytes

    def meet(self, call: Call) -> Served:  # noqa: ARG002
        def serve(stream: Stream) -> None:
            _read_bytes(stream, self.after_bytes)
            stream.reset()

        return Served(serve)


class CloseAfterAccept(Front):
    """Accepts, reads *after_bytes*, and closes with a FIN and not a word."""

    def __init__(self, after_bytes: int = 0) -> None:
        self.after_bytes = after_bytes

    def meet(self, call: Call) -> Served:  # noqa: ARG002
        def serve(stream: Stream) -> None:
            _read_bytes(stream, self.after_bytes)
            _close(stream)

        return Served(serve)


class SilentAfterAccept(Front):
    """Accepts, reads whatever comes, and never answers."""

    def meet(self, call: Call) -> Served:  # noqa: ARG002
        return Served(lambda stream: stream.drain())


class StallAfterHello(Front):
    """Lets the client's hello in and at most *passes_bytes* of the answer out, then nothing more.

    With no *inner* nothing at all comes back, as where a middlebox swallows the handshake; with a
    TLS front inside, the handshake breaks off in the middle.
    """

    def __init__(self, inner: Front | None = None, passes_bytes: int = 0) -> None:
        self.inner = inner if inner is not None else SilentAfterAccept()
        self.passes_bytes = passes_bytes

    def meet(self, call: Call) -> Served | Turned:
        return _through(self.inner.meet(call), lambda stream: _Cut(stream, self.passes_bytes))


class _Cut(Layer):
    def __init__(self, below: Stream, passes_bytes: int) -> None:
        super().__init__(below)
        self._left = passes_bytes

    def send(self, data: bytes) -> None:
        passing, self._left = data[: self._left], max(0, self._left - len(data))
        if passing:
            self.below.send(passing)


class LargeRepliesLost(Front):
    """Answers of more than *bytes_at_once* vanish, and all that follows on that connection.

    So looks a path with a smaller MTU whose ICMP is filtered, as far as a relay can play it: what
    counts here is the size of a write, not of a segment.
    """

    def __init__(self, inner: Front, bytes_at_once: int = 1200) -> None:
        self.inner = inner
        self.bytes_at_once = bytes_at_once

    def meet(self, call: Call) -> Served | Turned:
        return _through(self.inner.meet(call), lambda stream: _Narrow(stream, self.bytes_at_once))


class _Narrow(Layer):
    def __init__(self, below: Stream, bytes_at_once: int) -> None:
        super().__init__(below)
        self._limit = bytes_at_once
        self._stuck = False

    def send(self, data: bytes) -> None:
        self._stuck = self._stuck or len(data) > self._limit
        if not self._stuck:
            self.below.send(data)

    def finish(self) -> None:
        if not self._stuck:
            self.below.finish()


class Http(Front):
    """A web server, which finds a request it cannot understand and says so in HTML."""

    def __init__(self, status: str = "400 Bad Request", server: str = "nginx") -> None:
        body = (
            f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\r\n"
        )
        self.answer = (
            f"HTTP/1.1 {status}\r\nServer: {server}\r\nContent-Type: text/html\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
        ).encode()

    def meet(self, call: Call) -> Served:  # noqa: ARG002
        def serve(stream: Stream) -> None:
            if stream.read():
                stream.send(self.answer)
            _close(stream)

        return Served(serve)


class Banner(Front):
    """Speaks first, as SSH, SMTP and MySQL do, and then only listens."""

    def __init__(self, greeting: bytes) -> None:
        self.greeting = greeting

    def meet(self, call: Call) -> Served:  # noqa: ARG002
        def serve(stream: Stream) -> None:
            stream.send(self.greeting)
            stream.drain()

        return Served(serve)


# --- behaviours around a front -----------------------------------------------------------------


class Flaky(Front):
    """Follows *pattern* over and over: at ``.`` a dial meets *inner*, at ``x`` *otherwise*."""

    def __init__(self, inner: Front, pattern: str = ".x", otherwise: Front | None = None) -> None:
        self.inner = inner
        self.pattern = pattern
        self.otherwise = otherwise if otherwise is not None else Silent()
        self._dials = 0
        self._counting = threading.Lock()

    def meet(self, call: Call) -> Served | Turned:
        with self._counting:
            well = self.pattern[self._dials % len(self.pattern)] == "."
            self._dials += 1
        return (self.inner if well else self.otherwise).meet(call)


class Slow(Front):
    """Far away: the dial, and every answer, takes *latency_s* (one round trip) longer."""

    def __init__(self, inner: Front, latency_s: float) -> None:
        self.inner = inner
        self.latency_s = latency_s

    def meet(self, call: Call) -> Served | Turned:
        call.over.wait(self.latency_s)
        return _through(self.inner.meet(call), lambda stream: _Delayed(stream, self.latency_s))


class _Delayed(Layer):
    """Holds back what is sent; order is kept, a half-close waits its turn as well."""

    def __init__(self, below: Stream, delay_s: float) -> None:
        super().__init__(below)
        self._delay_s = delay_s
        self._held: list[tuple[float, bytes | None]] = []

    @property
    def unsent(self) -> bool:
        return bool(self._held) or self.below.unsent

    def send(self, data: bytes) -> None:
        self._held.append((time.monotonic() + self._delay_s, data))

    def finish(self) -> None:
        self._held.append((time.monotonic() + self._delay_s, None))

    def due_s(self) -> float | None:
        return _soonest(self.below.due_s(), [due for due, _ in self._held[:1]])

    def tick(self) -> None:
        while self._held and self._held[0][0] <= time.monotonic():
            _, data = self._held.pop(0)
            if data is None:
                self.below.finish()
            else:
                self.below.send(data)
        self.below.tick()


class Throttled(Front):
    """Answers pass at *bytes_per_s*, as at the bandwidth limit of a small tier."""

    def __init__(self, inner: Front, bytes_per_s: float) -> None:
        self.inner = inner
        self.bytes_per_s = bytes_per_s

    def meet(self, call: Call) -> Served | Turned:
        return _through(self.inner.meet(call), lambda stream: _Trickle(stream, self.bytes_per_s))


class _Trickle(_Delayed):
    def __init__(self, below: Stream, bytes_per_s: float) -> None:
        super().__init__(below, 0.0)
        self._rate = bytes_per_s
        self._free_at = 0.0

    def send(self, data: bytes) -> None:
        step = max(1, min(len(data), int(self._rate / 50)))
        for at in range(0, len(data), step):
            piece = data[at : at + step]
            self._free_at = max(self._free_at, time.monotonic()) + len(piece) / self._rate
            self._held.append((self._free_at, piece))

    def finish(self) -> None:
        self._held.append((max(self._free_at, time.monotonic()), None))


class IdleClose(Front):
    """Ends a connection on which nothing has passed for *after_s*: close, reset, or mere silence.

    ``silent`` is a middlebox that has forgotten the connection: it stays open, and nothing passes.
    """

    def __init__(self, inner: Front, after_s: float, how: Ending = "close") -> None:
        self.inner = inner
        self.after_s = after_s
        self.how = how

    def meet(self, call: Call) -> Served | Turned:
        return _through(self.inner.meet(call), lambda stream: _Idle(stream, self.after_s, self.how))


class _Idle(Layer):
    def __init__(self, below: Stream, after_s: float, how: Ending) -> None:
        super().__init__(below)
        self._after_s, self._how = after_s, how
        self._last = time.monotonic()
        self._forgotten = False

    def receive(self) -> bytes | None:
        data = self.below.receive()
        if data and self._forgotten:
            return None
        if data:
            self._last = time.monotonic()
        return data

    def send(self, data: bytes) -> None:
        if not self._forgotten:
            self._last = time.monotonic()
            self.below.send(data)

    def due_s(self) -> float | None:
        if self._forgotten:
            return self.below.due_s()
        return _soonest(self.below.due_s(), [self._last + self._after_s])

    def tick(self) -> None:
        if not self._forgotten and self._last + self._after_s <= time.monotonic():
            self._forgotten = True
            if self._how == "close":
                self.below.finish()
            elif self._how == "reset":
                self.below.reset()
        self.below.tick()


class Limit(Front):
    """Lets *n* connections in at a time; the next one meets *otherwise*."""

    def __init__(self, inner: Front, n: int, otherwise: Front | None = None) -> None:
        self.inner = inner
        self.n = n
        self.otherwise = otherwise if otherwise is not None else CloseAfterAccept()
        self._open = 0
        self._counting = threading.Lock()

    def meet(self, call: Call) -> Served | Turned:
        with self._counting:
            full = self._open >= self.n
            self._open += not full
        if full:
            return self.otherwise.meet(call)
        met = self.inner.meet(call)
        if isinstance(met, Turned):
            self._leave()
            return met

        def serve(stream: Stream) -> None:
            try:
                met(stream)
            finally:
                self._leave()

        return Served(serve, met.has_room)

    def _leave(self) -> None:
        with self._counting:
            self._open -= 1


class AllowFrom(Front):
    """Lets callers from *addresses* (addresses or networks) in; the others meet *otherwise*."""

    def __init__(
        self, inner: Front, addresses: Iterable[str], otherwise: Front | None = None
    ) -> None:
        self.inner = inner
        self.networks = [ipaddress.ip_network(address, strict=False) for address in addresses]
        self.otherwise = otherwise if otherwise is not None else Silent()

    def meet(self, call: Call) -> Served | Turned:
        caller = ipaddress.ip_address(call.client)
        known = any(caller in network for network in self.networks)
        return (self.inner if known else self.otherwise).meet(call)


class AcceptsFirst(Front):
    """A sidecar: accepts every dial at once, then dials itself, and ends the call if that fails."""

    def __init__(self, inner: Front, ending: Literal["close", "reset"] = "close") -> None:
        self.inner = inner
        self.ending = ending

    def meet(self, call: Call) -> Served:
        def serve(stream: Stream) -> None:
            met = self.inner.meet(call)
            if not isinstance(met, Turned):
                met(stream)
            elif met is Turned.SILENT:
                stream.drain()
            elif self.ending == "reset":
                stream.reset()
            else:
                _close(stream)

        return Served(serve)


class Chosen(Front):
    """Asks *choose* for each dial which front stands there, for what the others cannot say."""

    def __init__(self, choose: Callable[[Call], Front]) -> None:
        self.choose = choose

    def meet(self, call: Call) -> Served | Turned:
        return self.choose(call).meet(call)


# --- a script between client and server --------------------------------------------------------


@dataclass(frozen=True)
class Instead:
    """The client is told *reply*; the server never hears of the request."""

    reply: resp.Reply


@dataclass(frozen=True)
class Rewritten:
    """The server answers, and *change* makes of its reply what the client is told."""

    change: Callable[[resp.Reply], resp.Reply]
    only_errors: bool = False


@dataclass(frozen=True)
class Ended:
    """The request is the connection's last: close, reset, or silence from then on."""

    how: Ending


Line = Instead | Rewritten | Ended
Script = Mapping[str, Line] | Callable[[Sequence[bytes]], Line | None]


class Answers(Front):
    """Sits between client and server and changes what is said, for what no open server can say.

    *script* maps a command (``"GET"``, ``"CLUSTER SLOTS"``, ``"*"`` for any) to a line, or is a
    function of the request's words. Each use names the source of the words it puts in. What no line
    concerns passes byte for byte.
    """

    def __init__(self, inner: Front, script: Script) -> None:
        self.inner = inner
        self.script = script

    def meet(self, call: Call) -> Served | Turned:
        return _through(self.inner.meet(call), lambda stream: _Scripted(stream, self.said))

    def said(self, words: Sequence[bytes]) -> Line | None:
        """Return the line for a request, or ``None`` to leave it alone."""
        if callable(self.script):
            return self.script(words)
        text = [word.decode(errors="replace").upper() for word in words[:2]]
        for name in (" ".join(text), text[0] if text else "", "*"):
            if name in self.script:
                return self.script[name]
        return None


class _Scripted(Layer):
    """Knows of each request still unanswered what to do with its reply, in order."""

    def __init__(self, below: Stream, said: Callable[[Sequence[bytes]], Line | None]) -> None:
        super().__init__(below)
        self._said = said
        self._requests, self._replies = bytearray(), bytearray()
        self._waiting: list[Line | None] = []
        self._ended = False

    def receive(self) -> bytes | None:
        data = self.below.receive()
        if not data:
            return data
        if self._ended:
            return None
        self._requests += data
        passing = b""
        for request in resp.requests(self._requests):
            words = resp.request_words(request)
            line = self._said(words) if words else None
            if isinstance(line, Ended):
                self._end(line.how)
                break
            if words:
                self._waiting.append(line)
            if not isinstance(line, Instead):
                passing += request
        self._tell()
        return passing or None

    def send(self, data: bytes) -> None:
        self._replies += data
        while self._replies and (end := resp.end_of(self._replies)) is not None:
            reply = bytes(self._replies[:end])
            del self._replies[:end]
            # Pushed messages (RESP3) and what comes unasked are nobody's reply.
            line = self._waiting.pop(0) if self._waiting and reply[:1] != b">" else None
            if isinstance(line, Rewritten) and (reply[:1] in b"-!" or not line.only_errors):
                reply = resp.encode_reply(line.change(resp.decode(reply)))
            if not self._ended:
                self.below.send(reply)
            self._tell()

    def _tell(self) -> None:
        """Send the replies of our own that are next in order."""
        while self._waiting and isinstance(line := self._waiting[0], Instead) and not self._ended:
            del self._waiting[0]
            self.below.send(resp.encode_reply(line.reply))

    def _end(self, how: Ending) -> None:
        self._ended = True
        if how == "close":
            self.below.finish()
        elif how == "reset":
            self.below.reset()


# --- what the fronts share ---------------------------------------------------------------------


def _through(met: Served | Turned, layer: Callable[[Stream], Stream]) -> Served | Turned:
    """Put *layer* between an accepted connection and what deals with it."""
    if isinstance(met, Turned):
        return met
    return Served(lambda stream: met(layer(stream)), met.has_room)


def _soonest(other: float | None, moments: Sequence[float]) -> float | None:
    dues = [moment - time.monotonic() for moment in moments]
    if other is not None:
        dues.append(other)
    return min(dues, default=None)


def _read_bytes(stream: Stream, wanted: int) -> None:
    while wanted > 0 and (data := stream.read()):
        wanted -= len(data)


def _close(stream: Stream) -> None:
    """Send a FIN, and no RST: what the client still sends is read and dropped for a moment."""
    stream.finish()
    with contextlib.suppress(OSError):
        stream.drain(wait_s=5.0)
    stream.close()
