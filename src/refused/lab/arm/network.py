"""Microsoft.Network: networks, subnets, security groups, routes, interfaces.

A child that Azure shows inside its parent (a subnet, a security rule, a route) lies in the parent's
document; only the DNS zone groups of a private endpoint are documents of their own. What points
back (which subnets use a security group) is worked out when somebody asks, in the capital letters
that the recordings show.

Private endpoints are in :mod:`refused.lab.arm.private_endpoints`, the effective rules and routes
of an interface in :mod:`refused.lab.arm.effective`.
"""

from __future__ import annotations

import copy
import ipaddress
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from refused.lab.arm import nsg
from refused.lab.arm.exclusive import exclusive
from refused.lab.arm.operations import start
from refused.lab.arm.routes import Answer, Call, Refusal, provides, route
from refused.lab.arm.state import key

if TYPE_CHECKING:
    from collections.abc import Callable

    from refused.lab.arm.state import State

Document = dict[str, Any]

NAMESPACE = "Microsoft.Network"
GROUP = "/subscriptions/{sub}/resourceGroups/{group}/providers/Microsoft.Network"
SUB = "/subscriptions/{sub}/providers/Microsoft.Network"

# The stable versions that are known, newest first; az and the SDKs ask for one of their own each.
VERSIONS = tuple(
    f"{year}-{day}"
    for year, days in (
        (2026, "09-01 03-01 01-01"),
        (2025, "09-01 07-01 05-01 03-01 01-01"),
        (2024, "10-01 07-01 05-01 03-01 01-01"),
        (2023, "11-01 09-01 06-01 05-01 04-01 02-01"),
        (2022, "11-01 09-01 07-01 05-01 01-01"),
        (2021, "12-01 08-01 05-01 03-01 02-01 01-01"),
        (2020, "11-01 08-01 07-01 06-01 05-01 04-01 03-01 01-01"),
        (2019, "12-01 11-01 09-01 08-01 07-01 06-01 04-01 02-01"),
        (2018, "12-01 11-01 10-01 08-01 07-01 06-01 05-01 04-01 03-01 02-01 01-01"),
        (2017, "11-01 10-01 09-01 08-01 06-01 04-01 03-01"),
    )
    for day in days.split()
)
_KINDS = (
    "virtualNetworks",
    "networkSecurityGroups",
    "routeTables",
    "networkInterfaces",
    "applicationSecurityGroups",
    "publicIPAddresses",
    "natGateways",
    "privateEndpoints",
    "locations",
)
provides(NAMESPACE, **dict.fromkeys(_KINDS, VERSIONS))


@dataclass(frozen=True)
class Kind:
    """A resource type of the first level.

    Attributes:
        shape: Gives what was sent the look that a GET has: the call, what was sent, what stood
            there before.
        shown: Adds to a document what is worked out when somebody asks.
        made: What else comes about with a document, before it is stored.
        gone: What else goes with it.
    """

    name: str
    shape: Callable[[Call, Document, Document | None], None]
    shown: Callable[[State, Document], None] | None = None
    made: Callable[[Call, Document], None] = lambda _call, _document: None
    gone: Callable[[Call, Document], None] = lambda _call, _document: None


@dataclass(frozen=True)
class Child:
    """A type whose resources lie in a list of their parent's document.

    Attributes:
        field: The list, among the parent's properties.
    """

    parent: str
    name: str
    field: str
    shape: Callable[[Call, Document, str, str], None]
    readonly: bool = False


# --- giving documents their look ------------------------------------------------------------------


def new_etag() -> str:
    """Return an etag as this provider writes them."""
    return f'W/"{uuid.uuid4()}"'


def stamp(document: Document, etag: str, state: str) -> None:
    """Set etag and provisioning state of a document and of all that lies in it."""
    document["etag"] = etag
    said = document.setdefault("properties", {})
    said["provisioningState"] = state
    for field in _NESTED:
        for each in said.get(field) or ():
            if isinstance(each, dict) and "properties" in each:
                stamp(each, etag, state)


_NESTED = (
    "subnets",
    "virtualNetworkPeerings",
    "securityRules",
    "defaultSecurityRules",
    "routes",
    "delegations",
    "ipConfigurations",
    "privateLinkServiceConnections",
    "manualPrivateLinkServiceConnections",
    "privateDnsZoneConfigs",
)


