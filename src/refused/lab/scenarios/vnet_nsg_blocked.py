"""A security rule in front of the server drops the port."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import plain_redis
from refused.lab.fronts import Refuse, Silent
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario(
    "vnet-nsg-blocked", "A security group lets everything through but this port", service="redis"
)
def build(world: World) -> None:
    """A new rule set came with the landing zone; 6379 was not on the list."""
    server = plain_redis(world, "redis.internal.example", address="10.2.0.7")
    world.at(server.address, 6379, Silent())
    world.closed(server.address, Refuse())
