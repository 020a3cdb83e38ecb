"""Caches as Azure makes them, ready to be broken by a scenario.

The defaults are those of a new cache. What is documented follows the facts in
:mod:`refused.service`; three things are nowhere documented and chosen here: closed ports of a cache
are silent, the public name leads through one alias to the address, and the front that terminates
TLS turns callers away at the connection limit as upstream Redis does, before the handshake.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from refused.lab.arm import documents
from refused.lab.arm.coupling import privatelink
from refused.lab.cluster import Cluster, Node
from refused.lab.fronts import AllowFrom, Front, Instead, Redis, Silent, Slow, Tls
from refused.lab.fronts import Answers as _Answers
from refused.lab.resp import ServerError
from refused.lab.world import HERE, World
from refused.service.features import BLOCKED_COMMANDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from refused.lab.arm.state import State
    from refused.lab.certificates import Certificate
    from refused.lab.fronts import Call, Served, Turned
    from refused.lab.servers import Server
    from refused.service.facts import Service

ACR_ADDRESS = "20.42.65.90"
AMR_ADDRESS = "20.105.11.14"
PRIVATE_ADDRESS = "10.1.0.4"
VNET_CLIENT = "10.1.1.20"

# Where everything lies, in the control plane.
SUBSCRIPTION = "00000000-0000-4000-8000-0000000000aa"
TENANT = "00000000-0000-4000-8000-0000000000bb"
GROUP = "prod"
LOCATION = "westeurope"
GROUP_ID = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
NETWORK = "prod-vnet"
ENDPOINT_GUID = "5b0e7d4c-9a41-4c38-8d1e-6f2a7c90b3e1"

Policy = Literal["OSSCluster", "EnterpriseCluster", "NoCluster"]


@dataclass
class Cache:
    """A cache in a world, with what a scenario may want to lay hands on.

    Attributes:
        front: What stands at the cache's address and port.
        plain: The same without TLS.
        server: Its server, where it has one; the first node's where it is a cluster.
        id: That of its document; ``""`` where the world has no control plane.
        database: That of its database's document, of a Managed Redis.
        aliases: Where its public name leads, on the way to its address.
        turned_away: What callers meet whom its documents do not let in.
    """

    service: Service
    name: str
    host: str
    address: str
    port: int
    key: str | None
    front: Front
    plain: Front
    server: Server
    tls: bool = True
    certificate: Certificate | None = None
    cluster: Cluster | None = None
    node_fronts: list[Front] = field(default_factory=list)
    id: str = ""
    database: str = ""
    aliases: tuple[str, ...] = ()
    turned_away: Front = field(default_factory=Silent)
    lowest_tls: str = "1.2"
    takes_keys: bool = True
    size: str = ""

    @property
    def servers(self) -> Sequence[Server]:
        """All its servers."""
        return (self.server,) if self.cluster is None else self.cluster.servers

    @property
    def keys_id(self) -> str:
        """Whose keys open it, for the control plane."""
        return self.database or self.id

    def target(
        self,
        *,
        key: str | None = None,
        port: int | None = None,
        tls: bool | None = None,
        host: str | None = None,
        form: Literal["string", "url", "host"] = "string",
        extra: str = "",
    ) -> str:
        """Return what a user would ask about: a StackExchange.Redis string, a URL, a host.

        Args:
            key: Another key than the cache's; ``""`` for none at all.
            extra: More options, as ``,syncTimeout=1000`` or ``?protocol=2``.
        """
        key = self.key if key is None else key
        tls = self.tls if tls is None else tls
        place = f"{host or self.host}:{port or self.port}"
        if form == "host":
            return place
        if form == "url":
            login = f":{quote(key, safe='')}@" if key else ""
            return f"{'rediss' if tls else 'redis'}://{login}{place}{extra}"
        login = f",password={key}" if key else ""
        return f"{place}{login},ssl={tls},abortConnect=False{extra}"


def acr(
    world: World,
    name: str = "contoso",
    *,
    address: str = ACR_ADDRESS,
    plain_port: bool = False,
    shards: int = 0,
    node_ports: int = 15000,
    certificate: Certificate | None = None,
    min_version: str = "1.2",
    sku: tuple[str, str, int] | None = None,
    rules: Mapping[str, str] | None = None,
    is_public: bool = True,
    turned_away: Front | None = None,
    **server: Any,
) -> Cache:
    """Add an Azure Cache for Redis: TLS on 6380, the plain port closed, an access key.

    Args:
        plain_port: Whether 6379 is open as well.
        shards: Nodes of a clustered Premium cache, each at a port of its own with TLS; 0 is not clustered.
        node_ports: The first of these ports.
        sku: Name, family and capacity; Standard C1, or Premium P1 where it is clustered.
        rules: Firewall rules, by name: an address, or two with a hyphen between. None lets
            everybody in.
        is_public: Whether public access is on.
        turned_away: What callers meet whom rules or settings do not let in; silence.
        server: For the real server or servers, as ``maxclients=4``.
    """
    host = f"{name}.redis.cache.windows.net"
    key = world.secret()
    options = {"password": key, "without": blocked("acr"), **server}
    shown = certificate or world.authority().issue("*.redis.cache.windows.net")
    cluster: Cluster | None = None
    fronts: list[Front] = []
    if shards:
        cluster = world.cluster([Node(address, node_ports + at) for at in range(shards)], **options)
        real, plain = cluster.servers[0], cluster.front(0)
        fronts = [Tls(cluster.front(at), shown, min_version=min_version) for at in range(shards)]
        for at, front in enumerate(fronts):
            world.at(address, node_ports + at, front)
    else:
        real = world.server(**options)
        plain = Redis(real)
    tls = Tls(plain, shown, min_version=min_version)
    world.at(address, 6380, tls)
    if plain_port:
        world.at(address, 6379, plain)
    world.closed(address, Silent())
    alias = f"{name}-redis.westeurope.cloudapp.azure.com"
    world.zone.chain(host, alias, to=[address], ttl_s=10)
    cache = Cache(
        "acr",
        name,
        host,
        address,
        6380,
        key,
        tls,
        plain,
        real,
        certificate=shown,
        cluster=cluster,
        node_fronts=fronts,
        aliases=(alias,),
        turned_away=turned_away if turned_away is not None else Silent(),
        lowest_tls=min_version,
    )
    world.target = world.target or cache.target()
    if not world.control_plane:
        _shut_without(world, cache, rules, is_public=is_public)
        return cache
    document = documents.redis(
        f"{GROUP_ID}/providers/{documents.REDIS}/{name}",
        location=LOCATION,
        sku=sku or (("Premium", "P", 1) if shards else ("Standard", "C", 1)),
        shards=shards,
        minimumTlsVersion=min_version,
        enableNonSslPort=plain_port,
        publicNetworkAccess="Enabled" if is_public else "Disabled",
    )
    documents.settle_zones(document)
    _declare(world, cache, document)
    for rule, addresses in (rules or {}).items():
        first, _, last = addresses.partition("-")
        put(world, documents.firewall_rule(cache.id, rule, first, last or first))
    put(
        world,
        documents.patch_schedule(document, [{"dayOfWeek": "Sunday", "startHourUtc": 2}]),
    )
    return cache


def _declare(world: World, cache: Cache, document: dict[str, Any]) -> None:
    """Give a cache its document, and let the documents decide who is let in."""
    put(world, documents.subscription(SUBSCRIPTION, TENANT))
    put(world, documents.group(SUBSCRIPTION, GROUP, LOCATION))
    put(world, document)
    cache.id = document["id"]
    world.resource = world.resource or cache.id
    world.doors.caches.append(cache)


def put(world: World, document: dict[str, Any]) -> None:
    """Lay a document among those of the control plane."""
    world.documents[document["id"].lower()] = document


def _shut_without(
    world: World, cache: Cache, rules: Mapping[str, str] | None, *, is_public: bool
) -> None:
    """Shut a cache's door where no documents could say that it is shut."""
    front = world.network.front(cache.address, cache.port)
    if rules:
        front = AllowFrom(front, rules.values(), cache.turned_away)
    world.at(cache.address, cache.port, front if is_public else cache.turned_away)


