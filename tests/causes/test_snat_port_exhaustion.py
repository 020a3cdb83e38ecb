"""Tests of the judge of snat-port-exhaustion."""

from __future__ import annotations

from refused.causes.snat_port_exhaustion import judge
from refused.causes.statements import Clue, RuledOut
from refused.evidence.bundle import Evidence
from refused.evidence.observations import Attempt, ClientFleet, OverTime, Platform
from tests.causes.server_scenery import ACCEPTED, CACHE, STAMP

SILENT = ACCEPTED.replace(outcome="silent")
FLEET = ClientFleet(
    **STAMP,
    pods=40,
    processes=2,
    pool_size=50,
    nodes=3,
    outbound="load-balancer",
)
REPEATS = tuple(
    SILENT.replace(purpose="repeat") if at % 2 else ACCEPTED.replace(purpose="repeat")
    for at in range(6)
)


def attempt(at: float, *, well: bool) -> Attempt:
    """Return an attempt of a watch."""
    stage, outcome = ("done", "ok") if well else ("tcp", "silent")
    return Attempt(at=at, took_ms=5.0, kind="dial", stage=stage, outcome=outcome)


def watch(marks: str) -> OverTime:
    """Return a watch on which attempts failed where an x stands."""
    return OverTime(
        **STAMP,
        host=CACHE.host,
        port=6380,
        planned_s=60.0,
        every_s=2.0,
        attempts=tuple(attempt(100.0 + at, well=mark != "x") for at, mark in enumerate(marks)),
    )


def total(*facts: object) -> float:
    """Return what the clues come to."""
    said = judge(Evidence(SILENT, *REPEATS, *facts, target=CACHE))  # type: ignore[arg-type]
    return sum(each.weight for each in said if isinstance(each, Clue))


def test_more_connections_than_ports_speak_for_it_and_few_against() -> None:
    """4,000 wanted of 3,072; 400; and in between nothing is said."""
    assert total(FLEET) - total() == 2.0
    assert total(FLEET.replace(pods=4)) - total() == -1.5
    assert total(FLEET.replace(pods=25)) == total()


def test_a_way_out_that_is_only_guessed_counts_for_less() -> None:
    """A cluster may have a NAT gateway that nobody named."""
    cluster = Platform(**STAMP, system="Linux", kind="kubernetes")
    guessed = FLEET.replace(outbound="")

    assert 0 < total(guessed, cluster) - total(cluster) < 2.0


def test_single_failures_speak_for_it_and_one_stretch_against() -> None:
    """Ports come free now and then; a server that is away is away for all."""
    assert total(watch(".x.x.x.x.")) > total()
    assert total(watch("..xxxx...")) < total()
    assert total(watch(".........")) == total()


def test_the_numbers_alone_accuse_nobody() -> None:
    """Where no dial failed, or this host is meant."""
    assert list(judge(Evidence(ACCEPTED, FLEET, target=CACHE))) == []
    home = SILENT.replace(address="127.0.0.1")
    (said,) = judge(Evidence(home, FLEET, target=CACHE))
    assert isinstance(said, RuledOut)


def test_dials_that_are_refused_were_answered() -> None:
    """A port that is lacking is never refused, and what was refused did not meet silence."""
    refused = tuple(
        each.replace(outcome="refused") if each.failed else each for each in (SILENT, *REPEATS)
    )
    said = tuple(judge(Evidence(*refused, watch("x.x.x.x."), target=CACHE)))
    clues = [each for each in said if isinstance(each, Clue)]

    assert sum(each.weight for each in clues) < 0
    assert not any("met silence" in each.because for each in clues)
