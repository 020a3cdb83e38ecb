"""Something on the client's side of the network holds the connection back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab import kernel
from refused.lab.azure import acr, plain_redis
from refused.lab.fronts import Silent
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.fronts import Call, Front
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


@scenario(
    "egress-blocked.office",
    "The office lets 443 out, and nothing of Redis; from everywhere else it works",
    service="acr",
)
def office(world: World) -> None:
    """Developers see time-outs at their desks, and none at home."""
    cache = acr(world, "contoso")

    def filtered(front: Front, call: Call) -> Front:
        return Silent() if call.port in (6379, cache.port) else front

    world.vantage("office", "192.0.2.44", way=filtered)
    world.vantage("home", "198.51.100.77")
