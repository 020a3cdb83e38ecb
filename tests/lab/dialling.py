"""A client's end of the lab: dial through a vantage point, and tell FIN, RST and silence apart."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
from typing import TYPE_CHECKING

from refused.lab.network import Network, Vantage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.lab.fronts import Front

ADDRESS, PORT, CLIENT = "20.42.65.90", 6380, "203.0.113.7"
SOON_S = 0.3  # silence lasts for ever; we listen for as long


class Declined(Exception):
    """The vantage point answered the dial with this SOCKS code."""

    @property
    def code(self) -> int:
        """As RFC 1928 numbers them."""
        return int(self.args[0])


def dial(
    vantage_port: int, host: str = ADDRESS, port: int = PORT, wait_s: float = 5.0
) -> socket.socket:
    """Dial through a vantage point; :class:`TimeoutError` is a dial that nobody answered."""
    sock = socket.create_connection(("127.0.0.1", vantage_port), wait_s)
    try:
        sock.sendall(b"\x05\x01\x00")
        assert sock.recv(2) == b"\x05\x00"
        sock.sendall(b"\x05\x01\x00" + _place(host) + struct.pack("!H", port))
        head = sock.recv(4)
        sock.recv(6 if head[3] == 1 else 18)
        if head[1]:
            raise Declined(head[1])  # noqa: TRY301
    except BaseException:
        sock.close()
        raise
    return sock


def _place(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return b"\x03" + bytes([len(host)]) + host.encode()
    return (b"\x01" if address.version == 4 else b"\x04") + address.packed


@contextlib.contextmanager
def before(front: Front) -> Iterator[int]:
    """Put *front* at the usual address, and give the port of a vantage point that sees it."""
    network = Network()
    network.at(ADDRESS, PORT, front)
    with Vantage("here", CLIENT, network) as here:
        yield here.port


def ending(sock: socket.socket, wait_s: float = SOON_S) -> str:
    """Tell how a connection ends: ``closed``, ``reset``, ``silent``, or what was said."""
    sock.settimeout(wait_s)
    try:
        data = sock.recv(4096)
    except ConnectionResetError:
        return "reset"
    except TimeoutError:
        return "silent"
    return data.decode("latin-1") or "closed"
