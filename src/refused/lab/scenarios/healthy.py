"""Nothing is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, amr
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario("healthy", "An Azure Cache for Redis as it should be", service="acr")
def build(world: World) -> None:
    """The application works; somebody only wants to know."""
    acr(world, "contoso")


@scenario(
    "healthy.amr-cluster",
    "An Azure Managed Redis under the OSS cluster policy, and a client that knows clusters",
    service="amr",
    options={"cluster": True},
)
def amr_cluster(world: World) -> None:
    """The team has moved to Managed Redis and its client follows redirections."""
    amr(world, "fabrikam")
