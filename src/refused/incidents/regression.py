"""A test that reproduces an incident, for the user's own suite.

A folder with three files: the evidence as it was kept, a world file of the lab where the control plane
was read (else the catalogue's scenario of the cause stands for it), and a pytest file that holds the
diagnosis to its cause, and a hook for the user's own client against the broken world.
"""

from __future__ import annotations

from json import dumps

from refused.evidence.redaction import redact_data
from refused.incidents.timeline import bundles
from refused.remedies.world_file import CannotRehearse, world_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from refused.incidents.record import Incident


class CannotReproduce(ValueError):
    """The incident holds nothing to make a test of; the message says what is missing."""

    for_people = True


def regression(incident: Incident) -> dict[str, str]:
    """Return the files by name.

    Raises:
        CannotReproduce: No evidence was kept, or no cause is known.
    """
    kept = list(bundles(incident))
    if not kept:
        raise CannotReproduce(
            f"incident {incident.id} holds no evidence; refused incident add {incident.id} --bundle FILE adds some"
        )
    if not incident.cause:
        raise CannotReproduce(
            f"incident {incident.id} has no cause yet; refused incident close {incident.id} --cause ID sets it"
        )
    bundle, name = kept[0], incident.id.replace("-", "_")
    files = {f"incident_{name}.json": dumps(redact_data(bundle.to_json()), indent=1) + "\n"}
    try:
        files[f"incident_{name}.toml"] = (
            f"# The world of incident {incident.id}: {' '.join(incident.title.split())}\n"
            + world_file(bundle.view(bundle.vantages[0]))
        )
        world = f'"{name}.toml"'
    except CannotRehearse:
        world = ""
    files[f"test_incident_{name}.py"] = _test(incident, name, has_world=bool(world))
    return files


def _test(incident: Incident, name: str, *, has_world: bool) -> str:
    title = " ".join(incident.title.split()).replace('"""', "'''").replace("\\", "/")
    world = _WORLD.format(name=name) if has_world else _SCENARIO.format(cause=incident.cause)
    return (
        _HEAD.format(id=incident.id, title=title, name=name, cause=incident.cause) + world + _TESTS
    )


_HEAD = '''"""Incident {id}: {title}.

It must be diagnosed as {cause} from the evidence of that night, and from a world that is broken in
the same way. Needs: pip install 'refused[lab]' pytest
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import refused

HERE = Path(__file__).parent
CAUSE = "{cause}"


def test_the_evidence_of_that_night_still_leads_to_its_cause() -> None:
    """A later version of the rules must not lose it."""
    report = refused.diagnose(f"@{{HERE / 'incident_{name}.json'}}")

    assert CAUSE in [cause.id for cause in report.causes[:3]]

'''

_WORLD = """
WORLD = str(HERE / "incident_{name}.toml")

"""

_SCENARIO = """
# The control plane was not read that night: the lab's own scenario of the cause stands for it.
WORLD = "{cause}"

"""

_TESTS = '''
@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Bring the broken world up, and say with which variables it is reached."""
    file = tmp_path_factory.mktemp("lab") / "env"
    command = [sys.executable, "-m", "refused.cli.main", "lab", "up", WORLD, "--env-file", str(file)]
    lab = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 30
        while not file.exists() and lab.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        listed = subprocess.run(
            ["sh", "-c", f'set -a; . "{file}"; exec "{sys.executable}" -c "import json, os; print(json.dumps(dict(os.environ)))"'],
            capture_output=True,
            text=True,
            check=True,
        )
        yield json.loads(listed.stdout)
    finally:
        lab.terminate()
        lab.wait()


def test_the_broken_world_is_diagnosed(broken: dict[str, str]) -> None:
    """The fault, reproduced with real servers."""
    done = subprocess.run(
        [sys.executable, "-m", "refused.cli.main", "diagnose", broken["REFUSED_LAB_TARGET"], "--json"],
        capture_output=True,
        text=True,
        check=False,
        env=broken,
    )

    report = json.loads(done.stdout)
    assert report["verdict"] == "fault"
    assert CAUSE in [cause["id"] for cause in report["causes"][:3]]


@pytest.mark.skipif("APPLICATION" not in os.environ, reason="set APPLICATION to a command that connects")
def test_the_application_survives_it(broken: dict[str, str]) -> None:
    """Your own client against the broken world: it has to fail in good order, not to hang."""
    subprocess.run(os.environ["APPLICATION"], shell=True, timeout=60, check=True, env=broken)
'''
