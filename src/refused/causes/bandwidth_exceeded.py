"""The cache moves as many bytes as its size can.

What is wrong
    Every size has a ceiling of bandwidth, and answers beyond it wait their turn: large values, many
    of them at once, a report that reads everything. Microsoft publishes measurements for Azure Cache
    for Redis, no promise, and nothing for Azure Managed Redis.
How it looks
    Time-outs of commands that are well otherwise, with large values first; the server's load may be
    low. Connections are accepted.
What ends it
    Smaller or compressed values, fewer of them per call; a size or a shard count with more bandwidth.
What it is not
    ``server-overloaded``: there it is the processor. ``large-payload-or-slow-command``: there one
    command is the trouble, and the cache has room.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-planning-faq
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-troubleshoot-server
"""

from __future__ import annotations

from refused.causes.readings import (
    around_the_failure,
    is_azure,
    onset,
    unread,
)
from refused.causes.statements import Cause, Clue, Signature
from refused.evidence.control_plane import AzureCache, Metric
from refused.evidence.observations import RedisReply, ServerInfo, ServerPace
from refused.service.tiers import find_sku

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="bandwidth-exceeded",
    title="the cache moves as many bytes as its size can",
    hop="command",
    shows_at=("resp", "auth", "command"),
    bucket="capacity",
    prior=-0.5,
    needs=(AzureCache, Metric, RedisReply, ServerInfo, ServerPace),
    remedies=(
        "make values smaller: compress them, split them, and read only the fields that are needed",
        "move readers of bulk data to another hour, or to a cache of their own",
        "scale to a size with more bandwidth, or to more shards",
    ),
    verify="bytes read and written stay below 80 % of the size's figure, and commands are answered in time",
    prevent="an alert on cacheRead and cacheWrite at 80 % of the size's figure; a limit on the size of values",
    expects=(("again", "recovers"), ("elsewhere", "fails"), ("clients-metric", "below")),
)

READS = ("cacheRead", "allcacheRead")
WRITES = ("cacheWrite", "allcacheWrite")
FULL = 0.95
NEAR = 0.8
CALM = 0.5
# A megabit is a million bits; INFO counts kilobytes of 1024 bytes.
BYTES_PER_MBIT = 125_000
SEE = "the metrics cacheRead and cacheWrite (Maximum), against the figure of the cache's size"


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Hold the bytes that went in and out against what the size was measured to move."""
    caches, metrics = evidence.all(AzureCache), evidence.all(Metric)
    replies, infos = evidence.all(RedisReply), evidence.all(ServerInfo)
    paces, broken = evidence.all(ServerPace), evidence.broken
    if broken is None or broken.hop not in CAUSE.shows_at or broken.how not in ("slow", "silent"):
        return
    ceiling = _ceiling(caches[-1]) if caches else None
    began = onset(replies)
    moved: list[tuple[str, float, tuple[Metric | ServerInfo, ...]]] = []
    for word, names in (("read", READS), ("written", WRITES)):
        counted = around_the_failure(metrics, names, began, span_s=300)
        if counted is not None:
            moved.append((word, max(counted[1]), (counted[0],)))
    moved += [("read", (info.output_kbps or 0) * 1024, (info,)) for info in infos[-1:]]
    if not any(rate for _, rate, _ in moved) or ceiling is None:
        if is_azure(evidence.target):
            said = "the connection is well and an answer is late, as where the bandwidth is used up"
            yield Clue(weight=0.3, because=said, seen=replies)
        if caches and ceiling is not None:
            gap, resource = evidence.gap(Metric), evidence.gap(AzureCache)
            yield unread(gap, resource, "bytes read and written", SEE, asked=True)
        return
    word, rate, seen = max(moved, key=lambda each: each[1])
    said = f"{rate / 1e6:.0f} MB/s were {word}, and this size was measured to move {ceiling / 1e6:.0f} MB/s"
    if rate >= FULL * ceiling:
        # A measurement of Microsoft's, not a limit that Azure promises: never more than a clue.
        yield Clue(weight=3.2, because=said, seen=(*seen, *caches), fact="rate")
    elif rate >= NEAR * ceiling:
        yield Clue(weight=1.6, because=said, seen=(*seen, *caches), fact="rate")
    elif rate < CALM * ceiling:
        yield Clue(weight=-2.5, because=said, seen=(*seen, *caches), fact="rate")
    if rate >= NEAR * ceiling and any(max(pace.round_trips_ms) > 1000 for pace in paces):
        yield Clue(weight=0.5, because="round trips take more than a second", seen=paces)


def _ceiling(cache: AzureCache) -> float | None:
    """Return what the cache's size was measured to move, in bytes a second; ``None`` if nobody says.

    Azure Monitor gives the busiest shard, and Microsoft's figures are for one shard.
    """
    if cache.service != "acr":
        return None
    size = f"{cache.family or ''}{cache.capacity}" if cache.capacity is not None else ""
    sku = find_sku(cache.sku or "", size)
    if sku is None or sku.bandwidth_mbps is None:
        return None
    return float(sku.bandwidth_mbps * BYTES_PER_MBIT)


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="bandwidth-exceeded-said-so",
        pattern=r"BandwidthOutAllowanceExceeded|BandwidthInAllowanceExceeded|bandwidth (?:limit|quota|exceeded)|bandwidth[^\n]{0,20}exceed|network limit (?:reached|exceeded)",
        family="azure",
        weight=5.4,
        says="a metric says that the bandwidth is used up",
        example="NetworkBandwidthOutAllowanceExceeded sum=12",
        ignores_case=True,
    ),
    Signature(
        id="bandwidth-exceeded-output-buffer",
        pattern=r"scheduled to be closed ASAP for overcoming of output buffer limits|output buffer limits",
        family="server",
        weight=2.2,
        says="the server dropped a client that did not keep up",
        example="Client id=5 scheduled to be closed ASAP for overcoming of output buffer limits.",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "no-answer": 0.1,
    "not-sent": 1.2,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.count("out-pipe") >= 65536 or (told.count("outbound") >= 2048 and told.saw("not-sent")):
        yield Clue(
            weight=3.2,
            because="what is to be sent waits in the client: the way out takes no more",
            seen=told.errors,
            fact="way out",
        )
    elif told.count("qu") >= 1000:
        yield Clue(
            weight=1.4,
            because="thousands of commands wait to be sent",
            seen=told.errors,
            fact="way out",
        )
    if told.count("in") >= 60000 or told.count("inbound") >= 200:
        yield Clue(weight=0.8, because="much waits to be read", seen=told.errors)
