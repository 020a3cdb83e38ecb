"""Small packets pass and large ones vanish on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr
from refused.lab.fronts import LargeRepliesLost
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario("mtu-blackhole", "A tunnel on the way loses every packet of full size", service="acr")
def build(world: World) -> None:
    """The VPN was moved to another provider, and ICMP is filtered on the way."""
    cache = acr(world, "contoso")
    world.at(cache.address, 6380, LargeRepliesLost(cache.front, 600))
