"""What lies below an Azure Cache for Redis: rules, schedules, links, policies, connections.

Shapes, statuses and headers follow the API description and the recorded exchanges.
"""

from __future__ import annotations

import copy
import ipaddress
from typing import TYPE_CHECKING, Any

from refused.lab.arm import documents, operations
from refused.lab.arm.cache import (
    ACTION,
    NAMESPACE,
    ONE,
    TYPE,
    begin,
    decided,
    invalid,
    own_id,
    the_cache,
    thing,
)
from refused.lab.arm.routes import Answer, Call, route

if TYPE_CHECKING:
    from refused.lab.arm.state import Document

# As recorded, the ids being the cache's own.
POLICIES = (
    ("Data Owner", "+@all allkeys"),
    (
        "Data Contributor",
        "+@all -@dangerous +cluster|info +cluster|nodes +cluster|slots allkeys",
    ),
    ("Data Reader", "+@read +@connection +cluster|info +cluster|nodes +cluster|slots allkeys"),
)


# --- what lies below a cache ---------------------------------------------------------------------


def _below(call: Call, kind: str, name: str) -> str:
    return f"{own_id(call)}/{kind}/{name}"


def _children(call: Call, kind: str) -> Answer:
    cache = the_cache(call)
    return Answer(body={"value": call.state.children(cache["id"], kind)})


def _child(call: Call, kind: str, name: str) -> Answer:
    the_cache(call)
    return Answer(body=call.state.require(_below(call, kind, name)))


def _dropped(call: Call, kind: str, name: str, action: str) -> bool:
    the_cache(call)
    return call.state.delete(
        _below(call, kind, name),
        call.caller,
        operation=action,
        correlation_id=call.correlation_id,
    )


@route("GET", f"{ONE}/firewallRules", action=f"{ACTION}/firewallRules/read")
def list_rules(call: Call) -> Answer:
    """List the firewall rules."""
    return _children(call, "firewallRules")


@route("GET", f"{ONE}/firewallRules/{{rule}}", action=f"{ACTION}/firewallRules/read")
def show_rule(call: Call) -> Answer:
    """Show one firewall rule."""
    return _child(call, "firewallRules", call.params["rule"])


@route("PUT", f"{ONE}/firewallRules/{{rule}}", action=f"{ACTION}/firewallRules/write")
def put_rule(call: Call) -> Answer:
    """Make or replace a firewall rule: 201 when new."""
    cache, name = the_cache(call), call.params["rule"]
    asked = thing(thing(call.body).get("properties"))
    first, last = (_ipv4(asked.get(each), each) for each in ("startIP", "endIP"))
    if first > last:
        raise invalid("properties.endIP", "The range ends before it begins.")
    id_ = _below(call, "firewallRules", name)
    is_new = call.state.get(id_) is None
    made = documents.firewall_rule(cache["id"], name, str(first), str(last))
    call.state.put(
        id_,
        made,
        call.caller,
        operation=f"{ACTION}/firewallRules/write",
        correlation_id=call.correlation_id,
    )
    here = {"location": f"{call.url}?api-version={call.api_version}"} if is_new else {}
    # Recorded: this answer alone keeps the address's casing.
    said = {**made, "id": call.id, "type": "Microsoft.Cache/redis/firewallRules"}
    return Answer(201 if is_new else 200, said, here)


@route("DELETE", f"{ONE}/firewallRules/{{rule}}", action=f"{ACTION}/firewallRules/delete")
def remove_rule(call: Call) -> Answer:
    """Delete a firewall rule: 200 without a body, 204 if there was none."""
    name = call.params["rule"]
    was = _dropped(call, "firewallRules", name, f"{ACTION}/firewallRules/delete")
    return Answer(200 if was else 204)


@route("GET", f"{ONE}/patchSchedules", action=f"{ACTION}/patchSchedules/read")
def list_schedules(call: Call) -> Answer:
    """List the one patch schedule, if there is one."""
    return _children(call, "patchSchedules")


@route("GET", f"{ONE}/patchSchedules/{{default}}", action=f"{ACTION}/patchSchedules/read")
def show_schedule(call: Call) -> Answer:
    """Show the patch schedule."""
    return _child(call, "patchSchedules", call.params["default"])


@route("PUT", f"{ONE}/patchSchedules/{{default}}", action=f"{ACTION}/patchSchedules/write")
def put_schedule(call: Call) -> Answer:
    """Set the patch schedule."""
    cache = the_cache(call)
    entries = thing(thing(call.body).get("properties")).get("scheduleEntries")
    if not isinstance(entries, list) or not entries:
        raise invalid("properties.scheduleEntries", "At least one entry is required.")
    made = documents.patch_schedule(cache, entries)
    call.state.put(
        made["id"],
        made,
        call.caller,
        operation=f"{ACTION}/patchSchedules/write",
        correlation_id=call.correlation_id,
    )
    return Answer(200, made)


