"""The cache moves as many bytes as its size can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, crowd
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.arm.state import State
    from refused.lab.world import World

# A Standard C1 was measured at 500 Mb/s, which is 62.5 million bytes a second.
CEILING = 62_500_000


@scenario(
    "bandwidth-exceeded",
    "A nightly report reads every basket, and all the others wait",
    service="acr",
    unknown="how Azure holds back what exceeds a size's bandwidth: here every answer waits its turn",
)
def build(world: World) -> None:
    """The server itself has little to do; the bytes on their way out stand in a queue."""
    cache = acr(world, "contoso")
    crowd(world, cache, 1.2)

    def measured(state: State) -> None:
        from refused.lab.arm import monitor

        monitor.record(state, cache.id, "cacheRead", last=[CEILING * 0.98] * 20, level=2e6)
        monitor.record(state, cache.id, "cacheWrite", level=1e6)
        monitor.record(state, cache.id, "serverLoad", level=30)

    world.once_up(lambda: measured(world.arm))
