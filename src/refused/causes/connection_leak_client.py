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

from refused.causes.statements import Cause, Clue, Proof
from refused.evidence.observations import ClientList, PortUse, ServerInfo, SocketsToTarget

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="connection-leak-client",
    title="a client opens connections and does not give them back",
    hop="resp",
    shows_at=("tcp", "tls", "resp", "command"),
    bucket="code",
    prior=-0.3,
    needs=(ClientList, PortUse, ServerInfo, SocketsToTarget),
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
MANY = 200


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Count who holds the connections, at the server and on this host."""
    lists, ports = evidence.all(ClientList), evidence.all(PortUse)
    infos, sockets = evidence.all(ServerInfo), evidence.all(SocketsToTarget)
    info = infos[-1] if infos else None
    limit = info.max_clients if info is not None else None
    for clients in lists:
        named = [each for each in clients.by_name if each[0]]
        who, held = max([*named, *clients.by_address], key=lambda each: each[1], default=("", 0))
        if clients.total < 8 or held < MOST * clients.total:
            continue
        idle = (
            f", {clients.idle_over_300_s} of them idle for minutes"
            if clients.idle_over_300_s
            else ""
        )
        said = f"{who} holds {held} of {clients.total} connections{idle}"
        if limit and clients.total >= NEAR * limit:
            yield Proof(because=f"{said}, and the limit is {limit}", seen=(clients, *infos))
        else:
            yield Clue(weight=1.0, because=said, seen=(clients,))
    for use in ports:
        if use.to_target >= MANY:
            yield Clue(
                weight=2.5,
                because=f"this host alone holds {use.to_target} connections to the server",
                seen=(use, *sockets),
            )
