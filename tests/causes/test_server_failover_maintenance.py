"""Tests of the judge of server-failover-maintenance."""

from __future__ import annotations

from refused.causes.server_failover_maintenance import judge
from refused.causes.statements import Clue, RuledOut
from refused.evidence.bundle import Evidence
from tests.causes.server_scenery import (
    ACCEPTED,
    CACHE,
    FRONT,
    INFO,
    OWN,
    PONG,
    SHAKE,
    kinds,
    refused,
)

REFUSED = ACCEPTED.replace(outcome="refused", errno=111)
AGAIN = ACCEPTED.replace(purpose="repeat")
READONLY = refused("SETRANGE", "READONLY You can't write against a read only replica.")
MASTERDOWN = refused("PING", "MASTERDOWN Link with MASTER is down")


def test_refused_and_accepted_within_seconds_speaks_for_it() -> None:
    """A node is coming up."""
    (said,) = judge(Evidence(REFUSED, AGAIN, target=CACHE))

    assert isinstance(said, Clue)
    assert said.weight > 2


def test_silence_that_comes_and_goes_is_somebody_elses() -> None:
    """Lost packets look so; a restart refuses."""
    silent = REFUSED.replace(outcome="silent", errno=None)

    assert list(judge(Evidence(silent, AGAIN, target=CACHE))) == []


def test_azures_own_port_refuses_only_in_passing() -> None:
    """Another port may refuse for ever."""
    other = CACHE.replace(port=6390)

    assert kinds(judge(Evidence(REFUSED, target=CACHE))) == ["Clue"]
    assert list(judge(Evidence(REFUSED, target=other))) == []
    assert list(judge(Evidence(REFUSED.replace(port=6379), target=OWN))) == []


def test_this_host_itself_has_no_failover() -> None:
    """Nothing of Azure's answers on loopback."""
    here = REFUSED.replace(address="127.0.0.1")

    assert [type(each) for each in judge(Evidence(here, target=CACHE))] == [RuledOut]


def test_a_replica_without_its_primary_says_so() -> None:
    """It may also be misconfigured, so that this is no proof."""
    (said,) = judge(Evidence(FRONT, MASTERDOWN, target=OWN))

    assert isinstance(said, Clue)
    assert said.because == "the server says: MASTERDOWN Link with MASTER is down"


def test_a_primary_that_refuses_writes_has_just_changed_its_part() -> None:
    """INFO and the write are a moment apart."""
    (said,) = judge(Evidence(ACCEPTED, SHAKE, PONG, READONLY, INFO, target=CACHE))

    assert isinstance(said, Clue)
    assert "calls itself the primary" in said.because


def test_a_replica_that_follows_its_primary_is_a_secondary() -> None:
    """READONLY is there to stay."""
    replica = INFO.replace(role="replica", primary_link="up", primary_host="10.0.0.9")

    assert list(judge(Evidence(ACCEPTED, SHAKE, PONG, READONLY, replica, target=CACHE))) == []
    lost = replica.replace(primary_link="down", uptime_s=3)
    assert kinds(judge(Evidence(ACCEPTED, SHAKE, PONG, READONLY, lost, target=CACHE))) == [
        "Clue",
        "Clue",
    ]


def test_a_connection_cut_in_use_speaks_for_it() -> None:
    """TLS was up, and the next answer was a reset."""
    cut = PONG.replace(outcome="reset", reply="")

    assert kinds(judge(Evidence(ACCEPTED, SHAKE, cut, target=CACHE))) == ["Clue"]
    assert list(judge(Evidence(ACCEPTED, SHAKE, PONG, target=CACHE))) == []
