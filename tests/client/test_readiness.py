"""Readiness: answers at once, probes seldom, and does not flap."""

from __future__ import annotations

import asyncio
import http.server
import json
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

import pytest
from hypothesis import given
from hypothesis import strategies as st

import refused.client
from refused.client import readiness
from refused.client.readiness.dependencies import Unusable
from refused.client.readiness.engine import _Watched
from refused.lab.certificates import Authority
from refused.lab.fronts import Redis, Silent, Tls
from refused.lab.network import Door
from refused.lab.servers import Server, free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def wait_until(is_so: Callable[[], bool], most_s: float = 15.0) -> None:
    """Wait until something is so."""
    until = time.monotonic() + most_s
    while not is_so():
        assert time.monotonic() < until, "it never was"
        time.sleep(0.02)


def parts_of(ready: readiness.Readiness, name: str) -> dict[str, str]:
    """Return the state of each part of a dependency."""
    (tree,) = (one for one in ready.check().dependencies if one["name"] == name)
    return {part["part"]: part["state"] for part in tree["parts"]}


def test_it_is_503_while_a_required_server_is_down_and_200_again() -> None:
    """With no blip of one look in between."""
    with Server() as server:
        ready = readiness.Readiness(
            readiness.redis("cache", f"redis://127.0.0.1:{server.port}", required=True)
        )
        assert ready.answer()[0] == 503  # nobody has looked yet, and nobody waits for it
        wait_until(lambda: ready.answer()[0] == 200)
        server.kill()
        wait_until(lambda: ready.answer()[0] == 503)
        assert json.loads(ready.answer()[1])["dependencies"][0]["reason"] == "refused"
        server.start()
        wait_until(lambda: ready.answer()[0] == 200)
        ready.close()


def test_a_cache_is_optional_unless_it_is_said_to_be_required() -> None:
    """A blip of it must not take every pod out."""
    ready = readiness.Readiness(readiness.redis("cache", f"redis://127.0.0.1:{free_port()}"))
    wait_until(lambda: ready.check().is_degraded)
    assert ready.answer()[0] == 200
    ready.close()


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(1, 4), st.integers(1, 4))
def test_it_changes_its_mind_after_so_many_in_a_row(
    looks: list[bool], fails_after: int, recovers_after: int
) -> None:
    """Compared with a plain account of the last looks."""
    watched = _Watched(readiness.call("one", lambda: None))
    usable: bool | None = None
    for at, good in enumerate(looks):
        watched.learn(None if good else Unusable("answer", "x"), fails_after, recovers_after)
        needed = recovers_after if good else fails_after
        last = looks[max(0, at + 1 - needed) : at + 1]
        if usable is None or (len(last) == needed and all(one is good for one in last)):
            usable = good
        assert watched.is_usable is usable


def test_five_hundred_requests_a_second_make_one_look_a_second() -> None:
    """While the dependency comes and goes; the looks are counted where they are made."""
    looks = 0
    lock = threading.Lock()
    state = {"up": True}

    def ask() -> bool:
        nonlocal looks
        with lock:
            looks += 1
        state["up"] = not state["up"]
        return state["up"]

    ready = readiness.Readiness(readiness.call("flapping", ask, required=True))
    began = time.monotonic()
    asked = 0
    while (passed := time.monotonic() - began) < 3.0:
        while asked < passed * 500:
            ready.answer()
            asked += 1
        time.sleep(0.002)
    assert asked > 1000
    assert looks <= 4
    ready.close()


def test_a_probe_that_hangs_is_not_joined_by_others() -> None:
    """And is a failure as long as it lasts."""
    begun = 0
    go_on = threading.Event()

    def ask() -> None:
        nonlocal begun
        begun += 1
        go_on.wait(20)

    ready = readiness.Readiness(readiness.call("stuck", ask, required=True))
    wait_until(lambda: ready.check().is_degraded)
    for _ in range(50):
        assert ready.answer()[0] == 503
    assert begun == 1
    go_on.set()
    ready.close()


@pytest.mark.parametrize(
    ("fault", "broken"),
    [
        ("name", "name"),
        ("refused", "address"),
        ("untrusted", "tls"),
        ("password", "auth"),
        ("loading", "command"),
    ],
)
def test_the_tree_says_where_it_broke(fault: str, broken: str, tmp_path: Path) -> None:
    """The parts before are well, those after it unknown."""
    authority = Authority(tmp_path)
    loading_s = 20.0 if fault == "loading" else 0.0
    with Server(password="s3same", loading_s=loading_s) as server:
        front = Tls(Redis(server), authority.issue("localhost"))
        with Door(front) as door:
            host = "no-such-name.invalid" if fault == "name" else "localhost"
            port = free_port() if fault == "refused" else door.port
            password = "n0t-it" if fault == "password" else "s3same"
            vouches = None if fault == "untrusted" else authority.ca_file
            ready = readiness.Readiness(
                readiness.redis(
                    "cache", f"rediss://:{password}@{host}:{port}", ssl_ca_certs=vouches
                )
            )
            wait_until(lambda: ready.check().is_degraded)
            order = ["name", "address", "tls", "auth", "command"]
            at = order.index(broken)
            wanted = {
                part: "ok" if n < at else "failed" if n == at else "unknown"
                for n, part in enumerate(order)
            }
            assert parts_of(ready, "cache") == wanted
            assert password not in ready.answer()[1].decode()
            ready.close()


