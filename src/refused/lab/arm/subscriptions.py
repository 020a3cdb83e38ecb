"""What lies above the resources: tenants, subscriptions, groups, providers, rights, locks.

Sources: the API descriptions of ``Microsoft.Resources`` (2022-12-01, 2024-03-01) and of
``Microsoft.Authorization`` (2022-04-01, 2020-05-01).
"""

from __future__ import annotations

import re
from typing import Any

from refused.lab.arm import documents, routes
from refused.lab.arm.routes import Answer, Call, Refusal, provides, route
from refused.lab.arm.state import Document, key, type_of

_SUB = "/subscriptions/{sub}"
_GROUP = f"{_SUB}/resourceGroups/{{group}}"
_GROUPS = "Microsoft.Resources/subscriptions/resourceGroups"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"

provides("Microsoft.Resources", subscriptions=(), resourceGroups=(), deployments=())
provides(
    "Microsoft.Authorization",
    locks=("2020-05-01", "2017-04-01", "2016-09-01", "2015-01-01"),
    permissions=(
        "2022-05-01-preview",
        "2022-04-01",
        "2018-07-01",
        "2018-01-01-preview",
        "2015-07-01",
    ),
)


@route("GET", "/tenants")
def tenants(call: Call) -> Answer:
    """List the one tenant."""
    own = {
        "id": f"/tenants/{call.state.tenant}",
        "tenantId": call.state.tenant,
        "countryCode": "DE",
        "displayName": "Contoso",
        "domains": ["contoso.example"],
        "tenantCategory": "Home",
        "defaultDomain": "contoso.example",
        "tenantType": "AAD",
    }
    return Answer(body={"value": [own]})


@route("GET", "/subscriptions")
def subscriptions(call: Call) -> Answer:
    """List the subscriptions that the caller can see."""
    known = [
        each
        for id_, each in call.state.documents.items()
        if re.fullmatch(r"/subscriptions/[^/]+", id_)
    ]
    return Answer(
        body={"value": known, "count": {"type": "Total", "value": len(known)}},
    )


@route("GET", _SUB)
def subscription(call: Call) -> Answer:
    """Show a subscription."""
    return Answer(body=call.state.require(call.id))


@route("GET", f"{_SUB}/locations")
def locations(call: Call) -> Answer:
    """List the regions that the twin knows."""
    found = [
        {
            "id": f"/subscriptions/{call.params['sub']}/locations/{name}",
            "name": name,
            "type": "Region",
            "displayName": shown,
            "regionalDisplayName": shown,
            "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
        }
        for name, shown in documents.DISPLAYED.items()
    ]
    return Answer(body={"value": found})


# --- groups --------------------------------------------------------------------------------------


@route("GET", f"{_SUB}/resourceGroups", action=f"{_GROUPS}/read")
def groups(call: Call) -> Answer:
    """List the resource groups."""
    stem = f"/subscriptions/{call.params['sub']}/resourcegroups/".lower()
    found = [
        each
        for id_, each in call.state.documents.items()
        if id_.startswith(stem) and "/" not in id_[len(stem) :]
    ]
    return Answer(body={"value": found})


@route("GET", _GROUP, action=f"{_GROUPS}/read")
def group(call: Call) -> Answer:
    """Show a resource group."""
    found = call.state.get(call.id)
    if found is None:
        raise _no_group(call)
    return Answer(body=found)


@route("HEAD", _GROUP, action=f"{_GROUPS}/read")
def has_group(call: Call) -> Answer:
    """Say whether there is a group: 204 or 404."""
    return Answer(204 if call.state.get(call.id) is not None else 404)


def _no_group(call: Call) -> Refusal:
    return Refusal(
        404,
        "ResourceGroupNotFound",
        f"Resource group '{call.params['group'][:90]}' could not be found.",
        headers={"x-ms-failure-cause": "gateway"},
    )


@route("PUT", _GROUP, action=f"{_GROUPS}/write")
def put_group(call: Call) -> Answer:
    """Make a resource group, or change its tags."""
    body = call.body if isinstance(call.body, dict) else {}
    if not body.get("location"):
        raise Refusal(400, "LocationRequired", "The location property is required.")
    had = call.state.get(call.id)
    made = documents.group(call.params["sub"], call.params["group"], body["location"])
    made["tags"] = body.get("tags") or {}
    call.state.put(call.id, made, call.caller, operation=f"{_GROUPS}/write")
    return Answer(200 if had else 201, made)


@route("DELETE", _GROUP, action=f"{_GROUPS}/delete")
def remove_group(call: Call) -> Answer:
    """Delete a group with all that is in it."""
    if not call.state.delete(call.id, call.caller, operation=f"{_GROUPS}/delete"):
        raise _no_group(call)
    return Answer(200)


# --- resources -----------------------------------------------------------------------------------


