"""What goes where: the report alone on standard output, one exit code for each verdict, no colour unasked."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

import refused.api
from tests.cli.running import apart, here

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def silent() -> Iterator[str]:
    """Give a target that accepts, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def closed() -> Iterator[str]:
    """Give a target where nobody listens: the port is taken, and stays so."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"redis://127.0.0.1:{taken.getsockname()[1]}"


# --- exit codes ----------------------------------------------------------------------------------


def test_a_healthy_path_leaves_with_0() -> None:
    """And says so in the line that a script greps for."""
    done = here("diagnose", "lab:healthy")

    assert done.code == 0
    assert done.out.splitlines()[1].startswith("HEALTHY: ")


def test_a_scenarios_control_plane_is_not_asked_where_that_is_said() -> None:
    """What the data plane alone shows can be seen in the lab as well."""
    asked = here("diagnose", "lab:healthy.acr-cluster").out

    assert "Azure says of contoso" in asked
    assert "Azure says of" not in here("diagnose", "lab:healthy.acr-cluster", "--no-azure").out


def test_a_fault_leaves_with_1(closed: str) -> None:
    """Whatever the cause."""
    done = here("diagnose", closed)

    assert done.code == 1
    assert done.out.splitlines()[1].startswith("FAULT at tcp: ")


def test_what_could_not_be_told_leaves_with_3(closed: str, tmp_path: Path) -> None:
    """Evidence in which nobody looked shows neither that a hop fails nor that one works."""
    file = tmp_path / "nothing.json"
    here("diagnose", closed, "--save", str(file))
    data = json.loads(file.read_text())
    data["facts"] = []
    file.write_text(json.dumps(data))

    done = here("diagnose", f"@{file}")

    assert done.code == 3
    assert done.out.splitlines()[1].startswith("INCONCLUSIVE: ")


def test_a_failure_of_our_own_leaves_with_4_and_one_line(
    closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it happened is shown to whoever asks for it, and no password to anybody."""

    def break_down(*_: object, **__: object) -> None:
        raise LookupError("the key hunter2-and-more was not expected")

    monkeypatch.setattr(refused.api, "judge", break_down)
    target = closed.replace("redis://", "redis://:hunter2-and-more@")

    short, long = here("diagnose", target), here("diagnose", target, "--verbose")

    assert (short.code, short.out, short.err.count("\n")) == (4, "", 1)
    assert "--verbose shows where" in short.err
    assert "Traceback" in long.err
    assert "hunter2" not in short.err + long.err


def test_a_file_that_cannot_be_written_leaves_with_4(closed: str) -> None:
    """The evidence is lost, and nobody may think that it was saved."""
    done = here("diagnose", closed, "--save", "/no/such/folder/bundle.json")

    assert done.code == 4
    assert done.err.count("\n") == 1


# --- channels ------------------------------------------------------------------------------------


def test_only_the_report_goes_to_standard_output(closed: str, tmp_path: Path) -> None:
    """A pipe to jq is not disturbed by what else there is to say."""
    file = tmp_path / "bundle.json"

    done = here("diagnose", closed, "--json", "--save", str(file))

    assert json.loads(done.out)["schema"] == "refused.report/1"
    assert str(file) in done.err
    assert os.stat(file).st_mode & 0o077 == 0


def test_a_saved_bundle_gives_the_same_report(closed: str, tmp_path: Path) -> None:
    """Judged on Monday as it was on the night."""
    file = tmp_path / "bundle.json"
    then = here("diagnose", closed, "--save", str(file))

    now = here("diagnose", f"@{file}")

    assert (now.code, now.out, now.err) == (then.code, then.out, "")


def test_a_printed_bundle_can_be_judged(closed: str, tmp_path: Path) -> None:
    """`refused probe` on one host, `refused diagnose @file` on another."""
    file = tmp_path / "bundle.json"
    probed = here("probe", closed)
    file.write_text(probed.out)

    judged = here("diagnose", f"@{file}", "--json")

    assert (probed.code, probed.err) == (0, "")
    assert judged.code == 1
    assert json.loads(judged.out)["evidence"]["facts"] == json.loads(probed.out)["facts"]


def test_quiet_prints_the_target_and_the_verdict(closed: str) -> None:
    """Two lines for a loop over many."""
    done = here("diagnose", closed, "--quiet")

    assert len(done.out.splitlines()) == 2
    assert done.code == 1


def test_verbose_says_what_was_ruled_out(closed: str) -> None:
    """More than is said unasked."""
    assert len(here("diagnose", closed, "-v").out) > len(here("diagnose", closed).out)


