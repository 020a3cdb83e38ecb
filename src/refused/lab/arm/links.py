"""Private endpoint connections: what a cache says of an endpoint and what the endpoint says of it.

The connection is one thing with two documents, below the cache (which approves, rejects and
removes) and inside the private endpoint (which asks). Whichever is written, the other follows.

Recorded: ``azcli-network__test_private_endpoint_connection_acfr``. That an endpoint whose connection
was removed at the other side reads ``Disconnected``:
https://learn.microsoft.com/azure/private-link/manage-private-endpoint
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from refused.lab.arm import documents
from refused.lab.arm.state import FOLLOWERS, key, type_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.lab.arm.state import Document, State

CACHES = {each.lower(): each for each in (documents.REDIS, documents.ENTERPRISE)}
_ENDPOINT = "microsoft.network/privateendpoints"
_LISTS = ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections")


def follow(state: State, id: str) -> None:  # noqa: A002
    """Bring the other side of a connection in step with the document that was written."""
    kind = type_of(id)
    if kind == _ENDPOINT:
        _endpoint_written(state, id)
    elif kind.rpartition("/")[0] in CACHES and kind.endswith("/privateendpointconnections"):
        _connection_written(state, id)
    elif kind in CACHES and key(id) not in state.documents:
        for endpoint in list(state.documents.values()):
            for each in _connections(endpoint):
                if key(each["properties"].get("privateLinkServiceId", "")) == key(id):
                    _tell(state, endpoint, each, "Disconnected", "The cache was deleted")


FOLLOWERS.append(follow)


def _connections(endpoint: Document) -> Iterator[dict[str, Any]]:
    for name in _LISTS:
        yield from endpoint.get("properties", {}).get(name) or []


def of_cache(state: State, cache: str) -> list[Document]:
    """Return a cache's connections, as they are listed below it."""
    return state.children(cache, "privateEndpointConnections")


def _endpoint_written(state: State, id: str) -> None:  # noqa: A002
    endpoint = state.documents.get(key(id))
    for found in [
        each
        for each in state.documents.values()
        if key(each.get("properties", {}).get("privateEndpoint", {}).get("id", "")) == key(id)
    ]:
        if endpoint is None:
            state.delete(found["id"], quiet=True)
    if endpoint is None:
        return
    for each in _connections(endpoint):
        cache = each.get("properties", {}).get("privateLinkServiceId", "")
        if type_of(cache) not in CACHES or key(cache) not in state.documents:
            continue
        mine = [
            known
            for known in of_cache(state, cache)
            if key(known["properties"]["privateEndpoint"]["id"]) == key(id)
        ]
        wanted = each["properties"].get("privateLinkServiceConnectionState") or {}
        if mine or wanted.get("status") == "Disconnected":
            continue
        # The GUID is the endpoint's own, as in the recording.
        guid = endpoint["properties"].get("resourceGuid") or str(uuid.uuid4())
        document = documents.connection(
            state.documents[key(cache)]["id"],
            f"{endpoint['name']}.{guid}",
            endpoint["id"],
            status=wanted.get("status", "Approved"),
            description=wanted.get("description", "Auto-Approved"),
        )
        state.put(document["id"], document, quiet=True)


def _connection_written(state: State, id: str) -> None:  # noqa: A002
    cache = key(id).rpartition("/privateendpointconnections/")[0]
    document = state.documents.get(key(id))
    name = id.rpartition("/")[2].lower()
    for endpoint in list(state.documents.values()):
        if type_of(endpoint.get("id", "")) != _ENDPOINT:
            continue
        guid = endpoint["properties"].get("resourceGuid", "")
        is_mine = (
            key(document["properties"]["privateEndpoint"]["id"]) == key(endpoint["id"])
            if document is not None
            else name == f"{endpoint['name']}.{guid}".lower()
        )
        for each in _connections(endpoint) if is_mine else ():
            if key(each["properties"].get("privateLinkServiceId", "")) != cache:
                continue
            if document is None:
                _tell(state, endpoint, each, "Disconnected", "Removed at the cache")
            else:
                said = document["properties"]["privateLinkServiceConnectionState"]
                _tell(state, endpoint, each, said["status"], said.get("description", ""))


def _tell(
    state: State, endpoint: Document, mine: dict[str, Any], status: str, description: str
) -> None:
    """Write into an endpoint how its connection stands, if it says something else."""
    said = mine["properties"].setdefault("privateLinkServiceConnectionState", {})
    if said.get("status") == status:
        return
    said |= {"status": status, "description": description, "actionsRequired": "None"}
    state.put(endpoint["id"], endpoint, quiet=True)
