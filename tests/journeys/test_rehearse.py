"""A change in a lab that is built from the exported resource; and on a copy in a test group."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from refused.lab.scenario import by_id
from tests.journeys.at_work import documents, writes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.journeys.at_work import Enter

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "scenario",
    [
        "firewall-ip-blocked",
        "private-endpoint-dns",
        "private-endpoint-dns.managed",
        "private-endpoint-missing.rejected",
        "public-access-disabled.acr",
    ],
)
def test_a_rehearsal_shows_the_fault_and_its_end_and_touches_nothing(
    scenario: str, enter: Enter
) -> None:
    """The same cause first, the same kind of change, healthy afterwards, and no write in the original."""
    with by_id(scenario).up() as world:
        refused = enter(world)
        before, log = documents(world), len(writes(world))

        code, out = refused("fix", world.target, "--rehearse")

        assert documents(world) == before
        assert len(writes(world)) == log
    if scenario == "public-access-disabled.acr":
        # The door is opened behind the rule: the first step prepares, and says so.
        assert "ready for the next step" in out
        return
    assert code == 0, out + refused.err
    assert "kept; it helped" in out


def test_what_was_not_seen_cannot_be_rehearsed(enter: Enter) -> None:
    """One line says what is missing."""
    with by_id("firewall-ip-blocked.alone").up() as world:
        refused = enter(world)

        code, _ = refused("fix", world.target, "--rehearse")

    assert code == 2
    assert "built from the resource" in refused.err


def test_a_copy_takes_the_change_and_is_taken_away(enter: Enter) -> None:
    """Everything is as before, in both groups."""
    with by_id("firewall-ip-blocked").up() as world:
        refused = enter(world)
        before = documents(world)

        code, out = refused("fix", world.target, "--to-group", "prod", "--yes")

        assert code == 0, out + refused.err
        assert "Azure takes it" in out
        assert documents(world) == before


def test_a_copy_that_was_never_made_is_not_said_to_be_gone(enter: Enter) -> None:
    """There is no such group."""
    with by_id("firewall-ip-blocked").up() as world:
        refused = enter(world)
        before = documents(world)

        code, out = refused("fix", world.target, "--to-group", "nowhere", "--yes")

        assert code == 2
        assert "the copy could not be deployed to nowhere" in refused.err
        assert "gone" not in out + refused.err
        assert documents(world) == before


def test_the_export_is_a_template_without_secrets(enter: Enter, tmp_path: Path) -> None:
    """The name is a parameter; what only Azure writes is left out."""
    with by_id("firewall-ip-blocked").up() as world:
        refused = enter(world)
        file = tmp_path / "cache.json"

        assert refused("fix", world.target, "--export", str(file))[0] == 0

        text = file.read_text()
        assert not any(secret in text for secret in world.secrets)
    made = json.loads(text)
    assert made["resources"][0]["name"] == "[parameters('name')]"
    assert made["resources"][1]["properties"] == {"startIP": "192.0.2.44", "endIP": "192.0.2.44"}
    assert "provisioningState" not in text
