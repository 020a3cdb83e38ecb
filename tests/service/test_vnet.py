"""The rules that a cache inside a virtual network cannot do without."""

from __future__ import annotations

import pytest

from refused.service.addresses import address_class
from refused.service.vnet import (
    PLATFORM_ADDRESSES,
    REQUIRED_NAMES,
    REQUIRED_RULES,
    TAG_ADDRESSES,
    addresses_needed,
    is_platform_address,
    required_rules,
)


def ports_of(direction: str, peer: str) -> set[tuple[int, int, str]]:
    """Return the port ranges and protocols towards one peer."""
    return {rule[1:4] for rule in REQUIRED_RULES if (rule[0], rule[4]) == (direction, peer)}


def test_what_the_cache_calls_for() -> None:
    """Certificates over port 80 among it, whose absence shows only now and then."""
    assert ports_of("outbound", "any") == {
        (80, 80, "tcp"),
        (443, 443, "tcp"),
        (123, 123, "udp"),
        (1688, 1688, "tcp"),
    }
    assert ports_of("outbound", "AzureMonitor") == {(443, 443, "tcp"), (12000, 12000, "tcp")}
    assert ports_of("outbound", "dns") == {(53, 53, "tcp+udp")}


def test_what_the_load_balancer_calls_for() -> None:
    """Two ports of its own that most lists leave out."""
    assert {(8500, 8500, "tcp+udp"), (16001, 16001, "tcp+udp")} <= ports_of(
        "inbound", "AzureLoadBalancer"
    )
    assert ports_of("outbound", "AzureLoadBalancer") == set()


def test_the_nodes_among_themselves_need_both_directions() -> None:
    """Every port one node sends to another listens on."""
    assert ports_of("outbound", "redis-subnet") == ports_of("inbound", "redis-subnet")


def test_a_plain_client_needs_the_front_door_alone() -> None:
    """And the peer of a geo-replica is heard only where there is one."""
    plain = required_rules("inbound", is_clustered=False)
    assert {rule[1:3] for rule in plain if rule[4] == "client-subnet"} == {(6379, 6380)}
    clustered = required_rules("inbound")
    assert {rule[1] for rule in clustered if rule[4] == "client-subnet"} == {
        6379,
        10221,
        13000,
        15000,
    }
    assert not any(rule[4] == "geo-peer-subnet" for rule in clustered)
    for direction in ("inbound", "outbound"):
        linked = required_rules(direction, is_geo_replicated=True)
        assert {rule[1:3] for rule in linked if rule[4] == "geo-peer-subnet"} == {(15000, 15999)}
        assert all(rule[0] == direction for rule in linked)
    assert len(required_rules("inbound", is_geo_replicated=True)) + len(
        required_rules("outbound", is_geo_replicated=True)
    ) == len(REQUIRED_RULES)


def test_rules_are_such_that_a_network_can_hold_them() -> None:
    """Ports in order, protocols that exist, names without a scheme."""
    for _, first, last, protocols, *_ in REQUIRED_RULES:
        assert 1 <= first <= last <= 65535
        assert protocols in ("tcp", "udp", "tcp+udp")
    for name, ports, *_ in REQUIRED_NAMES:
        assert "/" not in name
        assert "." in name
        assert ports
        assert 80 in ports or not name.endswith(("digicert.com", "geotrust.com"))


def test_azure_s_own_addresses_are_known() -> None:
    """The one looks public and the other link-local, and neither may be blocked."""
    assert is_platform_address("168.63.129.16")
    assert is_platform_address("169.254.169.254")
    assert not is_platform_address("10.0.0.4")
    assert [address_class(row[0]) for row in PLATFORM_ADDRESSES] == ["public", "link-local"]
    assert all(is_platform_address(row[1]) for row in TAG_ADDRESSES)


@pytest.mark.parametrize(
    ("shards", "extra", "needed"), [(1, 0, 8), (1, 1, 9), (3, 0, 12), (10, 0, 26), (10, 2, 46)]
)
def test_a_subnet_must_be_large_enough(shards: int, extra: int, needed: int) -> None:
    """Two per shard, extra replicas, the load balancer, and five that Azure keeps."""
    assert addresses_needed(shards, extra) == needed


def test_a_cache_without_clustering_counts_as_one_shard() -> None:
    """The smallest there is: two nodes and a load balancer."""
    assert addresses_needed() == addresses_needed(1, 0) == 8


def test_no_cache_has_no_shards() -> None:
    """A slip in a plan is found before the subnet is made."""
    for shards, extra in ((0, 0), (1, -1)):
        with pytest.raises(ValueError, match="at least one shard"):
            addresses_needed(shards, extra)
