"""TLS handshakes with servers that are well, ill, strange, silent or malicious."""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from refused.probes import tcp, tls_trust
from refused.probes.tls import (
    SMALL_SEGMENT_BYTES,
    BadCaFile,
    TlsAlert,
    TlsChannel,
    handshake,
    limit_segments,
    names_match,
    small_reply,
    versions,
)
from refused.probes.tls_session import Heard, Session
from tests.conftest import LATE_S
from tests.probes.networks import routed
from tests.probes.papers import Papers
from tests.probes.peers import (
    HERE,
    Peer,
    free_port,
    listen,
    program,
    redis,
    reset,
    say,
    server_context,
    tls,
)
from tests.probes.wire.garbage import MODEST

if TYPE_CHECKING:
    from collections.abc import Callable

    from refused.evidence.observations import PeerCertificates, TlsHandshake

# What a probe may take beyond the time it was given, on a machine that is busy.
SOON_S = 0.25


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    """Certificates of all kinds."""
    return Papers(tmp_path_factory.mktemp("papers"))


def shake(
    sock: socket.socket, **wishes: Any
) -> tuple[TlsChannel | None, TlsHandshake, PeerCertificates | None]:
    """Shake hands with a peer on loopback."""
    asked = {"port": 6380, "sni": "cache.example", "wait_s": 5.0, "vantage": "here", **wishes}
    return handshake(sock, address=HERE, **asked)


def look(sock: socket.socket, **wishes: Any) -> tuple[TlsHandshake, PeerCertificates | None]:
    """Shake hands and leave."""
    channel, seen, certificates = shake(sock, **wishes)
    assert (channel is None) == seen.failed
    if channel is not None:
        channel.close()
    assert sock.fileno() == -1
    return seen, certificates


# --- well --------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_good_server_is_spoken_to(papers: Papers, version: str) -> None:
    """The handshake says what was agreed, and the channel carries large texts both ways."""
    context = server_context(papers.good, lowest=version, highest=version)
    question = os.urandom(200_000)
    with Peer(tls(context)) as peer:
        channel, seen, certificates = shake(peer.dial(), ca_file=str(papers.ca_file))
        assert channel is not None
        channel.send(question)
        answer = b""
        while len(answer) < len(question):
            answer += channel.recv(5)
        channel.close()

    assert answer == question
    assert channel._carrier.send_wait_s == 5.0  # not what was left of the handshake's time
    assert (seen.outcome, seen.version, seen.alert, seen.verified) == ("ok", version, None, True)
    assert seen.cipher in {each["name"] for each in ssl.create_default_context().get_ciphers()}
    assert seen.server_spoke
    assert seen.bytes_in is not None
    assert seen.bytes_in > 500
    assert seen.client_certificate_wanted is False
    assert seen.unacked_bytes is None
    assert seen.ca == str(papers.ca_file)
    assert (seen.sni, seen.address, seen.port) == ("cache.example", HERE, 6380)
    assert certificates is not None
    assert certificates.trusted is True
    assert certificates.complete
    assert certificates.chain[0].names == ("cache.example", "127.0.0.1")


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_the_chain_comes_as_it_was_sent(papers: Papers, version: str) -> None:
    """Leaf first, the intermediate behind it, in clear and in encrypted handshakes."""
    chain_file = papers.below_child("cache.example", with_child=True)
    context = server_context(chain_file, lowest=version, highest=version)
    with Peer(tls(context)) as peer:
        seen, certificates = look(peer.dial(), ca_file=str(papers.ca_file))

    assert seen.outcome == "ok"
    assert certificates is not None
    leaf, child = certificates.chain
    assert leaf.issuer == child.subject
    assert child.is_ca
    assert certificates.complete


def test_the_peer_closing_in_good_order_is_the_end(papers: Papers) -> None:
    """An empty answer, as from a bare socket."""
    context = server_context(papers.good)

    def meet(conn: socket.socket) -> None:
        with context.wrap_socket(conn, server_side=True) as wrapped:
            wrapped.unwrap()

    with Peer(meet) as peer:
        channel, _, _ = shake(peer.dial(), ca_file=str(papers.ca_file))
        assert channel is not None
        assert channel.recv(5) == b""
        channel.close()


def test_a_channel_is_closed_in_good_order(papers: Papers) -> None:
    """A server that minds the difference is not alarmed."""
    context = server_context(papers.good)
    seen: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def meet(conn: socket.socket) -> None:
        with context.wrap_socket(conn, server_side=True, suppress_ragged_eofs=False) as wrapped:
            seen.put(wrapped.recv(10))

    with Peer(meet) as peer:
        look(peer.dial(), ca_file=str(papers.ca_file))
        assert seen.get(timeout=5) == b""


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_channel_that_ends_without_a_goodbye_tells_how(papers: Papers, end: str) -> None:
    """A FIN is an empty answer, a RST is an error; a send before it does not hide it."""
    context = server_context(papers.good)
    gone = threading.Event()

    def meet(conn: socket.socket) -> None:
        bare = conn.dup()
        wrapped = context.wrap_socket(conn, server_side=True)
        wrapped.recv(10)
        os.close(wrapped.detach())
        reset(bare) if end == "reset" else bare.close()
        gone.set()

    with Peer(meet) as peer:
        channel, _, _ = shake(peer.dial(), ca_file=str(papers.ca_file))
        assert channel is not None
        channel.send(b"PING\r\n")
        gone.wait(5)
        channel.send(b"PING\r\n")
        channel.send(b"PING\r\n")
        if end == "close":
            assert channel.recv(5) == b""
        else:
            with pytest.raises(ConnectionResetError):
                channel.recv(5)
        channel.close()


@pytest.mark.parametrize(("pace_s", "wait_s"), [(0.01, SOON_S), (0.0, 0.005)])
def test_a_quiet_channel_runs_out_of_time(papers: Papers, pace_s: float, wait_s: float) -> None:
    """A peer that sends a record byte by byte gains no time by it."""
    context = server_context(papers.good)

    def drip(conn: socket.socket) -> None:
        bare = conn.dup()
        with bare, context.wrap_socket(conn, server_side=True) as wrapped:
            wrapped.sendall(b"hello")
            wrapped.recv(10)
            bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            bare.sendall(b"\x17\3\3\x41\0")
            for _ in range(0x4100):
                bare.sendall(b"x")
                if pace_s:
                    threading.Event().wait(pace_s)

    with Peer(drip) as peer:
        channel, _, _ = shake(peer.dial(), ca_file=str(papers.ca_file))
        assert channel is not None
        assert channel.recv(5) == b"hello"
        with pytest.raises(TimeoutError):
            channel.recv(0.05)
        channel.send(b"go")
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            channel.recv(wait_s)
        assert time.monotonic() - began < wait_s + LATE_S
        channel.close()


