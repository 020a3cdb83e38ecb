"""Dials through a SOCKS5 proxy, and all the ways in which a proxy can fail."""

from __future__ import annotations

import contextlib
import pickle
import socket
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refused.lab import fronts
from refused.lab.network import Network, Vantage
from refused.vantage import BadVantage
from refused.vantage.socks5 import Socks5
from tests.conftest import LATE_S
from tests.vantage.proxies import ACCEPTED, Proxy

if TYPE_CHECKING:
    from collections.abc import Callable

    from refused.evidence.observations import TcpDial


def through(
    script: Callable[[Proxy, socket.socket], None],
    address: str = "20.42.65.90",
    port: int = 6380,
    wait_s: float = 2.0,
) -> TcpDial:
    """Dial once through a proxy, hang up, and return what was seen."""
    with Proxy(script) as proxy:
        sock, seen = Socks5(f"socks5://127.0.0.1:{proxy.port}").dial(address, port, wait_s)
    if sock is not None:
        sock.close()
    return seen


def saying(reply: bytes) -> Callable[[Proxy, socket.socket], None]:
    """Greet, hear, and answer with *reply*."""

    def script(proxy: Proxy, sock: socket.socket) -> None:
        proxy.greet(sock)
        proxy.hear(sock)
        sock.sendall(reply)

    return script


def test_the_far_side_is_talked_to_through_the_proxy() -> None:
    """The connection comes back ready, and says where the proxy dialled from."""

    def echo(proxy: Proxy, sock: socket.socket) -> None:
        proxy.greet(sock)
        proxy.hear(sock)
        sock.sendall(ACCEPTED)
        sock.sendall(proxy.take(sock, 4))

    with Proxy(echo) as proxy:
        far = Socks5(f"socks5://127.0.0.1:{proxy.port}")
        sock, seen = far.dial("20.42.65.90", 6380, 2.0, "repeat")
        assert sock is not None
        with sock:
            assert sock.gettimeout() is None
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            sock.sendall(b"PING")
            assert sock.recv(9) == b"PING"

    assert proxy.heard[1] == b"\0"
    assert b"".join(proxy.heard[2:5]) == b"\5\1\0\1" + bytes((20, 42, 65, 90)) + b"\x18\xec"
    assert (seen.outcome, seen.address, seen.port) == ("accepted", "20.42.65.90", 6380)
    assert (seen.vantage, seen.via, seen.purpose) == (far.name, far.name, "repeat")
    assert (seen.local_address, seen.source) == ("10.0.0.9", "SOCKS5 CONNECT")
    assert not far.is_local


def test_an_ipv6_address_goes_as_sixteen_bytes() -> None:
    """In whatever form it was given."""
    heard: list[bytes] = []

    def script(proxy: Proxy, sock: socket.socket) -> None:
        proxy.greet(sock)
        heard.append(proxy.hear(sock))
        sock.sendall(b"\5\0\0\4" + bytes(15) + b"\1\0\0")

    seen = through(script, "FD00::0:5")

    assert heard == [b"\4\xfd" + bytes(14) + b"\5\x18\xec"]
    assert (seen.outcome, seen.local_address) == ("accepted", "::1")


def test_a_name_is_looked_up_at_the_far_end() -> None:
    """Which address was found is not told, so none is claimed."""
    heard: list[bytes] = []

    def script(proxy: Proxy, sock: socket.socket) -> None:
        proxy.greet(sock)
        heard.append(proxy.hear(sock))
        sock.sendall(b"\5\0\0\3\4host\0\0")

    with Proxy(script) as proxy:
        far = Socks5(f"socks5h://127.0.0.1:{proxy.port}")
        sock, seen = far.dial_name("b\u00fccher.test", 6380, 2.0)

    assert sock is not None
    sock.close()
    assert heard == [b"\3xn--bcher-kva.test\x18\xec"]
    assert (seen.outcome, seen.address, seen.local_address) == ("accepted", "", None)
    assert seen.source == "SOCKS5 CONNECT to the name xn--bcher-kva.test"


@pytest.mark.parametrize(
    ("code", "outcome", "said"),
    [
        (1, "proxy-failed", "general failure"),
        (2, "denied", "not allowed by its rules"),
        (3, "unreachable", "network unreachable"),
        (4, "unreachable", "host unreachable"),
        (5, "refused", "connection refused"),
        (6, "unreachable", "time to live expired"),
        (7, "proxy-failed", "command not supported"),
        (8, "proxy-failed", "address type not supported"),
        (99, "proxy-failed", "code 99"),
    ],
)
def test_every_reply_of_a_proxy_has_a_word(code: int, outcome: str, said: str) -> None:
    """What the far side did is told from what the proxy could not do."""
    seen = through(saying(bytes((5, code, 0, 1)) + bytes(6)))
    curt = through(saying(bytes((5, code, 0, 0))))

    assert (seen.outcome, seen.errno) == (outcome, None)
    assert seen.source == f"SOCKS5 CONNECT: {said}"
    assert (curt.outcome, curt.source) == (seen.outcome, seen.source)
    assert seen.local_address is None


