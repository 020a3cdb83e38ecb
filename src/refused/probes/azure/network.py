"""What the answers about the network around a cache say: endpoints, zones, rules and routes.

Pure: JSON in, observations out. An answer that is not what it should be gives ``None``.
"""

from __future__ import annotations

from refused.evidence.control_plane import (
    AzureSubnet,
    NetworkSecurityGroup,
    PrivateDnsZone,
    PrivateEndpoint,
    Route,
    RouteTable,
    SecurityRule,
    ZoneLink,
)
from refused.evidence.redaction import redact
from refused.probes.azure.ways import dig, items, same, text, texts, truth, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from refused.evidence.control_plane import NetworkRole

    Stamp = Mapping[str, Any]

MOST_RECORDS = 100


# --- private endpoints -----------------------------------------------------------------------------


def connections_of(body: Any) -> list[Any]:
    """Return the private endpoint connections in a list of them, or in a cache's own resource."""
    return items(body, "value") or items(body, "properties", "privateEndpointConnections")


def endpoint_of(connection: Any, cache_id: str, stamp: Stamp) -> PrivateEndpoint | None:
    """Read one connection, before anything is known of the endpoint behind it."""
    connection_id = text(connection, "id")
    if connection_id is None:
        return None
    inside = dig(connection, "properties")
    state = dig(inside, "privateLinkServiceConnectionState")
    return PrivateEndpoint(
        **stamp,
        resource_id=cache_id,
        connection_id=connection_id,
        state=text(state, "status"),
        provisioning_state=text(inside, "provisioningState"),
        description=redact(text(state, "description") or "")[:200],
        endpoint_id=text(inside, "privateEndpoint", "id"),
    )


def with_endpoint(known: PrivateEndpoint, body: Any) -> PrivateEndpoint:
    """Add what the endpoint's own resource says."""
    pairs = tuple(
        (_name(text(each, "fqdn")), address)
        for each in items(body, "properties", "customDnsConfigs")
        for address in texts(each, "ipAddresses")
    )
    fixed = tuple(
        text(each, "properties", "privateIPAddress") or ""
        for each in items(body, "properties", "ipConfigurations")
    )
    addresses = _once((*(address for _, address in pairs), *fixed))
    return known.replace(
        endpoint_seen=True,
        subnet_id=text(body, "properties", "subnet", "id"),
        addresses=addresses,
        dns_names=pairs,
    )


def interfaces_of(body: Any) -> tuple[str, ...]:
    """Return the ids of an endpoint's network interfaces."""
    found = (text(each, "id") for each in items(body, "properties", "networkInterfaces"))
    return tuple(each for each in found if each)


def with_interface(known: PrivateEndpoint, body: Any) -> PrivateEndpoint:
    """Add what a network interface of the endpoint says: its addresses, and the names they are for."""
    addresses, pairs = list(known.addresses), list(known.dns_names)
    for each in items(body, "properties", "ipConfigurations"):
        inside = dig(each, "properties")
        address = text(inside, "privateIPAddress")
        if address is None:
            continue
        addresses.append(address)
        names = texts(inside, "privateLinkConnectionProperties", "fqdns")
        pairs += [(_name(name), address) for name in names]
    return known.replace(addresses=_once(addresses), dns_names=tuple(dict.fromkeys(pairs)))


def with_zone_groups(known: PrivateEndpoint, body: Any) -> PrivateEndpoint:
    """Add the private DNS zones that the endpoint keeps in step, and what it has written there."""
    zones, records = list(known.zone_ids), list(known.zone_group_records)
    for group in items(body, "value"):
        for config in items(group, "properties", "privateDnsZoneConfigs"):
            zone = text(config, "properties", "privateDnsZoneId")
            if zone is not None:
                zones.append(zone)
            for record in items(config, "properties", "recordSets"):
                name = _name(text(record, "fqdn") or text(record, "recordSetName"))
                records += [(name, address) for address in texts(record, "ipAddresses")]
    return known.replace(zone_ids=_once(zones), zone_group_records=tuple(dict.fromkeys(records)))