def nested(
    call: Call,
    document: Document,
    field: str,
    name: str,
    shape: Callable[[Call, Document, str, str], None],
) -> None:
    """Shape every child in one list of a document."""
    said = document["properties"]
    said[field] = [dict(each) for each in said.get(field) or ()]
    for each in said[field]:
        each["properties"] = dict(each.get("properties") or {})
        shape(call, each, f"{document['id']}/{name}/{each.get('name', '')}", document["type"])


def identified(child: Document, id: str, type: str) -> None:  # noqa: A002  # ARM's words
    """Give a child its id and type."""
    child["id"], child["type"] = id, type
    child["properties"].setdefault("provisioningState", "Succeeded")


def _plain(call: Call, document: Document, old: Document | None) -> None:
    del call, old
    for field in ("subnets", "resourceGuid"):
        document["properties"].pop(field, None)


def _shape_public_address(call: Call, document: Document, old: Document | None) -> None:
    """Give a public address its look; it has no number unless one is sent."""
    del call, old
    said = document["properties"]
    said.setdefault("publicIPAddressVersion", "IPv4")
    said.setdefault("publicIPAllocationMethod", "Dynamic")
    said.setdefault("idleTimeoutInMinutes", 4)
    said.setdefault("ipTags", [])
    said.setdefault("ddosSettings", {"protectionMode": "VirtualNetworkInherited"})
    document["sku"] = {"name": "Basic", "tier": "Regional", **(document.get("sku") or {})}


def _shape_network(call: Call, document: Document, old: Document | None) -> None:
    said = document["properties"]
    said.setdefault("addressSpace", {"addressPrefixes": []})
    said.setdefault("privateEndpointVNetPolicies", "Disabled")
    nested(call, document, "subnets", "subnets", _shape_subnet)
    nested(call, document, "virtualNetworkPeerings", "virtualNetworkPeerings", _shape_peering)
    kept = {str(each["name"]).lower() for each in said["subnets"]}
    for each in ((old or {}).get("properties") or {}).get("subnets", ()):
        if str(each["name"]).lower() not in kept:
            _refuse_if_inhabited(call.state, each)
    said.setdefault("enableDdosProtection", False)
    said.pop("enableVmProtection", None)


def _shape_subnet(
    call: Call,
    child: Document,
    id: str,  # noqa: A002
    type: str,  # noqa: A002
) -> None:
    identified(child, id, f"{type}/subnets")
    said = child["properties"]
    for back in ("ipConfigurations", "privateEndpoints"):
        said.pop(back, None)
    said["delegations"] = [dict(each) for each in said.get("delegations") or ()]
    for each in said["delegations"]:
        each["properties"] = {"actions": [], **(each.get("properties") or {})}
        identified(each, f"{id}/delegations/{each.get('name', '0')}", f"{type}/subnets/delegations")
    said.setdefault("privateEndpointNetworkPolicies", "Disabled")
    said.setdefault("privateLinkServiceNetworkPolicies", "Enabled")
    for field in ("networkSecurityGroup", "routeTable", "natGateway"):
        if said.get(field) is None:
            said.pop(field, None)
        else:
            said[field] = {"id": said[field]["id"]}
            if call.state.get(said[field]["id"]) is None:
                raise Refusal(
                    400,
                    "InvalidResourceReference",
                    f"Resource {said[field]['id']} referenced by resource {id} was not found. "
                    "Please make sure that the referenced resource exists, and that both "
                    "resources are in the same region.",
                )
    prefixes = said.get("addressPrefixes") or [said.get("addressPrefix")]
    for prefix in prefixes:
        if nsg.network_or_none(str(prefix)) is None:
            raise Refusal(
                400,
                "InvalidAddressPrefixFormat",
                f"Address prefix {prefix} of resource {id} is not formatted correctly. It should "
                "follow CIDR notation, for example 10.0.0.0/24.",
            )


def _shape_peering(
    call: Call,
    child: Document,
    id: str,  # noqa: A002
    type: str,  # noqa: A002
) -> None:
    del call
    identified(child, id, f"{type}/virtualNetworkPeerings")
    said = child["properties"]
    said["peeringState"] = "Initiated"
    said.setdefault("peeringSyncLevel", "FullyInSync")
    said.setdefault("allowVirtualNetworkAccess", True)
    said.setdefault("allowForwardedTraffic", False)
    said.setdefault("allowGatewayTransit", False)
    said.setdefault("useRemoteGateways", False)


