"""History is read from what tools print, and garbage is one line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.slo.budget import Counted
from refused.slo.history import BadHistory, parse

AZURE: dict[str, Any] = {
    "interval": "0:01:00",
    "value": [
        {
            "id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Cache/Redis/c"
            "/providers/Microsoft.Insights/metrics/errors",
            "name": {"value": "errors", "localizedValue": "Errors"},
            "timeseries": [
                {
                    "metadatavalues": [{"name": {"value": "errortype"}, "value": "Failover"}],
                    "data": [
                        {"timeStamp": "2026-11-26T02:51:00Z", "maximum": 0.0, "average": 0.0},
                        {"timeStamp": "2026-11-26T02:52:00Z", "maximum": 1.0, "average": 0.5},
                        {"timeStamp": "2026-11-26T02:53:00Z"},
                    ],
                }
            ],
        }
    ],
}


def test_what_az_prints() -> None:
    """With each aggregation for itself; a minute without value is a gap."""
    found = parse(json.dumps(AZURE)).series

    assert [(each.name, each.aggregation, each.dimension) for each in found] == [
        ("errors", "Maximum", ("errortype", "Failover")),
        ("errors", "Average", ("errortype", "Failover")),
    ]
    assert [value for _, value in found[0].points] == [0.0, 1.0]
    assert found[0].interval_s == 60


def test_a_column_for_each_metric() -> None:
    """As a chart of the portal is exported."""
    text = (
        "time,connectedclients (Max),serverLoad\n2026-11-26T02:51:00Z,11,3\n2026-11-26T02:52Z,,4\n"
    )
    one, other = parse(text).series

    assert (one.name, one.aggregation, len(one.points)) == ("connectedclients", "Maximum", 1)
    assert (other.name, other.aggregation, len(other.points)) == ("serverLoad", "", 2)


def test_a_line_for_each_value() -> None:
    """With the aggregation and the part of the metric."""
    text = (
        "timestamp,metric,value,aggregation,dimension\n"
        "1790000000,errors,1,maximum,ErrorType=Failover\n"
        "1790000060,errors,0,maximum,ErrorType=Failover\n"
    )
    (only,) = parse(text).series

    assert only.aggregation == "Maximum"
    assert only.dimension == ("ErrorType", "Failover")


def test_a_range_of_prometheus() -> None:
    """Names of the exporter become Azure's; counters become what they grew by."""
    result = [
        _matrix("redis_connected_clients", [[0, "5"], [60, "7"]], instance="a"),
        _matrix("redis_memory_used_bytes", [[0, "50"], [60, "90"]], instance="a"),
        _matrix("redis_memory_max_bytes", [[0, "100"], [60, "100"]], instance="a"),
        _matrix("refused_probes_total", [[0, "5"], [60, "9"], [120, "2"]], outcome="ok"),
        _matrix("refused_probes_total", [[0, "1"], [60, "1"], [120, "4"]], outcome="failed"),
    ]
    found = parse(json.dumps({"status": "success", "data": {"result": result}}))

    by_name = {each.name: [value for _, value in each.points] for each in found.series}
    assert by_name["connectedclients"] == [5.0, 7.0]
    assert by_name["usedmemorypercentage"] == [50.0, 90.0]
    assert found.counts == (
        Counted(at=60.0, good=4.0, bad=0.0),
        Counted(at=120.0, good=2.0, bad=3.0),  # begun again: it grew by what it shows
    )


def _matrix(name: str, values: list[Any], **labels: str) -> dict[str, Any]:
    return {"metric": {"__name__": name, **labels}, "values": values}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no column"),
        ("{", "begins like JSON"),
        ("{}", "holds no series"),
        ("a,b\n1,2\n", "names no column time or timestamp"),
        ("time,x\nyesterday,2\n", "line 2: no time"),
        ("time,x\n", "holds no series"),
        ('{"status": "success", "data": null}', "holds no series"),
    ],
)
def test_what_is_no_history_says_so(text: str, said: str) -> None:
    """In one line, with what would be right."""
    with pytest.raises(BadHistory, match=said):
        parse(text)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ("value", "name", "timeseries", "data", "result", "metric", "values", "status")
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.one_of(st.text(max_size=200), _JSON.map(json.dumps)))
def test_nothing_breaks_the_reader(text: str) -> None:
    """It reads, or says in one line why not."""
    try:
        found = parse(text)
    except BadHistory:
        return
    assert found.series or found.counts
