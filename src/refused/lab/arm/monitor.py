"""Microsoft.Insights: which metrics a cache has, and their values.

A value comes from three places, in this order: the points that a world or a test has put down
(:func:`record`), a gauge that asks the real server (:func:`gauge`), and the level of a cache that
nobody uses. Habits that the recordings or the documentation show:

- without ``aggregation`` a point bears the metric's default aggregation alone;
- points begin at the minute of the timespan's start, and the last one, which is still under way, has
  no value yet;
- a metric that the type has not is a 400 that names all it has, and its body is bare.

Sources: ``c7n__ArmResourceTest.test_metric_filter_*`` and ``java-fluent__testQueryMetrics…`` of the
recordings; learn.microsoft.com/azure/azure-cache-for-redis/cache-how-to-monitor (gauges are read
about twice a minute).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from refused.lab.arm.metric_names import METRICS, Metric
from refused.lab.arm.routes import Answer, Call, Refusal, provides, route
from refused.lab.arm.state import key
from refused.lab.arm.times import conditions, moment_of, seconds_of, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from refused.lab.arm.state import State

NAMESPACE = "Microsoft.Insights"
provides(
    NAMESPACE,
    metrics=("2024-02-01", "2023-10-01", "2021-05-01", "2019-07-01", "2018-01-01"),
    metricDefinitions=("2024-02-01", "2023-10-01", "2021-05-01", "2018-01-01"),
    metricNamespaces=("2024-02-01", "2018-01-01-preview", "2017-12-01-preview"),
)

MINUTE_S = 60
AGGREGATIONS = ("Average", "Minimum", "Maximum", "Total", "Count")
GRAINS = ("PT1M", "PT5M", "PT15M", "PT30M", "PT1H", "PT6H", "PT12H", "P1D")
LONGEST_S = 93 * 86400
MOST_POINTS = 20_000
MOST_SERIES = 1000

# A cache that is up and hardly used; what is not named here is zero. The service's own monitoring
# holds some connections too.
QUIET = {
    "connectedclients": 4.0,
    "allconnectedclients": 4.0,
    "serverload": 3.0,
    "allserverload": 3.0,
    "percentprocessortime": 4.0,
    "allpercentprocessortime": 4.0,
    "usedmemory": 4.0e7,
    "allusedmemory": 4.0e7,
    "usedmemorypercentage": 4.0,
    "allusedmemorypercentage": 4.0,
    "usedmemoryrss": 5.0e7,
    "allusedmemoryrss": 5.0e7,
    "cachelatency": 300.0,
    "latencyp99": 900.0,
    "operationspersecond": 20.0,
    "totalkeys": 100.0,
    "shardreplicationlinkup": 1.0,
    "georeplicationhealthy": 1.0,
}


@dataclass
class Series:
    """The values of one metric for one set of dimensions.

    Attributes:
        dimensions: As in ``{"ErrorType": "Failover"}``; a dimension that is not named is ``0``.
        points: By the minute, in seconds since the epoch.
        level: The value of every minute that has no point; ``None`` leaves it without a value.
    """

    dimensions: dict[str, str] = field(default_factory=dict)
    points: dict[int, float] = field(default_factory=dict)
    level: float | None = None


def record(
    state: State,
    resource_id: str,
    metric: str,
    *,
    points: Mapping[float, float] | None = None,
    last: Iterable[float] = (),
    level: float | None = None,
    dimensions: Mapping[str, str] | None = None,
) -> Series:
    """Put down values of a metric, in place of those of the same dimensions.

    Args:
        points: By time, in seconds since the epoch.
        last: The values of the last minutes, the oldest one first; the minute that is under way
            does not count.
        level: The value of all other minutes.
    """
    told = {_minute(at): float(value) for at, value in (points or {}).items()}
    values = list(last)
    now = _minute(state.now())
    told |= {now - MINUTE_S * (len(values) - at): float(each) for at, each in enumerate(values)}
    series = Series(dict(dimensions or {}), told, level)
    with state.lock:
        known = _book(state, "metrics").setdefault((key(resource_id), metric.lower()), [])
        known[:] = [each for each in known if each.dimensions != series.dimensions]
        known.append(series)
    return series


def configure(state: State, resource_id: str, table: Mapping[str, Any]) -> None:
    """Put down the values that a world file says: ``{metric: level}`` or ``{metric: [table, …]}``.

    Each table is what :func:`record` takes: ``level``, ``last``, ``dimensions``.

    Raises:
        ValueError: A metric or a word that is not known.
    """
    known = {name.lower() for metrics in METRICS.values() for name, *_ in metrics}
    for metric, said in table.items():
        if metric.lower() not in known:
            raise ValueError(f"no cache has a metric {metric[:60]!r}")
        for each in said if isinstance(said, list) else [said]:
            told: dict[str, Any] = {"level": each} if isinstance(each, int | float) else dict(each)
            unknown = set(told) - {"level", "last", "dimensions"}
            if unknown:
                raise ValueError(
                    f"{metric}: {', '.join(sorted(unknown))} is none of level, last, dimensions"
                )
            record(state, resource_id, metric, **told)


def gauge(state: State, resource_id: str, metric: str, ask: Callable[[], float | None]) -> None:
    """Let a metric be what *ask* says when somebody looks; ``None`` is no value."""
    with state.lock:
        _book(state, "gauges")[key(resource_id), metric.lower()] = ask


def _book(state: State, name: str) -> dict[Any, Any]:
    book: dict[Any, Any] = state.extra.setdefault(name, {})
    return book


def _minute(at: float) -> int:
    return int(at // MINUTE_S) * MINUTE_S


# --- what a resource has --------------------------------------------------------------------------


def _type_and_metrics(document: Mapping[str, Any]) -> tuple[str, tuple[Metric, ...]]:
    wanted = str(document.get("type", "")).lower()
    for name, metrics in METRICS.items():
        if name.lower() == wanted:
            return name, metrics
    return str(document.get("type", "")), ()


_SCOPE = "{*scope}/providers/Microsoft.Insights"


@route("GET", f"{_SCOPE}/metricDefinitions", action=f"{NAMESPACE}/metricDefinitions/read")
def _definitions(call: Call) -> Answer:
    document = call.state.require(call.params["scope"])
    kind, metrics = _type_and_metrics(document)
    return Answer(
        body={
            "value": [
                {
                    "id": f"{document['id']}/providers/microsoft.insights/metricdefinitions/{name}",
                    "resourceId": document["id"],
                    "namespace": kind,
                    "category": "Cache",
                    "name": {"value": name, "localizedValue": shown},
                    "displayDescription": shown,
                    "isDimensionRequired": False,
                    "unit": unit,
                    "primaryAggregationType": aggregation,
                    "supportedAggregationTypes": list(AGGREGATIONS),
                    "metricAvailabilities": [
                        {"timeGrain": grain, "retention": "P93D"} for grain in GRAINS
                    ],
                    **(
                        {
                            "dimensions": [
                                {"value": each, "localizedValue": each}
                                for each in dimensions.split()
                            ]
                        }
                        if dimensions
                        else {}
                    ),
                }
                for name, shown, unit, aggregation, dimensions in metrics
            ]
        }
    )


@route("GET", f"{_SCOPE}/metricNamespaces", action=f"{NAMESPACE}/metricNamespaces/read")
def _namespaces(call: Call) -> Answer:
    document = call.state.require(call.params["scope"])
    kind, metrics = _type_and_metrics(document)
    name = kind.lower().replace("/", "-")
    stem = f"{document['id']}/providers/microsoft.insights/metricNamespaces"
    found = {
        "id": f"{stem}/{name}",
        "name": name,
        "type": f"{NAMESPACE}/metricNamespaces",
        "classification": "Platform",
        "properties": {"metricNamespaceName": kind.lower()},
    }
    return Answer(body={"value": [found] if metrics else []})


# --- values ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Asked:
    """What a query wants.

    Attributes:
        begin: The minute of the first point.
        step_s: From one point to the next.
        split: By dimension, the values that are wanted, ``*`` for any.
        top: How many series there may be of a metric that is split.
        rising: Whether the series with the lowest values come first.
    """

    begin: int
    end: float
    step_s: int
    interval: str
    aggregations: tuple[str, ...]
    split: dict[str, list[tuple[str, str]]]
    only_metadata: bool
    top: int = 10
    rising: bool = False


@route("GET", f"{_SCOPE}/metrics", action=f"{NAMESPACE}/metrics/read")
def _values(call: Call) -> Answer:
    document = call.state.require(call.params["scope"])
    kind, metrics = _type_and_metrics(document)
    wanted = _wanted(call, kind, metrics)
    asked = _asked(call, wanted)
    begin, end = _timespan(call)
    return Answer(
        body={
            "cost": max(0, int((end - begin) // MINUTE_S) * len(wanted)),
            "timespan": f"{written(begin)}/{written(end)}",
            "interval": asked.interval,
            "value": [_told(call.state, document, metric, asked) for metric in wanted],
            "namespace": kind,
            "resourceregion": str(document.get("location", "")).replace(" ", "").lower(),
        }
    )


def _bad(message: str) -> Refusal:
    return Refusal(400, "BadRequest", message, bare=True)


def _wanted(call: Call, kind: str, metrics: tuple[Metric, ...]) -> list[Metric]:
    """Return the metrics that are asked for; the first one where none is."""
    known = {metric[0].lower(): metric for metric in metrics}
    namespace = call.query.get("metricnamespace", kind)
    names = [each.strip() for each in call.query.get("metricnames", "").split(",") if each.strip()]
    if namespace.lower() != kind.lower():
        raise _bad(f"Cannot find the metric namespace {namespace[:80]} for {kind}.")
    if not names and metrics:
        return [metrics[0]]
    provider, _, resource = kind.partition("/")
    for name in names or [""]:
        if name.lower() not in known:
            raise _bad(
                f"Failed to find metric configuration for provider: {provider}, resource Type: "
                f"{resource}, metric: {name[:80]}, Valid metrics: "
                f"{','.join(metric[0] for metric in metrics)}"
            )
    return [known[name.lower()] for name in names]


def _timespan(call: Call) -> tuple[float, float]:
    """Return begin and end; the last hour where nothing is said."""
    text = unquote(call.query.get("timespan", ""))  # az escapes it twice
    now = call.state.now()
    if not text:
        return now - 3600, now
    first, _, last = text.partition("/")
    try:
        if first.upper().startswith("P"):
            end = moment_of(last) if last else now
            begin = end - seconds_of(first)
        else:
            begin, end = moment_of(first), moment_of(last)
    except ValueError:
        raise _bad(
            f"Detected invalid time interval input: {text[:80]}. Expected format is start/end, for "
            "example 2017-04-14T02:20:00Z/2017-04-14T04:20:00Z."
        ) from None
    if end <= begin:
        raise _bad(f"Start time {written(begin)} has to be before the end time {written(end)}.")
    if begin < now - LONGEST_S:
        raise _bad("The start time cannot be more than 93 days in the past.")
    return begin, end


def _asked(call: Call, wanted: list[Metric]) -> _Asked:
    begin, end = _timespan(call)
    interval = call.query.get("interval") or "PT1M"
    if interval.upper() == "FULL":
        step_s = max(MINUTE_S, int(end - begin))
        interval = f"PT{step_s // MINUTE_S}M"
    else:
        try:
            step_s = seconds_of(interval)
        except ValueError:
            step_s = 0
        if step_s not in {seconds_of(grain) for grain in GRAINS}:
            raise _bad(
                f"Invalid time grain: {interval[:40]}, supported ones are: {', '.join(GRAINS)}"
            )
    if (end - begin) / step_s > MOST_POINTS:
        raise _bad(f"The query asks for more than {MOST_POINTS} points; take a longer interval.")
    aggregations = []
    for each in call.query.get("aggregation", "").split(","):
        if not each.strip():
            continue
        found = [known for known in AGGREGATIONS if known.lower() == each.strip().lower()]
        if not found:
            raise _bad(
                f"Invalid aggregation: {each.strip()[:40]}, supported ones are: "
                f"{', '.join(AGGREGATIONS)}"
            )
        aggregations += found
    return _Asked(
        _minute(begin),
        end,
        step_s,
        interval,
        tuple(aggregations),
        _split(call.query.get("$filter", ""), wanted),
        call.query.get("resulttype", "").lower() == "metadata",
        _top(call.query.get("top", "10")),
        call.query.get("orderby", "").lower().endswith(" asc"),
    )


def _top(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= MOST_SERIES:
        raise _bad(f"Invalid top: {text[:20]}, it has to be between 1 and {MOST_SERIES}.")
    return int(text)


def _split(text: str, wanted: list[Metric]) -> dict[str, list[tuple[str, str]]]:
    """Read the filter: by dimension, the conditions on its value, of which one has to hold."""
    split: dict[str, list[tuple[str, str]]] = {}
    try:
        found = conditions(text)
    except ValueError as failure:
        raise _bad(f"The filter is invalid: {failure}") from None
    for name, operator, value in found:
        for metric, _, _, _, dimensions in wanted:
            if name.lower() not in dimensions.lower().split():
                raise _bad(
                    f"Metric: {metric} does not support requested dimension combination: "
                    f"{name.lower()}, supported ones are: {','.join(dimensions.split())}"
                )
        if operator not in ("eq", "ne"):
            raise _bad(f"The filter is invalid: {operator} does not compare dimensions.")
        split.setdefault(name.lower(), []).append((operator, value))
    return split


def _told(
    state: State, document: Mapping[str, Any], metric: Metric, asked: _Asked
) -> dict[str, Any]:
    """Return one metric of the answer."""
    name, shown, unit, aggregation, dimensions = metric
    chosen = asked.aggregations or (aggregation,)
    groups: dict[tuple[tuple[str, str], ...], list[Series]] = {}
    for each in _series(state, document["id"], metric):
        labels = _labels(each, asked.split, dimensions.split())
        if labels is not None:
            groups.setdefault(labels, []).append(each)
    timeseries = []
    for labels, group in groups.items():
        told: dict[str, Any] = {
            "metadatavalues": [
                {"name": {"value": each, "localizedValue": each}, "value": value}
                for each, value in labels
            ]
        }
        if not asked.only_metadata:
            told["data"] = _points(state, group, asked, chosen, doubled=aggregation != "Total")
        timeseries.append(told)
    if asked.split and not asked.only_metadata:
        timeseries.sort(key=lambda each: _weight(each["data"]), reverse=not asked.rising)
    return {
        "id": f"{document['id']}/providers/{NAMESPACE}/metrics/{name}",
        "type": f"{NAMESPACE}/metrics",
        "name": {"value": name, "localizedValue": shown},
        "displayDescription": shown,
        "unit": unit,
        "timeseries": timeseries[: asked.top] if asked.split else timeseries,
        "errorCode": "Success",
    }


def _weight(points: list[dict[str, Any]]) -> float:
    """Return by what series are put in order: the greatest of the values that are told."""
    told = (value for each in points for value in each.values() if isinstance(value, float))
    return max(told, default=0.0)


def _series(state: State, resource_id: str, metric: Metric) -> list[Series]:
    """Return what is known of a metric: put down, asked of the server, or that of a quiet cache."""
    name = metric[0].lower()
    with state.lock:
        known = list(_book(state, "metrics").get((key(resource_id), name), ()))
        ask = _book(state, "gauges").get((key(resource_id), name))
    if ask is None:
        return known or [Series(level=QUIET.get(name, 0.0))]
    value = ask()
    if not known:
        return [Series(level=value)]
    # What was put down is the past; what the server says now is the last whole minute.
    now = _minute(state.now()) - MINUTE_S
    if value is not None:
        first = known[0]
        known[0] = Series(first.dimensions, {**first.points, now: value}, first.level)
    return known


def _labels(
    series: Series, split: Mapping[str, list[tuple[str, str]]], dimensions: list[str]
) -> tuple[tuple[str, str], ...] | None:
    """Return under which labels a series is told; ``None`` where the filter leaves it out."""
    own = {name.lower(): value for name, value in series.dimensions.items()}
    labels = []
    for name, wanted in split.items():
        missing = "0" if name in ("shardid", "instanceid") else None
        value = own.get(name, missing)
        if value is None or not any(_holds(each, value) for each in wanted):
            return None
        labels.append(
            (next((each for each in dimensions if each.lower() == name), name).lower(), value)
        )
    return tuple(labels)


def _holds(condition: tuple[str, str], value: str) -> bool:
    operator, wanted = condition
    if wanted == "*":
        return True
    return (value.lower() == wanted.lower()) == (operator == "eq")


def _points(
    state: State, group: list[Series], asked: _Asked, chosen: tuple[str, ...], *, doubled: bool
) -> list[dict[str, Any]]:
    """Return the points of some series taken together.

    Args:
        doubled: Whether a minute holds two samples, as where a gauge is read twice in it.
    """
    over = _minute(state.now())  # this minute has no value yet
    found: list[dict[str, Any]] = []
    at: float = asked.begin
    while at < asked.end:
        samples: list[float] = []
        minutes = range(int(at), min(int(at) + asked.step_s, over), MINUTE_S)
        for series, minute in product(group, minutes):
            value = series.points.get(minute, series.level)
            if value is not None:
                samples += [value, value] if doubled else [value]
        found.append({"timeStamp": written(at), **_aggregated(samples, chosen)})
        at += asked.step_s
    return found


def _aggregated(samples: list[float], chosen: tuple[str, ...]) -> dict[str, float]:
    if not samples:
        return {}
    every = {
        "Average": sum(samples) / len(samples),
        "Minimum": min(samples),
        "Maximum": max(samples),
        "Total": sum(samples),
        "Count": float(len(samples)),
    }
    return {each.lower(): float(every[each]) for each in chosen}
