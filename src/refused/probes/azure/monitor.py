"""What the answers about time say: metrics, changes, health, deployments.

Pure: JSON in, observations out.
"""

from __future__ import annotations

import re

from refused.evidence.control_plane import Metric, ResourceChange, ResourceHealth, ServiceEvent
from refused.evidence.redaction import redact
from refused.probes.azure.ways import dig, items, moment, number, same, text
from refused.service.arm import may_touch_a_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    Stamp = Mapping[str, Any]

MOST_CHANGES = 200


# --- metrics ---------------------------------------------------------------------------------------


def metrics_of(
    body: Any,
    cache_id: str,
    wanted: Mapping[str, str],
    span: tuple[float, float],
    stamp: Stamp,
) -> list[Metric]:
    """Read a batch of metrics, leaving out those that Azure could not read itself.

    Args:
        wanted: The aggregation that tells, by metric.
    """
    interval_s = _interval_s(text(body, "interval"))
    by_name = {name.lower(): (name, how) for name, how in wanted.items()}
    found = []
    for each in items(body, "value"):
        if _failure_of(each):
            continue
        said = _name_of(each)
        name, aggregation = by_name.get(said.lower(), (said, ""))
        for series in items(each, "timeseries") or [{}]:
            points, used = _points(items(series, "data"), aggregation)
            found.append(
                Metric(
                    **stamp,
                    resource_id=cache_id,
                    name=name,
                    aggregation=used or aggregation,
                    interval_s=interval_s,
                    points=points,
                    unit=text(each, "unit") or "",
                    dimension=_dimension(series),
                    from_s=span[0],
                    to_s=span[1],
                )
            )
    return found


def failed_metrics(body: Any) -> list[tuple[str, str]]:
    """Return name and reason of each metric that Azure could not read: its series are empty, not calm."""
    pairs = ((_name_of(each), _failure_of(each)) for each in items(body, "value"))
    return [(name, why) for name, why in pairs if why]


def _name_of(metric: Any) -> str:
    return text(metric, "name", "value") or text(metric, "name") or ""


def _failure_of(metric: Any) -> str:
    code = text(metric, "errorCode")
    if code is None or same(code, "Success"):
        return ""
    said = text(metric, "errorMessage")
    return redact(f"{code}: {said}" if said else code)[:200]


def _points(data: Sequence[Any], aggregation: str) -> tuple[tuple[tuple[float, float], ...], str]:
    """Return the points that have a value, by the aggregation that was wanted or the one there is."""
    order = [aggregation] if aggregation else []
    order += [
        each for each in ("Maximum", "Average", "Total", "Minimum", "Count") if each not in order
    ]
    for how in order:
        pairs = [
            (when, value)
            for when, value in ((moment(each, "timeStamp"), number(each, how)) for each in data)
            if when is not None and value is not None
        ]
        if pairs:
            return tuple(sorted(pairs)), how
    return (), ""


def _dimension(series: Any) -> tuple[str, str] | None:
    for each in items(series, "metadatavalues"):
        name, value = text(each, "name", "value") or text(each, "name"), text(each, "value")
        if name and value:
            return name, value
    return None


def _interval_s(word: str | None) -> int:
    match = re.fullmatch(r"PT?(\d+)([SMHD])", (word or "").upper())
    return int(match[1]) * {"S": 1, "M": 60, "H": 3600, "D": 86400}[match[2]] if match else 60


def known_metrics(said: str, wanted: Iterable[str]) -> tuple[str, ...]:
    """Return those of *wanted* that a refusal lists as valid; all of them where it lists none.

    A batch with one name that the resource does not have is refused as a whole, and the refusal
    names those it has: ``… metric: X, Valid metrics: connectedclients,serverLoad``.
    """
    _, found, tail = said.partition("Valid metrics:")
    valid = {each.strip(" .\"'").lower() for each in tail.split(",")}
    names = tuple(wanted)
    return tuple(each for each in names if each.lower() in valid) if found else names


# --- what changed ----------------------------------------------------------------------------------

# Beside the cache's own, these may be behind a fault of the path to it.
_AROUND = ("microsoft.network/", "microsoft.authorization/")
_DONE = ("succeeded", "failed", "accepted", "started")