def _match_peerings(call: Call, network_id: str) -> None:
    """Connect what both networks want, and part what one of them has given up."""
    network = call.state.get(network_id)
    if network is None:
        return
    mine = network["properties"].get("virtualNetworkPeerings") or []
    for each in call.state.of_type(f"{NAMESPACE}/virtualNetworks"):
        theirs = [
            peering
            for peering in each["properties"].get("virtualNetworkPeerings") or ()
            if _leads_to(peering, network["id"])
        ]
        wanted = [peering for peering in mine if _leads_to(peering, each["id"])]
        for peering in wanted:
            peering["properties"]["peeringState"] = "Connected" if theirs else "Initiated"
        for peering in theirs:
            was = peering["properties"]["peeringState"]
            gone = "Initiated" if was == "Initiated" else "Disconnected"
            peering["properties"]["peeringState"] = "Connected" if wanted else gone
        if theirs and key(each["id"]) != key(network_id):
            call.state.put(each["id"], each, call.caller, quiet=True)
    if mine:
        call.state.put(network_id, network, call.caller, quiet=True)


def _leads_to(peering: Document, network_id: str) -> bool:
    remote = peering["properties"].get("remoteVirtualNetwork") or {}
    return key(str(remote.get("id", ""))) == key(network_id)


def _shape_group(call: Call, document: Document, old: Document | None) -> None:
    del old
    said = document["properties"]
    nested(call, document, "securityRules", "securityRules", _shape_rule)
    _check_priorities(said["securityRules"])
    said["defaultSecurityRules"] = [
        {
            "name": name,
            "properties": {
                "provisioningState": "Succeeded",
                "description": description,
                "protocol": "*",
                "sourcePortRange": "*",
                "destinationPortRange": "*",
                "sourceAddressPrefix": source,
                "destinationAddressPrefix": destination,
                "access": access,
                "priority": priority,
                "direction": direction,
            },
        }
        for name, description, direction, priority, access, source, destination in (
            nsg.DEFAULT_RULES
        )
    ]
    for each in said["defaultSecurityRules"]:
        _look_of_rule(each, document["id"], document["type"], "defaultSecurityRules")
    for back in ("subnets", "networkInterfaces"):
        said.pop(back, None)


def _shape_rule(
    call: Call,
    child: Document,
    id: str,  # noqa: A002
    type: str,  # noqa: A002
) -> None:
    del call
    said = child["properties"]
    missing = [
        each for each in ("protocol", "access", "direction", "priority") if said.get(each) is None
    ]
    if missing:
        raise Refusal(
            400,
            "InvalidRequestFormat",
            f"Cannot parse the request: security rule {id} lacks {', '.join(missing)}.",
        )
    if not 100 <= int(said["priority"]) <= 4096:
        raise Refusal(
            400,
            "SecurityRuleInvalidPriority",
            f"Security rule has invalid Priority. Value provided: {said['priority']} Allowed "
            "range 100-4096.",
        )
    _look_of_rule(child, id.rpartition("/securityRules/")[0], type, "securityRules")


def _look_of_rule(child: Document, group_id: str, type: str, name: str) -> None:  # noqa: A002
    identified(child, f"{group_id}/{name}/{child['name']}", f"{type}/{name}")
    for field in (
        "sourcePortRanges",
        "destinationPortRanges",
        "sourceAddressPrefixes",
        "destinationAddressPrefixes",
    ):
        child["properties"][field] = list(child["properties"].get(field) or ())
    for field in ("sourcePortRange", "destinationPortRange"):
        if child["properties"].get(field) is None and not child["properties"][f"{field}s"]:
            child["properties"][field] = "*"


def _check_priorities(rules: list[Document]) -> None:
    """Refuse two rules of the same direction and priority; the words are from memory."""
    seen: dict[tuple[str, int], str] = {}
    for each in rules:
        said = each["properties"]
        place = (str(said["direction"]).lower(), int(said["priority"]))
        other = seen.setdefault(place, each["name"])
        if other != each["name"]:
            raise Refusal(
                400,
                "SecurityRuleConflict",
                f"Security rule {other} conflicts with rule {each['name']}. Rules cannot have the "
                "same Priority and Direction. To learn more, see https://aka.ms/nsgrules.",
            )


