"""The data plane is what the documents say.

:class:`Doors` decides of every dial, from the documents as they are at that moment, whether it is
let in: the state of the cache, public access, firewall rules, the approval of a private endpoint,
security groups and routes. Keys, TLS, names and connections follow when a document is written or a
deed is done (:func:`couple`).

What a client sees that is not let in is nowhere documented; a cache's ``turned_away`` plays it, which
is silence if a scenario says nothing else.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
from typing import TYPE_CHECKING, Any

from refused.lab.fronts import Silent, Tls
from refused.lab.names import Entry
from refused.lab.resp import ServerError
from refused.service.tiers import connection_limit, find_sku

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from refused.lab.arm.identity import Identity
    from refused.lab.arm.routes import Caller
    from refused.lab.arm.state import State
    from refused.lab.azure import Cache
    from refused.lab.fronts import Call, Front
    from refused.lab.servers import Server
    from refused.lab.world import World

PLAIN_PORT = 6379
_CLOSED_STATES = ("creating", "deleting", "disabled", "failed", "createfailed")


class Doors:
    """Who is let in, by the documents; a gate of the world's network.

    Attributes:
        caches: Those that have documents.
        endpoints: Private addresses, each with the id of the connection that it belongs to.
        homes: Where clients stand that the service sees by another address: by that address, their
            own one inside the virtual network.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.caches: list[Cache] = []
        self.endpoints: dict[str, str] = {}
        self.homes: dict[str, str] = {}

    def __call__(self, call: Call, front: Front) -> Front:
        """Return what a dial meets: *front*, or what turns it away."""
        for cache in self.caches:
            if call.address == cache.address:
                front = self._public(cache, call, front)
            elif self.owner(self.endpoints.get(call.address, "")) is cache:
                front = self._private(cache, call, front)
            else:
                continue
            return front if self._is_routed(call) else Silent()
        return front

    def _document(self, id_: str) -> dict[str, Any] | None:
        return self.world.documents.get(id_.lower())

    def owner(self, connection: str) -> Cache | None:
        """Return the cache that a private endpoint connection leads to."""
        owner = connection.lower().rpartition("/privateendpointconnections/")[0]
        for cache in self.caches:
            if owner and owner == cache.id.lower():
                return cache
        return None

    def _public(self, cache: Cache, call: Call, front: Front) -> Front:
        document = self._document(cache.id)
        if document is None:
            return Silent()
        said = document["properties"]
        front = self._port(cache, call, front)
        if is_closed(said):
            return Silent()
        if said.get("publicNetworkAccess") == "Disabled":
            return cache.turned_away
        rules = list(self._rules(cache))
        if rules and not any(_holds(each, call.client) for each in rules):
            return cache.turned_away
        return front

    def _rules(self, cache: Cache) -> Iterable[dict[str, Any]]:
        for document in self.world.documents.below(f"{cache.id}/firewallrules".lower()):
            yield document["properties"]

    def _port(self, cache: Cache, call: Call, front: Front) -> Front:
        """Return what stands at a port: the plain one is open or not, 10000 speaks TLS or not."""
        said = (self._document(cache.id) or {}).get("properties", {})
        if cache.service == "acr" and call.port == PLAIN_PORT:
            has_own = (cache.address, PLAIN_PORT) in self.world.network.fronts
            if not said.get("enableNonSslPort"):
                return Silent() if front is cache.plain else front
            return front if has_own and front is not cache.plain else cache.plain
        if cache.service == "amr" and front in (cache.front, cache.plain):
            database = self._document(cache.database) or {"properties": {}}
            is_plain = database["properties"].get("clientProtocol") == "Plaintext"
            return cache.plain if is_plain else cache.front
        return front

    def _private(self, cache: Cache, call: Call, front: Front) -> Front:
        document = self._document(cache.id)
        connection = self._document(self.endpoints[call.address])
        if document is None or connection is None or is_closed(document["properties"]):
            return Silent()
        status = connection["properties"]["privateLinkServiceConnectionState"]["status"]
        return self._port(cache, call, front) if status == "Approved" else Silent()

    def _is_routed(self, call: Call) -> bool:
        """Whether security groups and routes at both ends let the dial pass."""
        documents = self.world.documents
        kinds = ("microsoft.network/networksecuritygroups", "microsoft.network/routetables")
        if not any(True for kind in kinds for _ in documents.of_type(kind)):
            return True
        from refused.lab.arm import nsg

        state = self.world.arm
        source = self.homes.get(call.client, call.client)
        client, server = subnet_of(state, source), subnet_of(state, call.address)
        there = call.address
        injected = next((each for each in self.caches if each.address == there), None)
        if injected is not None and (found := injected_into(state, injected.id)):
            server, there = found
        packet = ("Tcp", source, 50_000, there, call.port)
        if client is not None:
            if not nsg.allows(state, client, "Outbound", *packet)[0]:
                return False
            if nsg.next_hop(state, client, there)[0] == "None":
                return False
        return server is None or nsg.allows(state, server, "Inbound", *packet)[0]


