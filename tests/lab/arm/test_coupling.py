"""What is changed in the control plane is so in the data plane, with real servers behind it."""

from __future__ import annotations

import ssl
import threading
import time
from typing import TYPE_CHECKING

import pytest

from refused.lab.arm.worlds import default
from refused.lab.azure import acr, amr, private_endpoint
from refused.lab.scenario import all_scenarios, by_id
from refused.lab.world import HERE, World
from tests.lab.arm.plane import DNS
from tests.lab.arm.twin import Twin, says

if TYPE_CHECKING:
    from refused.lab.scenario import Scenario

OFFICE = "192.0.2.44"
IN = "+OK\r\n+PONG\r\n+OK\r\n"


def rule(first: str, last: str = "") -> dict[str, object]:
    """Return a firewall rule as it is sent."""
    return {"properties": {"startIP": first, "endIP": last or first}}


def two_places() -> World:
    """Return a world with two places to look from, of which a rule lets one in."""
    world = World()
    acr(world, "contoso", rules={"office": OFFICE})
    world.vantage(HERE)
    world.vantage("office", OFFICE)
    return world


# --- who is let in -------------------------------------------------------------------------------


def test_a_rule_lets_this_client_in_and_shuts_it_out_again() -> None:
    """At once, and nobody else is touched."""
    with Twin(two_places()) as twin:
        (cache,) = twin.world.doors.caches
        assert says(cache, twin.world) == "silent"
        assert says(cache, twin.world, vantage="office") == IN

        twin.redis("PUT", "/firewallRules/here", rule("203.0.113.0", "203.0.113.255"))
        assert says(cache, twin.world) == IN

        twin.redis("DELETE", "/firewallRules/here")
        assert says(cache, twin.world) == "silent"


def test_without_any_rule_everybody_is_let_in() -> None:
    """The last rule that goes opens the door to all."""
    with Twin(two_places()) as twin:
        (cache,) = twin.world.doors.caches
        twin.redis("DELETE", "/firewallRules/office")
        assert says(cache, twin.world) == IN


def test_public_access_is_a_door() -> None:
    """Off, nobody gets in, whatever the rules say; on, the rules count again."""
    with Twin(two_places()) as twin:
        (cache,) = twin.world.doors.caches
        twin.redis("PATCH", "", {"properties": {"publicNetworkAccess": "Disabled"}})
        assert says(cache, twin.world, vantage="office") == "silent"
        twin.redis("PATCH", "", {"properties": {"publicNetworkAccess": "Enabled"}})
        assert says(cache, twin.world, vantage="office") == IN
        assert says(cache, twin.world) == "silent"


def test_the_data_plane_lags_where_a_world_says_so() -> None:
    """As Azure's does: what follows a deed follows later."""
    world = World()
    cache = acr(world)
    with Twin(world) as twin:
        twin.state.lag_s = 0.3
        twin.redis("PATCH", "", {"properties": {"disableAccessKeyAuthentication": True}})
        assert says(cache, world) == IN
        until = time.monotonic() + 5
        while "WRONGPASS" not in says(cache, world):
            assert time.monotonic() < until, "the data plane never follows"
            time.sleep(0.05)


# --- keys ----------------------------------------------------------------------------------------


def test_both_keys_open_and_a_regenerated_one_no_longer_does() -> None:
    """The old one is wrong at once, the new one is right, the other is as it was."""
    world = World()
    cache = acr(world)
    with Twin(world) as twin:
        keys = twin.redis("POST", "/listKeys").body
        assert keys["primaryKey"] == cache.key
        assert says(cache, world, key=keys["secondaryKey"]) == IN

        after = twin.redis("POST", "/regenerateKey", {"keyType": "Primary"}).body

        assert says(cache, world, key=keys["primaryKey"]).startswith("-WRONGPASS")
        assert says(cache, world, key=after["primaryKey"]) == IN
        assert says(cache, world, key=keys["secondaryKey"]) == IN
        assert after["primaryKey"] in world.secrets


def test_keys_can_be_switched_off() -> None:
    """And whoever is logged in is thrown out."""
    world = World()
    cache = amr(world, "fabrikam", policy="NoCluster")
    with Twin(world) as twin:
        with cache.server.converse() as seat:
            off = {"properties": {"accessKeysAuthentication": "Disabled"}}
            twin.managed("PATCH", "/databases/default", off)
            with pytest.raises(OSError, match="closed"):
                seat.ask("PING")
        assert says(cache, world).startswith("-WRONGPASS")
        on = {"properties": {"accessKeysAuthentication": "Enabled"}}
        twin.managed("PATCH", "/databases/default", on)
        assert says(cache, world) == IN


