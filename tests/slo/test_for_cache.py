"""Alerts are scaled to the very cache, and what cannot be watched is said."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from refused.causes import catalogue
from refused.evidence.control_plane import LinkedServer
from refused.service.tiers import ACR_SIZES, AMR_SIZES
from refused.slo.for_cache import rules_for
from refused.slo.rules import FREQUENCIES_S, WINDOWS_S, MetricRule
from tests.slo.scenery import ACR, acr, amr

if TYPE_CHECKING:
    from pathlib import Path

LINKED = (LinkedServer(id=f"{ACR}-west", role="Secondary"),)
CACHES = {
    "acr": acr(),
    "acr-cluster": acr("Premium", "P", 2, shards=3, linked_servers=LINKED),
    "amr": amr(),
    "amr-geo": amr(geo_peers=("other",)),
    "acre": amr("Enterprise_E10", service="acre"),
}
each_cache = pytest.mark.parametrize("name", sorted(CACHES))


def metric_rule(cache: Any, id_: str) -> MetricRule:
    """Return one rule by its id."""
    return next(each for each in rules_for(cache).metric if each.id == id_)


@pytest.mark.parametrize(("size", "limit"), [(row[0], row[2]) for row in ACR_SIZES])
def test_connections_are_a_share_of_this_size(size: str, limit: int) -> None:
    """Never a fixed 850: a C0 has 256 in all, and a P5 40,000."""
    tier = "Premium" if size.startswith("P") else "Standard"
    cache = acr(tier, size[0], int(size[1:]))

    assert metric_rule(cache, "connections-80").threshold == int(limit * 0.8)
    assert metric_rule(cache, "connections-95").threshold == int(limit * 0.95)


@pytest.mark.parametrize(("size", "limit"), [(row[0], row[3]) for row in AMR_SIZES])
def test_connections_of_managed_redis_too(size: str, limit: int) -> None:
    """Its limits are of the tens of thousands."""
    assert metric_rule(amr(f"Any_{size}"), "connections-80").threshold == int(limit * 0.8)


def test_the_resource_has_the_last_word_on_its_limit() -> None:
    """Azure says what really holds."""
    rule = metric_rule(acr(max_clients=4242), "connections-80")

    assert rule.threshold == 3393
    assert "4,242" in rule.why
    assert "the resource itself" in rule.why


def test_a_limit_that_nobody_publishes_is_a_gap_and_no_guess() -> None:
    """The Enterprise tiers have none."""
    rules = rules_for(CACHES["acre"])

    assert not [each for each in rules.metric if each.metric == "connectedclients"]
    assert any("Enterprise_E10" in gap.why for gap in rules.left_out)


def test_what_managed_redis_has_not_is_said() -> None:
    """No errors by type, no published bandwidth."""
    rules = rules_for(CACHES["amr"])

    assert {each.metric for each in rules.metric}.isdisjoint({"errors", "cacheRead", "cacheWrite"})
    assert {gap.what.split(" ", maxsplit=1)[0] for gap in rules.left_out} == {"errors", "bandwidth"}


@each_cache
def test_every_rule_warns_of_a_cause_and_has_a_source(name: str) -> None:
    """An id with a slip in it would lead nowhere."""
    causes = {cause.id for cause, _ in catalogue()}
    rules = rules_for(CACHES[name])
    ids = [each.id for each in rules.all]

    assert len(set(ids)) == len(ids)
    for each in rules.all:
        assert each.cause in causes, each.id
        assert each.source
        assert each.why
        assert re.fullmatch(r"[a-z0-9-]+", each.id)


@each_cache
def test_windows_are_those_that_azure_takes(name: str) -> None:
    """And no rule looks less often than its window is long."""
    for each in rules_for(CACHES[name]).metric:
        assert each.window in WINDOWS_S
        assert each.every in FREQUENCIES_S
        assert each.every_s <= each.window_s
        assert 0 <= each.severity <= 4


@pytest.mark.shared
@each_cache
def test_every_metric_exists_with_its_dimensions(name: str, shared: Path) -> None:
    """Held against Azure's own list of metrics."""
    cache = CACHES[name]
    file = "redis" if cache.service == "acr" else "redisenterprise"
    told = yaml.safe_load(
        (shared / "azure-contract" / "metrics" / f"microsoft.cache-{file}.yaml").read_text()
    )
    known = {each["name"]: each["dimensions"] for each in told["metrics"]}
    for rule in rules_for(cache).metric:
        assert rule.metric in known, rule.id
        for dimension, _ in rule.dimensions:
            assert dimension in known[rule.metric], rule.id


def test_a_hot_shard_does_not_hide_in_the_average() -> None:
    """Load is watched shard by shard where there are several."""
    assert metric_rule(CACHES["acr-cluster"], "server-load-90").dimensions == (("ShardId", ("*",)),)
    assert metric_rule(CACHES["acr"], "server-load-90").dimensions == ()


def test_a_link_to_another_region_is_watched_where_there_is_one() -> None:
    """Its metric is written otherwise on each service."""
    assert metric_rule(CACHES["acr-cluster"], "geo-replication").metric == "GeoReplicationHealthy"
    assert metric_rule(CACHES["amr-geo"], "geo-replication").metric == "geoReplicationHealthy"
    assert not [each for each in rules_for(CACHES["amr"]).metric if each.id == "geo-replication"]


def test_service_health_is_asked_by_the_name_of_the_service() -> None:
    """In this region and worldwide."""
    for name, service in (("acr", "Azure Cache for Redis"), ("amr", "Azure Managed Redis")):
        rule = next(each for each in rules_for(CACHES[name]).log if each.id == "service-health")
        values = {each.field.rsplit(".", 1)[-1]: each.values for each in rule.terms}

        assert values["ServiceName"] == (service,)
        assert values["RegionName"] == ("West Europe", "Global")
        assert rule.scope == "subscription"


def test_risky_operations_are_all_watched() -> None:
    """Each is in one rule and no more."""
    operations = [
        value
        for rule in rules_for(CACHES["acr"]).log
        for term in rule.terms
        if term.field == "operationName"
        for value in term.values
    ]

    assert len(set(operations)) == len(operations)
    assert {
        "Microsoft.Cache/redis/write",
        "Microsoft.Cache/redis/delete",
        "Microsoft.Cache/redis/regenerateKey/action",
        "Microsoft.Cache/redis/forceReboot/action",
        "Microsoft.Cache/redis/firewallRules/write",
        "Microsoft.Cache/redis/firewallRules/delete",
        "Microsoft.Cache/redis/privateEndpointConnections/write",
        "Microsoft.Cache/redis/privateEndpointConnections/delete",
    } <= set(operations)
