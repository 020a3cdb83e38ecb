"""One call: how long it may take, what it has sent, and whether it is tried again.

redis-py asks a connection's ``retry`` to run each command and each pipeline. Ours is made for one
connection, and is at the same time the account of the call under way on it: a connection serves one
call at a time.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import FullJitterBackoff
from redis.retry import Retry

from refused.client import reasons, repeatable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

T = TypeVar("T")

BASE_S: Final = 0.02
CAP_S: Final = 0.5  # back at work within two seconds of the network, whatever the luck
LEAST_S: Final = 0.05  # a try with less time than this could only run out of it


def pause_s(failures: int) -> float:
    """Return how long to wait after the n-th failure: exponential, with full jitter.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return random.uniform(0.0, min(CAP_S, BASE_S * 2.0 ** min(failures, 16)))  # noqa: S311


class Account:
    """What is known of a call, whichever library runs it.

    Attributes:
        give_up_at: When its time is up, by the monotonic clock.
        is_begun: Whether the pool has set that already, when it handed out the connection.
        sent: Whether anything of the command under way has left us.
        sent_at: When it has.
        commands: The words of the command, or of each command of a pipeline.
    """

    give_up_at: float
    deadline_s: float
    is_begun: bool
    sent: bool
    sent_at: float
    commands: Sequence[Sequence[Any]]
    also_repeat: frozenset[str]
    tries_once: bool

    def open(self, deadline_s: float, also_repeat: frozenset[str], *, tries_once: bool) -> None:
        """Open the account, with no call under way."""
        self.deadline_s = deadline_s
        self.also_repeat = also_repeat
        self.tries_once = tries_once
        self.give_up_at = 0.0
        self.is_begun = False
        self.sent = False
        self.sent_at = 0.0
        self.commands = ()

    def limit(self, own_s: float | None) -> float:
        """Return until when an answer is waited for, by the monotonic clock.

        Args:
            own_s: What ``socket_timeout`` says.
        """
        limit = self.give_up_at
        if limit <= self.sent_at:  # no call was begun: MONITOR, or a connection in hand
            limit = self.sent_at + self.deadline_s
        patience_s = self.patience_s()
        if patience_s is None:
            return limit if own_s is None else min(limit, self.sent_at + own_s)
        return float("inf") if patience_s == 0 else limit + patience_s

    def begin(self, give_up_at: float) -> None:
        """Start a call."""
        self.give_up_at = give_up_at
        self.is_begun = True
        self.sent = False

    def is_worth_it(self, error: BaseException) -> bool:
        """Whether the call may be tried again after *error*.

        Never after a refusal that is final. Else always if nothing had been sent, or if the server
        has said "not now"; if the connection was lost afterwards, only what may be done twice.
        """
        if self.tries_once or reasons.is_final(error):
            return False
        if not self.sent:
            return True
        if reasons.is_not_now(error) and len(self.commands) == 1:
            return True
        return repeatable.are_repeatable(self.commands, self.also_repeat)

    def rest_s(self, failures: int) -> float | None:
        """Return the pause before the next try; ``None`` if too little time is left after it."""
        pause = pause_s(failures)
        return pause if time.monotonic() + pause < self.last_start() else None

    def last_start(self) -> float:
        """Return when the last try may begin, by the monotonic clock."""
        return self.give_up_at - min(LEAST_S, self.deadline_s / 20)

    def explain(self, error: BaseException, *, gave_up_after: int = 0) -> None:
        """Add to an error what became of the call; its class and its message stay redis-py's."""
        if self.tries_once or getattr(error, "__notes__", None):
            return
        if gave_up_after:
            error.add_note(f"given up: {self.deadline_s:g} s a call, {gave_up_after} tries")
        elif self.sent and not reasons.is_final(error) and not reasons.is_not_now(error):
            names = sorted({repeatable.name_of(words) for words in self.commands})
            error.add_note(
                f"not sent again: nobody knows whether {', '.join(names[:5])} was carried out"
            )

    def patience_s(self) -> float | None:
        """Return how long the command itself wants to wait; 0 is for ever, ``None`` not at all."""
        if len(self.commands) != 1:
            return None
        words = self.commands[0]
        return 0.0 if repeatable.name_of(words) == "MONITOR" else repeatable.patience_s(words)

    def may_be_judged(self) -> bool:
        """Whether another connection's answer shows that ours is dead.

        A command of a module may run beside the server's one thread; a blocking one waits by itself.
        """
        return self.patience_s() is None and not any(
            "." in repeatable.name_of(words) for words in self.commands
        )


_worth_it: Any = reasons.WORTH_IT  # redis-py's type names its own errors alone
_TRIES: Final = (
    1000  # the number is not what ends it; redis-py compares it with the failures to come
)


class Call(Retry, Account):
    """The account of a call on a connection of the synchronous client; also its ``retry``."""

    def __init__(
        self,
        deadline_s: float,
        also_repeat: frozenset[str] = frozenset(),
        *,
        tries_once: bool = False,
    ) -> None:
        super().__init__(FullJitterBackoff(CAP_S, BASE_S), _TRIES, _worth_it)
        self.open(deadline_s, also_repeat, tries_once=tries_once)

    def call_with_retry(
        self,
        do: Callable[[], T],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,  # noqa: FBT001, FBT002  # redis-py's signature
    ) -> T:
        """Run a command until it is answered, is refused for good, or its time is up."""
        if self.is_begun:
            self.is_begun = False
        else:  # on a connection that is kept: a transaction, a subscription
            self.give_up_at = time.monotonic() + self.deadline_s
            self.sent = False
        failures = 0
        while True:
            try:
                return do()
            except self._supported_errors as error:
                failures += 1
                if not self.is_worth_it(error) or (is_retryable and not is_retryable(error)):
                    self.explain(error)
                    raise
                if with_failure_count:
                    fail(error, failures)
                else:
                    fail(error)
                pause = self.rest_s(failures)
                if pause is not None:
                    time.sleep(pause)
                # A sleep may last longer than was asked; what was seen tells more than the clock.
                if pause is None or time.monotonic() >= self.last_start():
                    self.explain(error, gave_up_after=failures)
                    raise
                self.sent = False


class AsyncCall(AsyncRetry, Account):
    """The account of a call on a connection of the asynchronous client; also its ``retry``."""

    def __init__(
        self,
        deadline_s: float,
        also_repeat: frozenset[str] = frozenset(),
        *,
        tries_once: bool = False,
    ) -> None:
        super().__init__(FullJitterBackoff(CAP_S, BASE_S), _TRIES, _worth_it)
        self.open(deadline_s, also_repeat, tries_once=tries_once)

    async def call_with_retry(
        self,
        do: Callable[[], Awaitable[T]],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,  # noqa: FBT001, FBT002  # redis-py's signature
    ) -> T:
        """Run a command until it is answered, is refused for good, or its time is up."""
        if self.is_begun:
            self.is_begun = False
        else:
            self.give_up_at = time.monotonic() + self.deadline_s
            self.sent = False
        failures = 0
        while True:
            try:
                return await do()
            except self._supported_errors as error:
                failures += 1
                if not self.is_worth_it(error) or (is_retryable and not is_retryable(error)):
                    self.explain(error)
                    raise
                if with_failure_count:
                    await fail(error, failures)
                else:
                    await fail(error)
                pause = self.rest_s(failures)
                if pause is not None:
                    await asyncio.sleep(pause)
                # A sleep may last longer than was asked; what was seen tells more than the clock.
                if pause is None or time.monotonic() >= self.last_start():
                    self.explain(error, gave_up_after=failures)
                    raise
                self.sent = False
