"""The command line of ``refused host``; what it sets for real is tested beside the settings."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from refused.cli import host
from refused.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _own_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFUSED_DATA", str(tmp_path / "data"))


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that plays ``/``: a freshly installed kernel's settings."""
    folder = tmp_path / "proc/sys/net/ipv4"
    folder.mkdir(parents=True)
    for name, value in (
        ("tcp_retries2", 15),
        ("tcp_keepalive_time", 7200),
        ("tcp_keepalive_intvl", 75),
        ("tcp_keepalive_probes", 9),
    ):
        (folder / name).write_text(f"{value}\n")
    monkeypatch.setattr(host, "ROOT", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("played")
def test_what_is_shown_is_told_in_time(capsys: pytest.CaptureFixture[str]) -> None:
    """And the exit code says that something is worth a change."""
    assert main(["host"]) == 1
    out = capsys.readouterr().out
    assert "CHANGE  net.ipv4.tcp_retries2 = 15 -> 5" in out
    assert "15 min" in out
    assert "unseen  net.ipv4.tcp_syn_retries" in out
    assert main(["host", "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)["settings"]
    assert {each["verdict"] for each in rows} <= {"change", "may", "leave", "unseen"}


def test_setting_and_taking_back(played: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One named setting, with consent; then all is as before."""
    retries = played / "proc/sys/net/ipv4/tcp_retries2"
    as_root = os.geteuid
    os.geteuid = lambda: 0
    try:
        assert main(["host", "--apply", "tcp_retries2"]) == 2  # nobody to ask
        assert retries.read_text() == "15\n"
        assert main(["host", "--apply", "tcp_retries2", "--yes"]) == 0
        assert retries.read_text() == "5\n"
        assert main(["host", "--journal"]) == 0
        assert "set net.ipv4.tcp_retries2 to 5" in capsys.readouterr().out
        assert main(["host", "--undo", "--yes"]) == 0
    finally:
        os.geteuid = as_root
    assert retries.read_text() == "15\n"
    assert not (played / "etc/sysctl.d/90-refused-redis.conf").exists()


@pytest.mark.parametrize("option", ["--apply", "--undo"])
def test_without_root_it_is_refused_in_one_line(
    option: str, played: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which says how to have it."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main(["host", option, "--yes"]) == 2
    err = capsys.readouterr().err
    assert f"sudo refused host {option}" in err
    assert err.count("\n") == 1
    assert (played / "proc/sys/net/ipv4/tcp_retries2").read_text() == "15\n"


@pytest.mark.usefixtures("played")
def test_an_unknown_setting_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """This command is for those that matter to Redis clients."""
    assert main(["host", "--apply", "kernel.panic", "--yes"]) == 2
    assert "worth it here: net.ipv4.tcp_retries2" in capsys.readouterr().err


def test_elsewhere_is_no_linux(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And it is not said that all is well."""
    monkeypatch.setattr(host, "ROOT", str(tmp_path / "nothing"))
    assert main(["host"]) == 2
    assert "no Linux" in capsys.readouterr().err
