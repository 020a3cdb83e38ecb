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
