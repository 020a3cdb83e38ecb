"""Packets to the server's address get lost on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab import kernel
from refused.lab.azure import PRIVATE_ADDRESS, acr, plain_redis, private_endpoint
from refused.lab.azure_network import send_nowhere
from refused.lab.fronts import Silent
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario(
    "route-blackhole",
    "This host has a black-hole route to the server",
    service="redis",
    needs=("kernel",),
)
def build(world: World) -> None:
    """A VPN client left a route behind when it ended."""
    server = plain_redis(world, "redis.internal.example", address="10.2.0.7")
    world.once_up(lambda: kernel.run("ip", "address", "del", f"{server.address}/32", "dev", "lo"))
    world.once_up(lambda: kernel.run("ip", "route", "add", "blackhole", "10.2.0.0/16"))


@scenario(
    "route-blackhole.silent",
    "Nothing that is sent to the address arrives, on any port",
    service="redis",
)
def silent(world: World) -> None:
    """The peering of the two networks was deleted with the old subscription."""
    server = plain_redis(world, "redis.internal.example", address="10.2.0.7")
    world.at(server.address, 6379, Silent())
    world.closed(server.address, Silent())


@scenario(
    "route-blackhole.table",
    "A route table of the client's subnet sends the endpoint's address nowhere",
    service="acr",
)
def table(world: World) -> None:
    """Somebody closed the way to the old data network, whose addresses were given out again."""
    private_endpoint(world, acr(world, "contoso"))
    send_nowhere(world, "clients", f"{PRIVATE_ADDRESS}/32")
