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

from refused.causes.readings import (
    accepted,
    changed_so,
    dialled,
    ended,
    is_azure,
    is_here,
    of_cache,
    onset,
    what_changed,
)
from refused.causes.statements import (
    Cause,
    Clue,
    Proof,
    RuledOut,
    Signature,
)
from refused.evidence.control_plane import (
    AzureCache,
    Metric,
    PatchWindows,
    ResourceChange,
    ResourceHealth,
    ScheduledMaintenance,
    ServiceEvent,
)
from refused.evidence.observations import (
    MaintenanceEvent,
    OverTime,
    RedisReply,
    ServerInfo,
    TcpDial,
)
from refused.evidence.over_time import is_scattered, outages
from refused.service.ports import expected_ports

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
    id="server-failover-maintenance",
    title="the server is failing over, restarting or being patched",
    hop="resp",
    shows_at=("tcp", "tls", "resp", "auth", "topology", "command"),
    bucket="dependency",
    needs=(
        AzureCache,
        MaintenanceEvent,
        Metric,
        OverTime,
        PatchWindows,
        RedisReply,
        ResourceChange,
        ResourceHealth,
        ScheduledMaintenance,
        ServerInfo,
        ServiceEvent,
        TcpDial,
    ),
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
    azure, watched = tuple(_azure_says(evidence)), tuple(_under_watch(evidence))
    broken, target = evidence.broken, evidence.target
    if broken is None or target is None:
        return
    if not (broken.hop == "tcp" and any(is_here(dial.address) for dial in dials)):
        yield from azure
        if any(isinstance(each, Proof) for each in azure):
            return
    yield from watched
    if any(isinstance(each, Proof) for each in watched):
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
        everybody = accepted(dials, "control")
        if everybody is not None:
            said = f"even port {everybody.port}, where nothing listens, is accepted: it is not the server that answers"
            yield Clue(weight=-2.0, because=said, seen=(everybody,))
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


# What the service says when a node goes or has gone, and clients are cut off.
CUTTING = frozenset(
    {
        "nodemaintenancestarting",
        "nodemaintenancestart",
        "nodemaintenancefailovercomplete",
        "moving",
        "failing_over",
        "failed_over",
    }
)
# The start that is announced is approximate: the node may go up to three minutes early.
# Source: https://github.com/Azure/AzureCacheForRedis/blob/main/AzureRedisEvents.md
EARLY_S = 180.0
# An unplanned failover takes ten to fifteen seconds, a planned one under one; a node that restarts
# alone takes longer, and then it is no failover.
LONGEST_BLIP_S = 60.0


def _under_watch(evidence: Evidence) -> Iterator[Statement]:
    """Hold what was announced, and for how long nothing worked, against what a failover does."""
    events, watches = evidence.all(MaintenanceEvent), evidence.all(OverTime)
    stretches = outages(watches)
    began = stretches[0].began_at if stretches else None
    if began is None and ended(evidence.broken):
        began = onset(evidence.look(RedisReply))
    said = [each for each in events if each.event.lower() in CUTTING and not each.is_replica]
    for each in said:
        if began is None or not -EARLY_S <= began - each.at <= EARLY_S:
            continue
        gap = began - each.at
        when = (
            f"{gap:.0f} s before it failed" if gap >= 0 else f"{-gap:.0f} s after it first failed"
        )
        yield Proof(because=f"the service announced {each.event} {when}", seen=(each, *watches))
        return
    if is_scattered(watches):
        yield Clue(
            weight=-1.5,
            because="failures come singly, among attempts that work; a failover is one stretch",
            seen=watches,
            fact="stretch",
        )
    elif len(stretches) == 1 and stretches[0].most_s is not None:
        only = stretches[0]
        if only.most_s is not None and only.most_s <= LONGEST_BLIP_S and _is_cut(only.outcomes):
            yield Clue(
                weight=1.8,
                because=f"attempts failed for {only.said} in one stretch, and all was well before and after",
                seen=watches,
                fact="stretch",
            )


def _is_cut(outcomes: tuple[str, ...]) -> bool:
    """Whether something that was there went away, rather than that packets were lost."""
    return bool({"closed", "reset", "refused", "LOADING", "READONLY", "MASTERDOWN"} & set(outcomes))


