"""The server cannot write its snapshot or log, and refuses writes for that."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from refused.lab.azure import plain_redis
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.servers import Server
    from refused.lab.world import World


@scenario("server-persistence-failure", "The folder of the snapshots is gone", service="redis")
def build(world: World) -> None:
    """The disk for snapshots was unmounted; the next one failed."""
    server = plain_redis(world, config=("save 3600 1",))
    world.once_up(lambda: _fail_to_save(server.server))


def _fail_to_save(server: Server) -> None:
    """Have a snapshot fail: its file cannot be written where a folder of that name stands."""
    if server.folder is None:
        raise RuntimeError("the server does not run")
    for name in ("dump.rdb",):
        (server.folder / name).mkdir(exist_ok=True)
        (server.folder / name / "in-the-way").touch()
    server.command("SET", "k", "v")
    server.command("BGSAVE")
    for _ in range(200):
        if b"rdb_last_bgsave_status:err" in _text(server.command("INFO", "persistence")):
            return
        time.sleep(0.02)


def _text(reply: object) -> bytes:
    return reply if isinstance(reply, bytes) else str(reply).encode()
