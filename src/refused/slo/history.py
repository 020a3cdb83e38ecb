"""History to replay: what Azure's command line printed, CSV, or a range out of Prometheus.

Whatever it comes from, it becomes the same record as the evidence of a diagnosis has.
"""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime
from itertools import pairwise

from refused.evidence.control_plane import CONTROL_PLANE, Metric
from refused.evidence.record import Record
from refused.slo.budget import Counted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

AGGREGATIONS = ("Maximum", "Average", "Total", "Minimum", "Count")
TIMES = ("time", "timestamp", "timegenerated", "date", "datetime")
# What the exporter of Prometheus calls what Azure calls otherwise.
FROM_EXPORTER = {
    "redis_connected_clients": "connectedclients",
    "redis_evicted_keys_total": "evictedkeys",
    "redis_memory_used_bytes": "usedmemory",
}
COUNTERS = frozenset({"redis_evicted_keys_total"})
PROBES = "refused_probes_total"


class BadHistory(ValueError):
    """A file holds no history that can be replayed; the message is one line for people."""

    for_people = True


class History(Record):
    """Series by metric, and what was counted of our own probes (out of :data:`PROBES`)."""

    series: tuple[Metric, ...] = ()
    counts: tuple[Counted, ...] = ()


def parse(text: str, file: str = "") -> History:
    """Read history, whichever of the formats it is in.

    Raises:
        BadHistory: It is in none of them, or holds no value.
    """
    where = file or "the history"
    if text.lstrip()[:1] in ("{", "["):
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            raise BadHistory(f"{where} begins like JSON and is none") from None
        found = _of_json(data)
    else:
        found = History(series=tuple(_of_csv(text, where)))
    if not found.series and not found.counts:
        raise BadHistory(
            f"{where} holds no series; give what az monitor metrics list -o json printed, CSV with a "
            "column of times, or the answer of Prometheus' query_range"
        )
    return found


def _of_json(data: Any) -> History:
    if isinstance(data, dict) and data.get("status") == "success":
        return _of_prometheus(data)
    parts = data if isinstance(data, list) else [data]
    return History(
        series=tuple(each for part in parts if isinstance(part, dict) for each in _of_azure(part))
    )


# --- Azure ----------------------------------------------------------------------------------------


def _of_azure(data: dict[str, Any]) -> Iterator[Metric]:
    for metric in _list(data.get("value")):
        named = metric.get("name")
        name = str(named.get("value", "")) if isinstance(named, dict) else str(named or "")
        resource = str(metric.get("id") or "").partition("/providers/Microsoft.Insights")[0]
        for one in _list(metric.get("timeseries")):
            rows = _list(one.get("data"))
            for how in AGGREGATIONS:
                points = [
                    (at, float(value))
                    for at, value in (
                        (_moment(row.get("timeStamp")), row.get(how.lower())) for row in rows
                    )
                    if at is not None and isinstance(value, int | float)
                ]
                if points:
                    yield _series(
                        name,
                        how,
                        points,
                        dimension=_dimension(one),
                        interval_s=_span(str(data.get("interval") or "")),
                        resource=resource,
                    )


