"""Worlds with a control plane: how their state comes about, the default one, and files of them.

What a world declares beyond its caches is done by the same operations that a client calls, as if a
month ago, so that networks, endpoints and zones look as if somebody had made them.
"""

from __future__ import annotations

import contextlib
import tomllib
from typing import TYPE_CHECKING, Any

from refused.lab import azure
from refused.lab.arm import coupling, history, routes
from refused.lab.arm.routes import Answer, Call, Caller, Refusal
from refused.lab.arm.state import Fault, State, key
from refused.lab.world import HERE, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from refused.lab.azure import Cache

MONTH_S = 30 * 86_400.0
PIPELINE = Caller(
    name="deploy@contoso.example",
    object_id="7f1d2c3b-0000-4000-8000-0000000000d1",
    app_id="5c9a1e77-0000-4000-8000-0000000000d2",
    ip="198.51.100.10",
)
APP_NETWORK, HUB_NETWORK = "app-vnet", "hub-vnet"


class BadWorld(ValueError):  # a word for people
    """A world file says what cannot be; the message says where, and what would be right."""

    for_people = True


# --- how a state comes about ---------------------------------------------------------------------


def state_of(world: World, orders: Sequence[Callable[[State], object]]) -> State:
    """Make the state of a world's control plane, and couple it to the data plane."""
    routes.load()
    state = State(world.documents, subscription=azure.SUBSCRIPTION, tenant=azure.TENANT)
    state.extra["world"] = world
    with in_the_past(state, MONTH_S):
        for id_ in list(world.documents):
            state.note(world.documents[id_]["id"], _written(world.documents[id_]), PIPELINE)
        for order in orders:
            order(state)
    coupling.couple(world, state)
    return state


def _written(document: Mapping[str, Any]) -> str:
    return f"{document.get('type', 'Microsoft.Resources/subscriptions')}/write"


@contextlib.contextmanager
def in_the_past(state: State, ago_s: float) -> Iterator[None]:
    """Let it be *ago_s* seconds ago, as the activity log is to say it."""
    before, state.ago_s = state.ago_s, ago_s
    try:
        yield
    finally:
        state.ago_s = before


def do(
    state: State, method: str, id_: str, body: Any = None, *, caller: Caller = PIPELINE
) -> Answer:
    """Call an operation without a server in between.

    Raises:
        Refusal: The operation refuses.
        LookupError: There is no such operation.
    """
    found, params, _ = routes.find(method, id_)
    if found is None:
        raise LookupError(f"the twin has no {method} {id_}")
    call = Call(method, id_, params, {"api-version": "lab"}, body, {}, state, caller)
    call.action = found.action
    return found.handler(call)


def _network(name: str) -> str:
    return f"{azure.GROUP_ID}/providers/Microsoft.Network/{name}"


def make_network(state: State, name: str, subnets: Mapping[str, str]) -> str:
    """Make a virtual network if there is none of that name, and return its id."""
    id_ = _network(f"virtualNetworks/{name}")
    if state.get(id_) is None:
        prefixes = sorted(
            {f"{each.split('.')[0]}.{each.split('.')[1]}.0.0/16" for each in subnets.values()}
        )
        body = {
            "location": azure.LOCATION,
            "properties": {
                "addressSpace": {"addressPrefixes": prefixes},
                "subnets": [
                    {"name": subnet, "properties": {"addressPrefix": prefix}}
                    for subnet, prefix in subnets.items()
                ],
            },
        }
        do(state, "PUT", id_, body)
    return id_


def _subnets_around(address: str) -> dict[str, str]:
    """Return the subnets of an endpoint at *address*: its own, and the one beside for clients."""
    one, two, three, _ = address.split(".")
    return {
        "endpoints": f"{one}.{two}.{three}.0/24",
        "clients": f"{one}.{two}.{int(three) + 1}.0/24",
    }


