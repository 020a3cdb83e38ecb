"""Dials, routes and what the kernel tells of a connection, on real sockets and networks."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import select
import socket
import struct
import sys
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.probes import tcp
from refused.probes.tcp import dial, path_mtu, route, transport
from tests.conftest import LATE_S
from tests.probes.networks import Routed, namespaces, routed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from refused.evidence.observations import RouteLookup, TcpDial

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Give a socket that listens on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@contextlib.contextmanager
def listening(family: int, address: str, port: int = 0) -> Iterator[int]:
    """Give the port of a socket that listens at *address*."""
    with socket.socket(family) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((address, port))
        except OSError:
            pytest.skip("needs IPv6")
        made.listen()
        yield made.getsockname()[1]


def dialled(address: str, port: int, wait_s: float = 2.0) -> TcpDial:
    """Dial, hang up, and return what was seen."""
    sock, seen = dial(address, port, vantage="here", wait_s=wait_s)
    if sock is not None:
        sock.close()
    return seen


# --- dialling ----------------------------------------------------------------------------------


def test_a_port_that_listens_accepts(listener: socket.socket) -> None:
    """The connection comes back ready to talk over."""
    port = listener.getsockname()[1]

    sock, seen = dial("127.0.0.1", port, vantage="pod a", wait_s=2, purpose="repeat")

    assert sock is not None
    with sock, listener.accept()[0] as far:
        assert sock.gettimeout() is None
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        sock.sendall(b"PING")
        assert far.recv(9) == b"PING"
    assert (seen.outcome, seen.errno, seen.failed) == ("accepted", None, False)
    assert (seen.address, seen.port, seen.local_address) == ("127.0.0.1", port, "127.0.0.1")
    assert (seen.vantage, seen.purpose, seen.via) == ("pod a", "repeat", "")
    assert abs(seen.at - time.time()) < 5


def test_ipv6_is_dialled_too() -> None:
    """A colon makes it IPv6."""
    with listening(socket.AF_INET6, "::1") as port:
        seen = dialled("::1", port)

    assert (seen.outcome, seen.local_address) == ("accepted", "::1")


def test_a_port_nobody_listens_on_refuses() -> None:
    """Bound, so that nobody else gets it, and deaf."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        sock, seen = dial("127.0.0.1", deaf.getsockname()[1], vantage="here", wait_s=2)

    assert sock is None
    assert (seen.outcome, seen.errno) == ("refused", errno.ECONNREFUSED)
    assert (seen.icmp_from, seen.icmp) == (None, None)


@linux_only
def test_a_full_backlog_is_met_with_silence() -> None:
    """Linux drops the SYN when the queue is full; we wait as long as we were told."""
    with contextlib.ExitStack() as kept:
        full = kept.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            stuffing = kept.enter_context(socket.socket())
            stuffing.settimeout(0)
            stuffing.connect_ex(full.getsockname())
        seen = dialled("127.0.0.1", full.getsockname()[1], wait_s=0.2)

    assert (seen.outcome, seen.errno) == ("silent", None)
    assert 199 <= seen.took_ms < 1000 * (0.2 + LATE_S)


def test_a_name_is_never_looked_up(listener: socket.socket) -> None:
    """Lookups are observations of their own, and may take for ever."""
    seen = dialled("localhost", listener.getsockname()[1])

    assert (seen.outcome, seen.errno) == ("other", None)
    assert seen.source == "nothing was dialled: 'localhost' is no IP address"


@pytest.mark.parametrize("address", ["300.1.1.1", "127.1", "127.0.0.1%lo", "fe80::1%", "", "1\0"])
def test_what_is_almost_an_address_is_none(address: str) -> None:
    """The C library takes some of these, and means something else by them."""
    assert not tcp.is_address(address)
    assert dialled(address, 80).outcome == "other"


