"""The client stays with an address that is no longer the cache's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario(
    "ip-address-changed", "A line of the hosts file holds the address of last year", service="acr"
)
def build(world: World) -> None:
    """To get round a DNS fault somebody wrote the address down; then the cache was scaled."""
    cache = acr(world, "contoso")
    world.host_file("/etc/hosts", f"127.0.0.1 localhost\n20.42.65.12 {cache.host}\n")
