"""What is asked of the control plane is what it knows: versions, actions, metrics, audiences."""

from __future__ import annotations

import doctest
import json
import re
from typing import TYPE_CHECKING

import pytest

from refused.service import arm
from refused.service.arm import (
    action_for,
    api_version,
    audience_of,
    cloud_at,
    geo_metrics_of,
    may_touch_a_cache,
    metrics_of,
    split_metrics_of,
)

if TYPE_CHECKING:
    from pathlib import Path

    from refused.service.facts import Service

CACHE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Cache"
NETWORK = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network"


def test_the_examples_are_true() -> None:
    """They are what people copy."""
    assert doctest.testmod(arm).failed == 0


def test_a_type_takes_the_version_of_the_narrowest_that_is_known() -> None:
    """Private DNS has one of its own within its namespace."""
    assert api_version("Microsoft.Network/privateDnsZones") == "2024-06-01"
    assert api_version("microsoft.network/privateEndpoints") == "2024-01-01"
    with pytest.raises(KeyError):
        api_version("Microsoft.Networking/x")


@pytest.mark.parametrize(
    ("path", "action"),
    [
        (f"{CACHE}/Redis/c", "Microsoft.Cache/redis/read"),
        (f"{CACHE}/redis/c/listKeys", "Microsoft.Cache/redis/listKeys/action"),
        (f"{CACHE}/redisEnterprise/c/databases", "Microsoft.Cache/redisEnterprise/databases/read"),
        (
            f"{CACHE}/redisEnterprise/c/databases/default/listKeys",
            "Microsoft.Cache/redisEnterprise/databases/listKeys/action",
        ),
        (f"{CACHE}/redis/c/providers/Microsoft.Insights/metrics", "Microsoft.Insights/metrics/read"),
        (
            f"{CACHE}/redis/c/providers/Microsoft.ResourceHealth/availabilityStatuses/current",
            "Microsoft.ResourceHealth/availabilityStatuses/read",
        ),
        (f"{NETWORK}/privateDnsZones/z/A/c", "Microsoft.Network/privateDnsZones/A/read"),
        (f"{NETWORK}/virtualNetworks/v/subnets/s", "Microsoft.Network/virtualNetworks/subnets/read"),
        ("/subscriptions/s", "Microsoft.Resources/subscriptions/read"),
        ("/something/else/entirely", ""),
    ],
)  # fmt: skip
def test_the_action_that_a_read_needs(path: str, action: str) -> None:
    """By the end of its path, whatever the casing."""
    assert action_for(path)[0] == action
    assert action_for(path.upper())[0] == action


def test_a_reader_may_read_all_but_keys() -> None:
    """Which is why keys are asked for last."""
    assert action_for(f"{CACHE}/redis/c/firewallRules")[1] is True
    assert action_for(f"{CACHE}/redis/c/listKeys")[1] is False


@pytest.mark.shared
@pytest.mark.parametrize(("service", "file"), [("acr", "redis"), ("amr", "redisenterprise")])
def test_every_metric_exists(shared: Path, service: Service, file: str) -> None:
    """With the aggregation and the dimension that are asked for, in the published list."""
    said = (shared / "azure-contract" / "metrics" / f"microsoft.cache-{file}.yaml").read_text()
    rows = {
        name: (set(how.split(", ")), set(parts.split(", ")))
        for name, how, parts in re.findall(
            r"name: (\w+),.*?aggregation: \[(.*?)\], dimensions: \[(.*?)\]", said
        )
    }
    assert len(rows) > 20
    for name, how in (*metrics_of(service), *geo_metrics_of(service)):
        assert how in rows[name][0], name
    for name, part, how in split_metrics_of(service):
        assert part in rows[name][1]
        assert how in rows[name][0]


def test_a_batch_of_metrics_is_one_that_azure_takes() -> None:
    """Twenty names at most in one call; both services of one type have the same."""
    assert len(metrics_of("acr")) <= 20
    assert metrics_of("acre") == metrics_of("amr")


@pytest.mark.shared
def test_every_version_is_described(shared: Path) -> None:
    """In the API descriptions, or in the tables derived from them."""
    index = json.loads((shared / "azure-contract" / "specs" / "index.json").read_text())
    known = {each["api_version"] for each in index.values()}
    known |= {
        match
        for file in (shared / "azure-contract" / "derived").glob("*.yaml")
        for match in re.findall(r"\d{4}-\d\d-\d\d", file.name)
    }
    for kind, version, _, _ in arm.API_VERSIONS:
        assert version in known, kind


def test_clouds_have_endpoints_and_audiences() -> None:
    """Government's audience is not its endpoint."""
    assert cloud_at("https://management.azure.com/") == "public"
    assert cloud_at("https://MANAGEMENT.usgovcloudapi.net") == "usgov"
    assert cloud_at("https://127.0.0.1:1") is None
    assert audience_of("usgov") == "https://management.core.usgovcloudapi.net"
    assert audience_of(None) is None


@pytest.mark.parametrize(
    ("name", "touches"),
    [
        ("Azure Cache for Redis", True),
        ("Azure Managed Redis", True),
        ("Network Infrastructure", True),
        ("Azure Private Link", True),
        ("Virtual Machines", False),
        ("", False),
    ],
)
def test_whose_events_can_take_a_cache_along(name: str, touches: bool) -> None:
    """Its own service's, and those of what it stands on."""
    assert may_touch_a_cache(name) is touches