# --- certificates ------------------------------------------------------------------------------


BAD_CERTIFICATES: dict[str, tuple[Callable[[Papers], Path], str, int, int]] = {
    "a stranger's": (lambda papers: papers.good, "untrusted", 20, 1),
    "self-signed": (lambda papers: papers.self_signed("cache.example"), "untrusted", 18, 1),
    "a chain with its own root": (
        lambda papers: _with_root(papers, papers.good),
        "untrusted",
        19,
        2,
    ),
    "without its intermediate": (
        lambda papers: papers.below_child("cache.example", with_child=False),
        "untrusted",
        20,
        1,
    ),
    "for another name": (lambda papers: papers.issue("other.example"), "name-mismatch", 62, 1),
    "expired": (lambda papers: papers.issue("cache.example", days=(-9, -1)), "expired", 10, 1),
    "not yet valid": (
        lambda papers: papers.issue("cache.example", days=(1, 9)),
        "not-yet-valid",
        9,
        1,
    ),
}
STRANGE = ("a stranger's", "a chain with its own root")


def _with_root(papers: Papers, chain_file: Path) -> Path:
    whole = papers.folder / "with-root.pem"
    whole.write_bytes(chain_file.read_bytes() + papers.ca_file.read_bytes())
    return whole


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("kind", BAD_CERTIFICATES)
def test_a_bad_certificate_is_named_and_shown(papers: Papers, kind: str, version: str) -> None:
    """With OpenSSL's number; the chain is known from the very handshake that failed."""
    make, outcome, code, length = BAD_CERTIFICATES[kind]
    context = server_context(make(papers), lowest=version, highest=version)
    ca_file = papers.other_ca_file if kind in STRANGE else papers.ca_file
    with Peer(tls(context)) as peer:
        seen, certificates = look(peer.dial(), ca_file=str(ca_file))
        bold, unverified = look(peer.dial(), verify=False, purpose="unverified")

    assert (seen.outcome, seen.verify_code) == (outcome, code)
    assert seen.verify_text
    assert seen.error_text == ""
    assert seen.server_spoke
    assert certificates is not None
    assert len(certificates.chain) == length
    assert certificates.trusted is (False if outcome == "untrusted" else None)
    assert (bold.outcome, bold.verified, bold.ca) == ("ok", False, "none")
    assert unverified is not None
    assert unverified.chain == certificates.chain
    assert unverified.trusted is None


def test_the_server_is_told_why_it_is_not_believed(papers: Papers) -> None:
    """By an alert, as every client would."""
    heard: queue.SimpleQueue[str] = queue.SimpleQueue()
    context = server_context(papers.good)

    def meet(conn: socket.socket) -> None:
        try:
            with context.wrap_socket(conn, server_side=True) as wrapped:
                wrapped.recv(1)
        except ssl.SSLError as fault:
            heard.put(str(fault.reason))

    with Peer(meet) as peer:
        look(peer.dial(), ca_file=str(papers.other_ca_file))

    assert heard.get(timeout=5) == "TLSV1_ALERT_UNKNOWN_CA"


def test_a_chain_that_cannot_be_read_to_its_end_is_not_complete(papers: Papers) -> None:
    """What comes before the rubbish stands; without a leaf there is no chain."""
    fields = {"vantage": "here", "at": 0.0, "took_ms": 0.0, "source": "", "address": HERE}
    fields |= {"port": 1, "sni": "", "trusted": None}
    leaf = ssl.PEM_cert_to_DER_cert(papers.ca_file.read_text())
    session = Session(_ground(papers), "cache.example")
    session.heard.chain = [leaf, b"rubbish", leaf]
    chain = session.certificates(fields)
    session.heard.chain = [b"rubbish", leaf]

    assert chain is not None
    assert (len(chain.chain), chain.complete) == (1, False)
    assert session.certificates(fields) is None


@pytest.mark.parametrize(
    ("sni", "outcome"),
    [
        ("127.0.0.1", "ok"),
        ("127.0.0.2", "name-mismatch"),
        ("::1", "name-mismatch"),
        ("fe80::1%lo", "name-mismatch"),
    ],
)
def test_an_address_is_checked_as_such(papers: Papers, sni: str, outcome: str) -> None:
    """By the certificate's addresses."""
    with Peer(tls(server_context(papers.good))) as peer:
        seen, _ = look(peer.dial(), sni=sni, ca_file=str(papers.ca_file))

    assert (seen.outcome, seen.sni) == (outcome, "")
    assert seen.verify_code == (64 if outcome == "name-mismatch" else None)


def test_a_client_that_checks_no_name_is_content_with_another(papers: Papers) -> None:
    """The chain is checked all the same."""
    with Peer(tls(server_context(papers.issue("other.example")))) as peer:
        seen, certificates = look(peer.dial(), ca_file=str(papers.ca_file), check_hostname=False)
        strange, _ = look(peer.dial(), ca_file=str(papers.other_ca_file), check_hostname=False)

    assert (seen.outcome, seen.verified) == ("ok", False)
    assert certificates is not None
    assert certificates.trusted is True
    assert strange.outcome == "untrusted"


