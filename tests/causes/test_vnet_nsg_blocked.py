"""Tests of the judge of vnet-nsg-blocked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refused.causes.vnet_nsg_blocked import judge
from refused.evidence.bundle import Evidence
from refused.evidence.control_plane import NetworkSecurityGroup, SecurityRule
from refused.evidence.observations import RouteLookup, Unseen
from tests.causes.azure_scenery import (
    ACR,
    AT_ENDPOINT,
    CACHES,
    CLIENTS,
    CONTROL,
    GROUP,
    GUARD,
    NETWORK,
    SILENCE,
    change,
    denied,
    excuses,
    proofs,
    rule,
    weight,
    words,
)
from tests.causes.tls_scenery import CACHE, STAMP

if TYPE_CHECKING:
    from refused.causes.statements import Statement
    from refused.evidence.bundle import Fact

FROM_SUBNET = RouteLookup(**STAMP, address="10.1.0.4", local_address="10.1.1.20")
INJECTED = ACR.replace(subnet_id=CACHES.id, static_ip="10.1.0.4")
BEFORE_CACHE = GUARD.replace(
    id=f"{GROUP}/Microsoft.Network/networkSecurityGroups/caches-nsg",
    role="cache",
    subnet_id=CACHES.id,
    subnet_prefixes=CACHES.prefixes,
)


def heard(*facts: Fact) -> list[Statement]:
    """Return what the judge says of a cache in Azure."""
    return list(judge(Evidence(*facts, target=CACHE)))


def guarded(*rules: SecurityRule, by: NetworkSecurityGroup = GUARD) -> NetworkSecurityGroup:
    """Return the group with rules of its own."""
    return by.replace(rules=rules)


def test_the_rule_that_denies_the_clients_packet_is_proof() -> None:
    """Named with its priority, its group, and who wrote it."""
    deny = rule("no-redis", port="6379-6380", priority=310)
    wrote = change(
        "Microsoft.Network/networkSecurityGroups/securityRules/write",
        f"{GUARD.id}/securityRules/no-redis",
    )
    (said,) = proofs(
        heard(
            AT_ENDPOINT,
            FROM_SUBNET,
            CLIENTS,
            guarded(deny, rule("web", "Allow", "443", priority=90)),
            wrote,
        )
    )

    assert said == (
        "the rule no-redis (priority 310, denies outbound Tcp to port 6379-6380) of the group clients-nsg "
        "decides on port 6380 from 10.1.1.20; the security rule no-redis was changed or made at 14:09 UTC "
        "by anna@contoso.example, 4 minutes before the first failure seen"
    )


def test_a_rule_above_it_that_allows_the_packet_speaks_against_it() -> None:
    """The first by priority decides; a group at the machine itself may still deny."""
    group = guarded(rule("redis", "Allow", "6380", priority=200), rule("rest", priority=4000))
    said = heard(AT_ENDPOINT, FROM_SUBNET, CLIENTS, group)

    assert proofs(said) == excuses(said) == []
    assert weight(said) < weight(heard(AT_ENDPOINT, FROM_SUBNET))


def test_the_way_to_a_public_cache_is_guarded_as_well() -> None:
    """Outbound to the internet, denied by its tag."""
    deny = rule("no-internet", destinations=("Internet",))

    assert proofs(heard(SILENCE, FROM_SUBNET, CLIENTS, guarded(deny), ACR))


def test_a_group_before_an_injected_cache_is_asked_inbound() -> None:
    """From this client's address to the cache's."""
    deny = rule("deny", direction="Inbound", sources=("10.1.1.0/24",), priority=200)
    group = guarded(deny, by=BEFORE_CACHE)

    assert proofs(heard(AT_ENDPOINT, FROM_SUBNET, CLIENTS, CACHES, group, INJECTED))


@pytest.mark.parametrize(
    ("policies", "is_proof"), [("Disabled", False), (None, False), ("Enabled", True)]
)
def test_rules_hold_for_a_private_endpoint_only_where_its_subnet_enforces_them(
    policies: str | None, *, is_proof: bool
) -> None:
    """By default they do not."""
    deny = rule("deny", direction="Inbound")
    group = guarded(deny, by=BEFORE_CACHE.replace(role="endpoint"))
    subnet = CACHES.replace(role="endpoint", endpoint_policies=policies)

    assert bool(proofs(heard(AT_ENDPOINT, FROM_SUBNET, CLIENTS, subnet, group))) is is_proof


def test_a_peering_without_access_leaves_the_peer_to_the_rules_of_ones_own() -> None:
    """The tag VirtualNetwork does not hold it then, so that the last default rule decides."""
    hub = f"{NETWORK}/hub-vnet"
    there = CACHES.replace(
        role="endpoint",
        network_id=hub,
        network_prefixes=("10.2.0.0/16",),
        prefixes=("10.2.0.0/24",),
    )
    silent = AT_ENDPOINT.replace(address="10.2.0.4")
    peered = CLIENTS.replace(peers=((hub, "Connected"),))
    closed = peered.replace(closed_peers=(hub,))

    assert proofs(heard(silent, FROM_SUBNET, peered, there, guarded())) == []
    (said,) = proofs(heard(silent, FROM_SUBNET, closed, there, guarded()))
    assert "the rule DenyAllOutBound (priority 65500" in said
    assert said.endswith("the peering of its network with hub-vnet gives no access")
    own = rule("redis", "Allow", "6380", priority=200)
    assert proofs(heard(silent, FROM_SUBNET, closed, there, guarded(own))) == []


def test_a_rule_that_cannot_be_read_proves_nothing() -> None:
    """An application security group, whose members are not in the rule."""
    asg = "/subscriptions/s/applicationSecurityGroups/web"
    said = heard(AT_ENDPOINT, FROM_SUBNET, CLIENTS, guarded(rule("web", sources=(asg,))))

    assert proofs(said) == []
    assert any("cannot be told" in each for each in words(said))


def test_a_client_anywhere_in_its_subnet_is_decided_on_only_as_a_whole() -> None:
    """Half of the subnet is denied, and nobody said which half this is."""
    half = rule("half", sources=("10.1.1.0/25",))

    assert proofs(heard(AT_ENDPOINT, CLIENTS, guarded(half))) == []
    assert proofs(heard(AT_ENDPOINT, CLIENTS, guarded(rule("all"))))


def test_what_an_injected_cache_needs_is_held_against_its_group() -> None:
    """The balancer's probes are shut out: the client's own port is open, and the cache is dead."""
    group = guarded(
        rule(
            "clients", "Allow", "6380", direction="Inbound", sources=("10.1.1.0/24",), priority=100
        ),
        rule("lb", direction="Inbound", sources=("AzureLoadBalancer",), priority=150),
        by=BEFORE_CACHE,
    )
    said = heard(AT_ENDPOINT, FROM_SUBNET, CLIENTS, CACHES, group, INJECTED)
    (needs,) = [each for each in words(said) if "needs" in each]

    assert "from AzureLoadBalancer (load balancing), by the rule lb" in needs
    assert "the group caches-nsg" in needs


def test_unread_rules_are_said_to_be_unread() -> None:
    """Denied is not allowed."""
    gap = denied("NetworkSecurityGroup")
    said = heard(AT_ENDPOINT, ACR, gap)

    assert [each for each in said if isinstance(each, Unseen)] == [gap]
    assert weight(said) == weight(heard(AT_ENDPOINT))


def test_a_change_of_rules_that_were_not_read_is_a_clue() -> None:
    """Most failures follow a change."""
    wrote = change(
        "Microsoft.Network/networkSecurityGroups/securityRules/write", f"{GUARD.id}/securityRules/x"
    )

    assert weight(heard(AT_ENDPOINT, ACR, wrote)) > weight(heard(AT_ENDPOINT, ACR))


def test_a_dial_that_is_refused_met_no_such_rule() -> None:
    """They drop, and never answer."""
    refused = AT_ENDPOINT.replace(outcome="refused")

    assert heard(refused, FROM_SUBNET, CLIENTS, guarded(rule("all"))) == []


def test_a_subnet_without_a_group_is_no_blame_and_no_question() -> None:
    """It was read, and has none."""
    said = heard(AT_ENDPOINT, CLIENTS, ACR, NetworkSecurityGroup(**{**GUARD.__dict__, **CONTROL}))

    assert proofs(said) == []
