"""A cache backend for Django that is hard to bring down.

    CACHES = {"default": {
        "BACKEND": "refused.client.django.RedisCache",
        "LOCATION": "rediss://:KEY@mycache.redis.cache.windows.net:6380",
        "OPTIONS": {"deadline": 2.0},       # as refused.client.connect takes them
    }}

It is Django's own Redis backend with another client inside; keys and values are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.cache.backends import redis as theirs

from refused.client.connecting import connect

if TYPE_CHECKING:
    import redis


class SteadyCacheClient(theirs.RedisCacheClient):
    """Django's client of clients, with ours."""

    def __init__(self, servers: list[str], serializer: Any = None, **options: Any) -> None:
        super().__init__(servers, serializer)
        self._options = options
        self._clients: dict[int, redis.Redis] = {}

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:  # noqa: ARG002  # Django's
        """Return the client for a server: the first for writing, any other for reading."""
        index = self._get_connection_pool_index(write)
        client = self._clients.get(index)
        if client is None:
            client = self._clients[index] = connect(self._servers[index], **self._options)
        return client


class RedisCache(theirs.RedisCache):
    """The cache backend to name in ``CACHES``."""

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = SteadyCacheClient
