"""Documents of Azure Cache for Redis and Azure Managed Redis, as GET answers them.

Pure and cheap: a scenario declares what its control plane would say with these, and nothing else of
the control plane is loaded until somebody asks it. What differs from a new cache is said by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from refused.service.tiers import connection_limit

if TYPE_CHECKING:
    Document = dict[str, Any]

REDIS = "Microsoft.Cache/Redis"
ENTERPRISE = "Microsoft.Cache/redisEnterprise"

DISPLAYED = {
    "westeurope": "West Europe",
    "northeurope": "North Europe",
    "eastus": "East US",
    "westus": "West US",
    "centraluseuap": "Central US EUAP",
}
# What the portal shows as reserved on a new cache: about a tenth of the memory, in MB. Recorded for
# P1 (642), C0 (30) and C1 (50); of other sizes a guess by the same rule.
_RESERVED_MB = {"C0": 30, "C1": 50}


def displayed(location: str) -> str:
    """Return a region as the cache provider writes it: ``West Europe``."""
    return DISPLAYED.get(location.replace(" ", "").lower(), location)


def redis(
    cache_id: str,
    *,
    location: str = "westeurope",
    sku: tuple[str, str, int] = ("Standard", "C", 1),
    shards: int = 0,
    **properties: Any,
) -> Document:
    """Return the document of a new cache.

    Args:
        cache_id: Its id; its last part is its name.
        location: The region, in any form.
        sku: Name, family and capacity.
        shards: Of a clustered Premium cache; 0 is not clustered.
        properties: What differs from the defaults of a new cache, as ``enableNonSslPort=True``.
    """
    name = cache_id.rpartition("/")[2]
    head, _, _ = cache_id.rpartition("/")
    head = head.rpartition("/providers/")[0]
    tier, family, capacity = sku
    made = {
        "provisioningState": "Succeeded",
        "redisVersion": "6.0",
        "sku": {"name": tier, "family": family.upper(), "capacity": capacity},
        "enableNonSslPort": False,
        "publicNetworkAccess": "Enabled",
        "tenantSettings": {},
        "redisConfiguration": configuration(tier, family, capacity, shards),
        "accessKeys": None,
        "hostName": f"{name}.redis.cache.windows.net".lower(),
        "port": 6379,
        "sslPort": 6380,
        "linkedServers": [],
        "updateChannel": "Stable",
        "disableAccessKeyAuthentication": False,
        **properties,
    }
    if tier == "Premium":
        made.setdefault("zonalAllocationPolicy", "Automatic")
    if shards:
        made["shardCount"] = shards
    made["instances"] = instances(tier, shards, plain=made["enableNonSslPort"])
    return {
        "id": f"{head}/providers/{REDIS}/{name}",
        "location": displayed(location),
        "name": name,
        "type": REDIS,
        "tags": {},
        "properties": made,
    }


def settle_zones(cache: Document) -> None:
    """Show what a Premium cache shows once its zones are settled: its replicas, and which zones."""
    said = cache["properties"]
    if said["sku"]["name"] != "Premium" or said.get("zonalAllocationPolicy") == "NoZones":
        return
    said.setdefault("replicasPerMaster", 1)
    said.setdefault("replicasPerPrimary", said["replicasPerMaster"])
    if said.get("zonalAllocationPolicy") == "Automatic":
        cache.pop("zones", None)


def configuration(tier: str, family: str, capacity: int, shards: int = 0) -> dict[str, str]:
    """Return the settings that Azure fills in, as text; the limit of clients is the tier's."""
    size = f"{family.upper()}{capacity}"
    reserved = str(_RESERVED_MB.get(size, 125 if family.upper() == "C" else 642 * max(capacity, 1)))
    limit = connection_limit(tier, size)
    known = {"maxclients": str(limit)} if limit is not None else {}
    memory = ("maxmemory-reserved", "maxfragmentationmemory-reserved", "maxmemory-delta")
    return known | {name: reserved for name in memory if tier != "Basic" or shards}


def instances(tier: str, shards: int, *, plain: bool) -> list[dict[str, Any]]:
    """Return the nodes: one on Basic, two otherwise, for each shard."""
    nodes = 1 if tier == "Basic" else 2
    made = []
    for at in range(max(shards, 1) * nodes):
        is_first = at % nodes == 0
        node: dict[str, Any] = {"sslPort": 15000 + at, "isMaster": is_first, "isPrimary": is_first}
        if plain:
            node["nonSslPort"] = 13000 + at
        if shards:
            node["shardId"] = at // nodes
        made.append(node)
    return made


def firewall_rule(cache_id: str, name: str, first: str, last: str) -> Document:
    """Return the document of a firewall rule."""
    return {
        "id": f"{cache_id}/firewallRules/{name}",
        "name": f"{cache_id.rpartition('/')[2]}/{name}",
        "type": f"{REDIS}/firewallRules",
        "properties": {"startIP": first, "endIP": last},
    }


def patch_schedule(cache: Document, entries: list[dict[str, Any]]) -> Document:
    """Return the document of a patch schedule; windows are five hours where nothing is said."""
    return {
        "id": f"{cache['id']}/patchSchedules/default",
        "location": cache["location"],
        "name": f"{cache['name']}/default",
        "type": f"{REDIS}/PatchSchedules",
        "properties": {
            "scheduleEntries": [
                {
                    "dayOfWeek": str(each.get("dayOfWeek", "")).capitalize(),
                    "startHourUtc": each.get("startHourUtc", 0),
                    "maintenanceWindow": each.get("maintenanceWindow") or "PT5H",
                }
                for each in entries
            ]
        },
    }


