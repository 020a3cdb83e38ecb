"""The network between client and service: logical addresses behind SOCKS5 vantage points.

Each vantage point is a SOCKS5 server on its own port of loopback (RFC 1928, no login), so that each
has its own client address, its own names and its own rules. The answer to CONNECT is that of the
dial: 0x05 refused, 0x03 and 0x04 unreachable, and silence where the dial would meet silence; its
bound address is the vantage point's logical one, which is where the service sees the call from.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from refused.lab.fronts import Call, Front, Refuse, Silent, Turned
from refused.lab.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from refused.lab.names import Zone

_LEAVE_WAIT_S = 1.0  # for connections to end when their vantage point does
_VERSION, _NO_LOGIN, _NO_METHOD, _CONNECT = 5, 0x00, 0xFF, 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
_OK, _NO_ROUTE, _NO_HOST, _REFUSED, _BAD_COMMAND = 0x00, 0x03, 0x04, 0x05, 0x07
_CODES = {Turned.REFUSED: _REFUSED, Turned.NO_ROUTE: _NO_ROUTE, Turned.NO_HOST: _NO_HOST}


@dataclass
class Network:
    """Which front stands at which logical address and port.

    Attributes:
        fronts: By address and port.
        rest: By address, what stands at its other ports; refusal where nothing is said.
        elsewhere: What stands at every unknown address.
        gates: What decides of each dial, in order, whether it meets the front at all: given the
            call and the front, each returns the one that the call meets.
    """

    fronts: dict[tuple[str, int], Front] = field(default_factory=dict)
    rest: dict[str, Front] = field(default_factory=dict)
    elsewhere: Front = field(default_factory=Silent)
    gates: list[Callable[[Call, Front], Front]] = field(default_factory=list)

    def at(self, address: str, port: int, front: Front) -> None:
        """Put *front* at *address* and *port*, instead of what may stand there."""
        self.fronts[_canonical(address), port] = front

    def closed(self, address: str, front: Front) -> None:
        """Set what a dial to any other port of *address* meets."""
        self.rest[_canonical(address)] = front

    def front(self, address: str, port: int) -> Front:
        """Return what a dial to *address* and *port* meets."""
        address = _canonical(address)
        here = self.fronts.get((address, port)) or self.rest.get(address)
        if here is not None:
            return here
        known = any(address == other for other, _ in self.fronts)
        return Refuse() if known else self.elsewhere


def _canonical(address: str) -> str:
    return str(ipaddress.ip_address(address))


class Vantage:
    """A place in the network from which dials are made, as a SOCKS5 server; a context manager.

    Args:
        name: What it is called: ``laptop``, ``pod shop/cart-0``.
        client_ip: The address from which the service sees it call.
        network: Where it stands.
        zone: Where names given to the SOCKS5 server are looked up.
        way: What lies between it and every front: given the front and the call, it returns the
            front that the call meets. A sidecar, a corporate firewall, a route that ends nowhere.
    """

    def __init__(
        self,
        name: str,
        client_ip: str,
        network: Network,
        zone: Zone | None = None,
        way: Callable[[Front, Call], Front] | None = None,
    ) -> None:
        self.name = name
        self.client_ip = client_ip
        self.network = network
        self.zone = zone
        self.way = way
        self.port = 0
        self._listener: socket.socket | None = None
        self._over = threading.Event()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._keeping = threading.Lock()

    @property
    def url(self) -> str:
        """The vantage point as ``--from`` takes it."""
        return f"socks5://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Listen and serve in threads."""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        _in_thread(self._listen, self._listener)
        return self

    def stop(self) -> None:
        """Close the listener and every connection that came through it."""
        self._over.set()
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        with self._keeping:
            served = dict(self._open)
        for sock in served:
            # Wakes whoever waits on it; the thread that owns it closes it.
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        until = time.monotonic() + _LEAVE_WAIT_S
        for thread in served.values():
            thread.join(max(0.0, until - time.monotonic()))

    def meet(self, address: str, port: int) -> tuple[Front, Call]:
        """Return what a dial from here meets, and the call."""
        call = Call(self.client_ip, _canonical(address), port, self._over)
        front = self.network.front(address, port)
        for gate in self.network.gates:
            front = gate(call, front)
        return (front if self.way is None else self.way(front, call)), call

    def _listen(self, listener: socket.socket) -> None:
        while not self._over.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            _in_thread(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        with self._keeping:
            self._open[sock] = threading.current_thread()
        try:
            with contextlib.suppress(OSError):
                if not self._over.is_set():
                    self._converse(sock)
        finally:
            with self._keeping:
                del self._open[sock]
            sock.close()

    def _converse(self, sock: socket.socket) -> None:
        _, count = _exactly(sock, 2)
        methods = _exactly(sock, count)
        if _NO_LOGIN not in methods:
            sock.sendall(bytes([_VERSION, _NO_METHOD]))
            return
        sock.sendall(bytes([_VERSION, _NO_LOGIN]))
        _, command, _, kind = _exactly(sock, 4)
        if kind == _NAME:
            host = _exactly(sock, _exactly(sock, 1)[0]).decode("latin-1")
        else:
            host = str(ipaddress.ip_address(_exactly(sock, 16 if kind == _IPV6 else 4)))
        (port,) = struct.unpack("!H", _exactly(sock, 2))
        if command != _CONNECT:
            self._say(sock, _BAD_COMMAND)
            return
        address = self._address_of(host) if kind == _NAME else host
        if address is None:
            self._say(sock, _NO_HOST)
            return
        front, call = self.meet(address, port)
        met = front.meet(call)
        if met is Turned.SILENT:
            Stream(sock).drain()
        elif isinstance(met, Turned):
            self._say(sock, _CODES[met])
        else:
            with contextlib.suppress(OSError):
                self._say(sock, _OK)
            met(Stream(sock))  # even if the caller is gone: what was opened wants to be closed

    def _address_of(self, host: str) -> str | None:
        with contextlib.suppress(ValueError):
            return _canonical(host)
        if self.zone is None:
            return None
        for kind in ("A", "AAAA"):
            if addresses := self.zone.look_up(host, kind).addresses:
                return addresses[0]
        return None

    def _say(self, sock: socket.socket, code: int) -> None:
        own = ipaddress.ip_address(self.client_ip)
        kind = _IPV6 if ":" in self.client_ip else _IPV4
        sock.sendall(bytes([_VERSION, code, 0, kind]) + own.packed + struct.pack("!H", 0))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class Door:
    """A front at a real address and port, for clients that know no SOCKS; a context manager.

    What the kernel can show it shows: a refusal is a closed port, silence a full backlog. How a
    dial is answered is settled when the door opens, for what stands there then; an accepted caller
    that the front would turn away is closed.
    """

    def __init__(self, front: Front, host: str = "127.0.0.1", port: int = 0) -> None:
        self.front = front
        self.host, self.port = host, port
        self._listener: socket.socket | None = None
        self._stuffing: list[socket.socket] = []
        self._over = threading.Event()
        self._open: set[socket.socket] = set()

    def start(self) -> Self:
        """Bind, and listen where the front lets callers in."""
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((self.host, self.port))
        self.port = self._listener.getsockname()[1]
        if isinstance(self.front, Refuse):
            return self  # bound, so that nobody else gets the port, and deaf
        self._listener.listen(0 if isinstance(self.front, Silent) else 512)
        if isinstance(self.front, Silent):
            self._stuff()
        else:
            _in_thread(self._listen, self._listener)
        return self

    def _stuff(self) -> None:
        """Fill the backlog, so that the kernel leaves further dials unanswered."""
        for _ in range(4):
            sock = socket.socket()
            sock.settimeout(0)
            sock.connect_ex((self.host, self.port))
            self._stuffing.append(sock)

    def stop(self) -> None:
        """Close the listener and every connection that came through it."""
        self._over.set()
        for sock in (self._listener, *list(self._open)):
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for sock in (self._listener, *self._stuffing):
            if sock is not None:
                sock.close()

    def _listen(self, listener: socket.socket) -> None:
        while not self._over.is_set():
            try:
                sock, caller = listener.accept()
            except OSError:
                return
            _in_thread(self._serve, sock, caller[0])

    def _serve(self, sock: socket.socket, client: str) -> None:
        self._open.add(sock)
        try:
            met = self.front.meet(Call(client, self.host, self.port, self._over))
            if met is Turned.SILENT:
                Stream(sock).drain()
            elif not isinstance(met, Turned):
                met(Stream(sock))
        finally:
            self._open.discard(sock)
            sock.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _in_thread(work: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=work, args=arguments, name="lab-network", daemon=True).start()


def _exactly(sock: socket.socket, wanted: int) -> bytes:
    data = b""
    while len(data) < wanted:
        more = sock.recv(wanted - len(data))
        if not more:
            raise ConnectionResetError("the client hung up before it had asked")
        data += more
    return data
