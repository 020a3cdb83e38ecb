"""What is wrong with a client's way out of its cluster, as far as the cluster's own words tell.

A fault says what it rests on, and whether that by itself ends the connection (*sure*) or only if nothing
else was overlooked: an object that manifests lack may be in the cluster all the same. Judges weigh
faults, remedies end them; neither reads the objects again.

Sources:
    https://istio.io/latest/docs/ops/deployment/application-requirements/
    https://istio.io/latest/docs/tasks/traffic-management/egress/egress-control/
    https://istio.io/latest/docs/ops/common-problems/network-issues/
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-best-practices-kubernetes

The module keeps to Python 3.8 and the standard library: bundles are judged anywhere.
"""

from __future__ import annotations

from refused.evidence.control_plane import AzureCache
from refused.evidence.kubernetes import (
    IstioDestinationRule,
    IstioPeerAuthentication,
    IstioServiceEntry,
    IstioSidecarScope,
    KubernetesLook,
    KubernetesNamespace,
    KubernetesPolicy,
    KubernetesService,
    KubernetesWorkload,
    LinkerdEgress,
    MeshSettings,
    clients,
)
from refused.evidence.kubernetes_mesh import (
    CARRIES_TLS,
    ORIGINATES,
    READS,
    captures,
    clashes,
    entries_for,
    entry_port,
    holds,
    means,
    outbound,
    root_of,
    scope_of,
    tls_mode,
)
from refused.evidence.kubernetes_policy import Packet, decide, dns_packets
from refused.evidence.observations import ClusterTopology, NodeVisit
from refused.evidence.path import is_literal, resolved
from refused.evidence.record import Record
from refused.service.addresses import address_class, in_network
from refused.service.ports import SIDECAR_PORTS, sidecar_port

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Literal, Optional, Sequence, Tuple, Union

    from refused.evidence.bundle import Evidence
    from refused.evidence.kubernetes import Sidecar
    from refused.evidence.kubernetes_policy import PolicyDecision
    from refused.evidence.observations import Observation
    from refused.evidence.target import Target

    FaultKind = Literal[
        "port-clash",
        "no-entry",
        "entry-port",
        "entry-protocol",
        "double-tls",
        "foreign-mtls",
        "strict-mtls",
        "egress-network",
        "garbled",
    ]

# How far the TLS ports of a Premium cluster's nodes reach where nobody told how many there are.
# Two nodes for each of ten shards; more can be had.
# Source: https://learn.microsoft.com/azure/azure-cache-for-redis/cache-how-to-premium-clustering
_GUESSED_NODES = 20


class MeshFault(Record):
    """One thing in which the mesh keeps the client from its server.

    Attributes:
        kind: What it is.
        said: One sentence a person can check.
        sure: Whether it ends the connection whatever else there may be.
        workload: The client.
        mesh: Whose it is.
        ports: The ports that it strikes.
        cure: What would end it, exactly, where that is a line of a manifest; ``""`` elsewhere.
        subject: The object that is wrong, as namespace and name; ``("", "")`` where it is one that lacks.
        seen: What it rests on.
    """

    kind: FaultKind
    said: str
    sure: bool
    workload: KubernetesWorkload
    mesh: str
    ports: tuple[int, ...] = ()
    cure: str = ""
    subject: tuple[str, str] = ("", "")
    seen: tuple[Observation, ...] = ()


class PolicyFault(Record):
    """A packet of the client's that the cluster's policies drop.

    Attributes:
        sure: False where a rule that could not be read to its end may let it through.
        to_node: Whether it is to a node that a cluster announced, and not to the target itself.
    """

    said: str
    sure: bool
    workload: KubernetesWorkload
    packet: Packet
    decision: PolicyDecision
    to_node: bool = False
    seen: tuple[Observation, ...] = ()


# --- the mesh --------------------------------------------------------------------------------------


