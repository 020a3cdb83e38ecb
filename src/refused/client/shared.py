"""What all connections to one server have in common."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from typing import TYPE_CHECKING

import redis.exceptions as theirs

from refused.client import reasons, settings
from refused.client.breaker import Breaker
from refused.client.calls import AsyncCall, Call, pause_s
from refused.client.credentials import Credentials
from refused.client.dialling import Names
from refused.client.errors import NoCredentials

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from refused.client.calls import Account
    from refused.client.events import Events
    from refused.client.liveness import Liveness

RENEW_EVERY_S = 1.0
FULL_REST_S = 0.5
REFUSED_FOR_S = 1.0  # what has been refused for good is not asked for again sooner; doubled …
REFUSED_AT_MOST_S = 5.0  # … up to here, so that a mended key is noticed


class Shared:
    """Names, credentials, the circuit, and the number of the pool's renewal.

    Attributes:
        renewal: Counts up when every connection that is open now had better be replaced; each is
            when it is next handed out.
        server_name: The name that certificates must be for; empty: the host that is dialled.
        liveness: Who looks whether the server is there; ``None``: nobody does.
    """

    def __init__(
        self,
        wanted: settings.Settings,
        events: Events,
        *,
        tries_once: bool = False,
        server_name: str = "",
        names: Names | None = None,
        credentials: Credentials | None = None,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        self.settings = wanted
        self.events = events
        self.names = names or Names()
        self.breaker = Breaker(events, opens_after_s=0.8 * wanted.deadline_s)
        self.server_name = server_name
        self.is_in_maintenance = False
        self.renewal = 0
        self.liveness: Liveness | None = None
        self.credentials = credentials
        if credentials is None and wanted.provider is not None:
            self.credentials = Credentials(wanted.provider, events, wanted.deadline_s)
        self._tls_context = tls_context
        self._tries_once = tries_once
        self._renewed_at = float("-inf")
        self._one_dials = threading.Semaphore()
        self._next_dial_at = 0.0
        self._no_primary_since = self._no_primary_at = float("-inf")
        self._refusal: theirs.RedisError | None = None
        self._refused_until = 0.0
        self._refusals = 0

    @property
    def tls_context(self) -> ssl.SSLContext:
        """The TLS context, made when it is first needed."""
        if self._tls_context is None:
            self._tls_context = settings.tls_context(self.settings.connection)
        return self._tls_context

    def new_call(self) -> Call:
        """Return the account of a new connection's calls."""
        wanted = self.settings
        return Call(wanted.deadline_s, wanted.also_repeat, tries_once=self._tries_once)

    def new_async_call(self) -> AsyncCall:
        """Return the account of a new asynchronous connection's calls."""
        wanted = self.settings
        return AsyncCall(wanted.deadline_s, wanted.also_repeat, tries_once=self._tries_once)

    def give_up_at(self, now: float) -> float:
        """Return when a call that begins now gives up, by the monotonic clock."""
        return now + self.settings.deadline_s

    def login_in_force(self) -> tuple[tuple[str, ...] | None, float | None]:
        """Return what a login just made was made with, and when it is due for renewal."""
        credentials = self.credentials
        if credentials is None:
            return None, None
        return credentials.in_force, credentials.due_at()

    @contextlib.contextmanager
    def gate(self, until: float) -> Iterator[None]:
        """While a server is in trouble, let one dial at a time through.

        A hundred threads that dial a server which struggles to get up would keep it down.

        Raises:
            redis.TimeoutError: Somebody else's dial took all the time that there was.
        """
        if not self.breaker.troubled:
            yield
            return
        gate = self._one_dials
        if not gate.acquire(timeout=max(0.0, until - time.monotonic())):
            raise self.in_vain()
        if self.breaker.failures == 0:  # the dial before ours has succeeded
            gate.release()
            yield
            return
        try:
            time.sleep(self.pace_s(until))
            yield
        finally:
            gate.release()

    def pace_s(self, until: float) -> float:
        """Return how long the next dial has to wait, so that many callers dial no more than one.

        Raises:
            redis.RedisError: That is longer than the call can wait.
        """
        if self._next_dial_at >= until:
            raise self.in_vain()
        return max(0.0, self._next_dial_at - time.monotonic())

    def let_in(self) -> None:
        """Note that a login has succeeded."""
        self._refusal = None
        self.breaker.answered()

    def stop_if_refused(self) -> None:
        """Spare the server a login that it has just refused for good.

        Raises:
            redis.RedisError: What it was refused with, less than a second ago.
        """
        refusal = self._refusal
        if refusal is not None and time.monotonic() < self._refused_until:
            raise type(refusal)(*refusal.args) from refusal

    def in_vain(self) -> theirs.RedisError:
        """Return what a call is told that had no chance to dial itself: what befell the last dial."""
        last = self.breaker.last
        if isinstance(last, theirs.RedisError) and not reasons.is_final(last):
            return type(last)(*last.args)
        return theirs.TimeoutError(f"Timeout connecting to {self.events.address}")

    def renew(self, reason: str, *, stage: str = "command") -> None:
        """Have every connection that is open now replaced before it is used again."""
        self._renewed_at = time.monotonic()
        self.renewal += 1
        self.events.tell("connections_renewed", stage, reason)

    def saw_failure(self, error: theirs.RedisError, stage: str) -> None:
        """Note that a dial or a login has failed, and at which stage."""
        if isinstance(error, theirs.AuthenticationError) and self.credentials is not None:
            self.credentials.forget()
        if reasons.is_final(error):
            now = time.monotonic()
            if now >= self._refused_until:
                self._refusals = self._refusals + 1 if self._refusal is not None else 0
                wait_s = min(REFUSED_AT_MOST_S, REFUSED_FOR_S * 2 ** min(self._refusals, 8))
                self._refused_until = now + wait_s
            self._refusal = error
            if not isinstance(error, NoCredentials):
                stage, reason = reasons.meaning(error)
                if reason != "certificate":
                    self.breaker.answered()  # the server has refused us: it is there
                self.events.tell("connection_failed", stage, reason, error=error)
        else:
            self.breaker.failed(error, stage)
            pause = pause_s(self.breaker.failures)
            if reasons.meaning(error)[1] == "max-clients":
                # Each dial takes a place that somebody waits for.
                pause = FULL_REST_S * random.uniform(0.8, 1.6)  # noqa: S311
            self._next_dial_at = time.monotonic() + pause

    def saw_refusal(self, error: theirs.ResponseError) -> None:
        """Note an error reply; that of a node that is no primary any more concerns all."""
        if isinstance(error, (theirs.ReadOnlyError, theirs.MasterDownError)):
            now = time.monotonic()
            if now - self._renewed_at >= RENEW_EVERY_S:
                # Who meets it on a connection that is newer replaces that one by itself.
                stage, reason = reasons.meaning(error)
                self.renew(reason, stage=stage)
            if now - self._no_primary_at > 2 * self.settings.deadline_s:
                self._no_primary_since = now
            self._no_primary_at = now
            if now - self._no_primary_since > self.settings.deadline_s:
                reasons.make_final(error)  # no fail-over lasts so long: a geo-replica's secondary

    def saw_maintenance(self, *, is_under_way: bool) -> None:
        """Note what a server has announced through the protocol; each connection is told."""
        if is_under_way is not self.is_in_maintenance:
            self.is_in_maintenance = is_under_way
            reason = "started" if is_under_way else "ended"
            self.events.tell("maintenance", "maintenance", reason)

    def lost(self, call: Account) -> None:
        """Note that a connection was lost under a call; who needs to know it overrides this."""

    def saw_loss(self, error: theirs.ConnectionError) -> None:
        """Note that a connection has broken under a command."""
        stage, reason = reasons.meaning(error)
        self.events.tell("connection_failed", stage, reason, error=error)

    def saw_silence(self, error: theirs.TimeoutError) -> None:
        """Note that a connection is dead though it looks alive; its sisters may be too."""
        self.events.tell("connection_failed", "command", "silent", error=error)
        self.renew("silent")

    def saw_no_answer(self, error: theirs.TimeoutError, lasted_s: float) -> None:
        """Note that a call has waited in vain."""
        self.events.tell("gave_up", "command", "deadline", error=error, lasted_s=lasted_s)
        self.breaker.failed(error)

    def forked(self) -> None:
        """Start with locks of our own: other threads may have held them when we were forked."""
        self._one_dials = threading.Semaphore()
        self.names.forked()
        self.breaker.forked()
        if self.credentials is not None:
            self.credentials.forked()
        if self.liveness is not None:
            self.liveness.reopen()
