"""Private endpoints, and the DNS zone groups that write their records.

An endpoint does what Azure's does: it takes an address of its subnet, has an interface, writes
records into zones, and takes all of it along when it goes; its connection to the cache is kept in
step by :mod:`refused.lab.arm.links`. A recorded ``Microsoft.Cache/Redis`` shut its public door when
its endpoint was made (``azcli-network__test_private_endpoint_connection_acfr``); nothing is recorded
of ``redisEnterprise``, whose door stays as it is.
"""

from __future__ import annotations

import copy
import uuid
from typing import TYPE_CHECKING

from refused.lab.arm import links, private_dns
from refused.lab.arm.exclusive import exclusive
from refused.lab.arm.network import (
    GROUP,
    NAMESPACE,
    Document,
    Kind,
    begin,
    declare,
    free_address,
    id_of,
    identified,
    new_etag,
    no_child,
    require_subnet,
    shape_interface,
    stamp,
    tagged,
)
from refused.lab.arm.routes import Answer, Call, Refusal, route
from refused.lab.arm.state import type_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.lab.arm.state import State


def _shape_endpoint(call: Call, document: Document, old: Document | None) -> None:
    said = document["properties"]
    if not said.get("subnet"):
        raise Refusal(400, "InvalidRequestFormat", "A private endpoint needs a subnet.")
    said["subnet"] = {"id": said["subnet"]["id"]}
    require_subnet(call.state, said["subnet"]["id"])
    for field in ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections"):
        said[field] = [copy.deepcopy(each) for each in said.get(field) or ()]
        for each in said[field]:
            id = f"{document['id']}/{field}/{each['name']}"  # noqa: A001
            each.setdefault("properties", {})
            identified(each, id, f"{document['type']}/{field}")
            _resource(call.state, each["properties"].get("privateLinkServiceId", ""))
    said.setdefault("customNetworkInterfaceName", "")
    said.setdefault("ipConfigurations", [])
    before = (old or {}).get("properties") or {}
    for field in ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections"):
        stood = {each["name"]: each["properties"] for each in before.get(field, ())}
        for each in said[field]:
            if each["name"] in stood:
                state = stood[each["name"]]["privateLinkServiceConnectionState"]
                each["properties"]["privateLinkServiceConnectionState"] = state
    said["networkInterfaces"] = before.get("networkInterfaces") or []
    said["customDnsConfigs"] = before.get("customDnsConfigs") or []


def _resource(state: State, id: str) -> Document:  # noqa: A002
    found = state.get(id)
    if found is None:
        raise Refusal(
            400,
            "InvalidResourceReference",
            f"Resource {id} referenced by a private link service connection was not found.",
        )
    return found


