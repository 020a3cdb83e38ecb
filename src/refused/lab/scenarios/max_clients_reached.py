"""The server has no room for one more connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario(
    "max-clients-reached",
    "Every connection that the tier allows is taken",
    service="acr",
    unknown="whether Azure's own front closes before the handshake, as Redis with TLS does",
)
def build(world: World) -> None:
    """A deployment doubled the number of pods; the last ones find the door shut, without a word."""
    cache = acr(world, "contoso", maxclients=16)
    world.hold(cache.server, 16)
