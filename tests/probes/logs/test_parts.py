"""Endpoints, templates and the wrapping of lines, each by itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.probes.logs.endpoints import endpoint_of, is_about_redis
from refused.probes.logs.lines import JOINED, expand, unwrap
from refused.probes.logs.templates import Templates


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("connect ECONNREFUSED 127.0.0.1:6379", "127.0.0.1:6379"),
        ("SocketFailure on contoso.redis.cache.windows.net:6380/Interactive, Idle", "contoso.redis.cache.windows.net:6380"),
        ("timed out: contoso.redis.cache.windows.net/203.0.113.131:6379", "contoso.redis.cache.windows.net/203.0.113.131:6379"),
        ("read tcp 10.0.0.5:40000->10.1.2.3:6379: i/o timeout", "10.1.2.3:6379"),
        ("dial tcp 10.1.2.3:10225: i/o timeout", "10.1.2.3:10225"),
        ("connect ECONNREFUSED [fe80::1]:6379", "[fe80::1]:6379"),
        ("last destination was /10.0.0.12:6379", "10.0.0.12:6379"),
        ("Error 111 connecting to redis:6379. Connection refused", "redis:6379"),
        ("getaddrinfo ENOTFOUND foo.bar.example", "foo.bar.example"),
        ("serverEndpoint: Unspecified/cache1.example.com:6379, x", "cache1.example.com:6379"),
        ("(RedisInputStream.java:199)", ""),
        ("/app/index.js:12 at 17:17:45", ""),
        ("http://10.0.0.1:8080/x then 10.1.2.3:6380", "10.1.2.3:6380"),
        ("", ""),
    ],
)  # fmt: skip
def test_the_endpoint_that_failed_is_found(text: str, endpoint: str) -> None:
    """Among source files, clocks and other services."""
    assert endpoint_of(text.encode()) == endpoint


@given(st.binary(max_size=200))
def test_any_bytes_have_an_endpoint_or_none(text: bytes) -> None:
    """Nothing raises."""
    endpoint_of(text)
    is_about_redis(text)


def test_a_line_is_about_redis_by_word_port_or_reply() -> None:
    """In any case but the reply's, whose capitals are its own."""
    assert is_about_redis(b"ReDiS down")
    assert is_about_redis(b"connect 10.0.0.1:6379")
    assert is_about_redis(b"NOAUTH Authentication required")
    assert not is_about_redis(b"readonly file system")
    assert not is_about_redis(b"connect 10.0.0.1:16379")


def test_messages_that_differ_in_their_variables_are_one_template() -> None:
    """And where words differ there is a gap."""
    templates = Templates()
    first = templates.of("redis job 12 failed on host alpha after 3.5 s")
    second = templates.of("redis job 99 failed on host beta after 7 s")
    assert first is second
    assert str(first) == "redis job <n> failed on host <*> after <n> s"
    assert templates.of("something else entirely here now redis ok yes fine") is not first


def test_templates_are_bounded_and_the_rest_is_counted() -> None:
    """A log of ever new words takes no more memory."""
    templates = Templates(most=10)
    for at in range(100):
        templates.of(
            " ".join(f"{chr(97 + at % 26)}{chr(97 + (at * k) % 25)}w" for k in range(1, 6))
        )
    assert templates.overflow > 0
    assert sum(len(alike) for alike in templates._by_shape.values()) <= 10


@given(st.text(max_size=100))
def test_any_text_has_a_template_or_none(text: str) -> None:
    """Nothing raises."""
    Templates().of(text)


@given(
    st.lists(
        st.text(st.characters(blacklist_characters="\n\x0b", codec="utf-8"), max_size=30),
        max_size=10,
    )
)
def test_expanding_changes_no_line_that_is_no_json(lines: list[str]) -> None:
    """Windows paths keep their backslashes."""
    data = "\n".join(line.replace("{", "") for line in lines).encode()
    assert expand(data) == data


def test_expanding_undoes_escapes_in_json_lines_alone() -> None:
    """A line that is added is marked, so that lines can still be counted."""
    data = b'C:\\new\n{"msg":"a\\nb \\u0027c\\u0027 \\"d\\""}\nC:\\temp'
    assert expand(data) == b'C:\\new\n{"msg":"a\n' + JOINED + b'b \'c\' "d""}\nC:\\temp'


@given(st.binary(max_size=200))
def test_any_bytes_can_be_expanded_and_unwrapped(data: bytes) -> None:
    """And the count of lines stays what it was."""
    expanded = expand(data.replace(JOINED, b""))
    assert expanded.count(b"\n") - expanded.count(b"\n" + JOINED) == data.replace(
        JOINED, b""
    ).count(b"\n")
    unwrap(data)


def test_a_prefix_is_taken_off() -> None:
    """Of kubectl, Compose and the CRI."""
    assert unwrap(b"[pod/web-1/app] hello").text == b"hello"
    assert unwrap(b"web-1  | hello").text == b"hello"
    said = unwrap(b"2025-11-26T03:37:12.123456789Z stderr F hello")
    assert said.text == b"hello"
    assert said.when == b"2025-11-26T03:37:12.123456789Z"
