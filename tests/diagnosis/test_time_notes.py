"""What a watch adds to the notes, and what it keeps to itself."""

from __future__ import annotations

from refused.diagnosis.notes import notes
from refused.diagnosis.time_notes import time_notes
from refused.evidence.bundle import Evidence
from refused.evidence.observations import (
    Certificate,
    ClientFleet,
    DescriptorUse,
    IdleHold,
    KernelSettings,
    MaintenanceEvent,
    NameMoment,
    NamesOverTime,
    Observation,
    PeerCertificates,
    Platform,
    ServerInfo,
)
from tests.evidence.test_over_time import DIAL, LOOKUP, PONG, STAMP, TARGET, dial, series

WELL = series(*(dial(at) for at in range(101, 131)), pings=60, ping_ms=(0.4, 0.5, 0.9, 1.2))


def told(*facts: Observation) -> list[str]:
    """Return the notes on these facts beside a path that is well."""
    return list(time_notes(Evidence(LOOKUP, DIAL, PONG, *facts, target=TARGET)))


def moment(at: float, *addresses: str, outcome: str = "answered", count: int = 1) -> NameMoment:
    """Return what a name led to from then on."""
    return NameMoment(
        at=at, asked="system", outcome=outcome, addresses=addresses, ttl_s=10, count=count
    )


def names(*moments: NameMoment) -> NamesOverTime:
    """Return what lookups during a watch saw."""
    return NamesOverTime(
        **STAMP,
        host="redis.example.net",
        asked=sum(each.count for each in moments),
        moments=moments,
    )


def test_a_watch_without_a_failure_says_how_much_that_means() -> None:
    """Ninety good attempts leave three in a hundred open."""
    (said,) = told(WELL)

    assert "30 new connections and 60 PINGs were all answered" in said
    assert "fewer than 3 % of them fail" in said


def test_failures_in_a_row_are_told_with_their_length() -> None:
    """A single one is in the path already."""
    row = series(dial(101), dial(102, "tcp", "refused"), dial(103, "tcp", "refused"), dial(104))
    single = series(dial(101), dial(102, "tcp", "refused"), dial(104))

    assert any(
        "2 attempts in a row failed, over 1.0 to 3.0 s (refused)" in each for each in told(row)
    )
    assert not any("in a row" in each for each in told(single))


def test_lost_segments_are_told_when_they_are_more_than_chance() -> None:
    """One in a thousand is any path's."""
    lossy = WELL.replace(segments_sent=100, segments_resent=5)

    assert any("5 segments again" in each for each in told(lossy))
    assert len(told(lossy.replace(segments_sent=5000))) == 1
    assert len(told(lossy.replace(segments_resent=1))) == 1
    assert len(told(lossy.replace(segments_resent=None))) == 1


def test_a_pause_among_quick_answers_is_told() -> None:
    """A fork, a garbage collection, a throttled core."""
    assert any("1500 ms once" in each for each in told(WELL.replace(ping_ms=(0.4, 0.5, 0.9, 1500))))


def test_an_interrupted_watch_says_so() -> None:
    """Its figures are of what was seen."""
    assert any("of 60 s: interrupted" in each for each in told(WELL.replace(ended="interrupted")))


def test_a_name_that_moves_is_told_from_one_that_goes_back_and_forth() -> None:
    """The first is a failover or a change; the second two resolvers that disagree."""
    moved = told(names(moment(101, "20.0.0.1", count=6), moment(131, "20.0.0.2", count=6)))
    flaps = told(names(*(moment(101 + at, f"20.0.0.{1 + at % 2}") for at in range(6))))
    same = told(names(moment(101, "20.0.0.1", count=12)))

    assert "led elsewhere from one moment to the next: 20.0.0.1 -> 20.0.0.2, TTL 10 s" in moved[0]
    assert "back and forth between 2 sets" in flaps[0]
    assert same == []


