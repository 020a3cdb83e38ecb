"""Tests of the judge of server-failover-maintenance."""

from __future__ import annotations

import pytest

from refused.causes.server_failover_maintenance import judge
from refused.causes.statements import Clue, RuledOut
from refused.evidence.bundle import Evidence
from refused.evidence.control_plane import (
    PatchWindows,
    ResourceHealth,
    ScheduledMaintenance,
)
from refused.evidence.observations import Attempt, MaintenanceEvent, OverTime
from tests.causes.azure_scenery import (
    ACR,
    CONTROL,
    change,
    excuses,
    metric,
    proofs,
    weight,
    words,
)
from tests.causes.server_scenery import (
    ACCEPTED,
    CACHE,
    FRONT,
    INFO,
    OWN,
    PONG,
    SHAKE,
    UNANSWERED,
    kinds,
    refused,
)
from tests.causes.tls_scenery import (
    NOW,
    STAMP,
)

REFUSED = ACCEPTED.replace(outcome="refused", errno=111)
AGAIN = ACCEPTED.replace(purpose="repeat")
READONLY = refused("SETRANGE", "READONLY You can't write against a read only replica.")
MASTERDOWN = refused("PING", "MASTERDOWN Link with MASTER is down")


def test_refused_and_accepted_within_seconds_speaks_for_it() -> None:
    """A node is coming up."""
    (said,) = judge(Evidence(REFUSED, AGAIN, target=CACHE))

    assert isinstance(said, Clue)
    assert said.weight > 2


def test_silence_that_comes_and_goes_is_somebody_elses() -> None:
    """Lost packets look so; a restart refuses."""
    silent = REFUSED.replace(outcome="silent", errno=None)

    assert list(judge(Evidence(silent, AGAIN, target=CACHE))) == []


def test_azures_own_port_refuses_only_in_passing() -> None:
    """Another port may refuse for ever."""
    other = CACHE.replace(port=6390)

    assert kinds(judge(Evidence(REFUSED, target=CACHE))) == ["Clue"]
    assert list(judge(Evidence(REFUSED, target=other))) == []
    assert list(judge(Evidence(REFUSED.replace(port=6379), target=OWN))) == []


def test_this_host_itself_has_no_failover() -> None:
    """Nothing of Azure's answers on loopback."""
    here = REFUSED.replace(address="127.0.0.1")

    assert [type(each) for each in judge(Evidence(here, target=CACHE))] == [RuledOut]


def test_a_replica_without_its_primary_says_so() -> None:
    """It may also be misconfigured, so that this is no proof."""
    (said,) = judge(Evidence(FRONT, MASTERDOWN, target=OWN))

    assert isinstance(said, Clue)
    assert said.because == "the server says: MASTERDOWN Link with MASTER is down"


def test_a_primary_that_refuses_writes_has_just_changed_its_part() -> None:
    """INFO and the write are a moment apart."""
    (said,) = judge(Evidence(ACCEPTED, SHAKE, PONG, READONLY, INFO, target=CACHE))

    assert isinstance(said, Clue)
    assert "calls itself the primary" in said.because


def test_a_replica_that_follows_its_primary_is_a_secondary() -> None:
    """READONLY is there to stay."""
    replica = INFO.replace(role="replica", primary_link="up", primary_host="10.0.0.9")

    assert list(judge(Evidence(ACCEPTED, SHAKE, PONG, READONLY, replica, target=CACHE))) == []
    lost = replica.replace(primary_link="down", uptime_s=3)
    assert kinds(judge(Evidence(ACCEPTED, SHAKE, PONG, READONLY, lost, target=CACHE))) == [
        "Clue",
        "Clue",
    ]


def test_a_connection_cut_in_use_speaks_for_it() -> None:
    """TLS was up, and the next answer was a reset."""
    cut = PONG.replace(outcome="reset", reply="")

    assert kinds(judge(Evidence(ACCEPTED, SHAKE, cut, target=CACHE))) == ["Clue"]
    assert list(judge(Evidence(ACCEPTED, SHAKE, PONG, target=CACHE))) == []


CUT = PONG.replace(outcome="reset", reply="", command="GET")
FAILOVER = ("errortype", "Failover")


def test_a_failover_that_azure_counted_and_a_cut_connection_are_proof() -> None:
    """In the minute of the failure, not in another hour."""
    now = metric("errors", 0, 0, 1, dimension=FAILOVER)
    then = metric("errors", 1, *[0] * 30, dimension=FAILOVER)
    other = metric("errors", 0, 0, 1, dimension=("ErrorType", "AOF"))

    assert proofs(judge(Evidence(ACCEPTED, PONG, CUT, ACR, now, target=CACHE))) == [
        "Azure counted a failover 60 s before, and the connection was reset"
    ]
    assert proofs(judge(Evidence(ACCEPTED, PONG, CUT, ACR, then, target=CACHE))) == []
    assert proofs(judge(Evidence(ACCEPTED, PONG, CUT, ACR, other, target=CACHE))) == []


