"""Rules as Azure Resource Manager takes them: one document for each, with what to do inside.

Whoever is woken by an alert has the mail and nothing else, so the description names the cause, the
first steps and the command that finds out more; webhooks get the same as properties.

API: ``metricAlerts`` 2018-03-01, ``activityLogAlerts`` 2020-10-01, ``actionGroups`` 2023-01-01
(https://github.com/Azure/azure-rest-api-specs/tree/HEAD/specification/monitor).
"""

from __future__ import annotations

import json

from refused.evidence.record import Record
from refused.remedies.arm_id import take_apart
from refused.slo.rules import LogRule, MetricRule, Term

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from refused.slo.rules import Rules

METRIC, LOG, GROUP = "metricAlerts", "activityLogAlerts", "actionGroups"
API = {METRIC: "2018-03-01", LOG: "2020-10-01", GROUP: "2023-01-01"}
# How much Azure takes is not published where we looked; a mail shows about so much.
LONGEST_DESCRIPTION = 900


class Told(Record):
    """Who is told when an alert fires.

    Attributes:
        group_id: An action group that exists; ``""`` to make one of our own.
        emails: Whom our own action group writes to.
        webhooks: What our own action group calls, https alone.
    """

    group_id: str = ""
    emails: tuple[str, ...] = ()
    webhooks: tuple[str, ...] = ()

    @property
    def is_nobody(self) -> bool:
        """Whether alerts would only be seen by those who look for them."""
        return not (self.group_id or self.emails or self.webhooks)


class Document(Record):
    """One resource of the plan.

    Attributes:
        kind: ``metricAlerts``, ``activityLogAlerts`` or ``actionGroups``.
        rule: The id of the rule that it is made of; ``action-group`` for the group.
        id: Where it is to stand, an ARM id.
        body: JSON text.
    """

    kind: str
    rule: str
    title: str
    id: str
    body: str

    @property
    def api_version(self) -> str:
        """The version of the API that *body* is written for."""
        return API[self.kind]

    @property
    def name(self) -> str:
        """The resource's own name."""
        return self.id.rsplit("/", 1)[-1]

    @property
    def data(self) -> dict[str, Any]:
        """The body, parsed."""
        made: dict[str, Any] = json.loads(self.body)
        return made


def documents(
    rules: Rules, cache_id: str, told: Told, *, target: str = "", prefix: str = "refused"
) -> tuple[Document, ...]:
    """Return every resource of a plan, in the order in which they have to be made.

    Args:
        target: What ``refused diagnose`` is to be given, ``host:port``.
        prefix: How the names in Azure begin.
    """
    cache = take_apart(cache_id)
    base = f"/subscriptions/{cache.subscription}/resourceGroups/{cache.group}/providers/Microsoft.Insights"
    stem = f"{prefix}-{cache.name}"
    made: list[Document] = []
    group_id = told.group_id
    if not group_id and not told.is_nobody:
        group_id = f"{base}/{GROUP}/{stem}"
        made.append(
            Document(
                kind=GROUP,
                rule="action-group",
                title=f"tell {', '.join((*told.emails, *(_host(each) for each in told.webhooks)))}",
                id=group_id,
                body=json.dumps(_group(cache.name, told)),
            )
        )
    for rule in rules.all:
        what = properties(rule, cache_id, target)
        is_metric = isinstance(rule, MetricRule)
        kind = METRIC if is_metric else LOG
        body = (
            _metric(rule, cache_id, group_id, what)
            if isinstance(rule, MetricRule)
            else _log(rule, cache_id, group_id, what)
        )
        made.append(
            Document(
                kind=kind,
                rule=rule.id,
                title=rule.title,
                id=f"{base}/{kind}/{stem}-{rule.id}",
                body=json.dumps(body, ensure_ascii=False),
            )
        )
    return tuple(made)


def properties(rule: MetricRule | LogRule, cache_id: str, target: str) -> dict[str, str]:
    """Return what a webhook is told besides: the cause, the first steps, the command, the page."""
    from refused.causes import catalogue

    known = next((cause for cause, _ in catalogue() if cause.id == rule.cause), None)
    return {
        "cause": rule.cause,
        "steps": "; ".join(f"{n}. {each}" for n, each in enumerate(known.remedies, 1))
        if known is not None
        else "",
        "command": command(cache_id, target),
        "fix": f"{command(cache_id, target, 'fix')}",
        "page": f"refused causes {rule.cause}",
    }