def test_a_client_may_take_the_place_of_the_url() -> None:
    """It is asked for its settings; its connections stay its own."""
    with Server() as server:
        client = refused.client.connect(f"redis://127.0.0.1:{server.port}", max_connections=1)
        held = client.connection_pool.get_connection()
        ready = readiness.Readiness(readiness.redis("cache", client, required=True))
        assert ready.check(wait_s=5).is_ready
        client.connection_pool.release(held)
        client.close()
        ready.close()
    with pytest.raises(TypeError, match="a URL"):
        readiness.redis("cache", object())


class _Web(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(type(self).status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_names_ports_addresses_and_databases_are_looked_at() -> None:
    """Each of the other kinds, well and not."""
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Web)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    port = web.server_address[1]

    def no_database() -> sqlite3.Connection:
        raise sqlite3.OperationalError("unable to open")

    ready = readiness.Readiness(
        readiness.dns("name", "localhost"),
        readiness.dns("no name", "no-such-name.invalid"),
        readiness.tcp("port", "127.0.0.1", port),
        readiness.tcp("no port", "127.0.0.1", free_port()),
        readiness.http("page", f"http://127.0.0.1:{port}/"),
        readiness.database("store", lambda: sqlite3.connect(":memory:", check_same_thread=False)),
        readiness.database("no store", no_database, required=False),
    )
    wait_until(lambda: all(one["state"] != "unknown" for one in ready.check().dependencies))
    states = {one["name"]: one["state"] for one in ready.check().dependencies}
    assert states == {
        "name": "usable",
        "no name": "unusable",
        "port": "usable",
        "no port": "unusable",
        "page": "usable",
        "store": "usable",
        "no store": "unusable",
    }
    assert ready.answer()[0] == 200
    _Web.status = 500
    wait_until(lambda: parts_of(ready, "page")["answer"] == "failed")
    ready.close()
    web.shutdown()
    web.server_close()


def test_the_applications_speak_their_protocols() -> None:
    """GET, HEAD, a method that is none, the path that asks for nothing, and no details."""
    ready = readiness.Readiness(readiness.call("one", lambda: None, required=True), details=False)
    assert ready.check(wait_s=5).is_ready

    def wsgi(method: str, path: str) -> tuple[str, bytes]:
        environ: dict[str, Any] = {}
        setup_testing_defaults(environ)
        environ |= {"REQUEST_METHOD": method, "PATH_INFO": path}
        said: list[str] = []
        body = b"".join(ready.wsgi(environ, lambda status, _headers: said.append(status)))
        return said[0], body

    async def asgi(method: str, path: str) -> tuple[int, bytes]:
        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        async def receive() -> dict[str, Any]:
            return {"type": "http.request"}

        await ready.asgi({"type": "http", "method": method, "path": path}, receive, send)
        return sent[0]["status"], sent[1]["body"]

    assert wsgi("GET", "/") == ("200 OK", b'{"ready": true}')
    assert wsgi("HEAD", "/") == ("200 OK", b"")
    assert wsgi("POST", "/")[0].startswith("405")
    assert wsgi("GET", "/ready/alive") == ("200 OK", b'{"alive": true}')
    assert asyncio.run(asgi("GET", "/ready")) == (200, b'{"ready": true}')
    assert asyncio.run(asgi("HEAD", "/ready")) == (200, b"")
    ready.close()


def test_kubernetes_probes_are_yaml_and_liveness_asks_for_no_dependency() -> None:
    """Read back by a real reader where there is one."""
    yaml = pytest.importorskip("yaml")
    probes = yaml.safe_load(readiness.kubernetes(9000, "/r", alive_path="/r/alive"))
    assert probes["readinessProbe"]["httpGet"] == {"path": "/r", "port": 9000}
    assert probes["livenessProbe"]["httpGet"]["path"] == "/r/alive"
    assert set(probes) == {"startupProbe", "readinessProbe", "livenessProbe"}


def test_a_silent_server_is_asked_less_often() -> None:
    """What struggles is spared."""
    with Door(Silent()) as door:
        ready = readiness.Readiness(readiness.tcp("t", "127.0.0.1", door.port))
        one = ready._watched[0]
        for _ in range(3):
            one.learn(Unusable("address", "timeout"), 2, 2)
        ready._look(one)
        assert one.next_at > time.monotonic() + 2.0
        ready.close()