def test_a_reboot_in_the_log_and_a_cut_connection_are_proof() -> None:
    """Who, when, and which cache."""
    reboot = change("Microsoft.Cache/redis/forceReboot/action", "", ago_s=90)
    (said,) = proofs(judge(Evidence(ACCEPTED, PONG, CUT, ACR, reboot, target=CACHE)))

    assert said.startswith(
        "the cache contoso was rebooted at 14:11 UTC by anna@contoso.example, 90 s before"
    )


def test_a_dial_that_meets_silence_is_no_proof_of_a_reboot() -> None:
    """A firewall is silent as well."""
    reboot = change("Microsoft.Cache/redis/forceReboot/action", "", ago_s=90)

    assert proofs(judge(Evidence(UNANSWERED, ACR, reboot, target=CACHE))) == []


def test_what_is_being_done_to_the_cache_is_a_clue() -> None:
    """A state, a write of the last hour, a plan, a window."""
    bare = weight(judge(Evidence(ACCEPTED, PONG, CUT, ACR, target=CACHE)))
    for fact in (
        ACR.replace(provisioning_state="Scaling"),
        change("Microsoft.Cache/redis/write", ""),
        ResourceHealth(**CONTROL, resource_id="x", state="Degraded", cause="Planned"),
        ScheduledMaintenance(**CONTROL, resource_id="x", name="server update", when=NOW + 600),
        PatchWindows(**CONTROL, resource_id="x", windows=(("Monday", 12, 5.0),)),
    ):
        said = list(judge(Evidence(ACCEPTED, PONG, CUT, fact, target=CACHE)))
        assert proofs(said) == excuses(said) == []
        assert weight(said) > bare, words(said)


@pytest.mark.parametrize(
    ("window", "lies_in"),
    [
        (("Monday", 12, 5.0), True),
        (("Monday", 15, 5.0), False),
        (("Sunday", 23, 20.0), True),
        (("Everyday", 10, 5.0), True),
        (("Weekend", 10, 5.0), False),
    ],
)
def test_a_patch_window_is_read_in_utc_and_past_midnight(
    window: tuple[str, int, float], *, lies_in: bool
) -> None:
    """The look was taken on a Monday, at a quarter past two in the afternoon."""
    windows = PatchWindows(**CONTROL, resource_id="x", windows=(window,))
    said = words(judge(Evidence(ACCEPTED, PONG, CUT, windows, target=CACHE)))

    assert ("the moment lies in the cache's patch window" in said) is lies_in


EVENT = MaintenanceEvent(**STAMP, channel="AzureRedisEvents", event="NodeMaintenanceStarting")


def watch(marks: str, outcome: str = "refused") -> OverTime:
    """Return a watch from NOW on, with an attempt a second, that failed where an x stands."""
    attempts = tuple(
        Attempt(
            at=NOW + at,
            took_ms=5.0,
            kind="dial",
            stage="tcp" if mark == "x" else "done",
            outcome=outcome if mark == "x" else "ok",
        )
        for at, mark in enumerate(marks)
    )
    return OverTime(
        **STAMP, host=CACHE.host, port=6380, planned_s=60.0, every_s=1.0, attempts=attempts
    )


BLIP = watch("...xx....")


def test_an_announcement_beside_a_stretch_of_failures_is_proof() -> None:
    """The service said so, seconds before."""
    (said,) = proofs(judge(Evidence(ACCEPTED, EVENT, BLIP, target=CACHE)))

    assert said == "the service announced NodeMaintenanceStarting 3 s before it failed"


def test_an_announcement_proves_nothing_of_what_is_not_its_doing() -> None:
    """Of a replica, of an hour ago, of a node that is back; or where nothing failed, or the key is wrong."""
    for other in (
        EVENT.replace(is_replica=True),
        EVENT.replace(at=NOW - 3600),
        EVENT.replace(event="NodeMaintenanceEnded"),
    ):
        assert proofs(judge(Evidence(ACCEPTED, other, BLIP, target=CACHE))) == []
    assert list(judge(Evidence(ACCEPTED, SHAKE, PONG, EVENT, target=CACHE))) == []
    wrong = refused("AUTH", "WRONGPASS invalid username-password pair")
    assert proofs(judge(Evidence(ACCEPTED, SHAKE, wrong, EVENT, target=CACHE))) == []


def test_one_stretch_of_refusals_speaks_for_it_and_scattered_ones_against() -> None:
    """A failover happens once, and takes seconds."""
    assert weight(judge(Evidence(ACCEPTED, BLIP, target=CACHE))) > 0
    scattered = weight(judge(Evidence(ACCEPTED, watch(".x.x.x.x.", "silent"), target=CACHE)))
    assert scattered < 0
    assert weight(judge(Evidence(ACCEPTED, watch("..xxx...", "silent"), target=CACHE))) == 0
