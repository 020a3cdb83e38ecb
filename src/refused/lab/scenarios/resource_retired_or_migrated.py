"""The cache was retired or moved to Azure Managed Redis, and the client still uses what it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import GROUP_ID, amr, happened
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario(
    "resource-retired-or-migrated",
    "The cache was made anew as a Managed Redis, and the old one deleted",
    service="acr",
)
def build(world: World) -> None:
    """The team that moved it left one service out, which still asks for the old name."""
    cache = amr(world, "contoso", policy="EnterpriseCluster")
    world.target = cache.target(host="contoso.redis.cache.windows.net", port=6380)
    old = f"{GROUP_ID}/providers/Microsoft.Cache/Redis/contoso"
    happened(world, old, "Microsoft.Cache/redis/delete", 3 * 86_400.0)
