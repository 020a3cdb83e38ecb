"""What this host's kernel and environment say that bears on connections; files are read, nothing is set.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import os
import time

from refused.evidence.observations import (
    ConntrackUse,
    DescriptorUse,
    KernelSettings,
    OpenSocket,
    Platform,
    PortUse,
    ProxyVariables,
    RedirectRules,
    SocketsToTarget,
    Unseen,
)
from refused.probes.names import read_text
from refused.probes.stopwatch import Stopwatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Mapping, Tuple, Union

    from refused.evidence.observations import Observation
    from refused.evidence.target import Target

    Fact = Union[Observation, Unseen]

# The day this version was made; a clock that stands before it is wrong.
BUILT_AT = 1795651200.0  # 2026-11-26
# States of /proc/net/tcp; see include/net/tcp_states.h.
STATES = {
    "01": "ESTABLISHED", "02": "SYN_SENT", "03": "SYN_RECV", "04": "FIN_WAIT1", "05": "FIN_WAIT2", "06": "TIME_WAIT",
    "07": "CLOSE", "08": "CLOSE_WAIT", "09": "LAST_ACK", "0A": "LISTEN", "0B": "CLOSING", "0C": "NEW_SYN_RECV",
}  # fmt: skip
STUCK_RETRANSMITS = 3
MOST_STUCK = 16
# Ports on which sidecars listen: Istio's Envoy, Linkerd's proxy, Dapr.
# Sources: https://istio.io/latest/docs/ops/deployment/application-requirements/
#          https://linkerd.io/2/reference/proxy-configuration/ · https://docs.dapr.io/reference/arguments-annotations-overview/
SIDECARS = {
    15001: "istio",
    15006: "istio",
    4140: "linkerd",
    4143: "linkerd",
    3500: "dapr",
    50001: "dapr",
}


def facts(
    target: Target,
    addresses: Tuple[str, ...],
    *,
    vantage: str,
    root: str = "/",
    environ: Mapping[str, str],
    pid: int | None = None,
    full: bool = False,
    deep: bool = False,
) -> Tuple[Fact, ...]:
    """Return what the host tells.

    Args:
        addresses: The target's, as dialled.
        root: The folder that plays ``/``.
        pid: Whose descriptors to count; our own without it.
        full: Also read the tables that grow with the number of sockets.
        deep: Also ask the packet filter, which takes a program of its own.
    """
    found: List[Fact] = []
    is_linux = os.path.isdir(os.path.join(root, "proc/sys")) or os.path.isdir(
        os.path.join(root, "proc/net")
    )
    rows: List[_Row] = []
    if is_linux:
        found.append(_settings(root, vantage))
        found += _conntrack(root, vantage)
        if full or pid is not None:
            found += _descriptors(root, vantage, pid)
        if full:
            rows = _sockets(root)
            found += _ports(root, vantage, rows, addresses, target.port)
    else:
        found.append(
            Unseen(
                vantage=vantage, what="KernelSettings", why="this system does not show its kernel's settings in files",
                how_to_see="run refused on a Linux host beside the application",
            )
        )  # fmt: skip
    found += _proxies(environ, vantage)
    found.append(_platform(root, environ, vantage, rows))
    if deep and root == "/" and is_linux:
        found.append(_rules(addresses, target.port, vantage))
    return tuple(found)


def _file(root: str, path: str) -> str | None:
    try:
        return read_text(os.path.join(root, path))
    except OSError:
        return None


def _number(root: str, path: str) -> int | None:
    text = (_file(root, path) or "").strip()
    return int(text) if text.lstrip("-").isdigit() and len(text) < 19 else None


def _settings(root: str, vantage: str) -> KernelSettings:
    watch, at = Stopwatch(vantage), "proc/sys/net/ipv4/"
    ports = (_file(root, f"{at}ip_local_port_range") or "").split()
    first, last = (
        (int(each) for each in ports)
        if len(ports) == 2 and all(p.isdigit() for p in ports)
        else (None, None)
    )
    ipv6 = _number(root, "proc/sys/net/ipv6/conf/all/disable_ipv6")
    return KernelSettings(
        tcp_retries2=_number(root, f"{at}tcp_retries2"),
        tcp_syn_retries=_number(root, f"{at}tcp_syn_retries"),
        keepalive_time_s=_number(root, f"{at}tcp_keepalive_time"),
        keepalive_interval_s=_number(root, f"{at}tcp_keepalive_intvl"),
        keepalive_probes=_number(root, f"{at}tcp_keepalive_probes"),
        port_first=first,
        port_last=last,
        reserved_ports=(_file(root, f"{at}ip_local_reserved_ports") or "").strip()[:200],
        tcp_tw_reuse=_number(root, f"{at}tcp_tw_reuse"),
        tcp_mtu_probing=_number(root, f"{at}tcp_mtu_probing"),
        somaxconn=_number(root, "proc/sys/net/core/somaxconn"),
        ipv6_disabled=None if ipv6 is None else ipv6 == 1,
        **watch.stamp("/proc/sys/net"),
    )


def _conntrack(root: str, vantage: str) -> List[Fact]:
    watch, at = Stopwatch(vantage), "proc/sys/net/netfilter/nf_conntrack_"
    entries, limit = _number(root, f"{at}count"), _number(root, f"{at}max")
    if entries is None or limit is None:
        # Without the module nothing is tracked, so that there is no table to be full.
        return []
    drops = None
    lines = (_file(root, "proc/net/stat/nf_conntrack") or "").splitlines()
    if len(lines) > 1 and "drop" in lines[0].split():
        column = lines[0].split().index("drop")
        try:
            drops = sum(int(line.split()[column], 16) for line in lines[1:])
        except (ValueError, IndexError):
            drops = None
    return [
        ConntrackUse(
            entries=entries, limit=limit, drops=drops, **watch.stamp("/proc/sys/net/netfilter")
        )
    ]


def _descriptors(root: str, vantage: str, pid: int | None) -> List[Fact]:
    watch, who = Stopwatch(vantage), str(pid) if pid is not None else "self"
    try:
        count = len(os.listdir(os.path.join(root, f"proc/{who}/fd")))
        limits = read_text(os.path.join(root, f"proc/{who}/limits"))
    except OSError as gone:
        if pid is None:
            return []
        why = f"process {pid}: {gone.strerror}"
        return [
            Unseen(
                vantage=vantage,
                what="DescriptorUse",
                why=why,
                how_to_see="run as the process's user, or as root",
            )
        ]
    soft = next(
        (line.split()[3] for line in limits.splitlines() if line.startswith("Max open files")), ""
    )
    system = (_file(root, "proc/sys/fs/file-nr") or "").split()
    return [
        DescriptorUse(
            pid=pid if pid is not None else os.getpid(),
            open=count,
            soft_limit=int(soft) if soft.isdigit() else 2**63 - 1,
            system_open=int(system[0]) if system and system[0].isdigit() else None,
            system_limit=int(system[2])
            if len(system) > 2 and system[2].isdigit() and len(system[2]) < 19
            else None,
            **watch.stamp(f"/proc/{who}"),
        )
    ]


class _Row:
    """One line of the kernel's socket table, addresses still as the kernel writes them."""

    __slots__ = ("local", "remote", "state", "unacked", "unread", "retransmits", "inode")

    def __init__(self, fields: List[str]) -> None:
        self.local, self.remote, self.state = fields[1], fields[2], STATES.get(fields[3], fields[3])
        unacked, _, unread = fields[4].partition(":")
        self.unacked, self.unread = int(unacked, 16), int(unread, 16)
        self.retransmits, self.inode = int(fields[6], 16), fields[9]


