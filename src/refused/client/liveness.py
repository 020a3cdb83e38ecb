"""Is the server there, and only this connection dead?

A read that waits tells nothing by itself: the command may be slow. But a Redis server answers one
command at a time, so if it answers a PING that was sent on another connection *after* our command,
it has nothing of ours before it: our connection is dead, however alive it looks (a middlebox has
forgotten it, a peer has vanished). Where a proxy answers for several servers, a PING proves less,
and the silence has to last longer first (:data:`settings.SILENCE_BEHIND_A_PROXY`).

One look at a time for the whole pool, in a thread that ends with it.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final

import redis.exceptions as theirs

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_S: Final = 2.0
BETWEEN_S: Final = 0.25


class Liveness:
    """Looks, when asked, whether the server answers a new connection.

    Args:
        make: Makes a connection that is not the pool's.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._looking: threading.Thread | None = None
        self._connection: Any = None
        self._next_at = 0.0
        self._is_closed = False
        self._answered_at = 0.0

    def has_answered(self, since: float) -> bool:
        """Whether the server has answered what was sent after *since* (monotonic clock)."""
        return self._answered_at > since

    def ask(self) -> None:
        """Have somebody look, unless somebody does or just has."""
        with self._lock:
            now = time.monotonic()
            if self._looking is not None or now < self._next_at or self._is_closed:
                return
            self._looking = threading.Thread(
                target=self._look, name="refused-client-look", daemon=True
            )
            self._looking.start()

    def close(self) -> None:
        """End a look that is under way."""
        with self._lock:
            self._is_closed = True
            thread, connection = self._looking, self._connection
        if connection is not None:
            connection.disconnect()
        if thread is not None and thread is not threading.current_thread():
            thread.join(LOOK_S + 0.5)

    def reopen(self) -> None:
        """Be of use again after :meth:`close`, or in a forked child."""
        self._lock = threading.Lock()
        self._looking = self._connection = None
        self._is_closed = False

    def _look(self) -> None:
        connection = self._make()
        self._connection = connection
        try:
            connection.call.begin(time.monotonic() + LOOK_S)
            connection.connect()
            sent_at = time.monotonic()
            connection.call.begin(sent_at + LOOK_S)
            connection.send_command("PING", check_health=False)
            try:
                connection.read_response()
            except theirs.ResponseError as answer:
                if str(answer).startswith("BUSY"):  # a script: the server is not idle at all
                    return
            self._answered_at = sent_at
        except (theirs.RedisError, OSError):
            pass  # no answer: nothing is known about the connection that waits
        finally:
            connection.disconnect()
            with self._lock:
                self._connection = self._looking = None
                self._next_at = time.monotonic() + BETWEEN_S
