"""Texts in, causes out: what speaks for what, and what speaks for nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import refused
from refused.api import explain, read_text
from refused.report import schema

if TYPE_CHECKING:
    from refused.report import Report

COUNTERS = (
    "Timeout performing GET (5000ms), next: GET user:1, inst: 1, qu: 0, qs: {qs}, aw: False, rs: {rs}, ws: Idle, "
    "in: {waiting}, serverEndpoint: {endpoint}, mc: 1/1/0, mgr: 10 of 10 available, "
    "IOCP: (Busy=0,Free=1000,Min=4,Max=1000), WORKER: (Busy={busy},Free=900,Min={ready},Max=1000), v: 2.6.122"
)


def timeout(
    *,
    qs: int = 3,
    rs: str = "ReadAsync",
    waiting: int = 0,
    busy: int = 1,
    ready: int = 4,
    endpoint: str = "contoso.redis.cache.windows.net:6380",
) -> Report:
    """Explain a time-out of StackExchange.Redis with these counts."""
    return explain(
        COUNTERS.format(qs=qs, rs=rs, waiting=waiting, busy=busy, ready=ready, endpoint=endpoint)
    )


def first(text: str) -> str:
    """Return the cause that stands first for *text*."""
    causes = explain(text).causes
    return causes[0].id if causes else ""


def share(report: Report, cause: str) -> float:
    """Return what a cause is worth in a report."""
    return next((each.probability for each in report.causes if each.id == cause), 0.0)


def test_a_message_that_names_its_cause_is_a_fault() -> None:
    """The package's front door does it in one call."""
    report = refused.explain(
        "ReplyError: NOPERM this user has no permissions to run the 'keys' command"
    )

    assert report.verdict == "fault"
    assert report.causes[0].id == "auth-acl-no-permission"
    assert report.causes[0].certainty == "likely"


def test_hearsay_confirms_nothing() -> None:
    """However plain the words are."""
    report = explain("(error) OOM command not allowed when used memory > 'maxmemory'.")

    assert {cause.certainty for cause in report.causes} <= {"likely", "possible"}
    assert any("hearsay" in note for note in report.diagnosis.notes)


@pytest.mark.parametrize(
    "text",
    [
        "Error: read ECONNRESET",
        "redis.exceptions.TimeoutError: Timeout reading from socket",
        "io.lettuce.core.RedisCommandTimeoutException: Command timed out after 1 minute(s)",
        "RedisException: read error on connection",
        "It was not possible to connect to the redis server(s). ConnectTimeout",
        "[ioredis] Unhandled error event: Error: connect ETIMEDOUT",
        "Redis::TimeoutError: Connection timed out",
    ],
)
def test_what_fits_several_causes_names_none(text: str) -> None:
    """They are listed, with what each is worth, and one look that would tell more."""
    report = explain(text)

    assert report.verdict == "inconclusive"
    assert len(report.causes) >= 3
    assert report.causes[0].probability < 0.5
    assert "cannot tell" in report.to_text()
    assert report.diagnosis.next_check is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Ready to accept connections tcp",
        "[INFO] Redis connected\n[INFO] Redis is ready",
        "127.0.0.1:6379> PING\nPONG",
        "rejected_connections:0\nrdb_last_bgsave_status:ok",
        "Error: connect ECONNREFUSED 127.0.0.1:5432",
        "psycopg2.OperationalError: could not connect to server: Connection refused, port 5432",
        'Get "https://10.0.0.1:443/api": dial tcp 10.0.0.1:443: i/o timeout',
        "npm ERR! request to https://registry.invalid/redis failed, reason: read ECONNRESET",
        "kafka: dial tcp 10.0.0.1:9092: connect: connection refused",
        "ssh: connect to host 10.0.0.1 port 22: Connection refused",
        "Done: Cache for Redis: one (15m24s)",
        "TID-abc ERROR sidekiq: PG::ConnectionBad: could not connect to server: Connection refused",
        "consumer: Cannot connect to amqp://guest@127.0.0.1:5672//: [Errno 111] Connection refused. celery",
        "bullmq: job 12 failed: AxiosError: connect ECONNREFUSED 127.0.0.1:3000",
        "Error: getaddrinfo ENOTFOUND api.example.com",
        "cluster_state:ok\ncluster_slots_fail:0\nmaster_link_status:up",
    ],
)
def test_healthy_and_foreign_lines_name_no_cause(text: str) -> None:
    """To mention Redis is no error, and another service's refusal is not Redis's."""
    report = explain(text)

    assert report.causes == ()
    assert report.verdict == "inconclusive"
    assert "no failed Redis connection" in report.to_text()


