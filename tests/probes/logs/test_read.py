"""Logs as applications, containers and collectors write them, and as an enemy would."""

from __future__ import annotations

import io
import json
import random
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refused.evidence.redaction import MASK
from refused.probes.logs import sources
from refused.probes.logs.read import UNKNOWN, read_logs
from refused.probes.logs.scan import is_installed
from refused.probes.logs.sources import BadLog, Source
from refused.probes.logs.tally import MOST_GROUPS
from tests.probes.logs.catalogue import FEW, examples, whole
from tests.probes.logs.reading import NOW, groups, read

if TYPE_CHECKING:
    from pathlib import Path

    from refused.probes.logs.read import LogRead

# --- traces --------------------------------------------------------------------------------------

JAVA = """\
2025-11-26 03:37:10,001 INFO  [main] c.e.App - started
2025-11-26 03:37:12,123 ERROR [http-1] c.e.CartController - could not load cart
org.springframework.data.redis.RedisConnectionFailureException: Unable to connect to Redis
\tat org.springframework.data.redis.connection.lettuce.LettuceConnectionFactory.get(LettuceConnectionFactory.java:1689)
\tat java.base/java.lang.Thread.run(Thread.java:833)
Caused by: io.lettuce.core.RedisConnectionException: Unable to connect to cache.example.com:6380
\tat io.lettuce.core.RedisConnectionException.create(RedisConnectionException.java:78)
\t... 12 common frames omitted
Caused by: java.net.ConnectException: Connection refused
\tat java.base/sun.nio.ch.Net.pollConnect(Native Method)
2025-11-26 03:37:13,001 INFO  [main] c.e.App - going on
"""
DOTNET = """\
fail: Shop.Cart[0]
      Could not load cart
      StackExchange.Redis.RedisConnectionException: It was not possible to connect to the redis server(s).
       ---> System.Net.Sockets.SocketException (111): Connection refused
         at System.Net.Sockets.Socket.AwaitableSocketAsyncEventArgs.ThrowException(SocketError error)
         --- End of inner exception stack trace ---
         at StackExchange.Redis.ConnectionMultiplexer.ConnectImpl(ConfigurationOptions configuration) in /_/src/ConnectionMultiplexer.cs:line 708
info: Shop.Cart[0]
      going on
"""
PYTHON = """\
2025-11-26 03:37:12,123 ERROR app could not load cart
Traceback (most recent call last):
  File "/app/redis/connection.py", line 698, in connect
    sock = self.retry.call_with_retry(
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^
ConnectionRefusedError: [Errno 111] Connection refused

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/views.py", line 12, in cart
    return store.get(key)
redis.exceptions.ConnectionError: Error 111 connecting to localhost:6379. Connection refused.
2025-11-26 03:37:13,123 INFO app going on
"""
NODE = """\
2025-11-26T03:37:12.000Z [ioredis] Unhandled error event: Error: connect ECONNREFUSED 127.0.0.1:6379
    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1595:16) {
  errno: -111,
  code: 'ECONNREFUSED',
  syscall: 'connect',
  address: '127.0.0.1',
  port: 6379
}
2025-11-26T03:37:13.000Z going on
"""
GO = """\
2025/11/26 03:37:12 panic: dial tcp 10.1.2.3:6379: connect: connection refused
goroutine 1 [running]:
main.main()
\t/app/main.go:12 +0x1d redis: connection refused
2025/11/26 03:37:13 going on
"""
PHP = """\
[26-Nov-2025 03:37:12 UTC] PHP Fatal error:  Uncaught RedisException: Connection refused in /app/cart.php:12
Stack trace:
#0 /app/cart.php(12): Redis->connect('10.1.2.3', 6379)
#1 {main}
  thrown in /app/cart.php on line 12
[26-Nov-2025 03:37:13 UTC] going on
"""
RUBY = """\
E, [2025-11-26T03:37:12.000000 #1] ERROR -- : Redis::CannotConnectError: Error connecting to Redis on 127.0.0.1:6379 (Errno::ECONNREFUSED)
/gems/redis-4.8.0/lib/redis/client.rb:398:in `rescue in establish_connection'
\tfrom /gems/redis-4.8.0/lib/redis/client.rb:379:in `establish_connection'
I, [2025-11-26T03:37:13.000000 #1] INFO -- : going on
"""


