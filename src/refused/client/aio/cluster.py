"""The asynchronous cluster client: redis-py's, with one deadline over all nodes and tries."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import redis.asyncio
import redis.exceptions as theirs
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from refused.client import underway
from refused.client.aio.connection import SteadyConnection, SteadyTlsConnection
from refused.client.aio.pool import TICK_S, AsyncPool
from refused.client.aio.shared import AsyncShared, Looker
from refused.client.cluster import remap, server_name
from refused.client.errors import PoolExhausted
from refused.client.events import Events
from refused.client.underway import Underway

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from refused.client.calls import Account
    from refused.client.events import Listener
    from refused.client.settings import Settings


class SteadyCluster(redis.asyncio.RedisCluster):
    """redis-py's cluster client, which gives up in time and does not repeat what adds."""

    def __init__(self, book: Book, **keywords: Any) -> None:
        self.steady_book = book
        super().__init__(**keywords)
        # redis-py lets nobody choose the class; its nodes make connections with these keywords.
        kind = TlsNodeConnection if book.wanted.is_tls else NodeConnection
        own = {"connection_class": kind, "book": book}
        self.connection_kwargs.update(own)
        self.nodes_manager.connection_kwargs.update(own)
        for node in (*self.startup_nodes, *self.nodes_manager.startup_nodes.values()):
            node.connection_class = kind
            node.connection_kwargs["book"] = book

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command until it is answered, is refused for good, or its time is up."""
        if underway.current.get() is not None:  # one command of another's
            return await super().execute_command(*args, **kwargs)
        book = self.steady_book
        book.enter()
        call = Underway(book.wanted)
        await book.wait_in_line(call.give_up_at)
        token = underway.current.set(call)
        try:
            while True:
                try:
                    return await super().execute_command(*args, **kwargs)
                except underway.AGAIN as error:
                    await asyncio.sleep(call.next_try_s(error))
                    await self._ask_the_endpoint(error)
        finally:
            underway.current.reset(token)
            book.line.release()

    async def _ask_the_endpoint(self, error: Exception) -> None:
        """Have the map of the slots drawn anew, from where we came in if need be."""
        wanted = self.steady_book.wanted
        with contextlib.suppress(*underway.AGAIN):
            if isinstance(error, theirs.RedisClusterException):
                await self.initialize(additional_startup_nodes_info=[(wanted.host, wanted.port)])
            elif isinstance(error, (theirs.ReadOnlyError, theirs.BusyLoadingError)):
                await self.nodes_manager.initialize()

    async def aclose(self) -> None:
        """Close every connection, and end whatever works beside them."""
        await super().aclose()
        await self.steady_book.aclose()


class Book:
    """What the nodes of a cluster have in common, and what each has of its own."""

    def __init__(
        self, wanted: Settings, events: Events, *, metrics: bool | None, hears_maintenance: bool
    ) -> None:
        self.wanted = wanted
        self.endpoint = EndpointShared(wanted, events)
        self.endpoint.book = self
        self.waiting: set[Any] = set()
        self._metrics = metrics
        self._nodes: dict[tuple[str, int], NodeShared] = {}
        self._ticking: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pool = AsyncPool(wanted, self.endpoint) if hears_maintenance else None

    def enter(self) -> None:
        """Begin, in the running event loop, what works beside the connections."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._ticking = loop, None
            self.line = asyncio.Semaphore(self.wanted.pool["max_connections"])
            if self._pool is not None:
                self._pool._move_to(loop)  # noqa: SLF001  # which begins to listen
                self._pool.hear_maintenance()

    async def wait_in_line(self, give_up_at: float) -> None:
        """Wait until no node can run out of connections: as many calls as one may have of them.

        Raises:
            PoolExhausted: The call's time was up before.
        """
        if not self.line.locked():
            await self.line.acquire()  # at once
            return
        try:
            async with asyncio.timeout(max(0.0, give_up_at - time.monotonic())):
                await self.line.acquire()
        except TimeoutError:
            error = PoolExhausted(
                f"No connection available: {self.wanted.pool['max_connections']} calls were under "
                f"way for {self.wanted.deadline_s:g} s"
            )
            self.endpoint.events.tell("pool_exhausted", "pool", "pool-exhausted", error=error)
            raise error from None

    def of(self, connection: Any, keywords: dict[str, Any]) -> NodeShared:
        """Return what the connections to one node share."""
        host, port = keywords["host"], int(keywords["port"])
        shared = self._nodes.get((host, port))
        if shared is None:
            wanted = replace(self.wanted, host=host, port=port)
            shared = NodeShared(
                wanted,
                Events(wanted.address, metrics=self._metrics),
                tries_once=True,
                server_name=server_name(self.wanted, host),
                names=self.endpoint.names,
                credentials=self.endpoint.credentials,
                tls_context=self.endpoint.tls_context if wanted.is_tls else None,
            )
            shared.events.listeners = self.endpoint.events.listeners
            kind = type(connection)
            shared.looker = Looker(lambda: kind(book=self, **keywords))
            self._nodes[host, port] = shared
        return shared

    def renew(self, reason: str) -> None:
        """Have every node's connections replaced."""
        for shared in self._nodes.values():
            shared.renew(reason)

    def watch(self, connection: Any) -> None:
        """Keep an eye on a connection that waits."""
        self.waiting.add(connection)
        if self._ticking is None:
            self._ticking = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        self._ticking = None
        if not self.waiting:
            return
        now = time.monotonic()
        for connection in tuple(self.waiting):
            connection.judge(now)
        self._ticking = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    async def aclose(self) -> None:
        """End whatever works beside the connections."""
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None
        for shared in self._nodes.values():
            if shared.looker is not None:
                await shared.looker.close()
        if self._pool is not None:
            await self._pool.aclose()


