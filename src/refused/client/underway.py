"""A cluster's call: one deadline over all the nodes it is sent to.

A cluster client of redis-py tries again by itself, at once and ten times, whatever the command. Ours
is told not to; it is run here, as a call to a single server is, with the nodes asked for the map of
the slots in between.
"""

from __future__ import annotations

import contextvars
import time
from typing import TYPE_CHECKING, Any, Final

import redis.exceptions as theirs

from refused.client import errors, reasons, repeatable
from refused.client.calls import pause_s

if TYPE_CHECKING:
    from collections.abc import Sequence

    from refused.client.calls import Account
    from refused.client.settings import Settings

AGAIN: Final = (
    theirs.ConnectionError,
    theirs.TimeoutError,
    theirs.ClusterError,
    theirs.RedisClusterException,
    theirs.ReadOnlyError,
    theirs.TryAgainError,
)


class Underway:
    """One call: when it gives up, and what was lost on the way.

    Attributes:
        lost: The commands that had been sent on a connection which then broke.
    """

    def __init__(self, wanted: Settings) -> None:
        self.wanted = wanted
        self.give_up_at = time.monotonic() + wanted.deadline_s
        self.lost: Sequence[Sequence[Any]] | None = None
        self.failures = 0

    def next_try_s(self, error: Exception) -> float:
        """Return the pause before the next try.

        Raises:
            Exception: *error*, if there is no point in another one, or no time.
        """
        self.failures += 1
        if not self._is_worth_it(error):
            raise error
        pause = pause_s(self.failures)
        if time.monotonic() + pause >= self.give_up_at:
            error.add_note(f"given up: {self.wanted.deadline_s:g} s a call, {self.failures} tries")
            raise error
        self.lost = None
        return pause

    def _is_worth_it(self, error: Exception) -> bool:
        if isinstance(error, (errors.CircuitOpen, theirs.MaxConnectionsError)):
            return True  # of one node; another may have the slot by then, or a connection be free
        if isinstance(error, theirs.RedisClusterException) and not _is_out_of_reach(error):
            return False  # keys of several slots, a command without a key: misuse
        below = reasons.cause_of(error)
        if reasons.is_final(error) or reasons.is_final(below):
            return False
        if self.lost is None or reasons.is_not_now(error):
            return True
        may = repeatable.are_repeatable(self.lost, self.wanted.also_repeat)
        if not may:
            names = ", ".join(sorted({repeatable.name_of(words) for words in self.lost})[:5])
            error.add_note(f"not sent again: nobody knows whether {names} was carried out")
        return may


def _is_out_of_reach(error: theirs.RedisClusterException) -> bool:
    """Whether the nodes could not be asked, or had not all the slots: see redis-py, cluster.py."""
    text = str(error)
    return isinstance(error, theirs.SlotNotCoveredError) or text.startswith(
        ("Redis Cluster cannot be connected", "All slots are not covered", "ERROR sending")
    )


current: contextvars.ContextVar[Underway | None] = contextvars.ContextVar("underway", default=None)


def note_loss(call: Account) -> None:
    """Note in the call under way that a connection was lost under *call*."""
    underway = current.get()
    if underway is not None and call.sent:
        underway.lost = call.commands


def note_begin() -> None:
    """Note that nothing has been lost yet: a connection is at hand for the command itself."""
    underway = current.get()
    if underway is not None:
        underway.lost = None