def mesh_faults(evidence: Evidence) -> Tuple[MeshFault, ...]:
    """Return what the mesh does to the client's connections, the surest first."""
    workloads, target = evidence.look(KubernetesWorkload), evidence.target
    if target is None:
        return ()
    found: list[MeshFault] = []
    for workload in clients(workloads):
        for sidecar in workload.sidecars:
            if sidecar.present is False or not sidecar.captures:
                continue
            found += _Reading(evidence, workload, sidecar, target).faults()
        found += _strict(evidence, workload, target)
    return tuple(sorted(found, key=lambda each: not each.sure))


class _Reading:
    """One sidecar of one workload, held against what the mesh is told."""

    def __init__(
        self, evidence: Evidence, workload: KubernetesWorkload, sidecar: Sidecar, target: Target
    ) -> None:
        self.evidence, self.workload, self.sidecar, self.target = (
            evidence,
            workload,
            sidecar,
            target,
        )
        self.address = next(iter(addresses_of(evidence)), "")
        looks = evidence.look(KubernetesLook)
        self.whole = frozenset(
            kind for look in looks if look.means == "cluster" for kind in look.kinds
        )
        self.settings = evidence.look(MeshSettings)
        self.scopes = evidence.look(IstioSidecarScope)

    def faults(self) -> Iterator[MeshFault]:
        """Give what is wrong."""
        yield from self._garbled()
        yield from self._clash()
        if captures(self.sidecar, self.target.port, self.address) is False:
            return
        if self.sidecar.mesh in ("istio", "istio-ambient"):
            yield from self._registry()
        if self.sidecar.mesh == "istio":
            yield from self._tls()
        if self.sidecar.mesh == "linkerd":
            yield from self._egress_network()

    def _fault(
        self,
        kind: FaultKind,
        said: str,
        *seen: Observation,
        sure: bool = True,
        ports: Tuple[int, ...] = (),
        cure: str = "",
        subject: Tuple[str, str] = ("", ""),
    ) -> MeshFault:
        return MeshFault(
            kind=kind,
            said=said,
            sure=sure and self.sidecar.present is True,
            workload=self.workload,
            mesh=self.sidecar.mesh,
            ports=ports or (self.target.port,),
            cure=cure,
            subject=subject,
            seen=(self.workload, *seen),
        )

    def _garbled(self) -> Iterator[MeshFault]:
        for note in self.sidecar.garbled:
            said = f"{self.workload.title} says {note}, which {self.sidecar.mesh} does not read as ports"
            yield self._fault("garbled", said, sure=False)

    def _clash(self) -> Iterator[MeshFault]:
        ports, seen, known = wanted_ports(self.evidence, self.target)
        taken = clashes(self.sidecar, ports, self.address)
        if not taken:
            return
        mesh = self.sidecar.mesh
        shown = ", ".join(f"{port} ({sidecar_port(port, mesh)})" for port in taken[:4])
        more = f" and {len(taken) - 4} more" if len(taken) > 4 else ""
        whose = "its nodes'" if known else "a cluster's nodes may have"
        said = (
            f"the sidecar of {self.workload.title} takes {shown}{more} for its own, {whose} ports too, "
            "and no annotation excludes them"
        )
        annotation, value = exclusion(self.sidecar, taken)
        cure = f'the pods need the annotation {annotation}: "{value}"' if annotation else ""
        yield self._fault("port-clash", said, *seen, sure=known, ports=taken, cure=cure)

    def _registry(self) -> Iterator[MeshFault]:
        way = outbound(self.workload, self.scopes, self.settings)
        if way.policy != "REGISTRY_ONLY" or self._is_inside():
            return
        host, port = self.target.host, self.target.port
        scope = scope_of(self.workload, self.scopes, self.settings)
        everywhere = self.evidence.look(IstioServiceEntry)
        entries = entries_for(
            host,
            self.workload,
            everywhere,
            settings=self.settings,
            scope=scope,
            address=self.address,
        )
        by = () if way.said_by is None else (way.said_by,)
        only = f"the mesh lets out to registered hosts alone ({_named(way.said_by)})"
        if not entries:
            hidden = tuple(each for each in everywhere if host in each.hosts)
            why = f"no service entry is for {host}"
            if hidden:
                name = f"the service entry {hidden[0].namespace}/{hidden[0].name}"
                why = f"{name} does not show itself to {self.workload.namespace}"
                if scope is not None and entries_for(
                    host, self.workload, hidden, settings=self.settings
                ):
                    why = f"{name} is not among the egress hosts of the Sidecar {scope.namespace}/{scope.name}"
            yield self._fault(
                "no-entry",
                f"{only}, and {why}",
                *by,
                *hidden[:1],
                sure=bool(hidden) or "ServiceEntry" in self.whole,
            )
            return
        wanted, _, known = wanted_ports(self.evidence, self.target)
        lacking = [
            each
            for each in (wanted if known else (port,))
            if entry_port(entries, each) is None
            and captures(self.sidecar, each, self.address) is not False
        ]
        if lacking:
            entry = entries[0]
            there = ", ".join(str(each.number) for each in entry.ports[:5]) or "none"
            missing = ", ".join(str(each) for each in lacking[:5])
            said = f"{only}, and the service entry {entry.namespace}/{entry.name} has the ports {there}, not {missing}"
            yield self._fault(
                "entry-port",
                said,
                *by,
                entry,
                ports=tuple(lacking),
                subject=(entry.namespace, entry.name),
            )

    def _is_inside(self) -> bool:
        """Whether the target is a service of the cluster, which every mesh knows."""
        return bool(self.evidence.look(KubernetesService)) or ".svc" in self.target.host

    def _tls(self) -> Iterator[MeshFault]:
        host, port, root = self.target.host, self.target.port, root_of(self.settings)
        scope = scope_of(self.workload, self.scopes, self.settings)
        entries = entries_for(
            host,
            self.workload,
            self.evidence.look(IstioServiceEntry),
            settings=self.settings,
            scope=scope,
            address=self.address,
        )
        protocol = entry_port(entries, port)
        entry = next((each for each in entries if any(p.number == port for p in each.ports)), None)
        if entry is not None and protocol is not None:
            name = f"{entry.namespace}/{entry.name}"
            wrong = ""
            if protocol in READS:
                wrong = f"the service entry {name} calls port {port} {protocol}, so that the proxy reads it as such"
            elif not self.target.tls and protocol in CARRIES_TLS - {"TCP"}:
                wrong = f"the service entry {name} calls port {port} {protocol}, and the client speaks plain text there"
            if wrong:
                yield self._fault(
                    "entry-protocol", wrong, entry, subject=(entry.namespace, entry.name)
                )
        rule, mode = tls_mode(
            host, port, self.workload, self.evidence.look(IstioDestinationRule), root
        )
        if rule is None or mode not in ORIGINATES:
            return
        known = entry is not None or self._is_inside()
        name = f"{rule.namespace}/{rule.name}"
        if mode == "ISTIO_MUTUAL" and not self._is_inside():
            said = f"the destination rule {name} speaks the mesh's own TLS ({mode}) to {host}, which is not in the mesh"
            yield self._fault(
                "foreign-mtls", said, rule, sure=known, subject=(rule.namespace, rule.name)
            )
        elif self.target.tls and mode != "ISTIO_MUTUAL":
            said = f"the destination rule {name} adds TLS ({mode}) on port {port} to that of the client"
            yield self._fault(
                "double-tls", said, rule, sure=known, subject=(rule.namespace, rule.name)
            )

    def _egress_network(self) -> Iterator[MeshFault]:
        if self._is_inside():
            return
        for each in self.evidence.look(LinkerdEgress):
            if each.policy.lower() != "deny":
                continue
            if each.namespace not in (self.workload.namespace, "linkerd-egress"):
                continue
            if each.blocks and not any(
                in_network(self.address, block[0])
                and not any(in_network(self.address, one) for one in block[1:])
                for block in each.blocks
            ):
                continue
            host, port = self.target.host, self.target.port
            leads_out = any(
                (
                    not hosts
                    or host in hosts
                    or any(h.startswith("*.") and host.endswith(h[1:]) for h in hosts)
                )
                and (not ports or port in ports)
                for _, _, hosts, ports in each.routes
            )
            if leads_out:
                continue
            said = f"the egress network {each.namespace}/{each.name} denies what no route names, and none names {host}"
            yield self._fault(
                "egress-network",
                said,
                each,
                sure="TLSRoute" in self.whole,
                subject=(each.namespace, each.name),
            )


