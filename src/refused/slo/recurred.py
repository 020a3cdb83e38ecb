"""After an incident: the alert on the very condition that recurred, every minute.

The threshold is the one that separates the incident from the quiet before it, where its history
shows one; else the strictest that we have for its cause.
"""

from __future__ import annotations

from refused.evidence.control_plane import Metric, ResourceChange
from refused.slo.for_cache import OPERATIONS, rules_for
from refused.slo.rules import Gap, LogRule, MetricRule, Rules, Term

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from refused.evidence.bundle import Bundle
    from refused.evidence.control_plane import AzureCache

# Which rules show a cause; the strictest step of each first.
# Shape: cause: ids of rules.
SHOWS: dict[str, tuple[str, ...]] = {
    "max-clients-reached": ("connections-95",),
    "connection-leak-client": ("connections-80", "connection-churn"),
    "server-overloaded": ("server-load-90", "cpu"),
    "memory-pressure-oom": ("memory-95",),
    "bandwidth-exceeded": ("bandwidth-read", "bandwidth-write"),
    "server-failover-maintenance": ("errors-failover",),
    "large-payload-or-slow-command": ("errors-unresponsive-clients",),
    "auth-entra-misconfigured": ("errors-entra-failure",),
    "auth-entra-token-expired": ("errors-entra-failure",),
    "server-persistence-failure": ("errors-rdb", "errors-aof"),
    "geo-secondary-readonly": ("geo-replication",),
    "cache-not-running": ("resource-health",),
    "azure-platform-outage": ("service-health", "resource-health"),
    "server-loading": ("resource-health",),
}

# What was done, where a change is what a cause comes from; on a cache of its own type, or around it.
# Shape: (cause, operations below Microsoft.Cache/…, operations elsewhere).
DONE: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("firewall-ip-blocked", ("firewallRules/write", "firewallRules/delete", "write"), ()),
    ("public-access-disabled", ("write",), ()),
    (
        "private-endpoint-missing",
        (
            "privateEndpointConnections/write",
            "privateEndpointConnections/delete",
            "privateEndpointConnectionsApproval/action",
        ),
        ("Microsoft.Network/privateEndpoints/delete",),
    ),
    (
        "private-endpoint-dns",
        (),
        (
            "Microsoft.Network/privateDnsZones/A/write",
            "Microsoft.Network/privateDnsZones/A/delete",
            "Microsoft.Network/privateDnsZones/virtualNetworkLinks/delete",
            "Microsoft.Network/privateEndpoints/privateDnsZoneGroups/delete",
        ),
    ),
    ("auth-wrong-key", ("regenerateKey/action",), ()),
    ("auth-acl-no-permission", ("accessPolicyAssignments/write", "accessPolicies/write"), ()),
    ("non-ssl-port-disabled", ("write",), ()),
    ("tls-version-mismatch", ("write",), ()),
    ("cluster-mode-mismatch", ("write",), ()),
    (
        "vnet-nsg-blocked",
        (),
        (
            "Microsoft.Network/networkSecurityGroups/write",
            "Microsoft.Network/networkSecurityGroups/securityRules/write",
            "Microsoft.Network/networkSecurityGroups/securityRules/delete",
        ),
    ),
    (
        "route-blackhole",
        (),
        (
            "Microsoft.Network/routeTables/write",
            "Microsoft.Network/routeTables/routes/write",
            "Microsoft.Network/routeTables/routes/delete",
        ),
    ),
)

BEFORE_S = 900.0
LASTS_S = 1800.0
CHANGE_BEFORE_S = 24 * 3600.0


