"""Listening to what Azure Cache for Redis announces, in a task; see the synchronous twin."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

import redis.exceptions as theirs

from refused.client import reasons
from refused.client.calls import pause_s
from refused.client.maintenance import (
    CHANNEL,
    LOOK_EVERY_S,
    REST_AT_MOST_S,
    react,
    read,
    text_of,
)

if TYPE_CHECKING:
    from refused.client.aio.pool import AsyncPool


class Listening:
    """Listens on a connection of its own, in a task, until it is stopped."""

    def __init__(self, pool: AsyncPool) -> None:
        self._pool = pool
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen, in the running event loop."""
        self._task = asyncio.get_running_loop().create_task(
            self._listen(), name="refused-client-maintenance"
        )

    async def stop(self) -> None:
        """End the task and its connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self) -> None:
        failures = 0
        while True:
            connection: Any = self._pool.spare()
            try:
                connection.call.begin(time.monotonic() + connection.call.deadline_s)
                await connection.connect()
                await connection.send_command("SUBSCRIBE", CHANNEL, check_health=False)
                while True:
                    await self._hear(connection)
                    failures = 0
            except theirs.RedisError as error:
                if reasons.is_final(error):
                    self._pool.shared.events.tell(
                        "maintenance", "maintenance", "no-permission", error=error
                    )
                    return
                failures += 1
            finally:
                with contextlib.suppress(OSError, theirs.RedisError):
                    await connection.disconnect(nowait=True)
            await asyncio.sleep(min(REST_AT_MOST_S, pause_s(failures) * 2 ** min(failures, 6)))

    async def _hear(self, connection: Any) -> None:
        # A timeout is told by None, and is no error.
        response = await connection.read_response(
            timeout=LOOK_EVERY_S, disconnect_on_error=False, push_request=True
        )
        if response is None:
            await connection.send_command("PING", check_health=False)
            if await connection.read_response(timeout=connection.call.deadline_s) is None:
                raise theirs.TimeoutError("Timeout reading from the channel of announcements")
            return
        message = text_of(response)
        said = read(message) if message is not None else None
        if said is not None and message is not None and react(self._pool.shared, said, message):
            await self._pool.disconnect(inuse_connections=False)
