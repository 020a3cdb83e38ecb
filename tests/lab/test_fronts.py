"""Every front does at the kernel's level what its docstring says."""

# ruff: noqa: SIM117  # one `with` sets the scene, the next one acts in it

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING

import pytest

from refused.lab import fronts as f
from refused.lab.certificates import CORPORATE, DAY_S, PROXY, Authority
from refused.lab.network import Door
from refused.lab.resp import ServerError, decode, encode
from refused.lab.servers import Server
from tests.lab.dialling import ADDRESS, CLIENT, SOON_S, Declined, before, dial, ending

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = "contoso.redis.cache.windows.net"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Run one real server for all."""
    with Server(data={"colour": "blue", "large": b"x" * 200_000}) as running:
        yield running


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Vouch for Azure."""
    return Authority(tmp_path_factory.mktemp("azure"))


def greet(sock: socket.socket, authority: Authority, **settings: object) -> ssl.SSLSocket:
    """Shake hands as a client that trusts *authority*."""
    context = ssl.create_default_context(cafile=authority.ca_file)
    for name, value in settings.items():
        setattr(context, name, value)
    return context.wrap_socket(sock, server_hostname=HOST)


def test_a_plain_relay_reaches_the_server(server: Server) -> None:
    """What the server says arrives byte for byte."""
    with before(f.Redis(server)) as here, dial(here) as sock:
        sock.sendall(b"GET colour\r\n")
        assert sock.recv(100) == b"$4\r\nblue\r\n"


def test_a_large_pipeline_does_not_choke_the_relay(server: Server) -> None:
    """A client may write everything before it reads anything."""
    with before(f.Redis(server)) as here, dial(here) as sock:
        sock.sendall(b"GET large\r\n" * 200)
        wanted, got = 200 * (len(b"$200000\r\n\r\n") + 200_000), 0
        while got < wanted:
            got += len(sock.recv(1 << 20))
        assert got == wanted


def test_a_half_close_is_passed_on_and_answers_still_come(server: Server) -> None:
    """Redis answers what was asked before the FIN, then closes."""
    with before(f.Redis(server)) as here, dial(here) as sock:
        sock.sendall(b"GET colour\r\n")
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(100) == b"$4\r\nblue\r\n"
        assert ending(sock) == "closed"


def test_a_reset_of_the_servers_reaches_the_client_as_a_reset() -> None:
    """The relay tells an abort from an end."""
    with Server() as doomed, before(f.Redis(doomed)) as here, dial(here) as sock:
        sock.sendall(b"PING\r\n")
        assert sock.recv(100) == b"+PONG\r\n"
        # Linux resets a connection whose process dies with bytes unread.
        doomed.freeze()
        sock.sendall(b"PING\r\n")
        time.sleep(0.05)
        doomed.kill()
        assert ending(sock) == "reset"


def test_a_dead_server_refuses_the_dial() -> None:
    """Nobody listens, so the dial is answered with a RST."""
    with Server() as dead:
        dead.kill()
        with before(f.Redis(dead)) as here, pytest.raises(Declined) as declined:
            dial(here)
    assert declined.value.code == 5


@pytest.mark.parametrize(
    ("front", "code"),
    [(f.Refuse(), 5), (f.Unreachable("network"), 3), (f.Unreachable("host"), 4)],
)
def test_a_dial_is_turned_away_with_its_own_code(front: f.Front, code: int) -> None:
    """SOCKS has a word for each of the three."""
    with before(front) as here, pytest.raises(Declined) as declined:
        dial(here)
    assert declined.value.code == code


def test_silence_never_answers_the_dial() -> None:
    """The client has to give up by itself."""
    with before(f.Silent()) as here, pytest.raises(TimeoutError):
        dial(here, wait_s=SOON_S)