def test_an_address_of_zeros_is_none() -> None:
    """Most proxies do not say where they dialled from."""
    assert through(saying(b"\5\0\0\1" + bytes(6))).local_address is None


def test_a_far_side_that_does_not_answer_is_silent() -> None:
    """The proxy heard us, and waits as we do."""

    def script(proxy: Proxy, sock: socket.socket) -> None:
        proxy.greet(sock)
        proxy.hear(sock)
        proxy.over.wait(30)

    seen = through(script, wait_s=0.3)

    assert (seen.outcome, seen.source) == ("silent", "SOCKS5 CONNECT")
    assert 299 <= seen.took_ms < 1000 * (0.3 + LATE_S)


def test_a_reply_that_comes_byte_by_byte_does_not_stretch_the_time() -> None:
    """The limit is for all of it."""

    def script(proxy: Proxy, sock: socket.socket) -> None:
        proxy.greet(sock)
        proxy.hear(sock)
        for byte in ACCEPTED:
            sock.sendall(bytes((byte,)))
            if proxy.over.wait(0.15):
                return

    seen = through(script, wait_s=0.4)

    assert seen.outcome == "silent"


def _mute(proxy: Proxy, _: socket.socket) -> None:
    proxy.over.wait(30)


def _web(proxy: Proxy, sock: socket.socket) -> None:
    proxy.take(sock, 3)
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def _picky(proxy: Proxy, sock: socket.socket) -> None:
    proxy.take(sock, 3)
    sock.sendall(b"\5\xff")


def _socks4(proxy: Proxy, sock: socket.socket) -> None:
    proxy.greet(sock)
    proxy.hear(sock)
    sock.sendall(b"\0\x5a\0\0\0\0\0\0")


def _leaving(proxy: Proxy, sock: socket.socket) -> None:
    proxy.greet(sock)
    proxy.hear(sock)


def _gone(_: Proxy, sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (_mute, "the proxy does not answer"),
        (_web, "the proxy does not speak SOCKS5"),
        (_picky, "the proxy wants another login"),
        (_socks4, "the proxy does not speak SOCKS5"),
        (_leaving, "the proxy closed the connection"),
        (saying(b"\5\0\0\x09" + bytes(6)), "the proxy gives its address in an unknown form (9)"),
        (saying(ACCEPTED[:7]), "the proxy closed the connection"),
    ],
)
def test_a_proxy_that_fails_is_blamed_itself(
    script: Callable[[Proxy, socket.socket], None], said: str
) -> None:
    """Nothing is known of the far side then."""
    seen = through(script, wait_s=0.4)

    assert (seen.outcome, seen.source) == ("proxy-failed", f"SOCKS5 CONNECT: {said}")


def test_a_proxy_that_resets_is_blamed_itself() -> None:
    """In whatever call it shows."""
    assert through(_gone).outcome == "proxy-failed"


