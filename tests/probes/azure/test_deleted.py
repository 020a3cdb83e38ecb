"""Who deleted a cache that is gone stands in the activity log, for as long as that is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from refused import api
from refused.evidence.control_plane import ChangeSearch, ResourceChange
from refused.evidence.observations import Unseen
from refused.lab.arm import documents, worlds
from refused.lab.arm.activity import seed
from refused.lab.azure import GROUP_ID, SUBSCRIPTION, TENANT, put
from refused.lab.world import World
from refused.probes.azure.deleted import MOST_SUBSCRIPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Bundle

DAY_S = 86400.0
OTHER = "00000000-0000-4000-8000-0000000000bb"
REDIS = "Microsoft.Cache/redis/delete"
MANAGED = "Microsoft.Cache/redisEnterprise/delete"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Bring up the default world, with a second subscription in which there is nothing."""
    made = worlds.default(World())
    put(made, documents.subscription(OTHER, TENANT))
    with made as up:
        yield up


@pytest.fixture(autouse=True)
def _empty_log(world: World) -> None:
    world.arm.events.clear()


def delete(world: World, name: str, action: str = REDIS, *, ago_s: float, **more: Any) -> str:
    """Let the log say that a cache was deleted; returns the cache's id."""
    kind = action.split("/")[1]
    cache_id = f"{more.pop('group', GROUP_ID)}/providers/Microsoft.Cache/{kind}/{name}"
    seed(world.arm, cache_id, action, ago_s=ago_s, caller="old@contoso.example", **more)
    return cache_id


def look(world: World, target: str, **options: Any) -> Bundle:
    """Look at a target in the world."""
    return api.probe(
        target,
        vantages=tuple(world.vantages.values()),
        resolver=world.resolver,
        ca_file=world.ca_file,
        root=world.host_root,
        environ=world.environment(),
        client_ip=world.client_ip,
        **options,
    )


def deletions(bundle: Bundle) -> list[ResourceChange]:
    """Return the deletions of caches that were found."""
    return [
        fact
        for fact in bundle.facts
        if isinstance(fact, ResourceChange) and fact.operation in (REDIS, MANAGED)
    ]


def gaps(bundle: Bundle) -> list[Unseen]:
    """Return why changes were not seen."""
    return [f for f in bundle.facts if isinstance(f, Unseen) and f.what == "ResourceChange"]


GONE = "gone.redis.cache.windows.net:6380"


def test_a_deletion_of_last_month_is_found_and_proves_the_cause(world: World) -> None:
    """By the name alone; the group is gone with the cache."""
    delete(world, "gone", ago_s=40 * DAY_S)
    delete(world, "kept", ago_s=41 * DAY_S)
    bundle = look(world, GONE)
    report = api.judge(bundle)

    (found,) = deletions(bundle)
    assert (found.status, found.caller) == ("Succeeded", "old@contoso.example")
    assert gaps(bundle) == []
    assert [(each.id, each.certainty) for each in report.causes[:1]] == [
        ("cache-not-running", "confirmed")
    ]
    assert "was deleted on" in report.causes[0].because[0]
    assert "by old@contoso.example" in report.causes[0].because[0]


def test_every_subscription_that_the_credential_sees_is_read(world: World) -> None:
    """Nobody knows in which it was; one that is named is read alone."""
    delete(world, "gone", ago_s=DAY_S, group=f"/subscriptions/{OTHER}/resourceGroups/far")
    everywhere, here = look(world, GONE), look(world, GONE, subscription=SUBSCRIPTION)

    assert len(deletions(everywhere)) == 1
    assert deletions(here) == []
    counts = [
        each.count
        for each in everywhere.facts
        if isinstance(each, ChangeSearch) and "deletions of gone" in each.source
    ]
    assert sorted(counts) == [0, 1]


def test_more_subscriptions_than_are_read_are_said(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log that was not read is not a log without the deletion."""
    assert MOST_SUBSCRIPTIONS > 2
    monkeypatch.setattr("refused.probes.azure.deleted.MOST_SUBSCRIPTIONS", 1)

    (gap,) = gaps(look(world, GONE))
    assert "1 of 2 subscriptions" in gap.why
    assert "--subscription" in gap.how_to_see


def test_a_name_that_was_never_there_stays_unproved(world: World) -> None:
    """Neighbours, failed deletions, rules of the same name and the other service's caches are others."""
    delete(world, "gone", MANAGED, ago_s=DAY_S)
    delete(world, "gone-too", ago_s=DAY_S)
    seed(
        world.arm,
        f"{GROUP_ID}/providers/Microsoft.Cache/redis/shop/firewallRules/gone",
        "Microsoft.Cache/redis/firewallRules/delete",
        ago_s=DAY_S,
    )
    bundle = look(world, GONE)

    assert deletions(bundle) == []
    assert [
        each.certainty for each in api.judge(bundle).causes if each.certainty == "confirmed"
    ] == []


def test_a_deletion_that_failed_proves_nothing(world: World) -> None:
    """It is there to be read, as what was tried."""
    delete(world, "gone", ago_s=DAY_S, outcome="Failed")
    bundle = look(world, GONE)

    assert [each.status for each in deletions(bundle)] == ["Failed"]
    assert "confirmed" not in {each.certainty for each in api.judge(bundle).causes}


def test_a_managed_cache_is_found_by_its_own_operation(world: World) -> None:
    """And a bare name may have been either's."""
    delete(world, "gone", MANAGED, ago_s=3600)
    delete(world, "gone", REDIS, ago_s=7200)

    managed = look(world, "gone.westeurope.redis.azure.net:10000")
    bare = look(world, "gone")

    assert [each.operation for each in deletions(managed)] == [MANAGED]
    assert {each.operation for each in deletions(bare)} == {MANAGED, REDIS}


def test_a_resource_that_is_gone_is_sought_by_its_id(world: World) -> None:
    """The changes of its last day are read in any case; it may be gone for longer."""
    cache_id = delete(world, "gone", ago_s=40 * DAY_S)
    bundle = look(world, GONE, resource=cache_id)

    assert [each.resource_id for each in deletions(bundle)] == [cache_id]
    assert api.judge(bundle).causes[0].certainty == "confirmed"

    delete(world, "gone", ago_s=3600)
    assert len(deletions(look(world, GONE, resource=cache_id))) == 2


def test_a_log_that_may_not_be_read_is_unseen_with_the_action(world: World) -> None:
    """So that it can be asked for."""
    delete(world, "gone", ago_s=DAY_S)
    world.arm.denied = ["Microsoft.Insights/eventtypes/values/read"]
    try:
        bundle = look(world, GONE)
    finally:
        world.arm.denied = []

    assert deletions(bundle) == []
    assert all(
        "Microsoft.Insights/eventtypes/values/read" in each.how_to_see for each in gaps(bundle)
    )
    assert gaps(bundle)


def test_a_cache_that_is_there_costs_no_second_look(world: World) -> None:
    """Nothing is asked of the past of what lives."""
    bundle = look(world, world.target)

    assert not [f for f in bundle.facts if isinstance(f, ChangeSearch) and "deletions" in f.source]
