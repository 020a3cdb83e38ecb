"""Security rules and routes, held to a model that tries every packet of a small world."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.evidence.control_plane import Route, SecurityRule
from refused.evidence.nsg import (
    DEFAULT_RULES,
    Flow,
    Surroundings,
    Way,
    blocked_requirements,
    decide,
    way_to,
)
from refused.service.vnet import REQUIRED_RULES

# --- a small world, and a model of it that shares nothing with the evaluator ---------------------

NETWORK = "10.0.0.0/29"
INSIDE = [str(each) for each in ipaddress.ip_network(NETWORK)]
PRIVATE = ["10.9.0.1", "192.168.4.4"]
PUBLIC = ["20.42.65.90", "20.42.65.91", "52.1.1.1"]
PLATFORM = "168.63.129.16"
EVERYWHERE = [*INSIDE, *PRIVATE, *PUBLIC, PLATFORM]
PORTS = [22, 6379, 6380, 13000, 15001, 16000]
# What only Azure knows: the members of each, chosen anew for every example.
HIDDEN = ["Storage", "AzureCloud.westeurope", "/subscriptions/s/applicationSecurityGroups/web"]
ENTRIES = [
    "*",
    "0.0.0.0/0",
    NETWORK,
    "10.0.0.0/30",
    "10.0.0.5",
    "10.0.0.5/32",
    "10.0.0.0/8",
    "20.42.65.0/24",
    "20.42.65.90",
    "VirtualNetwork",
    "Internet",
    "AzureLoadBalancer",
]
PORT_ENTRIES = ["*", "6380", "6379-6380", "13000-13999", "15000-15999", "22"]
AROUND = Surroundings(inside=(NETWORK,), outside=tuple(PUBLIC), complete=True)


def rules(entries: list[str]) -> st.SearchStrategy[list[SecurityRule]]:
    """Return groups of up to six rules, each at a priority of its own."""
    one = st.builds(
        SecurityRule,
        name=st.just("r"),
        priority=st.integers(100, 4096),
        direction=st.sampled_from(["Inbound", "Outbound"]),
        access=st.sampled_from(["Allow", "Deny"]),
        protocol=st.sampled_from(["*", "Tcp", "TCP", "Udp"]),
        sources=st.lists(st.sampled_from(entries), min_size=1, max_size=2).map(tuple),
        destinations=st.lists(st.sampled_from(entries), min_size=1, max_size=2).map(tuple),
        destination_ports=st.lists(st.sampled_from(PORT_ENTRIES), min_size=1, max_size=2).map(
            tuple
        ),
    )
    return st.lists(one, max_size=6, unique_by=lambda rule: (rule.direction, rule.priority))


def model_holds(entry: str, address: str, hidden: dict[str, set[str]]) -> bool:
    """Whether *entry* holds one address, all secrets known."""
    if entry in hidden:
        return address in hidden[entry]
    if entry == "*":
        return True
    if entry == "AzureLoadBalancer":
        return address == PLATFORM
    if entry == "VirtualNetwork":
        return address in INSIDE or address == PLATFORM
    if entry == "Internet":
        return address in PUBLIC
    return ipaddress.ip_address(address) in ipaddress.ip_network(entry)


def model(group: list[SecurityRule], flow: Flow, hidden: dict[str, set[str]]) -> str:
    """Return what the group does with a packet from one address to another."""
    for rule in sorted([*group, *DEFAULT_RULES], key=lambda each: each.priority):
        ports = [each.partition("-") for each in rule.destination_ports]
        if (
            rule.direction == flow.direction
            and rule.protocol.lower() in ("*", flow.protocol)
            and any(
                low == "*" or int(low) <= flow.port <= int(high or low) for low, _, high in ports
            )
            and any(model_holds(each, flow.source, hidden) for each in rule.sources)
            and any(model_holds(each, flow.destination, hidden) for each in rule.destinations)
        ):
            return rule.access
    raise AssertionError


flows = st.builds(
    Flow,
    direction=st.sampled_from(["Inbound", "Outbound"]),
    protocol=st.sampled_from(["tcp", "udp"]),
    source=st.sampled_from(EVERYWHERE),
    destination=st.sampled_from(EVERYWHERE),
    port=st.sampled_from(PORTS),
)
secrets = st.fixed_dictionaries(
    {
        "Storage": st.sets(st.sampled_from(PUBLIC)),
        "AzureCloud.westeurope": st.sets(st.sampled_from(PUBLIC)),
        HIDDEN[2]: st.sets(st.sampled_from(INSIDE)),
    }
)


@given(group=rules(ENTRIES), flow=flows)
def test_where_all_can_be_known_the_decision_is_the_models(
    group: list[SecurityRule], flow: Flow
) -> None:
    """Priorities, directions, protocols, ranges, prefixes, tags and default rules."""
    decision = decide(group, flow, AROUND)

    assert decision.access == model(group, flow, {})
    assert decision.access == decision.rule.access
    assert decision.perhaps == ()


@given(group=rules([*ENTRIES, *HIDDEN]), flow=flows, hidden=secrets)
def test_a_decision_holds_whatever_azure_keeps_to_itself(
    group: list[SecurityRule], flow: Flow, hidden: dict[str, set[str]]
) -> None:
    """Undecidable tags and groups make a decision unknown, never wrong."""
    decision = decide(group, flow, AROUND)

    if decision.access != "unknown":
        assert decision.access == model(group, flow, hidden)
    else:
        named = {*HIDDEN}
        assert any(named & {*rule.sources, *rule.destinations} for rule in decision.perhaps)


@given(group=rules(ENTRIES), flow=flows, prefix=st.sampled_from([NETWORK, "10.0.0.4/30"]))
def test_a_decision_for_a_prefix_holds_for_every_address_in_it(
    group: list[SecurityRule], flow: Flow, prefix: str
) -> None:
    """A subnet whose addresses fare differently is not decided."""
    decision = decide(group, flow.replace(source=prefix), AROUND)
    each = {
        model(group, flow.replace(source=str(address)), {})
        for address in ipaddress.ip_network(prefix)
    }

    assert decision.access == "unknown" or each == {decision.access}
    if len(each) > 1:
        assert decision.access == "unknown"


@given(group=rules(ENTRIES), flow=flows)
def test_less_knowledge_of_the_network_never_turns_a_decision_round(
    group: list[SecurityRule], flow: Flow
) -> None:
    """Where peers and gateways were not read, a private stranger may be a neighbour."""
    dark = decide(group, flow, Surroundings(inside=(NETWORK,)))

    assert dark.access in ("unknown", model(group, flow, {}))


def rule(name: str, priority: int, access: str = "Deny", **changes: Any) -> SecurityRule:
    """Return an inbound TCP rule about everything, but for *changes*."""
    plain = SecurityRule(
        name=name,
        priority=priority,
        direction="Inbound",
        access=access,
        protocol="Tcp",
        sources=("*",),
        destinations=("*",),
    )
    return plain.replace(**changes)


FROM_CLIENT = Flow(
    direction="Inbound", protocol="tcp", source="10.0.0.5", destination="10.0.0.2", port=6380
)


def test_the_first_by_priority_decides() -> None:
    """In whatever order they come."""
    group = [
        rule("deny-all", 4000),
        rule("allow-redis", 200, "Allow", destination_ports=("6380",)),
        rule("deny-redis", 300, destination_ports=("6379-6380",)),
    ]

    assert decide(group, FROM_CLIENT, AROUND).rule.name == "allow-redis"
    assert decide(group, FROM_CLIENT.replace(port=6379), AROUND).rule.name == "deny-redis"
    assert decide(group, FROM_CLIENT.replace(port=10000), AROUND).rule.name == "deny-all"


def test_a_default_route_may_make_the_internet_part_of_the_network() -> None:
    """Azure says that the tag VirtualNetwork may hold it, so that nobody can tell."""
    out = Flow(
        direction="Outbound", protocol="tcp", source="10.0.0.5", destination=PUBLIC[0], port=6380
    )
    no_internet = rule("no-internet", 100, direction="Outbound", destinations=("Internet",))
    routed = AROUND.replace(routed=("0.0.0.0/0",))

    assert decide([no_internet], out, AROUND).access == "Deny"
    assert decide([no_internet], out, routed).access == "unknown"


def test_a_rule_about_source_ports_is_read_against_what_clients_use() -> None:
    """Nobody dials from port 6380, though many a rule says so by mistake."""
    mistaken = rule("mistaken", 100, source_ports=("443",), destination_ports=("6380",))
    some = rule("some", 100, source_ports=("1024-40000",))

    assert decide([mistaken], FROM_CLIENT, AROUND).access == "Allow"
    assert decide([some], FROM_CLIENT, AROUND).access == "unknown"
    assert decide([some], FROM_CLIENT.replace(source_port=50000), AROUND).access == "Allow"


def test_what_cannot_be_read_matches_perhaps() -> None:
    """A port that is no port, a prefix of IPv6 against IPv4."""
    odd = rule("odd", 100, destination_ports=("redis",))
    six = rule("six", 100, sources=("fd00::/8",))

    assert decide([odd], FROM_CLIENT, AROUND).access == "unknown"
    assert decide([six], FROM_CLIENT, AROUND).access == "Allow"


# --- what an injected cache needs ---------------------------------------------------------------

SUBNET = ("10.0.0.0/30",)
CLIENTS = ("10.0.0.4/30",)


def blocked(*group: SecurityRule) -> list[tuple[str, int, int, str, str, str]]:
    """Return what is blocked, in short."""
    found = blocked_requirements(group, subnet=SUBNET, clients=CLIENTS, around=AROUND)
    assert all(each.certain for each in found)
    return [
        (each.direction, each.first, each.last, each.protocol, each.peer, each.rule.name)
        for each in found
    ]


def test_a_group_without_rules_of_its_own_blocks_nothing() -> None:
    """The default rules let the network, the balancer and the way out through."""
    assert blocked() == []


@pytest.mark.parametrize("need", REQUIRED_RULES, ids=lambda need: f"{need[0]}-{need[1]}-{need[4]}")
def test_the_rule_that_blocks_one_need_is_named(need: tuple[str, int, int, str, str]) -> None:
    """Each row of the service's list, blocked by one rule among others that are innocent."""
    direction, first, last, protocols, peer = need[:5]
    other: str = {
        "any": "Internet",
        "dns": "10.0.0.6",
        "redis-subnet": SUBNET[0],
        "client-subnet": CLIENTS[0],
        "geo-peer-subnet": "10.7.0.0/24",
    }.get(peer, peer)
    ends: dict[str, Any] = {"sources" if direction == "inbound" else "destinations": (other,)}
    culprit = rule(
        "culprit",
        150,
        direction=direction.capitalize(),
        protocol="*",
        destination_ports=(f"{first}-{last}",),
        **ends,
    )
    innocent = rule("innocent", 100, destination_ports=("22",))
    late = rule("late", 4000, direction=direction.capitalize(), protocol="*")
    around = AROUND.replace(inside=(NETWORK, "10.7.0.0/24"))
    found = blocked_requirements(
        [innocent, culprit],
        subnet=SUBNET,
        clients=CLIENTS,
        geo_peers=("10.7.0.0/24",),
        dns_servers=("10.0.0.6", "168.63.129.16"),
        around=around,
    )
    hit = [each for each in found if (each.peer, each.first, each.last) == (peer, first, last)]

    assert {each.rule.name for each in found} == {"culprit"}
    assert {each.protocol for each in hit} == set(protocols.split("+"))
    assert all(each.direction == direction.capitalize() for each in hit)
    assert all(each.certain for each in hit)
    again = blocked_requirements([culprit, late], subnet=SUBNET, clients=CLIENTS, around=AROUND)
    assert {each.rule.name for each in again} <= {"culprit", "late"}


