"""Private DNS zones, their links and records, and what a network's resolver says because of them.

Sources:
    ``azcli-privatedns__*`` of the recordings: 202 with ``{}`` for zones and links, polled at
    ``privateDnsOperationStatuses``; 201, 200 and 412 at once for record sets.
    https://learn.microsoft.com/azure/dns/private-dns-privatednszone: the zone that matches the
    longest suffix answers, and a name that it has not does not exist, unless the link falls back
    (https://learn.microsoft.com/azure/dns/private-dns-fallback).
"""

from __future__ import annotations

import copy
import uuid
from typing import TYPE_CHECKING, Any

from refused.lab.arm.exclusive import exclusive
from refused.lab.arm.operations import start
from refused.lab.arm.routes import Answer, Call, Refusal, provides, route
from refused.lab.arm.state import key
from refused.lab.names import Answer as Told
from refused.lab.names import Zone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from refused.lab.arm.state import State


Document = dict[str, Any]

NAMESPACE = "Microsoft.Network"
ZONES = f"{NAMESPACE}/privateDnsZones"
VERSIONS = ("2024-06-01", "2020-06-01", "2020-01-01", "2018-09-01")
provides(
    NAMESPACE,
    privateDnsZones=VERSIONS,
    privateDnsOperationStatuses=VERSIONS,
    privateDnsOperationResults=VERSIONS,
)

PUBLIC = "public_zone"  # where the state keeps a names.Zone of what the internet knows
AZURE_RESOLVER = "168.63.129.16"
_LONGEST_CHAIN = 16

# The list in which the values of a record type stand, and the value that a lookup gives.
_FIELDS = {
    "A": ("aRecords", "ipv4Address"),
    "AAAA": ("aaaaRecords", "ipv6Address"),
    "CNAME": ("cnameRecord", "cname"),
    "MX": ("mxRecords", "exchange"),
    "PTR": ("ptrRecords", "ptrdname"),
    "SOA": ("soaRecord", "host"),
    "SRV": ("srvRecords", "target"),
    "TXT": ("txtRecords", "value"),
}


# --- what a resolver says -------------------------------------------------------------------------


def resolve(state: State, vnet_id: str | None, name: str, kind: str = "A") -> Told:
    """Return what a client in a network is told of a name, or one outside of any (``None``).

    A network with DNS servers of its own is told what the internet knows: whether such a server
    forwards to Azure's is not in any document, and most that are wrong do not.

    Args:
        kind: ``A`` or ``AAAA``.
    """
    public = state.extra.get(PUBLIC) or Zone()
    zones = _zones_of(state, vnet_id) if vnet_id is not None else []
    records: list[tuple[str, str, str, int]] = []
    for _ in range(_LONGEST_CHAIN):
        name = name.rstrip(".")
        found = _from_zones(state, zones, name, kind)
        if found is None:
            found = _from_public(public, name, kind)
        records += found.records
        aliases = [value for _, type, value, _ in found.records if type == "CNAME"]  # noqa: A001
        if not aliases or found.rcode != "noerror":
            return Told(tuple(records), found.rcode, found.trouble)
        name = aliases[-1]
    return Told((), "servfail")


def _from_public(public: Zone, name: str, kind: str) -> Told:
    """Return one step of what the internet knows: an alias, or the addresses."""
    alias = public.look_up(name, "CNAME")
    return alias if alias.records or alias.rcode != "noerror" else public.look_up(name, kind)


def _zones_of(state: State, vnet_id: str) -> list[tuple[Document, Document]]:
    """Return the zones that a network is linked to, each with its link; none of its own servers."""
    network = state.get(vnet_id) or {}
    options = (network.get("properties") or {}).get("dhcpOptions") or {}
    servers = options.get("dnsServers") or []
    if servers and AZURE_RESOLVER not in servers:
        return []
    return [
        (zone, link)
        for zone in state.of_type(ZONES)
        for link in state.children(zone["id"], "virtualNetworkLinks")
        if key(str(link["properties"].get("virtualNetwork", {}).get("id", ""))) == key(vnet_id)
        and link["properties"].get("virtualNetworkLinkState", "Completed") == "Completed"
    ]


