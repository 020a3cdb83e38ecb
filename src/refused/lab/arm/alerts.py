"""Microsoft.Insights: metric alerts, activity log alerts and action groups, which nothing triggers.

Answers are at once: 200 for a metric alert in every case, 201 for what is new of the others, as the
recordings have it; so is the odd casing of types and ids.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from refused.lab.arm.exclusive import exclusive
from refused.lab.arm.routes import Answer, Call, Refusal, provides, route

Document = dict[str, Any]

NAMESPACE = "Microsoft.Insights"
provides(
    NAMESPACE,
    metricAlerts=("2018-03-01",),
    activityLogAlerts=("2020-10-01", "2017-04-01"),
    actionGroups=(
        "2024-10-01-preview",
        "2023-09-01-preview",
        "2023-01-01",
        "2022-06-01",
        "2022-04-01",
        "2021-09-01",
        "2019-06-01",
        "2019-03-01",
        "2018-09-01",
        "2018-03-01",
        "2017-04-01",
    ),
)

RECEIVERS = (
    "email",
    "sms",
    "webhook",
    "eventHub",
    "itsm",
    "azureAppPush",
    "automationRunbook",
    "voice",
    "logicApp",
    "azureFunction",
    "armRole",
)


@dataclass(frozen=True)
class Kind:
    """One type of alerting.

    Attributes:
        segment: As ids write the namespace.
        shown: As the type is written.
        created: The status of what is new.
        needed: What a document has to have, among its properties.
    """

    name: str
    segment: str
    shown: str
    created: int
    needed: tuple[str, ...]


KINDS = (
    Kind(
        "metricAlerts",
        "Microsoft.Insights",
        "Microsoft.Insights/metricAlerts",
        200,
        ("severity", "enabled", "evaluationFrequency", "windowSize", "criteria", "scopes"),
    ),
    Kind(
        "activityLogAlerts",
        "Microsoft.Insights",
        "Microsoft.Insights/ActivityLogAlerts",
        201,
        ("scopes", "condition", "actions"),
    ),
    Kind(
        "actionGroups",
        "microsoft.insights",
        "Microsoft.Insights/ActionGroups",
        201,
        ("groupShortName",),
    ),
)


def _added(kind: str, receiver: Document, tenant: str) -> Document:
    """Return what the service adds to a receiver."""
    if kind in ("email", "sms"):
        return {"status": "Enabled"}
    if kind == "webhook":
        blank = ("objectId", "identifierUri", "tenantId")
        return {name: receiver.get(name) for name in blank} | {
            "useAadAuth": receiver.get("useAadAuth", False)
        }
    if kind == "eventHub":
        return {"tenantId": receiver.get("tenantId", tenant)}
    return {}


def _shape(kind: Kind, document: Document, tenant: str) -> None:
    said = document["properties"]
    missing = [each for each in kind.needed if said.get(each) is None]
    if missing:
        raise Refusal(
            400, "BadRequest", f"{kind.name} {document['name']} lacks {', '.join(missing)}."
        )
    if kind.name == "actionGroups":
        said.setdefault("enabled", True)
        for each in RECEIVERS:
            receivers = [dict(one) for one in said.get(f"{each}Receivers") or ()]
            said[f"{each}Receivers"] = [{**one, **_added(each, one, tenant)} for one in receivers]
        for name in ("kind", "tags", "identity"):
            document.setdefault(name, None)
    elif kind.name == "metricAlerts":
        said.setdefault("actions", [])
    elif kind.name == "activityLogAlerts":
        said.setdefault("enabled", True)


def _declare(kind: Kind) -> None:
    stem = f"/subscriptions/{{sub}}/resourceGroups/{{group}}/providers/{NAMESPACE}/{kind.name}"
    action = f"{NAMESPACE}/{kind.name}"

    def own_id(call: Call) -> str:
        p = call.params
        return (
            f"/subscriptions/{p['sub']}/resourceGroups/{p['group']}/providers/{kind.segment}"
            f"/{kind.name}/{p['name']}"
        )

    @route(
        "GET", f"/subscriptions/{{sub}}/providers/{NAMESPACE}/{kind.name}", action=f"{action}/read"
    )
    @route("GET", stem, action=f"{action}/read")
    def listed(call: Call) -> Answer:
        found = call.state.of_type(action, call.params["sub"], call.params.get("group"))
        return Answer(body={"value": found})

    @route("GET", f"{stem}/{{name}}", action=f"{action}/read")
    def show(call: Call) -> Answer:
        return Answer(body=call.state.require(own_id(call)))

    @route("PUT", f"{stem}/{{name}}", action=f"{action}/write")
    @exclusive
    def put(call: Call) -> Answer:
        if not isinstance(call.body, dict):
            raise Refusal(400, "BadRequest", "The request has no body.")
        old = call.state.get(own_id(call))
        document: Document = {
            "id": old["id"] if old is not None else own_id(call),
            "name": call.params["name"],
            "type": kind.shown,
            "location": call.body.get("location", "global"),
            "properties": copy.deepcopy(call.body.get("properties") or {}),
        }
        if call.body.get("tags") is not None:
            document["tags"] = call.body["tags"]
        _shape(kind, document, call.state.tenant)
        call.state.put(document["id"], document, call.caller, correlation_id=call.correlation_id)
        return Answer(kind.created if old is None else 200, document)

    @route("PATCH", f"{stem}/{{name}}", action=f"{action}/write")
    @exclusive
    def patch(call: Call) -> Answer:
        document = call.state.require(own_id(call))
        sent = call.body if isinstance(call.body, dict) else {}
        document["properties"] |= copy.deepcopy(sent.get("properties") or {})
        if sent.get("tags") is not None:
            document["tags"] = sent["tags"]
        _shape(kind, document, call.state.tenant)
        call.state.put(document["id"], document, call.caller, correlation_id=call.correlation_id)
        return Answer(body=document)

    @route("DELETE", f"{stem}/{{name}}", action=f"{action}/delete")
    @exclusive
    def delete(call: Call) -> Answer:
        gone = call.state.delete(own_id(call), call.caller, correlation_id=call.correlation_id)
        return Answer(200 if gone else 204)


for _kind in KINDS:
    _declare(_kind)
