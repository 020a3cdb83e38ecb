"""What to hand to the firewall team: what a client of this service must be let through to, and why.

Pure: facts come from `service/`, addresses from whoever looked them up. Where an address is not known,
none is made up, and no rule is made wider to do without it.
"""

from __future__ import annotations

from refused.evidence.record import Record
from refused.service.addresses import address_class, parse
from refused.service.clouds import group_id, login_authority, private_link_zone, service_of
from refused.service.facts import ACR_ENTRA, AMR_ENTRA, METADATA_SERVICE, PLATFORM_ADDRESS
from refused.service.ports import PORTS, title_of
from refused.service.vnet import REQUIRED_NAMES, required_rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, Literal

    from refused.evidence.target import Target

    Topology = Literal["direct", "private-endpoint", "vnet-injected"]

TOPOLOGIES = ("direct", "private-endpoint", "vnet-injected")
SCHEMA = "refused.allow-list/1"

# Who is on the other side of a rule, where it is neither a name nor an address.
CLIENTS, CACHE_SUBNET = "client-subnet", "cache-subnet"
# When names are needed instead of addresses.
BY_NAME = "forced tunnelling, or filtering by name"


class Need(Record):
    """One thing that has to be let through.

    Attributes:
        where: Whose rule it is: ``client`` (its host firewall, its subnet, its egress firewall) or
            ``cache`` (the subnet with the private endpoint or the injected cache).
        direction: ``outbound`` or ``inbound``, as seen from there.
        peers: Names, addresses, service tags, or :data:`CLIENTS` and :data:`CACHE_SUBNET`.
        addresses: The addresses of a named peer as they were looked up; they may change.
        protocol: ``tcp``, ``udp`` or ``tcp+udp``.
        when: In words, who needs it; ``""`` for everybody.
        certainty: ``sure``, ``likely`` or ``unsure``, as of the source.
    """

    where: str
    direction: str
    peers: tuple[str, ...]
    addresses: tuple[str, ...]
    protocol: str
    first_port: int
    last_port: int
    purpose: str
    when: str
    source: str
    certainty: str

    @property
    def ports(self) -> str:
        """``6380``, or ``15000-15999``."""
        return f"{self.first_port}" + (
            "" if self.first_port == self.last_port else f"-{self.last_port}"
        )


class AllowList(Record):
    """Everything for one target.

    Attributes:
        topology: One of :data:`TOPOLOGIES`.
        notes: What a reader must know beside the rules.
    """

    host: str
    port: int
    service: str
    cloud: str | None
    topology: str
    needs: tuple[Need, ...]
    notes: tuple[str, ...]

    def to_data(self) -> dict[str, Any]:
        """Return it as JSON-ready objects."""
        return {
            "schema": SCHEMA,
            **{
                name: getattr(self, name) for name in self._fields if name not in ("needs", "notes")
            },
            "needs": [{**need.to_json(), "ports": need.ports} for need in self.needs],
            "notes": list(self.notes),
        }


def allow_list(
    target: Target,
    addresses: Sequence[str],
    *,
    aliases: Sequence[str] = (),
    topology: Topology | None = None,
    cluster: bool = False,
    node_ports: Sequence[int] = (),
) -> AllowList:
    """Say what the client of *target* needs.

    Args:
        addresses: What its name was looked up to; none where nobody looked.
        aliases: The names that the lookup led through.
        topology: As the user knows it; without it, read from addresses and aliases.
        cluster: Whether the client follows a cluster's topology.
        node_ports: Ports that the cluster was seen to announce.
    """
    hosting = service_of(target.host)
    known = tuple(dict.fromkeys(each for each in addresses if parse(each) is not None))
    chosen = topology or topology_of(target.service, known, aliases)
    needs = [
        *_lookups(chosen),
        *_endpoint(target, known, cluster=cluster, node_ports=node_ports, topology=chosen),
        *_logins(target, hosting.cloud),
        *(
            _private_endpoint(target, known, cluster=cluster)
            if chosen == "private-endpoint"
            else ()
        ),
        *(_injected(cluster=cluster) if chosen == "vnet-injected" else ()),
    ]
    return AllowList(
        host=target.host,
        port=target.port,
        service=target.service,
        cloud=hosting.cloud,
        topology=chosen,
        needs=tuple(needs),
        notes=tuple(_notes(target, known, chosen, given=topology is not None, cloud=hosting.cloud)),
    )


