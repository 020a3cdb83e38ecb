"""One answer is good, or says why it is not; whatever the plane does, nothing is raised."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING

import pytest
import trustme

from refused.evidence.redaction import Secret
from refused.probes.azure import client
from refused.probes.azure.client import NoToken, Plane
from refused.probes.azure.endpoint import BadEndpoint, Endpoint, endpoint_of
from refused.probes.azure.raw import without_secrets
from refused.probes.azure.trust import proxy_for
from refused.probes.stopwatch import Deadline
from tests.conftest import LATE_S
from tests.probes.azure.planes import CACHE_ID, TOKEN, Papers, Reply, Scripted, error
from tests.probes.peers import Peer

if TYPE_CHECKING:
    from pathlib import Path

    from refused.evidence.control_plane import ArmAnswer
    from tests.probes.azure.planes import Asked

VERSION = "2024-11-01"
RULES = f"{CACHE_ID}/firewallRules"


def scripted(papers: Papers, *replies: Reply) -> Scripted:
    """Return a plane that gives each reply once, the last of them for ever."""
    left = list(replies)
    return Scripted(papers, lambda _: left.pop(0) if len(left) > 1 else left[0])


# --- an ordinary conversation ---------------------------------------------------------------------


def test_a_good_answer_is_read(papers: Papers) -> None:
    """The body is there, the token was sent, and the observation says what was asked."""
    with scripted(papers, Reply({"value": [1]})) as server:
        answer = server.plane().ask(RULES, VERSION)

    assert (answer.ok, answer.status, answer.body) == (True, 200, {"value": [1]})
    assert answer.stamp()["source"] == "ARM Microsoft.Cache/Redis/shop/firewallRules 2024-11-01"
    assert server.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert server.asked[0].query == {"api-version": VERSION}


def test_one_connection_carries_one_question_after_the_other(papers: Papers) -> None:
    """Nothing is opened anew while a connection is free."""
    with scripted(papers, Reply({})) as server:
        plane = server.plane()
        for _ in range(5):
            assert plane.ask(RULES, VERSION).ok
        plane.close()

    assert server.connections == 1


def test_a_connection_that_died_while_idle_costs_nothing(papers: Papers) -> None:
    """The next question goes over a new one."""
    with scripted(papers, Reply({}, headers={"Connection": "keep-alive"})) as server:
        plane = server.plane()
        assert plane.ask(RULES, VERSION).ok
        for sock in server._server._open:
            if isinstance(sock, ssl.SSLSocket):
                sock.shutdown(socket.SHUT_RDWR)
        assert plane.ask(RULES, VERSION).ok
        plane.close()

    assert server.connections == 2


def test_all_pages_of_a_list_are_read(papers: Papers) -> None:
    """A nextLink is followed as it was given."""

    def script(asked: Asked) -> Reply:
        if "$skiptoken" in asked.query:
            return Reply({"value": ["b"]})
        return Reply({"value": ["a"], "nextLink": f"{server.url}{RULES}?$skiptoken=1"})

    with Scripted(papers, script) as server:
        answer = server.plane().ask_all(RULES, VERSION)

    assert (answer.body["value"], answer.is_whole) == (["a", "b"], True)


@pytest.mark.parametrize(
    "link",
    ["https://elsewhere.example/x", "http://127.0.0.1/x", "https://127.0.0.1:1/x", "https://[", ""],
)
def test_no_token_follows_a_link_that_leads_elsewhere(papers: Papers, link: str) -> None:
    """The list is marked as not whole, and nobody else hears of us."""
    with scripted(papers, Reply({"value": ["a"], "nextLink": link})) as server:
        answer = server.plane().ask_all(RULES, VERSION)

    assert answer.body["value"] == ["a"]
    assert answer.is_whole is (link == "")
    assert len(server.asked) == 1


def test_a_list_without_end_is_not_read_for_ever(papers: Papers) -> None:
    """After so many pages it is left, and said to be incomplete."""

    def script(_: Asked) -> Reply:
        return Reply({"value": ["a"], "nextLink": f"{server.url}{RULES}?more=1"})

    with Scripted(papers, script) as server:
        answer = server.plane(20).ask_all(RULES, VERSION)

    assert answer.is_whole is False
    assert len(answer.body["value"]) == client.MOST_PAGES + 1


# --- denied, throttled, broken ----------------------------------------------------------------------


def test_a_denied_read_names_the_action_that_azure_names(papers: Papers) -> None:
    """What the message says outranks the table."""
    said = "The client 'x' does not have authorization to perform action 'Microsoft.Cache/redis/odd/read' over …"
    with scripted(papers, error(403, "AuthorizationFailed", said)) as server:
        gap = server.plane().ask(RULES, VERSION).unseen("FirewallRules")

    assert (gap.what, gap.why) == ("FirewallRules", "denied (403: AuthorizationFailed)")
    assert "Microsoft.Cache/redis/odd/read" in gap.how_to_see


def test_a_denied_read_names_the_action_of_the_table_where_azure_names_none(papers: Papers) -> None:
    """Who reads it can hand it to whoever gives out roles."""
    with scripted(papers, error(403, "Forbidden")) as server:
        gap = server.plane().ask(RULES, VERSION).unseen("FirewallRules")

    assert gap.how_to_see == (
        "the role needs Microsoft.Cache/redis/firewallRules/read on Redis/shop; the role Reader has it"
    )


def test_a_throttled_read_waits_as_long_as_it_is_asked_to(papers: Papers) -> None:
    """The second try comes no sooner than Retry-After says, and is good."""
    times: list[float] = []

    def script(_: Asked) -> Reply:
        times.append(time.monotonic())
        if len(times) == 1:
            return error(429, "TooManyRequests", Retry_After="1")
        return Reply({"value": []})

    with Scripted(papers, script) as server:
        answer = server.plane().ask(RULES, VERSION)

    assert answer.ok
    assert times[1] - times[0] >= 1.0


def test_while_one_is_throttled_nobody_else_asks(papers: Papers) -> None:
    """The wish to be asked less is for all of us."""
    times: list[float] = []

    def script(_: Asked) -> Reply:
        times.append(time.monotonic())
        if len(times) == 1:
            return error(429, "TooManyRequests", Retry_After="1")
        return Reply({})

    with Scripted(papers, script) as server:
        plane = server.plane()
        first = threading.Thread(target=plane.ask, args=(RULES, VERSION))
        first.start()
        while not plane._quiet_until:
            time.sleep(0.01)
        assert plane.ask(CACHE_ID, VERSION).ok
        first.join()

    assert min(times[1:]) - times[0] >= 1.0


def test_a_wait_that_is_longer_than_our_time_is_not_begun(papers: Papers) -> None:
    """Rather than sit it out, we say so."""
    with scripted(papers, error(429, "TooManyRequests", Retry_After="90")) as server:
        started = time.monotonic()
        gap = server.plane(3).ask(RULES, VERSION).unseen("FirewallRules")

    assert time.monotonic() - started < 3 + LATE_S  # and not ninety
    assert len(server.asked) == 1
    assert gap.why == "Azure asks to be asked less (429), and again in 90 s"


@pytest.mark.parametrize("word", ["Wed, 21 Oct 2015 07:28:00 GMT", "soon", "-4", "nan", "inf", ""])
def test_a_strange_retry_after_ends_somewhere(papers: Papers, word: str) -> None:
    """A date in the past, a word, no number at all: tried a few times, then left."""
    with scripted(papers, error(429, "TooManyRequests", Retry_After=word)) as server:
        answer = server.plane(1.2).ask(RULES, VERSION)

    assert not answer.ok
    assert 1 <= len(server.asked) <= client.MOST_TRIES


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_plane_that_fails_is_asked_again_and_then_left(papers: Papers, status: int) -> None:
    """Three times in all, and what is said names the status."""
    with scripted(papers, error(status, "InternalServerError")) as server:
        gap = server.plane().ask(RULES, VERSION).unseen("x")

    assert len(server.asked) == 3
    assert gap.why == f"the control plane itself failed ({status}: InternalServerError)"


def test_a_plane_that_fails_once_is_forgiven(papers: Papers) -> None:
    """The second answer counts."""
    with scripted(papers, error(500, "Oops"), Reply({"value": []})) as server:
        assert server.plane().ask(RULES, VERSION).ok


@pytest.mark.parametrize("status", [400, 429, 500])
def test_a_failed_read_names_the_action_that_it_needs(papers: Papers, status: int) -> None:
    """Whoever asks again, or has somebody ask, knows with what right."""
    with scripted(papers, error(status, "Trouble", Retry_After="60")) as server:
        gap = server.plane().ask(RULES, VERSION).unseen("FirewallRules")

    assert gap.how_to_see.endswith("; the read needs Microsoft.Cache/redis/firewallRules/read")


def test_half_an_answer_is_none(papers: Papers) -> None:
    """It may have been cut off before the rule that counts."""
    with scripted(papers, Reply({"value": ["a" * 400]}, cut_at=90)) as server:
        answer = server.plane().ask(RULES, VERSION)

    assert answer.body is None
    assert answer.why.startswith("the answer broke off after 90 of ")
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(raw=b'{"value": ['), "the answer is no whole JSON"),
        (Reply(raw=b"\xff\xfe\x00"), "the answer is no whole JSON"),
        (
            Reply(raw=b"<html>Sign in</html>", headers={"Content-Type": "text/html"}),
            "the answer is text/html, not JSON",
        ),
        (Reply(raw=b""), "the answer is empty"),
    ],
)
def test_what_is_no_json_is_no_answer(papers: Papers, reply: Reply, why: str) -> None:
    """A proxy's page with status 200 says nothing about a cache."""
    with scripted(papers, reply) as server:
        answer = server.plane().ask(RULES, VERSION)

    assert (answer.ok, answer.why) == (False, why)