# What takes a server's connections with it, as the activity log calls it; scaling is a plain write.
RESTARTS = ("forceReboot/action", "stop/action", "databases/flush/action", "healthevent/action")
WRITES = (
    "Microsoft.Cache/redis/write",
    "Microsoft.Cache/redisEnterprise/write",
    "redisEnterprise/databases/write",
)
MOVING = frozenset({"scaling", "updating", "configuringaad", "recoveringscalefailure", "moving"})
# An unplanned failover takes ten to fifteen seconds; metrics come by the minute, and lag.
# Source: https://learn.microsoft.com/azure/azure-cache-for-redis/cache-failover
NEAR_S = 120.0
REBOOT_S = 300.0
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _azure_says(evidence: Evidence) -> Iterator[Statement]:
    """Look for a failover, a reboot, a scaling or a window at the moment of the failure."""
    caches, metrics = evidence.all(AzureCache), evidence.all(Metric)
    changes = of_cache(evidence.all(ResourceChange), caches, evidence.target)
    healths = evidence.all(ResourceHealth)
    windows, announced = evidence.all(PatchWindows), evidence.all(ScheduledMaintenance)
    events, broken = evidence.all(ServiceEvent), evidence.broken
    if (
        broken is None
        or broken.hop not in CAUSE.shows_at
        or not (ended(broken) or broken.how == "silent")
    ):
        return
    seen: list[Observation] = [*evidence.look(RedisReply), *evidence.look(TcpDial)]
    began = onset(seen)
    if began is None:
        return
    face = f"the connection was {broken.how}" if broken.how != "READONLY" else "a write was refused"
    for metric in metrics:
        # Azure Monitor answers names of dimensions in small letters.
        part = tuple(each.lower() for each in metric.dimension or ())
        if metric.name.lower() == "errors" and part == ("errortype", "failover"):
            near = [at for at, value in metric.points if value > 0 and abs(began - at) <= NEAR_S]
            if near and ended(broken):
                said = f"Azure counted a failover {_ago(began - near[-1])}, and {face}"
                yield Proof(because=said, seen=(metric,))
                return
    reboot = what_changed(changes, RESTARTS, began)
    if reboot is not None and began - reboot.when <= REBOOT_S and ended(broken):
        said = f"{changed_so(reboot, began)}, and {face}"
        yield Proof(because=said, seen=(reboot,))
        return
    yield from _states(caches)
    scaled = what_changed(changes, WRITES, began)
    if scaled is not None and began - scaled.when <= 3600:
        yield Clue(weight=0.8, because=changed_so(scaled, began), seen=(scaled,), fact="changing")
    for health in healths[-1:]:
        planned = "planned" in health.cause.lower() and "unplanned" not in health.cause.lower()
        if health.state.lower() in ("unavailable", "degraded") and planned:
            said = f"Azure calls the cache {health.state} for planned work: {health.title or health.summary[:120]}"
            yield Clue(weight=2.2, because=said, seen=(health,))
    for event in events:
        if event.kind == "PlannedMaintenance" and event.status == "Active":
            said = f"Azure announces planned maintenance: {event.title[:120]}"
            yield Clue(weight=1.0, because=said, seen=(event,), fact="window")
    for each in announced:
        if each.when is not None and abs(each.when - began) <= 3600:
            said = f"maintenance ({each.name}) was announced for this hour"
            yield Clue(weight=1.6, because=said, seen=(each,), fact="window")
    for each_set in windows[-1:]:
        if _is_within(each_set, began):
            said = "the moment lies in the cache's patch window"
            yield Clue(weight=0.5, because=said, seen=(each_set,), fact="window")


def _states(caches: tuple[AzureCache, ...]) -> Iterator[Statement]:
    """Read whether something is being done to the cache just now."""
    for cache in caches[-1:]:
        for state in (cache.provisioning_state, cache.resource_state):
            if (state or "").lower() in MOVING:
                said = f"Azure is at work on the cache: its state is {state}"
                yield Clue(weight=1.8, because=said, seen=(cache,), fact="changing")


def _is_within(windows: PatchWindows, moment: float) -> bool:
    """Whether *moment* lies in a patch window; windows are in UTC, and may run past midnight."""
    hour_of_week = (moment / 3600 + 3 * 24) % 168  # 1970 began on a Thursday
    for day, first, hours in windows.windows:
        name = day.lower()
        starts = (
            range(7)
            if name in ("everyday", "weekend")
            else (DAYS.index(name),)
            if name in DAYS
            else ()
        )
        for number in starts:
            if name == "weekend" and number < 5:
                continue
            if (hour_of_week - (24 * number + first)) % 168 < hours:
                return True
    return False


