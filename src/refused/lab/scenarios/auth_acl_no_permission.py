"""The user that the client logs in as may not run the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, let_in, plain_redis
from refused.lab.scenario import scenario
from refused.lab.scenarios.auth_entra_token_expired import OBJECT_ID, token

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario("auth-acl-no-permission", "A policy of one's own lacks PING", service="acr")
def build(world: World) -> None:
    """The custom policy lists what the application calls, and not what its library does."""
    live = world.secret(token(3600))
    cache = acr(world, "contoso", users=[f"{OBJECT_ID} on >{live} ~* +get +set +info"])
    world.target = cache.target(key=live, extra=f",user={OBJECT_ID}")
    let_in(world, cache, OBJECT_ID, "app", "+get +set +info")


@scenario(
    "auth-acl-no-permission.own", "An ACL user of one's own server may only read", service="redis"
)
def own(world: World) -> None:
    """The user was made for a dashboard, and the worker borrowed it."""
    password = world.secret()
    server = plain_redis(world, users=[f"reader on >{password} ~* +get +mget"])
    login = password.replace("/", "%2F").replace("+", "%2B").replace("=", "%3D")
    world.target = f"redis://reader:{login}@{server.host}:{server.port}"