@pytest.mark.parametrize(
    ("text", "start", "end", "lacks"),
    [
        (JAVA, "2025-11-26 03:37:12,123 ERROR", "sun.nio.ch.Net.pollConnect(Native Method)", "going"),
        (DOTNET, "fail: Shop.Cart", "ConnectionMultiplexer.cs:line 708", "going"),
        (PYTHON, "2025-11-26 03:37:12,123 ERROR", "localhost:6379. Connection refused.", "going"),
        (NODE, "2025-11-26T03:37:12.000Z [ioredis]", "}", "going"),
        (GO, "2025/11/26 03:37:12 panic", "redis: connection refused", "going"),
        (PHP, "[26-Nov-2025 03:37:12 UTC]", "on line 12", "going"),
    ],
)  # fmt: skip
def test_a_trace_is_one_event(text: str, start: str, end: str, lacks: str) -> None:
    """From the line that was logged to its last frame, in each runtime's way."""
    (group,) = groups(read(text))
    assert group.count == 1
    said = group.examples[0].text
    assert said.startswith(start)
    assert said.rstrip().endswith(end)
    assert lacks not in said


def test_a_trace_of_ruby_is_one_event() -> None:
    """Its first frame stands at the margin, and is told by the line that logged it."""
    (group,) = groups(read(RUBY))
    assert group.count == 1
    assert group.examples[0].text.startswith("E, [2025-11-26T03:37:12")


def test_many_traces_are_as_many_events() -> None:
    """One behind the other, with and without times."""
    for text in (JAVA, PYTHON, NODE, DOTNET):
        (group,) = groups(read(text * 7))
        assert group.count == 7


def test_bare_tracebacks_are_as_many_events() -> None:
    """Where nothing is dated, each "Traceback" begins one."""
    bare = "\n".join(PYTHON.splitlines()[1:6]) + "\n"
    (group,) = groups(read(bare * 5))
    assert group.count == 5


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([JAVA, PYTHON, NODE, PHP]), st.integers(0, 1500), st.integers(0, 1500))
def test_a_trace_that_is_cut_anywhere_is_still_read(text: str, start: int, end: int) -> None:
    """The head of a file, and its end, fall anywhere."""
    cut = (text * 2)[start : 2 * len(text) - end]
    result = read(cut)
    assert sum(group.count for group in result.tally) == result.events