def command(cache_id: str, target: str, verb: str = "diagnose") -> str:
    """Return the command that looks at this cache."""
    return (
        f"refused {verb} {target} --resource {cache_id}" if target else f"refused {verb} {cache_id}"
    )


def describe(rule: MetricRule | LogRule, what: dict[str, str]) -> str:
    """Return the text of the mail: what, why, what to do, what to run."""
    parts = [f"{rule.title[0].upper()}{rule.title[1:]}.", f"Why: {rule.why}."]
    tail = f"Run: {what['command']}"
    if what["steps"]:
        parts.append(f"First: {what['steps']}.")
    text = " ".join(parts)
    room = LONGEST_DESCRIPTION - len(tail) - 1
    if len(text) > room:
        text = text[: room - 1].rsplit(" ", 1)[0] + "…"
    return f"{text} {tail}"


def _metric(rule: MetricRule, cache_id: str, group_id: str, what: dict[str, str]) -> dict[str, Any]:
    criterion: dict[str, Any] = {
        "criterionType": "StaticThresholdCriterion",
        "name": "cond0",  # as az names it
        "metricName": rule.metric,
        "operator": rule.operator,
        "threshold": int(rule.threshold) if rule.threshold.is_integer() else rule.threshold,
        "timeAggregation": rule.aggregation,
        "dimensions": [
            {"name": name, "operator": "Include", "values": list(values)}
            for name, values in rule.dimensions
        ],
    }
    return {
        "location": "global",
        "properties": {
            "description": describe(rule, what),
            "severity": rule.severity,
            "enabled": True,
            "scopes": [cache_id],
            "evaluationFrequency": rule.every,
            "windowSize": rule.window,
            "criteria": {
                "odata.type": "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
                "allOf": [criterion],
            },
            "autoMitigate": True,
            "actions": [{"actionGroupId": group_id, "webHookProperties": what}] if group_id else [],
        },
    }


def _log(rule: LogRule, cache_id: str, group_id: str, what: dict[str, str]) -> dict[str, Any]:
    cache = take_apart(cache_id)
    scope = {
        "resource": cache_id,
        "group": f"/subscriptions/{cache.subscription}/resourceGroups/{cache.group}",
        "subscription": f"/subscriptions/{cache.subscription}",
    }[rule.scope]
    action = {"actionGroupId": group_id, "webhookProperties": what}
    return {
        "location": "global",
        "properties": {
            "description": describe(rule, what),
            "enabled": True,
            "scopes": [scope],
            "condition": {
                "allOf": [
                    {"field": "category", "equals": rule.category},
                    *(_term(each) for each in rule.terms),
                ]
            },
            "actions": {"actionGroups": [action] if group_id else []},
        },
    }


def _term(term: Term) -> dict[str, Any]:
    if term.is_list:
        return {"field": term.field, "containsAny": list(term.values)}
    if len(term.values) == 1:
        return {"field": term.field, "equals": term.values[0]}
    return {"anyOf": [{"field": term.field, "equals": each} for each in term.values]}


def _group(cache: str, told: Told) -> dict[str, Any]:
    return {
        "location": "Global",
        "properties": {
            # At most twelve characters; it stands in front of text messages.
            "groupShortName": f"redis-{cache}"[:12].rstrip("-"),
            "enabled": True,
            "emailReceivers": [
                {"name": f"mail-{n}", "emailAddress": each, "useCommonAlertSchema": True}
                for n, each in enumerate(told.emails, 1)
            ],
            "webhookReceivers": [
                {"name": f"hook-{n}", "serviceUri": each, "useCommonAlertSchema": True}
                for n, each in enumerate(told.webhooks, 1)
            ],
        },
    }


def _host(url: str) -> str:
    """Return where a webhook leads, without the secret that its path usually is."""
    from urllib.parse import urlsplit

    return urlsplit(url).hostname or "a webhook"
