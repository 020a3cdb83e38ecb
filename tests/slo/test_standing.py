"""What stands already is left alone; what differs is shown; what is updated keeps what is not ours."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.slo.bodies import Told, documents
from refused.slo.changes import change_of
from refused.slo.for_cache import rules_for
from refused.slo.standing import compare, merged
from tests.slo.scenery import acr

MADE = documents(rules_for(acr()), acr().id, Told(emails=("a@contoso.example",)))
BY_RULE = {each.rule: each for each in MADE}


def answered(rule: str) -> dict[str, Any]:
    """Return what Azure would answer: our fields, and some of its own, ids in its own case."""
    document = BY_RULE[rule]
    body = copy.deepcopy(document.data)
    body["id"] = document.id.replace("/resourceGroups/", "/resourcegroups/")
    body["properties"]["isMigrated"] = False
    for each in body["properties"].get("actions") or ():
        if isinstance(each, dict):
            each["actionGroupId"] = each["actionGroupId"].lower()
    return body


@given(st.sampled_from(sorted(BY_RULE)))
def test_what_azure_adds_is_no_difference(rule: str) -> None:
    """Nor is the case of an id."""
    assert compare(BY_RULE[rule], answered(rule)).state == "same"


def test_a_difference_is_one_line() -> None:
    """With what stands and what would be."""
    found = answered("connections-80")
    found["properties"]["criteria"]["allOf"][0]["threshold"] = 850

    now = compare(BY_RULE["connections-80"], found)

    assert now.state == "different"
    assert now.differences == ("criteria.allOf[0].threshold is 850 and becomes 800",)


@given(st.data())
def test_any_field_of_ours_that_differs_is_seen(data: st.DataObject) -> None:
    """Whichever it is."""
    rule = data.draw(st.sampled_from(sorted(BY_RULE)))
    found = answered(rule)
    name = data.draw(st.sampled_from(sorted(BY_RULE[rule].data["properties"])))
    found["properties"][name] = "something else"

    assert compare(BY_RULE[rule], found).state == "different"


def test_an_update_keeps_tags_and_what_is_not_ours() -> None:
    """A team's own fields stay."""
    found = answered("cpu")
    found["tags"] = {"team": "shop"}
    found["properties"]["targetResourceRegion"] = "westeurope"
    found["properties"]["severity"] = 0

    body = json.loads(merged(BY_RULE["cpu"], found))

    assert body["tags"] == {"team": "shop"}
    assert body["properties"]["targetResourceRegion"] == "westeurope"
    assert body["properties"]["severity"] == 3


def test_a_rule_that_rings_already_is_not_made_twice() -> None:
    """Service Health is watched by subscription: two caches would ring twice for one outage."""
    other = answered("service-health") | {"id": "/subscriptions/s/…/activityLogAlerts/theirs"}
    asked = compare(BY_RULE["service-health"], None, (other,))
    assert (asked.state, asked.other) == ("elsewhere", other["id"])

    silent = copy.deepcopy(other)
    silent["properties"]["actions"] = {"actionGroups": []}
    narrower = copy.deepcopy(other)
    narrower["properties"]["condition"]["allOf"].append({"field": "level", "equals": "Error"})
    for each in (silent, narrower):
        assert compare(BY_RULE["service-health"], None, (each,)).state == "missing"


def test_there_is_no_change_where_nothing_differs() -> None:
    """Idempotent by construction."""
    now = compare(BY_RULE["cpu"], answered("cpu"))
    with pytest.raises(ValueError, match="nothing to change"):
        change_of(now, answered("cpu"), run="r", cause="")


def test_the_undo_of_what_was_not_there_removes_it() -> None:
    """And of what was there puts it back."""
    fresh = change_of(compare(BY_RULE["cpu"], None), None, run="r", cause="server-overloaded")
    assert fresh.undo is not None
    assert fresh.undo.method == "DELETE"

    found = answered("cpu")
    found["properties"]["severity"] = 0
    changed = change_of(compare(BY_RULE["cpu"], found), found, run="r", cause="server-overloaded")
    assert changed.undo is None
    assert changed.reversible


def test_a_group_with_webhooks_says_that_it_cannot_be_put_back() -> None:
    """Their addresses are secrets, and the journal keeps none."""
    found = answered("action-group")
    found["properties"]["webhookReceivers"] = [{"name": "x", "serviceUri": "https://x.example/s"}]
    change = change_of(compare(BY_RULE["action-group"], found), found, run="r", cause="")

    assert not change.reversible
    assert "by hand" in change.undo_says
