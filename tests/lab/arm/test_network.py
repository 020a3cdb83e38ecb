"""Networks, rules, routes and endpoints, asked over https; the API descriptions look on."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from refused.lab.arm import nsg
from tests.lab.arm.plane import (
    CACHE,
    DNS,
    IN_GROUP,
    IN_SUB,
    MANAGED,
    Plane,
    Said,
    witness,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NET = f"{IN_GROUP}/Microsoft.Network"
VNET = f"{NET}/virtualNetworks/hub"
SUBNET = f"{VNET}/subnets/apps"
GROUP = f"{NET}/networkSecurityGroups/guard"
TABLE = f"{NET}/routeTables/ways"
ENDPOINT = f"{NET}/privateEndpoints/door"
ZONE = f"{NET}/privateDnsZones/privatelink.redis.cache.windows.net"
ALLOW: dict[str, Any] = {
    "protocol": "Tcp",
    "sourcePortRange": "*",
    "destinationPortRange": "6380",
    "sourceAddressPrefix": "*",
    "destinationAddressPrefix": "*",
    "access": "Allow",
    "priority": 200,
    "direction": "Inbound",
}


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    """Have a control plane with a network of one subnet."""
    with Plane(tmp_path) as up:
        network(up)
        yield up


def network(plane: Plane) -> None:
    """Make the network."""
    subnets = [{"name": "apps", "properties": {"addressPrefix": "10.1.0.0/24"}}]
    space = {"addressPrefixes": ["10.1.0.0/16"]}
    body = {"location": "westeurope", "properties": {"addressSpace": space, "subnets": subnets}}
    plane.ok("PUT", VNET, body)


def endpoint(target: str = CACHE, *, manual: bool = False) -> dict[str, Any]:
    """Return what is sent to make a private endpoint."""
    field = "manualPrivateLinkServiceConnections" if manual else "privateLinkServiceConnections"
    group = "redisCache" if target == CACHE else "redisEnterprise"
    connection = {
        "name": "to-cache",
        "properties": {"privateLinkServiceId": target, "groupIds": [group]},
    }
    return {
        "location": "westeurope",
        "properties": {"subnet": {"id": SUBNET}, field: [connection]},
    }


def test_a_network_says_it_is_updating_and_then_that_it_has_succeeded(plane: Plane) -> None:
    """The answer to PUT is the state at its beginning; az polls, and reads again."""
    body = {
        "location": "westeurope",
        "properties": {"addressSpace": {"addressPrefixes": ["10.9.0.0/16"]}},
    }
    made = plane.ask("PUT", f"{NET}/virtualNetworks/spoke", body)

    assert made.status == 201
    assert made.body["properties"]["provisioningState"] == "Updating"
    assert plane.follow("GET", made.headers["azure-asyncoperation"]).body["status"] == "Succeeded"
    seen = plane.ok("GET", f"{NET}/virtualnetworks/SPOKE")
    assert seen["name"] == "spoke"
    assert seen["properties"]["provisioningState"] == "Succeeded"
    assert seen["etag"] != made.body["etag"]


def test_a_subnet_is_written_alone_and_seen_in_its_network(plane: Plane) -> None:
    """The log names the subnet, not the network."""
    plane.ok("PUT", GROUP, {"location": "westeurope"})
    body = {"properties": {"addressPrefix": "10.1.7.0/24", "networkSecurityGroup": {"id": GROUP}}}
    made = plane.ask("PUT", f"{VNET}/subnets/data", body)

    assert made.status == 201
    assert plane.state.events[-1]["operationName"]["value"] == (
        "Microsoft.Network/virtualNetworks/subnets/write"
    )
    names = [each["name"] for each in plane.ok("GET", VNET)["properties"]["subnets"]]
    assert names == ["apps", "data"]
    assert plane.ok("GET", GROUP)["properties"]["subnets"] == [{"id": f"{VNET}/subnets/data"}]
    refused = plane.ask("DELETE", GROUP)
    assert refused.status == 400
    assert f"{VNET}/subnets/data" in refused.body["error"]["message"]


def test_two_networks_are_peered_when_both_want_it(plane: Plane) -> None:
    """One side alone has begun it; when one gives it up, the other is cut off."""
    spoke = f"{NET}/virtualNetworks/spoke"
    space = {"addressSpace": {"addressPrefixes": ["10.2.0.0/16"]}}
    plane.ok("PUT", spoke, {"location": "westeurope", "properties": space})

    def state(network: str) -> str:
        peering = plane.ok("GET", f"{network}/virtualNetworkPeerings/other")
        return str(peering["properties"]["peeringState"])

    for network, other in ((VNET, spoke), (spoke, VNET)):
        body = {"properties": {"remoteVirtualNetwork": {"id": other}}}
        plane.ok("PUT", f"{network}/virtualNetworkPeerings/other", body)
        if network == VNET:
            assert state(VNET) == "Initiated"
            assert nsg.next_hop(plane.state, SUBNET, "10.2.0.4")[0] == "None"
    assert (state(VNET), state(spoke)) == ("Connected", "Connected")
    assert nsg.next_hop(plane.state, SUBNET, "10.2.0.4")[0] == "VNetPeering"

    plane.ok("DELETE", f"{spoke}/virtualNetworkPeerings/other")
    assert state(VNET) == "Disconnected"
    assert nsg.next_hop(plane.state, SUBNET, "10.2.0.4")[0] == "None"


def test_a_security_group_has_six_default_rules_of_its_own(plane: Plane) -> None:
    """They are listed beside the rules, and cannot be written."""
    plane.ok("PUT", GROUP, {"location": "westeurope"})

    names = [each["name"] for each in plane.ok("GET", f"{GROUP}/defaultSecurityRules")["value"]]
    assert names == [
        "AllowVnetInBound",
        "AllowAzureLoadBalancerInBound",
        "DenyAllInBound",
        "AllowVnetOutBound",
        "AllowInternetOutBound",
        "DenyAllOutBound",
    ]
    assert plane.ok("GET", f"{GROUP}/securityRules")["value"] == []
    assert plane.ask("PUT", f"{GROUP}/defaultSecurityRules/DenyAllInBound", {}).status == 405


def test_two_rules_of_one_direction_cannot_have_one_priority(plane: Plane) -> None:
    """The other direction may have it; the first rule stays as it was."""
    plane.ok("PUT", GROUP, {"location": "westeurope"})
    plane.ok("PUT", f"{GROUP}/securityRules/one", {"properties": ALLOW})
    refused = plane.ask("PUT", f"{GROUP}/securityRules/two", {"properties": ALLOW})

    assert refused.status == 400
    assert refused.body["error"]["code"] == "SecurityRuleConflict"
    outbound = {"properties": {**ALLOW, "direction": "Outbound"}}
    assert plane.ask("PUT", f"{GROUP}/securityRules/two", outbound).status == 201
    assert len(plane.ok("GET", GROUP)["properties"]["securityRules"]) == 2


def test_a_rule_that_went_and_came_back_as_it_was(plane: Plane) -> None:
    """To undo is to PUT what a GET had shown."""
    plane.ok("PUT", GROUP, {"location": "westeurope"})
    plane.ok("PUT", f"{GROUP}/securityRules/one", {"properties": ALLOW})
    before = plane.ok("GET", GROUP)

    gone = plane.ask("DELETE", f"{GROUP}/securityRules/one")
    assert gone.status == 202
    assert plane.ask("GET", f"{GROUP}/securityRules/one").status == 404
    assert plane.ask("DELETE", f"{GROUP}/securityRules/one").status == 204
    plane.ok("PUT", GROUP, before)

    def told(document: dict[str, Any]) -> list[dict[str, Any]]:
        rules = document["properties"]["securityRules"]
        return [dict(each["properties"]) for each in rules]

    assert told(plane.ok("GET", GROUP)) == told(before)


def test_an_endpoint_takes_an_address_and_joins_the_cache(plane: Plane) -> None:
    """It has an interface; the cache has a connection, and its public door shuts."""
    made = plane.ask("PUT", ENDPOINT, endpoint())

    assert made.status == 201
    said = plane.ok("GET", ENDPOINT)["properties"]
    assert said["customDnsConfigs"] == [
        {"fqdn": "contoso.redis.cache.windows.net", "ipAddresses": ["10.1.0.4"]}
    ]
    (connection,) = said["privateLinkServiceConnections"]
    state = connection["properties"]["privateLinkServiceConnectionState"]
    assert (state["status"], state["description"]) == ("Approved", "Auto-Approved")
    interface = plane.ok("GET", said["networkInterfaces"][0]["id"])
    assert interface["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"] == (
        "10.1.0.4"
    )
    (below,) = plane.state.children(CACHE, "privateEndpointConnections")
    assert below["properties"]["privateEndpoint"]["id"] == ENDPOINT
    cache = plane.state.require(CACHE)
    assert cache["properties"]["publicNetworkAccess"] == "Disabled"


def test_an_endpoint_that_asks_waits_for_the_owner(plane: Plane) -> None:
    """A manual connection is pending, and the public door stays open."""
    plane.ok("PUT", ENDPOINT, endpoint(manual=True))

    (connection,) = plane.ok("GET", ENDPOINT)["properties"]["manualPrivateLinkServiceConnections"]
    state = connection["properties"]["privateLinkServiceConnectionState"]
    assert state["status"] == "Pending"
    assert plane.state.require(CACHE)["properties"]["publicNetworkAccess"] == "Enabled"


def test_an_endpoint_takes_all_of_it_along(plane: Plane) -> None:
    """Records, interface, connection and address are free again."""
    with_zone(plane)
    assert plane.ask("DELETE", ENDPOINT).status == 202

    assert plane.state.children(CACHE, "privateEndpointConnections") == []
    assert plane.state.of_type("Microsoft.Network/networkInterfaces") == []
    assert plane.ask("GET", f"{ZONE}/A/contoso", version=DNS).status == 404
    plane.ok("PUT", ENDPOINT, endpoint())
    said = plane.ok("GET", ENDPOINT)["properties"]
    assert said["customDnsConfigs"][0]["ipAddresses"] == ["10.1.0.4"]


def with_zone(plane: Plane) -> None:
    """Make a zone, an endpoint, and a group that joins them."""
    plane.ok("PUT", ZONE, {"location": "global"}, version=DNS)
    plane.ok("PUT", ENDPOINT, endpoint())
    config = {"name": "redis", "properties": {"privateDnsZoneId": ZONE}}
    body = {"properties": {"privateDnsZoneConfigs": [config]}}
    plane.ok("PUT", f"{ENDPOINT}/privateDnsZoneGroups/default", body)


def test_a_zone_group_writes_the_record_and_takes_it_away(plane: Plane) -> None:
    """As Azure does; the record says who made it."""
    with_zone(plane)
    record = plane.ok("GET", f"{ZONE}/A/contoso", version=DNS)

    assert record["properties"]["aRecords"] == [{"ipv4Address": "10.1.0.4"}]
    assert record["properties"]["metadata"]["creator"].startswith(
        "created by private endpoint door with resource guid "
    )
    group = plane.ok("GET", f"{ENDPOINT}/privateDnsZoneGroups/default")
    (config,) = group["properties"]["privateDnsZoneConfigs"]
    assert config["properties"]["recordSets"][0]["fqdn"] == (
        "contoso.privatelink.redis.cache.windows.net"
    )
    assert plane.ask("DELETE", f"{ENDPOINT}/privateDnsZoneGroups/default").status == 202
    assert plane.ask("GET", f"{ZONE}/A/contoso", version=DNS).status == 404


def test_a_managed_cache_has_its_region_in_the_record(plane: Plane) -> None:
    """Its host name has one label more than the zone's suffix."""
    zone = f"{NET}/privateDnsZones/privatelink.redis.azure.net"
    plane.ok("PUT", zone, {"location": "global"}, version=DNS)
    plane.ok("PUT", ENDPOINT, endpoint(MANAGED))
    config = {"name": "redis", "properties": {"privateDnsZoneId": zone}}
    body = {"properties": {"privateDnsZoneConfigs": [config]}}
    plane.ok("PUT", f"{ENDPOINT}/privateDnsZoneGroups/default", body)

    records = plane.ok("GET", f"{zone}/A", version=DNS)["value"]
    assert [each["name"] for each in records] == ["fabrikam.westeurope"]


