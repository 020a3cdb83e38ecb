"""The resolver does not answer, or cannot tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario("dns-resolver-failure", "The resolver is silent", service="acr")
def build(world: World) -> None:
    """The domain controller that serves DNS was patched overnight and did not come back."""
    acr(world, "contoso")
    world.zone.trouble = "silent"


@scenario(
    "dns-resolver-failure.servfail",
    "The resolver cannot reach the one it forwards to",
    service="acr",
)
def servfail(world: World) -> None:
    """The forwarder points at an address that was retired."""
    acr(world, "contoso")
    world.zone.trouble = "servfail"
