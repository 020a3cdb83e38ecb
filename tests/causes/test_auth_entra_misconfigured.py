"""Tests of the judge of auth-entra-misconfigured."""

from __future__ import annotations

import pytest

from refused.causes.auth_entra_misconfigured import judge
from refused.causes.statements import Clue, Proof, RuledOut
from refused.evidence.bundle import Evidence
from tests.causes.login_scenery import CACHE, KEY, NOW, OWN, TOKEN, WRONGPASS


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
