"""Client and server have no TLS version in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, plain_redis
from refused.lab.fronts import Tls
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario("tls-version-mismatch", "The client stops at TLS 1.1", service="acr")
def build(world: World) -> None:
    """An old service names its protocols, as one had to long ago."""
    cache = acr(world, "contoso")
    world.target = cache.target(extra=",sslProtocols=Tls11")


@scenario(
    "tls-version-mismatch.old-server",
    "The server knows nothing newer than TLS 1.1",
    service="redis",
)
def old_server(world: World) -> None:
    """An appliance in front of the server has not been updated for ten years."""
    server = plain_redis(world, "redis.example.net", tls=True)
    certificate = world.authority().issue(server.host)
    old = Tls(server.plain, certificate, min_version="1.0", max_version="1.1")
    world.at(server.address, server.port, old)
