"""Time what the hardened client costs on top of redis-py, against a real server on loopback.

The last line is readiness under 500 requests a second, with its server coming and going.

    python benchmarks/client_overhead.py [ROUNDS]

Each row runs plain redis-py and ours in turn, round by round, within one process, and compares the
medians: what harms one round harms both. A figure below zero means that ours was faster.
"""

from __future__ import annotations

import asyncio
import collections
import gc
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

import redis
import redis.asyncio

import refused.client
import refused.client.aio
from refused.client import readiness
from refused.lab.servers import Server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ROUNDS = 60
CALLS = 400
PIPELINED = 100


def timed(work: Callable[[], object]) -> float:
    """Return how long *work* takes, in seconds."""
    gc.collect()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


async def timed_async(work: Callable[[], Awaitable[object]]) -> float:
    """Return how long *work* takes, in seconds."""
    gc.collect()
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


def jobs(client: Any) -> dict[str, Callable[[], None]]:
    """Return what is timed of a synchronous client."""

    def get() -> None:
        for _ in range(CALLS):
            client.get("key")

    def put() -> None:
        for _ in range(CALLS):
            client.set("key", "value")

    def pipelined() -> None:
        for _ in range(CALLS // 20):
            pipeline = client.pipeline(transaction=False)
            for _ in range(PIPELINED):
                pipeline.get("key")
            pipeline.execute()

    return {"GET": get, "SET": put, "pipeline of 100 GET": pipelined}


def jobs_async(client: Any) -> dict[str, Callable[[], Awaitable[None]]]:
    """Return what is timed of an asynchronous client."""

    async def get() -> None:
        for _ in range(CALLS):
            await client.get("key")

    async def put() -> None:
        for _ in range(CALLS):
            await client.set("key", "value")

    async def pipelined() -> None:
        for _ in range(CALLS // 20):
            pipeline = client.pipeline(transaction=False)
            for _ in range(PIPELINED):
                pipeline.get("key")
            await pipeline.execute()

    return {"GET": get, "SET": put, "pipeline of 100 GET": pipelined}


def row(
    kind: str, name: str, plain: list[float], ours: list[float], calls: int
) -> tuple[str, float]:
    """Print one row; return its name and the overhead in per cent.

    Each round's pair is compared by itself, so that a slow minute counts for neither.
    """
    ratio = statistics.median(b / a for a, b in zip(plain, ours, strict=True))
    per_cent = (ratio - 1) * 100
    a, b = (statistics.median(each) / calls * 1e6 for each in (plain, ours))
    print(f"{kind:6} {name:20} plain {a:8.2f} us  ours {b:8.2f} us  {per_cent:+6.1f} %")
    return f"{kind} {name}", per_cent


def measure(url: str, rounds: int) -> dict[str, float]:
    """Run all rows against a server."""
    found: dict[str, float] = {}
    plain, ours = redis.Redis.from_url(url), refused.client.connect(url)
    both = jobs(plain), jobs(ours)
    for name in both[0]:
        times: tuple[list[float], list[float]] = ([], [])
        for at in range(rounds + 3):
            for which in (0, 1) if at % 2 else (1, 0):
                took = timed(both[which][name])
                if at >= 3:
                    times[which].append(took)
        calls = CALLS // 20 * PIPELINED if "pipeline" in name else CALLS
        label, found_here = row("sync", name, *times, calls)
        found[label] = found_here
    plain.close()
    ours.close()
    return found | asyncio.run(measure_async(url, rounds))


async def measure_async(url: str, rounds: int) -> dict[str, float]:
    """Run the rows of the asynchronous clients."""
    found: dict[str, float] = {}
    plain = redis.asyncio.Redis.from_url(url)
    ours = refused.client.aio.connect(url)
    both = jobs_async(plain), jobs_async(ours)
    for name in both[0]:
        times: tuple[list[float], list[float]] = ([], [])
        for at in range(rounds + 3):
            for which in (0, 1) if at % 2 else (1, 0):
                took = await timed_async(both[which][name])
                if at >= 3:
                    times[which].append(took)
        calls = CALLS // 20 * PIPELINED if "pipeline" in name else CALLS
        label, found_here = row("async", name, *times, calls)
        found[label] = found_here
    await plain.aclose()
    await ours.aclose()
    return found


async def measure_readiness(server: Server, seconds: float = 8.0) -> None:
    """Ask for readiness 500 times a second while its server is frozen and thawed by turns."""
    url = f"redis://127.0.0.1:{server.port}"
    ready = readiness.Readiness(readiness.redis("cache", url, required=True))
    took: list[float] = []
    statuses: collections.Counter[int] = collections.Counter()
    began, asked, is_frozen = time.monotonic(), 0, False

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses[message["status"]] += 1

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    while (passed := time.monotonic() - began) < seconds:
        if is_frozen is not (passed % 5 > 1.5):
            is_frozen = not is_frozen
            (server.freeze if is_frozen else server.thaw)()
        while asked < passed * 500:
            started = time.perf_counter()
            await ready.asgi({"type": "http", "method": "GET", "path": "/"}, receive, send)
            took.append(time.perf_counter() - started)
            asked += 1
        await asyncio.sleep(0.001)
    server.thaw()
    ready.close()
    text = server.command("INFO", "commandstats")
    assert isinstance(text, bytes)
    pings = next(line for line in text.decode().splitlines() if line.startswith("cmdstat_ping"))
    times = [each * 1000 for each in sorted(took)]
    print(
        f"readiness: {asked} requests in {seconds:g} s, statuses {dict(statuses)}; "
        f"median {statistics.median(times):.3f} ms, 99 % {times[int(0.99 * len(times))]:.3f} ms, "
        f"longest {times[-1]:.3f} ms; {pings.split(',')[0].split('calls=')[1]} PINGs at the server"
    )


def main() -> int:
    """Print the table; 1 if a row is above 3 %."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with Server(data={"key": "value"}) as server:
        print(f"redis-py {redis.__version__}, {rounds} rounds of {CALLS} calls, loopback, no TLS")
        found = measure(f"redis://127.0.0.1:{server.port}", rounds)
    with Server() as server:
        asyncio.run(measure_readiness(server))
    worst = max(found.values())
    print(f"worst {worst:+.1f} %")
    return int(worst > 3)


if __name__ == "__main__":
    sys.exit(main())
