"""Rules and routes: the tables of the documentation, and a brute-force model that agrees."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from refused.lab.arm import nsg
from refused.lab.arm.nsg import allows, effective_routes, next_hop
from refused.lab.arm.state import State
from tests.lab.arm.plane import IN_GROUP

NET = f"{IN_GROUP}/Microsoft.Network"
VNET = f"{NET}/virtualNetworks/hub"
SUBNET = f"{VNET}/subnets/apps"
PEER = f"{NET}/virtualNetworks/spoke"
GROUP = f"{NET}/networkSecurityGroups/guard"
NIC_GROUP = f"{NET}/networkSecurityGroups/own"
TABLE = f"{NET}/routeTables/ways"
CLIENT, CACHE, FAR = "10.1.0.10", "10.1.0.4", "20.42.65.90"


def defaults() -> list[dict[str, Any]]:
    """Return the default rules as they stand in a document."""
    return [
        {
            "name": name,
            "properties": {
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
        for name, _, direction, priority, access, source, destination in nsg.DEFAULT_RULES
    ]


def rule(name: str, **said: Any) -> dict[str, Any]:
    """Return a rule that lets Tcp to anywhere pass, changed by what is said."""
    properties = {
        "protocol": "Tcp",
        "sourcePortRange": "*",
        "destinationPortRange": "*",
        "sourceAddressPrefix": "*",
        "destinationAddressPrefix": "*",
        "access": "Allow",
        "priority": 100,
        "direction": "Outbound",
    }
    return {"name": name, "properties": {**properties, **said}}


def world(
    *rules: dict[str, Any],
    routes: tuple[dict[str, Any], ...] = (),
    subnet: dict[str, Any] | None = None,
    peered: bool = False,
    guarded: bool = True,
) -> State:
    """Return a state with one subnet, its security group and its route table."""
    made = State()
    said: dict[str, Any] = {"addressPrefix": "10.1.0.0/24", "routeTable": {"id": TABLE}}
    if guarded:
        said["networkSecurityGroup"] = {"id": GROUP}
    peerings = [{"name": "to", "properties": {"remoteVirtualNetwork": {"id": PEER}}}]
    documents: dict[str, dict[str, Any]] = {
        VNET: {
            "addressSpace": {"addressPrefixes": ["10.1.0.0/16"]},
            "subnets": [{"name": "apps", "id": SUBNET, "properties": {**said, **(subnet or {})}}],
            "virtualNetworkPeerings": peerings if peered else [],
        },
        PEER: {"addressSpace": {"addressPrefixes": ["10.2.0.0/16"]}},
        GROUP: {"securityRules": list(rules), "defaultSecurityRules": defaults()},
        TABLE: {"routes": list(routes)},
    }
    for where, properties in documents.items():
        made.put(where, {"id": where, "name": where.rpartition("/")[2], "properties": properties})
    return made


def way(prefix: str, hop: str, via: str | None = None) -> dict[str, Any]:
    """Return a user-defined route."""
    said = {"addressPrefix": prefix, "nextHopType": hop, "nextHopIpAddress": via}
    return {"name": prefix.replace("/", "-"), "properties": said}


def leaves(state: State, to: str, port: int = 6380, protocol: str = "Tcp") -> tuple[bool, str]:
    """Ask whether the client's packet gets out of its subnet."""
    return allows(state, SUBNET, "Outbound", protocol, CLIENT, 40000, to, port)


def arrives(state: State, source: str, port: int = 6380) -> tuple[bool, str]:
    """Ask whether a packet gets to the cache's subnet."""
    return allows(state, SUBNET, "Inbound", "Tcp", source, 40000, CACHE, port)


def test_the_default_rules_let_out_and_keep_out() -> None:
    """The network among itself, all to the internet, the load balancer in; nobody else."""
    state = world()

    assert leaves(state, CACHE) == (True, "AllowVnetOutBound")
    assert leaves(state, FAR) == (True, "AllowInternetOutBound")
    assert leaves(state, "10.9.0.1") == (False, "DenyAllOutBound")
    assert arrives(state, CLIENT) == (True, "AllowVnetInBound")
    assert arrives(state, "168.63.129.16")[0]
    assert arrives(state, "203.0.113.7") == (False, "DenyAllInBound")


def test_a_subnet_without_a_group_lets_everything_pass() -> None:
    """No rule, no deny."""
    assert arrives(world(guarded=False), "203.0.113.7") == (True, nsg.NO_GROUP)


