"""The asynchronous client: the same promises, in an event loop."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
import redis.asyncio
import redis.exceptions as theirs

import refused.client
from refused.client import aio
from refused.lab.certificates import Authority
from refused.lab.fronts import Answers, Ended, IdleClose, Line, Redis, Tls
from refused.lab.network import Door
from refused.lab.servers import Server

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Sequence
    from pathlib import Path


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server for all."""
    with Server(data={"key": "value"}) as running:
        yield running


@pytest.fixture
def url(server: Server) -> str:
    """Its URL."""
    return f"redis://127.0.0.1:{server.port}/0"


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run *work*, and see that no task is left behind."""

    async def watched() -> None:
        await work
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left

    asyncio.run(watched(), debug=False)


def test_the_client_is_redis_pys_own(url: str) -> None:
    """Type and API are unchanged."""

    async def work() -> None:
        client: Any = aio.connect(url, decode_responses=True)
        assert type(client) is redis.asyncio.Redis
        assert await (await client).get("key") == "value"
        async with client.pipeline() as pipeline:
            pipeline.set("n", 1)
            pipeline.incr("n")
            assert await pipeline.execute() == [True, 2]
        await client.aclose()

    run(work())


def test_tls_is_verified(server: Server, tmp_path: Path) -> None:
    """The certificate must be somebody's whom we trust, and for the name."""
    authority = Authority(tmp_path)

    async def work(port: int) -> None:
        client = aio.connect(f"rediss://localhost:{port}", ssl_ca_certs=authority.ca_file)
        assert await client.ping()
        await client.aclose()
        client = aio.connect(f"rediss://localhost:{port}")
        with pytest.raises(theirs.ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            await client.ping()
        await client.aclose()

    with Door(Tls(Redis(server), authority.issue("localhost"))) as door:
        run(work(door.port))


def test_a_call_gives_up_at_its_deadline() -> None:
    """A server that accepts and says nothing holds nobody for longer."""

    async def work() -> None:
        async def silent(_reader: Any, writer: Any) -> None:
            await over.wait()
            writer.close()

        over = asyncio.Event()
        listening = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        client = aio.connect(f"redis://127.0.0.1:{port}", deadline=0.4)
        started = time.monotonic()
        with pytest.raises(theirs.TimeoutError):
            await client.get("key")
        assert time.monotonic() - started < 4  # and not the five of the default
        await client.aclose()
        over.set()
        listening.close()

    asyncio.run(work())


def test_a_frozen_server_is_given_up_at_the_deadline() -> None:
    """The answer to a command that was sent is not waited for longer than the call may take."""

    async def work() -> None:
        with Server() as server:
            client = aio.connect(f"redis://127.0.0.1:{server.port}", deadline=1.5)
            assert await client.ping()
            server.freeze()
            with pytest.raises(refused.client.GaveUp):
                await client.get("key")
            server.thaw()
            assert await client.get("key") is None
            await client.aclose()

    run(work())


def test_a_dead_connection_is_noticed_long_before_the_deadline() -> None:
    """Another connection's answer shows that this one is dead."""
    heard: list[refused.client.Event] = []

    async def work() -> None:
        with (
            Server(data={"key": "value"}) as server,
            Door(IdleClose(Redis(server), 0.3, "silent")) as door,
        ):
            client = aio.connect(
                f"redis://127.0.0.1:{door.port}",
                silence=0.2,
                deadline=30,
                on_event=heard.append,
            )
            assert await client.get("key") == b"value"
            await asyncio.sleep(0.5)
            started = time.monotonic()
            assert await client.get("key") == b"value"
            assert time.monotonic() - started < 15
            await client.aclose()

    run(work())
    assert ("connection_failed", "silent") in [(event.name, event.reason) for event in heard]


def test_a_slow_command_is_no_dead_connection() -> None:
    """A server that works on our command answers nobody else meanwhile."""
    heard: list[refused.client.Event] = []

    async def work() -> None:
        with Server(config=["enable-debug-command yes"]) as server:
            client: Any = aio.connect(
                f"redis://127.0.0.1:{server.port}", silence=0.2, on_event=heard.append
            )
            assert await client.execute_command("DEBUG", "SLEEP", "1.5") == b"OK"
            await client.aclose()

    run(work())
    assert not heard


def test_a_command_that_adds_is_not_sent_twice() -> None:
    """Nobody knows whether it was carried out; what changes nothing is sent again."""

    async def work() -> None:
        with Server(data={"key": "value"}) as server:
            armed = True

            def cut(words: Sequence[bytes]) -> Line | None:
                nonlocal armed
                if not armed or words[0].upper() not in (b"INCRBY", b"GET"):
                    return None
                armed = False
                server.command(*words)
                return Ended("reset")

            with Door(Answers(Redis(server), cut)) as door:
                client = aio.connect(f"redis://127.0.0.1:{door.port}")
                with pytest.raises(theirs.ConnectionError):
                    await client.incr("counter")
                assert await client.get("counter") == b"1"
                armed = True
                assert await client.get("key") == b"value"
                await client.aclose()

    run(work())


def test_a_full_pool_is_waited_for_in_line(url: str) -> None:
    """Two thousand calls share five connections; nobody is turned away."""

    async def work() -> None:
        client: Any = aio.connect(url, max_connections=5, deadline=20)
        got = await asyncio.gather(*(client.get("key") for _ in range(2000)))
        assert got == [b"value"] * 2000
        pool = client.connection_pool.pool
        assert len(pool._available_connections) == 5
        assert not pool._in_use_connections
        await client.aclose()

    run(work())


def test_a_cancelled_call_leaves_nothing_half_read(url: str) -> None:
    """The next call on that connection does not get the answer of the cancelled one."""

    async def work() -> None:
        client: Any = aio.connect(url, max_connections=1)
        await client.set("other", "thing")
        for _ in range(50):
            task = asyncio.create_task(client.get("key"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()
            assert await client.get("other") == b"thing"
        await client.aclose()

    run(work())


def test_a_client_may_move_to_another_event_loop(url: str) -> None:
    """One loop after the other, as in scripts that call ``asyncio.run`` twice."""
    client = aio.connect(url)
    for _ in range(2):
        asyncio.run(_get(client))
    asyncio.run(client.aclose())


async def _get(client: Any) -> None:
    assert await client.get("key") == b"value"
