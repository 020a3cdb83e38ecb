"""Private zones asked over https, and what a network's resolver says because of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from refused.lab.arm.private_dns import PUBLIC, resolve, write_record
from refused.lab.names import Zone
from tests.lab.arm.plane import DNS, IN_GROUP, IN_SUB, Plane, state, witness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from refused.lab.arm.state import State

NET = f"{IN_GROUP}/Microsoft.Network"
VNET = f"{NET}/virtualNetworks/hub"
ZONE = f"{NET}/privateDnsZones/privatelink.redis.cache.windows.net"
LINK = f"{ZONE}/virtualNetworkLinks/to-hub"
RECORD = f"{ZONE}/A/contoso"
HOST = "contoso.redis.cache.windows.net"
ALIAS = "contoso.privatelink.redis.cache.windows.net"
OUTSIDE, INSIDE = "20.42.65.90", "10.1.0.4"
VALUES = {"properties": {"ttl": 10, "aRecords": [{"ipv4Address": INSIDE}]}}
LINKED = {"location": "global", "properties": {"virtualNetwork": {"id": VNET}}}


def known(to: State) -> None:
    """Let there be a network, and a name that leads through the privatelink zone."""
    to.put(VNET, {"id": VNET, "name": "hub", "properties": {}}, quiet=True)
    public = to.extra[PUBLIC] = Zone()
    public.chain(HOST, ALIAS, "contoso-1.westeurope.cloudapp.azure.com", to=[OUTSIDE])


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    """Have a control plane with a network."""
    with Plane(tmp_path) as up:
        known(up.state)
        yield up


def write(plane: Plane, id: str, body: Any) -> Any:  # noqa: A002
    """PUT with this provider's api-version."""
    return plane.ok("PUT", id, body, version=DNS)


def told(plane: Plane, vnet: str | None = VNET) -> tuple[str, ...]:
    """Return the addresses that a client is given for the cache's name."""
    return resolve(plane.state, vnet, HOST).addresses


def test_a_zone_is_written_in_the_background(plane: Plane) -> None:
    """202 with nothing in it; when it is over, GET has it."""
    said = plane.ask("PUT", ZONE, {"location": "global"}, version=DNS)

    assert (said.status, said.body) == (202, {})
    assert "/privateDnsOperationStatuses/" in said.headers["azure-asyncoperation"]
    assert plane.follow("GET", said.headers["azure-asyncoperation"]).body == {"status": "Succeeded"}
    seen = plane.ok("GET", ZONE, version=DNS)
    assert seen["properties"]["numberOfRecordSets"] == 1
    assert [
        each["type"].rpartition("/")[2]
        for each in plane.ok("GET", f"{ZONE}/ALL", version=DNS)["value"]
    ] == ["SOA"]


def test_a_slow_zone_is_in_progress_first(plane: Plane) -> None:
    """Nothing is there until the operation is over."""
    plane.state.takes_s = 30.0
    said = plane.ask("PUT", ZONE, {"location": "global"}, version=DNS)

    assert plane.follow("GET", said.headers["azure-asyncoperation"]).status == 202
    assert plane.ask("GET", ZONE, version=DNS).status == 404


def test_linking_and_unlinking_changes_what_the_network_is_told(plane: Plane) -> None:
    """The very fault that this room is there for."""
    write(plane, ZONE, {"location": "global"})
    write(plane, RECORD, VALUES)
    assert told(plane) == (OUTSIDE,)

    write(plane, LINK, LINKED)
    assert told(plane) == (INSIDE,)
    assert told(plane, None) == (OUTSIDE,)
    link = plane.ok("GET", LINK, version=DNS)
    assert link["properties"]["virtualNetworkLinkState"] == "Completed"

    assert plane.ask("DELETE", LINK, version=DNS).status == 202
    assert told(plane) == (OUTSIDE,)
    assert plane.ask("DELETE", LINK, version=DNS).status == 204


