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
from refused.probes.stopwatch import Deadline, Stopwatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Tuple

    from refused.evidence.observations import DialOutcome, DialPurpose

# Numbers of linux/in.h, in6.h, tcp.h, errqueue.h and sockios.h; the socket module lacks most.
_IP_RECVERR, _IPV6_RECVERR = 11, 25
_MSG_ERRQUEUE = 0x2000
_IP_MTU, _IPV6_MTU = 14, 24
_TCP_INFO = 11
_SIOCGIFMTU, _SIOCOUTQ = 0x8921, 0x5411
_ORIGIN_ICMP, _ORIGIN_ICMP6 = 2, 3
# Numbers of linux/netlink.h and rtnetlink.h.
_NLMSG_ERROR, _RTM_NEWROUTE, _RTM_GETROUTE, _NLM_F_REQUEST = 2, 24, 26, 1
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_VIA = 1, 4, 5, 18

# By name, because the same number means different things on different systems. Windows has each
# of these twice, and its sockets speak the WSA dialect.
_OUTCOMES: Dict[str, DialOutcome] = {
    "ECONNREFUSED": "refused",
    "ETIMEDOUT": "silent",
    "EHOSTUNREACH": "unreachable",
    "ENETUNREACH": "unreachable",
    "EHOSTDOWN": "unreachable",
    "ENETDOWN": "unreachable",
    "ENONET": "unreachable",
    "ENODEV": "unreachable",
    "EAFNOSUPPORT": "unreachable",
    "EPFNOSUPPORT": "unreachable",
    "EPROTONOSUPPORT": "unreachable",
    "ECONNRESET": "reset",
    "ECONNABORTED": "reset",
    "ENETRESET": "reset",
    "EPIPE": "reset",
    "ENOTCONN": "reset",  # it came about, and was gone before we looked
    "EACCES": "denied",
    "EPERM": "denied",
    "EADDRINUSE": "no-local-port",
    "EADDRNOTAVAIL": "no-local-port",
    "EMFILE": "no-descriptor",
    "ENFILE": "no-descriptor",
    "ENOBUFS": "no-descriptor",
}
_MEANING: Dict[int, DialOutcome] = {
    getattr(errno, prefix + name): outcome
    for name, outcome in _OUTCOMES.items()
    for prefix in ("", "WSA")
    if hasattr(errno, prefix + name)
}
if sys.platform == "linux":
    # What connect(2) says of a blackhole route, and of a link-local address without a link.
    _MEANING[errno.EINVAL] = "unreachable"
