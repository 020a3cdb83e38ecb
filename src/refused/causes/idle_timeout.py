"""A quiet connection is ended, by the server or on the way, and its next use fails.

What is wrong
    Servers and middleboxes close what is quiet: Azure's caches after 10 minutes, load balancers and
    NAT gateways after 4 unless told otherwise. A pool that keeps connections longer hands out dead
    ones.
How it looks
    The first command after a pause fails (reset, EOF), or hangs; the next one works.
What ends it
    TCP keep-alive, or a PING, well within the shortest limit; pools that drop idle connections.
What it is not
    ``linux-tcp-stall``: there the connection was in use when the peer vanished.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-best-practices-connection
    https://learn.microsoft.com/azure/load-balancer/load-balancer-tcp-idle-timeout
"""

from __future__ import annotations

from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.observations import ClientSettings, IdleHold, OverTime, ServerInfo
from refused.evidence.over_time import answered_around, cut_together
from refused.service.limits import idle_limit_s

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="idle-timeout",
    title="a quiet connection is ended, and its next use fails",
    hop="tcp",
    shows_at=("command",),
    bucket="configuration",
    needs=(ClientSettings, IdleHold, OverTime, ServerInfo),
    remedies=(
        "switch TCP keep-alive on in the client, at 30 to 60 s",
        "let the pool check or drop connections that were idle for minutes",
    ),
    verify="a connection left quiet for longer than the limit still answers",
    prevent="keep-alive below the shortest limit on the way (4 minutes on Azure's load balancers)",
    expects=(("elsewhere", "works"), ("again", "same")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether a connection that was left quiet on purpose outlived it."""
    settings, holds, infos = (
        evidence.all(ClientSettings),
        evidence.all(IdleHold),
        evidence.all(ServerInfo),
    )
    watches = evidence.all(OverTime)
    limit = next((info.idle_timeout_s for info in infos if info.idle_timeout_s), None)
    for hold in holds:
        own = f"; the server's own limit is {limit} s" if limit else ""
        if hold.outcome != "ok" and cut_together(watches, hold):
            said = "connections in use failed at the same moment as the one that was left quiet"
            if hold.outcome != "silent":
                yield RuledOut(because=said, seen=(hold, *watches))
            continue
        if hold.outcome in ("closed", "reset"):
            said = f"a connection left quiet was {hold.outcome} after {hold.idle_s:.1f} s{own}"
            yield Proof(because=said, seen=(hold, *infos))
        elif hold.outcome == "silent":
            yield _silence(hold, own, infos, watches)
    if all(hold.outcome in ("ok", "error") for hold in holds):
        return
    shortest = idle_limit_s("load-balancer") or 240
    for setting in settings:
        if setting.keepalive_s == 0:
            yield Clue(
                weight=0.7, because="the client is set to send no keep-alive", seen=(setting,)
            )
        elif setting.keepalive_s is not None and setting.keepalive_s >= shortest:
            said = f"the client keeps alive after {setting.keepalive_s:.0f} s, load balancers forget after {shortest}"
            yield Clue(weight=0.7, because=said, seen=(setting,))


def _silence(
    hold: IdleHold,
    own: str,
    infos: tuple[ServerInfo, ...],
    watches: tuple[OverTime, ...],
) -> Statement:
    """Weigh a quiet connection that is not answered any more.

    A server that froze meanwhile would be silent as well, but its kernel would have acknowledged the
    question; and a path that is down altogether would answer nobody.
    """
    said = f"a connection left quiet for {hold.idle_s:.1f} s was not answered any more{own}"
    if hold.unacked_bytes == 0:
        arrived = f"{said}; the question arrived, so that the connection itself is there"
        return Clue(weight=-1.0, because=arrived, seen=(hold,))
    if hold.unacked_bytes:
        said += f"; {hold.unacked_bytes} bytes were not even acknowledged"
        others = answered_around(watches, hold.at - hold.took_ms / 1000 + hold.idle_s, hold.at)
        if others:
            said += f", while {others} other attempts were answered: it is half open"
            return Proof(because=said, seen=(hold, *watches))
        return Clue(weight=2.8, because=said, seen=(hold, *infos))
    return Clue(weight=2.4, because=said, seen=(hold, *infos))


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="idle-timeout-said-so",
        pattern=r"closing idle client|idle (?:client|connection)[^\n]{0,40}(?:closed|timed? ?out|evict)|connection [^\n]{0,30}idle (?:for )?(?:too long|timeout)|kicked due to idle",
        family="server",
        weight=4.0,
        says="the text says that an idle connection was closed",
        example="Closing idle client",
        ignores_case=True,
    ),
    Signature(
        id="idle-timeout-validation-failed",
        pattern=r"Error while validating pooled|validateObject|GenericObjectPool\.evict|testOnBorrow|testWhileIdle",
        family="jedis",
        weight=1.4,
        says="a connection that lay idle in the pool was found dead",
        example="Error while validating pooled Connection object.",
    ),
    Signature(
        id="idle-timeout-own-limit",
        pattern=r"ERR_REDIS_IDLE_TIMEOUT|RedisError: Idle timeout reached",
        family="bun",
        weight=4.0,
        says="the client itself ends connections that are idle",
        example="RedisError: Idle timeout reached after 30000ms",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "stalled": 1.9,
    "reset": 1.4,
    "closed": 1.65,
    "broken-pipe": 2.1,
    "read-error": 1.6,
    "socket-failure": 1.3,
    "not-connected": 0.3,
    "reconnecting": 1.8,
    "pool-failed": 0.5,
    "used-closed": 0.3,
    "went-away": 1.3,
    "lost-command": 1.5,
    "cannot-reconnect": 0.5,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.is_cut_again:
        said = "each new connection is ended within seconds, and none had time to be idle"
        yield Clue(weight=-0.6, because=said, seen=told.errors)
    if told.marked("round-life"):
        yield Clue(
            weight=2.8 if told.marked("round-lives") else 2.0,
            because="the connection ends as long after its beginning as somebody's limit of idle time",
            seen=told.errors,
            fact="rhythm",
        )
    if (
        told.is_azure
        and (told.over_tls or told.was_up or told.port == 6379)
        and told.saw("reset", "closed", "broken-pipe", "stalled", "lost-command")
    ):
        yield Clue(
            weight=0.6,
            because="Azure closes a connection that was idle for ten minutes",
            seen=told.errors,
        )
    if told.marked("server-accepts", "cut-at-start"):
        yield Clue(
            weight=-2.0,
            because="the connection ended while it came about",
            seen=told.errors,
        )
    if told.marked("sync"):
        yield Clue(
            weight=-1.6,
            because="a replica had only begun to speak to its primary",
            seen=told.errors,
        )
    if (
        told.period_s is not None
        and 30 <= told.period_s <= 3600
        and told.saw("closed", "reset", "reconnecting", "broken-pipe", "connect-timeout")
    ):
        yield Clue(
            weight=2.4,
            because=f"the connection ends at a steady pace, every {told.period_s:.0f} s{_whose(told.period_s)}",
            seen=told.errors,
            fact="rhythm",
        )
    if told.saw("reconnecting") and "reconnected" in told.wrappers:
        yield Clue(
            weight=1.2,
            because="the client is connected again at once",
            seen=told.errors,
            fact="rhythm",
        )
    if told.saw("closed", "reset", "read-error") and told.marked("mid-reply"):
        yield Clue(
            weight=-1.6,
            because="a reply was under way, so that the connection was not idle",
            seen=told.errors,
        )
    if told.saw("closed") and told.speaks("jedis", "spring"):
        yield Clue(
            weight=0.8, because="Jedis hands out what lay idle in its pool", seen=told.errors
        )
    if told.saw("closed") and told.speaks("node-redis") and told.over_tls:
        yield Clue(
            weight=0.6,
            because="an open TLS connection was ended without an error",
            seen=told.errors,
        )
    if 100 < told.count("last-write") < 100000 and told.saw("closed", "socket-failure", "reset"):
        yield Clue(weight=1.0, because="nothing was sent for minutes before", seen=told.errors)


def _whose(period_s: float) -> str:
    """Say whose limit such a pace is near."""
    for where, whose in (
        ("load-balancer", "load balancers and NAT in Azure"),
        ("acr", "the service itself"),
    ):
        limit_s = idle_limit_s(where)
        if limit_s is not None and 0.95 * limit_s <= period_s <= 1.2 * limit_s:
            return f": {limit_s // 60} minutes is the limit of {whose}"
    return ""
