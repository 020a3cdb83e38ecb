"""Tests of the judge of firewall-ip-blocked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refused.causes.firewall_ip_blocked import judge
from refused.causes.statements import Clue, Proof, RuledOut
from refused.evidence.bundle import Evidence
from refused.evidence.control_plane import FirewallRule
from refused.evidence.observations import Unseen
from tests.causes.azure_scenery import (
    ACR,
    AMR,
    AT_ENDPOINT,
    CLIENT,
    FROM,
    MANAGED,
    NO_ENDPOINT,
    OFFICE_RULE,
    RULES,
    SHUT,
    SILENCE,
    change,
    denied,
    excuses,
    proofs,
    weight,
)
from tests.causes.server_scenery import OWN, SHAKE, WELL_ELSEWHERE, refused
from tests.causes.tls_scenery import CACHE

if TYPE_CHECKING:
    from refused.causes.statements import Statement
    from refused.evidence.bundle import Fact

HOLDING = RULES.replace(rules=(OFFICE_RULE, FirewallRule(name="app", first=CLIENT, last=CLIENT)))


def heard(*facts: Fact) -> list[Statement]:
    """Return what the judge says of a cache in Azure."""
    return list(judge(Evidence(*facts, target=CACHE)))


@pytest.mark.parametrize("face", [(SILENCE,), SHUT], ids=["silence", "closed"])
def test_rules_without_the_clients_address_and_a_closed_door_are_proof(
    face: tuple[Fact, ...],
) -> None:
    """Which of the two faces a blocked address meets is not documented."""
    (said,) = proofs(heard(*face, ACR, RULES, FROM, NO_ENDPOINT))

    assert said == (
        "the firewall rules (office: 192.0.2.0 to 192.0.2.255) do not hold this client's address "
        "203.0.113.7"
    )


def test_who_deleted_the_rule_is_part_of_the_proof() -> None:
    """The activity log turns "missing" into "deleted"; neighbours' rules and later changes do not count."""
    deleted = change("Microsoft.Cache/redis/firewallRules/delete", "firewallRules/app")
    other = change(
        "Microsoft.Cache/redis/firewallRules/delete",
        "/subscriptions/s/resourceGroups/prod/providers/Microsoft.Cache/Redis/other/firewallRules/x",
        ago_s=60,
    )
    later = change("Microsoft.Cache/redis/firewallRules/write", "firewallRules/late", ago_s=-300)
    (said,) = proofs(heard(SILENCE, ACR, RULES, FROM, deleted, other, later))

    assert said.endswith(
        "; the firewall rule app was deleted at 14:09 UTC by anna@contoso.example, "
        "4 minutes before the first failure seen"
    )


def test_a_rule_that_holds_the_client_rules_it_out() -> None:
    """Then something else is silent."""
    assert excuses(heard(SILENCE, ACR, HOLDING, FROM)) == [
        "the rule app (203.0.113.7 to 203.0.113.7) holds this client's address 203.0.113.7"
    ]


def test_a_rule_made_a_minute_ago_may_not_hold_yet() -> None:
    """Rules take effect within about a minute."""
    made = change("Microsoft.Cache/redis/firewallRules/write", "firewallRules/app", ago_s=30)
    said = heard(SILENCE, ACR, HOLDING, FROM, made)

    assert excuses(said) == proofs(said) == []
    assert any("was changed or made" in each.because for each in said if isinstance(each, Clue))


def test_an_address_from_instance_metadata_proves_nothing() -> None:
    """A NAT on the way hides it, whichever way it points."""
    hint = FROM.replace(how="metadata")
    outside, inside = heard(SILENCE, ACR, RULES, hint), heard(SILENCE, ACR, HOLDING, hint)

    assert proofs(outside) == excuses(inside) == []
    assert weight(outside) > weight(inside)