def rules_after(
    cause: str, cache: AzureCache, bundles: Sequence[Bundle], began: float, ended: float | None
) -> Rules:
    """Return the alerts on what recurred, out of the cause and the incident's own evidence.

    Args:
        began: When the first failure happened, in seconds since 1970 UTC.
        ended: When it worked again; ``None`` where nobody said.
    """
    known = rules_for(cache)
    facts = [fact for bundle in bundles for fact in bundle.facts]
    series = [fact for fact in facts if isinstance(fact, Metric)]
    until = ended if ended is not None else began + LASTS_S
    wanted = SHOWS.get(cause, ())
    metric = tuple(
        _sharpened(rule, cause, series, began, until) for rule in known.metric if rule.id in wanted
    )
    changes = [fact for fact in facts if isinstance(fact, ResourceChange)]
    log = tuple(
        rule.replace(id=f"again-{rule.id}", cause=cause) for rule in known.log if rule.id in wanted
    ) + tuple(_changed(cause, cache, changes, began))
    gaps: tuple[Gap, ...] = ()
    if not metric and not log:
        gaps = (
            Gap(
                what=f"the condition of {cause or 'this incident'}",
                why="Azure sees nothing of it: it lies on the client's side of the path"
                if cause
                else "the incident has no cause yet",
                how="--form prometheus has a rule on refused_hop_ok, which sees it from the client"
                if cause
                else "refused incident close ID --cause CAUSE",
            ),
        )
    return Rules(metric=metric, log=log, left_out=gaps)


def _sharpened(
    rule: MetricRule, cause: str, series: Sequence[Metric], began: float, until: float
) -> MetricRule:
    """Return the rule at every minute, at the threshold that the incident's own history gives."""
    mine = [each for each in series if _is_of(each, rule)]
    quiet = [v for each in mine for at, v in each.points if at < began - BEFORE_S]
    during = [v for each in mine for at, v in each.points if began - BEFORE_S <= at <= until]
    threshold, why = rule.threshold, f"{rule.why}; its history was not kept with the incident"
    if during:
        peak, highest = max(during), max(quiet, default=0.0)
        said = (
            f"{peak:g} was the highest value around the beginning, {highest:g} in the quiet before"
        )
        if rule.holds(peak):
            why = f"{rule.why}; {said}"
        elif rule.operator.startswith("Greater") and peak > highest * 1.05:
            threshold = round((peak + highest) / 2, 1)
            why = f"half way between: {said}"
        else:
            why = f"{rule.why}; {said}: this rule alone would not have rung"
    return rule.replace(
        id=f"again-{rule.id}",
        cause=cause,
        title=f"it recurs: {rule.title}"
        if threshold == rule.threshold
        else f"it recurs: {rule.metric} above {threshold:g}",
        threshold=threshold,
        severity=min(rule.severity, 1),
        window="PT1M" if not rule.dimensions else "PT5M",
        every="PT1M",
        why=why,
        timing="it has happened before: looked at every minute, the shortest that Azure offers",
        source=f"the incident's own history; {rule.source}",
    )


def _is_of(series: Metric, rule: MetricRule) -> bool:
    if series.name.lower() != rule.metric.lower():
        return False
    if not rule.dimensions or series.dimension is None:
        return True
    return any(
        name.lower() == series.dimension[0].lower()
        and any(value in ("*", series.dimension[1]) for value in values)
        for name, values in rule.dimensions
    )


def _changed(
    cause: str, cache: AzureCache, changes: Sequence[ResourceChange], began: float
) -> Iterator[LogRule]:
    """Return the alert on the change that did it: the one that was seen, else those that can."""
    row = next((each for each in DONE if each[0] == cause), None)
    if row is None:
        return
    root = "Microsoft.Cache/redis" if cache.service == "acr" else "Microsoft.Cache/redisEnterprise"
    own = tuple(f"{_base(cache, root, each)}/{each}" for each in row[1])
    possible = {each.lower(): each for each in (*own, *row[2])}
    seen = tuple(
        dict.fromkeys(
            possible[fact.operation.lower()]
            for fact in changes
            if fact.operation.lower() in possible and began - CHANGE_BEFORE_S <= fact.when <= began
        )
    )
    for name, group, scope in (("change", own, "resource"), ("change-around", row[2], "group")):
        operations = tuple(each for each in group if each in seen) if seen else group
        if not operations:
            continue
        yield LogRule(
            id=f"again-{name}",
            cause=cause,
            title=f"it recurs: what led to {cause} is done again",
            category="Administrative",
            terms=(
                Term(field="operationName", values=operations),
                Term(field="status", values=("Succeeded",)),
            ),
            scope="resource" if scope == "resource" else "group",
            why="this very operation came before the incident"
            if seen
            else "one of these comes before this cause as a rule; the log of the incident was not kept",
            source=OPERATIONS,
        )


def _base(cache: AzureCache, root: str, operation: str) -> str:
    below = ("regenerateKey", "accessPolicyAssignments")
    return f"{root}/databases" if cache.service != "acr" and operation.startswith(below) else root
