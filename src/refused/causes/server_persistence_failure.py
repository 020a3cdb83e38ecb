"""The server cannot write its snapshot or log, and refuses writes for that.

What is wrong
    The disk is full, the storage account cannot be reached, or the folder may not be written. By
    default the server stops taking writes when its snapshots fail.
How it looks
    ``MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist``.
What ends it
    Room on the disk, or the storage brought back.
What it is not
    ``memory-pressure-oom``: there the memory is full.
Sources
    https://github.com/redis/redis/blob/unstable/redis.conf (stop-writes-on-bgsave-error)
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
    id="server-persistence-failure",
    title="the server cannot write its snapshot or log, and refuses writes for that",
    hop="command",
    shows_at=("command",),
    bucket="dependency",
    needs=(RedisReply, ServerInfo),
    remedies=(
        "make room on the disk, or bring the storage back, and see the server's log for the reason",
    ),
    verify="a snapshot succeeds, and a write is accepted",
    prevent="an alert on free space and on rdb_last_bgsave_status",
    expects=(("again", "same"), ("elsewhere", "fails")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Believe a refused write, and what INFO says of the last snapshot."""
    replies, infos = evidence.all(RedisReply), evidence.all(ServerInfo)
    refused = next((reply for reply in replies if reply.error_code == "MISCONF"), None)
    if refused is not None:
        yield Proof(
            because=f"a write that changes nothing was refused: {refused.error_text}",
            seen=(refused,),
        )
    broken = evidence.broken
    if broken is None or broken.how != "MISCONF":
        return
    for info in infos:
        if "err" in (info.snapshot_status, info.aof_write_status):
            yield Clue(
                weight=2.0,
                because="INFO says that the last snapshot or log write failed",
                seen=(info,),
            )


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="server-persistence-failure-misconf",
        pattern=r"\bMISCONF\b|unable to persist (?:on|to) disk|not able to persist on disk|Background saving error|Can't save in background: fork|Write error (?:saving DB|writing append only file)|Failed opening (?:the RDB|\.rdb|the temp RDB)|Errors writing to the AOF|Error moving temp (?:DB|append only) file|Background (?:saving|AOF rewrite) terminated (?:by signal|with error)|Can't rewrite append only file in background|(?:Short write while|[Ee]rror) writing to the AOF file|Can't open (?:or create )?(?:the )?append-only|rdb_last_bgsave_status:err|aof_last_(?:write|bgrewrite)_status:err",
        family="server",
        weight=5.2,
        says="the server cannot write its snapshot or log",
        example="MISCONF Redis is configured to save RDB snapshots, but is currently unable to persist to disk.",
    ),
    # rdb.c and replication.c, beside what they answer to clients.
    Signature(
        id="server-persistence-failure-log",
        pattern=r"Error trying to save the DB|BGSAVE (?:for replication )?failed|BGSAVE child returned an error|Replica (?:was unable to write command|is applying a command even though it is unable to write) to disk",
        family="server",
        weight=4.6,
        says="the server cannot write its snapshot or log",
        example="# BGSAVE failed, replication can't continue",
    ),
)
