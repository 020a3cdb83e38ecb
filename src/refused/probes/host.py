"""What this host says that bears on connections: its kernel, its environment, its packet filter.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import os
import sys
import time

from refused.evidence.observations import DescriptorUse, Platform, ProxyVariables, Unseen
from refused.evidence.redaction import redact
from refused.probes import host_linux
from refused.probes.stopwatch import Stopwatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, List, Mapping, Sequence, Set, Tuple, Union

    from refused.evidence.observations import Observation
    from refused.evidence.target import Target

    Fact = Union[Observation, Unseen]

# The day this version was made; a clock that stands before it is wrong.
BUILT_AT = 1795651200.0  # 2026-11-26

_PROXY_NAMES = frozenset({"http_proxy", "https_proxy", "all_proxy", "socks_proxy"})

# Ports of sidecars. Each of the first kind is telling by itself; of the second, two are.
# Sources: https://istio.io/latest/docs/ops/deployment/application-requirements/
#          https://linkerd.io/2/reference/proxy-configuration/
#          https://docs.dapr.io/reference/arguments-annotations-overview/
#          https://developer.hashicorp.com/consul/docs/k8s/annotations-and-labels
_TELLING_PORTS: Tuple[Tuple[str, Tuple[int, ...]], ...] = (
    ("istio", (15001, 15006)),
    ("linkerd", (4140, 4143)),
)
_CONSUL_PORTS = (15001, 19000, 20000)  # of which the first is Istio's, too
_SUPPORTING_PORTS: Tuple[Tuple[str, Tuple[int, ...]], ...] = (
    ("consul", _CONSUL_PORTS),
    ("istio", (15000, 15020, 15021, 15090)),
    ("linkerd", (4190, 4191)),
    ("dapr", (3500, 50001)),
)
_MESH_VARIABLES = (
    ("ISTIO_META_", "istio"),
    ("LINKERD2_PROXY_", "linkerd"),
    ("DAPR_HTTP_PORT", "dapr"),
    ("DAPR_GRPC_PORT", "dapr"),
    ("CONSUL_DATAPLANE_", "consul"),
)

_SYSTEMS = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}
# How adjtimex(2) says that nobody keeps the clock.
_TIME_ERROR = 5


def facts(
    target: Target,
    addresses: Sequence[str],
    *,
    vantage: str,
    root: str = "/",
    environ: Mapping[str, str],
    pid: int | None = None,
    full: bool = False,
    deep: bool = False,
    clock: bool = True,
    now: float | None = None,
) -> Tuple[Fact, ...]:
    """Return what the host tells.

    Args:
        addresses: The target's, as dialled.
        root: The folder that plays ``/``; of a played host, only files are looked at.
        environ: The environment of the client, or our own.
        pid: Whose descriptors to count; our own without it.
        full: Also read the tables that grow with the number of sockets.
        clock: With *full*, also ask the kernel whether somebody keeps the clock right.
        deep: Also ask the packet filter, which takes a program of its own.
        now: Seconds since 1970 UTC, by this host's clock.
    """
    found: List[Fact] = []
    listening: Set[int] = set()
    is_linux = host_linux.is_linux(root)
    if is_linux:
        found.append(host_linux.settings(root, vantage))
        tracked = host_linux.conntrack(root, vantage)
        if full or not isinstance(tracked, Unseen):
            found.append(tracked)
        # This process is none of a played host's.
        if pid is not None or (full and root == "/"):
            found.append(host_linux.descriptors(root, vantage, pid))
        if full:
            watch = Stopwatch(vantage)
            sockets = host_linux.Sockets(root, addresses, target.port)
            listening = sockets.listening
            found.append(host_linux.ports(root, vantage, sockets, watch))
            found.append(host_linux.to_target(root, vantage, sockets, watch))
    else:
        found += _elsewhere(vantage, full=full, pid=pid)
    found.append(_proxies(environ, vantage))
    found.append(
        _platform(
            root,
            environ,
            vantage,
            listening,
            system="Linux" if is_linux else _system(),
            # To ask the kernel for its clock takes a library that takes 6 ms to load.
            synchronised=_synchronised(ask_kernel=full and clock)
            if root == "/" and is_linux
            else None,
            now=time.time() if now is None else now,
        )
    )
    if deep and root == "/" and is_linux:
        from refused.probes.host_filter import rules

        found.append(rules(addresses, target.port, vantage=vantage))
    elif full and not deep:
        found.append(_unseen(vantage, "RedirectRules", "not asked for", "add --deep, as root"))
    return tuple(found)


def _unseen(vantage: str, what: str, why: str, how_to_see: str) -> Unseen:
    return Unseen(vantage=vantage, what=what, why=why, how_to_see=how_to_see)


# --- other systems -----------------------------------------------------------------------------


def _elsewhere(vantage: str, *, full: bool, pid: int | None) -> List[Fact]:
    """Return what a system without ``/proc`` tells, and how to see the rest."""
    is_windows = sys.platform == "win32"
    why = f"{_system()} does not show it in files"
    ports = "netsh int ipv4 show dynamicport tcp" if is_windows else "sysctl net.inet.ip.portrange"
    sockets = "netstat -ano -p tcp" if is_windows else "netstat -an -p tcp"
    found: List[Fact] = [_unseen(vantage, "KernelSettings", why, ports)]
    if full or pid is not None:
        found.append(
            _own_descriptors(vantage)
            if pid is None
            else _unseen(vantage, "DescriptorUse", why, f"lsof -p {pid} | wc -l")
        )
    if full:
        found += [_unseen(vantage, what, why, sockets) for what in ("PortUse", "SocketsToTarget")]
    return found


def _own_descriptors(vantage: str) -> Fact:
    """Count our own open files, where the system has a folder of them."""
    watch = Stopwatch(vantage)
    try:
        from resource import RLIMIT_NOFILE, getrlimit

        count = len(os.listdir("/dev/fd")) - 1  # the folder itself was open, too
        limit = getrlimit(RLIMIT_NOFILE)[0]
    except (ImportError, OSError, ValueError):
        return _unseen(
            vantage, "DescriptorUse", f"{_system()} does not show it in files", "the task manager"
        )
    return DescriptorUse(
        pid=os.getpid(),
        open=count,
        soft_limit=limit if limit >= 0 else 2**63 - 1,
        **watch.stamp("/dev/fd"),
    )


def _system() -> str:
    return _SYSTEMS.get(sys.platform, sys.platform)


# --- environment -------------------------------------------------------------------------------


def _proxies(environ: Mapping[str, str], vantage: str) -> ProxyVariables:
    """Return the proxies that the environment names, without the credentials for them."""
    watch = Stopwatch(vantage)
    named = [
        (name, _without_user(value))
        for name, value in sorted(environ.items())
        if name.lower() in _PROXY_NAMES and value.strip()
    ]
    return ProxyVariables(variables=tuple(named), **watch.stamp("environment"))


def _without_user(value: str) -> str:
    """Return scheme and host of a proxy's URL, which may also be a bare ``user:password@host``."""
    scheme, separator, rest = value.strip().partition("://")
    if not separator:
        scheme, rest = "", scheme
    # A password may hold a slash or an @ that should have been escaped.
    return redact(f"{scheme}{separator}{rest.rpartition('@')[2]}")[:100]


