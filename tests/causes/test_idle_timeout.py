"""Tests of the judge of idle-timeout."""

from __future__ import annotations

import pytest

from refused.causes.idle_timeout import judge
from refused.causes.statements import Clue, Proof
from refused.evidence.bundle import Evidence
from refused.evidence.observations import ClientSettings, IdleHold
from tests.causes.server_scenery import FRONT, INFO, OWN, PONG, STAMP, kinds

HELD = IdleHold(**STAMP, address="20.42.65.90", port=6379, idle_s=240.3, outcome="ok")
CLIENT = ClientSettings(**STAMP, library="StackExchange.Redis")


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
