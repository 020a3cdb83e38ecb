"""Tests of the judge of private-endpoint-dns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refused.causes.private_endpoint_dns import CAUSE, OUTSIDE, judge
from refused.causes.statements import Proof
from refused.evidence.bundle import Evidence
from refused.evidence.control_plane import PrivateDnsZoneList, ZoneLink
from refused.evidence.observations import DnsRecord, Elsewhere, TcpDial, Unseen
from tests.causes.azure_scenery import (
    ACR,
    ALIAS,
    ANSWER,
    AT_ENDPOINT,
    CLIENTS,
    CONTROL,
    ENDPOINT,
    GROUP,
    LOOKUP,
    NETWORK,
    NO_ENDPOINT,
    ONE_ENDPOINT,
    PAST_ENDPOINT,
    PRIVATE,
    SILENCE,
    TO_ENDPOINT,
    ZONE,
    change,
    denied,
    excuses,
    proofs,
    weight,
)
from tests.causes.tls_scenery import CACHE, OFFICE

if TYPE_CHECKING:
    from refused.causes.statements import Statement
    from refused.evidence.bundle import Fact

OFF = ACR.replace(public_access="Disabled")
PAST = (LOOKUP, PAST_ENDPOINT, SILENCE, OFF, ONE_ENDPOINT, ENDPOINT)
HUB = ZoneLink(name="hub", network_id=f"{NETWORK}/hub-vnet", state="Completed")


def heard(*facts: Fact) -> list[Statement]:
    """Return what the judge says of a cache in Azure."""
    return list(judge(Evidence(*facts, target=CACHE)))


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ((), ""),
        (
            (ZONE.replace(links=()),),
            "; the zone privatelink.redis.cache.windows.net is linked to no network",
        ),
        (
            (ZONE.replace(links=(), links_seen=False),),
            "; the zone privatelink.redis.cache.windows.net says 10.1.0.4; to which networks it is linked was not seen",
        ),
        (
            (ZONE.replace(links=(), addresses=(), links_seen=False),),
            "; the zone privatelink.redis.cache.windows.net has no record contoso",
        ),
        (
            (ZONE.replace(links=(HUB,)), CLIENTS),
            "; the zone privatelink.redis.cache.windows.net is not linked to this client's network app-vnet, but to hub-vnet",
        ),
        (
            (ZONE.replace(addresses=()), CLIENTS),
            "; the zone privatelink.redis.cache.windows.net has no record contoso",
        ),
        (
            (ZONE.replace(addresses=("10.1.0.9",)), CLIENTS),
            "; the zone privatelink.redis.cache.windows.net says 10.1.0.9 for contoso, and the endpoint has 10.1.0.4",
        ),
        (
            (ZONE, CLIENTS.replace(dns_servers=("10.0.0.53",))),
            "; the zone privatelink.redis.cache.windows.net says 10.1.0.4, but this client's network asks its own DNS servers (10.0.0.53)",
        ),
    ],
    ids=[
        "unread",
        "unlinked",
        "links-unread",
        "links-unread-no-record",
        "elsewhere",
        "no-record",
        "stale",
        "own-servers",
    ],
)
def test_a_public_answer_beside_an_approved_endpoint_is_proof_with_its_reason(
    facts: tuple[Fact, ...], why: str
) -> None:
    """The public door is shut, so that the name leads past the only one."""
    (said,) = proofs(heard(*PAST, *facts))

    assert said == (
        "the private endpoint contoso-pe is Approved at 10.1.0.4, and the name leads past it to the "
        f"public 20.42.65.90, which is shut{why}"
    )


def test_who_unlinked_the_zone_is_part_of_the_proof() -> None:
    """The link bears its own name, and its zone's in the id."""
    link = f"{GROUP}/Microsoft.Network/privateDnsZones/z/virtualNetworkLinks/app"
    gone = change("Microsoft.Network/privateDnsZones/virtualNetworkLinks/delete", link)
    (said,) = proofs(heard(*PAST, ZONE.replace(links=()), gone))

    assert "the link app was deleted at 14:09 UTC by anna@contoso.example" in said


def test_no_zone_in_sight_is_said_with_its_doubt() -> None:
    """Zones often lie in a hub's subscription."""
    none = PrivateDnsZoneList(**CONTROL, name=ZONE.name, ids=())
    (said,) = proofs(heard(*PAST, none))

    assert "in sight (it may lie in a subscription that is not)" in said


def test_a_name_that_leads_to_the_endpoint_rules_it_out() -> None:
    """Whatever else is silent there."""
    lookup = LOOKUP.replace(addresses=(PRIVATE,))

    assert excuses(heard(lookup, TO_ENDPOINT, AT_ENDPOINT, OFF, ONE_ENDPOINT, ENDPOINT)) == [
        "the name leads to 10.1.0.4, the endpoint's own address"
    ]


