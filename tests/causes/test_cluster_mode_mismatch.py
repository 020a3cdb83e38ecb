"""Tests of the judge of cluster-mode-mismatch."""

from __future__ import annotations

from refused.causes.cluster_mode_mismatch import judge
from refused.causes.statements import Proof
from refused.evidence.bundle import Evidence
from tests.causes.azure_scenery import (
    AMR,
    MANAGED,
    proofs,
)
from tests.causes.server_scenery import ACCEPTED, CACHE, CLUSTER, PONG, SHAKE, kinds, refused

MOVED = refused("EXISTS", "MOVED 15495 10.105.11.14:8502")
PATH = (ACCEPTED, SHAKE, PONG)
AWARE = CACHE.replace(cluster_aware=True)
ALONE = CLUSTER.replace(enabled=False, nodes=(), slots_covered=None, state=None)


def test_a_plain_client_that_is_sent_away_is_proof() -> None:
    """It cannot follow."""
    (said,) = judge(Evidence(*PATH, CLUSTER, MOVED, target=CACHE.replace(cluster_aware=False)))

    assert isinstance(said, Proof)
    assert "MOVED 15495 10.105.11.14:8502" in said.because


def test_a_cluster_client_follows() -> None:
    """Being sent away is how a cluster works."""
    assert list(judge(Evidence(*PATH, CLUSTER, MOVED, target=AWARE))) == []


def test_a_cluster_client_on_a_single_server_is_proof() -> None:
    """The server says that it is none."""
    assert kinds(judge(Evidence(*PATH, ALONE, target=AWARE))) == ["Proof"]
    assert list(judge(Evidence(*PATH, ALONE, target=CACHE))) == []


def test_the_enterprise_policy_refuses_the_clusters_commands() -> None:
    """One endpoint, and no topology."""
    no = refused("CLUSTER SLOTS", "ERR This instance has cluster support disabled")

    assert kinds(judge(Evidence(*PATH, no, target=AWARE))) == ["Proof"]


def test_another_refusal_of_the_clusters_commands_is_a_clue() -> None:
    """The words of that proxy are not known."""
    no = refused("CLUSTER SLOTS", "ERR command is not allowed")

    assert kinds(judge(Evidence(*PATH, no, target=AWARE))) == ["Clue"]


def test_a_policy_under_which_there_is_no_cluster_is_proof_for_a_cluster_client() -> None:
    """The server refuses the commands, and Azure says why."""
    aware = MANAGED.replace(cluster_aware=True)
    no = refused("CLUSTER SLOTS", "ERR command is not allowed")
    front = AMR.replace(clustering_policy="EnterpriseCluster")

    assert len(proofs(judge(Evidence(*PATH, no, front, target=aware)))) == 1
    assert proofs(judge(Evidence(*PATH, no, AMR, target=aware))) == []


def test_the_policy_is_named_where_a_plain_client_is_sent_away() -> None:
    """What Azure says beside what the server said."""
    (said,) = proofs(judge(Evidence(*PATH, MOVED, AMR, target=MANAGED)))

    assert said.endswith("its clustering policy is OSSCluster")
