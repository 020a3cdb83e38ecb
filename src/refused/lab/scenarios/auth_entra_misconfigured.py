"""The cache does not accept the Microsoft Entra identity that the client logs in with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, amr, let_in, plain_redis
from refused.lab.scenario import scenario
from refused.lab.scenarios.auth_entra_token_expired import OBJECT_ID, token

if TYPE_CHECKING:
    from refused.lab.world import World

APPLICATION_ID = "b5c1d0a9-0e55-4c44-8f5e-9f3f4b6b8a10"


@scenario(
    "auth-entra-misconfigured",
    "The user name is the application's id, not the object id",
    service="acr",
)
def build(world: World) -> None:
    """Both ids look alike in the portal."""
    cache = acr(world, "contoso")
    let_in(world, cache, OBJECT_ID)
    world.target = cache.target(key=world.secret(token(3600)), extra=f",user={APPLICATION_ID}")


@scenario("auth-entra-misconfigured.no-policy", "The identity has no access policy", service="amr")
def no_policy(world: World) -> None:
    """The template makes the identity and the cache, and nothing between them."""
    cache = amr(world, "fabrikam", policy="NoCluster", access_keys=False)
    world.target = cache.target(key=world.secret(token(3600)), extra=f",user={OBJECT_ID}")


@scenario(
    "auth-entra-misconfigured.audience", "The token is meant for the control plane", service="acr"
)
def audience(world: World) -> None:
    """The token came from the same helper that calls the management API."""
    cache = acr(world, "contoso")
    let_in(world, cache, OBJECT_ID)
    other = world.secret(token(3600, audience="https://management.azure.com/"))
    world.target = cache.target(key=other, extra=f",user={OBJECT_ID}")


@scenario(
    "auth-entra-misconfigured.enterprise",
    "The Enterprise tier has no login with Entra",
    service="acre",
    unknown="with which words the Enterprise tier refuses a user that it does not have",
)
def enterprise(world: World) -> None:
    """The guide that was followed is for another tier."""
    host = "contoso.westeurope.redisenterprise.cache.azure.net"
    cache = plain_redis(world, host, port=10000, tls=True, password=world.secret())
    world.target = cache.target(key=world.secret(token(3600)), extra=f",user={OBJECT_ID}")
