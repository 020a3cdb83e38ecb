"""Tests of the judge of wrong-hostname."""

from __future__ import annotations

from refused.causes.wrong_hostname import judge
from refused.evidence.bundle import Evidence
from refused.evidence.control_plane import LinkedServer, ResourceSearch
from tests.causes.azure_scenery import ACR, AMR, CONTROL, excuses, proofs, weight
from tests.causes.server_scenery import CACHE, UNKNOWN_NAME, UNKNOWN_ON_THE_WIRE

SEARCH = ResourceSearch(**CONTROL, name="contoso", found=(), subscriptions=("s",))


def test_a_cache_of_that_name_in_another_cloud_is_proof() -> None:
    """With the host name that it has."""
    other = SEARCH.replace(elsewhere=((ACR.id, "contoso.redis.cache.usgovcloudapi.net"),))
    (said,) = proofs(judge(Evidence(UNKNOWN_NAME, other, target=CACHE)))

    assert said.endswith("that of the cache contoso is contoso.redis.cache.usgovcloudapi.net")


def test_a_cache_that_moved_to_another_service_is_another_cause() -> None:
    """resource-retired-or-migrated speaks of it."""
    moved = SEARCH.replace(elsewhere=((AMR.id, "contoso.westeurope.redis.azure.net"),))

    assert proofs(judge(Evidence(UNKNOWN_NAME, moved, target=CACHE))) == []


def test_the_resource_that_was_given_may_bear_another_name() -> None:
    """Its host name is not what the client has."""
    other = ACR.replace(host="contoso2.redis.cache.windows.net", name="contoso2")

    assert proofs(judge(Evidence(UNKNOWN_NAME, other, target=CACHE)))


def test_a_name_that_azure_gave_rules_it_out() -> None:
    """The cache's own, and that of a geo-replicated pair."""
    pair = ACR.replace(
        host="contoso-west.redis.cache.windows.net",
        linked_servers=(LinkedServer(id="/x", role="Secondary", geo_primary_host=CACHE.host),),
    )

    assert excuses(judge(Evidence(UNKNOWN_NAME, ACR, target=CACHE)))
    assert excuses(judge(Evidence(UNKNOWN_NAME, pair, target=CACHE)))


def test_a_search_that_finds_nothing_is_a_clue() -> None:
    """The credential may not see all."""
    said = list(judge(Evidence(UNKNOWN_NAME, SEARCH, target=CACHE)))

    assert proofs(said) == []
    assert weight(said) > weight(judge(Evidence(UNKNOWN_NAME, target=CACHE)))


def test_a_slip_in_the_suffix_is_proof_without_azure() -> None:
    """No cache could have that name."""
    host = "contoso.redis.cache.windows.com"
    seen = (UNKNOWN_NAME.replace(host=host), UNKNOWN_ON_THE_WIRE.replace(host=host))

    assert proofs(judge(Evidence(*seen, target=CACHE.replace(host=host, service="redis"))))
