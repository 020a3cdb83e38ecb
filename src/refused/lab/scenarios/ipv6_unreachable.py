"""The client is given IPv6 addresses, and IPv6 leads nowhere from here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import plain_redis
from refused.lab.fronts import Unreachable
from refused.lab.names import Entry
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario(
    "ipv6-unreachable",
    "The name has only an IPv6 address, and this network has no IPv6",
    service="redis",
)
def build(world: World) -> None:
    """The server moved to a network of both families; the office has only the old one."""
    server = plain_redis(world, "redis.example.net")
    world.zone.says(server.host, Entry(aaaa=("2001:db8::20",)))
    world.at("2001:db8::20", 6379, Unreachable("network"))
