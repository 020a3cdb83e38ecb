"""A command that the plan prints does what the plan does: the real ``az`` is the witness."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from refused.lab.scenario import by_id
from tests.journeys.at_work import documents
from tests.journeys.test_fix import AZURE, CURED
from tests.lab.arm.test_az import program

if TYPE_CHECKING:
    from tests.journeys.at_work import Enter

pytestmark = [pytest.mark.az, pytest.mark.slow, pytest.mark.timeout(180)]

# Managed Redis needs an extension of az's, which is not among the packages that can be had here.
NOT_IN_AZ = {"auth-entra-misconfigured.no-policy"}
# az names what the native write leaves to Azure, or the other way about; neither changes who is let in.
PASSED_OVER = {
    "id",
    "name",
    "type",
    "description",
    "provisioningState",
    "access",
    "resolutionPolicy",
    "tags",
    "resourceGroup",
    "maxNumberOfRecordSets",
    "fqdn",
    "metadata",
}


def essence(value: Any) -> Any:
    """Return a document without what says nothing of its effect; one in a list is as good as alone."""
    if isinstance(value, dict):
        kept = {
            name: essence(each)
            for name, each in value.items()
            if name not in PASSED_OVER and each not in (None, [], {}, "")
        }
        for one, many in (
            ("sourceAddressPrefix", "sourceAddressPrefixes"),
            ("destinationAddressPrefix", "destinationAddressPrefixes"),
            ("destinationPortRange", "destinationPortRanges"),
        ):
            if isinstance(kept.get(many), list) and len(kept[many]) == 1:
                kept[one] = kept.pop(many)[0]
        return kept
    return [essence(each) for each in value] if isinstance(value, list) else value


def run(command: str, environ: dict[str, str]) -> None:
    """Run what was printed, as it was printed, with the real az in front."""
    az = program()
    assert az is not None
    for line in command.splitlines():
        shell = f'az() {{ "{az}" "$@"; }}; {line}'
        done = subprocess.run(
            ["bash", "-c", shell],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"


@pytest.mark.parametrize(
    "scenario", [each[0] for each in AZURE if each[0] not in NOT_IN_AZ and "." not in each[0][-4:]]
)
def test_the_printed_command_has_the_same_effect(scenario: str, enter: Enter) -> None:
    """Native apply, then the same by az in a world of the same kind: the documents agree."""
    if program() is None:
        pytest.skip("needs az: set REFUSED_AZ, or put azure-cli into .venv-az")
    words = next(each[2] for each in AZURE if each[0] == scenario)
    with by_id(scenario).up() as world:
        refused = enter(world)
        before = documents(world)
        step = json.loads(refused("fix", world.target, "--json")[1])["steps"][0]
        code, out = refused("fix", world.target, "--apply", "--yes", *words)
        assert code == CURED, (out, refused.err)
        native = documents(world)
        code, _ = refused("fix", "--undo", "--yes")
        assert code == CURED
        assert documents(world) == before

        run(step["rendered"]["az"], {**os.environ, **world.environment()})

        by_hand = documents(world)
        assert refused.report()["verdict"] == "healthy"
    changed = {id_ for id_ in {*native, *by_hand} if native.get(id_) != before.get(id_)}
    assert changed
    for id_ in changed:
        assert essence(by_hand.get(id_)) == essence(native.get(id_)), id_
