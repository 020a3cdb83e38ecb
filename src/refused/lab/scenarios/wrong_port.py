"""The client dials a port on which the service does not listen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import amr
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario(
    "wrong-port",
    "An Azure Managed Redis dialled at the port of Azure Cache for Redis",
    service="amr",
    unknown="whether a closed port of the real service refuses or is silent",
)
def build(world: World) -> None:
    """The application moved from contoso:6380 to Managed Redis; only the host name was changed."""
    cache = amr(world, "fabrikam", policy="EnterpriseCluster")
    world.target = cache.target(port=6380)