def test_a_reader_that_has_heard_enough_is_no_failure_of_ours(closed: str) -> None:
    """`refused … | head -1` shows one line, and no traceback."""
    running = subprocess.Popen(
        [sys.executable, "-m", "refused.cli.main", "diagnose", closed, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.close()
    said = running.stderr.read()
    running.stderr.close()
    running.wait(20)

    assert said == b""


# --- encodings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_a_letter_that_the_output_cannot_show_costs_nothing_but_itself(
    closed: str, tmp_path: Path, encoding: str
) -> None:
    """Old terminals, Windows consoles, and bundles with half a surrogate pair in them."""
    file = tmp_path / "bundle.json"
    here("diagnose", closed, "--save", str(file))
    data = json.loads(file.read_text())
    data["target"]["text"] = data["target"]["host"] = "caché-漢-\udcff"
    file.write_text(json.dumps(data))
    again = tmp_path / "again.json"

    shown = apart("diagnose", f"@{file}", "--save", str(again), PYTHONIOENCODING=encoding)
    as_json = apart("diagnose", f"@{file}", "--json", PYTHONIOENCODING=f"{encoding}:strict")
    usage = apart("--help", PYTHONIOENCODING=encoding)

    assert (shown.code, usage.code) == (1, 0)
    assert "FAULT at tcp" in shown.out
    assert json.loads(as_json.out)["target"]["host"] == data["target"]["host"]
    assert json.loads(again.read_text())["target"] == data["target"]


# --- colour --------------------------------------------------------------------------------------


def on_a_terminal(*words: str, **environ: str) -> str:
    """Return what is shown on a terminal."""
    ours, theirs = pty.openpty()
    shown = b""
    with subprocess.Popen(
        [sys.executable, "-m", "refused.cli.main", *words],
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, **environ},
    ):
        os.close(theirs)
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # Linux says so when the last writer has gone
                break
            if not piece:
                break
            shown += piece
    os.close(ours)
    return shown.decode()


def test_a_terminal_gets_colour_unless_it_is_not_wanted(closed: str) -> None:
    """--no-color and NO_COLOR do the same; a pipe never gets any."""
    assert "\x1b[" in on_a_terminal("diagnose", closed)
    assert "\x1b[" not in on_a_terminal("diagnose", closed, "--no-color")
    assert "\x1b[" not in on_a_terminal("diagnose", closed, NO_COLOR="1")
    assert "\x1b[" not in apart("diagnose", closed).out


# --- time ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_a_silent_target_ends_within_its_time(silent: str, scheme: str) -> None:
    """A second is a second, with the verdict printed; without the limit it is five."""
    started = time.monotonic()
    done = here("diagnose", silent.replace("redis", scheme, 1), "--timeout", "1")

    assert time.monotonic() - started < 4
    assert done.code == 1


def test_a_target_that_drips_ends_within_its_time() -> None:
    """A byte now and then does not buy more time."""
    over = threading.Event()

    def drip(caller: socket.socket) -> None:
        with caller, contextlib.suppress(OSError):
            while not over.wait(0.1):
                caller.send(b"$")

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=drip, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        started = time.monotonic()
        done = here("diagnose", f"redis://127.0.0.1:{listener.getsockname()[1]}", "--timeout", "1")
        took = time.monotonic() - started
        over.set()

    assert took < 4
    assert done.code in (1, 3)


# --- the catalogue and the lab -------------------------------------------------------------------


def test_the_catalogue_lists_every_cause_under_its_hop() -> None:
    """As lines for people, as JSON for programs."""
    from refused.causes import catalogue

    ids = {cause.id for cause, _ in catalogue()}
    lines = [line.split()[0] for line in here("causes").out.splitlines() if line.startswith("  ")]

    assert sorted(lines) == sorted(ids)
    assert {each["id"] for each in json.loads(here("causes", "--json").out)} == ids


def test_one_cause_has_a_page() -> None:
    """What the module says of it, and what to do."""
    done = here("causes", "wrong-port")

    assert done.code == 0
    for heading in ("What is wrong", "What it is not", "Remedies", "Check after", "Prevention"):
        assert f"\n{heading}\n" in done.out
    assert [each["id"] for each in json.loads(here("causes", "wrong-port", "--json").out)] == ["wrong-port"]  # fmt: skip


def test_an_unknown_cause_names_those_that_come_near() -> None:
    """Nobody knows ids by heart."""
    done = here("causes", "wrong-prt")

    assert (done.code, done.out) == (2, "")
    assert "wrong-port" in done.err


def test_the_lab_lists_what_it_can_play() -> None:
    """Each with the cause that it should lead to."""
    listed = json.loads(here("lab", "list", "--json").out)

    by_id = {each["id"]: each for each in listed}
    assert by_id["healthy"]["cause"] is None
    assert by_id["wrong-port"]["cause"] == "wrong-port"
    assert len(listed) == len(here("lab", "list").out.splitlines())


def test_the_lab_holds_answers_against_what_is_true() -> None:
    """One line for each, and exit code 0 where all are right."""
    done = here("lab", "run", "healthy", "wrong-port")

    assert done.code == 0, done.out
    assert done.out.splitlines()[-1] == "2 right, 0 wrong, 0 skipped"