def test_a_full_subnet_has_no_address_left(plane: Plane) -> None:
    """A /29 has three: Azure keeps five of the eight."""
    plane.ok("PUT", f"{VNET}/subnets/small", {"properties": {"addressPrefix": "10.1.9.0/29"}})
    place = {"name": "here", "properties": {"subnet": {"id": f"{VNET}/subnets/small"}}}
    body = {"location": "westeurope", "properties": {"ipConfigurations": [place]}}
    answers = [plane.ask("PUT", f"{NET}/networkInterfaces/nic{at}", body) for at in range(4)]

    assert [each.status for each in answers] == [201, 201, 201, 400]
    assert answers[-1].body["error"]["code"] == "SubnetIsFull"


def test_what_an_interface_is_subject_to_comes_after_a_while(plane: Plane) -> None:
    """POST says where to look; there stand the rules and the routes."""
    plane.ok(
        "PUT",
        GROUP,
        {
            "location": "westeurope",
            "properties": {"securityRules": [{"name": "one", "properties": ALLOW}]},
        },
    )
    route = {"name": "out", "properties": {"addressPrefix": "0.0.0.0/0", "nextHopType": "None"}}
    plane.ok("PUT", TABLE, {"location": "westeurope", "properties": {"routes": [route]}})
    subnet = {
        "addressPrefix": "10.1.0.0/24",
        "networkSecurityGroup": {"id": GROUP},
        "routeTable": {"id": TABLE},
    }
    plane.ok("PUT", SUBNET, {"properties": subnet})
    nic = f"{NET}/networkInterfaces/client"
    place = {"name": "here", "properties": {"subnet": {"id": SUBNET}}}
    plane.ok("PUT", nic, {"location": "westeurope", "properties": {"ipConfigurations": [place]}})

    asked = plane.ask("POST", f"{nic}/effectiveNetworkSecurityGroups")
    assert asked.status == 202
    (group,) = plane.follow("GET", asked.headers["location"]).body["value"]
    names = [each["name"] for each in group["effectiveSecurityRules"]]
    assert names[:2] == ["securityRules/one", "defaultSecurityRules/AllowVnetInBound"]

    asked = plane.ask("POST", f"{nic}/effectiveRouteTable")
    routes = plane.follow("GET", asked.headers["location"]).body["value"]
    told = {(each["source"], each["addressPrefix"][0]): each for each in routes}
    assert told["Default", "0.0.0.0/0"]["state"] == "Invalid"
    assert told["User", "0.0.0.0/0"]["nextHopType"] == "None"
    assert told["Default", "10.1.0.0/16"]["nextHopType"] == "VnetLocal"


