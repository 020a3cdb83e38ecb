"""Alerts through the command line, in a world of the lab: made once, shown, changed with consent, undone."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from refused.lab.scenario import by_id
from refused.remedies.apply import follow
from refused.remedies.arm import Writer
from refused.remedies.change import ArmWrite
from tests.journeys.at_work import Command, documents, environment, writes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from refused.lab.world import World

MAIL = ("--email", "on-call@contoso.example")
RULES = 26


@pytest.fixture(scope="module")
def up() -> Iterator[World]:
    """Have two caches and a control plane."""
    with by_id("healthy.azure").up() as world:
        yield world


@pytest.fixture
def refused(
    up: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """Return the command line in that world, which is as it was for the next test."""
    environment(up, tmp_path, monkeypatch)
    yield Command(up, capsys)
    for id_ in alerts(up):
        up.arm.delete(id_)


def alerts(world: World) -> dict[str, Any]:
    """Return the alerting documents of the twin."""
    return {id_: each for id_, each in documents(world).items() if "/microsoft.insights/" in id_}


def test_a_plan_says_what_is_missing_and_changes_nothing(refused: Command) -> None:
    """At 80 % of this very tier's limit: a P1 has 7,500 connections."""
    before = documents(refused.world)
    code, out = refused("alerts", "plan", refused.world.target)

    assert code == 1, refused.err
    assert "Maximum connectedclients > 6,000 connections" in out
    assert "is missing in Azure" in out
    assert "Nobody is told yet" in out
    assert documents(refused.world) == before


def test_apply_is_made_once_and_undone(refused: Command) -> None:
    """A second run writes nothing; the undo leaves the plane as it was."""
    before = documents(refused.world)
    code, out = refused("alerts", "apply", refused.world.target, *MAIL, "--yes")
    assert code == 0, (out, refused.err)
    assert f"{RULES + 1} made" in out
    made = alerts(refused.world)
    assert len(made) == RULES + 1

    done = len(writes(refused.world))
    code, out = refused("alerts", "apply", refused.world.target, *MAIL, "--yes")
    assert (code, out.strip()) == (0, f"{RULES + 1} stood as planned")
    assert len(writes(refused.world)) == done
    assert alerts(refused.world) == made

    code, out = refused("alerts", "plan", refused.world.target, *MAIL)
    assert code == 0
    assert "is missing" not in out

    code, out = refused("alerts", "undo", "--yes")
    assert code == 0, out
    assert documents(refused.world) == before
    # The group that the rules tell went last.
    assert out.splitlines()[-1].endswith("make the action group refused-contoso")


def test_what_somebody_edited_is_shown_and_kept_until_you_agree(refused: Command) -> None:
    """``--yes`` makes what is missing; it overwrites nobody's threshold."""
    refused(
        "alerts", "apply", refused.world.target, *MAIL, "--yes", "--cause", "max-clients-reached"
    )
    (id_,) = [each for each in alerts(refused.world) if each.endswith("connections-80")]
    arm = refused.world.arm
    edited = arm.documents[id_]
    edited["properties"]["criteria"]["allOf"][0]["threshold"] = 850.0
    edited["tags"] = {"team": "shop"}
    words = (
        "alerts",
        "apply",
        refused.world.target,
        *MAIL,
        "--yes",
        "--cause",
        "max-clients-reached",
    )

    code, _ = refused(*words)
    assert code == 1
    assert "criteria.allOf[0].threshold is 850.0 and becomes 6000" in refused.err
    assert "--update changes it" in refused.err
    assert arm.documents[id_]["properties"]["criteria"]["allOf"][0]["threshold"] == 850.0

    code, out = refused(*words, "--update")
    assert code == 0, refused.err
    assert "1 changed" in out
    assert arm.documents[id_]["properties"]["criteria"]["allOf"][0]["threshold"] == 6000.0
    assert arm.documents[id_]["tags"] == {"team": "shop"}

    code, _ = refused("alerts", "undo", "--yes")
    assert code == 0
    assert arm.documents[id_]["properties"]["criteria"]["allOf"][0]["threshold"] == 850.0


def test_an_undo_leaves_what_somebody_edited_and_takes_back_the_rest(refused: Command) -> None:
    """One edited rule keeps its group, which it tells, and no other rule."""
    _, out = refused(
        "alerts", "apply", refused.world.target, *MAIL, "--yes", "--cause", "max-clients-reached"
    )
    assert "connections-95" in out
    (id_,) = [each for each in alerts(refused.world) if each.endswith("connections-95")]
    refused.world.arm.documents[id_]["properties"]["severity"] = 4

    code, out = refused("alerts", "undo", "--yes")
    assert code == 1
    assert "somebody edited it since, and that would be lost" in out
    assert "kept, for what is left standing tells it" in out
    assert "2 of 3 were left as they are" in refused.err
    left = sorted(each.rpartition("/")[2] for each in alerts(refused.world))
    assert left == ["refused-contoso", "refused-contoso-connections-95"]

    refused.world.arm.delete(id_)
    code, _ = refused("alerts", "undo", "--yes")
    assert code == 0
    assert not alerts(refused.world)


