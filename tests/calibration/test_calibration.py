"""What is measured of stated probabilities and next checks, on faults small enough for every run."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs import calibration_cases as cases
from docs import calibration_measure as measure
from refused.api import probe_scenario
from refused.diagnosis.checks import CHECKS
from refused.diagnosis.judge import diagnose
from refused.diagnosis.rank import AT_MOST, PROVED, SOMETHING_ELSE, TEMPERATURE, rank
from refused.evidence.observations import Unseen
from refused.lab.scenario import by_id
from tests.diagnosis.scenery import heard

if TYPE_CHECKING:
    from refused.diagnosis.weigh import Weighed

# Quick to look at, of several hops, with and without a control plane and a second place.
FAULTS = (
    "auth-missing",
    "firewall-ip-blocked.closed",
    "not-redis.ssh",
    "tls-hostname-mismatch",
    "wrong-hostname.label",
)


@pytest.fixture(scope="module")
def told() -> list[cases.Told]:
    """Look at a few faults of the lab."""
    return [
        cases.Told(each, str(by_id(each).cause), frozenset(), "lab", probe_scenario(by_id(each)))
        for each in FAULTS
    ]


def test_a_variation_takes_nothing_from_the_hop_that_failed(told: list[cases.Told]) -> None:
    """So that the fault is still seen, whatever is hidden beside it; and not all are alike."""
    kept = set()
    for each in told:
        for seed in range(40):
            varied = cases.varied(each, Random(seed), told[:1])
            diagnosis = diagnose(varied.bundle)

            assert each.cause in varied.true
            assert diagnosis.path[0].hop == diagnose(each.bundle).path[0].hop
            kept.add((each.id, len(varied.bundle.facts)))
            own = [f for f in varied.bundle.facts if getattr(f, "purpose", "") == "client"]
            place = each.bundle.vantages[0]
            assert [type(f) for f in own if f.vantage == place] == [
                type(f)
                for f in each.bundle.facts
                if getattr(f, "purpose", "") == "client" and f.vantage == place
            ]
    assert len(kept) > 8 * len(told)


def test_a_control_plane_that_is_hidden_leaves_no_trace(told: list[cases.Told]) -> None:
    """And one that is denied says so."""
    with_it = next(each for each in told if each.id.startswith("firewall"))
    ways = set()
    for seed in range(60):
        facts = cases.varied(with_it, Random(seed), told[:1]).bundle.facts
        kinds = {type(each).__name__ for each in facts if each.vantage == "control-plane"}
        denied = [e for e in facts if isinstance(e, Unseen) and "403" in e.why]
        ways.add("none" if not kinds else "denied" if denied else "all")

    assert ways == {"none", "denied", "all"}


@given(said=heard())
def test_what_is_measured_is_what_the_program_states(said: tuple[Weighed, ...]) -> None:
    """The script reckons probabilities itself, since it does so a million times."""
    case = measure.Case("", "", "", frozenset(), measure.counted(said))

    stated = {g.id: g.stated for g in measure.guesses(case, TEMPERATURE, SOMETHING_ELSE)}

    for each in rank(said):
        assert stated[each.weighed.cause.id] == pytest.approx(each.probability)


def drawn(truth: float, count: int = 400) -> list[tuple[measure.Case, list[measure.Guess]]]:
    """Return answers stated at 80 %, of which a share *truth* is right."""
    return [
        (
            measure.Case(f"{at}", f"cause {at % 20}", "lab", frozenset({"a"}), ()),
            [measure.Guess("a", 0.8, at < truth * count, False)],  # noqa: FBT003
        )
        for at in range(count)
    ]


def test_a_band_tells_honest_answers_from_boasts() -> None:
    """Stated at 80 %, true at 80 % or at 40 %."""
    (honest,) = measure.bins(drawn(0.8), first=True)
    (boast,) = measure.bins(drawn(0.4), first=True)

    assert honest.least <= 0.8 <= honest.most
    assert boast.most < 0.8
    assert measure.score(drawn(0.8)).brier == pytest.approx(0.16)
    assert measure.score(drawn(0.4)).brier > 0.3


def test_the_fit_believes_less_where_clues_mislead() -> None:
    """Of two causes far apart in score the lower one is true as often: the temperature goes up."""

    def of(right: float) -> list[measure.Case]:
        return [
            measure.Case(
                f"{at}",
                f"cause {at % 25}",
                "lab",
                frozenset({"a" if (at // 25) < right * 8 else "b"}),
                (measure.Heard("a", 3.0, False), measure.Heard("b", 1.0, False)),  # noqa: FBT003
            )
            for at in range(200)
        ]

    trusted, misled = measure.fit(of(1.0)), measure.fit(of(0.5))

    assert trusted.best[0] < misled.best[0]
    assert all(each.cautious[0] >= each.best[0] for each in (trusted, misled))


@given(share=st.floats(min_value=0.0, max_value=1.0))
def test_a_guess_that_boasts_is_listed(share: float) -> None:
    """What is false and stated above 90 %, and nothing else."""
    case = measure.Case("x", "a", "lab", frozenset({"a"}), ())
    stated = [
        (case, [measure.Guess("b", share, False, False), measure.Guess("a", 0.95, True, False)])  # noqa: FBT003
    ]

    assert len(measure.overconfident(stated)) == (share > 0.9)


def test_no_variation_of_these_faults_is_stated_high_and_false(told: list[cases.Told]) -> None:
    """A diagnosis that is wrong above 90 % is a bug."""
    made = measure.cases(told, lambda one, dice: cases.varied(one, dice, told[:1]), each=30, seed=7)
    stated = [(each, measure.guesses(each, TEMPERATURE, SOMETHING_ELSE)) for each in made]

    assert len(made) > 100
    assert [(case.name, guess) for case, guess in measure.overconfident(stated)] == []
    assert max(g.stated for _, given in stated for g in given if not g.proved) <= AT_MOST < PROVED


def test_a_check_chosen_by_what_it_tells_is_quicker_than_a_fixed_order(
    told: list[cases.Told],
) -> None:
    """On the faults that are not plain from the path alone."""
    order = [each.id for each in CHECKS]

    chosen = measure.played(told, measure.by_information)
    fixed = measure.played(told, measure.in_order(order))

    assert chosen
    assert set(chosen) == set(fixed)
    spent = [sum(each.seconds for each in way.values()) for way in (chosen, fixed)]
    assert spent[0] < spent[1]


def test_a_look_shows_the_same_whenever_it_is_made(told: list[cases.Told]) -> None:
    """Or an order would win by luck."""
    one, other = measure.Game(told[0], 1), measure.Game(told[0], 1)
    for check in ("again", "other-destination"):
        one.make(check)
    for check in ("other-destination", "again"):
        other.make(check)

    assert sorted(one.learnt) == sorted(other.learnt)
