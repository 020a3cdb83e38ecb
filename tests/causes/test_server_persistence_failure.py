"""Tests of the judge of server-persistence-failure."""

from __future__ import annotations

from refused.causes.server_persistence_failure import judge
from refused.evidence.bundle import Evidence
from tests.causes.server_scenery import FRONT, INFO, OWN, PONG, kinds, refused

MISCONF = refused(
    "SETRANGE", "MISCONF Redis is configured to save RDB snapshots, but it is unable to persist"
)
FAILED = INFO.replace(snapshot_status="err")


def test_a_refused_write_is_proof_and_info_says_why() -> None:
    """Either alone would be less."""
    assert kinds(judge(Evidence(FRONT, PONG, MISCONF, FAILED, target=OWN))) == ["Proof", "Clue"]


def test_a_log_that_cannot_be_written_counts_as_well() -> None:
    """The append-only file is the other way to keep data."""
    log = INFO.replace(aof_write_status="err")

    assert kinds(judge(Evidence(FRONT, PONG, MISCONF, log, target=OWN))) == ["Proof", "Clue"]


def test_a_failed_snapshot_without_a_refused_write_breaks_nothing() -> None:
    """Who switched the stop off goes on writing."""
    assert list(judge(Evidence(FRONT, PONG, FAILED, target=OWN))) == []


def test_another_refusal_is_not_blamed_on_it() -> None:
    """The memory is full, whatever became of the snapshot."""
    oom = refused("SETRANGE", "OOM command not allowed when used memory > 'maxmemory'.")

    assert list(judge(Evidence(FRONT, PONG, oom, FAILED, target=OWN))) == []
