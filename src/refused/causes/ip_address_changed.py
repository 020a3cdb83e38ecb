"""The client stays with an address that is no longer the cache's.

What is wrong
    A hosts entry, a pinned address, a cached lookup or an address in the connection string names a
    machine that is not the cache any more. Addresses change with scaling, patching and migration;
    only the name stays.
How it looks
    Time-outs or refusals that began at one moment; a fresh process, or another host, works.
What ends it
    The host name in place of the address; the hosts entry removed; a restart of what caches.
What it is not
    ``private-endpoint-dns``: there the resolver itself gives the wrong one of two true addresses.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-how-to-scale
"""

from __future__ import annotations

from refused.causes.readings import (
    DEAD,
    about_changes,
    accepted,
    dialled,
    is_azure,
    is_here,
    is_literal,
    is_public,
    of_cache,
    onset,
    overruled,
    wire_addresses,
)
from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.control_plane import (
    AzureCache,
    PrivateEndpoint,
    ResourceChange,
)
from refused.evidence.kubernetes import ClusterDns, KubernetesWorkload, clients
from refused.evidence.observations import (
    ClusterTopology,
    DnsAnswer,
    Elsewhere,
    HostsEntry,
    NameLookup,
    TcpDial,
)
from refused.service.addresses import address_class
from refused.service.ports import is_node_port

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