@pytest.mark.parametrize(
    ("front", "how"),
    [
        (f.ResetAfterAccept(), "reset"),
        (f.CloseAfterAccept(), "closed"),
        (f.SilentAfterAccept(), "silent"),
        (f.StallAfterHello(), "silent"),
        (f.Banner(b"SSH-2.0-OpenSSH_9.6\r\n"), "SSH-2.0-OpenSSH_9.6\r\n"),
    ],
)
def test_an_accepted_connection_ends_as_the_front_says(front: f.Front, how: str) -> None:
    """RST, FIN and silence are three things."""
    with before(front) as here, dial(here) as sock:
        assert ending(sock) == how


@pytest.mark.parametrize(
    ("front", "how"), [(f.ResetAfterAccept(5), "reset"), (f.CloseAfterAccept(5), "closed")]
)
def test_an_end_after_some_bytes_waits_for_them(front: f.Front, how: str) -> None:
    """Nothing happens until the client has said so much."""
    with before(front) as here, dial(here) as sock:
        assert ending(sock) == "silent"
        sock.sendall(b"12345")
        assert ending(sock) == how


def test_a_close_is_a_fin_even_when_the_client_goes_on_talking() -> None:
    """A close with unread bytes would be a RST; this front reads them."""
    with before(f.CloseAfterAccept()) as here, dial(here) as sock:
        sock.sendall(b"PING\r\n")
        assert ending(sock) == "closed"
        sock.sendall(b"PING\r\n")
        assert ending(sock) == "closed"


def test_a_web_server_says_so() -> None:
    """It answers what it does not understand in its own tongue."""
    with before(f.Http()) as here, dial(here) as sock:
        sock.sendall(b"PING\r\n\r\n")
        assert ending(sock, 5).startswith("HTTP/1.1 400 Bad Request\r\nServer: nginx")


# --- TLS ---------------------------------------------------------------------------------------


def test_tls_is_terminated_with_a_chain_that_the_client_trusts(
    server: Server, azure: Authority
) -> None:
    """A client that trusts the twin's root verifies chain and name, and talks to the server."""
    front = f.Tls(f.Redis(server), azure.issue("*.redis.cache.windows.net"))
    with before(front) as here, greet(dial(here), azure) as talk:
        talk.sendall(b"GET colour\r\n")
        assert talk.recv(100) == b"$4\r\nblue\r\n"
        assert talk.version() == "TLSv1.3"


def test_large_answers_pass_through_tls(server: Server, azure: Authority) -> None:
    """Records of 16 KiB are put together again."""
    front = f.Tls(f.Redis(server), azure.issue(HOST))
    with before(front) as here, greet(dial(here), azure) as talk:
        talk.sendall(b"GET large\r\n" * 20)
        got = 0
        while got < 20 * 200_011:
            got += len(talk.recv(1 << 20))
        assert got == 20 * 200_011


def test_an_old_server_and_a_new_client_have_no_version_in_common(
    server: Server, azure: Authority
) -> None:
    """The client is told so by an alert."""
    front = f.Tls(f.Redis(server), azure.issue(HOST), max_version="1.2")
    with before(front) as here, dial(here) as sock, pytest.raises(ssl.SSLError, match="PROTOCOL"):
        greet(sock, azure, minimum_version=ssl.TLSVersion.TLSv1_3)


def test_a_front_can_be_held_to_old_versions(server: Server, azure: Authority) -> None:
    """Where OpenSSL still allows it, TLS 1.1 is spoken."""
    front = f.Tls(f.Redis(server), azure.issue(HOST), min_version="1.0", max_version="1.1")
    context = ssl.create_default_context(cafile=azure.ca_file)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with before(front) as here, dial(here) as sock:
        with context.wrap_socket(sock, server_hostname=HOST) as talk:
            assert talk.version() == "TLSv1.1"


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({"valid_until_s": -DAY_S}, 10),  # has expired
        ({"valid_from_s": DAY_S}, 9),  # is not yet valid
        ({"self_signed": True}, 18),
        ({"send_intermediate": False}, 20),  # no local issuer
    ],
)
def test_a_bad_certificate_is_bad_for_the_reason_ordered(
    server: Server, azure: Authority, order: dict[str, float], code: int
) -> None:
    """OpenSSL gives the number that belongs to it."""
    front = f.Tls(f.Redis(server), azure.issue(HOST, **order))  # type: ignore[arg-type]
    with before(front) as here, dial(here) as sock:
        with pytest.raises(ssl.SSLCertVerificationError) as error:
            greet(sock, azure)
    assert error.value.verify_code == code


