"""Azure Cache for Redis, held against the API description and the recorded habits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from refused.lab.arm.worlds import default
from refused.lab.world import World
from tests.lab.arm.plane import Said, Witness, witness
from tests.lab.arm.twin import REDIS, Twin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.shared
RULE = {"properties": {"startIP": "198.51.100.1", "endIP": "198.51.100.9"}}
NEW = {
    "location": "westeurope",
    "properties": {"sku": {"name": "Premium", "family": "p", "capacity": 1}},
}


@pytest.fixture
def twin(shared: Path) -> Iterator[Twin]:
    """Bring the default world up, each answer of which is held against its description."""
    told: Witness = witness(shared)
    before = told.checked
    with Twin(default(World()), told) as up:
        yield up
    assert told.checked > before, "the witness has seen nothing"


def ended(twin: Twin, said: Said) -> Said:
    """Follow a long-running operation to its end."""
    where = said.headers.get("azure-asyncoperation") or said.headers["location"]
    for _ in range(100):
        found = twin.follow("GET", where)
        if found.status != 202 and (found.body or {}).get("status") != "InProgress":
            return found
        time.sleep(0.02)
    raise AssertionError("the operation does not end")


def test_a_cache_is_shown_as_recorded(twin: Twin) -> None:
    """The id's casing is Azure's, whatever the address said; no key stands in the answer."""
    said = twin.redis("GET")

    assert said.body["id"].endswith("/providers/Microsoft.Cache/Redis/contoso")
    assert said.body["type"] == "Microsoft.Cache/Redis"
    assert said.body["location"] == "West Europe"
    assert said.body["properties"]["accessKeys"] is None
    assert said.body["properties"]["sslPort"] == 6380
    assert said.body["properties"]["redisConfiguration"]["maxclients"] == "7500"


@pytest.mark.parametrize("place", ["", "/resourceGroups/prod", "/resourcegroups/PROD"])
def test_caches_are_listed(twin: Twin, place: str) -> None:
    """By subscription, by group, in any casing."""
    path = f"/subscriptions/{twin.state.subscription}{place}/providers/Microsoft.Cache/redis"

    listed = twin.ok("GET", path, version=REDIS)

    assert [each["name"] for each in listed["value"]] == ["contoso"]


def test_a_cache_is_made_and_goes(twin: Twin) -> None:
    """201 with keys and both headers; 202 with a location only, polled to 200."""
    stem = f"/subscriptions/{twin.state.subscription}/resourceGroups/prod/providers"
    path = f"{stem}/Microsoft.Cache/redis/third"

    made = twin.ask("PUT", path, NEW, version=REDIS)

    assert made.status == 201
    assert made.body["properties"]["provisioningState"] == "Creating"
    assert made.body["properties"]["sku"]["family"] == "P"
    assert len(made.body["properties"]["accessKeys"]["primaryKey"]) == 44
    assert "/asyncOperations/" in made.headers["azure-asyncoperation"]
    assert ended(twin, made).body["status"] == "Succeeded"
    assert twin.ok("GET", path, version=REDIS)["properties"]["provisioningState"] == "Succeeded"

    gone = twin.ask("DELETE", path, version=REDIS)

    assert gone.status == 202
    assert "azure-asyncoperation" not in gone.headers
    assert ended(twin, gone).status == 200
    assert twin.ask("GET", path, version=REDIS).status == 404
    assert twin.ask("DELETE", path, version=REDIS).status == 204


def test_operations_take_their_time_where_a_world_says_so(twin: Twin) -> None:
    """In progress first, and the state is Scaling until it is over."""
    twin.state.takes_s = 0.2
    body = {"properties": {"sku": {"name": "Premium", "family": "P", "capacity": 2}}}

    said = twin.redis("PATCH", "", body)

    assert said.status == 202
    assert said.body["properties"]["provisioningState"] == "Scaling"
    began = twin.follow("GET", said.headers["azure-asyncoperation"])
    assert began.body["status"] == "InProgress"
    assert ended(twin, said).body["status"] == "Succeeded"
    after = twin.redis("GET").body["properties"]
    assert after["provisioningState"] == "Succeeded"
    assert after["redisConfiguration"]["maxclients"] == "15000"


def test_settings_change_at_once(twin: Twin) -> None:
    """200 with the whole cache; what was not named stays."""
    said = twin.redis("PATCH", "", {"properties": {"minimumTlsVersion": "1.1"}, "tags": {"a": "b"}})

    assert said.status == 200
    assert said.body["properties"]["minimumTlsVersion"] == "1.1"
    assert said.body["properties"]["publicNetworkAccess"] == "Enabled"
    assert said.body["tags"] == {"a": "b"}


def test_firewall_rules_come_and_go(twin: Twin) -> None:
    """201 when new, 200 when replaced, names with the cache's before them, 200 and 204 at the end."""
    new = twin.redis("PUT", "/firewallRules/app2", RULE)
    again = twin.redis("PUT", "/firewallRules/app2", RULE)

    assert (new.status, again.status) == (201, 200)
    assert new.headers["location"].startswith(twin.server.url)
    assert new.body["name"] == "contoso/app2"
    shown = twin.redis("GET", "/firewallRules/APP2").body
    assert shown["properties"] == new.body["properties"]
    assert shown["id"].lower() == new.body["id"].lower()
    names = [each["name"] for each in twin.redis("GET", "/firewallRules").body["value"]]
    assert names == ["contoso/app", "contoso/office", "contoso/app2"]
    gone = twin.redis("DELETE", "/firewallRules/app2")
    assert (gone.status, gone.body) == (200, None)
    assert twin.redis("DELETE", "/firewallRules/app2").status == 204


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"startIP": "198.51.100.1"},
        {"startIP": "2001:db8::1", "endIP": "2001:db8::2"},
        {"startIP": "198.51.100.9", "endIP": "198.51.100.1"},
        {"startIP": "198.51.100.300", "endIP": "198.51.100.300"},
    ],
)
def test_a_rule_that_is_none_is_refused(twin: Twin, properties: dict[str, str]) -> None:
    """400, and nothing was written."""
    said = twin.redis("PUT", "/firewallRules/bad", {"properties": properties})

    assert said.status == 400
    assert said.body["error"]["code"] == "InvalidRequestBody"
    assert twin.redis("GET", "/firewallRules/bad").status == 404


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sku", {"name": "Basic", "family": "P", "capacity": 1}),
        ("sku", {"name": "Premium", "family": "P", "capacity": 9}),
        ("minimumTlsVersion", "1.4"),
        ("publicNetworkAccess", "maybe"),
        ("enableNonSslPort", "yes"),
        ("shardCount", -1),
    ],
)
def test_a_setting_that_is_none_is_refused(twin: Twin, name: str, value: object) -> None:
    """400 that names it, and the cache is as it was."""
    before = twin.redis("GET").body

    said = twin.redis("PATCH", "", {"properties": {name: value}})

    assert said.status == 400
    assert name in said.body["error"]["target"]
    assert twin.redis("GET").body == before