ANEW = (
    "have the client connect anew (a restart, StackExchange.Redis's ForceReconnect), so that it asks DNS and the "
    "cluster again; then the newest version of the library"
)
CAUSE = Cause(
    id="ip-address-changed",
    title="the client stays with an address that is no longer the cache's",
    hop="address",
    shows_at=("route", "tcp", "tls", "resp", "auth"),
    bucket="configuration",
    prior=-0.5,
    needs=(
        AzureCache,
        ClusterDns,
        DnsAnswer,
        Elsewhere,
        HostsEntry,
        KubernetesWorkload,
        NameLookup,
        PrivateEndpoint,
        ResourceChange,
        TcpDial,
    ),
    remedies=(
        "remove the line from the hosts file, and let DNS answer",
        "put the host name in place of the address, and restart what keeps old lookups (a JVM with networkaddress.cache.ttl=-1, nscd)",
        ANEW,
    ),
    verify="the client dials an address that DNS gives for the name",
    prevent="names in settings, never addresses; DNS caches that honour the time to live",
    expects=(("elsewhere", "works"), ("other-resolver", "differs")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Compare the address that is dialled with the addresses that DNS gives today."""
    answers, others = evidence.all(DnsAnswer), evidence.all(Elsewhere)
    hosts, lookups, dials = (
        evidence.all(HostsEntry),
        evidence.all(NameLookup),
        evidence.all(TcpDial),
    )
    azure, cluster = tuple(_azure_says(evidence)), tuple(_cluster_says(evidence))
    broken, target = evidence.broken, evidence.target
    if broken is None:
        yield from (each for each in cluster if each.foretells)
    if broken is None or target is None or broken.hop in ("name", "address"):
        return
    yield from azure
    yield from cluster
    fresh = wire_addresses(answers)
    pinned = overruled(hosts, answers)
    used = tuple(dict.fromkeys(address for lookup in lookups for address in lookup.addresses))
    reached = accepted(dials, "dns-address")
    if pinned or (fresh and used and not set(used) & set(fresh)):
        old = (pinned or used)[0]
        where = "the hosts file sends" if pinned else "the system's lookup sends"
        said = f"{where} {target.host} to {old}, and DNS to {', '.join(fresh[:3])}"
        seen = (*hosts, *lookups, *answers)
        yield Clue(weight=3.0, because=said, seen=seen, fact="another address")
        if reached is not None:
            yield Proof(
                because=f"{said}; {reached.address} accepts, {old} does not serve",
                seen=(*seen, reached),
            )
    elif fresh and used:
        yield RuledOut(because=f"{used[0]} is what DNS gives today", seen=(*lookups, *answers))
    elif is_literal(target.host) and not is_here(target.host):
        yield Clue(
            weight=0.7,
            because=f"the client is given the address {target.host} and no name",
            seen=dialled(dials),
        )
        if is_public(target.host):
            yield Clue(
                weight=0.4,
                because="public addresses of managed services change",
                seen=dialled(dials),
            )
    elsewhere = next((other for other in others if other.healthy and other.addresses), None)
    given = used or fresh
    if (
        elsewhere is not None
        and given
        and not set(elsewhere.addresses) & set(given)
        and is_azure(target)
    ):
        yield Clue(
            weight=0.8,
            because=f"{elsewhere.vantage} is given {elsewhere.addresses[0]} and works",
            seen=(elsewhere,),
            fact="another address",
        )


def _cluster_says(evidence: Evidence) -> Iterator[Clue]:
    """Hold what the pods' hosts file, or the cluster's DNS, pins the name to against DNS's answer.

    A private address may well be right where the pods are, and not what DNS gives here.
    """
    workloads, names = clients(evidence.all(KubernetesWorkload)), evidence.all(ClusterDns)
    answers, target = evidence.all(DnsAnswer), evidence.target
    if target is None or not (workloads or names):
        return
    from refused.evidence.kubernetes_mesh import is_walked_inside
    from refused.evidence.kubernetes_names import name_faults

    fresh = wire_addresses(answers)
    inside = bool(workloads) and is_walked_inside(evidence, workloads[0])
    for fault in name_faults(target.host, workloads, names):
        if fault.kind != "pinned" or fault.address in fresh:
            continue
        said = f"{fault.said}, and DNS gives {', '.join(fresh[:3])}" if fresh else fault.said
        weight = 3.0 if fresh else 1.5
        yield Clue(
            weight=weight,
            because=said,
            seen=fault.seen,
            fact="another address",
            foretells=bool(fresh) and is_public(fault.address) and not inside,
        )


# A scaling or a patch may move the public address; an endpoint that is made anew gets another.
# Source: https://learn.microsoft.com/azure/azure-cache-for-redis/cache-how-to-scale
CHANGES = (
    "redis/write",
    "redisEnterprise/write",
    "privateEndpoints/write",
    "privateEndpoints/delete",
)


def _azure_says(evidence: Evidence) -> Iterator[Statement]:
    """Hold an address that was written down against those that Azure says the cache has."""
    caches, endpoints = evidence.all(AzureCache), evidence.all(PrivateEndpoint)
    changes = of_cache(evidence.all(ResourceChange), caches, evidence.target)
    broken, target = evidence.broken, evidence.target
    if broken is None or target is None or not is_literal(target.host) or is_here(target.host):
        return
    if broken.how not in DEAD:
        return
    fixed = next((cache.static_ip for cache in caches if cache.static_ip), None)
    seen = (*caches, *endpoints)
    if fixed is not None and fixed != target.host:
        said = f"the client is given the address {target.host}, and Azure says that the cache's is {fixed}"
        yield Proof(because=said, seen=seen)
    elif fixed is not None:
        yield RuledOut(because=f"Azure says that {fixed} is the cache's address", seen=seen)
    elif endpoints and all(each.endpoint_seen for each in endpoints):
        known = [address for each in endpoints for address in each.addresses]
        if target.host in known:
            said = f"{target.host} is the address of the cache's private endpoint"
            yield RuledOut(because=said, seen=endpoints)
        elif known and not is_public(target.host):
            said = f"the client is given the address {target.host}, and the private endpoint's is {known[0]}"
            yield Proof(because=said, seen=seen)
    changed = about_changes(changes, CHANGES, onset(dialled(evidence.all(TcpDial))))
    if changed is not None:
        yield changed.replace(weight=changed.weight / 2)


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="ip-address-changed-stale-address",
        pattern=r"Cannot reconnect to \[[^\]\n]{1,200}\]: connection timed out: [a-z0-9.-]{1,200}/[0-9.]{7,15}:",
        family="lettuce",
        weight=1.6,
        says="reconnects go on to the same address and are not answered",
        example="Cannot reconnect to [cache/10.1.2.3:6379]: connection timed out: cache/10.1.2.3:6379",
        ignores_case=True,
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "unreachable": 0.9,
    "no-node": 0.8,
    "chained-replica": 1.4,
    "reconnecting": 1.8,
    "cannot-reconnect": 1.6,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.hosted is not None and told.hosted.has_public_side and told.saw("refused"):
        yield Clue(
            weight=1.2,
            because=f"the provider ({told.hosted.name}) moves instances to other hosts",
            seen=told.errors,
        )
    if told.saw("unreachable") and told.marked("no-network"):
        yield Clue(
            weight=-1.4,
            because="it is the client's own host that has no route",
            seen=told.errors,
        )
    elif told.saw("unreachable") and told.is_private and not told.was_up:
        yield Clue(
            weight=0.5,
            because="a host of the same network says that nobody has the address",
            seen=told.errors,
        )
    if (
        told.was_up
        and told.saw("connect-timeout", "unreachable", "cannot-connect")
        and told.is_private
    ):
        yield Clue(
            weight=2.4,
            because="the client had been connected, and goes on to dial addresses where nobody is any more",
            seen=told.errors,
        )
    if told.saw("bad-login", "no-login"):
        yield Clue(weight=-2.0, because="a Redis server answers at the address", seen=told.errors)
    if told.saw("reconnecting") and "reconnected" in told.wrappers:
        yield Clue(
            weight=-2.0,
            because="the client is connected again at the same address",
            seen=told.errors,
        )
    if told.saw("reconnecting") and told.host and told.address:
        yield Clue(
            weight=0.7,
            because="the client goes on to the address that it once resolved the name to",
            seen=told.errors,
        )
    if told.marked("dns-debug"):
        yield Clue(weight=2.5, because="the text follows the name's resolution", seen=told.errors)
    if (
        told.saw("connect-timeout")
        and told.speaks("lettuce", "redisson")
        and told.host
        and told.address
        and told.saw("reconnecting", "cannot-reconnect")
    ):
        yield Clue(
            weight=1.6, because="a JVM keeps the addresses that it once resolved", seen=told.errors
        )


def against_now(told: Told, well: Evidence) -> Iterator[Statement]:
    """Hold the addresses that the text tells of against those that lead to the server now."""
    target, nodes = well.target, _nodes_of(well)
    current = {dial.address for dial in well.look(TcpDial) if dial.purpose == "client"}
    if target is None:
        return
    for error in told.errors:
        if not error.address or not error.port:
            continue
        place = f"{error.address}:{error.port}"
        # A client in another network may be given a private address where we are given the public one.
        alike = [each for each in current if address_class(each) == error.address_class]
        if error.host == target.host and alike and error.address not in current:
            now = ", ".join(sorted(current)[:3])
            said = f"the client goes on to {place}, and {target.host} leads to {now} now, where it works"
            yield Clue(weight=4.0, because=said, seen=(error,), fact="another address", ends=ANEW)
            return
        known = {address for address, _ in nodes} | current
        is_node = is_node_port(error.port, target.service) and error.address in known  # type: ignore[arg-type]
        if nodes and is_node and (error.address, error.port) not in nodes:
            said = f"the client goes on to {place}, which is none of the {len(nodes)} nodes that the cluster announces now"
            yield Clue(weight=3.2, because=said, seen=(error,), fact="another address", ends=ANEW)
            return


def _nodes_of(well: Evidence) -> frozenset[tuple[str, int]]:
    return frozenset(
        (node.host, node.port) for topology in well.look(ClusterTopology) for node in topology.nodes
    )
