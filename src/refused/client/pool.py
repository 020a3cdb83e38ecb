"""The pool: bounded, shared by a process, fair, and whole again after a fork."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

import redis.exceptions as theirs
from redis.connection import CacheProxyConnection, ConnectionPool
from redis.observability import recorder
from redis.observability.attributes import ConnectionState, get_pool_name

from refused.client.connection import (
    SteadyConnection,
    SteadyTlsConnection,
    SteadyUnixConnection,
)
from refused.client.errors import PoolExhausted
from refused.client.liveness import Liveness

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from refused.client.connection import _Steady
    from refused.client.events import Listener
    from refused.client.maintenance import Listening
    from refused.client.settings import Settings
    from refused.client.shared import Shared


class Pool(ConnectionPool):
    """redis-py's pool, with the handing out of connections replaced.

    Who finds none free waits in line, at most until the call's time is up. What is handed out has
    been looked at: a connection that has ended, that was opened before the last renewal, whose
    token is about to lapse, or that has been idle for long and does not answer, is replaced first.
    """

    def __init__(self, wanted: Settings, shared: Shared) -> None:
        self.shared = shared
        self.settings = wanted
        kind: type[_Steady] = SteadyTlsConnection if wanted.is_tls else SteadyConnection
        if wanted.is_unix:
            kind = SteadyUnixConnection
        self._waiting: deque[_Place] = deque()
        self._listening: Listening | None = None
        self._hears_maintenance = False
        self._is_closed = False
        made_with: dict[str, Any] = {**wanted.pool, **wanted.connection, "shared": shared}
        if shared.credentials is not None:
            made_with["credential_provider"] = shared.credentials
        super().__init__(connection_class=kind, **made_with)
        self.connection_kwargs.setdefault("retry", shared.new_call())
        if shared.liveness is None:
            shared.liveness = Liveness(self.spare)
        _pools.add(self)

    def spare(self) -> _Steady:
        """Return a new connection that is not counted among the pool's."""
        made: _Steady = self.connection_class(**self.connection_kwargs)
        return made

    # redis-py's get_connection() takes words that it ignores
    def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Any:  # noqa: ARG002
        """Hand out a connection that is ready for a command.

        Raises:
            PoolExhausted: All were in use until the call's time was up.
            CircuitOpen: The server is out of reach, and not looked at right now.
            redis.ConnectionError: It cannot be reached within the call's time.
        """
        if self.pid != os.getpid():
            self._checkpid()
        shared = self.shared
        if shared.breaker.troubled:
            shared.breaker.enter()
        now = time.monotonic()
        give_up_at = shared.give_up_at(now)
        with self._lock:
            if self._available_connections:
                connection = self._available_connections.pop()
                self._in_use_connections.add(connection)
            elif self._created_connections < self.max_connections:
                connection = self.make_connection()
                self._in_use_connections.add(connection)
            else:
                connection = None
        if connection is None:
            connection = self._wait_in_line(now, give_up_at)
        if recorder._metrics_collector is not None:  # noqa: SLF001  # as often as redis-py asks
            self._record(ConnectionState.IDLE, ConnectionState.USED)
        try:
            self._make_ready(connection, now, give_up_at)
        except BaseException:
            self.release(connection)
            raise
        return connection

    def _make_ready(self, connection: Any, now: float, give_up_at: float) -> None:
        call = connection.call
        shared = self.shared
        if connection._sock is not None:  # noqa: SLF001  # is_connected, without a call
            if connection.renewal != shared.renewal or not (
                connection.is_quiet() or self._has_only_news(connection)
            ):
                connection.disconnect()
            elif now - call.sent_at > self.settings.connection["health_check_interval"] > 0:
                if not connection.is_alive():
                    connection.disconnect()
            elif connection.renew_login_at is not None and now >= connection.renew_login_at:
                call.begin(give_up_at)
                with contextlib.suppress(theirs.RedisError):
                    connection.renew_login()  # else it is disconnected, and logs in anew
        call.begin(give_up_at)
        if connection._sock is None:  # noqa: SLF001
            connection.connect()

    def _has_only_news(self, connection: Any) -> bool:
        """Whether what waits to be read is meant to: a push message, not the end."""
        try:
            may = self.cache is not None or bool(self.maint_notifications_enabled())  # type: ignore[no-untyped-call]
            return bool(connection.can_read()) and may
        except (theirs.RedisError, OSError):
            return False

    def _wait_in_line(self, since: float, give_up_at: float) -> Any:
        place = _Place()
        with self._lock:
            if self._available_connections:  # one has come back meanwhile
                connection = self._available_connections.pop()
                self._in_use_connections.add(connection)
                return connection
            self._waiting.append(place)
        if place.handed.acquire(timeout=max(0.0, give_up_at - time.monotonic())):
            return place.connection
        with self._lock:
            if place.connection is not None:  # it was handed over at the last moment
                return place.connection
            self._waiting.remove(place)
        error = PoolExhausted(
            f"No connection available: all {self.max_connections} of the pool were in use for "
            f"{time.monotonic() - since:.1f} s. Commands are too slow, connections are kept, or "
            "max_connections is too small"
        )
        self.shared.events.tell("pool_exhausted", "pool", "pool-exhausted", error=error)
        raise error

    def release(self, connection: Any) -> None:
        """Take a connection back, and hand it to who is first in line."""
        if self.pid != os.getpid():
            self._checkpid()
        if connection.pid != self.pid:
            connection.disconnect()  # the parent's; ours are other ones
            return
        if connection._re_auth_token is not None:  # noqa: SLF001  # redis-py's listener would look
            connection.re_auth()
        if connection._should_reconnect or self._is_closed:  # noqa: SLF001
            connection.disconnect()
        breaker = self.shared.breaker
        if breaker.troubled and connection._sock is not None:  # noqa: SLF001
            breaker.answered()
        if recorder._metrics_collector is not None:  # noqa: SLF001  # as often as redis-py asks
            self._record(ConnectionState.USED, ConnectionState.IDLE)
        with self._lock:
            if connection not in self._in_use_connections:
                return
            if self._waiting:
                place = self._waiting.popleft()
                place.connection = connection
                place.handed.release()
                return
            self._in_use_connections.discard(connection)
            self._available_connections.append(connection)

    def _record(self, before: ConnectionState, after: ConnectionState) -> None:
        name = get_pool_name(self)
        recorder.record_connection_count(pool_name=name, connection_state=before, counter=-1)
        recorder.record_connection_count(pool_name=name, connection_state=after, counter=1)

    def hear_maintenance(self) -> None:
        """Listen to what the service announces, until the pool is closed."""
        from refused.client.maintenance import Listening

        self._hears_maintenance = True
        if self._listening is None:
            self._listening = Listening(self)
            self._listening.start()

    def make_connection(self) -> Any:
        """Make a connection; a forked child begins to listen with its first one."""
        if self._hears_maintenance:
            self.hear_maintenance()
        made = super().make_connection()
        if self.cache is not None:
            kind: Any = CachedConnection  # redis-py leaves a method of its own class abstract
            inner: Any = made
            return kind(inner._conn, self.cache, self._lock)  # noqa: SLF001
        return made

    def close(self) -> None:
        """Close every connection, now or when it comes back, and end what works beside them."""
        self._is_closed = True
        if self._listening is not None:
            self._listening.stop()
        if self.shared.liveness is not None:
            self.shared.liveness.close()
        self.disconnect()

    def reset(self) -> None:
        """Begin anew: at the start, and in a forked child."""
        self._waiting.clear()
        super().reset()

    def forked(self) -> None:
        """Let go of what belongs to the parent; its sockets are closed here, not shut down."""
        mine = (*self._available_connections, *self._in_use_connections)
        self._lock = threading.RLock()
        self._fork_lock = threading.RLock()
        self.shared.forked()
        for connection in mine:
            if connection._sock is not None:  # noqa: SLF001
                with contextlib.suppress(OSError):
                    connection._sock.close()  # noqa: SLF001
                connection._sock = None  # noqa: SLF001
        self.reset()
        self._listening = None  # the thread has stayed behind with the parent