def test_lookups_that_failed_now_and_then_are_counted() -> None:
    """Beside those that worked."""
    said = told(names(moment(101, "20.0.0.1", count=10), moment(131, outcome="silent", count=2)))

    assert "2 of 12 lookups" in said[0]


def test_several_certificates_behind_one_name_are_told_with_the_first_to_expire() -> None:
    """One front end was forgotten at the renewal."""
    leaf = Certificate(
        subject="CN=a",
        issuer="CN=b",
        names=("a",),
        not_before=0,
        not_after=86400.0 * 10 + 160,
        serial="1",
        sha256="aa",
    )
    shown = PeerCertificates(**STAMP, address="20.0.0.1", port=6380, sni="a", chain=(leaf,))
    other = shown.replace(chain=(leaf.replace(sha256="bb", not_after=86400.0 * 100),))

    assert any(
        "2 different certificates" in each and "10 days" in each
        for each in told(WELL, shown, other)
    )
    assert len(told(WELL, shown, shown)) == 1


def test_announcements_are_told_and_bounded() -> None:
    """A node that no client has to do with is named as such."""
    event = MaintenanceEvent(
        **STAMP, channel="AzureRedisEvents", event="NodeMaintenanceEnded", is_replica=True
    )

    assert told(event) == ["the service announced NodeMaintenanceEnded of a replica"]
    assert len(told(*[event] * 20)) == 6


def test_how_long_a_dead_peer_goes_unnoticed_is_said_where_there_was_a_watch() -> None:
    """And the kernel tells what it is set to."""
    kernel = KernelSettings(**STAMP, tcp_retries2=15)

    assert any("16 min while a command waits" in each for each in told(WELL, kernel))
    assert told(kernel) == []


def test_the_clients_are_held_against_server_way_out_and_process() -> None:
    """Whatever is too small for them is named."""
    fleet = ClientFleet(
        **{**STAMP, "vantage": "user"},
        pods=40,
        processes=2,
        pool_size=50,
        nodes=3,
        outbound="load-balancer",
    )
    info = ServerInfo(**STAMP, address="20.0.0.1", port=6379, max_clients=1000)
    files = DescriptorUse(**STAMP, pid=4711, open=1000, soft_limit=1024)
    said = told(fleet, info, files)

    assert any("bears 3,072 connections" in each and "too few" in each for each in said)
    assert any("takes 1,000 clients" in each for each in said)
    assert any("1000 of 1024 descriptors" in each for each in said)
    assert any("which is enough" in each for each in told(fleet.replace(pods=4)))
    functions = Platform(**STAMP, system="Linux", kind="functions")
    assert any("Consumption plan" in each for each in told(fleet.replace(pool_size=400), functions))
    assert not any("Consumption plan" in each for each in told(fleet, functions))
    (gap,) = told(fleet.replace(pool_size=None))
    assert "--pool" in gap


def test_a_process_that_is_counted_twice_is_told_of_once() -> None:
    """A deep look counts again at its end: what it found then is what holds."""
    files = DescriptorUse(**STAMP, pid=4711, open=11, soft_limit=1024)
    ours = files.replace(pid=1, source="/proc/self/fd")
    view = Evidence(LOOKUP, DIAL, PONG, files, ours, files.replace(open=12), target=TARGET)

    assert [each for each in notes(view, ()) if "descriptors" in each] == [
        "process 4711 has 12 of 1024 descriptors open"
    ]


def test_a_hold_that_was_too_short_says_what_it_leaves_open() -> None:
    """On Azure, whose limits are known; elsewhere nobody knows them."""
    hold = IdleHold(**STAMP, address="20.0.0.1", port=6380, idle_s=60.2, outcome="ok")
    azure = TARGET.replace(service="acr")

    (said,) = time_notes(Evidence(LOOKUP, DIAL, PONG, hold, target=azure))
    assert "outlived 60 s" in said
    assert "600 s" in said
    assert told(hold) == []
    assert (
        list(time_notes(Evidence(LOOKUP, DIAL, PONG, hold.replace(idle_s=661.0), target=azure)))
        == []
    )
