"""Which hop is seen to fail, where the replies of one connection tell of several."""

from __future__ import annotations

import pytest

from refused.evidence.bundle import Evidence
from refused.evidence.observations import ClusterTopology
from refused.evidence.path import HopSeen, walk
from tests.causes.login_scenery import CACHE, KEY, LOGGED_IN, PONG, STAMP, refused

INFO = PONG.replace(command="INFO", reply="")
NO_HELLO = "ERR unknown command 'HELLO'"


def hop(name: str, *facts: object) -> HopSeen:
    """Return what is said of one hop of a path that is well up to the login."""
    return next(each for each in walk(Evidence(KEY, *facts, target=CACHE)) if each.hop == name)  # type: ignore[arg-type]


def test_a_server_that_goes_silent_after_its_pong_fails() -> None:
    """As a path does that carries small answers and loses large ones."""
    silent = INFO.replace(outcome="silent", took_ms=3000.0)
    seen = hop("command", LOGGED_IN, PONG, silent)

    assert (seen.status, seen.how) == ("failed", "silent")
    assert seen.said == "PING is answered, and then INFO was not answered within 3.0 s"


@pytest.mark.parametrize(
    ("outcome", "took_ms"), [("closed", 3.0), ("reset", 3.0), ("silent", 40.0), ("not-resp", 1.0)]
)
def test_a_connection_that_ends_at_our_own_question_leaves_the_command_unknown(
    outcome: str, took_ms: float
) -> None:
    """A proxy may carry no INFO, and our own time may have been up."""
    cut = INFO.replace(outcome=outcome, took_ms=took_ms)

    assert hop("command", LOGGED_IN, PONG, cut).status == "unknown"
    assert hop("command", LOGGED_IN, PONG, INFO).status == "ok"


@pytest.mark.parametrize("text", [NO_HELLO, "NOPROTO unsupported protocol version"])
def test_a_server_without_resp3_lets_the_client_in_by_auth(text: str) -> None:
    """What it said to HELLO is no refused login; what it says to AUTH may be one."""
    hello = refused("HELLO", text)

    assert hop("auth", hello, LOGGED_IN, PONG).status == "ok"
    assert hop("auth", hello, PONG).status == "skipped"
    assert hop("auth", hello, refused("AUTH", "WRONGPASS invalid")).how == "WRONGPASS"
    assert hop("auth", refused("AUTH", "ERR unknown command 'AUTH'")).how == "ERR"


def test_a_server_that_does_not_say_whether_it_is_a_cluster_is_not_called_none() -> None:
    """Unknown is not no."""
    unknown = ClusterTopology(**STAMP, enabled=None)

    assert hop("topology", LOGGED_IN, PONG, unknown).status == "unknown"
    assert hop("topology", LOGGED_IN, PONG, unknown.replace(enabled=False)).status == "skipped"
