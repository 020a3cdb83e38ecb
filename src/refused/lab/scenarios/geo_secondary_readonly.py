"""Writes go to a read-only secondary."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from refused.lab.azure import acr
from refused.lab.azure_network import link
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.servers import Server
    from refused.lab.world import World


@scenario("geo-secondary-readonly", "The client is given the name of the secondary", service="acr")
def build(world: World) -> None:
    """After the last exercise the roles were left reversed; the application still has the old name."""
    primary = world.server()
    cache = acr(world, "contoso", sku=("Premium", "P", 1), replica_of=primary)
    link(world, cache, "contoso-primary")
    world.once_up(lambda: _follow(cache.server, primary))


def _follow(server: Server, primary: Server) -> None:
    """Wait until the replica has its first copy."""
    # Both start at once, and the primary may not have had its port when the replica asked for it.
    server.command("REPLICAOF", "127.0.0.1", primary.port)
    for _ in range(500):
        said = server.command("INFO", "replication")
        if b"master_link_status:up" in (said if isinstance(said, bytes) else str(said).encode()):
            return
        time.sleep(0.02)
    raise RuntimeError("the replica does not follow its primary")
