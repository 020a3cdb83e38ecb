"""The server is failing over, restarting or being patched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr
from refused.lab.fronts import Answers, Ended, Flaky, Refuse, Tls
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


UNKNOWN = "the order of refusals and resets during Azure's own failovers"


@scenario(
    "server-failover-maintenance",
    "A node restarts, and dials are refused for a moment",
    service="acr",
    unknown=UNKNOWN,
)
def build(world: World) -> None:
    """It is patch night; for some seconds the front door leads to a node that is not up."""
    cache = acr(world, "contoso")
    world.at(cache.address, 6380, Flaky(cache.front, "x.x.", Refuse()))


@scenario(
    "server-failover-maintenance.cut",
    "The connection is cut in the middle of the login",
    service="acr",
    unknown=UNKNOWN,
)
def cut(world: World) -> None:
    """The primary steps down just as the client arrives."""
    shown = world.authority().issue("*.redis.cache.windows.net")
    cache = acr(world, "contoso", certificate=shown)
    world.at(
        cache.address,
        6380,
        Tls(Answers(cache.plain, {"PING": Ended("reset")}), shown),
    )
