"""What a server answers, how it stops answering, and what it says of itself."""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refused.evidence.observations import (
    ClientList,
    Observation,
    RedisReply,
    ServerInfo,
    Unseen,
)
from refused.evidence.redaction import Secret
from refused.lab.servers import Server
from refused.probes import resp
from refused.probes.conversation import name_of
from refused.probes.plain import PlainChannel
from refused.probes.resp import Conversation, introduce
from tests.conftest import LATE_S
from tests.probes.peers import HERE, listen, reset, say
from tests.probes.talking import (
    PROGRAMS,
    SOON_S,
    WAIT_S,
    answer_each,
    say_at_once,
    talk_to,
    talk_with,
    target_of,
)
from tests.probes.wire.garbage import mutated

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "hq8N-s3cret-that-nobody-may-see="
READER = "reader on >reading ~* +@all"


@pytest.fixture(scope="module", params=PROGRAMS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Run a quiet server of every program."""
    with Server(program=request.param) as running:
        yield running


@pytest.fixture
def talk(server: Server) -> Iterator[Conversation]:
    """Talk to the quiet server."""
    with talk_to(server.port) as conversation:
        yield conversation


def one(facts: tuple[object, ...], kind: type) -> object:
    """Return the one fact of its kind."""
    (found,) = (fact for fact in facts if isinstance(fact, kind))
    return found


def info_of(facts: tuple[object, ...]) -> ServerInfo:
    """Return what the server says of itself."""
    found = one(facts, ServerInfo)
    assert isinstance(found, ServerInfo)
    return found


def hidden(facts: tuple[object, ...]) -> dict[str, str]:
    """Return what was not seen, and why."""
    return {fact.what: fact.why for fact in facts if isinstance(fact, Unseen)}


def outcomes(facts: tuple[object, ...]) -> dict[str, str]:
    """Return how each command fared."""
    return {fact.command: fact.outcome for fact in facts if isinstance(fact, RedisReply)}


# --- one command -------------------------------------------------------------------------------


def test_a_pong_is_a_reply(talk: Conversation) -> None:
    """The simplest of conversations."""
    value, seen = talk.ask("PING", wait_s=WAIT_S)

    assert value == "PONG"
    assert (seen.command, seen.outcome, seen.reply, seen.protocol) == ("PING", "ok", "PONG", "resp")
    assert 0 < seen.took_ms < 1000 * WAIT_S
    assert not talk.is_over


def test_an_error_has_a_code_and_its_whole_text(talk: Conversation) -> None:
    """An error is an answer: the conversation goes on."""
    _, seen = talk.ask("SELECT", "4711", wait_s=WAIT_S)

    assert (seen.outcome, seen.error_code) == ("error", "ERR")
    assert seen.error_text.startswith("ERR DB index is out of range")
    assert talk.ask("PING", wait_s=WAIT_S)[1].outcome == "ok"


def test_an_observation_names_the_command_and_none_of_its_arguments(talk: Conversation) -> None:
    """Arguments may be secret."""
    said = [
        talk.ask("AUTH", "someone", "something-else", wait_s=WAIT_S)[1],
        talk.ask("config", "get", "maxmemory", wait_s=WAIT_S)[1],
        talk.ask("ECHO", "a text", wait_s=WAIT_S, name="a greeting")[1],
    ]

    assert [each.command for each in said] == ["AUTH", "CONFIG GET", "a greeting"]
    assert name_of(["cluster", "slots"]) == "CLUSTER SLOTS"
    assert name_of(["GET", "key"]) == "GET"


@pytest.mark.parametrize("password", ["a", SECRET])
def test_what_a_server_quotes_of_our_arguments_is_not_kept(password: str) -> None:
    """A server that does not know AUTH says the password back to us, however short it is."""
    Secret(password)
    with Server(without=["AUTH"]) as server, talk_to(server.port) as talk:
        _, seen = talk.ask("AUTH", password, wait_s=WAIT_S)

    assert seen.error_text.lower() == "err unknown command 'auth'"
    assert password == "a" or password not in repr(seen)


def test_a_secret_in_an_error_is_masked() -> None:
    """A proxy of whatever make may quote what it was sent."""
    Secret(SECRET)
    with talk_with(say(b"-ERR who is " + SECRET.encode() + b"?\r\n")) as talk:
        _, seen = talk.ask("AUTH", SECRET, wait_s=WAIT_S)

    assert seen.error_text == "ERR who is ***?"


def test_an_error_can_neither_flood_nor_command_a_terminal() -> None:
    """It is cut to 200 characters, and control characters are escaped."""
    with talk_with(say(b"-ERR \x1b[2J" + b"x" * 5000 + b"\r\n")) as talk:
        _, seen = talk.ask("PING", wait_s=WAIT_S)

    assert len(seen.error_text) == 200
    assert seen.error_text.startswith("ERR \\x1b[2Jx")


def test_pushes_are_passed_over(talk: Conversation) -> None:
    """A RESP3 server may say something between question and answer."""
    talk.ask("HELLO", "3", wait_s=WAIT_S)
    talk.ask("CLIENT", "TRACKING", "ON", "BCAST", wait_s=WAIT_S)
    answers = talk.ask_many([("SET", "a", "1"), ("SET", "a", "2"), ("PING",)], WAIT_S)

    assert [value for value, _ in answers] == ["OK", "OK", "PONG"]


def test_a_password_of_odd_bytes_goes_out_as_those_bytes() -> None:
    """What the terminal could not decode comes to us as lone surrogates."""
    heard: list[bytes] = []

    def meet(conn: socket.socket) -> None:
        heard.append(conn.recv(65536))
        conn.sendall(b"+OK\r\n")
        listen(conn)

    with talk_with(meet) as talk:
        talk.ask("AUTH", "\udcff\udcfe", wait_s=WAIT_S)
        assert talk.ask("AUTH", "\ud800", wait_s=SOON_S)[1].outcome in ("ok", "silent")

    assert heard[0] == b"*2\r\n$4\r\nAUTH\r\n$2\r\n\xff\xfe\r\n"


# --- several at once ---------------------------------------------------------------------------


def test_commands_sent_together_cost_one_round_trip(talk: Conversation) -> None:
    """Each has its own value and observation."""
    answers = talk.ask_many([("PING",), ("GET", "nothing"), ("NOSUCH",), ("CLIENT", "ID")], WAIT_S)

    assert [value for value, _ in answers][:2] == ["PONG", None]
    assert [seen.outcome for _, seen in answers] == ["ok", "ok", "error", "ok"]
    assert [seen.command for _, seen in answers] == ["PING", "GET", "NOSUCH", "CLIENT ID"]


def test_the_list_ends_with_the_command_that_was_not_answered() -> None:
    """What stands behind it in the queue has met nothing of its own."""
    with talk_with(answer_each(b"+PONG\r\n")) as talk:
        answers = talk.ask_many([("PING",), ("INFO",), ("TIME",)], WAIT_S)

        assert [(seen.command, seen.outcome) for _, seen in answers] == [
            ("PING", "ok"),
            ("INFO", "closed"),
        ]
        assert talk.ask_many([("PING",), ("PING",)], WAIT_S)[0][1].outcome == "closed"


def test_a_reply_of_megabytes_is_read_whole(server: Server, talk: Conversation) -> None:
    """Large, and yet below what we take."""
    server.command("SET", "large", b"x" * 4_000_000)
    value, seen = talk.ask("GET", "large", wait_s=WAIT_S)
    server.command("DEL", "large")

    assert (len(value), seen.outcome, seen.reply) == (4_000_000, "ok", "")


@pytest.mark.parametrize("claim", [b"$900000000\r\n", b"*900000000\r\n"])
def test_a_reply_that_claims_too_much_is_not_waited_for(claim: bytes) -> None:
    """No server has so much to say to us."""
    with talk_with(say(claim)) as talk:
        _, seen = talk.ask("PING", wait_s=WAIT_S)

    assert (seen.outcome, seen.protocol) == ("not-resp", "unknown")
    assert "900000000" in seen.error_text
    assert talk.is_over


# --- how conversations end ---------------------------------------------------------------------


def test_a_server_that_says_nothing_is_silent_for_as_long_as_we_wait() -> None:
    """And not much longer; the next question is not even sent."""
    with talk_with(listen) as talk:
        _, seen = talk.ask("PING", wait_s=SOON_S)
        started = time.monotonic()
        again = talk.ask("PING", wait_s=WAIT_S)[1]

    assert seen.outcome == again.outcome == "silent"
    assert 1000 * SOON_S <= seen.took_ms < 1000 * (SOON_S + LATE_S)
    assert time.monotonic() - started < WAIT_S


def hang_up(conn: socket.socket) -> None:
    """Say goodbye, and stay to listen, so that the goodbye is not overtaken by a reset."""
    conn.shutdown(socket.SHUT_WR)
    listen(conn)


def test_a_close_is_a_close() -> None:
    """The server read the question and left."""
    with talk_with(answer_each()) as talk:
        assert talk.ask("PING", wait_s=WAIT_S)[1].outcome in ("closed", "reset")
    with talk_with(hang_up) as talk:
        assert talk.ask("PING", wait_s=WAIT_S)[1].outcome == "closed"


def test_a_reset_is_a_reset() -> None:
    """The server read the question and tore the connection down."""

    def meet(conn: socket.socket) -> None:
        conn.recv(65536)
        reset(conn)

    with talk_with(meet) as talk:
        assert talk.ask("PING", wait_s=WAIT_S)[1].outcome == "reset"


def test_a_reply_cut_in_the_middle_ends_as_the_connection_does() -> None:
    """How far it came is kept."""
    with talk_with(answer_each(b"$50\r\nhalf of it")) as talk:
        value, seen = talk.ask("INFO", wait_s=WAIT_S)

    assert value is None
    assert (seen.outcome, seen.first_bytes) == ("closed", "$50\\r\\nhalf of it")
    assert seen.protocol == "resp"


def test_a_reply_that_trickles_is_given_no_more_time_than_any() -> None:
    """A byte now and then does not keep us."""
    over = threading.Event()

    def meet(conn: socket.socket) -> None:
        conn.recv(65536)
        conn.sendall(b"$1000\r\n")
        while not over.wait(0.02):
            conn.sendall(b"x")

    with talk_with(meet) as talk:
        _, seen = talk.ask("INFO", wait_s=SOON_S)
        over.set()

    assert seen.outcome == "silent"
    assert seen.took_ms < 1000 * (SOON_S + LATE_S)


def test_a_server_that_only_pushes_does_not_hold_us() -> None:
    """Its pushes never end, our patience does."""
    over = threading.Event()

    def meet(conn: socket.socket) -> None:
        while not over.is_set():
            conn.sendall(b">2\r\n+noise\r\n:1\r\n" * 100)

    with talk_with(meet) as talk:
        _, seen = talk.ask("PING", wait_s=SOON_S)
        over.set()

    assert seen.outcome == "silent"
    assert seen.took_ms < 1000 * (SOON_S + LATE_S)


@pytest.mark.parametrize(
    ("greeting", "protocol"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n", "http"),
        (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "ssh"),
        (b"220 mail.example.com ESMTP Postfix\r\n", "smtp"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "tls"),
        (b"\x28\x00\x00\x00\x0a8.0.36\x00\x01\x00\x00\x00", "mysql"),  # 0x28 is RESP's `(`
        (b"\x00\x01\x02\x03", "unknown"),
    ],
)
def test_what_is_not_redis_is_told_by_its_first_bytes(greeting: bytes, protocol: str) -> None:
    """The bytes are shown as well, for those that we don't know."""
    with talk_with(say(greeting)) as talk:
        _, seen = talk.ask("PING", wait_s=SOON_S)

    assert (seen.outcome, seen.protocol) == ("not-resp", protocol)
    assert seen.first_bytes
    assert seen.first_bytes.isprintable()
    assert talk.is_over


def test_a_greeting_that_trickles_in_is_heard_out() -> None:
    """One byte names nobody."""

    def meet(conn: socket.socket) -> None:
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        conn.recv(65536)
        for byte in b"HTTP/1.1 400 Bad Request":
            conn.sendall(bytes([byte]))
            time.sleep(0.001)
        listen(conn)

    with talk_with(meet) as talk:
        assert talk.ask("PING", wait_s=WAIT_S)[1].protocol == "http"


def test_a_peer_that_takes_nothing_more_is_silent() -> None:
    """The question does not even leave us."""

    def meet(conn: socket.socket) -> None:
        over.wait(WAIT_S)
        listen(conn)

    over = threading.Event()
    with talk_with(meet) as talk:
        talk.channel.send_wait_s = SOON_S
        _, seen = talk.ask("SET", "key", b"x" * 30_000_000, wait_s=WAIT_S)
        talk.channel.close()
        over.set()

    assert seen.outcome == "silent"


def test_a_host_that_became_unreachable_is_silent_and_says_why() -> None:
    """The kernel gives up with an error number of its own."""

    class Lost:
        def send(self, data: bytes) -> None:
            pass

        def recv(self, wait_s: float) -> bytes:  # noqa: ARG002 - as channels have it
            raise OSError(errno.EHOSTUNREACH, "No route to host")

    talk = Conversation(Lost(), address=HERE, port=1, vantage="here")
    _, seen = talk.ask("PING", wait_s=WAIT_S)

    assert seen.outcome == "silent"
    assert "No route to host" in seen.error_text


# --- full, loading, protected ------------------------------------------------------------------


@pytest.mark.parametrize("program", PROGRAMS)
def test_at_its_limit_a_server_says_so_to_whoever_comes(program: str) -> None:
    """The words come unasked, before the connection is closed, and are not lost with it."""
    with (
        Server(program=program, maxclients=2) as server,
        contextlib.ExitStack() as guests,
    ):
        for _ in range(2):
            guests.enter_context(talk_to(server.port)).ask("PING", wait_s=WAIT_S)
        for _ in range(20):
            with talk_to(server.port) as talk:
                facts = introduce(talk, target_of(server), deep=False, wait_s=WAIT_S)

            (seen,) = facts
            assert isinstance(seen, RedisReply)
            assert (seen.command, seen.outcome, seen.error_code) == ("PING", "error", "ERR")
            assert seen.error_text == "ERR max number of clients reached"


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_loading_server_tells_how_long_it_will_be(program: str) -> None:
    """PING is refused, INFO is not."""
    with Server(program=program, loading_s=5) as server, talk_to(server.port) as talk:
        facts = introduce(talk, target_of(server), deep=False, wait_s=WAIT_S)

    pong = facts[0]
    assert isinstance(pong, RedisReply)
    assert (pong.outcome, pong.error_code) == ("error", "LOADING")
    info = info_of(facts)
    assert info.loading is True
    assert info.loading_eta_s is not None


def test_a_protected_server_is_not_asked_further() -> None:
    """It has closed the connection behind its explanation."""
    with talk_with(say_at_once(b"-DENIED Redis is running in protected mode\r\n")) as talk:
        facts = introduce(talk, target_of(1), deep=True, wait_s=WAIT_S)

    assert outcomes(facts) == {"PING": "error"}


# --- introduction ------------------------------------------------------------------------------


def test_a_server_introduces_itself(server: Server, talk: Conversation) -> None:
    """Everything that INFO, TIME and CONFIG say."""
    facts = introduce(talk, target_of(server), deep=False, wait_s=WAIT_S)
    info = info_of(facts)

    assert info.product == ("redis" if server.program == "redis-server" else "valkey")
    assert info.version is not None
    assert info.version[0].isdigit()
    assert (info.mode, info.role, info.cluster_enabled) == ("standalone", "primary", False)
    assert (info.loading, info.connected_replicas, info.max_memory_bytes) == (False, 0, 0)
    assert info.max_clients is not None
    assert info.connected_clients is not None
    assert 1 <= info.connected_clients < info.max_clients
    assert info.used_memory_bytes is not None
    assert info.used_memory_bytes > 100_000
    assert (info.eviction_policy, info.snapshot_status) == ("noeviction", "ok")
    assert (info.aof_write_status, info.primary_host) == ("ok", None)
    assert info.idle_timeout_s == 0
    assert info.clock_offset_s is not None
    assert abs(info.clock_offset_s) < 1
    assert not hidden(facts)
    assert set(outcomes(facts).values()) == {"ok"}


def test_what_it_says_can_be_saved(server: Server, talk: Conversation) -> None:
    """Every fact comes back from JSON as it was."""
    for fact in introduce(talk, target_of(server), deep=True, wait_s=WAIT_S):
        assert type(fact).from_json(fact.to_json()) == fact


@pytest.mark.parametrize(("db", "deep", "most"), [(0, False, 2), (3, False, 2), (3, True, 3)])
def test_the_first_look_is_short(server: Server, db: int, deep: bool, most: int) -> None:
    """At most three round trips, and none for what nobody asked."""
    sent: list[bytes] = []

    class Counting(PlainChannel):
        def send(self, data: bytes) -> None:
            sent.append(data)
            super().send(data)

    with socket.create_connection((HERE, server.port)) as sock:
        talk = Conversation(Counting(sock), address=HERE, port=server.port, vantage="here")
        facts = introduce(talk, target_of(server, db=db), deep=deep, wait_s=WAIT_S)

    assert len(sent) == most
    assert (b"SELECT" in sent[0]) == (db > 0)
    assert ("SELECT" in outcomes(facts)) == (db > 0)


def test_the_first_look_changes_nothing(server: Server, talk: Conversation) -> None:
    """The server counts its writes."""

    def changes() -> str:
        said = server.command("INFO", "persistence")
        assert isinstance(said, bytes)
        return next(each for each in said.decode().split() if "changes_since" in each)

    before = changes()
    introduce(talk, target_of(server), deep=True, wait_s=WAIT_S)

    assert changes() == before


def test_a_database_that_is_not_there_is_a_failed_select(
    server: Server, talk: Conversation
) -> None:
    """The rest is looked at all the same."""
    facts = introduce(talk, target_of(server, db=99), deep=False, wait_s=WAIT_S)

    assert outcomes(facts)["SELECT"] == "error"
    assert outcomes(facts)["PING"] == "ok"
    assert info_of(facts).version


def test_without_a_login_nothing_more_is_asked() -> None:
    """One NOAUTH is enough."""
    with Server(password=SECRET) as server, talk_to(server.port) as talk:
        (seen,) = introduce(talk, target_of(server), deep=True, wait_s=WAIT_S)

    assert isinstance(seen, RedisReply)
    assert (seen.command, seen.error_code) == ("PING", "NOAUTH")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_user_that_may_not_ask_hides_things_and_breaks_nothing(program: str) -> None:
    """What is refused out of curiosity is unseen; PING is another matter."""
    users = ["narrow on >narrow ~app:* +@read +@write -ping -info -time -config -client -role"]
    with Server(program=program, users=users) as server, talk_to(server.port) as talk:
        talk.ask("AUTH", "narrow", "narrow", wait_s=WAIT_S)
        facts = introduce(talk, target_of(server), deep=True, wait_s=WAIT_S)

    assert outcomes(facts) == {"PING": "error"}
    assert set(hidden(facts)) == {
        "ServerInfo",
        "ClientList",
        "the server's clock",
        "the server's idle time-out",
    }
    assert all("NOPERM" in why for why in hidden(facts).values())


@pytest.mark.parametrize("program", PROGRAMS)
def test_where_info_is_refused_role_stands_in(program: str) -> None:
    """It tells at least who is the primary, with whether this is a cluster beside it."""
    users = ["blind on >blind ~* +@all -info"]
    with Server(program=program, users=users) as server, talk_to(server.port) as talk:
        talk.ask("AUTH", "blind", "blind", wait_s=WAIT_S)
        facts = introduce(talk, target_of(server), deep=False, wait_s=WAIT_S)

    info = info_of(facts)
    assert (info.source, info.role, info.cluster_enabled) == ("ROLE", "primary", False)
    assert info.clock_offset_s is not None
    assert "INFO is refused" in hidden(facts)["ServerInfo"]


def test_where_info_and_cluster_are_refused_nothing_is_said_of_the_server() -> None:
    """A record that keeps the cluster to itself would read as if there were none."""
    users = ["blind on >blind ~* +@all -info -cluster"]
    with Server(users=users) as server, talk_to(server.port) as talk:
        talk.ask("AUTH", "blind", "blind", wait_s=WAIT_S)
        facts = introduce(talk, target_of(server), deep=False, wait_s=WAIT_S)

    assert not any(isinstance(fact, ServerInfo) for fact in facts)


def test_on_azure_nobody_misses_the_configuration() -> None:
    """CONFIG is closed to everybody there; what it would say is in the manual."""
    with Server(without=["CONFIG"]) as server:
        with talk_to(server.port) as talk:
            elsewhere = introduce(talk, target_of(server), deep=False, wait_s=WAIT_S)
        with talk_to(server.port) as talk:
            azure = introduce(talk, target_of(server, service="acr"), deep=False, wait_s=WAIT_S)

    assert "unknown command" in hidden(elsewhere)["the server's idle time-out"]
    assert not hidden(azure)
    assert "CONFIG GET" not in outcomes(azure)


@pytest.mark.parametrize("protocol", ["2", "3"])
def test_the_idle_time_out_is_read_in_either_protocol(protocol: str) -> None:
    """A list in one, a map in the other."""
    with Server(config=["timeout 300"]) as server, talk_to(server.port) as talk:
        talk.ask("HELLO", protocol, wait_s=WAIT_S)
        facts = introduce(talk, target_of(server), deep=True, wait_s=WAIT_S)

    assert info_of(facts).idle_timeout_s == 300
    assert info_of(facts).role == "primary"
    assert isinstance(one(facts, ClientList), ClientList)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_replica_names_its_primary(program: str) -> None:
    """And whether it is in touch with it."""
    with (
        Server(program=program) as primary,
        Server(program=program, replica_of=primary) as replica,
        talk_to(replica.port) as talk,
    ):
        until = time.monotonic() + WAIT_S
        while True:
            info = info_of(introduce(talk, target_of(replica), deep=False, wait_s=WAIT_S))
            if info.primary_link == "up" or time.monotonic() > until:
                break
        assert (info.role, info.primary_host, info.primary_port) == (
            "replica",
            HERE,
            primary.port,
        )
        assert info.primary_link == "up"
        with talk_to(primary.port) as other:
            facts = introduce(other, target_of(primary), deep=False, wait_s=WAIT_S)
        assert info_of(facts).connected_replicas == 1


def test_a_reply_that_never_comes_is_seen_at_the_command_that_waits_for_it() -> None:
    """A PONG is small; what INFO says may be too large for the path."""

    def meet(conn: socket.socket) -> None:
        conn.recv(65536)
        conn.sendall(b"+PONG\r\n")
        listen(conn)

    with talk_with(meet) as talk:
        facts = introduce(talk, target_of(1), deep=True, wait_s=SOON_S)

    assert outcomes(facts) == {"PING": "ok", "INFO": "silent"}
    assert set(hidden(facts)) == {"ServerInfo", "ClientList"}


@pytest.mark.parametrize(
    ("extra", "product", "version"),
    [
        ("valkey_version:8.1.0\r\nredis_version:7.2.4", "valkey", "8.1.0"),
        ("redis_version:7.4.2\r\nrlec_version:7.22.0-28", "redis-enterprise", "7.22.0-28"),
        ("redis_version:7.4.0\r\ndragonfly_version:df-v1.23.0", "dragonfly", "df-v1.23.0"),
        ("redis_version:6.0.14", "redis", "6.0.14"),
        ("redis_version:6.0.14\r\nused_memory:\u00b2\u00b3\r\nmaxclients:-", "redis", "6.0.14"),
    ],
)
def test_products_are_told_apart(extra: str, product: str, version: str) -> None:
    """By the field that only one of them has."""
    text = f"# Server\r\n{extra}\r\n".encode()
    with talk_with(
        answer_each(b"+PONG\r\n", b"$%d\r\n%b\r\n-ERR\r\n-ERR\r\n" % (len(text), text))
    ) as talk:
        info = info_of(introduce(talk, target_of(1), deep=False, wait_s=WAIT_S))

    assert (info.product, info.version) == (product, version)
    assert (info.used_memory_bytes, info.max_clients, info.role) == (None, None, None)


# --- who else is connected ---------------------------------------------------------------------


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_clients_are_counted_by_address_and_name(program: str) -> None:
    """The list says who has all the connections."""
    with Server(program=program) as server, contextlib.ExitStack() as guests:
        for number in range(5):
            guest = guests.enter_context(talk_to(server.port))
            guest.ask("CLIENT", "SETNAME", "cart" if number < 3 else "till", wait_s=WAIT_S)
        with talk_to(server.port) as talk:
            clients = one(introduce(talk, target_of(server), deep=True, wait_s=WAIT_S), ClientList)

    assert isinstance(clients, ClientList)
    assert (clients.total, clients.mine, clients.idle_over_300_s) == (6, 6, 0)
    assert clients.by_address == ((HERE, 6),)
    assert clients.by_name == (("cart", 3), ("till", 2), ("", 1))


def test_mine_are_those_from_our_own_address() -> None:
    """As the server sees it, which need not be how we see ourselves."""
    rows = [
        "id=7 addr=203.0.113.9:5001 name= idle=0 cmd=client|list",
        "id=8 addr=203.0.113.9:5002 name= idle=301 cmd=get",
        "id=9 addr=[2001:db8::1]:5002 name=x idle=9 cmd=get",
    ]
    text = "\n".join(rows).encode()
    second = b"$8\r\nrole:x\r\n\r\n-ERR\r\n-ERR\r\n:7\r\n"
    third = b"$%d\r\n%b\r\n" % (len(text), text)
    with talk_with(answer_each(b"+PONG\r\n", second, third)) as talk:
        clients = one(introduce(talk, target_of(1), deep=True, wait_s=WAIT_S), ClientList)

    assert isinstance(clients, ClientList)
    assert (clients.total, clients.mine, clients.idle_over_300_s) == (3, 2, 1)
    assert clients.by_address == (("203.0.113.9", 2), ("[2001:db8::1]", 1))


def test_a_crowd_is_not_listed() -> None:
    """The list of thirty thousand would be larger than what we read."""
    text = b"connected_clients:30000"
    second = b"$%d\r\n%b\r\n-ERR\r\n-ERR\r\n:7\r\n" % (len(text), text)
    with talk_with(answer_each(b"+PONG\r\n", second)) as talk:
        facts = introduce(talk, target_of(1), deep=True, wait_s=SOON_S)

    assert hidden(facts)["ClientList"].startswith("30000 clients are connected")
    assert not talk.is_over


# --- writes that write nothing -----------------------------------------------------------------


def keys_of(server: Server) -> object:
    """Return how many keys there are."""
    return server.command("DBSIZE")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_dry_write_leaves_nothing(program: str) -> None:
    """It runs, and makes neither a key nor a change to save or to tell replicas of."""
    with Server(program=program) as server, talk_to(server.port) as talk:
        seen = resp.dry_write(talk, WAIT_S)
        said = server.command("INFO", "everything")

        assert (seen.command, seen.outcome, seen.reply) == ("SETRANGE", "ok", "0")
        assert keys_of(server) == 0
    assert isinstance(said, bytes)
    assert b"rdb_changes_since_last_save:0" in said
    assert b"master_repl_offset:0" in said
    assert b"cmdstat_setrange:calls=1" in said


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_full_server_refuses_the_dry_write(program: str) -> None:
    """OOM, and the server has not run it."""
    with Server(program=program, data={"filling": b"x" * 3_000_000}) as server:
        server.command("CONFIG", "SET", "maxmemory", 3_000_000)
        server.command("CONFIG", "RESETSTAT")
        with talk_to(server.port) as talk:
            info = info_of(introduce(talk, target_of(server), deep=False, wait_s=WAIT_S))
            seen = resp.dry_write(talk, WAIT_S)
        stats = server.command("INFO", "commandstats")

        assert (seen.outcome, seen.error_code) == ("error", "OOM")
        assert keys_of(server) == 1
    assert (info.max_memory_bytes, info.eviction_policy) == (3_000_000, "noeviction")
    assert info.used_memory_bytes is not None
    assert info.used_memory_bytes > 3_000_000
    assert isinstance(stats, bytes)
    assert b"cmdstat_setrange:calls=0" in stats
    assert b"rejected_calls=1" in stats


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_replica_refuses_the_dry_write(program: str) -> None:
    """READONLY."""
    with (
        Server(program=program) as primary,
        Server(program=program, replica_of=primary) as replica,
        talk_to(replica.port) as talk,
    ):
        seen = resp.dry_write(talk, WAIT_S)

    assert (seen.outcome, seen.error_code) == ("error", "READONLY")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_server_in_want_of_replicas_refuses_the_dry_write(program: str) -> None:
    """NOREPLICAS."""
    with (
        Server(program=program, config=["min-replicas-to-write 1"]) as server,
        talk_to(server.port) as talk,
    ):
        seen = resp.dry_write(talk, WAIT_S)

    assert (seen.outcome, seen.error_code) == ("error", "NOREPLICAS")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_server_that_cannot_save_refuses_the_dry_write(program: str) -> None:
    """MISCONF, once a snapshot has failed."""
    with Server(program=program, config=["save 3600 1"]) as server, talk_to(server.port) as talk:
        server.command("SET", "one", "change")
        folder = server.file("dump.rdb")
        folder.mkdir()  # a file cannot be put where a folder is
        server.command("BGSAVE")
        until = time.monotonic() + WAIT_S
        while True:
            info = info_of(introduce(talk, target_of(server), deep=False, wait_s=WAIT_S))
            if info.snapshot_status == "err" or time.monotonic() > until:
                break
        seen = resp.dry_write(talk, WAIT_S)
        folder.rmdir()

    assert info.snapshot_status == "err"
    assert (seen.outcome, seen.error_code) == ("error", "MISCONF")


# --- pace and quiet ----------------------------------------------------------------------------


def test_the_pace_is_a_few_round_trips(talk: Conversation) -> None:
    """One after the other."""
    seen = resp.pace(talk, 4)

    assert seen is not None
    assert len(seen.round_trips_ms) == 4
    assert sum(seen.round_trips_ms) <= seen.took_ms


def test_a_server_that_falls_silent_has_the_pace_it_had() -> None:
    """And none where it never answered."""
    with talk_with(answer_each(b"+PONG\r\n", b"+PONG\r\n")) as talk:
        seen = resp.pace(talk, 5)
    with talk_with(listen) as talk:
        unpaced = resp.pace(talk, 5, wait_s=SOON_S)

    assert seen is not None
    assert len(seen.round_trips_ms) == 2
    assert unpaced is None


def test_a_quiet_connection_that_lives_still_answers(talk: Conversation) -> None:
    """Quiet for the whole time, and then a PONG."""
    seen = resp.hold_idle(talk, SOON_S, wait_s=WAIT_S)

    assert seen.outcome == "ok"
    assert SOON_S <= seen.idle_s < SOON_S + 0.5


def test_a_server_that_closes_idle_connections_is_caught_in_the_act() -> None:
    """Redis's own time-out, which it looks after once a second."""
    with Server(config=["timeout 1"]) as server, talk_to(server.port) as talk:
        talk.ask("PING", wait_s=WAIT_S)
        seen = resp.hold_idle(talk, 10.0, wait_s=WAIT_S)

    assert seen.outcome == "closed"
    assert 0.9 < seen.idle_s < 5.0
    assert talk.is_over


def test_a_reset_while_quiet_is_a_reset() -> None:
    """A middlebox that tears down what it finds idle."""

    def meet(conn: socket.socket) -> None:
        time.sleep(0.1)
        reset(conn)

    with talk_with(meet) as talk:
        seen = resp.hold_idle(talk, WAIT_S, wait_s=WAIT_S)

    assert seen.outcome == "reset"
    assert 0.05 < seen.idle_s < 2.0


def test_a_connection_that_is_forgotten_shows_at_the_next_question() -> None:
    """Nobody told us; the PING goes nowhere."""
    with talk_with(listen) as talk:
        seen = resp.hold_idle(talk, SOON_S, wait_s=SOON_S)

    assert seen.outcome == "silent"
    assert seen.idle_s < 2 * SOON_S


def test_half_a_push_does_not_spoil_the_pong() -> None:
    """What comes while we are quiet may be cut in the middle."""

    def meet(conn: socket.socket) -> None:
        conn.sendall(b">2\r\n+noise\r\n")
        conn.recv(65536)
        conn.sendall(b":1\r\n+PONG\r\n")
        listen(conn)

    with talk_with(meet) as talk:
        assert resp.hold_idle(talk, SOON_S, wait_s=WAIT_S).outcome == "ok"


def test_a_user_that_may_not_ping_is_answered_all_the_same() -> None:
    """NOPERM came over a living connection."""
    with Server(users=["mute on >mute ~* +@all -ping"]) as server, talk_to(server.port) as talk:
        talk.ask("AUTH", "mute", "mute", wait_s=WAIT_S)
        assert resp.hold_idle(talk, 0.05, wait_s=WAIT_S).outcome == "ok"
        assert resp.pace(talk, 2) is not None


# --- whatever a server may say -----------------------------------------------------------------

REPLIES = st.sampled_from(
    [
        b"+PONG\r\n",
        b"+PONG\r\n$20\r\nredis_version:7.0.15\r\n*2\r\n$1\r\n1\r\n$1\r\n2\r\n*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n",
        b"+OK\r\n+PONG\r\n:1\r\n",
        b"-NOPERM no\r\n-NOPERM no\r\n-NOPERM no\r\n*1\r\n$6\r\nmaster\r\n-NOPERM no\r\n",
        b"%1\r\n+a\r\n+b\r\n*-1\r\n$-1\r\n_\r\n,1.5\r\n#t\r\n",
        b"+PONG\r\n*0\r\n*0\r\n*0\r\n*0\r\n*1\r\n*0\r\n",
        b"+PONG\r\n-ERR unknown command\r\n:5\r\n:6\r\n:7\r\n*1\r\n:7\r\n:8\r\n$9\r\nid=7 a=b \r\n",
    ]
)


class Script:
    """A channel on which everything has been said already."""

    def __init__(self, data: bytes) -> None:
        self.pieces = [data[at : at + 7] for at in range(0, len(data), 7)]

    def send(self, data: bytes) -> None:
        """Take the question, and don't listen."""

    def recv(self, wait_s: float) -> bytes:  # noqa: ARG002 - as channels have it
        """Say the next piece, then nothing more."""
        return self.pieces.pop(0) if self.pieces else b""


@given(
    said=st.one_of(mutated(REPLIES), REPLIES, st.binary(max_size=200)),
    deep=st.booleans(),
    db=st.sampled_from([None, 3]),
)
@settings(max_examples=200)
def test_whatever_is_said_becomes_facts_that_can_be_saved(
    said: bytes, deep: bool, db: int | None
) -> None:
    """No reply is so strange that it raises."""
    talk = Conversation(Script(said), address=HERE, port=1, vantage="here")
    facts = [*introduce(talk, target_of(1, db=db), deep=deep, wait_s=SOON_S)]
    for more in (resp.dry_write(talk, SOON_S), resp.pace(talk, 2), resp.dry_read(talk, "k", 0.1)):
        facts += [more] if more is not None else []

    for fact in facts:
        assert isinstance(fact, (Observation, Unseen))
        assert type(fact).from_json(fact.to_json()) == fact
        assert not isinstance(fact, RedisReply) or fact.error_text.isprintable()


# --- the one write --------------------------------------------------------------------------------


def test_a_round_trip_writes_reads_and_leaves_nothing(server: Server, talk: Conversation) -> None:
    """The key is gone afterwards."""
    with talk_to(server.port) as other:  # it has keys of other tests
        before = other.ask("DBSIZE", wait_s=WAIT_S)[0]
        seen = resp.round_trip(talk, WAIT_S)
        after = other.ask("DBSIZE", wait_s=WAIT_S)[0]

    assert (seen.step, seen.outcome) == ("DEL", "ok")
    assert before == after


def test_a_round_trip_that_gets_another_value_back_is_lost() -> None:
    """A front that answers something is not a cache that keeps something."""
    with talk_with(answer_each(b"+OK\r\n", b"$5\r\nwrong\r\n", b":1\r\n")) as talk:
        seen = resp.round_trip(talk, WAIT_S)

    assert (seen.step, seen.outcome) == ("GET", "lost")


def test_a_round_trip_says_where_a_write_is_refused() -> None:
    """With the server's own words."""
    with talk_with(
        answer_each(b"-READONLY You can't write against a read only replica.\r\n")
    ) as talk:
        seen = resp.round_trip(talk, WAIT_S)

    assert (seen.step, seen.outcome) == ("SET", "error")
    assert seen.error_text.startswith("READONLY")
