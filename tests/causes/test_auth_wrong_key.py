"""Tests of the judge of auth-wrong-key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refused.causes.auth_wrong_key import judge
from refused.causes.statements import Clue, Proof, RuledOut
from refused.evidence.bundle import Evidence
from tests.causes.login_scenery import CACHE, KEY, NOTHING, OWN, TOKEN, WRONGPASS, refused

if TYPE_CHECKING:
    from refused.evidence.observations import Observation
    from refused.evidence.target import Target


def weight(*facts: Observation, target: Target = CACHE) -> float:
    """Return the sum of all clues."""
    said = judge(Evidence(*facts, target=target))
    return sum(each.weight for each in said if isinstance(each, Clue))


def test_a_key_that_is_refused_is_likely_and_not_proved() -> None:
    """The keys may also be disabled."""
    (said,) = judge(Evidence(KEY, WRONGPASS, target=CACHE))

    assert isinstance(said, Clue)


@pytest.mark.parametrize("shape", ["quoted", "padded", "url-escaped"])
def test_a_harmed_key_is_proof_on_azure_and_a_clue_elsewhere(shape: str) -> None:
    """Azure's keys are base64; others may hold anything."""
    harmed = KEY.replace(looks_like=shape)
    on_azure = list(judge(Evidence(harmed, WRONGPASS, target=CACHE)))
    elsewhere = list(judge(Evidence(harmed, WRONGPASS, target=OWN)))

    assert isinstance(on_azure[-1], Proof)
    assert not any(isinstance(each, Proof) for each in elsewhere)


@pytest.mark.parametrize(
    "text",
    [
        "ERR AUTH <password> called without any password configured for the default user.",
        "ERR Client sent AUTH, but no password is set",
    ],
)
def test_a_server_without_a_password_says_so(text: str) -> None:
    """In the words of Redis 6, and of Redis 5."""
    (said,) = judge(Evidence(KEY, refused("AUTH", text), target=OWN))

    assert isinstance(said, Proof)


def test_a_user_name_with_an_access_key_adds_to_it() -> None:
    """Keys belong to the default user."""
    named = KEY.replace(user="contoso")

    assert weight(named, WRONGPASS) > weight(KEY, WRONGPASS)


def test_a_token_is_no_key() -> None:
    """Logins with Entra have causes of their own."""
    assert weight(TOKEN, WRONGPASS) < 0


def test_nothing_sent_rules_it_out() -> None:
    """There is no key that could be wrong."""
    assert [type(each) for each in judge(Evidence(NOTHING, WRONGPASS, target=CACHE))] == [RuledOut]


def test_another_error_at_login_is_not_taken_for_a_wrong_key() -> None:
    """The server is older than users."""
    arity = refused("AUTH", "ERR wrong number of arguments for 'auth' command")

    assert list(judge(Evidence(KEY, arity, target=OWN))) == []


def test_without_a_description_of_the_login_we_say_so() -> None:
    """Nobody noted with what was logged in."""
    said = list(judge(Evidence(WRONGPASS, target=CACHE)))

    assert getattr(said[-1], "what", "") == "Login"
