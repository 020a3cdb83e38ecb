"""Tests of the judge of linux-tcp-stall."""

from __future__ import annotations

from refused.causes.linux_tcp_stall import judge
from refused.causes.readings import STALLED_RETRANSMITS
from refused.causes.statements import Proof
from refused.evidence.bundle import Evidence
from refused.evidence.observations import (
    Attempt,
    KernelSettings,
    OpenSocket,
    OverTime,
    SocketsToTarget,
)
from tests.causes.server_scenery import FRONT, OWN, PONG, STAMP, kinds

KERNEL = KernelSettings(**STAMP, tcp_retries2=15)
HUNG = OpenSocket(
    local="10.1.1.20:40112",
    remote="20.42.65.90:6379",
    state="ESTABLISHED",
    retransmits=9,
    unacked_bytes=310,
    pid=4711,
)
TABLE = SocketsToTarget(**STAMP, by_state=(("ESTABLISHED", 3),), stuck=(HUNG,))


def test_a_stalled_connection_beside_a_new_one_that_works_is_proof() -> None:
    """Which one, whose, and when the kernel will give up."""
    (said,) = judge(Evidence(FRONT, PONG, KERNEL, TABLE, target=OWN))

    assert isinstance(said, Proof)
    assert said.because == (
        "the connection 10.1.1.20:40112 of process 4711 was sent to 9 times without an answer; "
        "it gives up after about 925 s, while a new connection is accepted"
    )


def test_without_the_kernels_setting_no_time_is_made_up() -> None:
    """What is not known is not said."""
    (said,) = judge(Evidence(FRONT, PONG, TABLE, target=OWN))

    assert isinstance(said, Proof)
    assert "gives up" not in said.because


def test_where_nobody_can_connect_either_it_is_a_clue() -> None:
    """The server may be gone altogether."""
    silent = FRONT.replace(outcome="silent")

    assert kinds(judge(Evidence(silent, KERNEL, TABLE, target=OWN))) == ["Clue"]


def test_a_lost_segment_is_no_stall() -> None:
    """A path that recovers sends again once or twice."""
    lost = TABLE.replace(stuck=(HUNG.replace(retransmits=STALLED_RETRANSMITS - 1),))

    assert list(judge(Evidence(FRONT, PONG, KERNEL, lost, target=OWN))) == []


def test_a_dial_that_waits_is_no_stall() -> None:
    """Another program tries to connect; nothing was established."""
    dialling = TABLE.replace(stuck=(HUNG.replace(state="SYN_SENT"),))

    assert list(judge(Evidence(FRONT, PONG, KERNEL, dialling, target=OWN))) == []


CUT = Attempt(
    at=100.0, took_ms=2250.0, kind="ping", stage="command", outcome="silent", retransmits=4
)
ANEW = Attempt(at=103.0, took_ms=5.0, kind="dial", stage="done", outcome="ok")
WATCH = OverTime(
    **STAMP, host="redis.example.net", port=6379, planned_s=60.0, every_s=2.0, attempts=(CUT, ANEW)
)


def test_a_connection_in_use_that_falls_silent_beside_new_ones_is_proof() -> None:
    """The watch saw it begin."""
    (said,) = judge(Evidence(FRONT, PONG, KERNEL, WATCH, target=OWN))

    assert isinstance(said, Proof)
    assert "sent again 4 times in vain" in said.because


def test_a_server_that_paused_or_a_path_that_is_down_for_all_is_no_stall() -> None:
    """What arrived is not sent again; and where nobody gets through, nothing is stuck."""
    paused = WATCH.replace(attempts=(CUT.replace(retransmits=0), ANEW))
    down = WATCH.replace(attempts=(CUT, ANEW.replace(stage="tcp", outcome="silent")))

    assert list(judge(Evidence(FRONT, PONG, KERNEL, paused, target=OWN))) == []
    assert list(judge(Evidence(FRONT, PONG, KERNEL, down, target=OWN))) == []