def test_a_foreign_line_beside_a_failing_one_is_a_circumstance() -> None:
    """When everything times out, it is not the cache."""
    alone = explain("[ioredis] Unhandled error event: Error: connect ETIMEDOUT")
    beside = explain(
        "[ioredis] Unhandled error event: Error: connect ETIMEDOUT\n"
        "FetchError: request to https://api.invalid/rates failed, reason: connect ETIMEDOUT 203.0.113.9:443"
    )

    assert beside.causes[0].id == "snat-port-exhaustion"
    assert share(alone, "snat-port-exhaustion") < 0.1


def test_busy_threads_speak_for_starvation() -> None:
    """More busy than kept ready: that is what the counters are printed for."""
    assert timeout(busy=60).causes[0].id == "client-threadpool-starvation"
    assert timeout(busy=1).causes[0].id != "client-threadpool-starvation"


def test_a_full_receive_buffer_speaks_for_a_large_reply() -> None:
    """65536 bytes lie unread: somebody sends much."""
    assert timeout(waiting=65536).causes[0].id == "large-payload-or-slow-command"


def test_a_reader_that_never_started_speaks_for_a_connection_that_never_was() -> None:
    """No slow command: nothing was ever sent."""
    report = timeout(rs="NotStarted")

    assert report.causes[0].id in ("firewall-ip-blocked", "vnet-nsg-blocked")
    assert share(report, "server-overloaded") < share(timeout(), "server-overloaded")


def test_an_unanswered_write_of_minutes_speaks_for_a_dead_peer() -> None:
    """And one of a second does not."""
    line = (
        "SocketFailure on contoso.redis.cache.windows.net:6380/Interactive, Idle, last: GET, outstanding: 9, "
        "last-read: {s}s ago, unanswered-write: {s}s ago, keep-alive: 60s, state: ConnectedEstablished, mgr: 9 of 10 available"
    )

    assert first(line.format(s=900)) == "linux-tcp-stall"
    assert first(line.format(s=1)) == "server-failover-maintenance"


@pytest.mark.parametrize(
    ("endpoint", "cause"),
    [
        ("10.1.2.3:15001", "cluster-topology-unreachable"),
        ("10.1.2.3:8501", "cluster-topology-unreachable"),
        ("10.1.2.3:6379", "vnet-nsg-blocked"),
    ],
)
def test_ports_and_addresses_say_different_things(endpoint: str, cause: str) -> None:
    """A node's own port is handed out by the cluster; a private address has no firewall of the cache's."""
    report = explain(f"redis: dial tcp {endpoint}: i/o timeout")

    assert report.causes[0].id == cause
    assert share(report, "firewall-ip-blocked") < 0.05


def test_the_plain_port_of_a_cache_speaks_for_itself() -> None:
    """6379 is closed on Azure Cache for Redis unless its owner opened it."""
    line = "redis.exceptions.ConnectionError: Error 110 connecting to contoso.redis.cache.windows.net:{}. Connection timed out."

    assert first(line.format(6379)) == "non-ssl-port-disabled"
    assert first(line.format(6380)) != "non-ssl-port-disabled"


def test_a_client_for_node_that_dials_its_own_host_was_told_of_no_other() -> None:
    """Others are told to dial localhost by whoever set them up."""
    assert first("[ioredis] Error: connect ECONNREFUSED 127.0.0.1:6379") == "wrong-hostname"
    refusal = "redis.exceptions.ConnectionError: Error 111 connecting to localhost:6379. Connection refused."
    assert first(refusal) == "local-server-not-running"


