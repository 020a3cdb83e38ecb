"""The command: a message on standard input or a file, the cause on standard output."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.cli.running import apart, here

if TYPE_CHECKING:
    from pathlib import Path

NAMED = "ReplyError: WRONGPASS invalid username-password pair or user is disabled."
OPEN = "Error: read ECONNRESET"


def piped(text: bytes, *words: str) -> subprocess.CompletedProcess[bytes]:
    """Run ``refused explain`` with *text* on standard input."""
    return subprocess.run(
        [sys.executable, "-m", "refused.cli.main", "explain", *words],
        input=text,
        capture_output=True,
        check=False,
    )


def test_a_pasted_message_names_its_cause() -> None:
    """Exit code 1, as for any fault."""
    done = piped(NAMED.encode())

    assert done.returncode == 1
    assert b"auth-wrong-key" in done.stdout
    assert done.stderr == b""


def test_what_cannot_be_told_is_said() -> None:
    """Exit code 3."""
    done = piped(OPEN.encode(), "-")

    assert done.returncode == 3
    assert b"cannot tell" in done.stdout


def test_a_file_is_quoted_with_its_lines(tmp_path: Path) -> None:
    """So that whoever reads can look for themselves."""
    log = tmp_path / "app.log"
    log.write_text(f"all is well\n{NAMED}\n")

    said = here("explain", str(log))

    assert said.code == 1
    assert "app.log:2" in "".join(said.out.split())


def test_json_is_the_report(tmp_path: Path) -> None:
    """The same as that of diagnose."""
    log = tmp_path / "app.log"
    log.write_text(NAMED)

    report = json.loads(here("explain", str(log), "--json", "--scope", "some").out)

    assert report["schema"] == "refused.report/1"
    assert report["causes"][0]["id"] == "auth-wrong-key"
    assert report["severity"] == 2


def test_a_file_that_is_not_there_costs_one_line(tmp_path: Path) -> None:
    """And says which."""
    said = here("explain", str(tmp_path / "missing.log"))

    assert said.code == 2
    assert "missing.log" in said.err
    assert len(said.err.splitlines()) == 1


def test_bytes_that_are_no_text_are_read_as_far_as_they_are() -> None:
    """Logs are cut in the middle of letters."""
    done = piped(b"\xc3\x28\x00" + NAMED.encode() + b"\x00\xc3")

    assert done.returncode == 1


def test_a_saved_text_can_be_judged_again(tmp_path: Path) -> None:
    """Evidence is evidence, wherever it comes from."""
    log, bundle = tmp_path / "app.log", tmp_path / "evidence.json"
    log.write_text(NAMED)
    here("explain", str(log), "--save", str(bundle))

    said = apart("diagnose", f"@{bundle}", "--json")

    assert json.loads(said.out)["causes"][0]["id"] == "auth-wrong-key"
    assert said.code == 1
