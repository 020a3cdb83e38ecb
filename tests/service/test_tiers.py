"""Sizes are found by any of their names, and unknown limits are not invented."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.service.tiers import (
    ACR_BANDWIDTH,
    ACR_SIZES,
    ACR_TO_AMR,
    ACRE_SIZES,
    AMR_SIZES,
    amr_for,
    connection_limit,
    databases,
    find_sku,
)


@pytest.mark.parametrize(
    ("sku", "size", "name", "limit"),
    [
        ("Basic", "C0", "C0", 256),
        ("Standard", "C1", "C1", 1_000),
        ("standard", "c6", "C6", 20_000),
        ("Premium", "P1", "P1", 7_500),
        ("Premium", "5", "P5", 40_000),
        ("P4", "", "P4", 40_000),
        ("Balanced_B0", "", "Balanced_B0", 15_000),
        ("B10", "", "Balanced_B10", 30_000),
        ("MemoryOptimized_M10", "", "MemoryOptimized_M10", 15_000),
        ("ComputeOptimized_X50", "", "ComputeOptimized_X50", 200_000),
        ("FlashOptimized_A250", "", "FlashOptimized_A250", 75_000),
        ("Enterprise_E20", "2", "Enterprise_E20", None),
        ("EnterpriseFlash_F300", "3", "EnterpriseFlash_F300", None),
    ],
)
def test_a_size_has_many_names(sku: str, size: str, name: str, limit: int | None) -> None:
    """ARM splits it, people shorten it, and Enterprise puts a count of nodes beside it."""
    found = find_sku(sku, size)
    assert found is not None
    assert found.name == name
    assert connection_limit(sku, size) == found.max_connections == limit


@pytest.mark.parametrize(
    ("sku", "size"),
    [
        ("", ""),
        ("Premium", ""),
        ("Premium", "C1"),
        ("Standard", "P1"),
        ("Standard", "9"),
        ("B7", ""),
        ("Balanced_", ""),
        ("Enterprise_E1000", ""),
    ],
)
def test_what_is_no_size_has_no_limit(sku: str, size: str) -> None:
    """A tier and a size that contradict each other are no size either."""
    assert find_sku(sku, size) is None
    assert connection_limit(sku, size) is None
    assert databases(sku, size) is None


@given(st.text(max_size=20), st.text(max_size=6))
def test_no_name_is_too_strange(sku: str, size: str) -> None:
    """Names come from outside."""
    found = find_sku(sku, size)
    assert found is None or found.service in ("acr", "acre", "amr")


def test_each_size_can_be_found_by_its_short_name_and_its_full_one() -> None:
    """And says where its figures come from."""
    for short in (row[0] for table in (ACR_SIZES, ACRE_SIZES, AMR_SIZES) for row in table):
        found = find_sku(short)
        assert found is not None
        assert found.size == short
        assert find_sku(found.name) == found
        assert found.source.startswith("https://")


def test_more_memory_never_means_fewer_connections() -> None:
    """Within a family the limits rise, or the table was copied wrongly."""
    for family in "CPBMXA":
        limits = [row[2] for row in ACR_SIZES if row[0].startswith(family)]
        limits += [row[3] for row in AMR_SIZES if row[0].startswith(family)]
        assert limits == sorted(limits)
        assert limits


def test_every_size_of_azure_cache_for_redis_has_a_measured_bandwidth() -> None:
    """C4 really is slower than C3."""
    measured = {row[0]: row[1] for row in ACR_BANDWIDTH}
    assert measured.keys() == {row[0] for row in ACR_SIZES}
    assert measured["C4"] < measured["C3"]
    sku = find_sku("C4")
    assert sku is not None
    assert sku.bandwidth_mbps == 500


def test_a_cluster_has_one_database() -> None:
    """And Managed Redis never has more."""
    assert databases("Premium", "P4") == 64
    assert databases("Premium", "P4", is_clustered=True) == 1
    assert databases("Standard", "C1") == 16
    assert databases("Balanced_B50") == 1


@pytest.mark.parametrize(
    ("size", "shards", "targets"),
    [
        ("C0", 0, ("Balanced_B0",)),
        ("c4", 0, ("MemoryOptimized_M10", "MemoryOptimized_M20")),
        ("P1", 0, ("Balanced_B5",)),
        ("P1", 10, ("Balanced_B50",)),
        ("P1", 11, ("Balanced_B100",)),
        ("P3", 13, ("Balanced_B350",)),
        ("P4", 14, ("Balanced_B1000",)),
        ("P5", 9, ("MemoryOptimized_M1500",)),
        ("P5", 16, ()),
        ("C0", 3, ()),
        ("B10", 0, ()),
    ],
)
def test_a_size_maps_to_sizes_of_managed_redis(
    size: str, shards: int, targets: tuple[str, ...]
) -> None:
    """As Microsoft's own table has it; beyond the table there is no answer."""
    assert amr_for(size, shards) == targets


def test_the_mapping_has_no_hole_and_never_loses_a_connection() -> None:
    """Every size, every number of shards up to 15; the limit does not fall."""
    for row in ACR_SIZES:
        for shards in range(16) if row[0].startswith("P") else (0,):
            before = connection_limit(row[0])
            targets = amr_for(row[0], shards)
            assert targets, (row[0], shards)
            assert before is not None
            for target in targets:
                after = connection_limit(target)
                assert after is not None
                assert after >= before
    assert all(row[1] <= row[2] for row in ACR_TO_AMR)
