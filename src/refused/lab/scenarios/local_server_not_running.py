"""Nothing listens: the server does not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.fronts import Refuse
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario(
    "local-server-not-running",
    "The client falls back to localhost, where no server runs",
    service="redis",
)
def build(world: World) -> None:
    """The setting REDIS_HOST is empty in the new slot, and the library has a default."""
    world.target = "redis://127.0.0.1:6379"
    world.at("127.0.0.1", 6379, Refuse())


@scenario(
    "local-server-not-running.own-host",
    "The server of the own network does not run",
    service="redis",
)
def own_host(world: World) -> None:
    """The machine was restarted, and the service is not enabled."""
    world.target = "redis://redis.internal.example:6379"
    world.zone.a("redis.internal.example", "10.2.0.7")
    world.at("10.2.0.7", 6379, Refuse())