def _ago(seconds: float) -> str:
    return f"{seconds:.0f} s before" if seconds >= 0 else "in the same minute"


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="server-failover-maintenance-upstream-failure",
        pattern=r"\bupstream failure\b",
        family="envoy",
        weight=2.2,
        says="a proxy for Redis says that what stands behind it failed",
        example="(error) upstream failure",
    ),
    Signature(
        id="server-failover-maintenance-maintenance-event",
        pattern=r"NodeMaintenance(?:Scheduled|Starting|Start|FailoverComplete|Ended|ScaleComplete)|AzureRedisEvents|MOVING [0-9]|MIGRATING [0-9]|FAILING_OVER|FAILED_OVER",
        family="azure",
        weight=5.0,
        says="the service announced maintenance",
        example="NotificationType|NodeMaintenanceStarting|StartTimeInUTC|2024-01-01T00:00:00",
    ),
    Signature(
        id="server-failover-maintenance-masterdown",
        pattern=r"\bMASTERDOWN\b|master_link_status:down|\bNOREPLICAS\b|\bUNBLOCKED\b force|Connection with (?:master|replica|slave)[^\n]{0,80}lost|-ERR (?:master|primary) (?:is )?down",
        family="server",
        weight=4.8,
        says="a replica has lost its primary",
        example="MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    ),
    Signature(
        id="server-failover-maintenance-sentinel-switch",
        pattern=r"\+(?:sdown|odown|switch-master|failover-(?:state|end)|try-failover)\b|(?:^|[^o\n] )failover in progress|Failover election won|Manual failover",
        family="server",
        weight=4.0,
        says="a failover is under way",
        example="+switch-master mymaster 10.1.2.3 6379 10.1.2.4 6379",
    ),
    Signature(
        id="server-failover-maintenance-no-primary",
        pattern=r"requires writable - not eligible for replica|No master is available|no primary (?:is )?available|NoMasterException|Expected to connect to a master, but the server is a replica|No master server available|Master is currently unknown",
        family="stackexchange",
        weight=3.2,
        says="the client knows no primary",
        example="No connection (requires writable - not eligible for replica) is active/available to service this operation: SET k",
        ignores_case=True,
    ),
    Signature(
        id="server-failover-maintenance-roles-change",
        pattern=r"\bINPROG\b|[Ff]ailover already in progress|\bNOGOOD(?:SLAVE|REPLICA)\b|MASTER timeout: no data nor PING|(?:previous|old) master is now a (?:slave|replica)|[Ee]xpected (?:slave|replica) but got master|instance state changed \(master",
        family="server",
        weight=4.4,
        says="the roles of primary and replica change",
        example="-INPROG Failover already in progress",
    ),
    # Valkey 8 answers so instead of READONLY where the client said CLIENT CAPA redirect.
    Signature(
        id="server-failover-maintenance-redirect",
        pattern=r"(?:^|[^A-Za-z0-9\n])REDIRECT [A-Za-z0-9.-]{1,200}:[0-9]{2,5}\b",
        family="any",
        weight=3.6,
        says="a replica sends the client to the primary",
        example="-REDIRECT 10.1.2.4:6379",
    ),
    # What stands behind the colon is the reason: NOAUTH where the replica has no masterauth.
    Signature(
        id="server-failover-maintenance-sync-refused",
        pattern=r"MASTER aborted replication",
        family="server",
        weight=2.4,
        says="a replica may not copy from its primary",
        example="MASTER aborted replication with an error: x",
    ),
    Signature(
        id="server-failover-maintenance-node-failing",
        pattern=r"Marking node [0-9a-f]{40} (?:\([^\n)]{0,80}\) )?as failing|FAIL message received from [0-9a-f]{40}",
        family="server",
        weight=2.8,
        says="the nodes of a cluster have given one of them up",
        example="Marking node 07c37dfeb235213a872192d90877d0cd55635b91 () as failing (quorum reached).",
    ),
    # Without their codes, as clients that raise an exception of its own print them.
    Signature(
        id="server-failover-maintenance-bare",
        pattern=r"[Ll]ink with (?:MASTER|PRIMARY) is down|\bMasterDown(?:Error|Exception)\b|signalled by the server[^\n]{0,20}\bMasterDown\b|[Nn]ot enough good replicas to write|\bNOGOODPRIMARY\b|instance state changed \(primary|Connection with primary[^\n]{0,80}lost|PRIMARY timeout: no data nor PING",
        family="server",
        weight=4.6,
        says="a replica has lost its primary, or a primary its replicas",
        example="redis.exceptions.MasterDownError: Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    ),
    # replication.c, cluster_legacy.c and sentinel.c of Redis and Valkey.
    Signature(
        id="server-failover-maintenance-log",
        pattern=r"(?:MASTER|PRIMARY) MODE enabled \(|Starting a failover election for epoch|Failover auth granted|A failover occurred in shard|[Ff]orced failover (?:user|primary|master)[^\n]{0,20} request accepted|(?:is synced|time out exceeded), failing over\.|I will not start a failover before|Caching the disconnected (?:master|primary) state|Executing user requested FAILOVER",
        family="server",
        weight=4.2,
        says="the server tells of a failover",
        example="MASTER MODE enabled (user request from 'id=4 addr=10.1.2.3:50123')",
    ),
    # Predis and coredis ask a node for its role, and it has another.
    Signature(
        id="server-failover-maintenance-role",
        pattern=r"Role mismatch \(expected (?:master|slave|primary|replica)|\bStalePrimaryError\b|Expected (?:master|primary) but got (?:slave|replica)",
        family="predis",
        weight=4.0,
        says="a node has another role than the client was told",
        example="Role mismatch (expected master, got slave) [10.1.2.3:6379]",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "chained-replica": 2.0,
    "stalled": 0.7,
    "refused": 0.2,
    "tls-cut": 0.6,
    "auth-or-tls": 0.2,
    "reset": 1.0,
    "closed": 1.3,
    "broken-pipe": 1.2,
    "read-error": 0.8,
    "socket-failure": 1.9,
    "no-answer": 0.5,
    "still-connecting": 1.0,
    "not-connected": 1.6,
    "gave-up": 0.7,
    "reconnecting": 1.4,
    "read-only": 2.0,
    "redirects": 0.7,
    "slot-missing": 1.8,
    "no-primary-link": 2.7,
    "queue-full": 2.0,
    "used-closed": 1.8,
    "went-away": 1.4,
    "lost-command": 1.7,
    "no-node": 0.8,
    "cannot-reconnect": 1.9,
}


_ENDED = ("reset", "closed", "broken-pipe", "socket-failure", "lost-command")


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.marked("sync") and told.symptoms == {"refused"} and not told.marked("turned-replica"):
        said = "a replica has lost its primary, and looks for it"
        yield Clue(weight=1.2, because=said, seen=told.errors)
    if told.marked("made-replica") and not told.marked("sentinel"):
        yield Clue(
            weight=-2.0,
            because="a client, and no sentinel, told the server to follow another",
            seen=told.errors,
        )
    if told.saw("closed", "reset", "socket-failure") and told.marked("lived"):
        yield Clue(
            weight=1.1,
            because="a connection that had lived was ended",
            seen=told.errors,
            fact="lived",
        )
    if (
        "cluster-topology-unreachable-shard-port" in told.signatures
        and told.speaks("stackexchange")
        and told.saw("cannot-connect", "refused")
    ):
        yield Clue(
            weight=1.2, because="a node that the cluster had may have gone away", seen=told.errors
        )
    if told.saw("read-only") and told.speaks("redis-cli"):
        yield Clue(
            weight=-0.8,
            because="a connection made by hand is new: it does not outlive a failover",
            seen=told.errors,
        )
    if told.saw("reset") and told.runtime in ("dotnet", "ruby"):
        yield Clue(weight=0.4, because="an open connection was reset", seen=told.errors)
    if told.saw("closed") and told.speaks("stackexchange") and not told.marked("lived"):
        yield Clue(
            weight=0.4,
            because="the client closes in order when a node leaves",
            seen=told.errors,
            fact="lived",
        )
    if told.saw("timed-out") and told.marked("kernel-gave-up"):
        yield Clue(
            weight=1.0,
            because="the kernel itself gave up: what stood at the address is gone, or the way to it",
            seen=told.errors,
        )
    if told.saw("stalled") and not told.is_here:
        yield Clue(
            weight=1.2,
            because="the other end vanished without a word, as a node does that is taken away",
            seen=told.errors,
            fact="said",
        )
    if told.saw("no-answer") and told.speaks("lettuce", "spring"):
        yield Clue(
            weight=0.6,
            because="Lettuce holds on to the connection of a node that went away without a word",
            seen=told.errors,
        )
    if told.saw("unreachable") and told.saw("connect-timeout", "no-answer") and told.is_private:
        yield Clue(
            weight=2.6,
            because="dials go unanswered, and then nobody answers to the address at all: the node behind it is gone",
            seen=told.errors,
            fact="gone",
        )
    if told.saw("refused") and told.saw(*_ENDED) and not told.is_here:
        yield Clue(
            weight=1.4,
            because="an open connection ended, and then nobody listened",
            seen=told.errors,
            fact="gone",
        )
    if told.marked("new-primary") and told.saw(
        *_ENDED, "refused", "no-answer", "read-only", "stalled", "read-error", "connect-timeout"
    ):
        yield Clue(
            weight=2.2,
            because="the client tells of another primary, or of a sentinel that it lost",
            seen=told.errors,
            fact="primary",
        )
    if told.saw("slot-missing") and told.speaks("redisson"):
        yield Clue(
            weight=0.4, because="a node of the cluster left the client's map", seen=told.errors
        )
    if (
        told.saw("no-answer")
        and told.count("qs") >= 20
        and told.port is not None
        and told.port >= 13000
        and told.count("worker-busy") <= max(8.0, told.count("worker-min"))
    ):
        yield Clue(weight=1.6, because="one node's replies stay away", seen=told.errors)
