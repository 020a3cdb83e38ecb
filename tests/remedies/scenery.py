"""Evidence for changes: a cache as Azure tells it, its network, and a client that is shut out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from refused.evidence.bundle import Bundle
from refused.evidence.control_plane import (
    AccessAssignments,
    AzureCache,
    AzureSubnet,
    ClientAddress,
    FirewallRules,
    LinkedServer,
    NetworkSecurityGroup,
    PatchWindows,
    PrivateDnsZone,
    PrivateDnsZoneList,
    PrivateEndpoint,
    Route,
    RouteTable,
    SecurityRule,
)
from refused.evidence.kubernetes import (
    ContainerProbe,
    IstioDestinationRule,
    IstioServiceEntry,
    IstioSidecarScope,
    KubernetesPolicy,
    KubernetesWorkload,
    MeshPort,
    Selector,
    Sidecar,
)
from refused.evidence.observations import (
    ClientSettings,
    ClusterTopology,
    ConntrackUse,
    DnsAnswer,
    DnsRecord,
    HostsEntry,
    KernelSettings,
    Login,
    Platform,
    RedisReply,
    TcpDial,
    TlsHandshake,
)
from refused.evidence.target import Target

GROUP = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/prod/providers"
CACHE = f"{GROUP}/Microsoft.Cache/redis/contoso"
AMR = f"{GROUP}/Microsoft.Cache/redisEnterprise/fabrikam"
ZONE = f"{GROUP}/Microsoft.Network/privateDnsZones/privatelink.redis.cache.windows.net"
NETWORK = f"{GROUP}/Microsoft.Network/virtualNetworks/apps"
SUBNET = f"{NETWORK}/subnets/pods"
ENDPOINT = f"{GROUP}/Microsoft.Network/privateEndpoints/contoso-pe"
NSG = f"{GROUP}/Microsoft.Network/networkSecurityGroups/pods-nsg"
ROUTES = f"{GROUP}/Microsoft.Network/routeTables/pods-routes"
OID = "11111111-2222-3333-4444-555555555555"

AZURE: dict[str, Any] = {"vantage": "control-plane", "at": 1.0, "took_ms": 1.0, "source": "ARM"}
HERE: dict[str, Any] = {"vantage": "here", "at": 1.0, "took_ms": 1.0, "source": "test"}


OBJECT: dict[str, Any] = {**AZURE, "namespace": "shop"}
ISTIO = Sidecar(mesh="istio", present=True, said="the pod has the container istio-proxy")


def pods(*sidecars: Sidecar, **other: Any) -> KubernetesWorkload:
    """Return the workload of the client."""
    said: dict[str, Any] = {
        "kind": "Deployment",
        "name": "cart",
        "role": "client",
        "chosen": "the user named it",
        "labels": (("app", "cart"),),
        "sidecars": sidecars,
    }
    return KubernetesWorkload(**OBJECT, **{**said, **other})


def entry(*ports: tuple[int, str]) -> IstioServiceEntry:
    """Return what Istio is told of the cache."""
    return IstioServiceEntry(
        **OBJECT,
        name="redis",
        hosts=("contoso.redis.cache.windows.net",),
        ports=tuple(MeshPort(number=number, protocol=protocol) for number, protocol in ports),
    )


def double(**other: Any) -> IstioDestinationRule:
    """Return a rule that adds TLS of the proxy's own."""
    said = {"name": "redis", "host": "contoso.redis.cache.windows.net", **other}
    return IstioDestinationRule(**OBJECT, **said)


REGISTERED = IstioSidecarScope(**OBJECT, name="default", outbound="REGISTRY_ONLY")


def nothing_out(**other: Any) -> KubernetesPolicy:
    """Return a policy that lets no pod of the namespace out."""
    said: dict[str, Any] = {
        "flavour": "kubernetes",
        "name": "deny",
        "selects": Selector(),
        "isolates": True,
    }
    return KubernetesPolicy(**OBJECT, **{**said, **other})


def cache(**other: Any) -> AzureCache:
    """Return an Azure Cache for Redis."""
    said: dict[str, Any] = {
        "id": CACHE,
        "service": "acr",
        "name": "contoso",
        "host": "contoso.redis.cache.windows.net",
        "location": "West Europe",
        "provisioning_state": "Succeeded",
        "sku": "Standard",
        "family": "C",
        "capacity": 1,
        "tls_port": 6380,
        "tls": True,
        "public_access": "Enabled",
        "min_tls": "1.2",
    }
    return AzureCache(**AZURE, **{**said, **other})


