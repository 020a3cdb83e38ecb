"""Azure Managed Redis, held against the API description and the recorded habits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refused.lab.arm.worlds import default
from refused.lab.world import World
from tests.lab.arm.plane import witness
from tests.lab.arm.test_cache import ended
from tests.lab.arm.twin import ENTERPRISE, Twin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.shared


@pytest.fixture
def twin(shared: Path) -> Iterator[Twin]:
    """Bring the default world up, each answer of which is held against its description."""
    with Twin(default(World()), witness(shared)) as up:
        yield up


def path(twin: Twin, name: str) -> str:
    """Return the path of a cluster."""
    stem = f"/subscriptions/{twin.state.subscription}/resourceGroups/prod/providers"
    return f"{stem}/Microsoft.Cache/redisEnterprise/{name}"


def test_a_cluster_and_its_database_are_shown(twin: Twin) -> None:
    """As recorded: the kind, the state, the connections of private endpoints."""
    cluster = twin.managed("GET").body
    (database,) = twin.managed("GET", "/databases").body["value"]

    assert (cluster["kind"], cluster["sku"]) == ("v2", {"name": "Balanced_B10"})
    assert cluster["properties"]["resourceState"] == "Running"
    assert len(cluster["properties"]["privateEndpointConnections"]) == 1
    assert database["properties"]["port"] == 10000
    assert database["properties"]["clusteringPolicy"] == "EnterpriseCluster"
    assert twin.managed("GET", "/databases/default").body == database


@pytest.mark.parametrize("place", ["", "/resourceGroups/prod"])
def test_clusters_are_listed(twin: Twin, place: str) -> None:
    """By subscription and by group."""
    where = f"/subscriptions/{twin.state.subscription}{place}/providers/Microsoft.Cache"

    listed = twin.ok("GET", f"{where}/redisEnterprise", version=ENTERPRISE)

    assert [each["name"] for each in listed["value"]] == ["fabrikam"]


def test_a_cluster_is_made_with_a_database_and_goes(twin: Twin) -> None:
    """201 polled at operationsStatus; keys are off unless asked for; all of it goes at once."""
    where = path(twin, "third")
    body = {"location": "westeurope", "sku": {"name": "Balanced_B0"}, "tags": {"a": "b"}}

    made = twin.ask("PUT", where, body, version=ENTERPRISE)

    assert (made.status, made.body["properties"]["resourceState"]) == (201, "Creating")
    assert made.body["properties"]["hostName"] == "third.westeurope.redis.azure.net"
    assert "/operationsStatus/" in made.headers["azure-asyncoperation"]
    assert ended(twin, made).body["status"] == "Succeeded"
    assert twin.ok("GET", where, version=ENTERPRISE)["properties"]["resourceState"] == "Running"
    new = twin.ask("PUT", f"{where}/databases/default", {"properties": {}}, version=ENTERPRISE)
    assert new.status == 201
    assert new.body["properties"]["accessKeysAuthentication"] == "Disabled"
    gone = twin.ask("DELETE", where, version=ENTERPRISE)
    assert (gone.status, gone.body["properties"]["provisioningState"]) == (202, "Deleting")
    assert twin.follow("GET", gone.headers["location"]).status == 200
    assert twin.ask("GET", where, version=ENTERPRISE).status == 404
    assert twin.ask("GET", f"{where}/databases/default", version=ENTERPRISE).status == 404
    assert twin.ask("DELETE", where, version=ENTERPRISE).status == 204


def test_settings_change_by_an_operation(twin: Twin) -> None:
    """202 with a location, for the cluster and for the database."""
    cluster = twin.managed("PATCH", "", {"properties": {"publicNetworkAccess": "Disabled"}})
    database = twin.managed(
        "PATCH", "/databases/default", {"properties": {"accessKeysAuthentication": "Disabled"}}
    )

    assert (cluster.status, database.status) == (202, 202)
    assert ended(twin, cluster).body["status"] == ended(twin, database).body["status"]
    assert twin.managed("GET").body["properties"]["publicNetworkAccess"] == "Disabled"
    said = twin.managed("GET", "/databases/default").body["properties"]
    assert said["accessKeysAuthentication"] == "Disabled"
    assert said["provisioningState"] == "Succeeded"


@pytest.mark.parametrize(
    ("below", "name", "value"),
    [
        ("", "publicNetworkAccess", "maybe"),
        ("", "minimumTlsVersion", "1.9"),
        ("/databases/default", "clusteringPolicy", "Some"),
        ("/databases/default", "clientProtocol", "Loud"),
    ],
)
def test_a_setting_that_is_none_is_refused(twin: Twin, below: str, name: str, value: str) -> None:
    """400 that names it."""
    said = twin.managed("PATCH", below, {"properties": {name: value}})

    assert (said.status, said.body["error"]["target"]) == (400, f"properties.{name}")


def test_keys_and_identities(twin: Twin) -> None:
    """Keys are the database's; an identity is let in by name."""
    before = twin.managed("POST", "/databases/default/listKeys").body
    after = twin.managed("POST", "/databases/default/regenerateKey", {"keyType": "Primary"}).body
    user = {"properties": {"user": {"objectId": "3f1c9a52-7d44-4be0-9a59-0c6f5b1e2d77"}}}
    where = "/databases/default/accessPolicyAssignments/app"

    assert after["primaryKey"] != before["primaryKey"]
    assert after["secondaryKey"] == before["secondaryKey"]
    made = twin.managed("PUT", where, user)
    assert (made.status, made.body["properties"]["accessPolicyName"]) == (201, "default")
    assert twin.managed("GET", where).body == made.body
    assert len(twin.managed("GET", where.rpartition("/")[0]).body["value"]) == 1
    assert twin.managed("DELETE", where).status == 202
    assert twin.managed("DELETE", where).status == 204


def test_there_are_no_firewall_rules(twin: Twin) -> None:
    """Managed Redis has none, and nobody can make one."""
    said = twin.managed("GET", "/firewallRules")

    assert (said.status, said.body["error"]["code"]) == (404, "InvalidResourceType")


def test_the_rest_answers_too(twin: Twin) -> None:
    """Connections, link resources, sizes, deeds on the database."""
    (connection,) = twin.managed("GET", "/privateEndpointConnections").body["value"]
    where = f"/privateEndpointConnections/{connection['name']}"
    decision = {"privateLinkServiceConnectionState": {"status": "Rejected"}}
    assert twin.managed("PUT", where, {"properties": decision}).status == 201
    told = twin.managed("GET", where).body["properties"]["privateLinkServiceConnectionState"]
    assert told["status"] == "Rejected"
    (link,) = twin.managed("GET", "/privateLinkResources").body["value"]
    assert link["properties"]["requiredZoneNames"] == ["privatelink.redis.azure.net"]
    sizes = {each["name"] for each in twin.managed("POST", "/listSkusForScaling").body["skus"]}
    assert {"Balanced_B0", "Balanced_B1000", "MemoryOptimized_M10"} <= sizes
    flushed = twin.managed("POST", "/databases/default/flush")
    assert flushed.status == 202
    assert ended(twin, flushed).body["status"] == "Succeeded"
    assert twin.follow("GET", flushed.headers["location"]).status == 200
    assert twin.managed("DELETE", where).status == 202
    assert twin.managed("GET").body["properties"]["privateEndpointConnections"] == []
