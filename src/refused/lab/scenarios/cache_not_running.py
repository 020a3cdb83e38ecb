"""The cache does not exist any more, or is not in service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import GROUP_ID, acr, amr, happened
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario("cache-not-running", "The cache was deleted, and its name went with it", service="acr")
def build(world: World) -> None:
    """A clean-up of old resource groups took one that was not old."""
    cache = acr(world, "contoso")
    world.target = cache.target(host="contoso-sessions.redis.cache.windows.net")
    world.resource = f"{GROUP_ID}/providers/Microsoft.Cache/Redis/contoso-sessions"
    happened(
        world, world.resource, "Microsoft.Cache/redis/delete", 1200, "clean-up@contoso.example"
    )


@scenario(
    "cache-not-running.disabled",
    "The instance is disabled",
    service="amr",
    unknown="whether an instance that is disabled is silent or refuses",
)
def disabled(world: World) -> None:
    """The bill of the subscription was not paid, and nobody told the application."""
    cache = amr(world, "fabrikam", policy="EnterpriseCluster")
    if world.control_plane:
        world.documents[cache.id.lower()]["properties"]["resourceState"] = "Disabled"


@scenario(
    "cache-not-running.made-anew",
    "The database of a Managed Redis is being made anew",
    service="amr",
    unknown="whether an instance without a database is silent or refuses",
)
def made_anew(world: World) -> None:
    """A change of the clustering policy was planned as an update, and is a new database without the data."""
    cache = amr(world, "fabrikam", policy="NoCluster")
    if world.control_plane:
        for id_ in (cache.id, cache.database):
            said = world.documents[id_.lower()]["properties"]
            said["provisioningState"] = said["resourceState"] = "Creating"
    for action, ago_s in (("delete", 200), ("write", 120)):
        happened(
            world, cache.database, f"Microsoft.Cache/redisEnterprise/databases/{action}", ago_s
        )
