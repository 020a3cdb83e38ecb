"""Resource health and service health: what is, what was, and what is still to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refused.lab.arm import activity, health
from refused.lab.arm.times import written
from tests.lab.arm.plane import CACHE, IN_GROUP, IN_SUB, MANAGED, Plane, witness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION = "2024-02-01"
STATUSES = "providers/Microsoft.ResourceHealth/availabilityStatuses"
EVENTS = f"{IN_SUB}/Microsoft.ResourceHealth/events"


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    """Have a control plane."""
    with Plane(tmp_path) as up:
        yield up


def test_a_resource_of_which_nothing_is_said_is_available(plane: Plane) -> None:
    """One inside a virtual network is unknown: health is not reported there."""
    said = plane.ok("GET", f"{CACHE}/{STATUSES}/current", version=VERSION)["properties"]
    assert said["availabilityState"] == "Available"

    cache = plane.state.require(CACHE)
    cache["properties"]["subnetId"] = f"{IN_GROUP}/Microsoft.Network/virtualNetworks/hub/subnets/a"
    plane.state.put(CACHE, cache, quiet=True)
    said = plane.ok("GET", f"{CACHE}/{STATUSES}/current", version=VERSION)["properties"]
    assert said["availabilityState"] == "Unknown"


def test_an_outage_and_its_end_make_a_history(plane: Plane) -> None:
    """The newest first, and each change in the activity log."""
    health.set_health(plane.state, CACHE, "Unavailable", title="Down", ago_s=600)
    now = plane.ok("GET", f"{CACHE}/{STATUSES}/current", version=VERSION)["properties"]
    assert (now["availabilityState"], now["reasonType"]) == ("Unavailable", "Unplanned")
    health.set_health(plane.state, CACHE, "Available", ago_s=60)

    found = plane.ok("GET", f"{CACHE}/{STATUSES}", version=VERSION)["value"]
    assert [each["properties"]["availabilityState"] for each in found] == [
        "Available",
        "Unavailable",
        "Available",
    ]
    assert len({each["id"] for each in found}) == 3
    told = [each["status"]["value"] for each in plane.state.events]
    assert told == ["Active", "Resolved"]
    with pytest.raises(ValueError, match="none of Available"):
        health.set_health(plane.state, CACHE, "Sick")


def test_the_health_goes_with_the_resource(plane: Plane) -> None:
    """404, for the resource and for its health."""
    health.set_health(plane.state, CACHE, "Degraded", reason="Planned")
    plane.state.delete(CACHE, quiet=True)

    assert plane.ask("GET", f"{CACHE}/{STATUSES}/current", version=VERSION).status == 404
    (left,) = plane.ok(
        "GET", f"{IN_SUB}/Microsoft.ResourceHealth/availabilityStatuses", version=VERSION
    )["value"]
    assert left["id"].startswith(MANAGED)


def test_service_events_reach_those_who_are_touched(plane: Plane) -> None:
    """By service and by region."""
    state = plane.state
    health.service_event(state, "AB-1", "Connections fail", ago_s=900)
    health.service_event(state, "AB-2", "Elsewhere", regions=["East US"], ago_s=300)
    health.service_event(
        state,
        "AB-3",
        "Patching",
        event_type="PlannedMaintenance",
        service="Azure Managed Redis",
        ago_s=-3600,
    )

    def names(where: str, **query: str) -> list[str]:
        return [each["name"] for each in plane.ok("GET", where, version=VERSION, **query)["value"]]

    assert names(EVENTS) == ["AB-3", "AB-2", "AB-1"]
    assert names(f"{CACHE}/providers/Microsoft.ResourceHealth/events") == ["AB-1"]
    assert names(f"{MANAGED}/providers/Microsoft.ResourceHealth/events") == ["AB-3"]
    assert names(EVENTS, _filter="Region eq 'East US'") == ["AB-2"]
    assert names(
        EVENTS, _filter="properties/EventType eq 'PlannedMaintenance'".replace("properties/", "")
    ) == ["AB-3"]
    assert names(EVENTS, queryStartTime=written(state.now() + 60)) == []
    assert plane.ok("GET", f"{EVENTS}/AB-1", version=VERSION)["properties"]["status"] == "Active"
    assert plane.ask("GET", EVENTS, version=VERSION, queryStartTime="soon").status == 400
    assert plane.ask("GET", EVENTS, version=VERSION, _filter="colour eq 'red'").status == 400


def test_maintenance_that_is_still_to_come(plane: Plane) -> None:
    """A world puts it below the resource."""
    where = f"{CACHE}/providers/Microsoft.Maintenance/updates"
    assert plane.ok("GET", where, version="2023-04-01") == {"value": []}
    told = {"maintenanceScope": "Resource", "impactType": "Restart", "status": "Pending"}
    plane.state.put(f"{where}/one", {"id": f"{where}/one", **told}, quiet=True)
    assert plane.ok("GET", where, version="2023-04-01")["value"] == [told]
    where = f"{CACHE}/providers/Microsoft.Maintenance/configurationAssignments"
    assert plane.ok("GET", where, version="2023-04-01") == {"value": []}


@pytest.mark.shared
def test_every_answer_is_of_the_shape_that_is_described(tmp_path: Path, shared: Path) -> None:
    """With the API descriptions as witness."""
    held = witness(shared)
    with Plane(tmp_path, held) as plane:
        health.set_health(plane.state, CACHE, "Unavailable", ago_s=600)
        health.service_event(plane.state, "AB-1", "Connections fail", ends_in_s=60)
        before = held.checked
        for where in (
            f"{CACHE}/{STATUSES}",
            f"{CACHE}/{STATUSES}/current",
            EVENTS,
            f"{EVENTS}/AB-1",
        ):
            plane.ok("GET", where, version=VERSION)
        for where in (f"{IN_SUB}/Microsoft.ResourceHealth", f"{IN_GROUP}/Microsoft.ResourceHealth"):
            plane.ok("GET", f"{where}/availabilityStatuses", version=VERSION)
        plane.ok("GET", f"{CACHE}/providers/Microsoft.ResourceHealth/events", version=VERSION)
    assert held.checked - before == 7


def test_the_sdk_reads_it(plane: Plane) -> None:
    """An independent witness of the shapes."""
    sdk = pytest.importorskip("azure.mgmt.resourcehealth")
    health.set_health(plane.state, CACHE, "Unavailable", summary="No primary")
    assert activity.CATEGORIES
    with plane.client(sdk.ResourceHealthMgmtClient) as client:
        said = client.availability_statuses.get_by_resource(CACHE)
        assert (said.properties.availability_state, said.properties.summary) == (
            "Unavailable",
            "No primary",
        )
