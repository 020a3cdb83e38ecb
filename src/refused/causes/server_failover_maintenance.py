"""The server is failing over, restarting or being patched.

What is wrong
    A node is patched, rebooted or lost, and its replica takes over: under a second when planned, ten
    to fifteen seconds when not. Connections are cut, and for a moment nobody accepts or writes.
How it looks
    Resets and refusals for seconds, then all is well; READONLY from a node that was the primary a
    moment ago; MASTERDOWN from a replica that has lost it.
What ends it
    Waiting, with a client that reconnects with back-off. There is nothing to change on the server.
What it is not
    ``cache-not-running``: that does not pass by itself. ``server-loading``: the node is back, and
    reads its data.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-failover
    https://learn.microsoft.com/azure/redis/failover
"""

from __future__ import annotations

from refused.causes.readings import dialled, is_azure, is_here
from refused.causes.statements import Cause, Clue, RuledOut
from refused.evidence.observations import RedisReply, ServerInfo, TcpDial
from refused.service.ports import expected_ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="server-failover-maintenance",
    title="the server is failing over, restarting or being patched",
    hop="resp",
    shows_at=("tcp", "tls", "resp", "auth", "topology", "command"),
    bucket="dependency",
    needs=(RedisReply, ServerInfo, TcpDial),
    remedies=(
        "wait: a planned failover takes under a second, an unplanned one ten to fifteen",
        "let the client reconnect with back-off and jitter, and retry for at least 30 s",
        "set a maintenance window for quiet hours",
    ),
    verify="the same look a minute later is healthy, and stays so",
    prevent="retries that outlast a failover; an alert on errors of type Failover",
    expects=(("again", "recovers"), ("elsewhere", "fails"), ("resource", "fine")),
)

JUST_S = 120
# What a server that has just come up, or changed its part, does to those who were let in.
LATE = frozenset({"READONLY", "MASTERDOWN", "closed", "reset"})
# What a server says only until another one has taken over, or a slot has moved.
PASSING = {"MASTERDOWN": 2.4, "TRYAGAIN": 2.0}


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Look for what is true only for a moment."""
    replies, infos, dials = (
        evidence.all(RedisReply),
        evidence.all(ServerInfo),
        evidence.all(TcpDial),
    )
    broken, target = evidence.broken, evidence.target
    if broken is None or target is None:
        return
    tried = (*dialled(dials), *dialled(dials, "repeat"))
    for reply in replies:
        if reply.error_code in PASSING:
            weight = PASSING[reply.error_code]
            yield Clue(weight=weight, because=f"the server says: {reply.error_text}", seen=(reply,))
    young = next(
        (info for info in infos if info.uptime_s is not None and info.uptime_s < JUST_S), None
    )
    if young is not None and broken.how in LATE:
        yield Clue(weight=0.8, because=f"the server started {young.uptime_s} s ago", seen=(young,))
    if broken.how == "READONLY":
        flipped = next((info for info in infos if info.role == "primary"), None)
        if flipped is not None:
            said = "the server calls itself the primary, and refused a write a moment later"
            yield Clue(weight=2.4, because=said, seen=(flipped, *replies))
        elif any(info.role == "replica" and info.primary_link == "down" for info in infos):
            said = "the server is a replica that has lost its primary, as during a failover"
            yield Clue(weight=1.0, because=said, seen=infos)
        return
    if broken.hop == "tcp" and tried and is_here(tried[0].address):
        yield RuledOut(because=f"{tried[0].address} is this host itself", seen=tried)
        return
    outcomes = {dial.outcome for dial in tried}
    if broken.how == "flaky" and outcomes & {"refused", "reset"}:
        yield Clue(
            weight=2.2,
            because="some dials were refused and others accepted within seconds",
            seen=tried,
        )
    elif broken.hop == "tcp" and broken.how == "refused" and is_azure(target):
        if target.port in expected_ports(target.service):  # type: ignore[arg-type]
            yield Clue(
                weight=0.8,
                because="the service's own port refuses, as while a node restarts",
                seen=tried,
            )
    elif broken.how in ("closed", "reset") and broken.hop in ("auth", "topology", "command"):
        yield Clue(
            weight=1.2,
            because=f"a connection that was well a moment before was {broken.how} at {broken.hop}",
            seen=replies,
        )
    elif broken.how in ("closed", "reset") and broken.hop == "resp" and target.tls:
        yield Clue(
            weight=1.0,
            because=f"TLS was up, and then the connection was {broken.how}",
            seen=replies,
        )