def test_the_environment_names_the_authorities(
    papers: Papers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for every program that uses OpenSSL."""
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    with Peer(tls(server_context(papers.good))) as peer:
        monkeypatch.setenv("SSL_CERT_FILE", str(papers.ca_file))
        seen, _ = look(peer.dial())
        monkeypatch.setenv("SSL_CERT_FILE", str(papers.other_ca_file))
        strange, _ = look(peer.dial())

    assert (seen.outcome, seen.ca) == ("ok", f"SSL_CERT_FILE={papers.ca_file}")
    assert (strange.outcome, strange.error_text) == ("untrusted", "")


def test_authorities_that_change_are_read_again(
    papers: Papers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are kept between handshakes only as long as they are the same."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(papers.other_ca_file.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with Peer(tls(server_context(papers.good))) as peer:
        outcomes = [look(peer.dial())[0].outcome]
        bundle.write_bytes(bundle.read_bytes() + papers.ca_file.read_bytes())
        outcomes += [look(peer.dial())[0].outcome for _ in range(12)]
        for high, low, checks in itertools.product(("1.2", "1.3"), ("1.0", "1.2", None), (0, 1)):
            seen, _ = look(peer.dial(), max_tls=high, min_tls=low, check_hostname=bool(checks))
            outcomes.append(seen.outcome)  # more kinds of context than are kept

    assert outcomes == ["untrusted"] + ["ok"] * 24
    assert 0 < len(tls_trust._kept) <= tls_trust._MOST_KEPT


def test_authorities_are_loaded_once_and_only_when_needed(papers: Papers) -> None:
    """Of a context that many connections share."""

    class Counting(ssl.SSLContext):
        loads = 0

        def load_default_certs(self, purpose: ssl.Purpose = ssl.Purpose.SERVER_AUTH) -> None:
            del purpose
            self.loads += 1

    trusting, other = Counting(ssl.PROTOCOL_TLS_CLIENT), Counting(ssl.PROTOCOL_TLS_CLIENT)
    for context, trusts_system in ((trusting, True), (other, False)):
        shared = tls_trust.Ground(context, trusts_system=trusts_system)
        shared.complete()
        shared.complete()

    assert (trusting.loads, other.loads) == (1, 0)
    assert _ground(papers) is not _ground(papers)  # a file of the user's is always read


def _ground(papers: Papers) -> tls_trust.Ground:
    return tls_trust.ground(
        verify=True,
        check_hostname=True,
        min_tls=None,
        max_tls=None,
        old_too=False,
        ca_file=str(papers.ca_file),
    )


def test_handshakes_side_by_side_do_not_mix(
    papers: Papers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They share the authorities and nothing else."""
    monkeypatch.setenv("SSL_CERT_FILE", str(papers.ca_file))
    names = [f"cache{number}.example" for number in range(6)]
    seen: dict[str, list[tuple[str, tuple[str, ...]]]] = {name: [] for name in names}

    def visit(name: str, peer: Peer) -> None:
        for _ in range(5):
            shaken, certificates = look(peer.dial(), sni=name)
            assert certificates is not None
            seen[name].append((shaken.outcome, certificates.chain[0].names))

    with contextlib.ExitStack() as peers:
        visits = [
            threading.Thread(target=visit, args=(name, peers.enter_context(Peer(meet))))
            for name in names
            for meet in [tls(server_context(papers.issue(name)))]
        ]
        for each in visits:
            each.start()
        for each in visits:
            each.join(30)

    assert seen == {name: [("ok", (name,))] * 5 for name in names}


def test_a_side_that_trusts_nobody_says_that_it_is_its_own_fault(
    papers: Papers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL passes over a missing bundle in silence and blames the server."""
    missing = papers.folder / "missing"
    monkeypatch.setenv("SSL_CERT_FILE", str(missing))
    monkeypatch.setenv("SSL_CERT_DIR", str(missing))
    with Peer(tls(server_context(papers.good))) as peer:
        seen, _ = look(peer.dial())
        monkeypatch.setenv("SSL_CERT_FILE", "")
        bare, _ = look(peer.dial())
        empty = tmp_path / "empty"
        empty.mkdir()
        monkeypatch.setenv("SSL_CERT_DIR", str(empty))
        emptied, _ = look(peer.dial())
        (empty / "0badcafe.0").write_bytes(papers.other_ca_file.read_bytes())
        filled, _ = look(peer.dial())

    assert {each.outcome for each in (seen, bare, emptied, filled)} == {"untrusted"}
    assert str(missing) in seen.error_text
    assert bare.error_text == emptied.error_text
    assert bare.error_text.startswith("no CA certificates")
    assert filled.error_text == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        ("", "holds no certificate"),
        ("no PEM", "holds no certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds no certificate"),
    ],
)
def test_a_bad_ca_file_is_told_in_one_line(
    tmp_path: Path, papers: Papers, content: str | None, said: str
) -> None:
    """Before anything is sent."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with Peer(listen) as peer:
        sock = peer.dial()
        with pytest.raises(BadCaFile, match=said) as told:
            shake(sock, ca_file=str(path))
        assert sock.fileno() == -1
        sock = peer.dial()
        with pytest.raises(BadCaFile, match="Is a directory"):
            shake(sock, ca_file=str(papers.folder))
        sock = peer.dial()
        with pytest.raises(BadCaFile, match="NUL"):
            shake(sock, ca_file="a\0b")

    assert str(path) in str(told.value)
    assert "\n" not in str(told.value)
    assert told.value.for_people


# --- client certificates -----------------------------------------------------------------------


def _demanding(papers: Papers, version: str) -> ssl.SSLContext:
    context = server_context(papers.good, lowest=version, highest=version)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(papers.ca_file)
    return context


def test_a_missing_client_certificate_is_told_in_the_handshake_of_tls_1_2(papers: Papers) -> None:
    """By an alert that does not say why, and a wish that does."""
    with Peer(tls(_demanding(papers, "1.2"))) as peer:
        seen, certificates = look(peer.dial(), ca_file=str(papers.ca_file))

    assert (seen.outcome, seen.alert) == ("alert", "handshake_failure")
    assert seen.client_certificate_wanted is True
    assert certificates is not None


@pytest.mark.parametrize("speaks_first", [True, False])
def test_a_missing_client_certificate_is_told_after_the_handshake_of_tls_1_3(
    papers: Papers, *, speaks_first: bool
) -> None:
    """By an alert in place of the first answer, which a failing send does not swallow."""
    refused = threading.Event()
    context = _demanding(papers, "1.3")

    def meet(conn: socket.socket) -> None:
        try:
            context.wrap_socket(conn, server_side=True)
        finally:
            conn.close()
            refused.set()

    with Peer(meet) as peer:
        channel, seen, _ = shake(peer.dial(), ca_file=str(papers.ca_file))
        assert channel is not None
        refused.wait(5)
        if speaks_first:
            for _ in range(3):
                channel.send(b"PING\r\n")
        with pytest.raises(TlsAlert) as told:
            channel.recv(5)
        channel.close()

    assert (seen.outcome, seen.client_certificate_wanted) == ("ok", True)
    assert told.value.name == "certificate_required"
    assert "certificate_required" in str(told.value)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_certificate_may_be_wanted_and_not_needed(papers: Papers, version: str) -> None:
    """The wish alone is no failure."""
    context = _demanding(papers, version)
    context.verify_mode = ssl.CERT_OPTIONAL
    with Peer(tls(context)) as peer:
        channel, seen, _ = shake(peer.dial(), ca_file=str(papers.ca_file))
        assert channel is not None
        channel.send(b"x")
        assert channel.recv(5) == b"x"
        channel.close()

    assert (seen.outcome, seen.client_certificate_wanted) == ("ok", True)


# --- versions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lowest", "highest"),
    [
        pair
        for pair in itertools.product(("1.0", "1.1", "1.2", "1.3"), repeat=2)
        if pair[0] <= pair[1]
    ],
)
def test_the_versions_of_a_server_are_found(papers: Papers, lowest: str, highest: str) -> None:
    """Each alone, also those that the system's policy bars."""
    with Peer(tls(server_context(papers.good, lowest=lowest, highest=highest))) as peer:
        seen = versions(
            peer.dial, address=HERE, port=1, sni="cache.example", wait_s=5.0, vantage="here"
        )

    assert [each.min_tls for each in seen] == ["1.0", "1.1", "1.2", "1.3"]
    for each in seen:
        assert each.min_tls == each.max_tls is not None
        assert (each.purpose, each.verified) == ("version", False)
        if lowest <= each.max_tls <= highest:
            assert (each.outcome, each.version) == ("ok", each.max_tls)
        elif each.outcome == "error":  # it knows no way to say no but to choose what it has
            assert each.error_text == f"UNSUPPORTED_PROTOCOL: the server chose TLS {highest}"
            assert each.server_spoke
        else:
            assert (each.outcome, each.alert) == ("alert", "protocol_version")


def test_a_version_that_cannot_be_dialled_for_is_left_out() -> None:
    """No connection, no handshake."""
    assert versions(lambda: None, address=HERE, port=1, sni="", wait_s=1.0, vantage="here") == ()


def test_a_capped_client_is_refused_with_an_alert(papers: Papers) -> None:
    """The server's, and it says why."""
    with Peer(tls(server_context(papers.good, lowest="1.3"))) as peer:
        seen, certificates = look(peer.dial(), max_tls="1.2")

    assert (seen.outcome, seen.alert) == ("alert", "protocol_version")
    assert seen.max_tls == "1.2"
    assert seen.client_certificate_wanted is None
    assert certificates is None


def test_an_old_version_is_offered_where_no_lower_limit_is_set(papers: Papers) -> None:
    """Python's own lower limit is lowered with the upper one."""
    with Peer(tls(server_context(papers.good, lowest="1.0", highest="1.1"))) as peer:
        seen, _ = look(peer.dial(), verify=False, max_tls="1.1", purpose="version")

    assert (seen.outcome, seen.version) == ("ok", "1.1")


def test_a_server_of_old_is_refused_by_the_client(papers: Papers) -> None:
    """No verdict of the server's: it chose what it has."""
    with Peer(tls(server_context(papers.good, lowest="1.0", highest="1.1"))) as peer:
        seen, _ = look(peer.dial(), verify=False, min_tls="1.2", max_tls="1.2", purpose="version")

    assert seen.outcome == "error"
    assert seen.error_text == "UNSUPPORTED_PROTOCOL: the server chose TLS 1.1"


@pytest.mark.parametrize(
    "wishes",
    [
        {"max_tls": "1.1"},  # barred by the security level, which is not lowered for a client
        {"max_tls": "0.9"},
        {"min_tls": "1.3", "max_tls": "1.2"},
        {"sni": ""},
        {"sni": "two..dots"},
        {"sni": "l" * 64 + ".example"},
        {"sni": "nul\0.example"},
        {"sni": ".example"},
    ],
)
def test_what_this_side_cannot_do_is_not_held_against_the_server(wishes: dict[str, str]) -> None:
    """Not a byte is sent."""
    got: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    with Peer(lambda conn: got.put(conn.recv(10))) as peer:
        seen, certificates = look(peer.dial(), **wishes)
        assert got.get(timeout=5) == b""

    assert seen.outcome == "error"
    assert seen.error_text.startswith("not tried: ")
    assert (seen.bytes_in, seen.server_spoke) == (None, False)
    assert certificates is None


# --- the name that is sent ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sni", "sent"),
    [
        ("cache.example", "cache.example"),
        ("cache.example.", "cache.example"),
        ("Cache.Example", "Cache.Example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("my_cache.example", "my_cache.example"),
        ("127.0.0.1", None),
        ("::1", None),
        ("fe80::1%eth0", None),
        ("", None),
    ],
)
def test_a_name_is_sent_and_an_address_is_not(papers: Papers, sni: str, sent: str | None) -> None:
    """As RFC 6066 has it; international names in their ASCII form."""
    got: list[str | None] = []
    context = server_context(papers.good)
    context.sni_callback = lambda _tls, name, _context: got.append(name)
    with Peer(tls(context)) as peer:
        seen, _ = look(peer.dial(), sni=sni, verify=False)

    assert (seen.outcome, seen.sni) == ("ok", sent or "")
    assert got == [sent]


# --- how it can end ----------------------------------------------------------------------------

HELLO_ONLY = 100  # bytes of a server's flight, which cut the ServerHello


def _partly(papers: Papers, count: int, then: Callable[[socket.socket], None]) -> Any:
    """Let the first *count* bytes of a server's answer pass, and go on with *then*."""
    context = server_context(papers.good)

    def meet(conn: socket.socket) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = context.wrap_bio(incoming, outgoing, server_side=True)
        incoming.write(conn.recv(65536))
        with pytest.raises(ssl.SSLWantReadError):
            server.do_handshake()
        conn.sendall(outgoing.read()[:count])
        then(conn)

    return meet


@pytest.mark.parametrize("passes", [0, HELLO_ONLY, 700])
@pytest.mark.parametrize("end", ["closed", "reset", "silent"])
def test_an_end_is_told_with_how_far_the_server_came(papers: Papers, passes: int, end: str) -> None:
    """Closed, reset or silent, before the server says a word or amidst its answer."""
    then = {"closed": socket.socket.close, "reset": reset, "silent": listen}[end]
    with Peer(_partly(papers, passes, then)) as peer:
        began = time.monotonic()
        seen, certificates = look(peer.dial(), wait_s=SOON_S if end == "silent" else 5.0)

    assert time.monotonic() - began < SOON_S + LATE_S
    # Linux hands out what had come before a reset, other systems need not.
    assert (seen.outcome, seen.bytes_in, seen.server_spoke) == (end, passes, passes > 0)
    assert seen.alert is None
    assert certificates is None
    assert seen.unacked_bytes == (0 if sys.platform == "linux" else None)


@pytest.mark.parametrize(("leave", "outcome"), [(socket.socket.close, "closed"), (reset, "reset")])
def test_a_server_that_leaves_before_the_hello_is_seen_to_leave(
    leave: Callable[[socket.socket], None], outcome: str
) -> None:
    """As one does on its TLS port that has as many clients as it may have."""
    dialled, gone = threading.Event(), threading.Event()

    def meet(conn: socket.socket) -> None:
        dialled.wait(5)
        leave(conn)
        gone.set()

    with Peer(meet) as peer:
        sock = peer.dial()
        dialled.set()
        gone.wait(5)
        seen, _ = look(sock)

    assert (seen.outcome, seen.server_spoke, seen.bytes_in) == (outcome, False, 0)


def test_a_goodbye_in_the_handshake_is_a_close() -> None:
    """With the alert's name beside it."""
    with Peer(say(b"\x15\3\3\0\2\1\0")) as peer:
        seen, _ = look(peer.dial())

    assert (seen.outcome, seen.alert, seen.server_spoke) == ("closed", "close_notify", True)


@pytest.mark.parametrize("number", [40, 70, 80, 112, 116, 99])
def test_an_alert_is_named(number: int) -> None:
    """Also one that this library has no word for."""
    names = {40: "handshake_failure", 70: "protocol_version", 80: "internal_error"}
    names |= {112: "unrecognized_name", 116: "certificate_required", 99: "alert_99"}
    with Peer(say(bytes([21, 3, 3, 0, 2, 2, number]))) as peer:
        seen, _ = look(peer.dial())

    assert (seen.outcome, seen.alert) == ("alert", names[number])


def test_a_warning_does_not_end_a_handshake(papers: Papers) -> None:
    """Some fronts complain of a name and go on; what ends it is told by itself."""
    warning = bytes([21, 3, 3, 0, 2, 1, 112])
    context = server_context(papers.good, highest="1.2")

    def meet(conn: socket.socket) -> None:
        conn.sendall(warning)
        tls(context)(conn)

    with Peer(meet) as peer:
        seen, _ = look(peer.dial(), ca_file=str(papers.ca_file))
        strange, _ = look(peer.dial(), ca_file=str(papers.other_ca_file))

    assert (seen.outcome, seen.alert) == ("ok", "unrecognized_name")
    assert (strange.outcome, strange.alert) == ("untrusted", "unrecognized_name")


def test_an_alert_of_tls_1_3_has_no_level_that_counts() -> None:
    """There the library decides; in older versions a warning does not end anything."""
    heard = Heard()
    heard.message(0x304, 21, 116, b"\1\x74")
    ended, unrelated = ssl.SSLError(), ssl.SSLError()
    ended.reason = "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    unrelated.reason = "BAD_SIGNATURE"

    assert heard.fatal_alert(ended) == "certificate_required"
    assert heard.fatal_alert(unrelated) is None


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", r"HTTP/1.1 400 Bad Request\r\n\r\n"),
        (b"-ERR max number of clients reached\r\n", r"-ERR max number of clients reached\r\n"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", r"SSH-2.0-OpenSSH_9.9\r\n"),
        (b"\x16\2", r"\x16\x02"),
        (b"\0", r"\x00"),
        (b"x" * 5000, "x" * 119 + "…"),
    ],
)
def test_another_language_is_shown(answer: bytes, shown: str) -> None:
    """As much of it as fits, and nothing that a terminal obeys."""
    with Peer(say(answer)) as peer:
        seen, _ = look(peer.dial())

    assert (seen.outcome, seen.first_bytes, seen.server_spoke) == ("not-tls", shown, False)
    assert seen.bytes_in is not None
    assert 0 < seen.bytes_in <= len(answer)


