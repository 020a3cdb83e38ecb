"""A route for exactly the cache's address, where a wider one leads nowhere.

For a private address the route stays in the network. For a public one it would lead around whatever
inspects the traffic, which is its owner's decision: then the route to take is named, not planned.

Source: https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview
"""

from __future__ import annotations

from json import dumps

from refused.evidence.nsg import way_to
from refused.evidence.observations import TcpDial
from refused.remedies.arm_id import take_apart
from refused.remedies.change import ArmWrite, Change, Missing, Setting
from refused.remedies.reading import routes_of, settles, surroundings, the_cache
from refused.remedies.say import az, bicep_resource, powershell, symbol, terraform
from refused.service.addresses import address_class
from refused.service.arm import api_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Evidence

ENDS = ("route-blackhole",)
RANK = 10
API = api_version("Microsoft.Network")


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose a host route beside the one that drops the traffic."""
    cache, table = the_cache(evidence), routes_of(evidence, "client")
    address = next((dial.address for dial in evidence.all(TcpDial) if dial.purpose == "client"), "")
    if cache is None or table is None or not address:
        return
    way = way_to(address, table.routes, surroundings(evidence, "client", address))
    chosen = way.route if way is not None else None
    if chosen is None or chosen.next_hop not in ("None", "VirtualAppliance"):
        return
    name = take_apart(table.id).name
    if address_class(address) == "public" or chosen.next_hop == "VirtualAppliance":
        yield Missing(
            kind="route",
            cause=cause,
            what=f"a way for {address} beside the route {chosen.name} of {name}",
            needs="the word of whoever runs this network: a route of its own would lead around what inspects the traffic",
            how=f"ask them to let TCP to {address} through {chosen.next_hop_address or 'that route'} (refused allow-list writes the request)",
        )
        return
    prefix = f"{address}/{128 if ':' in address else 32}"
    # A table holds a prefix once: where the route is for this very address, it is that one to change.
    is_there = chosen.prefix == prefix
    route = chosen.name if is_there else f"refused-{address.replace('.', '-').replace(':', '-')}"
    path = f"{table.id}/routes/{route}"
    yield Change(
        kind="route",
        cause=cause,
        title=f"let {address} stay in the network, by the route {route} of {name}",
        where="azure",
        resource_id=table.id,
        write=ArmWrite(
            method="PUT",
            id=path,
            api_version=API,
            body=dumps({"properties": {"addressPrefix": prefix, "nextHopType": "VnetLocal"}}),
        ),
        # The route that was there is put back as it was exported.
        undo=None if is_there else ArmWrite(method="DELETE", id=path, api_version=API),
        settings=(
            Setting(
                name=f"route {route}",
                before=f"{prefix} → {chosen.next_hop}" if is_there else None,
                after=f"{prefix} → VnetLocal",
            ),
        ),
        facts=(("route", route), ("prefix", prefix)),
        why=f"the route {chosen.name} ({chosen.prefix}) drops it"
        + ("" if is_there else ", and a longer prefix wins"),
        affects=f"subnets that use {name}, for this one address",
        interruption="none",
        proof="the dial is accepted and PING is answered",
        hop="resp",
        **settles("route", ""),
    )


def render(change: Change) -> dict[str, str]:
    """Say the route for ``az``, PowerShell, Bicep and Terraform."""
    table, route, prefix = (
        take_apart(change.resource_id),
        change.fact("route"),
        change.fact("prefix"),
    )
    return {
        "az": az(
            "network route-table route create",
            subscription=table.subscription,
            resource_group=table.group,
            route_table_name=table.name,
            name=route,
            address_prefix=prefix,
            next_hop_type="VnetLocal",
        ),
        "powershell": f"$table = Get-AzRouteTable -ResourceGroupName '{table.group}' -Name '{table.name}'\n"
        + powershell("Add-AzRouteConfig", Name=route, AddressPrefix=prefix, NextHopType="VnetLocal")
        + " -RouteTable $table | Set-AzRouteTable",
        "bicep": bicep_resource(
            "routes", "Microsoft.Network/routeTables", API, {"name": table.name}, existing=True
        )
        + "\n"
        + bicep_resource(
            symbol(route),
            "Microsoft.Network/routeTables/routes",
            API,
            {
                "parent": "routes",
                "name": route,
                "properties": {"addressPrefix": prefix, "nextHopType": "VnetLocal"},
            },
        ),
        "terraform": terraform(
            "azurerm_route",
            symbol(route),
            {
                "name": route,
                "resource_group_name": table.group,
                "route_table_name": table.name,
                "address_prefix": prefix,
                "next_hop_type": "VnetLocal",
            },
        ),
    }
