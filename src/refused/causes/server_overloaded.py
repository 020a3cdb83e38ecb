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

from refused.causes.readings import (
    around_the_failure,
    fails_elsewhere,
    onset,
    settled,
    unread,
    works_elsewhere,
)
from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.control_plane import (
    AzureCache,
    Metric,
)
from refused.evidence.observations import (
    Elsewhere,
    PlainTalk,
    RedisReply,
    ServerPace,
    TlsHandshake,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.observations import (
        Observation,
    )
    from refused.evidence.told import Told

CAUSE = Cause(
    id="server-overloaded",
    title="the server is too busy to answer in time",
    hop="resp",
    shows_at=("tls", "resp", "auth", "command"),
    bucket="capacity",
    needs=(
        AzureCache,
        Elsewhere,
        Metric,
        PlainTalk,
        RedisReply,
        ServerPace,
        TlsHandshake,
    ),
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
    azure, broken = tuple(_azure_says(evidence)), evidence.broken
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
    # Past the handshake these tell of the front that terminates TLS, and not of the server behind.
    if quick is not None and broken.hop == "tls":
        yield RuledOut(because="a small answer comes at once", seen=(quick,))
        return
    other = next(
        (shake for shake in shakes if shake.purpose == "unverified" and not shake.failed), None
    )
    if other is not None and broken.hop == "tls":
        yield RuledOut(because="the port speaks TLS at once", seen=(other,))
        return
    if settled(azure):
        yield from azure
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
    yield from azure


# Source: https://learn.microsoft.com/azure/azure-cache-for-redis/cache-best-practices-server-load
BUSY_PERCENT = 80
FULL_PERCENT = 95
CALM_PERCENT = 50
SEE = "the metric serverLoad (Maximum), or top and SLOWLOG on the server"


def _azure_says(evidence: Evidence) -> Iterator[Statement]:
    """Read how busy Azure Monitor saw the server in the minutes before the failure."""
    caches, metrics = evidence.all(AzureCache), evidence.all(Metric)
    broken = evidence.broken
    if broken is None or broken.hop not in CAUSE.shows_at or broken.how not in ("silent", "slow"):
        return
    # The Enterprise tiers are known to report loads above 100; the processor's word counts there.
    # Source: https://learn.microsoft.com/azure/azure-cache-for-redis/monitor-cache-reference
    names = (
        ("percentProcessorTime",)
        if caches and caches[-1].service == "acre"
        else ("serverLoad", "allserverLoad")
    )
    began = _moment(evidence)
    loads = around_the_failure(metrics, names, began, span_s=300)
    if loads is None:
        gap = evidence.gap(Metric)
        if caches or gap.why != "nobody looked":
            resource = evidence.gap(AzureCache)
            yield unread(gap, resource, "server load", SEE, asked=bool(caches))
        else:
            yield gap.replace(what="server load", why="the server did not answer", how_to_see=SEE)
        return
    metric, values = loads
    said = f"the server's load was up to {max(values):.0f} % in the minutes before"
    full = sum(value >= FULL_PERCENT for value in values)
    fresh = began is None or began - metric.points[-1][0] <= 2 * metric.interval_s
    if full >= 2 and 2 * full >= len(values):
        said = f"the server's load was {max(values):.0f} %, and an answer was {'late' if broken.how == 'slow' else 'not given'}"
        yield Proof(because=said, seen=(metric,))
    elif max(values) >= BUSY_PERCENT:
        yield Clue(weight=1.6, because=said, seen=(metric,))
    elif max(values) < CALM_PERCENT:
        yield Clue(weight=-2.5 if fresh else -1.2, because=said, seen=(metric,))
    else:
        yield Clue(weight=-0.6, because=said, seen=(metric,))


def _moment(evidence: Evidence) -> float | None:
    """Return when the answer was missed."""
    late: list[Observation] = [*evidence.look(TlsHandshake), *evidence.look(RedisReply)]
    return onset(late)


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="server-overloaded-slow",
        pattern=r"\bslow ?log\b|(?:[0-9]|observed|are|of) latency spikes?|latency spikes? (?:are|were|detected|seen|on|in|at)\b|event loop blocked|server load|serverLoad|CPU (?:usage|load)[^\n]{0,20}(?:100|9[0-9]) ?%",
        family="server",
        weight=2.0,
        says="the text speaks of load on the server",
        example="serverLoad at 100 for ten minutes",
        ignores_case=True,
    ),
    Signature(
        id="server-overloaded-persistence-slow",
        pattern=r"Asynchronous AOF fsync is taking too long",
        family="server",
        weight=3.6,
        says="the server's disk keeps it waiting",
        example="Asynchronous AOF fsync is taking too long (disk is busy?).",
    ),
    # Written by the parent while a child rewrites the log; what piled up is flushed in one go, and clients wait.
    Signature(
        id="server-overloaded-rewrite-buffer",
        pattern=r"Background AOF buffer size: [0-9]{3,9} MB|Residual parent diff[^\n]{0,40}\([0-9]{3,9}\.[0-9]{2} MB\)",
        family="server",
        weight=2.8,
        says="writes come faster than the log is rewritten",
        example="Background AOF buffer size: 379 MB",
    ),
    # connect(2) on a local socket fails with EAGAIN while the backlog is full.
    Signature(
        id="server-overloaded-backlog-full",
        pattern=r"dial unix [^\n]{1,255}resource temporarily unavailable|unix socket[^\n]{1,255}resource temporarily unavailable",
        family="socket",
        weight=2.8,
        says="the server does not take connections as fast as they come",
        example="dial unix /run/redis/redis.sock: connect: resource temporarily unavailable",
        ignores_case=True,
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "no-greeting": 1.1,
    "tls-silent": 0.8,
    "read-error": 0.3,
    "no-answer": 1.25,
    "busy-script": 2.2,
    "timed-out": 0.7,
    "queue-full": 1.5,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.saw("no-answer") and told.marked("script-command"):
        yield Clue(weight=0.7, because="a script was waited for", seen=told.errors)
    if told.saw("no-answer") and told.marked("worker"):
        yield Clue(weight=0.4, because="a worker's plain fetch is not answered", seen=told.errors)
    if told.count("qu") >= 1000 and told.saw("no-answer", "not-sent"):
        yield Clue(
            weight=0.8, because="the server does not take what is sent to it", seen=told.errors
        )
    if told.saw("busy-script") and told.marked("worker"):
        yield Clue(weight=0.4, because="a queue's own scripts wait", seen=told.errors)