def test_another_language_is_heard_out_when_it_comes_in_pieces() -> None:
    """The first byte alone already tells that it is not TLS, but not what it is."""

    def meet(conn: socket.socket) -> None:
        conn.recv(65536)
        for piece in (b"H", b"TTP/1.0 400 Bad Request\r\n\r\n"):
            conn.sendall(piece)
            threading.Event().wait(0.03)

    with Peer(meet) as peer:
        seen, _ = look(peer.dial(), verify=False)

    assert seen.first_bytes == r"HTTP/1.0 400 Bad Request\r\n\r\n"


def test_no_time_is_silence() -> None:
    """Also where there was none to begin with."""
    with Peer(listen) as peer:
        seen, _ = look(peer.dial(), wait_s=0.0)
        late, _ = look(peer.dial(), wait_s=-1.0)

    assert seen.outcome == late.outcome == "silent"


def test_a_socket_that_is_closed_already_is_an_error() -> None:
    """Told, not raised."""
    sock = socket.socket()
    sock.close()
    seen, _ = look(sock)

    assert seen.outcome == "error"
    assert seen.error_text
    assert seen.unacked_bytes is None


def test_without_the_private_ear_less_is_known(
    papers: Papers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Python that lacks it still tells what ended the handshake, and shows the leaf at least."""
    monkeypatch.setattr(Heard, "message", lambda *_: None)
    with Peer(tls(server_context(papers.good))) as peer:
        seen, certificates = look(peer.dial(), ca_file=str(papers.ca_file))
    with Peer(tls(server_context(papers.good, lowest="1.3"))) as peer:
        capped, _ = look(peer.dial(), max_tls="1.2")
    with Peer(tls(_demanding(papers, "1.3"))) as peer:
        channel, _, _ = shake(peer.dial(), ca_file=str(papers.ca_file))
        assert channel is not None
        with pytest.raises(TlsAlert) as told:
            channel.recv(5)
        channel.close()

    assert (seen.outcome, seen.client_certificate_wanted) == ("ok", None)
    assert certificates is not None
    assert certificates.chain[0].names == ("cache.example", "127.0.0.1")
    assert certificates.complete == (sys.version_info >= (3, 13))
    assert (capped.outcome, capped.alert) == ("alert", "protocol_version")
    assert told.value.name == "certificate_required"


# --- real servers ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def redis_files(papers: Papers) -> tuple[str, ...]:
    """How a Redis is told of its certificate."""
    return (
        "--tls-cert-file", str(papers.good), "--tls-key-file", str(papers.good),
        "--tls-ca-cert-file", str(papers.ca_file),
    )  # fmt: skip


def _dial(port: int) -> socket.socket:
    return socket.create_connection((HERE, port), 5)


def test_a_redis_with_tls_answers(
    papers: Papers, redis_files: tuple[str, ...], tmp_path: Path
) -> None:
    """It speaks through the channel, and tells which versions it was left with."""
    port, plain_port = free_port(), free_port()
    only = ("--tls-auth-clients", "no", "--tls-protocols", "TLSv1.2")
    ports = ("--port", str(plain_port), "--tls-port", str(port))
    with redis(tmp_path, port, *ports, *redis_files, *only):
        channel, seen, _ = shake(_dial(port), ca_file=str(papers.ca_file))
        assert channel is not None
        channel.send(b"PING\r\n")
        assert channel.recv(5) == b"+PONG\r\n"
        channel.close()
        found = versions(
            lambda: _dial(port), address=HERE, port=port, sni="", wait_s=5.0, vantage="here"
        )
        stalled, _ = look(_dial(plain_port), wait_s=SOON_S)
        short = _small(_dial(port))
        shortest = _small(_dial(plain_port), wait_s=SOON_S)

    assert (seen.outcome, seen.version) == ("ok", "1.2")
    assert [each.outcome for each in found] == ["alert", "alert", "ok", "alert"]
    assert {each.alert for each in found if each.failed} == {"protocol_version"}
    # A plain Redis waits for the end of a line, which a hello may happen to hold.
    assert stalled.outcome in ("silent", "not-tls")
    assert not stalled.server_spoke
    assert (short.outcome, short.alert) == ("alert", "handshake_failure")
    assert shortest.outcome in ("silent", "not-tls")


def test_a_redis_that_wants_a_certificate_says_so(
    papers: Papers, redis_files: tuple[str, ...], tmp_path: Path
) -> None:
    """In place of its first answer."""
    port = free_port()
    with redis(tmp_path, port, "--port", "0", "--tls-port", str(port), *redis_files):
        channel, seen, _ = shake(_dial(port), ca_file=str(papers.ca_file))
        assert channel is not None
        channel.send(b"PING\r\n")
        with pytest.raises(TlsAlert) as told:
            channel.recv(5)
        channel.close()

    assert (seen.outcome, seen.client_certificate_wanted) == ("ok", True)
    assert told.value.name == "certificate_required"


def test_a_redis_at_its_limit_closes_without_a_word(
    papers: Papers, redis_files: tuple[str, ...], tmp_path: Path
) -> None:
    """The text of its refusal is for plain ports only."""
    port = free_port()
    options = ("--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no")
    with redis(tmp_path, port, *options, *redis_files, "--maxclients", "1"):
        first, _, _ = shake(_dial(port), ca_file=str(papers.ca_file))
        assert first is not None
        first.send(b"PING\r\n")
        assert first.recv(5) == b"+PONG\r\n"
        seen, _ = look(_dial(port), ca_file=str(papers.ca_file))
        first.close()

    assert seen.outcome in ("closed", "reset")
    assert not seen.server_spoke


@pytest.mark.parametrize("version", ["1_2", "1_3"])
def test_openssl_itself_is_understood(papers: Papers, version: str, tmp_path: Path) -> None:
    """Its own server, with a chain of two."""
    chain_file = papers.below_child("cache.example", with_child=True)
    port = free_port()
    command = f"openssl s_server -accept {HERE}:{port} -tls{version} -quiet -verify 2"
    files = f"-cert {chain_file} -cert_chain {chain_file} -key {chain_file}"
    with program(*f"{command} {files}".split(), folder=tmp_path, port=port):
        seen, certificates = look(_dial(port), ca_file=str(papers.ca_file))

    assert (seen.outcome, seen.version) == ("ok", version.replace("_", "."))
    assert seen.client_certificate_wanted is True
    assert certificates is not None
    assert len(certificates.chain) >= 2


# --- paths that swallow large packets ----------------------------------------------------------


def _small(sock: socket.socket, **wishes: Any) -> TlsHandshake:
    asked = {"port": 6380, "sni": "cache.example", "wait_s": 5.0, "vantage": "here", **wishes}
    seen = small_reply(sock, address=HERE, **asked)
    assert sock.fileno() == -1
    assert seen.purpose == "small-reply"
    return seen


@pytest.mark.parametrize(("lowest", "highest"), [("1.0", "1.1"), ("1.2", "1.3"), ("1.3", "1.3")])
def test_every_server_refuses_the_small_hello_with_a_small_alert(
    papers: Papers, lowest: str, highest: str
) -> None:
    """Whichever versions it speaks."""
    with Peer(tls(server_context(papers.good, lowest=lowest, highest=highest))) as peer:
        seen = _small(peer.dial())

    assert seen.outcome == "alert"
    assert seen.alert in ("handshake_failure", "protocol_version")
    assert (seen.server_spoke, seen.bytes_in) == (True, 7)


def _reset_when_asked(conn: socket.socket) -> None:
    conn.recv(999)
    reset(conn)


@pytest.mark.parametrize(
    ("meet", "outcome"),
    [
        (listen, "silent"),
        (lambda conn: conn.recv(999), "closed"),
        (_reset_when_asked, "reset"),
        (say(b"-ERR unknown command\r\n"), "not-tls"),
        (say(b"\x16\3\3\0\4abcd"), "error"),
    ],
)
@pytest.mark.parametrize("sni", ["cache.example", "127.0.0.1", "", "two..dots"])
def test_other_answers_to_the_small_hello_are_told(
    meet: Callable[[socket.socket], None], outcome: str, sni: str
) -> None:
    """In the same words as after a large one."""
    with Peer(meet) as peer:
        seen = _small(peer.dial(), wait_s=SOON_S if outcome == "silent" else 5.0, sni=sni)

    assert seen.outcome == outcome


def test_small_segments_are_in_force(papers: Papers) -> None:
    """The handshake itself says how small they are."""
    with Peer(tls(server_context(papers.good))) as peer:
        sock, _ = tcp.dial(HERE, peer.port, vantage="here", wait_s=5.0, prepare=limit_segments)
        assert sock is not None
        seen, _ = look(sock, verify=False, purpose="small-segments")

    assert (seen.outcome, seen.purpose) == ("ok", "small-segments")
    size = int(seen.source.rpartition("at most ")[2].split()[0])
    assert 400 < size <= SMALL_SEGMENT_BYTES


@pytest.mark.kernel
def test_a_path_that_swallows_large_packets_is_seen_through(papers: Papers) -> None:
    """The ordinary handshake stalls, the small hello is answered, small segments pass."""
    context = server_context(papers.below_child("cache.example", with_child=True))
    with routed() as net:
        net.router.filter("forward", "ip saddr 10.99.2.2 meta length > 800 drop")
        listener = net.server.inside(lambda: socket.create_server(("10.99.2.2", 6380)))

        def serve() -> None:
            for _ in range(3):
                conn, _ = listener.accept()
                try:
                    tls(context)(conn)
                except OSError:
                    conn.close()

        server = threading.Thread(target=serve, daemon=True)
        server.start()

        def dial(prepare: Callable[[socket.socket], None] | None = None) -> socket.socket:
            sock, _ = net.client.inside(
                lambda: tcp.dial("10.99.2.2", 6380, vantage="here", wait_s=5.0, prepare=prepare)
            )
            assert sock is not None
            return sock

        seen, _ = look(dial(), wait_s=0.5, verify=False)
        short = _small(dial())
        narrow, _ = look(dial(limit_segments), verify=False, purpose="small-segments")
        server.join(5)
        listener.close()

    assert (seen.outcome, seen.server_spoke) == ("silent", False)
    assert seen.unacked_bytes == 0  # the hello went through
    assert short.outcome == "alert"
    assert narrow.outcome == "ok"


@pytest.mark.kernel
def test_a_hello_that_never_arrives_stays_unacknowledged() -> None:
    """The other direction: our own packets are lost."""
    with routed() as net:
        net.router.filter("forward", "ip saddr 10.99.1.2 meta length > 200 drop")
        listener = net.server.inside(lambda: socket.create_server(("10.99.2.2", 6380)))
        sock, _ = net.client.inside(lambda: tcp.dial("10.99.2.2", 6380, vantage="here", wait_s=5.0))
        assert sock is not None
        seen, _ = look(sock, wait_s=0.3)
        listener.close()

    assert seen.outcome == "silent"
    assert seen.unacked_bytes is not None
    assert seen.unacked_bytes > 200


# --- names -------------------------------------------------------------------------------------

LABELS = st.sampled_from(["a", "b", "A", "*", "*a", "a*", "xn--a", "a-b", "-a", "a_b", "example"])
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
ADDRESSES = st.sampled_from(["127.0.0.1", "10.0.0.1", "::1", "fe80::1", "::ffff:10.0.0.1"])
CA = trustme.CA()


def _verdict_of_openssl(names: tuple[str, ...], host: str) -> bool:
    """What the library makes of it, in a handshake without a network."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CA.issue_cert(*names).configure_cert(server)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    CA.configure_trust(client)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(back, there, server_hostname=host),
        server.wrap_bio(there, back, server_side=True),
    )
    for end in itertools.chain.from_iterable(itertools.repeat(ends, 4)):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError as fault:
            return fault.verify_code not in (62, 64)
    return True


