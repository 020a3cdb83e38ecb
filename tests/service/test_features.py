"""What each service can do, and what nobody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.service.features import (
    CLUSTERING_POLICIES,
    FEATURES,
    blocks_command,
    has,
    is_redis_audience,
    note_on,
    public_access,
    suits_cluster_client,
    suits_plain_client,
)

if TYPE_CHECKING:
    from refused.service.facts import Service


@pytest.mark.parametrize(
    ("service", "feature", "expected"),
    [
        ("acr", "firewall-rules", True),
        ("amr", "firewall-rules", False),
        ("acr", "firewall-with-private-endpoint", False),
        ("acr", "vnet-injection", True),
        ("amr", "vnet-injection", False),
        ("amr", "private-endpoint", True),
        ("acr", "dual-port", True),
        ("amr", "dual-port", False),
        ("acr", "access-keys-on-by-default", True),
        ("amr", "access-keys-on-by-default", False),
        ("acre", "entra", False),
        ("amr", "entra-groups", False),
        ("acr", "entra-groups", None),
        ("amr", "cluster-by-default", True),
        ("amr", "many-databases", False),
        ("amr", "maintenance-events", False),
        ("amr", "errors-metric", False),
        ("amr", "reboot", False),
        ("redis", "firewall-rules", None),
        ("acr", "teleportation", None),
    ],
)
def test_the_services_share_a_name_and_little_else(
    service: Service,
    feature: str,
    expected: bool | None,
) -> None:
    """Yes, no, and not known."""
    assert has(service, feature) is expected


def test_a_feature_is_answered_once_per_service() -> None:
    """Two rows for one question would leave the answer to their order."""
    asked = [(row[0], row[1]) for row in FEATURES]
    assert len(set(asked)) == len(asked)


def test_a_note_belongs_to_a_feature() -> None:
    """And is empty where there is nothing to add."""
    assert "first rule" in note_on("acr", "firewall-rules")
    assert note_on("amr", "vnet-injection") == note_on("redis", "reboot") == ""


@pytest.mark.parametrize(
    ("service", "command", "policy", "blocked"),
    [
        ("acr", "CONFIG", "", True),
        ("acr", "config get", "", True),
        ("acr", "CONFIGURE", "", False),
        ("acr", "CLUSTER SLOTS", "", False),
        ("acr", "CLUSTER  FAILOVER", "", True),
        ("acr", "GET", "", False),
        ("amr", "CLUSTER SLOTS", "EnterpriseCluster", True),
        ("amr", "GET", "EnterpriseCluster", False),
        ("amr", "CLUSTER SLOTS", "OSSCluster", None),
        ("redis", "CONFIG", "", None),
    ],
)
def test_some_commands_are_refused_by_the_service(
    service: Service,
    command: str,
    policy: str,
    blocked: bool | None,
) -> None:
    """Where no list was published, there is no answer."""
    assert blocks_command(service, command, policy) is blocked


def test_a_policy_suits_one_kind_of_client() -> None:
    """Plain or cluster, never both: that is why the mismatch is so common."""
    assert suits_plain_client("EnterpriseCluster") is True
    assert suits_plain_client("osscluster") is False
    assert suits_cluster_client("OSSCluster") is True
    assert suits_cluster_client("NoCluster") is False
    assert suits_plain_client("") is suits_cluster_client("Sharded") is None
    assert all(row[2] != row[3] for row in CLUSTERING_POLICIES)


@pytest.mark.parametrize(
    ("service", "setting", "has_endpoint", "is_public"),
    [
        ("acr", None, True, True),
        ("acr", "Enabled", True, True),
        ("acr", "Disabled", False, False),
        ("amr", None, True, False),
        ("amr", None, False, True),
        ("amr", "enabled", True, True),
        ("amr", "SecuredByPerimeter", True, None),
        ("redis", None, False, None),
    ],
)
def test_a_missing_setting_means_different_things(
    service: Service,
    setting: str | None,
    has_endpoint: bool,
    is_public: bool | None,
) -> None:
    """Open on the one, and on the other open only where no endpoint closed it."""
    assert public_access(service, setting, has_private_endpoint=has_endpoint) is is_public


@pytest.mark.parametrize(
    ("audience", "fits"),
    [
        ("https://redis.azure.com", True),
        ("https://redis.azure.com/", True),
        ("ACCA5FBB-b7e4-4009-81f1-37e38fd66d78", True),
        ("https://management.azure.com", False),
        ("https://redis.azure.com.example", False),
        ("", False),
    ],
)
def test_a_token_says_whom_it_is_for(audience: str, fits: bool) -> None:
    """By URL or by id, with or without the slash that Entra likes to add."""
    assert is_redis_audience(audience) is fits


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_word_is_too_strange(feature: str, command: str) -> None:
    """Unknown words have unknown answers."""
    assert has("acr", feature) in (True, False, None)
    assert blocks_command("acr", command) in (True, False)
    assert is_redis_audience(feature) in (True, False)