def amr(
    world: World,
    name: str = "fabrikam",
    *,
    region: str = "westeurope",
    policy: Policy = "OSSCluster",
    address: str = AMR_ADDRESS,
    nodes: int = 3,
    access_keys: bool = True,
    certificate: Certificate | None = None,
    sku: str = "Balanced_B10",
    is_public: bool = True,
    turned_away: Front | None = None,
    **server: Any,
) -> Cache:
    """Add an Azure Managed Redis: port 10000, and node ports 85xx under the OSS cluster policy.

    Args:
        access_keys: Whether keys are on, which they are not on a new instance; Entra stays.
        nodes: Primaries under the OSS cluster policy.
        is_public: Whether public access is on.
        turned_away: What callers meet whom its settings do not let in; silence.
    """
    host = f"{name}.{region}.redis.azure.net"
    key = world.secret()
    options = {"password": key, "without": blocked("amr"), **server}
    if not access_keys:
        options["password"] = world.secret()  # nobody knows it
    shown = certificate or world.authority().issue(f"*.{region}.redis.azure.net", host)
    cluster: Cluster | None = None
    fronts: list[Front] = []
    if policy == "OSSCluster":
        places = [Node(address, 8500 + at) for at in range(nodes)]
        cluster = world.cluster(places, **options)
        real, plain = cluster.servers[0], cluster.front(0)
        fronts = [Tls(cluster.front(at), shown) for at in range(nodes)]
        for at, front in enumerate(fronts):
            world.at(address, 8500 + at, front)
    else:
        real = world.server(**options)
        plain = _without_cluster(real) if policy == "EnterpriseCluster" else Redis(real)
    tls = Tls(plain, shown)
    world.at(address, 10000, tls)
    world.closed(address, Silent())
    world.zone.a(host, address, ttl_s=10)
    cache = Cache(
        "amr",
        name,
        host,
        address,
        10000,
        key,
        tls,
        plain,
        real,
        certificate=shown,
        cluster=cluster,
        node_fronts=fronts,
        turned_away=turned_away if turned_away is not None else Silent(),
        takes_keys=access_keys,
    )
    world.target = world.target or cache.target()
    if not world.control_plane:
        _shut_without(world, cache, None, is_public=is_public)
        return cache
    document = documents.cluster(
        f"{GROUP_ID}/providers/{documents.ENTERPRISE}/{name}",
        location=region,
        sku=sku,
        publicNetworkAccess="Enabled" if is_public else "Disabled",
    )
    _declare(world, cache, document)
    database = documents.database(
        cache.id,
        clusteringPolicy=policy,
        accessKeysAuthentication="Enabled" if access_keys else "Disabled",
    )
    put(world, database)
    cache.database = database["id"]
    return cache


