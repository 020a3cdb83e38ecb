"""What the answers about a cache itself say: the resource, its rules, windows, assignments and keys.

Pure: JSON in, observations out. An answer that is not what it should be gives ``None``.
"""

from __future__ import annotations

from refused.evidence.control_plane import (
    AccessAssignments,
    AzureCache,
    AzureSubscription,
    FirewallRule,
    FirewallRules,
    LinkedServer,
    PatchWindows,
    ScheduledMaintenance,
)
from refused.evidence.redaction import redact
from refused.probes.azure.ways import (
    dig,
    hours_of,
    items,
    last_of,
    moment,
    same,
    text,
    texts,
    truth,
    whole,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Stamp = Mapping[str, Any]

_MANAGED = ("balanced", "memoryoptimized", "computeoptimized", "flashoptimized")
_IN_SETTINGS = (
    "updateChannel",
    "zonalAllocationPolicy",
    "redundancyMode",
    "deferUpgrade",
    "keySpaceNotification",
    "notifyKeyspaceEvents",
)


def service_of_id(arm_id: str) -> str:
    """Return ``acr`` or ``amr`` by the type in an id; Enterprise tiers show only in the resource."""
    return "amr" if "/redisenterprise/" in f"{arm_id.lower()}/" else "acr"


def cache_of(body: Any, stamp: Stamp, database: Any = None) -> AzureCache | None:
    """Read a cache; *database* is that of an Enterprise or Managed one, where it was read."""
    arm_id = text(body, "id")
    if arm_id is None:
        return None
    if service_of_id(arm_id) == "acr":
        return _classic(body, arm_id, stamp)
    return _managed(body, arm_id, database, stamp)


def _classic(body: Any, arm_id: str, stamp: Stamp) -> AzureCache:
    inside = dig(body, "properties")
    configuration = _by_plain_name(dig(inside, "redisConfiguration"))
    plain_open = truth(inside, "enableNonSslPort")
    keys_off = truth(inside, "disableAccessKeyAuthentication")
    sku = dig(inside, "sku") or dig(body, "sku")  # a version of long ago had it outside
    return AzureCache(
        **stamp,
        id=arm_id,
        service="acr",
        name=text(body, "name") or last_of(arm_id),
        host=(text(inside, "hostName") or "").lower(),
        location=text(body, "location") or "",
        provisioning_state=text(inside, "provisioningState"),
        resource_state=text(inside, "resourceState"),
        sku=text(sku, "name"),
        family=text(sku, "family"),
        capacity=whole(sku, "capacity"),
        redis_version=text(inside, "redisVersion"),
        tls_port=whole(inside, "sslPort"),
        plain_port=whole(inside, "port") if plain_open else None,
        tls=True,
        public_access=text(inside, "publicNetworkAccess"),
        min_tls=text(inside, "minimumTlsVersion"),
        access_keys=None if keys_off is None else not keys_off,
        entra=truth(configuration, "aadenabled"),
        shards=whole(inside, "shardCount"),
        replicas=_first(whole(inside, "replicasPerPrimary"), whole(inside, "replicasPerMaster")),
        zones=texts(body, "zones"),
        node_ports=tuple(
            (
                whole(each, "nonSslPort") or 0,
                whole(each, "sslPort") or 0,
                bool(_first(truth(each, "isPrimary"), truth(each, "isMaster"))),
            )
            for each in items(inside, "instances")
        ),
        max_clients=whole(configuration, "maxclients"),
        eviction_policy=text(configuration, "maxmemorypolicy"),
        subnet_id=text(inside, "subnetId"),
        static_ip=text(inside, "staticIP"),
        linked_servers=tuple(
            LinkedServer(id=text(each, "id") or "", role=None)
            for each in items(inside, "linkedServers")
        ),
        redirected_to=text(inside, "migratedEndpoint"),
        created_at=moment(body, "systemData", "createdAt"),
        etag=text(body, "etag"),
        settings=_settings(dig(inside, "redisConfiguration")) + _named(inside),
    )


def _managed(body: Any, arm_id: str, database: Any, stamp: Stamp) -> AzureCache:
    inside, base = dig(body, "properties"), dig(database, "properties")
    sku = text(body, "sku", "name") or ""
    is_managed = text(body, "kind") == "v2" or sku.lower().startswith(_MANAGED)
    protocol = text(base, "clientProtocol")
    geo = items(base, "geoReplication", "linkedDatabases")
    own = text(database, "id")
    # The state of cluster and of database can differ, and the worse one is what a client meets.
    states = [text(base, "resourceState"), text(inside, "resourceState")]
    provisioning = [text(base, "provisioningState"), text(inside, "provisioningState")]
    return AzureCache(
        **stamp,
        id=arm_id,
        service="amr" if is_managed or not sku else "acre",
        name=text(body, "name") or last_of(arm_id),
        host=(text(inside, "hostName") or "").lower(),
        location=text(body, "location") or "",
        provisioning_state=_worse(provisioning, "Succeeded"),
        resource_state=_worse(states, "Running"),
        sku=sku or None,
        capacity=whole(body, "sku", "capacity"),
        redis_version=_first(text(base, "redisVersion"), text(inside, "redisVersion")),
        tls_port=whole(base, "port"),
        tls=None if protocol is None else same(protocol, "Encrypted"),
        public_access=text(inside, "publicNetworkAccess"),
        min_tls=text(inside, "minimumTlsVersion"),
        access_keys=truth(base, "accessKeysAuthentication"),
        zones=texts(body, "zones"),
        clustering_policy=text(base, "clusteringPolicy"),
        eviction_policy=text(base, "evictionPolicy"),
        high_availability=truth(inside, "highAvailability"),
        linked_servers=tuple(
            LinkedServer(id=text(each, "id") or "", role=None, state=text(each, "state"))
            for each in geo
            if not same(text(each, "id"), own)
        ),
        geo_peers=tuple(text(each, "id") or "" for each in geo if not same(text(each, "id"), own)),
        redirected_to=text(inside, "migratedEndpoint"),
        created_at=moment(body, "systemData", "createdAt"),
        etag=text(body, "etag"),
        settings=_named(inside) + _named(base) + _settings(dig(base, "persistence")),
    )


def _worse(states: list[str | None], fine: str) -> str | None:
    """Return the state that is not *fine*, else *fine*, else nothing."""
    known = [each for each in states if each]
    return next((each for each in known if not same(each, fine)), known[0] if known else None)


def _first(*values: Any) -> Any:
    return next((each for each in values if each is not None), None)


def _by_plain_name(data: Any) -> dict[str, Any]:
    """Return settings by name without hyphens: the API says ``aad-enabled``, its tools ``aadEnabled``."""
    if not isinstance(data, dict):
        return {}
    return {str(name).replace("-", "").lower(): value for name, value in data.items()}


def _settings(data: Any) -> tuple[tuple[str, str], ...]:
    """Return the settings that hold no secret, as texts."""
    if not isinstance(data, dict):
        return ()
    return tuple(
        (str(name), said)
        for name, said in ((name, text(data, name)) for name in data)
        if said is not None and not _may_be_secret(str(name))
    )


def _may_be_secret(name: str) -> bool:
    plain = name.replace("-", "").lower()
    return "connectionstring" in plain or plain.endswith(("key", "password", "secret", "token"))


def _named(data: Any) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, said)
        for name, said in ((name, text(data, name)) for name in _IN_SETTINGS)
        if said is not None
    )