def test_a_reader_without_the_right_is_told_which(plane: Plane) -> None:
    """Each operation names its own RBAC action."""
    plane.state.denied.append("Microsoft.Network/routeTables/routes/read")
    plane.ok("PUT", TABLE, {"location": "westeurope"})

    assert plane.ask("GET", TABLE).status == 200
    refused = plane.ask("GET", f"{TABLE}/routes")
    assert refused.status == 403
    assert "'Microsoft.Network/routeTables/routes/read'" in refused.body["error"]["message"]


@pytest.mark.shared
def test_every_answer_is_of_the_shape_that_is_described(tmp_path: Path, shared: Path) -> None:
    """The same deeds, with the API descriptions as witness."""
    held = witness(shared)
    before = held.checked
    with Plane(tmp_path, held) as plane:
        network(plane)
        with_zone(plane)
        plane.ok("PUT", GROUP, {"location": "westeurope"})
        plane.ok("PUT", f"{GROUP}/securityRules/one", {"properties": ALLOW})
        route = {"addressPrefix": "10.7.0.0/16", "nextHopType": "VirtualAppliance"}
        plane.ok("PUT", TABLE, {"location": "westeurope"})
        plane.ok("PUT", f"{TABLE}/routes/one", {"properties": route})
        subnet = {"addressPrefix": "10.1.0.0/24", "networkSecurityGroup": {"id": GROUP}}
        plane.ok("PUT", SUBNET, {"properties": subnet})
        nic = plane.ok("GET", ENDPOINT)["properties"]["networkInterfaces"][0]["id"]
        for where in (
            VNET,
            SUBNET,
            GROUP,
            f"{GROUP}/securityRules/one",
            TABLE,
            f"{TABLE}/routes/one",
        ):
            plane.ok("GET", where)
        for where in (
            nic,
            f"{ENDPOINT}/privateDnsZoneGroups/default",
            f"{GROUP}/defaultSecurityRules",
        ):
            plane.ok("GET", where)
        for kind in ("virtualNetworks", "networkSecurityGroups", "routeTables"):
            plane.ok("GET", f"{IN_SUB}/Microsoft.Network/{kind}")
            plane.ok("GET", f"{NET}/{kind}")
        for kind in ("networkInterfaces", "privateEndpoints"):
            plane.ok("GET", f"{IN_SUB}/Microsoft.Network/{kind}")
        plane.ok("GET", f"{VNET}/subnets")
        plane.ok("PATCH", GROUP, {"tags": {"team": "shop"}})
        for what in ("effectiveNetworkSecurityGroups", "effectiveRouteTable"):
            plane.ok("POST", f"{nic}/{what}")
        plane.ok("DELETE", f"{GROUP}/securityRules/one")
        plane.ok("DELETE", ENDPOINT)
    assert held.checked - before > 30