def make_endpoint(
    state: State,
    cache: Cache,
    name: str,
    address: str,
    *,
    guid: str,
    network: str,
    is_linked: bool,
    in_zone: bool,
) -> None:
    """Make a private endpoint with all that belongs to it: network, interface, zone, link, record."""
    vnet = make_network(state, network, _subnets_around(address))
    is_redis = cache.service == "acr"
    group = "redisCache" if is_redis else "redisEnterprise"
    endpoint = _network(f"privateEndpoints/{name}")
    body: dict[str, Any] = {
        "location": azure.LOCATION,
        "properties": {
            "subnet": {"id": f"{vnet}/subnets/endpoints"},
            "ipConfigurations": [
                {
                    "name": "fixed",
                    "properties": {
                        "groupId": group,
                        "memberName": group,
                        "privateIPAddress": address,
                    },
                }
            ],
            "privateLinkServiceConnections": [
                {
                    "name": name,
                    "properties": {"privateLinkServiceId": cache.id, "groupIds": [group]},
                }
            ],
        },
    }
    do(state, "PUT", endpoint, body)
    made = state.require(endpoint)
    made["properties"]["resourceGuid"] = guid
    state.put(endpoint, made, quiet=True)
    # Once more, so that the endpoint hears how its connection stands.
    connection = next(
        each
        for each in state.children(cache.id, "privateEndpointConnections")
        if key(each["properties"]["privateEndpoint"]["id"]) == key(endpoint)
    )
    state.put(connection["id"], connection, quiet=True)
    zone = _network(f"privateDnsZones/{coupling.privatelink(cache.host).partition('.')[2]}")
    if not is_redis:  # contoso.westeurope.privatelink.redis.azure.net
        zone = _network("privateDnsZones/privatelink.redis.azure.net")
    if state.get(zone) is None:
        do(state, "PUT", zone, {"location": "global"})
    if in_zone:
        group_body = {
            "properties": {
                "privateDnsZoneConfigs": [
                    {"name": "zone", "properties": {"privateDnsZoneId": zone}}
                ]
            }
        }
        do(state, "PUT", f"{endpoint}/privateDnsZoneGroups/default", group_body)
    if is_linked:
        link_network(state, zone, vnet)
    if network == azure.NETWORK:
        make_interface(state, "app-vm", f"{vnet}/subnets/clients", _beside(address))


def _beside(address: str) -> str:
    """Return where the usual client of an endpoint at *address* stands."""
    one, two, three, _ = address.split(".")
    return f"{one}.{two}.{int(three) + 1}.20"


def make_interface(state: State, name: str, subnet: str, address: str) -> None:
    """Make the network interface of a client's machine, if there is none of that name."""
    id_ = _network(f"networkInterfaces/{name}")
    if state.get(id_) is not None:
        return
    setting = {
        "privateIPAddress": address,
        "privateIPAllocationMethod": "Static",
        "subnet": {"id": subnet},
        "primary": True,
    }
    body = {
        "location": azure.LOCATION,
        "properties": {"ipConfigurations": [{"name": "ipconfig1", "properties": setting}]},
    }
    do(state, "PUT", id_, body)


def link_network(state: State, zone: str, vnet: str) -> None:
    """Link a private DNS zone to a virtual network."""
    link = f"{zone}/virtualNetworkLinks/{vnet.rpartition('/')[2]}-link"
    properties = {"virtualNetwork": {"id": vnet}, "registrationEnabled": False}
    do(state, "PUT", link, {"location": "global", "properties": properties})


# --- the default world ---------------------------------------------------------------------------


def default(world: World) -> World:
    """Declare ``contoso`` and ``fabrikam`` with all that the usual lists of ``az`` ask for.

    The application stands in ``app-vnet``, at 10.1.1.20, and the internet sees it as 203.0.113.7.
    It reaches ``contoso`` (Azure Cache for Redis) by its public name, because a firewall rule lets
    that address in; the endpoint of ``contoso`` is for the hub, to which its zone is linked. It
    reaches ``fabrikam`` (Azure Managed Redis) by the private endpoint in its own network.
    """
    contoso = azure.acr(
        world,
        "contoso",
        sku=("Premium", "P", 1),
        rules={"app": "203.0.113.7", "office": "192.0.2.44-192.0.2.60"},
    )
    fabrikam = azure.amr(world, "fabrikam", policy="EnterpriseCluster")
    azure.private_endpoint(
        world,
        contoso,
        address="10.2.0.4",
        linked=False,
        public=world.network.front(contoso.address, contoso.port),
        vantage=None,
        network=HUB_NETWORK,
    )
    azure.private_endpoint(world, fabrikam, address="10.1.0.4", vantage=None, network=APP_NETWORK)
    if not world.has_vantages:
        world.vantage(HERE)
    world.doors.homes[world.client_ip] = azure.VNET_CLIENT

    def order(state: State) -> None:
        hub = _network(f"virtualNetworks/{HUB_NETWORK}")
        zone = _network("privateDnsZones/privatelink.redis.cache.windows.net")
        link_network(state, zone, hub)
        make_interface(
            state,
            "app-vm",
            _network(f"virtualNetworks/{APP_NETWORK}/subnets/clients"),
            azure.VNET_CLIENT,
        )
        _make_app_network(state)

    world.order(order)
    world.once_up(lambda: world.arm, before_others=True)
    return world


