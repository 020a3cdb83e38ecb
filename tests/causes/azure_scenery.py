"""What Azure's control plane says of a cache and the network around it, to be varied with ``replace``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.causes.statements import Clue, Proof, RuledOut
from refused.evidence.control_plane import (
    AzureCache,
    AzureSubnet,
    ClientAddress,
    FirewallRule,
    FirewallRules,
    Metric,
    NetworkSecurityGroup,
    PrivateDnsZone,
    PrivateEndpoint,
    PrivateEndpointList,
    ResourceChange,
    RouteTable,
    SecurityRule,
    ZoneLink,
)
from refused.evidence.observations import DnsAnswer, DnsRecord, NameLookup, TcpDial, Unseen
from refused.evidence.target import Target
from tests.causes.tls_scenery import AZURE, CACHE, CLOSED, NOW, STAMP, Stamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from refused.causes.statements import Statement

CONTROL: Stamp = {**STAMP, "vantage": "control-plane"}
GROUP = "/subscriptions/s/resourceGroups/prod/providers"
CACHE_ID = f"{GROUP}/Microsoft.Cache/Redis/contoso"
NETWORK = f"{GROUP}/Microsoft.Network/virtualNetworks"
PUBLIC, PRIVATE, CLIENT = "20.42.65.90", "10.1.0.4", "203.0.113.7"
MINUTE_S = 60.0

ACR = AzureCache(
    **CONTROL,
    id=CACHE_ID,
    service="acr",
    name="contoso",
    host=AZURE,
    location="West Europe",
    provisioning_state="Succeeded",
    sku="Standard",
    family="C",
    capacity=1,
    tls_port=6380,
    public_access="Enabled",
    min_tls="1.2",
    access_keys=True,
    max_clients=1000,
)
AMR_HOST = "fabrikam.westeurope.redis.azure.net"
AMR = ACR.replace(
    id=f"{GROUP}/Microsoft.Cache/redisEnterprise/fabrikam",
    service="amr",
    name="fabrikam",
    host=AMR_HOST,
    resource_state="Running",
    sku="Balanced_B5",
    family=None,
    capacity=None,
    tls_port=10000,
    max_clients=None,
    clustering_policy="OSSCluster",
)
MANAGED = Target(text=AMR_HOST, form="host", host=AMR_HOST, port=10000, tls=True, service="amr")
PEER = CACHE.replace(host=PRIVATE)

SILENCE = TcpDial(**STAMP, address=PUBLIC, port=6380, outcome="silent")
ACCEPTED = SILENCE.replace(outcome="accepted")
AT_ENDPOINT = SILENCE.replace(address=PRIVATE)
SHUT = (ACCEPTED, CLOSED)
LOOKUP = NameLookup(**STAMP, host=AZURE, outcome="answered", addresses=(PUBLIC,))
ANSWER = DnsAnswer(
    **STAMP,
    host=AZURE,
    resolver="10.0.0.2:53",
    transport="udp",
    qtype="A",
    outcome="answered",
    chain=(DnsRecord(name=AZURE, type="A", value=PUBLIC, ttl_s=10),),
)
ALIAS = DnsRecord(
    name=AZURE, type="CNAME", value="contoso.privatelink.redis.cache.windows.net", ttl_s=10
)
PAST_ENDPOINT = ANSWER.replace(chain=(ALIAS, *ANSWER.chain))
TO_ENDPOINT = ANSWER.replace(
    chain=(ALIAS, DnsRecord(name=ALIAS.value, type="A", value=PRIVATE, ttl_s=10))
)

OFFICE_RULE = FirewallRule(name="office", first="192.0.2.0", last="192.0.2.255")
RULES = FirewallRules(**CONTROL, resource_id=CACHE_ID, rules=(OFFICE_RULE,))
FROM = ClientAddress(**CONTROL, address=CLIENT, how="given")

NO_ENDPOINT = PrivateEndpointList(**CONTROL, resource_id=CACHE_ID, count=0)
ONE_ENDPOINT = NO_ENDPOINT.replace(count=1)
ENDPOINT = PrivateEndpoint(
    **CONTROL,
    resource_id=CACHE_ID,
    connection_id=f"{CACHE_ID}/privateEndpointConnections/contoso-pe.1",
    state="Approved",
    endpoint_id=f"{GROUP}/Microsoft.Network/privateEndpoints/contoso-pe",
    endpoint_seen=True,
    addresses=(PRIVATE,),
)
CLIENTS = AzureSubnet(
    **CONTROL,
    id=f"{NETWORK}/app-vnet/subnets/clients",
    role="client",
    network_id=f"{NETWORK}/app-vnet",
    prefixes=("10.1.1.0/24",),
    network_prefixes=("10.1.0.0/16",),
)
CACHES = CLIENTS.replace(
    id=f"{NETWORK}/app-vnet/subnets/caches", role="cache", prefixes=("10.1.0.0/24",)
)
ZONE = PrivateDnsZone(
    **CONTROL,
    id=f"{GROUP}/Microsoft.Network/privateDnsZones/privatelink.redis.cache.windows.net",
    name="privatelink.redis.cache.windows.net",
    record="contoso",
    addresses=(PRIVATE,),
    links=(ZoneLink(name="app", network_id=CLIENTS.network_id, state="Completed"),),
)
GUARD = NetworkSecurityGroup(
    **CONTROL,
    id=f"{GROUP}/Microsoft.Network/networkSecurityGroups/clients-nsg",
    role="client",
    subnet_id=CLIENTS.id,
    rules=(),
    subnet_prefixes=CLIENTS.prefixes,
)
TABLE = RouteTable(
    **CONTROL,
    id=f"{GROUP}/Microsoft.Network/routeTables/clients-routes",
    role="client",
    subnet_id=CLIENTS.id,
    routes=(),
)


def rule(name: str, access: str = "Deny", port: str = "*", **changes: object) -> SecurityRule:
    """Return an outbound rule of a client's subnet, for everything but what is said."""
    plain = SecurityRule(
        name=name,
        priority=100,
        direction="Outbound",
        access=access,
        protocol="Tcp",
        sources=("*",),
        destinations=("*",),
        destination_ports=(port,),
    )
    return plain.replace(**changes)


