"""The client dials the plain-text port, which is closed on this cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario(
    "non-ssl-port-disabled",
    "An old setting says 6379, and the cache has only TLS",
    service="acr",
    unknown="whether the closed port refuses or is silent",
)
def build(world: World) -> None:
    """The library's example says 6379, and so does the setting."""
    cache = acr(world, "contoso")
    world.target = cache.target(port=6379, tls=False)
