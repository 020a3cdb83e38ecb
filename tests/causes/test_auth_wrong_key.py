"""Tests of the judge of auth-wrong-key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refused.causes.auth_wrong_key import BY_ENTRA, CAUSE, judge
from refused.causes.statements import Clue, Proof, RuledOut
from refused.evidence.bundle import Evidence
from refused.evidence.control_plane import (
    AccessKeys,
)
from refused.evidence.observations import (
    Unseen,
)
from tests.causes.azure_scenery import (
    ACR,
    CACHE_ID,
    CONTROL,
    change,
    denied,
    excuses,
    proofs,
)
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


NEITHER = AccessKeys(**CONTROL, resource_id=CACHE_ID, matches="none")


def test_a_key_that_is_none_of_the_caches_is_proof_with_who_made_new_ones() -> None:
    """Rotated, and the client was not told."""
    made = change("Microsoft.Cache/redis/regenerateKey/action", "")

    (said,) = proofs(judge(Evidence(KEY, WRONGPASS, ACR, NEITHER, made, target=CACHE)))
    assert said == (
        "the key that the client has is none of the cache's; the cache contoso had a key regenerated at "
        "14:09 UTC by anna@contoso.example, 4 minutes before the first failure seen"
    )


def test_a_key_that_is_the_caches_rules_it_out() -> None:
    """Primary or secondary."""
    right = NEITHER.replace(matches="secondary")

    assert excuses(judge(Evidence(KEY, WRONGPASS, ACR, right, target=CACHE)))


def test_access_keys_that_are_switched_off_are_proof() -> None:
    """No key opens it, the right one neither."""
    off = ACR.replace(access_keys=False)
    (proof,) = [
        each
        for each in judge(Evidence(KEY, WRONGPASS, off, target=CACHE))
        if isinstance(each, Proof)
    ]

    assert "access keys are switched off" in proof.because
    assert proof.ends == BY_ENTRA in CAUSE.remedies


def test_a_new_key_in_the_log_is_a_clue_where_the_keys_were_not_compared() -> None:
    """Reading them needs listKeys, which a Reader has not."""
    made = change("Microsoft.Cache/redis/regenerateKey/action", "")
    gap = denied("AccessKeys")
    said = list(judge(Evidence(KEY, WRONGPASS, ACR, gap, made, target=CACHE)))

    assert proofs(said) == excuses(said) == []
    assert [each for each in said if isinstance(each, Unseen)] == [gap]
    assert weight(KEY, WRONGPASS, ACR, made) > weight(KEY, WRONGPASS, ACR) + 1


def test_the_keys_say_nothing_of_a_client_with_a_token() -> None:
    """auth-entra-misconfigured speaks of those."""
    off = ACR.replace(access_keys=False)

    assert proofs(judge(Evidence(TOKEN, WRONGPASS, off, target=CACHE))) == []