def test_keys_are_told_and_made_anew(twin: Twin) -> None:
    """One at a time; none of them stands in the activity log or in a document."""
    before = twin.redis("POST", "/listKeys").body
    after = twin.redis("POST", "/regenerateKey", {"keyType": "Secondary"}).body

    assert after["primaryKey"] == before["primaryKey"]
    assert after["secondaryKey"] != before["secondaryKey"]
    assert twin.redis("POST", "/listKeys").body == after
    assert twin.redis("POST", "/regenerateKey", {"keyType": "both"}).status == 400
    for key in (*before.values(), *after.values()):
        assert key not in repr(twin.state.events)
        assert key not in repr(twin.state.documents)


def test_a_patch_schedule_is_set_and_removed(twin: Twin) -> None:
    """Recorded: 200 for both, the type with a capital P."""
    entries = {"scheduleEntries": [{"dayOfWeek": "tuesday", "startHourUtc": 1}]}

    said = twin.redis("PUT", "/patchSchedules/default", {"properties": entries})

    assert said.body["properties"]["scheduleEntries"][0] == {
        "dayOfWeek": "Tuesday",
        "startHourUtc": 1,
        "maintenanceWindow": "PT5H",
    }
    assert said.body["type"] == "Microsoft.Cache/Redis/PatchSchedules"
    assert twin.redis("GET", "/patchSchedules").body["value"] == [said.body]
    assert twin.redis("DELETE", "/patchSchedules/default").status == 200
    assert twin.redis("GET", "/patchSchedules/default").status == 404


def test_policies_are_given_to_identities(twin: Twin) -> None:
    """Three are built in; one's own are for all keys if nothing is said."""
    own = twin.redis("PUT", "/accessPolicies/reads", {"properties": {"permissions": "+get +mget"}})
    given = {"objectId": "3f1c9a52-7d44-4be0-9a59-0c6f5b1e2d77", "objectIdAlias": "app"}
    to = {"properties": {**given, "accessPolicyName": "reads"}}
    assigned = twin.redis("PUT", "/accessPolicyAssignments/app", to)

    assert own.body["properties"]["permissions"] == "+get +mget allkeys"
    assert [each["name"] for each in twin.redis("GET", "/accessPolicies").body["value"]] == [
        "Data Owner",
        "Data Contributor",
        "Data Reader",
        "reads",
    ]
    assert assigned.body["properties"]["provisioningState"] == "Updating"
    assert ended(twin, assigned).body["status"] == "Succeeded"
    listed = twin.redis("GET", "/accessPolicyAssignments").body["value"]
    assert [each["properties"]["accessPolicyName"] for each in listed] == ["reads"]
    assert twin.redis("DELETE", "/accessPolicyAssignments/app").status == 202
    assert twin.redis("DELETE", "/accessPolicies/reads").status == 202
    assert twin.redis("GET", "/accessPolicies/reads").status == 404
    assert twin.redis("GET", "/accessPolicies/data%20owner".replace("%20", " ")).status == 200


