"""The asynchronous pool: bounded, shared by an event loop, fair, and whole again after a fork."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

import redis.exceptions as theirs
from redis.asyncio.connection import ConnectionPool

from refused.client.aio.connection import (
    SteadyConnection,
    SteadyTlsConnection,
    SteadyUnixConnection,
)
from refused.client.aio.shared import AsyncShared, Looker
from refused.client.errors import PoolExhausted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from refused.client.aio.maintenance import Listening
    from refused.client.events import Listener
    from refused.client.settings import Settings

TICK_S = 0.1


class AsyncPool(ConnectionPool):
    """redis-py's asynchronous pool, with the handing out of connections replaced."""

    def __init__(self, wanted: Settings, shared: AsyncShared) -> None:
        self.shared = shared
        self.settings = wanted
        kind: Any = SteadyTlsConnection if wanted.is_tls else SteadyConnection
        if wanted.is_unix:
            kind = SteadyUnixConnection
        self._line: deque[asyncio.Future[Any]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ticking: asyncio.TimerHandle | None = None
        self._pid = os.getpid()
        self._listening: Listening | None = None
        self._hears_maintenance = False
        self._is_closed = False
        made_with: dict[str, Any] = {**wanted.pool, **wanted.connection, "shared": shared}
        if shared.credentials is not None:
            made_with["credential_provider"] = shared.credentials
        super().__init__(connection_class=kind, **made_with)
        self.connection_kwargs.setdefault("retry", shared.new_async_call())
        shared.looker = Looker(self.spare)
        _pools.add(self)

    def spare(self) -> Any:
        """Return a new connection that is not counted among the pool's."""
        made: Any = self.connection_class(**self.connection_kwargs)
        return made

    async def get_connection(
        self,
        command_name: Any = None,  # noqa: ARG002  # redis-py's signature
        *keys: Any,  # noqa: ARG002
        **options: Any,  # noqa: ARG002
    ) -> Any:
        """Hand out a connection that is ready for a command.

        Raises:
            PoolExhausted: All were in use until the call's time was up.
            CircuitOpen: The server is out of reach, and not looked at right now.
            redis.ConnectionError: It cannot be reached within the call's time.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._move_to(loop)
        shared = self.shared
        if shared.breaker.troubled:
            shared.breaker.enter()
        now = time.monotonic()
        give_up_at = shared.give_up_at(now)
        if self._available_connections:
            connection = self._available_connections.pop()
        elif len(self._in_use_connections) < self.max_connections:
            connection = self.make_connection()  # type: ignore[no-untyped-call]
        else:
            connection = await self._wait_in_line(now, give_up_at)
        self._in_use_connections.add(connection)
        if self._ticking is None:
            self._ticking = loop.call_later(TICK_S, self._tick)
        try:
            await self._make_ready(connection, now, give_up_at)
        except BaseException:
            await self.release(connection)
            raise
        return connection

    async def _make_ready(self, connection: Any, now: float, give_up_at: float) -> None:
        call = connection.call
        shared = self.shared
        if connection._reader is not None:  # noqa: SLF001  # is_connected, without a call
            if connection.renewal != shared.renewal or not await self._is_clean(connection):
                await connection.disconnect(nowait=True)
            elif now - call.sent_at > self.settings.connection["health_check_interval"] > 0:
                if not await connection.is_alive():
                    await connection.disconnect(nowait=True)
            elif connection.renew_login_at is not None and now >= connection.renew_login_at:
                call.begin(give_up_at)
                try:
                    await connection.renew_login()
                except (theirs.RedisError, TimeoutError):
                    await connection.disconnect(nowait=True)
        call.begin(give_up_at)
        if connection._reader is None:  # noqa: SLF001
            await connection.connect()

    async def _is_clean(self, connection: Any) -> bool:
        """Whether nothing waits to be read but a push message that is meant to."""
        reader = connection._reader  # noqa: SLF001
        if reader.at_eof() or reader.exception() or connection._writer.transport.is_closing():  # noqa: SLF001
            return False
        try:
            return not await connection.can_read() or bool(self.maint_notifications_enabled())  # type: ignore[no-untyped-call]
        except (theirs.RedisError, OSError):
            return False

    async def _wait_in_line(self, since: float, give_up_at: float) -> Any:
        place: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._line.append(place)
        try:
            async with asyncio.timeout(max(0.0, give_up_at - time.monotonic())):
                return await place
        except BaseException as reason:
            if place.done() and not place.cancelled():
                self._pass_on(place.result())  # it was handed over at the last moment
            else:
                with contextlib.suppress(ValueError):
                    self._line.remove(place)
            if not isinstance(reason, TimeoutError):
                raise
        error = PoolExhausted(
            f"No connection available: all {self.max_connections} of the pool were in use for "
            f"{time.monotonic() - since:.1f} s. Commands are too slow, connections are kept, or "
            "max_connections is too small"
        )
        self.shared.events.tell("pool_exhausted", "pool", "pool-exhausted", error=error)
        raise error

    async def release(self, connection: Any) -> None:
        """Take a connection back, and hand it to who is first in line."""
        if connection not in self._in_use_connections:
            return
        try:
            if connection._re_auth_token is not None:  # noqa: SLF001
                await connection.re_auth()
            if connection._should_reconnect or self._is_closed:  # noqa: SLF001
                await connection.disconnect(nowait=True)
        finally:
            breaker = self.shared.breaker
            if breaker.troubled and connection._reader is not None:  # noqa: SLF001
                breaker.answered()
            self._pass_on(connection)

    def _pass_on(self, connection: Any) -> None:
        while self._line:
            place = self._line.popleft()
            if not place.done():
                place.set_result(connection)
                return
        self._in_use_connections.discard(connection)
        self._available_connections.append(connection)

    def _tick(self) -> None:
        """Look at all who wait; stop when nobody holds a connection."""
        self._ticking = None
        if not self._in_use_connections or self._loop is None:
            return
        now = time.monotonic()
        watched: tuple[Any, ...] = tuple(self._in_use_connections)
        for connection in watched:
            if connection.is_waiting:
                connection.judge(now)
        self._ticking = self._loop.call_later(TICK_S, self._tick)

    def _move_to(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin anew in another event loop, or in a forked child; the old one's are let go.

        Raises:
            RuntimeError: The old one is at work, in another thread.
        """
        before = self._loop
        if before is not None and before.is_running() and self._pid == os.getpid():
            raise RuntimeError(
                "this client belongs to another event loop that is running: make one for each loop"
            )
        self._loop, self._pid = loop, os.getpid()
        self._ticking = self._listening = None
        self._line.clear()
        self._let_go()
        self.shared.moved_to_another_loop()
        self._lock = asyncio.Lock()
        if self._hears_maintenance:
            self.hear_maintenance()

    def _let_go(self) -> None:
        """Close the sockets of connections whose event loop cannot do it any more."""
        mine = (*self._available_connections, *self._in_use_connections)
        self._available_connections, self._in_use_connections = [], set()
        for connection in mine:
            writer, connection._writer = connection._writer, None  # noqa: SLF001
            connection._reader = None  # noqa: SLF001
            if writer is not None:
                _abandon(writer.transport)

    def hear_maintenance(self) -> None:
        """Listen to what the service announces, from the first command until the pool is closed."""
        from refused.client.aio.maintenance import Listening

        self._hears_maintenance = True
        if self._listening is None and self._loop is not None:
            self._listening = Listening(self)
            self._listening.start()

    async def aclose(self) -> None:
        """Close every connection, now or when it comes back, and end what works beside them."""
        self._is_closed = True
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None
        if self._listening is not None:
            await self._listening.stop()
            self._listening = None
        if self.shared.looker is not None:
            await self.shared.looker.close()
        if self._loop is asyncio.get_running_loop():
            await super().aclose()
        else:
            self._let_go()

    def forked(self) -> None:
        """Let go of what belongs to the parent."""
        self._loop = None
        self.shared.forked()
        self._let_go()


def _abandon(transport: Any) -> None:
    """Close the socket of a transport whose event loop is gone, or is the parent's.

    Its own ``close`` would ask that loop; in a forked child it would even take the socket out of
    the parent's selector, which the two share.
    """
    secured = getattr(transport, "_ssl_protocol", None)
    if secured is not None:
        transport._closed = True  # noqa: SLF001
        transport = getattr(secured, "_transport", None)
    sock = getattr(transport, "_sock", None)
    if sock is not None:
        with contextlib.suppress(OSError, AttributeError):
            sock.close()
            transport._sock = None  # noqa: SLF001
            transport._closing = True  # noqa: SLF001  # it is asked once more, by the writer's end


_pools: weakref.WeakSet[AsyncPool] = weakref.WeakSet()


def _after_fork() -> None:
    global _registry_lock  # noqa: PLW0603
    _registry_lock = threading.RLock()
    for pool in list(_pools):
        pool.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class AsyncShare:
    """One client's share in a pool: closing it closes the pool when it is the last one."""

    def __init__(
        self,
        key: object,
        make: Callable[[], AsyncPool],
        listeners: Sequence[Listener] = (),
        *,
        hears_maintenance: bool = False,
    ) -> None:
        self._key = key
        self._make = make
        self._listeners = tuple(listeners)
        self._hears_maintenance = hears_maintenance
        self._enter()

    def _enter(self) -> AsyncPool:
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

    async def aclose(self) -> None:
        """Give the share back; the pool stays open for the others."""
        pool = self._leave()
        if pool is not None:
            await pool.aclose()

    def _leave(self) -> AsyncPool | None:
        """Return the pool if nobody else has a share in it."""
        if self._is_closed:
            return None
        self._is_closed = True
        self.get_connection = self._come_back
        for listener in self._listeners:
            with contextlib.suppress(ValueError):
                self.pool.shared.events.listeners.remove(listener)
        with _registry_lock:
            pool, holders = _registry[self._key]
            if holders > 1:
                _registry[self._key] = (pool, holders - 1)
                return None
            del _registry[self._key]
        return pool

    async def _come_back(self, *words: Any, **options: Any) -> Any:
        """Like any redis-py client, ours may be used again after it was closed."""
        return await self._enter().get_connection(*words, **options)

    def __del__(self) -> None:
        """Give the share back; what is open is closed with the connections themselves."""
        with contextlib.suppress(Exception):
            self._leave()


ConnectionPool.register(AsyncShare)  # it is one to whoever asks
_registry: dict[object, tuple[AsyncPool, int]] = {}
# Re-entrant: whoever holds it may set off the collector, and so the end of another share.
_registry_lock = threading.RLock()
