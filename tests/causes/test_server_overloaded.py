"""Tests of the judge of server-overloaded."""

from __future__ import annotations

import pytest

from refused.causes.server_overloaded import judge
from refused.causes.statements import Clue, Proof
from refused.evidence.bundle import Evidence
from refused.evidence.observations import ClientSettings, Observation, ServerPace
from tests.causes.azure_scenery import (
    ACR,
    denied,
    excuses,
    metric,
    proofs,
    weight,
)
from tests.causes.server_scenery import (
    ACCEPTED,
    CACHE,
    FRONT,
    ILL_ELSEWHERE,
    OWN,
    PONG,
    SHAKE,
    SILENT,
    STAMP,
    WELL_ELSEWHERE,
    kinds,
    refused,
)
from tests.causes.tls_scenery import TALK

HUNG = (FRONT, PONG.replace(outcome="silent", reply=""))


def test_a_running_script_is_named_by_the_server() -> None:
    """BUSY implies that others wait."""
    text = "BUSY Redis is busy running a script. You can only call SCRIPT KILL"

    assert [type(each) for each in judge(Evidence(FRONT, refused("PING", text), target=OWN))] == [
        Proof
    ]


def test_silence_after_an_accepted_dial_proves_nothing() -> None:
    """The kernel accepts for a server that hangs, and what the server is doing stays unseen."""
    said = list(judge(Evidence(*HUNG, target=OWN)))

    assert kinds(said) == ["Clue", "Unseen"]


@pytest.mark.parametrize(
    "sign",
    [
        TALK.replace(outcome="ok", protocol="resp"),
        SHAKE.replace(outcome="alert", purpose="small-reply"),
        SHAKE.replace(purpose="unverified"),
    ],
    ids=["plain text", "small answers", "unverified TLS"],
)
def test_a_server_that_answers_something_else_at_once_is_not_busy(sign: Observation) -> None:
    """Then only our words are wrong, or large answers are lost."""
    assert kinds(judge(Evidence(ACCEPTED, SILENT, sign, target=CACHE))) == ["RuledOut"]


def test_what_is_answered_elsewhere_is_not_busy() -> None:
    """A busy server is busy for everybody."""
    *_, well, _ = judge(Evidence(*HUNG, WELL_ELSEWHERE, target=OWN))
    *_, ill, _ = judge(Evidence(*HUNG, ILL_ELSEWHERE, target=OWN))

    assert isinstance(well, Clue)
    assert well.weight < 0
    assert isinstance(ill, Clue)
    assert ill.weight > 0


def test_round_trips_of_seconds_add_to_it() -> None:
    """The numbers are named."""
    pace = ServerPace(**STAMP, address="20.42.65.90", port=6379, round_trips_ms=(40.0, 2400.0))
    said = list(judge(Evidence(*HUNG, pace, target=OWN)))

    assert any("2400 ms" in each.because for each in said if isinstance(each, Clue))


def test_a_dial_that_is_not_answered_is_no_sign_of_load() -> None:
    """The kernel accepts whatever the server does."""
    silent = FRONT.replace(outcome="silent")

    assert list(judge(Evidence(silent, target=OWN))) == []


def test_where_the_answer_stayed_away_is_said() -> None:
    """Before TLS, after it, or too late."""
    before, *_ = judge(Evidence(ACCEPTED, SILENT, target=CACHE))
    after, *_ = judge(Evidence(*HUNG, target=OWN))
    settings = ClientSettings(**STAMP, client="jedis", command_timeout_ms=100.0)
    late, *_ = judge(Evidence(settings, FRONT, PONG.replace(took_ms=400.0), target=OWN))

    assert [each.because for each in (before, after, late) if isinstance(each, Clue)] == [
        "the connection was accepted, and no byte of TLS came back",
        "the connection was accepted, and the command was not answered",
        "the answer came, and came too late",
    ]


STUCK = PONG.replace(outcome="silent", reply="", took_ms=2000.0)


def test_a_load_that_azure_saw_at_the_top_and_a_missed_answer_are_proof() -> None:
    """For minutes, not for one sample."""
    full = Evidence(ACCEPTED, STUCK, ACR, metric("serverLoad", 60, 99, 100, 99), target=CACHE)
    spike = Evidence(ACCEPTED, STUCK, ACR, metric("serverLoad", 10, 12, 99, 11, 10), target=CACHE)

    assert proofs(judge(full)) == ["the server's load was 100 %, and an answer was not given"]
    assert proofs(judge(spike)) == []


def test_a_calm_server_speaks_against_it() -> None:
    """A slow command of the last seconds is not in the metric yet: nothing is ruled out."""
    calm = Evidence(ACCEPTED, STUCK, ACR, metric("serverLoad", 5, 6, 5), target=CACHE)
    alone = Evidence(ACCEPTED, STUCK, target=CACHE)

    assert excuses(judge(calm)) == []
    assert weight(judge(calm)) < weight(judge(alone)) - 2


def test_a_load_that_was_denied_is_unseen() -> None:
    """Neither busy nor calm."""
    gap = denied("Metric")
    seen = list(judge(Evidence(ACCEPTED, STUCK, ACR, gap, target=CACHE)))

    assert gap in seen
    assert weight(seen) == weight(judge(Evidence(ACCEPTED, STUCK, target=CACHE)))


def test_a_front_that_is_quick_at_tls_says_nothing_of_the_server_behind_it() -> None:
    """The handshake was done, and the command is what is missing."""
    quick = SHAKE.replace(purpose="small-reply", outcome="alert")

    assert excuses(judge(Evidence(ACCEPTED, SHAKE, STUCK, quick, target=CACHE))) == []