_NO_ADDRESS = frozenset({errno.EADDRNOTAVAIL, getattr(errno, "WSAEADDRNOTAVAIL", -1)})
# What this host is short of; it says nothing of the other side.
SHORTAGES = ("no-descriptor", "no-local-port")
_ON_ITS_WAY = frozenset(
    {errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", -1)}
)
# Type/code of "administratively prohibited" and its kin, for networks, hosts and by policy.
# Source: RFC 1812, section 5.2.7.1; RFC 4443, section 3.1.
_PROHIBITED = frozenset({"3/9", "3/10", "3/13", "1/1", "1/5", "1/6"})


def is_address(text: str) -> bool:
    """Whether *text* is an IP address as a dial takes it, with or without a scope."""
    try:
        _packed(text)
    except ValueError:
        return False
    return True


def family_of(address: str) -> int:
    """Return the address family of a literal."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _packed(address: str) -> Tuple[bytes, str]:
    """Return the bytes of an address, and its scope.

    Raises:
        ValueError: *address* is none.
    """
    bare, percent, scope = address.partition("%")
    family = family_of(bare)
    if percent and (family == socket.AF_INET or not scope):
        raise ValueError(f"{address[:60]!r} is no IP address")
    try:
        return socket.inet_pton(family, bare), scope
    except OSError:
        raise ValueError(f"{address[:60]!r} is no IP address") from None


def sockaddr(address: str, port: int) -> Tuple[Any, ...]:
    """Return what connect(2) takes, without ever looking a name up.

    Raises:
        ValueError: *address* is no address, or *port* no port.
        OSError: ``ENODEV``: the link that a scoped address names does not exist.
    """
    if not 0 <= port <= 65535:
        raise ValueError(f"{port} is no port")
    _, scope = _packed(address)
    if family_of(address) == socket.AF_INET:
        return address, port
    return address.partition("%")[0], port, 0, _link(scope) if scope else 0


def _link(scope: str) -> int:
    """Return the index of a network link by its name or number."""
    if scope.isdigit():
        return int(scope[:9])
    try:
        return socket.if_nametoindex(scope)
    except (OSError, ValueError):
        raise OSError(errno.ENODEV, f"there is no link {scope[:20]!r}") from None


class _Icmp:
    """An ICMP error as the kernel kept it: its error number, who sent it, its ``type/code``."""

    __slots__ = ("number", "sender", "kind")

    def __init__(self, number: int, sender: str | None, kind: str) -> None:
        self.number = number
        self.sender = sender
        self.kind = kind


def dial(
    address: str,
    port: int,
    *,
    vantage: str,
    wait_s: float,
    purpose: DialPurpose = "client",
    prepare: Callable[[socket.socket], None] | None = None,
) -> Tuple[socket.socket | None, TcpDial]:
    """Open a TCP connection; the socket comes back where one was accepted, else ``None``.

    A failed attempt is an observation, not an error; nothing is raised. On Linux the first ICMP
    error ends the attempt and is told with its sender. A client without ``IP_RECVERR`` may go on
    trying after an error that could pass (since Linux 6.8 that is most of them) and then sees
    silence where we see its reason.

    A packet filter that drops what this host sends leaves TCP with silence: only its reject, a
    cgroup's rule and a security module are told as an error.

    Args:
        address: An IP address literal, scoped or not; resolve names first.
        wait_s: How long to listen for an answer.
        prepare: What to set on the socket before it is connected.
    """
    watch = Stopwatch(vantage)
    sock: socket.socket | None = None
    number: int | None = None
    icmp: _Icmp | None = None
    local: str | None = None
    outcome: DialOutcome
    source = "connect(2)"
    try:
        where = sockaddr(address, port)
        sock = _new_socket(family_of(address))
        if prepare is not None:
            prepare(sock)
        number, icmp = _connect(sock, where, wait_s)
        local = _own_address(sock)
        outcome = _outcome(number, icmp, address, local)
        if outcome == "accepted" and sock.getsockname()[:2] == sock.getpeername()[:2]:
            # The kernel happened to choose the dialled port for our own end, and TCP lets a
            # socket open a connection to itself: nobody else listens there.
            outcome, source = "refused", "connect(2), which met itself"
    except ValueError as misuse:
        outcome, source = "other", f"nothing was dialled: {misuse}"
    except OSError as failure:
        number = failure.errno
        outcome = _outcome(number, None, address, None) if number else "other"
    seen = TcpDial(
        address=address,
        port=port,
        outcome=outcome,
        errno=number or None,
        local_address=local,
        icmp_from=icmp.sender if icmp is not None else None,
        icmp=icmp.kind if icmp is not None else None,
        purpose=purpose,
        **watch.stamp(source),
    )
    if sock is not None:
        if outcome == "accepted":
            sock.settimeout(None)
            return sock, seen
        sock.close()
    return None, seen


def _new_socket(family: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        sock.close()
        raise
    keep_icmp(sock, wanted=True)
    return sock


def keep_icmp(sock: socket.socket, *, wanted: bool) -> None:
    """Have the kernel keep ICMP errors with their senders for us to read, or no longer."""
    if sys.platform != "linux":
        return
    try:
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, int(wanted))
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, int(wanted))
    except OSError:
        pass  # some sandboxes do without; then only the error number is seen


def _connect(
    sock: socket.socket, where: Tuple[Any, ...], wait_s: float
) -> Tuple[int | None, _Icmp | None]:
    """Return the error number, 0 where it was accepted and ``None`` where nobody answered."""
    deadline = Deadline(wait_s)
    icmp: _Icmp | None = None
    number = sock.connect_ex(where)
    while number in _ON_ITS_WAY:
        if not _ready(sock, deadline.left()):
            return (icmp.number if icmp is not None else None), icmp
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        news = _read_icmp(sock)
        icmp = news or icmp
        if number == 0 and not _is_connected(sock):
            # An ICMP error that met a busy socket is kept without ending the attempt.
            number = errno.EINPROGRESS if news is not None else errno.ENOTCONN
    if number == 0:
        # On an open connection such an error must not end it: RFC 1122, section 4.2.3.9.
        keep_icmp(sock, wanted=False)
        return 0, None
    return number, icmp


def _ready(sock: socket.socket, wait_s: float) -> bool:
    """Wait until the connection is there or has failed, or an ICMP error was kept."""
    if hasattr(select, "poll"):
        poller = select.poll()
        poller.register(sock, select.POLLOUT)
        return bool(poller.poll(wait_s * 1000))
    _, writable, failed = select.select([], [sock], [sock], wait_s)
    return bool(writable or failed)


def _is_connected(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


def _own_address(sock: socket.socket) -> str | None:
    """Return the address a socket sends from, once the kernel has chosen one."""
    try:
        address = str(sock.getsockname()[0])
    except OSError:
        return None
    return None if address in ("0.0.0.0", "::") else address


def meaning_of(failure: OSError) -> DialOutcome:
    """Return the outcome word for a socket call that failed."""
    return _MEANING.get(failure.errno or 0, "other")


def _outcome(
    number: int | None, icmp: _Icmp | None, address: str, local: str | None
) -> DialOutcome:
    if number is None:
        return "silent"
    if number == 0:
        return "accepted"
    if icmp is not None and icmp.kind in _PROHIBITED:
        # IPv4 and IPv6 give these different numbers. Ours is the word for what this host denies.
        return "denied" if icmp.sender is not None and icmp.sender == local else "unreachable"
    if number in _NO_ADDRESS and not _has_source(address):
        return "unreachable"
    return _MEANING.get(number, "other")


def _has_source(address: str) -> bool:
    """Whether this host has an address to dial *address* from.

    The number for "no local port is left" also stands for "no local address of that family". A
    datagram socket draws its port from another table, so it tells the two apart.
    """
    try:
        with socket.socket(family_of(address), socket.SOCK_DGRAM) as asking:
            asking.connect(sockaddr(address, 9))
    except OSError as failure:
        return failure.errno not in _NO_ADDRESS
    return True


def _read_icmp(sock: socket.socket) -> _Icmp | None:
    """Take one ICMP error out of the error queue.

    Source: ip(7), ``IP_RECVERR``, ``struct sock_extended_err``.
    """
    if sys.platform != "linux":
        return None
    try:
        _, ancillary, _, _ = sock.recvmsg(512, 512, _MSG_ERRQUEUE)
    except OSError:
        return None
    for level, kind, kept in ancillary:
        if (level, kind) in (
            (socket.IPPROTO_IP, _IP_RECVERR),
            (socket.IPPROTO_IPV6, _IPV6_RECVERR),
        ):
            found = _icmp_in(kept)
            if found is not None:
                return found
    return None


def _icmp_in(kept: bytes) -> _Icmp | None:
    if len(kept) < 16:
        return None
    number, origin, icmp_type, code = struct.unpack_from("=IBBB", kept)
    if origin not in (_ORIGIN_ICMP, _ORIGIN_ICMP6):
        return None
    family = struct.unpack_from("=H", kept, 16)[0] if len(kept) >= 18 else 0
    sender = None
    if family == socket.AF_INET and len(kept) >= 24:
        sender = socket.inet_ntop(socket.AF_INET, kept[20:24])
    elif family == socket.AF_INET6 and len(kept) >= 40:
        sender = socket.inet_ntop(socket.AF_INET6, kept[24:40])
    return _Icmp(number, sender, f"{icmp_type}/{code}")


# --- the way -----------------------------------------------------------------------------------


def route(address: str, *, vantage: str) -> RouteLookup:
    """Ask the kernel which way it would send; nothing is sent.

    On Linux *kind* is the kernel's word for the route (``unicast``, ``local``, ``blackhole``,
    ``unreachable``, ``prohibit`` …), and ``none`` where there is no route at all.
    """
    watch = Stopwatch(vantage)
    number: int | None = None
    local: str | None = None
    source = "connect(2) of a datagram socket"
    try:
        where = sockaddr(address, 9)
        with socket.socket(family_of(address), socket.SOCK_DGRAM) as asking:
            asking.connect(where)
            local = str(asking.getsockname()[0])
    except ValueError as misuse:
        source = f"the kernel was not asked: {misuse}"
    except OSError as failure:
        number = failure.errno
    way = _way_to(address)
    if way is None:
        way = _Way("unicast" if local is not None else _unrouted(number or 0, address))
    else:
        source += ", RTM_GETROUTE"
    return RouteLookup(
        address=address,
        local_address=local,
        errno=number,
        device=way.device,
        gateway=way.gateway,
        kind=way.kind,
        **watch.stamp(source),
    )


class _Way:
    """A route: its kind, the link it leads over, and the next hop."""

    __slots__ = ("kind", "device", "gateway")

    def __init__(self, kind: str, device: str | None = None, gateway: str | None = None) -> None:
        self.kind = kind
        self.device = device
        self.gateway = gateway


# Source: linux/rtnetlink.h, RTN_*.
_ROUTE_KINDS = {
    1: "unicast",
    2: "local",
    3: "broadcast",
    4: "anycast",
    5: "multicast",
    6: "blackhole",
    7: "unreachable",
    8: "prohibit",
    9: "throw",
}
# How the kernel answers for a route of these kinds. Source: ip-route(8).
_UNROUTED = {
    errno.EINVAL: "blackhole",
    errno.EHOSTUNREACH: "unreachable",
    errno.EACCES: "prohibit",
}


def _unrouted(number: int, address: str) -> str:
    """Return the kind of a route that leads nowhere, from the error number it gives on Linux."""
    if sys.platform != "linux" or _lacks_link(address):
        return "none"
    return _UNROUTED.get(number, "none")


def _lacks_link(address: str) -> bool:
    """Whether it is a link-local address without its link, as invalid to Linux as a blackhole."""
    return address.lower().startswith("fe80:") and "%" not in address


def _way_to(address: str) -> _Way | None:
    """Ask the kernel by netlink for the best route; ``None`` where it cannot be asked."""
    if sys.platform != "linux" or _lacks_link(address):
        return None
    try:
        destination, scope = _packed(address)
        link = _link(scope) if scope else 0
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
            kernel.settimeout(0.2)
            kernel.bind((0, 0))
            kernel.sendto(_route_question(destination, link), (0, 0))
            answer = kernel.recv(16384)
    except (OSError, ValueError):
        return None
    number, fields = _route_in(answer)
    if number:
        return _Way(_unrouted(number, address))
    if not fields:
        return None
    return _Way(
        _ROUTE_KINDS.get(fields["kind"], "unicast"), _link_name(fields), _gateway_in(fields)
    )


def _route_question(destination: bytes, link: int) -> bytes:
    """Return the netlink message that asks for the route to *destination*.

    Source: rtnetlink(7).
    """
    family = socket.AF_INET if len(destination) == 4 else socket.AF_INET6
    body = struct.pack("=8BI", family, len(destination) * 8, 0, 0, 0, 0, 0, 0, 0)
    body += struct.pack("=HH", 4 + len(destination), _RTA_DST) + destination
    if link:
        body += struct.pack("=HHi", 8, _RTA_OIF, link)
    return struct.pack("=IHHII", 16 + len(body), _RTM_GETROUTE, _NLM_F_REQUEST, 1, 0) + body


_ATTRIBUTES = {_RTA_OIF: "link", _RTA_GATEWAY: "gateway", _RTA_VIA: "via"}


def _route_in(answer: bytes) -> Tuple[int, Dict[str, Any]]:
    """Return the error number of a netlink answer, and what its route says, as far as it goes."""
    if len(answer) < 20:
        return 0, {}
    length, kind = struct.unpack_from("=IH", answer)
    end = min(length, len(answer))
    if kind == _NLMSG_ERROR:
        return abs(struct.unpack_from("=i", answer, 16)[0]) & 0xFFFF, {}
    if kind != _RTM_NEWROUTE or end < 28:
        return 0, {}
    fields: Dict[str, Any] = {"kind": answer[23]}
    at = 28
    while at + 4 <= end:
        size, name = struct.unpack_from("=HH", answer, at)
        if size < 4 or at + size > end:
            break
        if name in _ATTRIBUTES:
            fields[_ATTRIBUTES[name]] = answer[at + 4 : at + size]
        at += (size + 3) & ~3
    return 0, fields


def _gateway_in(fields: Dict[str, Any]) -> str | None:
    # IPv4 by way of an IPv6 router: `struct rtvia`, a family before the address.
    hop = fields.get("gateway") or fields.get("via", b"")[2:]
    if len(hop) == 4:
        return socket.inet_ntop(socket.AF_INET, hop)
    return socket.inet_ntop(socket.AF_INET6, hop) if len(hop) == 16 else None


def _link_name(fields: Dict[str, Any]) -> str | None:
    index = fields.get("link", b"")
    try:
        return socket.if_indextoname(struct.unpack("=I", index)[0])
    except (OSError, OverflowError, struct.error):
        return None


# --- an open connection ------------------------------------------------------------------------


def path_mtu(sock: socket.socket, address: str, *, vantage: str) -> PathMtu:
    """Return what the kernel has learnt of the path's MTU; ``None`` where it does not tell."""
    watch = Stopwatch(vantage)
    learnt: int | None = None
    device: int | None = None
    if sys.platform == "linux":
        try:
            if sock.family == socket.AF_INET6:
                learnt = sock.getsockopt(socket.IPPROTO_IPV6, _IPV6_MTU)
            else:
                learnt = sock.getsockopt(socket.IPPROTO_IP, _IP_MTU)
        except OSError:
            learnt = None  # it is not connected, or no longer
        device = _device_mtu(address)
    return PathMtu(
        address=address, path_mtu=learnt, device_mtu=device, **watch.stamp("getsockopt(IP_MTU)")
    )