def _without_cluster(server: Server) -> Front:
    """Play the proxy of the Enterprise policy, which knows no cluster commands.

    Which commands it blocks is documented; the words it uses are not, so upstream's for a server
    that is no cluster stand in.
    """
    said = ServerError("ERR This instance has cluster support disabled")
    return _Answers(Redis(server), {"CLUSTER": Instead(said)})


def private_endpoint(
    world: World,
    cache: Cache,
    *,
    address: str = PRIVATE_ADDRESS,
    linked: bool = True,
    public: Front | None = None,
    vantage: str | None = HERE,
    status: str = "Approved",
    network: str = NETWORK,
    in_zone: bool = True,
) -> None:
    """Give a cache a private endpoint: its name becomes an alias in the privatelink zone.

    Args:
        linked: Whether the client's network is linked to the private zone; if not, the same alias
            leads on to the public address.
        public: What the public address answers now; silence if nothing is said.
        vantage: A place inside the virtual network to look from; ``None`` adds none.
        status: How the connection stands: ``Approved``, ``Pending`` or ``Rejected``.
        network: The name of the endpoint's virtual network.
        in_zone: Whether the endpoint has written its record into the zone.
    """
    alias = privatelink(cache.host)
    answer = [address] if linked else [cache.address]
    world.zone.chain(cache.host, alias, to=answer, ttl_s=10)
    if linked and not in_zone:
        world.zone.forget(alias)  # a zone that is linked is asked, and nobody else
    ports = {cache.port}
    if cache.cluster is not None:
        ports |= {node.port for node in cache.cluster.nodes}
        cache.cluster.announce(address)
    for port in sorted(ports):
        world.at(address, port, world.network.front(cache.address, port))
        if public is not None or not world.control_plane:
            world.at(cache.address, port, public if public is not None else Silent())
    world.closed(address, Silent())
    if vantage is not None:
        world.vantage(vantage, VNET_CLIENT)
    if world.control_plane:
        if public is None:
            world.documents[cache.id.lower()]["properties"]["publicNetworkAccess"] = "Disabled"
        _declare_endpoint(
            world,
            cache,
            address,
            status=status,
            network=network,
            is_linked=linked,
            in_zone=in_zone,
        )