def test_geo_replication_shows_at_both_ends(twin: Twin) -> None:
    """What is a secondary here is a primary there, and both go together."""
    stem = f"/subscriptions/{twin.state.subscription}/resourceGroups/prod/providers"
    other = f"{stem}/Microsoft.Cache/Redis/third"
    twin.ok("PUT", other, NEW, version=REDIS)
    asked = {
        "linkedRedisCacheId": other,
        "linkedRedisCacheLocation": "West Europe",
        "serverRole": "Secondary",
    }

    linked = twin.redis("PUT", "/linkedServers/third", {"properties": asked})

    assert linked.status == 201
    assert linked.body["properties"]["serverRole"] == "Secondary"
    back = twin.ok("GET", f"{other}/linkedServers/contoso", version=REDIS)
    assert back["properties"]["serverRole"] == "Primary"
    assert back["properties"]["primaryHostName"] == "contoso.redis.cache.windows.net"
    assert len(twin.redis("GET").body["properties"]["linkedServers"]) == 1
    assert twin.redis("DELETE", "/linkedServers/third").status == 202
    assert twin.ok("GET", f"{other}/linkedServers", version=REDIS)["value"] == []


def test_a_rejected_endpoint_is_told_at_both_ends(twin: Twin) -> None:
    """The connection and the endpoint are two documents of one thing."""
    (connection,) = twin.redis("GET", "/privateEndpointConnections").body["value"]
    where = f"/privateEndpointConnections/{connection['name']}"
    decision = {"privateLinkServiceConnectionState": {"status": "Rejected", "description": "no"}}

    said = twin.redis("PUT", where, {"properties": decision})

    assert said.status == 201
    assert ended(twin, said).body["status"] == "Succeeded"
    endpoint = twin.ok("GET", connection["properties"]["privateEndpoint"]["id"])
    (told,) = endpoint["properties"]["privateLinkServiceConnections"]
    assert told["properties"]["privateLinkServiceConnectionState"]["status"] == "Rejected"
    assert twin.redis("DELETE", where).status == 200
    endpoint = twin.ok("GET", connection["properties"]["privateEndpoint"]["id"])
    (told,) = endpoint["properties"]["privateLinkServiceConnections"]
    assert told["properties"]["privateLinkServiceConnectionState"]["status"] == "Disconnected"
    assert "privateEndpointConnections" not in twin.redis("GET").body["properties"]


def test_the_rest_answers_too(twin: Twin) -> None:
    """Reboot, flush, export, import, notifications, link resources, names, operations."""
    assert twin.redis("POST", "/forceReboot", {"rebootType": "AllNodes"}).body == {
        "message": "reboot operation enqueued"
    }
    assert twin.redis("POST", "/forceReboot", {"rebootType": "Some"}).status == 400
    assert ended(twin, twin.redis("POST", "/flush")).body["status"] == "Succeeded"
    assert twin.redis("POST", "/export", {"prefix": "a", "container": "b"}).status == 202
    assert twin.redis("POST", "/import", {"files": ["a"]}).status == 202
    assert twin.redis("GET", "/listUpgradeNotifications").body == {"value": []}
    (link,) = twin.redis("GET", "/privateLinkResources").body["value"]
    assert link["properties"]["groupId"] == "redisCache"
    names = f"/subscriptions/{twin.state.subscription}/providers/Microsoft.Cache"
    check = {"type": "Microsoft.Cache/Redis", "name": "free"}
    assert twin.ask("POST", f"{names}/checkNameAvailability", check, version=REDIS).status == 200
    check["name"] = "CONTOSO"
    assert twin.ask("POST", f"{names}/checkNameAvailability", check, version=REDIS).status == 409
    listed = twin.ok("GET", "/providers/Microsoft.Cache/operations", version=REDIS)["value"]
    assert "Microsoft.Cache/redis/listKeys/action" in [each["name"] for each in listed]


def test_a_lock_holds(twin: Twin) -> None:
    """A group that may not be deleted from keeps its caches."""
    group = f"/subscriptions/{twin.state.subscription}/resourceGroups/prod"
    lock = f"{group}/providers/Microsoft.Authorization/locks/keep"
    twin.ok("PUT", lock, {"properties": {"level": "CanNotDelete"}}, version="2020-05-01")

    said = twin.redis("DELETE")

    assert (said.status, said.body["error"]["code"]) == (409, "ScopeLocked")
    assert twin.redis("GET").status == 200


def test_who_did_it_stands_in_the_activity_log(twin: Twin) -> None:
    """Each write leaves a beginning and an end, tied together, with name and address."""
    twin.redis("DELETE", "/firewallRules/app")

    began, end = twin.state.events[-2:]
    assert [each["status"]["value"] for each in (began, end)] == ["Started", "Succeeded"]
    assert began["correlationId"] == end["correlationId"]
    assert end["operationName"]["value"] == "Microsoft.Cache/redis/firewallRules/delete"
    assert end["resourceId"].endswith("/redis/contoso/firewallRules/app".replace("redis", "Redis"))
    assert end["caller"] == "anna@contoso.example"
    assert end["httpRequest"]["clientIpAddress"] == "203.0.113.7"