def test_only_the_ports_that_a_rule_takes_out_of_a_range_are_named() -> None:
    """A rule about one of a thousand ports."""
    hole = rule("hole", 100, sources=CLIENTS, destination_ports=("15003",))

    assert blocked(hole) == [("Inbound", 15003, 15003, "tcp", "client-subnet", "hole")]


def test_a_rule_that_may_block_is_said_to_be_uncertain() -> None:
    """Whether the application security group holds the clients is not in the rule."""
    perhaps = rule("perhaps", 100, sources=(HIDDEN[2],), destination_ports=("6380",))
    found = blocked_requirements([perhaps], subnet=SUBNET, clients=CLIENTS, around=AROUND)

    assert {(each.rule.name, each.certain) for each in found} == {("perhaps", False)}


@given(group=rules([*ENTRIES, *HIDDEN]))
def test_what_is_blocked_is_what_is_decided_port_by_port(group: list[SecurityRule]) -> None:
    """Every port of every need, one by one; between the cuts of the rules ports fare alike."""
    found = blocked_requirements(group, subnet=SUBNET, clients=CLIENTS, around=AROUND)
    told = {
        (each.direction, each.protocol, each.peer, port): each
        for each in found
        for port in {each.first, each.last}
    }
    others = {"any": "Internet", "redis-subnet": SUBNET[0], "client-subnet": CLIENTS[0]}

    for direction, first, last, protocols, peer, *_ in REQUIRED_RULES:
        if peer in ("dns", "geo-peer-subnet"):
            continue
        outward = direction == "outbound"
        ends = (SUBNET[0], others.get(peer, peer))
        for protocol in protocols.split("+"):
            for port in {first, last, 13999, 15000, 6380} & set(range(first, last + 1)):
                flow = Flow(
                    direction=direction.capitalize(),
                    protocol=protocol,
                    source=ends[0] if outward else ends[1],
                    destination=ends[1] if outward else ends[0],
                    port=port,
                )
                decision = decide(group, flow, AROUND)
                hit = told.get((flow.direction, protocol, peer, port))
                if decision.access == "Allow":
                    assert hit is None
                elif hit is not None:
                    assert hit.certain == (decision.access == "Deny")
                    assert not hit.certain or hit.rule == decision.rule
                else:
                    assert any(
                        each.first <= port <= each.last and each.peer == peer for each in found
                    )