def test_the_lower_number_decides() -> None:
    """Whatever the order in which they were written."""
    allow = rule("let", priority=300, destinationPortRange="6380")
    deny = rule("stop", priority=200, access="Deny", destinationPortRange="6000-6999")
    state = world(allow, deny)

    assert leaves(state, FAR) == (False, "stop")
    assert leaves(state, FAR, 443) == (True, "AllowInternetOutBound")
    deny["properties"]["priority"] = 400
    assert leaves(world(allow, deny), FAR) == (True, "let")


@pytest.mark.parametrize(
    ("said", "stopped"),
    [
        ({"destinationPortRanges": ["443", "6379-6380"], "destinationPortRange": None}, True),
        ({"destinationPortRange": "6381-6390"}, False),
        ({"protocol": "Udp"}, False),
        ({"protocol": "TCP"}, True),
        ({"protocol": "*"}, True),
        ({"destinationAddressPrefix": "20.42.0.0/16"}, True),
        ({"destinationAddressPrefix": FAR}, True),
        (
            {
                "destinationAddressPrefix": None,
                "destinationAddressPrefixes": ["20.1.0.0/16", "20.42.65.88/29"],
            },
            True,
        ),
        ({"destinationAddressPrefix": "Internet"}, True),
        ({"destinationAddressPrefix": "VirtualNetwork"}, False),
        ({"destinationAddressPrefix": "AzureCloud"}, True),
        ({"destinationAddressPrefix": "AzureCloud.WestEurope"}, True),
        ({"destinationAddressPrefix": "NoSuchTag"}, False),
        ({"sourceAddressPrefix": "10.1.0.0/28"}, True),
        ({"sourceAddressPrefix": "10.1.0.128/25"}, False),
        ({"sourcePortRange": "40000"}, True),
        ({"sourcePortRange": "1-1023"}, False),
        ({"destinationAddressPrefix": "::/0"}, False),
    ],
)
def test_what_a_rule_speaks_of(said: dict[str, Any], stopped: bool) -> None:
    """Protocols, ports, prefixes and tags, in their singular and plural."""
    state = world(rule("stop", access="Deny", **said))

    assert leaves(state, FAR)[1] == ("stop" if stopped else "AllowInternetOutBound")


def test_a_peered_network_is_part_of_the_virtual_network() -> None:
    """And one that is not peered is nobody."""
    assert leaves(world(peered=True), "10.2.0.9") == (True, "AllowVnetOutBound")
    assert leaves(world(), "10.2.0.9") == (False, "DenyAllOutBound")


def test_a_default_route_to_an_appliance_makes_everything_the_virtual_network() -> None:
    """A trap that is known: the tag takes up the prefixes of user-defined routes."""
    state = world(routes=(way("0.0.0.0/0", "VirtualAppliance", "10.1.5.4"),))

    assert arrives(state, "203.0.113.7") == (True, "AllowVnetInBound")
    assert not arrives(world(routes=(way("0.0.0.0/0", "Internet"),)), "203.0.113.7")[0]


def test_the_platform_is_touched_only_by_its_own_tag() -> None:
    """A rule that denies everything does not cut off the names."""
    everything = rule("stop", access="Deny", protocol="*", priority=200)
    names = rule("no-dns", access="Deny", protocol="*", destinationAddressPrefix="AzurePlatformDNS")

    assert leaves(world(everything), "168.63.129.16", 53, "Udp") == (True, nsg.PLATFORM)
    assert leaves(world(everything, names), "168.63.129.16", 53, "Udp") == (False, "no-dns")
    assert leaves(world(everything, names), "169.254.169.254", 80)[0]


def test_both_the_interface_and_the_subnet_have_to_allow() -> None:
    """The one that denies is named."""
    state = world(rule("let", direction="Inbound", sourceAddressPrefix="203.0.113.0/24"))
    own = [rule("own-stop", direction="Inbound", access="Deny", destinationPortRange="6380")]
    for where, properties in (
        (NIC_GROUP, {"securityRules": own, "defaultSecurityRules": defaults()}),
        (
            f"{NET}/networkInterfaces/nic",
            {
                "networkSecurityGroup": {"id": NIC_GROUP},
                "ipConfigurations": [
                    {"properties": {"privateIPAddress": CACHE, "subnet": {"id": SUBNET}}}
                ],
            },
        ),
    ):
        state.put(where, {"id": where, "properties": properties})

    assert arrives(state, "203.0.113.7") == (False, "own-stop")
    assert arrives(state, "203.0.113.7", 443) == (False, "DenyAllInBound")


