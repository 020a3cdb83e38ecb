"""A command line that cannot be understood costs one line, and nothing that was typed is in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.running import here

SECRET = "k9Zw+72xQq=="


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("diagnose",), "the following arguments are required: TARGET"),
        (("diagnose", "host", "more"), "word 2 after refused diagnose is none that I take"),
        (("diagnose", "--timout", "3", "host"), "did you mean --timeout?"),
        (("diagnose", "host", "--time=3"), "did you mean --timeout?"),
        (("diagnose", "host", "--from"), "--from: expected one argument"),
        (("diagnose", "host", "--auth", "magic"), "--auth: give one of key, entra, none"),
        (("diagnose", "host", "--scope", "most"), "--scope: give one of all, some, one"),
        (("diagnose", "host", "--pid", "init"), "--pid: give a number"),
        (("diagnose", "host", "--json=yes"), "--json takes no value"),
        (("probe", "host", "--quiet"), "word 2 after refused probe"),
        (("causes", "wrong-port", "more"), "word 2 after refused causes"),
        (("lab",), "list|run|up"),
        (("lab", "down"), "give one of list, run, up"),
        (("lab", "list", "--jso"), "none that I take"),
        (("lab", "run", "no-such-fault"), "no scenario 'no-such-fault'"),
        (("lab", "up", "no-such-fault"), "no scenario 'no-such-fault'"),
    ],
)
def test_a_mistake_costs_one_line_that_says_what_would_be_right(
    words: tuple[str, ...], said: str
) -> None:
    """Exit code 2, and nothing on standard output."""
    done = here(*words)

    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.startswith("refused: ")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        (SECRET,),
        (f"rediss://:{SECRET}@host",),
        ("-a", SECRET),
        ("diagnose", "host", SECRET),
        ("diagnose", "host", f"rediss://:{SECRET}@host"),
        ("diagnose", "host", "-a", SECRET),
        ("diagnose", "host", f"-a{SECRET}"),
        ("diagnose", "host", f"--pass={SECRET}"),
        ("diagnose", "host", f"--{SECRET}"),
        ("diagnose", "host", "--auth", SECRET),
        ("diagnose", "host", f"--auth={SECRET}"),
        ("diagnose", "host", "--pid", SECRET),
        ("diagnose", "host", f"--json={SECRET}"),
        ("lab", SECRET),
        ("lab", "list", SECRET),
        ("causes", SECRET),
        ("causes", "wrong-port", SECRET),
    ],
)
def test_a_password_in_the_wrong_place_is_not_repeated(words: tuple[str, ...]) -> None:
    """People type what they know from redis-cli, and terminals are shared and recorded."""
    done = here(*words)

    assert done.code == 2
    assert "k9Zw" not in done.out + done.err
    assert done.err.count("\n") == 1


@given(word=st.text(min_size=4).filter(lambda text: text.strip() == text and text.isprintable()))
def test_an_unknown_command_is_never_repeated(word: str) -> None:
    """It may be a target with its password, and the command in front of it forgotten."""
    line = here(f"{word}{SECRET}").err

    assert line.count("\n") == 1
    assert word + SECRET not in line
    assert line.endswith("refused diagnose TARGET\n")


def test_a_word_like_a_command_is_set_right() -> None:
    """Nobody has to read the whole help for a slip."""
    assert "did you mean diagnose?" in here("diagnos", "host").err


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",), ("help",)])
def test_without_a_command_the_commands_are_listed(words: tuple[str, ...]) -> None:
    """Asked for, the list is the answer; not asked for, it is help on a mistake."""
    done = here(*words)

    assert "diagnose" in (done.out if words else done.err)
    assert done.code == (0 if words else 2)
    assert bool(done.out) == bool(words)


@pytest.mark.parametrize("command", ["diagnose", "probe", "causes", "lab"])
def test_every_command_explains_itself(command: str) -> None:
    """On standard output, with exit code 0."""
    done = here(command, "--help")

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"usage: refused {command}")
    assert max(map(len, done.out.splitlines())) < 110


def test_the_version_is_told() -> None:
    """A bug report needs it."""
    import refused

    assert here("--version").out == f"refused {refused.__version__}\n"
