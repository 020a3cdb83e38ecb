"""What the interface of a client is subject to: its effective rules and routes, and service tags.

Azure answers only for an interface of a virtual machine that runs; the twin, which has none, for any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.arm import nsg
from refused.lab.arm.network import GROUP, NAMESPACE, SUB, Document, id_of, require_subnet
from refused.lab.arm.operations import start
from refused.lab.arm.routes import Answer, Call, Refusal, route

if TYPE_CHECKING:
    from refused.lab.arm.state import State


def _interface_subnet(call: Call) -> tuple[Document, str]:
    interface = call.state.require(id_of(call, "networkInterfaces"))
    for place in interface["properties"].get("ipConfigurations", ()):
        if place["properties"].get("subnet"):
            return interface, str(place["properties"]["subnet"]["id"])
    raise Refusal(400, "NicHasNoSubnet", f"{interface['name']} lies in no subnet.")


@route(
    "POST",
    f"{GROUP}/networkInterfaces/{{name}}/effectiveNetworkSecurityGroups",
    action=f"{NAMESPACE}/networkInterfaces/effectiveNetworkSecurityGroups/action",
)
def _effective_groups(call: Call) -> Answer:
    interface, subnet_id = _interface_subnet(call)
    subnet = require_subnet(call.state, subnet_id)
    found = []
    for owner, association in (
        (subnet, {"subnet": {"id": subnet_id}}),
        (interface, {"networkInterface": {"id": interface["id"]}}),
    ):
        reference = owner["properties"].get("networkSecurityGroup")
        group = call.state.get(reference["id"]) if reference else None
        if group is None:
            continue
        rules = [
            _effective_rule(call.state, subnet_id, each, prefix)
            for prefix, field in (
                ("securityRules", "securityRules"),
                ("defaultSecurityRules", "defaultSecurityRules"),
            )
            for each in group["properties"].get(field, ())
        ]
        found.append(
            {
                "networkSecurityGroup": {"id": group["id"]},
                "association": association,
                "effectiveSecurityRules": rules,
            }
        )
    return _found_out(call, interface, {"value": found})


def _effective_rule(state: State, subnet_id: str, rule: Document, place: str) -> Document:
    said = rule["properties"]
    shown: Document = {
        "name": f"{place}/{rule['name']}",
        "protocol": "All" if said["protocol"] == "*" else said["protocol"],
        "access": said["access"],
        "priority": said["priority"],
        "direction": said["direction"],
    }
    for end in ("source", "destination"):
        ports = nsg.listed(said, f"{end}PortRange")
        spans = ["0-65535" if each == "*" else each for each in ports]
        spans = [each if "-" in each else f"{each}-{each}" for each in spans]
        prefixes = nsg.listed(said, f"{end}AddressPrefix")
        shown[f"{end}PortRange"] = (spans or ["0-65535"])[0]
        shown[f"{end}PortRanges"] = spans or ["0-65535"]
        shown[f"{end}AddressPrefix"] = (prefixes or ["0.0.0.0/0"])[0]
        shown[f"{end}AddressPrefixes"] = prefixes or ["0.0.0.0/0"]
        expanded = [net for prefix in prefixes for net in nsg.expanded(state, subnet_id, prefix)]
        if expanded:
            shown[f"expanded{end.capitalize()}AddressPrefix"] = expanded
    return shown


@route(
    "POST",
    f"{GROUP}/networkInterfaces/{{name}}/effectiveRouteTable",
    action=f"{NAMESPACE}/networkInterfaces/effectiveRouteTable/action",
)
def _effective_routes(call: Call) -> Answer:
    interface, subnet_id = _interface_subnet(call)
    found = [
        {
            **({"name": each.name} if each.source == "User" else {}),
            "disableBgpRoutePropagation": False,
            "source": each.source,
            "state": "Active" if each.active else "Invalid",
            "addressPrefix": [str(each.net)],
            "nextHopIpAddress": [each.via] if each.via else [],
            "nextHopType": each.hop,
        }
        for each in nsg.effective_routes(call.state, subnet_id)
    ]
    return _found_out(call, interface, {"value": found})


def _found_out(call: Call, interface: Document, result: Document) -> Answer:
    call.state.act(interface["id"], call.action, call.caller, correlation_id=call.correlation_id)
    return start(
        call,
        Answer(202),
        namespace=NAMESPACE,
        location=str(interface.get("location", "westeurope")),
        result=result,
    )


# --- service tags ---------------------------------------------------------------------------------


@route(
    "GET",
    f"{SUB}/locations/{{location}}/serviceTags",
    action=f"{NAMESPACE}/locations/serviceTags/read",
)
def _service_tags(call: Call) -> Answer:
    """List the tags that the twin knows: of the real ones a small part."""
    values = [
        {
            "name": name,
            "id": name,
            "properties": {
                "changeNumber": "1",
                "region": "",
                "systemService": name,
                "addressPrefixes": list(nsg.tag_prefixes(call.state, name)),
                "state": "GA",
            },
        }
        for name in nsg.tag_names(call.state)
    ]
    return Answer(
        body={
            "name": "Public",
            "id": f"/subscriptions/{call.params['sub']}/providers/{NAMESPACE}/serviceTags/Public",
            "type": f"{NAMESPACE}/serviceTags",
            "changeNumber": "1",
            "cloud": "Public",
            "values": values,
        }
    )
