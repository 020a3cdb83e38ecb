"""What a hardened client raises beyond redis-py's own errors.

Each is a subclass of the redis-py error that an application catches already.
"""

from __future__ import annotations

import redis.exceptions as theirs


class GaveUp(theirs.TimeoutError):
    """The call's time is up; the message says what it waited for."""


class CircuitOpen(theirs.ConnectionError):
    """Not tried: the server has been out of reach for a while, and the next look is due soon."""


class PoolExhausted(theirs.MaxConnectionsError):
    """Every connection of the pool was in use for as long as the call was willing to wait."""


class NoAddress(theirs.ConnectionError):
    """The host name could not be looked up in time, and no earlier answer is known."""


class NoCredentials(theirs.AuthenticationError):
    """The provider of credentials has none, or did not answer in time; the server was not asked."""


class WeakTls(ValueError):
    """A keyword would have switched off a check of the server's certificate."""

    for_people = True