def is_closed(said: dict[str, Any]) -> bool:
    """Whether a cache in this state serves nobody; one that scales or updates does."""
    states = {str(said.get(name, "")).lower() for name in ("provisioningState", "resourceState")}
    return bool(states & set(_CLOSED_STATES))


def _holds(rule: dict[str, Any], client: str) -> bool:
    here, first, last = (
        ipaddress.ip_address(each) for each in (client, rule["startIP"], rule["endIP"])
    )
    return here.version == first.version == last.version and int(first) <= int(here) <= int(last)


def subnet_of(state: State, address: str) -> str | None:
    """Return the id of the subnet that an address lies in."""
    here = ipaddress.ip_address(address)
    for network in state.of_type("Microsoft.Network/virtualNetworks"):
        for subnet in network["properties"].get("subnets") or ():
            said = subnet["properties"]
            prefixes = said.get("addressPrefixes") or [said.get("addressPrefix")]
            if any(here in ipaddress.ip_network(each) for each in prefixes if each):
                return str(subnet["id"])
    return None


def injected_into(state: State, cache_id: str) -> tuple[str, str] | None:
    """Return the subnet and the address of a cache that was injected into a network."""
    said = (state.get(cache_id) or {}).get("properties", {})
    if not said.get("subnetId") or not said.get("staticIP"):
        return None
    return str(said["subnetId"]), str(said["staticIP"])


# --- what follows when something is written or done ----------------------------------------------


def couple(world: World, state: State) -> None:
    """Have the data plane of *world* follow *state* from now on."""
    doors = world.doors
    for cache in doors.caches:
        keys = state.secrets.setdefault(cache.keys_id.lower(), {})
        keys.setdefault("primaryKey", cache.key or world.secret())
        keys.setdefault("secondaryKey", world.secret())
    for cache in doors.caches:
        cache.size = _size(state, cache)
        _measure(cache, state)
    for connection in doors.endpoints.values():
        # Until now one zone played the public names and the private ones; from now on they differ.
        owner = doors.owner(connection)
        if owner is not None:
            world.zone.a(privatelink(owner.host), owner.address, ttl_s=10)
    world.zone.view = lambda name: _told(world, state, name)
    state.on_change.append(lambda now, id_: _written(world, now, id_))
    state.on_action.append(lambda now, id_, action: _done(world, now, id_, action))
    for cache in doors.caches:
        world.once_up(functools.partial(_set_logins, cache, state))


def _measure(cache: Cache, state: State) -> None:
    """Let the metrics be those of the real servers.

    A server of the lab that takes only a few clients plays a tier that takes a thousand: what it
    counts is shown in the same proportion.
    """
    from refused.lab.arm import monitor

    said = state.documents[cache.id.lower()]
    size = said["properties"].get("sku") or {}
    if cache.service == "acr":
        limit = connection_limit(size["name"], f"{size['family']}{size['capacity']}")
    else:
        limit = connection_limit(said["sku"]["name"])
    most = cache.server.maxclients
    scale = limit / most if limit is not None and most else 1.0

    def clients() -> float | None:
        counted = [_number(server, "clients", "connected_clients") for server in cache.servers]
        known = [each for each in counted if each is not None]
        # One of them is the lab's own look.
        return max(0.0, sum(known) - (0 if most else len(known))) * scale if known else None

    def memory() -> float | None:
        counted = [_number(server, "memory", "used_memory") for server in cache.servers]
        known = [each for each in counted if each is not None]
        return sum(known) if known else None

    for name in ("connectedclients", "allconnectedclients"):
        monitor.gauge(state, cache.id, name, clients)
    for name in ("usedmemory", "allusedmemory"):
        monitor.gauge(state, cache.id, name, memory)


