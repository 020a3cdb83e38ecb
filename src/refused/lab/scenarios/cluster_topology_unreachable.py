"""The front door works, and the nodes it names cannot be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, amr
from refused.lab.fronts import Silent
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