def test_the_loudest_error_is_not_the_cause() -> None:
    """A wrapper tells that something failed; what is inside tells what."""
    text = (
        "RedisConnectionException: It was not possible to connect to the redis server(s). "
        "There was an authentication failure; check that passwords (or client certificates) are configured correctly\n"
        " ---> System.Security.Authentication.AuthenticationException: The remote certificate is invalid: RemoteCertificateNameMismatch"
    )

    assert first(text) == "tls-hostname-mismatch"


def test_a_refused_token_endpoint_is_not_a_refused_cache() -> None:
    """The refused end is the identity service."""
    text = (
        "StackExchange.Redis.RedisConnectionException: authentication failed\n"
        " ---> Azure.Identity.CredentialUnavailableException: ManagedIdentityCredential authentication unavailable\n"
        " ---> System.Net.Sockets.SocketException: Connection refused (169.254.169.254:80)"
    )

    assert first(text) == "auth-entra-misconfigured"


def test_a_steady_pace_speaks_for_an_idle_limit() -> None:
    """Closed every ten minutes, on the minute."""
    lines = "\n".join(
        f"2024-05-01 10:{minute:02}:00 ERROR redis: Socket closed unexpectedly"
        for minute in (0, 10, 20, 30)
    )
    at_once = "\n".join(
        f"2024-05-01 10:00:0{second} ERROR redis: Socket closed unexpectedly" for second in range(4)
    )

    assert first(lines) == "idle-timeout"
    assert share(explain(lines), "idle-timeout") > share(explain(at_once), "idle-timeout") + 0.2


def test_two_faults_far_apart_are_two_findings() -> None:
    """One does not halve the other."""
    filler = "\n".join("INFO all is well" for _ in range(50))
    report = explain(
        f"redis: OOM command not allowed when used memory > 'maxmemory'.\n{filler}\n"
        "redis: WRONGPASS invalid username-password pair or user is disabled."
    )

    assert {each.id for each in report.causes if each.probability > 0.5} == {
        "memory-pressure-oom",
        "auth-wrong-key",
    }


def test_the_report_is_the_one_of_diagnose() -> None:
    """Same schema, with or without an endpoint in the text."""
    jsonschema = pytest.importorskip("jsonschema")
    for text in ("Error: read ECONNRESET", "", "Error: connect ECONNREFUSED 10.1.2.3:6379"):
        data = explain(text).to_data()
        jsonschema.validate(data, schema())
        assert (data["target"] is None) is ("10.1.2.3" not in text)


def test_the_text_names_its_target() -> None:
    """As far as it does; the port that it does not name is the service's."""
    target = explain("Error: getaddrinfo ENOTFOUND contoso.redis.cache.windows.net").bundle.target

    assert (target.host, target.port, target.service) == (
        "contoso.redis.cache.windows.net",
        6380,
        "acr",
    )
    assert not target.port_given


def test_a_saved_bundle_of_a_text_is_judged_the_same() -> None:
    """On Monday, too."""
    from refused.api import judge
    from refused.evidence.bundle import Bundle

    report = timeout(busy=60)
    again = judge(Bundle.from_json(report.bundle.to_json()))

    assert again.to_data()["causes"] == report.to_data()["causes"]


