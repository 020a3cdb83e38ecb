"""Templates are carried out through the same operations, and leave their history."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from refused.lab.arm import deployments
from refused.lab.arm.routes import Refusal
from refused.lab.arm.state import SUBSCRIPTION
from tests.lab.arm.plane import CACHE, IN_GROUP, Plane, witness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION = "2024-03-01"
STEM = f"{IN_GROUP}/Microsoft.Resources/deployments"
ONE = f"{STEM}/landing-zone"
GUARD = f"{IN_GROUP}/Microsoft.Network/networkSecurityGroups/guard"
TEMPLATE: dict[str, Any] = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "parameters": {
        "name": {"type": "string"},
        "port": {"type": "string", "defaultValue": "6380"},
        "secret": {"type": "securestring", "defaultValue": "not-for-your-eyes"},
    },
    "variables": {"rule": "[concat(parameters('name'), '/', 'redis-', parameters('port'))]"},
    "resources": [
        {
            "type": "Microsoft.Network/networkSecurityGroups/securityRules",
            "apiVersion": "2024-01-01",
            "name": "[variables('rule')]",
            "dependsOn": [
                "[resourceId('Microsoft.Network/networkSecurityGroups', parameters('name'))]"
            ],
            "properties": {
                "protocol": "Tcp",
                "access": "Deny",
                "direction": "Outbound",
                "priority": 100,
                "sourcePortRange": "*",
                "destinationPortRange": "[parameters('port')]",
                "sourceAddressPrefix": "*",
                "destinationAddressPrefix": "*",
            },
        },
        {
            "type": "Microsoft.Network/networkSecurityGroups",
            "apiVersion": "2024-01-01",
            "name": "[parameters('name')]",
            "location": "[resourceGroup().location]",
            "tags": {"by": "[toUpper(format('{0}-{1}', 'a', 'b'))]"},
        },
    ],
    "outputs": {"where": {"type": "string", "value": "[subscription().subscriptionId]"}},
}


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    """Have a control plane."""
    with Plane(tmp_path) as up:
        yield up


def body(template: dict[str, Any] | None = None, **parameters: Any) -> dict[str, Any]:
    """Return what is sent."""
    given = {name: {"value": value} for name, value in parameters.items()}
    return {
        "properties": {
            "mode": "Incremental",
            "template": TEMPLATE if template is None else template,
            "parameters": given,
        }
    }


def test_a_template_has_the_effect_of_its_resources(plane: Plane) -> None:
    """In the order of what depends on what, under one correlation id."""
    made = plane.ask("PUT", ONE, body(name="guard"), version=VERSION)

    assert made.status == 201
    assert plane.follow("GET", made.headers["azure-asyncoperation"]).body["status"] == "Succeeded"
    group = plane.ok("GET", GUARD)
    assert group["tags"] == {"by": "A-B"}
    (rule,) = group["properties"]["securityRules"]
    assert (rule["name"], rule["properties"]["destinationPortRange"]) == ("redis-6380", "6380")
    said = plane.ok("GET", ONE, version=VERSION)["properties"]
    assert said["provisioningState"] == "Succeeded"
    assert said["outputs"]["where"]["value"] == SUBSCRIPTION
    assert [each["id"] for each in said["outputResources"]] == [
        GUARD,
        f"{GUARD}/securityRules/redis-6380",
    ]
    mine = [each for each in plane.state.events if each["correlationId"] == said["correlationId"]]
    assert {each["operationName"]["value"] for each in mine} == {
        "Microsoft.Resources/deployments/write",
        "Microsoft.Network/networkSecurityGroups/write",
        "Microsoft.Network/networkSecurityGroups/securityRules/write",
    }


def test_secure_parameters_are_not_told(plane: Plane) -> None:
    """Nor in the log's record of the request."""
    plane.ok("PUT", ONE, body(name="guard"), version=VERSION)

    assert set(plane.ok("GET", ONE, version=VERSION)["properties"]["parameters"]) == {
        "name",
        "port",
    }
    assert "not-for-your-eyes" not in str(plane.state.documents) + str(plane.state.events)


def test_each_step_is_an_operation(plane: Plane) -> None:
    """Also the one that failed."""
    template = {**TEMPLATE, "resources": [*TEMPLATE["resources"]]}
    wrong = {
        **TEMPLATE["resources"][0],
        "name": "guard/again",
        "properties": {**TEMPLATE["resources"][0]["properties"], "priority": 100},
    }
    template["resources"].append(wrong)
    made = plane.ask("PUT", ONE, body(template, name="guard"), version=VERSION)

    status = plane.follow("GET", made.headers["azure-asyncoperation"]).body
    assert (status["status"], status["error"]["code"]) == ("Failed", "DeploymentFailed")
    said = plane.ok("GET", ONE, version=VERSION)["properties"]
    assert said["provisioningState"] == "Failed"
    assert said["error"]["details"][0]["code"] == "SecurityRuleConflict"
    steps = plane.ok("GET", f"{ONE}/operations", version=VERSION)["value"]
    assert [each["properties"]["statusCode"] for each in steps] == [
        "Created",
        "Created",
        "BadRequest",
    ]
    assert plane.state.events[-1]["status"]["value"] == "Failed"


