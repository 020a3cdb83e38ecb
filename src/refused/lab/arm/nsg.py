"""What the networks of the twin let through, where they send it, and what their resolvers say.

The twin's own evaluation of security groups and routes, written apart from that of the judges, so
that each can be held against the other. It reads ARM documents as a GET answers them.

Sources (learn.microsoft.com/azure/):
    ``virtual-network/network-security-groups-overview``: priorities, default rules, the order of
    subnet and interface, tags, the platform's addresses that rules touch by their own tags only.
    ``virtual-network/service-tags-overview``: what the tags hold; ``VirtualNetwork`` also holds the
    prefixes of user-defined routes and "might also contain default routes".
    ``virtual-network/virtual-networks-udr-overview``: system routes, and which route is chosen.
    ``private-link/disable-private-endpoint-network-policy``: when rules and routes reach endpoints.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from refused.lab.arm.private_dns import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TypeAlias

    from refused.lab.arm.state import State

    Net: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
    Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

__all__ = [
    "DEFAULT_RULES",
    "TAGS",
    "Route",
    "allows",
    "effective_routes",
    "next_hop",
    "resolve",
    "tag_prefixes",
]

Direction = Literal["Inbound", "Outbound"]

NO_GROUP = "no security group"
NO_POLICY = "private endpoint network policies are off"
PLATFORM = "the platform's own address"

# Shape: (name, description, direction, priority, access, source, destination). Source: the
# overview named above, and every recorded security group.
DEFAULT_RULES: tuple[tuple[str, str, Direction, int, str, str, str], ...] = (
    (
        "AllowVnetInBound",
        "Allow inbound traffic from all VMs in VNET",
        "Inbound",
        65000,
        "Allow",
        "VirtualNetwork",
        "VirtualNetwork",
    ),
    (
        "AllowAzureLoadBalancerInBound",
        "Allow inbound traffic from azure load balancer",
        "Inbound",
        65001,
        "Allow",
        "AzureLoadBalancer",
        "*",
    ),
    ("DenyAllInBound", "Deny all inbound traffic", "Inbound", 65500, "Deny", "*", "*"),
    (
        "AllowVnetOutBound",
        "Allow outbound traffic from all VMs to all VMs in VNET",
        "Outbound",
        65000,
        "Allow",
        "VirtualNetwork",
        "VirtualNetwork",
    ),
    (
        "AllowInternetOutBound",
        "Allow outbound traffic from all VMs to Internet",
        "Outbound",
        65001,
        "Allow",
        "*",
        "Internet",
    ),
    ("DenyAllOutBound", "Deny all outbound traffic", "Outbound", 65500, "Deny", "*", "*"),
)

_HOST = "168.63.129.16"  # the platform's virtual address: load balancer, DNS, DHCP, agent
_METADATA = "169.254.169.254"
_PLATFORM_TAGS = {_HOST: "azureplatformdns", _METADATA: "azureplatformimds"}

# Of the real tags only those whose addresses never change. The others are lists of thousands of
# ranges, renewed every week: these are the addresses that the twin's own world uses, unless a
# document of type ``Microsoft.Network/serviceTags`` says otherwise.
TAGS: dict[str, tuple[str, ...]] = {
    "AzureLoadBalancer": (f"{_HOST}/32",),
    "AzurePlatformDNS": (f"{_HOST}/32",),
    "AzurePlatformIMDS": (f"{_METADATA}/32",),
    "AzureCloud": ("20.0.0.0/8",),
    "AzureMonitor": ("20.40.0.0/16",),
    "AzureKeyVault": ("20.41.0.0/16",),
    "Storage": ("20.43.0.0/16",),
    "AzureActiveDirectory": ("20.44.0.0/16",),
}

# What no route on the internet leads to: RFC 1918, 6598, 3927, 1122, 4193, 4291.
_NOT_INTERNET = tuple(
    ipaddress.ip_network(prefix)
    for prefix in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    )
)

_SYSTEM_ROUTES = (
    ("0.0.0.0/0", "Internet"),
    ("10.0.0.0/8", "None"),
    ("172.16.0.0/12", "None"),
    ("192.168.0.0/16", "None"),
    ("100.64.0.0/10", "None"),
)
_LOCAL_HOPS = ("VnetLocal", "VNetPeering", "InterfaceEndpoint")


def allows(  # noqa: PLR0917  # a packet has five parts
    state: State,
    subnet_id: str,
    direction: Direction,
    protocol: str,
    source: str,
    source_port: int,
    destination: str,
    destination_port: int,
) -> tuple[bool, str]:
    """Whether the security groups of a subnet let a packet pass, and which rule decides.

    The group of the subnet and that of the interface at our own end (the source of what leaves, the
    destination of what arrives) both have to allow it; where one denies, its rule is named.

    Args:
        protocol: ``Tcp``, ``Udp`` or ``Icmp``, in any casing.
    """
    subnet = subnet_of(state, subnet_id)
    own = source if direction == "Outbound" else destination
    if direction == "Inbound" and _shields_endpoint(state, subnet, own):
        return True, NO_POLICY
    packet = _Packet(
        protocol.casefold(),
        ipaddress.ip_address(source),
        source_port,
        ipaddress.ip_address(destination),
        destination_port,
    )
    groups = [_properties(subnet).get("networkSecurityGroup")]
    interface = _interface_at(state, subnet_id, own)
    groups.append(_properties(interface).get("networkSecurityGroup"))
    if direction == "Outbound":
        groups.reverse()  # what leaves meets the interface's group first
    said = NO_GROUP
    for reference in groups:
        group = state.get(reference["id"]) if reference else None
        if group is None:
            continue
        allowed, said = _decide(state, group, subnet_id, direction, packet)
        if not allowed:
            return False, said
    return True, said


@dataclass(frozen=True)
class _Packet:
    protocol: str
    source: Address
    source_port: int
    destination: Address
    destination_port: int


def _decide(
    state: State,
    group: Mapping[str, Any],
    subnet_id: str,
    direction: Direction,
    packet: _Packet,
) -> tuple[bool, str]:
    platform = _PLATFORM_TAGS.get(str(packet.destination)) if direction == "Outbound" else None
    for rule in rules(group, direction):
        said = rule["properties"]
        if platform is not None and _tag_of(said.get("destinationAddressPrefix")) != platform:
            continue  # only a rule that names the platform touches it
        if _matches(state, said, subnet_id, packet):
            return said["access"].casefold() == "allow", rule["name"]
    if platform is not None:
        return True, PLATFORM
    return False, "no rule"  # unreachable where the default rules are in place


def rules(group: Mapping[str, Any], direction: Direction) -> list[dict[str, Any]]:
    """Return a group's rules of one direction, its default rules included, in their order."""
    said = _properties(group)
    found = [*said.get("securityRules", ()), *said.get("defaultSecurityRules", ())]
    wanted = direction.casefold()
    found = [each for each in found if each["properties"]["direction"].casefold() == wanted]
    return sorted(found, key=lambda each: int(each["properties"]["priority"]))