def topology_of(service: str, addresses: Sequence[str], aliases: Sequence[str] = ()) -> Topology:
    """Read from what the name leads to how the service is reached; a guess where it says little."""
    is_private = any(address_class(each) in ("private", "shared") for each in addresses)
    if service == "redis" or not is_private:
        return "direct"
    if service != "acr" or any(".privatelink." in f".{alias}" for alias in aliases):
        return "private-endpoint"
    # Of Azure Cache for Redis alone, an injected cache has a private address as well, and no such alias.
    return "vnet-injected" if aliases else "private-endpoint"


def _lookups(topology: str) -> Iterator[Need]:
    azure = topology != "direct"
    yield Need(
        where="client",
        direction="outbound",
        peers=("168.63.129.16",) if azure else ("its own resolvers",),
        addresses=("168.63.129.16",) if azure else (),
        protocol="tcp+udp",
        first_port=53,
        last_port=53,
        purpose="name lookup; with resolvers of one's own, those instead",
        when="",
        source=PLATFORM_ADDRESS,
        certainty="sure",
    )


def _endpoint(
    target: Target,
    addresses: tuple[str, ...],
    *,
    cluster: bool,
    node_ports: Sequence[int],
    topology: str,
) -> Iterator[Need]:
    """Give the port that the client dials first, and those of the nodes."""

    def need(row: Any, when: str = "") -> Need:
        _, first, last, kind, _, meaning, source, certainty = row
        return Need(
            where="client",
            direction="outbound",
            peers=(target.host,),
            addresses=addresses,
            protocol="tcp",
            first_port=target.port if kind == "client" else first,
            last_port=target.port if kind == "client" else last,
            purpose=meaning,
            when=when,
            source=source,
            certainty=certainty,
        )

    def seen(port: int, kind: str, meaning: str, source: str) -> Need:
        return need((target.service, port, port, kind, None, meaning, source, "sure"))

    own = [row for row in PORTS if row[0] == target.service]
    front = next(
        (row for row in own if row[3] == "client" and row[1] <= target.port <= row[2]), None
    )
    yield (
        need(front)
        if front
        else seen(target.port, "client", "the port of the target", "the target")
    )
    others = "" if cluster or node_ports else "clients of clusters"
    for row in own:
        is_node = row[3] == "node" and row[4] in (None, target.tls)
        if is_node or (row[1] == 10221 and topology == "vnet-injected"):
            yield need(row, others)
    for port in sorted(set(node_ports)):
        if not _covered(port, own, target):
            meaning = "a node's port as the cluster announces it"
            yield seen(
                port, "node", meaning, "https://redis.io/docs/latest/commands/cluster-slots/"
            )


def _covered(port: int, own: Sequence[Any], target: Target) -> bool:
    return port == target.port or any(
        row[1] <= port <= row[2] and row[3] == "node" and row[4] in (None, target.tls)
        for row in own
    )


def _logins(target: Target, cloud: str | None) -> Iterator[Need]:
    authority = login_authority(cloud) if cloud else None
    if target.service == "redis" or authority is None:
        return
    when = "" if target.auth == "entra" else "logins with Entra"
    source = ACR_ENTRA if target.service == "acr" else AMR_ENTRA
    common: dict[str, Any] = {
        "where": "client",
        "direction": "outbound",
        "protocol": "tcp",
        "certainty": "sure",
    }
    yield Need(
        **common,
        peers=(authority.partition("://")[2],),
        addresses=(),
        first_port=443,
        last_port=443,
        purpose="tokens from Entra",
        when=when,
        source=source,
    )
    yield Need(
        **common,
        peers=("169.254.169.254",),
        addresses=("169.254.169.254",),
        first_port=80,
        last_port=80,
        purpose="tokens of a managed identity; it never leaves the host, but its own firewall may block it",
        when=when,
        source=METADATA_SERVICE,
    )


