"""A log beside the probes: it adds to what is seen, and never overrules it."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from refused.api import explain, judge, probe_scenario, with_logs
from refused.causes.ip_address_changed import ANEW
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


def test_an_address_that_the_name_has_left_is_named(log: Path) -> None:
    """The path is well at the new one; what ends it stands first."""
    log.write_text(
        "Cannot reconnect to [contoso.redis.cache.windows.net/20.42.65.12:6380]: timed out\n"
    )

    report = diagnosed("healthy", log)

    assert report.causes[0].id == "ip-address-changed"
    assert report.causes[0].certainty == "likely"
    assert report.causes[0].remedies[0] == ANEW


@pytest.mark.parametrize("address", ["20.42.65.90", "10.1.0.4"])
def test_an_address_that_may_be_right_is_not_held_against_the_client(
    log: Path, address: str
) -> None:
    """The same as ours; and a private one, which a client in another network is given."""
    log.write_text(
        f"redis: connection to contoso.redis.cache.windows.net/{address}:6380 timed out\n"
    )

    said = [words for each in diagnosed("healthy", log).causes for words in each.because]

    assert not [words for words in said if "goes on to" in words]


def test_a_node_that_is_announced_no_more_is_told_from_one_that_is(log: Path) -> None:
    """The client's table is old; where the node is a member, nothing is said of that."""
    line = "UnableToConnect on 20.105.11.14:{}/Interactive, origin: BeginConnectAsync\n"

    log.write_text(line.format(8507))
    assert diagnosed("healthy.amr-cluster", log).causes[0].id == "ip-address-changed"
    log.write_text(line.format(8501))
    told = diagnosed("healthy.amr-cluster", log)
    assert not [each for each in told.causes if each.id == "ip-address-changed"]


def test_a_redirection_is_a_plain_clients_unless_it_is_known_better(log: Path) -> None:
    """Who is said to know clusters, and finds every node well, should have followed it."""
    log.write_text("redis: Error: MOVED 5798 20.105.11.14:8501\n")

    assert diagnosed("healthy.amr-cluster", log).causes[0].id == "client-library-bug"
    assert explain(log.read_text()).causes[0].id == "cluster-mode-mismatch"