def test_a_proxy_that_is_not_there_is_said_to_be_the_trouble() -> None:
    """A refusal by the proxy's host is none by the target's."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        port = deaf.getsockname()[1]
        _, seen = Socks5(f"socks5://127.0.0.1:{port}").dial("20.42.65.90", 6380, 2.0)

    assert (seen.outcome, seen.errno) == ("proxy-failed", None)
    assert seen.source == f"SOCKS5 CONNECT: the proxy at 127.0.0.1 port {port}: refused"


def test_a_proxy_may_be_given_by_name() -> None:
    """Where the name has several addresses, each is tried."""
    with Proxy(saying(ACCEPTED)) as proxy:
        sock, seen = Socks5(f"socks5://localhost:{proxy.port}").dial("20.42.65.90", 6380, 4.0)

    assert sock is not None
    sock.close()
    assert (seen.outcome, seen.via) == ("accepted", f"socks5://localhost:{proxy.port}")


@pytest.mark.parametrize(
    ("address", "port", "why"),
    [
        ("mycache.redis.cache.windows.net", 6380, "is no IP address"),
        ("300.1.1.1", 6380, "is no IP address"),
        ("fe80::1%eth0", 6380, "SOCKS5 cannot carry a scope"),
        ("20.42.65.90", 65536, "65536 is no port"),
    ],
)
def test_what_cannot_be_asked_of_a_proxy_is_not(address: str, port: int, why: str) -> None:
    """Nobody is bothered with it."""
    _, seen = Socks5("socks5://127.0.0.1:1").dial(address, port, 2.0)

    assert seen.outcome == "other"
    assert seen.source.startswith("nothing was dialled: ")
    assert seen.source.endswith(why)


def test_what_cannot_be_a_name_is_not_asked_for() -> None:
    """It is said why."""
    _, seen = Socks5("socks5://127.0.0.1:1").dial_name("a..b", 6380, 2.0)

    assert (seen.outcome, seen.address) == ("other", "")
    assert seen.source.startswith("nothing was dialled: ")


@given(st.binary(max_size=30), st.binary(max_size=30))
@settings(max_examples=30)
def test_whatever_a_proxy_says_becomes_an_observation(greeting: bytes, reply: bytes) -> None:
    """Bytes from strangers never raise."""

    def script(proxy: Proxy, sock: socket.socket) -> None:
        proxy.take(sock, 3)
        sock.sendall(b"\5\0" if len(greeting) % 2 else greeting)
        proxy.hear(sock)
        sock.sendall(reply)

    seen = through(script, wait_s=0.5)

    assert seen.via == seen.vantage


# --- logging in ----------------------------------------------------------------------------------

PASSWORD = "S3cret/p\u00e4ss@word"
ESCAPED = "S3cret%2Fp%C3%A4ss%40word"


@pytest.mark.parametrize(("login", "outcome"), [(b"\1\0", "accepted"), (b"\1\1", "proxy-failed")])
def test_user_and_password_are_sent_and_never_shown(login: bytes, outcome: str) -> None:
    """Not in the observation, nor in any form of the vantage point."""

    def script(proxy: Proxy, sock: socket.socket) -> None:
        proxy.greet(sock, login)
        proxy.hear(sock)
        sock.sendall(ACCEPTED)

    with Proxy(script) as proxy:
        far = Socks5(f"socks5://me%3A:{ESCAPED}@127.0.0.1:{proxy.port}")
        sock, seen = far.dial("20.42.65.90", 6380, 2.0)
    if sock is not None:
        sock.close()

    assert proxy.heard[1] == b"\0\2"
    assert proxy.heard[3] == b"me:"
    assert proxy.heard[5].decode() == PASSWORD
    assert seen.outcome == outcome
    assert far.name == f"socks5://127.0.0.1:{proxy.port}"
    for shown in (repr(seen), repr(far), repr(vars(far)), str(seen.to_json())):
        assert "S3cret" not in shown
    with pytest.raises(TypeError):
        pickle.dumps(far)
    if outcome == "proxy-failed":
        assert seen.source == "SOCKS5 CONNECT: the proxy refuses the login"


def test_without_a_user_none_is_offered() -> None:
    """A proxy that wants one says so."""
    seen = through(_picky)

    assert seen.source == "SOCKS5 CONNECT: the proxy wants another login"


# --- the URL -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("socks5://jump.example:1080", "socks5://jump.example:1080"),
        ("socks5h://jump.example:1080/", "socks5://jump.example:1080"),
        (" SOCKS5://me:pw@Jump.Example:1080 ", "socks5://jump.example:1080"),
        ("socks5://[fd00::1]:1080", "socks5://[fd00::1]:1080"),
        ("socks5://me@10.0.0.1:1", "socks5://10.0.0.1:1"),
    ],
)
def test_a_vantage_point_is_named_without_its_login(url: str, name: str) -> None:
    """Names go into reports."""
    assert Socks5(url).name == name


@pytest.mark.parametrize(
    "url",
    [
        *("socks5://", "socks5://host", "socks5://:1080", "socks5://host:0", "socks5://host:x"),
        *("socks5://host:65536", "socks5://me:S3cret/@host:1080", "socks4://host:1080", ""),
        *("socks5://host:1080/path", "socks5://host:1080?S3cret", "socks5://host:1080#S3cret"),
        *("socks5://[fd00::1:1080", "socks5://:S3cret@host:1080", "http://host:1080"),
        f"socks5://me:{'S3cret' * 50}@host:1080",
    ],
)
def test_a_bad_url_is_said_in_one_line_without_its_password(url: str) -> None:
    """It may hold one, wherever the slip is."""
    with pytest.raises(BadVantage) as said:
        Socks5(url)

    assert "S3cret" not in str(said.value)
    assert "\n" not in str(said.value)
    assert said.value.__cause__ is None


@given(st.text(max_size=40))
def test_no_text_does_worse_than_that(text: str) -> None:
    """It is read, or said to be none."""
    with contextlib.suppress(BadVantage):
        assert Socks5("socks5://" + text).name.startswith("socks5://")


# --- against the lab, which was written apart ----------------------------------------------------


@pytest.mark.parametrize(
    ("front", "outcome"),
    [
        (fronts.Banner(b"hello"), "accepted"),
        (fronts.Refuse(), "refused"),
        (fronts.Silent(), "silent"),
        (fronts.Unreachable("network"), "unreachable"),
        (fronts.Unreachable("host"), "unreachable"),
    ],
)
def test_the_twin_is_dialled_at_its_logical_addresses(front: fronts.Front, outcome: str) -> None:
    """Its answers are those of the network it plays."""
    network = Network()
    network.at("20.42.65.90", 6380, front)
    with Vantage("laptop", "203.0.113.7", network) as laptop:
        sock, seen = Socks5(laptop.url).dial("20.42.65.90", 6380, 0.4)
        if sock is not None:
            sock.close()

    assert seen.outcome == outcome
    assert seen.local_address == ("203.0.113.7" if outcome == "accepted" else None)