def _strict(
    evidence: Evidence, workload: KubernetesWorkload, target: Target
) -> Iterator[MeshFault]:
    """Say where the server's sidecar demands the mesh's TLS of a client that has no sidecar."""
    server = next((e for e in evidence.look(KubernetesWorkload) if e.role == "server"), None)
    if server is None or any(s.present is not False and s.captures for s in workload.sidecars):
        return
    if not any(each.mesh == "istio" and each.present for each in server.sidecars):
        return
    root = root_of(evidence.look(MeshSettings))
    rules = [
        each
        for each in evidence.look(IstioPeerAuthentication)
        if (
            each.namespace == server.namespace
            and (not each.selects or means(each.selects, server.labels))
        )
        or (each.namespace == root and not each.selects)
    ]
    # The one that selects the pods goes before the namespace's, and that before the mesh's.
    rules.sort(key=lambda each: (not each.selects, each.namespace != server.namespace))
    for rule in rules:
        mode = dict(rule.port_modes).get(target.port, rule.mode)
        if not mode or mode == "UNSET":
            continue
        if mode == "STRICT":
            said = f"{server.title} takes the mesh's own TLS alone ({rule.namespace}/{rule.name}: STRICT), and {workload.title} has no sidecar"
            yield MeshFault(
                kind="strict-mtls",
                said=said,
                sure=True,
                workload=workload,
                mesh="istio",
                ports=(target.port,),
                subject=(rule.namespace, rule.name),
                seen=(workload, server, rule),
            )
        return


