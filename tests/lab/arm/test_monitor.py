"""Metrics asked over https: their habits, their errors, and what a filter leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from refused.lab.arm import monitor
from refused.lab.arm.metric_names import METRICS
from refused.lab.arm.times import written
from tests.lab.arm.plane import CACHE, MANAGED, Plane, witness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION = "2018-01-01"
MINUTE_S = 60


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    """Have a control plane whose clock stands half a minute after a full one."""
    with Plane(tmp_path) as up:
        stop_clock(up)
        yield up


def stop_clock(plane: Plane) -> float:
    """Let it be the same time for ever, and return the minute."""
    minute = plane.state.now() // MINUTE_S * MINUTE_S
    plane.state.now = lambda: minute + 30  # type: ignore[method-assign]
    return float(minute)


def values(plane: Plane, resource: str = CACHE, **query: str) -> Any:
    """Ask for metrics."""
    where = f"{resource}/providers/Microsoft.Insights/metrics"
    return plane.ok("GET", where, version=VERSION, **query)


def last(plane: Plane, minutes: int) -> str:
    """Return the timespan of the last minutes."""
    now = plane.state.now()
    return f"{written(now - minutes * MINUTE_S)}/{written(now)}"


def data(said: Any) -> list[dict[str, Any]]:
    """Return the points of the one series of the one metric."""
    (metric,) = said["value"]
    (series,) = metric["timeseries"]
    points: list[dict[str, Any]] = series["data"]
    return points


def test_both_kinds_have_all_their_metrics(plane: Plane) -> None:
    """206 and 36, with the names that the reference has."""
    for resource, count in ((CACHE, 206), (MANAGED, 36)):
        where = f"{resource}/providers/microsoft.insights/metricDefinitions"
        found = plane.ok("GET", where, version=VERSION)["value"]
        assert len({each["name"]["value"] for each in found}) == count
        (clients,) = [each for each in found if each["name"]["value"] == "connectedclients"]
        assert clients["primaryAggregationType"] == "Maximum"


@pytest.mark.shared
@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("Microsoft.Cache/redis", "microsoft.cache-redis.yaml"),
        ("Microsoft.Cache/redisEnterprise", "microsoft.cache-redisenterprise.yaml"),
    ],
)
def test_names_units_and_dimensions_are_those_of_the_reference(
    kind: str, file: str, shared: Path
) -> None:
    """Read again from where they came from."""
    lines = (shared / "azure-contract" / "metrics" / file).read_text(encoding="utf-8").splitlines()
    told = {
        (
            line.partition("{name: ")[2].partition(",")[0],
            line.partition('display: "')[2].partition('"')[0],
            line.partition("unit: ")[2].partition(",")[0],
            line.partition("aggregation: [")[2].partition("]")[0].partition(",")[0],
            line.partition("dimensions: [")[2].partition("]")[0].replace(",", ""),
        )
        for line in lines
        if "{name: " in line
    }

    assert set(METRICS[kind]) == told


def test_without_an_aggregation_only_the_default_one_is_told(plane: Plane) -> None:
    """And the minute that is under way has no value: a plain ``[-1].average`` finds nothing."""
    monitor.record(plane.state, CACHE, "connectedclients", last=[240, 250, 260])
    points = data(values(plane, metricnames="connectedclients", timespan=last(plane, 3)))

    assert [each.get("maximum") for each in points] == [240.0, 250.0, 260.0, None]
    assert set(points[0]) == {"timeStamp", "maximum"}
    assert set(points[-1]) == {"timeStamp"}


def test_what_is_asked_for_is_told(plane: Plane) -> None:
    """A gauge is read twice a minute, so that its total says nothing."""
    monitor.record(plane.state, CACHE, "connectedclients", last=[100, 300])
    said = values(
        plane,
        metricnames="connectedclients",
        aggregation="average,Maximum,total,count",
        timespan=last(plane, 5),
        interval="PT5M",
    )
    (first, *_) = data(said)
    assert {k: first[k] for k in ("average", "maximum", "total", "count")} == {
        "average": 200.0,
        "maximum": 300.0,
        "total": 800.0,
        "count": 4.0,
    }
    assert "minimum" not in first


def test_errors_are_split_by_their_type(plane: Plane) -> None:
    """``*`` makes one series of each; a value leaves one; no filter takes them together."""
    for kind, count in (("Failover", 3), ("UnresponsiveClients", 7)):
        monitor.record(plane.state, CACHE, "errors", last=[count], dimensions={"ErrorType": kind})
    query = {"metricnames": "errors", "timespan": last(plane, 1)}

    (split,) = values(plane, _filter="ErrorType eq '*'", **query)["value"]
    told = {
        each["metadatavalues"][0]["value"]: each["data"][0]["maximum"]
        for each in split["timeseries"]
    }
    assert told == {"Failover": 3.0, "UnresponsiveClients": 7.0}
    assert data(values(plane, _filter="ErrorType eq 'failover'", **query))[0]["maximum"] == 3.0
    both = "ErrorType eq 'Failover' and ShardId eq '0'"
    assert data(values(plane, _filter=both, **query))[0]["maximum"] == 3.0
    assert data(values(plane, _filter="ErrorType ne 'Failover'", **query))[0]["maximum"] == 7.0
    assert data(values(plane, **query))[0]["maximum"] == 7.0


def test_of_many_series_the_greatest_come_first(plane: Plane) -> None:
    """Ten of them, unless another number is asked for."""
    for shard in range(12):
        monitor.record(
            plane.state,
            CACHE,
            "serverLoad",
            last=[(shard * 7) % 12],
            dimensions={"ShardId": str(shard)},
        )

    def loads(**query: str) -> list[float]:
        said = values(
            plane,
            metricnames="serverLoad",
            timespan=last(plane, 1),
            _filter="ShardId eq '*'",
            **query,
        )
        return [each["data"][0]["maximum"] for each in said["value"][0]["timeseries"]]

    assert loads() == [11.0, 10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0]
    assert loads(top="2", orderby="maximum asc") == [0.0, 1.0]
    assert len(loads(top="100")) == 12


def test_a_gauge_asks_the_server(plane: Plane) -> None:
    """What was put down is the past, what the server says is the last whole minute."""
    monitor.gauge(plane.state, CACHE, "connectedclients", lambda: 17.0)
    query = {"metricnames": "connectedclients", "timespan": last(plane, 2)}
    assert [each.get("maximum") for each in data(values(plane, **query))] == [17.0, 17.0, None]

    monitor.record(plane.state, CACHE, "connectedclients", last=[900, 950])
    assert [each.get("maximum") for each in data(values(plane, **query))] == [900.0, 17.0, None]


def test_a_world_file_puts_values_down(plane: Plane) -> None:
    """And a word that is not known is said, with what would be right."""
    table = {
        "serverLoad": 97,
        "errors": [{"last": [1, 2], "dimensions": {"ErrorType": "Failover"}}],
    }
    monitor.configure(plane.state, CACHE, table)
    assert (
        data(values(plane, metricnames="serverLoad", timespan=last(plane, 1)))[0]["maximum"] == 97
    )
    with pytest.raises(ValueError, match="no cache has a metric 'clients'"):
        monitor.configure(plane.state, CACHE, {"clients": 3})
    with pytest.raises(ValueError, match="none of level, last, dimensions"):
        monitor.configure(plane.state, CACHE, {"errors": {"lats": [1]}})


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"metricnames": "clients"}, "Valid metrics: allcachehits,"),
        (
            {"metricnames": "errors", "_filter": "Region eq 'x'"},
            "supported ones are: ShardId,ErrorType",
        ),
        ({"metricnames": "errors", "_filter": "ErrorType like 'x'"}, "not understood"),
        ({"metricnames": "errors", "interval": "PT7M"}, "supported ones are: PT1M"),
        ({"metricnames": "errors", "top": "many"}, "between 1 and 1000"),
        ({"metricnames": "errors", "aggregation": "median"}, "Invalid aggregation"),
        ({"metricnames": "errors", "timespan": "yesterday"}, "Expected format is start/end"),
        (
            {"metricnames": "errors", "timespan": "2020-01-01T00:00:00Z/2020-01-02T00:00:00Z"},
            "93 days",
        ),
    ],
)
def test_what_is_wrong_is_said_bare(plane: Plane, query: dict[str, str], says: str) -> None:
    """400, without ``error`` around it, as recorded."""
    where = f"{CACHE}/providers/Microsoft.Insights/metrics"
    said = plane.ask("GET", where, version=VERSION, **query)

    assert said.status == 400
    assert said.body["code"] == "BadRequest"
    assert says in said.body["message"]


def test_a_managed_cache_has_no_errors(plane: Plane) -> None:
    """It lacks the metric, which is not the same as having none."""
    where = f"{MANAGED}/providers/Microsoft.Insights/metrics"
    assert plane.ask("GET", where, version=VERSION, metricnames="errors").status == 400
    assert data(values(plane, MANAGED, metricnames="connectedclients", timespan=last(plane, 1)))


@given(
    counts=some.lists(some.integers(0, 10_000), min_size=1, max_size=40),
    grain=some.sampled_from([1, 5, 15]),
)
def test_longer_intervals_lose_no_maximum(counts: list[int], grain: int) -> None:
    """The greatest of all points is the greatest of all minutes, whatever the interval."""
    from tests.lab.arm.plane import state

    made = state()
    now = 1_800_000_030.0
    made.now = lambda: now  # type: ignore[method-assign]
    series = monitor.record(made, CACHE, "connectedclients", last=counts)
    begin = int(now // 60 * 60) - 60 * len(counts)
    asked = monitor._Asked(begin, now, grain * 60, "", ("Maximum",), {}, only_metadata=False)

    points = monitor._points(made, [series], asked, ("Maximum", "Count"), doubled=True)

    assert max(each["maximum"] for each in points if "maximum" in each) == max(counts)
    assert sum(each.get("count", 0) for each in points) == 2 * len(counts)


@pytest.mark.shared
@pytest.mark.parametrize("version", ["2018-01-01", "2023-10-01", "2024-02-01"])
def test_every_answer_is_of_the_shape_that_is_described(
    tmp_path: Path, shared: Path, version: str
) -> None:
    """With the API descriptions as witness."""
    held = witness(shared)
    before = held.checked
    with Plane(tmp_path, held) as plane:
        for resource in (CACHE, MANAGED):
            stem = f"{resource}/providers/Microsoft.Insights"
            plane.ok("GET", f"{stem}/metricDefinitions", version=version)
            names = "connectedclients,serverLoad"
            plane.ok("GET", f"{stem}/metrics", version=version, metricnames=names)
        plane.ok(
            "GET",
            f"{CACHE}/providers/Microsoft.Insights/metrics",
            version=version,
            metricnames="errors",
            _filter="ErrorType eq '*' or ShardId eq '*'",
        )
        where = f"{CACHE}/providers/Microsoft.Insights/metrics"
        assert plane.ask("GET", where, version=version, metricnames="x").status == 400
    assert held.checked - before == 6


def test_the_sdk_reads_metrics_alerts_and_the_log(plane: Plane) -> None:
    """An independent witness of the shapes."""
    sdk = pytest.importorskip("azure.mgmt.monitor")
    monitor.record(plane.state, CACHE, "connectedclients", last=[240])
    with plane.client(sdk.MonitorManagementClient) as client:
        said = client.metrics.list(
            CACHE, metricnames="connectedclients", aggregation="Maximum", timespan=last(plane, 1)
        )
        assert said.value[0].timeseries[0].data[0].maximum == 240.0
        assert len(list(client.metric_definitions.list(CACHE))) == 206
        plane.state.note(CACHE, "Microsoft.Cache/redis/write", at=plane.state.now() - 60)
        since = f"eventTimestamp ge '{written(plane.state.now() - 3600)}'"
        told = list(client.activity_logs.list(f"{since} and resourceUri eq '{CACHE}'"))
        assert [each.status.value for each in told] == ["Succeeded", "Started"]
