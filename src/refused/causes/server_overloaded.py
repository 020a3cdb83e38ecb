"""The server is too busy to answer in time.

What is wrong
    One slow command, a script, too many commands or too many TLS handshakes keep the one thread
    busy on which Redis answers; connections are accepted by the kernel, and then nothing comes.
How it looks
    Time-outs after a successful connect; ``BUSY Redis is busy running a script``; round trips of
    seconds.
What ends it
    The slow command found and stopped (SLOWLOG); load spread; a larger tier.
What it is not
    ``mtu-blackhole`` and ``tls-plaintext-mixup``: there small answers, or plain ones, do come.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-troubleshoot-server
    https://redis.io/docs/latest/operate/oss_and_stack/management/optimization/latency/
"""

from __future__ import annotations

from refused.causes.readings import fails_elsewhere, works_elsewhere
from refused.causes.statements import Cause, Clue, Proof, RuledOut
from refused.evidence.observations import (
    Elsewhere,
    PlainTalk,
    RedisReply,
    ServerPace,
    TlsHandshake,
    Unseen,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="server-overloaded",
    title="the server is too busy to answer in time",
    hop="resp",
    shows_at=("tls", "resp", "auth", "command"),
    bucket="capacity",
    needs=(Elsewhere, PlainTalk, RedisReply, ServerPace, TlsHandshake),
    remedies=(
        "find the slow command in SLOWLOG, and replace it (KEYS by SCAN, long scripts by short ones)",
        "spread the load: fewer new connections, more shards",
        "scale to a tier with more vCPUs",
    ),
    verify="PING is answered within milliseconds at the busiest hour",
    prevent="an alert on server load above 80 %; a limit on the time of scripts",
    expects=(
        ("more-time", "answers"),
        ("again", "recovers"),
        ("elsewhere", "fails"),
        ("clients-metric", "below"),
    ),
)

SLOW_MS = 1000.0


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether the kernel answers for the server while the server itself does not."""
    others, talks, replies = (
        evidence.all(Elsewhere),
        evidence.all(PlainTalk),
        evidence.all(RedisReply),
    )
    paces, shakes = evidence.all(ServerPace), evidence.all(TlsHandshake)
    broken = evidence.broken
    busy = next((reply for reply in replies if reply.error_code == "BUSY"), None)
    if busy is not None:
        yield Proof(because=f"the server says: {busy.error_text}", seen=(busy,))
        return
    if broken is None or broken.hop not in CAUSE.shows_at or broken.how not in ("silent", "slow"):
        return
    lively = next((talk for talk in talks if talk.outcome in ("ok", "error")), None)
    if lively is not None:
        yield RuledOut(because="the port answers plain text at once", seen=(lively,))
        return
    quick = next(
        (shake for shake in shakes if shake.purpose == "small-reply" and shake.outcome == "alert"),
        None,
    )
    if quick is not None:
        yield RuledOut(because="a small answer comes at once", seen=(quick,))
        return
    other = next(
        (shake for shake in shakes if shake.purpose == "unverified" and not shake.failed), None
    )
    if other is not None:
        yield RuledOut(because="the port speaks TLS at once", seen=(other,))
        return
    if broken.how == "slow":
        yield Clue(weight=2.0, because="the answer came, and came too late", seen=replies)
    elif broken.hop == "tls":
        yield Clue(
            weight=0.9,
            because="the connection was accepted, and no byte of TLS came back",
            seen=shakes,
        )
    else:
        yield Clue(
            weight=1.4,
            because="the connection was accepted, and the command was not answered",
            seen=replies,
        )
    for pace in paces:
        if max(pace.round_trips_ms) > SLOW_MS:
            yield Clue(
                weight=1.5,
                because=f"round trips take up to {max(pace.round_trips_ms):.0f} ms",
                seen=(pace,),
            )
    if fails_elsewhere(others) is not None:
        yield Clue(weight=0.8, because=f"it fails from {others[0].vantage} as well", seen=others)
    elif works_elsewhere(others) is not None:
        yield Clue(weight=-2.0, because="another vantage point is answered", seen=others)
    yield Unseen(
        vantage=evidence.vantage,
        what="server load",
        why="the server did not answer",
        how_to_see="the metric serverLoad (Maximum), or top and SLOWLOG on the server",
    )
