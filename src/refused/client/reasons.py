"""What an error means: at which stage it arose, why, and whether another try is worth it.

Stages and reasons are closed sets, so that they can label metrics. redis-py strips the code of most
error replies, so the class decides, and only where redis-py has none of its own a piece of text.
"""

from __future__ import annotations

import errno
import socket
import ssl
from typing import Final

import redis.exceptions as theirs

from refused.client import errors

STAGES: Final = ("dns", "tcp", "tls", "auth", "pool", "command", "maintenance", "circuit")
REASONS: Final = (
    "asked",
    "busy-loading",
    "certificate",
    "circuit-open",
    "closed",
    "cluster-down",
    "deadline",
    "master-down",
    "max-clients",
    "moved",
    "no-permission",
    "not-found",
    "other",
    "pool-exhausted",
    "readonly",
    "refused",
    "reset",
    "silent",
    "timeout",
    "tls",
    "token",
    "try-again",
    "unreachable",
    "wrong-password",
    "announced",
    "started",
    "failed-over",
    "ended",
    "recovered",
)

# Answers that say "not now", before anything was done: as good after a lost connection as after a
# command that adds. Sources: redis, src/server.c processCommand; src/cluster.c getNodeByQuery.
NOT_NOW: Final = (
    theirs.BusyLoadingError,
    theirs.ReadOnlyError,
    theirs.ClusterDownError,  # MASTERDOWN too
    theirs.TryAgainError,
)
WORTH_IT: Final = (
    theirs.ConnectionError,
    theirs.TimeoutError,
    socket.timeout,
    *NOT_NOW,
)
FINAL: Final = (
    theirs.AuthenticationError,
    theirs.AuthorizationError,
    theirs.NoPermissionError,
    theirs.ChildDeadlockedError,
    errors.CircuitOpen,
    errors.PoolExhausted,
    errors.GaveUp,
)
_ERRNO: Final = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.ECONNABORTED: "reset",
    errno.ETIMEDOUT: "timeout",
    errno.ENETUNREACH: "unreachable",
    errno.EHOSTUNREACH: "unreachable",
    errno.EADDRNOTAVAIL: "unreachable",
}


def cause_of(error: BaseException) -> BaseException:
    """Return what lies beneath a redis-py error: the system's own, where redis-py kept it."""
    seen = 0
    while seen < 5 and (below := error.__cause__ or error.__context__) is not None:
        if isinstance(error, OSError):
            break
        error, seen = below, seen + 1
    return error


def is_final(error: BaseException) -> bool:
    """Whether trying again cannot help: a login that is refused, a certificate nobody vouches for."""
    if isinstance(error, FINAL) or getattr(error, "refused_is_final", False):
        return True
    return isinstance(cause_of(error), ssl.SSLCertVerificationError)


def make_final(error: BaseException) -> None:
    """Have an error that is worth another try mostly be final this time."""
    error.refused_is_final = True  # type: ignore[attr-defined]


def is_not_now(error: BaseException) -> bool:
    """Whether the server said so before it did anything, so that any command may be sent again."""
    return isinstance(error, NOT_NOW) or "max number of clients" in str(error)


def meaning(error: BaseException) -> tuple[str, str]:  # noqa: C901, PLR0912  # a reader of many forms
    """Return the stage and the reason of an error."""
    if isinstance(error, errors.CircuitOpen):
        return "circuit", "circuit-open"
    if isinstance(error, errors.PoolExhausted):
        return "pool", "pool-exhausted"
    if isinstance(error, theirs.BusyLoadingError):
        return "command", "busy-loading"
    if isinstance(error, theirs.ReadOnlyError):
        return "command", "readonly"
    if isinstance(error, theirs.MasterDownError):
        return "command", "master-down"
    if isinstance(error, (theirs.ClusterDownError, theirs.SlotNotCoveredError)):
        return "command", "cluster-down"
    if isinstance(error, theirs.TryAgainError):
        return "command", "try-again"
    if isinstance(error, theirs.MovedError):
        return "command", "moved"
    if isinstance(error, (theirs.NoPermissionError, theirs.AuthorizationError)):
        return "auth", "no-permission"
    if isinstance(error, theirs.AuthenticationError):
        return "auth", "wrong-password"
    below = cause_of(error)
    text = str(error)
    if "max number of clients" in text:
        return "command", "max-clients"
    if isinstance(below, socket.gaierror) or isinstance(error, errors.NoAddress):
        return "dns", "not-found"
    if isinstance(below, ssl.SSLCertVerificationError):
        return "tls", "certificate"
    if isinstance(below, ssl.SSLError):
        return "tls", "closed" if "EOF" in str(below) else "tls"
    at_dial = "connecting to" in text
    stage = "tcp" if at_dial else "command"
    if isinstance(below, OSError) and below.errno in _ERRNO:
        return stage, _ERRNO[below.errno]
    if "silent" in text:
        return stage, "silent"
    if isinstance(error, errors.GaveUp):
        return stage, "deadline"
    if isinstance(error, (theirs.TimeoutError, TimeoutError)):
        return stage, "timeout"
    if "losed" in text or "no longer" in text:
        return stage, "closed"
    return stage, "other"
