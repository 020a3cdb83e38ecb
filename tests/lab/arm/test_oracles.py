"""The twin's evaluation of rules and routes against the judges': each is the other's oracle.

They were written apart and share no line. Where the judges say that they cannot tell, the twin, who
knows the addresses behind its tags, may say either; where they do tell, both have to say the same.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as some

from refused.evidence.control_plane import Route, SecurityRule
from refused.evidence.nsg import Flow, Surroundings, decide, way_to
from refused.lab.arm import nsg
from tests.lab.arm.test_nsg import SUBNET, rule, way, world

PLATFORM = ("168.63.129.16", "169.254.169.254")
ADDRESSES = (
    "10.1.0.4",
    "10.1.0.200",
    "10.1.77.1",
    "10.2.0.9",
    "10.9.0.1",
    "192.168.7.7",
    "100.64.0.9",
    "20.42.65.90",
    "203.0.113.7",
    *PLATFORM,
)
PARTIES = (
    "*",
    "VirtualNetwork",
    "Internet",
    "AzureLoadBalancer",
    "AzureCloud",
    "Storage.WestEurope",
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.1.0.0/24",
    "10.1.0.0/25",
    "10.1.0.4",
    "10.2.0.0/16",
    "20.42.0.0/16",
    "203.0.113.0/24",
    "::/0",
)
PORTS = ("*", "6380", "6379-6380", "6381-65535", "0-1023", "10000")
ROUTED = ("0.0.0.0/0", "20.42.0.0/16", "10.0.0.0/8", "10.1.0.0/24", "10.9.0.0/24", "10.2.0.9/32")
HOPS = ("None", "Internet", "VirtualAppliance", "VnetLocal")

sides = some.lists(some.sampled_from(PARTIES), min_size=1, max_size=2, unique=True)
spans = some.lists(some.sampled_from(PORTS), min_size=1, max_size=2, unique=True)
groups = some.lists(
    some.fixed_dictionaries(
        {
            "protocol": some.sampled_from(["Tcp", "Udp", "*"]),
            "access": some.sampled_from(["Allow", "Deny"]),
            "direction": some.sampled_from(["Inbound", "Outbound"]),
            "priority": some.integers(100, 4096),
            "sources": sides,
            "destinations": sides,
            "ports": spans,
        }
    ),
    max_size=7,
    unique_by=lambda each: (each["priority"], each["direction"]),
)
tables = some.dictionaries(some.sampled_from(ROUTED), some.sampled_from(HOPS), max_size=4)


def around(routes: dict[str, str], *, peered: bool) -> Surroundings:
    """Return what a judge who has read everything knows of the twin's network."""
    inside = ("10.1.0.0/16", "10.2.0.0/16") if peered else ("10.1.0.0/16",)
    return Surroundings(inside=inside, routed=tuple(routes), complete=True)


@given(
    said=groups,
    routes=tables,
    ends=some.tuples(some.sampled_from(ADDRESSES), some.sampled_from(ADDRESSES)),
    direction=some.sampled_from(["Inbound", "Outbound"]),
    protocol=some.sampled_from(["Tcp", "Udp"]),
    port=some.sampled_from([80, 6379, 6380, 6381, 10000]),
    peered=some.booleans(),
)
def test_both_say_the_same_of_a_packet(  # noqa: PLR0917  # hypothesis names them
    said: list[dict[str, Any]],
    routes: dict[str, str],
    ends: tuple[str, str],
    direction: Any,
    protocol: str,
    port: int,
    peered: bool,
) -> None:
    """And of the rule that decides, unless another one may match as well."""
    source, destination = ends
    # Rules do not touch the platform's addresses; that is said elsewhere on the judges' side.
    assume(direction == "Inbound" or destination not in PLATFORM)
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
        ),
        routes=tuple(way(prefix, hop) for prefix, hop in routes.items()),
        peered=peered,
    )
    judged = decide(
        [
            SecurityRule(
                name=f"rule-{at}",
                priority=each["priority"],
                direction=each["direction"],
                access=each["access"],
                protocol=each["protocol"],
                sources=tuple(each["sources"]),
                destinations=tuple(each["destinations"]),
                destination_ports=tuple(each["ports"]),
            )
            for at, each in enumerate(said)
        ],
        Flow(
            direction=direction,
            protocol=protocol,
            source=source,
            destination=destination,
            port=port,
            source_port=40000,
        ),
        around(routes, peered=peered),
    )

    allowed, name = nsg.allows(state, SUBNET, direction, protocol, source, 40000, destination, port)

    if judged.access != "unknown":
        assert ("Allow" if allowed else "Deny") == judged.access
    assert name in {judged.rule.name, *(each.name for each in judged.perhaps)}


@given(
    routes=tables,
    address=some.sampled_from([each for each in ADDRESSES if each not in PLATFORM]),
    peered=some.booleans(),
)
def test_both_say_the_same_of_a_way(routes: dict[str, str], address: str, peered: bool) -> None:
    """What is a peer's to the twin is local to a judge, who knows of networks only that they are inside."""
    state = world(routes=tuple(way(prefix, hop) for prefix, hop in routes.items()), peered=peered)
    judged = way_to(
        address,
        [Route(name=prefix, prefix=prefix, next_hop=hop) for prefix, hop in routes.items()],
        around(routes, peered=peered),
    )

    assert judged is not None
    assert judged.certain
    hop = nsg.next_hop(state, SUBNET, address)[0].replace("VNetPeering", "VnetLocal")
    assert hop == judged.next_hop


def test_the_addresses_tell_the_ranges_apart() -> None:
    """Of every prefix that is drawn, some address lies inside and some outside: nothing is idle."""
    for prefix in (*PARTIES, *ROUTED):
        if "/" in prefix and prefix not in ("::/0", "0.0.0.0/0"):
            net = ipaddress.ip_network(prefix)
            inside = [ipaddress.ip_address(each) in net for each in ADDRESSES]
            assert {True, False} == set(inside), prefix