def test_one_rule_is_undone_like_any_change(refused: Command) -> None:
    """``refused fix --undo`` knows it, and the journal shows it."""
    before = documents(refused.world)
    _, out = refused(
        "alerts",
        "apply",
        refused.world.target,
        "--tell-nobody",
        "--yes",
        "--cause",
        "auth-wrong-key",
    )
    change = out.partition(":")[0]
    code, shown = refused("fix", "--journal")
    assert code == 0
    assert f"{change}  kept  make the alert refused-contoso-keys" in shown

    code, _ = refused("fix", "--undo", change, "--yes")
    assert code == 0
    assert documents(refused.world) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "nobody would be told"),
        (("--email", "nonsense"), "--email: give an address"),
        (("--webhook", "http://x"), "begins with https://"),
        (("--action-group", "on-call"), "--action-group: give an id"),
        (("--email", "a@b.c", "--without", "conections"), "there is no rule"),
        (("--email", "a@b.c", "--cause", "max-clients"), "did you mean max-clients-reached?"),
        (("--email", "a@b.c", "--connection-limit", "0"), "above 0"),
        (("--email", "a@b.c"), "say --yes"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    refused: Command, words: tuple[str, ...], said: str
) -> None:
    """And nothing is changed."""
    before = documents(refused.world)
    code, _ = refused("alerts", "apply", refused.world.target, *words)

    assert code == 2
    assert said in refused.err
    assert documents(refused.world) == before


def test_the_template_has_the_effect_of_apply(refused: Command) -> None:
    """Deployed by the control plane itself, it leaves apply nothing to do."""
    target = refused.world.target
    _, text = refused("alerts", "plan", target, *MAIL, "--form", "arm")
    group = refused.world.resource.partition("/providers/")[0]
    write = ArmWrite(
        method="PUT",
        id=f"{group}/providers/Microsoft.Resources/deployments/alerts",
        api_version="2024-03-01",
        body=json.dumps({"properties": {"mode": "Incremental", "template": json.loads(text)}}),
    )
    assert follow(write, Writer(os.environ)) == ""

    code, out = refused("alerts", "apply", target, *MAIL, "--yes")
    assert (code, out.strip()) == (0, f"{RULES + 1} stood as planned")


def test_a_run_that_was_killed_is_finished_by_the_next(
    refused: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed when Azure had taken the write and nobody had noted it."""
    words = ("alerts", "apply", refused.world.target, *MAIL, "--yes", "--cause", "auth-wrong-key")
    write = Writer.write

    def killed(self: Writer, *sent: Any) -> Any:
        write(self, *sent)
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(Writer, "write", killed)
        assert refused(*words)[0] == 130
    done = len(writes(refused.world))

    code, out = refused(*words)
    assert code == 0, refused.err
    assert "was left at 'writing': finishing it first" in refused.err
    assert "1 made, 1 stood as planned" in out
    assert len(writes(refused.world)) == done + 1
    assert all("kept" in line for line in refused("fix", "--journal")[1].split("\n\n") if line)


def test_a_world_of_the_lab_by_name_is_planned_for(refused: Command) -> None:
    """It is gone when the plan is read, so nothing can be made in it."""
    code, out = refused("alerts", "plan", "lab:healthy.azure")
    assert code == 0, refused.err
    assert "connections-80" in out
    code, _ = refused("alerts", "apply", "lab:healthy.azure", *MAIL, "--yes")
    assert code == 2
    assert "a world of the lab" in refused.err


def test_a_webhook_is_a_secret(refused: Command) -> None:
    """It is written to Azure and nowhere else."""
    hook = "https://hooks.example/T0/B0/Zm9vYmFyYmF6cXV4"
    code, out = refused(
        "alerts",
        "apply",
        refused.world.target,
        "--webhook",
        hook,
        "--yes",
        "--cause",
        "auth-wrong-key",
    )
    (group,) = [each for id_, each in alerts(refused.world).items() if "/actiongroups/" in id_]

    assert code == 0, refused.err
    assert group["properties"]["webhookReceivers"][0]["serviceUri"] == hook
    assert hook not in out + refused.err


def test_managed_redis_is_watched_by_its_own_names(refused: Command) -> None:
    """By its resource's id."""
    (id_,) = [
        each["id"]
        for key, each in documents(refused.world).items()
        if key.endswith("/redisenterprise/fabrikam")
    ]
    code, out = refused("alerts", "plan", id_, "--json", "--no-azure")
    if code == 2:  # the control plane has to be asked for it
        code, out = refused("alerts", "plan", id_, "--json")
    data = json.loads(out)

    assert data["schema"] == "refused.alerts/1"
    assert data["service"] == "amr"
    assert "errors" not in {each.get("metric") for each in data["rules"]}
