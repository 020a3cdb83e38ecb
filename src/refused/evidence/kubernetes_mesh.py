"""What a sidecar does with a connection, worked out from what the mesh is told; and whose walk it was.

Sources:
    https://istio.io/latest/docs/reference/config/annotations/
    https://istio.io/latest/docs/reference/config/networking/sidecar/
    https://istio.io/latest/docs/reference/config/networking/service-entry/
    https://istio.io/latest/docs/reference/config/networking/destination-rule/
    https://linkerd.io/2/features/protocol-detection/

The module keeps to Python 3.8 and the standard library: bundles are judged anywhere.
"""

from __future__ import annotations

from refused.evidence.record import Record
from refused.service.addresses import in_network
from refused.service.ports import LINKERD_OPAQUE_PORTS, sidecar_port

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Optional, Sequence, Tuple, Union

    from refused.evidence.bundle import Evidence
    from refused.evidence.kubernetes import (
        IstioDestinationRule,
        IstioServiceEntry,
        IstioSidecarScope,
        KubernetesWorkload,
        MeshSettings,
        Sidecar,
    )

    Perhaps = Optional[bool]

# Modes of a DestinationRule in which the proxy wraps in TLS what the application sends.
ORIGINATES = ("SIMPLE", "MUTUAL", "ISTIO_MUTUAL")
# Protocols under which the proxy reads what is said; TLS inside of it is no such words.
# Source: https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/
READS = frozenset({"HTTP", "HTTP2", "GRPC", "GRPC-WEB", "MONGO", "MYSQL"})
# Protocols that carry a client's TLS through unread, by its server name or by address.
CARRIES_TLS = frozenset({"TLS", "HTTPS", "TCP"})


class Outbound(Record):
    """Whether the proxy lets out what it was not told of.

    Attributes:
        policy: ``ALLOW_ANY`` or ``REGISTRY_ONLY``; ``None`` where nothing was read that says.
        said_by: What says so.
    """

    policy: str | None
    said_by: Union[IstioSidecarScope, MeshSettings, None] = None


def is_walked_inside(evidence: Evidence, workload: KubernetesWorkload) -> Perhaps:
    """Whether the walk was made from a pod of *workload*; ``None`` where nothing tells."""
    name = evidence.vantage.partition(" ")[0]
    if name.startswith("k8s:"):
        parts = name[len("k8s:") :].lower().split("/")
        if parts[0] != workload.namespace:
            return False
        pods = parts[2:3] if len(parts) > 2 and parts[1] in _KINDS else parts[1:2]
        return any(_is_pod_of(pod, workload.name) for pod in pods)
    from refused.evidence.observations import Platform

    platforms = evidence.look(Platform)
    if not platforms:
        return None
    # What runs in a pod and is given a workload's manifest is taken for a pod of it.
    return platforms[0].kind == "kubernetes"


def _is_pod_of(pod: str, name: str) -> bool:
    """Whether *pod* bears the name of a workload, or one that is made of it: ``cart-7f9c6d5b8-x2x9k``, ``cart-0``."""
    if pod == name:
        return True
    parts = pod[len(name) + 1 :].split("-") if pod.startswith(f"{name}-") else []
    return 0 < len(parts) <= 2 and all(
        part.isdigit() or (len(part) >= 5 and not part.strip(_RANDOM)) for part in parts
    )


# Letters of which Kubernetes makes names: none that could make a word.
# Source: https://pkg.go.dev/k8s.io/apimachinery/pkg/util/rand
_RANDOM = "bcdfghjklmnpqrstvwxz2456789"
_KINDS = frozenset({"deployment", "deploy", "statefulset", "sts", "daemonset", "ds"})


def client_of(workloads: Iterable[KubernetesWorkload]) -> KubernetesWorkload | None:
    """Return the workload that fails; what is seen of running pods goes before what a template says."""
    clients = [each for each in workloads if each.role == "client"]
    clients.sort(key=lambda each: not each.is_running)
    return clients[0] if clients else None


def captures(sidecar: Sidecar, port: int, address: str = "") -> Perhaps:
    """Whether *sidecar* takes a connection to *port* at *address*; ``None`` where that cannot be told."""
    if sidecar.present is False or not sidecar.captures:
        return False
    if holds(sidecar.included_ports, port):
        return sidecar.present
    if holds(sidecar.excluded_ports, port):
        return False
    if sidecar.excluded_blocks:
        if address and any(in_network(address, each) for each in sidecar.excluded_blocks):
            return False
        if not address:
            return None
    if sidecar.included_blocks is not None and "*" not in sidecar.included_blocks:
        if not sidecar.included_blocks:
            return False
        if not address:
            return None
        if not any(in_network(address, each) for each in sidecar.included_blocks):
            return False
    return sidecar.present


def holds(ranges: Iterable[Tuple[int, int]], port: int) -> bool:
    """Whether *port* lies in one of *ranges*."""
    return any(first <= port <= last for first, last in ranges)


def clashes(sidecar: Sidecar, ports: Iterable[int], address: str = "") -> Tuple[int, ...]:
    """Return which of *ports* the proxy keeps for itself, and takes when they are dialled elsewhere."""
    mesh = "istio" if sidecar.mesh == "istio" else sidecar.mesh
    return tuple(
        port
        for port in dict.fromkeys(ports)
        if sidecar_port(port, mesh) is not None and captures(sidecar, port, address) is not False
    )


def is_opaque(sidecar: Sidecar, port: int) -> bool:
    """Whether Linkerd passes *port* through unread. An annotation replaces its own list."""
    if sidecar.opaque_ports is not None:
        return holds(sidecar.opaque_ports, port)
    return any(port == each for each, _, _ in LINKERD_OPAQUE_PORTS)