def _make_app_network(state: State) -> None:
    """Give the application's subnet a security group and a route table."""
    security, table = _network("networkSecurityGroups/app-nsg"), _network("routeTables/app-routes")
    rule = {
        "name": "AllowRedisOutbound",
        "properties": {
            "priority": 100,
            "direction": "Outbound",
            "access": "Allow",
            "protocol": "Tcp",
            "sourceAddressPrefix": "VirtualNetwork",
            "sourcePortRange": "*",
            "destinationAddressPrefix": "*",
            "destinationPortRanges": ["6380", "10000", "8500-8599", "15000-15999"],
        },
    }
    do(
        state,
        "PUT",
        security,
        {"location": azure.LOCATION, "properties": {"securityRules": [rule]}},
    )
    do(
        state,
        "PUT",
        table,
        {
            "location": azure.LOCATION,
            "properties": {
                "routes": [
                    {
                        "name": "internet",
                        "properties": {"addressPrefix": "0.0.0.0/0", "nextHopType": "Internet"},
                    }
                ]
            },
        },
    )
    clients = _network(f"virtualNetworks/{APP_NETWORK}/subnets/clients")
    do(
        state,
        "PUT",
        clients,
        {
            "properties": {
                "addressPrefix": "10.1.1.0/24",
                "networkSecurityGroup": {"id": security},
                "routeTable": {"id": table},
            }
        },
    )


# --- files of worlds -----------------------------------------------------------------------------

_TABLES = {
    "target": str,
    "lag_s": (int, float),
    "takes_s": (int, float),
    "denied": list,
    "cache": list,
    "client": list,
    "resource": list,
    "fault": list,
    "default": bool,
}
_TABLES |= history.TABLES
_CACHE_FIELDS = {
    "name",
    "service",
    "sku",
    "rules",
    "public_access",
    "plain_port",
    "minimum_tls",
    "shards",
    "policy",
    "access_keys",
    "address",
    "endpoint",
}
_ENDPOINT_FIELDS = {"address", "status", "linked", "in_zone", "network"}
_CLIENT_FIELDS = {"name", "ip", "inside"}
_FAULT_FIELDS = {"kind", "path", "method", "times", "retry_after_s", "status", "delay_s", "size"}


