"""A log beside the probes: it adds to what is seen, and never overrules it."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from refused.api import judge, probe_scenario, with_logs
from refused.lab.scenario import by_id

if TYPE_CHECKING:
    from pathlib import Path

    from refused.report import Report

POOL = "2024-05-01 10:00:00 ERROR redis: connection pool timeout\n"
LOGIN = "2024-05-01 10:00:00 ERROR WRONGPASS invalid username-password pair or user is disabled.\n"


def diagnosed(scenario: str, *logs: Path) -> Report:
    """Look at a scenario, with logs beside."""
    return judge(with_logs(probe_scenario(by_id(scenario)), [str(each) for each in logs]))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return the place of a log."""
    return tmp_path / "app.log"


def test_a_log_names_what_cannot_be_seen_now(log: Path) -> None:
    """The path is well at this moment, and the pool ran empty at another."""
    log.write_text(POOL * 3)

    report = diagnosed("healthy", log)

    assert report.verdict == "fault"
    assert report.causes[0].id == "client-pool-exhausted"
    assert report.causes[0].certainty == "likely"
    assert report.severity == 3
    assert "the path is well now" in report.to_text()


@pytest.mark.parametrize(
    "text", ["", "all is well\n", "dial tcp 10.0.0.1:5432: connection refused\n"]
)
def test_a_log_that_tells_nothing_changes_nothing(log: Path, text: str) -> None:
    """Silence in a log is no evidence."""
    log.write_text(text)

    report = diagnosed("healthy", log)

    assert (report.verdict, report.causes) == ("healthy", ())


def test_a_log_adds_to_what_is_seen(log: Path) -> None:
    """In words that say where they come from."""
    log.write_text(LOGIN)

    alone, beside = diagnosed("auth-wrong-key"), diagnosed("auth-wrong-key", log)

    assert beside.causes[0].id == alone.causes[0].id == "auth-wrong-key"
    assert beside.causes[0].probability >= alone.causes[0].probability
    assert any(said.startswith("in the log: ") for said in beside.causes[0].because)


def test_a_log_of_something_else_does_not_move_a_broken_hop(log: Path) -> None:
    """What was written at some time does not explain what is seen to fail now."""
    log.write_text(POOL * 3)

    alone, beside = diagnosed("auth-wrong-key"), diagnosed("auth-wrong-key", log)

    assert beside.causes[0].id == alone.causes[0].id
    assert beside.causes[0].probability > alone.causes[0].probability - 0.1
    assert "client-pool-exhausted" not in [each.id for each in beside.causes]


def test_a_packed_log_is_read(tmp_path: Path) -> None:
    """As the rotation left it."""
    packed = tmp_path / "app.log.gz"
    packed.write_bytes(gzip.compress(POOL.encode()))

    assert diagnosed("healthy", packed).causes[0].id == "client-pool-exhausted"


def test_a_log_that_is_not_there_is_said(tmp_path: Path) -> None:
    """In one line."""
    with pytest.raises(ValueError, match=r"missing\.log"):
        diagnosed("healthy", tmp_path / "missing.log")
