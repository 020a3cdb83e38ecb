"""Tests of the judge of cache-not-running."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refused.causes.cache_not_running import judge
from refused.causes.statements import Clue
from refused.evidence.bundle import Evidence
from refused.evidence.control_plane import (
    AzureSubscription,
    ResourceHealth,
    ResourceSearch,
)
from refused.evidence.observations import (
    DnsRecord,
    NameLookup,
    Unseen,
)
from tests.causes.azure_scenery import (
    ACR,
    AMR,
    CONTROL,
    change,
    denied,
    excuses,
    proofs,
    weight,
)
from tests.causes.server_scenery import (
    AZURE,
    CACHE,
    ILL_ELSEWHERE,
    OWN,
    STAMP,
    UNANSWERED,
    UNKNOWN_NAME,
    UNKNOWN_ON_THE_WIRE,
    WELL_ELSEWHERE,
    kinds,
)
from tests.causes.tls_scenery import (
    NOW,
)

if TYPE_CHECKING:
    from refused.evidence.control_plane import AzureCache

KNOWN = NameLookup(**STAMP, host=AZURE, outcome="answered", addresses=("20.42.65.90",))


def test_a_name_of_the_right_form_that_nobody_knows_speaks_for_it() -> None:
    """The name goes with the cache; only the control plane could prove it."""
    said = list(judge(Evidence(UNKNOWN_NAME, UNKNOWN_ON_THE_WIRE, target=CACHE)))

    assert kinds(said) == ["Clue", "Unseen"]


def test_a_misspelt_suffix_was_never_a_cache() -> None:
    """No cache could bear that name."""
    host = "contoso.redis.cache.windows.com"
    target = CACHE.replace(host=host)
    lookup = UNKNOWN_NAME.replace(host=host)

    assert "Clue" not in kinds(judge(Evidence(lookup, target=target)))


def test_a_name_that_leads_into_a_private_zone_is_no_cache_that_is_gone() -> None:
    """It exists, and this network cannot see its address."""
    alias = DnsRecord(
        name=AZURE, type="CNAME", value="contoso.privatelink.redis.cache.windows.net", ttl_s=10
    )
    private = UNKNOWN_ON_THE_WIRE.replace(chain=(alias,))
    said = list(judge(Evidence(UNKNOWN_NAME, private, target=CACHE)))

    assert sum(each.weight for each in said if isinstance(each, Clue)) < 0


def test_one_place_from_which_it_works_rules_it_out() -> None:
    """It is in service."""
    assert kinds(judge(Evidence(UNKNOWN_NAME, WELL_ELSEWHERE, target=CACHE))) == ["RuledOut"]


def test_silence_is_a_weak_clue_and_a_little_more_where_it_meets_everybody() -> None:
    """A firewall is silent as well."""
    alone = list(judge(Evidence(KNOWN, UNANSWERED, target=CACHE)))
    all_over = list(judge(Evidence(KNOWN, UNANSWERED, ILL_ELSEWHERE, target=CACHE)))

    assert kinds(alone) == ["Clue", "Unseen"]
    assert kinds(all_over) == ["Clue", "Clue", "Unseen"]
    assert sum(each.weight for each in all_over if isinstance(each, Clue)) < 1


def test_another_port_that_accepts_shows_that_it_is_in_service() -> None:
    """Only the port is wrong."""
    sibling = UNANSWERED.replace(port=6379, outcome="accepted", purpose="sibling-port")

    assert kinds(judge(Evidence(KNOWN, UNANSWERED, sibling, target=CACHE))) == ["RuledOut"]


def test_a_server_of_ones_own_is_another_causes() -> None:
    """local-server-not-running and its neighbours speak of those."""
    assert list(judge(Evidence(UNKNOWN_NAME.replace(host=OWN.host), target=OWN))) == []


@pytest.mark.parametrize(
    "cache",
    [
        ACR.replace(provisioning_state="Disabled"),
        ACR.replace(provisioning_state="Creating"),
        AMR.replace(resource_state="Disabled"),
        ACR.replace(sku="Basic", provisioning_state="Scaling"),
        AMR.replace(resource_state="Scaling", high_availability=False),
    ],
    ids=["disabled", "creating", "managed", "basic-scaling", "alone-scaling"],
)
def test_a_state_in_which_nobody_is_served_and_silence_are_proof(cache: AzureCache) -> None:
    """Both levels of a Managed Redis are read; one node alone is away while it is scaled."""
    assert proofs(judge(Evidence(KNOWN, UNANSWERED, cache, target=CACHE)))


def test_a_cache_that_azure_calls_in_service_rules_it_out() -> None:
    """And one that is being scaled with two nodes is not away."""
    busy = ACR.replace(provisioning_state="Scaling")

    assert excuses(judge(Evidence(KNOWN, UNANSWERED, ACR, target=CACHE)))
    assert proofs(judge(Evidence(KNOWN, UNANSWERED, busy, target=CACHE))) == []
    assert excuses(judge(Evidence(KNOWN, UNANSWERED, busy, target=CACHE))) == []


def test_a_disabled_subscription_stops_what_is_in_it() -> None:
    """Whatever the cache's own state says."""
    off = AzureSubscription(**CONTROL, id="s", state="Disabled", name="prod")
    (said,) = proofs(judge(Evidence(KNOWN, UNANSWERED, ACR, off, target=CACHE)))

    assert "the subscription prod is Disabled" in said


