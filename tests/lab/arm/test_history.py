"""A world file says what has happened before anybody looks."""

from __future__ import annotations

import inspect
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from refused.lab.arm import activity, health, history, monitor, nsg
from tests.lab.arm.plane import CACHE, IN_GROUP, state

if TYPE_CHECKING:
    from refused.lab.arm.state import State

EXAMPLE = inspect.cleandoc(history.__doc__ or "").partition("\n\n")[2]


@pytest.fixture
def world() -> State:
    """Have two caches, in a state that plays a month ago."""
    made = state()
    made.ago_s = 30 * 86400.0
    return made


def test_the_example_of_the_page_is_a_world(world: State) -> None:
    """Every table has its effect, and times count from now."""
    history.configure(world, tomllib.loads(EXAMPLE))
    world.ago_s = 0.0

    assert world.extra[activity.LAG] == 300.0
    (series,) = world.extra["metrics"][CACHE.lower(), "connectedclients"]
    assert (list(series.points.values()), series.level) == ([240.0, 251.0, 256.0], 12)
    assert max(series.points) + 60 == monitor._minute(world.now())
    deleted = world.events[1]
    assert deleted["caller"] == "kim@contoso.example"
    assert deleted["resourceId"].startswith(f"{IN_GROUP}/Microsoft.Network/")
    now = world.require(f"{CACHE}/providers/Microsoft.ResourceHealth/availabilityStatuses/current")
    assert now["properties"]["availabilityState"] == "Unavailable"
    (incident,) = world.of_type(f"{health.NAMESPACE}/events")
    assert incident["name"] == "AB12-CD3"
    (deployment,) = world.of_type("Microsoft.Resources/deployments")
    assert deployment["properties"]["outputResources"] == [{"id": CACHE}]
    assert nsg.tag_prefixes(world, "AzureCloud") == ("20.0.0.0/8",)


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"metric": [{"name": "errors"}]}, "lacks 'resource'"),
        ({"metric": [{"resource": "nobody", "name": "errors"}]}, "no cache is called 'nobody'"),
        (
            {"metric": [{"resource": "contoso", "name": "clients"}]},
            "no cache has a metric 'clients'",
        ),
        ({"metric": ["errors"]}, r"a list of tables: \[\[metric\]\]"),
        ({"event": [{"resource": "contoso", "action": "x", "colour": "red"}]}, "has no 'colour'"),
        (
            {"event": [{"resource": "contoso", "action": "x", "ago_s": "soon"}]},
            "ago_s is not of the form",
        ),
        (
            {"event": [{"resource": "contoso", "action": "x", "category": "Gossip"}]},
            "none of Administrative",
        ),
        ({"health": [{"resource": "contoso", "state": "Sick"}]}, "none of Available"),
        ({"health": [{"resource": "A.B/c/d", "state": "Available"}]}, "there is no /subscriptions"),
        ({"incident": [{"id": "x"}]}, "lacks 'title'"),
        ({"service_tags": {"Storage": ["everywhere"]}}, "'everywhere' is no prefix"),
    ],
)
def test_what_cannot_be_is_said(world: State, told: dict[str, Any], says: str) -> None:
    """With the table and the word."""
    with pytest.raises(ValueError, match=says):
        history.configure(world, told)
    assert world.ago_s == 30 * 86400.0