def _from_zones(
    state: State, zones: Iterable[tuple[Document, Document]], name: str, kind: str
) -> Told | None:
    """Return what the zone of the longest matching suffix says; ``None`` where none matches."""
    lowered = name.lower()
    fitting = [
        (zone, link)
        for zone, link in zones
        if lowered == zone["name"].lower() or lowered.endswith(f".{zone['name'].lower()}")
    ]
    if not fitting:
        return None
    zone, link = max(fitting, key=lambda pair: len(pair[0]["name"]))
    label = lowered[: -len(zone["name"])].rstrip(".") or "@"
    for each in (label, _wildcard(label)):
        alias = state.get(f"{zone['id']}/CNAME/{each}")
        if alias is not None:
            said = alias["properties"]
            return Told(
                ((name, "CNAME", said["cnameRecord"]["cname"], int(said.get("ttl", 3600))),)
            )
        exists = [state.get(f"{zone['id']}/{type}/{each}") for type in _FIELDS]  # noqa: A001
        if any(found is not None for found in exists):
            return Told(_values(state.get(f"{zone['id']}/{kind}/{each}"), name, kind))
    if link["properties"].get("resolutionPolicy") == "NxDomainRedirect":
        return None
    return Told((), "nxdomain")


def _wildcard(label: str) -> str:
    return "*" if "." not in label else f"*.{label.partition('.')[2]}"


def _values(record: Document | None, name: str, kind: str) -> tuple[tuple[str, str, str, int], ...]:
    said = (record or {}).get("properties") or {}
    field, value = _FIELDS[kind]
    ttl_s = int(said.get("ttl", 3600))
    return tuple((name, kind, str(each[value]), ttl_s) for each in said.get(field) or ())


# --- records that private endpoints write ---------------------------------------------------------


def write_record(
    state: State,
    zone_id: str,
    name: str,
    addresses: Iterable[str],
    *,
    ttl_s: int = 10,
    creator: str = "",
) -> Document:
    """Set an A record set, as a private endpoint's zone group does."""
    zone = state.get(zone_id)
    stem = zone["id"] if zone is not None else zone_id
    id = f"{stem}/A/{name}"  # noqa: A001
    document: Document = {"properties": {"ttl": ttl_s, "aRecords": []}}
    document["properties"]["aRecords"] = [{"ipv4Address": each} for each in addresses]
    if creator:
        document["properties"]["metadata"] = {"creator": creator}
    _identify(document, id)
    return state.put(id, document, quiet=True)


def withdraw_record(state: State, zone_id: str, name: str, addresses: Iterable[str]) -> None:
    """Take addresses out of an A record set, and the set away when none is left."""
    id = f"{zone_id}/A/{name}"  # noqa: A001
    found = state.get(id)
    if found is None:
        return
    gone = set(addresses)
    kept = [
        each for each in found["properties"].get("aRecords", ()) if each["ipv4Address"] not in gone
    ]
    if kept:
        found["properties"]["aRecords"] = kept
        found["etag"] = str(uuid.uuid4())
        state.put(id, found, quiet=True)
    else:
        state.delete(id, quiet=True)


def _identify(document: Document, id: str) -> None:  # noqa: A002
    """Give a record set its names; its zone and type stand in *id*."""
    stem, kind, name = id.rsplit("/", 2)
    zone = stem.rpartition("/")[2]
    said = document["properties"]
    document |= {
        "id": id,
        "name": name,
        "type": f"{ZONES}/{kind}",
        "etag": str(uuid.uuid4()),
    }
    field = _FIELDS[kind][0]
    if field.endswith("s"):
        said.setdefault(field, [])
    said["fqdn"] = f"{zone}." if name == "@" else f"{name}.{zone}."
    said.setdefault("isAutoRegistered", False)
    said["ttl"] = int(said.get("ttl", said.pop("TTL", 3600)))


# --- operations: zones and links ------------------------------------------------------------------

_GROUP = "/subscriptions/{sub}/resourceGroups/{group}/providers/Microsoft.Network"
_ZONE = f"{_GROUP}/privateDnsZones/{{zone}}"
_LINK = f"{_ZONE}/virtualNetworkLinks/{{name}}"


def _tagged(document: Document, status: int = 200) -> Answer:
    """Return a document with its etag in the header as well."""
    return Answer(status, document, {"etag": str(document["etag"])})


def _zone_id(call: Call) -> str:
    p = call.params
    return f"/subscriptions/{p['sub']}/resourceGroups/{p['group']}/providers/{ZONES}/{p['zone'].lower()}"


