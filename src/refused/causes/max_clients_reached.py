"""The server holds as many connections as it may, and turns the next one away.

What is wrong
    Every tier has a limit of client connections (clustering does not raise it). Pools of many
    processes, or connections that are leaked, have used it up.
How it looks
    On a plain port "ERR max number of clients reached". On a TLS port the connection is accepted and
    closed without a word, because the server counts before TLS begins.
What ends it
    Fewer connections: shared clients, smaller pools; then a tier whose limit fits.
What it is not
    ``client-pool-exhausted``: there it is the client's own pool that has no free connection.
Sources
    https://github.com/redis/redis/blob/unstable/src/networking.c (acceptCommonHandler)
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-configure
"""

from __future__ import annotations

from refused.causes.readings import fails_elsewhere, service_behind, without_a_word, works_elsewhere
from refused.causes.statements import Cause, Clue, Proof, RuledOut
from refused.evidence.observations import (
    DnsAnswer,
    Elsewhere,
    NodeVisit,
    RedisReply,
    ServerInfo,
    TlsHandshake,
    Unseen,
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
    needs=(DnsAnswer, Elsewhere, NodeVisit, RedisReply, ServerInfo, TlsHandshake),
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
    yield Unseen(
        vantage=evidence.vantage,
        what="connected clients",
        why="no connection was let in that could have asked",
        how_to_see="the metric connectedclients (Maximum), or INFO clients from a connection that is open",
    )


def _is_full(info: ServerInfo) -> bool:
    """Whether the server itself counts as many connections as it may have."""
    return bool(info.max_clients) and (info.connected_clients or 0) >= (info.max_clients or 0)
