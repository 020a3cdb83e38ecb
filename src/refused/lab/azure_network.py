"""Networks around a cache, ready to be broken by a scenario: security groups, routes, injection.

They stand in the control plane's documents, and the lab evaluates them at every dial. Rules and
routes are documents only, so that a world with them has its control plane from the start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from refused.lab.arm import documents
from refused.lab.azure import GROUP_ID, LOCATION, NETWORK, VNET_CLIENT, Cache, acr, put
from refused.lab.world import HERE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from refused.lab.arm.state import State
    from refused.lab.world import World

INJECTED_ADDRESS = "10.1.2.4"
_PROVIDER = f"{GROUP_ID}/providers/Microsoft.Network"


def rule(
    name: str, priority: int, direction: str, access: str, ports: str, **properties: Any
) -> dict[str, Any]:
    """Return a security rule for TCP from anywhere to anywhere.

    Args:
        ports: The destination ports: ``*``, ``6380``, ``6379-6380``.
        properties: What differs, as ``destinationAddressPrefix="10.1.0.0/24"``.
    """
    said = {
        "priority": priority,
        "direction": direction,
        "access": access,
        "protocol": "Tcp",
        "sourceAddressPrefix": "*",
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": ports,
        **properties,
    }
    return {"name": name, "properties": said}


def guard(world: World, subnet: str, rules: Sequence[dict[str, Any]]) -> None:
    """Put a security group with *rules* in front of a subnet of the usual network."""

    def order(state: State) -> None:
        from refused.lab.arm import worlds

        group = f"{_PROVIDER}/networkSecurityGroups/{subnet}-nsg"
        body = {"location": LOCATION, "properties": {"securityRules": list(rules)}}
        worlds.do(state, "PUT", group, body)
        _change_subnet(state, subnet, {"networkSecurityGroup": {"id": group}})

    _from_the_start(world, order)


def send_nowhere(world: World, subnet: str, prefix: str) -> None:
    """Give a subnet a route table in which *prefix* has no next hop."""

    def order(state: State) -> None:
        from refused.lab.arm import worlds

        table = f"{_PROVIDER}/routeTables/{subnet}-routes"
        said = {"addressPrefix": prefix, "nextHopType": "None"}
        routes = [{"name": "closed", "properties": said}]
        worlds.do(state, "PUT", table, {"location": LOCATION, "properties": {"routes": routes}})
        _change_subnet(state, subnet, {"routeTable": {"id": table}})

    _from_the_start(world, order)


def inject(world: World, name: str, **options: Any) -> Cache:
    """Add a Premium cache that is injected into the usual network, and a client beside it.

    The options are :func:`refused.lab.azure.acr`'s.
    """
    cache = acr(world, name, address=INJECTED_ADDRESS, sku=("Premium", "P", 1), **options)
    world.vantage(HERE, VNET_CLIENT)
    if not world.control_plane:
        return cache
    document = world.documents[cache.id.lower()]
    network = f"{_PROVIDER}/virtualNetworks/{NETWORK}"
    document["properties"] |= {
        "subnetId": f"{network}/subnets/caches",
        "staticIP": INJECTED_ADDRESS,
    }

    def order(state: State) -> None:
        from refused.lab.arm import worlds

        subnets = {"clients": "10.1.1.0/24", "caches": "10.1.2.0/24"}
        vnet = worlds.make_network(state, NETWORK, subnets)
        worlds.make_interface(state, "app-vm", f"{vnet}/subnets/clients", VNET_CLIENT)

    world.order(order)
    return cache


def link(world: World, secondary: Cache, primary: str) -> None:
    """Say that a cache is the secondary of another one, of which there is only the document."""
    if not world.control_plane:
        return
    own = world.documents[secondary.id.lower()]
    other = documents.redis(
        f"{GROUP_ID}/providers/{documents.REDIS}/{primary}",
        location="northeurope",
        sku=("Premium", "P", 1),
    )
    put(world, other)
    put(world, documents.linked_server(own, other, "Primary", other))
    put(world, documents.linked_server(other, own, "Secondary", other))


def _change_subnet(state: State, subnet: str, properties: dict[str, Any]) -> None:
    from refused.lab.arm import worlds

    id_ = f"{_PROVIDER}/virtualNetworks/{NETWORK}/subnets/{subnet}"
    said = worlds.do(state, "GET", id_).body
    said["properties"] |= properties
    worlds.do(state, "PUT", id_, said)


def _from_the_start(world: World, order: Any) -> None:
    if world.control_plane:
        world.order(order)
        world.once_up(lambda: world.arm, before_others=True)
