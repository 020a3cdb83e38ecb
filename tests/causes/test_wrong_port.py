"""Tests of the judge of wrong-port."""

from __future__ import annotations

from refused.causes.wrong_port import judge
from refused.evidence.bundle import Evidence
from tests.causes.azure_scenery import ACR, AMR, MANAGED, SILENCE, excuses, proofs, weight
from tests.causes.server_scenery import CACHE, OWN


def test_a_port_on_which_azure_says_that_nothing_listens_is_proof() -> None:
    """Plain port and TLS port alike."""
    target = CACHE.replace(port=6390)
    dial = SILENCE.replace(port=6390)

    assert proofs(judge(Evidence(dial, ACR.replace(plain_port=6379), target=target))) == [
        "Azure says that the cache listens on 6379 and 6380, and the client dials 6390 (silent)"
    ]


def test_a_port_on_which_the_cache_listens_rules_it_out() -> None:
    """Its own or a node's."""
    node = CACHE.replace(port=15001)
    nodes = ACR.replace(node_ports=((0, 15000, True), (0, 15001, False)))

    assert excuses(judge(Evidence(SILENCE, ACR, target=CACHE)))
    assert excuses(judge(Evidence(SILENCE.replace(port=15001), nodes, target=node)))


def test_the_old_port_of_a_cache_that_was_moved_is_not_wrong() -> None:
    """Azure's tooling forwards it."""
    moved = AMR.replace(redirected_to="/x", service="acr")

    assert proofs(judge(Evidence(SILENCE, moved, target=CACHE))) == []


def test_the_other_services_port_is_proof_without_azure() -> None:
    """A Managed Redis never listens on 6380."""
    assert proofs(judge(Evidence(SILENCE, target=MANAGED.replace(port=6380))))


def test_another_port_of_the_same_host_that_accepts_is_a_clue() -> None:
    """On a server of one's own."""
    refused = SILENCE.replace(port=6379, outcome="refused")
    other = SILENCE.replace(port=6390, outcome="accepted", purpose="sibling-port")

    assert weight(judge(Evidence(refused, other, target=OWN))) > 2