@route("GET", f"{_SUB}/resources", action="Microsoft.Resources/subscriptions/resources/read")
def resources(call: Call) -> Answer:
    """List the resources of a subscription; ``$filter`` by type, name or group."""
    return Answer(body={"value": _resources(call, f"/subscriptions/{call.params['sub']}/")})


@route("GET", f"{_GROUP}/resources", action=f"{_GROUPS}/resources/read")
def group_resources(call: Call) -> Answer:
    """List the resources of a group."""
    stem = f"/subscriptions/{call.params['sub']}/resourceGroups/{call.params['group']}/"
    return Answer(body={"value": _resources(call, stem)})


_FILTER = re.compile(r"(resourceType|name|resourceGroup|location)\s+eq\s+'([^']*)'", re.IGNORECASE)


def _resources(call: Call, stem: str) -> list[Document]:
    wanted = {
        name.lower(): value.lower()
        for name, value in _FILTER.findall(call.query.get("$filter", ""))
    }
    found = []
    for id_, each in list(call.state.documents.items()):
        if not id_.startswith(stem.lower()) or "/providers/" not in id_:
            continue
        if len(type_of(id_).split("/")) != 2:  # only what stands on its own
            continue
        facts = {
            "resourcetype": str(each.get("type", "")).lower(),
            "name": str(each.get("name", "")).lower(),
            "resourcegroup": id_.split("/")[4],
            "location": str(each.get("location", "")).lower(),
        }
        if any(facts[name] != value for name, value in wanted.items()):
            continue
        fields = ("id", "name", "type", "kind", "location", "tags", "sku", "managedBy", "identity")
        # Of a cache's own SKU the list says nothing; it lies among the properties.
        found.append({name: each[name] for name in fields if name in each})
    return found


@route("POST", f"{_GROUP}/exportTemplate", action=f"{_GROUPS}/exportTemplate/action")
def export_template(call: Call) -> Answer:
    """Export a group, or those of its resources that are named, as a template."""
    body = call.body if isinstance(call.body, dict) else {}
    named = [key(str(each)) for each in body.get("resources") or ["*"]]
    stem = f"/subscriptions/{call.params['sub']}/resourceGroups/{call.params['group']}/".lower()
    found = []
    for id_, each in list(call.state.documents.items()):
        if not id_.startswith(stem) or "/providers/" not in id_:
            continue
        if "*" not in named and not any(id_ == n or id_.startswith(f"{n}/") for n in named):
            continue
        name = "/".join(id_.split("/providers/")[-1].split("/")[2::2])
        fields = ("location", "tags", "sku", "kind", "zones", "identity")
        properties = {
            name: value
            for name, value in (each.get("properties") or {}).items()
            if name not in _READ_ONLY
        }
        found.append(
            {
                "type": each.get("type") or type_of(id_),
                "apiVersion": _newest(str(each.get("type") or type_of(id_))),
                "name": name,
                **{field: each[field] for field in fields if each.get(field)},
                "properties": properties,
            }
        )
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/"
        "deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {},
        "variables": {},
        "resources": found,
    }
    return Answer(body={"template": template})


_READ_ONLY = frozenset(
    {
        "provisioningState",
        "resourceState",
        "hostName",
        "accessKeys",
        "instances",
        "linkedServers",
        "privateEndpointConnections",
        "resourceGuid",
        "port",
        "sslPort",
        "defaultSecurityRules",
        "networkInterfaces",
        "customDnsConfigs",
    }
)


def _newest(kind: str) -> str:
    namespace, _, rest = kind.partition("/")
    for name, types in routes.VERSIONS.items():
        if name.lower() == namespace.lower():
            for each, versions in types.items():
                if each.lower() == rest.split("/")[0].lower() and versions:
                    return next((v for v in versions if "preview" not in v), versions[0])
    return "2024-03-01"


# --- providers -----------------------------------------------------------------------------------


def _provider(sub: str, namespace: str, types: dict[str, tuple[str, ...]]) -> Document:
    return {
        "id": f"/subscriptions/{sub}/providers/{namespace}",
        "namespace": namespace,
        "registrationPolicy": "RegistrationRequired",
        "registrationState": "Registered",
        "resourceTypes": [
            {
                "resourceType": name,
                "locations": list(routes.LOCATIONS),
                "apiVersions": list(versions),
                "defaultApiVersion": next(iter(versions), ""),
                "capabilities": "SupportsTags, SupportsLocation",
            }
            for name, versions in types.items()
        ],
    }


@route("GET", f"{_SUB}/providers")
def providers(call: Call) -> Answer:
    """List the providers, with the api-versions of their types."""
    found = [_provider(call.params["sub"], *each) for each in sorted(routes.VERSIONS.items())]
    return Answer(body={"value": found})


@route("GET", f"{_SUB}/providers/{{namespace}}")
def provider(call: Call) -> Answer:
    """Show one provider."""
    for namespace, types in routes.VERSIONS.items():
        if namespace.lower() == call.params["namespace"].lower():
            return Answer(body=_provider(call.params["sub"], namespace, types))
    raise Refusal(
        404,
        "InvalidResourceNamespace",
        f"The resource namespace '{call.params['namespace'][:60]}' is invalid.",
    )