def _sockets(root: str) -> List[_Row]:
    rows = []
    for name in ("proc/net/tcp", "proc/net/tcp6"):
        for line in (_file(root, name) or "").splitlines()[1:]:
            fields = line.split()
            try:
                rows.append(_Row(fields))
            except (IndexError, ValueError):
                continue
    return rows


def _kernel_form(address: str, port: int) -> Tuple[str, ...]:
    """Write an endpoint as the kernel's tables do: 32-bit words in the order of this machine."""
    import socket
    import sys

    def words(packed: bytes) -> str:
        parts = (packed[at : at + 4] for at in range(0, len(packed), 4))
        return "".join(
            (part[::-1] if sys.byteorder == "little" else part).hex().upper() for part in parts
        )

    try:
        packed = socket.inet_pton(
            socket.AF_INET6 if ":" in address else socket.AF_INET, address.split("%", maxsplit=1)[0]
        )
    except (OSError, ValueError):
        return ()
    forms = [f"{words(packed)}:{port:04X}"]
    if len(packed) == 4:
        # An IPv4 peer of an IPv6 socket stands in the other table, mapped.
        forms.append(f"{words(bytes(10) + bytes((255, 255)) + packed)}:{port:04X}")
    return tuple(forms)


def _plain_form(text: str) -> str:
    """Write an endpoint of the kernel's tables as people do."""
    import socket
    import sys

    host, _, port = text.partition(":")
    try:
        data = bytes.fromhex(host)
        words = (data[at : at + 4] for at in range(0, len(data), 4))
        packed = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
        number = int(port, 16)
        if len(packed) == 16 and packed.startswith(bytes(10) + bytes((255, 255))):
            packed = packed[12:]
        if len(packed) == 4:
            return f"{socket.inet_ntop(socket.AF_INET, packed)}:{number}"
        return f"[{socket.inet_ntop(socket.AF_INET6, packed)}]:{number}"
    except (ValueError, OSError):
        return text


