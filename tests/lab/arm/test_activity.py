"""The activity log records what is done, and lists it late, newest first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from refused.lab.arm import activity
from refused.lab.arm.times import conditions, moment_of, seconds_of, written
from tests.lab.arm.plane import CACHE, DNS, IN_GROUP, IN_SUB, Plane, witness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOG = f"{IN_SUB}/Microsoft.Insights/eventtypes/management/values"
GROUP = f"{IN_GROUP}/Microsoft.Network/networkSecurityGroups/guard"
RULE = f"{GROUP}/securityRules/redis"
VERSION = "2015-04-01"


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    """Have a control plane."""
    with Plane(tmp_path) as up:
        yield up


def log(
    plane: Plane, more: str = "", *, back_s: float = 3600, **query: str
) -> list[dict[str, Any]]:
    """List records since a while ago."""
    text = f"eventTimestamp ge '{written(plane.state.now() - back_s)}'{more}"
    found: list[dict[str, Any]] = plane.ok("GET", LOG, version=VERSION, _filter=text, **query)[
        "value"
    ]
    return found


def test_a_deed_leaves_its_beginning_and_its_end(plane: Plane) -> None:
    """Who, what, from where, and one correlation id for both."""
    plane.ok("PUT", GROUP, {"location": "westeurope"})
    end, begin = log(plane)

    assert [each["status"]["value"] for each in (begin, end)] == ["Started", "Succeeded"]
    assert begin["correlationId"] == end["correlationId"]
    assert end["operationName"]["value"] == "Microsoft.Network/networkSecurityGroups/write"
    assert end["caller"] == plane.server.identity.caller.name
    assert end["httpRequest"]["clientIpAddress"] == plane.server.identity.caller.ip
    assert end["subStatus"]["value"] == "Created"
    assert json.loads(begin["properties"]["requestbody"])["location"] == "westeurope"


def test_reading_leaves_nothing(plane: Plane) -> None:
    """As Azure's log: writes, deletes and actions."""
    plane.ok("GET", f"{IN_GROUP}/Microsoft.Network/virtualNetworks")
    assert log(plane) == []


def test_who_deleted_the_rule_and_when(plane: Plane) -> None:
    """The question that the log is there for."""
    activity.seed(
        plane.state,
        RULE,
        "Microsoft.Network/networkSecurityGroups/securityRules/delete",
        ago_s=7 * 60,
        caller="kim@contoso.example",
        ip="198.51.100.9",
    )
    plane.ok("PUT", GROUP, {"location": "westeurope"})
    (end, begin) = log(plane, f" and resourceUri eq '{RULE}'")

    assert (end["caller"], end["httpRequest"]["clientIpAddress"]) == (
        "kim@contoso.example",
        "198.51.100.9",
    )
    assert end["httpRequest"]["method"] == "DELETE"
    assert plane.state.now() - moment_of(begin["eventTimestamp"]) > 400


@pytest.mark.parametrize(
    ("more", "count"),
    [
        ("", 6),
        (" and resourceGroupName eq 'PROD'", 6),
        (" and resourceGroupName eq 'other'", 0),
        (" and resourceProvider eq 'Microsoft.Network'", 4),
        (f" and resourceUri eq '{GROUP}'", 4),
        (f" and resourceId eq '{CACHE.upper()}'", 2),
        (" and correlationId eq 'one'", 2),
        (" and caller eq 'kim@contoso.example'", 2),
        (" and status eq 'Succeeded'", 3),
        (" and levels eq 'Critical,Error'", 0),
        (" and eventChannels eq 'Admin, Operation'", 6),
    ],
)
def test_what_a_filter_leaves(plane: Plane, more: str, count: int) -> None:
    """Names in any case; a resource with all that lies below it."""
    activity.seed(
        plane.state, GROUP, "Microsoft.Network/networkSecurityGroups/write", correlation_id="one"
    )
    activity.seed(plane.state, RULE, "Microsoft.Network/networkSecurityGroups/securityRules/write")
    activity.seed(plane.state, CACHE, "Microsoft.Cache/redis/write", caller="kim@contoso.example")

    assert len(log(plane, more)) == count