def test_a_linked_zone_without_the_record_says_that_there_is_no_such_name(plane: Plane) -> None:
    """It does not ask the internet, unless the link says so."""
    write(plane, ZONE, {"location": "global"})
    write(plane, LINK, LINKED)
    answer = resolve(plane.state, VNET, HOST)
    assert (answer.rcode, answer.addresses) == ("nxdomain", ())

    falls_back = {**LINKED["properties"], "resolutionPolicy": "NxDomainRedirect"}  # type: ignore[dict-item]
    plane.ok("PUT", LINK, {**LINKED, "properties": falls_back}, version="2024-06-01")
    assert told(plane) == (OUTSIDE,)


def test_a_network_with_servers_of_its_own_sees_no_zone(plane: Plane) -> None:
    """Unless Azure's resolver is among them."""
    write(plane, ZONE, {"location": "global"})
    write(plane, RECORD, VALUES)
    write(plane, LINK, LINKED)
    network = plane.state.require(VNET)
    network["properties"]["dhcpOptions"] = {"dnsServers": ["10.9.9.9"]}
    plane.state.put(VNET, network)
    assert told(plane) == (OUTSIDE,)

    network["properties"]["dhcpOptions"]["dnsServers"].append("168.63.129.16")
    plane.state.put(VNET, network)
    assert told(plane) == (INSIDE,)


def test_the_zone_of_the_longest_suffix_answers(plane: Plane) -> None:
    """A private zone of the public suffix hides every name that it has not."""
    shadow = f"{NET}/privateDnsZones/redis.cache.windows.net"
    write(plane, shadow, {"location": "global"})
    write(plane, f"{shadow}/virtualNetworkLinks/to-hub", LINKED)
    assert resolve(plane.state, VNET, HOST).rcode == "nxdomain"

    write(
        plane,
        f"{shadow}/CNAME/contoso",
        {"properties": {"ttl": 10, "cnameRecord": {"cname": ALIAS}}},
    )
    write(plane, ZONE, {"location": "global"})
    write(plane, LINK, LINKED)
    write(plane, RECORD, VALUES)
    answer = resolve(plane.state, VNET, HOST)
    assert answer.addresses == (INSIDE,)
    assert [kind for _, kind, _, _ in answer.records] == ["CNAME", "A"]


def test_a_name_that_exists_with_another_type_has_no_address(plane: Plane) -> None:
    """NODATA is not NXDOMAIN; a wildcard counts where the name is not there."""
    write(plane, ZONE, {"location": "global"})
    write(plane, LINK, LINKED)
    write(
        plane, f"{ZONE}/TXT/contoso", {"properties": {"ttl": 10, "txtRecords": [{"value": ["x"]}]}}
    )
    answer = resolve(plane.state, VNET, HOST)
    assert (answer.rcode, answer.addresses) == ("noerror", ())
    write(plane, f"{ZONE}/A/*", VALUES)
    other = resolve(plane.state, VNET, "fabrikam.privatelink.redis.cache.windows.net")
    assert other.addresses == (INSIDE,)
    assert told(plane) == ()


def test_a_record_set_comes_and_goes_with_its_etag(plane: Plane) -> None:
    """201, 200, 412, 200, 204: as recorded."""
    write(plane, ZONE, {"location": "global"})
    made = plane.ask("PUT", RECORD, VALUES, version=DNS)
    assert made.status == 201
    assert made.body["properties"]["fqdn"] == f"{ALIAS}."
    assert plane.ask("PUT", RECORD, VALUES, version=DNS).status == 200
    patch = plane.ask("PATCH", RECORD, {"properties": {"ttl": 60}}, version=DNS)
    assert (patch.body["properties"]["ttl"], len(patch.body["properties"]["aRecords"])) == (60, 1)
    wrong = {"properties": {"ttl": 10, "aRecords": [{"ipv4Address": "10.1.0.400"}]}}
    assert plane.ask("PUT", RECORD, wrong, version=DNS).status == 400
    assert plane.ask("DELETE", RECORD, version=DNS).status == 200
    assert plane.ask("DELETE", RECORD, version=DNS).status == 204


