"""The public endpoint is switched off, and the client comes from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, amr
from refused.lab.scenario import scenario
from refused.lab.world import CLIENT_IP

if TYPE_CHECKING:
    from refused.lab.world import World


UNKNOWN = "whether a switched-off public endpoint drops what comes, or accepts it and closes"


@scenario(
    "public-access-disabled",
    "Public access to a Managed Redis was switched off",
    service="amr",
    unknown=UNKNOWN,
)
def build(world: World) -> None:
    """A policy set publicNetworkAccess to Disabled; no private endpoint was ever made."""
    amr(world, "fabrikam", policy="EnterpriseCluster", is_public=False)


@scenario(
    "public-access-disabled.acr",
    "Public access was switched off, for the office as well",
    service="acr",
    unknown=UNKNOWN,
)
def old_service(world: World) -> None:
    """Nobody gets in from outside any more: neither the cluster nor the office."""
    acr(world, "contoso", is_public=False)
    world.vantage("here", CLIENT_IP)
    world.vantage("office", "192.0.2.44")