def changes_of(body: Any, cache_id: str, stamp: Stamp) -> list[ResourceChange]:
    """Read an activity log: what touched this cache or a network, one record for each change.

    Azure writes a record when a change begins and others as it goes on; the last of them counts.
    """
    changes = _each_once(body, stamp, lambda change: _matters(change, cache_id))
    # A group in which machines come and go changes its networks by the minute; the cache's own
    # changes are never left out for them.
    own = [each for each in changes if _is_own(each, cache_id)][-MOST_CHANGES:]
    others = [each for each in changes if not _is_own(each, cache_id)]
    left = MOST_CHANGES - len(own)
    return sorted([*own, *(others[-left:] if left else [])], key=lambda change: change.when)


def deletions_of(body: Any, name: str, kinds: Iterable[str], stamp: Stamp) -> list[ResourceChange]:
    """Read from an activity log who deleted the caches called *name*, the last deletion last.

    Args:
        kinds: The resource types that count, as ``Microsoft.Cache/redis``.
    """
    operations = {f"{kind}/delete".lower() for kind in kinds}
    found = _each_once(
        body,
        stamp,
        lambda change: (
            change.operation.lower() in operations
            and change.resource_id.rstrip("/").rpartition("/")[2].lower() == name.lower()
        ),
    )
    return found[-MOST_CHANGES:]


def _each_once(
    body: Any, stamp: Stamp, counts: Callable[[ResourceChange], bool]
) -> list[ResourceChange]:
    """Return the changes that count by their time, of each the record that says most of its end."""
    best: dict[tuple[str, str, str], ResourceChange] = {}
    for event in items(body, "value"):
        change = _change(event, stamp)
        if change is None or not counts(change):
            continue
        key = (
            change.correlation_id or str(change.when),
            change.operation.lower(),
            change.resource_id.lower(),
        )
        other = best.get(key)
        if other is None or _rank(change) < _rank(other):
            best[key] = change
    return sorted(best.values(), key=lambda change: change.when)


def _is_own(change: ResourceChange, cache_id: str) -> bool:
    resource, cache = change.resource_id.lower(), cache_id.lower().rstrip("/")
    return resource == cache or resource.startswith(cache + "/")


def _rank(change: ResourceChange) -> tuple[int, float]:
    word = change.status.lower()
    return (_DONE.index(word) if word in _DONE else 2, change.when)


# A record's id holds the resource and the time as well, which a selection of its parts may leave out:
# ``{resource}/events/{one's own id}/ticks/{100 ns since the year 1}``.
_RECORD_ID = re.compile(r"(/.+)/events/[^/]+/ticks/(\d{17,19})", re.IGNORECASE)
_TICKS_IN_1970 = 621_355_968_000_000_000


def _change(event: Any, stamp: Stamp) -> ResourceChange | None:
    whole_id = _RECORD_ID.fullmatch(text(event, "id") or "")
    when = moment(event, "eventTimestamp")
    if when is None and whole_id is not None:
        when = (int(whole_id[2]) - _TICKS_IN_1970) / 1e7
    operation = text(event, "operationName", "value") or text(event, "operationName")
    if when is None or operation is None:
        return None
    status = text(event, "status", "value") or text(event, "status")
    return ResourceChange(
        **stamp,
        when=when,
        operation=operation,
        resource_id=text(event, "resourceId")
        or text(event, "resourceUri")
        or (whole_id[1] if whole_id is not None else ""),
        # Where only the event's name was asked for, its end is all that is known.
        status=status or text(event, "eventName", "value") or "",
        caller=text(event, "caller") or "",
        client_ip=text(event, "httpRequest", "clientIpAddress"),
        correlation_id=text(event, "correlationId") or "",
        found_in="activity-log",
        category=text(event, "category", "value") or text(event, "category") or "",
        summary=redact(
            text(event, "properties", "title")
            or text(event, "description")
            or text(event, "operationName", "localizedValue")
            or ""
        )[:200],
    )


def _matters(change: ResourceChange, cache_id: str) -> bool:
    operation = change.operation.lower()
    if _is_own(change, cache_id):
        return True
    if operation.startswith("microsoft.cache/"):
        return False  # another cache's
    return operation.startswith(_AROUND) or change.category.lower() in (
        "servicehealth",
        "resourcehealth",
        "policy",
    )