@pytest.mark.shared
def test_accuracy_has_not_fallen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Below what is promised of texts that name their cause, point to it, or fit several."""
    from importlib import util
    from pathlib import Path

    from tests.conftest import SHARED

    monkeypatch.setenv("REFUSED_SHARED", str(SHARED))
    place = Path(__file__).parents[2] / "docs" / "build_accuracy.py"
    spec = util.spec_from_file_location("build_accuracy", place)
    assert spec is not None
    assert spec.loader is not None
    accuracy = util.module_from_spec(spec)
    spec.loader.exec_module(accuracy)
    answers, _ = accuracy.cross_validated(accuracy.cases())
    reached = {
        grade: sum(each.is_right for each in answers if each.case.grade == grade)
        / sum(each.case.grade == grade for each in answers)
        for grade in accuracy.GRADES
    }

    assert reached["names"] >= 0.95
    assert reached["points"] >= 0.85
    assert reached["silent"] >= 0.55
    assert reached["unknown"] >= 0.8
    assert reached["decoy"] >= 0.9


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("Could not connect to Redis at 127.0.0.1:6379: Connection refused", False),
        ("redis: connect ECONNREFUSED 10.0.0.4:6379", False),
        ("redis: connect ECONNREFUSED 20.42.65.90:6379", False),
        ("[ioredis] Unhandled error event: Error: getaddrinfo ENOTFOUND redis-prod", False),
        ("redis: getaddrinfo ENOTFOUND cache.shop.svc.cluster.local", False),
        ("redis: getaddrinfo ENOTFOUND contoso.redis.cache.windows.net", True),
    ],
)
def test_a_public_resolver_is_asked_for_public_names_alone(text: str, asks: bool) -> None:
    """It knows no address, and no name that is kept inside."""
    chosen = explain(text).diagnosis.next_check

    assert chosen is not None
    assert (chosen.check.id == "other-resolver") is asks


@pytest.mark.parametrize(
    "foreign",
    [
        "ERROR memcached: connect ECONNREFUSED 127.0.0.1:11211",
        "Error: connect ECONNREFUSED 10.0.0.3:3306",
        "Connection refused (169.254.169.254:80)",
    ],
)
@pytest.mark.parametrize("comes_first", [False, True])
def test_where_another_service_was_dialled_redis_was_not(foreign: str, comes_first: bool) -> None:
    """Its endpoint is no target of ours, and the next look does not go there."""
    lines = ["redis GET failed: NOAUTH Authentication required", foreign]
    report = explain("\n".join(reversed(lines) if comes_first else lines))

    assert report.bundle.target.host == ""
    assert report.bundle.target.text == "HOST:PORT"


@pytest.mark.parametrize(
    "text",
    [
        "redis up; mysql: connect ECONNREFUSED 10.0.0.3:3306",
        "INFO redis ok, postgres connection refused at db.example.com:5432",
        "ioredis ready. amqplib: connect ECONNREFUSED 10.0.0.3:5672",
    ],
)
def test_a_line_that_mentions_redis_and_dials_another_by_name_and_port_is_the_others(
    text: str,
) -> None:
    """A client of Redis that dials such a port has nobody else's name beside it."""
    assert explain(text).causes == ()
    assert explain("go-redis: dial tcp 10.0.0.3:3306: connect: connection refused").causes


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("redis: OOM command not allowed, on @user_script:233.", "HOST:PORT"),
        ("Redix: (EXIT) time out\n    (poolboy) poolboy.erl:63: :poolboy.checkout/3", "HOST:PORT"),
        ("redis: ERR max number of clients reached\nconnected_clients:10000\n", "HOST:PORT"),
        ("redis: connection pool timeout\n at http://localhost:3000/x", "HOST:PORT"),
        ("http: panic serving 10.1.0.9:51822: redigo: connection pool exhausted", "HOST:PORT"),
        ("redis.exceptions.ResponseError: illegal address: 203.0.113.8:51422", "HOST:PORT"),
        ("redis: failed to lookup address information: Try again", "HOST:PORT"),
        ("Cannot assign host: Failed to resolve host name cache (redis)", "cache:6379"),
        (
            "redis: CERT_INVALID, fingerprint: '44:1F:C9:D9:92:84:3A:70:19:82:DA:02:17:34',",
            "HOST:PORT",
        ),
        (
            "re-authentication to 'Unspecified/contoso.redis.cache.windows.net:6380' failed: WRONGPASS",
            "contoso.redis.cache.windows.net:6380",
        ),
        (
            "redis: accept{peer.addr=172.16.3.3:53432 target.addr=172.19.2.7:6379}: Connection refused",
            "172.19.2.7:6379",
        ),
        ("dial redis://:pw@cache:7777: connection refused", "cache:7777"),
        ("dial http://10.0.0.5:6379: redis: connection refused", "10.0.0.5:6379"),
        ("redis: connect ECONNREFUSED ::1:6379", "[::1]:6379"),
    ],
)
def test_the_target_is_what_was_dialled(text: str, target: str) -> None:
    """Not a script, a line of a file, a counter, a hash sum, a page, or the client itself."""
    assert explain(text).bundle.target.text == target


