"""What Azure's control plane says of a cache and of the network around it, one record each.

These facts hold wherever one stands, so their vantage is ``control-plane``. They are what Azure
Resource Manager answered, brought to one shape for Azure Cache for Redis (``Microsoft.Cache/redis``)
and Azure Managed Redis (``Microsoft.Cache/redisEnterprise`` with its database); what they mean is the
judges' business. ``None`` means that the answer did not say. Times are seconds since 1970 UTC, ids are
ARM ids as Azure wrote them (compare them without regard to case).

A read that failed is an :class:`~refused.evidence.observations.Unseen` whose *what* is the kind that is
missing and whose *how_to_see* names the action that the role needs.

The module keeps to Python 3.8 and the standard library: bundles are judged anywhere.
"""

from __future__ import annotations

from refused.evidence.observations import Observation
from refused.evidence.record import Record, nested

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    NetworkRole = Literal["cache", "endpoint", "client"]
    AddressSource = Literal["given", "echo", "metadata"]
    ChangeSource = Literal["activity-log", "deployment", "own"]

CONTROL_PLANE = "control-plane"


class ResourceSearch(Observation):
    """How the target's resource was looked for, and what bore its name.

    Attributes:
        name: The name looked for, the first label of the host name.
        found: Ids of the caches of that name (and host name, where one is known) that the credential
            sees. None found is no proof of absence: the credential may not see all.
        subscriptions: The subscriptions that were looked through.
        complete: Whether all of the answer's pages were read.
        elsewhere: ``(id, host name)`` of caches that bear the name, but another host name than the target's.
    """

    name: str
    found: tuple[str, ...]
    subscriptions: tuple[str, ...] = ()
    complete: bool = True
    elsewhere: tuple[tuple[str, str], ...] = ()


class AzureSubscription(Observation):
    """The subscription of the resource; a disabled one stops its resources.

    Attributes:
        state: ``Enabled``, ``Warned``, ``PastDue``, ``Disabled`` or ``Deleted``.
    """

    id: str
    state: str | None
    name: str = ""


@nested
class LinkedServer(Record):
    """A geo-replication partner, as this cache's resource tells.

    Attributes:
        role: What the partner is: ``Primary`` or ``Secondary``.
        geo_primary_host: The name that leads to whichever is primary.
    """

    id: str
    role: str | None
    state: str | None = None
    geo_primary_host: str | None = None


class AzureCache(Observation):
    """The cache's own resource, its database included where it is Azure Managed Redis.

    Attributes:
        service: ``acr``, ``acre`` (Enterprise tiers) or ``amr``.
        provisioning_state: As ARM says it: ``Succeeded``, ``Updating``, ``Scaling``, ``Disabled`` …
        resource_state: ``Running``, ``Disabled`` … (Enterprise and Managed alone).
        sku: ``Basic``, ``Standard``, ``Premium``; ``Balanced_B5`` and the like.
        capacity: The digit of ``C1`` or ``P2``; the Enterprise capacity.
        family: ``C`` or ``P``; ``None`` elsewhere.
        tls_port: The port clients use with TLS (or without, where the database has no TLS).
        plain_port: The plain port, where it is open; ``None`` where it is closed.
        tls: Whether the client port speaks TLS (``clientProtocol`` of a database).
        public_access: ``Enabled`` or ``Disabled``; ``None`` where Azure says nothing, which on Azure
            Cache for Redis means enabled.
        min_tls: As ``1.2``; ``None`` where nothing is set.
        access_keys: Whether access keys open the cache.
        entra: Whether Microsoft Entra ID opens the cache; ``None`` where not said.
        shards: The number of shards of a clustered Premium cache; ``None`` or 0 is not clustered.
        clustering_policy: ``OSSCluster``, ``EnterpriseCluster`` or ``NoCluster``.
        node_ports: ``(plain port, TLS port, primary)`` of each node (``instances[]``), 0 for none.
        max_clients: ``redisConfiguration.maxclients``.
        subnet_id: The subnet into which the cache is injected.
        static_ip: The address it has there.
        geo_peers: Ids of the other databases of an active geo-replication group.
        settings: Further ``redisConfiguration`` and database settings, secrets removed.
    """

    id: str
    service: str
    name: str
    host: str
    location: str = ""
    provisioning_state: str | None = None
    resource_state: str | None = None
    sku: str | None = None
    family: str | None = None
    capacity: int | None = None
    redis_version: str | None = None
    tls_port: int | None = None
    plain_port: int | None = None
    tls: bool | None = None
    public_access: str | None = None
    min_tls: str | None = None
    access_keys: bool | None = None
    entra: bool | None = None
    shards: int | None = None
    replicas: int | None = None
    zones: tuple[str, ...] = ()
    clustering_policy: str | None = None
    node_ports: tuple[tuple[int, int, bool], ...] = ()
    max_clients: int | None = None
    eviction_policy: str | None = None
    high_availability: bool | None = None
    subnet_id: str | None = None
    static_ip: str | None = None
    linked_servers: tuple[LinkedServer, ...] = ()
    geo_peers: tuple[str, ...] = ()
    redirected_to: str | None = None
    created_at: float | None = None
    etag: str | None = None
    settings: tuple[tuple[str, str], ...] = ()


