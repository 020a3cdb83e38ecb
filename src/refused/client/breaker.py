"""A circuit breaker: whoever is down gets one look at a time instead of every caller's dials.

It opens when dials and connections have failed, and nothing else has happened, for *opens_after_s*
and at least three times. While it is open, calls fail at once; every *looks_every_s* one call is let
through as the look (half-open), and its success closes the circuit. An answer of any kind, an error
reply too, is a success: only errors of the connection count.
"""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING, Final

from refused.client import reasons
from refused.client.errors import CircuitOpen

if TYPE_CHECKING:
    from refused.client.events import Events

LEAST_FAILURES: Final = 3


class Breaker:
    """The state of one server's circuit, shared by all who dial it.

    Attributes:
        failures: How many there were since the last success.
        last: What the last one was.
        troubled: Whether the last thing that was heard of the connection was a failure; a plain
            attribute, so that the way of a call that succeeds costs one look at it.
    """

    def __init__(
        self, events: Events, *, opens_after_s: float, looks_every_s: float = 0.25
    ) -> None:
        self.events = events
        self.opens_after_s = opens_after_s
        self.looks_every_s = looks_every_s
        self.troubled = False
        self._lock = threading.Lock()
        self._clear()

    def _clear(self) -> None:
        self.failures = 0
        self._since = 0.0
        self._opened_at: float | None = None
        self._next_look = 0.0
        self._looking_until = 0.0
        self.last: BaseException | None = None

    @property
    def is_open(self) -> bool:
        """Whether calls are turned away."""
        return self._opened_at is not None

    def _is_look_due(self, now: float) -> bool:
        """Whether a call may be the look, or all may pass again."""
        return not self.is_open or (now >= self._next_look and now >= self._looking_until)

    def enter(self) -> None:
        """Let a call through, or turn it away.

        Raises:
            CircuitOpen: It is turned away.
        """
        if not self.is_open:
            return
        now = time.monotonic()
        with self._lock:
            if self._is_look_due(now):
                # Whoever looks may vanish without a word, so the ticket lapses by itself.
                self._looking_until = now + 2.0
                return
            since, last = now - self._since, self.last
        raise CircuitOpen(
            f"{self.events.address} has been out of reach for {since:.1f} s "
            f"({' '.join(reasons.meaning(last)) if last else 'no answer'}); "
            "the next try is due within two seconds"
        ) from last

    def failed(self, error: BaseException, at: str | None = None) -> None:
        """Count a failure of the connection, *at* a stage if that is known."""
        stage, reason = reasons.meaning(error)
        stage = at or stage
        now = time.monotonic()
        opened = False
        with self._lock:
            self.troubled = True
            self.failures += 1
            self.last = error
            if self.failures == 1:
                self._since = now
            if self._opened_at is not None:
                self._next_look = now + self.looks_every_s * random.uniform(0.8, 1.2)  # noqa: S311
                self._looking_until = 0.0
            elif self.failures >= LEAST_FAILURES and now - self._since >= self.opens_after_s:
                self._opened_at = now
                self._next_look = now
                opened = True
        self.events.tell("connection_failed", stage, reason, error=error)
        if opened:
            self.events.tell(
                "circuit_opened", "circuit", reason, error=error, lasted_s=now - self._since
            )

    def answered(self) -> None:
        """Close the circuit: the server has spoken."""
        if not self.troubled:
            return
        now = time.monotonic()
        with self._lock:
            if self.failures == 0:
                return  # another thread has been quicker
            was_open, since = self._opened_at is not None, self._since
            self.troubled = False
            self._clear()
        self.events.tell("connection_restored", "tcp", "recovered", lasted_s=now - since)
        if was_open:
            self.events.tell("circuit_closed", "circuit", "recovered", lasted_s=now - since)

    def forked(self) -> None:
        """Start with a lock of our own."""
        self._lock = threading.Lock()
        self.events.forked()
