"""The activity log: who did what, when, from where, with which outcome.

Records are written by the state itself with every deed; a world or a test adds others with
:func:`seed`. They appear late, as Azure's do: a record is listed only once its age is above the
state's ``extra["log_lag_s"]``.

Sources: ``2015-04-01/activityLogs_API.json`` on what a filter may say; the recordings on the order
(newest first), on ``$select`` (which always adds a record's id and the like) and on the bare 400 for
a start more than 90 days ago.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from refused.lab.arm.routes import Answer, Call, Caller, Refusal, provides, route
from refused.lab.arm.state import key, moment
from refused.lab.arm.times import conditions, moment_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from refused.lab.arm.state import State

NAMESPACE = "Microsoft.Insights"
provides(
    NAMESPACE,
    eventtypes=("2017-03-01-preview", "2015-04-01"),
    eventcategories=("2015-04-01",),
)

LAG = "log_lag_s"
PAGE = 200
LONGEST_S = 90 * 86400
_SLACK_S = 1.0  # the record of an end is written ahead of the end by less than this
CATEGORIES = (
    ("Administrative", "Administrative"),
    ("Security", "Security"),
    ("ServiceHealth", "Service Health"),
    ("Alert", "Alert"),
    ("Recommendation", "Recommendation"),
    ("Policy", "Policy"),
    ("Autoscale", "Autoscale"),
    ("ResourceHealth", "Resource Health"),
)


def seed(
    state: State,
    resource_id: str,
    action: str,
    *,
    ago_s: float = 0.0,
    caller: str | None = None,
    ip: str | None = None,
    outcome: str = "Succeeded",
    correlation_id: str = "",
    category: str = "Administrative",
    description: str = "",
    properties: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write a deed of the past into the log, and return the record of its end.

    Args:
        action: As ``Microsoft.Cache/redis/firewallRules/delete``.
        ago_s: How long ago.
        caller: Who, as the log names them; the twin's own user if not given.
        ip: Where they called from.
        category: ``Administrative``, or another of the log's categories; only the first kind has a
            caller and a request.
    """
    who = Caller()
    who = Caller(caller or who.name, who.object_id, who.app_id, ip or who.ip)
    with state.lock:
        before = len(state.events)
        end = state.note(
            resource_id,
            action,
            who,
            outcome=outcome,
            status="OK" if outcome == "Succeeded" else "Conflict",
            at=state.now() - ago_s,
            correlation_id=correlation_id,
        )
        if category != "Administrative":  # nobody asked for it, so nobody called
            state.events[before:] = [end]
            for gone in ("caller", "claims", "httpRequest", "authorization"):
                end.pop(gone, None)
        for each in state.events[before:]:
            each["category"] = {"value": category, "localizedValue": dict(CATEGORIES)[category]}
            each["description"] = description
            each["properties"] |= properties or {}
    return end


@route("GET", "/providers/Microsoft.Insights/eventcategories")
def _categories(call: Call) -> Answer:
    del call
    found = [{"value": value, "localizedValue": shown} for value, shown in CATEGORIES]
    return Answer(body={"value": found})


def _bad(message: str) -> Refusal:
    return Refusal(400, "BadRequest", message, bare=True)


# What a filter may be about, and how a record answers to it.
_FIELDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "resourcegroupname": lambda each: str(each.get("resourceGroupName", "")),
    "resourceuri": lambda each: str(each.get("resourceId", "")),
    "resourceid": lambda each: str(each.get("resourceId", "")),
    "resourceprovider": lambda each: str(each.get("resourceProviderName", {}).get("value", "")),
    "resourcetype": lambda each: str(each.get("resourceType", {}).get("value", "")),
    "correlationid": lambda each: str(each.get("correlationId", "")),
    "caller": lambda each: str(each.get("caller", "")),
    "status": lambda each: str(each.get("status", {}).get("value", "")),
    "levels": lambda each: str(each.get("level", "")),
    "category": lambda each: str(each.get("category", {}).get("value", "")),
    "operations": lambda each: str(each.get("operationName", {}).get("value", "")),
    "eventchannels": lambda each: str(each.get("channels", "")),
}
_MANY = ("levels", "eventchannels", "operations")


