"""The server holds as many connections as it may, and turns the next one away.

What is wrong
    Every tier has a limit of client connections (clustering does not raise it). Pools of many
    processes, or connections that are leaked, have used it up.
How it looks
    On a plain port "ERR max number of clients reached". On a TLS port the connection is accepted and
    closed without a word, because the server counts before TLS begins; Azure's metric of
    connected clients, held against the limit of the cache, tells.
What ends it
    Fewer connections: shared clients, smaller pools; then a tier whose limit fits.
What it is not
    ``client-pool-exhausted``: there it is the client's own pool that has no free connection.
Sources
    https://github.com/redis/redis/blob/unstable/src/networking.c (acceptCommonHandler)
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-configure
"""

from __future__ import annotations

from refused.causes.readings import (
    MANY_HERE,
    around_the_failure,
    client_limit,
    fails_elsewhere,
    held_here,
    onset,
    service_behind,
    settled,
    turned_away,
    unread,
    without_a_word,
    works_elsewhere,
)
from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.control_plane import (
    AzureCache,
    Metric,
)
from refused.evidence.kubernetes import KubernetesWorkload, clients
from refused.evidence.observations import (
    DnsAnswer,
    Elsewhere,
    NodeVisit,
    PortUse,
    RedisReply,
    ServerInfo,
    SocketsToTarget,
    TlsHandshake,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="max-clients-reached",
    title="the server holds as many connections as it may, and turns the next one away",
    hop="resp",
    shows_at=("tls", "resp", "topology"),
    bucket="capacity",
    prior=0.3,
    needs=(
        AzureCache,
        DnsAnswer,
        Elsewhere,
        KubernetesWorkload,
        Metric,
        NodeVisit,
        PortUse,
        RedisReply,
        ServerInfo,
        SocketsToTarget,
        TlsHandshake,
    ),
    remedies=(
        "share one client per process, and make the pools smaller",
        "close connections that nobody uses; a restart of the leaking application frees them",
        "scale to the tier whose limit fits (clustering does not raise it)",
    ),
    verify="a new connection is answered, and connected clients stay below 80 % of the limit",
    prevent="an alert at 80 % of the tier's limit; pool sizes reckoned from pods, processes and pool",
    expects=(
        ("clients-metric", "at-limit"),
        ("elsewhere", "fails"),
        ("again", "recovers"),
        ("resource", "fine"),
    ),
)

WORDS = "max number of clients"


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Believe the server's own words; else read the way in which the door was shut."""
    answers, others, replies = (
        evidence.all(DnsAnswer),
        evidence.all(Elsewhere),
        evidence.all(RedisReply),
    )
    infos, shakes = evidence.all(ServerInfo), evidence.all(TlsHandshake)
    visits, broken = evidence.all(NodeVisit), evidence.broken
    azure = (*_azure_says(evidence), *_pods_want(evidence))
    for reply in replies:
        if WORDS in reply.error_text:
            yield Proof(because=f"the server says: {reply.error_text}", seen=(reply,))
            return
    for visit in visits:
        if WORDS in visit.detail:
            said = f"the node {visit.host or visit.address}:{visit.port} says: {visit.detail}"
            yield Proof(because=said, seen=(visit,))
            return
    if broken is None or not without_a_word(broken):
        return
    full = next((info for info in infos if _is_full(info)), None)
    if full is not None:
        said = f"{full.connected_clients} of {full.max_clients} connections are taken, and the next was {broken.how}"
        yield Proof(because=said, seen=(full, *shakes))
        return
    if infos:
        said = "a connection was let in, and the server says that it has room for more"
        if all(info.max_clients for info in infos):
            yield RuledOut(because=said, seen=infos)
        else:
            yield Clue(weight=-2.0, because="a connection was let in and answered", seen=infos)
        return
    shake = next((each for each in shakes if each.purpose == "client"), None)
    if shake is not None and shake.server_spoke:
        yield RuledOut(
            because="the server had begun TLS, and it counts connections before that", seen=(shake,)
        )
        return
    if settled(azure):
        yield from azure
        return
    if broken.hop == "tls":
        yield Clue(
            weight=1.0,
            because="the connection was accepted and ended before TLS began, as Redis does at its limit",
            seen=shakes,
        )
    else:
        yield Clue(weight=0.2, because="the connection was accepted and ended", seen=replies)
    if broken.how == "closed":
        yield Clue(
            weight=0.4,
            because="it was closed in good order, as by a server that is well otherwise",
            seen=shakes,
        )
    elif broken.how == "reset":
        yield Clue(
            weight=-0.3,
            because="it was reset, which a server at its limit seldom does",
            seen=shakes,
        )
    if service_behind(evidence.target, answers) == "redis":
        yield Clue(
            weight=0.3,
            because="this server has no filter of its own that would do the same",
            seen=answers,
        )
    well, ill = works_elsewhere(others), fails_elsewhere(others)
    if well is not None:
        yield Clue(weight=-2.0, because=f"{well.vantage} is let in", seen=(well,))
    elif ill is not None:
        yield Clue(weight=0.8, because=f"{ill.vantage} is turned away as well", seen=(ill,))
    yield from azure