@pytest.mark.parametrize("block", [40, 64, 100, 333, 1000])
def test_an_event_that_a_chunk_cuts_in_two_is_one(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However small the chunks are, what is counted and quoted is the same."""
    text = (JAVA + PYTHON + NODE) * 3
    expected = _told(read(text))
    monkeypatch.setattr(sources, "BLOCK_BYTES", block)
    assert [each[:3] for each in _told(read(text))] == [each[:3] for each in expected]


def _told(result: LogRead) -> list[tuple[tuple[str, ...], int, list[int], list[str]]]:
    return [
        (
            result.names(group),
            group.count,
            [quote.line for quote in group.examples],
            [quote.text for quote in group.examples],
        )
        for group in groups(result)
    ]


# --- wrappings -----------------------------------------------------------------------------------


def docker(text: str) -> str:
    """Wrap lines as Docker's json-file driver does."""
    return "".join(
        json.dumps(
            {"log": line + "\n", "stream": "stderr", "time": f"2025-11-26T03:37:{at % 60:02d}.1Z"}
        )
        + "\n"
        for at, line in enumerate(text.splitlines())
    )


def cri(text: str) -> str:
    """Wrap lines as the container runtimes of Kubernetes do."""
    return "".join(
        f"2025-11-26T03:37:{at % 60:02d}.123456789Z stderr F {line}\n"
        for at, line in enumerate(text.splitlines())
    )


@pytest.mark.parametrize("wrap", [docker, cri])
@pytest.mark.parametrize("text", [JAVA, NODE, PHP])
def test_a_container_s_log_reads_as_the_application_wrote_it(wrap: object, text: str) -> None:
    """The runtime's wrapping is taken off: events, quotes and counts are the same."""
    assert callable(wrap)
    (bare,), (wrapped,) = groups(read(text)), groups(read(wrap(text)))
    assert wrapped.count == bare.count == 1
    assert wrapped.which == bare.which
    assert (
        wrapped.examples[0].text.split("\n")[-1].strip()
        == bare.examples[0].text.split("\n")[-1].strip()
    )
    assert wrapped.first_at is not None


def test_a_json_line_gives_message_exception_and_time() -> None:
    """With its escapes undone, wherever the logger puts them."""
    lines = [
        {"@timestamp": "2025-11-26T03:37:12.5Z", "level": "ERROR", "message": "no cart",
         "stack_trace": "redis.clients.jedis.exceptions.JedisConnectionException: x\n\tat a.b.C(C.java:1)\n"
         "Caused by: java.net.ConnectException: Connection refused"},
        {"time": 1764128233123, "level": 50, "msg": "redis", "err": {"type": "Error",
         "message": "connect ECONNREFUSED 127.0.0.1:6379", "stack": "Error: connect ECONNREFUSED 127.0.0.1:6379\n    at x"}},
        {"@t": "2025-11-26T03:37:14Z", "@mt": "fail", "@x": "StackExchange.Redis.RedisServerException: READONLY You can't write against a read only replica."},
    ]  # fmt: skip
    result = read("\n".join(json.dumps(line) for line in lines).replace("'", "\\u0027"))
    found = groups(result)
    texts = [group.examples[0].text for group in found]
    assert [group.examples[0].line for group in found] == [1, 2, 3]
    assert texts[0].startswith("no cart\nredis.clients.jedis")
    assert "\nCaused by: java.net.ConnectException: Connection refused" in texts[0]
    assert texts[1] == "redis\nError: connect ECONNREFUSED 127.0.0.1:6379\n    at x"
    assert "READONLY You can't write" in texts[2]
    assert [round((group.first_at or 0) % 60, 3) for group in found] == [12.5, 13.123, 14]
    assert any(name.startswith("read-only") for name in result.names(found[2]))


def test_json_inside_json_is_undone_twice() -> None:
    """An application that logs JSON in a container whose runtime logs JSON."""
    inner = json.dumps(
        {"msg": "x", "err": 'read ECONNRESET\n  at redis "y"', "time": "2025-11-26T03:37:12Z"}
    )
    line = json.dumps({"log": inner + "\n", "time": "2025-11-26T03:37:59Z"})
    (group,) = groups(read(line + "\n"))
    assert group.examples[0].text == 'x\nread ECONNRESET\n  at redis "y"'
    assert (group.first_at or 0) % 60 == 12


def test_json_that_is_cut_says_what_is_left_of_it() -> None:
    """A line that was too long for its collector."""
    (group,) = groups(read('{"msg":"connect ECONNREFUSED 10.1.2.3:6379\\n at y","more":"'))
    assert "ECONNREFUSED 10.1.2.3:6379\n at y" in group.examples[0].text


def test_line_numbers_are_the_file_s_whatever_is_escaped_inside() -> None:
    """Escaped line ends become lines to search in, and none to count."""
    noise = json.dumps({"log": "a\nb\nc\n", "msg": "x"})
    lines = [
        noise,
        noise,
        "plain",
        json.dumps({"msg": "redis", "err": "x\nread ECONNRESET"}),
        noise,
    ]
    (group,) = groups(read("\n".join(lines * 3)))
    assert group.count == 3
    assert group.examples[0].line == 4
    assert group.last == ("", 14)


# --- what is counted -----------------------------------------------------------------------------


def test_events_are_grouped_by_pattern_and_endpoint() -> None:
    """Two caches that fail alike are two groups."""
    text = "\n".join(
        f"2025-11-26T03:37:{at:02d}Z Error: connect ECONNREFUSED 10.1.2.{at % 2}:6379"
        for at in range(10)
    )
    found = groups(read(text))
    assert [(group.count, group.endpoint) for group in found] == [
        (5, "10.1.2.0:6379"),
        (5, "10.1.2.1:6379"),
    ]
    assert found[0].gaps_s == [2, 2, 2, 2]


def test_errors_in_unknown_words_are_shown_by_template() -> None:
    """They are not dropped, and what varies in them is a gap."""
    text = "\n".join(
        f"2025-11-26T03:37:{at:02d}Z ERROR redis gizmo {at} failed to frobnicate '{at * 7}'"
        for at in range(20)
    )
    result = read(text)
    (group,) = groups(result)
    assert result.names(group) == (UNKNOWN,)
    assert group.count == 20
    assert str(group.template).endswith("ERROR redis gizmo <n> failed to frobnicate <text>")


def test_lines_that_only_mention_redis_are_no_events() -> None:
    """Nor is an error that has nothing to do with it."""
    result = read(
        "INFO redis cache hit in 3 ms\nERROR out of paper\nINFO connected to redis:6379\n"
    )
    assert [result.names(group) for group in result.tally if UNKNOWN in result.names(group)] == []


def test_groups_stay_few_and_the_frequent_keep_their_endpoint() -> None:
    """An attacker's, or a fleet's, thousand addresses take no more memory than some."""
    chance = random.Random(1)
    lines = []
    for at in range(6000):
        host = (
            "10.9.9.9"
            if at % 3 == 0
            else f"10.{chance.randrange(256)}.{chance.randrange(256)}.{at % 250}"
        )
        lines.append(f"Error: connect ECONNREFUSED {host}:6379")
    result = read("\n".join(lines))
    assert len(result.tally) <= MOST_GROUPS
    assert sum(group.count for group in result.tally) == 6000
    assert groups(result)[0].count >= 2000 or groups(result)[1].count >= 2000
    assert any(group.endpoint == "10.9.9.9:6379" and group.count >= 1900 for group in result.tally)
    assert result.tally.put_together


def test_several_files_are_one_reading(tmp_path: Path) -> None:
    """Counted together, quoted apart."""
    for name in ("a", "b"):
        (tmp_path / name).write_text(f"x\nError: connect ECONNREFUSED 10.1.2.3:6379 {name}\n")
    result = read_logs([Source(str(tmp_path / name)) for name in "ab"], whole(), now=NOW)
    (group,) = result.tally
    assert group.files == {str(tmp_path / "a"): 1, str(tmp_path / "b"): 1}
    assert result.lines == 4


def test_a_file_that_is_missing_is_told_before_any_is_read(tmp_path: Path) -> None:
    """Nobody waits for a gigabyte to hear of a typing error."""
    (tmp_path / "a").write_text("x\n")
    with pytest.raises(BadLog, match="nothere"):
        read_logs([Source(str(tmp_path / "a")), Source(str(tmp_path / "nothere"))], FEW, now=NOW)


def test_following_several_files_reads_them_side_by_side(tmp_path: Path) -> None:
    """And an interruption ends with what was read."""
    files = [tmp_path / "a", tmp_path / "b"]
    for file in files:
        file.write_text("start\n")
    steps = iter([0, 1, 0])
    told = []

    def sleep(_: float) -> None:
        which = next(steps, None)
        if which is None:
            raise KeyboardInterrupt
        with files[which].open("a") as log:
            log.write(f"Error: connect ECONNREFUSED 10.1.2.{which}:6379\n")

    result = read_logs(
        [Source(str(file), follows=True, sleep=lambda _: None) for file in files],
        whole(),
        now=NOW,
        sleep=sleep,
        on_new=lambda _, group: told.append(group.endpoint),
    )
    assert result.was_interrupted
    assert {group.endpoint: group.count for group in result.tally} == {
        "10.1.2.0:6379": 2,
        "10.1.2.1:6379": 1,
    }
    assert sorted(told) == ["10.1.2.0:6379", "10.1.2.1:6379"]


# --- hostile -------------------------------------------------------------------------------------


@pytest.mark.skipif(not is_installed(), reason="hyperscan is not installed")
@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(examples()),
            st.sampled_from([JAVA, PYTHON, NODE, docker(JAVA), cri(PYTHON)]),
            st.text(max_size=40),
        ),
        max_size=15,
    )
)
def test_both_engines_read_the_same_log_alike(parts: list[str]) -> None:
    """Down to every count, line and quote."""
    text = "\n".join(parts)
    assert _told(read(text)) == _told(read(text, engine="hyperscan"))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=600))