def _zone(call: Call) -> Document:
    return call.state.require(_zone_id(call))


def _shown(state: State, zone: Document) -> Document:
    """Count what lies in a zone."""
    stem = f"{key(zone['id'])}/"
    links = state.children(zone["id"], "virtualNetworkLinks")
    records = [
        each
        for kind in _FIELDS
        for each in state.of_type(f"{ZONES}/{kind}")
        if key(each["id"]).startswith(stem)
    ]
    registering = [each for each in links if each["properties"].get("registrationEnabled")]
    zone["properties"] = {
        "maxNumberOfRecordSets": 25000,
        "maxNumberOfVirtualNetworkLinks": 1000,
        "maxNumberOfVirtualNetworkLinksWithRegistration": 100,
        "numberOfRecordSets": max(1, len(records)),
        "numberOfVirtualNetworkLinks": len(links),
        "numberOfVirtualNetworkLinksWithRegistration": len(registering),
        **{k: v for k, v in zone["properties"].items() if not k.startswith("numberOf")},
    }
    return zone


@route(
    "GET",
    "/subscriptions/{sub}/providers/Microsoft.Network/privateDnsZones",
    action=f"{ZONES}/read",
)
@route("GET", f"{_GROUP}/privateDnsZones", action=f"{ZONES}/read")
def _list_zones(call: Call) -> Answer:
    found = call.state.of_type(ZONES, call.params["sub"], call.params.get("group"))
    return Answer(body={"value": [_shown(call.state, each) for each in found]})


@route("GET", _ZONE, action=f"{ZONES}/read")
def _show_zone(call: Call) -> Answer:
    return _tagged(_shown(call.state, _zone(call)))


@route("PUT", _ZONE, action=f"{ZONES}/write")
@route("PATCH", _ZONE, action=f"{ZONES}/write")
@exclusive
def _put_zone(call: Call) -> Answer:
    old = call.state.get(_zone_id(call))
    if old is None and call.method == "PATCH":
        raise _absent(call, "Private DNS zone", call.params["zone"])
    id = old["id"] if old is not None else _zone_id(call)  # noqa: A001
    body = call.body if isinstance(call.body, dict) else {}
    document: Document = {
        "id": id,
        "name": id.rpartition("/")[2],
        "type": ZONES,
        "etag": str(uuid.uuid4()),
        "location": "global",
        "properties": {
            "provisioningState": "Succeeded",
        },
    }
    tags = body.get("tags", (old or {}).get("tags") if call.method == "PATCH" else None)
    if tags is not None:
        document["tags"] = tags

    def done() -> None:
        call.state.put(id, document, call.caller, correlation_id=call.correlation_id)
        if old is None:
            _begin_authority(call.state, id)

    return _begin(call, done)


def _begin_authority(state: State, zone_id: str) -> None:
    """Write the record set that every zone has from the start."""
    document: Document = {
        "properties": {
            "ttl": 3600,
            "soaRecord": {
                "email": "azureprivatedns-host.microsoft.com",
                "expireTime": 2419200,
                "host": "azureprivatedns.net",
                "minimumTtl": 10,
                "refreshTime": 3600,
                "retryTime": 300,
                "serialNumber": 1,
            },
        }
    }
    _identify(document, f"{zone_id}/SOA/@")
    state.put(document["id"], document, quiet=True)


@route("DELETE", _ZONE, action=f"{ZONES}/delete")
@exclusive
def _delete_zone(call: Call) -> Answer:
    zone = call.state.get(_zone_id(call))
    if zone is None:
        return Answer(204)
    if call.state.children(zone["id"], "virtualNetworkLinks"):
        raise Refusal(
            409,
            "CannotDeleteResource",
            "Can not delete resource before nested resources are deleted.",
        )

    def done() -> None:
        call.state.delete(zone["id"], call.caller, correlation_id=call.correlation_id)

    return _begin(call, done)


@route("GET", f"{_ZONE}/virtualNetworkLinks", action=f"{ZONES}/virtualNetworkLinks/read")
def _list_links(call: Call) -> Answer:
    found = call.state.children(_zone(call)["id"], "virtualNetworkLinks")
    return Answer(body={"value": [_seen_by(call, each) for each in found]})


def _link_id(call: Call) -> str:
    return f"{_zone_id(call)}/virtualNetworkLinks/{call.params['name']}"