@route("DELETE", f"{ONE}/patchSchedules/{{default}}", action=f"{ACTION}/patchSchedules/delete")
def remove_schedule(call: Call) -> Answer:
    """Delete the patch schedule."""
    name = call.params["default"]
    was = _dropped(call, "patchSchedules", name, f"{ACTION}/patchSchedules/delete")
    return Answer(200 if was else 204)


@route("GET", f"{ONE}/linkedServers", action=f"{ACTION}/linkedServers/read")
def list_linked(call: Call) -> Answer:
    """List the other ends of geo-replication."""
    return _children(call, "linkedServers")


@route("GET", f"{ONE}/linkedServers/{{linked}}", action=f"{ACTION}/linkedServers/read")
def show_linked(call: Call) -> Answer:
    """Show one other end."""
    return _child(call, "linkedServers", call.params["linked"])


@route("PUT", f"{ONE}/linkedServers/{{linked}}", action=f"{ACTION}/linkedServers/write")
def put_linked(call: Call) -> Answer:
    """Link two Premium caches; the other one shows this one in the opposite role."""
    cache = the_cache(call)
    asked = thing(thing(call.body).get("properties"))
    other = call.state.require(str(asked.get("linkedRedisCacheId", "")))
    if any(each["properties"]["sku"]["name"] != "Premium" for each in (cache, other)):
        raise invalid("properties.linkedRedisCacheId", "Both caches have to be Premium.")
    role = str(asked.get("serverRole", "Secondary")).capitalize()
    primary = cache if role == "Secondary" else other
    for near, far, its_role in (
        (cache, other, role),
        (other, cache, "Primary" if role == "Secondary" else "Secondary"),
    ):
        made = documents.linked_server(near, far, its_role, primary)
        call.state.put(
            made["id"],
            made,
            call.caller,
            operation=f"{ACTION}/linkedServers/write",
            quiet=near is other,
        )
    made = documents.linked_server(cache, other, role, primary)
    here = f"{call.url}?api-version={call.api_version}"
    return begin(call, Answer(201, made), cache, results=here)


@route("DELETE", f"{ONE}/linkedServers/{{linked}}", action=f"{ACTION}/linkedServers/delete")
def remove_linked(call: Call) -> Answer:
    """End geo-replication at both ends."""
    cache, name = the_cache(call), call.params["linked"]
    link = call.state.get(_below(call, "linkedServers", name))
    if link is None:
        return Answer(200)
    other = link["properties"]["linkedRedisCacheId"]
    call.state.delete(f"{other}/linkedServers/{cache['name']}", quiet=True)
    _dropped(call, "linkedServers", name, f"{ACTION}/linkedServers/delete")
    return operations.start(
        call,
        Answer(202),
        namespace=NAMESPACE,
        location=cache["location"],
        asynchronous="asyncOperations",
        results="operationresults",
    )


# --- who may log in with an identity -------------------------------------------------------------


def _built_in(cache_id: str) -> list[Document]:
    return [
        documents.access_policy(cache_id, name, permissions, type="BuiltIn")
        for name, permissions in POLICIES
    ]


@route("GET", f"{ONE}/accessPolicies", action=f"{ACTION}/accessPolicies/read")
def list_policies(call: Call) -> Answer:
    """List the policies, the built-in ones among them."""
    cache = the_cache(call)
    own = call.state.children(cache["id"], "accessPolicies")
    return Answer(body={"value": [*_built_in(cache["id"]), *own]})


@route("GET", f"{ONE}/accessPolicies/{{policy}}", action=f"{ACTION}/accessPolicies/read")
def show_policy(call: Call) -> Answer:
    """Show one policy."""
    cache, name = the_cache(call), call.params["policy"]
    for each in _built_in(cache["id"]):
        if each["name"].lower() == name.lower():
            return Answer(body=each)
    return _child(call, "accessPolicies", name)


@route("PUT", f"{ONE}/accessPolicies/{{policy}}", action=f"{ACTION}/accessPolicies/write")
def put_policy(call: Call) -> Answer:
    """Make a policy of one's own; without a key pattern it is for all keys, as recorded."""
    name = call.params["policy"]
    permissions = str(thing(thing(call.body).get("properties")).get("permissions", "")).strip()
    if not permissions:
        raise invalid("properties.permissions", "Permissions are required.")
    if "~" not in permissions and "allkeys" not in permissions:
        permissions += " allkeys"
    properties = {
        "permissions": permissions,
        "type": "Custom",
        "provisioningState": "Succeeded",
    }
    return _put_access(call, "accessPolicies", name, properties)


@route("DELETE", f"{ONE}/accessPolicies/{{policy}}", action=f"{ACTION}/accessPolicies/delete")
def remove_policy(call: Call) -> Answer:
    """Delete a policy of one's own."""
    return _remove_access(call, "accessPolicies", call.params["policy"])


_ASSIGNMENTS = f"{ONE}/accessPolicyAssignments"


@route("GET", _ASSIGNMENTS, action=f"{ACTION}/accessPolicyAssignments/read")
def list_assignments(call: Call) -> Answer:
    """List who has which policy."""
    return _children(call, "accessPolicyAssignments")


