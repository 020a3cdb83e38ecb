"""A secret that goes in never comes out again, whatever the server and the user do with it."""

from __future__ import annotations

import base64
import contextlib
import html
import json
import shlex
import socket
import threading
import traceback
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import refused
from refused.evidence.parse_target import BadTarget, parse_target
from tests.cli.running import apart, here
from tests.vantage.proxies import ACCEPTED, Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LETTERS = "abcdefghijkLMNOPQRSTUVWXYZ0123456789+/=%&\"'\\~^|é漢 "
SECRETS = st.text(LETTERS, min_size=6, max_size=40).filter(
    lambda text: text.strip() == text and len(set(text)) > 3
)


def quoted(secret: str) -> str:
    """Return *secret* as a URL holds it."""
    return quote(secret, safe="")


# Every form in which people have a target at hand, from the secret, the host and the port.
FORMS: dict[str, Callable[[str, str, int], str]] = {
    "rediss URL": lambda key, host, port: f"rediss://:{quoted(key)}@{host}:{port}",
    "redis URL with a user": lambda key, host, port: f"redis://app:{quoted(key)}@{host}:{port}/0",
    "redis URL with options": lambda key, host, port: f"redis://{host}:{port}?password={quoted(key)}",
    "ServiceStack": lambda key, host, port: f"{quoted(key)}@{host}:{port}?ssl=false&db=0",
    "StackExchange.Redis": lambda key, host, port: f"{host}:{port},password={key.replace(',', '')},ssl=False",
    "redis-cli": lambda key, host, port: f"redis-cli -h {host} -p {port} -a {shlex.quote(key)}",
    "redis-cli with a URL": lambda key, host, port: f"redis-cli -u redis://app:{quoted(key)}@{host}:{port}",
    "Spring": lambda key, host, port: f"spring.data.redis.url=redis://app:{quoted(key)}@{host}:{port}",
    ".env": lambda key, host, port: f"REDIS_HOST={host}\nREDIS_PORT={port}\nREDIS_URL=redis://:{quoted(key)}@{host}:{port}\n",
    "JSON": lambda key, host, port: json.dumps({"host": host, "port": port, "password": key}),
}  # fmt: skip
# What a server, a proxy or a log does with what it is sent.
ENCODERS: tuple[Callable[[str], str], ...] = (
    str,
    quoted,
    lambda text: json.dumps(text)[1:-1],
    lambda text: repr(text)[1:-1],
    html.escape,
    lambda text: text.encode().hex(),
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: base64.b64encode(f"app:{text}".encode()).decode(),
)


def thrown_back(data: bytes) -> bytes:
    """Return an error reply with each word of a command in every encoding."""
    words = [each.decode() for each in data.split(b"\r\n") if each[:1] not in (b"*", b"$", b"")]
    said = " ".join(encode(word) for word in words if len(word) >= 6 for encode in ENCODERS)
    return b"-ERR I was sent: " + data.replace(b"\r\n", b" ") + b" " + said.encode() + b"\r\n"


@pytest.fixture(scope="module")
def echo() -> Iterator[int]:
    """Give the port of a server that throws back whatever it is sent, inside an error reply."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(caller,), daemon=True).start()

    def answer(caller: socket.socket) -> None:
        with caller, contextlib.suppress(OSError):
            while data := caller.recv(4096):
                if data.startswith(b"\x16"):
                    caller.sendall(b"-ERR this is no TLS port\r\n")
                    return
                caller.sendall(thrown_back(data))

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


def shows(secret: str, text: str) -> list[str]:
    """Return the encodings of *secret* that stand in *text*."""
    return [form for form in {encode(secret) for encode in ENCODERS} if form in text]


def everything_said(target: str, folder: Path, *words: str) -> str:
    """Return all that the program says of a target, in every way that it has."""
    file = folder / "bundle.json"
    wait = ("--timeout", "0.6", *words)
    told = (
        here("diagnose", target, *wait, "--json", "--save", str(file)),
        here("diagnose", target, *wait, "--verbose"),
        here("diagnose", f"@{file}", "--json"),
        here("probe", target, *wait),
    )
    assert all(each.code != 4 for each in told)
    return "".join(each.out + each.err for each in told) + file.read_text()


SLOWLY = settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("form", FORMS)
@SLOWLY
@given(secret=SECRETS)
@example(secret="47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
def test_no_output_shows_the_secret(echo: int, tmp_path: Path, secret: str, form: str) -> None:
    """Neither the report, nor the JSON, nor the bundle, nor what goes to standard error."""
    secret = secret.replace(",", "")
    target = FORMS[form](secret, "127.0.0.1", echo)

    told = everything_said(target, tmp_path)

    assert "***" in told
    assert shows(secret, told) == []


@pytest.mark.parametrize("word", ["localhost", "password"])
def test_an_ordinary_word_is_not_shown_as_the_password(
    echo: int, tmp_path: Path, word: str
) -> None:
    """It is a word of the report as well, which stays one that can be read."""
    told = everything_said(f"redis://:{word}@localhost:{echo}", tmp_path)
    report = json.loads(here("diagnose", f"@{tmp_path / 'bundle.json'}", "--json").out)
    replies = [each for each in report["evidence"]["facts"] if each["fact"] == "RedisReply"]

    assert report["target"]["host"] == "localhost"
    assert report["target"]["service"] == "redis"
    assert "AUTH $" in json.dumps(replies)
    assert word not in json.dumps(replies).replace("localhost:", "")
    assert not [form for form in shows(word, told) if form != word]
    for bare in (f"AUTH {word}", f":{word}@", f"={word}", f" {word} {word} ", f"-a {word}"):
        assert bare not in told


@given(
    secret=SECRETS,
    breaks=st.sampled_from(
        ("{}@host:99999", "rediss://:{}@", "http://:{}@host", "host:1,password={},ssl=maybe")
    ),
)
def test_a_target_that_is_refused_keeps_its_secret(secret: str, breaks: str) -> None:
    """The one clear line says what is wrong, and not with what."""
    text = breaks.format(secret)

    said = ""
    try:
        parsed = parse_target(text)
        said = repr(parsed.target) + repr(parsed.settings) + repr(parsed.credentials)
    except BadTarget as wrong:
        said = str(wrong)

    assert said
    assert shows(secret, said) == []


@given(secret=SECRETS.filter(lambda text: "," not in text))
def test_a_connection_string_keeps_its_secret(secret: str) -> None:
    """StackExchange.Redis's strings hold the key as it is."""
    parsed = parse_target(f"cache.example.net:6380,password={secret},ssl=True,name=cart")

    assert parsed.credentials.password is not None
    assert parsed.credentials.password.reveal() == secret
    assert (
        shows(secret, repr(parsed.target) + repr(parsed.settings) + repr(parsed.credentials)) == []
    )


