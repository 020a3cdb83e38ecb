"""Logging in as clients do, and what a secret looks like from outside."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.evidence.observations import Login, RedisReply
from refused.evidence.redaction import Secret
from refused.evidence.target import Credentials
from refused.lab.servers import Server
from refused.probes.login import describe, log_in
from tests.probes.talking import PROGRAMS, WAIT_S, answer_each, talk_to, talk_with, target_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from refused.probes.resp import Conversation

PASSWORD = "p4ssword-of-the-default-user="
USERS = ("app on >p4ssword-of-app ~* +@all", "off off >p4ssword-of-off ~* +@all")
NOW = 1_795_651_200.0
KEY = base64.b64encode(bytes(range(32))).decode()
LONG_KEY = base64.b64encode(bytes(range(39))).decode()


@pytest.fixture(scope="module", params=PROGRAMS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Run a server that wants a login."""
    with Server(program=request.param, password=PASSWORD, users=USERS) as running:
        yield running


def credentials(user: str | None, password: str | None) -> Credentials:
    """Make what a user would have given."""
    return Credentials(user, Secret(password) if password is not None else None)


def enter(
    talk: Conversation,
    user: str | None,
    password: str | None,
    protocol: int | None = None,
    on_old: Callable[[RedisReply], object] | None = None,
) -> tuple[RedisReply, ...]:
    """Log in on a conversation."""
    return log_in(
        talk,
        credentials(user, password),
        target=target_of(1),
        protocol=protocol,
        wait_s=WAIT_S,
        on_old=on_old,
    )


def shape(password: str | None) -> str:
    """Return the word for a secret's shape."""
    return describe(credentials(None, password), how="key", vantage="here", now=NOW).looks_like


def token(**claims: Any) -> str:
    """Make a JSON Web Token that nobody signed."""

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    header, body = ({"alg": "RS256", "typ": "JWT"}, claims)
    return f"{part(json.dumps(header).encode())}.{part(json.dumps(body).encode())}.c2lnbmF0dXJl"


# --- logging in --------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [None, 2, 3])
@pytest.mark.parametrize(
    ("user", "password"),
    [
        (None, PASSWORD),
        ("", PASSWORD),
        ("default", PASSWORD),
        ("app", "p4ssword-of-app"),
    ],
)
def test_the_right_password_opens(
    server: Server, user: str | None, password: str, protocol: int | None
) -> None:
    """With and without a user, in either protocol; no user is the default one."""
    with talk_to(server.port) as talk:
        (seen,) = enter(talk, user, password, protocol)
        who, _ = talk.ask("ACL", "WHOAMI", wait_s=WAIT_S)

    assert (seen.command, seen.outcome) == ("HELLO" if protocol == 3 else "AUTH", "ok")
    assert who == (user or "default").encode()


@pytest.mark.parametrize("protocol", [None, 3])
@pytest.mark.parametrize(
    ("user", "password"),
    [(None, "wrong-one"), ("app", PASSWORD), ("nobody", PASSWORD), ("off", "p4ssword-of-off")],
)
def test_the_wrong_one_is_refused(
    server: Server, user: str | None, password: str, protocol: int | None
) -> None:
    """The server does not tell what is wrong with it."""
    with talk_to(server.port) as talk:
        (seen,) = enter(talk, user, password, protocol)

    assert (seen.outcome, seen.error_code) == ("error", "WRONGPASS")
    assert password not in repr(seen)


@pytest.mark.parametrize(("user", "password"), [(None, None), ("app", None), (None, "")])
def test_without_a_password_nothing_is_sent(
    server: Server, user: str | None, password: str | None
) -> None:
    """Nor with an empty one and no user, which clients take for none."""
    with talk_to(server.port) as talk:
        assert enter(talk, user, password) == ()
        assert talk.ask("PING", wait_s=WAIT_S)[1].error_code == "NOAUTH"


def test_an_empty_password_of_a_user_is_one() -> None:
    """Some users have none, and log in with it."""
    with Server(users=["open on nopass ~* +@all"]) as server, talk_to(server.port) as talk:
        (seen,) = enter(talk, "open", "")

    assert (seen.command, seen.outcome) == ("AUTH", "ok")


def test_a_client_of_resp3_says_hello_even_without_a_password() -> None:
    """It is told that it should have had one."""
    with Server(password=PASSWORD) as server, talk_to(server.port) as talk:
        (seen,) = enter(talk, None, None, 3)
    with Server() as server, talk_to(server.port) as talk:
        (well,) = enter(talk, None, None, 3)

    assert (seen.command, seen.error_code) == ("HELLO", "NOAUTH")
    assert well.outcome == "ok"