def test_chunks_that_end_too_early_are_no_answer(papers: Papers) -> None:
    """Without a length, the last chunk is what tells that it is whole."""
    headers = {"Transfer-Encoding": "chunked", "Content-Length": ""}
    with scripted(papers, Reply(raw=b'5\r\n{"a":\r\n', headers=headers, cut_at=10)) as server:
        answer = server.plane().ask(RULES, VERSION)

    assert not answer.ok
    assert answer.body is None


def test_a_slow_plane_does_not_outlast_the_limit(papers: Papers) -> None:
    """The answer that has not come is unseen."""
    with scripted(papers, Reply({}, delay_s=3)) as server:
        answer = server.plane(0.5).ask(RULES, VERSION)

    assert answer.why == "the answer had not come when the time was up"


def test_an_answer_that_drips_does_not_outlast_the_limit(papers: Papers) -> None:
    """Each byte is in time, and all of them are not."""
    with scripted(papers, Reply({"value": "x" * 600}, drip_s=0.05)) as server:
        started = time.monotonic()
        answer = server.plane(0.5).ask(RULES, VERSION)

    assert answer.why == "the answer had not come to its end when the time was up"
    assert time.monotonic() - started < 0.5 + LATE_S


def test_a_redirection_takes_no_token_along(papers: Papers) -> None:
    """It is said, and not followed."""
    with scripted(
        papers, Reply(status=307, headers={"Location": "https://evil.example/"})
    ) as server:
        answer = server.plane().ask(RULES, VERSION)

    assert answer.why == "the answer leads elsewhere (307), where no token goes"
    assert len(server.asked) == 1


