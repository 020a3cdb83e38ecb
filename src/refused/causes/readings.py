"""Readings that several judges share: small, pure questions to the evidence.

Each takes what a judge was handed (never the evidence itself), so that a judge's ``needs`` stay
what it asks for.
"""

from __future__ import annotations

from refused.causes.statements import Clue, Proof, RuledOut
from refused.evidence.nsg import Surroundings
from refused.evidence.path import STALLED_RETRANSMITS, is_literal
from refused.service.addresses import address_class, in_network
from refused.service.features import public_access
from refused.service.ports import sidecar_port
from refused.service.tiers import connection_limit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from refused.causes.statements import Statement
    from refused.evidence.control_plane import (
        AzureCache,
        AzureSubnet,
        Metric,
        NetworkSecurityGroup,
        PrivateEndpoint,
        PrivateEndpointList,
        ResourceChange,
        RouteTable,
    )
    from refused.evidence.nsg import Decision
    from refused.evidence.observations import (
        ClusterTopology,
        DnsAnswer,
        Elsewhere,
        HostsEntry,
        NodeVisit,
        Observation,
        Platform,
        PortUse,
        SocketsToTarget,
        TcpDial,
        TlsHandshake,
        Unseen,
    )
    from refused.evidence.path import Broken
    from refused.evidence.target import Target

__all__ = [
    "DEAD",
    "HOUR_S",
    "MANY_HERE",
    "NAMELESS",
    "STALLED_RETRANSMITS",
    "about_changes",
    "accepted",
    "aliases",
    "around_the_failure",
    "az",
    "changed_so",
    "client_limit",
    "dialled",
    "ended",
    "endpoint_count",
    "endpoint_said",
    "fails_elsewhere",
    "given_up",
    "held_here",
    "in_subnet",
    "is_azure",
    "is_here",
    "is_literal",
    "is_private",
    "is_public",
    "kept_by_sidecar",
    "last_name",
    "may_be_kept",
    "met_silence",
    "of_cache",
    "onset",
    "overruled",
    "privatelink_alias",
    "public_door",
    "rule_said",
    "same_id",
    "service_behind",
    "settled",
    "surroundings",
    "turned_away",
    "unread",
    "what_changed",
    "wire_addresses",
    "without_a_word",
    "works_elsewhere",
]

PRIVATE = frozenset({"private", "shared", "link-local"})
# How nobody's address, a closed door, and an endpoint that carries nothing answer.
DEAD = frozenset({"silent", "refused", "unreachable", "closed", "reset", "no-route"})
NAMELESS = frozenset({"not-found", "no-address"})


def dialled(dials: Iterable[TcpDial], purpose: str = "client") -> tuple[TcpDial, ...]:
    """Return the dials made for one purpose."""
    return tuple(dial for dial in dials if dial.purpose == purpose)


def accepted(dials: Iterable[TcpDial], purpose: str) -> TcpDial | None:
    """Return the first dial of a purpose that was accepted, if any."""
    return next((dial for dial in dialled(dials, purpose) if not dial.failed), None)


def is_azure(target: Target | None) -> bool:
    """Whether the host name is one of Azure's Redis services."""
    return target is not None and target.service in ("acr", "acre", "amr")


def is_public(address: str) -> bool:
    """Whether *address* is routed on the internet, as far as its number tells.

    Addresses set aside for documentation stand for public ones wherever they are met.
    """
    return address_class(address) in ("public", "documentation")


def is_private(address: str) -> bool:
    """Whether *address* belongs to a private network, as far as its number tells.

    A virtual network may use public numbers as well, so "no" is not proof.
    """
    return address_class(address) in PRIVATE


def is_here(address: str) -> bool:
    """Whether *address* is this host's own loopback, or the unspecified address that leads to it."""
    return address_class(address) in ("loopback", "unspecified")


def aliases(answers: Iterable[DnsAnswer]) -> tuple[str, ...]:
    """Return every alias that any resolver led through."""
    return tuple(dict.fromkeys(alias for answer in answers for alias in answer.aliases))


def privatelink_alias(answers: Iterable[DnsAnswer]) -> str | None:
    """Return the alias in a privatelink zone: the sign that the cache has a private endpoint."""
    return next((alias for alias in aliases(answers) if ".privatelink." in f".{alias}"), None)


def wire_addresses(answers: Iterable[DnsAnswer]) -> tuple[str, ...]:
    """Return the addresses that resolvers give on the wire, whatever the hosts file says."""
    return tuple(dict.fromkeys(address for answer in answers for address in answer.addresses))