def outbound(
    workload: KubernetesWorkload,
    scopes: Sequence[IstioSidecarScope],
    settings: Sequence[MeshSettings],
) -> Outbound:
    """Return what the proxy of *workload* does with hosts that it does not know.

    The object ``Sidecar`` that selects the pods goes before that of the namespace, and that before the
    root namespace's and the mesh's own setting.
    """
    scope = scope_of(workload, scopes, settings)
    if scope is not None and scope.outbound:
        return Outbound(policy=scope.outbound, said_by=scope)
    said = next((each for each in settings if each.mesh == "istio" and each.outbound), None)
    if said is not None:
        return Outbound(policy=said.outbound, said_by=said)
    known = next((each for each in settings if each.mesh == "istio"), None)
    return Outbound(policy=None if known is None else "ALLOW_ANY", said_by=known)


def scope_of(
    workload: KubernetesWorkload,
    scopes: Sequence[IstioSidecarScope],
    settings: Sequence[MeshSettings],
) -> IstioSidecarScope | None:
    """Return the one object ``Sidecar`` that holds for *workload*, if there is one."""
    root = root_of(settings)
    own = [each for each in scopes if each.namespace == workload.namespace]
    chosen = [each for each in own if each.selects and means(each.selects, workload.labels)]
    chosen += [each for each in own if not each.selects]
    chosen += [each for each in scopes if each.namespace == root and not each.selects]
    return chosen[0] if chosen else None


def root_of(settings: Sequence[MeshSettings]) -> str:
    """Return the namespace whose objects hold for the whole mesh."""
    return next((each.root_namespace for each in settings if each.mesh == "istio"), "istio-system")


def means(wanted: Iterable[Tuple[str, str]], labels: Iterable[Tuple[str, str]]) -> bool:
    """Whether *labels* have all that is *wanted*."""
    have = dict(labels)
    return all(have.get(key) == value for key, value in wanted)


def entries_for(
    host: str,
    workload: KubernetesWorkload,
    entries: Iterable[IstioServiceEntry],
    *,
    settings: Sequence[MeshSettings] = (),
    scope: IstioSidecarScope | None = None,
    address: str = "",
) -> Tuple[IstioServiceEntry, ...]:
    """Return the entries of *host* (or its *address*) that the proxy of *workload* knows."""
    shown = next((each.export_services for each in settings if each.mesh == "istio"), ())
    return tuple(
        entry
        for entry in entries
        if (
            any(is_meant(pattern, host) for pattern in entry.hosts)
            or (address and any(in_network(address, each) for each in entry.addresses))
        )
        and is_shown(entry.export_to or shown, entry.namespace, workload.namespace)
        and (scope is None or _in_scope(entry, scope, workload.namespace))
    )


def is_meant(pattern: str, host: str) -> bool:
    """Whether Istio's *pattern* of a host name, ``*`` for its first labels, means *host*."""
    wanted, name = pattern.lower(), host.lower()
    if wanted == "*":
        return True
    if wanted.startswith("*."):
        return name.endswith(wanted[1:]) and name != wanted[1:]
    return wanted == name


def is_shown(export_to: Iterable[str], own: str, there: str) -> bool:
    """Whether an object of the namespace *own* is seen from *there*; everywhere, unless it says otherwise."""
    told = tuple(export_to)
    if not told or "*" in told:
        return True
    return there in told or ("." in told and own == there)


def _in_scope(entry: IstioServiceEntry, scope: IstioSidecarScope, there: str) -> bool:
    """Whether the hosts that a ``Sidecar`` lets the proxy know hold the entry's."""
    if scope.hosts is None:
        return True
    for pattern in scope.hosts:
        namespace, slash, name = pattern.partition("/")
        if not slash:
            namespace, name = "*", pattern
        if namespace == "~":
            continue
        if namespace == ".":
            namespace = there if scope.namespace == there else scope.namespace
        if namespace in ("*", entry.namespace) and any(
            is_meant(name, host) or is_meant(host, name) for host in entry.hosts
        ):
            return True
    return False


def entry_port(entries: Iterable[IstioServiceEntry], port: int) -> str | None:
    """Return the protocol under which one of *entries* has *port*, in capitals; ``None`` where none has."""
    for entry in entries:
        for each in entry.ports:
            if each.number == port:
                return each.protocol.upper()
    return None


def tls_mode(
    host: str,
    port: int,
    workload: KubernetesWorkload,
    rules: Iterable[IstioDestinationRule],
    root: str = "istio-system",
) -> Tuple[IstioDestinationRule | None, str | None]:
    """Return the rule that says what TLS the proxy adds towards *host* and *port*, and the mode.

    Of the rules that mean the host the client's own namespace comes first, then others that show
    themselves, then the root namespace's; and of these the most exact host.
    """
    fitting = []
    for at, rule in enumerate(rules):
        if not _rule_means(rule, host):
            continue
        if not is_shown(rule.export_to, rule.namespace, workload.namespace):
            continue
        if rule.selects and (
            rule.namespace != workload.namespace or not means(rule.selects, workload.labels)
        ):
            continue
        near = 0 if rule.namespace == workload.namespace else 2 if rule.namespace == root else 1
        fitting.append((near, not rule.selects, -len(rule.host), at, rule))
    if not fitting:
        return None, None
    rule = min(fitting, key=lambda each: each[:4])[4]
    return rule, dict(rule.port_modes).get(port, rule.mode)


def _rule_means(rule: IstioDestinationRule, host: str) -> bool:
    if is_meant(rule.host, host):
        return True
    # A short name is one of the rule's own namespace.
    return "." not in rule.host and host.lower().startswith(f"{rule.host}.{rule.namespace}.svc")