def _shape_table(call: Call, document: Document, old: Document | None) -> None:
    del old
    said = document["properties"]
    said.setdefault("disableBgpRoutePropagation", False)
    nested(call, document, "routes", "routes", _shape_route)
    said.pop("subnets", None)


def _shape_route(
    call: Call,
    child: Document,
    id: str,  # noqa: A002
    type: str,  # noqa: A002
) -> None:
    del call
    identified(child, id, f"{type}/routes")
    child["properties"].setdefault("hasBgpOverride", False)
    if not child["properties"].get("nextHopType"):
        raise Refusal(400, "InvalidRequestFormat", f"Route {id} has no nextHopType.")


def shape_interface(call: Call, document: Document, old: Document | None) -> None:
    """Give an interface its look, and every place in it an address."""
    said = document["properties"]
    before = _addresses_of(old)
    for back in ("virtualMachine", "privateEndpoint"):
        if back not in said and old is not None and back in old["properties"]:
            said[back] = old["properties"][back]
    said["ipConfigurations"] = [dict(each) for each in said.get("ipConfigurations") or ()]
    for at, each in enumerate(said["ipConfigurations"]):
        each["properties"] = place = dict(each.get("properties") or {})
        id = f"{document['id']}/ipConfigurations/{each['name']}"  # noqa: A001
        identified(each, id, f"{document['type']}/ipConfigurations")
        place.setdefault("privateIPAllocationMethod", "Dynamic")
        place.setdefault("primary", at == 0)
        place.setdefault("privateIPAddressVersion", "IPv4")
        if not place.get("privateIPAddress") and place.get("subnet"):
            place["privateIPAddress"] = before.get(each["name"]) or free_address(
                call.state, place["subnet"]["id"]
            )
    said.setdefault("dnsSettings", {"dnsServers": [], "appliedDnsServers": []})
    said.setdefault("enableAcceleratedNetworking", False)
    said.setdefault("vnetEncryptionSupported", False)
    said.setdefault("enableIPForwarding", False)
    said.setdefault("hostedWorkloads", [])
    said.setdefault("tapConfigurations", [])
    said.setdefault("nicType", "Standard")


def _addresses_of(interface: Document | None) -> dict[str, str]:
    return {
        str(each.get("name")): str(each["properties"].get("privateIPAddress", ""))
        for each in ((interface or {}).get("properties") or {}).get("ipConfigurations", ())
    }


def free_address(state: State, subnet_id: str) -> str:
    """Return the first free address of a subnet, whose first four and last Azure keeps.

    Raises:
        Refusal: The subnet is unknown, or full.
    """
    subnet = require_subnet(state, subnet_id)
    said = subnet["properties"]
    prefix = said.get("addressPrefix") or (said.get("addressPrefixes") or [""])[0]
    net = ipaddress.ip_network(prefix, strict=False)
    taken = {
        address
        for interface in state.of_type(f"{NAMESPACE}/networkInterfaces")
        for address in _addresses_of(interface).values()
    }
    first, last = int(net.network_address) + 4, int(net.broadcast_address) - 1
    for number in range(first, last + 1):
        address = str(ipaddress.ip_address(number))
        if address not in taken:
            return address
    raise Refusal(
        400,
        "SubnetIsFull",
        f"Subnet {subnet['name']} with address prefix {prefix} does not have enough capacity for 1 "
        "IP addresses.",
    )


def require_subnet(state: State, subnet_id: str) -> Document:
    """Return a subnet; 400 if something refers to one that is not there."""
    found = nsg.subnet_of(state, subnet_id)
    if found is None:
        raise Refusal(
            400,
            "InvalidResourceReference",
            f"Resource {subnet_id} was not found. Please make sure that the referenced resource "
            "exists, and that both resources are in the same region.",
        )
    return found


# --- what points back -----------------------------------------------------------------------------


def _shouted(id: str) -> str:  # noqa: A002
    """Write names as back references do: the recordings have them in capital letters."""
    parts = id.split("/")
    return "/".join(
        part.upper() if at % 2 == 0 and at > 2 and parts[at - 1] != "providers" else part
        for at, part in enumerate(parts)
    )


def _show_network(state: State, document: Document) -> None:
    for subnet in document["properties"].get("subnets", ()):
        _show_subnet(state, subnet)


