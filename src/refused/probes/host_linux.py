"""What Linux says in ``/proc`` that bears on connections; files are read, nothing is set.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.

Sources: proc(5); the kernel's Documentation/networking/ip-sysctl.rst, nf_conntrack-sysctl.rst and
proc_net_tcp.rst; net/ipv4/tcp_ipv4.c, get_tcp4_sock.
"""

from __future__ import annotations

import os
import sys
import time
from struct import unpack

from refused.evidence.observations import (
    ConntrackUse,
    DescriptorUse,
    KernelSettings,
    OpenSocket,
    PortUse,
    SocketsToTarget,
    Unseen,
)
from refused.probes.stopwatch import Stopwatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, List, Sequence, Set, Tuple, Union

    from refused.evidence.observations import Observation

    Fact = Union[Observation, Unseen]

# A line of the socket tables has 150 bytes, so that this is room for 200,000 sockets and more.
_MOST_TABLE_BYTES = 32 * 1024 * 1024
_MOST_FILE_BYTES = 64 * 1024
_UNLIMITED = 2**63 - 1

# As a freshly installed kernel has it; nothing else is read where the file is not.
_DEFAULT_PORTS = (32768, 60999)

# States of /proc/net/tcp; see include/net/tcp_states.h.
_STATES = {
    "01": "ESTABLISHED",
    "02": "SYN_SENT",
    "03": "SYN_RECV",
    "04": "FIN_WAIT1",
    "05": "FIN_WAIT2",
    "06": "TIME_WAIT",
    "07": "CLOSE",
    "08": "CLOSE_WAIT",
    "09": "LAST_ACK",
    "0A": "LISTEN",
    "0B": "CLOSING",
    "0C": "NEW_SYN_RECV",
}
_LISTEN, _TIME_WAIT = b" 0A", b" 06"
# Of any line: local port, peer and state.
_LINE = rb": [0-9A-F]+:([0-9A-F]{4} [0-9A-F]+:[0-9A-F]{4} [0-9A-F]{2}) [^\n]*"
# Of a line with this peer on which something was sent again, or lies in the send queue: local
# address and port, peer, state, send and receive queue, timer, retransmissions, inode.
_WAITING = (
    rb": ([0-9A-F]+):([0-9A-F]{4}) (%s) ([0-9A-F]{2})"
    rb" (?!00000000:[0-9A-F]{8} [0-9A-F]{2}:[0-9A-F]+ 00000000)([0-9A-F]{8}):([0-9A-F]{8})"
    rb" ([0-9A-F]{2}):[0-9A-F]+ ([0-9A-F]{8}) +[0-9]+ +[0-9]+ ([0-9]+)"
)
# The timers of a socket that waits for its peer: retransmission, and the probe of a full peer.
_RETRANSMITS, _PROBES_WINDOW = 1, 4
STUCK_RETRANSMITS = 3
_MOST_STUCK = 16
# How many processes are asked for their sockets, and for how long.
_MOST_PROCESSES = 4096
_OWNERS_WAIT_S = 0.3

_MAPPED = bytes(10) + b"\xff\xff"


def is_linux(root: str) -> bool:
    """Whether *root* holds what a Linux kernel shows of its network."""
    return os.path.isdir(os.path.join(root, "proc/sys/net"))


# --- settings ----------------------------------------------------------------------------------


def settings(root: str, vantage: str) -> KernelSettings:
    """Read the settings that decide how long dials, silence and retransmissions last."""
    watch, ipv4 = Stopwatch(vantage), "proc/sys/net/ipv4/"
    ports = _port_range(root)
    ipv6_off = _number(root, "proc/sys/net/ipv6/conf/all/disable_ipv6")
    return KernelSettings(
        tcp_retries2=_number(root, f"{ipv4}tcp_retries2"),
        tcp_syn_retries=_number(root, f"{ipv4}tcp_syn_retries"),
        keepalive_time_s=_number(root, f"{ipv4}tcp_keepalive_time"),
        keepalive_interval_s=_number(root, f"{ipv4}tcp_keepalive_intvl"),
        keepalive_probes=_number(root, f"{ipv4}tcp_keepalive_probes"),
        port_first=ports[0] if ports else None,
        port_last=ports[1] if ports else None,
        reserved_ports=(_text(root, f"{ipv4}ip_local_reserved_ports") or "").strip()[:200],
        tcp_tw_reuse=_number(root, f"{ipv4}tcp_tw_reuse"),
        tcp_mtu_probing=_number(root, f"{ipv4}tcp_mtu_probing"),
        somaxconn=_number(root, "proc/sys/net/core/somaxconn"),
        # A kernel without IPv6 has no such file, and no such folder either.
        ipv6_disabled=None if ipv6_off is None else ipv6_off != 0,
        **watch.stamp("/proc/sys/net"),
    )


