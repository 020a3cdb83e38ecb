"""A target under watch: what comes and goes while one looks, and what the service says of it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from refused.api import judge, probe_world
from refused.evidence.observations import MaintenanceEvent, NamesOverTime, OverTime, Unseen
from refused.evidence.over_time import outages
from refused.lab.azure import Cache, acr, plain_redis
from refused.lab.fronts import Chosen, Front, Refuse
from refused.lab.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from refused.evidence.bundle import Bundle
    from refused.lab.servers import Server

pytestmark = pytest.mark.timeout(90)

STARTING = (
    "NotificationType|NodeMaintenanceStarting|StartTimeInUTC|2026-11-26T04:00:00|IsReplica|False|"
    "IPAddress|20.42.65.90|SSLPort|15001|NonSSLPort|13001"
)


def watched(world: World, hold_s: float, deed: Callable[[], None] | None = None) -> Bundle:
    """Look at a world for a while, and do something to it meanwhile."""
    doing = threading.Thread(target=deed or (lambda: None))
    doing.start()
    try:
        return probe_world(world, hold_s=hold_s)
    finally:
        doing.join()


def until(server: Server, sign: str, times: int = 1) -> None:
    """Wait until the server has so many connections that its list of clients describes like this.

    What is done to a watch has to be done under it, and not while the path is still being walked:
    on a busy machine that takes seconds.
    """
    for _ in range(400):
        if str(server.command("CLIENT", "LIST")).count(sign) >= times:
            return
        time.sleep(0.05)
    pytest.fail(f"the watch never came: no {times} clients with {sign!r}")


def the(bundle: Bundle) -> OverTime:
    """Return the one series there is."""
    (series,) = (fact for fact in bundle.facts if isinstance(fact, OverTime))
    return series


def test_a_target_that_is_well_stays_healthy_under_watch() -> None:
    """New connections and PINGs all come through, few of them, and the name stays where it was."""
    world = World()
    acr(world)
    with world:
        bundle = watched(world, 3.0)

    report = judge(bundle)
    series = the(bundle)
    assert report.verdict == "healthy", report.diagnosis.path
    assert not any(each.failed for each in series.attempts)
    assert 1 <= len(series.attempts) <= 4
    assert series.pings > 3
    assert len(series.ping_ms) == 4
    (names,) = (fact for fact in bundle.facts if isinstance(fact, NamesOverTime))
    assert len(names.moments) == 1
    assert names.moments[0].ttl_s is not None


def test_a_failover_that_was_announced_is_confirmed_and_its_length_told() -> None:
    """The channel says so, the connections are cut, and a moment later all is well."""
    world = World()
    cache = acr(world)
    with world:

        def fail_over() -> None:
            until(cache.server, " sub=1 ")
            cache.server.command("PUBLISH", "AzureRedisEvents", STARTING)
            cache.server.stop()
            time.sleep(2.0)
            cache.server.start()

        bundle = watched(world, 10.0, fail_over)

    report = judge(bundle)
    assert report.verdict == "fault"
    assert report.causes[0].id == "server-failover-maintenance"
    assert report.causes[0].certainty == "confirmed"
    assert report.severity == 3
    (event,) = (fact for fact in bundle.facts if isinstance(fact, MaintenanceEvent))
    assert (event.event, event.is_replica, event.port) == ("NodeMaintenanceStarting", False, 15001)
    assert any(each.most_s is not None and each.least_s < 10 for each in outages([the(bundle)]))


def test_a_blip_that_nobody_announced_is_told_with_its_rate_and_length() -> None:
    """A plain server goes and comes back: the failure is seen, and confirmed by nothing."""
    world = World()
    server = plain_redis(world).server
    with world:

        def blink() -> None:
            until(server, " user=default ", times=2)
            server.stop()
            time.sleep(2.0)
            server.start()

        bundle = watched(world, 10.0, blink)

    report = judge(bundle)
    broken = next(hop for hop in report.diagnosis.path if hop.status == "failed")
    assert "95 % interval" in broken.said
    assert "at times" in broken.said
    assert report.severity == 3
    assert all(cause.certainty != "confirmed" for cause in report.causes)
    assert "server-failover-maintenance" in [cause.id for cause in report.causes[:2]]


def test_dials_refused_now_and_then_are_a_fault_with_its_rate() -> None:
    """One in three is refused, from the second on, and the first look was well."""
    world = World()
    cache = acr(world)
    turned = Every(cache.front, 3)
    world.at(cache.address, 6380, turned)
    with world:
        bundle = watched(world, 7.0)

    report = judge(bundle)
    broken = next(hop for hop in report.diagnosis.path if hop.status == "failed")
    assert (broken.hop, report.severity) == ("tcp", 3)
    assert "refused" in broken.said


def Every(inner: Front, n: int) -> Front:  # noqa: N802 - it stands where a front stands
    """Refuse every *n*-th dial."""
    count = iter(range(1, 10_000))
    return Chosen(lambda _: Refuse() if next(count) % n == 0 else inner)


def test_a_user_that_may_not_subscribe_is_told_what_stays_unseen() -> None:
    """The watch goes on without the channel."""
    world = World()
    cache = acr(world)
    with world:
        cache.server.command("ACL", "SETUSER", "default", "resetchannels")
        bundle = watched(world, 2.5)

    gaps = [fact for fact in bundle.facts if isinstance(fact, Unseen)]
    assert any(gap.what == "MaintenanceEvent" and "NOPERM" in gap.why for gap in gaps), gaps
    assert judge(bundle).verdict == "healthy"
    assert isinstance(cache, Cache)