def _matches(state: State, said: Mapping[str, Any], subnet_id: str, packet: _Packet) -> bool:
    return (
        said["protocol"].casefold() in ("*", packet.protocol)
        and _in_ports(listed(said, "sourcePortRange"), packet.source_port)
        and _in_ports(listed(said, "destinationPortRange"), packet.destination_port)
        and _at_end(state, said, "source", subnet_id, packet.source)
        and _at_end(state, said, "destination", subnet_id, packet.destination)
    )


def listed(said: Mapping[str, Any], field: str) -> list[str]:
    """Return what a rule says in *field* or its plural, split at commas."""
    one = said.get(field)
    values = [*([one] if one else []), *(said.get(_plural(field)) or ())]
    return [part.strip() for value in values for part in str(value).split(",") if part.strip()]


def _plural(field: str) -> str:
    return f"{field}es" if field.endswith("x") else f"{field}s"


def _in_ports(ranges: Sequence[str], port: int) -> bool:
    for each in ranges:
        if each == "*":
            return True
        first, _, last = each.partition("-")
        if first.isdigit() and int(first) <= port <= int(last or first):
            return True
    return False


def _at_end(
    state: State,
    said: Mapping[str, Any],
    end: Literal["source", "destination"],
    subnet_id: str,
    address: Address,
) -> bool:
    """Whether *address* is what a rule means by its source or its destination."""
    if any(
        _within(state, prefix, subnet_id, address) for prefix in listed(said, f"{end}AddressPrefix")
    ):
        return True
    groups = said.get(f"{end}ApplicationSecurityGroups") or ()
    return any(str(address) in _members(state, group["id"]) for group in groups)


