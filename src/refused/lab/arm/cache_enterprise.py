"""``Microsoft.Cache/redisEnterprise``: Azure Managed Redis, as of api-version 2025-07-01.

It has no firewall rules and no patch schedule: there are only public access and private endpoints.
Shapes, statuses and headers follow the API description and the recorded exchanges.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from refused.lab.arm import documents, links, operations
from refused.lab.arm.cache import (
    NAMESPACE,
    decided,
    hold_locks,
    invalid,
    keys_of,
    regenerate,
    thing,
)
from refused.lab.arm.routes import Answer, Call, provides, route
from refused.lab.arm.state import key
from refused.service.tiers import AMR_SIZES, find_sku

if TYPE_CHECKING:
    from refused.lab.arm.state import Document, State

VERSIONS = (
    "2025-08-01-preview",
    "2025-07-01",
    "2025-05-01-preview",
    "2025-04-01",
    "2024-10-01",
    "2024-09-01-preview",
    "2024-06-01-preview",
    "2024-03-01-preview",
    "2024-02-01",
    "2023-11-01",
    "2023-10-01-preview",
    "2023-08-01-preview",
    "2023-07-01",
    "2023-03-01-preview",
    "2022-11-01-preview",
    "2022-01-01",
    "2021-08-01",
    "2021-03-01",
)
provides(NAMESPACE, redisEnterprise=VERSIONS)

_SUB = "/subscriptions/{sub}"
_ALL = f"{_SUB}/resourceGroups/{{group}}/providers/Microsoft.Cache/redisEnterprise"
_ONE = f"{_ALL}/{{name}}"
_DATABASE = f"{_ONE}/databases/{{database}}"
_ACTION = "Microsoft.Cache/redisEnterprise"
_ZONES = ("privatelink.redis.azure.net", "privatelink.redisenterprise.cache.azure.net")


def _id(call: Call) -> str:
    sub, group = call.params["sub"], call.params["group"]
    stem = f"/subscriptions/{sub}/resourceGroups/{group}/providers/{documents.ENTERPRISE}"
    return f"{stem}/{call.params['name']}"


def _cluster(call: Call) -> Document:
    return call.state.require(_id(call))


def _database(call: Call) -> Document:
    return call.state.require(f"{_cluster(call)['id']}/databases/{call.params['database']}")


def _listed(state: State, clusters: list[Document]) -> Answer:
    return Answer(body={"value": [_shown(state, each) for each in clusters]})


def _shown(state: State, cluster: Document) -> Document:
    cluster["properties"]["privateEndpointConnections"] = links.of_cache(state, cluster["id"])
    return cluster


@route("GET", f"{_SUB}/providers/Microsoft.Cache/redisEnterprise", action=f"{_ACTION}/read")
def list_all(call: Call) -> Answer:
    """List the subscription's clusters."""
    return _listed(call.state, call.state.of_type(documents.ENTERPRISE, call.params["sub"]))


@route("GET", _ALL, action=f"{_ACTION}/read")
def list_group(call: Call) -> Answer:
    """List the group's clusters."""
    found = call.state.of_type(documents.ENTERPRISE, call.params["sub"], call.params["group"])
    return _listed(call.state, found)


@route("GET", _ONE, action=f"{_ACTION}/read")
def show(call: Call) -> Answer:
    """Show a cluster."""
    return Answer(body=_shown(call.state, _cluster(call)))


_CLUSTER_SETTINGS = (
    "minimumTlsVersion",
    "publicNetworkAccess",
    "highAvailability",
    "encryption",
)


@route("PUT", _ONE, action=f"{_ACTION}/write")
def create(call: Call) -> Answer:
    """Create a cluster, or replace its settings: 201, and then an operation."""
    body = thing(call.body)
    sku = str(thing(body.get("sku")).get("name", ""))
    if not sku:
        raise invalid("sku.name", "A SKU is required.")
    if not body.get("location"):
        raise invalid("location", "The location property is required for this definition.")
    asked = thing(body.get("properties"))
    _check(asked)
    had = call.state.get(_id(call))
    extra = {name: asked[name] for name in _CLUSTER_SETTINGS if asked.get(name) is not None}
    made = documents.cluster(_id(call), location=body["location"], sku=sku, **extra)
    made["tags"] = body.get("tags") or {}
    for name in ("zones", "identity"):
        if body.get(name):
            made[name] = body[name]
    busy = _busy(made, "Creating" if had is None else "Updating")
    _write(call, busy)
    _tell_scale(call, had, made)
    here = f"{call.url}?api-version={call.api_version}"
    return _begin(call, Answer(201, _shown(call.state, copy.deepcopy(busy))), made, here)