def test_the_word_of_the_user_goes_before_a_hint() -> None:
    """Several sources may speak."""
    hint = FROM.replace(address="192.0.2.5", how="metadata")

    assert proofs(heard(SILENCE, ACR, RULES, hint, FROM))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ((ACR, RULES.replace(rules=()), FROM), "lets every address in"),
        ((ACR.replace(public_access="Disabled"), RULES, FROM), "public access is off"),
        ((AMR,), "no firewall rules"),
    ],
    ids=["no-rules", "door-off", "managed"],
)
def test_what_no_rule_could_have_done(facts: tuple[Fact, ...], words: str) -> None:
    """No rules, a door that is shut for all, a service without them."""
    (said,) = excuses(heard(SILENCE, *facts, NO_ENDPOINT))

    assert words in said


def test_the_way_through_a_private_endpoint_asks_no_rule() -> None:
    """Unless the cache lives in the network itself, where the rules do hold."""
    inside = FROM.replace(address="10.1.1.20")

    assert excuses(heard(AT_ENDPOINT, ACR, RULES, inside))
    assert proofs(heard(AT_ENDPOINT, ACR.replace(subnet_id="/x"), RULES, inside))


def test_rules_with_an_unknown_client_are_a_clue_and_a_question() -> None:
    """The one fact that is missing is named."""
    said = heard(SILENCE, ACR, RULES)

    assert weight(said) > weight(heard(SILENCE))
    assert [each.how_to_see for each in said if isinstance(each, Unseen)] == [
        "--client-ip ADDRESS: the client's outbound address, behind every NAT"
    ]


def test_a_denied_read_is_neither_proof_nor_excuse() -> None:
    """It is said why nothing was seen, in the words of whoever looked."""
    gap = denied("FirewallRules")
    said = heard(SILENCE, ACR, gap, FROM)

    assert proofs(said) == excuses(said) == []
    assert gap in said


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ((), "the control plane was not asked"),
        ((ACR,), "the control plane was asked, and this was not read"),
        ((denied("AzureCache"),), "the control plane says 403 (AuthorizationFailed)"),
    ],
    ids=["nobody", "asked", "denied"],
)
def test_why_the_rules_were_not_seen_is_true(facts: tuple[Fact, ...], why: str) -> None:
    """Asked and not asked are told apart."""
    assert [each.why for each in heard(SILENCE, *facts) if isinstance(each, Unseen)] == [why]


def test_a_change_of_the_rules_speaks_even_where_they_were_not_read() -> None:
    """Most failures follow a change."""
    deleted = change("Microsoft.Cache/redis/firewallRules/delete", "firewallRules/app")
    old = deleted.replace(when=deleted.when - 3 * 86400)

    assert weight(heard(SILENCE, ACR, deleted)) > weight(heard(SILENCE, ACR))
    assert weight(heard(SILENCE, ACR, old)) == weight(heard(SILENCE, ACR))


def test_a_client_that_was_let_in_is_no_ones_firewall() -> None:
    """TLS was up before it ended: at most a hint that the address given is another's."""
    cut = refused("PING", "").replace(outcome="closed", error_code="", error_text="")

    assert proofs(heard(SHUT[0], SHAKE, cut, ACR, RULES, FROM)) == []


def test_a_server_in_protected_mode_says_so() -> None:
    """A Redis of one's own."""
    said = refused("PING", "DENIED Redis is running in protected mode")

    assert isinstance(next(judge(Evidence(SHUT[0], said, target=OWN))), Proof)


def test_without_the_control_plane_another_address_that_works_is_the_best_clue() -> None:
    """And no address is accused for certain."""
    alone, told = heard(SILENCE), heard(SILENCE, WELL_ELSEWHERE)

    assert proofs(told) == []
    assert weight(told) > weight(alone) + 2


def test_a_managed_redis_has_no_rules_whether_or_not_azure_was_asked() -> None:
    """Nobody is told to add one."""
    dial = SILENCE.replace(port=10000)
    (said,) = judge(Evidence(dial, target=MANAGED))

    assert isinstance(said, RuledOut)


def test_one_address_for_two_places_may_be_that_of_the_one_that_works() -> None:
    """Then a rule that holds it excuses nobody here."""
    said = heard(SILENCE, ACR, HOLDING, FROM, WELL_ELSEWHERE)

    assert excuses(said) == proofs(said) == []
    assert proofs(heard(SILENCE, ACR, RULES, FROM, WELL_ELSEWHERE))