def _number(server: Server, section: str, field: str) -> float | None:
    """Return one number of a server's ``INFO``; ``None`` where it does not answer."""
    if server.pid is None:
        return None
    try:
        said = server.command("INFO", section)
    except OSError:
        return None
    except ServerError as refusal:
        is_full = "max number of clients" in str(refusal)
        return server.maxclients if is_full and field == "connected_clients" else None
    text = said.decode() if isinstance(said, bytes) else str(said)
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return float(value)
    return None


def _written(world: World, state: State, id_: str) -> None:
    for cache in world.doors.caches:
        if id_ in (cache.id.lower(), cache.database.lower()):
            _cache_written(world, state, cache)
        elif id_.startswith(f"{cache.id}/privateendpointconnections/".lower()):
            _names(world, cache)
        elif "/accesspolicyassignments/" in id_ and id_.startswith(cache.id.lower()):
            _set_identities(world, state, cache)
    if "/privateendpoints/" in id_ or "/networkinterfaces/" in id_:
        _place_endpoints(world, state)


def _cache_written(world: World, state: State, cache: Cache) -> None:
    said = (state.documents.get(cache.id.lower()) or {}).get("properties")
    if said is None:
        world.zone.forget(cache.host)
        for server in cache.servers:
            drop(server)
        return
    lowest = said.get("minimumTlsVersion") or "1.0"
    for front in (cache.front, *cache.node_fronts):
        if isinstance(front, Tls) and cache.lowest_tls != lowest:
            front.require(lowest)
    cache.lowest_tls = lowest
    _resize(state, cache)
    if cache.takes_keys != takes_keys(state, cache):
        _set_logins(cache, state)
        # Source: learn.microsoft.com/azure/azure-cache-for-redis/cache-azure-active-directory-for-authentication
        # "all existing client connections are terminated".
        for server in cache.servers:
            drop(server)


def takes_keys(state: State, cache: Cache) -> bool:
    """Whether access keys open a cache, by its documents."""
    own = (state.documents.get(cache.id.lower()) or {}).get("properties", {})
    database = (state.documents.get(cache.database.lower()) or {}).get("properties", {})
    return not own.get("disableAccessKeyAuthentication") and (
        database.get("accessKeysAuthentication", "Enabled") == "Enabled"
    )


def _set_logins(cache: Cache, state: State) -> None:
    """Have the servers take the keys that the control plane knows, and no others."""
    cache.takes_keys = takes_keys(state, cache)
    keys = state.secrets.get(cache.keys_id.lower(), {})
    words = [f">{each}" for each in keys.values()] if cache.takes_keys else []
    for server in cache.servers:
        # A server that is full, frozen or loading keeps the keys that it has.
        if server.pid is not None:
            with contextlib.suppress(OSError, ServerError):
                server.command("ACL", "SETUSER", "default", "resetpass", *words)


# For whom a token is, where it is meant for Redis.
AUDIENCES = (
    "https://redis.azure.com",
    "https://redis.azure.com/",
    "acca5fbb-b7e4-4009-81f1-37e38fd66d78",
)