def from_toml(path: Path, *, program: str | None = None) -> World:
    """Declare the world that a file describes.

    Shape (all of it optional but one cache)::

        target = "contoso"                      # which cache the client wants; the first one
        denied = ["Microsoft.Network/*/read"]   # RBAC actions that the caller has not
        lag_s = 0.0                             # how long the data plane takes to follow
        takes_s = 0.0                           # how long an operation takes

        [[cache]]
        name = "contoso"
        service = "acr"                         # or "amr"
        sku = "Premium P1"                      # or "Balanced_B10"
        rules = { office = "192.0.2.44" }       # firewall rules: an address, or two with a hyphen
        public_access = true
        plain_port = false
        minimum_tls = "1.2"
        endpoint = { address = "10.1.0.4", status = "Approved", linked = true, in_zone = true }

        [[client]]
        name = "here"
        ip = "203.0.113.7"                      # as the service sees it
        inside = "10.1.1.20"                    # its own address in a virtual network

        [[resource]]                            # anything else, as a PUT would send it
        id = "Microsoft.Network/networkSecurityGroups/app-nsg"
        body = { location = "westeurope", properties = { securityRules = [] } }

        [[fault]]                               # what the control plane does wrong
        kind = "throttle"                       # error, delay, drop, page
        path = "*/firewallRules"
        times = 2

    Raises:
        BadWorld: The file cannot be read, or says what cannot be.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as failure:
        raise BadWorld(f"{path.name} cannot be read: {failure.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as failure:
        raise BadWorld(f"{path.name} is not TOML: {failure}") from None
    _known(told, set(_TABLES), path.name)
    for name, kind in _TABLES.items():
        if name in told and not isinstance(told[name], kind):  # type: ignore[arg-type]
            raise BadWorld(f"{path.name}: {name} is not of the form that is expected")
    world = World()
    world.program = program
    try:
        _declare(world, told, path.name)
    except (AttributeError, KeyError, TypeError, ValueError) as failure:
        world.stop()
        if isinstance(failure, BadWorld):
            raise
        raise BadWorld(f"{path.name}: {failure}") from None
    except BaseException:
        world.stop()
        raise
    return world


def _known(told: Mapping[str, Any], names: set[str], where: str) -> None:
    unknown = sorted(set(told) - names)
    if unknown:
        raise BadWorld(
            f"{where}: {unknown[0]!r} is not known; known are {', '.join(sorted(names))}"
        )


def _declare(world: World, told: Mapping[str, Any], where: str) -> None:
    _clients(world, told, where)
    if told.get("default"):
        default(world)
    caches = {each["name"]: _cache(world, each, where) for each in told.get("cache", ())}
    if not caches and not told.get("default"):
        raise BadWorld(f"{where}: a world needs a [[cache]], or default = true")
    target = told.get("target")
    if target is not None:
        known = {each.name: each for each in world.doors.caches}
        if target not in known:
            raise BadWorld(f"{where}: target {target!r} is none of {', '.join(sorted(known))}")
        world.target, world.resource = known[target].target(), known[target].id
    for each in told.get("fault", ()):
        _known(each, _FAULT_FIELDS, f"{where}, fault")
    resources = list(told.get("resource", ()))

    def order(state: State) -> None:
        for each in resources:
            _known(each, {"id", "body"}, f"{where}, resource")
            id_ = each["id"]
            if not id_.startswith("/"):
                id_ = f"{azure.GROUP_ID}/providers/{id_}"
            try:
                do(state, "PUT", id_, each.get("body", {}))
            except (Refusal, LookupError) as failure:
                raise BadWorld(f"{where}, resource {each['id']}: {failure}") from None

    def settings(state: State) -> None:
        state.denied += told.get("denied", [])
        state.faults += [Fault(**each) for each in told.get("fault", ())]
        state.lag_s = float(told.get("lag_s", 0.0))
        state.takes_s = float(told.get("takes_s", 0.0))
        try:
            history.configure(state, told)
        except ValueError as failure:
            raise BadWorld(f"{where}: {failure}") from None

    world.order(order)
    world.order(settings)
    world.once_up(lambda: world.arm, before_others=True)


def _clients(world: World, told: Mapping[str, Any], where: str) -> None:
    for each in told.get("client", ()):
        _known(each, _CLIENT_FIELDS, f"{where}, client")
        place = world.vantage(each.get("name", HERE), each.get("ip", world.client_ip))
        if "inside" in each:
            world.doors.homes[place.client_ip] = each["inside"]


def _cache(world: World, told: Mapping[str, Any], where: str) -> Cache:
    _known(told, _CACHE_FIELDS, f"{where}, cache")
    name, service = told["name"], told.get("service", "acr")
    extra: dict[str, Any] = {"is_public": told.get("public_access", True)}
    if "address" in told:
        extra["address"] = told["address"]
    if service == "acr":
        sku = told.get("sku", "Standard C1").split()
        shards = told.get("shards", 0)
        cache = azure.acr(
            world,
            name,
            sku=(sku[0], sku[1][0].upper(), int(sku[1][1:])),
            rules=told.get("rules"),
            plain_port=told.get("plain_port", False),
            min_version=told.get("minimum_tls", "1.2"),
            shards=shards,
            **extra,
        )
    elif service == "amr":
        if "rules" in told:
            raise BadWorld(f"{where}, cache {name}: Azure Managed Redis has no firewall rules")
        cache = azure.amr(
            world,
            name,
            sku=told.get("sku", "Balanced_B10"),
            policy=told.get("policy", "EnterpriseCluster"),
            access_keys=told.get("access_keys", True),
            **extra,
        )
    else:
        raise BadWorld(f"{where}, cache {name}: service is acr or amr, not {service!r}")
    if "endpoint" in told:
        endpoint = dict(told["endpoint"])
        _known(endpoint, _ENDPOINT_FIELDS, f"{where}, cache {name}, endpoint")
        public = world.network.front(cache.address, cache.port)
        azure.private_endpoint(world, cache, public=public, vantage=None, **endpoint)
    return cache
