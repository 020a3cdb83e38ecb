"""The server has no room for one more connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, plain_redis
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


@scenario(
    "max-clients-reached.plain", "A server of one's own is full, and says so", service="redis"
)
def plain(world: World) -> None:
    """The limit in the unit file is that of a test machine."""
    own = plain_redis(world, maxclients=12)
    world.hold(own.server, 12)


@scenario(
    "max-clients-reached.own-tls",
    "The same with TLS, where the words do not come through",
    service="redis",
)
def own_tls(world: World) -> None:
    """With TLS switched on, the sentence in the log of the application was lost as well."""
    own = plain_redis(world, "cache.example.net", port=6390, tls=True, maxclients=12)
    world.hold(own.server, 12)
    world.vantage()
    world.vantage("office", "203.0.113.99")