@pytest.mark.parametrize(
    ("lines", "target"),
    [
        (("10.0.0.1:6379", "cache.example.net:6380"), "cache.example.net:6380"),
        (("one.example.net:7001", "two.example.net:7002"), "one.example.net:7001"),
        (("10.0.0.1:6381", "10.0.0.2:6382"), "10.0.0.1:6381"),
    ],
)
def test_a_host_has_its_own_port(lines: tuple[str, str], target: str) -> None:
    """Of two endpoints no third one is made."""
    text = "\n".join(f"ioredis: connect ECONNREFUSED to {each}" for each in lines)

    assert explain(text).bundle.target.text == target


def test_a_port_without_a_name_is_the_only_hosts() -> None:
    """One line names the host, the other dials its address."""
    report = explain(
        "redis: lookup cache.example.net: no such host\nredis: dial tcp 10.0.0.1:6390: connection refused"
    )

    assert report.bundle.target.text == "cache.example.net:6390"


def test_an_address_of_ipv6_can_be_pasted_into_the_next_look() -> None:
    """In brackets where a port follows, and bare where none does."""
    report = explain("redis: connect ECONNREFUSED fd00::7:6380")

    assert report.command("refused diagnose {target}") == "refused diagnose '[fd00::7]:6380'"
    assert report.command("x -connect {host}:{port}") == "x -connect [fd00::7]:6380"
    assert report.command("x -h {host} -p {port}") == "x -h fd00::7 -p 6380"


@pytest.mark.parametrize(
    "line",
    [
        "    ✓ redis: rejects with WRONGPASS when the password is wrong (4 ms)",
        "2026-05-04T08:12:44.1234567Z  ✔ ioredis: connect ECONNREFUSED 10.0.0.1:6379 is retried",
        "ok 12 - redis client rejects with WRONGPASS",
        "PASS: redis test_noauth NOAUTH Authentication required",
        "test redis_answers::NOAUTH Authentication required ... ok",
        "tests/test_redis.py::test_error[NOAUTH Authentication required] PASSED [ 12%]",
    ],
)
def test_a_test_that_passed_is_no_error(line: str) -> None:
    """What it made fail was to fail."""
    assert explain(line).causes == ()


@pytest.mark.parametrize(
    "line",
    [
        "    ✗ redis: connect ECONNREFUSED 10.0.0.1:6379",
        "not ok 12 - redis: WRONGPASS invalid username-password pair",
        "FAILED tests/test_redis.py::test_get - NOAUTH Authentication required",
    ],
)
def test_a_test_that_failed_is_an_error(line: str) -> None:
    """It met what it tells of."""
    assert explain(line).causes


BAD_LOGIN = "StackExchange.Redis.RedisConnectionException: WRONGPASS invalid username-password pair"


@pytest.mark.parametrize(
    "text",
    [
        f"DefaultAzureCredential failed to retrieve a token: connect ECONNREFUSED 169.254.169.254:80\n{BAD_LOGIN}",
        f"Connection refused (169.254.169.254:80)\n{BAD_LOGIN}",
        f"ManagedIdentityCredential authentication failed: Connection refused (169.254.169.254:80)\n ---> {BAD_LOGIN}",
    ],
)
def test_a_refused_token_endpoint_comes_before_the_login_that_lacks_the_token(text: str) -> None:
    """With its port written behind it as well."""
    report = explain(text)

    assert report.causes[0].id == "auth-entra-misconfigured"
    assert report.verdict == "fault"


def test_the_other_service_is_called_by_its_host_and_port() -> None:
    """Not by whatever word stands near."""
    text = "Error: connect ECONNREFUSED 10.0.0.3:3306\nReplyError: WRONGPASS invalid username-password pair"
    (error,) = read_text(text)

    assert error.elsewhere == ("10.0.0.3:3306",)