def _name(word: str | None) -> str:
    return (word or "").rstrip(".").lower()


def _once(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for each in values if each))


# --- private DNS -----------------------------------------------------------------------------------


def record_in(zone: str, host: str) -> str:
    """Return the record of *host* in *zone*, relative to it; ``""`` where the zone is not for it.

    >>> record_in("privatelink.redis.azure.net", "shop.westeurope.redis.azure.net")
    'shop.westeurope'
    """
    public = zone.lower().rstrip(".").replace("privatelink.", "", 1)
    name = host.lower().rstrip(".")
    return name[: -len(public) - 1] if name.endswith("." + public) else ""


def zone_of(zone_id: str, host: str, records: Any, links: Any, stamp: Stamp) -> PrivateDnsZone:
    """Read a zone's A records and links; ``None`` for *links* is that they could not be read."""
    zone = zone_id.rstrip("/").rpartition("/")[2]
    wanted = record_in(zone, host)
    pairs: list[tuple[str, str]] = []
    own: tuple[str, ...] = ()
    ttl_s = None
    for each in items(records, "value") or ([records] if text(records, "id") else []):
        if not (text(each, "type") or "/A").lower().endswith("/a"):
            continue
        name = (text(each, "name") or "").lower()
        addresses = tuple(
            address
            for address in (
                text(record, "ipv4Address") for record in items(each, "properties", "aRecords")
            )
            if address
        )
        pairs += [(name, address) for address in addresses]
        if wanted and name == wanted:
            own, ttl_s = addresses, whole(each, "properties", "ttl")
    return PrivateDnsZone(
        **stamp,
        id=zone_id,
        name=zone.lower(),
        record=wanted,
        addresses=own,
        ttl_s=ttl_s,
        records=tuple(pairs[:MOST_RECORDS]),
        links=tuple(
            ZoneLink(
                name=text(each, "name") or "",
                network_id=text(each, "properties", "virtualNetwork", "id") or "",
                state=text(each, "properties", "virtualNetworkLinkState"),
                fallback=_fallback(text(each, "properties", "resolutionPolicy")),
            )
            for each in items(links, "value")
        ),
        links_seen=links is not None,
    )


def _fallback(policy: str | None) -> bool | None:
    return None if policy is None else same(policy, "NxDomainRedirect")


# --- subnets, rules, routes ------------------------------------------------------------------------


def network_of(subnet_id: str) -> str:
    """Return the id of the virtual network that a subnet lies in."""
    at = subnet_id.lower().rfind("/subnets/")
    return subnet_id[:at] if at >= 0 else subnet_id


def subnet_in(network: Any, subnet_id: str) -> Any:
    """Return the subnet within its network's resource, ``None`` where it is not there."""
    for each in items(network, "properties", "subnets"):
        if same(text(each, "id"), subnet_id):
            return each
    return None


def subnet_of(
    subnet: Any, network: Any, subnet_id: str, role: NetworkRole, stamp: Stamp
) -> AzureSubnet:
    """Read a subnet; *network* is ``None`` where it could not be read."""
    inside, around = dig(subnet, "properties"), dig(network, "properties")
    peerings = [dig(each, "properties") for each in items(around, "virtualNetworkPeerings")]
    return AzureSubnet(
        **stamp,
        id=subnet_id,
        role=role,
        network_id=network_of(subnet_id),
        prefixes=_once((*texts(inside, "addressPrefix"), *texts(inside, "addressPrefixes"))),
        network_prefixes=texts(around, "addressSpace", "addressPrefixes"),
        nsg_id=text(inside, "networkSecurityGroup", "id"),
        route_table_id=text(inside, "routeTable", "id"),
        nat_gateway_id=text(inside, "natGateway", "id"),
        dns_servers=texts(around, "dhcpOptions", "dnsServers"),
        peers=tuple(
            (text(each, "remoteVirtualNetwork", "id") or "", text(each, "peeringState") or "")
            for each in peerings
        ),
        peer_prefixes=_once(
            prefix
            for each in peerings
            if same(text(each, "peeringState"), "Connected") and not _is_closed(each)
            for prefix in _remote_prefixes(each)
        ),
        closed_peers=_once(
            text(each, "remoteVirtualNetwork", "id") or "" for each in peerings if _is_closed(each)
        ),
        endpoint_policies=text(inside, "privateEndpointNetworkPolicies"),
        service_endpoints=tuple(
            text(each, "service") or "" for each in items(inside, "serviceEndpoints")
        ),
    )


