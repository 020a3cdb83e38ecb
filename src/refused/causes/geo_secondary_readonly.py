"""Writes go to a read-only secondary.

What is wrong
    The cache is the secondary of a geo-replicated pair, or the server a replica by configuration:
    it serves reads and refuses writes. After a failover of the pair the old name may be the
    secondary.
How it looks
    ``READONLY You can't write against a read only replica.``
What ends it
    The host name that follows the primary (geoReplicatedPrimaryHostName), or the primary's own.
What it is not
    ``server-failover-maintenance``: there READONLY passes within seconds.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-how-to-geo-replication
"""

from __future__ import annotations

from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.control_plane import (
    AzureCache,
)
from refused.evidence.observations import RedisReply, ServerInfo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="geo-secondary-readonly",
    title="writes go to a read-only secondary",
    hop="command",
    shows_at=("command",),
    bucket="configuration",
    needs=(
        AzureCache,
        RedisReply,
        ServerInfo,
    ),
    remedies=(
        "point the client at the primary; on Azure Cache for Redis at geoReplicatedPrimaryHostName, which follows it",
        "promote this server, where it was meant to be the primary",
    ),
    verify="a write is accepted at the name that the client uses",
    prevent="the geo-replicated primary's host name in every client's settings",
    expects=(("again", "same"), ("elsewhere", "fails"), ("resource", "linked")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether the server calls itself a replica, and turned a write away."""
    replies, infos = evidence.all(RedisReply), evidence.all(ServerInfo)
    caches = evidence.all(AzureCache)
    refused = next((reply for reply in replies if reply.error_code == "READONLY"), None)
    if refused is None:
        return
    for cache in caches[-1:]:
        partner = next((each for each in cache.linked_servers if _is(each.role, "primary")), None)
        if partner is not None:
            where = partner.geo_primary_host or partner.id.rpartition("/")[2]
            said = f"Azure says that this cache is the secondary of a geo-replicated pair; writes belong to {where}"
            yield Proof(
                because=f"{said}, and one was refused: {refused.error_text}", seen=(cache, refused)
            )
            return
        if cache.service == "acr" and not cache.linked_servers:
            said = "Azure says that the cache has no geo-replication partner, so that it is nobody's secondary"
            yield RuledOut(because=said, seen=(cache,))
        elif cache.linked_servers:
            said = "Azure says that this cache is the primary of its geo-replicated pair"
            yield RuledOut(because=said, seen=(cache,))
    yield Clue(
        weight=1.6,
        because=f"a write that changes nothing was refused: {refused.error_text}",
        seen=(refused,),
    )
    for info in infos:
        primary = f"{info.primary_host}:{info.primary_port}"
        if info.role == "replica" and info.primary_link == "up":
            said = f"the server is a replica of {primary}, follows it, and refuses writes"
            yield Proof(because=said, seen=(info, refused))
        elif info.role == "primary":
            said = "the server calls itself the primary, so that the refusal should pass"
            yield Clue(weight=-1.6, because=said, seen=(info,))
        elif info.role == "replica":
            yield Clue(
                weight=1.0,
                because=f"the server is a replica, and its link to {primary} is down",
                seen=(info,),
            )


def _is(role: str | None, word: str) -> bool:
    return (role or "").lower() == word


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="geo-secondary-readonly-geo",
        pattern=r"geo-?(?:replicat|second|primary)[^\n]{0,60}(?:read-?only|READONLY)|(?:read-?only|READONLY)[^\n]{0,60}geo-?(?:replicat|second)",
        family="azure",
        weight=4.5,
        says="the text says that this is the read-only half of a geo-replicated pair",
        example="the geo-secondary is read-only",
        ignores_case=True,
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "read-only": 1.5,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.marked("made-replica") and not told.marked("sentinel"):
        yield Clue(
            weight=3.4,
            because="a client told the server to be a replica of another, and no sentinel did",
            seen=told.errors,
        )
    if told.saw("read-only") and told.speaks("redis-cli"):
        yield Clue(
            weight=1.0,
            because="a connection made by hand a moment ago leads to a replica",
            seen=told.errors,
        )
    if told.saw("read-only") and told.is_azure:
        yield Clue(
            weight=1.5,
            because="a cache of Azure's answers as a replica: its read-only half of a geo-replicated pair does",
            seen=told.errors,
        )