def _port_range(root: str) -> Tuple[int, int] | None:
    words = (_text(root, "proc/sys/net/ipv4/ip_local_port_range") or "").split()
    ends = [_int(word) for word in words]
    if len(ends) != 2 or ends[0] is None or ends[1] is None or not ends[0] <= ends[1] <= 65535:
        return None
    return ends[0], ends[1]


def _reserved(root: str) -> Set[int]:
    """Return the ports that the kernel may not choose by itself, as in ``8080,9148-9150``."""
    ports: Set[int] = set()
    for span in (_text(root, "proc/sys/net/ipv4/ip_local_reserved_ports") or "").split(","):
        first, dash, last = span.strip().partition("-")
        low, high = _int(first), _int(last if dash else first)
        if low is not None and high is not None:
            ports.update(range(low, min(high, 65535) + 1))
    return ports


def cgroup(root: str) -> str:
    """Return the control groups of the first process and ours; engines of containers name them."""
    return (_text(root, "proc/1/cgroup") or "") + (_text(root, "proc/self/cgroup") or "")


# --- connection tracking, descriptors ----------------------------------------------------------


def conntrack(root: str, vantage: str) -> Union[ConntrackUse, Unseen]:
    """Read how full the connection-tracking table is, and how often it had no room."""
    watch, folder = Stopwatch(vantage), "proc/sys/net/netfilter/nf_conntrack_"
    entries, limit = _number(root, f"{folder}count"), _number(root, f"{folder}max")
    if entries is None or limit is None:
        return Unseen(
            vantage=vantage,
            what="ConntrackUse",
            why="this kernel tracks no connections, or does not show it here",
            how_to_see="on the node itself: sysctl net.netfilter.nf_conntrack_count",
        )
    return ConntrackUse(
        entries=entries,
        limit=limit,
        drops=_drops(_text(root, "proc/net/stat/nf_conntrack") or ""),
        **watch.stamp("/proc/sys/net/netfilter"),
    )


def _drops(text: str) -> int | None:
    """Add up the column ``drop``: packets for which no entry could be made, for each processor."""
    lines = text.splitlines()
    names = lines[0].split() if lines else []
    if "drop" not in names or len(lines) < 2:
        return None
    column, total = names.index("drop"), 0
    for line in lines[1:]:
        words = line.split()
        if column >= len(words) or not _is_hex(words[column]):
            return None
        total += _hex(words[column])
    return total


def descriptors(root: str, vantage: str, pid: int | None) -> Union[DescriptorUse, Unseen]:
    """Count the open files of process *pid*, else of this one, and hold them against the limit."""
    watch, who = Stopwatch(vantage), "self" if pid is None else str(pid)
    try:
        count = len(os.listdir(os.path.join(root, "proc", who, "fd")))
        limits = _read(os.path.join(root, "proc", who, "limits"), _MOST_FILE_BYTES)
    except OSError as gone:
        return Unseen(
            vantage=vantage,
            what="DescriptorUse",
            why=f"process {who}: {gone.strerror or gone}",
            how_to_see="run refused as the user of the process, or as root",
        )
    system = (_text(root, "proc/sys/fs/file-nr") or "").split()
    return DescriptorUse(
        pid=os.getpid() if pid is None else pid,
        open=count,
        soft_limit=_soft_limit(limits.decode("ascii", "replace")),
        system_open=_int(system[0]) if system else None,
        system_limit=_int(system[2]) if len(system) > 2 else None,
        **watch.stamp(f"/proc/{who}/fd"),
    )


def _soft_limit(text: str) -> int:
    for line in text.splitlines():
        if line.startswith("Max open files"):
            words = line.split()
            return (_int(words[3]) if len(words) > 3 else None) or _UNLIMITED
    return _UNLIMITED


# --- sockets -----------------------------------------------------------------------------------


