"""Which alerts one cache needs, scaled to its own service, tier and size.

Published baselines are absolute (850 clients, whatever the cache): on a C0 that is above its limit of
256, on a P5 it cries wolf all day. Here a limit is read from the resource, else from the tier's table.

Sources:
    https://azure.github.io/azure-monitor-baseline-alerts/services/Cache/redis/ (thresholds; it calls
    its own figures unverified), and per rule what :attr:`MetricRule.source` says.
"""

from __future__ import annotations

from refused.service.facts import ACR_METRICS, AMR_METRICS, RESOURCE_HEALTH
from refused.service.tiers import find_sku
from refused.slo.rules import Gap, LogRule, MetricRule, Rules, Term

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.control_plane import AzureCache

BASELINE = "https://azure.github.io/azure-monitor-baseline-alerts/services/Cache/redis/"
LOAD = "https://learn.microsoft.com/azure/azure-cache-for-redis/cache-best-practices-server-load"
LOG_ALERTS = (
    "https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-create-activity-log-alert-rule"
)
SERVICE_HEALTH = (
    "https://learn.microsoft.com/azure/azure-monitor/alerts/resource-manager-alerts-service-health"
)
OPERATIONS = (
    "https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations"
)
OURS = "our own proposal"

# As Service Health calls them.
SERVICE_NAMES = {
    "acr": "Azure Cache for Redis",
    "acre": "Azure Cache for Redis",
    "amr": "Azure Managed Redis",
}

SAMPLED = "gauges are sampled about twice a minute, so five minutes are about ten samples"
FAST = "five minutes, looked at every minute: one slip does not ring, and it rings within minutes"
AT_ONCE = "the shortest window there is, every minute: at this level there is no time left"
SLOW = "memory and latency move slowly: a quarter of an hour, looked at every five minutes"

# ErrorType: (part of the rule's name, cause, severity, what it means). MicrosoftEntraTokenExpired is left out:
# StackExchange.Redis on RESP2 makes it by itself with a subscription that cannot log in again.
# https://learn.microsoft.com/azure/azure-cache-for-redis/monitor-cache-reference
ERRORS: tuple[tuple[str, str, str, int, str], ...] = (
    ("failover", "Failover", "server-failover-maintenance", 2, "the cache failed over"),
    ("data-loss", "Dataloss", "server-failover-maintenance", 1, "the cache lost data"),
    (
        "unresponsive-clients",
        "UnresponsiveClients",
        "large-payload-or-slow-command",
        3,
        "a client reads too slowly, and its connection is closed",
    ),
    (
        "entra-failure",
        "MicrosoftEntraAuthenticationFailure",
        "auth-entra-misconfigured",
        2,
        "a login with Microsoft Entra ID is refused",
    ),
    ("rdb", "RDB", "server-persistence-failure", 2, "a snapshot to disk failed"),
    ("aof", "AOF", "server-persistence-failure", 2, "the append-only file cannot be written"),
)


def connection_limit(cache: AzureCache) -> tuple[int | None, str]:
    """Return how many clients may connect, and who says so; ``None`` where nobody does."""
    if cache.max_clients:
        return cache.max_clients, "the resource itself says so (redisConfiguration.maxclients)"
    found = find_sku(cache.sku or "", _size(cache))
    if found is None or found.max_connections is None:
        return None, ""
    return found.max_connections, f"the limit of {found.name}, {found.source}"


def rules_for(cache: AzureCache) -> Rules:
    """Return everything that is worth an alert at *cache*. Pure: the same resource, the same rules."""
    gaps: list[Gap] = []
    metric = tuple(_metric(cache, gaps))
    return Rules(metric=metric, log=tuple(_log(cache)), left_out=tuple(gaps))


def _size(cache: AzureCache) -> str:
    if cache.service != "acr":
        return ""
    return f"{cache.family or ''}{cache.capacity if cache.capacity is not None else ''}"


def _table(cache: AzureCache) -> str:
    return ACR_METRICS if cache.service == "acr" else AMR_METRICS


