"""How long until a client notices: what is set, what its library does, and what nobody does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.diagnosis.noticed import noticed_said, span, until_noticed
from refused.evidence.observations import ClientSettings, KernelSettings
from refused.service.limits import (
    CLIENT_LIVENESS,
    gives_up_s,
    retransmission_timeout_s,
    unnoticed_s,
)

STAMP: dict[str, Any] = {"vantage": "here", "at": 1.0, "took_ms": 1.0, "source": "a test"}
USUAL = KernelSettings(
    **STAMP, tcp_retries2=15, keepalive_time_s=7200, keepalive_interval_s=75, keepalive_probes=9
)


def client(library: str, **more: Any) -> ClientSettings:
    """Return the settings of a client that says nothing of time but *more*."""
    return ClientSettings(**STAMP, client=library, **more)


@pytest.mark.parametrize(
    ("library", "in_flight_s", "idle_s"),
    [
        ("redis-py", 5, 45),  # its time-out drops the connection; 30 s, then 3 x 5 s
        ("lettuce", gives_up_s(15), 52),  # commands fail after 60 s, and the connection stays
        ("StackExchange.Redis", 20, 80),  # dead after four time-outs; a PING every minute
        ("ioredis", gives_up_s(15), 30 + 9 * 75),
        ("node-redis", gives_up_s(15), 30 + 9 * 75),
        ("", gives_up_s(15), None),
    ],
)
def test_libraries_differ_by_hours(library: str, in_flight_s: float, idle_s: float | None) -> None:
    """With what they do by themselves, on a host that is set as Linux comes."""
    noticed = until_noticed(USUAL, client(library))

    assert noticed.in_flight_s == pytest.approx(in_flight_s)
    assert noticed.idle_s == (None if idle_s is None else pytest.approx(idle_s))


def test_an_old_redis_py_waits_for_the_kernel_and_never_notices_quiet() -> None:
    """It has no time-outs and no keep-alive of its own."""
    noticed = until_noticed(USUAL, client("redis-py"), version="5.0.8")

    assert noticed.in_flight_s == pytest.approx(gives_up_s(15))
    assert noticed.idle_s is None


def test_what_the_user_sets_outdoes_the_library() -> None:
    """A time-out, a keep-alive, and keep-alive switched off."""
    assert until_noticed(USUAL, client("redis-py", command_timeout_ms=2000)).in_flight_s == 2
    assert until_noticed(USUAL, client("lettuce", keepalive_s=60)).idle_s == 60 + 3 * 13
    assert until_noticed(USUAL, client("lettuce", keepalive_s=0)).idle_s is None


def test_a_user_timeout_outdoes_the_kernels_retries() -> None:
    """And decides how long keep-alive goes on."""
    noticed = until_noticed(USUAL, client("lettuce"), user_timeout_s=30)

    assert noticed.in_flight_s == pytest.approx(30.4, abs=0.1)
    assert noticed.idle_s == 13 + 2 * 13


def test_where_the_kernel_does_not_tell_only_the_client_counts() -> None:
    """Another system, or a played host."""
    assert until_noticed(None, client("redis-py")).in_flight_s == 5
    assert until_noticed(None, client("lettuce")).in_flight_s is None
    assert until_noticed(None).idle_s is None


def test_it_is_said_in_one_sentence_with_what_decides() -> None:
    """For a reader who wants to change it."""
    said = noticed_said(until_noticed(USUAL, client("lettuce")), "lettuce")

    assert "16 min while a command waits (the kernel, with tcp_retries2 = 15)" in said
    assert "52 s on a quiet connection (TCP keep-alive: 13 s, then 3 x 13 s)" in said
    assert "commands fail after 60 s each" in said
    never = noticed_said(until_noticed(USUAL), "")
    assert "never on a quiet connection" in never
    assert (span(45), span(600), span(7875)) == ("45 s", "10 min", "2 h 11 min")


@given(st.integers(0, 255), st.floats(0, 3))
def test_the_kernel_gives_up_after_its_limit_and_before_the_next_doubling(
    retries: int, rtt_s: float
) -> None:
    """It looks at the clock only when a retransmission is due."""
    limit, real = retransmission_timeout_s(retries), gives_up_s(retries, rtt_s=rtt_s)

    assert real >= limit
    assert real <= 2.1 * limit + 6 * rtt_s + 130


@given(st.floats(0.5, 5000), st.integers(0, 30))
def test_a_user_timeout_is_met_to_the_point(user_timeout_s: float, retries: int) -> None:
    """Whatever tcp_retries2 says; it runs from the first retransmission on."""
    real = gives_up_s(retries, user_timeout_s=user_timeout_s)

    assert user_timeout_s <= real <= user_timeout_s + 0.5


@given(st.integers(1, 8000), st.integers(1, 100), st.integers(1, 20), st.floats(0.1, 10_000))
def test_keep_alive_under_a_user_timeout_ends_at_a_probe(
    idle_s: int, interval_s: int, probes: int, user_timeout_s: float
) -> None:
    """Not before one was unanswered, and not before the time."""
    lasts = unnoticed_s(
        idle_s=idle_s, interval_s=interval_s, probes=probes, user_timeout_s=user_timeout_s
    )

    assert lasts >= max(idle_s + interval_s, user_timeout_s)
    assert (lasts - idle_s) % interval_s == 0
    assert lasts < max(idle_s, user_timeout_s) + 2 * interval_s


def test_every_row_on_liveness_has_its_source() -> None:
    """And names a library that has a time-out on record."""
    assert all(row[-2].startswith("https://") for row in CLIENT_LIVENESS)
    assert len({row[:2] for row in CLIENT_LIVENESS}) == len(CLIENT_LIVENESS)
