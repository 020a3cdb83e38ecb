"""Tests of the judge of service-mesh-intercept."""

from __future__ import annotations

from refused.causes.service_mesh_intercept import judge
from refused.causes.statements import Clue
from refused.evidence.bundle import Evidence
from refused.evidence.observations import Platform, RedirectRules
from tests.causes.server_scenery import (
    ACCEPTED,
    CACHE,
    CLOSED,
    CLUSTER,
    PONG,
    SHAKE,
    STAMP,
    VISITED,
    kinds,
)

POD = Platform(**STAMP, system="Linux", kind="kubernetes")
MESH = POD.replace(mesh="istio", mesh_signs=("ISTIO_META_MESH_ID is set",))
ANYTHING = ACCEPTED.replace(port=9, purpose="control")
NOTHING = ANYTHING.replace(outcome="refused", errno=111)
RULES = RedirectRules(**STAMP, redirects=("tcp dport 6380 redirect to :15001",))
ENDED = (ACCEPTED, CLOSED)
AWARE = CACHE.replace(cluster_aware=True)


def test_a_port_where_nothing_listens_is_accepted_by_something_in_between() -> None:
    """The strongest sign, beside that of the mesh itself."""
    said = list(judge(Evidence(*ENDED, ANYTHING, MESH, target=CACHE)))

    assert kinds(said) == ["Clue", "Clue"]
    assert "istio is at work here: ISTIO_META_MESH_ID is set" in [
        each.because for each in said if isinstance(each, Clue)
    ]
    assert sum(each.weight for each in said if isinstance(each, Clue)) > 4


def test_without_a_sign_of_a_mesh_we_say_that_we_saw_none() -> None:
    """Other things accept for everybody, too."""
    assert kinds(judge(Evidence(*ENDED, ANYTHING, POD, target=CACHE))) == ["Clue", "Unseen"]


def test_a_port_that_is_refused_shows_that_nothing_answers_for_everybody() -> None:
    """On a host without a mesh that ends it; a sidecar may take some ports only."""
    assert kinds(judge(Evidence(*ENDED, NOTHING, POD, target=CACHE))) == ["RuledOut"]
    said = list(judge(Evidence(*ENDED, NOTHING, MESH, target=CACHE)))
    assert "RuledOut" not in kinds(said)
    assert min(each.weight for each in said if isinstance(each, Clue)) < 0


def test_rules_that_redirect_and_an_accepted_port_are_one_fact() -> None:
    """Both show who is in between; they count once."""
    said = judge(Evidence(*ENDED, ANYTHING, RULES, POD, target=CACHE))

    assert [each.fact for each in said if isinstance(each, Clue)] == ["in between", "in between"]


def test_dapr_takes_no_connection_that_is_not_made_to_it() -> None:
    """Its application calls it; a connection that ended beside it did so for another reason."""
    dapr = POD.replace(mesh="dapr", mesh_signs=("DAPR_HTTP_PORT is set",))

    assert kinds(judge(Evidence(*ENDED, NOTHING, dapr, target=CACHE))) == ["RuledOut"]
    said = list(judge(Evidence(*ENDED, ANYTHING, dapr, target=CACHE)))
    assert not [each for each in said if isinstance(each, Clue) and "dapr" in each.because]
    assert kinds(judge(Evidence(*ENDED, dapr, MESH, target=CACHE))) == ["Clue"]


def test_a_sidecar_that_is_not_ready_refuses() -> None:
    """With a mesh in sight a refusal may be its own; without one it is not."""
    turned = ACCEPTED.replace(outcome="refused", errno=111)

    assert kinds(judge(Evidence(turned, MESH, target=CACHE))) == ["Clue"]
    assert "Clue" not in kinds(judge(Evidence(turned, POD, target=CACHE)))


def test_a_node_port_that_the_sidecar_wants_for_itself_is_named() -> None:
    """Premium clusters start at 15000, and so does Istio."""
    node = CACHE.replace(port=15001)
    said = judge(Evidence(*ENDED, ANYTHING, MESH, target=node))

    assert any("15001" in each.because for each in said if isinstance(each, Clue))


def test_a_mesh_that_lets_everything_through_is_left_alone() -> None:
    """A sidecar is no fault."""
    assert list(judge(Evidence(ACCEPTED, SHAKE, PONG, MESH, RULES, target=CACHE))) == []


def test_nodes_whose_ports_the_sidecar_has_a_use_for_are_laid_to_it() -> None:
    """They alone are accepted and then ended; where others fail as well, it is somebody else."""
    path = (ACCEPTED, SHAKE, PONG, CLUSTER, MESH)
    well, kept = VISITED.replace(port=15003), VISITED.replace(stage="tls", outcome="closed")
    (clue,) = judge(Evidence(*path, well, kept, target=AWARE))

    assert isinstance(clue, Clue)
    assert "keeps 15001 for itself (outbound traffic)" in clue.because
    assert (
        list(
            judge(Evidence(*path, well.replace(stage="tls", outcome="closed"), kept, target=AWARE))
        )
        == []
    )
    assert (
        list(
            judge(Evidence(*path, well, kept.replace(stage="tcp", outcome="silent"), target=AWARE))
        )
        == []
    )
    (guess,) = judge(Evidence(*path[:-1], POD, well, kept, target=AWARE))
    assert isinstance(guess, Clue)
    assert guess.weight < clue.weight


def test_a_node_that_its_cluster_has_given_up_is_not_laid_to_the_sidecar() -> None:
    """It is down for everybody, and a sidecar would show that in the same way."""
    down = CLUSTER.replace(nodes=(CLUSTER.nodes[0], CLUSTER.nodes[1].replace(health="failed")))
    kept = VISITED.replace(stage="tls", outcome="closed")
    path = (ACCEPTED, SHAKE, PONG, down, MESH, VISITED.replace(port=15003), kept)

    assert list(judge(Evidence(*path, target=AWARE))) == []