@route("GET", _LINK, action=f"{ZONES}/virtualNetworkLinks/read")
def _show_link(call: Call) -> Answer:
    return _tagged(_seen_by(call, call.state.require(_link_id(call))))


@route("PUT", _LINK, action=f"{ZONES}/virtualNetworkLinks/write")
@route("PATCH", _LINK, action=f"{ZONES}/virtualNetworkLinks/write")
@exclusive
def _put_link(call: Call) -> Answer:
    zone = _zone(call)
    old = call.state.get(_link_id(call))
    if old is None and call.method == "PATCH":
        raise _absent(call, "Virtual network link", call.params["name"])
    id = old["id"] if old is not None else f"{zone['id']}/virtualNetworkLinks/{call.params['name']}"  # noqa: A001
    body = call.body if isinstance(call.body, dict) else {}
    said = copy.deepcopy(body.get("properties") or {})
    if old is not None and call.method == "PATCH":
        said = {**old["properties"], **said}
    network = (said.get("virtualNetwork") or {}).get("id", "")
    if not network:
        raise Refusal(
            400, "BadRequest", "A virtual network link needs a virtual network.", bare=True
        )
    _refuse_overlap(call.state, zone, id, network)
    document: Document = {
        "id": id,
        "name": id.rpartition("/")[2],
        "type": f"{ZONES}/virtualNetworkLinks",
        "etag": f'"{uuid.uuid4()}"',
        "location": "global",
        "properties": {
            **_policy(zone, said),
            "provisioningState": "Succeeded",
            "registrationEnabled": bool(said.get("registrationEnabled", False)),
            "virtualNetwork": {"id": network},
            "virtualNetworkLinkState": "Completed",
        },
    }
    tags = body.get("tags", (old or {}).get("tags") if call.method == "PATCH" else None)
    if tags is not None:
        document["tags"] = tags

    def done() -> None:
        call.state.put(id, document, call.caller, correlation_id=call.correlation_id)

    return _begin(call, done)


def _seen_by(call: Call, link: Document) -> Document:
    """Leave out what the api-version that was asked for does not know."""
    if call.api_version < "2024-06-01":
        link["properties"].pop("resolutionPolicy", None)
    return link


def _policy(zone: Document, said: Document) -> Document:
    """Return the resolution policy of a link, which only zones of private links have."""
    if "resolutionPolicy" in said:
        return {"resolutionPolicy": said["resolutionPolicy"]}
    return {"resolutionPolicy": "Default"} if zone["name"].startswith("privatelink.") else {}


def _refuse_overlap(state: State, zone: Document, link_id: str, network: str) -> None:
    """Refuse a second zone of the same name for one network; the words are from memory."""
    if state.get(network) is None:
        raise Refusal(
            400,
            "BadRequest",
            f"The virtual network '{network}' that the link refers to does not exist.",
            bare=True,
        )
    for other in state.of_type(ZONES):
        for link in state.children(other["id"], "virtualNetworkLinks"):
            here = key(str(link["properties"].get("virtualNetwork", {}).get("id", "")))
            is_same = key(link["id"]) == key(link_id)
            if here == key(network) and other["name"] == zone["name"] and not is_same:
                raise Refusal(
                    400,
                    "BadRequest",
                    "A virtual network cannot be linked to multiple zones with overlapping "
                    f"namespaces. You tried to link virtual network with '{zone['name']}' and "
                    f"'{other['name']}' zones.",
                    bare=True,
                )


@route("DELETE", _LINK, action=f"{ZONES}/virtualNetworkLinks/delete")
@exclusive
def _delete_link(call: Call) -> Answer:
    link = call.state.get(_link_id(call))
    if link is None:
        return Answer(204)

    def done() -> None:
        call.state.delete(link["id"], call.caller, correlation_id=call.correlation_id)

    return _begin(call, done)


def _absent(call: Call, what: str, name: str) -> Refusal:
    del call
    return Refusal(404, "NotFound", f"{what} '{name}' was not found.", bare=True)


def _begin(call: Call, done: Callable[[], object]) -> Answer:
    """Start a long-running write: 202 with nothing in it, and addresses of its own."""
    answer = start(call, Answer(202, {}), namespace=NAMESPACE, location="global", done=done)
    number = answer.headers["azure-asyncoperation"].partition("?")[0].rpartition("/")[2]
    _lead(call, answer, number)
    return answer


