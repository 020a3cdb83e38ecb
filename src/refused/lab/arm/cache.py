"""``Microsoft.Cache/redis``: Azure Cache for Redis, as of api-version 2024-11-01.

Shapes, statuses and headers follow the API description and the recorded exchanges: ids say
``Microsoft.Cache/Redis`` whatever the address said, a rule's name is ``cache/rule``, keys stand in no
answer but that of a creation and of ``listKeys``. The texts of refusals are recorded nowhere, and
stand in for Azure's own.
"""

from __future__ import annotations

import base64
import copy
import secrets
from typing import Any

from refused.lab.arm import documents, links, operations
from refused.lab.arm.routes import Answer, Call, Refusal, provides, route
from refused.lab.arm.state import Document, State, key

NAMESPACE = "Microsoft.Cache"
TYPE = "Microsoft.Cache/Redis"
VERSIONS = (
    "2024-11-01",
    "2024-04-01-preview",
    "2024-03-01",
    "2023-08-01",
    "2023-05-01-preview",
    "2023-04-01",
    "2022-06-01",
    "2022-05-01",
    "2021-06-01",
    "2020-12-01",
    "2020-06-01",
    "2019-07-01",
    "2018-03-01",
    "2017-10-01",
    "2017-02-01",
    "2016-04-01",
    "2015-08-01",
)
provides(NAMESPACE, Redis=VERSIONS)

_SUB = "/subscriptions/{sub}"
_ALL = f"{_SUB}/resourceGroups/{{group}}/providers/Microsoft.Cache/redis"
ONE = f"{_ALL}/{{name}}"
ACTION = "Microsoft.Cache/redis"

_PLACES = {
    "C": ("Basic", "Standard"),
    "P": ("Premium",),
}


# --- the cache itself ----------------------------------------------------------------------------


def own_id(call: Call) -> str:
    """Return the id of the cache that a call is about, as Azure writes it."""
    sub, group = call.params["sub"], call.params["group"]
    return f"/subscriptions/{sub}/resourceGroups/{group}/providers/{TYPE}/{call.params['name']}"


def the_cache(call: Call) -> Document:
    """Return the cache that a call is about; 404 if there is none."""
    return call.state.require(own_id(call))


def shown(state: State, cache: Document) -> Document:
    """Return a cache as GET shows it, with what lies below it that it mentions."""
    properties = cache["properties"]
    linked = state.children(cache["id"], "linkedServers")
    properties["linkedServers"] = [{"id": each["id"]} for each in linked]
    connections = links.of_cache(state, cache["id"])
    if connections:
        properties["privateEndpointConnections"] = connections
    return cache


def _listed(state: State, caches: list[Document]) -> Answer:
    return Answer(body={"value": [shown(state, each) for each in caches]})


@route("GET", f"{_SUB}/providers/Microsoft.Cache/redis", action=f"{ACTION}/read")
def list_all(call: Call) -> Answer:
    """List the subscription's caches."""
    return _listed(call.state, call.state.of_type(TYPE, call.params["sub"]))


@route("GET", _ALL, action=f"{ACTION}/read")
def list_group(call: Call) -> Answer:
    """List the group's caches."""
    found = call.state.of_type(TYPE, call.params["sub"], call.params["group"])
    return _listed(call.state, found)


@route("GET", ONE, action=f"{ACTION}/read")
def show(call: Call) -> Answer:
    """Show a cache."""
    return Answer(body=shown(call.state, the_cache(call)))


@route("PUT", ONE, action=f"{ACTION}/write")
def create(call: Call) -> Answer:
    """Create a cache, or replace its settings: 201, and then an operation."""
    body = thing(call.body)
    asked = thing(body.get("properties"))
    sku = _sku(asked.get("sku"))
    if not body.get("location"):
        raise invalid("location", "The location property is required for this definition.")
    _check(asked)
    had = call.state.get(own_id(call))
    shards = _count(asked, "shardCount")
    extra = {
        name: asked[name]
        for name in (*_SETTINGS, "subnetId", "staticIP", "replicasPerMaster", "replicasPerPrimary")
        if name in asked
    }
    made = documents.redis(own_id(call), location=body["location"], sku=sku, shards=shards, **extra)
    made["properties"]["redisConfiguration"] = {
        **documents.configuration(*sku, shards),
        **_texts(asked.get("redisConfiguration")),
    }
    made["tags"] = body.get("tags") or {}
    for name in ("zones", "identity"):
        if body.get(name):
            made[name] = body[name]
    if body.get("zones"):
        made["properties"]["zonalAllocationPolicy"] = "UserDefined"
        documents.settle_zones(made)
    made["properties"]["provisioningState"] = "Creating"
    keys = call.state.secrets.setdefault(
        key(own_id(call)), {"primaryKey": access_key(), "secondaryKey": access_key()}
    )
    answer = copy.deepcopy(made)
    answer["properties"]["accessKeys"] = dict(keys)
    _write(call, made)
    if had is not None:
        changed_plane(call, had, made)
    here = f"{call.url}?api-version={call.api_version}"
    return begin(call, Answer(201, answer), made, results=here)


