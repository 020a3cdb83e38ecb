"""Tests of the judge of route-blackhole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refused.causes.route_blackhole import judge
from refused.evidence.bundle import Evidence
from refused.evidence.control_plane import Route
from refused.evidence.observations import RouteLookup
from tests.causes.azure_scenery import (
    AT_ENDPOINT,
    CACHES,
    CLIENTS,
    ENDPOINT,
    NETWORK,
    SILENCE,
    TABLE,
    change,
    excuses,
    proofs,
    weight,
    words,
)
from tests.causes.tls_scenery import CACHE, OWN, STAMP

if TYPE_CHECKING:
    from refused.causes.statements import Statement
    from refused.evidence.bundle import Fact

FROM_SUBNET = RouteLookup(**STAMP, address="10.1.0.4", local_address="10.1.1.20")
DROP = Route(name="drop", prefix="0.0.0.0/0", next_hop="None")
HUB = f"{NETWORK}/hub-vnet"


def heard(*facts: Fact) -> list[Statement]:
    """Return what the judge says of a cache in Azure."""
    return list(judge(Evidence(*facts, target=CACHE)))


def test_a_route_to_nowhere_is_proof() -> None:
    """With who wrote it."""
    wrote = change(
        "Microsoft.Network/routeTables/routes/write", f"{TABLE.id}/routes/drop", ago_s=600
    )
    (said,) = proofs(heard(SILENCE, FROM_SUBNET, CLIENTS, TABLE.replace(routes=(DROP,)), wrote))

    assert said == (
        "this client's subnet sends what goes to 20.42.65.90 by the route drop (0.0.0.0/0) of clients-routes "
        "to nowhere (it is dropped); the route drop was changed or made at 14:03 UTC by anna@contoso.example, "
        "10 minutes before the first failure seen"
    )


def test_a_longer_route_wins_over_the_one_to_nowhere() -> None:
    """And speaks against it."""
    way = Route(name="redis", prefix="20.42.65.0/24", next_hop="Internet")
    said = heard(SILENCE, FROM_SUBNET, CLIENTS, TABLE.replace(routes=(DROP, way)))

    assert proofs(said) == []
    assert weight(said) < weight(heard(SILENCE, FROM_SUBNET))


def test_a_route_that_a_gateway_may_outdo_is_no_proof() -> None:
    """The table has one, and what it has learnt is not in the table."""
    gateway = Route(name="office", prefix="192.168.0.0/16", next_hop="VirtualNetworkGateway")
    said = heard(SILENCE, FROM_SUBNET, CLIENTS, TABLE.replace(routes=(DROP, gateway)))

    assert proofs(said) == []
    assert weight(said) > weight(heard(SILENCE, FROM_SUBNET))


def test_a_private_endpoints_own_route_is_longer_than_any_but_an_address() -> None:
    """A wide one does not reach it."""
    wide = TABLE.replace(routes=(DROP.replace(prefix="10.1.0.0/16"),))
    narrow = TABLE.replace(routes=(DROP.replace(prefix="10.1.0.4/32"),))

    assert proofs(heard(AT_ENDPOINT, FROM_SUBNET, CLIENTS, ENDPOINT, wide)) == []
    assert proofs(heard(AT_ENDPOINT, FROM_SUBNET, CLIENTS, ENDPOINT, narrow))


def test_the_way_back_from_an_injected_cache_counts_as_well() -> None:
    """Its answers go nowhere."""
    back = TABLE.replace(
        role="cache", subnet_id=CACHES.id, routes=(DROP.replace(prefix="10.1.1.0/24"),)
    )
    (said,) = proofs(heard(AT_ENDPOINT, FROM_SUBNET, CLIENTS, CACHES, back))

    assert said.startswith("the cache's subnet sends its answers to 10.1.1.20 by the route drop")


def test_forced_tunnelling_is_a_clue() -> None:
    """What stands in the appliance is not told."""
    forced = TABLE.replace(
        routes=(DROP.replace(name="all", next_hop="VirtualAppliance", next_hop_address="10.9.0.4"),)
    )
    said = heard(SILENCE, FROM_SUBNET, CLIENTS, forced)

    assert proofs(said) == excuses(said) == []
    assert any("to VirtualAppliance 10.9.0.4" in each for each in words(said))


@pytest.mark.parametrize(("state", "is_proof"), [("Disconnected", True), ("Connected", False)])
def test_a_peering_that_no_longer_stands_is_proof(state: str, *, is_proof: bool) -> None:
    """Its other side was deleted."""
    client = CLIENTS.replace(peers=((HUB.upper(), state),))
    server = CACHES.replace(role="endpoint", network_id=HUB, network_prefixes=("10.2.0.0/16",))

    assert bool(proofs(heard(AT_ENDPOINT, FROM_SUBNET, client, server))) is is_proof


def test_an_address_that_answers_on_another_port_is_reached() -> None:
    """Whatever the tables say."""
    other = SILENCE.replace(port=9, outcome="refused", purpose="control")

    assert excuses(heard(SILENCE, other, FROM_SUBNET, CLIENTS, TABLE.replace(routes=(DROP,))))


def test_a_ban_on_the_internet_is_no_proof_against_another_network() -> None:
    """Its prefix may be learnt from a gateway, or be a peer's: both are longer."""
    far = AT_ENDPOINT.replace(address="10.77.0.4")
    closed = TABLE.replace(routes=(DROP,), gateway_routes=False)

    assert proofs(heard(far, FROM_SUBNET, CLIENTS, TABLE.replace(routes=(DROP,)))) == []
    assert proofs(heard(far, FROM_SUBNET, CLIENTS, closed))
    peered = CLIENTS.replace(peers=((HUB, "Connected"),))
    assert proofs(heard(far, FROM_SUBNET, peered, closed)) == []


def test_a_way_round_a_peering_is_allowed_for() -> None:
    """A hub's appliance may lead there as well."""
    client = CLIENTS.replace(peers=((HUB, "Disconnected"),))
    server = CACHES.replace(role="endpoint", network_id=HUB, network_prefixes=("10.2.0.0/16",))
    hub = TABLE.replace(routes=(DROP.replace(next_hop="VirtualAppliance"),))

    assert proofs(heard(AT_ENDPOINT, client, server, hub)) == []


def test_a_closed_port_of_azures_says_nothing_of_the_way() -> None:
    """It may be silent by itself; on a host of one's own somebody would refuse."""
    other = SILENCE.replace(port=9, purpose="control")

    assert weight(heard(SILENCE, other)) == weight(heard(SILENCE))
    own = judge(Evidence(SILENCE, other, target=OWN))
    assert "so did another port of the same address" in words(own)
