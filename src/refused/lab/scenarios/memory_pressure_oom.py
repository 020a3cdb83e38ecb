"""The server's memory is full, and writes are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import plain_redis
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.servers import Server
    from refused.lab.world import World


@scenario(
    "memory-pressure-oom",
    "The data has reached the limit, and nothing may be evicted",
    service="redis",
)
def build(world: World) -> None:
    """Sessions were stored without a time to live, for a year."""
    server = plain_redis(world, maxmemory_bytes=3_000_000)
    world.once_up(lambda: _fill(server.server))


def _fill(server: Server) -> None:
    """Store sessions until the server takes no more."""
    for at in range(10_000):
        try:
            reply = server.command("SET", f"session:{at}", "x" * 4000)
        except Exception as refusal:  # the server's own word for it
            if "OOM" in str(refusal):
                return
            raise
        if "OOM" in str(reply):
            return