def _within(state: State, prefix: str, subnet_id: str, address: Address) -> bool:
    if prefix == "*":
        return True
    net = network_or_none(prefix)
    if net is not None:
        return _holds(net, address)
    tag = prefix.casefold()
    if tag == "virtualnetwork":
        return _in_virtual_network(state, subnet_id, address)
    if tag == "internet":
        outside = not any(_holds(net, address) for net in _NOT_INTERNET)
        return outside and not _in_virtual_network(state, subnet_id, address, routed=False)
    return any(
        _holds(net, address) for net in map(network_or_none, tag_prefixes(state, prefix)) if net
    )


def _tag_of(prefix: object) -> str:
    return str(prefix or "").casefold()


def tag_prefixes(state: State, tag: str) -> Sequence[str]:
    """Return the prefixes of a service tag other than VirtualNetwork and Internet, or nothing.

    A regional form (``Storage.WestEurope``) that is not listed is read as the whole tag.
    """
    known = {name.casefold(): prefixes for name, prefixes in TAGS.items()}
    for document in state.of_type("Microsoft.Network/serviceTags"):
        for value in document.get("values", ()):
            known[value["name"].casefold()] = tuple(value["properties"]["addressPrefixes"])
    wanted = tag.casefold()
    return known.get(wanted) or known.get(wanted.partition(".")[0], ())


def tag_names(state: State) -> list[str]:
    """Return the names of the tags that have prefixes here."""
    found = dict.fromkeys(TAGS)
    for document in state.of_type("Microsoft.Network/serviceTags"):
        found |= dict.fromkeys(value["name"] for value in document.get("values", ()))
    return list(found)


def expanded(state: State, subnet_id: str, prefix: str) -> list[str]:
    """Return what a tag stands for as the subnet sees it; nothing for what is no tag."""
    if prefix == "*" or network_or_none(prefix) is not None:
        return []
    tag = prefix.casefold()
    if tag == "virtualnetwork":
        nets = [*_address_space(state, subnet_id), *_routed_prefixes(state, subnet_id)]
        return [*map(str, nets), f"{_HOST}/32"]
    if tag == "internet":
        return []  # the real answer is a list of hundreds of ranges
    return list(tag_prefixes(state, prefix))


def _in_virtual_network(
    state: State, subnet_id: str, address: Address, *, routed: bool = True
) -> bool:
    """Whether the tag VirtualNetwork, as the subnet sees it, holds *address*.

    On-premises networks behind a gateway belong to it too; the twin has no gateways.
    """
    if str(address) == _HOST:
        return True
    nets = list(_address_space(state, subnet_id))
    if routed:
        nets += _routed_prefixes(state, subnet_id)
    return any(_holds(net, address) for net in nets)


def _address_space(state: State, subnet_id: str) -> Iterator[Net]:
    """Yield the prefixes of the subnet's network, then those of connected peers."""
    network = state.get(network_of(subnet_id))
    yield from _prefixes_of(network)
    for peer in _peers(state, network):
        yield from _prefixes_of(peer)


def _peers(state: State, network: Mapping[str, Any] | None) -> Iterator[dict[str, Any]]:
    for peering in _properties(network).get("virtualNetworkPeerings", ()):
        said = _properties(peering)
        if said.get("peeringState", "Connected") == "Connected":
            peer = state.get(said.get("remoteVirtualNetwork", {}).get("id", ""))
            if peer is not None:
                yield peer


def _routed_prefixes(state: State, subnet_id: str) -> Iterator[Net]:
    """Yield the prefixes of user-defined routes that belong to the tag VirtualNetwork.

    A default route was seen to count where it leads to an appliance
    (https://www.torivar.com/2019/01/16/azure-nsg-virtualnetwork-tag/); one that leads elsewhere
    does not count here, which is a guess.
    """
    for route in _user_routes(state, subnet_id):
        if route.net.prefixlen > 0 or route.hop == "VirtualAppliance":
            yield route.net


