"""Something on the client's side of the network holds the connection back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab import kernel
from refused.lab.azure import acr, plain_redis
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario(
    "egress-blocked",
    "This host's own packet filter drops the port",
    service="acr",
    needs=("kernel",),
)
def build(world: World) -> None:
    """A hardening script allows 443 out, and nothing else."""
    cache = acr(world, "contoso")
    world.once_up(lambda: kernel.filter_output(f"ip daddr {cache.address} tcp dport 6380 drop"))


@scenario(
    "egress-blocked.rejected",
    "This host's own packet filter rejects the port",
    service="redis",
    needs=("kernel",),
)
def rejected(world: World) -> None:
    """The same script, with a reject in place of the drop."""
    server = plain_redis(world, "redis.example.net")
    world.once_up(
        lambda: kernel.filter_output(
            f"ip daddr {server.address} tcp dport 6379 reject with icmp type admin-prohibited"
        )
    )