@pytest.mark.parametrize("port", [-1, 65536, 10**30])
def test_what_is_no_port_is_not_dialled(port: int) -> None:
    """It is said, not raised."""
    assert dialled("127.0.0.1", port).source == f"nothing was dialled: {port} is no port"


@given(st.text(max_size=40) | st.from_regex(r"[0-9a-f:.%]{1,20}", fullmatch=True), st.integers())
def test_whatever_it_is_told_to_dial_it_answers(address: str, port: int) -> None:
    """Any text and any number give an observation."""
    if not tcp.is_address(address):
        assert dialled(address, port, wait_s=0).outcome == "other"
        assert route(address, vantage="here").local_address is None


def test_a_link_that_does_not_exist_cannot_be_dialled() -> None:
    """The scope of a link-local address names a network card."""
    seen = dialled("fe80::1%nosuch0", 80)

    assert (seen.outcome, seen.errno) == ("unreachable", errno.ENODEV)


def test_no_descriptor_is_left() -> None:
    """The next file would be one too many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    next_one = os.dup(0)
    os.close(next_one)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_one, hard))
    try:
        seen = dialled("127.0.0.1", 1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert (seen.outcome, seen.errno) == ("no-descriptor", errno.EMFILE)


@pytest.mark.skipif(not hasattr(select, "poll"), reason="needs poll(2)")
def test_the_two_thousandth_file_can_be_a_connection(listener: socket.socket) -> None:
    """select(2) ends at descriptor 1023; a program with many connections is past that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
    with contextlib.ExitStack() as kept:
        kept.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(1100):
            kept.callback(os.close, os.dup(0))
        seen = dialled("127.0.0.1", listener.getsockname()[1])

    assert seen.outcome == "accepted"


def test_what_is_set_before_the_dial_holds(listener: socket.socket) -> None:
    """Small segments both ways, since the limit is announced to the peer."""
    sock, _ = dial(
        "127.0.0.1",
        listener.getsockname()[1],
        vantage="here",
        wait_s=2,
        prepare=tcp.limit_segments,
    )

    assert sock is not None
    with sock, listener.accept()[0] as far:
        for end in (sock, far):
            assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) <= 536


def test_a_setting_that_fails_is_told() -> None:
    """Nothing is raised, and nothing dialled."""

    def fail(_: socket.socket) -> None:
        raise OSError(errno.EPERM, "no")

    _, seen = dial("127.0.0.1", 1, vantage="here", wait_s=2, prepare=fail)

    assert (seen.outcome, seen.errno) == ("denied", errno.EPERM)


@linux_only
def test_an_open_connection_does_not_end_by_icmp(listener: socket.socket) -> None:
    """What the dial listened for is switched off before the connection is handed over."""
    sock, _ = dial("127.0.0.1", listener.getsockname()[1], vantage="here", wait_s=2)

    assert sock is not None
    with sock:
        assert sock.getsockopt(socket.IPPROTO_IP, 11) == 0


@linux_only
@pytest.mark.parametrize("kept", [b"", b"\0" * 15, b"\1\0\0\0\2\3\1" + b"\0" * 9])
def test_a_note_of_an_icmp_error_may_be_short(kept: bytes) -> None:
    """Without room for the sender, the rest is still read."""
    found = tcp._icmp_in(kept)

    assert found is None or (found.sender, found.kind) == (None, "3/1")


@given(st.binary(max_size=60))
def test_any_bytes_in_the_error_queue_are_survived(kept: bytes) -> None:
    """The kernel's layout may grow."""
    found = tcp._icmp_in(kept)

    assert found is None or "/" in found.kind


# --- dialling into real packet filters -----------------------------------------------------------


