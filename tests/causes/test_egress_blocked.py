"""Tests of the judge of egress-blocked, as far as Azure's word bears on it."""

from __future__ import annotations

from refused.causes.egress_blocked import judge
from refused.evidence.bundle import Evidence
from refused.evidence.control_plane import Route
from tests.causes.azure_scenery import CLIENTS, SILENCE, TABLE, proofs, weight, words
from tests.causes.server_scenery import CACHE

FORCED = Route(
    name="all", prefix="0.0.0.0/0", next_hop="VirtualAppliance", next_hop_address="10.9.0.4"
)


def test_an_appliance_that_all_traffic_is_led_through_is_a_clue() -> None:
    """What it does was not read, so that nothing is proved."""
    through = Evidence(SILENCE, CLIENTS, TABLE.replace(routes=(FORCED,)), target=CACHE)
    past = TABLE.replace(
        routes=(FORCED, FORCED.replace(prefix="20.42.65.0/24", next_hop="Internet"))
    )

    assert proofs(judge(through)) == []
    assert any("through the appliance 10.9.0.4" in said for said in words(judge(through)))
    assert weight(judge(through)) > weight(judge(Evidence(SILENCE, CLIENTS, past, target=CACHE)))