def _ports(
    root: str, vantage: str, rows: List[_Row], addresses: Tuple[str, ...], port: int
) -> List[Fact]:
    watch = Stopwatch(vantage)
    wanted = {form for address in addresses for form in _kernel_form(address, port)}
    span = (_file(root, "proc/sys/net/ipv4/ip_local_port_range") or "").split()
    first, last = (
        (int(each) for each in span)
        if len(span) == 2 and all(p.isdigit() for p in span)
        else (32768, 60999)
    )
    used = set()
    waiting = 0
    mine = [row for row in rows if row.remote in wanted]
    for row in rows:
        local = row.local.rpartition(":")[2]
        number = int(local, 16) if len(local) == 4 else 0
        if first <= number <= last and row.state != "LISTEN":
            used.add(number)
            waiting += row.state == "TIME_WAIT"
    counts: Dict[str, int] = {}
    for row in mine:
        counts[row.state] = counts.get(row.state, 0) + 1
    stuck = [row for row in mine if row.retransmits >= STUCK_RETRANSMITS][:MOST_STUCK]
    owners = _owners(root, {row.inode for row in stuck})
    stamp = watch.stamp("/proc/net/tcp")
    return [
        PortUse(available=last - first + 1, used=len(used), time_wait=waiting, to_target=len(mine), **stamp),
        SocketsToTarget(
            by_state=tuple(sorted(counts.items())),
            stuck=tuple(
                OpenSocket(
                    local=_plain_form(row.local), remote=_plain_form(row.remote), state=row.state,
                    retransmits=row.retransmits, unacked_bytes=row.unacked, unread_bytes=row.unread, pid=owners.get(row.inode),
                )
                for row in stuck
            ),
            **stamp,
        ),
    ]  # fmt: skip


def _owners(root: str, inodes: set[str]) -> Dict[str, int]:
    """Return which process holds each socket, as far as we may look."""
    found: Dict[str, int] = {}
    if not inodes:
        return found
    try:
        pids = [name for name in os.listdir(os.path.join(root, "proc")) if name.isdigit()]
    except OSError:
        return found
    for pid in pids[:4096]:
        folder = os.path.join(root, "proc", pid, "fd")
        try:
            links = [os.readlink(os.path.join(folder, each)) for each in os.listdir(folder)]
        except OSError:
            continue
        for link in links:
            if link.startswith("socket:[") and link[8:-1] in inodes:
                found[link[8:-1]] = int(pid)
    return found


_PROXY_NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "socks_proxy")


def _proxies(environ: Mapping[str, str], vantage: str) -> List[Fact]:
    watch = Stopwatch(vantage)
    named = tuple(
        (name, value.rpartition("@")[2][:100])
        for name, value in sorted(environ.items())
        if name.lower() in _PROXY_NAMES and name.lower() != "no_proxy" and value
    )
    return [ProxyVariables(variables=named, **watch.stamp("environment"))] if named else []


def _platform(root: str, environ: Mapping[str, str], vantage: str, rows: List[_Row]) -> Platform:
    watch = Stopwatch(vantage)
    signs: List[str] = []
    mesh = ""
    for prefix, name in (
        ("ISTIO_META_", "istio"),
        ("LINKERD2_PROXY", "linkerd"),
        ("DAPR_", "dapr"),
        ("CONSUL_", "consul"),
    ):
        hit = next((key for key in environ if key.startswith(prefix)), None)
        if hit is not None:
            mesh = mesh or name
            signs.append(f"the environment has {hit}")
    listening = {
        int(row.local.rpartition(":")[2], 16)
        for row in rows
        if row.state == "LISTEN" and len(row.local) > 5
    }
    for port, name in SIDECARS.items():
        if port in listening:
            mesh = mesh or name
            signs.append(f"something listens on {port}, {name}'s port")
    return Platform(
        system=_system(),
        kind=_kind(root, environ),
        mesh=mesh,
        mesh_signs=tuple(signs),
        clock_synchronised=_synchronised() if root == "/" else None,
        clock_before_build=time.time() < BUILT_AT,
        **watch.stamp("environment"),
    )


