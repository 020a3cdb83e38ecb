"""How long a dead peer goes unnoticed: reckoned from the settings, and measured in a real kernel."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import redis as client
from redis.backoff import NoBackoff
from redis.retry import Retry

from refused.diagnosis.noticed import until_noticed
from refused.evidence.observations import ClientSettings, KernelSettings
from refused.probes import host_linux
from tests.kernel.worlds import KEY, World, world

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(120)]

# Low, so that a test can wait for them; the kernel reckons with the usual ones in the same way.
SETTINGS = (
    "net.ipv4.tcp_retries2=5",
    "net.ipv4.tcp_keepalive_intvl=1",
    "net.ipv4.tcp_keepalive_probes=3",
)
USER_TIMEOUT_S = 6.0
KEEPALIVE_S = 2
COMMAND_S = 3.0
STAMP: dict[str, Any] = {"vantage": "here", "at": 0.0, "took_ms": 0.0, "source": "the test"}


def a_connection(here: World, *options: tuple[int, int, int]) -> socket.socket:
    """Return an open connection of the client's, with *options* set, on which the server has answered."""

    def dial() -> socket.socket:
        sock = socket.create_connection((here.net.SERVER, 6379), timeout=5)
        sock.settimeout(None)
        for option in options:
            sock.setsockopt(*option)
        sock.sendall(b"PING\r\n")
        assert sock.recv(64)
        return sock

    return here.net.client.inside(dial)


def waited(sock: socket.socket, *, asks: bool) -> Callable[[], None]:
    """Return what waits on a connection until the kernel gives it up."""

    def wait() -> None:
        if asks:
            sock.sendall(b"PING\r\n")
        with pytest.raises(TimeoutError):
            sock.recv(64)
        sock.close()

    return wait


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[float, float]]:
    """Cut the way once, and return reckoned and measured seconds for every setting."""
    folder: Path = tmp_path_factory.mktemp("noticed")
    with world(folder) as here:
        here.redis(tls=False)
        here.net.client.set(*SETTINGS)
        kernel = here.net.client.inside(lambda: host_linux.settings("/", "here"))
        python = here.net.client.inside(
            lambda: client.Redis(
                here.net.SERVER,
                6379,
                password=KEY,
                socket_timeout=COMMAND_S,
                retry=Retry(NoBackoff(), 0),
                single_connection_client=True,
            )
        )
        here.net.client.inside(python.ping)

        def command() -> None:
            with pytest.raises(client.TimeoutError):
                python.get("key")

        keeps = (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_S)
        on = (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        limit = (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * USER_TIMEOUT_S))
        own = ClientSettings(**STAMP, client="redis-py", command_timeout_ms=1000 * COMMAND_S)
        quiet = ClientSettings(**STAMP, client="", keepalive_s=KEEPALIVE_S)
        works = {
            "tcp_retries2": (
                until_noticed(kernel).in_flight_s,
                waited(a_connection(here), asks=True),
            ),
            "keep-alive": (
                until_noticed(kernel, quiet).idle_s,
                waited(a_connection(here, on, keeps), asks=False),
            ),
            "TCP_USER_TIMEOUT": (
                until_noticed(kernel, user_timeout_s=USER_TIMEOUT_S).in_flight_s,
                waited(a_connection(here, limit), asks=True),
            ),
            "keep-alive with TCP_USER_TIMEOUT": (
                until_noticed(kernel, quiet, user_timeout_s=USER_TIMEOUT_S).idle_s,
                waited(a_connection(here, on, keeps, limit), asks=False),
            ),
            "the client's time-out": (until_noticed(kernel, own).in_flight_s, command),
        }
        here.net.router.filter("forward", "drop")
        return {name: (reckoned or 0.0, lasts) for name, reckoned, lasts in _measure(works)}


def _measure(
    works: dict[str, tuple[float | None, Callable[[], None]]],
) -> list[tuple[str, float | None, float]]:
    """Run all at once, and return how long each took."""
    found: list[tuple[str, float | None, float]] = []
    began = time.monotonic()

    def run(name: str, reckoned: float | None, work: Callable[[], None]) -> None:
        work()
        found.append((name, reckoned, time.monotonic() - began))

    threads = [
        threading.Thread(target=run, args=(name, *each), daemon=True)
        for name, each in works.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == len(works), [name for name, _, _ in found]
    return found


@pytest.mark.parametrize(
    "setting",
    [
        "tcp_retries2",
        "keep-alive",
        "TCP_USER_TIMEOUT",
        "keep-alive with TCP_USER_TIMEOUT",
        "the client's time-out",
    ],
)
def test_reckoned_and_measured_agree_within_a_tenth(
    seen: dict[str, tuple[float, float]], setting: str
) -> None:
    """The way was cut without a word, as when a node is lost."""
    reckoned, measured = seen[setting]

    assert reckoned > 0
    assert measured == pytest.approx(reckoned, rel=0.1)


def test_the_usual_settings_come_to_a_quarter_of_an_hour_and_to_hours() -> None:
    """What Linux ships with, and a client that sets nothing."""
    kernel = KernelSettings(
        **STAMP,
        tcp_retries2=15,
        keepalive_time_s=7200,
        keepalive_interval_s=75,
        keepalive_probes=9,
    )
    plain = until_noticed(kernel)
    kept = until_noticed(kernel, ClientSettings(**STAMP, client="jedis", command_timeout_ms=0))

    assert plain.in_flight_s is not None
    assert 900 < plain.in_flight_s < 1000
    assert plain.idle_s is None
    assert kept.idle_s is not None
