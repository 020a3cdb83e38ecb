"""Credentials that expire: asked for once for many connections, and renewed before they lapse.

A provider such as redis-entraid's is asked for a token at every login. We keep its answer until it
is due for renewal, so that a storm of reconnects is no storm on the identity service, and we read
from the token itself (a JWT) when it ends. A token that cannot be read has no known end: then the
server's refusal is the first we hear of it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from refused.client.errors import NoCredentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from refused.client.events import Events

# "at least 3 minutes before token expiry, with jitter":
# https://learn.microsoft.com/azure/azure-cache-for-redis/cache-azure-active-directory-for-authentication
AHEAD_S: Final = 180.0
AHEAD_SHARE: Final = 0.25  # a token that lives ten minutes only is not renewed all the time
ASK_AGAIN_S: Final = 5.0
OPAQUE_S: Final = 1.0


def ends_at_s(token: str) -> float | None:
    """Return when a JWT expires, in seconds since 1970; ``None`` if it does not say."""
    part = token.split(".")
    if len(part) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(part[1] + "=" * (-len(part[1]) % 4)))
        return float(claims["exp"])
    except (ValueError, KeyError, TypeError):
        return None


class Credentials:
    """A redis-py credential provider that remembers what another one said.

    It is handed to redis-py as the connections' provider. Its answer is a tuple like the other's,
    which never becomes part of a message or of a ``repr``. The other is asked in a thread, one at a
    time: while the old token is good, nobody waits for the new one.

    Args:
        provider: The other one.
        wait_s: How long a login waits where there is no good token to go on with.
    """

    def __init__(self, provider: Any, events: Events, wait_s: float) -> None:
        self.provider = provider
        self._events = events
        self._wait_s = wait_s
        self._lock = threading.Lock()
        self._asking: _Question | None = None
        self._answer: tuple[str, ...] | None = None
        self.ends_at: float | None = None
        self.renew_at = 0.0
        self._taken_at = 0.0
        if hasattr(provider, "on_next"):  # redis-py's streaming providers tell by themselves too
            provider.on_next(self._told)
            provider.on_error(self._told_of)

    def wait_until(self, until: float) -> None:
        """Wait for the first answer, but no longer than until then, by the monotonic clock.

        Raises:
            NoCredentials: As below.
        """
        answer, question = self._ask()
        if answer is None and question is not None:
            question.done.wait(max(0.0, until - time.monotonic()))
            self._outcome(question)

    def get_credentials(self) -> tuple[str, ...]:
        """Return user and password, new ones if the old are due.

        Raises:
            NoCredentials: There are none, or not in time; from what the provider raised.
        """
        answer, question = self._ask()
        if answer is None and question is not None:
            question.done.wait(self._wait_s)
            return self._outcome(question)
        assert answer is not None  # noqa: S101  # one of them there always is
        return answer

    async def get_credentials_async(self) -> tuple[str, ...]:
        """Return user and password without holding up the event loop; else as above."""
        answer, question = self._ask()
        if answer is None and question is not None:
            loop = asyncio.get_running_loop()
            until = loop.time() + self._wait_s
            while not question.done.is_set() and loop.time() < until:  # noqa: ASYNC110  # a thread's
                await asyncio.sleep(0.01)
            return self._outcome(question)
        assert answer is not None  # noqa: S101  # one of them there always is
        return answer

    def forget(self) -> None:
        """Ask anew next time: the server has refused what we had."""
        with self._lock:
            self._answer, self.renew_at = None, 0.0

    @property
    def in_force(self) -> tuple[str, ...] | None:
        """What the last login was made with."""
        return self._answer

    def due_at(self) -> float | None:
        """Return when that is due for renewal, by the monotonic clock; ``None``: nobody knows."""
        if self.ends_at is None:
            return None
        return time.monotonic() + max(0.0, self.renew_at - time.time())

    def forked(self) -> None:
        """Start with a lock of our own, and without a thread that is not here any more."""
        self._lock = threading.Lock()
        self._asking = None

    def _ask(self) -> tuple[tuple[str, ...] | None, _Question | None]:
        """Have the provider asked if need be; return what is good meanwhile."""
        with self._lock:
            now = time.time()
            # What has no known end is asked for before each login, once a second at most.
            ends_at = self.ends_at if self.ends_at is not None else self._taken_at + OPAQUE_S
            is_good = self._answer is not None and now < ends_at
            if (not is_good or now >= self.renew_at) and self._asking is None:
                self._asking = _Question(self.provider, self._answered)
                self._asking.start()
            return (self._answer if is_good else None), self._asking

    def _outcome(self, question: _Question) -> tuple[str, ...]:
        if question.answer is not None:
            return question.answer
        raise NoCredentials(
            "no credentials: the provider "
            + (
                f"raised {type(question.failure).__name__}"
                if question.failure is not None
                else "did not answer in time"
            )
        ) from question.failure

    def _answered(self, question: _Question) -> None:
        with self._lock:
            if self._asking is question:
                self._asking = None
            if question.answer is not None:
                news = self._take(question.answer)
            else:
                news = False
                self.renew_at = time.time() + ASK_AGAIN_S
        if question.failure is not None:
            self._told_of(question.failure)
        elif news:
            self._events.tell("token_renewed", "auth", "token")

    def _told(self, token: Any) -> _Done:
        with self._lock:
            news = self._take((token.try_get("oid"), token.get_value()))
        if news:
            self._events.tell("token_renewed", "auth", "token")
        return _Done()

    def _told_of(self, failure: Exception) -> _Done:
        # What an identity service says may name tenants and users: the class alone is told.
        self._events.tell("token_failed", "auth", "token", said=type(failure).__name__)
        return _Done()

    def _take(self, answer: tuple[str, ...]) -> bool:
        """Remember an answer; return whether it takes the place of another one."""
        is_same, had_one = answer == self._answer, self._answer is not None
        self._answer = answer
        self.ends_at = ends_at_s(answer[-1])
        now = self._taken_at = time.time()
        if self.ends_at is None:
            self.renew_at = now + OPAQUE_S
        elif is_same:
            self.renew_at = now + ASK_AGAIN_S  # the provider has nothing newer yet
        else:
            ahead = min(AHEAD_S, AHEAD_SHARE * max(0.0, self.ends_at - now))
            self.renew_at = self.ends_at - ahead * random.uniform(1.0, 1.3)  # noqa: S311
        return had_one and not is_same


class _Question(threading.Thread):
    def __init__(self, provider: Any, told: Callable[[_Question], None]) -> None:
        super().__init__(name="refused-client-credentials", daemon=True)
        self.answer: tuple[str, ...] | None = None
        self.failure: Exception | None = None
        self.done = threading.Event()
        self._provider = provider
        self._told = told

    def run(self) -> None:
        try:
            answer = self._provider.get_credentials()
            self.answer = answer if isinstance(answer, tuple) else tuple(answer)
        except NotImplementedError:
            try:  # one that can only be asked asynchronously
                self.answer = tuple(asyncio.run(self._provider.get_credentials_async()))
            except Exception as failure:  # noqa: BLE001  # raised by whoever waits
                self.failure = failure
        except Exception as failure:  # noqa: BLE001  # raised by whoever waits
            self.failure = failure
        self._told(self)
        self.done.set()


class _Done:
    """Nothing to wait for: redis-entraid awaits what its asynchronous renewal calls."""

    def __await__(self) -> Iterator[None]:
        return iter(())
