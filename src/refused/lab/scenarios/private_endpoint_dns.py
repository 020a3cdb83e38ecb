"""The name resolves past the private endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.arm.coupling import privatelink
from refused.lab.azure import acr, amr, private_endpoint
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario(
    "private-endpoint-dns",
    "The private DNS zone is not linked to the client's network",
    service="acr",
    unknown="whether a cache with public access off drops or closes what comes from outside",
)
def build(world: World) -> None:
    """The endpoint stands and public access is off, but nobody linked the zone to the spoke."""
    cache = acr(world, "contoso")
    private_endpoint(world, cache, linked=False)


@scenario(
    "private-endpoint-dns.managed",
    "The zone of a Managed Redis is not linked to the client's network",
    service="amr",
    unknown="whether a cache with public access off drops or closes what comes from outside",
)
def managed(world: World) -> None:
    """The team moved to Managed Redis, whose zone has another name than the old one."""
    private_endpoint(world, amr(world, "fabrikam", policy="EnterpriseCluster"), linked=False)


@scenario(
    "private-endpoint-dns.no-record",
    "The zone is linked, and has no record of the cache",
    service="acr",
)
def no_record(world: World) -> None:
    """The endpoint was made by a template that leaves out the DNS zone group."""
    private_endpoint(world, acr(world, "contoso"), in_zone=False)


@scenario(
    "private-endpoint-dns.outside",
    "A private endpoint was added, and a client outside of its network stayed outside",
    service="acr",
    unknown="whether a cache with public access off drops or closes what comes from outside",
)
def outside(world: World) -> None:
    """The form that makes the endpoint switches public access off; a tester at home notices it first."""
    cache = acr(world, "contoso")
    private_endpoint(world, cache, vantage=None)
    # Only networks that the zone is linked to are told of it.
    world.zone.a(privatelink(cache.host), cache.address, ttl_s=10)
