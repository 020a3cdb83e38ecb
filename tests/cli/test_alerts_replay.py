"""``refused alerts test`` and what an incident asks for, in a world of the lab."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from refused.lab.arm.monitor import record
from refused.lab.scenario import by_id
from tests.journeys.at_work import Command, environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from refused.lab.world import World


@pytest.fixture(scope="module")
def up() -> Iterator[World]:
    """Have a world whose cache ran out of connections half an hour ago."""
    with by_id("healthy.azure").up() as world:
        rising = [*[1000.0] * 1500, *[6500.0] * 10, *[7400.0] * 20, *[1000.0] * 10]
        rising[200:203] = [6100.0] * 3  # a night job, and nobody noticed
        record(world.arm, world.resource, "connectedclients", last=rising)
        record(
            world.arm,
            world.resource,
            "errors",
            last=[*[0.0] * 1520, 1.0, *[0.0] * 19],
            dimensions={"ErrorType": "Failover"},
        )
        yield world


@pytest.fixture
def refused(
    up: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Return the command line in that world."""
    environment(up, tmp_path, monkeypatch)
    return Command(up, capsys)


def test_a_replay_of_azure_says_what_rang_when(refused: Command) -> None:
    """Ten minutes before for the one at 80 %, and once for nothing."""
    code, out = refused(
        "alerts",
        "test",
        refused.world.target,
        "--days",
        "2",
        "--began",
        "30m",
        "--ended",
        "10m",
        "--json",
    )
    data = json.loads(out)
    rules = {each["rule"]: each for each in data["rules"]}

    assert code == 0, refused.err
    assert data["schema"] == "refused.alerts-replay/1"
    early = rules["connections-80"]
    assert (early["state"], early["cried_wolf"], len(early["firings"])) == ("rang", 1, 2)
    assert 480 <= early["before_s"] <= 600
    assert rules["errors-failover"]["state"] == "rang"
    assert rules["memory-85"]["missed"] == ["the incident"]


def test_without_an_incident_each_alarm_is_for_nothing(refused: Command) -> None:
    """As far as anybody knows."""
    code, out = refused("alerts", "test", refused.world.target, "--days", "2")

    assert code == 1
    assert "none is known of this" in out
    assert "2 of 2 times" in out


def test_an_incident_of_the_store_brings_its_own_history(refused: Command, tmp_path: Path) -> None:
    """Its evidence is replayed, its cause sharpened, and the plan has the alert on what recurred."""
    saved = tmp_path / "night.json"
    refused("probe", refused.world.target, "--save", str(saved))
    began = time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(time.time() - 1800))
    code, out = refused(
        "incident",
        "open",
        "--title",
        "no more connections",
        "--bundle",
        str(saved),
        "--began",
        began,
    )
    assert code == 0, refused.err
    id_ = out.strip().splitlines()[0]
    refused("incident", "close", id_, "--cause", "max-clients-reached")

    code, out = refused("alerts", "plan", refused.world.target, "--incident", id_)
    assert "again-connections-95: it recurs" in out, refused.err
    assert "over PT1M, every PT1M" in out

    code, out = refused("alerts", "test", refused.world.target, "--incident", "latest")
    assert f"the evidence of incident {id_}" in " ".join(out.split()), refused.err
    assert code == 0
    assert "again-connections-95" in out

    code, out = refused(
        "alerts", "plan", refused.world.target, "--incident", id_, "--form", "prometheus"
    )
    assert "RefusedAgainMaxClientsReached" in out


def test_a_file_alone_is_replayed_for_a_size(refused: Command, tmp_path: Path) -> None:
    """Nothing is asked of anybody."""
    file = tmp_path / "night.csv"
    lines = [f"{1790000000 + 60 * n},{100 if n < 60 else 900}" for n in range(90)]
    file.write_text("time,connectedclients (Max)\n" + "\n".join(lines) + "\n")
    words = ("alerts", "test", str(file), "--like", "C1", "--began", "2026-09-21T15:14Z")
    code, out = refused(*words)

    assert code == 0, (out, refused.err)
    assert "connections-80: connected clients above 80% of the limit" in out
    # Values that are stamped within a minute are no gap for the rule that looks at one minute.
    file95 = tmp_path / "worse.csv"
    file95.write_text(file.read_text().replace(",900", ",990"))
    assert "connections-95: connected" in refused("alerts", "test", str(file95), *words[3:])[1]
    code, out = refused("alerts", "test", str(file), "--like", "P1")
    assert code == 0
    assert "Would not have rung: connections-80" in out


def test_a_file_without_its_size_is_a_question(refused: Command, tmp_path: Path) -> None:
    """A limit is not guessed."""
    file = tmp_path / "night.csv"
    file.write_text("time,x\n1,1\n")

    assert refused("alerts", "test", str(file))[0] == 2
    assert "--like SIZE" in refused.err
    assert refused("alerts", "test", str(file), "--like", "C9")[0] == 2
    assert "there is no size" in refused.err
    assert refused("alerts", "test", refused.world.target, "--days", "100")[0] == 2
    assert "Azure keeps no more" in refused.err


def test_each_form_is_printed_alone(refused: Command) -> None:
    """So that it can be redirected into a file."""
    for form, begins in (
        ("az", "az monitor action-group create"),
        ("arm", "{"),
        ("bicep", "resource refused_contoso "),
        ("terraform", 'resource "azurerm_monitor_action_group"'),
        ("powershell", "$mail0 ="),
        ("prometheus", "groups:"),
    ):
        code, out = refused(
            "alerts", "plan", refused.world.target, "--email", "a@contoso.example", "--form", form
        )
        assert code == 0, refused.err
        assert out.startswith(begins), form
