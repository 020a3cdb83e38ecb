"""The host name is not the one the cache has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, plain_redis
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario("wrong-hostname", "The suffix of the host name has a slip", service="acr")
def build(world: World) -> None:
    """Somebody typed the name from memory: .com in place of .net."""
    cache = acr(world, "contoso")
    world.target = cache.target(host="contoso.redis.cache.windows.com")


@scenario(
    "wrong-hostname.label", "The name has the right form and belongs to nobody", service="redis"
)
def label(world: World) -> None:
    """The staging server is called redis-staging; the setting says redis-stagging."""
    server = plain_redis(world, "redis-staging.example.net")
    world.target = server.target(host="redis-stagging.example.net", form="url")
