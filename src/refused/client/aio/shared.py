"""What all asynchronous connections to one server have in common."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

import redis.exceptions as theirs

from refused.client.liveness import BETWEEN_S, LOOK_S
from refused.client.shared import Shared

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class Looker:
    """Looks, when asked, whether the server answers a new connection, in a task that ends with it.

    What that proves is said in :mod:`refused.client.liveness`.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._looking: asyncio.Task[None] | None = None
        self._next_at = 0.0
        self._answered_at = 0.0

    def has_answered(self, since: float) -> bool:
        """Whether the server has answered what was sent after *since* (monotonic clock)."""
        return self._answered_at > since

    def ask(self) -> None:
        """Have somebody look, unless somebody does or just has."""
        if self._looking is None and time.monotonic() >= self._next_at:
            self._looking = asyncio.get_running_loop().create_task(
                self._look(), name="refused-client-look"
            )

    async def close(self) -> None:
        """End a look that is under way."""
        task = self._looking
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def forget(self) -> None:
        """Let go of a task of another event loop."""
        self._looking = None

    async def _look(self) -> None:
        connection = self._make()
        try:
            async with asyncio.timeout(LOOK_S):
                connection.call.begin(time.monotonic() + LOOK_S)
                await connection.connect()
                sent_at = time.monotonic()
                await connection.send_command("PING", check_health=False)
                try:
                    await connection.read_response()
                except theirs.ResponseError as answer:
                    if str(answer).startswith("BUSY"):  # a script: the server is not idle at all
                        return
                self._answered_at = sent_at
        except (theirs.RedisError, OSError):
            pass  # no answer: nothing is known about the connection that waits
        finally:
            self._looking = None
            self._next_at = time.monotonic() + BETWEEN_S
            await connection.disconnect(nowait=True)


class AsyncShared(Shared):
    """As :class:`refused.client.shared.Shared`, with what an event loop needs."""

    looker: Looker | None = None
    _lock: asyncio.Lock | None = None

    @contextlib.asynccontextmanager
    async def async_gate(self, until: float) -> AsyncIterator[None]:
        """While a server is in trouble, let one dial at a time through.

        Raises:
            redis.TimeoutError: Somebody else's dial took all the time that there was.
        """
        if not self.breaker.troubled:
            yield
            return
        if self._lock is None:
            self._lock = asyncio.Lock()
        lock = self._lock
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                await lock.acquire()
        except TimeoutError:
            raise self.in_vain() from None
        if self.breaker.failures == 0:  # the dial before ours has succeeded
            lock.release()
            yield
            return
        try:
            await asyncio.sleep(self.pace_s(until))
            yield
        finally:
            lock.release()

    def moved_to_another_loop(self) -> None:
        """Forget what belonged to an event loop that is gone."""
        self._lock = None
        if self.looker is not None:
            self.looker.forget()