def overruled(entries: Sequence[HostsEntry], answers: Iterable[DnsAnswer]) -> tuple[str, ...]:
    """Return the hosts file's addresses that no resolver knows of, where both speak."""
    known = wire_addresses(answers)
    if not known:
        return ()
    return tuple(
        address for entry in entries for address in entry.addresses if address not in known
    )


def service_behind(target: Target | None, answers: Iterable[DnsAnswer]) -> str:
    """Return the Azure service that the target belongs to, its DNS aliases included.

    A company's own name for a cache is an alias of Azure's; what holds for the service holds then.
    """
    if target is None:
        return "redis"
    if target.service != "redis":
        return target.service
    from refused.service.clouds import service_of

    for alias in aliases(answers):
        hosting = service_of(alias)
        if hosting.service != "redis" and not hosting.looks_misspelt:
            return str(hosting.service)
    return "redis"


# As many connections of one host to one server are no pool's.
MANY_HERE = 200


def held_here(ports: Iterable[PortUse], tables: Iterable[SocketsToTarget]) -> int:
    """Return how many connections this host holds to the server, by the best count there is."""
    counted = [use.to_target for use in ports]
    counted += [sum(count for _, count in table.by_state) for table in tables]
    return max(counted, default=0)


def given_up(clusters: Iterable[ClusterTopology]) -> frozenset[tuple[str, int]]:
    """Return the nodes, by host and port, that the cluster itself has given up."""
    return frozenset(
        (node.host, node.port)
        for cluster in clusters
        for node in cluster.nodes
        if "fail" in node.health or node.health == "offline"
    )


def kept_by_sidecar(
    visits: Sequence[NodeVisit],
    platforms: Iterable[Platform],
    clusters: Iterable[ClusterTopology],
) -> tuple[NodeVisit, ...]:
    """Return the nodes that fail because a sidecar here keeps their ports for itself, as far as can be seen."""
    mesh = next((each.mesh for each in platforms if each.mesh), None)
    return () if mesh is None else _kept_by(mesh, visits, clusters)


def may_be_kept(
    visits: Sequence[NodeVisit],
    platforms: Sequence[Platform],
    clusters: Iterable[ClusterTopology],
) -> tuple[NodeVisit, ...]:
    """Return the nodes that fail as if a sidecar kept their ports, where none is seen and one may well be.

    That is where nobody looked, or in a pod, which does not always show its sidecar.
    """
    if platforms and not any(each.kind == "kubernetes" for each in platforms):
        return ()
    return _kept_by("istio", visits, clusters)


def _kept_by(
    mesh: str, visits: Sequence[NodeVisit], clusters: Iterable[ClusterTopology]
) -> tuple[NodeVisit, ...]:
    """Return the failing nodes if a sidecar of *mesh* would make just these fail.

    It accepts them and ends them afterwards; the other nodes answer, and the cluster does not know
    of any that is down.
    """
    lost = tuple(each for each in visits if each.failed)
    down = given_up(clusters)
    fits = all(
        sidecar_port(each.port, mesh) is not None
        and each.stage in ("tls", "resp")
        # Who shows a certificate is no sidecar of the client's.
        and each.outcome not in ("name-mismatch", "untrusted", "expired", "not-yet-valid")
        and (each.host, each.port) not in down
        for each in lost
    )
    return lost if fits and len(lost) < len(visits) else ()


def without_a_word(broken: Broken | None) -> bool:
    """Whether the connection was accepted and then ended before the server said anything."""
    return (
        broken is not None and broken.hop in ("tls", "resp") and broken.how in ("closed", "reset")
    )


def met_silence(broken: Broken | None) -> bool:
    """Whether the dial was not answered at all."""
    return broken is not None and broken.hop == "tcp" and broken.how == "silent"


def works_elsewhere(others: Iterable[Elsewhere]) -> Elsewhere | None:
    """Return another vantage point from which the path is healthy, if there is one."""
    return next((other for other in others if other.healthy), None)


def fails_elsewhere(others: Sequence[Elsewhere]) -> Elsewhere | None:
    """Return another vantage point, where the path fails from all that were tried."""
    return others[0] if others and not any(other.healthy for other in others) else None


# --- what the control plane says ---------------------------------------------------------------