def _declare_endpoint(
    world: World,
    cache: Cache,
    address: str,
    *,
    status: str,
    network: str,
    is_linked: bool,
    in_zone: bool,
) -> None:
    """Declare the connection at once, and the rest of what belongs to it once somebody asks."""
    name = f"{cache.name}-pe"
    endpoint = f"{GROUP_ID}/providers/Microsoft.Network/privateEndpoints/{name}"
    connection = documents.connection(
        cache.id, f"{name}.{ENDPOINT_GUID}", endpoint, status=status, description="Auto-Approved"
    )
    put(world, connection)
    world.doors.endpoints[address] = connection["id"].lower()

    def order(state: State) -> None:
        from refused.lab.arm import worlds

        worlds.make_endpoint(
            state,
            cache,
            name,
            address,
            guid=ENDPOINT_GUID,
            network=network,
            is_linked=is_linked,
            in_zone=in_zone,
        )

    world.order(order)


def let_in(
    world: World,
    cache: Cache,
    object_id: str,
    policy: str = "Data Contributor",
    permissions: str | None = None,
) -> None:
    """Say in the control plane that an identity may log in.

    Args:
        permissions: What a policy of one's own permits, as ``+get +info``; without it *policy* is
            one of those that every cache has.
    """
    if not world.control_plane:
        return
    if cache.database:
        put(world, documents.assignment(cache.database, "app", user={"objectId": object_id}))
        return
    if permissions is not None:
        put(world, documents.access_policy(cache.id, policy, f"{permissions} allkeys"))
    put(
        world,
        documents.assignment(cache.id, "app", policy, objectId=object_id, objectIdAlias="app"),
    )


class Crowded(Front):
    """Holds every answer of a cache back, until the cache is given another size."""

    def __init__(self, cache: Cache, latency_s: float) -> None:
        self.cache = cache
        self.size = ""
        self.full = Slow(cache.plain, latency_s)

    def meet(self, call: Call) -> Served | Turned:
        """Lead to the server, or to the queue before it."""
        self.size = self.size or self.cache.size
        is_full = self.cache.size == self.size
        return (self.full if is_full else self.cache.plain).meet(call)


def crowd(world: World, cache: Cache, latency_s: float) -> None:
    """Let every answer of *cache* come late, which a client that has no patience does not wait for."""
    if cache.certificate is not None:
        world.at(cache.address, cache.port, Tls(Crowded(cache, latency_s), cache.certificate))
    world.target = cache.target(extra=f",syncTimeout={900 * latency_s:.0f}")


def happened(
    world: World, resource: str, action: str, ago_s: float, who: str = "anna@contoso.example"
) -> None:
    """Let the activity log say that something was done, *ago_s* seconds before it is first asked.

    Args:
        resource: The id of what it was done to.
        action: The RBAC action, as ``Microsoft.Cache/redis/regenerateKey/action``.
    """

    def order(state: State) -> None:
        from refused.lab.arm.routes import Caller

        state.note(resource, action, Caller(name=who), at=state.now() + state.ago_s - ago_s)

    if world.control_plane:
        world.order(order)


def plain_redis(
    world: World,
    host: str = "redis.example.net",
    *,
    address: str = "198.51.100.20",
    port: int = 6379,
    tls: bool = False,
    certificate: Certificate | None = None,
    password: str | None = None,
    **server: Any,
) -> Cache:
    """Add any Redis, as somebody would run it on a machine of their own."""
    real = world.server(password=password, **server)
    plain: Front = Redis(real)
    shown: Certificate | None = None
    front = plain
    if password is not None:
        world.secret(password)
    if tls:
        shown = certificate or world.authority().issue(host)
        front = Tls(plain, shown)
    world.at(address, port, front)
    world.zone.a(host, address)
    cache = Cache(
        "redis", host, host, address, port, password, front, plain, real, tls=tls, certificate=shown
    )
    world.target = world.target or cache.target(form="url")
    return cache


def blocked(service: Service) -> Sequence[str]:
    """Return the commands that a service does not know, of those that stand alone."""
    return sorted(
        {
            command
            for whose, policy, command, *_ in BLOCKED_COMMANDS
            if whose == service and not policy and " " not in command
        }
    )