@pytest.mark.parametrize("service", ["acr", "amr"])
def test_an_identity_logs_in_while_it_has_an_assignment(service: str) -> None:
    """With its object id and a token that is meant for Redis; with another one it does not."""
    world = World()
    if service == "acr":
        cache = acr(world)
        policy: dict[str, object] = {"accessPolicyName": "Data Reader", "objectIdAlias": "app"}
    else:
        cache = amr(world, "fabrikam", policy="NoCluster", access_keys=False)
        policy = {"accessPolicyName": "default"}
    with Twin(world) as twin:
        identity = twin.server.identity
        who = identity.caller.object_id
        policy |= {"objectId": who} if service == "acr" else {"user": {"objectId": who}}
        token = identity.issue("https://redis.azure.com")
        login = f"{who} {token}"
        assert "WRONGPASS" in says(cache, world, key=login)

        where = f"{cache.keys_id}/accessPolicyAssignments/app"
        version = "2024-11-01" if service == "acr" else "2025-07-01"
        twin.ok("PUT", where, {"properties": policy}, version=version)

        assert says(cache, world, key=login) == IN
        assert "WRONGPASS" in says(cache, world, key=f"{who} {twin.token()}")
        written = says(cache, world, "SET a b", key=login)
        assert ("NOPERM" in written) == (service == "acr")
        assert token in world.secrets
        assert twin.ask("DELETE", where, version=version).status == 202
        assert "WRONGPASS" in says(cache, world, key=login)


# --- TLS and ports -------------------------------------------------------------------------------


def test_the_plain_port_opens_and_shuts() -> None:
    """6379 is silent until the setting is on."""
    world = World()
    cache = acr(world)
    with Twin(world) as twin:
        assert says(cache, world, port=6379) == "silent"
        twin.redis("PATCH", "", {"properties": {"enableNonSslPort": True}})
        assert says(cache, world, port=6379) == IN
        twin.redis("PATCH", "", {"properties": {"enableNonSslPort": False}})
        assert says(cache, world, port=6379) == "silent"


def test_the_lowest_version_of_tls_is_what_the_document_says() -> None:
    """A client that stops at 1.1 is let in while the setting allows it."""
    world = World()
    cache = acr(world)
    with Twin(world) as twin:
        old = ssl.TLSVersion.TLSv1_1
        assert "VERSION" in says(cache, world, version=old).upper()
        twin.redis("PATCH", "", {"properties": {"minimumTlsVersion": "1.0"}})
        assert says(cache, world, version=old) == IN


def test_a_database_speaks_plain_text_where_it_is_told_to() -> None:
    """A TLS client then waits in vain; it is the same port."""
    world = World()
    cache = amr(world, "fabrikam", policy="NoCluster")
    with Twin(world) as twin:
        assert world._places[HERE].meet(cache.address, 10000)[0] is cache.front
        plain = {"properties": {"clientProtocol": "Plaintext"}}
        twin.managed("PATCH", "/databases/default", plain)
        assert world._places[HERE].meet(cache.address, 10000)[0] is cache.plain


# --- connections ---------------------------------------------------------------------------------


@pytest.mark.parametrize("deed", ["scale", "reboot", "delete"])
def test_a_scaling_a_reboot_and_the_end_drop_connections(deed: str) -> None:
    """Whoever was connected is not any more."""
    world = World()
    cache = acr(world, sku=("Premium", "P", 1))
    with Twin(world) as twin, cache.server.converse() as seat:
        assert seat.ask("PING") == "PONG"
        if deed == "scale":
            sku = {"name": "Premium", "family": "P", "capacity": 2}
            twin.redis("PATCH", "", {"properties": {"sku": sku}})
        elif deed == "reboot":
            twin.redis("POST", "/forceReboot", {"rebootType": "AllNodes"})
        else:
            twin.redis("DELETE")
        with pytest.raises(OSError, match="closed"):
            seat.ask("PING")
        expected = "declined 4" if deed == "delete" else IN  # the name is gone as well
        assert says(cache, world) == expected


def test_a_flush_empties_the_cache() -> None:
    """And nothing else."""
    world = World()
    cache = acr(world, data={"a": "b"})
    with Twin(world) as twin:
        assert cache.server.command("DBSIZE") == 1
        twin.redis("POST", "/flush")
        assert cache.server.command("DBSIZE") == 0


def test_metrics_are_the_servers_own() -> None:
    """Connections held are connections counted, at the scale of the tier."""
    world = World()
    cache = acr(world, maxclients=16)
    world.hold(cache.server, 16)
    with Twin(world) as twin:
        said = twin.ok(
            "GET",
            f"{cache.id}/providers/Microsoft.Insights/metrics",
            version="2018-01-01",
            metricnames="connectedclients",
        )
        (series,) = said["value"][0]["timeseries"]
        values = [each["maximum"] for each in series["data"] if "maximum" in each]
        assert max(values) == 1000