def _set_identities(world: World, state: State, cache: Cache) -> None:
    """Let in the identities that have an access policy, with such tokens as the world knows.

    A server of the lab cannot read tokens, so each one that is valid now becomes a password of its
    user; one that expires later stays one, which the scenarios do not wait for.
    """
    wanted = dict(_assigned(cache, state))
    tokens = {user: [each for each in world.secrets if _is_token_of(each, user)] for user in wanted}
    for server in cache.servers:
        if server.pid is None:
            continue
        with contextlib.suppress(OSError, ServerError):
            for user in server.identities - set(wanted):
                server.command("ACL", "DELUSER", user)
            for user, rights in wanted.items():
                words = ["reset", "on", *(f">{each}" for each in tokens[user]), "&*"]
                server.command("ACL", "SETUSER", user, *words, *rights.split())
            server.identities = set(wanted)


def _is_token_of(text: str, user: str) -> bool:
    """Whether a secret is a token of *user* for Redis that has not expired."""
    import base64
    import json
    import time

    parts = text.split(".")
    if len(parts) != 3:
        return False
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return False
    is_ours = isinstance(claims, dict) and claims.get("oid") == user
    return is_ours and claims.get("aud") in AUDIENCES and claims.get("exp", 0) > time.time()


def _size(state: State, cache: Cache) -> str:
    said = state.documents.get(cache.id.lower()) or {}
    size = said.get("sku") or said.get("properties", {}).get("sku") or {}
    return f"{size.get('name')} {size.get('family', '')}{size.get('capacity', '')}"


def _resize(state: State, cache: Cache) -> None:
    """Move a cache to machines of its new size: its connections end there, and its limits are others.

    A server of the lab that takes only a few clients, or bytes, plays its tier, and grows in proportion.
    """
    size = _size(state, cache)
    before, cache.size = cache.size, size
    if before in ("", size):
        return
    old, new = (connection_limit(*each.split()) for each in (before, size))
    less, more = (_memory_gb(each) for each in (before, size))
    for server in cache.servers:
        if server.maxmemory_bytes is not None and less and more:
            server.maxmemory_bytes = round(server.maxmemory_bytes * more / less)
            if server.pid is not None:
                server.command("CONFIG", "SET", "maxmemory", str(server.maxmemory_bytes))
        if server.pid is None or server.maxclients is None or not old or not new:
            drop(server)
            continue
        server.maxclients = max(1, round(server.maxclients * new / old))
        server.kill()
        server.start()
        _set_logins(cache, state)


def _memory_gb(size: str) -> float | None:
    found = find_sku(*size.split())
    return None if found is None else found.memory_gb


# --- Microsoft Entra -----------------------------------------------------------------------------


def welcome(world: World, identity: Identity) -> None:
    """Let the tokens for Redis that *identity* issues open the caches, as other tokens do."""

    def issued(audience: str, _: Caller, token: str) -> None:
        if audience not in AUDIENCES:
            return
        world.secret(token)
        with world.arm.lock:
            for cache in world.doors.caches:
                _set_identities(world, world.arm, cache)

    identity.on_issue.append(issued)


def _assigned(cache: Cache, state: State) -> Iterator[tuple[str, str]]:
    """Return who may log in, by object id, and with which rights, as ``ACL SETUSER`` takes them."""
    from refused.lab.arm.cache_below import POLICIES

    for each in state.children(cache.keys_id, "accessPolicyAssignments"):
        said = each["properties"]
        if cache.database:
            yield said["user"]["objectId"], "+@all allkeys"
            continue
        own = state.get(f"{cache.id}/accessPolicies/{said['accessPolicyName']}")
        rights = dict(POLICIES).get(said["accessPolicyName"])
        if own is not None:
            rights = own["properties"]["permissions"]
        if rights is not None:
            yield said["objectId"], rights


def _done(world: World, state: State, id_: str, action: str) -> None:
    for cache in world.doors.caches:
        if id_ not in (cache.id.lower(), cache.database.lower()):
            continue
        deed = action.lower()
        if "regeneratekey" in deed:
            for each in state.secrets.get(cache.keys_id.lower(), {}).values():
                if each not in world.secrets:
                    world.secret(each)
            _set_logins(cache, state)
        elif "/scale" in deed or "/forcereboot" in deed:
            for server in cache.servers:
                drop(server)
        elif "/flush" in deed:
            for server in cache.servers:
                with contextlib.suppress(OSError, ServerError):
                    server.command("FLUSHALL")


