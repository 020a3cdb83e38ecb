"""Connecting: what comes back, what it is set to, and what a call does when things go wrong."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import redis
import redis.exceptions as theirs
from redis.credentials import CredentialProvider

import refused.client
from refused.client import settings
from refused.lab.certificates import Authority
from refused.lab.fronts import Answers, Ended, IdleClose, Line, Redis, Silent, Tls
from refused.lab.network import Door
from refused.lab.servers import Server, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that asks for a password."""
    with Server(password="open sesame") as running:
        yield running


@pytest.fixture
def url(server: Server) -> str:
    """Its URL."""
    return f"redis://:open%20sesame@127.0.0.1:{server.port}/0"


def test_the_client_is_redis_pys_own(url: str) -> None:
    """Type and API are unchanged."""
    client = refused.client.connect(url, decode_responses=True)
    assert type(client) is redis.Redis
    assert isinstance(client.connection_pool, redis.ConnectionPool)
    assert client.set("greeting", "hello")
    assert client.get("greeting") == "hello"
    with client.pipeline() as pipeline:
        pipeline.set("n", 1)
        pipeline.incr("n")
        assert pipeline.execute() == [True, 2]
    client.close()


def test_nothing_else_of_ours_comes_along() -> None:
    """It lives in applications that never diagnose."""
    looked = (
        "import sys, refused.client.connecting, refused.client.aio; "
        "print(sorted(m for m in sys.modules if m.startswith('refused.') "
        "and not m.startswith('refused.client')))"
    )
    said = subprocess.run(
        [sys.executable, "-c", looked], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"


def test_no_password_is_ever_in_a_repr_or_an_error(url: str) -> None:
    """Neither the right one nor the wrong."""
    client = refused.client.connect(url.replace("sesame", "wrong"))
    with pytest.raises(theirs.AuthenticationError) as refusal:
        client.get("key")
    for said in (repr(client), repr(client.connection_pool), str(refusal.value)):
        assert "open" not in said
        assert "wrong" not in said
    client.close()


@pytest.mark.parametrize(
    ("keywords", "word"),
    [
        ({"ssl_cert_reqs": "none"}, "ssl_ca_certs"),
        ({"ssl_cert_reqs": None}, "ssl_ca_certs"),
        ({"ssl_check_hostname": False}, "address_remap"),
        ({"ssl_min_version": ssl.TLSVersion.TLSv1_1}, "1.2"),
    ],
)
def test_a_check_of_the_certificate_cannot_be_switched_off(
    keywords: dict[str, Any], word: str
) -> None:
    """Each refusal names the safe way."""
    with pytest.raises(refused.client.WeakTls, match=word):
        refused.client.connect("rediss://cache.example:6380", **keywords)


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("rediss://c.redis.cache.windows.net", 6380),
        ("redis://c.redis.cache.windows.net", 6379),
        ("rediss://c.westeurope.redis.azure.net", 10000),
        ("rediss://c.example", 6379),
        ("rediss://c.redis.cache.windows.net:15000", 15000),
    ],
)
def test_without_a_port_it_is_the_services(url: str, port: int) -> None:
    """6380 or 10000 at the services' host names, else redis-py's own."""
    assert settings.read(url).port == port