def with_partners(cache: AzureCache, body: Any) -> AzureCache:
    """Return the cache with what the list of its linked servers adds: roles, states, the geo name."""
    partners = []
    for each in items(body, "value"):
        inside = dig(each, "properties")
        partners.append(
            LinkedServer(
                id=text(inside, "linkedRedisCacheId") or text(each, "id") or "",
                role=text(inside, "serverRole"),
                state=text(inside, "provisioningState"),
                geo_primary_host=text(inside, "geoReplicatedPrimaryHostName"),
            )
        )
    return cache.replace(linked_servers=tuple(partners))


def rules_of(body: Any, cache_id: str, stamp: Stamp) -> FirewallRules:
    """Read the firewall rules; a rule's name is ``cache/rule`` in the answer."""
    return FirewallRules(
        **stamp,
        resource_id=cache_id,
        rules=tuple(
            FirewallRule(
                name=last_of(text(each, "name")),
                first=text(each, "properties", "startIP") or "",
                last=text(each, "properties", "endIP") or "",
            )
            for each in items(body, "value")
        ),
    )


def windows_of(body: Any, cache_id: str, stamp: Stamp) -> PatchWindows:
    """Read when the service may patch; a list, a single schedule or none at all."""
    schedules = items(body, "value") if isinstance(dig(body, "value"), list) else [body]
    return PatchWindows(
        **stamp,
        resource_id=cache_id,
        windows=tuple(
            (
                text(entry, "dayOfWeek") or "",
                whole(entry, "startHourUtc") or 0,
                # Five hours where the schedule does not say.
                # Source: https://learn.microsoft.com/azure/azure-cache-for-redis/cache-administration
                hours_of(text(entry, "maintenanceWindow")) or 5.0,
            )
            for each in schedules
            for entry in items(each, "properties", "scheduleEntries")
        ),
    )


