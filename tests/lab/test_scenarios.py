"""Scenarios are found, keep the rules of the house, and come up."""

from __future__ import annotations

import pytest

from refused.lab.scenario import Scenario, UnknownScenario, all_scenarios, by_id

ALL = all_scenarios()


def test_they_are_found_by_walking_the_folder() -> None:
    """The contract names these."""
    assert {"healthy", "healthy.amr-cluster", "auth-wrong-key"} <= {each.id for each in ALL}
    assert by_id("healthy").cause is None
    assert by_id("auth-wrong-key").cause == "auth-wrong-key"


def test_an_unknown_one_names_its_neighbours() -> None:
    """One line for people."""
    with pytest.raises(UnknownScenario, match="did you mean auth-wrong-key"):
        by_id("auth-wrong-kee")


@pytest.mark.parametrize("each", ALL, ids=lambda each: each.id)
def test_each_tells_its_story(each: Scenario) -> None:
    """Id, title, story and cause fit together."""
    assert each.story
    assert each.title
    assert each.cause in (None, each.id.partition(".")[0])
    assert each.service in ("acr", "acre", "amr", "redis")


# The others come up in a network of their own: tests/kernel.
WITHOUT_KERNEL = [each for each in ALL if "kernel" not in each.needs]


@pytest.mark.parametrize("each", WITHOUT_KERNEL, ids=lambda each: each.id)
def test_each_comes_up_and_goes(each: Scenario) -> None:
    """With a target, and no secret of its own in what anybody may read."""
    with each.up() as world:
        assert world.target
        for secret in world.secrets:
            assert secret not in repr(each)