@pytest.fixture(scope="module")
def network() -> Iterator[Routed]:
    """Give a routed network whose router turns some ports away, each in its own manner."""
    with routed() as made:
        v4, v6 = "meta nfproto ipv4 tcp", "meta nfproto ipv6 tcp"
        made.router.filter(
            "forward",
            f"{v4} dport 1001 reject with icmp type admin-prohibited",
            f"{v4} dport 1002 reject with icmp type port-unreachable",
            f"{v4} dport 1003 reject with icmp type host-unreachable",
            f"{v4} dport 1004 reject with icmp type net-unreachable",
            "tcp dport 1005 reject with tcp reset",
            "tcp dport 1006 drop",
            f"{v6} dport 1001 reject with icmpv6 type admin-prohibited",
            f"{v6} dport 1002 reject with icmpv6 type port-unreachable",
            f"{v6} dport 1003 reject with icmpv6 type addr-unreachable",
            f"{v6} dport 1004 reject with icmpv6 type no-route",
        )
        # The first packet to a new neighbour waits for its link address.
        made.client.run("ping", "-qc1", "-W5", Routed.SERVER)
        made.client.run("ping", "-6qc1", "-W5", Routed.SERVER6)
        yield made


@pytest.mark.kernel
@pytest.mark.parametrize(
    ("port", "outcome", "icmp", "icmp6"),
    [
        (1001, "unreachable", "3/13", "1/1"),
        (1002, "refused", "3/3", "1/4"),
        (1003, "unreachable", "3/1", "1/3"),
        (1004, "unreachable", "3/0", "1/0"),
    ],
)
def test_who_turned_a_dial_away_by_icmp_is_named(
    network: Routed, port: int, outcome: str, icmp: str, icmp6: str
) -> None:
    """The router on the way signs its errors, and IPv4 and IPv6 have the same words for them."""
    first = network.client.inside(lambda: dialled(Routed.SERVER, port))
    second = network.client.inside(lambda: dialled(Routed.SERVER6, port))

    assert (first.outcome, first.icmp_from, first.icmp) == (outcome, Routed.ROUTER, icmp)
    assert (second.outcome, second.icmp_from, second.icmp) == (outcome, Routed.ROUTER6, icmp6)
    assert (first.local_address, second.local_address) == (Routed.CLIENT, Routed.CLIENT6)


@pytest.mark.kernel
@pytest.mark.parametrize("address", [Routed.SERVER, Routed.SERVER6])
def test_a_router_that_resets_looks_like_the_server(network: Routed, address: str) -> None:
    """A RST has no sender of its own."""
    seen = network.client.inside(lambda: dialled(address, 1005))

    assert (seen.outcome, seen.errno, seen.icmp) == ("refused", errno.ECONNREFUSED, None)


@pytest.mark.kernel
@pytest.mark.parametrize("address", [Routed.SERVER, Routed.SERVER6])
def test_a_router_that_drops_is_silence(network: Routed, address: str) -> None:
    """Nothing comes back, so nothing is known but the time."""
    seen = network.client.inside(lambda: dialled(address, 1006, wait_s=0.3))

    assert (seen.outcome, seen.errno, seen.icmp) == ("silent", None, None)
    assert seen.took_ms >= 299


@pytest.mark.kernel
def test_this_hosts_own_filter_is_told_from_a_routers() -> None:
    """A reject signed by our own address is this host's; a drop cannot be told from silence."""
    with routed() as made:
        made.client.set("net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0")
        made.client.filter(
            "output",
            "meta nfproto ipv4 tcp dport 1 reject with icmp type admin-prohibited",
            "meta nfproto ipv6 tcp dport 1 reject with icmpv6 type admin-prohibited",
            "tcp dport 2 reject",
            "tcp dport 3 drop",
        )
        rejected = made.client.inside(lambda: dialled(Routed.SERVER, 1))
        rejected6 = made.client.inside(lambda: dialled(Routed.SERVER6, 1))
        by_default = made.client.inside(lambda: dialled(Routed.SERVER, 2))
        dropped = made.client.inside(lambda: dialled(Routed.SERVER, 3, wait_s=0.2))

    assert (rejected.outcome, rejected.icmp, rejected.icmp_from) == (
        "denied",
        "3/13",
        Routed.CLIENT,
    )
    assert (rejected6.outcome, rejected6.icmp_from) == ("denied", Routed.CLIENT6)
    assert (by_default.outcome, by_default.icmp, by_default.icmp_from) == (
        "refused",
        "3/3",
        Routed.CLIENT,
    )
    assert dropped.outcome == "silent"


