"""The cluster is down: some slots have no node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.cluster import Node
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario(
    "cluster-slots-uncovered",
    "A third of the slots belongs to nobody",
    service="redis",
    options={"cluster": True},
)
def build(world: World) -> None:
    """A node was removed without moving its slots first."""
    address = "198.51.100.20"
    places = [Node(address, 7000 + at) for at in range(2)]
    cluster = world.cluster(places, slots=[[(0, 5460)], [(5461, 10922)]])
    for at, node in enumerate(places):
        world.at(address, node.port, cluster.front(at))
    world.zone.a("redis.example.net", address)
    world.target = "redis://redis.example.net:7000"