def test_a_deletion_in_the_log_and_a_name_that_is_gone_are_proof() -> None:
    """Of this cache, not of its neighbour."""
    deleted = change("Microsoft.Cache/redis/delete", "", ago_s=3600)
    neighbour = deleted.replace(resource_id=deleted.resource_id.replace("contoso", "other"))
    (said,) = proofs(judge(Evidence(UNKNOWN_NAME, deleted, target=CACHE)))

    assert said.startswith("the cache contoso was deleted at 13:13 UTC by anna@contoso.example")
    assert proofs(judge(Evidence(UNKNOWN_NAME, neighbour, target=CACHE))) == []


def test_a_managed_cache_of_that_name_in_another_region_leaves_a_doubt() -> None:
    """The log does not say which of the two was deleted; a cache of the other service is no doubt."""
    deleted = change("Microsoft.Cache/redisEnterprise/delete", "", ago_s=3600)
    home = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Cache"
    managed = ResourceSearch(
        **CONTROL,
        name="contoso",
        found=(),
        subscriptions=("s",),
        elsewhere=((f"{home}/redisEnterprise/contoso", "contoso.eastus.redis.azure.net"),),
    )
    classic = managed.replace(
        elsewhere=((f"{home}/Redis/contoso", "contoso.redis.cache.windows.net"),)
    )

    assert proofs(judge(Evidence(UNKNOWN_NAME, deleted, managed, target=CACHE))) == []
    assert weight(judge(Evidence(UNKNOWN_NAME, deleted, managed, target=CACHE))) > 2
    assert proofs(judge(Evidence(UNKNOWN_NAME, deleted, classic, target=CACHE)))


def test_a_classic_cache_of_which_a_managed_one_bears_the_name_was_moved() -> None:
    """That it was deleted is true, and not the cause."""
    deleted = change("Microsoft.Cache/redis/delete", "", ago_s=3600)
    home = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Cache"
    moved = ResourceSearch(
        **CONTROL,
        name="contoso",
        found=(),
        subscriptions=("s",),
        elsewhere=((f"{home}/redisEnterprise/contoso", "contoso.eastus.redis.azure.net"),),
    )

    assert proofs(judge(Evidence(UNKNOWN_NAME, deleted, target=CACHE)))
    assert proofs(judge(Evidence(UNKNOWN_NAME, deleted, moved, target=CACHE))) == []


def test_a_search_that_finds_nothing_is_no_proof_of_absence() -> None:
    """The credential may not see all."""
    nothing = ResourceSearch(**CONTROL, name="contoso", found=(), subscriptions=("s",))
    said = list(judge(Evidence(UNKNOWN_NAME, nothing, target=CACHE)))

    assert proofs(said) == []
    assert weight(said) > weight(judge(Evidence(UNKNOWN_NAME, target=CACHE)))


def test_a_cache_whose_owner_stopped_it_is_told_by_its_health() -> None:
    """By its owner's own doing."""
    stopped = ResourceHealth(
        **CONTROL, resource_id="x", state="Unavailable", cause="CustomerInitiated", since=NOW
    )
    dark = ACR.replace(provisioning_state=None)

    assert weight(judge(Evidence(KNOWN, UNANSWERED, dark, stopped, target=CACHE))) > 2


def test_a_state_that_was_denied_is_unseen() -> None:
    """Not in service, not out of it."""
    gap = denied("AzureCache")
    said = list(judge(Evidence(KNOWN, UNANSWERED, gap, target=CACHE)))

    assert excuses(said) == []
    assert [each for each in said if isinstance(each, Unseen)] == [gap]