def test_an_application_security_group_is_its_members_addresses() -> None:
    """Whose interfaces say that they belong to it."""
    shop = f"{NET}/applicationSecurityGroups/shop"
    reference = [{"id": shop}]
    said = rule(
        "stop", access="Deny", sourceAddressPrefix=None, sourceApplicationSecurityGroups=reference
    )
    state = world(said)
    assert leaves(state, FAR)[0]
    place = {"privateIPAddress": CLIENT, "subnet": {"id": SUBNET}}
    properties = {
        "ipConfigurations": [{"properties": {**place, "applicationSecurityGroups": reference}}]
    }
    nic = f"{NET}/networkInterfaces/nic"
    state.put(nic, {"id": nic, "properties": properties})

    assert leaves(state, FAR) == (False, "stop")


def with_endpoint(state: State) -> State:
    """Add a private endpoint at the cache's private address."""
    where = f"{NET}/privateEndpoints/door"
    config = {"fqdn": "contoso.redis.cache.windows.net", "ipAddresses": [CACHE]}
    properties = {"subnet": {"id": SUBNET}, "customDnsConfigs": [config]}
    state.put(where, {"id": where, "name": "door", "properties": properties})
    return state


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("Disabled", (True, nsg.NO_POLICY)),
        ("RouteTableEnabled", (True, nsg.NO_POLICY)),
        ("NetworkSecurityGroupEnabled", (False, "stop")),
        ("Enabled", (False, "stop")),
    ],
)
def test_rules_reach_an_endpoint_where_its_subnet_says_so(
    policy: str, said: tuple[bool, str]
) -> None:
    """Network policies are off by default."""
    deny = rule("stop", access="Deny", direction="Inbound")
    state = with_endpoint(world(deny, subnet={"privateEndpointNetworkPolicies": policy}))

    assert arrives(state, CLIENT) == said


@pytest.mark.parametrize(
    ("to", "hop"),
    [
        ("10.1.200.1", ("VnetLocal", None)),
        ("10.2.0.9", ("VNetPeering", None)),
        ("10.3.0.9", ("None", None)),
        ("172.16.9.9", ("None", None)),
        ("100.64.0.1", ("None", None)),
        (FAR, ("Internet", None)),
    ],
)
def test_the_routes_that_every_subnet_has(to: str, hop: tuple[str, str | None]) -> None:
    """Private ranges that nobody claims end nowhere."""
    assert next_hop(world(peered=True), SUBNET, to) == hop


def test_the_longest_prefix_wins_and_then_the_users_route() -> None:
    """A user's route replaces the system's of the same prefix."""
    state = world(
        routes=(
            way("0.0.0.0/0", "VirtualAppliance", "10.1.5.4"),
            way("20.42.65.88/29", "None"),
            way("10.1.0.0/16", "VirtualAppliance", "10.1.5.5"),
        )
    )

    assert next_hop(state, SUBNET, "20.1.1.1") == ("VirtualAppliance", "10.1.5.4")
    assert next_hop(state, SUBNET, FAR) == ("None", None)
    assert next_hop(state, SUBNET, CACHE) == ("VirtualAppliance", "10.1.5.5")


def test_a_route_to_a_tag_is_one_for_each_of_its_prefixes() -> None:
    """Forced tunnelling with an exception for what the platform needs."""
    state = world(
        routes=(
            way("0.0.0.0/0", "VirtualAppliance", "10.1.5.4"),
            way("AzureMonitor", "Internet"),
        )
    )

    assert next_hop(state, SUBNET, "20.40.1.1") == ("Internet", None)
    assert next_hop(state, SUBNET, "20.41.1.1") == ("VirtualAppliance", "10.1.5.4")


def test_an_endpoints_own_route_gives_way_where_its_subnet_says_so() -> None:
    """A /32 beats a wider route, unless network policies for routes are on."""
    routes = (way("10.1.0.0/16", "VirtualAppliance", "10.1.5.4"),)
    assert next_hop(with_endpoint(world(routes=routes)), SUBNET, CACHE)[0] == "InterfaceEndpoint"
    policies = {"privateEndpointNetworkPolicies": "RouteTableEnabled"}
    state = with_endpoint(world(routes=routes, subnet=policies))
    assert next_hop(state, SUBNET, CACHE) == ("VirtualAppliance", "10.1.5.4")
    wider = with_endpoint(world(routes=(way("10.0.0.0/8", "None"),), subnet=policies))
    assert next_hop(wider, SUBNET, CACHE)[0] == "InterfaceEndpoint"


# --- a model without prefixes, ranges or order: every packet of a tiny world is listed ---------------

LAST = (0, 1, 2, 3, 4, 5, 6, 7)
PORTS = (6378, 6379, 6380, 6381)
PREFIXES = {
    "*": set(LAST),
    "10.1.0.0/29": set(LAST),
    "10.1.0.0/30": {0, 1, 2, 3},
    "10.1.0.4/30": {4, 5, 6, 7},
    "10.1.0.2/31": {2, 3},
    "10.1.0.6": {6},
    "10.1.0.5/30": {4, 5, 6, 7},
    "VirtualNetwork": set(LAST),
    "Internet": set(),
    "20.0.0.0/8": set(),
}
SPANS = {"*": set(PORTS), "6379": {6379}, "6379-6380": {6379, 6380}, "0-6379": {6378, 6379}}