def change(operation: str, of: str, ago_s: float = 4 * MINUTE_S) -> ResourceChange:
    """Return what was done to *of* (the end of an id below the cache's) some time before it failed."""
    return ResourceChange(
        **CONTROL,
        when=NOW - ago_s,
        operation=operation,
        resource_id=of if of.startswith("/") else f"{CACHE_ID}/{of}".rstrip("/"),
        status="Succeeded",
        caller="anna@contoso.example",
    )


def metric(name: str, *values: float, dimension: tuple[str, str] | None = None) -> Metric:
    """Return the last minutes of a metric before it failed, the last value a minute ago."""
    first = NOW - MINUTE_S * len(values)
    points = tuple((first + MINUTE_S * at, value) for at, value in enumerate(values))
    return Metric(
        **CONTROL,
        resource_id=CACHE_ID,
        name=name,
        aggregation="Maximum",
        interval_s=60,
        points=points,
        dimension=dimension,
    )


def denied(kind: str) -> Unseen:
    """Return that a read of the control plane was denied."""
    return Unseen(
        vantage="control-plane",
        what=kind,
        why="the control plane says 403 (AuthorizationFailed)",
        how_to_see="a role with the action that it names",
    )


def proofs(said: Iterable[Statement]) -> list[str]:
    """Return what was proved, in words."""
    return [each.because for each in said if isinstance(each, Proof)]


def excuses(said: Iterable[Statement]) -> list[str]:
    """Return why it was ruled out, in words."""
    return [each.because for each in said if isinstance(each, RuledOut)]


def weight(said: Iterable[Statement]) -> float:
    """Return the sum of the clues."""
    return sum(each.weight for each in said if isinstance(each, Clue))


def words(said: Iterable[Statement]) -> list[str]:
    """Return what the clues say."""
    return [each.because for each in said if isinstance(each, Clue)]
