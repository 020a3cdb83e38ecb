"""Tests of the judge of cluster-topology-unreachable."""

from __future__ import annotations

import pytest

from refused.causes.cluster_topology_unreachable import judge
from refused.causes.statements import Clue, Proof
from refused.evidence.bundle import Evidence
from refused.evidence.observations import Platform
from tests.causes.azure_scenery import (
    CLIENTS,
    GUARD,
    proofs,
    rule,
)
from tests.causes.server_scenery import ACCEPTED, CACHE, CLUSTER, PONG, SHAKE, STAMP, VISITED, kinds

AWARE = CACHE.replace(cluster_aware=True)
PATH = (ACCEPTED, SHAKE, PONG, CLUSTER)
FIRST = VISITED.replace(port=15000)
LOST = VISITED.replace(stage="tcp", outcome="silent")


def test_a_front_door_that_answers_and_a_node_that_does_not_are_proof() -> None:
    """Both are named."""
    proof, silent = judge(Evidence(*PATH, FIRST, LOST, target=AWARE))

    assert isinstance(proof, Proof)
    assert proof.because == (
        "20.42.65.90:6380 answers, and 1 of 2 announced nodes do not: "
        "20.42.65.90:15001 (tcp: silent)"
    )
    assert isinstance(silent, Clue)


def test_addresses_of_another_network_are_told_from_closed_ports() -> None:
    """The containers announce what only they can reach."""
    inside = LOST.replace(host="172.18.0.3", address="172.18.0.3", outcome="unreachable")
    _, clue = judge(Evidence(*PATH, FIRST, inside, target=AWARE))

    assert isinstance(clue, Clue)
    assert "172.18.0.3" in clue.because


def test_a_certificate_that_does_not_hold_the_announced_name_is_said() -> None:
    """The client checks each node under the name it was given."""
    other = LOST.replace(
        host="node-1.internal", stage="tls", outcome="name-mismatch", detail="Hostname mismatch"
    )
    _, clue = judge(Evidence(*PATH, FIRST, other, target=AWARE))

    assert isinstance(clue, Clue)
    assert "node-1.internal" in clue.because


def test_a_node_that_its_cluster_has_given_up_is_down_for_everybody() -> None:
    """Then nothing on the way is proved."""
    nodes = (CLUSTER.nodes[0], CLUSTER.nodes[1].replace(health="failed"))
    given_up = CLUSTER.replace(nodes=nodes)
    said = judge(Evidence(ACCEPTED, SHAKE, PONG, given_up, FIRST, LOST, target=AWARE))

    assert kinds(said) == ["Clue", "Clue"]


def test_nodes_that_answer_are_left_alone() -> None:
    """The whole cluster can be used."""
    assert list(judge(Evidence(*PATH, FIRST, VISITED, target=AWARE))) == []


def test_without_a_front_door_nothing_is_compared() -> None:
    """Where nothing answers, the nodes are not the trouble."""
    assert list(judge(Evidence(CLUSTER, LOST, target=AWARE))) == []


def test_the_security_rule_that_denies_a_nodes_port_is_named() -> None:
    """Where Azure was asked, and the client's own group decides."""
    lost = VISITED.replace(stage="tcp", outcome="silent")
    group = GUARD.replace(
        rules=(rule("web-only", destinations=("Internet",), port="8000-15999", priority=200),)
    )
    with_rule = Evidence(ACCEPTED, PONG, CLUSTER, lost, CLIENTS, group, target=CACHE)
    without = Evidence(ACCEPTED, PONG, CLUSTER, lost, CLIENTS, target=CACHE)

    assert "the rule web-only (priority 200" in proofs(judge(with_rule))[0]
    assert "the rule" not in proofs(judge(without))[0]


def test_ports_that_a_sidecar_here_keeps_for_itself_are_no_proof() -> None:
    """Then the way was not closed: it was never taken."""
    mesh = Platform(**STAMP, system="Linux", kind="kubernetes", mesh="istio")
    kept = VISITED.replace(stage="tls", outcome="closed")

    assert kinds(judge(Evidence(*PATH, FIRST.replace(port=15003), kept, mesh, target=AWARE))) == [
        "Clue"
    ]
    host = Platform(**STAMP, system="Linux")
    seen = judge(Evidence(*PATH, FIRST.replace(port=15003), kept, host, target=AWARE))
    assert "Proof" in kinds(seen)


@pytest.mark.parametrize("where", [(), (Platform(**STAMP, system="Linux", kind="kubernetes"),)])
def test_where_nobody_saw_whether_there_is_a_sidecar_its_ports_prove_nothing(
    where: tuple[Platform, ...],
) -> None:
    """A pod does not always show its sidecar; another port that fails is a proof again."""
    kept = VISITED.replace(stage="tls", outcome="closed")
    first = FIRST.replace(port=15003)

    assert "Proof" not in kinds(judge(Evidence(*PATH, first, kept, *where, target=AWARE)))
    other = kept.replace(port=15040)
    assert "Proof" in kinds(judge(Evidence(*PATH, first, other, *where, target=AWARE)))
