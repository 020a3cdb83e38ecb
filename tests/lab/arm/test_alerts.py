"""Alert rules and action groups come and go, with the statuses that are recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.arm.plane import CACHE, IN_GROUP, IN_SUB, Plane, witness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STEM = f"{IN_GROUP}/Microsoft.Insights"
GROUP = f"{STEM}/actionGroups/on-call"
RULE = f"{STEM}/metricAlerts/clients"
LOG_RULE = f"{STEM}/activityLogAlerts/rules"
RULE_BODY: dict[str, Any] = {
    "location": "global",
    "properties": {
        "severity": 2,
        "enabled": True,
        "scopes": [CACHE],
        "evaluationFrequency": "PT1M",
        "windowSize": "PT5M",
        "criteria": {
            "odata.type": "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
            "allOf": [
                {
                    "criterionType": "StaticThresholdCriterion",
                    "name": "high",
                    "metricName": "connectedclients",
                    "operator": "GreaterThan",
                    "threshold": 205,
                    "timeAggregation": "Maximum",
                }
            ],
        },
        "actions": [{"actionGroupId": GROUP}],
    },
}
LOG_BODY: dict[str, Any] = {
    "location": "Global",
    "properties": {
        "scopes": [CACHE],
        "condition": {"allOf": [{"field": "category", "equals": "Administrative"}]},
        "actions": {"actionGroups": []},
    },
}
GROUP_BODY = {"location": "Global", "properties": {"groupShortName": "oncall", "enabled": True}}
VERSIONS = {GROUP: "2023-01-01", RULE: "2018-03-01", LOG_RULE: "2020-10-01"}


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    """Have a control plane."""
    with Plane(tmp_path) as up:
        yield up


@pytest.mark.parametrize(
    ("where", "body", "statuses"),
    [
        (GROUP, GROUP_BODY, (201, 200)),
        (RULE, RULE_BODY, (200, 200)),
        (LOG_RULE, LOG_BODY, (201, 200)),
    ],
)
def test_each_is_made_replaced_listed_and_deleted(
    plane: Plane, where: str, body: Any, statuses: tuple[int, int]
) -> None:
    """With the casing of its ids, whatever the caller's."""
    version = VERSIONS[where]
    made = [plane.ask("PUT", where, body, version=version).status for _ in range(2)]
    assert tuple(made) == statuses

    kind = where.split("/")[-2]
    for scope in (STEM, f"{IN_SUB}/microsoft.insights"):
        (found,) = plane.ok("GET", f"{scope}/{kind}", version=version)["value"]
        assert found["name"] == where.rpartition("/")[2]
    patched = plane.ok("PATCH", where, {"tags": {"team": "shop"}}, version=version)
    assert patched["tags"] == {"team": "shop"}
    gone = [plane.ask("DELETE", where, version=version).status for _ in range(2)]
    assert gone == [200, 204]
    assert plane.ask("GET", where, version=version).status == 404


def test_a_rule_that_lacks_something_is_refused(plane: Plane) -> None:
    """And is told what."""
    body = {"location": "global", "properties": {"severity": 2, "enabled": True}}
    said = plane.ask("PUT", RULE, body, version="2018-03-01")

    assert said.status == 400
    assert "evaluationFrequency, windowSize, criteria, scopes" in said.body["error"]["message"]


@pytest.mark.shared
def test_every_answer_is_of_the_shape_that_is_described(tmp_path: Path, shared: Path) -> None:
    """With the API descriptions as witness."""
    held = witness(shared)
    before = held.checked
    with Plane(tmp_path, held) as plane:
        for where, body in ((GROUP, GROUP_BODY), (RULE, RULE_BODY), (LOG_RULE, LOG_BODY)):
            version = VERSIONS[where]
            kind = where.split("/")[-2]
            plane.ok("PUT", where, body, version=version)
            plane.ok("GET", where, version=version)
            plane.ok("GET", f"{STEM}/{kind}", version=version)
            plane.ok("GET", f"{IN_SUB}/Microsoft.Insights/{kind}", version=version)
            plane.ok("DELETE", where, version=version)
    assert held.checked - before == 15
