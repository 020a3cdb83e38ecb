"""The client logs in with a key that is not the cache's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario(
    "auth-wrong-key", "The key was regenerated, and the client has the old one", service="acr"
)
def build(world: World) -> None:
    """The platform team rolled both keys on Friday; the application still has Thursday's."""
    cache = acr(world, "contoso")
    world.target = cache.target(key=world.secret())
