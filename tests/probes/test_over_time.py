"""The watch itself: polite, bounded, and never at a loss for what it saw so far."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from json import loads
from typing import TYPE_CHECKING, Any

import pytest
import redis as redis_py

from refused.api import probe
from refused.evidence.observations import NamesOverTime, OverTime, TcpDial
from refused.evidence.over_time import dials
from refused.probes import over_time, tcp
from refused.probes.over_time import Watch, Ways
from refused.probes.plain import PlainChannel
from tests.probes.peers import HERE, Peer, free_port, redis

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from refused.evidence.observations import Observation, Unseen

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Give the port of a real server."""
    at = free_port()
    folder: Path = tmp_path_factory.mktemp("redis")
    with redis(folder, at, "--port", str(at)):
        yield at


def ways(
    port: int, look_up: Callable[[], tuple[str, str, tuple[str, ...], int | None]] | None = None
) -> Ways:
    """Return how to reach a server of loopback in plain text, without a login."""
    return Ways(
        dial=lambda address: tcp.dial(address, port, vantage="here", wait_s=0.5, purpose="repeat"),
        open=lambda sock, _: (PlainChannel(sock), None, None),
        log_in=lambda *_: (),
        look_up=look_up,
    )


def a_watch(port: int, for_s: float, given: Ways | None = None, *addresses: str) -> Watch:
    """Return a watch that has not begun."""
    return Watch(
        given or ways(port),
        host="cache.example",
        port=port,
        addresses=addresses or (HERE,),
        vantage="here",
        for_s=for_s,
        ping_wait_s=0.5,
    )


def run(
    watch: Watch, lasts_s: float, deed: Callable[[], None] = lambda: None
) -> tuple[Observation | Unseen, ...]:
    """Let a watch run for a while, do something in the middle, and return what it saw."""
    threads = [threading.Thread(target=work, daemon=True) for work in watch.works()]
    for thread in threads:
        thread.start()
    time.sleep(lasts_s / 2)
    deed()
    time.sleep(lasts_s / 2)
    watch.over.set()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
    return watch.facts()


def series(facts: tuple[Observation | Unseen, ...]) -> OverTime:
    """Return the one series there is."""
    (found,) = (fact for fact in facts if isinstance(fact, OverTime))
    return found


def test_connections_are_begun_one_a_second_at_most(port: int) -> None:
    """However many of its parts want one, and each dial is an observation as well."""
    facts = run(a_watch(port, 4.0), 4.0)

    begun = [each.at for each in dials([series(facts)])]
    # Three parts want one at once, and four seconds have at most five beginnings.
    assert 2 <= len(begun) <= 5
    assert all(fact.purpose == "repeat" for fact in facts if isinstance(fact, TcpDial))
    assert sum(isinstance(fact, TcpDial) for fact in facts) == len(begun)


def test_a_watch_of_an_hour_makes_as_few_connections_as_one_of_a_minute(port: int) -> None:
    """They lie further apart."""
    assert a_watch(port, 3600.0).every_s == pytest.approx(3600 / over_time.USUAL_DIALS)
    assert a_watch(port, 3.0).every_s == over_time.LEAST_APART_S


