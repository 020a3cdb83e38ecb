"""The command line at work in a world of the lab, and what the twin says of it afterwards."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from refused.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from refused.lab.world import World

    Enter = Callable[[World], "Command"]


class Command:
    """The command line, in a world of the lab."""

    def __init__(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        self.world, self.capsys = world, capsys
        self.err = ""

    def __call__(self, *words: str) -> tuple[int, str]:
        """Run one command; return its exit code and what it printed."""
        self.capsys.readouterr()
        code = main(list(words))
        said = self.capsys.readouterr()
        self.err = said.err
        for secret in self.world.secrets:
            assert secret not in said.out + said.err
        return code, said.out

    def report(self) -> dict[str, Any]:
        """Diagnose, and return the report."""
        _, out = self("diagnose", self.world.target, "--json")
        data: dict[str, Any] = json.loads(out)
        return data


def environment(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command line look at *world*, from its first place, with a journal of its own."""
    for name, value in world.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("REFUSED_FROM", next(iter(world.vantages.values())))
    monkeypatch.setenv("REFUSED_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("REFUSED_TIMEOUT", "4")
    # The twin follows at once. Patience has tests of its own; here it would only hide a failure.
    monkeypatch.setattr("refused.remedies.reading.settling_s", lambda _change, _service: 4)


def documents(world: World) -> dict[str, Any]:
    """Return what stands in the control plane, without what changes by itself."""

    def still(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: still(each)
                for name, each in value.items()
                if name.lower() not in ("etag", "systemdata", "resourceguid")
            }
        return [still(each) for each in value] if isinstance(value, list) else value

    kept: dict[str, Any] = still(copy.deepcopy(dict(world.arm.documents)))
    return kept


def writes(world: World) -> list[str]:
    """Return the operations that the activity log tells of, once each."""
    seen: dict[str, str] = {}
    for event in world.arm.events:
        operation = event["operationName"]
        name = operation["value"] if isinstance(operation, dict) else operation
        seen.setdefault(event["correlationId"], name)
    return list(seen.values())