def deployments_of(body: Any, since: float, stamp: Stamp) -> list[ResourceChange]:
    """Read the deployments of a resource group that ended, or are under way, since *since*."""
    found = []
    for each in items(body, "value"):
        inside = dig(each, "properties")
        when = moment(inside, "timestamp")
        if when is None or when < since:
            continue
        touched = [text(item, "id") or "" for item in items(inside, "outputResources")]
        kinds = sorted({_kind_of(item) for item in touched if item})
        found.append(
            ResourceChange(
                **stamp,
                when=when,
                operation=text(each, "name") or "",
                resource_id=text(each, "id") or "",
                status=text(inside, "provisioningState") or "",
                correlation_id=text(inside, "correlationId") or "",
                found_in="deployment",
                category="Deployment",
                summary=(f"touched {', '.join(kinds)}" if kinds else "")[:200],
            )
        )
    return sorted(found, key=lambda change: change.when)[-MOST_CHANGES:]


def _kind_of(arm_id: str) -> str:
    tail = arm_id.lower().rpartition("/providers/")[2].split("/")
    return "/".join([*tail[:1], *tail[1::2]])


# --- health ----------------------------------------------------------------------------------------


def health_of(body: Any, cache_id: str, stamp: Stamp) -> ResourceHealth | None:
    """Read what Resource Health says of a resource now."""
    inside = dig(body, "properties")
    state = text(inside, "availabilityState")
    if state is None:
        return None
    return ResourceHealth(
        **stamp,
        resource_id=cache_id,
        state=state,
        cause=_cause_of(*(text(inside, name) for name in ("context", "reasonType", "category"))),
        # Azure spells it so.
        since=_first(moment(inside, "occuredTime"), moment(inside, "occurredTime")),
        title=redact(text(inside, "title") or "")[:200],
        summary=redact(text(inside, "summary") or text(inside, "detailedStatus") or "")[:300],
    )


def _cause_of(context: str | None, reason: str | None, category: str | None) -> str:
    """Return who began it, in one word as other answers of Azure have it.

    What the platform does is an outage or its planned work; *reason* or *category* tell which.
    """
    words = {
        "platforminitiated": "PlatformInitiated",
        "customerinitiated": "CustomerInitiated",
        "userinitiated": "CustomerInitiated",
        "unplanned": "PlatformInitiated",
        "planned": "Planned",
    }
    plain = [(said or "").replace(" ", "").lower() for said in (context, reason, category)]
    known = next((words[each] for each in plain if each in words), None)
    if known == "PlatformInitiated" and "planned" in plain:
        return "Planned"
    said = (each for each, word in zip((context, reason), plain) if word != "notapplicable")
    return known or next((each for each in said if each), "")


def _first(*values: float | None) -> float | None:
    return next((each for each in values if each is not None), None)


def events_of(body: Any, location: str, stamp: Stamp) -> list[ServiceEvent]:
    """Read the events of Service Health that can touch a cache in *location*."""
    found = []
    for each in items(body, "value"):
        inside = dig(each, "properties")
        impact = items(inside, "impact")
        services = tuple(name for name in (text(one, "impactedService") for one in impact) if name)
        regions = tuple(
            dict.fromkeys(
                name
                for one in impact
                for name in (
                    text(region, "impactedRegion") for region in items(one, "impactedRegions")
                )
                if name
            )
        )
        if not any(map(may_touch_a_cache, services)) or not _is_here(regions, location):
            continue
        found.append(
            ServiceEvent(
                **stamp,
                tracking_id=text(each, "name") or "",
                kind=text(inside, "eventType") or "",
                status=text(inside, "status") or "",
                title=redact(text(inside, "title") or "")[:200],
                starts=moment(inside, "impactStartTime"),
                ends=moment(inside, "impactMitigationTime"),
                regions=regions,
                services=services,
            )
        )
    return found


def _is_here(regions: Sequence[str], location: str) -> bool:
    """Whether an event of these regions touches *location*; one that names none touches all."""
    here = location.replace(" ", "").lower()
    names = {each.replace(" ", "").lower() for each in regions}
    return not names or not here or here in names or "global" in names