def _show_subnet(state: State, subnet: Document) -> None:
    said, wanted = subnet["properties"], key(subnet["id"])
    places = [
        {"id": _shouted(place["id"])}
        for interface in state.of_type(f"{NAMESPACE}/networkInterfaces")
        for place in interface["properties"].get("ipConfigurations", ())
        if key(str(place["properties"].get("subnet", {}).get("id", ""))) == wanted
    ]
    endpoints = [
        {"id": _shouted(endpoint["id"])}
        for endpoint in state.of_type(f"{NAMESPACE}/privateEndpoints")
        if key(endpoint["properties"].get("subnet", {}).get("id", "")) == wanted
    ]
    if places:
        said["ipConfigurations"] = places
    if endpoints:
        said["privateEndpoints"] = endpoints


def _refuse_if_inhabited(state: State, subnet: Document) -> None:
    """Refuse that a subnet goes in which something has an address."""
    shown = copy.deepcopy(subnet)
    _show_subnet(state, shown)
    if users := shown["properties"].get("ipConfigurations"):
        raise Refusal(
            400,
            "InUseSubnetCannotBeDeleted",
            f"Subnet {subnet['name']} is in use by {users[0]['id']} and cannot be deleted. In "
            "order to delete the subnet, delete all the resources within the subnet. See "
            "aka.ms/deletesubnet.",
        )


def _show_users(field: str) -> Callable[[State, Document], None]:
    """Return what adds the subnets and interfaces that use a document."""

    def shown(state: State, document: Document) -> None:
        wanted = key(document["id"])

        def uses(each: Document) -> bool:
            return key(str((each["properties"].get(field) or {}).get("id", ""))) == wanted

        subnets = [
            {"id": subnet["id"]}
            for network in state.of_type(f"{NAMESPACE}/virtualNetworks")
            for subnet in network["properties"].get("subnets", ())
            if uses(subnet)
        ]
        interfaces = [
            {"id": each["id"]}
            for each in state.of_type(f"{NAMESPACE}/networkInterfaces")
            if uses(each)
        ]
        if subnets:
            document["properties"]["subnets"] = subnets
        if interfaces:
            document["properties"]["networkInterfaces"] = interfaces

    return shown


KINDS = (
    Kind("virtualNetworks", _shape_network, _show_network),
    Kind("networkSecurityGroups", _shape_group, _show_users("networkSecurityGroup")),
    Kind("routeTables", _shape_table, _show_users("routeTable")),
    Kind("networkInterfaces", shape_interface),
    Kind("applicationSecurityGroups", _plain),
    Kind("publicIPAddresses", _shape_public_address),
    Kind("natGateways", _plain, _show_users("natGateway")),
)

CHILDREN = (
    Child("virtualNetworks", "subnets", "subnets", _shape_subnet),
    Child("virtualNetworks", "virtualNetworkPeerings", "virtualNetworkPeerings", _shape_peering),
    Child("networkSecurityGroups", "securityRules", "securityRules", _shape_rule),
    Child(
        "networkSecurityGroups",
        "defaultSecurityRules",
        "defaultSecurityRules",
        _shape_rule,
        readonly=True,
    ),
    Child("routeTables", "routes", "routes", _shape_route),
)
_BY_NAME = {kind.name: kind for kind in KINDS}


# --- operations -----------------------------------------------------------------------------------


def id_of(call: Call, kind: str) -> str:
    """Return the id of what a call is about, as Azure writes it."""
    return (
        f"/subscriptions/{call.params['sub']}/resourceGroups/{call.params['group']}"
        f"/providers/{NAMESPACE}/{kind}/{call.params['name']}"
    )


def tagged(document: Document) -> Answer:
    """Return a document with its etag in the header as well."""
    return Answer(200, document, {"etag": str(document["etag"])} if "etag" in document else {})


def _seen(call: Call, kind: Kind, document: Document) -> Document:
    if kind.shown is not None:
        kind.shown(call.state, document)
    return document


def _location(call: Call) -> str:
    asked = (call.body or {}).get("location") if isinstance(call.body, dict) else None
    return str(asked or "westeurope").replace(" ", "").lower()


def begin(call: Call, answer: Answer, location: str, done: Callable[[], object]) -> Answer:
    """Start the long-running end of a write; PUT gives the one header, DELETE both."""
    results = "operationResults" if call.method == "DELETE" else None
    return start(call, answer, namespace=NAMESPACE, location=location, results=results, done=done)


