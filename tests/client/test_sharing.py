"""Many threads, coroutines and processes on one bounded pool, through restarts."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import Any

import pytest
import redis.exceptions as theirs

import refused.client
from refused.client import aio
from refused.lab.servers import Server


def restarts(server: Server, times: int) -> None:
    """Kill the server and start it again, so many times."""
    for _ in range(times):
        time.sleep(0.03)
        server.kill()
        server.start()


def assert_whole(pool: Any, most: int) -> None:
    """See that every connection is back, and that there are no more than allowed."""
    assert not pool._in_use_connections
    assert 0 < len(pool._available_connections) <= most


@pytest.mark.parametrize("rounds", [8, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.timeout(180)
def test_two_hundred_threads_live_through_restarts(rounds: int) -> None:
    """No connection is lost, none is made too many, and nobody waits for ever."""
    with Server() as server:
        client: Any = refused.client.connect(
            f"redis://127.0.0.1:{server.port}", max_connections=20, deadline=30
        )
        over = threading.Event()
        failures: list[BaseException] = []
        done = [0] * 200

        def work(at: int) -> None:
            while not over.is_set():
                try:
                    assert client.set(f"key:{at}", at)
                    assert client.get(f"key:{at}") in (str(at).encode(), None)  # restarts forget
                    done[at] += 1
                except BaseException as failure:  # noqa: BLE001  # told by the test
                    failures.append(failure)
                    return

        threads = [threading.Thread(target=work, args=(at,)) for at in range(200)]
        for thread in threads:
            thread.start()
        restarts(server, rounds)
        time.sleep(0.5)
        over.set()
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads)
        assert not failures
        assert all(done)
        assert_whole(client.connection_pool.pool, 20)
        client.close()


@pytest.mark.parametrize("rounds", [5, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.timeout(180)
def test_two_thousand_coroutines_live_through_restarts(rounds: int) -> None:
    """As above, in one event loop; and no task is left when the client is closed."""

    async def work() -> None:
        with Server() as server:
            client: Any = aio.connect(
                f"redis://127.0.0.1:{server.port}", max_connections=20, deadline=60
            )
            over = asyncio.Event()

            async def one(at: int) -> int:
                done = 0
                while not over.is_set() or not done:
                    assert await client.set(f"key:{at}", at)
                    done += 1
                return done

            tasks = [asyncio.create_task(one(at)) for at in range(2000)]
            await asyncio.to_thread(restarts, server, rounds)
            over.set()
            assert all(await asyncio.gather(*tasks))
            assert_whole(client.connection_pool.pool, 20)
            await client.aclose()
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(work())


def test_no_thread_is_left_when_the_last_client_is_closed() -> None:
    """Not even that which looks whether the server is there, or that which listens."""
    before = set(threading.enumerate())
    with Server() as server:
        client: Any = refused.client.connect(
            f"redis://127.0.0.1:{server.port}", silence=0.1, deadline=1.5, maintenance=True
        )
        assert client.ping()
        server.freeze()
        with pytest.raises(theirs.TimeoutError):
            client.get("key")
        client.close()
        server.thaw()
    left = [one for one in set(threading.enumerate()) - before if one.name.startswith("refused")]
    assert not left


def test_a_forked_child_has_connections_of_its_own() -> None:
    """The parent's answers stay the parent's, whatever its threads are doing when it forks."""
    with Server() as server:
        client: Any = refused.client.connect(f"redis://127.0.0.1:{server.port}")
        client.set("whose", "parent")
        over = threading.Event()

        def busy() -> None:
            while not over.is_set():
                assert client.get("whose") == b"parent"

        threads = [threading.Thread(target=busy) for _ in range(4)]
        for thread in threads:
            thread.start()
        held = client.connection_pool.get_connection()
        children = []
        for at in range(8):
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    good = all(client.echo(f"{at}:{n}") == f"{at}:{n}".encode() for n in range(50))
                    inherited = held.is_connected
                    code = 0 if good and not inherited else 2
                finally:
                    os._exit(code)
            children.append(pid)
        codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
        held.send_command("ECHO", "still mine")
        assert held.read_response() == b"still mine"
        client.connection_pool.release(held)
        over.set()
        for thread in threads:
            thread.join(10)
        assert codes == [0] * 8
        client.close()
