"""The connection-tracking table is full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr
from refused.lab.fronts import Flaky
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario("conntrack-table-full", "The node tracks as many connections as it can", service="acr")
def build(world: World) -> None:
    """A batch job on the same node opens a connection per record."""
    cache = acr(world, "contoso")
    world.at(cache.address, 6380, Flaky(cache.front, "xxx."))
    world.host_file("/proc/sys/net/netfilter/nf_conntrack_count", "65530\n")
    world.host_file("/proc/sys/net/netfilter/nf_conntrack_max", "65536\n")
