"""The documents of a plan in the language of each tool: az, PowerShell, Bicep, ARM, Terraform."""

from __future__ import annotations

import json
import re
from shlex import quote

from refused.remedies.arm_id import take_apart
from refused.remedies.say import az, bicep_resource, powershell, symbol, terraform
from refused.slo.bodies import GROUP, LOG, METRIC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from refused.slo.bodies import Document

FORMS = ("az", "bicep", "arm", "terraform", "powershell", "prometheus")
_SIGNS = {
    "GreaterThan": ">",
    "GreaterThanOrEqual": ">=",
    "LessThan": "<",
    "LessThanOrEqual": "<=",
}
_WORDS = {"Average": "avg", "Minimum": "min", "Maximum": "max", "Total": "total", "Count": "count"}


def whole(documents: Sequence[Document], form: str) -> str:
    """Return all documents as one text that the tool takes as it is.

    Raises:
        KeyError: There is no such form.
    """
    if form == "arm":
        return _template(documents)
    return "\n".join(rendered(each)[form].rstrip("\n") + "\n" for each in documents)


def rendered(document: Document) -> dict[str, str]:
    """Return one document in each form but ARM, which is one template for all."""
    make = {METRIC: _metric, LOG: _log, GROUP: _group}[document.kind]
    return {
        **make(document),
        "bicep": _bicep(document),
    }


def _bicep(document: Document) -> str:
    text = bicep_resource(
        symbol(document.name),
        f"Microsoft.Insights/{document.kind}",
        document.api_version,
        {"name": document.name, **document.data},
    )
    # Bicep knows whole numbers alone; others come in through json().
    return re.sub(r"^(\s*threshold: )(-?\d+\.\d+)$", r"\1json('\2')", text, flags=re.MULTILINE)


def _template(documents: Sequence[Document]) -> str:
    group = next((each for each in documents if each.kind == GROUP), None)
    resources = []
    for each in documents:
        needs = {} if group is None or each is group else {"dependsOn": [group.id]}
        resources.append(
            {
                "type": f"Microsoft.Insights/{each.kind}",
                "apiVersion": each.api_version,
                "name": each.name,
                **_escaped(each.data),
                **needs,
            }
        )
    whole_template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": resources,
    }
    return json.dumps(whole_template, indent=2, ensure_ascii=False) + "\n"