def _prefixes_of(network: Mapping[str, Any] | None) -> Iterator[Net]:
    for prefix in _properties(network).get("addressSpace", {}).get("addressPrefixes", ()):
        net = network_or_none(prefix)
        if net is not None:
            yield net


def _members(state: State, group_id: str) -> set[str]:
    """Return the addresses that belong to an application security group."""
    wanted = group_id.casefold()
    found: set[str] = set()
    for interface in state.of_type("Microsoft.Network/networkInterfaces"):
        for place in _properties(interface).get("ipConfigurations", ()):
            said = _properties(place)
            groups = said.get("applicationSecurityGroups") or ()
            if any(group["id"].casefold() == wanted for group in groups):
                found.add(str(said.get("privateIPAddress")))
    for endpoint in state.of_type("Microsoft.Network/privateEndpoints"):
        said = _properties(endpoint)
        groups = said.get("applicationSecurityGroups") or ()
        if any(group["id"].casefold() == wanted for group in groups):
            found.update(endpoint_addresses(state, endpoint))
    return found


def endpoint_addresses(state: State, endpoint: Mapping[str, Any]) -> set[str]:
    """Return the private addresses of a private endpoint: its interface's, its DNS settings'."""
    said = _properties(endpoint)
    found = {
        str(address)
        for config in said.get("customDnsConfigs") or ()
        for address in config.get("ipAddresses", ())
    }
    for reference in said.get("networkInterfaces") or ():
        for place in _properties(state.get(reference["id"])).get("ipConfigurations", ()):
            found.add(str(_properties(place).get("privateIPAddress")))
    return found


def _shields_endpoint(state: State, subnet: Mapping[str, Any] | None, address: str) -> bool:
    """Whether *address* is a private endpoint that the subnet's rules do not reach."""
    policy = _properties(subnet).get("privateEndpointNetworkPolicies", "Disabled")
    if policy in ("Enabled", "NetworkSecurityGroupEnabled"):
        return False
    return any(
        address in endpoint_addresses(state, endpoint)
        for endpoint in state.of_type("Microsoft.Network/privateEndpoints")
    )


def _interface_at(state: State, subnet_id: str, address: str) -> dict[str, Any] | None:
    wanted = subnet_id.casefold()
    for interface in state.of_type("Microsoft.Network/networkInterfaces"):
        for place in _properties(interface).get("ipConfigurations", ()):
            said = _properties(place)
            here = str(said.get("subnet", {}).get("id", "")).casefold() == wanted
            if here and said.get("privateIPAddress") == address:
                return interface
    return None


@dataclass(frozen=True)
class Route:
    """One route as a subnet has it.

    Attributes:
        hop: The type of the next hop, as the effective routes of an interface call it.
        via: The address of the next hop, where it has one.
        source: ``User`` or ``Default``.
        active: Whether it is in force: a route that another one replaces is not.
    """

    net: Net
    hop: str
    via: str | None = None
    source: Literal["User", "Default"] = "Default"
    name: str | None = None
    active: bool = True


def next_hop(state: State, subnet_id: str, address: str) -> tuple[str, str | None]:
    """Return the type of the next hop for *address*, and its own address where it has one.

    The longest prefix wins, and a user-defined route before the system's of the same length.
    ``("None", None)`` is a route that ends nowhere: what is sent there is dropped.
    """
    there = ipaddress.ip_address(address)
    routes = [route for route in effective_routes(state, subnet_id) if route.active]
    fitting = [route for route in routes if _holds(route.net, there)]
    if not fitting:
        return "None", None
    best = max(fitting, key=lambda route: (route.net.prefixlen, route.source == "User"))
    return best.hop, best.via


