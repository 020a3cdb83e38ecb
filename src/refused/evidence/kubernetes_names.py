"""What a cluster's DNS, and a pod's own settings, make of the target's name.

Sources:
    https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
    https://coredns.io/plugins/hosts/
    https://coredns.io/plugins/forward/
    https://learn.microsoft.com/azure/private-link/private-endpoint-dns-integration

The module keeps to Python 3.8 and the standard library: bundles are judged anywhere.
"""

from __future__ import annotations

from refused.evidence.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Iterator, Optional, Tuple

    from refused.evidence.kubernetes import ClusterDns, DnsZoneRule, KubernetesWorkload
    from refused.evidence.observations import Observation

# Resolvers that know Azure's private zones: the platform's own, and the node's, which asks the network's.
# Source: https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
PLATFORM = "168.63.129.16"
NODE = "/etc/resolv.conf"
# What a pod's resolver does unless it is told otherwise.
NDOTS = 5
SEARCHES = 3


class NameFault(Record):
    """One thing in which names go astray in the cluster.

    Attributes:
        kind: ``pinned``: the name is given a fixed address; ``swallowed``: the cluster's DNS answers that
            it does not exist; ``not-cluster``: a name of the cluster is asked elsewhere; ``astray``: the
            name is asked of other servers than the network's; ``wrong-zone``: a rule is for the
            privatelink zone alone, which nobody asks for.
        address: What it is pinned to.
    """

    kind: str
    said: str
    address: str = ""
    workload: Optional[KubernetesWorkload] = None
    seen: tuple[Observation, ...] = ()


def name_faults(
    host: str, workloads: Iterable[KubernetesWorkload], names: Iterable[ClusterDns]
) -> Tuple[NameFault, ...]:
    """Return what is wrong with *host* for the clients, the pods' own settings first."""
    found = []
    asks_cluster = True
    for workload in workloads:
        found += list(_pod_faults(host, workload))
        asks_cluster = _asks_cluster(workload)
    if asks_cluster:
        for dns in names:
            found += list(_cluster_faults(host, dns))
    return tuple(found)


def _asks_cluster(workload: KubernetesWorkload) -> bool:
    """Whether the pods ask the cluster's DNS."""
    policy = workload.dns_policy or "ClusterFirst"
    if policy == "ClusterFirst":
        return not workload.host_network
    return policy == "ClusterFirstWithHostNet"


def _pod_faults(host: str, workload: KubernetesWorkload) -> Iterator[NameFault]:
    for address, name in workload.host_aliases:
        if name.lower().rstrip(".") == host:
            said = f"hostAliases of {workload.title} pin {host} to {address}"
            yield NameFault(
                kind="pinned", said=said, address=address, workload=workload, seen=(workload,)
            )
    if is_of_cluster(host) and not _asks_cluster(workload) and not workload.nameservers:
        why = f"dnsPolicy {workload.dns_policy}" if workload.dns_policy else "hostNetwork"
        if workload.host_network and workload.dns_policy in (None, "ClusterFirst"):
            why = "hostNetwork without dnsPolicy ClusterFirstWithHostNet"
        said = (
            f"{workload.title} asks its node's resolver ({why}), which knows no name of the cluster"
        )
        yield NameFault(kind="not-cluster", said=said, workload=workload, seen=(workload,))


def is_of_cluster(host: str) -> bool:
    """Whether *host* is a name that the cluster itself gives, as far as its form tells."""
    parts = host.split(".")
    return host.endswith((".svc", ".cluster.local")) or (len(parts) > 2 and parts[2] == "svc")


def rule_for(host: str, rules: Iterable[DnsZoneRule]) -> Tuple[str, Optional[DnsZoneRule]]:
    """Return the zone, and its rule, that answers for *host*: the longest zone that holds it."""
    best: Tuple[str, Optional[DnsZoneRule]] = ("", None)
    for rule in rules:
        for zone in rule.zones:
            holds = zone in (".", host) or host.endswith(f".{zone}")
            if holds and (best[1] is None or len(zone.strip(".")) > len(best[0].strip("."))):
                best = (zone, rule)
    return best


def _cluster_faults(host: str, dns: ClusterDns) -> Iterator[NameFault]:
    zone, rule = rule_for(host, dns.rules)
    if rule is None:
        return
    # Rules of one zone that stand apart, as AKS's overrides do, count together.
    together = [each for each in dns.rules if zone in each.zones]
    where = "CoreDNS" if zone == "." else f"CoreDNS for {zone}"
    for each in together:
        pinned = next((address for address, name in each.hosts if name == host), "")
        if pinned:
            said = f"{where} pins {host} to {pinned} (hosts)"
            yield NameFault(kind="pinned", said=said, address=pinned, seen=(dns,))
        elif each.hosts and not each.falls_through:
            said = f"{where} answers from its hosts alone, for want of fallthrough, and {host} is not among them"
            yield NameFault(kind="swallowed", said=said, seen=(dns,))
        if each.refuses.upper() == "NXDOMAIN" and zone != ".":
            said = f"{where} answers NXDOMAIN to every question, by its template"
            yield NameFault(kind="swallowed", said=said, seen=(dns,))
    forwards = [server for each in together for server in each.forwards]
    if forwards and not any(server in (NODE, PLATFORM) for server in forwards):
        said = f"{where} sends questions to {', '.join(forwards[:3])}, not to the network's own resolver"
        yield NameFault(kind="astray", said=said, seen=(dns,))
    for name in (name for each in dns.rules for name in each.zones):
        public = name[len("privatelink.") :]
        if (
            name.startswith("privatelink.")
            and host.endswith(f".{public}")
            and zone not in (name, public)
        ):
            said = f"CoreDNS has a rule for {name} alone, and the question is for {host}, which is not in it"
            yield NameFault(kind="wrong-zone", said=said, seen=(dns,))


def questions(host: str, workload: KubernetesWorkload) -> int:
    """Return how many names are asked for before *host* itself, because it has few dots."""
    ndots = NDOTS if workload.ndots is None else workload.ndots
    if host.endswith(".") or host.count(".") >= ndots or not _asks_cluster(workload):
        return 0
    return SEARCHES + len(workload.searches)
