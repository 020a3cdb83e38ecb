"""The private endpoint is gone, was rejected, or was never approved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import GROUP_ID, PRIVATE_ADDRESS, acr, amr, private_endpoint
from refused.lab.fronts import Silent
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.arm.state import State
    from refused.lab.world import World


@scenario(
    "private-endpoint-missing",
    "The endpoint was deleted, and its record stayed",
    service="acr",
    unknown="whether an address whose endpoint is gone is silent or unreachable",
)
def build(world: World) -> None:
    """A clean-up removed the endpoint; the name still leads to where it stood."""
    cache = acr(world, "contoso")
    private_endpoint(world, cache)
    world.at("10.1.0.4", cache.port, Silent())
    world.order(_delete_endpoint)


@scenario(
    "private-endpoint-missing.rejected",
    "The connection of the private endpoint was rejected",
    service="acr",
    unknown="whether the address of an endpoint that is not approved is silent or unreachable",
)
def rejected(world: World) -> None:
    """Whoever owns the cache rejected a connection that nobody had told them about."""
    private_endpoint(world, acr(world, "contoso"), status="Rejected")


@scenario(
    "private-endpoint-missing.pending",
    "The connection of the private endpoint waits for approval",
    service="amr",
    unknown="whether the address of an endpoint that is not approved is silent or unreachable",
)
def pending(world: World) -> None:
    """The endpoint was made from another subscription, and the mail about it was not read."""
    cache = amr(world, "fabrikam", policy="EnterpriseCluster")
    private_endpoint(world, cache, status="Pending")


def _delete_endpoint(state: State) -> None:
    """Delete the endpoint with all it brought, and leave a record that was written by hand."""
    from refused.lab.arm import worlds

    network = f"{GROUP_ID}/providers/Microsoft.Network"
    record = f"{network}/privateDnsZones/privatelink.redis.cache.windows.net/A/contoso"
    with worlds.in_the_past(state, 1800):
        worlds.do(state, "DELETE", f"{network}/privateEndpoints/contoso-pe")
        told = {"ttl": 10, "aRecords": [{"ipv4Address": PRIVATE_ADDRESS}]}
        worlds.do(state, "PUT", record, {"properties": told})
