"""What the README shows, works."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
COMMANDS = [line[2:] for block in BLOCKS for line in block.splitlines() if line.startswith("$ ")]
OURS = [command for command in COMMANDS if "refused " in command]
# A fault is what these are for; every other command succeeds.
FAULTS = (
    "diagnose lab:private",
    "diagnose lab:auth",
    "diagnose lab:max",
    "diagnose @",
    "explain",
    "fix lab:firewall-ip-blocked",
)
NO_FAULT = "fix lab:firewall-ip-blocked --rehearse"


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run Python with our own interpreter, in a folder of its own."""
    return _run([sys.executable, *words], cwd)


def type_in(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Type a line into a shell in which ``refused`` is this very program."""
    told = f'refused() {{ "{sys.executable}" -m refused.cli.main "$@"; }}; {command}'
    return _run(["bash", "-c", told], cwd)


def _run(command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "80", "REFUSED_DATA": str(cwd / "data")}
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.timeout(180)
def test_every_command_of_the_readme_does_what_it_says(tmp_path: Path) -> None:
    """They run in order, since one saves what the next one reads."""
    assert len(OURS) > 12
    for command in OURS:
        line = command.replace("/tmp/evidence.json", str(tmp_path / "evidence.json"))
        words = command.rpartition("refused ")[2]
        wanted = 1 if words.startswith(FAULTS) and words != NO_FAULT else 0

        done = type_in(line, tmp_path)

        assert done.returncode == wanted, (command, done.stdout[-600:], done.stderr)
        assert done.stdout


def test_the_output_shown_is_the_output_given(tmp_path: Path) -> None:
    """The first block is real; only times and percentages may differ."""
    shown = BLOCKS[0].splitlines()[1:-1]

    given = run(
        "-m", "refused.cli.main", "diagnose", "lab:private-endpoint-dns", cwd=tmp_path
    ).stdout

    def plain(line: str) -> str:
        return re.sub(r"\d+(\.\d+)?( ms| s|%)", "N", " ".join(line.split()))

    assert [plain(line) for line in given.splitlines()[: len(shown)]] == [
        plain(line) for line in shown
    ]


def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    """It prints the verdict and the cause."""
    code = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]

    done = run("-c", code, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("fault wrong-port")


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_two_commands_are_there(target: str) -> None:
    """Make knows them."""
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_what_was_measured_is_what_the_page_says() -> None:
    """The page is built anew with every measurement, and the README is typed."""
    page = (ROOT / "docs" / "calibration.md").read_text()
    faults = re.search(r"\*\*The domain\.\*\* (\d+) faults", page)
    row = re.search(r"\| all \| (\d+) \|.*\| (\d+) of (\d+) \|", page)
    assert faults
    assert row
    cases, wrong, sure = map(int, row.groups())

    assert wrong == 0
    said = " ".join(README.split())
    assert f"measured on {faults[1]} faults" in said
    assert f"in {cases:,} variations: of {sure:,} answers stated above 90 % none was wrong" in said
