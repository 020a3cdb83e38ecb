"""Every scenario of the lab that a relay can play: diagnosed, judged again, and held to the schema."""

from __future__ import annotations

import json
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from refused.api import TIMEOUT_S, judge, load, probe_world, save
from refused.evidence.observations import Unseen
from refused.lab.certificates import CORPORATE, ISSUER, PROXY, ROOT, Authority
from refused.lab.scenario import Scenario, all_scenarios
from refused.report import schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from refused.evidence.bundle import Bundle

SCENARIOS = [each for each in all_scenarios() if "kernel" not in each.needs]
# Scenarios mostly wait for silence; several at a time wait together.
SIDE_BY_SIDE = 4
HOLDS = jsonschema.Draft202012Validator(schema())


def look(each: Scenario) -> tuple[Bundle, list[str]]:
    """Bring a scenario up and look at it; return what was seen, and what may not be in it.

    Where the time was up before all was seen, as on a machine that stands still, the look says so and
    asks for more: it is given more, once.
    """
    with each.up() as world:
        bundle = probe_world(world, **each.options)
        if any(isinstance(gap, Unseen) and gap.why == "the time was up" for gap in bundle.facts):
            bundle = probe_world(world, **{**each.options, "timeout_s": 4 * TIMEOUT_S})
        return bundle, list(world.secrets)


@pytest.fixture(scope="module")
def looks(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[tuple[Bundle, list[str]]]]]:
    """Begin to look at every scenario that was asked for."""
    # The authorities are made once in a process, and not safely by two threads at a time.
    folder = tmp_path_factory.mktemp("authorities")
    for root, issuer in ((ROOT, ISSUER), (ROOT, None), (PROXY, None), (CORPORATE, None)):
        Authority(folder, root=root, issuer=issuer).issue("localhost")
    asked_for = [
        item.callspec.params["each"]
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.module is request.module
        and hasattr(item, "callspec")
        and "each" in item.callspec.params
    ]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        yield {each.id: pool.submit(look, each) for each in asked_for if isinstance(each, Scenario)}
        pool.shutdown(cancel_futures=True)


def test_the_schema_is_one() -> None:
    """It keeps to its own rules, and says no to what is no report."""
    jsonschema.Draft202012Validator.check_schema(schema())
    assert not HOLDS.is_valid({"schema": "refused.report/1"})


def objects(part: object) -> Iterator[dict[str, Any]]:
    """Return every description of an object in the schema."""
    if isinstance(part, dict):
        if "properties" in part and part.get("type") == "object":
            yield part
        for inner in part.values():
            yield from objects(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from objects(inner)


def test_the_schema_knows_every_field_and_demands_it() -> None:
    """Only the evidence may grow: its facts have their own contract."""
    strict = [each for each in objects(schema()) if each["required"][-2:] != ["facts", "target"]]

    assert len(strict) > 8
    for each in strict:
        if "fact" not in each["required"]:
            assert each["additionalProperties"] is False
            # A timeline is told where a log was read, and of nothing else.
            assert set(each["properties"]) - set(each["required"]) <= {"timeline"}


@pytest.mark.parametrize("each", SCENARIOS, ids=lambda each: each.id)
def test_the_true_cause_stands_first_and_the_bundle_says_the_same(
    each: Scenario, looks: dict[str, Future[tuple[Bundle, list[str]]]], tmp_path: Path
) -> None:
    """Nothing false is confirmed, no secret is in the report, and judging again changes nothing."""
    bundle, secrets = looks[each.id].result()
    report = judge(bundle)
    data = report.to_data()
    file = str(tmp_path / "bundle.json")
    save(bundle, file)

    HOLDS.validate(data)
    assert not HOLDS.is_valid({**data, "more": 1})
    if each.cause is None:
        assert (report.verdict, report.causes) == ("healthy", ())
    else:
        assert report.verdict == "fault"
        assert report.causes[0].id == each.cause
        confirmed = {cause.id for cause in report.causes if cause.certainty == "confirmed"}
        assert confirmed <= {each.cause}
    again = judge(load(file)).to_data()
    told = json.loads(report.to_json())
    for name in (
        "verdict",
        "severity",
        "path",
        "causes",
        "ruled_out",
        "unseen",
        "next_check",
        "notes",
    ):
        assert again[name] == told[name], name
    text = report.to_text() + report.to_json() + (tmp_path / "bundle.json").read_text()
    assert not [secret for secret in secrets if secret in text]
    assert (
        max(len(line) for line in report.to_text(width=80).splitlines() if "  " not in line[:3])
        <= 100
    )
