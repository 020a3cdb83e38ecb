"""``connect``: a redis-py client with settings that last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

import redis

from refused.client import settings
from refused.client.events import Events, Listener
from refused.client.pool import Pool, Share
from refused.client.shared import Shared

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


@overload
def connect(url: str, *, cluster: Literal[False] = False, **keywords: Any) -> redis.Redis: ...


@overload
def connect(url: str, *, cluster: Literal[True], **keywords: Any) -> redis.RedisCluster: ...


@overload
def connect(url: str, *, cluster: bool, **keywords: Any) -> redis.Redis | redis.RedisCluster: ...


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
    """Return a :class:`redis.Redis`, or a :class:`redis.RedisCluster`, that is hard to bring down.

    Nothing is dialled before the first command, except by a cluster client, which asks for its
    nodes at once. Clients made with the same URL and keywords share one pool; closing the last one
    closes it.

    Args:
        url: ``rediss://[user][:password]@host[:port][/db]``. Without a port, the one that the Azure
            service at that host listens on.
        cluster: Whether the server is a cluster: Azure Managed Redis is unless it was made
            otherwise, a Premium cache if it has shards.
        deadline: How many seconds a call takes at most: waiting for a connection, looking the name
            up, dialling, TLS, login, sending, reading, and every further try. A command that blocks
            (``BLPOP``) may take its own time-out longer.
        silence: After how many seconds without an answer somebody looks whether this connection is
            dead while the server answers others.
        also_repeat: Commands, beyond those that change nothing when done twice, that may be sent
            again when a connection breaks under them (``{"DEL", "SADD"}``).
        on_event: Who is told of each :class:`refused.client.Event`: one function or several.
        metrics: Whether to count events with OpenTelemetry; by default, if the application does.
        maintenance: Whether to listen to what the service announces (``AzureRedisEvents``); by
            default, at the host names of Azure Cache for Redis. Announcements that come with the
            protocol (RESP3) are heard by redis-py in any case.
        **keywords: As :class:`redis.Redis` takes them; ``credential_provider`` for Entra ID
            (:mod:`refused.client.entra`), ``max_connections`` (50) for the pool.

    Raises:
        ValueError: The URL or a keyword makes no sense.
        WeakTls: A keyword would switch off a check of the server's certificate.
        redis.RedisError: With ``cluster``: no node answers within the deadline.
    """
    wanted = settings.read(
        url, deadline=deadline, silence=silence, also_repeat=also_repeat, **keywords
    )
    listeners = (on_event,) if callable(on_event) else tuple(on_event)
    hears_maintenance = wanted.is_acr if maintenance is None else maintenance
    if cluster:
        from refused.client.cluster import connect as connect_cluster

        return connect_cluster(
            wanted, listeners, metrics=metrics, hears_maintenance=hears_maintenance
        )

    def make() -> Pool:
        return Pool(wanted, Shared(wanted, Events(wanted.address, metrics=metrics)))

    asked = {"deadline": deadline, "silence": silence, "also_repeat": sorted(also_repeat)}
    share = Share(
        key_of(url, asked | keywords),
        make,
        listeners,
        hears_maintenance=hears_maintenance,
    )
    pool: Any = share  # which passes for a ConnectionPool
    client = redis.Redis(connection_pool=pool, **wanted.client)
    client.auto_close_connection_pool = True
    return client


def renew(client: Any) -> None:
    """Replace every connection of a client before it is used again: the force-reconnect pattern.

    For an application that knows better than its connections: each is closed and dialled anew when
    it is next handed out; commands under way finish. Nothing is done here and now, so it serves
    asynchronous clients as well.

    Raises:
        TypeError: The client is none that ``connect`` has made.
    """
    book = getattr(client, "steady_book", None)
    pools = getattr(client, "steady_pools", None)
    if book is not None:
        book.renew("asked")
    elif pools is not None:
        for pool in list(pools):
            pool.shared.renew("asked")
    else:
        shared = getattr(getattr(client, "connection_pool", None), "shared", None)
        if not isinstance(shared, Shared):
            raise TypeError("a client of refused.client.connect is wanted here")
        shared.renew("asked")


class _Same:
    """Equal to what holds the very same thing, which it keeps from being replaced by another."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


def key_of(url: str, keywords: dict[str, Any]) -> object:
    """Return what two calls must have in common for their clients to share a pool."""
    parts = []
    for name, value in sorted(keywords.items()):
        try:
            hash(value)
        except TypeError:
            value = repr(value) if isinstance(value, (list, dict, set)) else _Same(value)  # noqa: PLW2901
        parts.append((name, value))
    return (url, tuple(parts))