def unread(gap: Unseen, resource: Unseen, what: str, how: str, *, asked: bool) -> Unseen:
    """Say why a fact of the control plane was not seen.

    Args:
        gap: The evidence's own word on the kind that is missing.
        resource: Its word on the cache's resource, without which nothing else is read.
        asked: Whether the control plane was asked and did answer.
    """
    if gap.why != "nobody looked":
        return gap
    if asked:
        return gap.replace(
            what=what, why="the control plane was asked, and this was not read", how_to_see=how
        )
    if resource.why != "nobody looked":
        return gap.replace(what=what, why=resource.why, how_to_see=how)
    return gap.replace(what=what, why="the control plane was not asked", how_to_see=how)


def az(service: str, group: str = "") -> str:
    """Return the words with which ``az`` asks about a cache of *service*, or a *group* below it."""
    if service in ("acre", "amr"):
        return f"az redisenterprise {group and 'database '}{group}".rstrip()
    return f"az redis {group}".rstrip()


def settled(said: Iterable[Statement]) -> bool:
    """Whether what was said proves the cause or rules it out, so that no clue adds to it."""
    return any(isinstance(each, Proof | RuledOut) for each in said)


def same_id(one: str | None, other: str | None) -> bool:
    """Whether two ARM ids are the same; Azure is not steady about their case."""
    return one is not None and other is not None and one.lower() == other.lower()


def last_name(arm_id: str | None) -> str:
    """Return the name at the end of an ARM id."""
    return (arm_id or "").rstrip("/").rpartition("/")[2]


def endpoint_count(
    lists: Sequence[PrivateEndpointList], endpoints: Sequence[PrivateEndpoint]
) -> int | None:
    """Return how many private endpoint connections the cache has; ``None`` where that was not read."""
    if lists:
        return max(lists[-1].count, len(endpoints))
    return len(endpoints) or None


def endpoint_said(endpoint: PrivateEndpoint) -> str:
    """Name a private endpoint and the state of its connection, with its approver's words."""
    name = last_name(endpoint.endpoint_id) or last_name(endpoint.connection_id)
    said = endpoint.description if endpoint.description.lower() != "auto-approved" else ""
    words = f' ("{said[:80]}")' if said else ""
    return f"the private endpoint {name} is {endpoint.state or 'in no known state'}{words}"


def public_door(cache: AzureCache | None, endpoints: int | None) -> bool | None:
    """Whether the cache's public endpoint is open; ``None`` where that was not read."""
    if cache is None or (cache.public_access is None and endpoints is None):
        return None
    return public_access(
        cache.service,  # type: ignore[arg-type]
        cache.public_access,
        has_private_endpoint=bool(endpoints),
    )


def turned_away(broken: Broken | None, shakes: Iterable[TlsHandshake]) -> bool:
    """Whether the connection failed in a way in which a closed door may: before the server spoke.

    Which face a closed door of Azure's has (silence, or an accepted connection that is ended) is
    not documented, so that each is allowed.
    """
    if broken is None or broken.how not in ("silent", "refused", "reset", "closed", "unreachable"):
        return False
    own = [shake for shake in shakes if shake.purpose == "client"]
    if broken.hop == "tls":
        return not any(shake.server_spoke for shake in own)
    return broken.hop == "tcp" or (broken.hop == "resp" and not own)


def ended(broken: Broken | None) -> bool:
    """Whether something that was there stopped in the middle, as servers do that go away."""
    return broken is not None and broken.how in (
        "closed",
        "reset",
        "refused",
        "flaky",
        "READONLY",
        "MASTERDOWN",
        "LOADING",
    )


def client_limit(cache: AzureCache | None) -> int | None:
    """Return how many clients the cache may have: its own word, else its size's in the tables."""
    if cache is None:
        return None
    if cache.max_clients:
        return cache.max_clients
    size = f"{cache.family or ''}{cache.capacity}" if cache.capacity is not None else ""
    return connection_limit(cache.sku or "", size if cache.service == "acr" else "")


def surroundings(
    own: AzureSubnet | None,
    subnets: Iterable[AzureSubnet],
    tables: Iterable[RouteTable] = (),
    *outside: str,
) -> Surroundings:
    """Return what is known of the virtual network of a subnet.

    Args:
        own: The subnet.
        subnets: All that were read; those of connected peers belong to the network's tag.
        tables: Route tables that were read.
        outside: Addresses that are foreign to the network.
    """
    if own is None:
        return Surroundings(outside=outside)
    inside = dict.fromkeys((*own.network_prefixes, *own.prefixes, *own.peer_prefixes))
    connected = [peer for peer, state in own.peers if state.lower() == "connected"]
    for other in subnets:
        is_closed = any(same_id(other.network_id, peer) for peer in own.closed_peers)
        if is_closed:
            outside = (*outside, *other.network_prefixes, *other.prefixes)
        elif same_id(other.network_id, own.network_id) or any(
            same_id(other.network_id, peer) for peer in connected
        ):
            inside.update(dict.fromkeys((*other.network_prefixes, *other.prefixes)))
    routes = [
        route
        for table in tables
        if same_id(table.id, own.route_table_id) or same_id(table.subnet_id, own.id)
        for route in table.routes
    ]
    return Surroundings(
        inside=tuple(inside),
        outside=outside,
        routed=tuple(route.prefix for route in routes),
    )