@route("PATCH", _ONE, action=f"{_ACTION}/write")
def update(call: Call) -> Answer:
    """Change a cluster: 202, and then an operation."""
    cluster = _cluster(call)
    had = copy.deepcopy(cluster)
    body = thing(call.body)
    asked = thing(body.get("properties"))
    _check(asked)
    for name in _CLUSTER_SETTINGS:
        if asked.get(name) is not None:
            cluster["properties"][name] = asked[name]
    if body.get("sku"):
        cluster["sku"] = {**cluster["sku"], **body["sku"]}
    if "tags" in body:
        cluster["tags"] = body["tags"] or {}
    if body.get("identity"):
        cluster["identity"] = body["identity"]
    busy = _busy(cluster, "Updating")
    _write(call, busy)
    _tell_scale(call, had, cluster)
    here = f"{call.url}?api-version={call.api_version}"
    return _begin(call, Answer(202, _shown(call.state, copy.deepcopy(busy))), cluster, here)


def _tell_scale(call: Call, had: Document | None, has: Document) -> None:
    if had is not None and had["sku"] != has["sku"]:
        for each in call.state.on_action:
            each(call.state, key(has["id"]), f"{_ACTION}/scale")


@route("DELETE", _ONE, action=f"{_ACTION}/delete")
def remove(call: Call) -> Answer:
    """Delete a cluster with its database; 204 if there is none."""
    cluster = call.state.get(_id(call))
    if cluster is None:
        return Answer(204)
    hold_locks(call, cluster["id"])
    call.state.delete(
        _id(call),
        call.caller,
        operation=f"{_ACTION}/delete",
        correlation_id=call.correlation_id,
    )
    gone = _busy(cluster, "Deleting")
    return operations.start(
        call,
        Answer(202, gone),
        namespace=NAMESPACE,
        location=cluster["location"],
        asynchronous="operationsStatus",
        results=f"{call.url}/operationresults/{operations.HERE}?api-version={call.api_version}",
    )


@route("POST", f"{_ONE}/listSkusForScaling", action=f"{_ACTION}/listSkusForScaling/action")
def skus(call: Call) -> Answer:
    """List the SKUs that a cluster can be scaled to."""
    _cluster(call)
    found = [find_sku(size) for size, *_ in AMR_SIZES]
    shown = [{"name": each.name, "sizeInGB": float(each.memory_gb or 0)} for each in found if each]
    return Answer(body={"skus": shown})


# --- databases -----------------------------------------------------------------------------------


@route("GET", f"{_ONE}/databases", action=f"{_ACTION}/databases/read")
def list_databases(call: Call) -> Answer:
    """List the databases, of which there is at most one."""
    return Answer(body={"value": call.state.children(_cluster(call)["id"], "databases")})


@route("GET", _DATABASE, action=f"{_ACTION}/databases/read")
def show_database(call: Call) -> Answer:
    """Show a database."""
    return Answer(body=_database(call))


_DATABASE_SETTINGS = (
    "clientProtocol",
    "port",
    "clusteringPolicy",
    "evictionPolicy",
    "persistence",
    "modules",
    "geoReplication",
    "deferUpgrade",
    "accessKeysAuthentication",
)


@route("PUT", _DATABASE, action=f"{_ACTION}/databases/write")
def create_database(call: Call) -> Answer:
    """Create a database: 201, or 200 in place of one."""
    cluster = _cluster(call)
    asked = thing(thing(call.body).get("properties"))
    _check(asked)
    extra = {name: asked[name] for name in _DATABASE_SETTINGS if asked.get(name) is not None}
    made = documents.database(cluster["id"], call.params["database"], **extra)
    had = call.state.get(made["id"])
    busy = _busy(made, "Creating" if had is None else "Updating")
    _write(call, busy)
    here = f"{call.url}?api-version={call.api_version}"
    status = 201 if had is None else 200
    return _begin(call, Answer(status, busy), made, here, location=cluster["location"])


@route("PATCH", _DATABASE, action=f"{_ACTION}/databases/write")
def update_database(call: Call) -> Answer:
    """Change a database: 202, and then an operation."""
    cluster, database = _cluster(call), _database(call)
    asked = thing(thing(call.body).get("properties"))
    _check(asked)
    for name in _DATABASE_SETTINGS:
        if asked.get(name) is not None:
            database["properties"][name] = asked[name]
    busy = _busy(database, "Updating")
    _write(call, busy)
    here = f"{call.url}?api-version={call.api_version}"
    return _begin(call, Answer(202, busy), database, here, location=cluster["location"])