def test_a_certificate_for_another_name_does_not_fit(server: Server, azure: Authority) -> None:
    """The chain is trusted, the name is not this one."""
    front = f.Tls(f.Redis(server), azure.issue("*.redis.azure.net", "10.1.0.4"))
    with before(front) as here, dial(here) as sock:
        with pytest.raises(ssl.SSLCertVerificationError) as error:
            greet(sock, azure)
    assert error.value.verify_code == 62


def test_an_inspecting_proxy_shows_a_certificate_of_its_own(
    server: Server, azure: Authority, tmp_path: Path
) -> None:
    """Who trusts the proxy's root sees the proxy's name as the issuer."""
    proxy = Authority(tmp_path, root=CORPORATE, issuer=PROXY)
    real = f.Tls(f.Redis(server), azure.issue(HOST))
    with before(f.Inspecting(real, proxy.issue(HOST))) as here:
        with dial(here) as sock, pytest.raises(ssl.SSLCertVerificationError):
            greet(sock, azure)
        with greet(dial(here), proxy) as talk:
            certificate = talk.getpeercert()
            talk.sendall(b"PING\r\n")
            assert talk.recv(100) == b"+PONG\r\n"
    assert certificate is not None
    assert "Zscaler Inc." in str(certificate["issuer"])


def test_a_client_certificate_can_be_demanded(
    server: Server, azure: Authority, tmp_path: Path
) -> None:
    """Without one TLS 1.3 fails on the first read; with one it works."""
    company = Authority(tmp_path, root=CORPORATE, issuer=None)
    own = company.issue("cart.example.net", for_clients=True)
    front = f.Tls(
        f.Redis(server),
        azure.issue(HOST),
        require_client_certificate=True,
        client_ca=company.ca_file,
    )
    with before(front) as here:
        with greet(dial(here), azure) as talk, pytest.raises(ssl.SSLError, match="REQUIRED"):
            talk.recv(1)
        context = ssl.create_default_context(cafile=azure.ca_file)
        context.load_cert_chain(own.chain_file, own.key_file)
        with context.wrap_socket(dial(here), server_hostname=HOST) as talk:
            talk.sendall(b"PING\r\n")
            assert talk.recv(100) == b"+PONG\r\n"


def test_at_the_limit_tls_closes_without_a_word_and_plain_text_says_why(azure: Authority) -> None:
    """The limit is looked at before TLS begins."""
    with Server(maxclients=2) as full:
        front = f.Redis(full)
        with before(front) as plain, before(f.Tls(front, azure.issue(HOST))) as tls:
            with dial(plain) as one, dial(plain) as two:
                for seat in (one, two):
                    seat.sendall(b"PING\r\n")
                    assert seat.recv(100) == b"+PONG\r\n"
                with dial(plain) as sock:
                    assert ending(sock, 5) == "-ERR max number of clients reached\r\n"
                with dial(tls) as sock, pytest.raises(ssl.SSLEOFError):
                    greet(sock, azure)


def test_a_busy_server_keeps_the_handshake_waiting(azure: Authority) -> None:
    """A single thread does commands and TLS alike, and neither while it is busy."""
    with Server() as busy, before(f.Tls(f.Redis(busy), azure.issue(HOST))) as here:
        busy.freeze()
        with dial(here, wait_s=SOON_S) as sock:
            with pytest.raises(TimeoutError):
                greet(sock, azure)
        busy.thaw()
        with greet(dial(here), azure) as talk:
            talk.sendall(b"PING\r\n")
            assert talk.recv(100) == b"+PONG\r\n"


