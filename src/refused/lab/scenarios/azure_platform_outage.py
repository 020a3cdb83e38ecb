"""Azure itself has a fault that takes the cache with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, amr
from refused.lab.fronts import Silent
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.arm.state import State
    from refused.lab.world import World

UNKNOWN = "how a cache looks whose node or region is lost: here it answers nobody"


@scenario(
    "azure-platform-outage",
    "The node is lost, and Resource Health says so",
    service="acr",
    unknown=UNKNOWN,
)
def build(world: World) -> None:
    """Since ten minutes ago nobody is answered; nobody changed anything."""
    cache = acr(world, "contoso")
    world.at(cache.address, cache.port, Silent())

    def lost(state: State) -> None:
        from refused.lab.arm import health

        health.set_health(
            state,
            cache.id,
            "Unavailable",
            title="Unavailable: the node does not answer",
            reason="Unplanned",
            ago_s=600,
        )

    world.once_up(lambda: lost(world.arm))


@scenario(
    "azure-platform-outage.region",
    "An incident of the region, in Service Health",
    service="amr",
    unknown=UNKNOWN,
)
def region(world: World) -> None:
    """A cooling unit failed; Resource Health of the cache does not know it yet."""
    cache = amr(world, "fabrikam", policy="EnterpriseCluster")
    world.at(cache.address, cache.port, Silent())

    def incident(state: State) -> None:
        from refused.lab.arm import health

        health.service_event(
            state,
            "VT4K-9P0",
            "Azure Managed Redis: connections fail in West Europe",
            service="Azure Managed Redis",
            ago_s=1800,
        )
        health.set_health(state, cache.id, "Unknown", reason="Unplanned", ago_s=600)

    world.once_up(lambda: incident(world.arm))
