"""How Azure's control plane is asked: API versions, the action each read needs, the metrics that tell.

The versions are the newest stable ones whose descriptions were at hand; an older answer has the same
shape with less in it. An action is what a role must hold for the read; Azure names it in the message
of a refusal, and that name outranks this table.
"""

from __future__ import annotations

from refused.service.facts import ACR_METRICS, AMR_METRICS, LIKELY, RESOURCE_HEALTH, SURE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from refused.service.facts import Certainty, Service

_SPECS = "https://github.com/Azure/azure-rest-api-specs/tree/HEAD/specification"
_OPERATIONS = (
    "https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations"
)
_AZURE_CORE = (
    "https://github.com/Azure/azure-sdk-for-python/blob/HEAD/sdk/core/azure-mgmt-core/"
    "azure/mgmt/core/tools.py"
)

# Shape: (what is asked, api-version, source, certainty).
API_VERSIONS: tuple[tuple[str, str, str, Certainty], ...] = (
    ("Microsoft.Cache/redis", "2024-11-01", f"{_SPECS}/redis", SURE),
    ("Microsoft.Cache/redisEnterprise", "2025-07-01", f"{_SPECS}/redisenterprise", SURE),
    ("Microsoft.Network", "2024-01-01", f"{_SPECS}/network", SURE),
    # The first version in which a link says whether it falls back to the internet.
    ("Microsoft.Network/privateDnsZones", "2024-06-01", f"{_SPECS}/privatedns", SURE),
    ("Microsoft.Insights/metrics", "2018-01-01", f"{_SPECS}/monitor", SURE),
    ("Microsoft.Insights/eventtypes", "2015-04-01", f"{_SPECS}/monitor", SURE),
    ("Microsoft.ResourceHealth", "2024-02-01", f"{_SPECS}/resourcehealth", SURE),
    ("Microsoft.ResourceGraph", "2022-10-01", f"{_SPECS}/resourcegraph", SURE),
    ("Microsoft.Resources/deployments", "2024-03-01", f"{_SPECS}/resources", SURE),
    ("Microsoft.Resources/subscriptions", "2022-12-01", f"{_SPECS}/resources", SURE),
)