def test_the_sdk_reads_what_there_is(plane: Plane) -> None:
    """An independent witness of the shapes: it writes a rule, and reads all the rest."""
    sdk = pytest.importorskip("azure.mgmt.network")
    with_zone(plane)
    plane.ok("PUT", GROUP, {"location": "westeurope"})
    with plane.client(sdk.NetworkManagementClient) as client:
        rule = client.security_rules.begin_create_or_update(
            "prod", "guard", "one", {"properties": ALLOW}, polling_interval=0
        ).result()
        assert (rule.name, rule.properties.provisioning_state) == ("one", "Succeeded")
        (network,) = client.virtual_networks.list_all()
        assert network.properties.subnets[0].properties.address_prefix == "10.1.0.0/24"
        (door,) = client.private_endpoints.list("prod")
        assert door.properties.custom_dns_configs[0].ip_addresses == ["10.1.0.4"]
        (group,) = client.private_dns_zone_groups.list("door", "prod")
        assert group.properties.private_dns_zone_configs[0].properties.record_sets[0].ttl == 10
        nic = next(iter(client.network_interfaces.list("prod")))
        routes = client.network_interfaces.begin_get_effective_route_table(
            "prod", nic.name, polling_interval=0
        ).result()
        assert "VnetLocal" in [each.next_hop_type for each in routes.value]
        tags = client.service_tags.list("westeurope")
        assert "AzureLoadBalancer" in [each.name for each in tags.values_property or tags.values]
        client.security_rules.begin_delete("prod", "guard", "one", polling_interval=0).result()
        assert list(client.security_rules.list("prod", "guard")) == []