# Annotations that keep ports out of a mesh, and whether they take ranges.
# Sources: istio.io, linkerd.io, developer.hashicorp.com, as above.
EXCLUSIONS = {
    "istio": ("traffic.sidecar.istio.io/excludeOutboundPorts", False),
    "linkerd": ("config.linkerd.io/skip-outbound-ports", True),
    "consul": ("consul.hashicorp.com/transparent-proxy-exclude-outbound-ports", False),
}


def exclusion(sidecar: Sidecar, ports: Sequence[int]) -> Tuple[str, str]:
    """Return the annotation that keeps *ports* out of the mesh beside those that it keeps out already.

    Both are ``""`` where the mesh has none.
    """
    annotation, takes_ranges = EXCLUSIONS.get(sidecar.mesh, ("", False))
    if not annotation:
        return "", ""
    before = [
        f"{first}-{last}" if takes_ranges and first != last else f"{port}"
        for first, last in sidecar.excluded_ports
        for port in ([first] if takes_ranges else range(first, last + 1))
    ]
    added = [f"{port}" for port in ports if not holds(sidecar.excluded_ports, port)]
    return annotation, ",".join(dict.fromkeys([*before, *added]))


def wanted_ports(
    evidence: Evidence, target: Target
) -> Tuple[Tuple[int, ...], Tuple[Observation, ...], bool]:
    """Return the ports that the client needs, what tells them, and whether they are known or guessed."""
    ports = [target.port]
    topologies = evidence.look(ClusterTopology)
    visits, caches = evidence.look(NodeVisit), evidence.look(AzureCache)
    nodes = [node.port for each in topologies for node in each.nodes] + [
        each.port for each in visits
    ]
    caches = tuple(each for each in caches if each.shards or target.cluster_aware)
    for cache in caches:
        nodes += [
            port
            for plain, tls, _ in cache.node_ports
            for port in (tls if target.tls else plain,)
            if port
        ]
    if target.cluster_aware is False:
        nodes = []
    seen: Tuple[Observation, ...] = (*topologies, *caches) if nodes else ()
    ports += nodes
    if not nodes and target.cluster_aware and target.service == "acr" and target.tls:
        guessed = [
            port for mesh, port, _, _, _ in SIDECAR_PORTS if 15000 <= port < 15000 + _GUESSED_NODES
        ]
        if sidecar_port(target.port) is None:
            return (*ports, *dict.fromkeys(guessed)), seen, False
    return tuple(dict.fromkeys(ports)), seen, True


