"""One side speaks TLS and the other plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, amr, plain_redis
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario("tls-plaintext-mixup", "The client speaks TLS to a plain port", service="redis")
def build(world: World) -> None:
    """The template for production says rediss://; the test server has no TLS."""
    server = plain_redis(world, "redis.example.net")
    world.target = server.target(tls=True, form="url")


@scenario(
    "tls-plaintext-mixup.with-password", "The same, and the server has a password", service="redis"
)
def with_password(world: World) -> None:
    """The server answers a plain PING with NOAUTH, which is an answer as well."""
    server = plain_redis(world, "redis.example.net", port=6390, password=world.secret())
    world.target = server.target(tls=True, form="url")


@scenario(
    "tls-plaintext-mixup.plain-client",
    "The client speaks plain text to the TLS port",
    service="acr",
)
def plain_client(world: World) -> None:
    """The port was moved to 6380, and ssl=True was forgotten."""
    cache = acr(world, "contoso")
    world.target = cache.target(tls=False)


@scenario(
    "tls-plaintext-mixup.own-tls",
    "A plain client meets a server of one's own that has TLS",
    service="redis",
)
def own_tls(world: World) -> None:
    """Operations switched TLS on overnight; the worker's URL still begins with redis://."""
    server = plain_redis(world, "redis.example.net", port=7379, tls=True)
    world.target = server.target(tls=False, form="url")


@scenario(
    "tls-plaintext-mixup.managed",
    "clientProtocol is Plaintext, and the client speaks TLS",
    service="amr",
    unknown="whether the proxy of Managed Redis is silent at a TLS hello, as a Redis server is",
)
def managed(world: World) -> None:
    """A benchmark was run without encryption, and the setting stayed."""
    cache = amr(world, "fabrikam", policy="NoCluster")
    world.at(cache.address, 10000, cache.plain)
    if world.control_plane:
        database = world.documents[cache.database.lower()]
        database["properties"]["clientProtocol"] = "Plaintext"