class Sockets:
    """The kernel's tables of TCP sockets, read once.

    Attributes:
        is_known: Whether there was a table to read.
        ports: The local ports in use, listeners' included.
        time_wait: Local ports of connections that are over and wait, one for each connection.
        listening: The ports on which something listens.
        to_target: The connections to the target, each as the group of :data:`_LINE`.
        waiting: Those of them on which something waits, each as the groups of :data:`_WAITING`.
    """

    __slots__ = ("is_known", "listening", "ports", "time_wait", "to_target", "waiting")

    def __init__(self, root: str, addresses: Sequence[str], port: int) -> None:
        import re

        # There may be a hundred thousand lines: nothing is done for each of them in Python.
        wanted = {form for address in addresses for form in _kernel_forms(address, port)}
        self.is_known = False
        self.to_target: List[bytes] = []
        self.waiting: List[Tuple[bytes, ...]] = []
        found: List[bytes] = []
        for name in ("tcp", "tcp6"):
            try:
                data = _read(os.path.join(root, "proc/net", name), _MOST_TABLE_BYTES)
            except OSError:
                continue
            self.is_known = True
            lines: List[bytes] = re.findall(_LINE, data)
            found += lines
            for peer in wanted:
                between = b" %s " % peer  # an IPv4 address is the end of a mapped one
                mine = [line for line in lines if between in line]
                if mine:
                    self.to_target += mine
                    self.waiting += re.findall(_WAITING % peer, data)
        self.ports = set(_ports(each[:4] for each in found))
        self.listening = set(_ports(each[:4] for each in found if each.endswith(_LISTEN)))
        self.time_wait = _ports(each[:4] for each in found if each.endswith(_TIME_WAIT))


def _ports(texts: Iterable[bytes]) -> Tuple[int, ...]:
    """Read four hexadecimal digits each."""
    packed = bytes.fromhex(b"".join(texts).decode("ascii"))
    return unpack(f">{len(packed) // 2}H", packed)


def ports(root: str, vantage: str, sockets: Sockets, watch: Stopwatch) -> Union[PortUse, Unseen]:
    """Count the ports in use among those from which the kernel may choose."""
    if not sockets.is_known:
        return _no_table(vantage, "PortUse")
    first, last = _port_range(root) or _DEFAULT_PORTS
    reserved = {port for port in _reserved(root) if first <= port <= last}

    def choosable(ports: Iterable[int]) -> int:
        inside = [port for port in ports if first <= port <= last]
        return len([port for port in inside if port not in reserved]) if reserved else len(inside)

    return PortUse(
        available=last - first + 1 - len(reserved),
        used=choosable(sockets.ports),
        time_wait=choosable(sockets.time_wait),
        to_target=choosable(set(_ports(each[:4] for each in sockets.to_target))),
        **watch.stamp("/proc/net/tcp"),
    )


def to_target(
    root: str, vantage: str, sockets: Sockets, watch: Stopwatch
) -> Union[SocketsToTarget, Unseen]:
    """Count the connections to the target by state, and show in full those that are stuck.

    A connection is stuck when its oldest segment was sent again three times or more; or at least
    once, and is still waited for; or when the peer takes nothing more, and is asked again and
    again. What is merely under way is not.
    """
    if not sockets.is_known:
        return _no_table(vantage, "SocketsToTarget")
    counts: Dict[str, int] = {}
    for each in sockets.to_target:
        word = _state(each[-2:])
        counts[word] = counts.get(word, 0) + 1
    stuck = sorted((_socket(row) for row in sockets.waiting if _is_stuck(row)), key=_by_retransmits)
    shown = stuck[:_MOST_STUCK]
    owners = _owners(root, {inode for _, inode in shown if inode != "0"})
    return SocketsToTarget(
        by_state=tuple(sorted(counts.items())),
        stuck=tuple(each.replace(pid=owners.get(inode)) for each, inode in shown),
        **watch.stamp("/proc/net/tcp"),
    )


def _no_table(vantage: str, what: str) -> Unseen:
    return Unseen(
        vantage=vantage,
        what=what,
        why="this host does not show its table of sockets",
        how_to_see="ss -tano",
    )


def _state(text: bytes) -> str:
    word = text.decode("ascii")
    return _STATES.get(word, f"state {word}")


