"""Packets to the server's address get lost on the way.

What is wrong
    A user-defined route, a missing peering or VPN, asymmetric routing through an appliance, or a
    missing route on this host: what is sent to the address never arrives, or no answer comes back.
How it looks
    Silence on every port of the address; or "no route to host", "network is unreachable". Where
    Azure may be asked, the route tables of both subnets and the state of the peering tell.
What ends it
    The route that leads there, and the same way back.
What it is not
    ``vnet-nsg-blocked``: there the host answers on other ports.
Sources
    ip-route(8); RFC 792
    https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview
"""

from __future__ import annotations

from refused.causes.readings import (
    changed_so,
    dialled,
    in_subnet,
    is_here,
    is_private,
    last_name,
    met_silence,
    onset,
    privatelink_alias,
    same_id,
    service_behind,
    settled,
    surroundings,
    what_changed,
    works_elsewhere,
)
from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.control_plane import (
    AzureSubnet,
    ClientAddress,
    Metric,
    PrivateEndpoint,
    ResourceChange,
    RouteTable,
)
from refused.evidence.nsg import (
    way_to,
)
from refused.evidence.observations import DnsAnswer, Elsewhere, RouteLookup, TcpDial
from refused.service.addresses import (
    in_network,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.nsg import Way
    from refused.evidence.told import Told

CAUSE = Cause(
    id="route-blackhole",
    title="packets to the server's address get lost on the way",
    hop="route",
    shows_at=("route", "tcp"),
    bucket="configuration",
    traits=("between", "start"),
    needs=(
        AzureSubnet,
        ClientAddress,
        DnsAnswer,
        Elsewhere,
        Metric,
        PrivateEndpoint,
        ResourceChange,
        RouteLookup,
        RouteTable,
        TcpDial,
    ),
    remedies=(
        "correct the route for the server's prefix, and the one back",
        "restore the peering, VPN or gateway that the two networks are joined by",
    ),
    verify="the dial is accepted, or at least refused",
    prevent="routes kept in code; an alert on peering and gateway state",
    expects=(
        ("network-rules", "route"),
        ("elsewhere", "works"),
        ("server-side", "listens"),
        ("other-destination", "works"),
    ),
)

# ICMP: network or host unreachable, and time exceeded (a loop).
LOST = frozenset({"3/0", "3/1", "3/6", "3/7", "3/11", "3/12", "11/0", "1/0", "1/3"})


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Ask the kernel, listen to routers, and see whether anything at the address answers."""
    answers, others = evidence.all(DnsAnswer), evidence.all(Elsewhere)
    routes, dials = evidence.all(RouteLookup), evidence.all(TcpDial)
    azure = tuple(_azure_says(evidence))
    broken, tried = evidence.broken, dialled(dials)
    if broken is None or broken.hop not in ("route", "tcp"):
        return
    if broken.hop == "route":
        dead = [route for route in routes if route.local_address is None]
        if dead and any(":" not in route.address for route in dead):
            kind = "no route" if dead[0].kind == "unicast" else f"a route of kind {dead[0].kind}"
            yield Proof(because=f"this host has {kind} to {dead[0].address}", seen=tuple(dead))
        return
    if not tried:
        return
    if is_here(tried[0].address):
        yield RuledOut(because=f"{tried[0].address} is this host itself", seen=tried)
        return
    answered = next(
        (
            dial
            for dial in dials
            if dial.address == tried[0].address and dial.outcome in ("accepted", "refused", "reset")
        ),
        None,
    )
    if answered is not None:
        yield RuledOut(
            because=f"{answered.address} answers on port {answered.port}, so packets do get there and back",
            seen=(answered,),
        )
        return
    yield from azure
    if settled(azure):
        return
    lost = next((dial for dial in tried if dial.icmp in LOST and dial.icmp_from), None)
    own = {route.local_address for route in routes}
    if lost is not None and lost.icmp_from not in own:
        yield Proof(
            because=f"the router {lost.icmp_from} says that it has no way to {lost.address} (ICMP {lost.icmp})",
            seen=(lost,),
        )
    elif broken.how == "unreachable":
        yield Clue(
            weight=1.8,
            because=f"{tried[0].address} is unreachable: nobody answers for it on its network",
            seen=tried,
        )
    elif met_silence(broken):
        yield Clue(weight=0.5, because=f"{tried[0].address} met the dial with silence", seen=tried)
        control = next(iter(dialled(dials, "control")), None)
        # How a closed port of Azure's looks is not documented: its silence may be its own, and not the way's.
        tells = service_behind(evidence.target, answers) == "redis"
        if control is not None and control.outcome == "silent" and tells:
            yield Clue(
                weight=0.7, because="so did another port of the same address", seen=(control,)
            )
        if is_private(tried[0].address):
            yield Clue(
                weight=0.6,
                because=f"{tried[0].address} is private: routes that people write lead there",
                seen=tried,
            )
        if privatelink_alias(answers):
            yield Clue(
                weight=-0.5,
                because="a private endpoint's address has a route of its own in its network",
                seen=answers,
            )
        well = works_elsewhere(others)
        if well is not None:
            yield Clue(weight=0.8, because=f"it works from {well.vantage}", seen=(well,))


CHANGES = (
    "routes/write",
    "routes/delete",
    "routeTables/write",
    "virtualNetworkPeerings/write",
    "virtualNetworkPeerings/delete",
    "subnets/write",
)
AROUND = ("VirtualAppliance", "VirtualNetworkGateway")


def _azure_says(evidence: Evidence) -> Iterator[Statement]:
    """Follow the route tables there and back, and see whether the peering stands."""
    tables, subnets = evidence.all(RouteTable), evidence.all(AzureSubnet)
    endpoints, changes = evidence.all(PrivateEndpoint), evidence.all(ResourceChange)
    metrics, addresses = evidence.all(Metric), evidence.all(ClientAddress)
    routes, tried = evidence.all(RouteLookup), dialled(evidence.all(TcpDial))
    broken = evidence.broken
    if broken is None or broken.hop != "tcp" or broken.how not in ("silent", "unreachable"):
        return
    if not tried:
        return
    began = onset(tried, metrics)
    change = what_changed(changes, CHANGES, began)
    after = f"; {changed_so(change, began)}" if change is not None else ""
    dial = tried[0]
    client = next((each for each in subnets if each.role == "client"), None)
    server = next((each for each in subnets if each.role in ("cache", "endpoint")), None)
    parted = _parted(client, server) if is_private(dial.address) else ""
    led = any(route.next_hop in AROUND for table in tables for route in table.routes)
    if parted and led:
        # Through a hub's appliance or a gateway the way may lead round the peering.
        yield Clue(weight=1.6, because=f"{parted}{after}", seen=(*subnets, *tried))
    elif parted:
        yield Proof(because=f"{parted}{after}", seen=(*subnets, *tried))
        return
    known = [
        *(each.address for each in addresses),
        *(r.local_address for r in routes),
        dial.local_address,
    ]
    mine = in_subnet(client, known)
    stands = any(dial.address in each.addresses for each in endpoints)
    fine: list[str] = []
    for table in tables:
        back = table.role == "cache"
        ends = [each.partition("/")[0] for each in mine] if back else [dial.address]
        subnet = next((each for each in subnets if same_id(each.id, table.subnet_id)), None)
        around = surroundings(subnet, subnets)
        if table.role not in ("client", "cache"):
            continue
        for end in ends:
            around = around.replace(complete=_is_all(end, table, subnet))
            way = way_to(end, table.routes, around, is_private_endpoint=stands and not back)
            if way is None:
                continue
            said = _way_said(way, table, end, back=back)
            if way.next_hop == "None" and (way.route is not None or way.certain):
                if way.certain:
                    yield Proof(because=f"{said}{after}", seen=(table, *tried))
                    return
                yield Clue(weight=2.5, because=f"{said}{after}", seen=(table, *tried))
            elif way.next_hop in AROUND and way.route:
                # Forced tunnelling: what stands there may drop it, or send the reply another way.
                yield Clue(weight=1.4 if back else 1.0, because=f"{said}{after}", seen=(table,))
            elif way.certain:
                fine.append(said)
    if fine and not tables[0].routes:
        return
    if fine:
        yield Clue(weight=-1.2, because=fine[0], seen=tables)


def _parted(client: AzureSubnet | None, server: AzureSubnet | None) -> str:
    """Say that the two networks were joined and are no longer, where that is so."""
    if client is None or server is None or same_id(client.network_id, server.network_id):
        return ""
    for one, other in ((client, server), (server, client)):
        for peer, state in one.peers:
            if same_id(peer, other.network_id) and state.lower() != "connected":
                return (
                    f"the peering of {last_name(one.network_id)} with {last_name(peer)} is {state}"
                )
    return ""


def _is_all(end: str, table: RouteTable, subnet: AzureSubnet | None) -> bool:
    """Whether no route that was not read may be longer: a peer's, or one that a gateway has learnt.

    Within the network Azure prefers its own routes to learnt ones; peers have private addresses, and
    of gateways the table alone tells, by the routes that lead to one.
    """
    if subnet is not None and any(in_network(end, prefix) for prefix in subnet.network_prefixes):
        return True
    if table.gateway_routes is False:
        return not is_private(end) or (subnet is not None and not subnet.peers)
    return not is_private(end) and not any(
        route.next_hop == "VirtualNetworkGateway" for route in table.routes
    )


def _way_said(way: Way, table: RouteTable, end: str, *, back: bool) -> str:
    """Say where a subnet sends what goes to *end*."""
    whose = (
        "the cache's subnet sends its answers" if back else "this client's subnet sends what goes"
    )
    hop = {"None": "nowhere (it is dropped)"}.get(way.next_hop, way.next_hop)
    if way.route is None:
        return f"{whose} to {end} by Azure's own route {way.prefix}, to {hop}"
    at = f" {way.route.next_hop_address}" if way.route.next_hop_address else ""
    return f"{whose} to {end} by the route {way.route.name} ({way.prefix}) of {last_name(table.id)} to {hop}{at}"


# What is printed when it strikes.
SIGNATURES: tuple[Signature, ...] = ()
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "unreachable": 1.0,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.saw("connect-timeout") and told.is_private:
        yield Clue(weight=0.4, because="a private address does not answer", seen=told.errors)