@route(
    "GET",
    "/subscriptions/{sub}/providers/Microsoft.Insights/eventtypes/management/values",
    action=f"{NAMESPACE}/eventtypes/values/read",
)
def _events(call: Call) -> Answer:
    begin, end, wanted = _read(call)
    lag_s = float(call.state.extra.get(LAG, 0.0))
    seen_before = call.state.now() - lag_s
    with call.state.lock:
        events = list(call.state.events)
    found = [
        each
        for each in events
        if each["subscriptionId"].lower() == call.params["sub"].lower()
        and begin <= moment_of(each["eventTimestamp"]) <= min(end, seen_before) + _SLACK_S
        and all(_fits(each, name, value) for name, value in wanted)
    ]
    found.sort(key=lambda each: str(each["eventTimestamp"]), reverse=True)
    token = call.query.get("$skiptoken", "")
    at = int(token) if token.isdigit() else 0
    body: dict[str, Any] = {
        "value": [_selected(each, call.query.get("$select", "")) for each in found[at : at + PAGE]]
    }
    if at + PAGE < len(found):
        kept = {name: value for name, value in call.query.items() if name != "$skiptoken"}
        kept["$skiptoken"] = str(at + PAGE)
        query = "&".join(f"{quote(name)}={quote(value)}" for name, value in kept.items())
        body["nextLink"] = f"{call.url}?{query}"
    return Answer(body=body)


def _read(call: Call) -> tuple[float, float, list[tuple[str, str]]]:
    """Return from when to when, and the other conditions of the filter."""
    now = call.state.now()
    begin, end, wanted = None, now, []
    try:
        for name, operator, value in conditions(call.query.get("$filter", "")):
            lowered = name.lower()
            if lowered == "eventtimestamp":
                if operator in ("ge", "gt"):
                    begin = moment_of(value)
                else:
                    end = moment_of(value)
            elif lowered in _FIELDS and operator == "eq":
                wanted.append((lowered, value))
            else:
                raise _bad(f"The filter clause '{name} {operator}' is not supported.")
    except ValueError as failure:
        raise _bad(f"The filter is invalid: {failure}") from None
    if begin is None:
        raise _bad("The $filter query parameter has to say a start time: eventTimestamp ge '…'.")
    if begin < now - LONGEST_S:
        raise _bad("The start time cannot be more than 90 days in the past.")
    if end < begin:
        raise _bad("The end time has to be after the start time.")
    return begin, end, wanted


def _fits(record: dict[str, Any], name: str, value: str) -> bool:
    own = _FIELDS[name](record).lower()
    if name in _MANY:
        return any(own in (each.strip().lower(), "") for each in value.split(","))
    if name in ("resourceuri", "resourceid"):
        return own == key(value) or own.startswith(f"{key(value)}/")
    return own == value.lower()


def _selected(record: dict[str, Any], fields: str) -> dict[str, Any]:
    """Return a record as it is listed: all of it, or what ``$select`` names."""
    shown = {name: value for name, value in record.items() if name != "channels"}
    wanted = {each.strip().lower() for each in fields.split(",") if each.strip()}
    if not wanted:
        return shown
    return {name: value for name, value in shown.items() if name.lower() in wanted}


def health_event(
    state: State, resource_id: str, status: str, *, ago_s: float = 0.0, title: str = ""
) -> dict[str, Any]:
    """Write what the log says when a resource's health changes (``healthevent``).

    Args:
        status: ``Active``, ``In Progress``, ``Updated`` or ``Resolved``.
    """
    record = seed(
        state,
        resource_id,
        f"Microsoft.Resourcehealth/healthevent/{status.replace(' ', '')}/action",
        ago_s=ago_s,
        category="ResourceHealth",
        description=title,
        properties={
            "title": title,
            "cause": "PlatformInitiated",
            "currentHealthStatus": "Unavailable" if status != "Resolved" else "Available",
            "previousHealthStatus": "Available" if status != "Resolved" else "Unavailable",
            "eventCategory": "ResourceHealth",
            "eventProperties": str(uuid.uuid4()),
        },
    )
    record["status"] = {"value": status, "localizedValue": status}
    record["submissionTimestamp"] = moment(state.now() - ago_s + 60)
    return record
