"""Tests of the judge of auth-entra-misconfigured."""

from __future__ import annotations

import pytest

from refused.causes.auth_entra_misconfigured import judge
from refused.causes.statements import Clue, Proof, RuledOut
from refused.evidence.bundle import Evidence
from refused.evidence.control_plane import (
    AccessAssignments,
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
    proofs,
    weight,
)
from tests.causes.login_scenery import (
    CACHE,
    KEY,
    NOW,
    OBJECT_ID,
    OWN,
    TOKEN,
    WRONGPASS,
)


@pytest.mark.parametrize("user", [None, "", "b5c1d0a9-0e55-4c44-8f5e-9f3f4b6b8a10"])
def test_a_user_name_that_is_not_the_object_id_proves_it(user: str | None) -> None:
    """None at all, or the application's."""
    said = list(judge(Evidence(TOKEN.replace(user=user), WRONGPASS, target=CACHE)))

    assert isinstance(said[-1], Proof)


def test_the_object_id_may_be_written_in_capitals() -> None:
    """Nothing is wrong with the name, so a policy is missing."""
    capital = TOKEN.replace(user=str(TOKEN.user).upper())
    said = list(judge(Evidence(capital, WRONGPASS, target=CACHE)))

    assert not any(isinstance(each, Proof) for each in said)
    assert "access policy" in getattr(said[-1], "because", "")


def test_a_token_for_another_service_proves_it() -> None:
    """It was asked for with the scope of the management API."""
    other = TOKEN.replace(token_audience="https://management.azure.com/")

    assert isinstance(list(judge(Evidence(other, WRONGPASS, target=CACHE)))[-1], Proof)


def test_the_enterprise_tier_has_no_entra() -> None:
    """Whatever the token says."""
    said = list(judge(Evidence(TOKEN, WRONGPASS, target=CACHE.replace(service="acre"))))

    assert isinstance(said[-1], Proof)


def test_an_expired_token_is_another_cause() -> None:
    """The clues add up to less than nothing."""
    ended = TOKEN.replace(token_expires_at=NOW - 1)
    said = judge(Evidence(ended, WRONGPASS, target=CACHE))

    assert sum(each.weight for each in said if isinstance(each, Clue)) < 0


def test_what_is_no_token_is_called_so() -> None:
    """A key was sent with --auth entra."""
    wrong = TOKEN.replace(looks_like="access-key")
    said = list(judge(Evidence(wrong, WRONGPASS, target=CACHE)))

    assert "looks like access-key" in getattr(said[-1], "because", "")


def test_a_redis_of_ones_own_is_not_held_to_azures_rules() -> None:
    """No object id is demanded there."""
    said = list(judge(Evidence(TOKEN.replace(user="app"), WRONGPASS, target=OWN)))

    assert not any(isinstance(each, (Proof, RuledOut)) for each in said)


def test_a_refused_key_is_none_of_its_business() -> None:
    """No token was there."""
    assert list(judge(Evidence(KEY, WRONGPASS, target=CACHE))) == []


OTHERS = AccessAssignments(
    **CONTROL, resource_id=CACHE_ID, assignments=(("11111111-0000", "web", "Data Owner"),)
)


def test_an_identity_without_an_assignment_is_proof_with_who_took_it_away() -> None:
    """Token, name and audience are right."""
    gone = change(
        "Microsoft.Cache/redis/accessPolicyAssignments/delete", "accessPolicyAssignments/app"
    )
    (said,) = proofs(judge(Evidence(TOKEN, WRONGPASS, ACR, OTHERS, gone, target=CACHE)))

    assert said.startswith(f"none of the cache's 1 access assignments is for {OBJECT_ID}")
    assert "the access assignment app was deleted at 14:09 UTC" in said


def test_an_identity_with_an_assignment_is_not_said_to_lack_one() -> None:
    """Then something else is wrong."""
    mine = OTHERS.replace(assignments=((OBJECT_ID.upper(), "app", "Data Owner"),))
    said = list(judge(Evidence(TOKEN, WRONGPASS, ACR, mine, target=CACHE)))

    assert proofs(said) == []
    assert weight(said) < weight(judge(Evidence(TOKEN, WRONGPASS, ACR, target=CACHE))) - 3


def test_entra_that_is_switched_off_is_proof() -> None:
    """No identity opens it; not said is not off."""
    assert proofs(judge(Evidence(TOKEN, WRONGPASS, ACR.replace(entra=False), target=CACHE)))
    assert proofs(judge(Evidence(TOKEN, WRONGPASS, ACR.replace(entra=None), target=CACHE))) == []


def test_assignments_that_were_denied_are_unseen_and_not_missing() -> None:
    """The name alone stays likely."""
    gap = denied("AccessAssignments")
    said = list(judge(Evidence(TOKEN, WRONGPASS, ACR, gap, target=CACHE)))

    assert proofs(said) == []
    assert [each for each in said if isinstance(each, Unseen)] == [gap]


def test_a_name_that_is_not_the_tokens_is_its_own_reason() -> None:
    """No assignment could help a client that sends another's name."""
    wrong = TOKEN.replace(user="b5c1d0a9-0e55-4c44-8f5e-9f3f4b6b8a10")
    (said,) = proofs(judge(Evidence(wrong, WRONGPASS, ACR, OTHERS, target=CACHE)))

    assert "was sent with a token whose object id is" in said
