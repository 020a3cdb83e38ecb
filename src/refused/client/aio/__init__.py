"""The asynchronous twin of :func:`refused.client.connect`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal, overload

import redis.asyncio

from refused.client import settings
from refused.client.aio.pool import AsyncPool, AsyncShare
from refused.client.aio.shared import AsyncShared
from refused.client.connecting import key_of
from refused.client.events import Events

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from refused.client.events import Listener


@overload
def connect(
    url: str, *, cluster: Literal[False] = False, **keywords: Any
) -> redis.asyncio.Redis: ...


@overload
def connect(url: str, *, cluster: Literal[True], **keywords: Any) -> redis.asyncio.RedisCluster: ...


@overload
def connect(
    url: str, *, cluster: bool, **keywords: Any
) -> redis.asyncio.Redis | redis.asyncio.RedisCluster: ...


def connect(
    url: str,
    *,
    cluster: bool = False,
    deadline: float = settings.DEADLINE_S,
    silence: float | None = None,
    also_repeat: Collection[str] = (),
    on_event: Listener | Iterable[Listener] = (),
    metrics: bool | None = None,
    maintenance: bool | None = None,
    **keywords: Any,
) -> Any:
    """Return a :class:`redis.asyncio.Redis`, or a ``RedisCluster``, that is hard to bring down.

    The arguments are those of :func:`refused.client.connect`. Nothing is dialled before the first
    command; ``await connect(…)`` works as well. Clients made in the same event loop with the same
    URL and keywords share one pool.

    Raises:
        ValueError: The URL or a keyword makes no sense.
        WeakTls: A keyword would switch off a check of the server's certificate.
    """
    wanted = settings.read(
        url, deadline=deadline, silence=silence, also_repeat=also_repeat, **keywords
    )
    listeners = (on_event,) if callable(on_event) else tuple(on_event)
    hears_maintenance = wanted.is_acr if maintenance is None else maintenance
    if cluster:
        from refused.client.aio.cluster import connect as connect_cluster

        return connect_cluster(
            wanted, listeners, metrics=metrics, hears_maintenance=hears_maintenance
        )

    def make() -> AsyncPool:
        return AsyncPool(wanted, AsyncShared(wanted, Events(wanted.address, metrics=metrics)))

    try:
        loop: object = asyncio.get_running_loop()
    except RuntimeError:
        loop = object()  # nobody knows yet where it will be used: it shares with no one
    asked = {"deadline": deadline, "silence": silence, "also_repeat": sorted(also_repeat)}
    share = AsyncShare(
        (loop, key_of(url, asked | keywords)),
        make,
        listeners,
        hears_maintenance=hears_maintenance,
    )
    pool: Any = share  # which passes for a ConnectionPool
    client = redis.asyncio.Redis(connection_pool=pool, **wanted.client)
    client.auto_close_connection_pool = True
    return client