@MODEST
@given(st.lists(NAMES | ADDRESSES, min_size=1, max_size=3).map(tuple), NAMES | ADDRESSES)
def test_names_match_as_openssl_has_it(names: tuple[str, ...], host: str) -> None:
    """Wildcards, hyphens, underscores, international names and addresses."""
    try:
        CA.issue_cert(*names)
    except ValueError:
        return  # trustme takes no such name
    assert names_match(names, host) == _verdict_of_openssl(names, host)


@pytest.mark.parametrize(
    ("names", "host", "fits"),
    [
        (("cache.example",), "cache.example.", True),
        (("CACHE.example",), "cache.EXAMPLE", True),
        (("*.cache.example",), "a.cache.example", True),
        (("*.cache.example",), "a.b.cache.example", False),
        (("*.cache.example",), "cache.example", False),
        (("*.example",), "cache.example", False),
        (("*.-cache.example",), "a.-cache.example", False),
        (("*.cache-.example",), "a.cache-.example", False),
        (("*.cache.example",), "a_b.cache.example", False),
        (("*.cache.example",), "*.cache.example", True),
        (("xn--bcher-kva.example",), "bücher.example", True),
        (("10.0.0.1",), "10.0.0.1", True),
        (("::1",), "0:0:0:0:0:0:0:1", True),
        (("fe80::1",), "fe80::1%eth0", True),
        ((), "cache.example", False),
        (("cache.example",), "", False),
        (("cache.example",), "two..dots", False),
        (("cache.example",), "nul\0", False),
    ],
)
def test_a_name_is_for_a_host_or_not(names: tuple[str, ...], host: str, *, fits: bool) -> None:
    """The cases that matter, spelt out."""
    assert names_match(names, host) is fits