@route("DELETE", _DATABASE, action=f"{_ACTION}/databases/delete")
def remove_database(call: Call) -> Answer:
    """Delete a database; 204 if there is none."""
    cluster = _cluster(call)
    id_ = f"{cluster['id']}/databases/{call.params['database']}"
    database = call.state.get(id_)
    if database is None:
        return Answer(204)
    call.state.delete(id_, call.caller, operation=f"{_ACTION}/databases/delete")
    return operations.start(
        call,
        Answer(202, _busy(database, "Deleting")),
        namespace=NAMESPACE,
        location=cluster["location"],
        asynchronous="operationsStatus",
        results=f"{call.url}/operationresults/{operations.HERE}?api-version={call.api_version}",
    )


@route("POST", f"{_DATABASE}/listKeys", action=f"{_ACTION}/databases/listKeys/action")
def list_keys(call: Call) -> Answer:
    """Tell both keys.

    What the real one says while keys are switched off is not known; the twin tells them.
    """
    database = _database(call)
    call.state.note(database["id"], f"{_ACTION}/databases/listKeys/action", call.caller)
    return Answer(body=dict(keys_of(call.state, database["id"])))


@route("POST", f"{_DATABASE}/regenerateKey", action=f"{_ACTION}/databases/regenerateKey/action")
def regenerate_key(call: Call) -> Answer:
    """Make one key anew; the old one is wrong from now on."""
    action = f"{_ACTION}/databases/regenerateKey/action"
    return regenerate(call, _database(call)["id"], action)


def _deed(name: str) -> None:
    """Declare a deed on a database that changes no document: 202, and then an operation."""
    action = f"{_ACTION}/databases/{name}/action"

    def do(call: Call) -> Answer:
        cluster, database = _cluster(call), _database(call)
        call.state.act(database["id"], action, call.caller, correlation_id=call.correlation_id)
        body = database if name == "forceUnlink" else None  # as recorded
        return operations.start(
            call,
            Answer(202, body),
            namespace=NAMESPACE,
            location=cluster["location"],
            asynchronous="operationsStatus",
            results=f"{call.url}/operationresults/{operations.HERE}?api-version={call.api_version}",
        )

    route("POST", f"{_DATABASE}/{name}", action=action)(do)


for _name in (
    "export",
    "import",
    "flush",
    "forceUnlink",
    "forceLinkToReplicationGroup",
    "upgradeDBRedisVersion",
):
    _deed(_name)


# --- who may log in with an identity -------------------------------------------------------------

_ASSIGNMENTS = f"{_DATABASE}/accessPolicyAssignments"
_ASSIGN = f"{_ACTION}/databases/accessPolicyAssignments"


@route("GET", _ASSIGNMENTS, action=f"{_ASSIGN}/read")
def list_assignments(call: Call) -> Answer:
    """List who may log in; there is one policy, ``default``."""
    found = call.state.children(_database(call)["id"], "accessPolicyAssignments")
    return Answer(body={"value": found})


def _assignment(call: Call) -> str:
    return f"{_database(call)['id']}/accessPolicyAssignments/{call.params['assignment']}"


@route("GET", f"{_ASSIGNMENTS}/{{assignment}}", action=f"{_ASSIGN}/read")
def show_assignment(call: Call) -> Answer:
    """Show one assignment."""
    return Answer(body=call.state.require(_assignment(call)))


@route("PUT", f"{_ASSIGNMENTS}/{{assignment}}", action=f"{_ASSIGN}/write")
def put_assignment(call: Call) -> Answer:
    """Let an identity log in."""
    asked = thing(thing(call.body).get("properties"))
    user = str(thing(asked.get("user")).get("objectId", ""))
    if not user:
        raise invalid("properties.user.objectId", "It is required.")
    made: Document = {
        "id": _assignment(call),
        "name": call.params["assignment"],
        "type": f"{documents.ENTERPRISE}/databases/accessPolicyAssignments",
        "properties": {
            "provisioningState": "Succeeded",
            "accessPolicyName": asked.get("accessPolicyName") or "default",
            "user": {"objectId": user},
        },
    }
    is_new = call.state.get(made["id"]) is None
    _write(call, made)
    here = f"{call.url}?api-version={call.api_version}"
    place = _cluster(call)["location"]
    return _begin(call, Answer(201 if is_new else 200, made), made, here, location=place)


@route("DELETE", f"{_ASSIGNMENTS}/{{assignment}}", action=f"{_ASSIGN}/delete")
def remove_assignment(call: Call) -> Answer:
    """Let an identity log in no more."""
    if not call.state.delete(_assignment(call), call.caller, operation=f"{_ASSIGN}/delete"):
        return Answer(204)
    return operations.start(
        call,
        Answer(202),
        namespace=NAMESPACE,
        location=_cluster(call)["location"],
        asynchronous="operationsStatus",
        results=f"{call.url}/operationresults/{operations.HERE}?api-version={call.api_version}",
    )


