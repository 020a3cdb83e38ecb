"""The cache's firewall rules do not hold this client's address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, happened
from refused.lab.fronts import CloseAfterAccept, ResetAfterAccept
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
    acr(world, "contoso", rules={"office": OFFICE})
    world.vantage("here", CLIENT_IP)
    world.vantage("office", OFFICE)


@scenario(
    "firewall-ip-blocked.alone",
    "The same, with nobody else to compare with",
    service="acr",
    unknown=UNKNOWN,
    control_plane=False,
)
def alone(world: World) -> None:
    """Only the cluster can be asked, at three in the morning."""
    acr(world, "contoso", rules={"office": OFFICE})


@scenario(
    "firewall-ip-blocked.reset",
    "The rules let the dial in and reset it",
    service="acr",
    unknown=UNKNOWN,
)
def reset(world: World) -> None:
    """The same rule, with the other face that reports tell of."""
    acr(world, "contoso", rules={"office": OFFICE}, turned_away=ResetAfterAccept())
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
    acr(world, "contoso", rules={"office": OFFICE}, turned_away=CloseAfterAccept())
    world.vantage("here", CLIENT_IP)
    world.vantage("office", OFFICE)


@scenario(
    "firewall-ip-blocked.deleted",
    "The rule for the client was deleted a few minutes ago",
    service="acr",
    unknown=UNKNOWN,
)
def deleted(world: World) -> None:
    """Somebody tidied up the rules, and took the one of the application for an old one."""
    cache = acr(world, "contoso", rules={"office": OFFICE})
    world.vantage("here", CLIENT_IP)
    world.vantage("office", OFFICE)
    rule = f"{cache.id}/firewallRules/app"
    happened(world, rule, "Microsoft.Cache/redis/firewallRules/delete", 240)
