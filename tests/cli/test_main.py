"""The command line as a stranger meets it: one clear line, the right exit code, and an end in time."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from refused.lab.servers import Server
from tests.conftest import LATE_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def refused(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the program as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "refused.cli.main", *words],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def silent() -> Iterator[int]:
    """Give a port that accepts, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


BAD_TARGETS = (
    "host:", "host:0", "host:70000", "rediss://:a/b@host:1", "rediss://:a@b@host:1", "rediss://:a#b@host:1", "rediss://:a?b@host:1",
    "a.redis.cache.windows.net:6380b.redis.cache.windows.net", "a.example.neta.example.net", "http://host", "", "h h",
)  # fmt: skip


@pytest.mark.parametrize("target", BAD_TARGETS)
def test_a_bad_target_gets_one_clear_line(target: str) -> None:
    """Exit code 2, nothing on standard output, and no traceback."""
    done = refused("diagnose", target)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("refused: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("diagnose", "h", "--timeout", "soon"),
        ("diagnose", "h", "--resolver", "nobody"),
        ("diagnose", "h", "--from", "the-moon"),
        ("diagnose", "lab:no-such-scenario"),
        ("diagnose", "@/no/such/file"),
        ("causes", "no-such-cause"),
        ("no-such-command",),
    ],
)
def test_what_cannot_be_understood_is_said_in_one_line(words: tuple[str, ...]) -> None:
    """The line says what would be right."""
    done = refused(*words)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


def test_a_ca_file_that_is_not_there_is_said_in_one_line(silent: int) -> None:
    """It is met only in the middle of the walk, and ends it without a traceback."""
    done = refused("diagnose", f"rediss://127.0.0.1:{silent}", "--ca-file", "/no/such/file")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("refused: ")
    assert done.stderr.count("\n") == 1


def test_a_silent_target_ends_within_the_limit(silent: int) -> None:
    """The whole process, start-up included."""
    started = time.monotonic()
    done = refused("diagnose", f"rediss://127.0.0.1:{silent}", "--timeout", "1.5", "--json")

    assert done.returncode == 1
    assert json.loads(done.stdout)["took_ms"] < 4000  # without the limit it is five seconds
    assert time.monotonic() - started < 4 + 2 * LATE_S


def test_ctrl_c_ends_at_once_with_what_was_seen() -> None:
    """The name and the dial were seen by then, and are in the report."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    running = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "refused.cli.main",
            "diagnose",
            f"redis://127.0.0.1:{port}",
            "--timeout",
            "30",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with listener, listener.accept()[0] as met:
        assert met.recv(100)  # it has asked, and waits for an answer
        pressed = time.monotonic()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)

    assert time.monotonic() - pressed < 2 * LATE_S  # and not thirty
    assert running.returncode in (1, 3), err
    assert "accepts" in out
    assert "you interrupted it" in out


def test_the_environment_stands_for_options_and_the_command_line_wins(silent: int) -> None:
    """REFUSED_TIMEOUT shortens, --timeout has the last word."""
    target = f"redis://127.0.0.1:{silent}"

    short = json.loads(refused("diagnose", target, "--json", REFUSED_TIMEOUT="0.5").stdout)
    longer = json.loads(
        refused("diagnose", target, "--json", "--timeout", "1", REFUSED_TIMEOUT="0.1").stdout
    )

    assert short["evidence"]["limit_s"] == 0.5
    assert longer["evidence"]["limit_s"] == 1.0


def test_a_lab_that_is_up_can_be_asked_by_a_plain_diagnose(tmp_path: Path) -> None:
    """The file of exports is all that is needed."""
    file = tmp_path / "lab.env"
    lab = subprocess.Popen(
        [sys.executable, "-m", "refused.cli.main", "lab", "up", "healthy", "--env-file", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert lab.stdout is not None
        lab.stdout.readline()
        done = subprocess.run(
            [
                "/bin/sh",
                "-c",
                f'. {file}; exec {sys.executable} -m refused.cli.main diagnose "$REFUSED_LAB_TARGET"',
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        lab.send_signal(signal.SIGINT)
        lab.communicate(timeout=10)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "HEALTHY" in done.stdout
    assert lab.returncode == 0


def test_help_loads_nothing_heavy() -> None:
    """What a cold start must not pay for."""
    code = (
        "import sys, io, contextlib\nfrom refused.cli.main import main\n"
        "with contextlib.redirect_stdout(io.StringIO()): main(['--help'])\n"
        "print(sorted({'asyncio', 'ssl', 'socket', 'typing', 'dataclasses', 'logging', 'argparse'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"


def test_looking_loads_no_event_loop_and_no_dataclasses(silent: int) -> None:
    """The main path keeps to what it needs."""
    code = (
        "import sys, io, contextlib\nfrom refused.cli.main import main\n"
        f"with contextlib.redirect_stdout(io.StringIO()): main(['diagnose', 'redis://127.0.0.1:{silent}', '--json', '--timeout', '0.5'])\n"
        "print(sorted({'asyncio', 'typing', 'dataclasses', 'logging', 'ipaddress', 'http', 'urllib.request', 'concurrent'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("is_well", "spared"),
    [
        (
            True,
            (
                "ctypes shutil lzma subprocess json refused.evidence.over_time refused.evidence.kubernetes"
                " refused.evidence.control_plane refused.probes.host_filter refused.probes.azure.look"
            ),
        ),
        (
            False,
            (
                "ctypes shutil lzma refused.evidence.kubernetes_faults refused.probes.over_time"
                " refused.probes.azure.look refused.probes.kubernetes.cluster"
            ),
        ),
    ],
    ids=["healthy", "refused"],
)
def test_a_report_for_people_loads_only_what_it_says(is_well: bool, spared: str) -> None:
    """A look pays for no clock, cluster, watch or archive that it has nothing to say of."""
    with Server() as server, socket.socket() as shut:
        shut.bind(("127.0.0.1", 0))
        port = server.port if is_well else shut.getsockname()[1]
        code = (
            "import sys, io, contextlib\nfrom refused.cli.main import main\n"
            f"with contextlib.redirect_stdout(io.StringIO()): main(['diagnose', '127.0.0.1:{port}', '--no-azure'])\n"
            f"print(sorted(set({spared!r}.split()) & set(sys.modules)))"
        )
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{code}"],
            capture_output=True,
            text=True,
            check=True,
        )

    assert done.stdout.strip() == "[]"


def test_the_python_api_has_both_doors(silent: int) -> None:
    """The plain one and the one for event loops say the same."""
    import asyncio

    import refused as package

    target = f"redis://127.0.0.1:{silent}"

    plain = package.diagnose(target, timeout_s=0.5)
    other = asyncio.run(package.aio.diagnose(target, timeout_s=0.5))

    assert plain.verdict == other.verdict == "fault"
    assert plain.causes[0].id == other.causes[0].id
    assert json.loads(plain.to_json())["schema"] == "refused.report/1"
