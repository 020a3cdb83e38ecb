"""Writes go to a read-only secondary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario("geo-secondary-readonly", "The client is given the name of the secondary", service="acr")
def build(world: World) -> None:
    """After the last exercise the roles were left reversed; the application still has the old name."""
    primary = world.server(password="a-link-between-caches")  # noqa: S106  # of a server that lives a second
    world.secret("a-link-between-caches")
    acr(world, "contoso", replica_of=primary, config=("masterauth a-link-between-caches",))
