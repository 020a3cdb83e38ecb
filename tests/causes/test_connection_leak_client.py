"""Tests of the judge of connection-leak-client."""

from __future__ import annotations

from refused.causes.connection_leak_client import judge
from refused.causes.readings import MANY_HERE
from refused.causes.statements import Clue, Proof
from refused.evidence.bundle import Evidence
from refused.evidence.observations import PortUse, SocketsToTarget
from tests.causes.azure_scenery import (
    ACR,
    metric,
    proofs,
    weight,
    words,
)
from tests.causes.server_scenery import (
    ACCEPTED,
    CACHE,
    CLOSED,
    CROWD,
    INFO,
    PONG,
    SHAKE,
    STAMP,
    kinds,
    refused,
)

PORTS = PortUse(**STAMP, available=28_232, used=400, time_wait=2, to_target=MANY_HERE)
SHUT = (ACCEPTED, CLOSED)


def test_one_client_that_holds_the_whole_limit_is_proved() -> None:
    """The server is full, somebody was turned away, and most of it is one address."""
    full = INFO.replace(connected_clients=40, max_clients=40)
    (said,) = judge(Evidence(*SHUT, full, CROWD, target=CACHE))

    assert isinstance(said, Proof)
    assert said.because == "10.0.0.4 holds 36 of 40 connections, and the limit is 40"


def test_near_the_limit_it_is_only_likely() -> None:
    """There was room for one more, so that another thing shut the door."""
    near = INFO.replace(max_clients=45)
    (close_by,) = judge(Evidence(*SHUT, near, CROWD, target=CACHE))
    (far_off,) = judge(Evidence(*SHUT, INFO, CROWD, target=CACHE))

    assert isinstance(close_by, Clue)
    assert close_by.because.endswith("which is near the limit of 45")
    assert isinstance(far_off, Clue)
    assert far_off.weight < close_by.weight


def test_an_application_is_known_by_its_name() -> None:
    """Behind one address many applications may hide."""
    named = CROWD.replace(by_address=(("10.0.0.4", 20),), by_name=(("", 2), ("cart", 38)))
    (said,) = judge(Evidence(*SHUT, named, target=CACHE))

    assert isinstance(said, Clue)
    assert said.because.startswith("cart holds 38 of 40")


def test_connections_that_everybody_forgot_add_to_it() -> None:
    """A pool in use is not idle for minutes."""
    idle = CROWD.replace(idle_over_300_s=30)

    assert kinds(judge(Evidence(*SHUT, idle, target=CACHE))) == ["Clue", "Clue"]


def test_a_crowd_of_many_clients_is_nobodys_leak() -> None:
    """Ten pods with four connections each are what was ordered."""
    even = CROWD.replace(by_address=tuple((f"10.0.0.{at}", 4) for at in range(10)))

    assert list(judge(Evidence(*SHUT, even, target=CACHE))) == []


def test_hundreds_of_sockets_on_this_host_are_counted_by_either_table() -> None:
    """The ports in use and the socket table are one fact."""
    table = SocketsToTarget(**STAMP, by_state=(("ESTABLISHED", MANY_HERE - 1), ("CLOSE_WAIT", 1)))
    by_ports = list(judge(Evidence(*SHUT, PORTS, target=CACHE)))
    by_table = list(judge(Evidence(*SHUT, table, target=CACHE)))

    assert kinds(by_ports) == kinds(by_table) == ["Clue"]
    assert kinds(judge(Evidence(*SHUT, PORTS, table, target=CACHE))) == ["Clue"]


def test_few_sockets_say_nothing() -> None:
    """That is a pool."""
    assert list(judge(Evidence(*SHUT, PORTS.replace(to_target=MANY_HERE - 1), target=CACHE))) == []


def test_a_failure_that_is_no_shortage_accuses_nobody() -> None:
    """A full memory does not come from connections."""
    oom = refused("SETRANGE", "OOM command not allowed when used memory > 'maxmemory'.")

    assert list(judge(Evidence(ACCEPTED, SHAKE, PONG, oom, CROWD, PORTS, target=CACHE))) == []
    assert list(judge(Evidence(ACCEPTED, SHAKE, PONG, CROWD, PORTS, target=CACHE))) == []


def test_connections_that_only_grow_towards_the_limit_are_a_clue() -> None:
    """A busy hour goes down again."""
    leak = metric("connectedclients", 100, 200, 300, 400, 500, 600, 700, 800, 900)
    busy = metric("connectedclients", 100, 900, 200, 800, 300, 900, 100, 500, 900)

    assert words(judge(Evidence(CLOSED, ACR, leak, target=CACHE))) == [
        "connections only grew, from 100 to 900 of 1000"
    ]
    assert words(judge(Evidence(CLOSED, ACR, busy, target=CACHE))) == []


def test_connections_that_are_opened_and_closed_all_the_time_are_a_clue() -> None:
    """One for each request."""
    opened = metric("allConnectionsCreatedPerSecond", 90, 95)
    closed = metric("allConnectionsClosedPerSecond", 90, 94)

    assert weight(judge(Evidence(CLOSED, ACR, opened, closed, target=CACHE))) > 1
    assert weight(judge(Evidence(CLOSED, ACR, opened, target=CACHE))) == 0


def test_a_host_that_holds_hundreds_of_a_full_servers_seats_is_proof() -> None:
    """Azure counts no room, this host counts its own; max-clients-reached steps back for it."""
    mine = PortUse(**STAMP, available=28_000, used=300, time_wait=0, to_target=240)
    full = metric("connectedclients", 1000, 1000)
    seen = Evidence(CLOSED, ACR, full, mine, target=CACHE)

    assert len(proofs(judge(seen))) == 1
    assert proofs(judge(Evidence(CLOSED, ACR, mine, target=CACHE))) == []