class NodeShared(AsyncShared):
    """What the connections to one node have in common."""

    def give_up_at(self, now: float) -> float:
        """Return when the call under way gives up."""
        call = underway.current.get()
        return now + self.settings.deadline_s if call is None else call.give_up_at

    def lost(self, call: Account) -> None:
        """Tell the call under way."""
        underway.note_loss(call)


class EndpointShared(AsyncShared):
    """What listens to announcements; what it hears concerns every node."""

    book: Book | None = None

    def renew(self, reason: str, *, stage: str = "command") -> None:
        """Have every node's connections replaced."""
        super().renew(reason, stage=stage)
        if self.book is not None:
            for shared in self.book._nodes.values():  # noqa: SLF001
                shared.renewal += 1


class _OfANode:
    """A connection that a node hands out by itself, with no pool to look at it first."""

    def __init__(self, *, book: Book, **keywords: Any) -> None:
        self.book = book
        self._is_looked_at = False
        self._waits = False
        super().__init__(shared=book.of(self, keywords), **keywords)  # type: ignore[call-arg]

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for an answer, or for room to write."""
        return self._waits

    @is_waiting.setter
    def is_waiting(self, waits: bool) -> None:
        if waits is not self._waits:
            self._waits = waits
            if waits:
                self.book.watch(self)
            else:
                self.book.waiting.discard(self)

    def pack_command(self, *args: Any) -> list[bytes]:
        """Pack a command, and note what it was."""
        place: Any = self
        if not place._is_shaking_hands:  # noqa: SLF001
            place.call.commands = (args,)
        packed: list[bytes] = super().pack_command(*args)  # type: ignore[misc]
        return packed

    async def send_packed_command(
        self,
        command: str | bytes | Iterable[bytes],
        check_health: bool = True,  # noqa: FBT001, FBT002  # redis-py's signature
    ) -> None:
        """Send what is packed, on a connection that is fit for it."""
        place: Any = self
        if not place._is_shaking_hands and not self._is_looked_at:  # noqa: SLF001
            commands = place.call.commands
            self._is_looked_at = True
            try:
                await self._make_ready()
            finally:
                self._is_looked_at = False
            place.call.commands = commands
        await super().send_packed_command(command, check_health)  # type: ignore[misc]

    async def _make_ready(self) -> None:
        place: Any = self
        shared, call = place.shared, place.call
        if shared.breaker.troubled:
            shared.breaker.enter()
        now = time.monotonic()
        give_up_at = shared.give_up_at(now)
        if place._reader is not None:  # noqa: SLF001
            ended = place._reader.at_eof() or place._writer.transport.is_closing()  # noqa: SLF001
            if ended or place.renewal != shared.renewal:
                await place.disconnect(nowait=True)
            elif now - call.sent_at > place.health_check_interval > 0:
                if not await place.is_alive():
                    await place.disconnect(nowait=True)
            elif place.renew_login_at is not None and now >= place.renew_login_at:
                call.begin(give_up_at)
                try:
                    await place.renew_login()
                except (theirs.RedisError, TimeoutError):
                    await place.disconnect(nowait=True)
        call.begin(give_up_at)
        if place._reader is None:  # noqa: SLF001
            await place.connect_check_health(check_health=False)
        underway.note_begin()

    async def read_response(self, *args: Any, **keywords: Any) -> Any:
        """Read an answer."""
        place: Any = self
        response = await super().read_response(*args, **keywords)  # type: ignore[misc]
        if place.shared.breaker.troubled and not place._is_shaking_hands:  # noqa: SLF001
            place.shared.breaker.answered()
        return response


class NodeConnection(_OfANode, SteadyConnection):  # type: ignore[misc]  # as its parent
    """A connection to a node in the clear."""


class TlsNodeConnection(_OfANode, SteadyTlsConnection):  # type: ignore[misc]
    """A connection to a node through TLS."""


_NOT_FOR_A_CLUSTER = ("db", "cache", "cache_config")


def connect(
    wanted: Settings,
    listeners: Sequence[Listener],
    *,
    metrics: bool | None,
    hears_maintenance: bool,
) -> SteadyCluster:
    """Return a cluster client; nothing is dialled before the first command."""
    book = Book(
        wanted,
        Events(wanted.address, listeners, metrics=metrics),
        metrics=metrics,
        hears_maintenance=hears_maintenance,
    )
    given = {**wanted.connection, **wanted.pool}
    for name in _NOT_FOR_A_CLUSTER:
        given.pop(name, None)
    given.setdefault("address_remap", remap(wanted))
    if book.endpoint.credentials is not None:
        given["credential_provider"] = book.endpoint.credentials
    return SteadyCluster(book, ssl=wanted.is_tls, retry=Retry(NoBackoff(), 0), **given)
