"""What each service can do, and how it behaves until somebody changes it.

The three services share a name and little else: no firewall rules on Managed Redis, no second
database, access keys off until somebody turns them on, a cluster unless somebody said otherwise.
"""

from __future__ import annotations

from refused.service.facts import (
    ACR_ADMINISTRATION,
    ACR_CONFIGURE,
    ACR_ENTRA,
    ACR_GEO,
    ACR_ISOLATION,
    ACR_METRICS,
    ACR_OVERVIEW,
    ACR_PRIVATE_LINK,
    ACR_VNET,
    AMR_ARCHITECTURE,
    AMR_ENTRA,
    AMR_GEO,
    AMR_HA,
    AMR_KEYSPACE,
    AMR_MAINTENANCE,
    AMR_METRICS,
    AMR_OVERVIEW,
    AMR_PRIVATE_LINK,
    AMR_TLS,
    LIKELY,
    REDIS_EVENTS,
    RESOURCE_HEALTH,
    SKILL_FEATURES,
    SURE,
    TERRAFORM_AMR,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from refused.service.facts import Certainty, Service

# What is not in this table is not known. A preview counts as had.
# Shape: (service, feature, whether it is there, what to know, source, certainty).
FEATURES: tuple[tuple[Service, str, bool, str, str, Certainty], ...] = (
    (
        "acr",
        "firewall-rules",
        True,
        "without a rule every address may connect; the first rule shuts all others out",
        ACR_CONFIGURE,
        SURE,
    ),
    ("acre", "firewall-rules", False, "private endpoints only", ACR_ISOLATION, LIKELY),
    ("amr", "firewall-rules", False, "private endpoints only", SKILL_FEATURES, SURE),
    (
        "acr",
        "firewall-with-private-endpoint",
        False,
        "rules have no effect beside a private endpoint",
        ACR_ISOLATION,
        SURE,
    ),
    ("acr", "vnet-injection", True, "Premium, chosen at creation", ACR_VNET, SURE),
    ("acre", "vnet-injection", False, "", ACR_VNET, SURE),
    ("amr", "vnet-injection", False, "", SKILL_FEATURES, SURE),
    ("acr", "private-endpoint", True, "not beside VNet injection", ACR_PRIVATE_LINK, SURE),
    ("acre", "private-endpoint", True, "", ACR_PRIVATE_LINK, SURE),
    ("amr", "private-endpoint", True, "", AMR_PRIVATE_LINK, SURE),
    ("acr", "dual-port", True, "6379 plain beside 6380 TLS, off by default", ACR_CONFIGURE, SURE),
    ("acre", "dual-port", False, "one port, one mode", SKILL_FEATURES, LIKELY),
    ("amr", "dual-port", False, "one port, one mode", AMR_TLS, SURE),
    ("acr", "plaintext-on-by-default", False, "", ACR_CONFIGURE, SURE),
    ("amr", "plaintext-on-by-default", False, "", AMR_TLS, SURE),
    ("acr", "access-keys", True, "may be disabled, which cuts every connection", ACR_ENTRA, SURE),
    ("acre", "access-keys", True, "", ACR_OVERVIEW, SURE),
    ("amr", "access-keys", True, "", AMR_ENTRA, SURE),
    ("acr", "access-keys-on-by-default", True, "", ACR_ENTRA, SURE),
    ("acre", "access-keys-on-by-default", True, "", ACR_OVERVIEW, LIKELY),
    (
        "amr",
        "access-keys-on-by-default",
        False,
        "since API 2025-07-01; older instances kept theirs",
        TERRAFORM_AMR,
        SURE,
    ),
    ("acr", "entra", True, "TLS connections only", ACR_ENTRA, SURE),
    ("acre", "entra", False, "", ACR_ENTRA, SURE),
    ("amr", "entra", True, "", AMR_ENTRA, SURE),
    ("acr", "entra-on-by-default", False, "turning it on reboots nodes", ACR_ENTRA, SURE),
    ("amr", "entra-on-by-default", True, "", AMR_ENTRA, SURE),
    ("amr", "entra-groups", False, "users and identities one by one", AMR_ENTRA, SURE),
    (
        "acr",
        "data-policies",
        True,
        "Data Owner, Data Contributor, Data Reader, and one's own",
        ACR_ENTRA,
        SURE,
    ),
    (
        "amr",
        "data-policies",
        True,
        "one named default; finer rules are a preview",
        AMR_ENTRA,
        SURE,
    ),
    ("acr", "cluster-by-default", False, "Premium, on request", ACR_OVERVIEW, SURE),
    ("amr", "cluster-by-default", True, "OSSCluster until one chooses", AMR_ARCHITECTURE, SURE),
    ("acre", "clustering-policies", True, "", SKILL_FEATURES, SURE),
    ("amr", "clustering-policies", True, "", AMR_ARCHITECTURE, SURE),
    ("acr", "clustering-policies", False, "", SKILL_FEATURES, SURE),
    ("acr", "many-databases", True, "not when clustered", ACR_CONFIGURE, SURE),
    ("acre", "many-databases", False, "number 0 alone", SKILL_FEATURES, SURE),
    ("amr", "many-databases", False, "number 0 alone", AMR_OVERVIEW, SURE),
    ("acr", "reboot", True, "", ACR_ADMINISTRATION, SURE),
    ("acre", "reboot", False, "", ACR_OVERVIEW, SURE),
    ("amr", "reboot", False, "", SKILL_FEATURES, SURE),
    ("acr", "maintenance-events", True, "the channel AzureRedisEvents", REDIS_EVENTS, SURE),
    ("amr", "maintenance-events", False, "the activity log alone", SKILL_FEATURES, SURE),
    (
        "acr",
        "scheduled-updates",
        True,
        "server updates alone, at least five hours, UTC",
        ACR_ADMINISTRATION,
        SURE,
    ),
    ("acre", "scheduled-updates", False, "", ACR_OVERVIEW, SURE),
    (
        "amr",
        "scheduled-updates",
        True,
        "a preview, at least two windows a week",
        AMR_MAINTENANCE,
        SURE,
    ),
    ("acr", "keyspace-notifications", True, "Standard and Premium", ACR_CONFIGURE, SURE),
    ("amr", "keyspace-notifications", True, "a preview since June 2026", AMR_KEYSPACE, SURE),
    ("acr", "passive-geo-replication", True, "Premium", ACR_GEO, SURE),
    ("acre", "passive-geo-replication", False, "", SKILL_FEATURES, SURE),
    ("amr", "passive-geo-replication", False, "", SKILL_FEATURES, SURE),
    ("acr", "active-geo-replication", False, "", SKILL_FEATURES, SURE),
    ("acre", "active-geo-replication", True, "", ACR_OVERVIEW, SURE),
    ("amr", "active-geo-replication", True, "clients change regions themselves", AMR_GEO, SURE),
    ("acr", "errors-metric", True, "", ACR_METRICS, SURE),
    ("acre", "errors-metric", False, "", AMR_METRICS, SURE),
    ("amr", "errors-metric", False, "", AMR_METRICS, SURE),
    ("acr", "connection-rate-metrics", True, "", ACR_METRICS, SURE),
    ("acre", "connection-rate-metrics", False, "", AMR_METRICS, SURE),
    ("amr", "connection-rate-metrics", False, "", AMR_METRICS, SURE),
    (
        "acr",
        "resource-health",
        True,
        "not for a cache inside a virtual network",
        RESOURCE_HEALTH,
        SURE,
    ),
    (
        "amr",
        "high-availability-on-by-default",
        True,
        "without it, offline and empty at every patch or resize",
        AMR_HA,
        SURE,
    ),
)

# Shape: (policy, what a client sees, whether a plain client works, whether a cluster client works,
# source, certainty).
CLUSTERING_POLICIES: tuple[tuple[str, str, bool, bool, str, Certainty], ...] = (
    (
        "OSSCluster",
        "the Redis Cluster protocol, first at 10000 and then at the nodes' own ports",
        False,
        True,
        AMR_ARCHITECTURE,
        SURE,
    ),
    (
        "EnterpriseCluster",
        "one endpoint before all shards; keys of one command must share a slot",
        True,
        False,
        AMR_ARCHITECTURE,
        SURE,
    ),
    ("NoCluster", "one shard at one endpoint", True, False, AMR_ARCHITECTURE, SURE),
)

# Microsoft names the first group one by one, and of CLUSTER only says that what writes is disabled.
# Shape: (service, clustering policy ("": any), command that is refused, source, certainty).
BLOCKED_COMMANDS: tuple[tuple[Service, str, str, str, Certainty], ...] = (
    ("acr", "", "ACL", ACR_CONFIGURE, SURE),
    ("acr", "", "BGREWRITEAOF", ACR_CONFIGURE, SURE),
    ("acr", "", "BGSAVE", ACR_CONFIGURE, SURE),
    ("acr", "", "CONFIG", ACR_CONFIGURE, SURE),
    ("acr", "", "DEBUG", ACR_CONFIGURE, SURE),
    ("acr", "", "MIGRATE", ACR_CONFIGURE, SURE),
    ("acr", "", "PSYNC", ACR_CONFIGURE, SURE),
    ("acr", "", "REPLICAOF", ACR_CONFIGURE, SURE),
    ("acr", "", "REPLCONF", ACR_CONFIGURE, SURE),
    ("acr", "", "SAVE", ACR_CONFIGURE, SURE),
    ("acr", "", "SHUTDOWN", ACR_CONFIGURE, SURE),
    ("acr", "", "SLAVEOF", ACR_CONFIGURE, SURE),
    ("acr", "", "SYNC", ACR_CONFIGURE, SURE),
    ("acr", "", "CLUSTER ADDSLOTS", ACR_CONFIGURE, LIKELY),
    ("acr", "", "CLUSTER DELSLOTS", ACR_CONFIGURE, LIKELY),
    ("acr", "", "CLUSTER FAILOVER", ACR_CONFIGURE, LIKELY),
    ("acr", "", "CLUSTER FORGET", ACR_CONFIGURE, LIKELY),
    ("acr", "", "CLUSTER MEET", ACR_CONFIGURE, LIKELY),
    ("acr", "", "CLUSTER REPLICATE", ACR_CONFIGURE, LIKELY),
    ("acr", "", "CLUSTER RESET", ACR_CONFIGURE, LIKELY),
    ("acr", "", "CLUSTER SETSLOT", ACR_CONFIGURE, LIKELY),
    ("amr", "EnterpriseCluster", "CLUSTER INFO", AMR_ARCHITECTURE, SURE),
    ("amr", "EnterpriseCluster", "CLUSTER HELP", AMR_ARCHITECTURE, SURE),
    ("amr", "EnterpriseCluster", "CLUSTER KEYSLOT", AMR_ARCHITECTURE, SURE),
    ("amr", "EnterpriseCluster", "CLUSTER NODES", AMR_ARCHITECTURE, SURE),
    ("amr", "EnterpriseCluster", "CLUSTER SLOTS", AMR_ARCHITECTURE, SURE),
)

# Shape: (what a token for the data plane names as its audience, source, certainty).
TOKEN_AUDIENCES: tuple[tuple[str, str, Certainty], ...] = (
    ("https://redis.azure.com", ACR_ENTRA, SURE),
    ("acca5fbb-b7e4-4009-81f1-37e38fd66d78", ACR_ENTRA, SURE),
)

# Shape: (scope to ask a token for, source, certainty).
TOKEN_SCOPE: tuple[str, str, Certainty] = ("https://redis.azure.com/.default", ACR_ENTRA, SURE)

# Shape: (service, redis version as clients see it, source, certainty).
REDIS_VERSIONS: tuple[tuple[Service, str, str, Certainty], ...] = (
    ("acr", "6", ACR_CONFIGURE, SURE),
    ("amr", "7.4", AMR_OVERVIEW, SURE),
)


def has(service: Service, feature: str) -> bool | None:
    """Whether *service* has *feature*; ``None`` where that is not known.

    >>> has("amr", "firewall-rules"), has("redis", "firewall-rules")
    (False, None)
    """
    for name, known, is_there, _, _, _ in FEATURES:
        if (name, known) == (service, feature):
            return is_there
    return None


def note_on(service: Service, feature: str) -> str:
    """Return what one should know of *feature* on *service*; empty where there is nothing."""
    for name, known, _, note, _, _ in FEATURES:
        if (name, known) == (service, feature):
            return note
    return ""


def blocks_command(service: Service, command: str, policy: str = "") -> bool | None:
    """Whether *service* refuses *command* (``CONFIG``, ``CLUSTER SLOTS``) outright.

    ``None`` where the service's list was not published, and for a Redis of one's own. An ACL may
    refuse more: that is another answer (``NOPERM``).
    """
    words = " ".join(command.upper().split())
    is_listed = False
    for name, only_under, blocked, _, _ in BLOCKED_COMMANDS:
        if name != service or only_under not in ("", policy):
            continue
        is_listed = True
        if words == blocked or words.startswith(blocked + " "):
            return True
    return False if is_listed else None


def suits_plain_client(policy: str) -> bool | None:
    """Whether a plain client works under *policy*; ``None`` for an unknown one."""
    for name, _, plain, _, _, _ in CLUSTERING_POLICIES:
        if name.lower() == policy.lower():
            return plain
    return None


def suits_cluster_client(policy: str) -> bool | None:
    """Whether a cluster client works under *policy*; ``None`` for an unknown one."""
    for name, _, _, cluster, _, _ in CLUSTERING_POLICIES:
        if name.lower() == policy.lower():
            return cluster
    return None


def is_redis_audience(audience: str) -> bool:
    """Whether a token with this ``aud`` is meant for the data plane of a cache."""
    bare = audience.strip().rstrip("/").lower()
    return any(bare == known for known, _, _ in TOKEN_AUDIENCES)


def public_access(
    service: Service, setting: str | None, *, has_private_endpoint: bool
) -> bool | None:
    """Read ``publicNetworkAccess``, whose absence means different things on different services.

    On Azure Cache for Redis absence is ``Enabled``. On a Managed Redis that is older than the
    property, a private endpoint closed the public door and nothing else did.

    Source: learn.microsoft.com, ``cache-private-link`` and ``redis/private-link``; the model's
    docstring in azure-mgmt-redisenterprise (sure).
    """
    if setting is not None:
        return {"enabled": True, "disabled": False}.get(setting.lower())
    if service == "acr":
        return True
    if service in ("acre", "amr"):
        return not has_private_endpoint
    return None