@pytest.mark.kernel
def test_a_neighbour_who_is_not_there_is_unreachable() -> None:
    """Our own kernel reports it when nobody answers for the address on the link."""
    with routed() as made:
        made.client.set(
            "net.ipv4.neigh.eth0.retrans_time_ms=50", "net.ipv4.neigh.eth0.mcast_solicit=1"
        )
        seen = made.client.inside(lambda: dialled("10.99.1.77", 80, wait_s=5))

    assert (seen.outcome, seen.errno) == ("unreachable", errno.EHOSTUNREACH)
    assert (seen.icmp, seen.icmp_from) == ("3/1", Routed.CLIENT)


@pytest.mark.kernel
def test_routes_that_lead_nowhere() -> None:
    """A dial fails at once, and the route's kind says why."""
    with routed() as made:
        client = made.client
        for kind in ("blackhole", "unreachable", "prohibit"):
            client.ip(f"route add {kind} 10.{len(kind)}.0.0/16")
            client.ip(f"-6 route add {kind} fd{len(kind)}::/16")
        for kind, outcome in (
            ("blackhole", "unreachable"),
            ("unreachable", "unreachable"),
            ("prohibit", "denied"),
        ):
            for address in (f"10.{len(kind)}.0.1", f"fd{len(kind)}::1"):
                way = client.inside(lambda to=address: route(to, vantage="here"))  # type: ignore[misc]
                seen = client.inside(lambda to=address: dialled(to, 80))  # type: ignore[misc]
                assert (way.kind, way.local_address) == (kind, None), address
                assert (seen.outcome, seen.errno) == (outcome, way.errno), address
        lost = client.inside(lambda: dialled("fe80::1", 80))
        way = client.inside(lambda: route("fe80::1", vantage="here"))
        client.ip("route del default")
        client.ip("-6 route del default")
        for address in (Routed.SERVER, Routed.SERVER6):
            none = client.inside(lambda to=address: route(to, vantage="here"))  # type: ignore[misc]
            seen = client.inside(lambda to=address: dialled(to, 80))  # type: ignore[misc]
            assert (none.kind, none.local_address, none.errno) == (
                "none",
                None,
                errno.ENETUNREACH,
            )
            assert (seen.outcome, seen.errno) == ("unreachable", errno.ENETUNREACH)

    # A link-local address without its link is no blackhole, though Linux gives the same number.
    assert (lost.outcome, lost.errno) == ("unreachable", errno.EINVAL)
    assert (way.kind, way.local_address, way.errno) == ("none", None, errno.EINVAL)


@pytest.mark.kernel
def test_no_local_port_is_left() -> None:
    """Every port that the kernel may choose is taken, towards this very server."""
    with namespaces("client") as (client,):
        client.set("net.ipv4.ip_local_port_range=50000 50003")

        def use_up() -> tuple[TcpDial, TcpDial]:
            with contextlib.ExitStack() as kept:
                kept.enter_context(listening(socket.AF_INET, "127.0.0.1", 6380))
                kept.enter_context(listening(socket.AF_INET, "127.0.0.1", 6381))
                for _ in range(4):
                    sock, _ = dial("127.0.0.1", 6380, vantage="here", wait_s=2)
                    assert sock is not None
                    kept.enter_context(sock)
                return dialled("127.0.0.1", 6380), dialled("127.0.0.1", 6381)

        same, other = client.inside(use_up)

    assert (same.outcome, same.errno) == ("no-local-port", errno.EADDRNOTAVAIL)
    assert other.outcome == "accepted"


