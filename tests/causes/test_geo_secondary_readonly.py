"""Tests of the judge of geo-secondary-readonly."""

from __future__ import annotations

from refused.causes.geo_secondary_readonly import judge
from refused.causes.statements import Clue, Proof
from refused.evidence.bundle import Evidence
from refused.evidence.control_plane import (
    LinkedServer,
)
from tests.causes.azure_scenery import (
    ACR,
    excuses,
    proofs,
)
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


READ_ONLY = refused("SET", "READONLY You can't write against a read only replica.")
PARTNER = LinkedServer(
    id="/x/linkedServers/contoso-east",
    role="Primary",
    geo_primary_host="contoso.geo.redis.cache.windows.net",
)


def test_a_partner_that_azure_calls_the_primary_and_a_refused_write_are_proof() -> None:
    """With the name that follows the primary."""
    cache = ACR.replace(linked_servers=(PARTNER,))
    (said,) = proofs(judge(Evidence(READ_ONLY, cache)))

    assert "writes belong to contoso.geo.redis.cache.windows.net" in said


def test_the_primary_of_a_pair_and_a_cache_without_one_are_nobodys_secondary() -> None:
    """Then the refusal passes, as after a failover."""
    primary = ACR.replace(linked_servers=(PARTNER.replace(role="Secondary"),))

    assert excuses(judge(Evidence(READ_ONLY, primary)))
    assert excuses(judge(Evidence(READ_ONLY, ACR)))
