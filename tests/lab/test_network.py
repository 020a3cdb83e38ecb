"""Logical addresses behind SOCKS5 vantage points."""

# ruff: noqa: SIM117  # one `with` sets the scene, the next one acts in it

from __future__ import annotations

import socket
import struct

import pytest

from refused.lab import fronts as f
from refused.lab.names import Zone
from refused.lab.network import Network, Vantage
from tests.lab.dialling import SOON_S, Declined, dial, ending

GREETING = f.Banner(b"hello")


def test_known_addresses_refuse_and_unknown_ones_are_silent() -> None:
    """Unless the world says otherwise."""
    network = Network()
    network.at("20.42.65.90", 6380, GREETING)
    network.at("20.42.65.91", 6380, GREETING)
    network.closed("20.42.65.91", f.Silent())
    with Vantage("here", "203.0.113.7", network) as here:
        with dial(here.port, "20.42.65.90", 6380) as sock:
            assert ending(sock) == "hello"
        with pytest.raises(Declined):
            dial(here.port, "20.42.65.90", 6379)
        with pytest.raises(TimeoutError):
            dial(here.port, "20.42.65.91", 6379, SOON_S)
        with pytest.raises(TimeoutError):
            dial(here.port, "192.0.2.1", 6380, SOON_S)


@pytest.mark.parametrize("host", ["10.1.0.4", "2001:db8::4", "contoso.example.net"])
def test_an_address_comes_in_three_forms(host: str) -> None:
    """IPv4, IPv6, or a name that is looked up in the vantage point's zone."""
    network, zone = Network(), Zone()
    zone.a("contoso.example.net", "10.1.0.4")
    network.at("10.1.0.4", 6380, GREETING)
    network.at("2001:0db8::0004", 6380, GREETING)
    with Vantage("here", "203.0.113.7", network, zone) as here:
        with dial(here.port, host, 6380) as sock:
            assert ending(sock) == "hello"
        with pytest.raises(Declined) as declined:
            dial(here.port, "no.example.net", 6380)
    assert declined.value.code == 4


def test_each_place_has_its_own_address_and_way() -> None:
    """A pod passes a sidecar, a laptop does not; the service sees two callers."""
    network = Network()
    network.at("10.1.0.4", 6380, f.AllowFrom(GREETING, ["10.1.1.0/24"], f.Refuse()))
    pod = Vantage("pod", "10.1.1.9", network, way=lambda front, _: f.AcceptsFirst(front))
    with pod, Vantage("laptop", "203.0.113.7", network) as laptop:
        with dial(pod.port, "10.1.0.4", 6380) as sock:
            assert ending(sock) == "hello"
        with dial(pod.port, "10.1.0.4", 6379) as sock:
            assert ending(sock) == "closed"
        with pytest.raises(Declined):
            dial(laptop.port, "10.1.0.4", 6380)


def test_the_bound_address_is_where_the_service_sees_the_call_from() -> None:
    """RFC 1928 calls it BND.ADDR."""
    network = Network()
    network.at("10.1.0.4", 6380, GREETING)
    with Vantage("here", "203.0.113.7", network) as here:
        with socket.create_connection(("127.0.0.1", here.port), 5) as sock:
            sock.sendall(b"\x05\x01\x00\x05\x01\x00\x01\x0a\x01\x00\x04" + struct.pack("!H", 6380))
            said = b""
            while len(said) < 12:
                said += sock.recv(12 - len(said))
    assert said[2:10] == b"\x05\x00\x00\x01" + bytes([203, 0, 113, 7])


def test_what_is_no_connect_is_told_so() -> None:
    """BIND is none, and neither is a login."""
    with Vantage("here", "203.0.113.7", Network()) as here:
        with socket.create_connection(("127.0.0.1", here.port), 5) as sock:
            sock.sendall(b"\x05\x01\x02")
            assert sock.recv(2) == b"\x05\xff"
        with socket.create_connection(("127.0.0.1", here.port), 5) as sock:
            sock.sendall(b"\x05\x01\x00\x05\x02\x00\x01\x0a\x01\x00\x04\x00\x50")
            said = b""
            while len(said) < 4:
                said += sock.recv(4 - len(said))
            assert said[3] == 7


def test_a_place_that_goes_takes_its_connections_along() -> None:
    """Nobody waits for silence for ever."""
    network = Network()
    network.at("10.1.0.4", 6380, f.SilentAfterAccept())
    with Vantage("here", "203.0.113.7", network) as here:
        sock = dial(here.port, "10.1.0.4", 6380)
    with sock:
        assert ending(sock, 5) == "closed"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", here.port), 5)


def test_many_at_once_are_served() -> None:
    """Descriptors beyond 1,024 included, where the system allows them."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(4096, hard) if hard != resource.RLIM_INFINITY else 4096
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    network = Network()
    network.at("10.1.0.4", 6380, GREETING)
    count = min(600, wanted // 3)
    with Vantage("here", "203.0.113.7", network) as here:
        socks = [dial(here.port, "10.1.0.4", 6380) for _ in range(count)]
        try:
            assert {ending(sock, 5) for sock in socks} == {"hello"}
        finally:
            for sock in socks:
                sock.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
