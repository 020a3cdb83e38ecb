"""Set one key with one Python client, and print what it says of it.

    python_client.py CLIENT HOST PORT TLS USER PASSWORD CA-FILE ADDRESS

HOST leads to ADDRESS, so that certificates are checked under the name.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import traceback
from typing import Any

CLIENT, HOST, PORT, TLS, USER, PASSWORD, CA_FILE, ADDRESS = sys.argv[1:9]
real = socket.getaddrinfo


def to_the_door(host: Any, *others: Any, **more: Any) -> Any:
    """Resolve HOST to ADDRESS, and anything else as ever."""
    name = host.decode() if isinstance(host, bytes) else host
    return real(ADDRESS if name == HOST else host, *others, **more)


def options() -> dict[str, Any]:
    """Return what all of redis-py's classes take."""
    found: dict[str, Any] = {
        "host": HOST,
        "port": int(PORT),
        "username": USER or None,
        "password": PASSWORD or None,
        "socket_timeout": 3,
        "socket_connect_timeout": 3,
    }
    if TLS == "1":
        found.update(ssl=True, ssl_ca_certs=CA_FILE or None)
    return found


async def with_asyncio() -> None:
    """Use redis-py's asyncio half."""
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    await Redis(**options(), retry=Retry(NoBackoff(), 0)).set("k", "v")


async def with_coredis() -> None:
    """Use coredis."""
    from coredis import Redis

    found = options()
    found["stream_timeout"] = found.pop("socket_timeout")
    found["connect_timeout"] = found.pop("socket_connect_timeout")
    async with Redis(**found) as client:
        await client.set("k", "v")


async def with_glide() -> None:
    """Use Valkey GLIDE, whose core is redis-rs; it resolves names by itself, so ADDRESS is dialled."""
    from glide import GlideClient, GlideClientConfiguration, NodeAddress, ServerCredentials

    login = ServerCredentials(PASSWORD, USER or None) if PASSWORD else None
    found = GlideClientConfiguration(
        [NodeAddress(ADDRESS, int(PORT))], credentials=login, request_timeout=3000
    )
    client = await GlideClient.create(found)
    await client.set("k", "v")


def with_redis_py() -> None:
    """Use redis-py."""
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    Redis(**options(), retry=Retry(NoBackoff(), 0)).set("k", "v")


socket.getaddrinfo = to_the_door
try:
    if CLIENT == "redis-py":
        with_redis_py()
    elif CLIENT == "redis-py-async":
        asyncio.run(with_asyncio())
    elif CLIENT == "valkey-glide":
        asyncio.run(with_glide())
    else:
        asyncio.run(with_coredis())
except Exception:  # noqa: BLE001 - whatever it says is what is wanted
    traceback.print_exc()
