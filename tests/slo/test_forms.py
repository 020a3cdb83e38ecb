"""What a plan prints can be read by the tool it is for, and is what the API describes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import hcl2
import pytest
from jsonschema import Draft4Validator
from tree_sitter import Language, Parser
from tree_sitter_bicep import language

from refused.slo.bodies import API, Told, describe, documents, properties
from refused.slo.for_cache import rules_for
from refused.slo.forms import FORMS, rendered, whole
from tests.lab.arm.plane import CACHE, Plane, witness
from tests.slo.scenery import ACR, AMR
from tests.slo.test_for_cache import CACHES

if TYPE_CHECKING:
    from pathlib import Path

    from refused.slo.bodies import Document

BICEP = Parser(Language(language()))
TOLD = Told(emails=("on-call@contoso.example",), webhooks=("https://hooks.example/x?sig=abc",))
each_cache = pytest.mark.parametrize("name", sorted(CACHES))
SPECS = "specification/monitor/resource-manager/Microsoft.Insights/stable"
DEFINED = {
    "metricAlerts": ("2018-03-01/metricAlert_API.json", "MetricAlertResource"),
    "activityLogAlerts": ("2020-10-01/activityLogAlerts_API.json", "ActivityLogAlertResource"),
    "actionGroups": ("2023-01-01/actionGroups_API.json", "ActionGroupResource"),
}


def made(name: str, told: Told = TOLD) -> tuple[Document, ...]:
    """Return the documents for one cache."""
    cache = CACHES[name]
    return documents(rules_for(cache), cache.id, told, target=f"{cache.host}:6380")


@each_cache
def test_bicep_parses(name: str) -> None:
    """As one file."""
    text = whole(made(name), "bicep")
    tree = BICEP.parse(text.encode())

    assert not tree.root_node.has_error, text
    assert len(re.findall(r"^resource \w+ '", text, re.MULTILINE)) == len(made(name))


@each_cache
def test_terraform_parses(name: str) -> None:
    """As one file, with no name twice."""
    text = whole(made(name), "terraform")
    read = hcl2.loads(text)
    names = re.findall(r'^resource "(\w+)" "(\w+)"', text, re.MULTILINE)

    assert len(read["resource"]) == len(names) == len(set(names))
    assert "webhook_properties {" not in text


@each_cache
def test_an_arm_template_is_whole(name: str) -> None:
    """Rules wait for the group that they tell, and no text begins an expression."""
    template = json.loads(whole(made(name), "arm"))

    first, *others = template["resources"]
    assert first["type"] == "Microsoft.Insights/actionGroups"
    assert all(each["dependsOn"] == [made(name)[0].id] for each in others)
    for text in _texts(template["resources"]):
        assert not text.startswith("[") or text.startswith("[[")


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [text for each in value for text in _texts(each)] if isinstance(value, list) else []


@each_cache
def test_every_form_names_every_rule(name: str) -> None:
    """None is lost on the way."""
    for document in made(name):
        for form, text in rendered(document).items():
            assert document.name in text, form
        assert set(rendered(document)) | {"arm", "prometheus"} == set(FORMS)


def test_the_mail_says_what_to_do() -> None:
    """The cause's own remedies, and the command that finds out more."""
    rule = next(each for each in rules_for(CACHES["acr"]).metric if each.id == "connections-80")
    what = properties(rule, ACR, "contoso.redis.cache.windows.net:6380")
    text = describe(rule, what)

    assert "1. share one client per process" in text
    assert f"refused diagnose contoso.redis.cache.windows.net:6380 --resource {ACR}" in text
    assert what["page"] == "refused causes max-clients-reached"


@each_cache
def test_a_mail_ends_with_its_command(name: str) -> None:
    """However long the rest is."""
    for rule in rules_for(CACHES[name]).all:
        what = properties(rule, CACHES[name].id, "h:1")
        assert describe(rule, what).endswith(what["command"])
        assert len(describe(rule, what)) <= 900


def test_a_group_that_exists_is_told_and_none_is_made() -> None:
    """``--action-group``."""
    group = f"{AMR.partition('/providers/')[0]}/providers/Microsoft.Insights/actionGroups/on-call"
    found = made("amr", Told(group_id=group))

    assert {each.kind for each in found} == {"metricAlerts", "activityLogAlerts"}
    for each in found:
        assert group in each.body


@pytest.mark.shared
@each_cache
def test_every_body_is_what_the_api_describes(name: str, shared: Path) -> None:
    """Held against the description, down to the kind of the criteria, with no field of our own."""
    held = witness(shared)
    for document in made(name):
        file, definition = DEFINED[document.kind]
        _holds(held, file, definition, document.data)
        if document.kind == "metricAlerts":
            criteria = document.data["properties"]["criteria"]
            _holds(held, file, "MetricAlertSingleResourceMultipleMetricCriteria", criteria)
            for each in criteria["allOf"]:
                _holds(held, file, "MetricCriteria", each)
                _holds(held, file, "MultiMetricCriteria", each)


def _holds(held: Any, file: str, definition: str, value: Any) -> None:
    base = f"https://specs.invalid/{SPECS}/{file}"
    schema = {"$ref": f"{base}{quote(f'#/definitions/{definition}', safe='#/')}"}
    errors = list(Draft4Validator(schema, registry=held._registry).iter_errors(value))
    assert not errors, errors[0].message[:300]


@pytest.mark.shared
def test_the_twin_takes_every_body_and_answers_as_described(tmp_path: Path, shared: Path) -> None:
    """With the API descriptions as witness of the answers."""
    held = witness(shared)
    before = held.checked
    found = documents(rules_for(CACHES["acr-cluster"]), CACHE, TOLD)
    with Plane(tmp_path, held) as plane:
        for each in found:
            plane.ok("PUT", each.id, each.data, version=API[each.kind])
    assert held.checked - before == len(found)
