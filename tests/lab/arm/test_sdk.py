"""The Azure SDKs read the twin without an error: an independent witness of the shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from refused.lab.arm.worlds import default
from refused.lab.world import World
from tests.lab.arm.twin import Twin, says

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUP = "prod"


@pytest.fixture
def twin() -> Iterator[Twin]:
    """Bring the default world up."""
    with Twin(default(World())) as up:
        yield up


@pytest.fixture
def redis(twin: Twin) -> Iterator[Any]:
    """Return a client of ``azure-mgmt-redis``."""
    kind = pytest.importorskip("azure.mgmt.redis").RedisManagementClient
    with twin.client(kind) as client:
        yield client


def test_a_cache_is_read(redis: Any) -> None:
    """All that a diagnosis looks at."""
    cache = redis.redis.get(GROUP, "contoso")

    assert cache.provisioning_state == "Succeeded"
    assert (cache.sku.name, cache.sku.family, cache.sku.capacity) == ("Premium", "P", 1)
    assert cache.public_network_access == "Enabled"
    assert cache.minimum_tls_version == "1.2"
    assert not cache.enable_non_ssl_port
    assert cache.ssl_port == 6380
    assert cache.redis_configuration.maxclients == "7500"
    (connection,) = cache.private_endpoint_connections
    assert connection.private_link_service_connection_state.status == "Approved"
    assert [each.name for each in redis.redis.list_by_subscription()] == ["contoso"]
    assert [each.name for each in redis.redis.list_by_resource_group(GROUP)] == ["contoso"]
    assert len(redis.redis.list_keys(GROUP, "contoso").primary_key) == 44
    assert not list(redis.redis.list_upgrade_notifications(GROUP, "contoso", history=5000))


def test_what_lies_below_is_read(redis: Any) -> None:
    """Rules, schedules, policies, links, link resources."""
    rules = {
        each.name: (each.start_ip, each.end_ip)
        for each in redis.firewall_rules.list(GROUP, "contoso")
    }
    assert rules["contoso/office"] == ("192.0.2.44", "192.0.2.60")
    (schedule,) = redis.patch_schedules.list_by_redis_resource(GROUP, "contoso")
    assert schedule.schedule_entries[0].day_of_week == "Sunday"
    assert len(list(redis.access_policy.list(GROUP, "contoso"))) == 3
    assert not list(redis.access_policy_assignment.list(GROUP, "contoso"))
    assert not list(redis.linked_server.list(GROUP, "contoso"))
    assert list(redis.private_link_resources.list_by_redis_cache(GROUP, "contoso"))


def test_a_cache_is_made_changed_and_deleted(redis: Any, twin: Twin) -> None:
    """Long-running operations come to their end, with time taken as well."""
    twin.state.takes_s = 0.1
    made = redis.redis.begin_create(
        GROUP,
        "third",
        {
            "location": "westeurope",
            "properties": {"sku": {"name": "Standard", "family": "C", "capacity": 1}},
        },
    ).result()
    assert made.provisioning_state == "Succeeded"
    bigger = {"properties": {"sku": {"name": "Standard", "family": "C", "capacity": 2}}}
    changed = redis.redis.begin_update(GROUP, "third", bigger).result()
    assert changed.sku.capacity == 2
    redis.redis.begin_delete(GROUP, "third").result()
    from azure.core.exceptions import ResourceNotFoundError

    with pytest.raises(ResourceNotFoundError):
        redis.redis.get(GROUP, "third")


def test_a_rule_made_by_the_sdk_lets_a_client_in(redis: Any, twin: Twin) -> None:
    """The same door, whoever opens it."""
    contoso = twin.world.doors.caches[0]
    redis.firewall_rules.delete(GROUP, "contoso", "app")
    assert says(contoso, twin.world) == "silent"
    rule = {"properties": {"startIP": "203.0.113.7", "endIP": "203.0.113.7"}}
    redis.firewall_rules.create_or_update(GROUP, "contoso", "app", rule)
    assert says(contoso, twin.world).startswith("+OK")


def test_a_managed_redis_is_read_and_changed(twin: Twin) -> None:
    """Cluster, database, keys, connections."""
    kind = pytest.importorskip("azure.mgmt.redisenterprise").RedisEnterpriseManagementClient
    with twin.client(kind) as client:
        cluster = client.redis_enterprise.get(GROUP, "fabrikam")
        assert cluster.sku.name == "Balanced_B10"
        assert cluster.resource_state == "Running"
        assert [each.name for each in client.redis_enterprise.list()] == ["fabrikam"]
        (database,) = client.databases.list_by_cluster(GROUP, "fabrikam")
        assert (database.port, database.clustering_policy) == (10000, "EnterpriseCluster")
        before = client.databases.list_keys(GROUP, "fabrikam", "default")
        after = client.databases.begin_regenerate_key(
            GROUP, "fabrikam", "default", {"keyType": "Primary"}
        ).result()
        assert after.primary_key != before.primary_key
        assert list(client.private_endpoint_connections.list(GROUP, "fabrikam"))
        assert not list(client.access_policy_assignment.list(GROUP, "fabrikam", "default"))
        off = {"properties": {"accessKeysAuthentication": "Disabled"}}
        client.databases.begin_update(GROUP, "fabrikam", "default", off).result()
        found = client.databases.get(GROUP, "fabrikam", "default")
        assert found.access_keys_authentication == "Disabled"


def test_a_managed_identity_of_the_sdk_logs_in(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing but the variables that the lab prints."""
    identity = pytest.importorskip("azure.identity")
    kind = pytest.importorskip("azure.mgmt.redis").RedisManagementClient
    for name, value in twin.world.environment().items():
        monkeypatch.setenv(name, value)

    with (
        identity.ManagedIdentityCredential() as credential,
        kind(
            credential,
            twin.state.subscription,
            base_url=twin.server.url,
            credential_scopes=["https://management.azure.com/.default"],
        ) as client,
    ):
        assert client.redis.get(GROUP, "contoso").name == "contoso"