def _system() -> str:
    return os.uname().sysname if hasattr(os, "uname") else "Windows"


def _kind(root: str, environ: Mapping[str, str]) -> str:
    if "FUNCTIONS_WORKER_RUNTIME" in environ:
        return "functions"
    if "WEBSITE_INSTANCE_ID" in environ or "WEBSITE_SITE_NAME" in environ:
        return "app-service"
    if "CONTAINER_APP_NAME" in environ:
        return "container-apps"
    if "KUBERNETES_SERVICE_HOST" in environ or os.path.isdir(
        os.path.join(root, "var/run/secrets/kubernetes.io")
    ):
        return "kubernetes"
    if os.path.exists(os.path.join(root, ".dockerenv")) or "container" in environ:
        return "container"
    return "host"


def _synchronised() -> bool | None:
    """Ask systemd's mark whether the clock was ever set by the network; ``None`` where nobody keeps it.

    Source: systemd-timesyncd.service(8), /run/systemd/timesync/synchronized.
    """
    if not os.path.isdir("/run/systemd/timesync"):
        return None
    return os.path.exists("/run/systemd/timesync/synchronized")


def _rules(addresses: Tuple[str, ...], port: int, vantage: str) -> Fact:
    """Read the packet filter's rules that bear on the target's port."""
    import shutil
    import subprocess

    watch = Stopwatch(vantage)
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    for words in (("nft", "list", "ruleset"), ("iptables-save",)):
        tool = shutil.which(words[0], path=path)
        if tool is None:
            continue
        try:
            done = subprocess.run([tool, *words[1:]], capture_output=True, timeout=2, check=False)  # noqa: S603  # a fixed command
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            redirects, blocks = read_rules(done.stdout.decode("utf-8", "replace"), addresses, port)
            return RedirectRules(redirects=redirects, blocks=blocks, **watch.stamp(" ".join(words)))
    return Unseen(
        vantage=vantage, what="RedirectRules", why="this user may not read the packet filter's rules",
        how_to_see="run refused as root, or look at: sudo nft list ruleset",
    )  # fmt: skip


def read_rules(
    text: str, addresses: Tuple[str, ...], port: int
) -> Tuple[Tuple[str, ...], Tuple[str, ...]]:
    """Pick the rules for outgoing traffic that redirect or block *port*, from nft's or iptables' listing.

    A rule counts when it names the port or one of the addresses, or names no port at all and
    redirects (as sidecars do). Rules of other hooks are not ours.
    """
    redirects: List[str] = []
    blocks: List[str] = []
    is_out = True
    for raw in text.splitlines():
        line = " ".join(raw.split())
        if "hook " in line:
            is_out = "hook output" in line
        elif line.startswith("chain "):
            # A chain without a hook may be jumped to from anywhere.
            is_out = True
        elif line.startswith("-A ") and line.split()[1] in ("INPUT", "FORWARD", "PREROUTING"):
            continue
        if not is_out or "hook " in line:
            continue
        words = line.replace(",", " ").replace("{", " ").replace("}", " ").split()
        names_port = str(port) in words or any(_spans(word, port) for word in words)
        names_address = any(address in words or f"{address}/32" in words for address in addresses)
        has_port = "dport" in words or "--dport" in words or "--dports" in words
        if not (names_port or (names_address and not has_port)):
            if not has_port and any(
                sign in words for sign in ("REDIRECT", "redirect", "TPROXY", "tproxy")
            ):
                redirects.append(line[:160])
            continue
        if any(sign in words for sign in ("drop", "reject", "DROP", "REJECT")):
            blocks.append(line[:160])
        elif any(
            sign in words for sign in ("redirect", "dnat", "tproxy", "REDIRECT", "DNAT", "TPROXY")
        ):
            redirects.append(line[:160])
    return tuple(redirects[:8]), tuple(blocks[:8])


def _spans(word: str, port: int) -> bool:
    first, dash, last = word.replace(":", "-").partition("-")
    return bool(dash) and first.isdigit() and last.isdigit() and int(first) <= port <= int(last)
