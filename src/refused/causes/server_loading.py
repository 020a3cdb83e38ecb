"""The server is still reading its data into memory.

What is wrong
    It was started, or a replica was synchronised anew, and until the data set is read it answers
    every command with LOADING.
How it looks
    ``LOADING Redis is loading the dataset in memory`` (also ``BusyLoadingError``); the connection
    and the login work.
What ends it
    Waiting; the server says how long.
What it is not
    ``server-failover-maintenance``: there nobody answers for a moment.
Sources
    https://github.com/redis/redis/blob/unstable/src/server.c (loading)
"""

from __future__ import annotations

from refused.causes.statements import Cause, Clue, Proof, Signature
from refused.evidence.observations import RedisReply, ServerInfo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="server-loading",
    title="the server is still reading its data into memory",
    hop="command",
    shows_at=("auth", "command"),
    bucket="dependency",
    needs=(RedisReply, ServerInfo),
    remedies=(
        "wait until the data is read; the client should retry on LOADING",
        "on own servers, keep the data set of one node small enough to load in time",
    ),
    verify="PING is answered",
    prevent="a replica that takes over while the other loads; clients that retry on LOADING",
    expects=(("again", "recovers"), ("elsewhere", "fails")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Believe the server, which says so."""
    replies, infos = evidence.all(RedisReply), evidence.all(ServerInfo)
    said = next((reply for reply in replies if reply.error_code == "LOADING"), None)
    if said is not None:
        yield Proof(because=f"the server says: {said.error_text}", seen=(said,))
    for info in infos:
        if info.loading:
            left = f"; it reckons with {info.loading_eta_s} s more" if info.loading_eta_s else ""
            yield Clue(weight=3.0, because=f"INFO says that it is loading{left}", seen=(info,))


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="server-loading-said-so",
        pattern=r"\bLOADING [A-Z][A-Za-z]{2,20} is (?:busy )?loading|(?:Redis|Valkey|KeyDB|Dragonfly|Server) is (?:busy )?loading the dataset|BusyLoadingError|LOADING (?:Redis|Valkey)|Redis (?:server )?(?:is )?still loading|^loading:1\b|\bloading_eta_seconds:[1-9]|\bLoading on [^ \n]{1,255}:[0-9]{2,5}/(?:Interactive|Subscription)",
        family="server",
        weight=5.2,
        says="the server is loading its data set",
        example="LOADING Redis is loading the dataset in memory",
    ),
    # Redisson, Lettuce and redis-client of Ruby.
    Signature(
        id="server-loading-exception",
        pattern=r"\bRedisLoadingException\b|\bRedisClient::(?:Busy)?LoadingError\b",
        family="lettuce",
        weight=5.0,
        says="the client raises what it has for a server that is loading",
        example="io.lettuce.core.RedisLoadingException: LOADING",
    ),
)
