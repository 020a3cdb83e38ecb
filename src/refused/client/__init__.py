"""Hardened Redis clients for Python applications: redis-py's own, made to last.

    import refused.client
    client = refused.client.connect("rediss://:KEY@mycache.redis.cache.windows.net:6380")

What comes back is a :class:`redis.Redis` (or :class:`redis.RedisCluster`); the asynchronous twin is
:func:`refused.client.aio.connect`. Nothing else of ``refused`` is imported.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    import refused.client.aio as aio  # noqa: PLR0402  # mypy looks for an attribute otherwise
    import refused.client.readiness as readiness  # noqa: PLR0402
    from refused.client.connecting import connect as connect
    from refused.client.connecting import renew as renew
    from refused.client.errors import CircuitOpen as CircuitOpen
    from refused.client.errors import GaveUp as GaveUp
    from refused.client.errors import PoolExhausted as PoolExhausted
    from refused.client.errors import WeakTls as WeakTls
    from refused.client.events import Event as Event

__all__ = [
    "CircuitOpen",
    "Event",
    "GaveUp",
    "PoolExhausted",
    "WeakTls",
    "aio",
    "connect",
    "readiness",
    "renew",
]

_FOUND_IN = {"connect": "connecting", "renew": "connecting", "Event": "events"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in ("aio", "readiness"):
        return import_module(f"{__name__}.{name}")
    return getattr(import_module(f"{__name__}.{_FOUND_IN.get(name, 'errors')}"), name)