NAMES = ("connectedclients", "allconnectedclients")
# A count is sampled twice a minute (A-cache-how-to-monitor), so that the last seats are missed.
# Source: https://learn.microsoft.com/azure/azure-cache-for-redis/cache-how-to-monitor
FULL = 0.98
NEAR = 0.8
SEE = "the metric connectedclients (Maximum), or INFO clients from a connection that is open"


def _azure_says(evidence: Evidence) -> Iterator[Statement]:
    """Hold the clients that Azure Monitor counted against the limit of the cache."""
    caches, metrics = evidence.all(AzureCache), evidence.all(Metric)
    shakes, broken = evidence.all(TlsHandshake), evidence.broken
    ports, tables = evidence.all(PortUse), evidence.all(SocketsToTarget)
    if not without_a_word(broken) or not turned_away(broken, shakes):
        return
    began = onset(shakes[-1:])
    counted = around_the_failure(metrics, NAMES, began)
    limit = client_limit(caches[-1] if caches else None)
    if counted is None or limit is None:
        gap = evidence.gap(Metric)
        if not caches and gap.why == "nobody looked":
            gap = gap.replace(
                what="connected clients",
                why="no connection was let in that could have asked",
                how_to_see=SEE,
            )
            yield gap
        else:
            resource = evidence.gap(AzureCache)
            yield unread(
                gap, resource, "connected clients against the limit", SEE, asked=bool(caches)
            )
        return
    metric, values = counted
    most, seen = max(values), (metric, *caches[-1:], *shakes)
    said = f"up to {most:.0f} clients were connected around the failure, of {limit} that the cache may have"
    mine = held_here(ports, tables)
    if most >= FULL * limit and mine >= MANY_HERE:
        said = f"{said}, and this host alone holds {mine}: whoever does not give them back is the cause"
        yield Clue(weight=1.6, because=said, seen=seen)
    elif most >= FULL * limit:
        yield Proof(because=f"{said}, and the next was turned away without a word", seen=seen)
    elif most >= NEAR * limit:
        yield Clue(weight=1.6, because=said, seen=seen)
    elif began is not None and began - metric.points[-1][0] <= 2 * metric.interval_s:
        yield RuledOut(because=said, seen=seen)
    else:
        yield Clue(weight=-1.6, because=f"{said}, a while before", seen=seen)


def _pods_want(evidence: Evidence) -> Iterator[Statement]:
    """Reckon what the client's pods may open, from their number and the pool that their settings size."""
    workloads, caches = clients(evidence.all(KubernetesWorkload)), evidence.all(AzureCache)
    limit = client_limit(caches[-1] if caches else None)
    for workload in workloads[:1]:
        largest = max(workload.pool_sizes, key=lambda each: each[1], default=None)
        if largest is None or not workload.replicas or limit is None:
            continue
        name, size = largest
        wanted = workload.replicas * size
        said = f"{workload.replicas} pods of {workload.title} with {name}={size} may open {wanted} connections, of {limit} that the cache may have"
        if wanted > limit:
            yield Clue(weight=1.2, because=said, seen=(workload, *caches[-1:]))


def _is_full(info: ServerInfo) -> bool:
    """Whether the server itself counts as many connections as it may have."""
    return bool(info.max_clients) and (info.connected_clients or 0) >= (info.max_clients or 0)


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="max-clients-reached-said-so",
        pattern=r"max number of clients (?:\+ cluster connections )?reached|max number of clients|maxclients (?:limit )?(?:reached|exceeded)|connection limit (?:reached|exceeded)|ERR too many (?:clients|connections)",
        family="server",
        weight=5.2,
        says="the server has as many clients as it may have",
        example="ERR max number of clients reached",
        ignores_case=True,
    ),
    Signature(
        id="max-clients-reached-queue-state",
        pattern=r"Command queue state error",
        family="ioredis",
        weight=2.4,
        says="an answer came before a command was sent, as a greeting at the limit does",
        example="Command queue state error. If you can reproduce this, please report it.",
    ),
    Signature(
        id="max-clients-reached-plan-limit",
        pattern=r"ERR max(?:imum)? (?:number of )?(?:concurrent )?(?:clients|connections)[^\n]{0,30}(?:reached|exceeded)|(?:number of )?connections? (?:has |have )?(?:reached|exceeded) the (?:limit|maximum)|connection limit of (?:the|your) plan",
        family="any",
        weight=4.8,
        says="the plan's limit of connections is reached",
        example="ERR max concurrent connections exceeded",
        ignores_case=True,
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "tls-cut": 0.2,
    "closed": 0.1,
    "went-away": 0.1,
}
