"""The cache's firewall rules do not hold this client's address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr
from refused.lab.fronts import AllowFrom, CloseAfterAccept, ResetAfterAccept, Silent
from refused.lab.scenario import scenario
from refused.lab.world import CLIENT_IP

if TYPE_CHECKING:
    from refused.lab.world import World


UNKNOWN = "whether a firewall rule drops what it blocks, or accepts it and closes; both are played"
OFFICE = "192.0.2.44"


@scenario(
    "firewall-ip-blocked",
    "The client's outbound address is not in the rules; the office's is",
    service="acr",
    unknown=UNKNOWN,
)
def build(world: World) -> None:
    """The cluster got a NAT gateway, and with it an address that nobody added to the rules."""
    cache = acr(world, "contoso")
    world.at(cache.address, 6380, AllowFrom(cache.front, [OFFICE], Silent()))
    world.vantage("here", CLIENT_IP)
    world.vantage("office", OFFICE)


@scenario(
    "firewall-ip-blocked.alone",
    "The same, with nobody else to compare with",
    service="acr",
    unknown=UNKNOWN,
)
def alone(world: World) -> None:
    """Only the cluster can be asked, at three in the morning."""
    cache = acr(world, "contoso")
    world.at(cache.address, 6380, AllowFrom(cache.front, [OFFICE], Silent()))


@scenario(
    "firewall-ip-blocked.reset",
    "The rules let the dial in and reset it",
    service="acr",
    unknown=UNKNOWN,
)
def reset(world: World) -> None:
    """The same rule, with the other face that reports tell of."""
    cache = acr(world, "contoso")
    world.at(cache.address, 6380, AllowFrom(cache.front, [OFFICE], ResetAfterAccept()))
    world.vantage("here", CLIENT_IP)
    world.vantage("office", OFFICE)


@scenario(
    "firewall-ip-blocked.closed",
    "The rules let the dial in and close it",
    service="acr",
    unknown=UNKNOWN,
)
def closed(world: World) -> None:
    """The same rule, ending the connection without a word."""
    cache = acr(world, "contoso")
    world.at(cache.address, 6380, AllowFrom(cache.front, [OFFICE], CloseAfterAccept()))
    world.vantage("here", CLIENT_IP)
    world.vantage("office", OFFICE)