rules_of_all_kinds = some.lists(
    some.fixed_dictionaries(
        {
            "protocol": some.sampled_from(["Tcp", "Udp", "*", "tcp"]),
            "access": some.sampled_from(["Allow", "Deny"]),
            "direction": some.sampled_from(["Inbound", "Outbound"]),
            "priority": some.integers(100, 4096),
            "sources": some.lists(some.sampled_from(sorted(PREFIXES)), min_size=1, max_size=2),
            "destinations": some.lists(some.sampled_from(sorted(PREFIXES)), min_size=1, max_size=2),
            "ports": some.lists(some.sampled_from(sorted(SPANS)), min_size=1, max_size=2),
        }
    ),
    max_size=6,
    unique_by=lambda each: (each["priority"], each["direction"]),
)


@given(
    said=rules_of_all_kinds,
    direction=some.sampled_from(["Inbound", "Outbound"]),
    source=some.sampled_from(LAST),
    destination=some.sampled_from(LAST),
    port=some.sampled_from(PORTS),
    protocol=some.sampled_from(["Tcp", "Udp"]),
)
def test_the_evaluator_agrees_with_a_list_of_all_packets(  # noqa: PLR0917  # hypothesis names them
    said: list[dict[str, Any]],
    direction: Any,
    source: int,
    destination: int,
    port: int,
    protocol: str,
) -> None:
    """The model fills a table of packets from the last priority to the first."""
    state = world(
        *(
            rule(
                f"rule-{at}",
                protocol=each["protocol"],
                access=each["access"],
                direction=each["direction"],
                priority=each["priority"],
                sourceAddressPrefix=None,
                destinationAddressPrefix=None,
                destinationPortRange=None,
                sourceAddressPrefixes=each["sources"],
                destinationAddressPrefixes=each["destinations"],
                destinationPortRanges=each["ports"],
            )
            for at, each in enumerate(said)
        )
    )
    decided: dict[tuple[str, int, int, int], str] = {}
    ordered = sorted(enumerate(said), key=lambda pair: -pair[1]["priority"])
    for at, each in ordered:
        if each["direction"] != direction:
            continue
        for how in ("tcp", "udp"):
            if each["protocol"].lower() not in ("*", how):
                continue
            for prefix in each["sources"]:
                for one in PREFIXES[prefix]:
                    for other in each["destinations"]:
                        for two in PREFIXES[other]:
                            for span in each["ports"]:
                                for number in SPANS[span]:
                                    decided[how, one, two, number] = f"rule-{at}"
    fallback = "AllowVnetInBound" if direction == "Inbound" else "AllowVnetOutBound"
    name = decided.get((protocol.lower(), source, destination, port), fallback)
    allowed = name == fallback or said[int(name[5:])]["access"] == "Allow"

    found = allows(
        state,
        SUBNET,
        direction,
        protocol,
        f"10.1.0.{source}",
        40000,
        f"10.1.0.{destination}",
        port,
    )

    assert found == (allowed, name)


prefixes_of_all_lengths = some.builds(
    lambda number, length: str(ipaddress.ip_network((number, length), strict=False)),
    some.integers(0, 2**32 - 1),
    some.integers(0, 32),
)


@given(
    routes=some.lists(prefixes_of_all_lengths, max_size=8, unique=True),
    there=some.integers(0, 2**32 - 1),
    near=some.booleans(),
    data=some.data(),
)
def test_the_route_is_that_of_the_longest_prefix(
    routes: list[str], there: int, near: bool, data: some.DataObject
) -> None:
    """The model shortens the address bit by bit until a route has just that prefix."""
    if near and routes:
        net = ipaddress.ip_network(data.draw(some.sampled_from(routes)))
        there = int(net.network_address) + there % net.num_addresses
    address = str(ipaddress.ip_address(there))
    state = world(routes=tuple(way(each, f"hop-{at}") for at, each in enumerate(routes)))
    table = {str(each.net): each.hop for each in effective_routes(state, SUBNET) if each.active}
    table |= {each: f"hop-{at}" for at, each in enumerate(routes)}

    expected = next(
        table[prefix]
        for length in range(32, -1, -1)
        if (prefix := str(ipaddress.ip_network((there, length), strict=False))) in table
    )

    assert next_hop(state, SUBNET, address)[0] == expected