class CachedConnection(CacheProxyConnection):
    """redis-py's connection with a cache in front; for the rest, it is the one behind it."""

    def __getattr__(self, name: str) -> Any:
        if name == "_conn":
            raise AttributeError(name)
        return getattr(self._conn, name)


class _Place:
    """A place in the line."""

    __slots__ = ("handed", "connection")

    def __init__(self) -> None:
        self.handed = threading.Lock()
        self.handed.acquire()
        self.connection: Any = None


_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


def _after_fork() -> None:
    global _registry_lock  # noqa: PLW0603
    _registry_lock = threading.RLock()
    for pool in list(_pools):
        pool.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


# --- one pool for a process and a URL -----------------------------------------------------------


class Share:
    """One client's share in a pool: closing it closes the pool when it is the last one.

    It has no connections of its own; whatever else is asked of it is asked of the pool.
    """

    def __init__(
        self,
        key: object,
        make: Callable[[], Pool],
        listeners: Sequence[Listener] = (),
        *,
        hears_maintenance: bool = False,
    ) -> None:
        self._key = key
        self._make = make
        self._listeners = tuple(listeners)
        self._hears_maintenance = hears_maintenance
        self._enter()

    def _enter(self) -> Pool:
        with _registry_lock:
            pool, holders = _registry.get(self._key) or (self._make(), 0)
            _registry[self._key] = (pool, holders + 1)
        self._is_closed = False
        self.pool = pool
        self.get_connection = pool.get_connection  # no detour for each command
        self.release = pool.release
        pool.shared.events.listeners.extend(self._listeners)
        if self._hears_maintenance:
            pool.hear_maintenance()
        return pool

    def __getattr__(self, name: str) -> Any:
        if name == "pool":
            raise AttributeError(name)
        return getattr(self.pool, name)

    def __repr__(self) -> str:
        return repr(self.pool)

    def close(self) -> None:
        """Give the share back; the pool stays open for the others."""
        if self._is_closed:
            return
        self._is_closed = True
        self.get_connection = self._come_back
        for listener in self._listeners:
            with contextlib.suppress(ValueError):
                self.pool.shared.events.listeners.remove(listener)
        with _registry_lock:
            pool, holders = _registry[self._key]
            if holders > 1:
                _registry[self._key] = (pool, holders - 1)
                return
            del _registry[self._key]
        pool.close()

    def _come_back(self, *words: Any, **options: Any) -> Any:
        """Like any redis-py client, ours may be used again after it was closed."""
        return self._enter().get_connection(*words, **options)

    def __del__(self) -> None:
        """Give the share back."""
        with contextlib.suppress(Exception):
            self.close()


ConnectionPool.register(Share)  # it is one to whoever asks
_registry: dict[object, tuple[Pool, int]] = {}
# Re-entrant: whoever holds it may set off the collector, and so the end of another share.
_registry_lock = threading.RLock()