_SETTINGS = (
    "redisVersion",
    "enableNonSslPort",
    "publicNetworkAccess",
    "minimumTlsVersion",
    "tenantSettings",
    "updateChannel",
    "zonalAllocationPolicy",
    "disableAccessKeyAuthentication",
)


@route("PATCH", ONE, action=f"{ACTION}/write")
def update(call: Call) -> Answer:
    """Change settings: 200 at once, or 202 where the cache has to be scaled."""
    cache = the_cache(call)
    had = copy.deepcopy(cache)
    body = thing(call.body)
    asked = thing(body.get("properties"))
    _check(asked)
    properties = cache["properties"]
    sku: dict[str, Any] = properties["sku"]
    if asked.get("sku"):
        tier, family, capacity = _sku(asked["sku"])
        sku = {"name": tier, "family": family, "capacity": capacity}
    shards = _count(asked, "shardCount", properties.get("shardCount", 0))
    for name in _SETTINGS:
        if name in asked:
            properties[name] = asked[name]
    settings = properties["redisConfiguration"]
    if sku != properties["sku"]:
        settings = {
            **settings,
            **documents.configuration(sku["name"], sku["family"], sku["capacity"], shards),
        }
    properties["redisConfiguration"] = {**settings, **_texts(asked.get("redisConfiguration"))}
    properties["sku"] = sku
    if shards:
        properties["shardCount"] = shards
    plain = properties["enableNonSslPort"]
    properties["instances"] = documents.instances(sku["name"], shards, plain=plain)
    if "tags" in body:
        cache["tags"] = body["tags"] or {}
    if body.get("identity"):
        cache["identity"] = body["identity"]
    busy = _busy_with(had, cache)
    properties["provisioningState"] = busy or "Succeeded"
    _write(call, cache)
    changed_plane(call, had, cache)
    if not busy:
        return Answer(200, shown(call.state, cache))
    return begin(call, Answer(202, shown(call.state, copy.deepcopy(cache))), cache)


def _busy_with(had: Document, has: Document) -> str:
    """Return the state of a cache while a change takes its time, ``""`` where it takes none."""
    before, after = had["properties"], has["properties"]
    for name in ("sku", "shardCount", "zonalAllocationPolicy"):
        if before.get(name) != after.get(name):
            return "Scaling"
    entra = "aad-enabled"
    if before["redisConfiguration"].get(entra) != after["redisConfiguration"].get(entra):
        return "ConfiguringAAD"
    if had.get("identity") != has.get("identity"):
        return "UpdatingManagedIdentity"
    return ""


def changed_plane(call: Call, had: Document, has: Document) -> None:
    """Tell the couplings of a change that ends connections: a scaling."""
    before, after = had["properties"], has["properties"]
    if before["sku"] != after["sku"] or before.get("shardCount") != after.get("shardCount"):
        for each in call.state.on_action:
            each(call.state, key(has["id"]), f"{ACTION}/scale")


@route("DELETE", ONE, action=f"{ACTION}/delete")
def remove(call: Call) -> Answer:
    """Delete a cache: 202 with a location only, as recorded; 204 if there is none."""
    id_ = own_id(call)
    cache = call.state.get(id_)
    if cache is None:
        return Answer(204)
    hold_locks(call, id_)
    call.state.delete(id_, call.caller, operation=f"{ACTION}/delete")
    return operations.start(
        call,
        Answer(202),
        namespace=NAMESPACE,
        location=cache["location"],
        asynchronous=None,
        results="operationresults",
    )


def hold_locks(call: Call, id_: str) -> None:
    """Refuse what a lock forbids.

    Raises:
        Refusal: 409, ``ScopeLocked``.
    """
    for lock in call.state.of_type("Microsoft.Authorization/locks"):
        scope = lock["id"].rpartition("/providers/")[0]
        if key(id_).startswith(key(scope)):
            raise Refusal(
                409,
                "ScopeLocked",
                f"The scope '{id_}' cannot perform delete operation because following scope(s) are "
                f"locked: '{scope}'. Please remove the lock and try again.",
            )