@pytest.mark.kernel
def test_without_ipv6_there_is_no_address_to_dial_from() -> None:
    """The same number as for ports that are used up, and another cause."""
    with namespaces("client") as (client,):
        client.set("net.ipv6.conf.all.disable_ipv6=1")

        seen = client.inside(lambda: dialled("::1", 6380))

    assert (seen.outcome, seen.errno) == ("unreachable", errno.EADDRNOTAVAIL)


@pytest.mark.kernel
def test_a_dial_that_meets_itself_was_not_accepted_by_anybody() -> None:
    """With one port to choose from, the kernel chooses the one that is dialled."""
    with namespaces("client") as (client,):
        client.set("net.ipv4.ip_local_port_range=50001 50001")
        sock, seen = client.inside(lambda: dial("127.0.0.1", 50001, vantage="here", wait_s=1))

    assert sock is None
    assert (seen.outcome, seen.source) == ("refused", "connect(2), which met itself")


# --- routes ------------------------------------------------------------------------------------


def test_the_way_to_loopback_is_local() -> None:
    """Nothing leaves the host."""
    way = route("127.0.0.1", vantage="here")

    assert (way.address, way.local_address, way.gateway) == ("127.0.0.1", "127.0.0.1", None)
    assert way.errno is None
    if sys.platform == "linux":
        assert (way.device, way.kind) == ("lo", "local")


@pytest.mark.kernel
def test_the_way_is_the_kernels_own() -> None:
    """Policy rules, scopes and next hops of the other family are followed."""
    with routed() as made:
        client = made.client

        def way(address: str) -> tuple[str | None, ...]:
            seen: RouteLookup = client.inside(lambda: route(address, vantage="here"))
            return seen.local_address, seen.device, seen.gateway, seen.kind

        assert way(Routed.SERVER) == (Routed.CLIENT, "eth0", Routed.ROUTER, "unicast")
        assert way(Routed.SERVER6) == (Routed.CLIENT6, "eth0", Routed.ROUTER6, "unicast")
        assert way("10.99.1.9") == (Routed.CLIENT, "eth0", None, "unicast")
        client.ip("route add 10.50.0.0/16 via inet6 fd99:1::1 dev eth0")
        assert way("10.50.0.1") == (Routed.CLIENT, "eth0", "fd99:1::1", "unicast")
        client.ip("link add eth1 type veth peer eth2")
        client.ip("link set eth2 up")
        client.ip("addr add 192.0.2.1/32 dev eth1")
        client.ip("link set eth1 up")
        client.ip("route add default dev eth1 table 7")
        client.ip("rule add to 10.60.0.0/16 lookup 7")
        assert way("10.60.0.1") == ("192.0.2.1", "eth1", None, "unicast")
        client.ip("addr add fe80::77/64 dev eth1 nodad")
        assert way("fe80::1%eth1")[1:] == ("eth1", None, "unicast")


@given(st.binary(max_size=120))
def test_any_answer_of_the_kernel_is_survived(answer: bytes) -> None:
    """Also one that is cut off."""
    number, fields = tcp._route_in(answer)

    assert number >= 0
    tcp._gateway_in(fields)
    tcp._link_name(fields)


@linux_only
@given(st.integers(0, 200))
def test_an_answer_cut_off_tells_what_it_holds(end: int) -> None:
    """Attributes that are whole are read, and those alone."""
    gateway = struct.pack("=HH4s", 8, 5, bytes((10, 0, 0, 1)))
    link = struct.pack("=HHI", 8, 4, 1)
    body = struct.pack("=8BI", 2, 32, 0, 0, 254, 0, 0, 1, 0) + gateway + link
    whole = struct.pack("=IHHII", 16 + len(body), 24, 0, 1, 0) + body

    number, fields = tcp._route_in(whole[:end])

    assert number == 0
    assert tcp._gateway_in(fields) == ("10.0.0.1" if end >= 36 else None)
    assert tcp._link_name(fields) == (socket.if_indextoname(1) if end >= 44 else None)


# --- an open connection ------------------------------------------------------------------------