def amr(**other: Any) -> AzureCache:
    """Return an Azure Managed Redis."""
    said: dict[str, Any] = {
        "id": AMR,
        "service": "amr",
        "name": "fabrikam",
        "host": "fabrikam.westeurope.redis.azure.net",
        "location": "West Europe",
        "sku": "Balanced_B5",
        "tls_port": 10000,
        "tls": True,
        "clustering_policy": "OSSCluster",
    }
    return AzureCache(**AZURE, **{**said, **other})


def target(**other: Any) -> Target:
    """Return the cache as a client wants it."""
    said: dict[str, Any] = {
        "text": "contoso.redis.cache.windows.net:6380",
        "form": "host",
        "host": "contoso.redis.cache.windows.net",
        "port": 6380,
        "tls": True,
        "service": "acr",
    }
    return Target(**{**said, **other})


def endpoint(state: str = "Approved", **other: Any) -> PrivateEndpoint:
    """Return a private endpoint connection."""
    said: dict[str, Any] = {
        "resource_id": CACHE,
        "connection_id": f"{CACHE}/privateEndpointConnections/contoso-pe",
        "state": state,
        "endpoint_id": ENDPOINT,
        "endpoint_seen": True,
        "subnet_id": SUBNET,
        "addresses": ("10.1.0.4",),
    }
    return PrivateEndpoint(**AZURE, **{**said, **other})


def zone(*addresses: str, **other: Any) -> PrivateDnsZone:
    """Return the private zone, with what it says for the cache."""
    said: dict[str, Any] = {
        "id": ZONE,
        "name": "privatelink.redis.cache.windows.net",
        "record": "contoso",
        "addresses": addresses,
        "ttl_s": 10,
    }
    return PrivateDnsZone(**AZURE, **{**said, **other})


def subnet(role: str = "client", **other: Any) -> AzureSubnet:
    """Return a subnet."""
    said: dict[str, Any] = {
        "id": SUBNET,
        "role": role,
        "network_id": NETWORK,
        "prefixes": ("10.1.1.0/24",),
        "network_prefixes": ("10.1.0.0/16",),
    }
    return AzureSubnet(**AZURE, **{**said, **other})


def dial(address: str = "20.42.65.90", **other: Any) -> TcpDial:
    """Return a dial that met silence."""
    said: dict[str, Any] = {"address": address, "port": 6380, "outcome": "silent"}
    return TcpDial(**HERE, **{**said, **other})


def deny(
    name: str = "deny-redis", priority: int = 200, direction: str = "Outbound"
) -> SecurityRule:
    """Return a rule that blocks everything in one direction."""
    return SecurityRule(
        name=name,
        priority=priority,
        direction=direction,
        access="Deny",
        protocol="*",
        sources=("*",),
        destinations=("*",),
    )


def group(*rules: SecurityRule, role: Any = "client") -> NetworkSecurityGroup:
    """Return a security group."""
    return NetworkSecurityGroup(
        **AZURE, id=NSG, role=role, subnet_id=SUBNET, rules=rules, subnet_prefixes=("10.1.1.0/24",)
    )


