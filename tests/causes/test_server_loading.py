"""Tests of the judge of server-loading."""

from __future__ import annotations

from refused.causes.server_loading import judge
from refused.causes.statements import Clue, Proof
from refused.evidence.bundle import Evidence
from tests.causes.server_scenery import FRONT, INFO, OWN, PONG, refused

LOADING = refused("PING", "LOADING Redis is loading the dataset in memory")


def test_the_servers_own_word_is_proof_and_info_says_how_long() -> None:
    """INFO is answered while it loads."""
    busy = INFO.replace(loading=True, loading_eta_s=90)
    proof, clue = judge(Evidence(FRONT, LOADING, busy, target=OWN))

    assert isinstance(proof, Proof)
    assert isinstance(clue, Clue)
    assert clue.because == "INFO says that it is loading; it reckons with 90 s more"


def test_a_server_that_has_read_its_data_is_left_alone() -> None:
    """It answers."""
    assert list(judge(Evidence(FRONT, PONG, INFO.replace(loading=False), target=OWN))) == []