def test_after_a_token_was_refused_nobody_asks_again(papers: Papers) -> None:
    """Every further read has the same reason, without a word to Azure."""
    with scripted(papers, error(401, "ExpiredAuthenticationToken")) as server:
        plane = server.plane()
        first, second = plane.ask(RULES, VERSION), plane.ask(CACHE_ID, VERSION)

    assert first.why == second.why == "the token was not accepted (401: ExpiredAuthenticationToken)"
    assert "az login" in second.how
    assert len(server.asked) == 1


def test_what_azure_says_of_a_bad_request_is_kept_without_secrets(papers: Papers) -> None:
    """An error that repeats the token must not carry it into the report."""
    with scripted(papers, error(400, "BadRequest", f"odd header: Bearer {TOKEN}")) as server:
        gap = server.plane().ask(RULES, VERSION).unseen("x")

    assert gap.why.startswith("Azure would not answer (400: BadRequest)")
    assert TOKEN not in gap.why + gap.how_to_see


# --- trust --------------------------------------------------------------------------------------------


def test_a_plane_that_nobody_vouches_for_gets_no_token(papers: Papers, tmp_path: Path) -> None:
    """The reason names the certificate, and security is not lowered to get on."""
    stranger = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(stranger))
    with scripted(papers, Reply({})) as server:
        plane = server.plane(REQUESTS_CA_BUNDLE=str(stranger))
        gap = plane.ask(RULES, VERSION).unseen("x")
        again = plane.ask(CACHE_ID, VERSION)

    assert gap.why.startswith("the certificate of 127.0.0.1 is not trusted")
    assert "REQUESTS_CA_BUNDLE" in gap.how_to_see
    assert again.why == gap.why
    assert server.asked == []


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_variables_of_az_name_the_authority(papers: Papers, name: str) -> None:
    """Either of them does."""
    with scripted(papers, Reply({})) as server:
        made = Plane(
            Endpoint(server.url),
            lambda: Secret(TOKEN),
            deadline=Deadline(5),
            environ={name: papers.ca_file},
        )
        assert made.ask(RULES, VERSION).ok
        made.close()