def _device_mtu(address: str) -> int | None:
    """Return the MTU of the link on which the route to *address* leaves."""
    from fcntl import ioctl

    way = _way_to(address)
    if way is None or way.device is None:
        return None
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            filled = ioctl(asking, _SIOCGIFMTU, struct.pack("16s16x", way.device.encode()))
    except OSError:
        return None
    return int(struct.unpack_from("=i", filled, 16)[0])


def transport(sock: socket.socket) -> Dict[str, int]:
    """Return how the kernel fares with a connection; empty where it does not tell.

    ``unacked_bytes``: what was written and not yet acknowledged. ``retransmits``: how often the
    oldest of it was sent again; ``total_retransmits``: segments sent again since the connection
    opened. ``segments_sent``: segments with data sent, those sent again included (since Linux 4.6).
    ``rtt_us``: the smoothed round-trip time, in microseconds.

    Source: tcp(7), ``TCP_INFO`` and ``SIOCOUTQ``; the offsets are those of ``struct tcp_info`` in
    linux/tcp.h, which only ever grows at its end.
    """
    told: Dict[str, int] = {}
    queued = unacked_bytes(sock)
    if queued is not None:
        told["unacked_bytes"] = queued
    if sys.platform != "linux":
        return told
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 256)
    except OSError:
        return told
    told.update(_info_in(info))
    return told


def _info_in(info: bytes) -> Dict[str, int]:
    told: Dict[str, int] = {}
    places: List[Tuple[str, str, int]] = [
        ("retransmits", "=B", 2),
        ("rtt_us", "=I", 68),
        ("total_retransmits", "=I", 100),
        ("segments_sent", "=I", 156),
    ]
    for name, form, at in places:
        if at + struct.calcsize(form) <= len(info):
            told[name] = struct.unpack_from(form, info, at)[0]
    return told


def unacked_bytes(sock: socket.socket) -> int | None:
    """Return how much of what was sent the peer has not acknowledged; Linux alone tells."""
    if sys.platform != "linux":
        return None
    from fcntl import ioctl

    try:
        return int(struct.unpack("=i", ioctl(sock.fileno(), _SIOCOUTQ, b"\0" * 4))[0])
    except (OSError, ValueError):  # a closed socket has the descriptor -1
        return None


def limit_segments(sock: socket.socket) -> None:
    """Keep segments so small in both directions that every path takes them.

    Source: RFC 879, section 1: hosts must take 576-byte datagrams, 536 bytes of which are data.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