def effective_routes(state: State, subnet_id: str) -> list[Route]:
    """Return every route of a subnet: the system's and the user's, those replaced included."""
    network = state.get(network_of(subnet_id))
    local = list(_prefixes_of(network))
    system = [Route(net, "VnetLocal") for net in local]
    for peer in _peers(state, network):
        system += [Route(net, "VNetPeering") for net in _prefixes_of(peer)]
    known = {route.net for route in system}
    for prefix, hop in _SYSTEM_ROUTES:
        net = ipaddress.ip_network(prefix)
        if net not in known:  # a network of that very range turns the route into its own
            system.append(Route(net, hop))
    if local:
        system += _endpoint_routes(state, subnet_id)
    user = list(_user_routes(state, subnet_id))
    taken = {route.net for route in user}
    found = [
        Route(
            route.net,
            route.hop,
            route.via,
            route.source,
            route.name,
            route.net not in taken and not _is_invalidated(state, route, user, local),
        )
        for route in system
    ]
    return found + user


def _user_routes(state: State, subnet_id: str) -> Iterator[Route]:
    """Yield the routes of the subnet's route table; a service tag becomes one for each prefix."""
    reference = _properties(subnet_of(state, subnet_id)).get("routeTable")
    table = state.get(reference["id"]) if reference else None
    for route in _properties(table).get("routes", ()):
        said = _properties(route)
        prefix = str(said.get("addressPrefix", ""))
        hop = str(said.get("nextHopType", "None"))
        via = said.get("nextHopIpAddress")
        net = network_or_none(prefix)
        nets = [net] if net is not None else map(network_or_none, tag_prefixes(state, prefix))
        for each in nets:
            if each is not None:
                yield Route(each, hop, via, "User", route.get("name"))


def _endpoint_routes(state: State, subnet_id: str) -> Iterator[Route]:
    """Yield the /32 that a private endpoint gives its own network and those peered with it."""
    reached = {network_of(subnet_id).casefold()}
    network = state.get(network_of(subnet_id))
    reached |= {str(peer["id"]).casefold() for peer in _peers(state, network)}
    for endpoint in state.of_type("Microsoft.Network/privateEndpoints"):
        place = str(_properties(endpoint).get("subnet", {}).get("id", ""))
        if network_of(place).casefold() in reached:
            for address in endpoint_addresses(state, endpoint):
                net = ipaddress.ip_network(address)
                yield Route(net, "InterfaceEndpoint", name=str(endpoint.get("name", "")))


def _is_invalidated(
    state: State, route: Route, user: Sequence[Route], local: Sequence[Net]
) -> bool:
    """Whether a wider user-defined route takes the place of a private endpoint's /32.

    It does where the endpoint's subnet has network policies for routes, and where it is no wider
    than the network's own address space.
    """
    if route.hop != "InterfaceEndpoint":
        return False
    address = route.net.network_address
    policies = [
        _properties(subnet_of(state, str(_properties(endpoint)["subnet"]["id"]))).get(
            "privateEndpointNetworkPolicies", "Disabled"
        )
        for endpoint in state.of_type("Microsoft.Network/privateEndpoints")
        if str(address) in endpoint_addresses(state, endpoint)
    ]
    if not any(policy in ("Enabled", "RouteTableEnabled") for policy in policies):
        return False
    space = [net.prefixlen for net in local if _holds(net, address)]
    widest = min(space, default=0)
    return any(_holds(each.net, address) and each.net.prefixlen >= widest for each in user)


def network_of(subnet_id: str) -> str:
    """Return the id of the virtual network that a subnet belongs to."""
    at = subnet_id.casefold().rfind("/subnets/")
    return subnet_id[:at] if at >= 0 else subnet_id


def subnet_of(state: State, subnet_id: str) -> dict[str, Any] | None:
    """Return a subnet, which lies in its network's document."""
    wanted = subnet_id.casefold()
    for subnet in _properties(state.get(network_of(subnet_id))).get("subnets", ()):
        if str(subnet.get("id", "")).casefold() == wanted:
            return dict(subnet)
    return None


def _properties(document: Mapping[str, Any] | None) -> dict[str, Any]:
    return dict((document or {}).get("properties") or {})


def network_or_none(prefix: str) -> Net | None:
    try:
        return ipaddress.ip_network(prefix, strict=False)
    except ValueError:
        return None


def _holds(net: Net, address: Address) -> bool:
    return net.version == address.version and address in net
