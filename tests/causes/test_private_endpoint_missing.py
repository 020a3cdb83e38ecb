"""Tests of the judge of private-endpoint-missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refused.causes.private_endpoint_missing import judge
from refused.evidence.bundle import Evidence
from refused.evidence.observations import Unseen
from tests.causes.azure_scenery import (
    ACR,
    ALIAS,
    ANSWER,
    AT_ENDPOINT,
    ENDPOINT,
    GROUP,
    LOOKUP,
    NO_ENDPOINT,
    ONE_ENDPOINT,
    PAST_ENDPOINT,
    SILENCE,
    TO_ENDPOINT,
    change,
    denied,
    excuses,
    proofs,
    weight,
)
from tests.causes.tls_scenery import CACHE

if TYPE_CHECKING:
    from refused.causes.statements import Statement
    from refused.evidence.bundle import Fact

OFF = ACR.replace(public_access="Disabled")


def heard(*facts: Fact) -> list[Statement]:
    """Return what the judge says of a cache in Azure."""
    return list(judge(Evidence(*facts, target=CACHE)))


@pytest.mark.parametrize("state", ["Pending", "Rejected", "Disconnected"])
def test_an_endpoint_that_is_not_approved_and_its_dead_address_are_proof(state: str) -> None:
    """Only an approved one carries traffic."""
    ours = ENDPOINT.replace(state=state, description="not without a ticket")
    (said,) = proofs(heard(TO_ENDPOINT, AT_ENDPOINT, OFF, ONE_ENDPOINT, ours))

    assert f'contoso-pe is {state} ("not without a ticket")' in said
    assert "10.1.0.4" in said


def test_an_endpoint_that_was_deleted_is_named_with_who_did_it() -> None:
    """Its record stayed behind."""
    deleted = change(
        "Microsoft.Network/privateEndpoints/delete",
        f"{GROUP}/Microsoft.Network/privateEndpoints/contoso-pe",
        ago_s=7200,
    )
    (said,) = proofs(heard(TO_ENDPOINT, AT_ENDPOINT, OFF, NO_ENDPOINT, deleted))

    assert "has no private endpoint" in said
    assert "contoso-pe was deleted at 12:13 UTC by anna@contoso.example, 2 hours before" in said


def test_an_approved_endpoint_at_that_address_rules_it_out() -> None:
    """Something on the way is silent, not the endpoint."""
    assert excuses(heard(TO_ENDPOINT, AT_ENDPOINT, OFF, ONE_ENDPOINT, ENDPOINT)) == [
        "the private endpoint contoso-pe is Approved, and 10.1.0.4 is its address"
    ]


def test_another_address_than_the_approved_endpoints_is_a_matter_of_names() -> None:
    """private-endpoint-dns speaks of a stale record."""
    moved = ENDPOINT.replace(addresses=("10.1.0.9",))

    assert excuses(heard(TO_ENDPOINT, AT_ENDPOINT, OFF, ONE_ENDPOINT, moved))


def test_an_endpoint_whose_address_was_not_read_settles_nothing() -> None:
    """It may lie in another subscription."""
    dark = ENDPOINT.replace(endpoint_seen=False, addresses=())
    said = heard(TO_ENDPOINT, AT_ENDPOINT, OFF, ONE_ENDPOINT, dark)

    assert proofs(said) == excuses(said) == []
    assert weight(said) < weight(heard(TO_ENDPOINT, AT_ENDPOINT))


def test_a_pending_endpoint_beside_a_shut_public_door_is_the_cause() -> None:
    """There is no way in at all; beside an open one it is not in the way."""
    pending = ENDPOINT.replace(state="Pending", addresses=())

    assert proofs(heard(PAST_ENDPOINT, SILENCE, OFF, ONE_ENDPOINT, pending))
    assert proofs(heard(PAST_ENDPOINT, SILENCE, ACR, ONE_ENDPOINT, pending)) == []


def test_a_rejected_endpoint_whose_name_leads_nowhere_is_the_cause_too() -> None:
    """Its record went with it."""
    nowhere = PAST_ENDPOINT.replace(outcome="nxdomain", chain=(ALIAS,))
    unknown = LOOKUP.replace(outcome="not-found", addresses=())
    rejected = ENDPOINT.replace(state="Rejected", addresses=())

    assert proofs(heard(unknown, nowhere, OFF, ONE_ENDPOINT, rejected))


def test_a_public_client_of_a_cache_without_endpoints_needs_none() -> None:
    """public-access-disabled and its neighbours speak of those."""
    assert excuses(heard(ANSWER, SILENCE, OFF, NO_ENDPOINT))


def test_a_cache_inside_a_network_has_no_endpoint_to_miss() -> None:
    """Its own address is private."""
    injected = ACR.replace(subnet_id="/subnets/caches", static_ip="10.1.0.4")

    assert excuses(heard(AT_ENDPOINT, injected, NO_ENDPOINT))


def test_unread_endpoints_leave_the_dns_clue_and_say_why() -> None:
    """Denied is not none."""
    gap = denied("PrivateEndpointList")
    said = heard(TO_ENDPOINT, AT_ENDPOINT, OFF, gap)

    assert proofs(said) == excuses(said) == []
    assert weight(said) > 2
    assert [each for each in said if isinstance(each, Unseen)] == [gap]


def test_a_login_that_fails_behind_it_is_not_its_matter() -> None:
    """Whatever the state: the connection stood."""
    rejected = ENDPOINT.replace(state="Rejected")
    shaken = AT_ENDPOINT.replace(outcome="accepted")

    assert heard(TO_ENDPOINT, shaken, OFF, ONE_ENDPOINT, rejected) == []


def test_a_private_address_that_was_never_an_endpoints_is_only_a_clue() -> None:
    """It may be a proxy of one's own."""
    own = ANSWER.replace(chain=(ANSWER.chain[0].replace(value="10.1.0.4"),))
    said = heard(own, AT_ENDPOINT, ACR, NO_ENDPOINT)

    assert proofs(said) == []
    assert weight(said) > 2
