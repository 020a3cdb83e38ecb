"""The client sends no credentials to a server that demands them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, plain_redis
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario("auth-missing", "The connection string has no password", service="acr")
def build(world: World) -> None:
    """The secret was to come from a vault, and the reference resolves to nothing."""
    cache = acr(world, "contoso")
    world.target = cache.target(key="")


@scenario("auth-missing.own", "A server of one's own was given a password", service="redis")
def own(world: World) -> None:
    """An audit asked for requirepass; the worker's options were not changed."""
    server = plain_redis(world, "cache.example.net", password=world.secret())
    world.target = server.target(key="", extra=",connectTimeout=3000")