def _list(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _dimension(series: dict[str, Any]) -> tuple[str, str] | None:
    for each in _list(series.get("metadatavalues")):
        named = each.get("name")
        name = named.get("value") if isinstance(named, dict) else named
        if name and each.get("value"):
            return str(name), str(each["value"])
    return None


def _span(word: str) -> int:
    match = re.fullmatch(r"PT?(\d+)([SMHD])", word.upper()) or re.fullmatch(
        r"(\d+):(\d{2}):(\d{2})", word
    )
    if match is None:
        return 0
    if len(match.groups()) == 3:  # az writes 0:01:00
        hours, minutes, seconds = (int(each) for each in match.groups())
        return hours * 3600 + minutes * 60 + seconds
    return int(match[1]) * {"S": 1, "M": 60, "H": 3600, "D": 86400}[match[2]]


# --- CSV ------------------------------------------------------------------------------------------


def _of_csv(text: str, where: str) -> Iterator[Metric]:
    """Read ``time,metric,value[,aggregation][,dimension]``, or a column for each metric."""
    rows = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    names = {(name or "").strip().lower(): name for name in rows.fieldnames or ()}
    time_column = next((names[each] for each in TIMES if each in names), None)
    if time_column is None:
        raise BadHistory(f"{where}: its first line names no column {' or '.join(TIMES[:2])}")
    found: dict[tuple[str, str, tuple[str, str] | None], list[tuple[float, float]]] = {}
    is_long = {"metric", "value"} <= set(names)
    for line, row in enumerate(rows, 2):
        at = _moment(row.get(time_column))
        if at is None:
            raise BadHistory(f"{where}, line {line}: no time; give 2026-11-26T02:51:00Z or seconds")
        cells = (
            [(row.get(names["metric"]) or "", row.get(names["value"]))]
            if is_long
            else [(name or "", row.get(name)) for name in row if name != time_column]
        )
        for name, value in cells:
            number = _number(value)
            if number is None or not name:
                continue
            metric, how = _named(name)
            if is_long:
                how = (row.get(names.get("aggregation", "")) or how).capitalize()
            part = (row.get(names.get("dimension", "")) or "") if is_long else ""
            dimension = (part.partition("=")[0], part.partition("=")[2]) if "=" in part else None
            found.setdefault((metric, how, dimension), []).append((at, number))
    for (metric, how, dimension), points in found.items():
        yield _series(metric, how, points, dimension=dimension)


def _named(column: str) -> tuple[str, str]:
    """Take ``connectedclients (Max)`` apart; without brackets nobody said how it was aggregated."""
    match = re.fullmatch(r"\s*(\S+)\s*\((\w+)\)\s*", column)
    if match is None:
        return column.strip(), ""
    word = match[2].lower()
    how = next((each for each in AGGREGATIONS if each.lower().startswith(word[:3])), "")
    return match[1], "Total" if word == "sum" else how


def _number(value: object) -> float | None:
    try:
        number = float(str(value).strip())
    except ValueError:
        return None
    return number if number - number == 0 else None


# --- Prometheus -----------------------------------------------------------------------------------


def _of_prometheus(data: dict[str, Any]) -> History:
    results = _list((data.get("data") or {}).get("result"))
    raw: list[tuple[str, dict[str, str], list[tuple[float, float]]]] = []
    for each in results:
        labels = {str(k): str(v) for k, v in (each.get("metric") or {}).items()}
        pairs = [
            (at, number)
            for at, number in (
                (_number(pair[0]), _number(pair[1]))
                for pair in each.get("values") or ()
                if isinstance(pair, list) and len(pair) == 2
            )
            if at is not None and number is not None
        ]
        raw.append((labels.get("__name__", ""), labels, sorted(pairs)))
    series = []
    for name, labels, points in raw:
        if name == PROBES or not points:
            continue
        known = FROM_EXPORTER.get(name, name)
        values = _increases(points) if name in COUNTERS else points
        if values:
            series.append(_series(known, "Total" if name in COUNTERS else "", values))
        if name == "redis_memory_used_bytes":
            series += _share(points, labels, raw)
    return History(series=tuple(series), counts=tuple(_counted(raw)))


def _share(
    used: list[tuple[float, float]],
    labels: dict[str, str],
    raw: Sequence[tuple[str, dict[str, str], list[tuple[float, float]]]],
) -> list[Metric]:
    """Return the memory in use as a share of what there may be, where both are there."""
    for name, other, points in raw:
        if name == "redis_memory_max_bytes" and other.get("instance") == labels.get("instance"):
            most = dict(points)
            shares = [(at, 100 * value / most[at]) for at, value in used if most.get(at)]
            return [_series("usedmemorypercentage", "", shares)] if shares else []
    return []


def _counted(
    raw: Sequence[tuple[str, dict[str, str], list[tuple[float, float]]]],
) -> Iterator[Counted]:
    good: dict[float, float] = {}
    bad: dict[float, float] = {}
    for name, labels, points in raw:
        if name == PROBES and labels.get("outcome") in ("ok", "failed"):
            side = good if labels["outcome"] == "ok" else bad
            for at, value in _increases(points):
                side[at] = side.get(at, 0.0) + value
    for at in sorted({*good, *bad}):
        yield Counted(at=at, good=good.get(at, 0.0), bad=bad.get(at, 0.0))


def _increases(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return what a counter grew by; one that begins again has grown by what it shows."""
    return [
        (at, value - before if value >= before else value)
        for (_, before), (at, value) in pairwise(points)
    ]


# --- small things ---------------------------------------------------------------------------------


def _series(
    name: str,
    how: str,
    points: list[tuple[float, float]],
    *,
    dimension: tuple[str, str] | None = None,
    interval_s: int = 0,
    resource: str = "",
) -> Metric:
    ordered = sorted(dict(points).items())
    steps = sorted(b[0] - a[0] for a, b in pairwise(ordered))
    return Metric(
        vantage=CONTROL_PLANE,
        at=ordered[-1][0],
        took_ms=0.0,
        source="history",
        resource_id=resource,
        name=name,
        aggregation=how,
        # The smallest step, to the minute: whatever is further apart is a gap.
        interval_s=interval_s or max(60, round((steps[0] if steps else 60) / 60) * 60),
        points=tuple(ordered),
        dimension=dimension,
    )


def _moment(value: object) -> float | None:
    number = _number(value)
    if number is not None:
        return number / 1000 if number > 1e11 else number
    try:
        found = datetime.fromisoformat(str(value or "").strip())
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
