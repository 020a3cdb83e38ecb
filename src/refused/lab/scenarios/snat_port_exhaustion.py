"""The way out has no port left for one more connection to this server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr
from refused.lab.fronts import Flaky
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario(
    "snat-port-exhaustion",
    "Some dials from the cluster find a port on the way out, and some do not",
    service="acr",
)
def build(world: World) -> None:
    """Forty pods with a pool of fifty each share one outbound address."""
    cache = acr(world, "contoso")
    world.at(cache.address, 6380, Flaky(cache.front, "x.x."))
    world.client_environ["KUBERNETES_SERVICE_HOST"] = "10.0.0.1"