def _until(holds: Callable[[], bool], within_s: float = 10.0) -> None:
    ends = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < ends, "it never came true"
        select.select([], [], [], 0.01)


@linux_only
def test_loopback_has_a_path_mtu(listener: socket.socket) -> None:
    """The device's own, where nothing smaller was learnt."""
    with socket.create_connection(listener.getsockname()) as sock:
        seen = path_mtu(sock, "127.0.0.1", vantage="here")

    assert seen.device_mtu is not None
    # An IP packet cannot be longer, whatever the device would take.
    assert seen.path_mtu == min(65535, seen.device_mtu)


def test_a_closed_connection_tells_nothing() -> None:
    """Nothing is raised; what is not known is ``None``."""
    sock = socket.socket()
    sock.close()

    assert path_mtu(sock, "", vantage="here").path_mtu is None
    assert transport(sock) == {}


@pytest.mark.kernel
def test_a_path_that_narrows_is_learnt() -> None:
    """The router's far link takes 1300 bytes, and it says so to whoever sends more."""
    with routed() as made:
        made.router.ip("link set rs mtu 1300")

        def send_much(address: str, family: int) -> tuple[int | None, int | None]:
            port = made.server.inside(lambda: _serve_once(family, address))
            sock, _ = dial(address, port, vantage="here", wait_s=5)
            assert sock is not None
            with sock:
                sock.sendall(b"x" * 20_000)
                _until(lambda: path_mtu(sock, address, vantage="here").path_mtu == 1300)
                seen = path_mtu(sock, address, vantage="here")
                return seen.path_mtu, seen.device_mtu

        for address, family in (
            (Routed.SERVER, socket.AF_INET),
            (Routed.SERVER6, socket.AF_INET6),
        ):
            learnt = made.client.inside(lambda a=address, f=family: send_much(a, f))  # type: ignore[misc]
            assert learnt == (1300, 1500)


_kept_open: list[socket.socket] = []


@pytest.fixture(autouse=True)
def _close_servers() -> Iterator[None]:
    yield
    while _kept_open:
        _kept_open.pop().close()


def _serve_once(family: int, address: str) -> int:
    """Listen; the kernel takes the connection and what comes over it, as far as it has room."""
    server = socket.create_server((address, 0), family=family)
    _kept_open.append(server)
    return int(server.getsockname()[1])


@linux_only
def test_what_was_acknowledged_is_not_waiting(listener: socket.socket) -> None:
    """A peer that is well acknowledges at once, read or not."""
    with socket.create_connection(listener.getsockname()) as sock:
        sock.sendall(b"x" * 1000)
        _until(lambda: transport(sock)["unacked_bytes"] == 0)
        told = transport(sock)

    assert (told["retransmits"], told["total_retransmits"]) == (0, 0)
    assert 0 < told["rtt_us"] < 1_000_000


@pytest.mark.kernel
def test_what_nobody_acknowledges_is_sent_again() -> None:
    """The path turns silent on an open connection: the linux-tcp-stall."""
    with routed() as made:
        port = made.server.inside(lambda: _serve_once(socket.AF_INET, Routed.SERVER))
        sock, _ = made.client.inside(lambda: dial(Routed.SERVER, port, vantage="here", wait_s=5))
        assert sock is not None
        with sock:
            made.router.filter("forward", "tcp dport 1-65535 drop")
            sock.sendall(b"x" * 1000)
            _until(lambda: transport(sock)["retransmits"] >= 2)
            told = transport(sock)

    assert told["unacked_bytes"] == 1000
    assert told["total_retransmits"] >= 2


@given(st.binary(max_size=110))
def test_a_kernel_that_tells_less_is_taken_at_its_word(info: bytes) -> None:
    """Older kernels have a shorter structure."""
    told = tcp._info_in(info)

    assert ("rtt_us" in told) == (len(info) >= 72)
    assert ("total_retransmits" in told) == (len(info) >= 104)
