"""What the journeys share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.journeys.at_work import Command, environment

if TYPE_CHECKING:
    from pathlib import Path

    from refused.lab.world import World
    from tests.journeys.at_work import Enter


@pytest.fixture
def enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Enter:
    """Return what lets the command line look at a world."""

    def inside(world: World) -> Command:
        environment(world, tmp_path, monkeypatch)
        return Command(world, capsys)

    return inside
