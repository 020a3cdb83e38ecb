"""Tests of the judge of auth-entra-token-expired."""

from __future__ import annotations

from refused.causes.auth_entra_token_expired import judge
from refused.causes.statements import Clue, Proof, RuledOut
from refused.evidence.bundle import Evidence
from refused.evidence.observations import Platform
from tests.causes.login_scenery import CACHE, KEY, LOGGED_IN, NOW, PONG, STAMP, TOKEN, WRONGPASS

ENDED = TOKEN.replace(token_expires_at=NOW - 900)


def test_a_token_whose_end_has_passed_proves_it() -> None:
    """It ended a quarter of an hour before it was refused."""
    (said,) = judge(Evidence(ENDED, WRONGPASS, target=CACHE))

    assert isinstance(said, Proof)
    assert said.because == "the token ended 15 minutes ago, and the login was refused (WRONGPASS)"


def test_a_live_token_rules_it_out() -> None:
    """Its refusal has another reason."""
    assert [type(each) for each in judge(Evidence(TOKEN, WRONGPASS, target=CACHE))] == [RuledOut]


def test_by_a_doubtful_clock_it_is_not_proved() -> None:
    """A clock that stands in the past cannot tell."""
    host = Platform(**STAMP, system="Linux", clock_before_build=True)

    assert [type(each) for each in judge(Evidence(ENDED, WRONGPASS, host, target=CACHE))] == [Clue]


def test_a_token_that_cannot_be_read_is_a_weak_clue() -> None:
    """It names no end."""
    endless = TOKEN.replace(token_expires_at=None)

    assert [type(each) for each in judge(Evidence(endless, WRONGPASS, target=CACHE))] == [Clue]


def test_keys_do_not_expire() -> None:
    """A refused key is another cause."""
    assert list(judge(Evidence(KEY, WRONGPASS, target=CACHE))) == []


def test_an_old_token_that_still_works_is_left_alone() -> None:
    """Nothing is broken."""
    assert list(judge(Evidence(ENDED, LOGGED_IN, PONG, target=CACHE))) == []