def test_a_stale_private_answer_is_proof() -> None:
    """The endpoint was made anew, and its record was not."""
    moved = ENDPOINT.replace(addresses=("10.1.0.9",))
    lookup = LOOKUP.replace(addresses=(PRIVATE,))
    (said,) = proofs(
        heard(lookup, TO_ENDPOINT, AT_ENDPOINT, OFF, ONE_ENDPOINT, moved, ZONE, CLIENTS)
    )

    assert "at 10.1.0.9, and the name leads to 10.1.0.4, another address" in said
    assert "says 10.1.0.4 for contoso, and the endpoint has 10.1.0.9" in said


def test_a_stale_answer_is_no_proof_where_an_endpoint_was_not_read() -> None:
    """It may be that one's address."""
    dark = ENDPOINT.replace(endpoint_seen=False, addresses=())
    lookup = LOOKUP.replace(addresses=(PRIVATE,))
    said = heard(lookup, TO_ENDPOINT, AT_ENDPOINT, OFF, ONE_ENDPOINT, dark)

    assert proofs(said) == excuses(said) == []


def test_a_chain_that_ends_in_an_empty_zone_is_proof() -> None:
    """The zone is linked, and has no record of this cache."""
    unknown = LOOKUP.replace(outcome="not-found", addresses=())
    nowhere = PAST_ENDPOINT.replace(outcome="nxdomain", chain=(ALIAS,))
    bare = nowhere.replace(chain=())
    empty = ZONE.replace(addresses=())

    assert proofs(heard(unknown, nowhere, OFF, ONE_ENDPOINT, ENDPOINT))
    assert proofs(heard(unknown, bare, OFF, ONE_ENDPOINT, ENDPOINT, empty, CLIENTS))
    assert proofs(heard(unknown, bare, OFF, ONE_ENDPOINT, ENDPOINT)) == []


def test_an_open_public_door_speaks_against_it() -> None:
    """The public address should answer as well."""
    said = heard(LOOKUP, PAST_ENDPOINT, SILENCE, ACR, ONE_ENDPOINT, ENDPOINT)

    assert proofs(said) == []
    assert weight(said) < weight(heard(LOOKUP, PAST_ENDPOINT, SILENCE))


@pytest.mark.parametrize(
    "facts", [(NO_ENDPOINT,), (ONE_ENDPOINT, ENDPOINT.replace(state="Rejected"))]
)
def test_without_an_endpoint_that_works_no_name_is_to_blame(facts: tuple[Fact, ...]) -> None:
    """There is nothing that it could lead to."""
    assert excuses(heard(LOOKUP, PAST_ENDPOINT, SILENCE, OFF, *facts))


def test_a_hosts_file_that_overrules_a_right_answer_is_another_cause() -> None:
    """ip-address-changed speaks of those."""
    pinned = LOOKUP.replace(addresses=("10.1.0.77",))
    dial = TcpDial(**{**AT_ENDPOINT.__dict__, "address": "10.1.0.77"})

    assert excuses(heard(pinned, TO_ENDPOINT, dial, OFF, ONE_ENDPOINT, ENDPOINT)) == [
        "DNS gives the endpoint's own address, and the client uses another"
    ]


def test_a_certificate_that_fails_at_the_public_address_is_no_proof() -> None:
    """That door did open."""
    opened = (SILENCE.replace(outcome="accepted"), LOOKUP, PAST_ENDPOINT)

    assert proofs(heard(*opened, OFF, ONE_ENDPOINT, ENDPOINT)) == []


def test_unread_endpoints_leave_the_clue_and_say_why() -> None:
    """The chain alone is a strong clue and no proof."""
    gap = denied("PrivateEndpointList")
    said = heard(LOOKUP, PAST_ENDPOINT, SILENCE, OFF, gap)

    assert proofs(said) == []
    assert weight(said) >= 3
    assert gap in [each for each in said if isinstance(each, Unseen)]


def test_a_network_that_is_given_the_private_address_is_proof_without_azure() -> None:
    """Two answers, and one of them works."""
    office = Elsewhere(**OFFICE, healthy=True, path=(), addresses=(PRIVATE,))

    assert proofs(heard(LOOKUP, PAST_ENDPOINT, SILENCE, office))


def test_a_name_without_a_privatelink_alias_has_no_endpoint_behind_it() -> None:
    """Azure puts the alias there for every endpoint."""
    other = ANSWER.replace(chain=(DnsRecord(name="x", type="A", value="20.42.65.90", ttl_s=1),))

    assert excuses(heard(LOOKUP, other, SILENCE))


def test_a_client_of_no_known_network_is_told_what_ends_it_for_an_outsider() -> None:
    """The zone serves its own networks: a link would help nobody who stands outside of them all."""
    (outside,) = [each for each in heard(*PAST, ZONE) if isinstance(each, Proof)]
    (inside,) = [each for each in heard(*PAST, ZONE, CLIENTS) if isinstance(each, Proof)]

    assert (outside.ends, inside.ends) == (OUTSIDE, "")
    assert OUTSIDE in CAUSE.remedies