# --- names and private endpoints -----------------------------------------------------------------


def test_unlinking_a_zone_changes_what_the_client_is_told() -> None:
    """And linking it again changes it back."""
    world = World()
    cache = acr(world)
    private_endpoint(world, cache)
    with Twin(world) as twin:
        network = f"/subscriptions/{twin.state.subscription}/resourceGroups/prod/providers"
        network += "/Microsoft.Network"
        zone = f"{network}/privateDnsZones/privatelink.redis.cache.windows.net"
        link = f"{zone}/virtualNetworkLinks/prod-vnet-link"
        said = twin.ok("GET", link, version=DNS)
        assert world.zone.look_up(cache.host, "A").addresses == ("10.1.0.4",)
        assert says(cache, world) == IN

        assert twin.ask("DELETE", link, version=DNS).status == 202
        assert world.zone.look_up(cache.host, "A").addresses == (cache.address,)
        assert says(cache, world) == "silent"

        twin.ok("PUT", link, {k: said[k] for k in ("location", "properties")}, version=DNS)
        assert world.zone.look_up(cache.host, "A").addresses == ("10.1.0.4",)
        assert says(cache, world) == IN


def test_a_record_that_is_changed_leads_elsewhere() -> None:
    """A zone that is linked is asked, and its word counts, right or wrong."""
    world = World()
    cache = acr(world)
    private_endpoint(world, cache)
    with Twin(world) as twin:
        zone = f"/subscriptions/{twin.state.subscription}/resourceGroups/prod/providers"
        zone += "/Microsoft.Network/privateDnsZones/privatelink.redis.cache.windows.net"
        stale = {"properties": {"ttl": 10, "aRecords": [{"ipv4Address": "10.1.0.9"}]}}
        twin.ok("PUT", f"{zone}/A/contoso", stale, version=DNS)
        assert world.zone.look_up(cache.host, "A").addresses == ("10.1.0.9",)
        assert twin.ask("DELETE", f"{zone}/A/contoso", version=DNS).status == 200
        assert world.zone.look_up(cache.host, "A").rcode == "nxdomain"


@pytest.mark.parametrize("status", ["Rejected", "Pending"])
def test_an_endpoint_lets_in_only_while_it_is_approved(status: str) -> None:
    """Rejected or pending, the address is silent; approved again, it opens."""
    world = World()
    cache = acr(world)
    private_endpoint(world, cache)
    with Twin(world) as twin:
        (connection,) = twin.redis("GET", "/privateEndpointConnections").body["value"]
        where = f"/privateEndpointConnections/{connection['name']}"
        for decided, expected in ((status, "silent"), ("Approved", IN)):
            said = {"privateLinkServiceConnectionState": {"status": decided}}
            twin.redis("PUT", where, {"properties": said})
            assert says(cache, world) == expected
        twin.redis("DELETE", where)
        assert says(cache, world, host="10.1.0.4") == "silent"
        # The public name no longer leads into the private zone.
        assert world.zone.look_up(cache.host, "A").addresses == (cache.address,)


def test_an_endpoint_made_by_a_client_opens_a_door() -> None:
    """Network, endpoint, and the address that it gets: all through the control plane."""
    world = World()
    cache = amr(world, "fabrikam", policy="NoCluster")
    with Twin(world) as twin:
        stem = f"/subscriptions/{twin.state.subscription}/resourceGroups/prod/providers"
        stem += "/Microsoft.Network"
        network = {
            "location": "westeurope",
            "properties": {
                "addressSpace": {"addressPrefixes": ["10.9.0.0/16"]},
                "subnets": [{"name": "a", "properties": {"addressPrefix": "10.9.1.0/24"}}],
            },
        }
        twin.ok("PUT", f"{stem}/virtualNetworks/new", network)
        asked = {"privateLinkServiceId": cache.id, "groupIds": ["redisEnterprise"]}
        body = {
            "location": "westeurope",
            "properties": {
                "subnet": {"id": f"{stem}/virtualNetworks/new/subnets/a"},
                "privateLinkServiceConnections": [{"name": "x", "properties": asked}],
            },
        }
        made = twin.ok("PUT", f"{stem}/privateEndpoints/new", body)
        said = twin.ok("GET", made["id"])["properties"]["customDnsConfigs"]
        (address,) = said[0]["ipAddresses"]
        assert address.startswith("10.9.1.")
        assert says(cache, world, host=address, port=10000) == IN
        chain = [value for *_, value, _ in world.zone.look_up(cache.host, "A").records]
        assert chain[0] == "fabrikam.westeurope.privatelink.redis.azure.net"
        assert twin.ask("DELETE", made["id"]).status in (202, 204)
        assert says(cache, world, host=address, port=10000) == "silent"


