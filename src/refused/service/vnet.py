"""What a cache inside a virtual network needs from the network's rules, and Azure's own addresses.

Premium caches can live in a subnet of one's own (VNet injection). They then depend on traffic that
nobody else sees. After a change of rules or routes the cache has to be rebooted to take notice.
"""

from __future__ import annotations

from refused.service.facts import (
    ACR_VNET,
    METADATA_SERVICE,
    PLATFORM_ADDRESS,
    SUBNET_FAQ,
    SURE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from refused.service.facts import Certainty

    Direction = Literal["outbound", "inbound"]
    Peer = Literal[
        "any",
        "AzureKeyVault",
        "AzureMonitor",
        "AzureLoadBalancer",
        "dns",
        "redis-subnet",
        "client-subnet",
        "geo-peer-subnet",
    ]

    RequiredRule = tuple[Direction, int, int, str, Peer, str, str, Certainty]

# One row per port range and peer, as a network rule wants it. "dns" is both platform addresses and
# every custom DNS server of the network.
# Shape: (direction, first port, last port, protocols, the other side, purpose, source, certainty).
REQUIRED_RULES: tuple[RequiredRule, ...] = (
    ("outbound", 80, 80, "tcp", "any", "certificate status, storage, updates", ACR_VNET, SURE),
    ("outbound", 443, 443, "tcp", "any", "storage, updates, infrastructure", ACR_VNET, SURE),
    ("outbound", 443, 443, "tcp", "AzureKeyVault", "secrets", ACR_VNET, SURE),
    ("outbound", 443, 443, "tcp", "AzureMonitor", "monitoring", ACR_VNET, SURE),
    ("outbound", 12000, 12000, "tcp", "AzureMonitor", "monitoring", ACR_VNET, SURE),
    ("outbound", 53, 53, "tcp+udp", "dns", "name lookup", ACR_VNET, SURE),
    ("outbound", 123, 123, "udp", "any", "time", ACR_VNET, SURE),
    ("outbound", 1688, 1688, "tcp", "any", "activation of the system", ACR_VNET, SURE),
    ("outbound", 8443, 8443, "tcp", "redis-subnet", "between nodes", ACR_VNET, SURE),
    ("outbound", 10221, 10231, "tcp", "redis-subnet", "between nodes", ACR_VNET, SURE),
    ("outbound", 20226, 20226, "tcp", "redis-subnet", "between nodes", ACR_VNET, SURE),
    ("outbound", 13000, 13999, "tcp", "redis-subnet", "between nodes", ACR_VNET, SURE),
    ("outbound", 15000, 15999, "tcp", "redis-subnet", "between nodes", ACR_VNET, SURE),
    ("outbound", 15000, 15999, "tcp", "geo-peer-subnet", "geo-replication", ACR_VNET, SURE),
    ("outbound", 6379, 6380, "tcp", "redis-subnet", "between nodes", ACR_VNET, SURE),
    ("inbound", 6379, 6380, "tcp", "redis-subnet", "between nodes", ACR_VNET, SURE),
    ("inbound", 6379, 6380, "tcp", "client-subnet", "clients", ACR_VNET, SURE),
    ("inbound", 6379, 6380, "tcp", "AzureLoadBalancer", "load balancing", ACR_VNET, SURE),
    ("inbound", 8443, 8443, "tcp", "redis-subnet", "between nodes", ACR_VNET, SURE),
    ("inbound", 8500, 8500, "tcp+udp", "AzureLoadBalancer", "load balancing", ACR_VNET, SURE),
    ("inbound", 10221, 10231, "tcp", "redis-subnet", "between nodes", ACR_VNET, SURE),
    ("inbound", 10221, 10231, "tcp", "client-subnet", "clients of clusters", ACR_VNET, SURE),
    ("inbound", 10221, 10231, "tcp", "AzureLoadBalancer", "load balancing", ACR_VNET, SURE),
    ("inbound", 13000, 13999, "tcp", "redis-subnet", "between nodes", ACR_VNET, SURE),
    (
        "inbound",
        13000,
        13999,
        "tcp",
        "client-subnet",
        "clients of clusters, plain",
        ACR_VNET,
        SURE,
    ),
    ("inbound", 13000, 13999, "tcp", "AzureLoadBalancer", "load balancing", ACR_VNET, SURE),
    ("inbound", 15000, 15999, "tcp", "redis-subnet", "between nodes", ACR_VNET, SURE),
    ("inbound", 15000, 15999, "tcp", "client-subnet", "clients of clusters, TLS", ACR_VNET, SURE),
    ("inbound", 15000, 15999, "tcp", "AzureLoadBalancer", "load balancing", ACR_VNET, SURE),
    ("inbound", 15000, 15999, "tcp", "geo-peer-subnet", "geo-replication", ACR_VNET, SURE),
    ("inbound", 16001, 16001, "tcp+udp", "AzureLoadBalancer", "load balancing", ACR_VNET, SURE),
    ("inbound", 20226, 20226, "tcp", "redis-subnet", "between nodes", ACR_VNET, SURE),
)

# Names that must be reachable from the cache's subnet, for forced tunnelling and filtering by name.
# Shape: (name, "*" standing for any letters, ports, purpose, source, certainty).
REQUIRED_NAMES: tuple[tuple[str, tuple[int, ...], str, str, Certainty], ...] = (
    ("*.vault.azure.net", (443,), "secrets", ACR_VNET, SURE),
    ("*.table.core.windows.net", (443,), "storage", ACR_VNET, SURE),
    ("*.blob.core.windows.net", (443,), "storage", ACR_VNET, SURE),
    ("*.queue.core.windows.net", (443,), "storage", ACR_VNET, SURE),
    ("*.file.core.windows.net", (443,), "storage", ACR_VNET, SURE),
    ("ocsp.digicert.com", (80,), "certificate status", ACR_VNET, SURE),
    ("crl3.digicert.com", (80,), "certificate status", ACR_VNET, SURE),
    ("crl4.digicert.com", (80,), "certificate status", ACR_VNET, SURE),
    ("cacerts.digicert.com", (80,), "certificates", ACR_VNET, SURE),
    ("ocsp.msocsp.com", (80,), "certificate status", ACR_VNET, SURE),
    ("oneocsp.microsoft.com", (80,), "certificate status", ACR_VNET, SURE),
    ("mscrl.microsoft.com", (80,), "certificate status", ACR_VNET, SURE),
    ("crl.microsoft.com", (80,), "certificate status", ACR_VNET, SURE),
    ("www.microsoft.com", (80,), "certificates", ACR_VNET, SURE),
    ("cacerts.geotrust.com", (80,), "certificates", ACR_VNET, SURE),
    ("cdp.geotrust.com", (80,), "certificate status", ACR_VNET, SURE),
    ("status.geotrust.com", (80,), "certificate status", ACR_VNET, SURE),
    ("shoebox3*.prod.microsoftmetrics.com", (443,), "monitoring", ACR_VNET, SURE),
    ("azredis*.prod.microsoftmetrics.com", (443,), "monitoring", ACR_VNET, SURE),
    ("global.prod.microsoftmetrics.com", (443,), "monitoring", ACR_VNET, SURE),
    ("gcs.prod.monitoring.core.windows.net", (443,), "monitoring", ACR_VNET, SURE),
    ("*.prod.warm.ingest.monitor.core.windows.net", (443,), "monitoring", ACR_VNET, SURE),
    ("*.servicebus.windows.net", (443,), "monitoring", ACR_VNET, SURE),
    ("*.update.microsoft.com", (80, 443), "updates", ACR_VNET, SURE),
    ("*.windowsupdate.com", (80, 443), "updates", ACR_VNET, SURE),
    ("*.delivery.mp.microsoft.com", (80, 443), "updates", ACR_VNET, SURE),
    ("go.microsoft.com", (80, 443), "protection from malware", ACR_VNET, SURE),
    ("*.wdcp.microsoft.com", (443,), "protection from malware", ACR_VNET, SURE),
    ("*.wdcpalt.microsoft.com", (443,), "protection from malware", ACR_VNET, SURE),
    ("*.wd.microsoft.com", (443,), "protection from malware", ACR_VNET, SURE),
    ("definitionupdates.microsoft.com", (443,), "protection from malware", ACR_VNET, SURE),
    ("azurewatsonanalysis-prod.core.windows.net", (443,), "diagnostics", ACR_VNET, SURE),
    ("shavamanifest*.azureedge.net", (443,), "diagnostics", ACR_VNET, SURE),
    ("*.data.microsoft.com", (443,), "diagnostics", ACR_VNET, SURE),
)

# Neither is a load balancer of the cache: whoever blocks them cuts off the platform.
# Shape: (address, what it is, source, certainty).
PLATFORM_ADDRESSES: tuple[tuple[str, str, str, Certainty], ...] = (
    (
        "168.63.129.16",
        "Azure's own DNS, DHCP, agent and health probes, the same in every network",
        PLATFORM_ADDRESS,
        SURE,
    ),
    (
        "169.254.169.254",
        "the instance metadata service, which issues tokens of managed identities",
        METADATA_SERVICE,
        SURE,
    ),
)

# Shape: (service tag of a rule, address its traffic comes from, source, certainty).
TAG_ADDRESSES: tuple[tuple[str, str, str, Certainty], ...] = (
    ("AzureLoadBalancer", "168.63.129.16", PLATFORM_ADDRESS, SURE),
)

# Shape: (addresses that Azure keeps in every subnet, source, certainty).
RESERVED_ADDRESSES: tuple[int, str, Certainty] = (5, SUBNET_FAQ, SURE)


def required_rules(
    direction: Direction, *, is_geo_replicated: bool = False, is_clustered: bool = True
) -> tuple[RequiredRule, ...]:
    """Return the rows of :data:`REQUIRED_RULES` that a cache needs in one direction.

    Without a cluster the clients need no node ports; the nodes among themselves still do.
    """
    return tuple(
        rule
        for rule in REQUIRED_RULES
        if rule[0] == direction
        and (is_geo_replicated or rule[4] != "geo-peer-subnet")
        and (is_clustered or rule[4] != "client-subnet" or rule[5] == "clients")
    )


def is_platform_address(address: str) -> bool:
    """Whether *address* is one of Azure's own, which no rule may block."""
    return any(address == known for known, _, _, _ in PLATFORM_ADDRESSES)


def addresses_needed(shards: int = 1, extra_replicas: int = 0) -> int:
    """Return how many addresses a subnet must have for one cache, Azure's reserved ones included.

    Two per shard, one more for each *extra_replicas* per shard, one for the load balancer.

    >>> addresses_needed(), addresses_needed(shards=3)
    (8, 12)

    Raises:
        ValueError: *shards* is below 1 or *extra_replicas* below 0.

    Source: learn.microsoft.com, ``cache-how-to-premium-vnet`` (sure).
    """
    if shards < 1 or extra_replicas < 0:
        raise ValueError("a cache has at least one shard, and no fewer than no extra replicas")
    return shards * (2 + extra_replicas) + 1 + RESERVED_ADDRESSES[0]
