"""The cache does not exist any more, or is not in service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario("cache-not-running", "The cache was deleted, and its name went with it", service="acr")
def build(world: World) -> None:
    """A clean-up of old resource groups took one that was not old."""
    cache = acr(world, "contoso")
    world.target = cache.target(host="contoso-sessions.redis.cache.windows.net")