def test_any_bytes_are_read(data: bytes) -> None:
    """Nothing that a file may hold raises."""
    read_logs([Source("-", stdin=io.BytesIO(data))], FEW, now=NOW)


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.floats()
        | st.text(max_size=20)
        | st.just("redis read ECONNRESET"),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "message",
                        "msg",
                        "log",
                        "err",
                        "error",
                        "stack",
                        "time",
                        "ts",
                        "data",
                        "cause",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_read(value: object) -> None:
    """Fields of any type in any place."""
    read_logs([Source("-", stdin=io.BytesIO(json.dumps({"msg": value}).encode()))], FEW, now=NOW)


def test_json_nested_without_end_is_read() -> None:
    """A parser that recurses would fall."""
    read('{"redis ECONNRESET":' + "[" * 100_000 + "\n")


SECRET = "q8Xv-PLAIN-hunter2-0z"


@pytest.mark.parametrize(
    "line",
    [
        f"Error: connect ECONNREFUSED redis://:{SECRET}@10.1.2.3:6379/0",
        f"RedisConnectionException: It was not possible to connect to the redis server(s) cache:6380,password={SECRET},ssl=True",
        f'{{"msg":"connect ECONNREFUSED","url":"rediss://user:{SECRET}@cache:6380"}}',
        f"ERR unknown command 'AUTH', with args beginning with: '{SECRET}' NOAUTH",
        f"redis: REDIS_PASSWORD={SECRET} connection refused",
    ],
)
def test_no_secret_of_a_log_is_kept(line: str) -> None:
    """Nor in a template of what is unknown."""
    result = read(f"2025-11-26T03:37:12Z {line}\nERROR redis blob failed password={SECRET}\n")
    kept = [quote.text for group in result.tally for quote in group.examples]
    kept += [str(group.template) for group in result.tally]
    assert kept
    assert SECRET not in "".join(kept)
    assert MASK in "".join(kept)


