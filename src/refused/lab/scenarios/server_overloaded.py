"""The server is too busy to answer in time."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING

from refused.lab.azure import acr, crowd, plain_redis
from refused.lab.resp import ServerError
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.arm.state import State
    from refused.lab.resp import Conversation
    from refused.lab.servers import Server
    from refused.lab.world import World


@scenario("server-overloaded", "A slow command holds the server's one thread", service="redis")
def build(world: World) -> None:
    """Somebody asks for every key by pattern, on a server with forty million of them."""
    server = plain_redis(world)
    world.once_up(server.server.freeze)


@scenario(
    "server-overloaded.azure",
    "Azure sees the load, and the client no answer in time",
    service="acr",
)
def managed(world: World) -> None:
    """A sale began, and the smallest machine that was thought to do is not enough."""
    cache = acr(world, "contoso")
    crowd(world, cache, 1.2)
    world.once_up(lambda: _measured(world.arm, cache.id))


def _measured(state: State, cache: str) -> None:
    from refused.lab.arm import monitor

    monitor.record(state, cache, "serverLoad", last=[99.0] * 20, level=40)


@scenario(
    "server-overloaded.tls", "The same behind TLS, whose handshake waits as well", service="redis"
)
def tls(world: World) -> None:
    """The handshake is done by the thread that is busy."""
    server = plain_redis(world, port=6380, tls=True)
    world.once_up(server.server.freeze)


@scenario(
    "server-overloaded.script",
    "A script does not come to its end, and the server says so",
    service="redis",
)
def script(world: World) -> None:
    """A loop over all orders was moved into the server, to make it fast."""
    server = plain_redis(world, config=("lua-time-limit 50",))
    world.once_up(lambda: _busy(world, server.server))


def _busy(world: World, server: Server) -> None:
    """Start a script that ends when its server does, and wait until others are turned away."""
    seat = server.converse()
    world.at_end(seat.close)
    worker = threading.Thread(target=_run_for_ever, args=(seat,), daemon=True)
    worker.start()
    for _ in range(200):
        with socket.create_connection(("127.0.0.1", server.port), 2) as probe:
            probe.sendall(b"PING\r\n")
            if probe.recv(64).startswith(b"-BUSY"):
                return
        time.sleep(0.02)
    raise RuntimeError("the script ended")


def _run_for_ever(seat: Conversation) -> None:
    with contextlib.suppress(OSError, ServerError, ValueError, RuntimeError):
        seat.ask("EVAL", "while true do end", 0)
