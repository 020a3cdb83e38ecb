"""The real ``docker`` carries the probes into a container of an engine that is made for the test."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from refused import api
from refused.lab.servers import Server
from tests.vantage.engine import Engine, engine
from tests.vantage.test_remote import KEY, facts_of, gap, look

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TILL = "docker:till"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Give a real server that asks for a password."""
    with Server(password=KEY) as started:
        yield started


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Give an engine whose one container runs its commands on this host, with a Python."""
    if shutil.which("docker") is None:
        pytest.skip("needs docker")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "python3").symlink_to(sys.executable)
    with engine(prefix=["/usr/bin/env", f"PATH={inside}:/usr/bin:/bin"]) as made:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("DOCKER_HOST", made.host)
        yield made


def test_a_container_sees_what_this_host_sees(host: Engine, server: Server) -> None:
    """It is this very host; and the engine is told neither secret nor target."""
    bundle = look(server, "here", TILL)

    assert facts_of(bundle, TILL) == facts_of(bundle, "here")
    assert api.judge(bundle).verdict == "healthy"
    assert host.execs[0]["Cmd"][:2] == ["sh", "-c"]
    assert KEY not in str(host.execs)
    assert str(server.port) not in str(host.execs)
    assert not host.execs[0].get("Env")


def test_an_image_with_python_and_no_shell_is_enough(host: Engine, server: Server) -> None:
    """As distroless images are."""
    host.lacking = {"sh"}

    bundle = look(server, "here", TILL)

    assert facts_of(bundle, TILL) == facts_of(bundle, "here")


def test_an_image_without_python_says_what_to_do(host: Engine, server: Server) -> None:
    """Nothing else is started in its place."""
    host.lacking = {"sh", "python3"}

    said = gap(look(server, TILL), TILL)

    assert said.why.startswith("there is no Python 3.8 or newer")
    assert "--network container:till" in said.how_to_see


def test_a_container_that_is_not_there_is_unseen(host: Engine, server: Server) -> None:
    """With docker's own words."""
    said = gap(look(server, "docker:none"), "docker:none")

    assert "No such container: none" in said.why
    assert host.execs == []