def _join(call: Call, endpoint: Document) -> None:
    """Give a new private endpoint its interface, and its connections their state."""
    state, said = call.state, endpoint["properties"]
    if said["networkInterfaces"]:
        return
    number = str(uuid.uuid4())
    name = said["customNetworkInterfaceName"] or f"{endpoint['name']}.nic.{number}"
    stem = endpoint["id"].rpartition("/privateEndpoints/")[0]
    interface_id = f"{stem}/networkInterfaces/{name}"
    fixed = [each.get("properties", {}) for each in said["ipConfigurations"]]
    places: list[Document] = []
    configs: list[Document] = []
    both = [
        (each, status)
        for field, status in (
            ("privateLinkServiceConnections", "Approved"),
            ("manualPrivateLinkServiceConnections", "Pending"),
        )
        for each in said[field]
    ]
    for at, (each, status) in enumerate(both):
        target = _resource(state, each["properties"]["privateLinkServiceId"])
        asked = fixed[at].get("privateIPAddress") if at < len(fixed) else None
        address = asked or free_address(state, said["subnet"]["id"])
        host = str(target["properties"].get("hostName", ""))
        groups = each["properties"].get("groupIds") or [""]
        places.append(
            {
                "name": f"privateEndpointIpConfig.{uuid.uuid4()}",
                "properties": {
                    "privateIPAddress": address,
                    "privateIPAllocationMethod": "Static" if asked else "Dynamic",
                    "subnet": dict(said["subnet"]),
                    "primary": at == 0,
                    "privateIPAddressVersion": "IPv4",
                    "privateLinkConnectionProperties": {
                        "groupId": groups[0],
                        "requiredMemberName": groups[0],
                        "fqdns": [host],
                    },
                },
            }
        )
        configs.append({"fqdn": host, "ipAddresses": [address]})
        text = "Auto-Approved"
        if status == "Pending":
            text = each["properties"].get("requestMessage") or "Please approve my connection"
        told = {"status": status, "description": text, "actionsRequired": "None"}
        each["properties"]["privateLinkServiceConnectionState"] = told
        _shut_public_door(call, target, status)
    interface = {
        "name": name,
        "id": interface_id,
        "type": f"{NAMESPACE}/networkInterfaces",
        "location": endpoint["location"],
        "managedBy": endpoint["id"],
        "kind": "Regular",
        "properties": {
            "provisioningState": "Succeeded",
            "resourceGuid": str(uuid.uuid4()),
            "macAddress": "",
            "privateEndpoint": {"id": endpoint["id"]},
            "ipConfigurations": places,
        },
    }
    shape_interface(call, interface, None)
    stamp(interface, new_etag(), "Succeeded")
    state.put(interface_id, interface, call.caller, quiet=True)
    said["networkInterfaces"] = [{"id": interface_id}]
    said["customDnsConfigs"] = configs


def _shut_public_door(call: Call, target: Document, status: str) -> None:
    """Do as the recorded cache does: with its first endpoint its public door shuts."""
    is_redis = type_of(target["id"]) == "microsoft.cache/redis"
    if is_redis and status == "Approved" and not links.of_cache(call.state, target["id"]):
        target["properties"]["publicNetworkAccess"] = "Disabled"
        call.state.put(target["id"], target, call.caller, quiet=True)


def _leave(call: Call, endpoint: Document) -> None:
    """Take away what an endpoint brought: records and interface; the connections follow it."""
    for group in call.state.children(endpoint["id"], "privateDnsZoneGroups"):
        _withdraw_records(call, group)
    for interface in endpoint["properties"].get("networkInterfaces", ()):
        call.state.delete(interface["id"], call.caller, quiet=True)


declare(Kind("privateEndpoints", _shape_endpoint, made=_join, gone=_leave))


# --- DNS zone groups of private endpoints ---------------------------------------------------------

_ZONEGROUPS = f"{GROUP}/privateEndpoints/{{name}}/privateDnsZoneGroups"
_ZONEGROUP_ACTION = f"{NAMESPACE}/privateEndpoints/privateDnsZoneGroups"


def _zone_group_id(call: Call) -> str:
    return f"{id_of(call, 'privateEndpoints')}/privateDnsZoneGroups/{call.params['child']}"


@route("GET", _ZONEGROUPS, action=f"{_ZONEGROUP_ACTION}/read")
def _list_zone_groups(call: Call) -> Answer:
    endpoint = call.state.require(id_of(call, "privateEndpoints"))
    found = call.state.children(endpoint["id"], "privateDnsZoneGroups")
    return Answer(body={"value": found})


@route("GET", f"{_ZONEGROUPS}/{{child}}", action=f"{_ZONEGROUP_ACTION}/read")
def _show_zone_group(call: Call) -> Answer:
    found = call.state.get(_zone_group_id(call))
    if found is None:
        raise no_child(call)
    return tagged(found)