def test_a_security_rule_that_is_removed_lets_the_client_out() -> None:
    """And the cache is as it was."""
    with Twin(by_id("vnet-nsg-blocked.client").up()) as twin:
        (cache,) = twin.world.doors.caches
        assert says(cache, twin.world) == "silent"
        stem = f"/subscriptions/{twin.state.subscription}/resourceGroups/prod/providers"
        group = f"{stem}/Microsoft.Network/networkSecurityGroups/clients-nsg"
        assert twin.ask("DELETE", f"{group}/securityRules/DenyAllOutbound").status == 202
        assert says(cache, twin.world) == IN


def test_a_route_that_is_removed_leads_there_again() -> None:
    """The same for a route that ends nowhere."""
    with Twin(by_id("route-blackhole.table").up()) as twin:
        (cache,) = twin.world.doors.caches
        assert says(cache, twin.world) == "silent"
        stem = f"/subscriptions/{twin.state.subscription}/resourceGroups/prod/providers"
        table = f"{stem}/Microsoft.Network/routeTables/clients-routes"
        assert twin.ask("DELETE", f"{table}/routes/closed").status == 202
        assert says(cache, twin.world) == IN


def test_an_injected_cache_stands_behind_its_subnets_rules() -> None:
    """The rule that denies the port is the one that has to go."""
    with Twin(by_id("vnet-nsg-blocked.injected").up()) as twin:
        (cache,) = twin.world.doors.caches
        assert says(cache, twin.world) == "silent"
        stem = f"/subscriptions/{twin.state.subscription}/resourceGroups/prod/providers"
        group = f"{stem}/Microsoft.Network/networkSecurityGroups/caches-nsg"
        assert twin.ask("DELETE", f"{group}/securityRules/DenyRedis").status == 202
        assert says(cache, twin.world) == IN


# --- both planes from the start ------------------------------------------------------------------

PLAIN = [
    each
    for each in all_scenarios()
    if "kernel" not in each.needs and each.service != "redis" and each.control_plane
]


def seen(world: World) -> dict[object, object]:
    """Return what each place meets at each address, and what names lead to."""
    met: dict[object, object] = {}
    for name, place in world._places.items():
        for address, port in sorted(world.network.fronts):
            met[name, address, port] = type(place.meet(address, port)[0]).__name__
    for cache in world.doors.caches:
        met[cache.host] = world.zone.look_up(cache.host, "A").addresses
    return met


@pytest.mark.parametrize("each", PLAIN, ids=lambda each: each.id)
def test_asking_the_control_plane_changes_nothing(each: Scenario) -> None:
    """A world whose control plane is never made is the same as one whose is."""
    with each.up() as world:
        if not world.resource:
            assert each.service == "acre"
            return
        before = seen(world)
        state = world.arm
        assert {k: v for k, v in seen(world).items() if k in before} == before
        assert state.get(world.resource) is not None or each.id == "cache-not-running"


def test_the_default_world_lets_its_client_in_both_ways() -> None:
    """By the public name of one cache, and by the private endpoint of the other."""
    with Twin(default(World())) as twin:
        contoso, fabrikam = twin.world.doors.caches
        assert twin.world.zone.look_up(contoso.host, "A").addresses == (contoso.address,)
        assert twin.world.zone.look_up(fabrikam.host, "A").addresses == ("10.1.0.4",)
        assert says(contoso, twin.world) == IN
        assert says(fabrikam, twin.world) == IN


def test_many_callers_at_a_time_leave_it_whole() -> None:
    """Rules written side by side are all there, and the door answers meanwhile."""
    world = World()
    cache = acr(world, rules={"office": OFFICE})
    with Twin(world) as twin:
        failed: list[BaseException] = []

        def write(at: int) -> None:
            other = Twin(world)
            other.state, other.server, other.ca_file = twin.state, twin.server, twin.ca_file
            other._context = twin._context
            try:
                for each in range(8):
                    said = other.redis("PUT", f"/firewallRules/r{at}x{each}", rule("198.51.100.1"))
                    assert said.status == 201
                assert says(cache, world) == "silent"
            except BaseException as failure:  # noqa: BLE001  # told by the test
                failed.append(failure)
            finally:
                if other._line is not None:
                    other._line.close()

        threads = [threading.Thread(target=write, args=(at,)) for at in range(6)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert not failed
        assert len(twin.redis("GET", "/firewallRules").body["value"]) == 49
