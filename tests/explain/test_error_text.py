"""Reading errors out of texts: whatever the text, quickly, and without its secrets."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.api import explain, read_text
from refused.diagnosis.signatures import all_signatures
from refused.evidence import error_context
from refused.evidence.error_times import gaps, time_of
from refused.evidence.error_words import WORDINGS
from refused.evidence.matching import Late
from refused.evidence.observations import LoggedError
from refused.evidence.told import Told

EXAMPLES = [each.example for _, each in all_signatures()] + [each.example for each in WORDINGS]
PIECES = st.sampled_from(
    [*EXAMPLES, "redis", "\n", "\x00", "\x1b[31m", "\r\n", "Caused by: ", " ---> "]
)
TEXTS = st.lists(PIECES | st.text(), max_size=8).map("".join)
SECRET = "q7Zt0eXAMPLEkeyV3ryS3cretAAAAAAAAAAAAAAAAAA="  # it stands for one


@given(text=TEXTS)
def test_any_text_is_read(text: str) -> None:
    """And what is read is whole, can be kept, and comes back the same."""
    for error in read_text(text):
        assert LoggedError.from_json(error.to_json()) == error
        assert len(error.quote) <= 300
        assert error.line >= 1
        assert error.symptoms or error.signatures
        assert error.port is None or 0 <= error.port <= 65535


@given(text=TEXTS)
def test_any_text_is_explained(text: str) -> None:
    """No text makes the tool fail, and no probability leaves its range."""
    report = explain(text)

    assert all(0 < cause.probability < 1 for cause in report.causes)
    assert report.verdict in ("fault", "inconclusive")
    report.to_text(verbose=True)
    report.to_json()


@pytest.mark.parametrize(
    "text",
    [
        "redis ECONNREFUSED " + "a." * 2_000_000,
        "redis ECONNREFUSED " + "a:1" * 1_000_000,
        "redis lookup " + "x" * 3_000_000 + ": no such host",
        "redis timed out " + "(" * 1_000_000,
        "redis: read ECONNRESET\n" * 200_000,
        "Caused by: redis ECONNRESET\n" * 100_000,
        "redis \x00\x1b[31mECONNRESET\x1b[0m " * 100_000,
        "in: 1, " * 300_000 + "mgr: 1 of 1 redis ECONNRESET",
    ],
    ids=["dots", "ports", "lookup", "brackets", "lines", "nested", "colours", "counters"],
)
def test_hostile_texts_do_not_stall(text: str) -> None:
    """Every expression is bounded; minutes would mean that one backtracks."""
    started = time.process_time()
    read_text(text)
    assert time.process_time() - started < 60


@pytest.mark.parametrize(
    "text",
    [
        f"ECONNREFUSED redis://user:{SECRET}@10.1.2.3:6379/0",
        f"Timeout performing GET (5000ms), contoso.redis.cache.windows.net:6380,password={SECRET},ssl=True",
        f"WRONGPASS invalid username-password pair; AUTH {SECRET}",
        f"consumer: Cannot connect to rediss://:{SECRET}@cache:6380/0: Error 111 connecting to cache:6380. refused.",
        f"getaddrinfo ENOTFOUND rediss://:{SECRET}@cache",
        f"ReplyError: NOAUTH Authentication required. {{ command: {{ name: 'auth', args: [ '{SECRET}' ] }} }}",
    ],
)
def test_a_secret_in_the_text_is_nowhere_in_the_answer(text: str) -> None:
    """Neither in the report nor in the evidence."""
    report = explain(text)

    assert report.bundle.facts
    for said in (
        report.to_text(verbose=True),
        report.to_json(),
        repr(report.bundle),
        str(report.bundle.to_json()),
    ):
        assert SECRET not in said
        assert SECRET[:20] not in said


@pytest.mark.parametrize(
    ("line", "host", "address", "port"),
    [
        ("Error: connect ECONNREFUSED 10.1.2.3:6379", "", "10.1.2.3", 6379),
        ("Error: connect ECONNREFUSED ::1:6379", "", "::1", 6379),
        ("redis: dial tcp [::1]:6379: connect: connection refused", "", "::1", 6379),
        ("redis: dial tcp 10.1.2.3:6380: i/o timeout", "", "10.1.2.3", 6380),
        ("redis: read tcp 10.0.0.5:4000->10.1.2.3:6379: read: connection reset by peer", "", "10.1.2.3", 6379),
        ("Error -2 connecting to Cache.example:6379. Name or service not known.", "cache.example", "", 6379),
        ("connection timed out: cache.example/10.1.2.3:6380", "cache.example", "10.1.2.3", 6380),
        ("Connection refused [tcp://127.0.0.1:6379] Predis", "", "127.0.0.1", 6379),
        ("getaddrinfo ENOTFOUND redis-server", "redis-server", "", None),
        ("UnableToConnect on c.redis.cache.windows.net:6380/Interactive", "c.redis.cache.windows.net", "", 6380),
        ("Timeout performing GET, inst: 1, serverEndpoint: Unspecified/c.example:6379, mgr: 1 of 1", "c.example", "", 6379),
        ("ECONNREFUSED\n address: '127.0.0.1',\n port: 6379 redis", "", "127.0.0.1", 6379),
        ("redis/connection.py:563 ConnectionError: Connection closed by server.", "", "", None),
        ("2024-01-01 10:32:02 redis: Connection closed by server.", "", "", None),
    ],
)  # fmt: skip
def test_the_far_end_is_read(line: str, host: str, address: str, port: int | None) -> None:
    """Never the near end of a connection, a line of a file, or a time of day."""
    error = read_text(line)[0]

    assert (error.host, error.address, error.port) == (host, address, port)


def test_a_line_in_colours_is_read_as_its_words() -> None:
    """Terminals colour what matters most."""
    (error,) = read_text("\x1b[31mError: read \x1b[1mECONNRESET\x1b[0m redis")

    assert error.quote == "Error: read ECONNRESET redis"


def test_equal_lines_are_one_record_with_a_count() -> None:
    """With the pace at which they came."""
    text = "\n".join(
        f"2024-05-01 10:00:{second:02} redis: read ECONNRESET" for second in (0, 5, 15)
    )
    (error,) = read_text(text)

    assert (error.count, error.gaps_s) == (3, (5.0, 10.0))
    assert error.first_at == 1714557600.0


@pytest.mark.parametrize(
    ("line", "moment"),
    [
        ("2024-05-01T10:00:00Z x", 1714557600.0),
        ("2024-05-01 10:00:00,250 x", 1714557600.25),
        ("2024-05-01T12:00:00+02:00 x", 1714557600.0),
        ("[Nest] 1 - 01 May 2024 10:00:00 x", 1714557600.0),
        ("12:00:01 x", 43201.0),
        ("[  2831.5s]  INFO x", 2831.5),
        ("1970-01-01 00:00:00 x", 0.0),
        ("2024-13-01 10:00:00 x", None),
        ("no time here", None),
    ],
)
def test_times_are_read(line: str, moment: float | None) -> None:
    """UTC where no zone is given; what is no time is none."""
    assert time_of(line) == moment


@given(line=st.text())
def test_any_line_has_a_time_or_none(line: str) -> None:
    """Digits that look like one may be anything."""
    moment = time_of(line)
    assert moment is None or isinstance(moment, float)


@given(moments=st.lists(st.floats(min_value=0, max_value=1e10)))
def test_no_gap_is_negative(moments: list[float]) -> None:
    """Lines of several writers may be out of order."""
    assert all(gap >= 0 for gap in gaps(moments))


def an_error(**fields: object) -> LoggedError:
    """Return an error that tells *fields*."""
    plain: dict[str, object] = {
        "vantage": "user",
        "at": 0.0,
        "took_ms": 0.0,
        "source": "text",
        "quote": "x",
    }
    return LoggedError(**{**plain, **fields})  # type: ignore[arg-type]


def test_a_wrapper_counts_where_nothing_more_exact_is_said() -> None:
    """Inner exceptions tell what the outer ones hide."""
    wrapper, exact = an_error(symptoms=("cannot-connect",)), an_error(symptoms=("refused",))

    assert Told([wrapper]).symptoms == {"cannot-connect"}
    assert Told([wrapper, exact]).symptoms == {"refused"}
    assert Told([wrapper, an_error(signatures=("x",))]).symptoms == frozenset()


@pytest.mark.parametrize(
    ("spaces", "steady"),
    [
        ((600.0, 601.0, 599.0), True),
        ((600.0,), True),
        ((1.0, 2.0, 1.0), False),
        ((600.0, 60.0), False),
        ((), False),
    ],
)
def test_a_pace_is_steady_or_not(spaces: tuple[float, ...], steady: bool) -> None:
    """Within a fifth, and above five seconds: below, it is a retry."""
    assert (Told([an_error(symptoms=("closed",), gaps_s=spaces)]).period_s is not None) is steady


LATE = {name: each for name, each in vars(error_context).items() if isinstance(each, Late)}
LATE.update((f"limit {at}", each) for at, each in enumerate(error_context._LIMITS))
PRINTED = [
    json.loads(line)["text"]
    for name in ("written.jsonl", "printed.jsonl")
    for line in (Path(__file__).parent / name).read_text("utf-8").splitlines()
]


@pytest.mark.parametrize("pattern", LATE.values(), ids=LATE)
def test_a_pattern_that_is_compiled_late_finds_what_it_would(pattern: Late) -> None:
    """The words that spare the search are in everything that it finds."""
    plain = re.compile(pattern._pattern)
    for text in PRINTED:
        theirs, ours = plain.search(text), pattern.search(text)
        assert (ours and ours.span()) == (theirs and theirs.span())
        assert pattern.findall(text) == plain.findall(text)