def _escaped(value: Any) -> Any:
    """Return what a template may hold: a text that begins with a bracket is an expression there."""
    if isinstance(value, dict):
        return {name: _escaped(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_escaped(each) for each in value]
    return f"[{value}" if isinstance(value, str) and value.startswith("[") else value


# --- metric alerts --------------------------------------------------------------------------------


def _metric(document: Document) -> dict[str, str]:
    where, said = take_apart(document.id), document.data["properties"]
    (one,) = said["criteria"]["allOf"]
    cache = take_apart(said["scopes"][0])
    condition = (
        f"{_WORDS[one['timeAggregation']]} {one['metricName']} {_SIGNS[one['operator']]} "
        f"{_number(one['threshold'])}"
    )
    splits = [
        f"{each['name']} includes {' or '.join(each['values'])}" for each in one["dimensions"]
    ]
    if splits:
        condition += f" where {' and '.join(splits)}"
    command = az(
        "monitor metrics alert create",
        subscription=where.subscription,
        resource_group=where.group,
        name=document.name,
        scopes=said["scopes"],
        condition=condition,
        window_size=_short(said["windowSize"]),
        evaluation_frequency=_short(said["evaluationFrequency"]),
        severity=str(said["severity"]),
        auto_mitigate="true",
        description=said["description"],
    )
    for each in said["actions"]:
        words = [each["actionGroupId"], *_pairs(each["webHookProperties"])]
        command += " --action " + " ".join(quote(word) for word in words)
    block: dict[str, Any] = {
        "name": document.name,
        "resource_group_name": where.group,
        "scopes": said["scopes"],
        "description": said["description"],
        "severity": said["severity"],
        "frequency": said["evaluationFrequency"],
        "window_size": said["windowSize"],
        "auto_mitigate": True,
        "criteria": {
            "metric_namespace": cache.type,
            "metric_name": one["metricName"],
            "aggregation": one["timeAggregation"],
            "operator": one["operator"],
            "threshold": one["threshold"],
            **_dimensions(one["dimensions"]),
        },
        "action": [
            {
                "action_group_id": each["actionGroupId"],
                "webhook_properties": each["webHookProperties"],
            }
            for each in said["actions"]
        ],
    }
    return {
        "az": command,
        "powershell": _metric_powershell(document, one, said),
        "terraform": _terraform("azurerm_monitor_metric_alert", document.name, block),
    }


def _dimensions(found: list[dict[str, Any]]) -> dict[str, Any]:
    return {"dimension": found} if found else {}


def _metric_powershell(document: Document, one: dict[str, Any], said: dict[str, Any]) -> str:
    where = take_apart(document.id)
    lines = [
        "$split = "
        + powershell(
            "New-AzMetricAlertRuleV2DimensionSelection",
            DimensionName=each["name"],
            ValuesToInclude=",".join(each["values"]),
        )
        for each in one["dimensions"]
    ]
    lines.append(
        "$condition = "
        + powershell(
            "New-AzMetricAlertRuleV2Criteria",
            MetricName=one["metricName"],
            TimeAggregation=one["timeAggregation"],
            Operator=one["operator"],
            Threshold=_number(one["threshold"]),
        )
        + (" -DimensionSelection $split" if one["dimensions"] else "")
    )
    rule = powershell(
        "Add-AzMetricAlertRuleV2",
        Name=document.name,
        ResourceGroupName=where.group,
        TargetResourceId=said["scopes"][0],
        WindowSize=_span(said["windowSize"]),
        Frequency=_span(said["evaluationFrequency"]),
        Severity=str(said["severity"]),
        Description=said["description"],
    )
    for each in said["actions"]:
        rule += " -ActionGroupId '" + each["actionGroupId"].replace("'", "''") + "'"
    return "\n".join([*lines, f"{rule} -Condition $condition"])


# --- the activity log -----------------------------------------------------------------------------


def _log(document: Document) -> dict[str, str]:
    where, said = take_apart(document.id), document.data["properties"]
    terms = said["condition"]["allOf"]
    command = az(
        "monitor activity-log alert create",
        subscription=where.subscription,
        resource_group=where.group,
        name=document.name,
        scope=said["scopes"],
        all_of=json.dumps([_az_term(each) for each in terms]),
        description=said["description"],
    )
    for each in said["actions"]["actionGroups"]:
        command += f" --action-group {quote(each['actionGroupId'])} --webhook-properties "
        command += " ".join(quote(word) for word in _pairs(each["webhookProperties"]))
    return {
        "az": command,
        "powershell": _log_powershell(document, said),
        "terraform": "\n".join(_log_terraform(document, said)),
    }


def _az_term(term: dict[str, Any]) -> dict[str, Any]:
    names = {"anyOf": "any-of", "containsAny": "contains-any"}
    return {
        names.get(name, name): [_az_term(each) for each in value] if name == "anyOf" else value
        for name, value in term.items()
    }


def _log_powershell(document: Document, said: dict[str, Any]) -> str:
    where, lines = take_apart(document.id), []
    for n, term in enumerate(said["condition"]["allOf"]):
        if "anyOf" in term:
            lines += [
                f"$any{n}_{m} = "
                + powershell(
                    "New-AzActivityLogAlertAlertRuleLeafConditionObject",
                    Field=each["field"],
                    Equal=each["equals"],
                )
                for m, each in enumerate(term["anyOf"])
            ]
            parts = ", ".join(f"$any{n}_{m}" for m in range(len(term["anyOf"])))
            lines.append(
                f"$term{n} = New-AzActivityLogAlertAlertRuleAnyOfOrLeafConditionObject -AnyOf {parts}"
            )
            continue
        value = (
            powershell("", Equal=term["equals"])
            if "equals" in term
            else " -ContainsAny " + ", ".join(f"'{each}'" for each in term["containsAny"])
        )
        lines.append(
            f"$term{n} = "
            + powershell(
                "New-AzActivityLogAlertAlertRuleAnyOfOrLeafConditionObject", Field=term["field"]
            )
            + value
        )
    for n, each in enumerate(said["actions"]["actionGroups"]):
        lines.append(
            f"$group{n} = "
            + powershell("New-AzActivityLogAlertActionGroupObject", Id=each["actionGroupId"])
        )
    rule = powershell(
        "New-AzActivityLogAlert",
        Name=document.name,
        ResourceGroupName=where.group,
        Location="global",
        Scope=said["scopes"][0],
        Description=said["description"],
    )
    terms = ", ".join(f"$term{n}" for n in range(len(said["condition"]["allOf"])))
    groups = ", ".join(f"$group{n}" for n in range(len(said["actions"]["actionGroups"])))
    return "\n".join(
        [*lines, f"{rule} -Condition {terms}" + (f" -Action {groups}" if groups else "")]
    )


def _log_terraform(document: Document, said: dict[str, Any]) -> Iterator[str]:
    """Return one block, or one for each operation: the provider knows no list of them."""
    fields = {
        **{
            each["field"]: each["equals"] for each in said["condition"]["allOf"] if "equals" in each
        },
        **{
            each["field"]: each["containsAny"]
            for each in said["condition"]["allOf"]
            if "containsAny" in each
        },
        **{
            each["anyOf"][0]["field"]: [one["equals"] for one in each["anyOf"]]
            for each in said["condition"]["allOf"]
            if "anyOf" in each
        },
    }
    category = fields["category"]
    operations = fields.get("operationName")
    if isinstance(operations, str):
        operations = [operations]
    for operation in operations or [""]:
        tail = operation.partition("/")[2].replace("/", "-") if len(operations or ()) > 1 else ""
        name = f"{document.name}-{tail}" if tail else document.name
        criteria: dict[str, Any] = {"category": category}
        if operation:
            criteria["operation_name"] = operation
        if "status" in fields:
            criteria["status"] = fields["status"]
        if category == "ResourceHealth":
            criteria["resource_health"] = {"current": fields["properties.currentHealthStatus"]}
        if category == "ServiceHealth":
            criteria["service_health"] = {
                "events": fields["properties.incidentType"],
                "services": fields["properties.impactedServices[*].ServiceName"],
                "locations": fields.get(
                    "properties.impactedServices[*].ImpactedRegions[*].RegionName", []
                ),
            }
        yield _terraform(
            "azurerm_monitor_activity_log_alert",
            name,
            {
                "name": name,
                "resource_group_name": take_apart(document.id).group,
                "location": "global",
                "scopes": said["scopes"],
                "description": said["description"],
                "criteria": criteria,
                "action": [
                    {
                        "action_group_id": each["actionGroupId"],
                        "webhook_properties": each["webhookProperties"],
                    }
                    for each in said["actions"]["actionGroups"]
                ],
            },
        )


# --- the action group -----------------------------------------------------------------------------


def _group(document: Document) -> dict[str, str]:
    where, said = take_apart(document.id), document.data["properties"]
    mails, hooks = said["emailReceivers"], said["webhookReceivers"]
    command = az(
        "monitor action-group create",
        subscription=where.subscription,
        resource_group=where.group,
        name=document.name,
        short_name=said["groupShortName"],
    )
    for kind, receivers, field in (
        ("email", mails, "emailAddress"),
        ("webhook", hooks, "serviceUri"),
    ):
        for each in receivers:
            words = [kind, each["name"], each[field], "usecommonalertschema"]
            command += " --action " + " ".join(quote(word) for word in words)
    lines = [
        f"${word}{n} = "
        + powershell(cmdlet, Name=each["name"], **{field: each[key]}, UseCommonAlertSchema=True)
        for word, cmdlet, field, key, receivers in (
            ("mail", "New-AzActionGroupEmailReceiverObject", "EmailAddress", "emailAddress", mails),
            ("hook", "New-AzActionGroupWebhookReceiverObject", "ServiceUri", "serviceUri", hooks),
        )
        for n, each in enumerate(receivers)
    ]
    names = [line.partition(" =")[0] for line in lines]
    made = powershell(
        "New-AzActionGroup",
        Name=document.name,
        ResourceGroupName=where.group,
        Location="Global",
        ShortName=said["groupShortName"],
    )
    for option, word in (("EmailReceiver", "$mail"), ("WebhookReceiver", "$hook")):
        mine = ", ".join(name for name in names if name.startswith(word))
        made += f" -{option} {mine}" if mine else ""
    return {
        "az": command,
        "powershell": "\n".join([*lines, f"{made} -Enabled"]),
        "terraform": _terraform(
            "azurerm_monitor_action_group",
            document.name,
            {
                "name": document.name,
                "resource_group_name": where.group,
                "short_name": said["groupShortName"],
                "email_receiver": [
                    {
                        "name": each["name"],
                        "email_address": each["emailAddress"],
                        "use_common_alert_schema": True,
                    }
                    for each in mails
                ],
                "webhook_receiver": [
                    {
                        "name": each["name"],
                        "service_uri": each["serviceUri"],
                        "use_common_alert_schema": True,
                    }
                    for each in hooks
                ],
            },
        ),
    }


# --- grammar --------------------------------------------------------------------------------------


def _terraform(kind: str, name: str, arguments: dict[str, Any]) -> str:
    """Return a block; where the provider wants a map, it is one and no block."""
    kept = {key: value for key, value in arguments.items() if value != []}
    made = terraform(kind, symbol(name), kept)
    return re.sub(
        r"^(\s*)webhook_properties \{$", r"\1webhook_properties = {", made, flags=re.MULTILINE
    )


def _pairs(said: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in said.items() if value]


def _number(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else repr(float(value))


def _short(span: str) -> str:
    """Return ``PT5M`` as az takes it, ``5m``."""
    return span.removeprefix("PT").removeprefix("P").lower()


def _span(window: str) -> str:
    """Return ``PT5M`` as .NET takes it, ``0.00:05:00``."""
    from refused.slo.rules import WINDOWS_S

    minutes = WINDOWS_S[window] // 60
    return f"{minutes // 1440}.{minutes // 60 % 24:02}:{minutes % 60:02}:00"
