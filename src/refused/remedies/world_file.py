"""A world file of the lab, written from what the control plane showed: the resource and its network.

With it a fault is reproduced on a laptop before production is touched, and an incident becomes a
regression test. Secrets are never in evidence, so the lab's world has keys of its own; names, rules,
states and addresses are the real ones.
"""

from __future__ import annotations

from refused.evidence.control_plane import (
    AzureCache,
    AzureSubnet,
    ClientAddress,
    FirewallRules,
    NetworkSecurityGroup,
    PrivateDnsZone,
    PrivateEndpoint,
    RouteTable,
)
from refused.evidence.observations import Unseen
from refused.remedies.arm_id import take_apart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from refused.evidence.bundle import Evidence
    from refused.evidence.control_plane import SecurityRule


class CannotRehearse(ValueError):
    """The evidence does not hold what a world needs; the message says what is missing."""

    for_people = True


def world_file(evidence: Evidence) -> str:
    """Return the text of a world file (TOML) for ``refused lab up``.

    Raises:
        CannotRehearse: The control plane was not read, or the service is one that the lab does not play.
    """
    cache = evidence.one(AzureCache)
    if isinstance(cache, Unseen):
        raise CannotRehearse(
            f"a rehearsal is built from the resource, and that was not seen: {cache.why}; {cache.how_to_see or 'give --resource ID'}"
        )
    if cache.service not in ("acr", "amr"):
        raise CannotRehearse(
            "the lab plays Azure Cache for Redis and Azure Managed Redis, not Enterprise"
        )
    lines = [f'target = "{cache.name}"', "", "[[cache]]", *_fields(_cache(cache, evidence))]
    for client in _clients(evidence):
        lines += ["", "[[client]]", *_fields(client)]
    for id_, body in _network(evidence):
        lines += ["", "[[resource]]", f'id = "{id_}"', f"body = {_value(body)}"]
    return "\n".join(lines) + "\n"


def _cache(cache: AzureCache, evidence: Evidence) -> dict[str, Any]:
    said: dict[str, Any] = {"name": cache.name, "service": cache.service}
    if cache.service == "acr":
        said["sku"] = (
            f"{cache.sku or 'Standard'} {cache.family or 'C'}{cache.capacity if cache.capacity is not None else 1}"
        )
        rules = evidence.one(FirewallRules)
        if not isinstance(rules, Unseen) and rules.rules:
            said["rules"] = {
                rule.name: rule.first if rule.first == rule.last else f"{rule.first}-{rule.last}"
                for rule in rules.rules
            }
        said["plain_port"] = cache.plain_port is not None
        said["minimum_tls"] = cache.min_tls or "1.2"
        if cache.shards:
            said["shards"] = cache.shards
    else:
        said["sku"] = cache.sku or "Balanced_B10"
        if cache.clustering_policy:
            said["policy"] = cache.clustering_policy
        if cache.access_keys is not None:
            said["access_keys"] = cache.access_keys
    said["public_access"] = cache.public_access != "Disabled"
    endpoint = _endpoint(evidence)
    if endpoint:
        said["endpoint"] = endpoint
    return said


def _endpoint(evidence: Evidence) -> dict[str, Any]:
    """Return the first private endpoint as the lab wants it; the lab's caches have one at most."""
    found = next(iter(evidence.all(PrivateEndpoint)), None)
    if found is None:
        return {}
    said: dict[str, Any] = {"status": found.state or "Pending"}
    if found.addresses:
        said["address"] = found.addresses[0]
    zones, here = evidence.all(PrivateDnsZone), _subnet(evidence, "client")
    if zones:
        said["in_zone"] = any(set(zone.addresses) & set(found.addresses) for zone in zones)
        said["linked"] = any(
            here is None or link.network_id.lower() == here.network_id.lower()
            for zone in zones
            for link in zone.links
        )
    return said


def _clients(evidence: Evidence) -> list[dict[str, Any]]:
    given, here = evidence.one(ClientAddress), _subnet(evidence, "client")
    said: dict[str, Any] = {"name": "here"}
    if not isinstance(given, Unseen) and given.how != "metadata":
        said["ip"] = given.address
    elif here is not None and here.prefixes:
        said["ip"] = _inside(here.prefixes[0])
    return [said] if "ip" in said else []


