"""What was sent to the real service is sent to the twin, which answers as the real one did."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from refused.lab.arm import documents
from refused.lab.azure import acr
from refused.lab.world import World
from tests.conftest import SHARED
from tests.lab.arm.twin import Twin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.shared

FOLDER = SHARED / "azure-contract" / "recordings"
NAMES = ("azcli-redis-2024-11-01__*", "azext-redisenterprise-2025-07-01__*")
RECORDINGS = sorted(path for name in NAMES for path in FOLDER.glob(name))
SUB = "00000000-0000-0000-0000-000000000000"
POLLS = ("/asyncoperations/", "/operationresults/", "/operationsstatus/")
# A region without zones says NoZones where Automatic was asked for, and then shows no replicas;
# which regions have zones the twin does not know.
WITHOUT_ZONES = ("test_redis_cache_export_import", {"replicasPerMaster", "replicasPerPrimary"})


class Exchange(NamedTuple):
    """One request and what the real service answered."""

    method: str
    target: str
    sent: Any
    status: int
    headers: dict[str, str]
    body: Any


def exchanges(path: Path) -> Iterator[Exchange]:
    """Read the exchanges with the cache provider, without polls."""
    for line in path.read_text(encoding="utf-8").splitlines():
        told = json.loads(line)
        target = told["url"].replace("https://management.azure.com", "")
        if "microsoft.cache" in target.lower() and not any(
            each in target.lower() for each in POLLS
        ):
            yield Exchange(
                told["method"],
                target,
                told["request_body"],
                told["status"],
                told["headers"],
                told["response_body"],
            )


def names_in(body: Any) -> tuple[set[str], set[str]]:
    """Return the fields of an answer, and those of its properties."""
    if not isinstance(body, dict):
        return set(), set()
    return set(body), set(body.get("properties") or {})


def made_elsewhere(path: str, made: set[str]) -> bool:
    """Whether a recording reads a cluster that was not made in it."""
    found = re.search(r"/redisEnterprise/([^/?]+)", path)
    return found is not None and found[1] not in made


@pytest.fixture(scope="module")
def twin() -> Iterator[Twin]:
    """Bring a small world up."""
    world = World()
    acr(world)
    with Twin(world) as up:
        yield up


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem.partition("__")[2])
def test_the_twin_answers_as_the_real_service_did(twin: Twin, path: Path) -> None:
    """The same status, the same headers that lead on, the same fields."""
    state = twin.state
    subscription = documents.subscription(SUB, state.tenant)
    state.put(subscription["id"], subscription, quiet=True)
    made: set[str] = set()
    compared = 0
    for each in exchanges(path):
        group = re.search(r"/resourceGroups/([^/]+)", each.target, re.IGNORECASE)
        if group is not None:
            document = documents.group(SUB, group[1])
            state.put(document["id"], document, quiet=True)
        if each.method == "PUT":
            made.add(each.target.partition("?")[0].split("/")[8])
        if made_elsewhere(each.target, made):
            continue
        said = twin.follow(each.method, each.target, each.sent)
        compared += 1
        where = f"{each.method} {each.target}"
        assert said.status == each.status, where
        for name in ("location", "azure-asyncoperation"):
            assert (name in said.headers) == (name in each.headers), f"{where}: {name}"
        assert type(said.body) is type(each.body), where
        (ours, our_own), (theirs, their_own) = names_in(said.body), names_in(each.body)
        assert ours == theirs, where
        test, allowed = WITHOUT_ZONES
        allowed = allowed if test in path.name else set()
        assert our_own - allowed == their_own - allowed, where
        if isinstance(each.body, dict) and "type" in each.body:
            assert said.body["type"] == each.body["type"], where
    assert compared > 1


def test_there_are_recordings() -> None:
    """A folder that is empty would hold anything to nothing."""
    assert len(RECORDINGS) > 10