# Shape: (end of the path that is read, action, whether the role Reader holds it, source, certainty).
# `{}` stands for a name.
ACTIONS: tuple[tuple[str, str, bool, str, Certainty], ...] = (
    ("redis/{}", "Microsoft.Cache/redis/read", True, _OPERATIONS, SURE),
    ("redis", "Microsoft.Cache/redis/read", True, _OPERATIONS, SURE),
    (
        "redis/{}/firewallRules",
        "Microsoft.Cache/redis/firewallRules/read",
        True,
        _OPERATIONS,
        SURE,
    ),
    (
        "redis/{}/patchSchedules",
        "Microsoft.Cache/redis/patchSchedules/read",
        True,
        _OPERATIONS,
        SURE,
    ),
    ("redis/{}/linkedServers", "Microsoft.Cache/redis/linkedServers/read", True, _OPERATIONS, SURE),
    (
        "redis/{}/privateEndpointConnections",
        "Microsoft.Cache/redis/privateEndpointConnections/read",
        True,
        _OPERATIONS,
        SURE,
    ),
    (
        "redis/{}/accessPolicyAssignments",
        "Microsoft.Cache/redis/accessPolicyAssignments/read",
        True,
        _OPERATIONS,
        SURE,
    ),
    (
        "redis/{}/listUpgradeNotifications",
        "Microsoft.Cache/redis/listUpgradeNotifications/read",
        True,
        _OPERATIONS,
        LIKELY,
    ),
    ("redis/{}/listKeys", "Microsoft.Cache/redis/listKeys/action", False, _OPERATIONS, SURE),
    ("redisEnterprise/{}", "Microsoft.Cache/redisEnterprise/read", True, _OPERATIONS, SURE),
    ("redisEnterprise", "Microsoft.Cache/redisEnterprise/read", True, _OPERATIONS, SURE),
    (
        "redisEnterprise/{}/databases",
        "Microsoft.Cache/redisEnterprise/databases/read",
        True,
        _OPERATIONS,
        SURE,
    ),
    (
        "redisEnterprise/{}/privateEndpointConnections",
        "Microsoft.Cache/redisEnterprise/privateEndpointConnections/read",
        True,
        _OPERATIONS,
        SURE,
    ),
    (
        "redisEnterprise/{}/databases/{}/accessPolicyAssignments",
        "Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments/read",
        True,
        _OPERATIONS,
        SURE,
    ),
    (
        "redisEnterprise/{}/databases/{}/listKeys",
        "Microsoft.Cache/redisEnterprise/databases/listKeys/action",
        False,
        _OPERATIONS,
        SURE,
    ),
    ("privateEndpoints/{}", "Microsoft.Network/privateEndpoints/read", True, _OPERATIONS, SURE),
    (
        "privateEndpoints/{}/privateDnsZoneGroups",
        "Microsoft.Network/privateEndpoints/privateDnsZoneGroups/read",
        True,
        _OPERATIONS,
        SURE,
    ),
    ("networkInterfaces/{}", "Microsoft.Network/networkInterfaces/read", True, _OPERATIONS, SURE),
    ("privateDnsZones", "Microsoft.Network/privateDnsZones/read", True, _OPERATIONS, SURE),
    ("privateDnsZones/{}/A", "Microsoft.Network/privateDnsZones/A/read", True, _OPERATIONS, SURE),
    (
        "privateDnsZones/{}/A/{}",
        "Microsoft.Network/privateDnsZones/A/read",
        True,
        _OPERATIONS,
        SURE,
    ),
    (
        "privateDnsZones/{}/virtualNetworkLinks",
        "Microsoft.Network/privateDnsZones/virtualNetworkLinks/read",
        True,
        _OPERATIONS,
        SURE,
    ),
    ("virtualNetworks/{}", "Microsoft.Network/virtualNetworks/read", True, _OPERATIONS, SURE),
    (
        "virtualNetworks/{}/subnets/{}",
        "Microsoft.Network/virtualNetworks/subnets/read",
        True,
        _OPERATIONS,
        SURE,
    ),
    (
        "networkSecurityGroups/{}",
        "Microsoft.Network/networkSecurityGroups/read",
        True,
        _OPERATIONS,
        SURE,
    ),
    ("routeTables/{}", "Microsoft.Network/routeTables/read", True, _OPERATIONS, SURE),
    ("metrics", "Microsoft.Insights/metrics/read", True, _OPERATIONS, SURE),
    (
        "eventtypes/management/values",
        "Microsoft.Insights/eventtypes/values/read",
        True,
        _OPERATIONS,
        SURE,
    ),
    (
        "availabilityStatuses/current",
        "Microsoft.ResourceHealth/availabilityStatuses/read",
        True,
        RESOURCE_HEALTH,
        SURE,
    ),
    ("events", "Microsoft.ResourceHealth/events/read", True, _OPERATIONS, SURE),
    ("deployments", "Microsoft.Resources/deployments/read", True, _OPERATIONS, SURE),
    ("subscriptions/{}", "Microsoft.Resources/subscriptions/read", True, _OPERATIONS, SURE),
    # Whoever may read a resource sees it in Resource Graph; there is no action for the query itself.
    ("resources", "Microsoft.Cache/*/read", True, _OPERATIONS, LIKELY),
)

# What tells of trouble, and the aggregation that tells it: gauges are sampled, so their maximum
# counts and their total means nothing.
# Shape: (service, metric, aggregation, source, certainty).
METRICS: tuple[tuple[Service, str, str, str, Certainty], ...] = (
    ("acr", "connectedclients", "Maximum", ACR_METRICS, SURE),
    ("acr", "serverLoad", "Maximum", ACR_METRICS, SURE),
    ("acr", "percentProcessorTime", "Maximum", ACR_METRICS, SURE),
    ("acr", "usedmemorypercentage", "Maximum", ACR_METRICS, SURE),
    ("acr", "usedmemoryRss", "Maximum", ACR_METRICS, SURE),
    ("acr", "evictedkeys", "Total", ACR_METRICS, SURE),
    ("acr", "cacheRead", "Maximum", ACR_METRICS, SURE),
    ("acr", "cacheWrite", "Maximum", ACR_METRICS, SURE),
    ("acr", "operationsPerSecond", "Maximum", ACR_METRICS, SURE),
    ("acr", "allConnectionsCreatedPerSecond", "Maximum", ACR_METRICS, SURE),
    ("acr", "allConnectionsClosedPerSecond", "Maximum", ACR_METRICS, SURE),
    ("acr", "cacheLatency", "Average", ACR_METRICS, SURE),
    ("amr", "connectedclients", "Maximum", AMR_METRICS, SURE),
    ("amr", "serverLoad", "Maximum", AMR_METRICS, SURE),
    ("amr", "percentProcessorTime", "Maximum", AMR_METRICS, SURE),
    ("amr", "usedmemorypercentage", "Maximum", AMR_METRICS, SURE),
    ("amr", "evictedkeys", "Average", AMR_METRICS, SURE),
    ("amr", "cacheRead", "Maximum", AMR_METRICS, SURE),
    ("amr", "cacheWrite", "Maximum", AMR_METRICS, SURE),
    ("amr", "operationsPerSecond", "Maximum", AMR_METRICS, SURE),
    ("amr", "cacheLatency", "Average", AMR_METRICS, SURE),
)

