"""Microsoft.ResourceHealth: how a resource is, how it was, and what befalls the service.

A status is a document below the resource (``…/availabilityStatuses/current``), an event one below
the subscription. A resource of which nothing is said is available; one that is injected into a
virtual network is unknown, since Resource Health does not report on it
(learn.microsoft.com/azure/azure-cache-for-redis/cache-how-to-premium-vnet).

No exchange with this provider was ever recorded: shapes are those of the API description and its
examples, the words are the twin's.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from refused.lab.arm.activity import health_event
from refused.lab.arm.routes import Answer, Call, Refusal, provides, route
from refused.lab.arm.state import key, moment
from refused.lab.arm.times import conditions, moment_of, written

if TYPE_CHECKING:
    from collections.abc import Iterable

    from refused.lab.arm.state import State

Document = dict[str, Any]

NAMESPACE = "Microsoft.ResourceHealth"
_VERSIONS = (
    "2025-05-01",
    "2024-02-01",
    "2023-10-01-preview",
    "2023-07-01-preview",
    "2022-10-01",
    "2022-05-01",
    "2020-05-01",
    "2018-07-01",
    "2017-07-01",
)
provides(NAMESPACE, availabilityStatuses=_VERSIONS, events=_VERSIONS)
provides("Microsoft.Maintenance", updates=(), configurationAssignments=())

SERVICES = {
    "microsoft.cache/redis": "Azure Cache for Redis",
    "microsoft.cache/redisenterprise": "Azure Managed Redis",
}
STATES = ("Available", "Unavailable", "Degraded", "Unknown")
_STATUSES = f"{NAMESPACE}/availabilityStatuses"


def set_health(
    state: State,
    resource_id: str,
    availability: str,
    *,
    title: str = "",
    summary: str = "",
    reason: str = "Unplanned",
    ago_s: float = 0.0,
    logged: bool = True,
) -> Document:
    """Say how a resource has been since *ago_s* ago; what held before becomes history.

    Args:
        availability: ``Available``, ``Unavailable``, ``Degraded`` or ``Unknown``.
        reason: ``Unplanned``, ``Planned`` or ``UserInitiated``.
        logged: Whether the activity log says so as well.

    Raises:
        ValueError: An availability that Azure does not know.
    """
    if availability not in STATES:
        raise ValueError(f"{availability!r} is none of {', '.join(STATES)}")
    resource = state.require(resource_id)
    before = state.get(_current_id(resource)) or _unremarkable(state, resource)
    began = before["properties"]["occuredTime"]
    name = quote(began.replace("T", " ").partition(".")[0].removesuffix("Z"), safe="").replace(
        "%20", "+"
    )
    past = {
        **before,
        "name": f"{name}Z",
        "id": _current_id(resource)[: -len("current")] + f"{name}Z",
    }
    state.put(past["id"], past, quiet=True)
    status = _status(
        resource,
        availability,
        at=state.now() - ago_s,
        reported=state.now(),
        title=title or availability,
        summary=summary or f"The cache is {availability.lower()}.",
        reason=reason,
    )
    state.put(status["id"], status, quiet=True)
    if logged:
        told = "Resolved" if availability == "Available" else "Active"
        health_event(state, resource["id"], told, ago_s=ago_s, title=title or availability)
    return status


def _current_id(resource: Document) -> str:
    return f"{resource['id']}/providers/{_STATUSES}/current"


def _status(
    resource: Document,
    availability: str,
    *,
    at: float,
    reported: float,
    title: str,
    summary: str,
    reason: str = "",
) -> Document:
    said: Document = {
        "availabilityState": availability,
        "title": title,
        "summary": summary,
        "reasonChronicity": "Persistent",
        "detailedStatus": summary,
        "occuredTime": written(at),  # it is spelled so
        "reportedTime": moment(reported),
    }
    if availability not in ("Available", "Unknown"):
        said |= {
            "reasonType": reason,
            "category": reason,
            "context": "Customer Initiated" if reason == "UserInitiated" else "Platform Initiated",
            "rootCauseAttributionTime": written(at),
            "healthEventId": str(uuid.uuid4()),
        }
    return {
        "id": _current_id(resource),
        "name": "current",
        "type": "Microsoft.ResourceHealth/AvailabilityStatuses",
        "location": str(resource.get("location", "")).replace(" ", "").lower(),
        "properties": said,
    }


def _unremarkable(state: State, resource: Document) -> Document:
    """Return the status of a resource of which nobody has said anything."""
    at = state.now() - 86400
    if resource.get("properties", {}).get("subnetId"):
        return _status(
            resource,
            "Unknown",
            at=at,
            reported=state.now(),
            title="Unknown",
            summary="The health of a cache inside a virtual network is not reported.",
        )
    return _status(
        resource,
        "Available",
        at=at,
        reported=state.now(),
        title="Available",
        summary="There aren't any known Azure platform problems affecting this cache.",
    )


def _now_of(state: State, resource: Document) -> Document:
    return state.get(_current_id(resource)) or _unremarkable(state, resource)


_SCOPE = "{*scope}/providers/Microsoft.ResourceHealth"


@route("GET", f"{_SCOPE}/availabilityStatuses/current", action=f"{_STATUSES}/read")
def _show(call: Call) -> Answer:
    return Answer(body=_now_of(call.state, call.state.require(call.params["scope"])))


@route("GET", f"{_SCOPE}/availabilityStatuses", action=f"{_STATUSES}/read")
def _history(call: Call) -> Answer:
    resource = call.state.require(call.params["scope"])
    stem = key(_current_id(resource))[: -len("current")]
    past = [
        each
        for each in call.state.of_type(_STATUSES)
        if key(each["id"]).startswith(stem) and each["name"] != "current"
    ]
    past.sort(key=lambda each: str(each["properties"]["occuredTime"]), reverse=True)
    return Answer(body={"value": [_now_of(call.state, resource), *past]})


@route(
    "GET",
    "/subscriptions/{sub}/providers/Microsoft.ResourceHealth/availabilityStatuses",
    action=f"{_STATUSES}/read",
)
@route(
    "GET",
    "/subscriptions/{sub}/resourceGroups/{group}/providers/Microsoft.ResourceHealth"
    "/availabilityStatuses",
    action=f"{_STATUSES}/read",
)
def _list(call: Call) -> Answer:
    found = [
        _now_of(call.state, each)
        for kind in SERVICES
        for each in call.state.of_type(kind, call.params["sub"], call.params.get("group"))
    ]
    return Answer(body={"value": found})


# --- what befalls the service ---------------------------------------------------------------------


def service_event(
    state: State,
    tracking_id: str,
    title: str,
    *,
    event_type: str = "ServiceIssue",
    status: str = "Active",
    service: str = "Azure Cache for Redis",
    regions: Iterable[str] = ("West Europe",),
    ago_s: float = 0.0,
    ends_in_s: float | None = None,
    summary: str = "",
) -> Document:
    """Let an event befall the service, as Service Health shows it.

    Args:
        event_type: ``ServiceIssue``, ``PlannedMaintenance``, ``HealthAdvisory`` or another one.
        status: ``Active`` or ``Resolved``.
        ago_s: When the impact began; below zero it is still to come.
        ends_in_s: In how long the impact ends, seen from now; not known if not given.
    """
    now = state.now()
    document: Document = {
        "id": f"/subscriptions/{state.subscription}/providers/{NAMESPACE}/events/{tracking_id}",
        "name": tracking_id,
        "type": f"/providers/{NAMESPACE}/events",
        "properties": {
            "eventType": event_type,
            "eventSource": "ServiceHealth",
            "status": status,
            "title": title,
            "summary": summary or title,
            "header": "Your service might have been impacted by an Azure service issue",
            "level": "Warning",
            "eventLevel": "Warning",
            "isHIR": False,
            "priority": 2,
            "impactStartTime": written(now - ago_s),
            "lastUpdateTime": written(now),
            "impact": [
                {
                    "impactedService": service,
                    "impactedRegions": [
                        {
                            "impactedRegion": region,
                            "status": status,
                            "impactedSubscriptions": [state.subscription],
                            "impactedTenants": [],
                            "lastUpdateTime": written(now),
                        }
                        for region in regions
                    ],
                }
            ],
        },
    }
    if ends_in_s is not None:
        document["properties"]["impactMitigationTime"] = written(now + ends_in_s)
    state.put(document["id"], document, quiet=True)
    return document


def _events_of(call: Call) -> list[Document]:
    """Return the events since the time that is asked for, those that fit the filter."""
    since = None
    text = call.query.get("querystarttime", "")
    if text:
        try:
            since = moment_of(text)
        except ValueError:
            raise Refusal(400, "BadRequest", f"queryStartTime {text[:40]} is no time.") from None
    found = []
    for each in call.state.of_type(f"{NAMESPACE}/events"):
        said = each["properties"]
        touched = str(said.get("lastUpdateTime") or said["impactStartTime"])
        if (since is None or moment_of(touched) >= since) and _fits(call, said):
            found.append(each)
    found.sort(key=lambda each: str(each["properties"]["impactStartTime"]), reverse=True)
    return found


def _fits(call: Call, said: Document) -> bool:
    try:
        wanted = conditions(call.query.get("$filter", ""))
    except ValueError as failure:
        raise Refusal(400, "BadRequest", f"The filter is invalid: {failure}") from None
    impacts = said["impact"]
    own = {
        "service": [each["impactedService"] for each in impacts],
        "region": [
            region["impactedRegion"] for each in impacts for region in each["impactedRegions"]
        ],
        "eventtype": [said["eventType"]],
        "status": [said["status"]],
    }
    for name, operator, value in wanted:
        here = own.get(name.lower().rpartition("/")[2])
        if here is None or operator != "eq":
            raise Refusal(400, "BadRequest", f"The filter on {name[:40]} is not understood.")
        if value.lower() not in {each.lower() for each in here}:
            return False
    return True


@route(
    "GET",
    "/subscriptions/{sub}/providers/Microsoft.ResourceHealth/events",
    action=f"{NAMESPACE}/events/read",
)
def _list_events(call: Call) -> Answer:
    return Answer(body={"value": _events_of(call)})


@route(
    "GET",
    "/subscriptions/{sub}/providers/Microsoft.ResourceHealth/events/{name}",
    action=f"{NAMESPACE}/events/read",
)
def _show_event(call: Call) -> Answer:
    return Answer(body=call.state.require(call.id))


@route("GET", f"{_SCOPE}/events", action=f"{NAMESPACE}/events/read")
def _list_events_of_resource(call: Call) -> Answer:
    resource = call.state.require(call.params["scope"])
    service = SERVICES.get(str(resource.get("type", "")).lower(), "")
    region = str(resource.get("location", "")).replace(" ", "").lower()
    found = []
    for each in _events_of(call):
        for impact in each["properties"]["impact"]:
            regions = {
                place["impactedRegion"].replace(" ", "").lower()
                for place in impact["impactedRegions"]
            }
            if impact["impactedService"] == service and regions & {region, "global"}:
                found.append(each)
                break
    return Answer(body={"value": found})


# --- maintenance that is still to come ------------------------------------------------------------


@route(
    "GET",
    "{*scope}/providers/Microsoft.Maintenance/updates",
    action="Microsoft.Maintenance/updates/read",
)
def _updates(call: Call) -> Answer:
    """List what a world has put below the resource as ``Microsoft.Maintenance/updates``."""
    stem = f"{key(call.state.require(call.params['scope'])['id'])}/providers/microsoft.maintenance/"
    found = [
        {name: value for name, value in each.items() if name not in ("id", "name", "type")}
        for each in call.state.of_type("Microsoft.Maintenance/updates")
        if key(each["id"]).startswith(stem)
    ]
    return Answer(body={"value": found})


@route(
    "GET",
    "{*scope}/providers/Microsoft.Maintenance/configurationAssignments",
    action="Microsoft.Maintenance/configurationAssignments/read",
)
def _assignments(call: Call) -> Answer:
    stem = f"{key(call.params['scope'])}/providers/microsoft.maintenance/"
    found = [
        each
        for each in call.state.of_type("Microsoft.Maintenance/configurationAssignments")
        if key(each["id"]).startswith(stem)
    ]
    return Answer(body={"value": found})