def _is_closed(peering: Any) -> bool:
    return truth(peering, "allowVirtualNetworkAccess") is False


def _remote_prefixes(peering: Any) -> tuple[str, ...]:
    """Return the peer's prefixes as the network knows them: those that were last brought in step."""
    return texts(peering, "remoteAddressSpace", "addressPrefixes")


def group_of(
    body: Any, role: NetworkRole, subnet_id: str, prefixes: tuple[str, ...], stamp: Stamp
) -> NetworkSecurityGroup | None:
    """Read a network security group, its default rules included."""
    group_id = text(body, "id")
    if group_id is None:
        return None
    inside = dig(body, "properties")
    return NetworkSecurityGroup(
        **stamp,
        id=group_id,
        role=role,
        subnet_id=subnet_id,
        rules=tuple(
            _rule(each, is_default=is_default)
            for name, is_default in (("securityRules", False), ("defaultSecurityRules", True))
            for each in items(inside, name)
        ),
        subnet_prefixes=prefixes,
    )


def _rule(body: Any, *, is_default: bool) -> SecurityRule:
    inside = dig(body, "properties")
    return SecurityRule(
        name=text(body, "name") or "",
        priority=whole(inside, "priority") or 0,
        direction=text(inside, "direction") or "",
        access=text(inside, "access") or "",
        protocol=text(inside, "protocol") or "*",
        sources=_ends(inside, "source"),
        destinations=_ends(inside, "destination"),
        source_ports=_ports(inside, "source"),
        destination_ports=_ports(inside, "destination"),
        default=is_default,
    )


def _ends(inside: Any, side: str) -> tuple[str, ...]:
    """Return from or to where a rule holds: one prefix, several, or application security groups."""
    groups = items(inside, f"{side}ApplicationSecurityGroups")
    return _once(
        (
            *texts(inside, f"{side}AddressPrefix"),
            *texts(inside, f"{side}AddressPrefixes"),
            *(text(each, "id") or "" for each in groups),
        )
    )


def _ports(inside: Any, side: str) -> tuple[str, ...]:
    return _once((*texts(inside, f"{side}PortRange"), *texts(inside, f"{side}PortRanges")))


def routes_of(body: Any, role: NetworkRole, subnet_id: str, stamp: Stamp) -> RouteTable | None:
    """Read a route table."""
    table_id = text(body, "id")
    if table_id is None:
        return None
    inside = dig(body, "properties")
    no_gateway = truth(inside, "disableBgpRoutePropagation")
    return RouteTable(
        **stamp,
        id=table_id,
        role=role,
        subnet_id=subnet_id,
        routes=tuple(
            Route(
                name=text(each, "name") or "",
                prefix=text(each, "properties", "addressPrefix") or "",
                next_hop=text(each, "properties", "nextHopType") or "",
                next_hop_address=text(each, "properties", "nextHopIpAddress"),
            )
            for each in items(inside, "routes")
        ),
        gateway_routes=None if no_gateway is None else not no_gateway,
    )


def subnets_of_interface(body: Any) -> tuple[tuple[str, ...], str | None]:
    """Return the subnets a network interface stands in, and the security group on itself."""
    found = (
        text(each, "properties", "subnet", "id")
        for each in items(body, "properties", "ipConfigurations")
    )
    return (
        _once(each or "" for each in found),
        text(body, "properties", "networkSecurityGroup", "id"),
    )