# Asked only of a cache that is geo-replicated. Shape: as METRICS.
GEO_METRICS: tuple[tuple[Service, str, str, str, Certainty], ...] = (
    ("acr", "GeoReplicationHealthy", "Minimum", ACR_METRICS, SURE),
    ("amr", "geoReplicationHealthy", "Maximum", AMR_METRICS, SURE),
)

# Metrics that mean something only part by part. Managed Redis has none.
# Shape: (service, metric, dimension, aggregation, source, certainty).
SPLIT_METRICS: tuple[tuple[Service, str, str, str, str, Certainty], ...] = (
    ("acr", "errors", "ErrorType", "Maximum", ACR_METRICS, SURE),
)

# For whom a token for the control plane is issued, where it is not the endpoint itself.
# Shape: (cloud, audience, source, certainty).
AUDIENCES: tuple[tuple[str, str, str, Certainty], ...] = (
    ("public", "https://management.azure.com", _AZURE_CORE, SURE),
    ("usgov", "https://management.core.usgovcloudapi.net", _AZURE_CORE, SURE),
    ("china", "https://management.chinacloudapi.cn", _AZURE_CORE, SURE),
)

# Services whose events of Service Health can take a cache along, beside Redis itself.
# Shape: (part of the service's name in lower case, source, certainty).
UNDERLYING_SERVICES: tuple[tuple[str, str, Certainty], ...] = (
    ("redis", RESOURCE_HEALTH, SURE),
    ("network infrastructure", RESOURCE_HEALTH, LIKELY),
    ("virtual network", RESOURCE_HEALTH, LIKELY),
    ("private link", RESOURCE_HEALTH, LIKELY),
    ("azure dns", RESOURCE_HEALTH, LIKELY),
)


def api_version(kind: str) -> str:
    """Return the api-version for a resource type, or for the namespace that it belongs to.

    >>> api_version("Microsoft.Network/networkSecurityGroups")
    '2024-01-01'

    Raises:
        KeyError: Nothing is known of *kind*.
    """
    wanted = kind.lower()
    best = max(
        (
            each
            for each in API_VERSIONS
            if wanted == each[0].lower() or wanted.startswith(each[0].lower() + "/")
        ),
        key=lambda each: len(each[0]),
        default=None,
    )
    if best is None:
        raise KeyError(kind)
    return best[1]


def action_for(path: str) -> tuple[str, bool]:
    """Return the action that reading *path* needs, and whether Reader holds it; ``""`` if unknown.

    >>> action_for("/subscriptions/s/resourceGroups/g/providers/Microsoft.Cache/Redis/c/firewallRules")
    ('Microsoft.Cache/redis/firewallRules/read', True)
    """
    parts = [part.lower() for part in path.partition("?")[0].strip("/").split("/")]
    for pattern, action, is_in_reader, _, _ in sorted(ACTIONS, key=lambda row: -row[0].count("/")):
        wanted = pattern.lower().split("/")
        tail = parts[-len(wanted) :]
        if len(tail) == len(wanted) and all(
            want in ("{}", part) for want, part in zip(wanted, tail)
        ):
            return action, is_in_reader
    return "", False


def metrics_of(service: Service) -> tuple[tuple[str, str], ...]:
    """Return ``(metric, aggregation)`` of all that tell of trouble with *service*."""
    family = "amr" if service == "acre" else service  # they share a resource type
    return tuple((name, how) for of, name, how, _, _ in METRICS if of == family)


def geo_metrics_of(service: Service) -> tuple[tuple[str, str], ...]:
    """Return ``(metric, aggregation)`` of those that a geo-replicated cache has besides."""
    family = "amr" if service == "acre" else service
    return tuple((name, how) for of, name, how, _, _ in GEO_METRICS if of == family)


def split_metrics_of(service: Service) -> tuple[tuple[str, str, str], ...]:
    """Return ``(metric, dimension, aggregation)`` of those that are read part by part."""
    return tuple((name, part, how) for of, name, part, how, _, _ in SPLIT_METRICS if of == service)


def audience_of(cloud: str | None) -> str | None:
    """Return for whom a token is issued in *cloud*; ``None`` where that is the endpoint itself."""
    for name, audience, _, _ in AUDIENCES:
        if name == cloud:
            return audience
    return None


def cloud_at(endpoint: str) -> str | None:
    """Return the cloud whose control plane is at *endpoint*."""
    from refused.service.clouds import CLOUDS

    for name, _, _, known, _, _, _, _ in CLOUDS:
        if known is not None and known.rstrip("/").lower() == endpoint.rstrip("/").lower():
            return name
    return None


def may_touch_a_cache(service_name: str) -> bool:
    """Whether an event of *service_name* can take a cache along."""
    name = service_name.lower()
    return any(part in name for part, _, _ in UNDERLYING_SERVICES)
