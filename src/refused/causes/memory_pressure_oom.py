"""The server's memory is full, and writes are refused.

What is wrong
    The data has reached ``maxmemory``, and the eviction policy (noeviction, or volatile-* without
    keys that expire) leaves nothing to throw away.
How it looks
    ``OOM command not allowed when used memory > 'maxmemory'`` on writes; reads work.
What ends it
    Keys that expire, an eviction policy that fits, fewer data, or a larger tier.
What it is not
    ``server-persistence-failure``: there the disk is full, not the memory.
Sources
    https://redis.io/docs/latest/develop/reference/eviction/
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-best-practices-memory-management
"""

from __future__ import annotations

from refused.causes.readings import (
    around_the_failure,
)
from refused.causes.statements import Cause, Clue, Proof, Signature
from refused.evidence.control_plane import (
    AzureCache,
    Metric,
)
from refused.evidence.observations import RedisReply, ServerInfo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="memory-pressure-oom",
    title="the server's memory is full, and writes are refused",
    hop="command",
    shows_at=("command",),
    bucket="capacity",
    needs=(
        AzureCache,
        Metric,
        RedisReply,
        ServerInfo,
    ),
    remedies=(
        "give cached keys a time to live, and choose an eviction policy such as allkeys-lru for a cache",
        "remove data that nobody reads",
        "scale to a tier with more memory",
    ),
    verify="a write is accepted, and memory in use stays below 90 %",
    prevent="an alert on used memory above 85 %; a time to live on every cached key",
    expects=(("elsewhere", "fails"), ("again", "same")),
)

NEAR = 0.95
# The server's own word; else what a server short of memory is like.
SIGNS = frozenset({"OOM", "slow", "silent"})


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Believe a refused write; hold the memory in use against its limit."""
    replies, infos = evidence.all(RedisReply), evidence.all(ServerInfo)
    caches, metrics = evidence.all(AzureCache), evidence.all(Metric)
    broken = evidence.broken
    if broken is None or broken.hop != "command" or broken.how not in SIGNS:
        return
    for info in infos:
        if (info.eviction_policy or "").startswith("allkeys"):
            continue  # a cache that throws old keys away is full by design
        if info.max_memory_bytes and (info.used_memory_bytes or 0) >= NEAR * info.max_memory_bytes:
            used = 100 * (info.used_memory_bytes or 0) / info.max_memory_bytes
            policy = info.eviction_policy or "unknown"
            said = f"{used:.0f} % of the memory limit is in use, under the policy {policy}"
            weight = 2.0 if broken.how == "OOM" else 0.8
            yield Clue(weight=weight, because=said, seen=(info,))
    yield from _by_the_metrics(caches, metrics, broken.how)
    refused = next((reply for reply in replies if reply.error_code == "OOM"), None)
    if refused is not None:
        yield Proof(
            because=f"a write that changes nothing was refused: {refused.error_text}",
            seen=(refused, *infos),
        )


NAMES = ("usedmemorypercentage", "allusedmemorypercentage")
CALM_PERCENT = 80


def _by_the_metrics(
    caches: tuple[AzureCache, ...], metrics: tuple[Metric, ...], how: str
) -> Iterator[Statement]:
    """Read how full Azure Monitor saw the memory."""
    used = around_the_failure(metrics, NAMES, None)
    if used is None:
        return
    metric, values = used
    policy = (caches[-1].eviction_policy if caches else None) or "unknown"
    said = f"up to {max(values):.0f} % of the memory is in use, under the policy {policy}"
    if max(values) >= 100 * NEAR and not policy.lower().startswith("allkeys"):
        weight = 1.6 if how == "OOM" else 0.8
        yield Clue(weight=weight, because=said, seen=(metric,), fact="memory in use")
    elif max(values) < CALM_PERCENT:
        yield Clue(weight=-1.6, because=said, seen=(metric,), fact="memory in use")


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="memory-pressure-oom-oom",
        pattern=r"\bOOM command not allowed|used memory > 'maxmemory'|OutOfMemoryException[^\n]{0,80}redis|RedisOutOfMemory",
        family="server",
        weight=5.2,
        says="the server's memory limit is reached",
        example="OOM command not allowed when used memory > 'maxmemory'.",
    ),
    Signature(
        id="memory-pressure-oom-no-memory-left",
        pattern=r"Out Of Memory allocating [0-9]{1,20} bytes|fork: Cannot allocate memory",
        family="server",
        weight=3.4,
        says="the host has no memory left for the server",
        example="# Out Of Memory allocating 8388608 bytes!",
    ),
    Signature(
        id="memory-pressure-oom-killer",
        pattern=r"Killed process [0-9]{1,9} \((?:redis|valkey|keydb)|oom-kill[^\n]{0,300}task=(?:redis|valkey|keydb)",
        family="server",
        weight=4.6,
        says="the kernel killed the server, for the host had no memory left",
        example="Out of memory: Killed process 4242 (redis-server)",
    ),
    Signature(
        id="memory-pressure-oom-quota",
        pattern=r"ERR [^\n]{0,20}(?:capacity|memory|storage|data size) quota (?:is |was )?exceeded",
        family="any",
        weight=4.4,
        says="the data has reached what the plan allows",
        example="ERR DB capacity quota exceeded",
        ignores_case=True,
    ),
    # redis-py, valkey-py and redis-client of Ruby.
    Signature(
        id="memory-pressure-oom-exception",
        pattern=r"\bexceptions\.OutOfMemoryError\b|\bRedisClient::OutOfMemoryError\b",
        family="redis-py",
        weight=5.0,
        says="the client raises what it has for a full memory",
        example="redis.exceptions.OutOfMemoryError: command not allowed",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "aborted": 1.4,
}
