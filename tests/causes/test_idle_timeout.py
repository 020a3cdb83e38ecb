"""Tests of the judge of idle-timeout."""

from __future__ import annotations

import pytest

from refused.causes.idle_timeout import judge
from refused.causes.statements import Clue, Proof, RuledOut
from refused.evidence.bundle import Evidence
from refused.evidence.observations import Attempt, ClientSettings, IdleHold, OverTime
from tests.causes.server_scenery import FRONT, INFO, OWN, PONG, STAMP, kinds

HELD = IdleHold(**STAMP, address="20.42.65.90", port=6379, idle_s=240.3, outcome="ok")
CLIENT = ClientSettings(**STAMP, client="StackExchange.Redis")


def test_a_quiet_connection_that_was_ended_is_proof() -> None:
    """How long it lasted, and what the server's own limit is, stand beside it."""
    ended = HELD.replace(outcome="reset")
    (said,) = judge(Evidence(FRONT, PONG, INFO.replace(idle_timeout_s=600), ended, target=OWN))

    assert isinstance(said, Proof)
    assert said.because == (
        "a connection left quiet was reset after 240.3 s; the server's own limit is 600 s"
    )


def test_silence_after_a_pause_is_only_a_strong_clue() -> None:
    """The server may have frozen meanwhile."""
    assert kinds(judge(Evidence(FRONT, PONG, HELD.replace(outcome="silent"), target=OWN))) == [
        "Clue"
    ]


@pytest.mark.parametrize(("keepalive_s", "clues"), [(0.0, 1), (600.0, 1), (60.0, 0), (None, 0)])
def test_the_clients_keep_alive_is_held_against_what_load_balancers_bear(
    keepalive_s: float | None, clues: int
) -> None:
    """None at all, or one that comes too late, lets the connection go."""
    ended = HELD.replace(outcome="closed")
    said = list(
        judge(Evidence(CLIENT.replace(keepalive_s=keepalive_s), FRONT, PONG, ended, target=OWN))
    )

    assert sum(isinstance(each, Clue) for each in said) == clues


def test_a_connection_that_outlived_the_pause_is_left_alone() -> None:
    """Whatever the client is set to."""
    lax = CLIENT.replace(keepalive_s=0.0)

    assert list(judge(Evidence(lax, FRONT, PONG, HELD, target=OWN))) == []
    assert list(judge(Evidence(lax, FRONT, PONG, HELD.replace(outcome="error"), target=OWN))) == []
    assert list(judge(Evidence(lax, FRONT, PONG, target=OWN))) == []


WATCH = OverTime(**STAMP, host="redis.example.net", port=6379, planned_s=240.0, every_s=8.0)


def attempt(at: float, stage: str = "done", outcome: str = "ok") -> Attempt:
    """Return an attempt with a connection of its own."""
    return Attempt(at=at, took_ms=5.0, kind="dial", stage=stage, outcome=outcome)


def test_a_question_that_is_not_acknowledged_while_others_are_answered_is_proof() -> None:
    """The way has forgotten the connection, and says so to nobody: it is half open."""
    at = HELD.at
    half_open = HELD.replace(outcome="silent", unacked_bytes=14, took_ms=244_300.0)
    watch = WATCH.replace(attempts=(attempt(at - 100), attempt(at - 2)))
    (said,) = judge(Evidence(FRONT, PONG, half_open, watch, target=OWN))

    assert isinstance(said, Proof)
    assert (
        "14 bytes were not even acknowledged, while 1 other attempts were answered" in said.because
    )


def test_without_another_that_was_answered_the_way_may_be_down_for_all() -> None:
    """Then it is a strong clue."""
    half_open = HELD.replace(outcome="silent", unacked_bytes=14, took_ms=244_300.0)
    watch = WATCH.replace(attempts=(attempt(HELD.at - 100),))

    assert kinds(judge(Evidence(FRONT, PONG, half_open, watch, target=OWN))) == ["Clue"]


def test_a_question_that_arrived_speaks_against_it() -> None:
    """The server's kernel acknowledged it, and the server did not answer."""
    (said,) = judge(
        Evidence(FRONT, PONG, HELD.replace(outcome="silent", unacked_bytes=0), target=OWN)
    )

    assert isinstance(said, Clue)
    assert said.weight < 0


def test_an_end_that_connections_in_use_share_is_not_for_its_quiet() -> None:
    """The server went away for all of them."""
    at = HELD.at
    blip = WATCH.replace(
        attempts=(attempt(at - 5), attempt(at - 1, "tcp", "refused"), attempt(at + 2))
    )
    (said,) = judge(Evidence(FRONT, PONG, HELD.replace(outcome="closed"), blip, target=OWN))

    assert isinstance(said, RuledOut)
