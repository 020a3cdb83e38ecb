"""``refused lab up`` brings worlds up, says how to reach them, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shlex
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.running import apart, here

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = [sys.executable, "-m", "refused.cli.main", "lab", "up"]
VARIABLES = {
    "REFUSED_LAB_TARGET",
    "REFUSED_LAB_RESOURCE",
    "REFUSED_LAB_GROUP",
    "REFUSED_LAB_CACHE",
    "REFUSED_LAB_CLIENT_IP",
    "REFUSED_CLIENT_IP",
    "REFUSED_RESOLVER",
    "REFUSED_FROM",
    "REFUSED_CA_FILE",
    "REFUSED_ARM_ENDPOINT",
    "REFUSED_ARM_TOKEN",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "AZURE_CONFIG_DIR",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
}


class Lab:
    """A lab that is up in a process of its own."""

    def __init__(self, file: Path, *words: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, *words, "--env-file", str(file)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        until = time.monotonic() + 30
        while not file.exists():
            assert self.process.poll() is None, self.process.communicate()[1]
            assert time.monotonic() < until, "the lab does not come up"
            time.sleep(0.02)
        lines = [shlex.split(line) for line in file.read_text().splitlines()]
        assert all(words[0] == "export" and len(words) == 2 for words in lines)
        told = (words[1].partition("=") for words in lines)
        self.environ = {name: value for name, _, value in told}

    def end(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Send a signal, and return the exit code and what came on standard error."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=20)
        return self.process.returncode, said


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Bring the default world up."""
    up = Lab(tmp_path / "lab.env")
    yield up
    if up.process.poll() is None:
        up.end()


def test_the_default_world_says_how_to_reach_it_all(lab: Lab, tmp_path: Path) -> None:
    """Every variable of the contract, in a file for its owner alone."""
    assert set(lab.environ) >= VARIABLES
    assert lab.environ["REFUSED_LAB_CACHE"] == "contoso"
    assert lab.environ["REFUSED_LAB_GROUP"] == "prod"
    assert (tmp_path / "lab.env").stat().st_mode & 0o777 == 0o600


def test_its_control_plane_answers_whoever_has_read_the_file(lab: Lab) -> None:
    """With the token and the authority that the file names, and nothing else."""
    told = lab.environ
    where = f"{told['REFUSED_ARM_ENDPOINT']}{told['REFUSED_LAB_RESOURCE']}?api-version=2024-11-01"
    asked = urllib.request.Request(
        where, headers={"Authorization": f"Bearer {told['REFUSED_ARM_TOKEN']}"}
    )
    context = ssl.create_default_context(cafile=told["REQUESTS_CA_BUNDLE"])

    with urllib.request.urlopen(asked, context=context) as answer:
        cache = json.load(answer)

    assert cache["properties"]["provisioningState"] == "Succeeded"


def test_a_plain_diagnosis_finds_it_healthy(lab: Lab) -> None:
    """And leaks neither the token nor the key."""
    done = apart("diagnose", lab.environ["REFUSED_LAB_TARGET"], "--json", **lab.environ)

    assert json.loads(done.out)["verdict"] == "healthy"
    for name in ("REFUSED_ARM_TOKEN", "IDENTITY_HEADER"):
        assert lab.environ[name] not in done.out + done.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_goes_and_leaves_nothing_behind(lab: Lab, number: int) -> None:
    """Ctrl-C and a TERM are the word to go, and no failure."""
    folder = Path(lab.environ["AZURE_CONFIG_DIR"]).parent
    assert folder.is_dir()

    code, said = lab.end(number)

    assert code == 0
    assert "Traceback" not in said
    assert not folder.exists()


def test_a_file_of_ones_own_comes_up(tmp_path: Path) -> None:
    """A world of TOML is as good as a scenario."""
    world = tmp_path / "world.toml"
    world.write_text('[[cache]]\nname = "shop"\nrules = { office = "192.0.2.44" }\n')

    lab = Lab(tmp_path / "lab.env", str(world))

    assert lab.environ["REFUSED_LAB_CACHE"] == "shop"
    done = apart("diagnose", lab.environ["REFUSED_LAB_TARGET"], "--json", **lab.environ)
    assert lab.end()[0] == 0
    report = json.loads(done.out)
    assert report["causes"][0]["id"] == "firewall-ip-blocked"
    assert report["causes"][0]["certainty"] == "confirmed"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere.toml",), "nowhere.toml cannot be read"),
        (("no-such-fault",), "no scenario 'no-such-fault'"),
        (("healthy", "--env-file", "/nowhere/lab.env"), "cannot be written"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(words: tuple[str, ...], said: str) -> None:
    """With the exit code of misuse, and no world left standing."""
    done = apart("lab", "up", *words)

    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_scenario_without_a_control_plane_says_nothing_of_one(tmp_path: Path) -> None:
    """A server of one's own is nothing that Azure knows."""
    lab = Lab(tmp_path / "lab.env", "healthy.plain")

    assert "REFUSED_ARM_ENDPOINT" not in lab.environ
    assert "REFUSED_LAB_TARGET" in lab.environ
    assert lab.end()[0] == 0


def test_the_list_says_who_has_a_control_plane() -> None:
    """In a field of its own."""
    listed = {each["id"]: each for each in json.loads(here("lab", "list", "--json").out)}

    assert listed["healthy.azure"]["control_plane"] is True
    assert listed["healthy.plain"]["control_plane"] is False
    assert listed["firewall-ip-blocked.alone"]["control_plane"] is False


def test_a_signal_before_it_is_up_ends_it_too(tmp_path: Path) -> None:
    """Somebody who has changed their mind need not wait."""
    process = subprocess.Popen(
        [*COMMAND, "--env-file", str(tmp_path / "lab.env")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ},
    )
    time.sleep(0.25)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=20)
    assert "Traceback" not in said
    # Before the program has its own say, Python ends as whoever was interrupted does: by the signal.
    assert process.returncode in (0, 130, -signal.SIGTERM, -signal.SIGINT)
