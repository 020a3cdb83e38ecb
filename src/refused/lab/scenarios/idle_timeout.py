"""A quiet connection is ended, and its next use fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, plain_redis
from refused.lab.fronts import IdleClose
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario(
    "idle-timeout",
    "A middlebox ends what is quiet, here after two seconds",
    service="acr",
    options={"hold_s": 4.0},
)
def build(world: World) -> None:
    """At night nobody calls for minutes; the first call of the morning always fails."""
    cache = acr(world, "contoso")
    world.at(cache.address, 6380, IdleClose(cache.front, 2.0, "reset"))


@scenario(
    "idle-timeout.server",
    "The server itself closes quiet connections, here after two seconds",
    service="redis",
    options={"hold_s": 5.0},
)
def server(world: World) -> None:
    """The setting timeout was copied from a tuning guide."""
    plain_redis(world, config=("timeout 2",))
