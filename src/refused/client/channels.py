"""A channel layer for Django Channels that is hard to bring down.

    CHANNEL_LAYERS = {"default": {
        "BACKEND": "refused.client.channels.RedisChannelLayer",
        "CONFIG": {"hosts": ["rediss://:KEY@mycache.redis.cache.windows.net:6380"]},
    }}

It is channels_redis's own layer with other connections inside. A host may be a dictionary, with the
URL as its ``address`` and further keywords of :func:`refused.client.aio.connect`.
"""

from __future__ import annotations

from typing import Any

from channels_redis.core import RedisChannelLayer as TheirLayer

from refused.client import aio


class RedisChannelLayer(TheirLayer):
    """The layer to name in ``CHANNEL_LAYERS``."""

    def create_pool(self, index: int) -> Any:
        """Return the pool for one of the hosts, for the running event loop."""
        options = dict(self.hosts[index])
        host, port = options.pop("host", None), options.pop("port", 6379)
        url = options.pop("address", None) or f"redis://{host}:{port}"
        client = aio.connect(url, **options)
        client.auto_close_connection_pool = False  # the layer closes it
        return client.connection_pool