def bare(document: Any) -> Any:
    """Leave out what changes with every write."""
    if isinstance(document, list):
        return [bare(each) for each in document]
    if isinstance(document, dict):
        return {name: bare(each) for name, each in document.items() if name != "etag"}
    return document


@pytest.mark.parametrize("version", ["2024-01-01", "2025-07-01"])
def test_to_undo_is_to_put_what_a_get_had_shown(plane: Plane, version: str) -> None:
    """Whatever the kind of document, nothing but the etag is another one afterwards."""
    with_zone(plane)
    rule = {"name": "one", "properties": {**ALLOW, "description": "Redis"}}
    route = {"name": "out", "properties": {"addressPrefix": "0.0.0.0/0", "nextHopType": "None"}}
    plane.ok(
        "PUT",
        GROUP,
        {"location": "westeurope", "tags": {"a": "b"}, "properties": {"securityRules": [rule]}},
    )
    plane.ok("PUT", TABLE, {"location": "westeurope", "properties": {"routes": [route]}})
    subnet = {
        "addressPrefix": "10.1.0.0/24",
        "networkSecurityGroup": {"id": GROUP},
        "routeTable": {"id": TABLE},
    }
    plane.ok("PUT", SUBNET, {"properties": subnet})
    nic = plane.ok("GET", ENDPOINT)["properties"]["networkInterfaces"][0]["id"]
    places = [VNET, SUBNET, GROUP, f"{GROUP}/securityRules/one", TABLE, f"{TABLE}/routes/out"]
    places += [nic, ENDPOINT, f"{ENDPOINT}/privateDnsZoneGroups/default"]
    for where in places:
        before = plane.ok("GET", where, version=version)
        plane.ok("PUT", where, before, version=version)
        assert bare(plane.ok("GET", where, version=version)) == bare(before), where


