"""This host has no local port left to dial with."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from refused.lab import kernel
from refused.lab.azure import plain_redis
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario(
    "ephemeral-port-or-fd-exhaustion",
    "A leak holds every local port towards the server",
    service="redis",
    needs=("kernel",),
)
def build(world: World) -> None:
    """Each request opens a connection, and none is closed."""
    plain_redis(world, "redis.example.net")
    held: list[socket.socket] = []

    def leak() -> None:
        # Below what Linux gives out by itself (32768 and up): no server of this world is there yet.
        kernel.run("sysctl", "-w", "net.ipv4.ip_local_port_range=20000 20020")
        for port in range(20000, 20021):
            taken = socket.socket()
            taken.bind(("", port))
            held.append(taken)

    world.once_up(leak)
    world.at_end(lambda: _let_go(held))


def _let_go(held: list[socket.socket]) -> None:
    for each in held:
        each.close()