@route("GET", f"{_ASSIGNMENTS}/{{assignment}}", action=f"{ACTION}/accessPolicyAssignments/read")
def show_assignment(call: Call) -> Answer:
    """Show one assignment."""
    return _child(call, "accessPolicyAssignments", call.params["assignment"])


@route("PUT", f"{_ASSIGNMENTS}/{{assignment}}", action=f"{ACTION}/accessPolicyAssignments/write")
def put_assignment(call: Call) -> Answer:
    """Give an identity a policy."""
    asked = thing(thing(call.body).get("properties"))
    wanted = ("accessPolicyName", "objectId", "objectIdAlias")
    for name in wanted:
        if not asked.get(name):
            raise invalid(f"properties.{name}", "It is required.")
    properties = {"provisioningState": "Succeeded", **{name: asked[name] for name in wanted}}
    return _put_access(call, "accessPolicyAssignments", call.params["assignment"], properties)


@route(
    "DELETE",
    f"{_ASSIGNMENTS}/{{assignment}}",
    action=f"{ACTION}/accessPolicyAssignments/delete",
)
def remove_assignment(call: Call) -> Answer:
    """Take a policy from an identity."""
    return _remove_access(call, "accessPolicyAssignments", call.params["assignment"])


def _put_access(call: Call, kind: str, name: str, properties: dict[str, Any]) -> Answer:
    cache = the_cache(call)
    made: Document = {
        "id": f"{cache['id']}/{kind}/{name}",
        "name": name,
        "type": f"{TYPE}/{kind}",
        "properties": properties,
    }
    call.state.put(
        made["id"],
        made,
        call.caller,
        operation=f"{ACTION}/{kind}/write",
        correlation_id=call.correlation_id,
    )
    said = copy.deepcopy(made)
    said["properties"]["provisioningState"] = "Updating"
    return operations.start(
        call,
        Answer(201, said),
        namespace=NAMESPACE,
        location=cache["location"],
        asynchronous="asyncOperations",
        results="asyncOperations",
    )


def _remove_access(call: Call, kind: str, name: str) -> Answer:
    cache = the_cache(call)
    if not _dropped(call, kind, name, f"{ACTION}/{kind}/delete"):
        return Answer(204)
    return operations.start(
        call,
        Answer(202),
        namespace=NAMESPACE,
        location=cache["location"],
        asynchronous="asyncOperations",
        results="asyncOperations",
    )


# --- private endpoints ---------------------------------------------------------------------------

_CONNECTIONS = f"{ONE}/privateEndpointConnections"


@route("GET", _CONNECTIONS, action=f"{ACTION}/privateEndpointConnections/read")
def list_connections(call: Call) -> Answer:
    """List the connections of private endpoints."""
    return _children(call, "privateEndpointConnections")


@route("GET", f"{_CONNECTIONS}/{{connection}}", action=f"{ACTION}/privateEndpointConnections/read")
def show_connection(call: Call) -> Answer:
    """Show one connection."""
    return _child(call, "privateEndpointConnections", call.params["connection"])


@route("PUT", f"{_CONNECTIONS}/{{connection}}", action=f"{ACTION}/privateEndpointConnections/write")
def put_connection(call: Call) -> Answer:
    """Approve or reject a connection."""
    cache = the_cache(call)
    made = decided(
        call, cache, _below(call, "privateEndpointConnections", call.params["connection"])
    )
    return operations.start(
        call,
        Answer(201, made),
        namespace=NAMESPACE,
        location=cache["location"],
        asynchronous="asyncOperations",
        results="asyncOperations",
    )


@route(
    "DELETE",
    f"{_CONNECTIONS}/{{connection}}",
    action=f"{ACTION}/privateEndpointConnections/delete",
)
def remove_connection(call: Call) -> Answer:
    """Remove a connection; the endpoint is disconnected."""
    was = _dropped(
        call,
        "privateEndpointConnections",
        call.params["connection"],
        f"{ACTION}/privateEndpointConnections/delete",
    )
    return Answer(200 if was else 204)


@route("GET", f"{ONE}/privateLinkResources", action=f"{ACTION}/privateLinkResources/read")
def link_resources(call: Call) -> Answer:
    """Say what a private endpoint asks for here."""
    cache = the_cache(call)
    return Answer(
        body={
            "value": [
                {
                    "id": f"{cache['id']}/privateLinkResources/redisCache",
                    "name": "redisCache",
                    "type": f"{TYPE}/privateLinkResources",
                    "properties": {
                        "groupId": "redisCache",
                        "requiredMembers": ["redisCache"],
                        "requiredZoneNames": ["privatelink.redis.cache.windows.net"],
                    },
                }
            ]
        }
    )


def _ipv4(text: Any, name: str) -> ipaddress.IPv4Address:
    try:
        return ipaddress.IPv4Address(str(text))
    except ValueError:
        raise invalid(f"properties.{name}", "An IPv4 address was expected.") from None
