"""A security rule in front of the server drops the port."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, plain_redis, private_endpoint
from refused.lab.azure_network import guard, inject, rule
from refused.lab.fronts import Refuse, Silent
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario(
    "vnet-nsg-blocked", "A security group lets everything through but this port", service="redis"
)
def build(world: World) -> None:
    """A new rule set came with the landing zone; 6379 was not on the list."""
    server = plain_redis(world, "redis.internal.example", address="10.2.0.7")
    world.at(server.address, 6379, Silent())
    world.closed(server.address, Refuse())


@scenario(
    "vnet-nsg-blocked.client",
    "The security group of the client's subnet denies what leaves for the endpoint",
    service="acr",
)
def client(world: World) -> None:
    """The landing zone denies everything that leaves, and 6380 was not on the list."""
    private_endpoint(world, acr(world, "contoso"))
    deny = rule("DenyAllOutbound", 4000, "Outbound", "Deny", "*")
    guard(world, "clients", [rule("AllowWeb", 100, "Outbound", "Allow", "443"), deny])


@scenario(
    "vnet-nsg-blocked.injected",
    "The security group of an injected cache's subnet lacks the client's port",
    service="acr",
)
def injected(world: World) -> None:
    """The rules for the cache's subnet were written from a list of old, without 6380."""
    inject(world, "contoso")
    deny = rule("DenyRedis", 200, "Inbound", "Deny", "6379-6380")
    guard(world, "caches", [rule("AllowNodes", 100, "Inbound", "Allow", "8443"), deny])