def _split(cache: AzureCache) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the split by shard where there are several: an average hides the one that is hot."""
    return (("ShardId", ("*",)),) if cache.service == "acr" and (cache.shards or 0) > 1 else ()


# --- metrics --------------------------------------------------------------------------------------


def _metric(cache: AzureCache, gaps: list[Gap]) -> Iterator[MetricRule]:
    yield from _connections(cache, gaps)
    yield from _load(cache, gaps)
    yield from _memory()
    yield from _bandwidth(cache, gaps)
    yield from _errors(cache, gaps)
    yield from _evictions(cache)
    yield MetricRule(
        id="latency",
        cause="server-overloaded",
        title="the server itself answers slowly",
        metric="cacheLatency",
        aggregation="Average",
        operator="GreaterThan",
        threshold=10_000.0,
        severity=3,
        window="PT15M",
        every="PT5M",
        unit="µs",
        why="10 ms inside the service alone; the way to the client comes on top",
        timing=SLOW,
        source=BASELINE,
    )
    yield from _replication(cache)


def _connections(cache: AzureCache, gaps: list[Gap]) -> Iterator[MetricRule]:
    limit, says = connection_limit(cache)
    if limit is None:
        gaps.append(
            Gap(
                what="connected clients near the limit",
                why=f"no limit is published for {cache.sku or 'this size'}",
                how="watch refused_client_events_total{reason=…}, or set --connection-limit N",
            )
        )
    else:
        for name, part, severity, window, timing in (
            ("connections-80", 0.80, 2, "PT5M", f"{FAST}; {SAMPLED}"),
            ("connections-95", 0.95, 1, "PT1M", AT_ONCE),
        ):
            threshold = float(int(limit * part))
            yield MetricRule(
                id=name,
                cause="max-clients-reached",
                title=f"connected clients above {part:.0%} of the limit",
                metric="connectedclients",
                aggregation="Maximum",
                operator="GreaterThan",
                threshold=threshold,
                severity=severity,
                window=window,
                every="PT1M",
                unit="connections",
                why=f"{part:.0%} of {limit:,} connections; {says}",
                timing=timing,
                source=f"{OURS}: a share of the limit instead of a fixed number",
            )
    if cache.service == "acr":
        yield MetricRule(
            id="connection-churn",
            cause="connection-leak-client",
            title="clients open connections all the time instead of keeping them",
            metric="allConnectionsCreatedPerSecond",
            aggregation="Average",
            operator="GreaterThan",
            threshold=50.0,
            severity=3,
            window="PT15M",
            every="PT5M",
            unit="connections/s",
            why="each new connection costs the server a handshake, and a pool keeps those it has",
            timing="a deployment makes a short peak, which is none of its business: a quarter of an hour",
            source=f"{OURS}: nobody publishes a figure",
        )


def _load(cache: AzureCache, gaps: list[Gap]) -> Iterator[MetricRule]:
    if cache.service == "acre":
        gaps.append(
            Gap(
                what="server load",
                why="on the Enterprise tiers the metric is known to show more than 100 %",
                how="the processor's load is watched instead",
            )
        )
    else:
        for name, threshold, severity in (("server-load-80", 80, 2), ("server-load-90", 90, 1)):
            yield MetricRule(
                id=name,
                cause="server-overloaded",
                title=f"server load above {threshold} %",
                metric="serverLoad",
                aggregation="Average",
                operator="GreaterThan",
                threshold=float(threshold),
                severity=severity,
                window="PT5M",
                every="PT1M",
                unit="%",
                why="above 80 % commands wait for each other, and new connections time out in their handshake",
                timing=f"{FAST}; {SAMPLED}",
                source=LOAD,
                dimensions=_split(cache),
            )
    yield MetricRule(
        id="cpu",
        cause="server-overloaded",
        title="the machine's processors are busy",
        metric="percentProcessorTime",
        aggregation="Average",
        operator="GreaterThan",
        threshold=80.0,
        severity=3 if cache.service != "acre" else 2,
        window="PT5M",
        every="PT1M",
        unit="%",
        why="beside the server: snapshots, scans and patching; jitter shows before server load does",
        timing=f"{FAST}; {SAMPLED}",
        source=BASELINE,
    )


def _memory() -> Iterator[MetricRule]:
    for name, threshold, severity, window, every in (
        ("memory-85", 85, 2, "PT15M", "PT5M"),
        ("memory-95", 95, 1, "PT5M", "PT1M"),
    ):
        yield MetricRule(
            id=name,
            cause="memory-pressure-oom",
            title=f"memory more than {threshold} % full",
            metric="usedmemorypercentage",
            # The fullest shard counts, not the mean of all.
            aggregation="Maximum",
            operator="GreaterThan",
            threshold=float(threshold),
            severity=severity,
            window=window,
            every=every,
            unit="%",
            why="at 100 % writes are refused or keys evicted; fragmentation and buffers come on top",
            timing=SLOW if threshold < 90 else FAST,
            source=f"{OURS}; {BASELINE} has one step at 90 %",
        )


def _bandwidth(cache: AzureCache, gaps: list[Gap]) -> Iterator[MetricRule]:
    found = find_sku(cache.sku or "", _size(cache))
    if found is None or found.bandwidth_mbps is None:
        gaps.append(
            Gap(
                what="bandwidth near the ceiling",
                why=f"no bandwidth is published for {cache.sku or 'this size'}",
            )
        )
        return
    threshold = float(int(found.bandwidth_mbps * 1_000_000 / 8 * 0.8))
    for name, metric, way in (
        ("bandwidth-read", "cacheRead", "reads"),
        ("bandwidth-write", "cacheWrite", "writes"),
    ):
        yield MetricRule(
            id=name,
            cause="bandwidth-exceeded",
            title=f"{way} above 80 % of the measured bandwidth",
            metric=metric,
            aggregation="Maximum",
            operator="GreaterThan",
            threshold=threshold,
            severity=2,
            window="PT5M",
            every="PT1M",
            unit="bytes/s",
            why=(
                f"80 % of {found.bandwidth_mbps:,} Mbit/s, measured once for {found.size}"
                f"{' per shard' if found.size.startswith('P') else ''} and promised nowhere"
            ),
            timing=FAST,
            source=f"{OURS}; the bandwidth: https://learn.microsoft.com/azure/azure-cache-for-redis/cache-planning-faq",
        )


def _errors(cache: AzureCache, gaps: list[Gap]) -> Iterator[MetricRule]:
    if cache.service != "acr":
        gaps.append(
            Gap(
                what="errors by type (failovers, refused logins, slow readers)",
                why="Azure Managed Redis and the Enterprise tiers have no such metric",
                how="refused_client_events_total counts them where they are felt",
            )
        )
        return
    for name, kind, cause, severity, means in ERRORS:
        if kind in ("RDB", "AOF") and cache.sku != "Premium":
            continue
        if kind.startswith("MicrosoftEntra") and cache.entra is False:
            continue
        yield MetricRule(
            id=f"errors-{name}",
            cause=cause,
            title=means,
            metric="errors",
            aggregation="Maximum",
            operator="GreaterThan",
            threshold=0.0,
            severity=severity,
            window="PT5M",
            every="PT1M",
            unit="errors",
            why="one is one too many, and each type has a remedy of its own",
            # A series that has not been there for a day is missed in its first window otherwise.
            timing="the window is longer than the frequency, as Azure advises for metrics that come seldom",
            source=BASELINE,
            dimensions=(("ErrorType", (kind,)),),
        )


def _evictions(cache: AzureCache) -> Iterator[MetricRule]:
    if (cache.eviction_policy or "").lower() == "noeviction":
        return
    yield MetricRule(
        id="evictions",
        cause="memory-pressure-oom",
        title="keys are thrown out for want of memory",
        metric="evictedkeys",
        aggregation="Total" if cache.service == "acr" else "Average",
        operator="GreaterThan",
        threshold=0.0,
        severity=3,
        window="PT15M",
        every="PT5M",
        unit="keys",
        why="where data has to stay, each is a loss; where it is a pure cache, leave this one out (--without evictions)",
        timing=SLOW,
        source=f"{OURS}; metric: {_table(cache)}",
    )


def _replication(cache: AzureCache) -> Iterator[MetricRule]:
    if not (cache.linked_servers or cache.geo_peers):
        return
    is_acr = cache.service == "acr"
    yield MetricRule(
        id="geo-replication",
        cause="geo-secondary-readonly",
        title="the link to the other region is down",
        metric="GeoReplicationHealthy" if is_acr else "geoReplicationHealthy",
        aggregation="Minimum" if is_acr else "Maximum",
        operator="LessThan",
        threshold=1.0,
        severity=1,
        window="PT5M",
        every="PT1M",
        why="1 is healthy, 0 is not",
        timing=FAST,
        source=_table(cache),
    )


# --- the activity log -----------------------------------------------------------------------------


def _log(cache: AzureCache) -> Iterator[LogRule]:
    service = SERVICE_NAMES.get(cache.service, SERVICE_NAMES["acr"])
    yield LogRule(
        id="resource-health",
        cause="azure-platform-outage",
        title="Azure finds this cache unavailable or degraded",
        category="ResourceHealth",
        terms=(Term(field="properties.currentHealthStatus", values=("Unavailable", "Degraded")),),
        scope="resource",
        why="Azure looks from inside: nodes down, limit of connections reached, memory exhausted",
        source=RESOURCE_HEALTH,
    )
    where = [
        Term(field="properties.impactedServices[*].ServiceName", values=(service,), is_list=True)
    ]
    if cache.location:
        regions = tuple(dict.fromkeys((_region(cache.location), "Global")))
        field = "properties.impactedServices[*].ImpactedRegions[*].RegionName"
        where.append(Term(field=field, values=regions, is_list=True))
    for name, cause, title, kinds, why in (
        (
            "service-health",
            "azure-platform-outage",
            f"Azure reports trouble with {service}",
            ("Incident", "Security"),
            "so that nobody looks for hours at what Azure has broken",
        ),
        (
            "maintenance",
            "server-failover-maintenance",
            f"Azure announces maintenance of {service}",
            ("Maintenance", "ActionRequired"),
            "connections drop when it comes, and who knows of it can be ready",
        ),
    ):
        yield LogRule(
            id=name,
            cause=cause,
            title=title,
            category="ServiceHealth",
            terms=(Term(field="properties.incidentType", values=kinds), *where),
            scope="subscription",
            why=why,
            source=SERVICE_HEALTH,
        )
    for name, cause, title, operations, statuses, why in _operations(cache):
        terms = [Term(field="operationName", values=operations)]
        if statuses:
            terms.append(Term(field="status", values=statuses))
        yield LogRule(
            id=name,
            cause=cause,
            title=title,
            category="Administrative",
            terms=tuple(terms),
            scope="resource",
            why=why,
            source=OPERATIONS,
        )


DONE = ("Succeeded",)


def _operations(
    cache: AzureCache,
) -> Iterator[tuple[str, str, str, tuple[str, ...], tuple[str, ...], str]]:
    """Return ``(id, cause, title, operations, statuses, why)`` of what is risky to do to a cache."""
    acr = cache.service == "acr"
    root = "Microsoft.Cache/redis" if acr else "Microsoft.Cache/redisEnterprise"
    base = root if acr else f"{root}/databases"
    yield (
        "destructive",
        "cache-not-running",
        "somebody deletes, reboots or empties this cache",
        (
            f"{root}/delete",
            *((f"{root}/forceReboot/action",) if acr else (f"{base}/delete",)),
            f"{base}/import/action",
            f"{base}/flush/action",
        ),
        (),  # told when it begins: whoever has to step in cannot wait for its end
        "each record of it rings, the first one when it begins",
    )
    yield (
        "keys",
        "auth-wrong-key",
        "the access keys were made anew",
        (f"{base}/regenerateKey/action",),
        DONE,
        "every client that still has the old one is refused with WRONGPASS",
    )
    yield (
        "changed",
        "public-access-disabled",
        "the cache's settings were changed",
        (f"{root}/write", *(() if acr else (f"{base}/write",))),
        DONE,
        "size, TLS, public access and keys are all changed by this one operation",
    )
    network = [
        f"{root}/privateEndpointConnections/write",
        f"{root}/privateEndpointConnections/delete",
    ]
    if acr:
        network = [
            f"{root}/firewallRules/write",
            f"{root}/firewallRules/delete",
            *network,
            f"{root}/linkedServers/write",
            f"{root}/linkedServers/delete",
        ]
    yield (
        "network",
        "firewall-ip-blocked" if acr else "private-endpoint-missing",
        "who may reach this cache was changed",
        tuple(network),
        DONE,
        "most clients that are suddenly shut out were shut out by a change",
    )
    yield (
        "access",
        "auth-entra-misconfigured",
        "who may log in to this cache was changed",
        (
            f"{base}/accessPolicyAssignments/write",
            f"{base}/accessPolicyAssignments/delete",
            *((f"{root}/accessPolicies/write", f"{root}/accessPolicies/delete") if acr else ()),
        ),
        DONE,
        "an identity without a policy is refused",
    )


def _region(location: str) -> str:
    """Return a region as Service Health writes it: ``West Europe`` for ``westeurope`` too.

    The short names cannot be taken apart without a table, so the known ones stand here; any other is
    left as it is.
    """
    if " " in location:
        return location
    return _REGIONS.get(location.lower(), location)


_REGIONS = {
    each.replace(" ", "").lower(): each
    for each in (
        "Australia Central",
        "Australia East",
        "Australia Southeast",
        "Brazil South",
        "Canada Central",
        "Canada East",
        "Central India",
        "Central US",
        "East Asia",
        "East US",
        "East US 2",
        "France Central",
        "Germany West Central",
        "Israel Central",
        "Italy North",
        "Japan East",
        "Japan West",
        "Korea Central",
        "Korea South",
        "Mexico Central",
        "North Central US",
        "North Europe",
        "Norway East",
        "Poland Central",
        "Qatar Central",
        "South Africa North",
        "South Central US",
        "South India",
        "Southeast Asia",
        "Spain Central",
        "Sweden Central",
        "Switzerland North",
        "UAE North",
        "UK South",
        "UK West",
        "West Central US",
        "West Europe",
        "West India",
        "West US",
        "West US 2",
        "West US 3",
    )
}
