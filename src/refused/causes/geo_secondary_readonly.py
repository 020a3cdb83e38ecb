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

from refused.causes.statements import Cause, Clue, Proof
from refused.evidence.observations import RedisReply, ServerInfo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="geo-secondary-readonly",
    title="writes go to a read-only secondary",
    hop="command",
    shows_at=("command",),
    bucket="configuration",
    needs=(RedisReply, ServerInfo),
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
    refused = next((reply for reply in replies if reply.error_code == "READONLY"), None)
    if refused is None:
        return
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
