"""The name resolves past the private endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, private_endpoint
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
