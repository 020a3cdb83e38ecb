"""Tests of the judge of max-clients-reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refused.causes.max_clients_reached import judge
from refused.causes.statements import Clue, Proof
from refused.evidence.bundle import Evidence
from refused.evidence.observations import (
    Unseen,
)
from tests.causes.azure_scenery import (
    ACR,
    AMR,
    denied,
    excuses,
    metric,
    proofs,
    weight,
)
from tests.causes.server_scenery import (
    ACCEPTED,
    CACHE,
    CLOSED,
    CLUSTER,
    FRONT,
    ILL_ELSEWHERE,
    INFO,
    OWN,
    PONG,
    SHAKE,
    VISITED,
    WELL_ELSEWHERE,
    kinds,
    refused,
)

if TYPE_CHECKING:
    from refused.evidence.control_plane import AzureCache

FULL = "ERR max number of clients reached"


def test_the_servers_own_words_are_proof() -> None:
    """On a plain port the server says why."""
    (said,) = judge(Evidence(FRONT, refused("PING", FULL), target=OWN))

    assert isinstance(said, Proof)
    assert said.because == f"the server says: {FULL}"


def test_a_cluster_counts_its_bus_as_well_and_says_so() -> None:
    """Redis 7 has other words on a cluster."""
    text = "ERR max number of clients + cluster connections reached"

    assert kinds(judge(Evidence(FRONT, refused("PING", text), target=OWN))) == ["Proof"]


def test_a_node_that_is_full_is_named() -> None:
    """The front door has room, and one of the nodes has none."""
    full = VISITED.replace(stage="resp", outcome="ERR", detail=FULL)
    (said,) = judge(Evidence(ACCEPTED, PONG, CLUSTER, full, target=CACHE))

    assert isinstance(said, Proof)
    assert "20.42.65.90:15001" in said.because


def test_a_door_shut_before_tls_is_only_a_clue() -> None:
    """A firewall of the service does the same, so that the metric is asked for."""
    said = list(judge(Evidence(ACCEPTED, CLOSED, target=CACHE)))

    assert kinds(said) == ["Clue", "Clue", "Unseen"]
    assert all(each.weight > 0 for each in said if isinstance(each, Clue))


def test_who_is_let_in_elsewhere_speaks_against_a_limit_for_all() -> None:
    """The limit knows no addresses."""
    shut = (ACCEPTED, CLOSED)
    *_, against, _ = judge(Evidence(*shut, WELL_ELSEWHERE, target=CACHE))
    *_, supports, _ = judge(Evidence(*shut, ILL_ELSEWHERE, target=CACHE))

    assert isinstance(against, Clue)
    assert against.weight < 0
    assert isinstance(supports, Clue)
    assert supports.weight > 0


def test_tls_that_had_begun_rules_it_out() -> None:
    """The server counts before it begins TLS."""
    late = CLOSED.replace(server_spoke=True, bytes_in=90)

    assert kinds(judge(Evidence(ACCEPTED, late, target=CACHE))) == ["RuledOut"]


def test_a_count_at_the_limit_and_a_shut_door_are_proof() -> None:
    """One connection got in and could count; the next was closed."""
    at_limit = INFO.replace(connected_clients=1000)

    assert kinds(judge(Evidence(ACCEPTED, CLOSED, at_limit, target=CACHE))) == ["Proof"]
    assert kinds(judge(Evidence(ACCEPTED, CLOSED, INFO, target=CACHE))) == ["RuledOut"]


def test_a_count_without_its_limit_rules_nothing_out() -> None:
    """Some services hide the limit."""
    hidden = INFO.replace(max_clients=None)

    assert kinds(judge(Evidence(ACCEPTED, CLOSED, hidden, target=CACHE))) == ["Clue"]


def test_a_path_that_works_is_left_alone() -> None:
    """Nobody was turned away."""
    assert list(judge(Evidence(ACCEPTED, SHAKE, PONG, INFO, target=CACHE))) == []


def test_a_close_before_tls_weighs_more_than_a_reset_and_than_one_after_it() -> None:
    """Redis closes in good order, and before it says a word."""
    up_then_closed = PONG.replace(outcome="closed", reply="")
    before = _sum(Evidence(ACCEPTED, CLOSED, target=CACHE))
    by_reset = _sum(Evidence(ACCEPTED, CLOSED.replace(outcome="reset"), target=CACHE))
    after = _sum(
        Evidence(ACCEPTED, SHAKE.replace(server_spoke=False), up_then_closed, target=CACHE)
    )

    assert before > by_reset + 0.5
    assert before > after + 0.5


def test_a_reset_is_said_to_be_unusual() -> None:
    """It speaks against a limit, and silence is not a matter of limits at all."""
    said = judge(Evidence(ACCEPTED, CLOSED.replace(outcome="reset"), target=CACHE))

    assert [each.weight < 0 for each in said if isinstance(each, Clue)] == [False, True]
    assert list(judge(Evidence(ACCEPTED, CLOSED.replace(outcome="silent"), target=CACHE))) == []


def _sum(evidence: Evidence) -> float:
    return sum(each.weight for each in judge(evidence) if isinstance(each, Clue))


@pytest.mark.parametrize("cache", [ACR, ACR.replace(max_clients=None)], ids=["said", "by-size"])
def test_a_metric_at_the_limit_and_a_shut_door_are_proof(cache: AzureCache) -> None:
    """The limit is Azure's word, else the one of the size (a C1 may have 1000)."""
    seen = Evidence(
        ACCEPTED, CLOSED, cache, metric("connectedclients", 700, 990, 997), target=CACHE
    )

    (said,) = proofs(judge(seen))
    assert said.startswith("up to 997 clients were connected around the failure, of 1000")


def test_a_metric_far_below_the_limit_rules_it_out_while_it_is_fresh() -> None:
    """An old count is a clue only."""
    calm = metric("connectedclients", 40, 41, 40)
    old = calm.replace(points=tuple((at - 1800, value) for at, value in calm.points))

    assert excuses(judge(Evidence(ACCEPTED, CLOSED, ACR, calm, target=CACHE)))
    assert excuses(judge(Evidence(ACCEPTED, CLOSED, ACR, old, target=CACHE))) == []


def test_a_metric_near_the_limit_is_a_clue() -> None:
    """The minute's count misses the last seats."""
    near = Evidence(ACCEPTED, CLOSED, ACR, metric("connectedclients", 850), target=CACHE)
    alone = Evidence(ACCEPTED, CLOSED, target=CACHE)

    assert proofs(judge(near)) == []
    assert weight(judge(near)) > weight(judge(alone)) + 1


def test_a_size_without_a_published_limit_proves_nothing() -> None:
    """The Enterprise tiers' is not known."""
    unknown = AMR.replace(service="acre", sku="Enterprise_E10")
    seen = Evidence(ACCEPTED, CLOSED, unknown, metric("connectedclients", 99_000), target=CACHE)

    assert proofs(judge(seen)) == excuses(judge(seen)) == []


def test_a_metric_that_was_denied_is_unseen_and_not_calm() -> None:
    """In the words of whoever looked."""
    gap = denied("Metric")
    said = list(judge(Evidence(ACCEPTED, CLOSED, ACR, gap, target=CACHE)))

    assert excuses(said) == []
    assert [each for each in said if isinstance(each, Unseen)] == [gap]