def _inside(prefix: str) -> str:
    """Return an address inside a prefix that Azure does not keep for itself."""
    import ipaddress

    network = ipaddress.ip_network(prefix, strict=False)
    return str(network[min(20, network.num_addresses - 2)])


def _subnet(evidence: Evidence, role: str) -> AzureSubnet | None:
    return next((each for each in evidence.all(AzureSubnet) if each.role == role), None)


def _network(evidence: Evidence) -> list[tuple[str, dict[str, Any]]]:
    """Return the client's network with its rules and routes, in the order in which they can be made."""
    here = _subnet(evidence, "client")
    if here is None:
        return []
    group = next((g for g in evidence.all(NetworkSecurityGroup) if g.role == "client"), None)
    table = next((t for t in evidence.all(RouteTable) if t.role == "client"), None)
    made: list[tuple[str, dict[str, Any]]] = []
    properties: dict[str, Any] = {
        "addressPrefix": here.prefixes[0] if here.prefixes else "10.1.1.0/24"
    }
    provider = "Microsoft.Network"
    if group is not None:
        id_ = f"{provider}/networkSecurityGroups/{take_apart(group.id).name}"
        rules = [_rule(rule) for rule in group.rules if not rule.default]
        made.append((id_, {"location": "westeurope", "properties": {"securityRules": rules}}))
        properties["networkSecurityGroup"] = {"id": _in_lab(id_)}
    if table is not None:
        id_ = f"{provider}/routeTables/{take_apart(table.id).name}"
        routes = [
            {"name": r.name, "properties": _without_none({"addressPrefix": r.prefix, "nextHopType": r.next_hop, "nextHopIpAddress": r.next_hop_address})}
            for r in table.routes
        ]  # fmt: skip
        made.append((id_, {"location": "westeurope", "properties": {"routes": routes}}))
        properties["routeTable"] = {"id": _in_lab(id_)}
    if made:
        network, name = take_apart(here.network_id).name, take_apart(here.id).name
        made.append((f"{provider}/virtualNetworks/{network}", {"location": "westeurope", "properties": {"addressSpace": {"addressPrefixes": list(here.network_prefixes) or [properties["addressPrefix"]]}, "subnets": [{"name": name, "properties": properties}]}}))  # fmt: skip
    return made


# Where the lab's resources stand (``refused lab up`` prints it as REFUSED_LAB_RESOURCE).
LAB_GROUP = "/subscriptions/00000000-0000-4000-8000-0000000000aa/resourceGroups/prod"


def _in_lab(id_: str) -> str:
    return f"{LAB_GROUP}/providers/{id_}"


def _rule(rule: SecurityRule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "properties": {
            "priority": rule.priority,
            "direction": rule.direction,
            "access": rule.access,
            "protocol": rule.protocol,
            **_one_or_many("sourceAddressPrefix", "sourceAddressPrefixes", rule.sources),
            **_one_or_many(
                "destinationAddressPrefix", "destinationAddressPrefixes", rule.destinations
            ),
            **_one_or_many("sourcePortRange", "sourcePortRanges", rule.source_ports),
            **_one_or_many("destinationPortRange", "destinationPortRanges", rule.destination_ports),
        },
    }


def _one_or_many(one: str, many: str, values: tuple[str, ...]) -> dict[str, Any]:
    return {one: values[0]} if len(values) == 1 else {many: list(values)}


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _fields(values: Mapping[str, Any]) -> list[str]:
    return [f"{name} = {_value(value)}" for name, value in values.items()]


def _value(value: Any) -> str:
    """Return a TOML value; a table is written inline."""
    from json import dumps

    if isinstance(value, dict):
        inside = ", ".join(f"{_key(name)} = {_value(each)}" for name, each in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    return dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    from json import dumps

    plain = name.replace("_", "").replace("-", "")
    return name if plain.isascii() and plain.isalnum() else dumps(name)
