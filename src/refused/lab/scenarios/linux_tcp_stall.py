"""The peer vanished without a word, and the kernel goes on sending to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import plain_redis
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
