"""The server is still reading its data into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import plain_redis
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario("server-loading", "The server was restarted, and reads a large data set", service="redis")
def build(world: World) -> None:
    """The machine was rebooted for a kernel update; the snapshot takes a while."""
    plain_redis(world, loading_s=20.0)
