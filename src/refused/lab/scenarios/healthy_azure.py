"""Nothing is wrong, and the control plane says so too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario("healthy.azure", "Two caches, their networks, and a control plane to ask", service="acr")
def build(world: World) -> None:
    """The platform team shows how it is meant to be."""
    from refused.lab.arm.worlds import default

    default(world)