def test_the_log_lags(plane: Plane) -> None:
    """What was done just now is not there yet: absence is not proof."""
    plane.state.extra[activity.LAG] = 300.0
    activity.seed(plane.state, CACHE, "Microsoft.Cache/redis/write", ago_s=600)
    activity.seed(plane.state, CACHE, "Microsoft.Cache/redis/regenerateKey/action", ago_s=60)

    assert {each["operationName"]["value"] for each in log(plane)} == {
        "Microsoft.Cache/redis/write"
    }


def test_only_what_is_selected_comes(plane: Plane) -> None:
    """Names in any case."""
    activity.seed(plane.state, CACHE, "Microsoft.Cache/redis/write")
    (end, _) = log(plane, _select="caller,EventTimestamp,operationName")
    assert set(end) == {"caller", "eventTimestamp", "operationName"}


def test_a_long_log_comes_in_pages(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each record once, in order."""
    monkeypatch.setattr(activity, "PAGE", 3)
    for at in range(5):
        activity.seed(plane.state, CACHE, "Microsoft.Cache/redis/write", ago_s=100 - at)
    text = f"eventTimestamp ge '{written(plane.state.now() - 3600)}'"
    said = plane.ok("GET", LOG, version=VERSION, _filter=text)
    found = list(said["value"])
    while "nextLink" in said:
        said = plane.follow("GET", said["nextLink"]).body
        found += said["value"]

    assert len({each["eventDataId"] for each in found}) == len(found) == 10
    times = [each["eventTimestamp"] for each in found]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has to say a start time"),
        ("eventTimestamp ge '2018-01-01T00:00:00Z'", "cannot be more than 90 days in the past"),
        ("eventTimestamp ge 'x'", "The filter is invalid"),
        ("startswith(caller,'k')", "The filter is invalid"),
        ("eventTimestamp ge '2999-01-01T00:00:00Z'", "end time has to be after"),
        ("colour eq 'red'", "'colour eq' is not supported"),
    ],
)
def test_what_is_wrong_is_said_bare(plane: Plane, text: str, says: str) -> None:
    """400, as recorded."""
    said = plane.ask("GET", LOG, version=VERSION, _filter=text)
    assert (said.status, said.body["code"]) == (400, "BadRequest")
    assert says in said.body["message"]


def test_a_change_of_health_is_in_the_log_without_a_caller(plane: Plane) -> None:
    """Nobody asked for it."""
    activity.health_event(plane.state, CACHE, "Active", title="The cache is patched")
    (record,) = log(plane, " and category eq 'ResourceHealth'")
    assert "caller" not in record
    assert record["description"] == "The cache is patched"


def test_times_are_read_as_azure_writes_them() -> None:
    """Seven digits, blanks, zones whose plus sign got lost."""
    assert moment_of("1970-01-01T00:00:01.5000000Z") == 1.5
    assert moment_of("1970-01-01 01:00:00+01:00") == moment_of("1970-01-01T01:00:00 01:00") == 0
    assert (seconds_of("PT1H"), seconds_of("P1D")) == (3600, 86400)
    for wrong in ("PT", "P", "5M", ""):
        with pytest.raises(ValueError, match="is no duration"):
            seconds_of(wrong)
    assert conditions("a eq 'it''s' or (b ne '*')") == [("a", "eq", "it's"), ("b", "ne", "*")]
    with pytest.raises(ValueError, match="not understood"):
        conditions("contains(a, 'b')")


@pytest.mark.shared
def test_every_answer_is_of_the_shape_that_is_described(tmp_path: Path, shared: Path) -> None:
    """With the API descriptions as witness."""
    held = witness(shared)
    with Plane(tmp_path, held) as plane:
        plane.ok("PUT", f"{IN_GROUP}/Microsoft.Network/privateDnsZones/a.example", {}, version=DNS)
        activity.health_event(plane.state, CACHE, "Active")
        before = held.checked
        assert len(log(plane)) == 3
        assert plane.ask("GET", LOG, version=VERSION, _filter="").status == 400
    assert held.checked - before == 2
