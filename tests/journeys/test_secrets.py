"""A secret that goes in never comes out again, whatever the server and the user do with it."""

from __future__ import annotations

import contextlib
import io
import json
import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refused.cli.main import main
from refused.evidence.parse_target import BadTarget, parse_target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LETTERS = "abcdefghijkLMNOPQRSTUVWXYZ0123456789+/=%&\"'\\~^|é漢 "
SECRETS = st.text(LETTERS, min_size=6, max_size=40).filter(
    lambda text: text.strip() == text and len(set(text)) > 3
)
FORMS = (
    "rediss://:{quoted}@{place}",
    "redis://app:{quoted}@{place}/0",
    "{quoted}@{place}?ssl=false&db=0",
)


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    """Give the place of a server that throws back whatever it is sent, inside an error reply."""
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
                said = data.replace(b"\r\n", b" ")
                caller.sendall(b"-ERR I was sent: " + said + b"\r\n")

    threading.Thread(target=serve, daemon=True).start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    listener.close()


def said_by(*words: str) -> str:
    """Return all that a command prints, on both channels."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        main(list(words))
    return out.getvalue() + err.getvalue()


def shows(secret: str, text: str) -> list[str]:
    """Return the encodings of *secret* that stand in *text*."""
    forms = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    return [form for form in forms if form in text]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(secret=SECRETS, form=st.sampled_from(FORMS))
def test_no_output_shows_the_secret(echo: str, tmp_path: Path, secret: str, form: str) -> None:
    """Neither the report, nor the JSON, nor the bundle, nor what goes to standard error."""
    target = form.format(quoted=quote(secret, safe=""), place=echo)
    file = tmp_path / "bundle.json"

    told = said_by("diagnose", target, "--json", "--timeout", "0.6", "--save", str(file))
    told += said_by("diagnose", target, "--verbose", "--timeout", "0.6")
    told += said_by("probe", target, "--timeout", "0.6")
    told += file.read_text()

    assert "***" in told
    assert shows(secret, told) == []


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


def test_a_secret_of_the_environment_is_not_shown(
    echo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REDISCLI_AUTH is used, and never printed."""
    monkeypatch.setenv("REDISCLI_AUTH", "hunter2-and-more")

    told = said_by("diagnose", f"redis://{echo}", "--json", "--timeout", "0.6")

    assert '"how": "key"' in told
    assert "hunter2" not in told