@pytest.mark.parametrize(
    "refusal",
    [b"-ERR unknown command 'HELLO'\r\n", b"-NOPROTO unsupported protocol version\r\n"],
)
def test_a_server_that_does_not_know_hello_is_asked_with_auth(refusal: bytes) -> None:
    """As clients do; the HELLO that stopped nobody is told apart from the login."""
    told: list[RedisReply] = []
    with talk_with(answer_each(refusal, b"+OK\r\n")) as talk:
        (seen,) = enter(talk, "app", "p4ssword-of-app", 3, on_old=told.append)
    with talk_with(answer_each(refusal)) as talk:
        assert enter(talk, None, None, 3) == ()

    assert (seen.command, seen.outcome) == ("AUTH", "ok")
    assert [(each.command, each.outcome) for each in told] == [("HELLO", "error")]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_real_server_without_hello_lets_a_client_of_resp3_in(program: str) -> None:
    """The password, which it quotes to us with the command that it does not know, is not told."""
    with (
        Server(program=program, password=PASSWORD, without=["HELLO"]) as server,
        talk_to(server.port) as talk,
    ):
        (seen,) = enter(talk, None, PASSWORD, 3)

    assert (seen.command, seen.outcome) == ("AUTH", "ok")


def test_a_password_for_a_server_that_has_none_is_an_error() -> None:
    """In the server's own words."""
    with Server() as server, talk_to(server.port) as talk:
        (seen,) = enter(talk, None, "not-needed")

    assert (seen.outcome, seen.error_code) == ("error", "ERR")
    assert "without any password configured" in seen.error_text


def test_a_server_that_hangs_up_at_the_login_has_closed() -> None:
    """At HELLO it is not asked again."""
    with talk_with(answer_each()) as talk:
        (seen,) = enter(talk, None, PASSWORD, 3)

    assert seen.command == "HELLO"
    assert seen.outcome in ("closed", "reset")


# --- the shape of the secret -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "word"),
    [
        (None, "empty"),
        ("", "empty"),
        (KEY, "access-key"),
        (LONG_KEY, "access-key"),
        (KEY[:-1], "other"),
        (KEY + "\n", "padded"),
        (f" {KEY}", "padded"),
        (f'"{KEY}"', "quoted"),
        (f"'{KEY}'", "quoted"),
        (KEY.replace("=", "%3D"), "url-escaped"),
        (KEY.replace("=", "%3d"), "url-escaped"),
        ("with%40sign", "url-escaped"),
        ("100% sure", "other"),
        ("correct horse battery staple", "other"),
        ("é" * 44, "other"),
        ('"', "other"),
        (token(), "token"),
        (f"{token()}\n", "padded"),
        (f'"{token()}"', "quoted"),
        ("eyJ.x.y", "token"),
        ("www.example.com", "other"),
    ],
)
def test_the_shape_of_a_secret(password: str | None, word: str) -> None:
    """What is wrong with it comes before what it would be."""
    assert shape(password) == word


def test_a_token_is_read_and_not_kept() -> None:
    """When it ends, whose it is, and for whom."""
    text = token(exp=NOW + 60, oid="0b1c", aud="https://redis.azure.com", secret="not for you")
    seen = describe(credentials("0b1c", text), how="entra", vantage="pod", now=NOW)

    assert seen == Login(
        vantage="pod",
        at=NOW,
        took_ms=0.0,
        source="the credentials given",
        how="entra",
        user="0b1c",
        looks_like="token",
        token_expires_at=NOW + 60,
        token_user="0b1c",
        token_audience="https://redis.azure.com",
    )
    assert text not in json.dumps(seen.to_json())
    assert "not for you" not in json.dumps(seen.to_json())


def test_a_padded_token_is_read_all_the_same() -> None:
    """White space is what is wrong with it first, but not all that one may want to know."""
    text = token(exp=NOW - 60, aud=["one", "two"]) + "\n"
    seen = describe(credentials(None, text), how="entra", vantage="here", now=NOW)

    assert (seen.looks_like, seen.token_expires_at, seen.token_audience) == (
        "padded",
        NOW - 60,
        "one",
    )


@pytest.mark.parametrize("ends", [True, "tomorrow", -1, 1e400, 10**400, None, [1]])
def test_a_token_that_never_ends_has_no_end(ends: object) -> None:
    """Neither has one whose end is no date."""
    seen = describe(credentials(None, token(exp=ends)), how="entra", vantage="here", now=NOW)

    assert seen.token_expires_at is None


@given(
    password=st.one_of(
        st.text(),
        st.binary().map(lambda body: f"eyJ{body.hex()}.{body.hex()}.x"),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ).map(lambda claims: token(exp=claims, oid=claims, aud=claims)),
    ),
    user=st.none() | st.text(),
)
def test_every_secret_has_a_shape_that_does_not_show_it(password: str, user: str | None) -> None:
    """Whatever it is; and the description can be saved."""
    seen = describe(Credentials(user, Secret(password)), how="key", vantage="here", now=NOW)

    assert Login.from_json(json.loads(json.dumps(seen.to_json(), allow_nan=False))) == seen
