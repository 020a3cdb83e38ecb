"""`refused explain` on logs: packed, growing, hostile, and as a query for Kusto."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import jsonschema
import pytest

from refused.report import schema
from tests.cli.running import apart, here

if TYPE_CHECKING:
    from pathlib import Path

FULL = "ERROR ReplyError: ERR max number of clients reached"
LOG = "".join(
    f"2026-11-25T10:{at:02d}:00Z {FULL}\n2026-11-25T10:{at:02d}:01Z INFO ok\n" for at in range(60)
)
SECRET = "q8Xv-PLAIN-hunter2-0z"


def test_a_log_is_explained_with_a_timeline(tmp_path: Path) -> None:
    """The report keeps to its schema, and names the cause."""
    file = tmp_path / "app.log"
    file.write_text(LOG)
    said = here("explain", "--json", str(file))
    report = json.loads(said.out)
    jsonschema.validate(report, schema())
    assert report["causes"][0]["id"] == "max-clients-reached"
    assert report["timeline"]["groups"][0]["count"] == 60
    assert "Timeline: 60 errors" in here("explain", str(file)).out


def test_a_packed_log_says_the_same(tmp_path: Path) -> None:
    """By its first bytes, not by its name."""
    plain, packed = tmp_path / "a", tmp_path / "b"
    plain.write_text(LOG)
    packed.write_bytes(gzip.compress(LOG.encode()))
    one, other = (json.loads(here("explain", "--json", str(file)).out) for file in (plain, packed))
    assert [cause["id"] for cause in one["causes"]] == [cause["id"] for cause in other["causes"]]
    assert one["timeline"]["overall"] == other["timeline"]["overall"]


def test_a_message_has_no_timeline() -> None:
    """One line has no course."""
    done = subprocess.run(
        [sys.executable, "-m", "refused.cli.main", "explain", "--json"],
        input=FULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert "timeline" not in report
    assert report["causes"][0]["id"] == "max-clients-reached"


def test_a_log_that_is_read_as_a_stream_is_judged_like_a_short_one(tmp_path: Path) -> None:
    """A text that is short enough is read as a whole; what it says does not depend on that."""
    short, long = tmp_path / "short", tmp_path / "long"
    short.write_text(LOG)
    long.write_text(LOG + "2026-11-25T11:00:00Z INFO nothing to see here\n" * 5000)
    one, other = (json.loads(here("explain", "--json", str(file)).out) for file in (short, long))
    assert one["causes"][0]["id"] == other["causes"][0]["id"]
    assert other["timeline"]["lines"] == 5120
    assert other["timeline"]["groups"][0]["count"] == 60


def test_a_missing_file_is_one_line() -> None:
    """With exit code 2, and nothing on standard output."""
    said = here("explain", "/no/such/file.log")
    assert said.code == 2
    assert said.out == ""
    assert said.err == "refused: /no/such/file.log: No such file or directory\n"


@pytest.mark.parametrize("log", [LOG, LOG * 30])
def test_no_secret_of_a_log_is_shown_or_saved(tmp_path: Path, log: str) -> None:
    """Whether the log is short or long."""
    file, bundle = tmp_path / "app.log", tmp_path / "bundle.json"
    bad = (
        f"2026-11-25T10:00:00Z ERROR Error: connect ECONNREFUSED redis://:{SECRET}@10.1.2.3:6379\n"
    )
    odd = f"2026-11-25T10:00:00Z ERROR redis blob failed, password={SECRET}\n"
    file.write_text(log + bad + odd)
    for words in (("--json",), ("--verbose",)):
        said = here("explain", *words, "--save", str(bundle), str(file))
        assert SECRET not in said.out + said.err + bundle.read_text()
    assert "10.1.2.3:6379" in here("explain", "--json", str(file)).out


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory from /proc")
def test_a_hundred_megabytes_on_one_line_are_read_in_little_memory(tmp_path: Path) -> None:
    """Neither a crash, nor a stall, nor more than 150 MB."""
    file = tmp_path / "app.log"
    with file.open("wb") as log:
        for at in range(100):
            log.write(b"x" * ((1 << 20) - 80))
            if at == 50:
                log.write(b" Error: connect ECONNREFUSED 10.1.2.3:6379 ")
    # Of what the kernel tells, ru_maxrss would count the memory of whoever started the process.
    script = (
        "import re, sys\nfrom refused.cli.main import main\n"
        f"code = main(['explain', '--json', {str(file)!r}])\n"
        "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1], file=sys.stderr)\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(done.stdout)
    assert int(done.stderr.split()[-1]) / 1024 < 150
    assert report["timeline"]["groups"][0]["endpoint"] == "10.1.2.3:6379"
    assert any("longer than" in note for note in report["timeline"]["notes"])


def test_following_ends_with_the_report(tmp_path: Path) -> None:
    """At Ctrl-C; new kinds of errors are told as they come."""
    file = tmp_path / "app.log"
    file.write_text("2026-11-25T10:00:00Z INFO start\n")
    command = [sys.executable, "-m", "refused.cli.main", "explain", "--json", "--follow", str(file)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:  # fmt: skip
        assert process.stderr is not None
        for at in range(200):  # until it has begun to look, and says so
            with file.open("a") as log:
                log.write(f"2026-11-25T10:01:{at % 60:02d}Z {FULL}\n")
            time.sleep(0.1)
            if at == 3:
                os.set_blocking(process.stderr.fileno(), False)
            if at > 3 and "new: " in (process.stderr.readline() or ""):
                break
        process.send_signal(signal.SIGINT)
        os.set_blocking(process.stderr.fileno(), True)
        out, _ = process.communicate(timeout=30)
    report = json.loads(out)
    assert process.returncode == 1
    assert report["causes"][0]["id"] == "max-clients-reached"
    assert report["timeline"]["groups"][0]["count"] >= 1


def test_a_query_for_kusto_is_printed_and_nothing_is_read() -> None:
    """For all causes, or those that are named."""
    said = apart("explain", "--kql")
    assert said.code == 0
    assert "matches regex" in said.out
    assert '@"max-clients-reached"' in said.out
    one = apart(
        "explain", "--kql", "auth-missing", "--kql-table", "ContainerLogV2", "--kql-span", "7d"
    )
    assert "ContainerLogV2 | where TimeGenerated > ago(7d)" in one.out
    assert '@"max-clients-reached"' not in one.out


def test_a_query_for_what_is_no_cause_is_one_line() -> None:
    """With what could be meant."""
    said = here("explain", "--kql", "auth-mising")
    assert said.code == 2
    assert said.err.startswith("refused: ")
    assert "auth-missing" in said.err
    assert said.err.count("\n") == 1