def test_a_rejected_endpoint_stays_rejected_when_it_is_written_again(plane: Plane) -> None:
    """Who owns the cache decides, not who owns the endpoint."""
    plane.ok("PUT", ENDPOINT, endpoint())
    (below,) = plane.state.children(CACHE, "privateEndpointConnections")
    below["properties"]["privateLinkServiceConnectionState"]["status"] = "Rejected"
    plane.state.put(below["id"], below)

    def status() -> str:
        (connection,) = plane.ok("GET", ENDPOINT)["properties"]["privateLinkServiceConnections"]
        return str(connection["properties"]["privateLinkServiceConnectionState"]["status"])

    assert status() == "Rejected"
    plane.ok("PUT", ENDPOINT, endpoint())
    assert status() == "Rejected"
    plane.state.delete(below["id"])
    assert status() == "Disconnected"


@pytest.mark.shared
def test_the_witness_sees_what_is_wrong(shared: Path) -> None:
    """A status that is not described, a type that is another one, a word that is none of those."""
    held = witness(shared)
    target = f"{GROUP}?api-version=2024-01-01"
    good = {"name": "guard", "properties": {"securityRules": []}}
    held.check("GET", target, Said(200, good, {}))
    for status, body in (
        (204, None),
        (200, {"name": 7}),
        (200, {"properties": {"provisioningState": "Fine"}}),
        (200, {"properties": {"securityRules": [{"properties": {"protocol": "Tcp"}}]}}),
    ):
        with pytest.raises(AssertionError):
            held.check("GET", target, Said(status, body, {}))


def test_rules_that_many_write_at_once_are_all_there(plane: Plane) -> None:
    """A rule lies in its group's document, and nobody's is lost."""
    plane.ok("PUT", GROUP, {"location": "westeurope"})

    def write(at: int) -> int:
        token = {"authorization": f"Bearer {plane.token()}"}
        body = {"properties": {**ALLOW, "priority": 200 + at}}
        where = f"{GROUP}/securityRules/rule-{at}?api-version=2024-01-01"
        return plane.server.answer("PUT", where, token, json.dumps(body).encode()).status

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(write, range(40)))

    assert set(statuses) == {201}
    assert len(plane.ok("GET", GROUP)["properties"]["securityRules"]) == 40


def test_a_slow_write_is_updating_until_it_is_over(plane: Plane) -> None:
    """The operation says so, and the document."""
    plane.state.takes_s = 0.3
    made = plane.ask("PUT", GROUP, {"location": "westeurope"})
    status = made.headers["azure-asyncoperation"]

    assert plane.follow("GET", status).body["status"] == "InProgress"
    assert plane.ok("GET", GROUP)["properties"]["provisioningState"] == "Updating"
    while plane.follow("GET", status).body["status"] == "InProgress":
        pass
    assert plane.ok("GET", GROUP)["properties"]["provisioningState"] == "Succeeded"


def test_a_subnet_in_use_cannot_go(plane: Plane) -> None:
    """Neither alone, nor with a network that is written without it, nor with all of the network."""
    plane.ok("PUT", f"{VNET}/subnets/empty", {"properties": {"addressPrefix": "10.1.8.0/24"}})
    plane.ok("PUT", ENDPOINT, endpoint())
    without = plane.ok("GET", VNET)
    without["properties"]["subnets"] = []

    for said in (
        plane.ask("DELETE", SUBNET),
        plane.ask("PUT", VNET, without),
        plane.ask("DELETE", VNET),
    ):
        assert (said.status, said.body["error"]["code"]) == (400, "InUseSubnetCannotBeDeleted")
    assert len(plane.ok("GET", VNET)["properties"]["subnets"]) == 2
    assert plane.ask("DELETE", f"{VNET}/subnets/empty").status == 202
    plane.ok("DELETE", ENDPOINT)
    assert plane.ask("DELETE", VNET).status == 202
    assert plane.ask("GET", VNET).status == 404
