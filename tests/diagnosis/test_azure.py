"""A whole diagnosis with the control plane's word: one cause, no false ones, and what to know beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refused.diagnosis.judge import diagnose
from refused.evidence.bundle import Bundle
from refused.evidence.control_plane import (
    AccessKeys,
    AzureSubscription,
    PatchWindows,
    ResourceHealth,
    ScheduledMaintenance,
)
from tests.causes.azure_scenery import (
    ACCEPTED,
    ACR,
    AMR,
    ANSWER,
    AT_ENDPOINT,
    CACHE_ID,
    CLIENTS,
    CONTROL,
    ENDPOINT,
    FROM,
    GUARD,
    LOOKUP,
    MANAGED,
    NO_ENDPOINT,
    OFFICE_RULE,
    ONE_ENDPOINT,
    PAST_ENDPOINT,
    RULES,
    SILENCE,
    TABLE,
    TO_ENDPOINT,
    ZONE,
    change,
    denied,
    metric,
    rule,
)
from tests.causes.login_scenery import KEY, WRONGPASS
from tests.causes.server_scenery import CACHE, CLOSED, PONG, SHAKE
from tests.causes.tls_scenery import NOW

if TYPE_CHECKING:
    from refused.diagnosis.outcome import Diagnosis
    from refused.evidence.bundle import Fact
    from refused.evidence.target import Target

OFF = ACR.replace(public_access="Disabled")
HEALTH = ResourceHealth(
    **CONTROL, resource_id=CACHE_ID, state="Available", since=NOW - 90_000, title="Available"
)
# Everything that was read says that all is well.
FINE = (
    ACR,
    RULES.replace(rules=(OFFICE_RULE.replace(first="203.0.113.0", last="203.0.113.255"),)),
    FROM,
    NO_ENDPOINT,
    HEALTH,
    metric("connectedclients", 40, 41, 40),
    metric("serverLoad", 5, 5, 5),
    metric("usedmemorypercentage", 20, 20),
    AzureSubscription(**CONTROL, id="s", state="Enabled", name="prod"),
    AccessKeys(**CONTROL, resource_id=CACHE_ID, matches="primary"),
    CLIENTS,
    GUARD.replace(rules=(rule("redis", "Allow", "6380"),)),
    TABLE,
)
PUBLIC = (LOOKUP, ANSWER, SILENCE)
BY_NAME = LOOKUP.replace(addresses=("10.1.0.4",))
KINDS = ("AzureCache", "FirewallRules", "PrivateEndpointList", "Metric", "ResourceChange")


def of(*facts: Fact, target: Target = CACHE) -> Diagnosis:
    """Judge what was seen."""
    return diagnose(Bundle(target=target, taken_at=NOW, tool="test", facts=facts))


def confirmed(said: Diagnosis) -> list[str]:
    """Return the causes that are proved."""
    return [each.weighed.cause.id for each in said.findings if each.certainty == "confirmed"]


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        ((*PUBLIC, ACR, RULES, FROM, NO_ENDPOINT), "firewall-ip-blocked"),
        ((*PUBLIC, OFF, RULES, FROM, NO_ENDPOINT), "public-access-disabled"),
        ((LOOKUP, PAST_ENDPOINT, SILENCE, OFF, RULES, FROM, ONE_ENDPOINT, ENDPOINT, ZONE.replace(links=())), "private-endpoint-dns"),
        ((BY_NAME, TO_ENDPOINT, AT_ENDPOINT, OFF, ONE_ENDPOINT, ENDPOINT.replace(state="Rejected"), ZONE, CLIENTS), "private-endpoint-missing"),
        ((BY_NAME, TO_ENDPOINT, AT_ENDPOINT, OFF, NO_ENDPOINT, ZONE, CLIENTS), "private-endpoint-missing"),
        ((BY_NAME, TO_ENDPOINT, AT_ENDPOINT, OFF, ONE_ENDPOINT, ENDPOINT, ZONE, CLIENTS, GUARD.replace(rules=(rule("no"),))), "vnet-nsg-blocked"),
        ((*PUBLIC, ACR.replace(provisioning_state="Disabled"), NO_ENDPOINT), "cache-not-running"),
        ((LOOKUP, ANSWER, ACCEPTED, CLOSED, ACR, NO_ENDPOINT, metric("connectedclients", 1000, 1000)), "max-clients-reached"),
        ((LOOKUP, ANSWER, ACCEPTED, SHAKE, KEY, WRONGPASS, ACR, AccessKeys(**CONTROL, resource_id=CACHE_ID, matches="none")), "auth-wrong-key"),
        ((*PUBLIC, ACR, NO_ENDPOINT, HEALTH.replace(state="Unavailable", cause="PlatformInitiated", since=NOW - 60)), "azure-platform-outage"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_one_fault_is_confirmed_and_no_other(facts: tuple[Fact, ...], cause: str) -> None:
    """Each world has one thing wrong, and many that might be."""
    said = of(*facts)

    assert confirmed(said) == [cause]
    assert said.findings[0].weighed.cause.id == cause


@pytest.mark.parametrize(
    "path",
    [PUBLIC, (LOOKUP, ANSWER, ACCEPTED, CLOSED)],
    ids=["silence", "closed"],
)
def test_where_all_of_azure_is_well_nothing_is_confirmed_and_nothing_nearly(
    path: tuple[Fact, ...],
) -> None:
    """The control plane says fine, the data plane fails: then it is something that neither shows."""
    said = of(*path, *FINE)

    assert said.verdict == "fault"
    assert confirmed(said) == []
    assert all(each.probability < 0.9 for each in said.findings)
    out = {each.cause.id for each in said.ruled_out}
    assert {"firewall-ip-blocked", "public-access-disabled", "private-endpoint-dns"} <= out


@pytest.mark.parametrize("path", [PUBLIC, (LOOKUP, PAST_ENDPOINT, SILENCE)], ids=["plain", "alias"])
def test_a_denied_control_plane_changes_no_verdict_of_the_data_planes(
    path: tuple[Fact, ...],
) -> None:
    """Could not look is not fine, and not guilty: the same causes, with the same weight."""
    gaps = tuple(denied(kind) for kind in KINDS)
    alone, with_gaps = of(*path), of(*path, *gaps)

    assert [(each.weighed.cause.id, each.probability) for each in alone.findings] == [
        (each.weighed.cause.id, each.probability) for each in with_gaps.findings
    ]
    assert {each.cause.id for each in alone.ruled_out} == {
        each.cause.id for each in with_gaps.ruled_out
    }
    assert set(gaps) <= set(with_gaps.unseen)
    assert not any("was not asked" in gap.why for gap in with_gaps.unseen)


def test_azure_causes_nothing_on_a_path_that_works() -> None:
    """Rules without this client are no fault where it gets in all the same."""
    said = of(LOOKUP, ANSWER, ACCEPTED, SHAKE, PONG, OFF, RULES, FROM, NO_ENDPOINT)

    assert said.verdict == "healthy"
    assert said.findings == ()


def test_the_classic_checklist_is_in_the_notes() -> None:
    """State, public access, minimum TLS, plain port, firewall rules, clients, endpoints: a few lines."""
    said = of(
        LOOKUP,
        ANSWER,
        ACCEPTED,
        SHAKE,
        PONG,
        ACR,
        RULES,
        NO_ENDPOINT,
        metric("connectedclients", 10, 850),
    )

    assert said.notes == (
        "Azure says of contoso (Azure Cache for Redis, Standard C1): state Succeeded; minimum TLS 1.2; plain port closed",
        "doors: public access Enabled; firewall rules office 192.0.2.0 to 192.0.2.255; no private endpoint",
        "up to 850 clients were connected lately, 85 % of the limit of 1000: the next ones will be turned away soon",
        "Azure Cache for Redis retires on 2028-09-30, in 740 days; Azure Managed Redis takes its place",
    )


def test_what_was_not_read_is_said_not_to_be_read() -> None:
    """Not "no rules", not "no endpoint", not "no clients"."""
    said = of(LOOKUP, ANSWER, ACCEPTED, SHAKE, PONG, ACR, denied("FirewallRules"))

    assert "firewall rules not read; private endpoints not read" in said.notes[1]
    assert said.notes[2] == "connected clients were not read"


def test_a_managed_redis_is_asked_about_no_firewall_rules() -> None:
    """It has none; nor does it retire."""
    said = of(LOOKUP, PONG.replace(port=10000), AMR, ONE_ENDPOINT, ENDPOINT, target=MANAGED)

    assert (
        said.notes[1] == "doors: public access Enabled; the private endpoint contoso-pe is Approved"
    )
    assert not any("retires" in note or "firewall" in note for note in said.notes)


def test_what_is_announced_and_what_was_done_is_in_the_notes() -> None:
    """What changed last, by whom, and what comes next."""
    own = change("deploy 1.4.2", "/shop", ago_s=300).replace(found_in="own", caller="ben")
    plan = ScheduledMaintenance(**CONTROL, resource_id="x", name="server update", when=NOW + 90_000)
    said = of(*PUBLIC, ACR, own, plan, PatchWindows(**CONTROL, resource_id="x", windows=()))

    assert "maintenance of the cache is announced for 2026-09-22: server update" in said.notes
    assert (
        "before it failed: deploy 1.4.2 was done at 14:08 UTC by ben, 5 minutes before the first failure seen"
        in said.notes
    )


def test_a_look_that_azure_has_answered_is_not_proposed_again() -> None:
    """Only the client's own address is left to be told."""
    plain = of(*PUBLIC)
    asked = of(
        *PUBLIC,
        ACR,
        RULES,
        NO_ENDPOINT,
        HEALTH,
        GUARD.replace(rules=()),
        CLIENTS,
        metric("connectedclients", 40),
    )

    assert plain.next_check is not None
    assert asked.next_check is not None
    assert plain.next_check.check.command.startswith(("az redis", "nc", "refused diagnose"))
    assert "az " not in asked.next_check.check.command
    assert "--client-ip" in asked.next_check.check.command
