"""The server is too busy to answer in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import plain_redis
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario("server-overloaded", "A slow command holds the server's one thread", service="redis")
def build(world: World) -> None:
    """Somebody asks for every key by pattern, on a server with forty million of them."""
    server = plain_redis(world)
    world.once_up(server.server.freeze)


@scenario(
    "server-overloaded.tls", "The same behind TLS, whose handshake waits as well", service="redis"
)
def tls(world: World) -> None:
    """The handshake is done by the thread that is busy."""
    server = plain_redis(world, port=6380, tls=True)
    world.once_up(server.server.freeze)