@given(st.lists(st.text(max_size=30), max_size=3).map(tuple), st.text(max_size=30))
def test_any_texts_match_or_not(names: tuple[str, ...], host: str) -> None:
    """Nothing is raised."""
    assert names_match(names, host) in (True, False)


# --- malice ------------------------------------------------------------------------------------


def _against(meet: Callable[[socket.socket], None], **wishes: Any) -> TlsHandshake:
    """Shake hands with one end of a pair of sockets, at whose other end *meet* stands."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with theirs:
            try:
                meet(theirs)
            except OSError:
                return

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    began = time.monotonic()
    channel, seen, certificates = shake(ours, wait_s=0.5, verify=False, **wishes)
    if channel is not None:
        with contextlib.suppress(OSError):
            channel.recv(0.01)
        channel.close()
    assert time.monotonic() - began < 0.5 + LATE_S
    server.join(5)
    assert not server.is_alive()
    if certificates is not None:
        assert certificates.from_json(certificates.to_json()) == certificates
    assert seen.from_json(seen.to_json()) == seen
    return seen


@MODEST
@given(st.binary(max_size=400), st.booleans())
def test_random_bytes_are_an_observation(data: bytes, looks_like_tls: bool) -> None:
    """Raw, or within a record."""

    def meet(conn: socket.socket) -> None:
        head = b"\x16\3\3" + len(data).to_bytes(2, "big") if looks_like_tls else b""
        conn.sendall(head + data)
        conn.shutdown(socket.SHUT_WR)
        listen(conn)

    seen = _against(meet)

    assert seen.failed
    if seen.outcome != "not-tls":
        assert seen.server_spoke == bool(seen.bytes_in)


def _spoiling(
    context: ssl.SSLContext, spoil: Callable[[bytes, int], bytes | None]
) -> Callable[[socket.socket], None]:
    """Answer truly, but for what *spoil* makes of each flight, which begins at an offset.

    ``None`` ends the connection.
    """

    def meet(conn: socket.socket) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = context.wrap_bio(incoming, outgoing, server_side=True)
        sent = 0
        while data := conn.recv(65536):
            incoming.write(data)
            with contextlib.suppress(ssl.SSLError):
                server.do_handshake()
            flight = outgoing.read()
            spoilt = spoil(flight, sent)
            if spoilt is None:
                return
            conn.sendall(spoilt)
            sent += len(flight)

    return meet


@MODEST
@given(
    st.sampled_from(["1.2", "1.3"]),
    st.integers(0, 1500),
    st.sampled_from(["change", "lose", "add", "cut"]),
    st.binary(min_size=1, max_size=6),
)
def test_a_mutated_flight_is_an_observation(
    papers: Papers, version: str, at: int, kind: str, junk: bytes
) -> None:
    """A true answer to this very hello, with one spot of it spoilt."""

    def spoil(flight: bytes, sent: int) -> bytes | None:
        spot = at - sent
        if not 0 <= spot < len(flight):
            return flight
        if kind == "cut":
            return None
        rest = flight[spot + (0 if kind == "add" else len(junk)) :]
        return flight[:spot] + (b"" if kind == "lose" else junk) + rest

    _against(_spoiling(server_context(papers.good, lowest=version, highest=version), spoil))


def test_a_spoilt_record_is_an_error_of_no_version(papers: Papers) -> None:
    """TLS 1.3 still calls itself 1.2 in the clear, which must not be taken for a choice."""
    context = server_context(papers.good, lowest="1.3")

    def spoil(flight: bytes, _: int) -> bytes:
        return flight[:-1] + bytes(last ^ 1 for last in flight[-1:])

    seen = _against(_spoiling(context, spoil))

    assert seen.outcome == "error"
    assert "MAC" in seen.error_text
    assert "chose" not in seen.error_text


def test_a_hostile_message_is_taken_apart_in_bounds() -> None:
    """What the library passes on has been checked by nobody yet."""
    heard = Heard()
    for version, kind, size in itertools.product((0x303, 0x304), range(25), range(12)):
        for filler in (b"\0", b"\xff", b"\3"):
            heard.message(version, 22, kind, bytes([kind]) + filler * size)
            heard.message(version, 21, kind, filler * size)


# --- other Pythons -----------------------------------------------------------------------------

TRAVELLER = """
import socket, sys
from refused.probes import plain, tls

