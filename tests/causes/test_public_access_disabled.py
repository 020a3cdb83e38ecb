"""Tests of the judge of public-access-disabled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refused.causes.public_access_disabled import judge
from refused.evidence.bundle import Evidence
from refused.evidence.observations import Unseen
from tests.causes.azure_scenery import (
    ACCEPTED,
    ACR,
    AMR,
    ANSWER,
    ENDPOINT,
    MANAGED,
    NO_ENDPOINT,
    ONE_ENDPOINT,
    PAST_ENDPOINT,
    SHUT,
    SILENCE,
    change,
    denied,
    excuses,
    proofs,
    weight,
)
from tests.causes.tls_scenery import CACHE, CLOSED

if TYPE_CHECKING:
    from refused.causes.statements import Statement
    from refused.evidence.bundle import Fact

OFF = ACR.replace(public_access="Disabled")


def heard(*facts: Fact) -> list[Statement]:
    """Return what the judge says of a cache in Azure."""
    return list(judge(Evidence(*facts, target=CACHE)))


@pytest.mark.parametrize("face", [(SILENCE,), SHUT], ids=["silence", "closed"])
def test_a_switched_off_door_and_a_client_that_meets_it_are_proof(face: tuple[Fact, ...]) -> None:
    """The cache has no private endpoint, so that this is the whole story."""
    switched = change("Microsoft.Cache/redis/write", "", ago_s=120)
    (said,) = proofs(heard(*face, OFF, NO_ENDPOINT, ANSWER, switched))

    assert said == (
        "public access is Disabled, and the client dials the public 20.42.65.90; the cache contoso "
        "was changed or made at 14:11 UTC by anna@contoso.example, 2 minutes before the first failure seen"
    )


def test_a_door_that_azure_calls_open_rules_it_out() -> None:
    """On Azure Cache for Redis, nothing set is open as well."""
    for cache in (ACR, ACR.replace(public_access=None)):
        assert excuses(heard(SILENCE, cache, NO_ENDPOINT)) == [
            "Azure says that public access is enabled"
        ]


def test_where_a_private_endpoint_exists_that_is_the_cause() -> None:
    """Its state or its name, not the switch."""
    (said,) = excuses(heard(SILENCE, OFF, ONE_ENDPOINT, ENDPOINT, PAST_ENDPOINT))

    assert "private endpoint" in said


def test_an_older_managed_redis_closes_its_door_for_an_endpoint() -> None:
    """The property is younger than the cache."""
    old = AMR.replace(public_access=None)
    dial = SILENCE.replace(port=10000)
    alone = list(judge(Evidence(dial, old, NO_ENDPOINT, target=MANAGED)))
    with_one = list(judge(Evidence(dial, old, ONE_ENDPOINT, ENDPOINT, target=MANAGED)))

    assert "enabled" in excuses(alone)[0]
    assert "private endpoint" in excuses(with_one)[0]


def test_unread_endpoints_leave_a_doubt_where_dns_knows_of_one() -> None:
    """A name without a privatelink alias has no endpoint behind it."""
    gap = denied("PrivateEndpointList")
    doubt = heard(SILENCE, OFF, PAST_ENDPOINT, gap)

    assert proofs(doubt) == excuses(doubt) == []
    assert gap in doubt
    assert proofs(heard(SILENCE, OFF, ANSWER, gap))


def test_a_cache_that_was_not_read_is_not_called_fine() -> None:
    """Denied is said to be denied."""
    said = heard(SILENCE, denied("AzureCache"))

    assert proofs(said) == excuses(said) == []
    assert [each.why for each in said if isinstance(each, Unseen)] == [
        "the control plane says 403 (AuthorizationFailed)"
    ]


def test_a_door_that_opened_is_not_switched_off() -> None:
    """The server had begun TLS."""
    late = CLOSED.replace(server_spoke=True)

    assert proofs(heard(ACCEPTED, late.replace(outcome="untrusted"), OFF, NO_ENDPOINT)) == []


def test_without_azure_only_the_kind_of_service_tells() -> None:
    """A Managed Redis has no other switch that is as silent."""
    managed = list(judge(Evidence(SILENCE.replace(port=10000), target=MANAGED)))

    assert weight(managed) > weight(heard(SILENCE))
