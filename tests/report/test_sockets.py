"""The sockets to the target as a table: bounded, and only where somebody looked."""

from __future__ import annotations

from typing import Any

from refused import api
from refused.evidence.bundle import Bundle
from refused.evidence.observations import OpenSocket, PortUse, SocketsToTarget
from refused.evidence.parse_target import parse_target
from refused.report.sockets import MOST_SHOWN, sockets_block

STAMP: dict[str, Any] = {"vantage": "here", "at": 1.0, "took_ms": 1.0, "source": "/proc/net/tcp"}
HUNG = OpenSocket(
    local="10.1.1.20:40112",
    remote="20.42.65.90:6380",
    state="ESTABLISHED",
    retransmits=9,
    unacked_bytes=310,
    pid=4711,
)
TABLE = SocketsToTarget(**STAMP, by_state=(("ESTABLISHED", 3), ("TIME_WAIT", 2)), stuck=(HUNG,))
PORTS = PortUse(**STAMP, available=28232, used=170, time_wait=2, to_target=5)


def a_bundle(*facts: Any) -> Bundle:
    """Return evidence that holds *facts*."""
    target = parse_target("redis://redis.corp.example:6379").target
    return Bundle(target=target, taken_at=1.0, tool="test", facts=facts)


def test_states_ports_and_what_is_stuck_are_shown() -> None:
    """One line for each stuck socket, its process behind it."""
    lines = sockets_block(a_bundle(TABLE, PORTS))

    assert lines[0] == "Sockets to the target: 3 ESTABLISHED, 2 TIME_WAIT"
    assert lines[1] == "  local ports: 170 of 28232 in use; 2 connections in TIME_WAIT"
    assert lines[3].split() == [
        "ESTABLISHED",
        "10.1.1.20:40112",
        "20.42.65.90:6380",
        "310",
        "9",
        "4711",
    ]


def test_the_list_is_bounded_and_says_what_it_leaves_out() -> None:
    """A host may have thousands of them."""
    lines = sockets_block(a_bundle(TABLE.replace(stuck=(HUNG,) * (MOST_SHOWN + 5))))

    assert len(lines) == 1 + 1 + MOST_SHOWN + 1
    assert lines[-1] == "  and 5 more that are stuck"


def test_the_last_look_counts_and_nothing_is_shown_where_nobody_looked() -> None:
    """A watch looks twice."""
    later = TABLE.replace(by_state=(("ESTABLISHED", 1),), stuck=())

    assert sockets_block(a_bundle(TABLE, later)) == ["Sockets to the target: 1 ESTABLISHED"]
    assert sockets_block(a_bundle()) == []


def test_the_report_shows_it_only_in_full() -> None:
    """With --verbose."""
    report = api.judge(a_bundle(TABLE))

    assert "Sockets to the target" in report.to_text(verbose=True)
    assert "Sockets to the target" not in report.to_text()
