"""``refused lab --kernel``: what it lists, what it refuses, and a world that stays until it is told to go."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from refused.lab.kernel_worlds import WORLDS
from tests.cli.running import here

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = [sys.executable, "-m", "refused.cli.main"]


def test_the_worlds_are_listed_with_what_each_should_lead_to() -> None:
    """As data for programs, a line each for people."""
    done = here("lab", "list", "--kernel", "--json")
    listed = json.loads(done.out)

    assert [each["id"] for each in listed] == [each.id for each in WORLDS]
    assert {"id", "title", "cause", "behind", "needs", "options"} == set(listed[0])
    assert len(here("lab", "list", "--kernel").out.splitlines()) == len(WORLDS)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("lab",), "say what to do: list|run|up, or --kernel"),
        (("lab", "run", "--kernel", "healthy.mush"), "did you mean healthy.mesh"),
        (("lab", "up", "--kernel", "wrong-port"), "the lab has no kernel world 'wrong-port'"),
    ],
)
def test_what_is_asked_wrongly_is_told_in_a_line(words: tuple[str, ...], said: str) -> None:
    """With the exit code of a wrong use."""
    done = here(*words)

    assert done.code == 2
    assert said in done.err


@pytest.mark.kernel
@pytest.mark.timeout(90)
def test_a_world_stays_up_until_it_is_told_to_go_and_can_be_entered(tmp_path: Path) -> None:
    """What it prints makes a plain diagnosis work there, and nothing is left behind."""
    exports = tmp_path / "lab.env"
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    words = ["lab", "up", "--kernel", "auth-wrong-key.old", "--env-file", str(exports)]
    with subprocess.Popen(
        [*PROGRAM, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    ) as lab:
        assert lab.stderr is not None
        said = [lab.stderr.readline(), lab.stderr.readline()]
        told = dict(
            shlex.split(line)[1].split("=", 1) for line in exports.read_text("utf-8").splitlines()
        )
        enter = said[1].partition("stands: ")[2].partition("    ")[0].split()
        done = subprocess.run(
            [*enter, *PROGRAM, "diagnose", told["REFUSED_LAB_TARGET"], "--json"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **told},
            timeout=60,
        )
        lab.send_signal(signal.SIGTERM)
        lab.wait(20)

    assert json.loads(done.stdout)["causes"][0]["id"] == "auth-wrong-key", done.stderr
    assert exports.stat().st_mode & 0o077 == 0
    assert lab.returncode == 0
    assert list(temporary.iterdir()) == []