def _lead(call: Call, answer: Answer, number: str) -> None:
    stem = (
        f"{call.base_url}/subscriptions/{call.params['sub']}/resourceGroups/{call.params['group']}"
        f"/providers/{NAMESPACE}"
    )
    tail = f"{number}?api-version={call.api_version}"
    answer.headers["azure-asyncoperation"] = f"{stem}/privateDnsOperationStatuses/{tail}"
    answer.headers["location"] = f"{stem}/privateDnsOperationResults/{tail}"


@route("GET", f"{_GROUP}/privateDnsOperationStatuses/{{operation}}")
@route("GET", f"{_GROUP}/privateDnsOperationResults/{{operation}}")
def _operation(call: Call) -> Answer:
    """Say how a write stands: 202 while it runs, 200 when it is over."""
    found = call.state.operations.get(call.params["operation"])
    if found is None:
        raise Refusal(404, "NotFound", "The operation was not found.", bare=True)
    if found.is_over:
        return Answer(body={"status": "Succeeded"})
    answer = Answer(202, {"status": "InProgress"}, {"retry-after": "1"})
    _lead(call, answer, found.id)
    return answer


# --- operations: record sets ----------------------------------------------------------------------


def _record_id(call: Call) -> tuple[str, str]:
    kind = call.params["kind"].upper()
    if kind not in _FIELDS:
        raise Refusal(400, "BadRequest", f"'{kind[:20]}' is no type of record.", bare=True)
    return f"{_zone(call)['id']}/{kind}/{call.params['name']}", kind


def _declare(kind: str) -> None:
    """Declare the operations of one record type; each has RBAC actions of its own."""
    action = f"{ZONES}/{kind}"
    stem = f"{_ZONE}/{kind}"

    def own(call: Call) -> Call:
        call.params["kind"] = kind
        return call

    @route("GET", stem, action=f"{action}/read")
    def listed(call: Call) -> Answer:
        return Answer(body={"value": call.state.children(_zone(call)["id"], kind)})

    @route("GET", f"{stem}/{{name}}", action=f"{action}/read")
    def show(call: Call) -> Answer:
        id, _ = _record_id(own(call))  # noqa: A001
        found = call.state.get(id)
        if found is None:
            zone = call.params["zone"]
            raise Refusal(
                404,
                "NotFound",
                f"The resource record '{call.params['name']}' does not exist in Private DNS zone "
                f"'{zone}'.",
                bare=True,
            )
        return _tagged(found)

    @route("PUT", f"{stem}/{{name}}", action=f"{action}/write")
    @route("PATCH", f"{stem}/{{name}}", action=f"{action}/write")
    @exclusive
    def put(call: Call) -> Answer:
        return _put_record(own(call))

    @route("DELETE", f"{stem}/{{name}}", action=f"{action}/delete")
    @exclusive
    def delete(call: Call) -> Answer:
        id, _ = _record_id(own(call))  # noqa: A001
        gone = call.state.delete(id, call.caller, correlation_id=call.correlation_id)
        return Answer(200 if gone else 204)


def _put_record(call: Call) -> Answer:
    id, kind = _record_id(call)  # noqa: A001
    old = call.state.get(id)
    said = copy.deepcopy((call.body or {}).get("properties") or {})
    if old is not None and call.method == "PATCH":
        said = {**old["properties"], **said}
    if "ttl" not in said and "TTL" not in said:
        raise Refusal(400, "BadRequest", "The record set has no time to live.", bare=True)
    document: Document = {"properties": said}
    _identify(document, old["id"] if old is not None else id)
    if kind == "A":
        _check_addresses(said["aRecords"])
    call.state.put(id, document, call.caller, correlation_id=call.correlation_id)
    return _tagged(document, 201 if old is None else 200)


def _check_addresses(records: Iterable[Document]) -> None:
    import ipaddress

    for each in records:
        try:
            ipaddress.IPv4Address(str(each.get("ipv4Address")))
        except ValueError:
            raise Refusal(
                400, "BadRequest", f"'{each.get('ipv4Address')}' is no IPv4 address.", bare=True
            ) from None


for _kind in _FIELDS:
    _declare(_kind)


@route("GET", f"{_ZONE}/ALL", action=f"{ZONES}/ALL/read")
def _list_all(call: Call) -> Answer:
    zone = _zone(call)
    found = [each for kind in _FIELDS for each in call.state.children(zone["id"], kind)]
    return Answer(body={"value": found})