def addresses_of(evidence: Evidence) -> Tuple[str, ...]:
    """Return the addresses that the target's name leads to, as far as known."""
    target = evidence.target
    if target is not None and is_literal(target.host):
        return (target.host,)
    return resolved(evidence)


def _named(said_by: Union[IstioSidecarScope, MeshSettings, None]) -> str:
    if isinstance(said_by, IstioSidecarScope):
        return f"Sidecar {said_by.namespace}/{said_by.name}: REGISTRY_ONLY"
    return "outboundTrafficPolicy: REGISTRY_ONLY"


def left_alone(evidence: Evidence, workload: KubernetesWorkload) -> str:
    """Say why no sidecar takes the client's connection; ``""`` where one does, or where that cannot be told."""
    target = evidence.target
    if target is None or not workload.sidecars:
        return ""
    said = ""
    address = next(iter(addresses_of(evidence)), "")
    for sidecar in workload.sidecars:
        if not sidecar.captures:
            continue
        if captures(sidecar, target.port, address) is not False:
            return ""
        if sidecar.present is False:
            said = sidecar.said
        elif holds(sidecar.excluded_ports, target.port):
            said = f"{workload.title} excludes port {target.port} from {sidecar.mesh}"
        else:
            said = f"{workload.title} keeps {address} out of {sidecar.mesh}"
    return said


# --- policies ----------------------------------------------------------------------------------


def policy_faults(evidence: Evidence) -> Tuple[PolicyFault, ...]:
    """Return the packets to the target that the policies drop, or may drop, from each client."""
    workloads, target = evidence.look(KubernetesWorkload), evidence.target
    policies, spaces = evidence.look(KubernetesPolicy), evidence.look(KubernetesNamespace)
    services = evidence.look(KubernetesService)
    if target is None or not policies:
        return ()
    found = []
    for workload in clients(workloads):
        own = packets_to(evidence, workload, target, services)
        nodes = () if own[0].place == "pod" else _packets_to_nodes(evidence, target, own[0])
        for packet in (*own, *nodes):
            fault = _dropped(workload, packet, policies, spaces)
            if fault is not None:
                found.append(fault.replace(to_node=packet not in own))
                break
    return tuple(found)


def dns_faults(evidence: Evidence) -> Tuple[PolicyFault, ...]:
    """Return the questions to the cluster's DNS that the policies drop, from each client."""
    workloads, target = evidence.look(KubernetesWorkload), evidence.target
    policies, spaces = evidence.look(KubernetesPolicy), evidence.look(KubernetesNamespace)
    if target is None or not policies or is_literal(target.host):
        return ()
    found = []
    for workload in clients(workloads):
        if workload.dns_policy in ("None", "Default"):
            continue  # it asks other servers than the cluster's
        for packet in dns_packets(workload.namespace, workload.labels):
            fault = _dropped(workload, packet, policies, spaces)
            # Without TCP short answers still come.
            if fault is not None and packet.protocol == "UDP":
                found.append(fault)
    return tuple(found)


