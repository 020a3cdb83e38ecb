"""A client opens connections and does not give them back.

What is wrong
    A connection per request, a pool that is made anew, or connections that are never closed: their
    number grows until a limit stops it, the server's or this host's.
How it looks
    The limit is met again and again; one address or client name holds most of the connections, and
    most of these are idle.
What ends it
    One shared client per process, made once.
What it is not
    ``max-clients-reached`` is what the server says then; this is why.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-best-practices-connection
"""

from __future__ import annotations

from itertools import pairwise

from refused.causes.readings import (
    MANY_HERE,
    around_the_failure,
    client_limit,
    held_here,
)
from refused.causes.statements import Cause, Clue, Proof, Signature
from refused.evidence.control_plane import (
    AzureCache,
    Metric,
)
from refused.evidence.observations import ClientList, PortUse, ServerInfo, SocketsToTarget

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="connection-leak-client",
    title="a client opens connections and does not give them back",
    hop="resp",
    shows_at=("tcp", "tls", "resp", "command"),
    bucket="code",
    prior=-0.3,
    needs=(
        AzureCache,
        ClientList,
        Metric,
        PortUse,
        ServerInfo,
        SocketsToTarget,
    ),
    remedies=(
        "make one client per process, at start, and share it",
        "restart the application that leaks, which frees its connections for now",
    ),
    verify="the number of connections of that client stays level under load",
    prevent="a bounded pool; an alert on connections created per second; a client name for every application",
    expects=(("deeper", "many-sockets"), ("clients-metric", "at-limit")),
)

