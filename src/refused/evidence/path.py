"""The path as it was walked: each hop with what was seen there.

    name → address → route → tcp → tls → resp → auth → topology → command

This is description, not judgement: a hop *failed* when an observation of it says so, is *unknown*
when it could not be looked at, and *skipped* when an earlier hop broke or the target does not
have it (no TLS, no cluster).

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

from refused.evidence.observations import (
    ClusterTopology,
    DnsAnswer,
    NameLookup,
    NodeVisit,
    RedisReply,
    RouteLookup,
    SocketsToTarget,
    TcpDial,
    TlsHandshake,
    Unseen,
)
from refused.evidence.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, Iterable, Literal, Tuple

    from refused.evidence.bundle import Evidence

    Status = Literal["ok", "failed", "skipped", "unknown"]

HOPS = ("name", "address", "route", "tcp", "tls", "resp", "auth", "topology", "command")


class HopSeen(Record):
    """One hop as it was found.

    Attributes:
        how: Where it failed, the outcome word of the observation that says so: ``silent``,
            ``refused``, ``WRONGPASS`` …; ``""`` elsewhere.
        said: One line for people.
        ms: How long the hop took; ``None`` where nothing was timed.
    """

    hop: str
    status: Status
    said: str
    ms: float | None = None
    how: str = ""


class Broken(Record):
    """The first hop that failed, and how."""

    hop: str
    how: str


def first_broken(evidence: Evidence) -> Broken | None:
    """Return the first hop that was seen to fail; ``None`` where none was."""
    for seen in walk(evidence):
        if seen.status == "failed":
            return Broken(hop=seen.hop, how=seen.how)
    return None


def walk(evidence: Evidence) -> Tuple[HopSeen, ...]:
    """Read the whole path out of the evidence of one vantage point."""
    raise NotImplementedError
