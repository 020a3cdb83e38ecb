"""A backend for Flask-Caching that is hard to bring down.

app.config |= {
    "CACHE_TYPE": "refused.client.flask.RedisCache",
    "CACHE_REDIS_URL": "rediss://:KEY@mycache.redis.cache.windows.net:6380",
    "CACHE_OPTIONS": {"deadline": 2.0},   # as refused.client.connect takes them
}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_caching.backends import rediscache as theirs

from refused.client.connecting import connect

if TYPE_CHECKING:
    from flask import Flask


class RedisCache(theirs.RedisCache):
    """The cache backend to name in ``CACHE_TYPE``."""

    @classmethod
    def factory(
        cls,
        app: Flask,  # noqa: ARG003  # Flask-Caching's signature
        config: dict[str, Any],
        args: list[Any],  # noqa: ARG003
        kwargs: dict[str, Any],
    ) -> RedisCache:
        """Make the backend from the application's configuration.

        Raises:
            ValueError: ``CACHE_REDIS_URL`` is missing.
        """
        url = config.get("CACHE_REDIS_URL")
        if not url:
            raise ValueError("CACHE_REDIS_URL names the server, as in rediss://:KEY@host:6380")
        options = dict(config.get("CACHE_OPTIONS") or {})
        # Flask-Caching has put them among the words of its own constructor, too.
        ours = {name: kwargs.pop(name) for name in list(kwargs) if name in options}
        return cls(
            host=connect(url, **ours),
            default_timeout=config.get("CACHE_DEFAULT_TIMEOUT", 300),
            key_prefix=config.get("CACHE_KEY_PREFIX"),
        )