def _private_endpoint(
    target: Target, addresses: tuple[str, ...], *, cluster: bool
) -> Iterator[Need]:
    """Give what the subnet of the private endpoint lets in, where its policies are enabled."""
    for need in _endpoint(
        target, addresses, cluster=cluster, node_ports=(), topology="private-endpoint"
    ):
        yield need.replace(
            where="cache",
            direction="inbound",
            peers=(CLIENTS,),
            purpose=f"{need.purpose}, through the private endpoint",
        )


def _injected(*, cluster: bool) -> Iterator[Need]:
    """Give what the subnet of an injected cache needs for itself."""
    peers = {
        "redis-subnet": CACHE_SUBNET,
        "client-subnet": CLIENTS,
        "dns": "168.63.129.16",
        "any": "Internet",
    }
    for direction in ("outbound", "inbound"):
        for row in required_rules(direction, is_clustered=cluster):
            _, first, last, protocol, peer, purpose, source, certainty = row
            yield Need(
                where="cache",
                direction=direction,
                peers=(peers.get(peer, peer),),
                addresses=(),
                protocol=protocol,
                first_port=first,
                last_port=last,
                purpose=purpose,
                when="",
                source=source,
                certainty=certainty,
            )
    for name, ports, purpose, source, certainty in REQUIRED_NAMES:
        for port in ports:
            yield Need(
                where="cache",
                direction="outbound",
                peers=(name,),
                addresses=(),
                protocol="tcp",
                first_port=port,
                last_port=port,
                purpose=purpose,
                when=BY_NAME,
                source=source,
                certainty=certainty,
            )


def _notes(
    target: Target, addresses: tuple[str, ...], topology: str, *, given: bool, cloud: str | None
) -> Iterator[str]:
    title = title_of(target.service)  # type: ignore[arg-type]
    if target.service != "redis" and topology == "direct":
        yield (
            f"no service tag is published for {title}: a rule names the host, or addresses that change when the "
            "cache is scaled, moved or rebuilt"
        )
    if not addresses:
        yield f"{target.host} was not looked up to an address, so no rule by address can be written"
    if target.service == "acr" and topology != "direct" and not given:
        other = "vnet-injected" if topology == "private-endpoint" else "private-endpoint"
        yield f"read as {topology} from what the name leads to; --topology {other} if that is wrong"
    if topology == "private-endpoint":
        zone = private_link_zone(target.service, cloud or "public")  # type: ignore[arg-type]
        group = group_id(target.service)  # type: ignore[arg-type]
        if zone:
            yield f"the private DNS zone {zone} (group id {group}) must be linked to the client's network"
        yield "network security groups bear on a private endpoint only where its subnet's network policies are enabled"
    if topology == "vnet-injected":
        yield "rules of the cache's subnet also need the custom DNS servers of the network, and a reboot to take notice"
    if target.service in ("amr", "acre"):
        yield "node ports change over time: allow the range, not the ports of today"


# --- for people ----------------------------------------------------------------------------------


def table(told: AllowList, *, sources: bool = False) -> str:
    """Return the rules as aligned text, the notes below."""
    where = f", {told.cloud} cloud" if told.cloud else ""
    title = title_of(told.service)  # type: ignore[arg-type]
    lines = [f"{told.host} port {told.port}: {title}{where}, {told.topology}", ""]
    head = ("RULE OF", "DIRECTION", "PEER", "PROTOCOL", "PORTS", "WHY")
    rows = [head, *map(_row, told.needs)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(head) - 1)]
    for number, row in enumerate(rows):
        cells = [f"{cell:<{width}}" for cell, width in zip(row[:-1], widths, strict=True)]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
        if sources and number:
            lines.append(f"    source: {told.needs[number - 1].source}")
    if told.notes:
        lines += ["", *(f"- {note}" for note in told.notes)]
    return "\n".join(lines)


def _row(need: Need) -> tuple[str, ...]:
    peer = ", ".join(need.peers)
    if need.addresses and need.addresses != need.peers:
        peer += f" ({', '.join(need.addresses)})"
    why = f"{need.purpose} (for {need.when})" if need.when else need.purpose
    return (need.where, need.direction, peer, need.protocol.upper(), need.ports, why)