def _settle(call: Call, id: str) -> Callable[[], object]:  # noqa: A002
    """Return what the end of a write does: all of the document has succeeded."""

    def done() -> None:
        document = call.state.get(id)
        if document is not None:
            stamp(document, new_etag(), "Succeeded")
            call.state.put(id, document, call.caller, quiet=True)

    return done


def declare(kind: Kind) -> None:
    """Declare the operations that all types of the first level have."""
    stem = f"{GROUP}/{kind.name}"
    action = f"{NAMESPACE}/{kind.name}"

    @route("GET", f"{SUB}/{kind.name}", action=f"{action}/read")
    @route("GET", stem, action=f"{action}/read")
    def listed(call: Call) -> Answer:
        found = call.state.of_type(action, call.params["sub"], call.params.get("group"))
        return Answer(body={"value": [_seen(call, kind, each) for each in found]})

    @route("GET", f"{stem}/{{name}}", action=f"{action}/read")
    def show(call: Call) -> Answer:
        return tagged(_seen(call, kind, call.state.require(id_of(call, kind.name))))

    @route("PUT", f"{stem}/{{name}}", action=f"{action}/write")
    @exclusive
    def put(call: Call) -> Answer:
        return _put(call, kind)

    @route("PATCH", f"{stem}/{{name}}", action=f"{action}/write")
    @exclusive
    def tag(call: Call) -> Answer:
        document = call.state.require(id_of(call, kind.name))
        document["tags"] = dict((call.body or {}).get("tags") or {})
        document["etag"] = new_etag()
        call.state.put(document["id"], document, call.caller, correlation_id=call.correlation_id)
        return Answer(body=_seen(call, kind, document))

    @route("DELETE", f"{stem}/{{name}}", action=f"{action}/delete")
    @exclusive
    def delete(call: Call) -> Answer:
        document = call.state.get(id_of(call, kind.name))
        if document is None:
            return Answer(204)
        _refuse_if_used(call.state, kind, document)
        kind.gone(call, document)
        call.state.delete(document["id"], call.caller, correlation_id=call.correlation_id)
        where = str(document.get("location", "westeurope"))
        return begin(call, Answer(202), where, lambda: None)


def _put(call: Call, kind: Kind) -> Answer:
    if not isinstance(call.body, dict):
        raise Refusal(400, "InvalidRequestContent", "The request content was invalid: no JSON.")
    old = call.state.get(id_of(call, kind.name))
    id = old["id"] if old is not None else id_of(call, kind.name)  # noqa: A001
    document = {
        "name": id.rpartition("/")[2],
        "id": id,
        "etag": new_etag(),
        "type": f"{NAMESPACE}/{kind.name}",
        "location": _location(call) if old is None else old.get("location", _location(call)),
    }
    for field in ("tags", "sku", "zones", "extendedLocation", "kind", "managedBy"):
        if call.body.get(field) is not None:
            document[field] = copy.deepcopy(call.body[field])
    said = copy.deepcopy(call.body.get("properties") or {})
    before = (old or {}).get("properties") or {}
    said["provisioningState"] = "Updating"
    said["resourceGuid"] = before.get("resourceGuid") or str(uuid.uuid4())
    document["properties"] = said
    kind.shape(call, document, old)
    kind.made(call, document)
    stamp(document, document["etag"], "Updating")
    call.state.put(id, document, call.caller, correlation_id=call.correlation_id)
    if kind.name == "virtualNetworks":
        _match_peerings(call, id)
    shown = _seen(call, kind, copy.deepcopy(document))
    if old is None and "customDnsConfigs" in said:
        shown["properties"]["customDnsConfigs"] = []  # they come with the end of the operation
    answer = Answer(201 if old is None else 200, shown)
    return begin(call, answer, document["location"], _settle(call, id))


def _refuse_if_used(state: State, kind: Kind, document: Document) -> None:
    """Refuse to delete what something else stands on; the words are from memory."""
    shown = copy.deepcopy(document)
    if kind.shown is not None:
        kind.shown(state, shown)
    said = shown["properties"]
    users = [
        *said.get("subnets", ()),
        *said.get("networkInterfaces", ()),
    ]
    if kind.name == "virtualNetworks":
        users = [
            user
            for subnet in said.get("subnets", ())
            for user in subnet["properties"].get("ipConfigurations", ())
        ]
    if kind.shown is None or not users:
        return
    raise Refusal(
        400,
        "InUseSubnetCannotBeDeleted" if kind.name == "virtualNetworks" else "InUse",
        f"{document['name']} cannot be deleted because it is in use by the following resources: "
        f"{', '.join(user['id'] for user in users)}.",
    )


