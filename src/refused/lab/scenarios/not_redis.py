"""What answers at this port is not Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import plain_redis
from refused.lab.fronts import Banner, Front, Http, Tls
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario("not-redis", "A web server answers", service="redis")
def build(world: World) -> None:
    """The load balancer's port 6379 leads to the wrong group of machines."""
    _instead(world, Http())


@scenario("not-redis.ssh", "An SSH server answers", service="redis")
def ssh(world: World) -> None:
    """Host and port of the jump host were pasted into the wrong field."""
    _instead(world, Banner(b"SSH-2.0-OpenSSH_9.6\r\n"), port=22)


@scenario("not-redis.mysql", "A MySQL server answers", service="redis")
def mysql(world: World) -> None:
    """The tunnel forwards the database that stands in the next line."""
    greeting = (
        b"\x0a8.0.36\x00\x08\x00\x00\x00abcdefgh\x00\xff\xf7\xff\x02\x00\xff\xdf\x15" + bytes(10)
    )
    rest = b"ijklmnopqrst\x00caching_sha2_password\x00"
    body = greeting + rest
    _instead(world, Banner(len(body).to_bytes(3, "little") + b"\x00" + body), port=3306)


@scenario("not-redis.tls-client", "A TLS client meets a web server without TLS", service="redis")
def tls_client(world: World) -> None:
    """The ingress has only its plain port open."""
    server = plain_redis(world, "redis.example.net", port=8080)
    world.at(server.address, server.port, Http())
    world.target = server.target(tls=True, form="url")


@scenario("not-redis.https", "A web server with TLS answers", service="redis")
def https(world: World) -> None:
    """The name of the dashboard was taken for that of the cache."""
    server = plain_redis(world, "redis.example.net", port=443, tls=True)
    world.at(server.address, 443, Tls(Http(), world.authority().issue(server.host)))


def _instead(world: World, front: Front, port: int = 6379) -> None:
    server = plain_redis(world, "redis.example.net", port=port)
    world.at(server.address, port, front)