NEAR = 0.8
MOST = 0.6
FULL = 0.98
COUNTS = ("connectedclients", "allconnectedclients")
# A dozen connections are one pool, whoever holds most of them.
FEW = 12
# What a shortage of connections, ports or descriptors looks like.
SHORTAGE = frozenset(
    {"max-clients", "closed", "reset", "silent", "flaky", "no-local-port", "no-descriptor"}
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Count who holds the connections, at the server and on this host."""
    lists, ports = evidence.all(ClientList), evidence.all(PortUse)
    infos, sockets = evidence.all(ServerInfo), evidence.all(SocketsToTarget)
    caches, metrics = evidence.all(AzureCache), evidence.all(Metric)
    broken = evidence.broken
    if broken is None or broken.hop not in CAUSE.shows_at or broken.how not in SHORTAGE:
        return
    limit = next((info.max_clients for info in infos if info.max_clients), None)
    for clients in lists:
        named = [each for each in clients.by_name if each[0]]
        who, held = max([*named, *clients.by_address], key=lambda each: each[1], default=("", 0))
        if clients.total < FEW or held < MOST * clients.total:
            continue
        said = f"{who} holds {held} of {clients.total} connections"
        turned_away = broken.hop in ("tls", "resp") and broken.how != "silent"
        if limit and clients.total >= limit and turned_away:
            yield Proof(because=f"{said}, and the limit is {limit}", seen=(clients, *infos))
        elif limit and clients.total >= NEAR * limit:
            said = f"{said}, which is near the limit of {limit}"
            yield Clue(weight=2.2, because=said, seen=(clients, *infos))
        else:
            yield Clue(weight=1.0, because=said, seen=(clients,))
        if clients.idle_over_300_s > clients.total / 2:
            said = f"{clients.idle_over_300_s} of {clients.total} connections have been idle for minutes"
            yield Clue(weight=0.8, because=said, seen=(clients,))
    mine, room = held_here(ports, sockets), client_limit(caches[-1] if caches else None)
    if mine >= MANY_HERE:
        said = f"this host alone holds {mine} connections to the server"
        counted = around_the_failure(metrics, COUNTS, None)
        turned_away = broken.hop in ("tls", "resp") and broken.how in (
            "closed",
            "reset",
            "max-clients",
        )
        if counted and room and turned_away and max(counted[1]) >= FULL * room:
            said = f"{said}, of the {room} that it may have, and there is no room left"
            yield Proof(because=said, seen=(*ports, *sockets, counted[0]))
        else:
            yield Clue(weight=2.5, because=said, seen=(*ports, *sockets))
    yield from _by_the_metrics(metrics, room)


# As many opened as closed, this many a second, is one connection for each request.
# A guess of ours; Azure names no figure. Source of the advice against it:
# https://learn.microsoft.com/azure/azure-cache-for-redis/cache-best-practices-connection
CHURN_PER_S = 50
# Growth that a leak shows and a busy hour does not: on and on, to twice as many or more.
STEADY = 0.8
GROWN = 2.0
LEAST_POINTS = 8


def _by_the_metrics(metrics: tuple[Metric, ...], limit: int | None) -> Iterator[Statement]:
    """Look for connections that only grow in number, or that are opened and closed all the time."""
    counted = around_the_failure(metrics, COUNTS, None, span_s=6 * 3600)
    if counted is not None and limit and len(counted[1]) >= LEAST_POINTS:
        metric, values = counted
        steps = [later - earlier for earlier, later in pairwise(values)]
        rising = sum(step >= 0 for step in steps) >= STEADY * len(steps)
        if rising and values[-1] >= max(GROWN * values[0], NEAR * limit):
            said = f"connections only grew, from {values[0]:.0f} to {values[-1]:.0f} of {limit}"
            yield Clue(weight=2.0, because=said, seen=(metric,))
    opened = around_the_failure(metrics, ("allConnectionsCreatedPerSecond",), None)
    closed = around_the_failure(metrics, ("allConnectionsClosedPerSecond",), None)
    if opened is not None and closed is not None:
        born, gone = max(opened[1]), max(closed[1])
        if born >= CHURN_PER_S and gone >= CHURN_PER_S:
            said = f"up to {born:.0f} connections a second are opened and {gone:.0f} closed"
            yield Clue(weight=1.2, because=said, seen=(opened[0], closed[0]))


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="connection-leak-client-piling-up",
        pattern=r"[Cc]onnection leak detected|[Ll]eak(?:ed|ing)? connections?\b|MaxListenersExceededWarning[^\n]{0,160}\[(?:Redis|Commander|Cluster|Sentinel)[A-Za-z]{0,20}\]",
        family="socket",
        weight=2.4,
        says="connections or listeners pile up",
        example="MaxListenersExceededWarning: Possible EventEmitter memory leak detected. 11 end listeners added to [Redis].",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "pool-empty": 1.6,
    "pool-failed": 1.1,
    "descriptors": 1.6,
    "local-ports": 0.7,
    "pool-misused": 1.6,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.saw("descriptors") and not told.signatures & {
        "ephemeral-port-or-fd-exhaustion-no-descriptor"
    }:
        yield Clue(
            weight=0.5, because="files of all kinds cannot be opened any more", seen=told.errors
        )
    if told.saw("descriptors") and not told.saw("local-ports"):
        yield Clue(
            weight=0.6,
            because="descriptors run out mostly where connections are opened and not given back",
            seen=told.errors,
        )
    if told.marked("listeners") and not told.symptoms <= set(told.wrappers):
        yield Clue(
            weight=1.6,
            because="listeners pile up in the process, as where each call makes a client",
            seen=told.errors,
        )
    if told.marked("very-many-connections"):
        yield Clue(
            weight=3.4,
            because="thousands of connections were counted",
            seen=told.errors,
            fact="counted",
        )
    live = told.count("multiplexers")
    if live >= 5:
        yield Clue(
            weight=3.4 if live >= 20 else 1.6,
            because=f"{live:.0f} multiplexers live in the process, where one is meant to be shared",
            seen=told.errors,
            fact="counted",
        )
    if "max-clients-reached-said-so" in told.signatures:
        yield Clue(
            weight=2.2,
            because="a server comes to its limit mostly where somebody opens connections and keeps them",
            seen=told.errors,
            fact="counted",
        )
    if (
        told.count("worker-busy") > 100
        and told.count("worker-min") >= 1000
        and told.marked("rs=DequeueResult")
    ):
        yield Clue(weight=2.2, because="very many threads wait, each for its own", seen=told.errors)