def test_when_the_budget_is_spent_nobody_dials_any_more(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is away for an hour is not knocked at for an hour."""
    monkeypatch.setattr(over_time, "MOST_DIALS", 2)
    facts = run(a_watch(port, 5.0), 5.0)

    assert len(dials([series(facts)])) <= 2


def test_what_was_seen_can_be_had_before_the_end(port: int) -> None:
    """Ctrl-C does."""
    watch = a_watch(port, 60.0)
    early: list[OverTime] = []
    run(watch, 2.0, lambda: early.append(series(watch.facts("interrupted"))))

    assert early[0].ended == "interrupted"
    assert early[0].planned_s == 60.0
    assert early[0].pings + len(early[0].attempts) >= 1


def test_a_closed_door_is_told_for_each_attempt() -> None:
    """Nothing listens; the attempts are a second apart all the same."""
    watch = a_watch(free_port(), 3.0)
    found = series(run(watch, 3.0))

    assert found.attempts
    assert {(each.stage, each.outcome) for each in found.attempts} == {("tcp", "refused")}
    assert found.pings == 0
    assert found.ping_ms == ()


def test_a_connection_that_is_cut_is_told_with_the_good_ping_before_it() -> None:
    """The server hangs up after a few PINGs, and answers again on a new connection."""
    count = itertools.count()

    def meet(conn: socket.socket) -> None:
        with conn:
            last = 4 if next(count) == 0 else 1000
            for _ in range(last):
                if not conn.recv(4096):
                    return
                conn.sendall(b"+PONG\r\n")

    with Peer(meet) as peer:
        found = series(run(a_watch(peer.port, 4.0), 4.0))

    pings = [each for each in found.attempts if each.kind == "ping"]
    assert [each.outcome for each in pings[:2]] == ["ok", "closed"]
    assert any(each.at > pings[1].at and not each.failed for each in dials([found]))


def test_a_name_that_moves_is_followed_and_every_change_is_told(port: int) -> None:
    """The second address is where the server is; the first one is nobody's."""
    answers = itertools.chain([("127.0.0.9",)], itertools.repeat((HERE,)))
    times = itertools.count(10, -1)

    def look_up() -> tuple[str, str, tuple[str, ...], int | None]:
        return "192.0.2.1:53", "answered", next(answers), next(times)

    facts = run(a_watch(port, 4.0, ways(port, look_up), "127.0.0.9"), 4.0)

    (names,) = (fact for fact in facts if isinstance(fact, NamesOverTime))
    assert [each.addresses for each in names.moments] == [("127.0.0.9",), (HERE,)]
    assert [each.ttl_s for each in names.moments] == [10, 9]
    assert names.asked == sum(each.count for each in names.moments)
    assert dials([series(facts)])[-1].address == HERE


def test_the_next_address_of_a_name_is_tried_as_a_client_would(port: int) -> None:
    """One that is dead beside one that lives is no failure."""
    found = series(run(a_watch(port, 2.5, None, "127.0.0.9", HERE), 2.5))

    assert all(not each.failed for each in found.attempts)


def test_the_address_that_worked_is_preferred(port: int) -> None:
    """As long as the name leads there."""
    watch = Watch(
        ways(port),
        host="cache.example",
        port=port,
        addresses=("127.0.0.9", HERE),
        prefers=HERE,
        vantage="here",
        for_s=2.0,
        ping_wait_s=0.5,
    )
    facts = run(watch, 2.0)

    assert {fact.address for fact in facts if isinstance(fact, TcpDial)} == {HERE}


def test_segments_are_counted_where_the_kernel_tells(port: int) -> None:
    """On Linux; a good path sends none again."""
    found = series(run(a_watch(port, 2.5), 2.5))

    if sys.platform == "linux":
        assert found.segments_sent is not None
        assert found.segments_sent >= found.pings
        assert found.segments_resent == 0


def _pings(port: int) -> int:
    """Count the PINGs that the server has answered."""
    stats: Any = redis_py.Redis(HERE, port).info("commandstats")
    return int(stats.get("cmdstat_ping", {"calls": 0})["calls"])


def test_ctrl_c_ends_a_watch_early_with_what_was_seen(port: int) -> None:
    """The report comes at once, and says that it was interrupted."""
    words = [sys.executable, "-m", "refused.cli.main", "diagnose", f"redis://{HERE}:{port}"]
    before = _pings(port)
    with subprocess.Popen(
        [*words, "--for", "60", "--json", "--no-azure"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    ) as looking:
        while _pings(port) < before + 3:  # the walk's own, and two of the watch
            time.sleep(0.05)
        looking.send_signal(signal.SIGINT)
        out, err = looking.communicate(timeout=60)

    report = loads(out)
    assert report["verdict"] == "healthy", err
    (found,) = [fact for fact in report["evidence"]["facts"] if fact["fact"] == "OverTime"]
    assert found["ended"] == "interrupted"
    assert found["pings"] >= 1
    assert any(gap["what"] == "the rest of the watch" for gap in report["unseen"])


def test_a_server_with_hardly_any_room_is_not_filled_by_the_watch(tmp_path: Path) -> None:
    """No connection is kept for PINGs there; new ones are made one at a time."""
    at = free_port()
    with redis(tmp_path, at, "--port", str(at), "--maxclients", "4"):
        bundle = probe(f"redis://{HERE}:{at}", hold_s=3.0, azure=False)

    found = series(bundle.facts)
    assert found.pings == 0
    assert found.attempts
    assert not any(each.failed for each in found.attempts)