def _is_stuck(row: Tuple[bytes, ...]) -> bool:
    unacked, timer, retransmits = int(row[4], 16), int(row[6], 16), int(row[7], 16)
    waits = timer == _RETRANSMITS and retransmits > 0
    return retransmits >= STUCK_RETRANSMITS or (unacked > 0 and (waits or timer == _PROBES_WINDOW))


def _socket(row: Tuple[bytes, ...]) -> Tuple[OpenSocket, str]:
    """Return the socket, and the inode by which its owner is found."""
    local, port, remote, state, unacked, unread, _, retransmits, inode = row
    return OpenSocket(
        local=_plain_form(local, port),
        remote=_plain_form(*remote.split(b":")),
        state=_state(state),
        retransmits=int(retransmits, 16),
        unacked_bytes=int(unacked, 16),
        unread_bytes=int(unread, 16),
    ), inode.decode("ascii")


def _by_retransmits(found: Tuple[OpenSocket, str]) -> int:
    return -found[0].retransmits


def _owners(root: str, inodes: Set[str]) -> Dict[str, int]:
    """Return which process holds each socket, as far as we may look and time allows."""
    found: Dict[str, int] = {}
    if not inodes:
        return found
    until = time.monotonic() + _OWNERS_WAIT_S
    folder = os.path.join(root, "proc")
    for pid in [name for name in _names(folder) if name.isdecimal()][:_MOST_PROCESSES]:
        if len(found) == len(inodes) or time.monotonic() > until:
            break
        own = os.path.join(folder, pid, "fd")
        for name in _names(own):
            link = _link(os.path.join(own, name))
            if link.startswith("socket:[") and link[8:-1] in inodes:
                found[link[8:-1]] = int(pid)
    return found


def _names(folder: str) -> List[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


# --- endpoints as the kernel writes them -------------------------------------------------------


def _turned(packed: bytes) -> bytes:
    """Swap the bytes of each 32-bit word, which the kernel prints as a number of this machine."""
    if sys.byteorder == "big":
        return packed
    return b"".join(packed[at : at + 4][::-1] for at in range(0, len(packed), 4))


def _kernel_forms(address: str, port: int) -> Tuple[bytes, ...]:
    """Write an endpoint as the tables do; an IPv4 peer of an IPv6 socket stands in the other."""
    from socket import AF_INET, AF_INET6, inet_pton

    try:
        packed = inet_pton(AF_INET6 if ":" in address else AF_INET, address.partition("%")[0])
    except (OSError, ValueError):
        return ()
    both = [packed, _MAPPED + packed] if len(packed) == 4 else [packed]
    if len(packed) == 16 and packed.startswith(_MAPPED):
        both.append(packed[12:])
    return tuple(b"%s:%04X" % (_turned(each).hex().upper().encode(), port) for each in both)


def _plain_form(host: bytes, port: bytes) -> str:
    """Write an endpoint of the tables as people do."""
    from refused.probes.wire.addresses import ipv4_text, ipv6_text

    packed = _turned(bytes.fromhex(host.decode("ascii"))) if len(host) % 2 == 0 else b""
    if packed.startswith(_MAPPED) and len(packed) == 16:
        packed = packed[12:]
    if len(packed) == 4:
        return f"{ipv4_text(packed)}:{int(port, 16)}"
    shown = ipv6_text(packed) if len(packed) == 16 else host.decode("ascii")[:32]
    return f"[{shown}]:{int(port, 16)}"


# --- files -------------------------------------------------------------------------------------


def _read(path: str, most: int) -> bytes:
    """Return a file's bytes, at most *most* of them.

    Raises:
        OSError: It cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        pieces = []
        left = most
        while left > 0:
            piece = os.read(descriptor, min(left, 1 << 20))
            if not piece:
                break
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def _text(root: str, path: str) -> str | None:
    try:
        return _read(os.path.join(root, path), _MOST_FILE_BYTES).decode("ascii", "replace")
    except OSError:
        return None


def _number(root: str, path: str) -> int | None:
    return _int((_text(root, path) or "").strip())


def _int(text: str) -> int | None:
    """Read a number that a kernel would write; 64 bits have at most 20 digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else None


def _is_hex(text: str) -> bool:
    return bool(text) and not text.strip("0123456789abcdefABCDEF")


def _hex(text: str) -> int:
    """Read a number in hexadecimal; 0 where it is none."""
    return int(text, 16) if len(text) <= 16 and _is_hex(text) else 0
