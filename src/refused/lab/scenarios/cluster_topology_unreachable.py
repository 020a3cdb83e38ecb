"""The front door works, and the nodes it names cannot be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, amr
from refused.lab.azure_network import guard, inject, rule
from refused.lab.cluster import Node
from refused.lab.fronts import Silent, Unreachable
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario(
    "cluster-topology-unreachable",
    "The firewall lets 10000 through, and not the node ports",
    service="amr",
    options={"cluster": True},
)
def build(world: World) -> None:
    """The rule was written for the port in the connection string."""
    cache = amr(world, "fabrikam")
    for node in (8500, 8501, 8502):
        world.at(cache.address, node, Silent())


@scenario(
    "cluster-topology-unreachable.one",
    "One node's port is closed on the way",
    service="acr",
    options={"cluster": True},
)
def one(world: World) -> None:
    """The cache was scaled to three shards; the rules know of two."""
    cache = acr(world, "contoso", shards=3)
    world.at(cache.address, 15002, Silent())


@scenario(
    "cluster-topology-unreachable.inside",
    "The nodes announce addresses that hold only among themselves",
    service="redis",
    options={"cluster": True},
)
def inside(world: World) -> None:
    """The cluster runs in containers; only its front door was published."""
    cluster = world.cluster([Node(f"172.18.0.{at}", 6379) for at in (2, 3, 4)])
    world.at("198.51.100.20", 6379, cluster.front(0))
    for node in cluster.nodes:
        world.at(node.address, node.port, Unreachable("network"))
    world.zone.a("redis.example.net", "198.51.100.20")
    world.target = "redis://redis.example.net:6379"


@scenario(
    "cluster-topology-unreachable.scaled",
    "After a scaling the nodes announce ports that the security group does not know",
    service="acr",
    options={"cluster": True},
    unknown="why an injected cache announces ports outside of the documented ranges",
)
def scaled(world: World) -> None:
    """The rules let the documented ports in; time-outs began with the larger size."""
    inject(world, "contoso", shards=3, node_ports=10221)
    ports = {"destinationPortRange": None}
    documented = ["6379-6380", "13000-13999", "15000-15999"]
    allow = rule(
        "AllowRedis", 100, "Inbound", "Allow", "", destinationPortRanges=documented, **ports
    )
    guard(world, "caches", [allow, rule("DenyRest", 4000, "Inbound", "Deny", "*")])
