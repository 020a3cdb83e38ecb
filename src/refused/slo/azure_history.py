"""Read the history of a cache's metrics from Azure Monitor, each as its rule aggregates it (I/O).

Azure keeps platform metrics for 93 days; a query by the minute is asked for in parts.
"""

from __future__ import annotations

from refused.probes.azure.monitor import metrics_of
from refused.service.arm import api_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from refused.evidence.control_plane import Metric
    from refused.slo.rules import MetricRule

KEPT_DAYS = 93
PART_S = 4 * 86400.0
PATIENCE_S = 120.0


def read(
    environ: Mapping[str, str],
    cache_id: str,
    rules: Sequence[MetricRule],
    begin: float,
    end: float,
) -> tuple[tuple[Metric, ...], tuple[str, ...]]:
    """Return the history that the rules need, and one line for each that could not be read.

    Args:
        begin: The first moment, and *end* the last, in seconds since 1970 UTC.

    Raises:
        ValueError: The control plane cannot be asked the way the environment says; one line for people.
    """
    from refused.probes.azure.client import Plane
    from refused.probes.azure.credentials import token
    from refused.probes.azure.endpoint import endpoint_of
    from refused.probes.stopwatch import Deadline

    endpoint, deadline = endpoint_of(environ), Deadline(PATIENCE_S)
    plane = Plane(
        endpoint, lambda: token(endpoint, environ, deadline), deadline=deadline, environ=environ
    )
    found: list[Metric] = []
    gaps: list[str] = []
    try:
        for metric, how, split in dict.fromkeys(_asked(rules)):
            parts, why = _metric(plane, cache_id, metric, how, split, begin, end)
            found += parts
            if why:
                gaps.append(f"{metric}: {why}")
    finally:
        plane.close()
    return tuple(found), tuple(gaps)


def _asked(rules: Sequence[MetricRule]) -> Iterator[tuple[str, str, str]]:
    for rule in rules:
        yield rule.metric, rule.aggregation, rule.dimensions[0][0] if rule.dimensions else ""


def _metric(  # noqa: PLR0917 - one question, in the order in which it is put
    plane: object, cache_id: str, metric: str, how: str, split: str, begin: float, end: float
) -> tuple[list[Metric], str]:
    from refused.probes.azure.ways import iso

    joined: dict[tuple[str, str] | None, Metric] = {}
    at = begin
    while at < end:
        until = min(at + PART_S, end)
        fields = {
            "timespan": f"{iso(at)}/{iso(until)}",
            "interval": "PT1M",
            "metricnames": metric,
            "aggregation": how,
            **({"$filter": f"{split} eq '*'"} if split else {}),
        }
        path = f"{cache_id}/providers/Microsoft.Insights/metrics"
        answer = plane.ask(path, api_version("Microsoft.Insights/metrics"), fields)  # type: ignore[attr-defined]
        if not answer.ok:
            return list(joined.values()), f"{answer.why}; {answer.how}".rstrip("; ")
        for each in metrics_of(answer.body, cache_id, {metric: how}, (at, until), answer.stamp()):
            before = joined.get(each.dimension)
            points = (*(before.points if before is not None else ()), *each.points)
            joined[each.dimension] = each.replace(points=tuple(sorted(dict(points).items())))
        at = until
    return [each for each in joined.values() if each.points], ""