def test_an_authority_that_cannot_be_read_is_said(papers: Papers, tmp_path: Path) -> None:
    """It costs the control plane, not the diagnosis."""
    (tmp_path / "empty.pem").write_text("")
    with scripted(papers, Reply({})) as server:
        answer = server.plane(REQUESTS_CA_BUNDLE=str(tmp_path / "empty.pem")).ask(RULES, VERSION)

    assert answer.why.startswith("REQUESTS_CA_BUNDLE: the CA file cannot be used")


def test_a_plane_that_is_not_there_is_tried_once() -> None:
    """What cannot be reached is not knocked at by every read anew."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        plane = Plane(
            Endpoint(f"https://127.0.0.1:{taken.getsockname()[1]}"),
            lambda: Secret(TOKEN),
            deadline=Deadline(5),
            environ={},
        )
        first, second = plane.ask(RULES, VERSION), plane.ask(CACHE_ID, VERSION)

    assert first.why == second.why == "127.0.0.1 cannot be reached: Connection refused"


def test_without_a_token_nothing_is_sent(papers: Papers) -> None:
    """The chain is asked once, and its complaint is everybody's reason."""
    calls = []

    def none() -> Secret:
        calls.append(1)
        raise NoToken("nobody is logged in", "az login")

    with scripted(papers, Reply({})) as server:
        plane = Plane(Endpoint(server.url), none, deadline=Deadline(5), environ={})
        gaps = [plane.ask(RULES, VERSION).unseen("x") for _ in range(3)]

    assert {(gap.why, gap.how_to_see) for gap in gaps} == {("nobody is logged in", "az login")}
    assert (len(calls), server.asked) == (1, [])


# --- where it is ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://management.azure.com",
        "management.azure.com",
        "https://",
        "https://user:pass@management.azure.com",
        "https://management.azure.com?x=1",
        "https://management.azure.com:port",
        "ftp://management.azure.com",
    ],
)
def test_an_endpoint_that_is_not_https_is_refused_in_one_line(url: str) -> None:
    """A token would travel in the open."""
    with pytest.raises(BadEndpoint) as refusal:
        endpoint_of({"REFUSED_ARM_ENDPOINT": url})

    assert "https" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert "pass" not in str(refusal.value)


def test_without_any_setting_it_is_public_azure() -> None:
    """Nothing is read from a home that is not there."""
    found = endpoint_of({})

    assert (found.url, found.cloud) == ("https://management.azure.com", "public")
    assert found.audience == "https://management.azure.com"


def test_the_cloud_that_az_has_active_is_asked(tmp_path: Path) -> None:
    """Government's tokens are for another audience than its endpoint."""
    (tmp_path / "config").write_text("[core]\nname = x\n[cloud]\nname = AzureUSGovernment\n")
    found = endpoint_of({"AZURE_CONFIG_DIR": str(tmp_path)})

    assert (found.url, found.cloud) == ("https://management.usgovcloudapi.net", "usgov")
    assert found.audience == "https://management.core.usgovcloudapi.net"
    assert found.authority == "https://login.microsoftonline.us"


def test_a_cloud_that_somebody_registered_is_asked(tmp_path: Path) -> None:
    """`az cloud register` leaves its endpoints in a file of its own."""
    (tmp_path / "config").write_text("[cloud]\nname = Stack\n")
    (tmp_path / "clouds.config").write_text(
        "[Other]\nendpoint_resource_manager = https://other.example\n"
        "[Stack]\nendpoint_resource_manager = https://arm.stack.example/\n"
        "endpoint_active_directory = https://login.stack.example\n"
        "endpoint_active_directory_resource_id = https://arm.stack.example/id/\n"
    )
    found = endpoint_of({"AZURE_CONFIG_DIR": str(tmp_path)})

    assert (found.url, found.cloud) == ("https://arm.stack.example", None)
    assert found.authority == "https://login.stack.example"
    assert found.audience == "https://arm.stack.example/id"