def _write(call: Call, cache: Document) -> None:
    call.state.put(
        cache["id"],
        cache,
        call.caller,
        operation=f"{ACTION}/write",
        correlation_id=call.correlation_id,
    )


def begin(call: Call, answer: Answer, cache: Document, *, results: str | None = None) -> Answer:
    """Begin an operation at whose end the cache has succeeded in what it does."""

    def done() -> None:
        now = call.state.get(cache["id"])
        if now is not None:
            now["properties"]["provisioningState"] = "Succeeded"
            documents.settle_zones(now)
            call.state.put(cache["id"], now, quiet=True)

    return operations.start(
        call,
        answer,
        namespace=NAMESPACE,
        location=cache["location"],
        asynchronous="asyncOperations",
        results=results or "asyncOperations",
        done=done,
    )


def access_key() -> str:
    """Return what looks like an access key: 44 letters, the last one ``=``."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


# --- keys, reboots, and other deeds --------------------------------------------------------------


def keys_of(state: State, id_: str) -> dict[str, str]:
    """Return a cache's keys, made when they are first asked for."""
    with state.lock:
        return state.secrets.setdefault(
            key(id_), {"primaryKey": access_key(), "secondaryKey": access_key()}
        )


@route("POST", f"{ONE}/listKeys", action=f"{ACTION}/listKeys/action")
def list_keys(call: Call) -> Answer:
    """Tell both keys."""
    cache = the_cache(call)
    call.state.note(cache["id"], f"{ACTION}/listKeys/action", call.caller)
    return Answer(body=dict(keys_of(call.state, cache["id"])))


@route("POST", f"{ONE}/regenerateKey", action=f"{ACTION}/regenerateKey/action")
def regenerate_key(call: Call) -> Answer:
    """Make one key anew; the old one is wrong from now on."""
    return regenerate(call, the_cache(call)["id"], f"{ACTION}/regenerateKey/action")


def regenerate(call: Call, id_: str, action: str) -> Answer:
    """Make one key of a cache or a database anew."""
    which = str(thing(call.body).get("keyType", "")).lower()
    if which not in ("primary", "secondary"):
        raise invalid("keyType", "Allowed values are 'Primary' and 'Secondary'.")
    keys = keys_of(call.state, id_)
    keys[f"{which}Key"] = access_key()
    call.state.act(id_, action, call.caller, correlation_id=call.correlation_id)
    return Answer(body=dict(keys))


@route("POST", f"{ONE}/forceReboot", action=f"{ACTION}/forceReboot/action")
def reboot(call: Call) -> Answer:
    """Reboot nodes: every connection ends."""
    cache = the_cache(call)
    kind = thing(call.body).get("rebootType", "AllNodes")
    if kind not in ("PrimaryNode", "SecondaryNode", "AllNodes"):
        raise invalid("rebootType", "Allowed values are PrimaryNode, SecondaryNode, AllNodes.")
    action = f"{ACTION}/forceReboot/action"
    call.state.act(cache["id"], action, call.caller, correlation_id=call.correlation_id)
    return Answer(body={"message": "reboot operation enqueued"})


@route("POST", f"{ONE}/flush", action=f"{ACTION}/flush/action")
def flush(call: Call) -> Answer:
    """Delete all keys."""
    cache = the_cache(call)
    action = f"{ACTION}/flush/action"
    call.state.act(cache["id"], action, call.caller, correlation_id=call.correlation_id)
    return operations.start(
        call,
        Answer(202),
        namespace=NAMESPACE,
        location=cache["location"],
        asynchronous="operationresults",
        results="operationresults",
    )


def _moved(call: Call, what: str) -> Answer:
    cache = the_cache(call)
    action = f"{ACTION}/{what}/action"
    call.state.note(cache["id"], action, call.caller, correlation_id=call.correlation_id)
    return operations.start(
        call,
        Answer(202),
        namespace=NAMESPACE,
        location=cache["location"],
        asynchronous=None,
        results="operationresults",
    )


@route("POST", f"{ONE}/export", action=f"{ACTION}/export/action")
def export(call: Call) -> Answer:
    """Take an export, and write nothing: the twin has no storage account."""
    return _moved(call, "export")


@route("POST", f"{ONE}/import", action=f"{ACTION}/import/action")
def import_(call: Call) -> Answer:
    """Take an import, and read nothing: the twin has no storage account."""
    return _moved(call, "import")