def test_a_stalled_handshake_has_begun(server: Server, azure: Authority) -> None:
    """So many bytes of the server's come, and no more."""
    front = f.StallAfterHello(f.Tls(f.Redis(server), azure.issue(HOST)), passes_bytes=100)
    context = ssl.create_default_context(cafile=azure.ca_file)
    ours, hello = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ours, hello, server_hostname=HOST).do_handshake()
    with before(front) as here, dial(here) as sock:
        sock.sendall(hello.read())
        assert len(ending(sock)) == 100
        assert ending(sock) == "silent"


def test_large_replies_get_lost_and_small_ones_do_not(server: Server) -> None:
    """As where the path takes less than either end thinks."""
    with before(f.LargeRepliesLost(f.Redis(server))) as here, dial(here) as sock:
        sock.sendall(b"GET colour\r\n")
        assert ending(sock) == "$4\r\nblue\r\n"
        sock.sendall(b"GET large\r\n")
        assert ending(sock) == "silent"


# --- behaviours around a front -----------------------------------------------------------------


def test_a_flaky_front_follows_its_pattern(server: Server) -> None:
    """Every second dial, and always the same ones."""
    seen = ""
    with before(f.Flaky(f.Redis(server), ".x.", f.Refuse())) as here:
        for _ in range(6):
            try:
                dial(here).close()
                seen += "."
            except Declined:
                seen += "x"
    assert seen == ".x..x."


def test_distance_costs_every_round_trip(server: Server) -> None:
    """The dial and each answer take that much longer."""
    with before(f.Slow(f.Redis(server), 0.1)) as here:
        started = time.monotonic()
        with dial(here) as sock:
            assert time.monotonic() - started >= 0.1
            started = time.monotonic()
            sock.sendall(b"PING\r\n")
            assert ending(sock, 5) == "+PONG\r\n"
            assert time.monotonic() - started >= 0.1


def test_a_narrow_pipe_takes_its_time(server: Server) -> None:
    """200,000 bytes at a million a second take a fifth of one."""
    with before(f.Throttled(f.Redis(server), 1_000_000)) as here, dial(here) as sock:
        sock.sendall(b"GET large\r\n")
        started, got = time.monotonic(), 0
        while got < 200_011:
            got += len(sock.recv(1 << 16))
        assert time.monotonic() - started >= 0.15


@pytest.mark.parametrize(
    ("how", "seen"), [("close", "closed"), ("reset", "reset"), ("silent", "silent")]
)
def test_a_quiet_connection_is_ended(server: Server, how: f.Ending, seen: str) -> None:
    """Talk keeps it alive; quiet ends it in the way that was asked for."""
    with before(f.IdleClose(f.Redis(server), 1.0, how)) as here, dial(here) as sock:
        for _ in range(4):
            sock.sendall(b"PING\r\n")
            assert ending(sock, 5) == "+PONG\r\n"
            time.sleep(0.4)
        time.sleep(0.9)
        if how == "silent":
            sock.sendall(b"PING\r\n")
        assert ending(sock) == seen


def test_a_limit_counts_open_connections(server: Server) -> None:
    """Who leaves makes room."""
    with before(f.Limit(f.Redis(server), 1, f.Refuse())) as here:
        with dial(here) as first:
            first.sendall(b"PING\r\n")
            assert first.recv(100) == b"+PONG\r\n"
            with pytest.raises(Declined):
                dial(here)
            first.shutdown(socket.SHUT_RDWR)
        for _ in range(100):
            try:
                dial(here).close()
                break
            except Declined:
                time.sleep(0.01)
        else:
            pytest.fail("the place was never given back")


def test_an_allow_list_knows_its_callers(server: Server) -> None:
    """Networks and single addresses; everybody else meets silence, or what was asked for."""
    with before(f.AllowFrom(f.Redis(server), ["203.0.113.0/24"])) as here:
        dial(here).close()
    with before(f.AllowFrom(f.Redis(server), ["203.0.113.8"])) as here:
        with pytest.raises(TimeoutError):
            dial(here, wait_s=SOON_S)
    with before(f.AllowFrom(f.Redis(server), [], f.CloseAfterAccept())) as here:
        with dial(here) as sock:
            assert ending(sock) == "closed"


