"""The peer vanished without a word, and the kernel goes on sending to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import amr, plain_redis
from refused.lab.host import TCP_TABLE, Socket, tcp_table
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario(
    "linux-tcp-stall",
    "An open connection is sent to again and again, unanswered",
    service="redis",
    options={"deep": True},
)
def build(world: World) -> None:
    """The old primary went down without a word; the application still writes to it."""
    server = plain_redis(world)
    stuck = Socket(
        "203.0.113.7:40112", f"{server.address}:{server.port}", unsent_bytes=310, retries=9
    )
    world.host_file(TCP_TABLE, tcp_table([stuck]))


@scenario(
    "linux-tcp-stall.managed",
    "Two of many connections hang, after a failover nobody noticed",
    service="amr",
    options={"deep": True},
)
def managed(world: World) -> None:
    """A part of the workers hangs for a quarter of an hour; those that were restarted are well."""
    cache = amr(world, "fabrikam", policy="NoCluster")
    place = f"{cache.address}:{cache.port}"
    well = [Socket(f"10.1.1.20:{40000 + at}", place) for at in range(6)]
    hung = [
        Socket(f"10.1.1.20:{40100 + at}", place, unsent_bytes=90, retries=7 + at) for at in range(2)
    ]
    world.host_file(TCP_TABLE, tcp_table([*well, *hung]))
