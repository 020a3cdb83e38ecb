"""The client's own pool has no connection to give.

What is wrong
    Every connection of the client's pool is in use, and nobody gives one back within the time that
    a caller will wait: the pool is smaller than the number of callers, or blocking and slow
    commands hold its connections.
How it looks
    "Timeout waiting for idle object" (Jedis), "redis: connection pool timeout" (go-redis), "Too
    many connections" (redis-py), "Unable to acquire connection" (Redisson), while the server has
    few clients and answers everybody else at once.
What ends it
    A pool as large as the number of callers at a time; connections of their own for blocking
    commands and subscriptions.
What it is not
    ``max-clients-reached``: there the server turns clients away. ``connection-leak-client``: there
    connections are never given back, and a larger pool only fills later.
Sources
    https://github.com/redis/jedis/wiki/Getting-started
    https://redis.uptrace.dev/guide/go-redis-debugging.html
    https://redis.readthedocs.io/en/stable/connections.html
"""

from __future__ import annotations

from refused.causes.statements import Cause, Clue, Signature
from refused.evidence.observations import ClientSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="client-pool-exhausted",
    title="the client's own pool has no connection to give",
    hop="command",
    shows_at=("command",),
    bucket="capacity",
    needs=(ClientSettings,),
    remedies=(
        "make the pool as large as the number of callers at a time, and its wait longer than the slowest usual command",
        "give blocking commands and subscriptions connections of their own",
    ),
    verify="no caller waits for a connection at the busiest hour, and the pool's idle count stays above 0",
    prevent="a metric of the pool's busy, idle and waiting counts, with an alert before it is full",
    expects=(("elsewhere", "works"), ("again", "recovers"), ("clients-metric", "below")),
)

SMALL = 4


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether the client's settings allow few connections; the pool itself no probe can see."""
    settings, broken = evidence.all(ClientSettings), evidence.broken
    if broken is None or broken.hop != "command":
        return
    for each in settings:
        if each.pool_size is not None and each.pool_size <= SMALL:
            yield Clue(
                weight=0.5,
                because=f"the client's pool holds {each.pool_size} connections at most",
                seen=(each,),
            )


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="client-pool-exhausted-go",
        pattern=r"redis: connection pool (?:timeout|exhausted)|redigo: connection pool exhausted",
        family="go-redis",
        weight=4.6,
        says="every connection of the client's pool was in use for as long as the caller would wait",
        example="redis: connection pool timeout",
    ),
    Signature(
        id="client-pool-exhausted-jvm",
        pattern=r"Timeout waiting for idle object|Pool exhausted|pool is exhausted|Unable to (?:acquire|get) connection!|Pool#acquire\(Duration\)|PoolAcquireTimeout",
        family="jedis",
        weight=2.4,
        says="the pool had no idle connection within the time that the caller would wait",
        example="java.util.NoSuchElementException: Timeout waiting for idle object",
    ),
    Signature(
        id="client-pool-exhausted-python",
        pattern=r"\bMaxConnectionsError\b|redis\.exceptions\.ConnectionError: (?:Too many connections|No connection available)",
        family="redis-py",
        weight=4.4,
        says="the pool has opened as many connections as it may",
        example="redis.exceptions.ConnectionError: Too many connections",
    ),
    Signature(
        id="client-pool-exhausted-ruby",
        pattern=r"ConnectionPool::TimeoutError|Waited [0-9.]{1,9} sec(?:,| for)",
        family="redis-rb",
        weight=4.2,
        says="the pool had no connection to give",
        example="ConnectionPool::TimeoutError: Waited 5 sec, 0/5 available",
    ),
    Signature(
        id="client-pool-exhausted-dotnet",
        pattern=r"Redis Timeout expired\.[^\n]{0,120}from the pool|ObjectPool\.Get[^\n]{0,20}(?:获取超时|[Tt]imed? ?out)",
        family="any",
        weight=4.2,
        says="the pool had no connection to give in time",
        example="Redis Timeout expired. The timeout period elapsed prior to obtaining a connection from the pool.",
    ),
    Signature(
        id="client-pool-exhausted-empty",
        pattern=r"connection pool is empty|no connections? (?:available )?in (?:the )?pool|(?:[Tt]imed? ?out|exceeded)[^\n]{0,20} waiting for (?:a |an |the )?(?:free |idle |available )?(?:client|connection)\b|waiting for a slot to become available|ResourceRequest timed out|PoolError: Timeout|ConnectionPoolTooBusy|max wait queue size of",
        family="any",
        weight=3.2,
        says="the pool had no connection to give",
        example="redis: connection pool is empty",
    ),
    # redis-py-cluster counts connections for each node; Sidekiq wants one for each of its threads.
    Signature(
        id="client-pool-exhausted-counted",
        pattern=r"Too many connections? \([0-9]{1,9}\) for node|Your Redis connection pool is too small",
        family="redis-py",
        weight=4.2,
        says="the pool is smaller than what uses it",
        example="Too many connection (32) for node: 10.1.2.3:7000",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "pool-empty": 2.3,
    "pool-failed": 0.9,
    "pool-misused": 1.8,
}
