"""Tests of the judge of cluster-slots-uncovered."""

from __future__ import annotations

from refused.causes.cluster_slots_uncovered import judge
from refused.causes.statements import Proof
from refused.evidence.bundle import Evidence
from tests.causes.server_scenery import CLUSTER as WHOLE
from tests.causes.server_scenery import FRONT, OWN, PONG, kinds, refused

AWARE = OWN.replace(cluster_aware=True)


def test_the_clusters_own_word_is_proof() -> None:
    """CLUSTERDOWN says it."""
    down = refused("EXISTS", "CLUSTERDOWN Hash slot not served")

    assert kinds(judge(Evidence(FRONT, PONG, down, WHOLE, target=AWARE))) == ["Proof"]


def test_a_state_of_fail_is_proof_with_the_count() -> None:
    """CLUSTER INFO counts the slots."""
    failed = WHOLE.replace(state="fail", slots_covered=10923)
    (said,) = judge(Evidence(FRONT, PONG, failed, target=AWARE))

    assert isinstance(said, Proof)
    assert "10923 of 16384 slots" in said.because


def test_gaps_that_the_cluster_bears_are_a_clue() -> None:
    """With cluster-require-full-coverage no, the rest is served."""
    part = WHOLE.replace(slots_covered=16000)

    assert kinds(judge(Evidence(FRONT, PONG, part, target=AWARE))) == ["Clue"]


def test_a_whole_cluster_and_a_single_server_are_left_alone() -> None:
    """Neither lacks a slot."""
    single = WHOLE.replace(enabled=False, state=None, slots_covered=0, nodes=())

    assert list(judge(Evidence(FRONT, PONG, WHOLE, target=AWARE))) == []
    assert list(judge(Evidence(FRONT, PONG, single, target=OWN))) == []