def packets_to(
    evidence: Evidence,
    workload: KubernetesWorkload,
    target: Target,
    services: Sequence[KubernetesService] = (),
) -> Tuple[Packet, ...]:
    """Return the packets that open a connection from *workload* to the target, one for each address."""
    server = next((e for e in evidence.look(KubernetesWorkload) if e.role == "server"), None)
    sent = Packet(
        namespace=workload.namespace, labels=workload.labels, host=target.host, port=target.port
    )
    if services and services[0].external_name is None:
        service = services[0]
        there = dict(service.ports).get(target.port, str(target.port))
        named = None if server is None else server.named_ports
        port = int(there) if there.isdigit() else dict(named or ()).get(there, target.port)
        return (
            sent.replace(
                port=port,
                place="pod",
                to_namespace=service.namespace,
                to_labels=server.labels if server is not None else service.selects,
                labels_complete=server is not None,
                to_ports=named,
            ),
        )
    addresses = addresses_of(evidence) or ("",)
    outside = (
        target.service != "redis"
        or _is_foreign(target.host)
        or any(address_class(each) == "public" for each in addresses)
    )
    # A private address of a server that nobody described may be a pod's.
    place = "outside" if outside else "unknown"
    return tuple(sent.replace(address=address, place=place) for address in addresses)


def _packets_to_nodes(evidence: Evidence, target: Target, sent: Packet) -> Iterator[Packet]:
    """Give the packets to the nodes that a cluster announced, for clients that follow it."""
    if target.cluster_aware is False:
        return
    visits = {(each.host, each.port): each.address for each in evidence.look(NodeVisit)}
    for topology in evidence.look(ClusterTopology):
        for node in topology.nodes:
            address = visits.get((node.host, node.port)) or (
                node.host if is_literal(node.host) else ""
            )
            yield sent.replace(port=node.port, address=address or sent.address)


def _is_foreign(host: str) -> bool:
    """Whether a name is none that the cluster itself gives."""
    parts = host.split(".")
    return not is_literal(host) and len(parts) > 2 and parts[2] != "svc"


def _dropped(
    workload: KubernetesWorkload,
    packet: Packet,
    policies: Sequence[KubernetesPolicy],
    spaces: Sequence[KubernetesNamespace],
) -> Optional[PolicyFault]:
    if workload.host_network:
        return None  # policies do not hold for pods on the host's network
    decision = decide(policies, packet, spaces)
    if decision.access == "allow":
        return None
    to = packet.host if packet.port != 53 else "the cluster's DNS"
    what = f"{packet.protocol} port {packet.port} of {to}"
    at = f" ({packet.address})" if packet.address and packet.address != packet.host else ""
    names = ", ".join(_title(each) for each in decision.isolating[:3])
    if decision.access == "unknown":
        perhaps = ", ".join(_title(each) for each in decision.perhaps[:3])
        said = f"whether {perhaps} lets {workload.title} out to {what}{at} cannot be told from what was read"
        sure = False
    elif decision.allowing is not None:
        said, sure = f"{_title(decision.allowing)} denies {workload.title} {what}{at}", True
    elif decision.unlearnt:
        said = (
            f"{_title(decision.unlearnt[0])} lets {workload.title} out to {to} by name, and no rule for port 53 "
            "with dns lets Cilium learn its addresses"
        )
        sure = True
    else:
        said = f"{names} lets {workload.title} out to some places alone, and no rule has {what}{at}"
        sure = True
    seen = (workload, *(each for each in (decision.allowing,) if each), *decision.isolating)
    return PolicyFault(
        said=said, sure=sure, workload=workload, packet=packet, decision=decision, seen=seen
    )


def _title(policy: KubernetesPolicy) -> str:
    kind = {
        "kubernetes": "NetworkPolicy",
        "cilium": "CiliumNetworkPolicy",
        "cilium-cluster": "CiliumClusterwideNetworkPolicy",
    }.get(policy.flavour, "policy")
    return f"{kind} {policy.namespace + '/' if policy.namespace else ''}{policy.name}"
