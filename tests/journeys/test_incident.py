"""A night, from the first look to the test that keeps it away, through the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from refused.cli.main import main
from refused.lab.scenario import by_id

if TYPE_CHECKING:
    from pathlib import Path

    from tests.journeys.at_work import Enter

USAGE = 2


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_night_from_the_first_look_to_its_regression_test(enter: Enter, tmp_path: Path) -> None:
    """Open, fix, verify, ask why, close, review, count, pack, reproduce."""
    with by_id("firewall-ip-blocked").up() as world:
        refused = enter(world)
        code, out = refused(
            "incident",
            "open",
            world.target,
            "--began",
            "20m",
            "--error",
            f"Timeout {world.target}",
            "--impact",
            "checkout",
        )
        id_ = out.strip()
        assert code == 0
        assert refused("fix", world.target, "--apply", "--yes", "--incident", id_)[0] == 0
        assert (
            refused("verify", world.target, "--for", "3s", "--every", "200ms", "--incident", id_)[0]
            == 0
        )

    said = json.loads(refused("incident", "show", id_, "--json")[1])
    assert said["cause"] == "firewall-ip-blocked"
    assert said["resolved_at"] is not None
    assert {entry["kind"] for entry in said["entries"]} >= {
        "error",
        "evidence",
        "change",
        "verification",
    }
    answers = json.loads(refused("incident", "why", id_, "--answer", "5", "no review", "--json")[1])
    assert answers[2]["answer"].startswith("Firewall rule")
    assert answers[4]["answer"] == "no review"
    assert refused("incident", "close", id_)[0] == 0
    page = tmp_path / "review.html"
    assert refused("incident", "review", id_, "--html", str(page))[0] == 0
    assert "no review" in page.read_text()
    assert "configuration" in refused("incident", "stats")[1]
    assert refused("incident", "bundle", id_, "-o", str(tmp_path / "case.json"))[0] == 0
    case = (tmp_path / "case.json").read_text()
    assert json.loads(case)["incident"] == id_
    assert not any(secret in case for secret in world.secrets)
    assert refused("incident", "regression", id_, "-o", str(tmp_path / "suite"))[0] == 0

    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-c",
            "/dev/null",
            str(tmp_path / "suite"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed, 1 skipped" in done.stdout


@pytest.fixture
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFUSED_DATA", str(tmp_path))


@pytest.mark.usefixtures("_store")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("open",), "give a TARGET to look at"),
        (("show", "2020"), "there is no incident"),
        (("open", "--title", "x", "--began", "yesterday"), "is no moment"),
        (("open", "--title", "x", "--store", "mysql://nowhere/x"), "store"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong, and what would be right."""
    code = main(["incident", *words])

    err = capsys.readouterr().err
    assert code == USAGE
    assert said in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.usefixtures("_store")
def test_a_cause_that_there_is_not_is_not_taken(capsys: pytest.CaptureFixture[str]) -> None:
    """With what was meant."""
    main(["incident", "open", "--title", "It fails"])
    id_ = capsys.readouterr().out.strip()

    assert main(["incident", "close", id_]) == USAGE
    assert "--cause" in capsys.readouterr().err
    assert main(["incident", "close", id_, "--cause", "firewall-ip-block"]) == USAGE
    assert "did you mean firewall-ip-blocked?" in capsys.readouterr().err
    assert main(["incident", "close", id_, "--unknown"]) == 0