def test_a_hundred_megabytes_on_one_line_take_the_memory_of_a_piece() -> None:
    """And what is in it is found, and that it was cut is said."""

    class Endless(io.BytesIO):
        left = 100 << 20

        def read1(self, size: int | None = -1) -> bytes:
            assert size is not None
            given = min(size, self.left, 1 << 19)
            self.left -= given
            at_middle = 50 << 20 <= self.left < (50 << 20) + given
            word = b" Error: connect ECONNREFUSED 10.1.2.3:6379 " if at_middle else b""
            return word + b"x" * (given - len(word))

    tracemalloc.start()
    result = read_logs([Source("-", stdin=Endless())], FEW, now=NOW)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 20 << 20
    (group,) = result.tally
    assert group.endpoint == "10.1.2.3:6379"
    assert "ECONNREFUSED 10.1.2.3:6379" in group.examples[0].text
    assert any("100 MiB" in note for note in result.notes)


def test_a_trace_without_end_is_one_event_of_bounded_size() -> None:
    """Ten thousand frames are not kept."""
    text = (
        "2025-11-26T03:37:12Z redis Error: read ECONNRESET\n"
        + "    at frame ECONNRESET (x.js:1:1)\n" * 10_000
    )
    result = read(text)
    assert sum(group.count for group in result.tally) < 40
    assert all(len(quote.text) <= 8 << 10 for group in result.tally for quote in group.examples)