def test_a_zone_with_links_cannot_go(plane: Plane) -> None:
    """Nor can two zones of one name be linked to one network."""
    write(plane, ZONE, {"location": "global"})
    write(plane, LINK, LINKED)
    assert plane.ask("DELETE", ZONE, version=DNS).status == 409
    other = ZONE.replace("resourceGroups/prod", "resourceGroups/other")
    group = other.rpartition("/providers/")[0]
    plane.state.put(group, {"id": group, "name": "other", "properties": {}}, quiet=True)
    write(plane, other, {"location": "global"})
    refused = plane.ask("PUT", f"{other}/virtualNetworkLinks/too", LINKED, version=DNS)
    assert refused.status == 400
    assert "overlapping namespaces" in refused.body["message"]


labels = some.from_regex(r"[a-z]([a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True)


@given(names=some.lists(labels, min_size=1, max_size=4, unique=True), asked=labels)
def test_a_linked_zone_knows_just_what_is_in_it(names: list[str], asked: str) -> None:
    """Whatever the names, and in any casing."""
    made = state()
    known(made)
    made.put(ZONE, {"id": ZONE, "name": ZONE.rpartition("/")[2], "properties": {}}, quiet=True)
    made.put(LINK, {"id": LINK, **LINKED}, quiet=True)
    for at, name in enumerate(names):
        write_record(made, ZONE, name, [f"10.1.0.{at}"])

    answer = resolve(made, VNET, f"{asked.upper()}.privatelink.redis.cache.windows.net.")

    if asked in names:
        assert answer.addresses == (f"10.1.0.{names.index(asked)}",)
    else:
        assert answer.rcode == "nxdomain"


def test_an_alias_that_leads_to_itself_ends(plane: Plane) -> None:
    """A resolver gives up."""
    plane.state.extra[PUBLIC].chain("a.example", "b.example", "a.example")
    assert resolve(plane.state, None, "a.example").rcode == "servfail"


@pytest.mark.shared
def test_every_answer_is_of_the_shape_that_is_described(tmp_path: Path, shared: Path) -> None:
    """The same deeds, with the API descriptions as witness."""
    held = witness(shared)
    before = held.checked
    with Plane(tmp_path, held) as plane:
        known(plane.state)
        write(plane, ZONE, {"location": "global"})
        write(plane, LINK, LINKED)
        write(plane, RECORD, VALUES)
        for where in (
            ZONE,
            LINK,
            RECORD,
            f"{ZONE}/ALL",
            f"{ZONE}/A",
            f"{ZONE}/virtualNetworkLinks",
        ):
            plane.ok("GET", where, version=DNS)
        plane.ok("GET", f"{IN_SUB}/Microsoft.Network/privateDnsZones", version=DNS)
        plane.ok("GET", f"{NET}/privateDnsZones", version=DNS)
        plane.ok("PATCH", LINK, {"tags": {"team": "shop"}}, version=DNS)
        plane.ok("DELETE", RECORD, version=DNS)
        plane.ok("DELETE", LINK, version=DNS)
        plane.ok("DELETE", ZONE, version=DNS)
        assert plane.ask("GET", RECORD, version=DNS).status == 404
    assert held.checked - before == 16


def test_the_sdk_writes_and_reads(plane: Plane) -> None:
    """An independent witness, which polls as az does."""
    sdk = pytest.importorskip("azure.mgmt.privatedns")
    with plane.client(sdk.PrivateDnsManagementClient) as client:
        name = "privatelink.redis.cache.windows.net"
        zone = client.private_zones.begin_create_or_update(
            "prod", name, {"location": "global"}, polling_interval=0
        ).result()
        assert zone.name == name
        link = client.virtual_network_links.begin_create_or_update(
            "prod", name, "to-hub", LINKED, polling_interval=0
        ).result()
        assert link.name == "to-hub"
        client.record_sets.create_or_update("prod", name, "A", "contoso", VALUES)
        records = list(client.record_sets.list("prod", name))
        assert sorted(each.name for each in records) == ["@", "contoso"]
        assert told(plane) == (INSIDE,)