def drop(server: Server) -> None:
    """End every connection of a server's clients."""
    if server.pid is not None:
        with contextlib.suppress(OSError, ServerError):
            server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


# --- names and private addresses -----------------------------------------------------------------


def _told(world: World, state: State, name: str) -> Entry | None:
    """Return what the client's network knows of a name by the private zones linked to it."""
    links = [
        each["properties"].get("virtualNetwork", {}).get("id", "").lower()
        for id_, each in state.documents.of_type(
            "microsoft.network/privatednszones/virtualnetworklinks"
        )
        if name.endswith(id_.split("/privatednszones/")[1].split("/")[0])
    ]
    network = client_network(world, state) if links else None
    if network is None or network.lower() not in links:
        return None
    from refused.lab.arm import private_dns

    told = private_dns.resolve(state, network, name)
    if told.rcode != "noerror":
        return Entry(trouble="nxdomain")
    for owner, kind, value, ttl_s in told.records:
        if owner.lower() == name and kind == "CNAME":
            return Entry(cname=value, ttl_s=ttl_s)
    addresses = [value for _, kind, value, _ in told.records if kind == "A"]
    return Entry(a=tuple(addresses), ttl_s=told.records[0][3] if told.records else 60)


def client_network(world: World, state: State) -> str | None:
    """Return the id of the virtual network that the first place to look from stands in."""
    client = world.client_ip
    subnet = subnet_of(state, world.doors.homes.get(client, client))
    return subnet.rpartition("/subnets/")[0] if subnet else None


def privatelink(host: str) -> str:
    """Return the alias of a cache in the privatelink zone: the label goes before the suffix."""
    for suffix in ("redis.cache.windows.net", "redis.azure.net"):
        if host.endswith(f".{suffix}"):
            return f"{host[: -len(suffix)]}privatelink.{suffix}"
    raise ValueError(f"{host} is no Azure cache")


def _names(world: World, cache: Cache) -> None:
    """Make a cache's public name an alias in the private zone while it has an endpoint."""
    collection = f"{cache.id}/privateendpointconnections".lower()
    if any(True for _ in world.documents.below(collection)):
        world.zone.chain(cache.host, privatelink(cache.host), to=[cache.address], ttl_s=10)
    else:
        world.zone.chain(cache.host, *cache.aliases, to=[cache.address], ttl_s=10)


def _place_endpoints(world: World, state: State) -> None:
    """Put a cache's fronts at the addresses of its private endpoints."""
    for endpoint in state.of_type("Microsoft.Network/privateEndpoints"):
        for address in addresses_of(state, endpoint):
            for connection in _connections_of(world, endpoint["id"]):
                cache = next(
                    (
                        each
                        for each in world.doors.caches
                        if connection.startswith(f"{each.id}/".lower())
                    ),
                    None,
                )
                if cache is not None and world.doors.endpoints.get(address) != connection:
                    place(world, cache, address, connection)


def place(world: World, cache: Cache, address: str, connection: str) -> None:
    """Put a cache's fronts at a private address, for those whom *connection* lets in."""
    world.doors.endpoints[address] = connection
    world.network.at(address, cache.port, cache.front)
    for at, front in enumerate(cache.node_fronts):
        if cache.cluster is not None:
            world.network.at(address, cache.cluster.nodes[at].port, front)
    world.network.closed(address, Silent())


def _connections_of(world: World, endpoint: str) -> list[str]:
    return [
        id_
        for id_, each in list(world.documents.items())
        if "/privateendpointconnections/" in id_
        and each["properties"]["privateEndpoint"]["id"].lower() == endpoint.lower()
    ]


def addresses_of(state: State, endpoint: dict[str, Any]) -> list[str]:
    """Return a private endpoint's own addresses, from its interfaces."""
    found = []
    for each in endpoint["properties"].get("networkInterfaces") or ():
        interface = state.get(each["id"]) or {"properties": {}}
        for setting in interface["properties"].get("ipConfigurations") or ():
            address = setting["properties"].get("privateIPAddress")
            if address and address not in found:
                found.append(address)
    return found