# One world for each kind of change: the cause, and what speaks for the change.
WORLDS: dict[str, tuple[str, tuple[Any, ...], Target]] = {
    "firewall-rule": (
        "firewall-ip-blocked",
        (
            cache(),
            FirewallRules(**AZURE, resource_id=CACHE, rules=()),
            ClientAddress(**AZURE, address="203.0.113.7", how="given"),
        ),
        target(),
    ),
    "private-dns-link": (
        "private-endpoint-dns",
        (cache(), endpoint(), zone("10.1.0.4"), subnet()),
        target(),
    ),
    "private-dns-record": (
        "private-endpoint-dns",
        (cache(), endpoint(zone_ids=(ZONE,)), zone("10.9.9.9")),
        target(),
    ),
    "private-dns-zone-group": ("private-endpoint-dns", (cache(), endpoint(), zone()), target()),
    "private-dns-zone": (
        "private-endpoint-dns",
        (
            cache(),
            endpoint(),
            PrivateDnsZoneList(**AZURE, name="privatelink.redis.cache.windows.net", ids=()),
        ),
        target(),
    ),
    "private-endpoint-approval": (
        "private-endpoint-missing",
        (cache(), endpoint("Rejected", description="who is that?")),
        target(),
    ),
    "private-endpoint": ("private-endpoint-missing", (cache(), subnet()), target()),
    "nsg-rule": ("vnet-nsg-blocked", (cache(), dial(), subnet(), group(deny())), target()),
    "nsg-rule.injected": (
        "vnet-nsg-blocked",
        (cache(), dial(), subnet(), group(deny(direction="Inbound"), role="cache")),
        target(),
    ),
    "route": (
        "route-blackhole",
        (
            cache(),
            dial("10.1.0.4"),
            RouteTable(
                **AZURE,
                id=ROUTES,
                role="client",
                subnet_id=SUBNET,
                routes=(Route(name="drop", prefix="10.1.0.0/24", next_hop="None"),),
            ),
        ),
        target(),
    ),
    "entra-assignment": (
        "auth-entra-misconfigured",
        (
            cache(),
            AccessAssignments(**AZURE, resource_id=CACHE, assignments=()),
            Login(**HERE, how="entra", user="me", looks_like="token", token_user=OID),
        ),
        target(auth="entra"),
    ),
    "entra-assignment.amr": (
        "auth-entra-misconfigured",
        (
            amr(),
            AccessAssignments(**AZURE, resource_id=AMR, assignments=()),
            Login(**HERE, how="entra", user="me", looks_like="token", token_user=OID),
        ),
        target(service="amr", auth="entra"),
    ),
    "scale": ("max-clients-reached", (cache(),), target()),
    "scale.amr": ("memory-pressure-oom", (amr(),), target(service="amr")),
    "patch-window": (
        "server-failover-maintenance",
        (cache(), PatchWindows(**AZURE, resource_id=CACHE, windows=())),
        target(),
    ),
    "public-access": (
        "public-access-disabled",
        (
            cache(public_access="Disabled"),
            FirewallRules(**AZURE, resource_id=CACHE, rules=()),
            ClientAddress(**AZURE, address="203.0.113.7", how="given"),
        ),
        target(),
    ),
    "wait": ("server-loading", (), target()),
    "request": ("egress-blocked", (dial(),), target()),
    "request.permission": ("auth-acl-no-permission", (), target()),
    "host-service": ("clock-skew", (Platform(**HERE, system="Linux"),), target()),
    "client-setting.threads": ("client-threadpool-starvation", (), target()),
    "client-setting.family": ("ipv6-unreachable", (), target()),
    "client-setting": (
        "non-ssl-port-disabled",
        (cache(), dial(port=6379)),
        target(port=6379, tls=False),
    ),
    "client-setting.key": (
        "auth-wrong-key",
        (cache(), Login(**HERE, how="key", user=None, looks_like="access-key")),
        target(),
    ),
    "client-setting.key-amr": (
        "auth-wrong-key",
        (amr(), Login(**HERE, how="key", user=None, looks_like="access-key")),
        target(service="amr"),
    ),
    "client-setting.quoted": (
        "auth-wrong-key",
        (Login(**HERE, how="key", user=None, looks_like="quoted"),),
        target(),
    ),
    "client-setting.audience": (
        "auth-entra-misconfigured",
        (
            Login(**HERE, how="entra", user=OID, looks_like="token", token_user=OID, token_audience="https://management.azure.com/"),
        ),
        target(auth="entra"),
    ),
    "client-setting.hosts": (
        "ip-address-changed",
        (
            HostsEntry(**{**HERE, "source": "/etc/hosts"}, host="contoso.redis.cache.windows.net", addresses=("20.42.65.9",), lines=(3,)),
            DnsAnswer(**HERE, host="contoso.redis.cache.windows.net", resolver="1.1.1.1:53", transport="udp", qtype="A", outcome="answered", chain=(DnsRecord(name="contoso.redis.cache.windows.net", type="A", value="20.42.65.90", ttl_s=60),)),
        ),
        target(),
    ),
    "client-setting.primary": (
        "geo-secondary-readonly",
        (cache(linked_servers=(LinkedServer(id=CACHE, role="Primary", geo_primary_host="contoso.geo.redis.cache.windows.net"),)),),
        target(),
    ),
    "client-setting.cluster": (
        "cluster-mode-mismatch",
        (ClusterTopology(**HERE, enabled=True),),
        target(),
    ),
    "client-setting.timeout": (
        "client-timeout-too-short",
        (ClientSettings(**HERE, client="StackExchange.Redis", connect_timeout_ms=300.0),),
        target(),
    ),
    "client-setting.database": (
        "unsupported-command-or-db",
        (RedisReply(**HERE, address="1.1.1.1", port=1, command="SELECT", outcome="error", error_text="ERR DB index is out of range"),),
        target(db=3),
    ),
    "client-setting.tls": (
        "tls-plaintext-mixup",
        (TlsHandshake(**HERE, address="1.1.1.1", port=6380, sni="x", outcome="ok", server_spoke=True),),
        target(tls=False),
    ),
    "mesh-exclusion": (
        "service-mesh-intercept",
        (Platform(**HERE, system="Linux", kind="kubernetes", mesh="istio"),),
        target(),
    ),
    "mesh-exclusion.workload": (
        "service-mesh-intercept",
        (pods(ISTIO.replace(excluded_ports=((3306, 3306),))),),
        target(port=15001),
    ),
    "pod-start": (
        "service-mesh-intercept",
        (pods(ISTIO), dial(outcome="refused")),
        target(),
    ),
    "liveness-probe": (
        "kubernetes-liveness-restart",
        (
            pods(
                probes=(
                    ContainerProbe(
                        container="app", purpose="liveness", how="exec redis-cli", names_cache=True
                    ),
                ),
            ),
        ),
        target(),
    ),
    "pod-dns": (
        "dns-resolver-failure",
        (pods(host_network=True),),
        target(host="redis.shop.svc.cluster.local", service="redis"),
    ),
    "pod-dns.pinned": (
        "ip-address-changed",
        (
            pods(
                host_aliases=(
                    ("10.9.9.9", "contoso.redis.cache.windows.net"),
                    ("10.1.1.1", "other.example"),
                )
            ),
        ),
        target(),
    ),
    "service-entry": (
        "service-mesh-intercept",
        (pods(ISTIO), REGISTERED),
        target(),
    ),
    "service-entry.port": (
        "service-mesh-intercept",
        (pods(ISTIO), REGISTERED, entry((6379, "TCP"))),
        target(),
    ),
    "service-entry.protocol": (
        "service-mesh-intercept",
        (pods(ISTIO), entry((6379, "TCP"), (6380, "HTTP"))),
        target(),
    ),
    "destination-rule": (
        "service-mesh-intercept",
        (pods(ISTIO), entry((6380, "TLS")), double(mode="SIMPLE")),
        target(),
    ),
    "destination-rule.port": (
        "service-mesh-intercept",
        (pods(ISTIO), entry((6380, "TLS")), double(port_modes=((6379, "DISABLE"), (6380, "SIMPLE")))),
        target(),
    ),
    "network-policy": (
        "egress-blocked",
        (pods(), nothing_out(), dial()),
        target(host="20.42.65.90"),
    ),
    "network-policy.cilium": (
        "egress-blocked",
        (pods(), nothing_out(flavour="cilium")),
        target(),
    ),
    "network-policy.dns": (
        "dns-resolver-failure",
        (pods(), nothing_out()),
        target(),
    ),
    "kernel-setting": ("linux-tcp-stall", (KernelSettings(**HERE, tcp_retries2=15),), target()),
    "kernel-setting.conntrack": (
        "conntrack-table-full",
        (ConntrackUse(**HERE, entries=65536, limit=65536), Platform(**HERE, system="Linux", kind="container")),
        target(),
    ),
}  # fmt: skip


def found(*causes: str) -> Any:
    """Return a diagnosis that names *causes*, all that a plan asks of one."""
    return SimpleNamespace(
        places=(SimpleNamespace(vantage="here"),),
        findings=tuple(
            SimpleNamespace(
                weighed=SimpleNamespace(cause=SimpleNamespace(id=cause)),
                certainty="likely",
                probability=0.8 - 0.1 * at,
            )
            for at, cause in enumerate(causes)
        ),
    )


def bundle(facts: tuple[Any, ...], where: Target) -> Bundle:
    """Return the evidence as a bundle."""
    return Bundle(target=where, taken_at=1.0, tool="test", facts=facts)