# --- private endpoints ---------------------------------------------------------------------------

_CONNECTIONS = f"{_ONE}/privateEndpointConnections"
_CONNECT = f"{_ACTION}/privateEndpointConnections"


def _connection(call: Call) -> str:
    return f"{_cluster(call)['id']}/privateEndpointConnections/{call.params['connection']}"


@route("GET", _CONNECTIONS, action=f"{_CONNECT}/read")
def list_connections(call: Call) -> Answer:
    """List the connections of private endpoints."""
    return Answer(body={"value": links.of_cache(call.state, _cluster(call)["id"])})


@route("GET", f"{_CONNECTIONS}/{{connection}}", action=f"{_CONNECT}/read")
def show_connection(call: Call) -> Answer:
    """Show one connection."""
    return Answer(body=call.state.require(_connection(call)))


@route("PUT", f"{_CONNECTIONS}/{{connection}}", action=f"{_CONNECT}/write")
def put_connection(call: Call) -> Answer:
    """Approve or reject a connection."""
    cluster = _cluster(call)
    made = decided(call, cluster, _connection(call))
    return operations.start(
        call,
        Answer(201, made),
        namespace=NAMESPACE,
        location=cluster["location"],
        asynchronous="operationsStatus",
        results=f"{call.url}?api-version={call.api_version}",
    )


@route("DELETE", f"{_CONNECTIONS}/{{connection}}", action=f"{_CONNECT}/delete")
def remove_connection(call: Call) -> Answer:
    """Remove a connection; the endpoint is disconnected."""
    cluster = _cluster(call)
    if not call.state.delete(_connection(call), call.caller, operation=f"{_CONNECT}/delete"):
        return Answer(204)
    return operations.start(
        call,
        Answer(202),
        namespace=NAMESPACE,
        location=cluster["location"],
        asynchronous="operationsStatus",
        results=f"{call.url}/operationresults/{operations.HERE}?api-version={call.api_version}",
    )


@route("GET", f"{_ONE}/privateLinkResources", action=f"{_ACTION}/privateLinkResources/read")
def link_resources(call: Call) -> Answer:
    """Say what a private endpoint asks for here."""
    cluster = _cluster(call)
    zone = _ZONES[cluster["kind"] == "v1"]
    return Answer(
        body={
            "value": [
                {
                    "id": f"{cluster['id']}/privateLinkResources/redisEnterprise",
                    "name": "redisEnterprise",
                    "type": f"{documents.ENTERPRISE}/privateLinkResources",
                    "properties": {
                        "groupId": "redisEnterprise",
                        "requiredMembers": ["redisEnterprise"],
                        "requiredZoneNames": [zone],
                    },
                }
            ]
        }
    )


# --- what they share -----------------------------------------------------------------------------


def _busy(document: Document, state: str) -> Document:
    busy = copy.deepcopy(document)
    busy["properties"] |= {"provisioningState": state, "resourceState": state}
    return busy


def _write(call: Call, document: Document) -> None:
    call.state.put(
        document["id"],
        document,
        call.caller,
        operation=call.action,
        correlation_id=call.correlation_id,
    )


def _begin(
    call: Call, answer: Answer, made: Document, results: str, *, location: str | None = None
) -> Answer:
    """Begin the operation at whose end *made* is what stands there."""
    return operations.start(
        call,
        answer,
        namespace=NAMESPACE,
        location=location or made["location"],
        asynchronous="operationsStatus",
        results=results,
        done=lambda: call.state.put(made["id"], made, quiet=True),
    )


_ALLOWED: dict[str, tuple[Any, ...]] = {
    "publicNetworkAccess": ("Enabled", "Disabled"),
    "minimumTlsVersion": ("1.0", "1.1", "1.2"),
    "highAvailability": ("Enabled", "Disabled"),
    "clientProtocol": ("Encrypted", "Plaintext"),
    "clusteringPolicy": ("EnterpriseCluster", "OSSCluster", "NoCluster"),
    "accessKeysAuthentication": ("Enabled", "Disabled"),
    "deferUpgrade": ("Deferred", "NotDeferred"),
}


def _check(asked: dict[str, Any]) -> None:
    for name, allowed in _ALLOWED.items():
        if asked.get(name) is not None and asked[name] not in allowed:
            raise invalid(f"properties.{name}", f"Allowed values are {', '.join(allowed)}.")
