"""Every scenario of the lab that a relay can play: diagnosed, judged again, and held to the schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema
import pytest

from refused.api import judge, load, probe_scenario, save
from refused.lab.scenario import Scenario, all_scenarios
from refused.report import schema

if TYPE_CHECKING:
    from pathlib import Path

SCENARIOS = [each for each in all_scenarios() if "kernel" not in each.needs]
HOLDS = jsonschema.Draft202012Validator(schema())


def test_the_schema_is_one() -> None:
    """It keeps to its own rules, and says no to what is no report."""
    jsonschema.Draft202012Validator.check_schema(schema())
    assert not HOLDS.is_valid({"schema": "refused.report/1"})


@pytest.mark.parametrize("each", SCENARIOS, ids=lambda each: each.id)
def test_the_true_cause_stands_first_and_the_bundle_says_the_same(
    each: Scenario, tmp_path: Path
) -> None:
    """Nothing false is confirmed, no secret is in the report, and judging again changes nothing."""
    with each.up() as world:
        secrets = list(world.secrets)
    bundle = probe_scenario(each)
    report = judge(bundle)
    data = report.to_data()
    file = str(tmp_path / "bundle.json")
    save(bundle, file)

    HOLDS.validate(data)
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