def in_subnet(client: AzureSubnet | None, addresses: Iterable[str | None]) -> tuple[str, ...]:
    """Return from where in a virtual network the client speaks: an address, else its subnet's prefixes.

    Args:
        client: The client's subnet, where it was read.
        addresses: What is known of the client's own address, the best word first.
    """
    known = [each for each in addresses if each is not None and is_private(each)]
    if client is None:
        return tuple(known[:1])
    mine = [each for each in known if any(in_network(each, prefix) for prefix in client.prefixes)]
    return tuple(mine[:1]) or client.prefixes


def rule_said(decision: Decision, group: NetworkSecurityGroup) -> str:
    """Name the security rule that decides, what it says, and its group."""
    rule = decision.rule
    verb = "denies" if rule.access.lower() == "deny" else "allows"
    ports = ", ".join(rule.destination_ports[:3]).replace("*", "any")
    what = f"{rule.direction.lower()} {rule.protocol} to port {ports}"
    return f"the rule {rule.name} (priority {rule.priority}, {verb} {what}) of the group {last_name(group.id)}"


# --- time: when it began, and what was done before ----------------------------------------------

MINUTE_S = 60
HOUR_S = 3600
DAY_S = 86400
# Clocks differ, and logs give the end of an operation that took effect earlier.
SLACK_S = 60
_FAILED = ("failed", "failure", "canceled", "cancelled")


def onset(failures: Iterable[Observation], metrics: Iterable[Metric] = ()) -> float | None:
    """Return when the failure was first seen: by a probe, or in the metrics, where clients vanished."""
    moments = [each.at for each in failures]
    first = min(moments, default=None)
    for metric in metrics:
        if metric.name.lower() in ("connectedclients", "allconnectedclients"):
            fell = _fell_at(metric)
            if fell is not None and (first is None or fell < first):
                first = fell
    return first


