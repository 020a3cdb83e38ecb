"""Dial, and ask the kernel for the way; one attempt, one observation, nothing retried.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import errno
import select
import socket
import struct
import sys

from refused.evidence.observations import PathMtu, RouteLookup, TcpDial
from refused.probes.stopwatch import Stopwatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Tuple

# Numbers of linux/in.h, in6.h, errqueue.h, sockios.h; the socket module lacks some of them.
_IP_RECVERR, _IPV6_RECVERR = 11, 25
_MSG_ERRQUEUE = 0x2000
_IP_MTU, _IPV6_MTU = 14, 24
_SIOCOUTQ = 0x5411
_ORIGIN_ICMP, _ORIGIN_ICMP6 = 2, 3

# WSA numbers of Windows stand beside the POSIX ones; where both exist they mean the same.
_MEANING = {
    errno.ECONNREFUSED: "refused",
    10061: "refused",
    errno.ETIMEDOUT: "silent",
    10060: "silent",
    errno.EHOSTUNREACH: "unreachable",
    10065: "unreachable",
    errno.ENETUNREACH: "unreachable",
    10051: "unreachable",
    errno.EAFNOSUPPORT: "unreachable",
    10047: "unreachable",
    getattr(errno, "EHOSTDOWN", -1): "unreachable",
    errno.ECONNRESET: "reset",
    10054: "reset",
    errno.ECONNABORTED: "reset",
    errno.EPIPE: "reset",
    errno.EACCES: "denied",
    10013: "denied",
    errno.EPERM: "denied",
    errno.EMFILE: "no-descriptor",
    10024: "no-descriptor",
    errno.ENFILE: "no-descriptor",
    errno.ENOBUFS: "no-descriptor",
    10055: "no-descriptor",
}
_NO_ADDRESS = frozenset({errno.EADDRNOTAVAIL, 10049})
_IN_USE = frozenset({errno.EADDRINUSE, 10048})


def family_of(address: str) -> int:
    """Return the address family of a literal."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def dial(
    address: str,
    port: int,
    *,
    vantage: str,
    wait_s: float,
    purpose: str = "client",
    prepare: Callable[[socket.socket], None] | None = None,
) -> Tuple[socket.socket | None, TcpDial]:
    """Open a TCP connection; the socket comes back where one was accepted, else ``None``.

    A failed attempt is an observation, not an error.

    Args:
        address: An IP address literal; resolve names first.
        wait_s: How long to listen for an answer.
        prepare: What to set on the socket before it is connected.
    """
    watch = Stopwatch(vantage)
    sock: socket.socket | None = None
    icmp: Tuple[str | None, str | None] = (None, None)
    try:
        sock = socket.socket(family_of(address), socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if sys.platform == "linux":
            # With it the kernel keeps the ICMP error and its sender for us to read.
            if sock.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
            else:
                sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        if prepare is not None:
            prepare(sock)
        number = sock.connect_ex((address, port))
        if number in (errno.EINPROGRESS, errno.EWOULDBLOCK, 10035):
            if _ready(sock, wait_s):
                number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            else:
                number = None  # type: ignore[assignment]
        icmp = _icmp_sender(sock)
    except (OSError, OverflowError, ValueError) as failure:
        number = getattr(failure, "errno", None) or errno.EINVAL
    if number == 0 and sock is not None:
        local = sock.getsockname()[0]
        sock.setblocking(True)
        seen = TcpDial(
            address=address, port=port, outcome="accepted", local_address=local,
            purpose=purpose, **watch.stamp("connect(2)"),
        )  # fmt: skip
        return sock, seen
    if sock is not None:
        sock.close()
    outcome = _outcome(number, address)
    return None, TcpDial(
        address=address, port=port, outcome=outcome, errno=number, icmp_from=icmp[0], icmp=icmp[1],
        purpose=purpose, **watch.stamp("connect(2)"),
    )  # fmt: skip


def _ready(sock: socket.socket, wait_s: float) -> bool:
    """Wait until the connection is there or has failed."""
    if hasattr(select, "poll"):
        poller = select.poll()
        poller.register(sock, select.POLLOUT)
        return bool(poller.poll(max(0, int(wait_s * 1000))))
    _, writable, failed = select.select([], [sock], [sock], wait_s)
    return bool(writable or failed)


def _outcome(number: int | None, address: str) -> str:
    if number is None:
        return "silent"
    if number in _NO_ADDRESS or number in _IN_USE:
        # The same number says "no local port is left" and "this host has no address of that
        # family"; a datagram socket needs no port of its own kind, so it tells them apart.
        return "no-local-port" if _source_for(address) is not None else "unreachable"
    return _MEANING.get(number, "other")


def _source_for(address: str) -> str | None:
    try:
        with socket.socket(family_of(address), socket.SOCK_DGRAM) as asking:
            asking.connect((address, 9))
            return str(asking.getsockname()[0])
    except OSError as failure:
        # Datagrams draw on the same range of ports; running out of them is not lacking an address.
        return "" if failure.errno in (errno.EAGAIN, errno.EADDRINUSE) else None


def _icmp_sender(sock: socket.socket) -> Tuple[str | None, str | None]:
    """Read who sent the ICMP error that ended a dial, and its type/code, from the error queue.

    Source: ip(7), IP_RECVERR, struct sock_extended_err.
    """
    if sys.platform != "linux":
        return None, None
    try:
        _, ancillary, _, _ = sock.recvmsg(512, 512, _MSG_ERRQUEUE)
    except OSError:
        return None, None
    for _, kind, data in ancillary:
        if kind not in (_IP_RECVERR, _IPV6_RECVERR) or len(data) < 24:
            continue
        origin, icmp_type, code = struct.unpack_from("4xBBB", data)
        if origin not in (_ORIGIN_ICMP, _ORIGIN_ICMP6):
            continue
        family = struct.unpack_from("H", data, 16)[0]
        if family == socket.AF_INET:
            sender = socket.inet_ntop(socket.AF_INET, data[20:24])
        elif family == socket.AF_INET6 and len(data) >= 40:
            sender = socket.inet_ntop(socket.AF_INET6, data[24:40])
        else:
            continue
        return sender, f"{icmp_type}/{code}"
    return None, None


def route(address: str, *, vantage: str) -> RouteLookup:
    """Ask the kernel which way it would send; nothing is sent."""
    watch = Stopwatch(vantage)
    number: int | None = None
    local: str | None = None
    try:
        with socket.socket(family_of(address), socket.SOCK_DGRAM) as asking:
            asking.connect((address, 9))
            local = str(asking.getsockname()[0])
    except OSError as failure:
        number = failure.errno
    device, gateway = _best_route(address) if local is not None else (None, None)
    return RouteLookup(
        address=address, local_address=local, errno=number, device=device, gateway=gateway,
        kind=_ROUTE_KINDS.get(number or 0, "unicast"), **watch.stamp("connect(2) of a datagram socket"),
    )  # fmt: skip


# What the kernel answers for routes of these kinds; see ip-route(8).
_ROUTE_KINDS = {errno.EINVAL: "blackhole", errno.EHOSTUNREACH: "unreachable", errno.EACCES: "prohibit"}


def _best_route(address: str) -> Tuple[str | None, str | None]:
    """Return device and gateway of the longest IPv4 prefix in /proc/net/route, where it is."""
    if family_of(address) != socket.AF_INET:
        return None, None
    try:
        with open("/proc/net/route", encoding="ascii", errors="replace") as table:
            lines = table.read().splitlines()[1:2000]
    except OSError:
        return None, None
    wanted = struct.unpack("<I", socket.inet_aton(address))[0]
    best: Tuple[int, str, str | None] | None = None
    for line in lines:
        fields = line.split()
        try:
            network, gateway, mask = (int(fields[at], 16) for at in (1, 2, 7))
        except (IndexError, ValueError):
            continue
        if wanted & mask == network:
            length = bin(mask).count("1")
            if best is None or length > best[0]:
                hop = socket.inet_ntoa(struct.pack("<I", gateway)) if gateway else None
                best = (length, fields[0], hop)
    return (best[1], best[2]) if best else (None, None)


def path_mtu(sock: socket.socket, address: str, *, vantage: str) -> PathMtu:
    """Return what the kernel has learnt of the path's MTU; ``None`` where it does not tell."""
    watch = Stopwatch(vantage)
    learnt: int | None = None
    if sys.platform == "linux":
        level, option = (socket.IPPROTO_IPV6, _IPV6_MTU) if ":" in address else (socket.IPPROTO_IP, _IP_MTU)
        try:
            learnt = sock.getsockopt(level, option)
        except OSError:
            learnt = None
    return PathMtu(address=address, path_mtu=learnt, **watch.stamp("getsockopt(IP_MTU)"))


def unacked_bytes(sock: socket.socket) -> int | None:
    """Return how much of what was sent the peer's kernel has not acknowledged; Linux alone tells."""
    if sys.platform != "linux":
        return None
    from fcntl import ioctl

    try:
        return int(struct.unpack("i", ioctl(sock.fileno(), _SIOCOUTQ, b"\0" * 4))[0])
    except OSError:
        return None


def limit_segments(sock: socket.socket) -> None:
    """Keep segments so small in both directions that every path takes them (RFC 879's 536 bytes)."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)


