"""What Azure was recorded to say becomes evidence, and nothing that a cause needs is dropped.

Each answer is held against what a direct look into its JSON finds, written here apart from the reader.
"""

from __future__ import annotations

import copy
import functools
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refused.evidence.bundle import Bundle
from refused.evidence.control_plane import AzureCache, FirewallRules, PrivateEndpoint
from refused.evidence.observations import Unseen
from refused.evidence.target import Target
from refused.probes.azure import cache as caches
from refused.probes.azure import find, monitor, network
from refused.probes.azure.fleet import read_all
from refused.probes.azure.ways import dig, seconds_of
from tests.probes.azure.planes import Papers, Reply, Scripted, error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.observations import Observation
    from tests.probes.azure.planes import Asked

pytestmark = pytest.mark.shared

SHARED = Path(os.environ.get("REFUSED_SHARED") or Path(__file__).resolve().parents[4] / "shared")
STAMP: dict[str, Any] = {"vantage": "control-plane", "at": 0.0, "took_ms": 0.0, "source": "ARM"}
ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Cache/Redis/c"


@functools.cache
def exchanges() -> list[dict[str, Any]]:
    """Return every recorded answer with a body and no error."""
    found = []
    for file in sorted((SHARED / "azure-contract" / "recordings").glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            one = json.loads(line)
            if one["status"] in (200, 201, 202) and isinstance(one["response_body"], dict):
                found.append(one)
    return found


def bodies(pattern: str, method: str = "GET") -> Iterator[tuple[str, Any]]:
    """Yield path and body of each answer whose path, without its query, ends in *pattern*."""
    wanted = re.compile(f"(?:{pattern})/?", re.IGNORECASE)
    for one in exchanges():
        path = re.sub(r"^https?://[^/]+/*", "/", one["url"].partition("?")[0])
        if one["method"] == method and re.search(wanted.pattern + "$", path, re.IGNORECASE):
            yield path, one["response_body"]


def documents(kind: str, method: str = "GET") -> list[Any]:
    """Return every resource of a type, from answers about one and from lists."""
    found = []
    for _, body in bodies(rf"{kind}/[^/]+", method):
        if body.get("id"):
            found.append(body)
    if method == "GET":
        for _, body in bodies(kind):
            found += [each for each in body.get("value", []) if isinstance(each, dict)]
    return found


def travels(*facts: Observation | None) -> None:
    """Check that observations survive being saved and read."""
    kept = tuple(fact for fact in facts if fact is not None)
    target = Target(text="x", form="host", host="x", port=1, tls=True)
    bundle = Bundle(target=target, taken_at=0.0, tool="t", facts=kept)
    assert Bundle.from_json(json.loads(json.dumps(bundle.to_json()))).facts == kept


# --- the cache --------------------------------------------------------------------------------------


def test_every_azure_cache_for_redis() -> None:
    """States, ports, access, limits, nodes and partners come through."""
    seen = documents("Microsoft.Cache/redis") + [
        body for method in ("PUT", "PATCH") for body in documents("Microsoft.Cache/redis", method)
    ]
    assert len(seen) > 80
    for body in seen:
        made, inside = caches.cache_of(body, STAMP), body["properties"]
        assert made is not None
        travels(made)
        assert (made.service, made.id, made.location) == ("acr", body["id"], body["location"])
        assert made.host == inside["hostName"].lower()
        assert made.provisioning_state == inside["provisioningState"]
        assert (made.sku, made.family, made.capacity) == tuple(inside["sku"].values())
        assert made.tls_port == inside["sslPort"]
        assert made.plain_port == (inside["port"] if inside["enableNonSslPort"] else None)
        assert made.public_access == inside.get("publicNetworkAccess")
        assert made.min_tls == inside.get("minimumTlsVersion")
        assert made.redis_version == inside["redisVersion"]
        configuration = inside.get("redisConfiguration") or {}
        wanted = configuration.get("maxclients")
        assert made.max_clients == (None if wanted is None else int(wanted))
        off = inside.get("disableAccessKeyAuthentication")
        assert made.access_keys == (None if off is None else not off)
        entra = configuration.get("aad-enabled")
        assert made.entra == (None if entra is None else entra.lower() == "true")
        assert [(p, t) for p, t, _ in made.node_ports] == [
            (each.get("nonSslPort", 0), each.get("sslPort", 0))
            for each in inside.get("instances") or []
        ]
        assert sum(first for _, _, first in made.node_ports) == sum(
            each.get("isPrimary", each.get("isMaster", False))
            for each in inside.get("instances") or []
        )
        assert made.shards == inside.get("shardCount")
        assert made.subnet_id == inside.get("subnetId")
        assert list(made.zones) == (body.get("zones") or [])
        assert [each.id for each in made.linked_servers] == [
            each["id"] for each in inside["linkedServers"] or []
        ]
        kept = dict(made.settings)
        for name, value in configuration.items():
            if "connection-string" not in name:
                assert kept[name] == str(value)


def test_every_enterprise_cluster_with_its_database() -> None:
    """Both levels are read: a running cluster may hold a database that is not."""
    bases: dict[str, Any] = {}
    for _, body in bodies(r"redisEnterprise/[^/]+/databases/[^/]+"):
        bases[body["id"].lower().rpartition("/databases/")[0]] = body
    clusters = documents("Microsoft.Cache/redisEnterprise")
    assert len(clusters) > 20
    assert len(bases) > 5
    kinds = set()
    for body in clusters:
        base = bases.get(body["id"].lower())
        made, inside = caches.cache_of(body, STAMP, base), body["properties"]
        assert made is not None
        travels(made)
        kinds.add(made.service)
        assert made.service == ("acre" if body["sku"]["name"].startswith("Enterprise") else "amr")
        assert made.host == inside["hostName"].lower()
        assert made.sku == body["sku"]["name"]
        assert made.capacity == body["sku"].get("capacity")
        assert made.min_tls == inside.get("minimumTlsVersion")
        assert made.public_access == inside.get("publicNetworkAccess")
        if base is None:
            assert made.resource_state == inside.get("resourceState")
            continue
        below = base["properties"]
        assert made.tls_port == below["port"]
        assert made.tls == (below["clientProtocol"] == "Encrypted")
        assert made.clustering_policy == below["clusteringPolicy"]
        assert made.eviction_policy == below["evictionPolicy"]
        keys = below.get("accessKeysAuthentication")
        assert made.access_keys == (None if keys is None else keys == "Enabled")
        states = {below.get("resourceState"), inside.get("resourceState")} - {None}
        assert made.resource_state in states
        assert made.resource_state == "Running" or states != {"Running"}
    assert kinds == {"acre", "amr"}


def test_geo_replicated_databases_know_their_peers() -> None:
    """All but the database itself, with the state of the link."""
    found = 0
    for _, body in bodies(r"redisEnterprise/[^/]+/databases/[^/]+"):
        linked = dig(body, "properties", "geoReplication", "linkedDatabases") or []
        cluster = {"id": body["id"].rpartition("/databases/")[0], "properties": {}}
        made = caches.cache_of(cluster, STAMP, body)
        assert made is not None
        others = [each for each in linked if each["id"].lower() != body["id"].lower()]
        assert list(made.geo_peers) == [each["id"] for each in others]
        assert [each.state for each in made.linked_servers] == [each["state"] for each in others]
        found += len(others)
    assert found > 0


def test_every_firewall_rule() -> None:
    """A name without the cache's, and both ends."""
    found = 0
    for _, body in bodies("firewallRules"):
        made = caches.rules_of(body, ID, STAMP)
        travels(made)
        assert [(r.name, r.first, r.last) for r in made.rules] == [
            (each["name"].split("/")[-1], *each["properties"].values()) for each in body["value"]
        ]
        found += len(made.rules)
    assert found > 3


def test_every_patch_schedule() -> None:
    """Listed or alone, with the window's length."""
    found = 0
    for _, body in [*bodies("patchSchedules"), *bodies("patchSchedules/default")]:
        made = caches.windows_of(body, ID, STAMP)
        travels(made)
        entries = [
            entry
            for each in body.get("value", [body])
            for entry in each["properties"]["scheduleEntries"]
        ]
        assert [(day, hour) for day, hour, _ in made.windows] == [
            (each["dayOfWeek"], each["startHourUtc"]) for each in entries
        ]
        for (_, _, hours), each in zip(made.windows, entries, strict=True):
            assert f"PT{hours:g}H" == each.get("maintenanceWindow", "PT5H")
        found += len(entries)
    assert found > 2


def test_every_linked_server() -> None:
    """The partner's id, its role and how far the link is."""
    body = {"id": ID, "properties": {"hostName": "c.redis.cache.windows.net"}}
    cache = caches.cache_of(body, STAMP)
    assert cache is not None
    found = 0
    singles = [{"value": [body]} for _, body in bodies("linkedServers/[^/]+")]
    for listed in [*(body for _, body in bodies("linkedServers")), *singles]:
        made = caches.with_partners(cache, listed)
        travels(made)
        assert [(each.id, each.role, each.state) for each in made.linked_servers] == [
            (
                each["properties"]["linkedRedisCacheId"],
                each["properties"]["serverRole"],
                each["properties"]["provisioningState"],
            )
            for each in listed["value"]
        ]
        found += len(listed["value"])
    assert found > 5


def test_every_access_assignment() -> None:
    """Who, and with which policy, on both services."""
    found = 0
    singles = [{"value": [body]} for _, body in bodies("accessPolicyAssignments/[^/]+")]
    for body in [*(body for _, body in bodies("accessPolicyAssignments")), *singles]:
        made = caches.assignments_of(body, ID, STAMP)
        travels(made)
        for (who, _, policy), each in zip(made.assignments, body["value"], strict=True):
            inside = each["properties"]
            assert who == (inside.get("objectId") or inside["user"]["objectId"])
            assert policy == inside["accessPolicyName"]
            found += 1
    assert found > 10


# --- the network --------------------------------------------------------------------------------------


def test_every_private_endpoint_connection() -> None:
    """Its state, and the endpoint behind it."""
    found = 0
    bodies_ = [
        *bodies("privateEndpointConnections"),
        *bodies(r"Microsoft.Cache/redis(?:Enterprise)?/[^/]+"),
    ]
    for _, body in bodies_:
        listed = body.get("value") or dig(body, "properties", "privateEndpointConnections") or []
        made = [network.endpoint_of(each, ID, STAMP) for each in network.connections_of(body)]
        travels(*made)
        assert len(made) == len(listed)
        for one, each in zip(made, listed, strict=True):
            assert one is not None
            inside = each["properties"]
            assert one.connection_id == each["id"]
            assert one.endpoint_id == dig(inside, "privateEndpoint", "id")
            assert one.state == inside["privateLinkServiceConnectionState"]["status"]
            found += 1
    assert found > 0


def test_every_private_endpoint() -> None:
    """Its subnet, and every address and name in its DNS configuration."""
    empty = network.endpoint_of({"id": f"{ID}/privateEndpointConnections/x"}, ID, STAMP)
    assert empty is not None
    seen = documents("privateEndpoints")
    assert len(seen) > 10
    addresses = 0
    for body in seen:
        made, inside = network.with_endpoint(empty, body), body["properties"]
        travels(made)
        assert made.endpoint_seen
        assert made.subnet_id == inside["subnet"]["id"]
        configs = inside.get("customDnsConfigs") or []
        assert set(made.addresses) >= {a for each in configs for a in each["ipAddresses"]}
        assert len(made.dns_names) == sum(len(each["ipAddresses"]) for each in configs)
        assert len(network.interfaces_of(body)) == len(inside.get("networkInterfaces") or [])
        addresses += len(made.addresses)
    assert addresses > 0


def test_every_network_interface() -> None:
    """Every private address, and the subnets it stands in."""
    empty = network.endpoint_of({"id": f"{ID}/privateEndpointConnections/x"}, ID, STAMP)
    assert empty is not None
    seen = documents("networkInterfaces")
    assert seen
    for body in seen:
        configs = body["properties"]["ipConfigurations"]
        made = network.with_interface(empty, body)
        travels(made)
        assert set(made.addresses) == {
            each["properties"]["privateIPAddress"]
            for each in configs
            if "privateIPAddress" in each["properties"]
        }
        subnets, _ = network.subnets_of_interface(body)
        assert set(subnets) == {each["properties"]["subnet"]["id"] for each in configs}


def test_every_zone_group() -> None:
    """The zones an endpoint keeps in step, and the records it wrote."""
    empty = network.endpoint_of({"id": f"{ID}/privateEndpointConnections/x"}, ID, STAMP)
    assert empty is not None
    groups = documents("privateDnsZoneGroups")
    assert groups
    for group in groups:
        made = network.with_zone_groups(empty, {"value": [group]})
        travels(made)
        configs = group["properties"]["privateDnsZoneConfigs"]
        assert list(made.zone_ids) == [each["properties"]["privateDnsZoneId"] for each in configs]
        assert len(made.zone_group_records) == sum(
            len(record["ipAddresses"])
            for each in configs
            for record in each["properties"].get("recordSets") or []
        )


def test_every_security_group() -> None:
    """All rules, the default ones marked, each with every prefix, group and port."""
    seen = documents("networkSecurityGroups")
    assert len(seen) > 10
    plural = 0
    for body in seen:
        made, inside = network.group_of(body, "client", "s", (), STAMP), body["properties"]
        assert made is not None
        travels(made)
        listed = [(each, False) for each in inside["securityRules"]]
        listed += [(each, True) for each in inside["defaultSecurityRules"]]
        assert len(made.rules) == len(listed)
        for rule, (each, is_default) in zip(made.rules, listed, strict=True):
            said = each["properties"]
            assert (rule.name, rule.default) == (each["name"], is_default)
            assert (rule.priority, rule.direction) == (said["priority"], said["direction"])
            assert (rule.access, rule.protocol) == (said["access"], said["protocol"])
            for side, ends, ports in (
                ("source", rule.sources, rule.source_ports),
                ("destination", rule.destinations, rule.destination_ports),
            ):
                wanted = [said.get(f"{side}AddressPrefix"), *said.get(f"{side}AddressPrefixes", [])]
                wanted += [g["id"] for g in said.get(f"{side}ApplicationSecurityGroups", [])]
                assert set(ends) == set(wanted) - {None, ""}
                named = [said.get(f"{side}PortRange"), *said.get(f"{side}PortRanges", [])]
                assert set(ports) == set(named) - {None, ""}
                plural += len(ends) > 1 or len(ports) > 1
    assert plural > 0


def test_every_route_table() -> None:
    """Every route, where it leads, and whether gateways may add their own."""
    seen = documents("routeTables")
    assert len(seen) > 3
    routes = 0
    for body in seen:
        made, inside = network.routes_of(body, "client", "s", STAMP), body["properties"]
        assert made is not None
        travels(made)
        assert [(r.name, r.prefix, r.next_hop, r.next_hop_address) for r in made.routes] == [
            (
                each["name"],
                each["properties"]["addressPrefix"],
                each["properties"]["nextHopType"],
                each["properties"].get("nextHopIpAddress") or None,
            )
            for each in inside["routes"]
        ]
        off = inside.get("disableBgpRoutePropagation")
        assert made.gateway_routes == (None if off is None else not off)
        routes += len(made.routes)
    assert routes > 0


def test_every_subnet_in_its_network() -> None:
    """Found in the network's own resource, with rules, routes, prefixes and DNS servers."""
    seen = documents("virtualNetworks")
    found = 0
    for body in seen:
        for each in body["properties"]["subnets"]:
            assert network.subnet_in(body, each["id"].upper()) is each
            assert network.network_of(each["id"]).lower() == body["id"].lower()
            made = network.subnet_of(each, body, each["id"], "client", STAMP)
            travels(made)
            inside = each["properties"]
            wanted = [inside.get("addressPrefix"), *inside.get("addressPrefixes", [])]
            assert set(made.prefixes) == set(wanted) - {None}
            assert made.nsg_id == dig(inside, "networkSecurityGroup", "id")
            assert made.route_table_id == dig(inside, "routeTable", "id")
            assert made.endpoint_policies == inside.get("privateEndpointNetworkPolicies")
            peerings = [
                one["properties"] for one in body["properties"].get("virtualNetworkPeerings", [])
            ]
            assert list(made.closed_peers) == [
                one["remoteVirtualNetwork"]["id"]
                for one in peerings
                if one.get("allowVirtualNetworkAccess") is False
            ]
            assert (
                list(made.network_prefixes)
                == (body["properties"]["addressSpace"]["addressPrefixes"])
            )
            found += 1
    for body in documents(r"virtualNetworks/[^/]+/subnets"):
        made = network.subnet_of(body, None, body["id"], "client", STAMP)
        assert made.prefixes
        found += 1
    assert found > 20


def test_every_zone_record_and_link() -> None:
    """Addresses by name, and which networks see the zone, falling back or not."""
    links = 0
    for path, body in bodies(r"privateDnsZones/[^/]+/virtualNetworkLinks"):
        zone = path.rpartition("/virtualNetworkLinks")[0]
        made = network.zone_of(zone, "x", {}, body, STAMP)
        travels(made)
        for link, each in zip(made.links, body["value"], strict=True):
            inside = each["properties"]
            assert link.network_id == inside["virtualNetwork"]["id"]
            assert link.state == inside["virtualNetworkLinkState"]
            policy = inside.get("resolutionPolicy")
            assert link.fallback == (None if policy is None else policy == "NxDomainRedirect")
            links += 1
    assert links > 3
    records = 0
    for path, body in [
        *bodies(r"privateDnsZones/[^/]+/A"),
        *bodies(r"privateDnsZones/[^/]+/A/[^/]+"),
    ]:
        zone = path.partition("/A")[0] if path.endswith("/A") else path.rpartition("/A/")[0]
        made = network.zone_of(zone, "x", body, None, STAMP)
        wanted = [
            (each["name"].lower(), record["ipv4Address"])
            for each in body.get("value", [body])
            for record in each["properties"]["aRecords"]
        ]
        assert list(made.records) == wanted[: network.MOST_RECORDS]
        records += len(wanted)
    assert records > 5


# --- over time ------------------------------------------------------------------------------------------


def test_every_metric() -> None:
    """Each series with all its points, by the aggregation that the answer has."""
    points = 0
    for _, body in bodies("insights/metrics"):
        made = monitor.metrics_of(body, ID, {}, (0.0, 1.0), STAMP)
        travels(*made)
        series = [one for each in body["value"] for one in each["timeseries"] or [{}]]
        assert len(made) == len(series)
        for metric, one in zip(made, series, strict=True):
            valued = [each for each in one.get("data", []) if len(each) > 1]
            assert len(metric.points) == len(valued)
            points += len(valued)
    assert points > 100


def test_every_record_of_an_activity_log() -> None:
    """When, what and on what; of the caches and networks, the last word of each change."""
    found = 0
    for _, body in bodies(r"eventtypes/management/values"):
        for event in body["value"]:
            made = monitor._change(event, STAMP)
            assert made is not None
            travels(made)
            if "eventTimestamp" in event:
                assert made.when == seconds_of(event["eventTimestamp"])
            assert made.operation == event["operationName"]["value"]
            resource = event.get("resourceId") or event["id"].rpartition("/events/")[0]
            assert made.resource_id == resource
            found += 1
    assert found > 10


def test_every_query_of_resource_graph() -> None:
    """Rows come through whichever way they are laid out."""
    found = 0
    for _, body in bodies("Microsoft.ResourceGraph/resources", "POST"):
        rows = find._rows(body)
        assert rows is not None
        assert len(rows) == body["count"]
        found += len(rows)
    assert found > 3


def test_every_cache_is_found_in_its_lists() -> None:
    """A row has id, name, type and host name."""
    found = 0
    for _, body in [*bodies("Microsoft.Cache/redis"), *bodies("Microsoft.Cache/redisEnterprise")]:
        for each in body["value"]:
            row = find._row(each)
            assert row is not None
            assert row.host == each["properties"]["hostName"].lower()
            assert find._fits(row, row.host)
            found += 1
    assert found > 3


# --- replayed ---------------------------------------------------------------------------------------------


def test_every_recorded_cache_is_read_from_a_plane_that_replays_it(papers: Papers) -> None:
    """Over https, with all that was recorded around it; the rest answers 404, as for a gone thing."""
    told: dict[str, Any] = {}
    # What was only ever created, and never read, is what it was created as.
    for method in ("PUT", "GET"):
        for path, body in bodies(".*", method):
            # Of several the fullest: at a recording's end everything is gone again.
            told[path.lower().rstrip("/")] = max(
                body, told.get(path.lower().rstrip("/"), {}), key=lambda each: len(json.dumps(each))
            )

    def script(asked: Asked) -> Reply:
        body = told.get(asked.path.lower().rstrip("/"))
        return error(404, "ResourceNotFound") if body is None else Reply(body)

    ids = {
        body["id"]
        for method in ("PUT", "GET")
        for _, body in bodies(r"Microsoft.Cache/redis(?:Enterprise)?/[^/]+", method)
        if body.get("id")
    }
    assert len(ids) > 15
    # Of one with a private endpoint only what is below it was recorded.
    ids |= {path.rpartition("/")[0] for path, _ in bodies("privateEndpointConnections")}
    endpoints = rules = 0
    with Scripted(papers, script) as server:
        for cache_id, facts in read_all(server.plane(60), sorted(ids)):
            made = [fact.id.lower() for fact in facts if isinstance(fact, AzureCache)]
            assert made == ([cache_id.lower()] if cache_id.lower() in told else [])
            assert not [f for f in facts if isinstance(f, Unseen) and "within refused" in f.why]
            endpoints += sum(isinstance(f, PrivateEndpoint) and f.endpoint_seen for f in facts)
            rules += sum(len(f.rules) for f in facts if isinstance(f, FirewallRules))
    assert endpoints > 0
    assert rules > 0


# --- anything may be missing ------------------------------------------------------------------------------


def _spoil(data: Any, draw: Any) -> Any:
    """Return *data* with parts of it null, gone, of another type, or spelt in another case."""
    if isinstance(data, dict):
        made = {}
        for name, value in data.items():
            fate = draw(st.sampled_from("kkkkkkkkkkkkndtc"))
            if fate == "d":
                continue
            kept = {"n": None, "t": draw(st.sampled_from([[], {}, 0, "", "Odd", True, 1.5]))}
            made[name.upper() if fate == "c" else name] = (
                kept[fate] if fate in kept else _spoil(value, draw)
            )
        return made
    if isinstance(data, list):
        return [_spoil(each, draw) for each in data[:3]]
    return data


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_an_answer_that_is_spoilt_costs_no_more_than_itself(data: st.DataObject) -> None:
    """Nulls, odd types and other casing anywhere: observations or nothing, never an exception."""
    one = data.draw(st.sampled_from(exchanges()))
    body = _spoil(copy.deepcopy(one["response_body"]), data.draw)
    start = network.endpoint_of({"id": "x"}, ID, STAMP)
    assert start is not None
    cache = caches.cache_of({"id": ID}, STAMP)
    assert cache is not None
    travels(
        caches.cache_of(body, STAMP, body),
        caches.rules_of(body, ID, STAMP),
        caches.windows_of(body, ID, STAMP),
        caches.managed_windows_of(body, ID, STAMP),
        caches.assignments_of(body, ID, STAMP),
        caches.subscription_of(body, STAMP),
        caches.with_partners(cache, body),
        *caches.upgrades_of(body, ID, STAMP),
        *(network.endpoint_of(each, ID, STAMP) for each in network.connections_of(body)),
        network.with_endpoint(start, body),
        network.with_interface(start, body),
        network.with_zone_groups(start, body),
        network.zone_of(f"{ID}/privateDnsZones/z", "h.z", body, body, STAMP),
        network.subnet_of(body, body, f"{ID}/subnets/s", "client", STAMP),
        network.group_of(body, "client", "s", (), STAMP),
        network.routes_of(body, "client", "s", STAMP),
        *monitor.metrics_of(body, ID, {}, (0.0, 1.0), STAMP),
        *monitor.changes_of(body, ID, STAMP),
        *monitor.deployments_of(body, 0.0, STAMP),
        monitor.health_of(body, ID, STAMP),
        *monitor.events_of(body, "westeurope", STAMP),
    )
    monitor.failed_metrics(body)
    find._rows(body)