def test_tls_is_verified_and_names_the_host(server: Server, tmp_path: Path) -> None:
    """By who vouches for it, and by the name."""
    authority = Authority(tmp_path)
    front = Tls(Redis(server), authority.issue("localhost"))
    with Door(front) as door:
        good = f"rediss://:open%20sesame@localhost:{door.port}"
        client = refused.client.connect(good, ssl_ca_certs=authority.ca_file)
        assert client.ping()
        client.close()
        for bad, vouches in (
            (good, None),  # nobody we know
            (good.replace("localhost", "127.0.0.1"), authority.ca_file),
        ):
            client = refused.client.connect(bad, ssl_ca_certs=vouches)
            with pytest.raises(theirs.ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
                client.ping()
            client.close()


@pytest.mark.parametrize("reason", ["wrong-password", "no-permission", "certificate"])
def test_what_is_final_is_tried_once(reason: str, tmp_path: Path) -> None:
    """One dial, and one event."""
    heard: list[refused.client.Event] = []
    with Server(users=["nobody on >pw -@all +hello +auth +client"]) as server:
        dials = 0

        class Counted(Redis):
            def meet(self, call: Any) -> Any:
                nonlocal dials
                dials += 1
                return super().meet(call)

        front: Any = Counted(server)
        scheme, login = "redis", "nobody:wrong@" if reason == "wrong-password" else "nobody:pw@"
        if reason == "certificate":
            front = Tls(front, Authority(tmp_path).issue("localhost"))
            scheme = "rediss"
        with Door(front) as door:
            client = refused.client.connect(
                f"{scheme}://{login}localhost:{door.port}", on_event=heard.append
            )
            with pytest.raises(theirs.RedisError):
                client.get("key")
            client.close()
    assert dials == 1
    if reason != "no-permission":  # that is an answer to a command; the connection is well
        assert [(event.name, event.reason) for event in heard] == [("connection_failed", reason)]


def test_a_call_gives_up_at_its_deadline_whatever_is_wrong() -> None:
    """A peer that accepts and says nothing."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=8)  # accepts, and says nothing
    client = refused.client.connect(f"redis://127.0.0.1:{listener.getsockname()[1]}", deadline=0.6)
    started = time.monotonic()
    with pytest.raises(theirs.TimeoutError):
        client.get("key")
    assert time.monotonic() - started < 4  # and not the five of the default
    client.close()
    listener.close()


def test_a_refused_dial_is_tried_again_until_the_server_is_there() -> None:
    """Within the same call."""
    port = free_port()
    server = Server()
    server.port = port
    client = refused.client.connect(f"redis://127.0.0.1:{port}")
    timer = threading.Timer(0.4, server.start)
    timer.start()
    try:
        assert client.set("key", "value")
    finally:
        timer.join()
        client.close()
        server.stop()


class CutOnce:
    """Carries a command out, and loses the connection before its answer; once for each arming."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.is_armed = True
        self.seen = 0

    def __call__(self, words: Sequence[bytes]) -> Line | None:
        """Return what happens to a request."""
        if words[0].upper() not in (b"INCRBY", b"GET"):
            return None
        self.seen += 1
        if not self.is_armed:
            return None
        self.is_armed = False
        self.server.command(*words)
        return Ended("reset")


def test_a_command_that_adds_is_not_sent_twice() -> None:
    """Nobody knows whether it was carried out; the error says so."""
    with Server() as server:
        cut = CutOnce(server)
        with Door(Answers(Redis(server), cut)) as door:
            client = refused.client.connect(f"redis://127.0.0.1:{door.port}")
            with pytest.raises(theirs.ConnectionError) as lost:
                client.incr("counter")
            assert "whether INCRBY was carried out" in " ".join(lost.value.__notes__)
            assert client.get("counter") == b"1"
            client.close()


def test_a_command_that_changes_nothing_is_sent_again() -> None:
    """The application sees nothing of it."""
    with Server(data={"key": "value"}) as server:
        cut = CutOnce(server)
        with Door(Answers(Redis(server), cut)) as door:
            client = refused.client.connect(f"redis://127.0.0.1:{door.port}")
            assert client.get("key") == b"value"
            assert cut.seen == 2
            client.close()


def test_the_application_may_allow_more() -> None:
    """And then gets what it has asked for."""
    with Server() as server, Door(Answers(Redis(server), CutOnce(server))) as door:
        client = refused.client.connect(f"redis://127.0.0.1:{door.port}", also_repeat={"incrby"})
        assert client.incr("counter") == 2  # it has been counted twice, as allowed
        client.close()


def test_a_server_that_loads_is_waited_for() -> None:
    """LOADING is said before anything is done."""
    with Server(loading_s=0.5) as server:
        client = refused.client.connect(f"redis://127.0.0.1:{server.port}")
        assert client.incr("counter") == 1  # LOADING came before anything was done
        client.close()


def test_a_slow_command_is_no_dead_connection() -> None:
    """A server that works on our command answers nobody else meanwhile."""
    heard: list[refused.client.Event] = []
    with Server(config=["enable-debug-command yes"]) as server:
        client: Any = refused.client.connect(
            f"redis://127.0.0.1:{server.port}", silence=0.2, on_event=heard.append
        )
        assert client.execute_command("DEBUG", "SLEEP", "1.5") == b"OK"
        client.close()
    assert not heard


def test_a_dead_connection_is_noticed_long_before_the_deadline() -> None:
    """Another connection's answer shows that this one is dead."""
    heard: list[refused.client.Event] = []
    # A middlebox that forgets a connection after a moment, and lets new ones through.
    with (
        Server(data={"key": "value"}) as server,
        Door(IdleClose(Redis(server), 0.3, "silent")) as door,
    ):
        client = refused.client.connect(
            f"redis://127.0.0.1:{door.port}",
            silence=0.2,
            deadline=30,
            on_event=heard.append,
        )
        assert client.get("key") == b"value"
        time.sleep(0.5)
        started = time.monotonic()
        assert client.get("key") == b"value"
        assert time.monotonic() - started < 15  # half the deadline: it was not waited for
        client.close()
    assert ("connection_failed", "silent") in [(event.name, event.reason) for event in heard]


def test_a_blocking_command_may_take_its_own_time() -> None:
    """On top of the deadline."""
    with Server() as server:
        client = refused.client.connect(f"redis://127.0.0.1:{server.port}", deadline=1.5)
        assert client.blpop(["nothing"], timeout=2) is None
        client.close()


def test_a_full_pool_is_waited_for_and_then_named(url: str) -> None:
    """Until the call's time is up."""
    client = refused.client.connect(url, max_connections=2, deadline=1.5)
    held = [client.connection_pool.get_connection() for _ in range(2)]
    with pytest.raises(refused.client.PoolExhausted, match="all 2 of the pool"):
        client.get("key")
    timer = threading.Timer(0.1, client.connection_pool.release, held[:1])
    timer.start()
    assert client.get("key") is None
    timer.join()
    client.connection_pool.release(held[1])
    client.close()


def test_clients_share_a_pool_and_the_last_one_closes_it(url: str) -> None:
    """By URL and keywords."""
    one: Any = refused.client.connect(url)
    other: Any = refused.client.connect(url)
    different: Any = refused.client.connect(url, decode_responses=True)
    assert one.connection_pool.pool is other.connection_pool.pool
    assert one.connection_pool.pool is not different.connection_pool.pool
    assert one.get("key") is None
    (connection,) = one.connection_pool.pool._available_connections
    one.close()
    assert connection.is_connected
    other.close()
    assert not connection.is_connected
    assert other.get("key") is None  # as with redis-py, it may be used again
    other.close()
    different.close()


def test_the_circuit_opens_looks_and_closes() -> None:
    """Failing fast in between."""
    heard: list[str] = []
    server = Server().start()
    client = refused.client.connect(
        f"redis://127.0.0.1:{server.port}",
        deadline=1.5,
        on_event=lambda event: heard.append(event.name),
    )
    assert client.ping()
    server.kill()
    with pytest.raises(theirs.ConnectionError):
        client.get("key")
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            client.get("key")
        except refused.client.CircuitOpen:
            break
        except theirs.ConnectionError:
            continue
    else:
        pytest.fail("the circuit never opened")
    server.start()
    while time.monotonic() < until:
        try:
            assert client.get("key") is None
            break
        except theirs.ConnectionError:
            time.sleep(0.02)
    else:
        pytest.fail("the circuit never closed")
    assert heard.index("circuit_opened") < heard.index("connection_restored")
    assert heard[-1] == "circuit_closed"
    client.close()
    server.stop()


def test_error_replies_open_no_circuit(url: str) -> None:
    """An answer is an answer."""
    client: Any = refused.client.connect(url, deadline=2.0)
    client.set("text", "abc")
    for _ in range(20):
        with pytest.raises(theirs.ResponseError):
            client.incr("text")
    assert not client.connection_pool.shared.breaker.troubled
    client.close()


def test_a_demoted_primary_has_all_connections_replaced() -> None:
    """The name leads to the new primary; connections to the old one answer READONLY."""
    with Server() as old, Server() as new:
        target = [old]

        class Moving(Redis):
            def __init__(self) -> None:
                super().__init__(old)

            def meet(self, call: Any) -> Any:
                self.server = target[0]
                return super().meet(call)

        with Door(Moving()) as door:
            client = refused.client.connect(f"redis://127.0.0.1:{door.port}")
            held = [client.connection_pool.get_connection() for _ in range(3)]
            for connection in held:
                client.connection_pool.release(connection)
            old.command("REPLICAOF", "127.0.0.1", str(new.port))
            target[0] = new
            assert client.incr("counter") == 1  # INCR: READONLY was said before it was done
            assert new.command("GET", "counter") == b"1"
            client.close()


def test_a_server_that_is_read_only_for_good_is_not_tried_for_ever() -> None:
    """A fail-over ends; the secondary of a geo-replica stays one."""
    with Server() as primary, Server(replica_of=primary) as replica:
        client: Any = refused.client.connect(f"redis://127.0.0.1:{replica.port}", deadline=1.0)
        for _ in range(4):
            with pytest.raises(theirs.ReadOnlyError):
                client.set("key", "value")
        renewals = client.connection_pool.shared.renewal
        commands = replica.command("INFO", "commandstats")
        with pytest.raises(theirs.ReadOnlyError):
            client.set("key", "value")
        assert client.connection_pool.shared.renewal <= renewals + 1
        assert _sets(replica.command("INFO", "commandstats")) == _sets(commands) + 1
        client.close()


def _sets(stats: Any) -> int:
    """Count SETs, those that were refused included."""
    text = stats.decode() if isinstance(stats, bytes) else str(stats)
    (line,) = (line for line in text.splitlines() if line.startswith("cmdstat_set:"))
    fields = dict(part.split("=") for part in line.partition(":")[2].split(","))
    return int(fields["calls"]) + int(fields["rejected_calls"])


def test_a_connection_that_comes_back_after_the_close_is_closed(url: str) -> None:
    """Nothing is left open by a thread that was in the middle of something."""
    client: Any = refused.client.connect(url)
    pool = client.connection_pool.pool
    held = pool.get_connection()
    client.close()
    held.connect()
    pool.release(held)
    assert not held.is_connected


def test_a_provider_that_hangs_holds_a_call_no_longer_than_its_deadline() -> None:
    """The identity service is part of the call."""
    go_on = threading.Event()

    class Slow(CredentialProvider):
        def get_credentials(self) -> tuple[str, str]:
            go_on.wait(20)
            return "user", "password"

    with Server() as server:
        client = refused.client.connect(
            f"redis://127.0.0.1:{server.port}", credential_provider=Slow(), deadline=0.4
        )
        started = time.monotonic()
        with pytest.raises(theirs.AuthenticationError, match="in time"):
            client.ping()
        assert time.monotonic() - started < 5
        go_on.set()
        client.close()


def test_connections_are_replaced_by_hand(url: str) -> None:
    """Each when it is next handed out; and nothing else is taken for a client."""
    client = refused.client.connect(url)
    first = client.client_id()
    refused.client.renew(client)
    assert client.client_id() != first
    client.close()
    with pytest.raises(TypeError, match="a client of"):
        refused.client.renew(redis.Redis())


def test_a_further_address_is_tried_without_waiting_for_the_first(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One dead address of a name costs a moment."""
    with Door(Silent()) as dead:
        found = socket.getaddrinfo("127.0.0.1", 0, type=socket.SOCK_STREAM)[0]
        both = [(*found[:4], ("127.0.0.1", port)) for port in (dead.port, server.port)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
        client = refused.client.connect(
            f"redis://:open%20sesame@cache.example:{server.port}", deadline=10
        )
        started = time.monotonic()
        assert client.ping()
        assert time.monotonic() - started < settings.DIAL_S + 3  # the first would have taken all
        client.close()


def test_a_name_is_looked_up_anew_and_the_last_answer_kept(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resolver that fails or hangs stops nobody who has been there before."""
    real = socket.getaddrinfo("127.0.0.1", server.port, type=socket.SOCK_STREAM)
    asked = 0
    answer: Any = real

    def look_up(*_: Any, **__: Any) -> Any:
        nonlocal asked
        asked += 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    client = refused.client.connect(
        f"redis://:open%20sesame@cache.example:{server.port}", deadline=2
    )
    assert client.ping()
    refused.client.renew(client)
    assert client.ping()
    assert asked == 2
    answer = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    refused.client.renew(client)
    assert client.ping()
    answer = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    refused.client.renew(client)
    with pytest.raises(theirs.ConnectionError, match="Name or service"):
        client.ping()
    client.close()
