"""What ``refused alerts plan --form az`` prints has the effect of ``apply``: the real ``az`` is the witness."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from refused.lab.scenario import by_id
from tests.journeys.at_work import Command, documents, environment
from tests.journeys.test_fix_az import run
from tests.lab.arm.test_az import program

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.az, pytest.mark.slow, pytest.mark.timeout(300)]

HOOK = "https://hooks.example/T0/B0"
# One of each kind of document and condition; az takes seconds for each.
CAUSES = (
    "max-clients-reached",
    "server-failover-maintenance",
    "cache-not-running",
    "auth-wrong-key",
)


def essence(value: Any) -> Any:
    """Return a document without what says nothing of its effect."""
    if isinstance(value, dict):
        return {
            name: essence(each)
            for name, each in value.items()
            if each not in (None, [], {}, "") and name not in ("isMigrated", "tags")
        }
    if isinstance(value, list):
        return [essence(each) for each in value]
    if isinstance(value, str) and value.lower() == "global":
        return "global"
    return (
        value.lower() if isinstance(value, str) and value.startswith("/subscriptions/") else value
    )


@pytest.mark.parametrize("cause", CAUSES)
def test_the_printed_commands_have_the_same_effect(
    cause: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Native apply, undo, then the same by az: the documents agree."""
    if program() is None:
        pytest.skip("needs az: set REFUSED_AZ, or put azure-cli into .venv-az")
    with by_id("healthy.azure").up() as world:
        environment(world, tmp_path, monkeypatch)
        refused = Command(world, capsys)
        before = documents(world)
        words = (world.target, "--email", "a@contoso.example", "--webhook", HOOK, "--cause", cause)
        _, printed = refused("alerts", "plan", *words, "--form", "az")
        code, out = refused("alerts", "apply", *words, "--yes")
        assert code == 0, (out, refused.err)
        native = documents(world)
        assert refused("alerts", "undo", "--yes")[0] == 0
        assert documents(world) == before

        run(printed, {**os.environ, **world.environment()})

        by_hand = documents(world)
        assert refused("alerts", "apply", *words, "--yes")[1].strip().endswith("stood as planned")
    changed = {id_ for id_ in {*native, *by_hand} if native.get(id_) != before.get(id_)}
    assert changed
    for id_ in changed:
        assert essence(by_hand.get(id_)) == essence(native.get(id_)), id_
