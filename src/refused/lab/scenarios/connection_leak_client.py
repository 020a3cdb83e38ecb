"""A client opens connections and does not give them back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import ACR_ADDRESS, acr, plain_redis
from refused.lab.host import TCP_TABLE, Socket, tcp_table
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario(
    "connection-leak-client",
    "This host holds hundreds of connections, and the server has no room",
    service="acr",
)
def build(world: World) -> None:
    """Each request makes a client of its own; by noon the limit of the tier is reached."""
    cache = acr(world, "contoso", maxclients=16)
    world.hold(cache.server, 16)
    rows = [Socket(f"10.1.1.20:{40000 + at}", f"{ACR_ADDRESS}:6380") for at in range(240)]
    world.host_file(TCP_TABLE, tcp_table(rows))


@scenario(
    "connection-leak-client.own",
    "The same on a server of one's own, which says that it is full",
    service="redis",
)
def own(world: World) -> None:
    """A job opens a connection for every row it reads, and closes none."""
    full = plain_redis(world, tls=True, port=6390, maxclients=16)
    world.hold(full.server, 16)
    place = f"{full.address}:{full.port}"
    rows = [Socket(f"203.0.113.7:{42000 + at}", place) for at in range(310)]
    world.host_file(TCP_TABLE, tcp_table(rows))
