"""The private endpoint is gone, was rejected, or was never approved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, private_endpoint
from refused.lab.fronts import Silent
from refused.lab.scenario import scenario

if TYPE_CHECKING:
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
