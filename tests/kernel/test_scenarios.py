"""The lab's scenarios that need a kernel, in networks of their own."""

from __future__ import annotations

import pytest

from refused.api import judge, probe_scenario
from refused.lab.scenario import Scenario, all_scenarios

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(90)]

WITH_KERNEL = [each for each in all_scenarios() if "kernel" in each.needs]


@pytest.mark.parametrize("each", WITH_KERNEL, ids=lambda each: each.id)
def test_the_cause_stands_first_and_nothing_false_is_confirmed(each: Scenario) -> None:
    """As it is for the scenarios that a relay can play."""
    report = judge(probe_scenario(each))

    assert report.verdict == "fault"
    assert report.causes[0].id == each.cause
    assert {cause.id for cause in report.causes if cause.certainty == "confirmed"} <= {each.cause}


def test_there_are_such_scenarios() -> None:
    """A list that is empty by mistake would pass the test above."""
    assert len(WITH_KERNEL) >= 4
