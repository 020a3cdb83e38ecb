"""Tests of the judge of auth-missing."""

from __future__ import annotations

from refused.causes.auth_missing import judge
from refused.causes.statements import Clue, Proof, RuledOut
from refused.evidence.bundle import Evidence
from tests.causes.azure_scenery import (
    ACR,
    proofs,
)
from tests.causes.login_scenery import (
    CACHE,
    KEY,
    LOGGED_IN,
    NOAUTH,
    NOTHING,
    PONG,
    WRONGPASS,
    refused,
)

BARE = CACHE.replace(auth="none")


def test_nothing_sent_and_noauth_answered_is_proof() -> None:
    """The connection string has no password."""
    (said,) = judge(Evidence(NOTHING, NOAUTH, target=BARE))

    assert isinstance(said, Proof)
    assert "no credentials were sent" in said.because


def test_hello_is_refused_in_other_words() -> None:
    """A RESP3 client meets NOAUTH at HELLO."""
    hello = refused("HELLO", "NOAUTH HELLO must be called with the client already authenticated")

    assert [type(each) for each in judge(Evidence(NOTHING, hello, target=BARE))] == [Proof]


def test_an_empty_password_is_none() -> None:
    """The setting is there, and holds nothing."""
    empty = KEY.replace(looks_like="empty")

    assert [type(each) for each in judge(Evidence(empty, WRONGPASS, target=CACHE))] == [Proof]


def test_a_wrong_password_is_not_a_missing_one() -> None:
    """Something was sent."""
    assert [type(each) for each in judge(Evidence(KEY, WRONGPASS, target=CACHE))] == [RuledOut]


def test_noauth_in_spite_of_a_secret_is_only_a_clue() -> None:
    """The session may have lost its login."""
    noauth = refused("AUTH", "NOAUTH Authentication required.")

    assert [type(each) for each in judge(Evidence(KEY, noauth, target=CACHE))] == [Clue]


def test_a_login_that_works_is_left_alone() -> None:
    """Nothing is broken."""
    assert list(judge(Evidence(KEY, LOGGED_IN, PONG, target=CACHE))) == []


def test_with_what_a_cache_can_be_opened_is_part_of_the_proof() -> None:
    """Nobody is told to send a key that opens nothing."""
    off = ACR.replace(access_keys=False)
    (said,) = proofs(judge(Evidence(NOTHING, NOAUTH, off, target=BARE)))

    assert said.endswith("access keys are switched off, so that Microsoft Entra ID alone opens it")