@route("PUT", f"{_ZONEGROUPS}/{{child}}", action=f"{_ZONEGROUP_ACTION}/write")
@exclusive
def _put_zone_group(call: Call) -> Answer:
    endpoint = call.state.require(id_of(call, "privateEndpoints"))
    old = call.state.get(_zone_group_id(call))
    id = f"{endpoint['id']}/privateDnsZoneGroups/{call.params['child']}"  # noqa: A001
    type = f"{NAMESPACE}/privateEndpoints/privateDnsZoneGroups"  # noqa: A001
    configs = [
        copy.deepcopy(each)
        for each in ((call.body or {}).get("properties") or {}).get("privateDnsZoneConfigs") or ()
    ]
    group: Document = {
        "name": call.params["child"],
        "id": id,
        "type": type,
        "properties": {"provisioningState": "Updating", "privateDnsZoneConfigs": configs},
    }
    for config in configs:
        config["id"] = f"{id}/privateDnsZoneConfigs/{config['name']}"
        config["type"] = f"{type}/privateDnsZoneConfigs"
        zone_id = str(config["properties"].get("privateDnsZoneId", ""))
        if call.state.get(zone_id) is None:
            raise Refusal(
                400,
                "InvalidResourceReference",
                f"Resource {zone_id} referenced by {id} was not found.",
            )
        config["properties"] = {
            "provisioningState": "Updating",
            "privateDnsZoneId": zone_id,
            "recordSets": _record_sets(endpoint, zone_id),
        }
    if old is not None:
        _withdraw_records(call, old)
    _stamp_group(group, "Updating")
    call.state.put(id, group, call.caller, correlation_id=call.correlation_id)
    _write_records(call, endpoint, group)

    def done() -> None:
        _stamp_group(group, "Succeeded")
        call.state.put(id, group, call.caller, quiet=True)

    answer = Answer(201 if old is None else 200, copy.deepcopy(group))
    return begin(call, answer, str(endpoint["location"]), done)


@route("DELETE", f"{_ZONEGROUPS}/{{child}}", action=f"{_ZONEGROUP_ACTION}/delete")
@exclusive
def _delete_zone_group(call: Call) -> Answer:
    group = call.state.get(_zone_group_id(call))
    if group is None:
        return Answer(204)
    _withdraw_records(call, group)
    call.state.delete(group["id"], call.caller, correlation_id=call.correlation_id)
    endpoint = call.state.get(id_of(call, "privateEndpoints")) or {}
    where = str(endpoint.get("location", "westeurope"))
    return begin(call, Answer(202), where, lambda: None)


def _stamp_group(group: Document, state: str) -> None:
    stamp(group, new_etag(), state)
    for config in group["properties"]["privateDnsZoneConfigs"]:
        for each in config["properties"]["recordSets"]:
            each["provisioningState"] = state


def _record_sets(endpoint: Document, zone_id: str) -> list[Document]:
    """Return the records that a zone group writes: names outside the zone's suffix get none."""
    zone = zone_id.rpartition("/")[2]
    suffix = zone.removeprefix("privatelink.")
    found: list[Document] = []
    for config in endpoint["properties"].get("customDnsConfigs", ()):
        fqdn = str(config.get("fqdn", ""))
        if fqdn.lower().endswith(f".{suffix.lower()}"):
            label = fqdn[: -len(suffix) - 1]
            found.append(
                {
                    "recordType": "A",
                    "recordSetName": label,
                    "fqdn": f"{label}.{zone}",
                    "ttl": 10,
                    "provisioningState": "Updating",
                    "ipAddresses": list(config["ipAddresses"]),
                }
            )
    return found


def _records_of(group: Document) -> Iterator[tuple[str, Document]]:
    for config in group["properties"]["privateDnsZoneConfigs"]:
        for each in config["properties"]["recordSets"]:
            yield config["properties"]["privateDnsZoneId"], each


def _write_records(call: Call, endpoint: Document, group: Document) -> None:
    guid = endpoint["properties"].get("resourceGuid", "")
    for zone_id, each in _records_of(group):
        private_dns.write_record(
            call.state,
            zone_id,
            each["recordSetName"],
            each["ipAddresses"],
            ttl_s=each["ttl"],
            creator=f"created by private endpoint {endpoint['name']} with resource guid {guid}",
        )


def _withdraw_records(call: Call, group: Document) -> None:
    for zone_id, each in _records_of(group):
        private_dns.withdraw_record(call.state, zone_id, each["recordSetName"], each["ipAddresses"])
