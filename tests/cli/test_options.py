"""Options and their environment twins: read alike, the command line wins, and a bad value costs one line."""

from __future__ import annotations

import contextlib
import json
import socket
from argparse import ArgumentParser
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.cli.options import looking, probing, showing, with_environment
from refused.vantage.words import BadOption, seconds
from tests.cli.running import here

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any


@pytest.fixture
def silent() -> Iterator[str]:
    """Give a target that accepts, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}"


def read(*words: str, **environ: str) -> dict[str, Any]:
    """Return what the words and the environment come to, as the walk takes it and as it is shown."""
    parser = ArgumentParser()
    looking(parser)
    showing(parser)
    options = with_environment(parser.parse_args(["cache.example", *words]), environ)
    return {**vars(options), **probing(options, environ)}


@pytest.mark.parametrize(
    ("twin", "words", "option", "by_variable", "by_words"),
    [
        ({"REFUSED_RESOLVER": "10.0.0.2"}, ("--resolver", "10.0.0.3"), "resolver", "10.0.0.2", "10.0.0.3"),
        ({"REFUSED_FROM": "here socks5://a:1"}, ("--from", "here"), "vantages", ("here", "socks5://a:1"), ("here",)),
        ({"REFUSED_TIMEOUT": "2"}, ("--timeout", "3"), "timeout_s", 2.0, 3.0),
        ({"REFUSED_CA_FILE": "/a.pem"}, ("--ca-file", "/b.pem"), "ca_file", "/a.pem", "/b.pem"),
        ({"REFUSED_USER": "cart"}, ("--user", "shop"), "user", "cart", "shop"),
        ({"REFUSED_AUTH": "entra"}, ("--auth", "key"), "auth", "entra", "key"),
        ({"REFUSED_SCOPE": "all"}, ("--scope", "one"), "scope", "all", "one"),
        ({"REFUSED_FOR": "90s"}, ("--for", "5m"), "hold_s", 90.0, 300.0),
        ({"REFUSED_PID": "17"}, ("--pid", "18"), "pid", 17, 18),
        ({"REFUSED_CLUSTER": "0"}, ("--cluster",), "cluster", False, True),
        ({"REFUSED_DEEP": "no"}, ("--deep",), "deep", False, True),
        ({"REFUSED_AZURE": "yes"}, ("--no-azure",), "azure", True, False),
        ({"REFUSED_SAVE": "/a.json"}, ("--save", "/b.json"), "save", "/a.json", "/b.json"),
        ({"REFUSED_JSON": "off"}, ("--json",), "json", False, True),
        ({"REFUSED_QUIET": "0"}, ("-q",), "quiet", False, True),
        ({"REFUSED_VERBOSE": "false"}, ("-v",), "verbose", False, True),
        ({"REFUSED_NO_COLOR": "0"}, ("--no-color",), "no_color", False, True),
    ],
)  # fmt: skip
def test_every_option_has_a_twin_and_the_command_line_wins(
    twin: dict[str, str],
    words: tuple[str, ...],
    option: str,
    by_variable: object,
    by_words: object,
) -> None:
    """What is set for a whole shell gives way to what is typed."""
    assert read(**twin)[option] == by_variable
    assert read(*words)[option] == by_words
    assert read(*words, **twin)[option] == by_words


def test_an_empty_variable_is_none() -> None:
    """`REFUSED_TIMEOUT= refused …` is how one takes a variable away for one command."""
    assert read(REFUSED_TIMEOUT="", REFUSED_FROM="", REFUSED_DEEP="") == read() | {
        "environ": {"REFUSED_TIMEOUT": "", "REFUSED_FROM": "", "REFUSED_DEEP": ""}
    }


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("TIMEOUT", "soon"),
        ("TIMEOUT", "-1"),
        ("RESOLVER", "nobody"),
        ("FROM", "the-moon"),
        ("FROM", "here the-moon"),
        ("CLUSTER", "perhaps"),
        ("AZURE", "maybe"),
        ("AUTH", "magic"),
        ("SCOPE", "most"),
        ("PID", "init"),
        ("FOR", "ever"),
    ],
)
def test_a_variable_that_means_nothing_costs_one_line(
    silent: str, monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    """It is not passed over: the look that was wanted would be another."""
    monkeypatch.setenv(f"REFUSED_{variable}", text)

    done = here("diagnose", silent)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("refused: ")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", 5.0),
        ("2.5", 2.5),
        ("500ms", 0.5),
        ("90s", 90.0),
        ("5m", 300.0),
        ("1H", 3600.0),
        (" 7 s", 7.0),
    ],
)
def test_a_time_is_read_in_its_unit(text: str, expected: float) -> None:
    """Seconds where none is given."""
    assert seconds(text, "--timeout") == expected


@given(text=st.text(max_size=12) | st.sampled_from(["nan", "inf", "-inf", "1e400", "0", "1e-400", "\u0661", "2h", "_1"]))  # fmt: skip
def test_no_other_text_is_a_time(text: str) -> None:
    """Nothing but a time above nothing comes back, or BadOption."""
    with contextlib.suppress(BadOption):
        assert 0 < seconds(text, "--timeout") <= 3600


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--timeout", "soon"), "'soon' is no time; give seconds"),
        (("--timeout", "0"), "out of range; give more than 0"),
        (("--timeout", "nan"), "out of range"),
        (("--timeout", "2h"), "at most 3600 s"),
        (("--resolver", "nobody"), "no IP[:PORT]"),
        (("--resolver", "127.0.0.1:70000"), "--resolver"),
        (("--from", "the-moon"), "--from takes here, ssh:"),
        (("--from", "socks5://:secret-of-mine@"), "socks5://[user:"),
        (("--from", "socks5://host"), "socks5://"),
        (("--for", "ever"), "--for: 'ever' is no time"),
    ],
)
def test_a_bad_value_is_said_to_be_one(silent: str, words: tuple[str, ...], said: str) -> None:
    """With what would be right."""
    done = here("diagnose", silent, *words)

    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "secret" not in done.err
    assert done.err.count("\n") == 1


def test_the_lab_can_be_reached_by_its_variables_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Resolver, vantage point and authority are all taken from the environment."""
    from refused.lab.scenario import by_id

    with by_id("healthy").up() as world:
        for name, value in world.environment().items():
            monkeypatch.setenv(name, value)
        right = here("diagnose", world.target, "--json")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
            deaf.bind(("127.0.0.1", 0))
            elsewhere = f"127.0.0.1:{deaf.getsockname()[1]}"
            wrong = here("diagnose", world.target, "--json", "--timeout", "1", "--resolver", elsewhere)  # fmt: skip
        (tmp_path / "empty.pem").write_text("")
        strange = here("diagnose", world.target, "--ca-file", str(tmp_path / "empty.pem"))

    assert right.code == 0
    assert json.loads(right.out)["verdict"] == "healthy"
    broken = next(hop["hop"] for hop in json.loads(wrong.out)["path"] if hop["status"] == "failed")
    assert (wrong.code, broken) == (1, "name")
    assert strange.code == 2