def look(sni="cache.example", **wishes):
    sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
    channel, seen, certificates = tls.handshake(
        sock, address="127.0.0.1", port=1, sni=sni, wait_s=5.0, vantage="there", **wishes)
    chain = () if certificates is None else certificates.chain
    print(seen.outcome, seen.version, seen.alert, seen.client_certificate_wanted, len(chain))
    return channel

channel = look(ca_file=sys.argv[2])
channel.send(b"PING")
print(channel.recv(5))
try:
    channel.recv(0.05)
except TimeoutError:
    print("nothing more")
channel.close()
look(ca_file=sys.argv[3])
look(sni="other.example", ca_file=sys.argv[2])
look(sni="127.0.0.1", ca_file=sys.argv[2])
look(verify=False).close()
look(verify=False, max_tls="0.9")

def dial():
    return socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)

where = {"address": "127.0.0.1", "port": 1, "vantage": "there"}
print(*(each.outcome for each in tls.versions(dial, sni="", wait_s=5.0, **where)))
print(tls.small_reply(dial(), sni="cache.example", wait_s=5.0, **where).outcome)
print(plain.talk(dial(), wait_s=5.0, **where).outcome)
print(tls.names_match(("*.cache.example",), "a.cache.example"))
"""


def _pythons() -> dict[str, str]:
    """Find the other Pythons of this machine, by the program that runs each."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    minors = [f"3.{minor}" for minor in range(8, 16)]
    found = {
        minor: sorted(map(str, pyenv.glob(f"versions/{minor}.*/bin/python"))) for minor in minors
    }
    return {
        minor: (paths or [path])[-1]
        for minor, paths in found.items()
        if (path := shutil.which(f"python{minor}") or "") or paths
    }


PYTHONS = _pythons()


@pytest.mark.parametrize("minor", sorted({"3.8", *PYTHONS}))
def test_other_pythons_see_the_same(papers: Papers, minor: str) -> None:
    """From the oldest that hosts still have to the newest."""
    if minor not in PYTHONS:
        pytest.skip(f"needs Python {minor}")
    python = PYTHONS[minor]
    source = Path(__file__).resolve().parents[2] / "src"
    with Peer(
        tls(server_context(papers.below_child("cache.example", "127.0.0.1", with_child=True)))
    ) as peer:
        said = subprocess.run(
            [python, "-c", TRAVELLER, str(peer.port), papers.ca_file, papers.other_ca_file],
            env={"PYTHONPATH": str(source), "PYTHONWARNINGS": "error"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert said.splitlines() == [
        "ok 1.3 None False 2",
        "b'PING'",
        "nothing more",
        "untrusted None None False 2",
        "name-mismatch None None False 2",
        "ok 1.3 None False 2",
        "ok 1.3 None False 2",
        "error None None None 0",
        "alert alert ok ok",
        "alert",
        "reset",  # its library sends no alert to what is no TLS
        "True",
    ]