def managed_windows_of(body: Any, cache_id: str, stamp: Stamp) -> PatchWindows | None:
    """Read the windows of a Managed Redis, which its resource holds in newer (preview) versions."""
    windows = items(body, "properties", "maintenanceConfiguration", "maintenanceWindows")
    if not windows:
        return None
    return PatchWindows(
        **stamp,
        resource_id=cache_id,
        windows=tuple(
            (
                text(each, "schedule", "dayOfWeek") or "",
                whole(each, "startHourUtc") or 0,
                hours_of(text(each, "duration")) or 0.0,
            )
            for each in windows
        ),
    )


def upgrades_of(body: Any, cache_id: str, stamp: Stamp) -> list[ScheduledMaintenance]:
    """Read the announced upgrades."""
    return [
        ScheduledMaintenance(
            **stamp,
            resource_id=cache_id,
            name=text(each, "name") or "",
            when=moment(each, "timestamp"),
            details=redact(
                "; ".join(
                    f"{name}: {said}" for name, said in _settings(dig(each, "upsellNotification"))
                )
            )[:300],
        )
        for each in items(body, "value") or items(body, "notificationList")
    ]


def assignments_of(body: Any, cache_id: str, stamp: Stamp) -> AccessAssignments:
    """Read who may log in with Entra ID; Managed Redis nests the object id."""
    found = []
    for each in items(body, "value"):
        inside = dig(each, "properties")
        found.append(
            (
                text(inside, "objectId") or text(inside, "user", "objectId") or "",
                text(inside, "objectIdAlias") or last_of(text(each, "name")),
                text(inside, "accessPolicyName") or text(inside, "accessString") or "",
            )
        )
    return AccessAssignments(**stamp, resource_id=cache_id, assignments=tuple(found))


def subscription_of(body: Any, stamp: Stamp) -> AzureSubscription | None:
    """Read a subscription."""
    name = text(body, "subscriptionId") or last_of(text(body, "id"))
    if not name:
        return None
    return AzureSubscription(
        **stamp, id=name, state=text(body, "state"), name=text(body, "displayName") or ""
    )


def key_that_matches(body: Any, given: str) -> str:
    """Say which of a cache's keys *given* is: ``primary``, ``secondary`` or ``none``.

    Digests are compared, in a time that tells nothing; the keys go no further than this call.
    """
    from hashlib import sha256
    from hmac import compare_digest

    wanted = sha256(given.encode("utf-8", "surrogatepass")).digest()
    matches = "none"
    for name, word in (("secondaryKey", "secondary"), ("primaryKey", "primary")):
        key = text(body, name)
        if key is not None and compare_digest(sha256(key.encode()).digest(), wanted):
            matches = word
    return matches