def test_a_sidecar_accepts_what_the_service_would_not(server: Server) -> None:
    """The dial succeeds; only then does the failure show."""
    with before(f.AcceptsFirst(f.Refuse(), "reset")) as here, dial(here) as sock:
        assert ending(sock) == "reset"
    with before(f.AcceptsFirst(f.Refuse())) as here, dial(here) as sock:
        assert ending(sock) == "closed"
    with before(f.AcceptsFirst(f.Silent())) as here, dial(here) as sock:
        assert ending(sock) == "silent"
    with before(f.AcceptsFirst(f.Redis(server))) as here, dial(here) as sock:
        sock.sendall(b"PING\r\n")
        assert ending(sock, 5) == "+PONG\r\n"


def test_a_choice_is_told_who_calls_and_for_what(server: Server) -> None:
    """The call carries logical addresses."""
    calls: list[f.Call] = []

    def choose(call: f.Call) -> f.Front:
        calls.append(call)
        return f.Redis(server)

    with before(f.Chosen(choose)) as here:
        dial(here).close()
    assert [(call.client, call.address, call.port) for call in calls] == [(CLIENT, ADDRESS, 6380)]


# --- scripts -----------------------------------------------------------------------------------


def test_a_script_keeps_the_order_of_answers(server: Server) -> None:
    """Own replies wait for those of requests sent before."""
    script: dict[str, f.Line] = {
        "CLIENT LIST": f.Instead(b"id=1\n"),
        "GET": f.Rewritten(lambda reply: reply.upper() if isinstance(reply, bytes) else reply),
        "SET": f.Instead(ServerError("READONLY You can't write against a read only replica.")),
    }
    asked = encode("GET", "colour") + encode("CLIENT", "LIST") + b"PING\r\n" + encode("SET", "a", 1)
    with before(f.Answers(f.Redis(server), script)) as here, dial(here) as sock:
        for at in range(len(asked)):  # however the bytes are cut
            sock.sendall(asked[at : at + 1])
        said = b""
        while said.count(b"\r\n") < 6:
            said += sock.recv(1000)
    assert said == (
        b"$4\r\nBLUE\r\n$5\r\nid=1\n\r\n+PONG\r\n"
        b"-READONLY You can't write against a read only replica.\r\n"
    )


@pytest.mark.parametrize(
    ("how", "seen"), [("close", "closed"), ("reset", "reset"), ("silent", "silent")]
)
def test_a_script_can_end_the_connection(server: Server, how: f.Ending, seen: str) -> None:
    """The request is the last one."""
    with before(f.Answers(f.Redis(server), {"*": f.Ended(how)})) as here, dial(here) as sock:
        sock.sendall(b"PING\r\n")
        assert ending(sock) == seen


def test_a_script_may_be_a_function(server: Server) -> None:
    """It is given the words of the request."""

    def script(words: object) -> f.Line | None:
        return f.Instead(b"red") if words == [b"GET", b"colour"] else None

    with before(f.Answers(f.Redis(server), script)) as here, dial(here) as sock:
        sock.sendall(encode("GET", "colour"))
        assert decode(sock.recv(100)) == b"red"
        sock.sendall(encode("STRLEN", "colour"))
        assert decode(sock.recv(100)) == 4


# --- doors -------------------------------------------------------------------------------------


def test_a_door_is_a_front_at_a_real_port(server: Server) -> None:
    """Any client can use it."""
    with Door(f.Redis(server)) as door:
        with socket.create_connection((door.host, door.port), 5) as sock:
            sock.sendall(b"PING\r\n")
            assert ending(sock, 5) == "+PONG\r\n"


def test_a_door_refuses_and_is_silent_as_a_kernel_is() -> None:
    """A deaf port sends a RST, a full backlog nothing."""
    with Door(f.Refuse()) as door, pytest.raises(ConnectionRefusedError):
        socket.create_connection((door.host, door.port), 5)
    with Door(f.Silent()) as door, pytest.raises(TimeoutError):
        socket.create_connection((door.host, door.port), SOON_S)