def linked_server(near: Document, far: Document, role: str, primary: Document) -> Document:
    """Return what *near* says of the cache that it is linked to, which has *role*."""
    host = far["properties"]["hostName"]
    name, _, rest = host.partition(".")
    return {
        "id": f"{near['id']}/linkedServers/{far['name']}",
        "name": far["name"],
        "type": f"{REDIS}/linkedServers",
        "properties": {
            "linkedRedisCacheId": far["id"],
            "linkedRedisCacheLocation": far["location"],
            "geoReplicatedPrimaryHostName": f"{name}.geo.{rest}",
            "primaryHostName": primary["properties"]["hostName"],
            "provisioningState": "Succeeded",
            "serverRole": role,
        },
    }


def access_policy(
    cache_id: str,
    name: str,
    permissions: str,
    *,
    type: str = "Custom",  # noqa: A002  # ARM's word
) -> Document:
    """Return the document of an access policy."""
    return {
        "id": f"{cache_id}/accessPolicies/{name}",
        "name": name,
        "type": f"{REDIS}/accessPolicies",
        "properties": {
            "permissions": permissions,
            "type": type,
            "provisioningState": "Succeeded",
        },
    }


def assignment(owner: str, name: str, policy: str = "default", **whom: Any) -> Document:
    """Return the document that gives an identity a policy of a cache, or of a database.

    Args:
        owner: The id of the cache or of the database.
        name: The assignment's name.
        policy: Which policy; a database knows ``default`` alone.
        whom: As the service wants it: ``objectId`` and ``objectIdAlias``, or ``user``.
    """
    is_database = "/databases/" in owner
    kind = f"{ENTERPRISE}/databases" if is_database else REDIS
    return {
        "id": f"{owner}/accessPolicyAssignments/{name}",
        "name": name,
        "type": f"{kind}/accessPolicyAssignments",
        "properties": {"provisioningState": "Succeeded", "accessPolicyName": policy, **whom},
    }


# --- Azure Managed Redis, and the Enterprise tiers of old ----------------------------------------


def cluster(
    cluster_id: str, *, location: str = "westeurope", sku: str = "Balanced_B10", **properties: Any
) -> Document:
    """Return the document of a Managed Redis without its database.

    Args:
        cluster_id: Its id; its last part is its name.
        location: The region, in any form.
        sku: As ``Balanced_B10``; with ``Enterprise_E10`` it is one of the old tiers.
        properties: What differs, as ``publicNetworkAccess="Disabled"``.
    """
    name = cluster_id.rpartition("/")[2]
    head = cluster_id.rpartition("/")[0].rpartition("/providers/")[0]
    region = location.replace(" ", "").lower()
    is_old = sku.startswith("Enterprise")
    suffix = "redisenterprise.cache.azure.net" if is_old else "redis.azure.net"
    made: Document = {
        "location": displayed(location),
        "name": name,
        "id": f"{head}/providers/{ENTERPRISE}/{name}",
        "type": ENTERPRISE,
        "kind": "v1" if is_old else "v2",
        "tags": {},
        "sku": {"name": sku},
        "properties": {
            "minimumTlsVersion": "1.2",
            "hostName": f"{name}.{region}.{suffix}".lower(),
            "provisioningState": "Succeeded",
            "resourceState": "Running",
            "privateEndpointConnections": [],
            "highAvailability": "Enabled",
            "redundancyMode": "LR",
            "publicNetworkAccess": "Enabled",
            **properties,
        },
        "identity": {"type": "None"},
    }
    if is_old:
        made["sku"]["capacity"] = 2
    return made


def database(cluster_id: str, name: str = "default", **properties: Any) -> Document:
    """Return the document of a database; a new one has keys switched off and Entra on."""
    return {
        "name": name,
        "id": f"{cluster_id}/databases/{name}",
        "type": f"{ENTERPRISE}/databases",
        "properties": {
            "clientProtocol": "Encrypted",
            "port": 10000,
            "provisioningState": "Succeeded",
            "resourceState": "Running",
            "clusteringPolicy": "OSSCluster",
            "evictionPolicy": "VolatileLRU",
            "deferUpgrade": "NotDeferred",
            "redisVersion": "7.4",
            "accessKeysAuthentication": "Disabled",
            **properties,
        },
    }


def connection(
    cache: str, name: str, endpoint: str, *, status: str = "Approved", description: str = ""
) -> Document:
    """Return the document of a connection below *cache*."""
    kind = ENTERPRISE if f"/{ENTERPRISE}/".lower() in cache.lower() else REDIS
    return {
        "id": f"{cache}/privateEndpointConnections/{name}",
        "name": name,
        "type": f"{kind}/privateEndpointConnections",
        "properties": {
            "provisioningState": "Succeeded",
            "privateEndpoint": {"id": endpoint},
            "privateLinkServiceConnectionState": {
                "status": status,
                "description": description,
                "actionsRequired": "None",
            },
        },
    }


# --- where it all lies ---------------------------------------------------------------------------


def subscription(id: str, tenant: str, name: str = "Contoso Production") -> Document:  # noqa: A002
    """Return the document of a subscription."""
    return {
        "id": f"/subscriptions/{id}",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": id,
        "tenantId": tenant,
        "displayName": name,
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "EnterpriseAgreement_2014-09-01",
            "spendingLimit": "Off",
        },
    }


def group(subscription_id: str, name: str, location: str = "westeurope") -> Document:
    """Return the document of a resource group."""
    return {
        "id": f"/subscriptions/{subscription_id}/resourceGroups/{name}",
        "name": name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": location,
        "tags": {},
        "properties": {"provisioningState": "Succeeded"},
    }
