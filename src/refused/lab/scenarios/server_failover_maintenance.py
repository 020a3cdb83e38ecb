"""The server is failing over, restarting or being patched."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from refused.lab.azure import acr, happened, plain_redis
from refused.lab.fronts import Answers, Ended, Flaky, Refuse, Tls
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.azure import Cache
    from refused.lab.servers import Server
    from refused.lab.world import World


UNKNOWN = "the order of refusals and resets during Azure's own failovers"


@scenario(
    "server-failover-maintenance",
    "A node restarts, and dials are refused for a moment",
    service="acr",
    unknown=UNKNOWN,
)
def build(world: World) -> None:
    """It is patch night; for some seconds the front door leads to a node that is not up."""
    cache = acr(world, "contoso")
    world.at(cache.address, 6380, Flaky(cache.front, "x.x.", Refuse()))


@scenario(
    "server-failover-maintenance.cut",
    "The connection is cut in the middle of the login",
    service="acr",
    unknown=UNKNOWN,
)
def cut(world: World) -> None:
    """The primary steps down just as the client arrives."""
    _cut_at_ping(world)


@scenario(
    "server-failover-maintenance.rebooted",
    "A node was rebooted by hand, and the connection ended there",
    service="acr",
    unknown=UNKNOWN,
)
def rebooted(world: World) -> None:
    """Somebody wanted to know what the application does; nobody had told those on call."""
    cache = _cut_at_ping(world)
    happened(world, cache.id, "Microsoft.Cache/redis/forceReboot/action", 20)


@scenario(
    "server-failover-maintenance.primary-lost",
    "A replica has lost its primary, and serves nothing meanwhile",
    service="redis",
)
def primary_lost(world: World) -> None:
    """The primary's machine went down; the sentinels have not agreed yet."""
    primary = world.server()
    own = plain_redis(
        world,
        "replica.example.net",
        replica_of=primary,
        config=("replica-serve-stale-data no", "repl-timeout 5"),
    )
    world.once_up(primary.kill)
    world.once_up(lambda: _lose_link(own.server))


def _cut_at_ping(world: World) -> Cache:
    """Make a cache that ends a connection in the middle of its first conversation."""
    shown = world.authority().issue("*.redis.cache.windows.net")
    cache = acr(world, "contoso", certificate=shown)
    world.at(cache.address, 6380, Tls(Answers(cache.plain, {"PING": Ended("reset")}), shown))
    return cache


def _lose_link(server: Server) -> None:
    """Wait until the replica has noticed."""
    for _ in range(200):
        said = server.command("INFO", "replication")
        if b"master_link_status:down" in (said if isinstance(said, bytes) else str(said).encode()):
            return
        time.sleep(0.02)
    raise RuntimeError("the replica has not noticed that its primary is gone")