def _fell_at(metric: Metric) -> float | None:
    """Return when a count fell to less than half of its median and stayed there, if it did."""
    values = sorted(value for _, value in metric.points)
    if len(values) < 6:
        return None
    half = values[len(values) // 2] / 2
    fell = None
    for at, value in metric.points:
        if value >= half:
            fell = None
        elif fell is None:
            fell = at
    before = sum(at < fell for at, _ in metric.points) if fell is not None else 0
    return fell if before >= 3 and half >= 2 else None


def around_the_failure(
    metrics: Iterable[Metric], names: Sequence[str], when: float | None, *, span_s: float = 600
) -> tuple[Metric, tuple[float, ...]] | None:
    """Return the values of a metric in the minutes before the failure (else its last ones), and it.

    Args:
        names: What the metric may be called, the preferred name first.
        when: The moment of the failure; ``None`` takes the last values there are.
    """
    known = tuple(metrics)
    for name in names:
        # A series that is a part of the metric only where the whole was not read.
        for metric in sorted(known, key=lambda each: each.dimension is not None):
            if metric.name.lower() != name.lower() or not metric.points:
                continue
            end = metric.points[-1][0] if when is None else when + SLACK_S
            values = tuple(value for at, value in metric.points if end - span_s <= at <= end)
            if values:
                return metric, values
    return None


def of_cache(
    changes: Iterable[ResourceChange], caches: Sequence[AzureCache], target: Target | None
) -> tuple[ResourceChange, ...]:
    """Return the changes of this cache and what is its own, leaving its neighbours' out.

    Without the resource its name is the first part of the host name.
    """
    if caches:
        name = caches[-1].name or last_name(caches[-1].id)
    else:
        name = target.host.partition(".")[0] if target is not None else ""
    return tuple(
        change
        for change in changes
        if name.lower() in change.resource_id.lower().split("/") or change.found_in == "own"
    )


def what_changed(
    changes: Iterable[ResourceChange], operations: Sequence[str], before: float | None
) -> ResourceChange | None:
    """Return the last change of one of *operations* that was done before the failure began.

    Args:
        operations: Ends of operation names in any case, as ``firewallRules/delete``.
        before: When the failure was first seen; ``None`` takes changes of any time.
    """
    wanted = tuple(each.lower() for each in operations)
    done = [
        change
        for change in changes
        if change.operation.lower().endswith(wanted)
        and change.status.lower() not in _FAILED
        and (before is None or change.when <= before + SLACK_S)
    ]
    # Azure logs the beginning and the end of one operation; its end is what took effect.
    return max(
        done, key=lambda change: (change.when, change.status.lower() == "succeeded"), default=None
    )


_NOUNS = {
    "firewallrules": "the firewall rule",
    "privateendpointconnections": "the private endpoint connection",
    "privateendpointconnectionsapproval": "the private endpoint connection",
    "privateendpoints": "the private endpoint",
    "privatednszonegroups": "the DNS zone group",
    "virtualnetworklinks": "the link",
    "privatednszones": "the private DNS zone",
    "a": "the DNS record",
    "securityrules": "the security rule",
    "networksecuritygroups": "the security group",
    "routes": "the route",
    "routetables": "the route table",
    "virtualnetworkpeerings": "the peering",
    "virtualnetworks": "the virtual network",
    "subnets": "the subnet",
    "accesspolicyassignments": "the access assignment",
    "linkedservers": "the geo-replication link",
    "redis": "the cache",
    "redisenterprise": "the cache",
    "databases": "the database",
    "deployments": "the deployment",
}
_VERBS = {
    "write": "was changed or made",
    "delete": "was deleted",
    "regeneratekey": "had a key regenerated",
    "forcereboot": "was rebooted",
    "flush": "was flushed",
    "import": "had data imported",
    "stop": "was stopped",
    "approve": "was approved",
    "reject": "was rejected",
    "modify": "was changed by a policy",
    "deployifnotexists": "was changed by a policy",
}


def changed_so(change: ResourceChange, before: float | None) -> str:
    """Say who did what and when, in half a sentence: "the firewall rule office was deleted at …"."""
    parts = change.operation.lower().split("/")
    verb = parts[-2] if parts[-1] == "action" and len(parts) > 1 else parts[-1]
    segments = change.resource_id.strip("/").split("/")
    kind, name = (segments[-2].lower(), segments[-1]) if len(segments) > 1 else ("", "")
    if verb in _VERBS and kind:
        what = f"{_NOUNS.get(kind, kind)} {name} {_VERBS[verb]}"
        if verb == "write" and change.summary and "/" not in change.summary:
            what += f" ({change.summary[:80]})"
    elif change.found_in == "deployment":
        what = f"the deployment {change.operation[:120]} ran"
        if change.summary:
            what += f" ({change.summary[:80]})"
    else:
        told = change.category.lower() in ("resourcehealth", "servicehealth")
        did = "was reported" if told else "was done"
        what = f"{change.summary[:120] or change.operation[:120]} {did}"
    if change.status.lower() in _FAILED:
        what += " (and failed)" if change.found_in == "deployment" else " (the attempt failed)"
    said = f"{what} {_at(change.when, before)}"
    if change.caller:
        said += f" by {change.caller}"
    if before is not None:
        said += f", {_apart(before - change.when)} the first failure seen"
    return said


def about_changes(
    changes: Iterable[ResourceChange], operations: Sequence[str], before: float | None
) -> Clue | None:
    """Return a clue from what was done shortly before the failure: most failures follow a change."""
    change = what_changed(changes, operations, before)
    if change is None or before is None or before - change.when > DAY_S:
        return None
    weight = 1.6 if before - change.when <= HOUR_S else 0.7
    return Clue(weight=weight, because=changed_so(change, before), seen=(change,), fact="changed")


def _at(when: float, before: float | None) -> str:
    from datetime import UTC, datetime

    try:
        said = datetime.fromtimestamp(when, UTC)
    except (OverflowError, OSError, ValueError):
        return "at a time that is none"  # a bundle is read as it comes
    near = before is not None and abs(before - when) < DAY_S / 2
    return f"at {said:%H:%M} UTC" if near else f"on {said:%Y-%m-%d} at {said:%H:%M} UTC"


def _apart(seconds: float) -> str:
    """Say how long before (or after) something was."""
    if seconds < 0:
        return "at about the time of"
    if seconds < 5:
        return "moments before"
    if seconds < 2 * MINUTE_S:
        return f"{seconds:.0f} s before"
    if seconds < 2 * HOUR_S:
        return f"{seconds / MINUTE_S:.0f} minutes before"
    if seconds < 2 * DAY_S:
        return f"{seconds / HOUR_S:.0f} hours before"
    return f"{seconds / DAY_S:.0f} days before"
