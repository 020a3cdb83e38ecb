"""Alerts are named, and the tiny hello is answered with one by real servers."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from refused.probes.wire.dns_message import BadName
from refused.probes.wire.first_bytes import identify
from refused.probes.wire.tls_records import ALERTS, parse_alert, tiny_hello
from tests.probes.wire.garbage import PATIENCE_S, cpu_seconds, mutated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REFUSAL = b"\x15\3\3\0\2\2\x28"


@pytest.mark.parametrize(
    ("data", "alert"),
    [
        (REFUSAL, ("fatal", "handshake_failure")),
        (b"\x15\3\1\0\2\1\0", ("warning", "close_notify")),
        (b"\x15\3\0\0\2\2\x46", ("fatal", "protocol_version")),
        (b"\x15\3\3\0\2\2\x74", ("fatal", "certificate_required")),
        (b"\x15\3\3\0\2\2\x15", ("fatal", "decryption_failed")),
        (b"\x15\3\3\0\2\2\x79", ("fatal", "ech_required")),
        (b"\x14\3\3\0\1\1" + REFUSAL, ("fatal", "handshake_failure")),
        (b"\x13\3\3\0\1\1" + REFUSAL, None),  # no such record
        (b"\x15\3\3\0\2\2\x63", ("fatal", "alert_99")),
        (b"\x16\3\3\0\4abcd" + REFUSAL, ("fatal", "handshake_failure")),  # after a ServerHello
        (b"", None),
        (REFUSAL[:6], None),
        (b"\x15\3\3\0\2\3\x28", None),  # no such level
        (b"\x15\3\3\0\x1a" + bytes(26), None),  # encrypted
        (b"\x15\2\3\0\2\2\x28", None),
        (b"\x16\3\3\0\x09abcd" + REFUSAL, None),  # within a record
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", None),
        (b"\x16\3\3\0\0" + REFUSAL, None),
        (b"\x16\3\3\xff\xff" + bytes(65535) + REFUSAL, None),
    ],
)
def test_an_alert_in_the_clear_is_named(data: bytes, alert: tuple[str, str] | None) -> None:
    """Behind whole records too, and never within one."""
    assert parse_alert(data) == alert


def test_the_names_of_alerts_are_those_that_python_knows() -> None:
    """The standard library's own list, where it has the number."""
    for number, name in ALERTS.items():
        try:
            theirs = ssl.AlertDescription(number).name
        except ValueError:
            continue
        # Python spells one of them with a letter more than the RFC does.
        assert theirs.replace("CANCELLED", "CANCELED") == f"ALERT_DESCRIPTION_{name}".upper()
    assert {description.value for description in ssl.AlertDescription} <= set(ALERTS)


@given(mutated(st.just(b"\x16\3\3\0\4abcd" + REFUSAL)) | st.binary(max_size=60))
def test_any_bytes_hold_an_alert_or_none(data: bytes) -> None:
    """Nothing is raised, whatever comes."""
    alert = parse_alert(data)

    assert alert is None or alert[0] in {"warning", "fatal"}


def test_many_records_are_walked_once() -> None:
    """A megabyte of the smallest."""
    data = b"\x17\3\3\0\1x" * 170_000 + REFUSAL

    assert parse_alert(data) == ("fatal", "handshake_failure")
    assert cpu_seconds(lambda: parse_alert(data)) < PATIENCE_S


# --- the tiny hello


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for ``cache.example``, in one file."""
    path: Path = tmp_path_factory.mktemp("tls") / "server.pem"
    issued = trustme.CA().issue_cert("cache.example")
    issued.private_key_and_cert_chain_pem.write_to_path(str(path))
    return path


def _ask(port: int, hello: bytes) -> bytes:
    """All that the server says to *hello*."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(hello)
        answer = b""
        while parse_alert(answer) is None:
            more = connection.recv(100)
            if not more:
                break
            answer += more
        return answer


@pytest.mark.parametrize(
    ("lowest", "highest", "alert"),
    [
        (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.MAXIMUM_SUPPORTED, "handshake_failure"),
        (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, "handshake_failure"),
        (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3, "protocol_version"),
    ],
)
def test_pythons_server_answers_the_tiny_hello_with_an_alert(
    credentials: Path, lowest: ssl.TLSVersion, highest: ssl.TLSVersion, alert: str
) -> None:
    """Seven bytes and no more, whichever versions it speaks; and it saw the name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(credentials)
    context.minimum_version, context.maximum_version = lowest, highest
    names: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=_serve_once, args=(listener, context))
        server.start()
        answer = _ask(listener.getsockname()[1], tiny_hello("cache.example"))
        server.join()

    assert (len(answer), parse_alert(answer)) == (7, ("fatal", alert))
    if lowest < ssl.TLSVersion.TLSv1_3:  # else the version is refused before the name is read
        assert names == ["cache.example"]


def _serve_once(listener: socket.socket, context: ssl.SSLContext) -> None:
    connection, _ = listener.accept()
    with connection, pytest.raises(ssl.SSLError):
        context.wrap_socket(connection, server_side=True)


@pytest.fixture(scope="module")
def openssl(credentials: Path) -> Iterator[int]:
    """An ``openssl s_server`` with every version and suite that it has; its port."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("needs the openssl program")
    command = [program, "s_server", "-accept", "127.0.0.1:0", "-cert", str(credentials)]
    command += ["-key", str(credentials), "-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            said = next(line for line in process.stdout if line.startswith(b"ACCEPT"))
            yield int(said.rpartition(b":")[2])
        finally:
            process.kill()


@pytest.mark.parametrize("name", ["cache.example", "", "10.0.0.4", "::1", "bücher.example"])
def test_openssls_server_answers_the_tiny_hello_with_an_alert(openssl: int, name: str) -> None:
    """With the weakest suites that it still has switched on."""
    answer = _ask(openssl, tiny_hello(name))

    assert (len(answer), parse_alert(answer)) == (7, ("fatal", "handshake_failure"))


def test_question_and_answer_fit_the_smallest_packets() -> None:
    """Else they would not get through where large packets are swallowed."""
    longest = ".".join(["a" * 63] * 3 + ["a" * 61])

    assert len(tiny_hello(longest)) < 400
    assert len(tiny_hello("cache.example")) < 100
    assert identify(tiny_hello("cache.example")) == "tls"


def test_an_address_is_no_server_name() -> None:
    """RFC 6066 forbids it, and some fronts hang up on it."""
    assert tiny_hello("10.0.0.4") == tiny_hello("::1") == tiny_hello("")
    assert b"cache.example" in tiny_hello("cache.example.")
    assert b"xn--bcher-kva" in tiny_hello("bücher.example")
    with pytest.raises(BadName):
        tiny_hello("a..b")
