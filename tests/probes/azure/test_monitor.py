"""What the answers about time say: metrics, records of the activity log, and health."""

from __future__ import annotations

from typing import Any

import pytest

from refused.probes.azure import monitor
from refused.probes.azure.ways import seconds_of

STAMP: dict[str, Any] = {"vantage": "control-plane", "at": 0.0, "took_ms": 0.0, "source": "ARM"}
SHOP = "/subscriptions/s/resourceGroups/shop/providers/Microsoft.Cache/Redis/carts"


def record(**said: Any) -> dict[str, Any]:
    """Return a record of the activity log of which little was selected."""
    return {
        "id": f"{SHOP}/events/5d1f8a02-0000-4000-8000-000000000001/ticks/638000000000000000",
        "operationName": {"value": "Microsoft.Cache/redis/write"},
        **said,
    }


def test_a_record_of_which_little_was_selected_still_says_what_and_when() -> None:
    """Its id holds both; Azure sends it whatever was asked for."""
    (made,) = monitor.changes_of({"value": [record()]}, SHOP.upper(), STAMP)

    assert made.resource_id == SHOP
    assert made.when == seconds_of("2022-09-28T22:13:20Z")


def test_what_a_record_says_itself_comes_before_its_id() -> None:
    """A change of a part is found in the record of the whole."""
    rule, at = f"{SHOP}/firewallRules/office", "2024-05-06T07:08:09Z"
    (made,) = monitor.changes_of(
        {"value": [record(resourceId=rule, eventTimestamp=at)]}, SHOP, STAMP
    )

    assert (made.resource_id, made.when) == (rule, seconds_of(at))


@pytest.mark.parametrize("odd", [None, "", "x", f"{SHOP}/events/1/ticks/soon", f"{SHOP}/ticks/1"])
def test_an_id_that_holds_no_time_makes_no_record(odd: str | None) -> None:
    """Without a time nothing can be put before a failure."""
    assert monitor.changes_of({"value": [record(id=odd)]}, SHOP, STAMP) == []


@pytest.mark.parametrize(
    ("context", "reason", "category", "cause"),
    [
        ("Platform Initiated", "Unplanned", "Unplanned", "PlatformInitiated"),
        ("Platform Initiated", "Planned", "Planned", "Planned"),
        ("Platform Initiated", "", "Planned", "Planned"),
        ("Not Applicable", "Planned", None, "Planned"),
        (None, "Planned", None, "Planned"),
        ("Not Applicable", "Customer Initiated", "Not Applicable", "CustomerInitiated"),
        ("Customer Initiated", "UserInitiated", "Planned", "CustomerInitiated"),
        ("Not Applicable", "", "Not Applicable", ""),
        ("Not Applicable", "Outage", None, "Outage"),
        (None, None, None, ""),
    ],
)
def test_planned_work_of_the_platform_is_no_outage(
    context: str | None, reason: str | None, category: str | None, cause: str
) -> None:
    """Who began it stands in one field, and whether it was planned in another."""
    inside = {
        "availabilityState": "Unavailable",
        "context": context,
        "reasonType": reason,
        "category": category,
    }
    made = monitor.health_of({"properties": inside}, SHOP, STAMP)

    assert made is not None
    assert made.cause == cause


def test_a_metric_that_azure_could_not_read_is_not_a_calm_one() -> None:
    """An empty series that says why is apart from one of an hour without a value."""
    body = {
        "interval": "PT1M",
        "value": [
            {"name": {"value": "errors"}, "timeseries": [], "errorCode": "Success"},
            {
                "name": {"value": "serverLoad"},
                "timeseries": [],
                "errorCode": "InternalServerError",
                "errorMessage": "the store did not answer",
            },
        ],
    }
    made = monitor.metrics_of(body, SHOP, {"errors": "Maximum"}, (0.0, 60.0), STAMP)

    assert [(each.name, each.points) for each in made] == [("errors", ())]
    assert monitor.failed_metrics(body) == [
        ("serverLoad", "InternalServerError: the store did not answer")
    ]