@nested
class FirewallRule(Record):
    """Addresses let in, both ends included."""

    name: str
    first: str
    last: str


class FirewallRules(Observation):
    """All firewall rules of an Azure Cache for Redis; with none, every address is let in."""

    resource_id: str
    rules: tuple[FirewallRule, ...]


class ClientAddress(Observation):
    """The address from which the service sees this client.

    Attributes:
        how: ``given`` by the user, told by an ``echo`` service, or read from instance ``metadata``,
            which is a hint only: a NAT on the way hides it.
    """

    address: str
    how: AddressSource


class PrivateEndpoint(Observation):
    """One private endpoint connection of the cache, with the endpoint behind it as far as it was seen.

    Attributes:
        connection_id: The connection, a child of the cache.
        state: ``Approved``, ``Pending``, ``Rejected`` or ``Disconnected``.
        description: What its approver wrote.
        endpoint_id: The endpoint, which may lie in another subscription.
        endpoint_seen: Whether the endpoint itself was read; without it *addresses* means nothing.
        subnet_id: Where the endpoint stands.
        addresses: Its private addresses, from its network interface or DNS configuration.
        dns_names: ``(name, address)`` pairs that it wants in private DNS (``customDnsConfigs``).
        zone_ids: The private DNS zones of its zone groups.
        zone_group_records: ``(name, address)`` pairs that its zone groups have written.
    """

    resource_id: str
    connection_id: str
    state: str | None
    provisioning_state: str | None = None
    description: str = ""
    endpoint_id: str | None = None
    endpoint_seen: bool = False
    subnet_id: str | None = None
    addresses: tuple[str, ...] = ()
    dns_names: tuple[tuple[str, str], ...] = ()
    zone_ids: tuple[str, ...] = ()
    zone_group_records: tuple[tuple[str, str], ...] = ()


class PrivateEndpointList(Observation):
    """That the cache's private endpoint connections were read, and how many there are."""

    resource_id: str
    count: int


@nested
class ZoneLink(Record):
    """A link that lets a virtual network see a private DNS zone.

    Attributes:
        state: ``Completed`` or ``InProgress`` (``virtualNetworkLinkState``).
        fallback: Whether what the zone lacks is asked of the internet (``resolutionPolicy``).
    """

    name: str
    network_id: str
    state: str | None = None
    fallback: bool | None = None


class PrivateDnsZone(Observation):
    """One private DNS zone that bears the service's privatelink name.

    Attributes:
        addresses: What the zone says for this cache's record; empty where it has none.
        record: The record's name relative to the zone.
        records: Every A record, as ``(name, address)``, at most a hundred.
        links_seen: Whether *links* are all that there are; where they are not, none is no proof of absence.
    """

    id: str
    name: str
    record: str = ""
    addresses: tuple[str, ...] = ()
    ttl_s: int | None = None
    records: tuple[tuple[str, str], ...] = ()
    links: tuple[ZoneLink, ...] = ()
    links_seen: bool = True


class PrivateDnsZoneList(Observation):
    """That the visible private DNS zones of a name were listed.

    Attributes:
        name: The zone's name, as ``privatelink.redis.cache.windows.net``.
        ids: Those found. Zones often lie in another subscription, so none is no proof of absence.
    """

    name: str
    ids: tuple[str, ...]
    subscriptions: tuple[str, ...] = ()


@nested
class SecurityRule(Record):
    """One rule of a network security group.

    Attributes:
        direction: ``Inbound`` or ``Outbound``.
        access: ``Allow`` or ``Deny``.
        protocol: ``Tcp``, ``Udp``, ``Icmp``, ``Esp``, ``Ah`` or ``*``.
        sources, destinations: Prefixes, addresses, service tags, ``*``, or ids of application security groups.
        source_ports, destination_ports: ``6380``, ``13000-13999`` or ``*``.
        default: Whether it is one of the rules that every group has.
    """

    name: str
    priority: int
    direction: str
    access: str
    protocol: str
    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    source_ports: tuple[str, ...] = ("*",)
    destination_ports: tuple[str, ...] = ("*",)
    default: bool = False


class NetworkSecurityGroup(Observation):
    """The security group that guards a subnet (or an interface) that the traffic crosses.

    Attributes:
        role: Whose: the ``cache``'s (injected), its private ``endpoint``'s, or the ``client``'s subnet.
        rules: Default rules included, in no particular order.
        subnet_prefixes: The address ranges of the subnet it guards.
    """

    id: str
    role: NetworkRole
    subnet_id: str
    rules: tuple[SecurityRule, ...]
    subnet_prefixes: tuple[str, ...] = ()


@nested
class Route(Record):
    """One user-defined route.

    Attributes:
        next_hop: ``VirtualAppliance``, ``VirtualNetworkGateway``, ``VnetLocal``, ``Internet`` or ``None``.
    """

    name: str
    prefix: str
    next_hop: str
    next_hop_address: str | None = None