@route("GET", f"{ONE}/listUpgradeNotifications", action=f"{ACTION}/listUpgradeNotifications/read")
def notifications(call: Call) -> Answer:
    """List what was told of upgrades; a world may put some under ``upgrades``."""
    cache = the_cache(call)
    known = call.state.extra.get("upgrades", {}).get(key(cache["id"]), [])
    return Answer(body={"value": known})


@route("POST", f"{_SUB}/providers/Microsoft.Cache/checkNameAvailability")
def check_name(call: Call) -> Answer:
    """Say nothing if a name is free, as the real one does."""
    body = thing(call.body)
    name = str(body.get("name", "")).lower()
    for kind in links.CACHES:
        if any(each["name"].lower() == name for each in call.state.of_type(kind)):
            raise Refusal(
                409,
                "NameNotAvailable",
                f"An error occurred when trying to reserve the DNS name for the cache. This may be "
                f"a temporary issue, or the name '{name[:63]}' is already in use.",
            )
    return Answer(200)


@route("GET", "/providers/Microsoft.Cache/operations")
def list_operations(_: Call) -> Answer:
    """List what this provider can do, as far as the twin can."""
    from refused.lab.arm.routes import ROUTES

    names = sorted({each.action for each in ROUTES if each.action.startswith(NAMESPACE)})
    shown_as = [
        {
            "name": name,
            "display": {
                "provider": NAMESPACE,
                "resource": name.split("/")[1],
                "operation": name.rpartition("/")[2],
                "description": name,
            },
        }
        for name in names
    ]
    return Answer(body={"value": shown_as})


def decided(call: Call, cache: Document, id_: str) -> Document:
    """Write what was decided about a connection of *cache*, and return it."""
    known: Document = call.state.require(id_)
    asked = thing(thing(call.body).get("properties")).get("privateLinkServiceConnectionState")
    status = str(thing(asked).get("status", ""))
    if status not in ("Approved", "Rejected", "Pending"):
        raise invalid(
            "properties.privateLinkServiceConnectionState.status",
            "Allowed values are Approved, Rejected, Pending.",
        )
    known["properties"]["privateLinkServiceConnectionState"] = {
        "status": status,
        "description": str(thing(asked).get("description") or ""),
        "actionsRequired": "None",
    }
    action = "/".join((cache["type"], "privateEndpointConnections/write"))
    call.state.put(id_, known, call.caller, operation=action, correlation_id=call.correlation_id)
    return known


# --- what was sent -------------------------------------------------------------------------------


def thing(body: Any) -> dict[str, Any]:
    """Return what was sent as an object, an empty one if nothing was."""
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise invalid("", "An object was expected.")
    return body


def _texts(settings: Any) -> dict[str, str]:
    return {name: str(value) for name, value in thing(settings).items() if value is not None}


def _count(asked: dict[str, Any], name: str, default: int = 0) -> int:
    value = asked.get(name, default)
    if not isinstance(value, int) or value < 0:
        raise invalid(f"properties.{name}", "A number was expected.")
    return value


def _sku(asked: Any) -> tuple[str, str, int]:
    sku = thing(asked)
    name, family = str(sku.get("name", "")).capitalize(), str(sku.get("family", "")).upper()
    capacity = sku.get("capacity")
    if name not in _PLACES.get(family, ()) or not isinstance(capacity, int):
        raise invalid("properties.sku", "Name, family and capacity do not fit together.")
    least, most = (0, 6) if family == "C" else (1, 5)
    if not least <= capacity <= most:
        raise invalid("properties.sku.capacity", f"It has to be from {least} to {most}.")
    return name, family, capacity


_ALLOWED: dict[str, tuple[Any, ...]] = {
    "enableNonSslPort": (True, False),
    "disableAccessKeyAuthentication": (True, False),
    "publicNetworkAccess": ("Enabled", "Disabled"),
    "minimumTlsVersion": ("1.0", "1.1", "1.2"),
}


def _check(asked: dict[str, Any]) -> None:
    for name, allowed in _ALLOWED.items():
        if asked.get(name) is not None and asked[name] not in allowed:
            raise invalid(
                f"properties.{name}", f"Allowed values are {', '.join(map(str, allowed))}."
            )


def invalid(name: str, said: str) -> Refusal:
    """Return the refusal of one value that was sent."""
    return Refusal(
        400,
        "InvalidRequestBody",
        f"The value of the parameter '{name}' is invalid. {said}",
        target=name or None,
    )