def _platform(
    root: str,
    environ: Mapping[str, str],
    vantage: str,
    listening: Set[int],
    *,
    system: str,
    synchronised: bool | None,
    now: float,
) -> Platform:
    watch = Stopwatch(vantage)
    mesh, signs = _mesh(environ, listening)
    return Platform(
        system=system,
        kind=_kind(root, environ),
        mesh=mesh,
        mesh_signs=signs,
        clock_synchronised=synchronised,
        clock_before_build=now < BUILT_AT,
        **watch.stamp("environment"),
    )


def _mesh(environ: Mapping[str, str], listening: Set[int]) -> Tuple[str, Tuple[str, ...]]:
    """Return the sidecar that shows, and by what; the surest sign is first."""
    found: List[Tuple[str, str]] = []
    for prefix, name in _MESH_VARIABLES:
        hit = next((key for key in sorted(environ) if key.startswith(prefix)), None)
        if hit is not None:
            found.append((name, f"the environment has {hit}"))
    consul = len(_open(_CONSUL_PORTS, listening)) >= 2
    for name, ports in _TELLING_PORTS:
        for port in _open(ports, listening):
            shown = "consul" if consul and port == 15001 else name
            found.append((shown, f"something listens on {port}, {shown}'s port"))
    for name, ports in _SUPPORTING_PORTS:
        some = _open(ports, listening)
        if len(some) >= 2 or any(name == other for other, _ in found):
            found += [(name, f"something listens on {port}, {name}'s port") for port in some]
    return found[0][0] if found else "", tuple(dict.fromkeys(sign for _, sign in found))


def _open(ports: Iterable[int], listening: Set[int]) -> List[int]:
    return [port for port in ports if port in listening]


def _kind(root: str, environ: Mapping[str, str]) -> str:
    """Name what the client runs on, the most particular first: each rests on the next."""

    def is_there(path: str) -> bool:
        return os.path.exists(os.path.join(root, path))

    if "FUNCTIONS_WORKER_RUNTIME" in environ:
        return "functions"
    if any(name.startswith("CONTAINER_APP_") for name in environ):
        return "container-apps"
    if any(name in environ for name in ("WEBSITE_SITE_NAME", "WEBSITE_INSTANCE_ID")):
        return "app-service"
    if "KUBERNETES_SERVICE_HOST" in environ or is_there(
        "var/run/secrets/kubernetes.io/serviceaccount"
    ):
        return "kubernetes"
    cgroup = host_linux.cgroup(root)
    if "kubepods" in cgroup:
        return "kubernetes"
    if any(is_there(mark) for mark in (".dockerenv", "run/.containerenv")):
        return "container"
    engines = ("docker", "containerd", "libpod", "lxc", "garden")
    return "container" if any(engine in cgroup for engine in engines) else "host"


def _synchronised(*, ask_kernel: bool) -> bool | None:
    """Whether somebody keeps this host's clock right; ``None`` where nobody tells.

    Sources: adjtimex(2); systemd-timesyncd.service(8), /run/systemd/timesync/synchronized.
    """
    told = _kernel_clock() if ask_kernel else None
    if told is None and os.path.isdir("/run/systemd/timesync"):
        told = os.path.exists("/run/systemd/timesync/synchronized")
    return told


def _kernel_clock() -> bool | None:
    try:
        from ctypes import CDLL, create_string_buffer

        # All zeros is a question that sets nothing; the answer's fields are not needed.
        state: int = CDLL(None).adjtimex(create_string_buffer(512))
    except (ImportError, OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR
