"""Tests of the judge of geo-secondary-readonly."""

from __future__ import annotations

from refused.causes.geo_secondary_readonly import judge
from refused.causes.statements import Clue, Proof
from refused.evidence.bundle import Evidence
from tests.causes.server_scenery import ACCEPTED, CACHE, INFO, PONG, SHAKE, kinds, refused

READONLY = refused("SETRANGE", "READONLY You can't write against a read only replica.")
PATH = (ACCEPTED, SHAKE, PONG)
SECONDARY = INFO.replace(
    role="replica", primary_host="10.0.0.9", primary_port=13000, primary_link="up"
)


def test_a_replica_that_follows_and_refuses_writes_is_proof() -> None:
    """Its own words, and the write turned away."""
    _, proof = judge(Evidence(*PATH, READONLY, SECONDARY, target=CACHE))

    assert isinstance(proof, Proof)
    assert "10.0.0.9:13000" in proof.because


def test_a_replica_that_has_lost_its_primary_may_be_in_a_failover() -> None:
    """Nothing is proved."""
    lost = SECONDARY.replace(primary_link="down")

    assert kinds(judge(Evidence(*PATH, READONLY, lost, target=CACHE))) == ["Clue", "Clue"]


def test_a_primary_speaks_against_it() -> None:
    """Who calls itself the primary will take writes again."""
    _, against = judge(Evidence(*PATH, READONLY, INFO, target=CACHE))

    assert isinstance(against, Clue)
    assert against.weight < 0


def test_a_replica_from_which_one_only_reads_is_well() -> None:
    """No write was turned away."""
    assert list(judge(Evidence(*PATH, SECONDARY, target=CACHE))) == []
