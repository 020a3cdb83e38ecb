"""The certificate is for another name than the one the client asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, amr, plain_redis, private_endpoint
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario(
    "tls-hostname-mismatch", "The client uses the name inside the private zone", service="acr"
)
def build(world: World) -> None:
    """Somebody read the name off the private DNS zone."""
    cache = acr(world, "contoso")
    private_endpoint(world, cache)
    world.target = cache.target(host="contoso.privatelink.redis.cache.windows.net")


@scenario("tls-hostname-mismatch.address", "The client dials the address", service="amr")
def address(world: World) -> None:
    """DNS was in doubt one night, and the address went into the configuration."""
    cache = amr(world, "fabrikam", policy="NoCluster")
    world.target = cache.target(host=cache.address)


@scenario("tls-hostname-mismatch.ssl-host", "sslHost names another cache", service="acr")
def ssl_host(world: World) -> None:
    """The setting was copied from a project in another cloud."""
    cache = acr(world, "contoso")
    world.target = cache.target(extra=",sslHost=contoso.redis.cache.chinacloudapi.cn")


@scenario("tls-hostname-mismatch.alias", "A company's own name leads to the cache", service="acr")
def alias(world: World) -> None:
    """A friendly name in the company's own zone was to make the next move easy."""
    cache = acr(world, "contoso")
    world.zone.chain("cache.contoso.example", cache.host, to=[cache.address])
    world.target = cache.target(host="cache.contoso.example")


@scenario(
    "tls-hostname-mismatch.own",
    "The certificate of one's own server is for its old name",
    service="redis",
)
def own(world: World) -> None:
    """The server was renamed, and its certificate was not."""
    old = world.authority().issue("cache01.example.net")
    plain_redis(world, "redis.example.net", tls=True, certificate=old)
