"""Readings of a watch: rates with honest intervals, stretches, and what the path makes of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.evidence.bundle import Evidence
from refused.evidence.observations import (
    Attempt,
    IdleHold,
    NameLookup,
    NameMoment,
    NamesOverTime,
    OverTime,
    RedisReply,
    TcpDial,
)
from refused.evidence.over_time import (
    answered_around,
    cut_together,
    is_scattered,
    outages,
    rate_said,
    tally,
    wilson,
)
from refused.evidence.path import walk
from refused.evidence.target import Target

STAMP: dict[str, Any] = {"vantage": "here", "at": 160.0, "took_ms": 60_000.0, "source": "a test"}
TARGET = Target(
    text="redis://redis.example.net", form="url", host="redis.example.net", port=6379, tls=False
)
LOOKUP = NameLookup(
    **STAMP, host="redis.example.net", outcome="answered", addresses=("198.51.100.20",)
)
DIAL = TcpDial(**STAMP, address="198.51.100.20", port=6379, outcome="accepted")
PONG = RedisReply(
    **STAMP, address="198.51.100.20", port=6379, command="PING", outcome="ok", reply="PONG"
)


def dial(at: float, stage: str = "done", outcome: str = "ok", took_ms: float = 10.0) -> Attempt:
    """Return an attempt with a connection of its own."""
    return Attempt(at=at, took_ms=took_ms, kind="dial", stage=stage, outcome=outcome)


def ping(at: float, outcome: str = "ok", took_ms: float = 1.0) -> Attempt:
    """Return a PING on the connection that is kept."""
    stage = "done" if outcome == "ok" else "command"
    return Attempt(at=at, took_ms=took_ms, kind="ping", stage=stage, outcome=outcome)


def series(*attempts: Attempt, **more: Any) -> OverTime:
    """Return a watch."""
    plain = OverTime(
        **STAMP, host="redis.example.net", port=6379, planned_s=60.0, every_s=2.0, attempts=attempts
    )
    return plain.replace(**more)


def seen(*facts: Any) -> dict[str, Any]:
    """Return the path of a target that was well at the first look, by hop."""
    evidence = Evidence(LOOKUP, DIAL, PONG, *facts, target=TARGET)
    return {hop.hop: hop for hop in walk(evidence)}


counts = st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts)
def test_the_interval_holds_the_rate_and_stays_within_bounds(drawn: tuple[int, int]) -> None:
    """At both ends too, where the plain interval leaves them."""
    failed, tried = drawn
    low, high = wilson(failed, tried)

    assert 0 <= low <= failed / tried <= high <= 1
    assert low < high


@given(counts)
def test_more_attempts_of_one_rate_tell_more(drawn: tuple[int, int]) -> None:
    """Ten times as many narrow the interval."""
    failed, tried = drawn
    few, many = wilson(failed, tried), wilson(10 * failed, 10 * tried)

    assert many[1] - many[0] < few[1] - few[0]


@given(counts)
def test_working_and_failing_mirror_each_other(drawn: tuple[int, int]) -> None:
    """What is said of failures is said of successes the other way round."""
    failed, tried = drawn
    low, high = wilson(failed, tried)
    other = wilson(tried - failed, tried)

    assert other == pytest.approx((1 - high, 1 - low), abs=1e-9)


@pytest.mark.parametrize(
    ("failed", "tried", "low", "high"),
    # Worked by hand from Wilson's formula with z = 1.96; the first is Newcombe's example (1998, table I).
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_the_published_one(
    failed: int, tried: int, low: float, high: float
) -> None:
    """R. G. Newcombe, Two-sided confidence intervals for the single proportion, 1998, method 3."""
    assert wilson(failed, tried) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("failed", "tried"), [(0, 0), (-1, 5), (6, 5)])
def test_what_is_no_rate_is_refused(failed: int, tried: int) -> None:
    """Nothing was tried, or more failed than was."""
    with pytest.raises(ValueError, match="no rate"):
        wilson(failed, tried)


def test_small_rates_keep_a_digit() -> None:
    """One in two hundred is not 0 or 1."""
    assert rate_said(1, 200).startswith("1 of 200 attempts failed (0.5 %;")


def test_attempts_count_at_the_hop_where_they_ended() -> None:
    """Those that ended before never came so far."""
    watch = series(dial(1, "tcp", "silent"), dial(2, "tls", "closed"), dial(3), dial(4), pings=10)

    at_tcp, at_tls, at_command = (tally([watch], hop) for hop in ("tcp", "tls", "command"))
    assert at_tcp is not None
    assert at_tls is not None
    assert at_command is not None
    assert (at_tcp.failed, at_tcp.tried) == (1, 4)
    assert (at_tls.failed, at_tls.tried) == (1, 3)
    assert (at_command.failed, at_command.tried) == (0, 12)
    assert tally([watch], "route") is None
    assert tally([], "tcp") is None


def test_a_hop_that_was_well_and_fails_at_times_is_a_fault_with_its_rate() -> None:
    """The first look counts as an attempt."""
    path = seen(series(dial(101, "tcp", "silent"), *(dial(at) for at in range(102, 110))))

    assert (path["tcp"].status, path["tcp"].how, path["tcp"].at_times) == ("failed", "flaky", True)
    assert (
        "1 of 10 attempts failed (10 %; 95 % interval 2 to 40 %) over 60 s: 1 silent"
        in path["tcp"].said
    )


def test_a_hop_behind_the_dial_keeps_the_word_for_how_it_ended() -> None:
    """Judges of TLS and of the server know it."""
    path = seen(series(dial(101, "resp", "max-clients"), dial(102), dial(103)))

    assert (path["resp"].how, path["resp"].at_times) == ("max-clients", True)


def test_a_first_look_that_failed_among_good_ones_fails_at_times() -> None:
    """The first dial met silence, and every later one was accepted."""
    silent = DIAL.replace(outcome="silent")
    evidence = Evidence(
        LOOKUP, silent, series(*(dial(at) for at in range(101, 110))), target=TARGET
    )
    tcp = next(hop for hop in walk(evidence) if hop.hop == "tcp")

    assert (tcp.how, tcp.at_times) == ("flaky", True)
    assert "1 of 10" in tcp.said


def test_what_always_fails_is_no_intermittent_fault() -> None:
    """The path says how many attempts agree."""
    silent = DIAL.replace(outcome="silent")
    watch = series(*(dial(at, "tcp", "silent") for at in range(101, 110)))
    tcp = next(h for h in walk(Evidence(LOOKUP, silent, watch, target=TARGET)) if h.hop == "tcp")

    assert (tcp.how, tcp.at_times) == ("silent", False)
    assert "9 more attempts over 60 s failed as well" in tcp.said


def test_a_watch_on_which_all_is_well_leaves_the_path_alone() -> None:
    """Nothing is added to what the walk says."""
    assert seen(series(dial(101), dial(102), pings=20)) == seen()


def test_a_name_that_is_known_at_times_is_a_fault_of_the_name() -> None:
    """Two lookups of twelve were not answered."""
    moments = (
        NameMoment(
            at=101, asked="system", outcome="answered", addresses=("198.51.100.20",), count=10
        ),
        NameMoment(at=150, asked="system", outcome="try-again", count=2),
    )
    watch = NamesOverTime(**STAMP, host="redis.example.net", asked=12, moments=moments)
    name = seen(watch)["name"]

    assert (name.status, name.how, name.at_times) == ("failed", "try-again", True)
    assert "2 of 13" in name.said


def test_a_stretch_lies_between_the_last_good_and_the_next_good_attempt() -> None:
    """At least from the first failure to the last, at most between the good ones around them."""
    (only,) = outages(
        [series(dial(100), dial(102, "tcp", "refused"), ping(103, "closed"), dial(105), dial(107))]
    )

    assert (only.tries, only.outcomes) == (2, ("refused", "closed"))
    assert only.least_s == 1.0
    assert only.most_s == pytest.approx(105 - 100.01)


def test_a_stretch_that_outlives_the_watch_has_no_upper_end() -> None:
    """Nor has one that was there before it."""
    (last,) = outages([series(dial(100), dial(102, "tcp", "refused"))])
    (first,) = outages([series(dial(100, "tcp", "refused"), dial(102))])

    assert last.most_s is None
    assert first.most_s is None
    assert last.said == "at least 0.0 s"


def test_what_this_host_lacks_is_no_stretch() -> None:
    """No descriptor was left here; of the server it says nothing."""
    assert outages([series(dial(100), dial(102, "tcp", "no-descriptor"), dial(104))]) == ()


@pytest.mark.parametrize(
    ("marks", "scattered"),
    [
        (".x.x.x.", True),
        (".xxx...", False),
        (".x..x..", None),
        (".......", None),
        ("xxxxxxx", False),
    ],
)
def test_single_failures_are_told_from_one_stretch(marks: str, *, scattered: bool | None) -> None:
    """Two failures may stand anywhere."""
    attempts = [
        dial(100 + at, *(("tcp", "silent") if mark == "x" else ())) for at, mark in enumerate(marks)
    ]

    assert is_scattered([series(*attempts)]) is scattered


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans(), st.floats(0, 5000)), max_size=30))
def test_stretches_are_in_order_and_count_every_failure_once(
    drawn: list[tuple[float, bool, float]],
) -> None:
    """Whatever came when."""
    attempts = [
        dial(at, *(("done", "ok") if well else ("tcp", "silent")), took_ms=took)
        for at, well, took in drawn
    ]
    found = outages([series(*attempts)])

    assert sum(each.tries for each in found) == sum(each.failed for each in attempts)
    assert [each.began_at for each in found] == sorted(each.began_at for each in found)
    assert all(each.most_s is None or 0 <= each.least_s <= each.most_s for each in found)


def test_a_quiet_connection_that_ends_with_the_others_ends_for_their_reason() -> None:
    """And one that ends by itself does not."""
    hold = IdleHold(
        **{**STAMP, "at": 104.0}, address="198.51.100.20", port=6379, idle_s=4.0, outcome="closed"
    )
    blip = series(dial(100), dial(103, "tcp", "refused"), dial(105))

    assert cut_together([blip], hold)
    assert not cut_together([blip], hold.replace(at=150.0))
    assert not cut_together([series(dial(100), dial(105))], hold)
    assert answered_around([blip], 104, 106) == 1


@pytest.mark.parametrize(
    ("command", "code", "hop"),
    [("SETRANGE", "READONLY", "command"), ("SELECT", "ERR", "command"), ("AUTH", "NOAUTH", "auth")],
)
def test_a_ping_that_is_answered_makes_nothing_intermittent_that_it_does_not_try(
    command: str, code: str, hop: str
) -> None:
    """Writes are refused for good, however many PINGs are answered."""
    refusal = PONG.replace(
        command=command, outcome="error", error_code=code, error_text=f"{code} no"
    )
    before = seen(refusal)
    after = seen(refusal, series(*(dial(at) for at in range(101, 110)), pings=30))

    assert before[hop].status == "failed"
    assert after[hop] == before[hop]


def test_loading_that_ends_during_the_watch_was_at_times() -> None:
    """The first PING was refused, and the later ones were answered."""
    loading = PONG.replace(
        outcome="error", error_code="LOADING", error_text="LOADING Redis is loading"
    )
    evidence = Evidence(
        LOOKUP, DIAL, loading, series(*(dial(at) for at in range(101, 110))), target=TARGET
    )
    command = next(hop for hop in walk(evidence) if hop.hop == "command")

    assert (command.how, command.at_times) == ("LOADING", True)
