"""The client logs in with a key that is not the cache's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, amr, happened, plain_redis
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
    happened(world, cache.id, "Microsoft.Cache/redis/regenerateKey/action", 86_400)


@scenario("auth-wrong-key.quoted", "The key stands in quotes", service="acr")
def quoted(world: World) -> None:
    """An environment file keeps its quotes in one shell and loses them in another."""
    cache = acr(world, "contoso")
    world.target = cache.target(key=f'"{cache.key}"')


@scenario(
    "auth-wrong-key.escaped", "The key was escaped for a URL, and is used in none", service="amr"
)
def escaped(world: World) -> None:
    """The key was copied out of a rediss:// URL into a connection string."""
    cache = amr(world, "fabrikam", policy="NoCluster")
    key = str(cache.key).replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    world.target = cache.target(key=world.secret(key))


@scenario(
    "auth-wrong-key.no-password", "The server has no password, and is sent one", service="redis"
)
def no_password(world: World) -> None:
    """The server on the developer's machine is open; the setting came from production."""
    server = plain_redis(world, "redis.example.net")
    world.target = server.target(key=world.secret(), form="url")


@scenario(
    "auth-wrong-key.switched-off",
    "A Managed Redis was made with access keys off, and the client has a key",
    service="amr",
)
def switched_off(world: World) -> None:
    """A newer API version has another default, and the template never said which it wants."""
    cache = amr(world, "fabrikam", policy="NoCluster", access_keys=False)
    world.target = cache.target()


@scenario(
    "auth-wrong-key.made-anew",
    "The database was made anew for another clustering policy, and with it both keys",
    service="amr",
)
def made_anew(world: World) -> None:
    """The plan said that one setting is updated in place; the keys in the vault are the old ones."""
    cache = amr(world, "fabrikam", policy="NoCluster")
    world.target = cache.target(key=world.secret())
    for action, ago_s in (("delete", 1500), ("write", 1200)):
        happened(
            world, cache.database, f"Microsoft.Cache/redisEnterprise/databases/{action}", ago_s
        )