def test_validation_changes_nothing(plane: Plane) -> None:
    """It says what would be, or what is wrong."""
    said = plane.ask("POST", f"{ONE}/validate", body(name="guard"), version=VERSION)
    assert said.status == 200
    assert said.body["properties"]["provisioningState"] == "Succeeded"
    assert plane.ask("GET", GUARD).status == 404

    for sent, says in (
        (body(), "'name' is not provided"),
        (body(name="x", colour="red"), "'colour' is not declared"),
        (
            body({"resources": [{"type": "A.B/c", "name": "x", "apiVersion": "1"}]}),
            "no resources of type 'A.B/c'",
        ),
        (
            body({"resources": [{"type": "A.B/c", "name": "x", "apiVersion": "1", "copy": {}}]}),
            "neither copies",
        ),
        (body({"variables": {"x": "[uniqueString('a')]"}}), "no 'uniqueString'"),
        (body({"variables": {"x": "[concat('a']"}}), "is not understood"),
        (body({"resources": [{"type": "A.B/c"}]}), "a name and an apiVersion"),
    ):
        said = plane.ask("POST", f"{ONE}/validate", sent, version=VERSION)
        assert said.status == 400
        assert says in said.body["error"]["message"], said.body


def test_a_circle_is_refused(plane: Plane) -> None:
    """Neither can be first."""
    first = {**TEMPLATE["resources"][1], "name": "a", "dependsOn": ["b"]}
    second = {**TEMPLATE["resources"][1], "name": "b", "dependsOn": ["a"]}
    template = {**TEMPLATE, "resources": [first, second]}
    said = plane.ask("PUT", ONE, body(template, name="guard"), version=VERSION)
    assert "in a circle" in said.body["error"]["message"]


def test_history_lists_the_newest_first(plane: Plane) -> None:
    """Those of a world's past and those made here."""
    deployments.seed(plane.state, "prod", "friday", [CACHE], ago_s=3600)
    plane.ok("PUT", ONE, body(name="guard"), version=VERSION)
    assert [each["name"] for each in plane.ok("GET", STEM, version=VERSION)["value"]] == [
        "landing-zone",
        "friday",
    ]
    assert plane.ask("HEAD", ONE, version=VERSION).status == 204
    assert plane.ask("DELETE", ONE, version=VERSION).status == 204
    assert plane.ask("GET", ONE, version=VERSION).status == 404
    assert plane.ok("GET", GUARD)["name"] == "guard"


def test_who_may_not_write_the_resource_cannot_deploy_it(plane: Plane) -> None:
    """A template is no way around a right."""
    plane.state.denied.append("Microsoft.Network/networkSecurityGroups/write")
    plane.ok("PUT", ONE, body(name="guard"), version=VERSION)
    said = plane.ok("GET", ONE, version=VERSION)["properties"]
    assert said["error"]["details"][0]["code"] == "AuthorizationFailed"
    assert plane.ask("GET", GUARD).status == 404


def test_children_inside_a_resource_bear_both_names(plane: Plane) -> None:
    """The old form of templates."""
    parent, child = TEMPLATE["resources"][1], TEMPLATE["resources"][0]
    inner = {**child, "type": "securityRules", "name": "inner", "dependsOn": ["guard"]}
    template = {**TEMPLATE, "variables": {}, "resources": [{**parent, "resources": [inner]}]}
    plane.ok("PUT", ONE, body(template, name="guard"), version=VERSION)
    assert plane.ok("GET", f"{GUARD}/securityRules/inner")["name"] == "inner"


@given(some.text(alphabet="concat'()[],. paremts1x", max_size=40))
def test_no_expression_is_too_odd(text: str) -> None:
    """It has a value, or is refused."""
    template = deployments._Template.__new__(deployments._Template)
    template.parameters = template.variables = {"x": "y"}
    template.group = ""
    with contextlib.suppress(Refusal):
        template.value(f"[{text}]")


@pytest.mark.shared
def test_every_answer_is_of_the_shape_that_is_described(tmp_path: Path, shared: Path) -> None:
    """With the API descriptions as witness."""
    held = witness(shared)
    before = held.checked
    with Plane(tmp_path, held) as plane:
        plane.ok("POST", f"{ONE}/validate", body(name="guard"), version=VERSION)
        plane.ok("PUT", ONE, body(name="guard"), version=VERSION)
        steps = f"{ONE.replace('/providers/Microsoft.Resources', '')}/operations"
        for where in (ONE, STEM, steps):
            assert plane.ok("GET", where, version=VERSION)
    assert held.checked - before == 5


def test_a_slow_deployment_is_accepted_first(plane: Plane) -> None:
    """And its resources come about at its end."""
    plane.state.takes_s = 0.2
    made = plane.ask("PUT", ONE, body(name="guard"), version=VERSION)

    assert made.body["properties"]["provisioningState"] == "Accepted"
    assert plane.ask("GET", GUARD).status == 404
    while plane.follow("GET", made.headers["azure-asyncoperation"]).body["status"] == "InProgress":
        pass
    assert plane.ok("GET", ONE, version=VERSION)["properties"]["provisioningState"] == "Succeeded"
    assert plane.ok("GET", GUARD)["name"] == "guard"