class RouteTable(Observation):
    """The route table of a subnet that the traffic crosses."""

    id: str
    role: NetworkRole
    subnet_id: str
    routes: tuple[Route, ...]
    gateway_routes: bool | None = None


class AzureSubnet(Observation):
    """A subnet that the traffic crosses, and the virtual network it lies in.

    Attributes:
        dns_servers: The network's own DNS servers; empty is Azure's, which sees private zones.
        peers: Ids of the networks it is peered with, as ``(id, state)``.
        peer_prefixes: The address ranges that connected peers add to the tag ``VirtualNetwork``.
        closed_peers: Ids of peers that add none, since their peering gives no access
            (``allowVirtualNetworkAccess``): packets reach them, and only a rule of one's own lets them in.
        endpoint_policies: ``Enabled`` where NSG rules apply to private endpoints in it.
    """

    id: str
    role: NetworkRole
    network_id: str
    prefixes: tuple[str, ...]
    network_prefixes: tuple[str, ...] = ()
    nsg_id: str | None = None
    route_table_id: str | None = None
    nat_gateway_id: str | None = None
    dns_servers: tuple[str, ...] = ()
    peers: tuple[tuple[str, str], ...] = ()
    endpoint_policies: str | None = None
    service_endpoints: tuple[str, ...] = ()
    peer_prefixes: tuple[str, ...] = ()
    closed_peers: tuple[str, ...] = ()


class Metric(Observation):
    """One metric of the cache over time, empty minutes left out.

    Attributes:
        name: As Azure Monitor calls it, as ``connectedclients``.
        aggregation: ``Maximum``, ``Average``, ``Total``, ``Minimum`` or ``Count``.
        points: ``(time, value)`` in order of time.
        dimension: ``("ErrorType", "Failover")`` where the series is a part of the metric.
    """

    resource_id: str
    name: str
    aggregation: str
    interval_s: int
    points: tuple[tuple[float, float], ...]
    unit: str = ""
    dimension: tuple[str, str] | None = None
    from_s: float | None = None
    to_s: float | None = None


class ResourceChange(Observation):
    """Something that was done to the cache or the network around it.

    Attributes:
        when: When it was done (*at* is when it was read).
        operation: ``Microsoft.Cache/redis/firewallRules/delete`` and the like; a deployment's name.
        status: ``Succeeded``, ``Started``, ``Failed`` …
        caller: Who did it; a person, an application's id, or a policy.
        client_ip: From where, for some events only.
        found_in: ``activity-log``, ``deployment`` (of the resource group) or the user's ``own`` history.
    """

    when: float
    operation: str
    resource_id: str
    status: str
    caller: str = ""
    client_ip: str | None = None
    correlation_id: str = ""
    found_in: ChangeSource = "activity-log"
    category: str = ""
    summary: str = ""


class ChangeSearch(Observation):
    """That changes were looked for, in what span; logs lag by minutes, so the last ones may be missing."""

    found_in: ChangeSource
    from_s: float
    to_s: float
    count: int


class ResourceHealth(Observation):
    """What Azure Resource Health says of the cache.

    Attributes:
        state: ``Available``, ``Unavailable``, ``Degraded`` or ``Unknown``.
        cause: ``PlatformInitiated``, ``Planned`` (by the platform too), ``CustomerInitiated``, or as
            Azure said.
        since: When it came into this state.
    """

    resource_id: str
    state: str
    cause: str = ""
    since: float | None = None
    title: str = ""
    summary: str = ""


class ServiceEvent(Observation):
    """One event of Azure Service Health that touches the cache's service or region.

    Attributes:
        kind: ``ServiceIssue``, ``PlannedMaintenance``, ``HealthAdvisory``, ``SecurityAdvisory`` …
        status: ``Active`` or ``Resolved``.
    """

    tracking_id: str
    kind: str
    status: str
    title: str
    starts: float | None = None
    ends: float | None = None
    regions: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


class PatchWindows(Observation):
    """When the service may patch: ``(day, first hour UTC, hours)``; none is any time."""

    resource_id: str
    windows: tuple[tuple[str, int, float], ...]


class ScheduledMaintenance(Observation):
    """An announced upgrade or maintenance of the cache (``listUpgradeNotifications``)."""

    resource_id: str
    name: str
    when: float | None
    details: str = ""


class AccessAssignments(Observation):
    """Who may log in with Entra ID: ``(object id, alias, policy)`` of each assignment."""

    resource_id: str
    assignments: tuple[tuple[str, str, str], ...]


class AccessKeys(Observation):
    """How the target's key compares with the cache's; the keys themselves are never part of evidence.

    Attributes:
        matches: ``primary``, ``secondary``, or ``none``.
    """

    resource_id: str
    matches: str


class ArmAnswer(Observation):
    """One raw answer of the control plane, secrets removed; kept only where the user wants to see it.

    Attributes:
        path: Without the endpoint.
        status: The HTTP status; 0 where no answer came.
        body: JSON text, at most 64 KiB.
    """

    method: str
    path: str
    api_version: str
    status: int
    body: str = ""
    request_id: str = ""
