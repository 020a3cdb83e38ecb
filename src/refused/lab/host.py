"""Files of the host on which the diagnosing program thinks it runs: a quiet Linux, to be disturbed.

    stuck = Socket("10.1.1.20:40112", "20.42.65.90:6380", unsent_bytes=300, retries=9)
    world.host_file(TCP_TABLE, tcp_table([stuck]))

Sources: proc(5); the kernel's Documentation/networking/ip-sysctl.rst and proc_net_tcp.rst.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

TCP_TABLE = "/proc/net/tcp"
_HEADER = (
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt"
    "   uid  timeout inode"
)
_STATES = {
    "ESTABLISHED": 1,
    "SYN_SENT": 2,
    "FIN_WAIT1": 4,
    "FIN_WAIT2": 5,
    "TIME_WAIT": 6,
    "CLOSE_WAIT": 8,
    "LISTEN": 10,
}


@dataclass(frozen=True)
class Socket:
    """One row of the kernel's table; addresses as ``10.1.1.20:40112``.

    Attributes:
        unsent_bytes: What lies in the send queue, unacknowledged.
        retries: How often the oldest segment was sent again.
    """

    local: str
    remote: str
    state: str = "ESTABLISHED"
    unsent_bytes: int = 0
    unread_bytes: int = 0
    retries: int = 0
    inode: int = 0


def tcp_table(sockets: Iterable[Socket]) -> str:
    """Write ``/proc/net/tcp`` (IPv4) as the kernel does."""
    rows = [
        f"{at:4d}: {_place(each.local)} {_place(each.remote)} {_STATES[each.state]:02X} "
        f"{each.unsent_bytes:08X}:{each.unread_bytes:08X} "
        f"{1 if each.unsent_bytes else 0:02X}:00000000 {each.retries:08X} "
        f"    0        0 {each.inode or 20000 + at} 1 0000000000000000 20 4 30 10 -1"
        for at, each in enumerate(sockets)
    ]
    return "\n".join([_HEADER, *rows]) + "\n"


def _place(text: str) -> str:
    """Write an address as the kernel does, as a number in the order of a little-endian machine."""
    host, _, port = text.rpartition(":")
    number = int.from_bytes(ipaddress.IPv4Address(host).packed, "little")
    return f"{number:08X}:{int(port):04X}"


# As a freshly started Ubuntu 24.04 has them. 168.63.129.16 is the resolver that Azure hands out.
QUIET_LINUX = {
    "/etc/hosts": "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n",
    "/etc/resolv.conf": "nameserver 168.63.129.16\n",
    "/etc/os-release": 'PRETTY_NAME="Ubuntu 24.04 LTS"\nNAME="Ubuntu"\nID=ubuntu\n',
    "/proc/sys/net/ipv4/tcp_retries2": "15\n",
    "/proc/sys/net/ipv4/tcp_syn_retries": "6\n",
    "/proc/sys/net/ipv4/tcp_keepalive_time": "7200\n",
    "/proc/sys/net/ipv4/tcp_keepalive_intvl": "75\n",
    "/proc/sys/net/ipv4/tcp_keepalive_probes": "9\n",
    "/proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
    "/proc/sys/net/ipv4/ip_local_reserved_ports": "\n",
    "/proc/sys/net/ipv4/tcp_tw_reuse": "2\n",
    "/proc/sys/net/ipv4/tcp_mtu_probing": "0\n",
    "/proc/sys/net/core/somaxconn": "4096\n",
    "/proc/sys/net/ipv6/conf/all/disable_ipv6": "0\n",
    "/proc/sys/net/netfilter/nf_conntrack_count": "214\n",
    "/proc/sys/net/netfilter/nf_conntrack_max": "262144\n",
    "/proc/sys/fs/file-nr": "1184\t0\t9223372036854775807\n",
    "/proc/net/sockstat": (
        "sockets: used 150\nTCP: inuse 12 orphan 0 tw 3 alloc 14 mem 2\nUDP: inuse 4 mem 1\n"
    ),
    TCP_TABLE: tcp_table([Socket("0.0.0.0:22", "0.0.0.0:0", "LISTEN")]),
    "/proc/net/tcp6": (
        "  sl  local_address                         remote_address                        st "
        "tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    ),
}