@SLOWLY
@given(secret=SECRETS)
def test_a_secret_of_the_environment_is_not_shown(echo: int, tmp_path: Path, secret: str) -> None:
    """REDISCLI_AUTH is used, and never printed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REDISCLI_AUTH", secret)
        told = everything_said(f"redis://127.0.0.1:{echo}", tmp_path)

    assert '"how": "key"' in told
    assert shows(secret, told) == []


@SLOWLY
@given(secret=SECRETS, is_let_in=st.booleans())
def test_the_password_of_a_jump_host_is_not_shown(
    tmp_path: Path, secret: str, is_let_in: bool
) -> None:
    """Whether the proxy takes it, refuses it, or the far side throws it back."""

    def serve(proxy: Proxy, sock: socket.socket) -> None:
        proxy.greet(sock, b"\1\0" if is_let_in else b"\1\1")
        proxy.hear(sock)
        sock.sendall(ACCEPTED)
        while sock.recv(4096):
            sock.sendall(thrown_back(b"AUTH\r\n" + secret.encode() + b"\r\n"))

    with Proxy(serve) as proxy:
        place = f"socks5://cart:{quoted(secret)}@127.0.0.1:{proxy.port}"
        told = everything_said("redis://10.0.0.9:6379", tmp_path, "--from", place)
        heard = b"".join(proxy.heard)

    assert secret.encode() in heard
    assert shows(secret, told) == []


@pytest.mark.parametrize(
    "words",
    [
        ("diagnose", "rediss://:{}@127.0.0.1:1", "-v"),
        ("diagnose", "rediss://:{}@127.0.0.1:1", "--json"),
        ("diagnose", "127.0.0.1:1,password={}", "--timeout", "1"),
        ("diagnose", "rediss://:a/{}@127.0.0.1:1"),
        ("diagnose", "127.0.0.1:1", "--from", "socks5://me:{}@127.0.0.1:1"),
        ("diagnose", "127.0.0.1:1", "--from", "socks6://me:{}@127.0.0.1:1"),
        ("probe", "redis-cli -h 127.0.0.1 -p 1 -a {}"),
        ("rediss://:{}@127.0.0.1:1",),
    ],
)
def test_a_process_of_its_own_keeps_it_too(words: tuple[str, ...]) -> None:
    """Whatever the interpreter itself has to say is in there."""
    secret = "47DEQpj8HBSaTImW5JCeuQeRkm5NMpJWZG3hSuFU="

    done = apart(*(word.format(secret) for word in words))

    assert "47DEQ" not in done.out + done.err
    assert "Traceback" not in done.err


@SLOWLY
@given(secret=SECRETS)
def test_what_the_python_api_raises_or_returns_keeps_it(echo: int, secret: str) -> None:
    """An application that logs a report or an exception logs no secret."""
    report = refused.diagnose(f"redis://:{quoted(secret)}@127.0.0.1:{echo}", timeout_s=0.6)
    told = f"{report!r} {report.bundle!r} {report.diagnosis!r} {report.causes!r}"
    for target in (f"rediss://:{secret}@127.0.0.1:99999", f"host,password={secret},ssl=perhaps"):
        try:
            told += repr(refused.diagnose(target, timeout_s=0.1))
        except ValueError as wrong:
            told += "".join(traceback.format_exception(wrong)) + repr(wrong.__context__)

    # The interpreter shows the line of the test that called, and not what was in it.
    assert shows(secret, told) == []