@route("POST", f"{_SUB}/providers/{{namespace}}/register")
def register(call: Call) -> Answer:
    """Register a provider, which it is already."""
    return provider(call)


# --- rights and locks ----------------------------------------------------------------------------


@route("GET", "/{*scope}/providers/Microsoft.Authorization/permissions")
def permissions(call: Call) -> Answer:
    """Say what the caller may do with a resource: everything but what a world denies."""
    allowed = {"actions": ["*"], "notActions": list(call.state.denied)}
    return Answer(body={"value": [{**allowed, "dataActions": [], "notDataActions": []}]})


_ASSIGNMENTS = "/{*scope}/providers/Microsoft.Authorization/roleAssignments"


@route("GET", _ASSIGNMENTS, action="Microsoft.Authorization/roleAssignments/read")
def role_assignments(call: Call) -> Answer:
    """List the one role that the caller has."""
    sub = f"/subscriptions/{call.state.subscription}"
    stem = f"{sub}/providers/Microsoft.Authorization"
    name = "6d0a5b1e-0000-4000-8000-0000000000cc"
    return Answer(
        body={
            "value": [
                {
                    "id": f"{stem}/roleAssignments/{name}",
                    "name": name,
                    "type": "Microsoft.Authorization/roleAssignments",
                    "properties": {
                        "roleDefinitionId": f"{stem}/roleDefinitions/{CONTRIBUTOR}",
                        "principalId": call.caller.object_id,
                        "principalType": "ServicePrincipal",
                        "scope": sub,
                    },
                }
            ]
        }
    )


@route("GET", "/{*scope}/providers/Microsoft.Authorization/roleDefinitions/{role}")
def role_definition(call: Call) -> Answer:
    """Show one of the two roles that the twin knows."""
    found = {CONTRIBUTOR: ("Contributor", ["*"]), READER: ("Reader", ["*/read"])}
    if call.params["role"] not in found:
        raise Refusal(404, "RoleDefinitionDoesNotExist", "The specified role is not known here.")
    return Answer(body=_role(call, call.params["role"], *found[call.params["role"]]))


@route("GET", "/{*scope}/providers/Microsoft.Authorization/roleDefinitions")
def role_definitions(call: Call) -> Answer:
    """List the two roles that the twin knows."""
    known = ((CONTRIBUTOR, "Contributor", ["*"]), (READER, "Reader", ["*/read"]))
    return Answer(body={"value": [_role(call, *each) for each in known]})


def _role(call: Call, id_: str, name: str, actions: list[str]) -> dict[str, Any]:
    stem = f"/subscriptions/{call.state.subscription}/providers/Microsoft.Authorization"
    rights = {"actions": actions, "notActions": [], "dataActions": [], "notDataActions": []}
    return {
        "id": f"{stem}/roleDefinitions/{id_}",
        "name": id_,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": {
            "roleName": name,
            "type": "BuiltInRole",
            "description": "",
            "assignableScopes": ["/"],
            "permissions": [rights],
        },
    }


_LOCKS = "/{*scope}/providers/Microsoft.Authorization/locks"
_LOCK = "Microsoft.Authorization/locks"


@route("GET", _LOCKS, action=f"{_LOCK}/read")
def locks(call: Call) -> Answer:
    """List the locks at a scope and below it."""
    scope = "/" + call.params["scope"].strip("/").lower()
    found = [each for each in call.state.of_type(_LOCK) if key(each["id"]).startswith(scope + "/")]
    return Answer(body={"value": found})


@route("GET", f"{_LOCKS}/{{name}}", action=f"{_LOCK}/read")
def lock(call: Call) -> Answer:
    """Show a lock."""
    return Answer(body=call.state.require(call.id))


@route("PUT", f"{_LOCKS}/{{name}}", action=f"{_LOCK}/write")
def put_lock(call: Call) -> Answer:
    """Make a lock: nothing at its scope can be deleted, or (``ReadOnly``) changed."""
    asked = (call.body or {}).get("properties") or {}
    if asked.get("level") not in ("CanNotDelete", "ReadOnly"):
        raise Refusal(400, "LockLevelInvalid", "The level is CanNotDelete or ReadOnly.")
    is_new = call.state.get(call.id) is None
    made = {
        "id": call.id,
        "name": call.params["name"],
        "type": _LOCK,
        "properties": {"level": asked["level"], "notes": asked.get("notes", "")},
    }
    call.state.put(call.id, made, call.caller, operation=f"{_LOCK}/write")
    return Answer(201 if is_new else 200, made)


@route("DELETE", f"{_LOCKS}/{{name}}", action=f"{_LOCK}/delete")
def remove_lock(call: Call) -> Answer:
    """Remove a lock."""
    was = call.state.delete(call.id, call.caller, operation=f"{_LOCK}/delete")
    return Answer(200 if was else 204)