# --- routes -------------------------------------------------------------------------------------

PREFIXES = ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/29", "10.0.0.4/30", "20.42.65.0/24", "52.1.1.1/32"]
HOPS = ["None", "VirtualAppliance", "VirtualNetworkGateway", "Internet", "VnetLocal"]
tables = st.lists(
    st.builds(
        Route, name=st.just("r"), prefix=st.sampled_from(PREFIXES), next_hop=st.sampled_from(HOPS)
    ),
    max_size=5,
    unique_by=lambda route: route.prefix,
)


@given(table=tables, address=st.sampled_from(EVERYWHERE))
def test_the_longest_route_is_taken_and_of_two_the_users(table: list[Route], address: str) -> None:
    """Against a plain search through every network."""
    system = [
        *((each, "None") for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")),
        ("0.0.0.0/0", "Internet"),
        (NETWORK, "VnetLocal"),
    ]
    known = [(ipaddress.ip_network(r.prefix), 1, r.next_hop) for r in table]
    known += [(ipaddress.ip_network(prefix), 0, hop) for prefix, hop in system]
    holding = [each for each in known if ipaddress.ip_address(address) in each[0]]
    longest = max(holding, key=lambda each: (each[0].prefixlen, each[1]))
    way = way_to(address, table, AROUND)

    assert way is not None
    assert way.next_hop == longest[2]
    assert (way.route is not None) == bool(longest[1])
    assert way.certain


def to(address: str, table: list[Route], around: Surroundings, **kinds: bool) -> Way:
    """Return the way to an address that is one."""
    way = way_to(address, table, around, **kinds)
    assert way is not None
    return way


def test_a_private_endpoint_has_a_route_of_its_own() -> None:
    """Only one as long as an address goes before it."""
    wide = Route(name="wide", prefix="10.0.0.0/8", next_hop="None")
    narrow = wide.replace(name="narrow", prefix="10.0.0.5/32")

    assert to("10.0.0.5", [wide], AROUND, is_private_endpoint=True).next_hop == ("PrivateEndpoint")
    way = to("10.0.0.5", [wide, narrow], AROUND, is_private_endpoint=True)
    assert (way.next_hop, way.route) == ("None", narrow)


def test_a_route_that_a_peer_may_outdo_is_not_certain() -> None:
    """What a gateway has learnt is not in the table."""
    lost = Route(name="lost", prefix="0.0.0.0/0", next_hop="None")
    dark = Surroundings(inside=(NETWORK,))

    assert not to("20.42.65.90", [lost], dark).certain
    assert to("20.42.65.90", [lost.replace(prefix="20.42.65.90/32")], dark).certain
    assert to("10.0.0.5", [lost], dark).certain
    assert way_to("contoso", [lost], dark) is None
