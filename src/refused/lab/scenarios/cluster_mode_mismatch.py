"""A plain client talks to a cluster, or a cluster client to a server that is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, amr
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario(
    "cluster-mode-mismatch",
    "A plain client on a Managed Redis under the OSS cluster policy",
    service="amr",
)
def build(world: World) -> None:
    """The cache was moved to Managed Redis with its defaults; the client library stayed."""
    cache = amr(world, "fabrikam")
    world.target = cache.target(form="url")


@scenario(
    "cluster-mode-mismatch.plain-server",
    "A cluster client on a cache that is no cluster",
    service="acr",
    options={"cluster": True},
)
def plain_server(world: World) -> None:
    """The code was written for the cluster of the other team."""
    cache = acr(world, "contoso")
    world.target = cache.target(form="url")


@scenario(
    "cluster-mode-mismatch.enterprise",
    "A cluster client under the Enterprise policy",
    service="amr",
    options={"cluster": True},
)
def enterprise(world: World) -> None:
    """The policy was chosen for the old clients, and the new ones expect a topology."""
    cache = amr(world, "fabrikam", policy="EnterpriseCluster")
    world.target = cache.target(form="url")