def test_the_variable_outranks_az(tmp_path: Path) -> None:
    """Whoever sets it means it."""
    (tmp_path / "config").write_text("[cloud]\nname = AzureChinaCloud\n")
    found = endpoint_of(
        {"AZURE_CONFIG_DIR": str(tmp_path), "REFUSED_ARM_ENDPOINT": "https://localhost:8443/"}
    )

    assert (found.host, found.port) == ("localhost", 8443)


# --- proxies --------------------------------------------------------------------------------------------


def test_the_proxy_of_the_environment_is_used(papers: Papers) -> None:
    """CONNECT, then TLS end to end: the proxy sees no token, and its password is its own."""
    seen: list[bytes] = []

    def relay(conn: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += conn.recv(4096)
        seen.append(head)
        with socket.create_connection(("127.0.0.1", server.port)) as far:
            conn.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _pump_both(conn, far)

    with scripted(papers, Reply({"value": []})) as server, Peer(relay) as proxy:
        plane = server.plane(HTTPS_PROXY=f"http://me:hunter%402@127.0.0.1:{proxy.port}")
        assert plane.ask(RULES, VERSION).ok
        plane.close()

    assert seen[0].startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1".encode())
    assert b"Proxy-Authorization: Basic bWU6aHVudGVyQDI=" in seen[0]
    assert TOKEN.encode() not in seen[0]


def _pump_both(one: socket.socket, two: socket.socket) -> None:
    def pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    back = threading.Thread(target=pump, args=(two, one))
    back.start()
    pump(one, two)
    back.join()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://p:3128"}, ("p", 3128)),
        ({"https_proxy": "p:8080"}, ("p", 8080)),
        ({"ALL_PROXY": "http://p"}, ("p", 80)),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "azure.com"}, None),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": ".azure.com, x"}, None),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "nt.azure.com"}, ("p", 3128)),
        ({"HTTP_PROXY": "http://p:3128"}, None),
    ],
)
def test_which_proxy_is_on_the_way(
    environ: dict[str, str], expected: tuple[str, int] | None
) -> None:
    """The usual variables, and the exceptions from them."""
    found = proxy_for("management.azure.com", environ)

    assert (found[:2] if found else None) == expected


def test_a_proxy_that_is_none_is_said() -> None:
    """SOCKS is not spoken to the control plane."""
    with pytest.raises(BadEndpoint):
        proxy_for("management.azure.com", {"HTTPS_PROXY": "socks5://p:1080"})


# --- what may be shown ------------------------------------------------------------------------------------


def test_raw_answers_hold_no_secrets() -> None:
    """Keys, connection strings, claims and what was typed into a deployment are left out."""
    shown = without_secrets(
        b'{"primaryKey": "k1-secret", "properties": {"accessKeys": {"primaryKey": "k2-secret"},'
        b'"redisConfiguration": {"rdb-storage-connection-string": "x;AccountKey=k3-secret",'
        b'"notify-keyspace-events": "KEA"}, "parameters": {"pw": {"value": "k4-secret"}},'
        b'"disableAccessKeyAuthentication": true, "requestbody": "k5-secret"},'
        b'"claims": {"name": "k6-secret"}, "authorization": {"action": "a/b/read"}}'
    )

    assert "secret" not in shown
    assert '"notify-keyspace-events": "KEA"' in shown
    assert '"disableAccessKeyAuthentication": true' in shown
    assert "a/b/read" in shown


def test_a_secret_answer_is_shown_to_nobody(papers: Papers) -> None:
    """Of listKeys only that it was asked is kept."""
    shown: list[ArmAnswer] = []
    with scripted(papers, Reply({"primaryKey": "the-key-of-the-cache"})) as server:
        plane = server.plane(on_raw=shown.append)
        plane.ask(f"{CACHE_ID}/listKeys", VERSION, post={}, is_secret=True)

    assert (shown[0].method, shown[0].status, shown[0].body) == ("POST", 200, "(secret)")