def _declare_child(child: Child) -> None:
    parent = _BY_NAME[child.parent]
    stem = f"{GROUP}/{child.parent}/{{name}}/{child.name}"
    action = f"{NAMESPACE}/{child.parent}/{child.name}"

    def of_parent(call: Call) -> Document:
        return call.state.require(id_of(call, child.parent))

    @route("GET", stem, action=f"{action}/read")
    def listed(call: Call) -> Answer:
        document = _seen(call, parent, of_parent(call))
        return Answer(body={"value": document["properties"].get(child.field) or []})

    @route("GET", f"{stem}/{{child}}", action=f"{action}/read")
    def show(call: Call) -> Answer:
        here = _child(call, child, _seen(call, parent, of_parent(call)))
        if here is None:
            raise no_child(call)
        return tagged(here)

    if child.readonly:
        return

    @route("PUT", f"{stem}/{{child}}", action=f"{action}/write")
    @exclusive
    def put(call: Call) -> Answer:
        return _put_child(call, child, of_parent(call))

    @route("DELETE", f"{stem}/{{child}}", action=f"{action}/delete")
    @exclusive
    def delete(call: Call) -> Answer:
        return _delete_child(call, child, of_parent(call))


def _child(call: Call, child: Child, document: Document) -> Document | None:
    wanted = call.params["child"].lower()
    for each in document["properties"].get(child.field) or ():
        if str(each["name"]).lower() == wanted:
            return dict(each)
    return None


def _put_child(call: Call, child: Child, document: Document) -> Answer:
    old = _child(call, child, document)
    if not isinstance(call.body, dict):
        raise Refusal(400, "InvalidRequestContent", "The request content was invalid: no JSON.")
    name = old["name"] if old is not None else call.params["child"]
    made: Document = {"name": name, "properties": copy.deepcopy(call.body.get("properties") or {})}
    made["properties"].pop("provisioningState", None)
    id = f"{document['id']}/{child.name}/{name}"  # noqa: A001
    child.shape(call, made, id, document["type"])
    siblings = document["properties"].get(child.field) or ()
    kept = [each for each in siblings if str(each["name"]).lower() != name.lower()]
    document["properties"][child.field] = [*kept, made]
    if child.name == "securityRules":
        _check_priorities(document["properties"][child.field])
    etag = new_etag()
    stamp(document, etag, "Succeeded")
    stamp(made, etag, "Updating")
    call.state.put(document["id"], document, call.caller, quiet=True)
    if child.name == "virtualNetworkPeerings":
        _match_peerings(call, document["id"])
    call.state.note(
        id,
        call.action,
        call.caller,
        status="Created" if old is None else "OK",
        correlation_id=call.correlation_id,
        body=call.body,
    )
    answer = Answer(201 if old is None else 200, copy.deepcopy(made))
    return begin(call, answer, str(document.get("location", "")), _settle(call, document["id"]))


def _delete_child(call: Call, child: Child, document: Document) -> Answer:
    old = _child(call, child, document)
    if old is None:
        return Answer(204)
    if child.name == "subnets":
        _refuse_if_inhabited(call.state, old)
    siblings = document["properties"][child.field]
    document["properties"][child.field] = [each for each in siblings if each["name"] != old["name"]]
    stamp(document, new_etag(), "Succeeded")
    call.state.put(document["id"], document, call.caller, quiet=True)
    if child.name == "virtualNetworkPeerings":
        _match_peerings(call, document["id"])
    call.state.note(old["id"], call.action, call.caller, correlation_id=call.correlation_id)
    where = str(document.get("location", "westeurope"))
    return begin(call, Answer(202), where, lambda: None)


def no_child(call: Call) -> Refusal:
    """Return what is said of something that its parent has not."""
    return Refusal(404, "NotFound", f"Resource {call.id} not found.")


for _kind in KINDS:
    declare(_kind)
for _each in CHILDREN:
    _declare_child(_each)
