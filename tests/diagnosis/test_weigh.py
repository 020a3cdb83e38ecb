"""Weighing: one fact counts once, silence accuses nobody, and a proof needs no broken hop."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.causes.statements import Clue, Proof, RuledOut
from refused.diagnosis.weigh import weigh
from refused.evidence.observations import Unseen
from refused.evidence.path import Broken
from tests.diagnosis.scenery import a_cause, gaps, statements

if TYPE_CHECKING:
    from refused.causes.statements import Statement

CAUSE = a_cause("blocked", prior=0.3)
AT_THE_DIAL = Broken(hop="tcp", how="silent")
AT_THE_NAME = Broken(hop="name", how="absent")
BROKEN = st.sampled_from([None, AT_THE_DIAL, AT_THE_NAME])
everything = st.lists(statements, max_size=8)


def clue(weight: float, fact: str = "") -> Clue:
    """Return a clue of that weight."""
    return Clue(weight=weight, because="so it was seen", fact=fact)


@given(said=everything, broken=BROKEN)
def test_nothing_that_was_said_is_lost(said: list[Statement], broken: Broken | None) -> None:
    """Every statement stands under its own kind, in its order."""
    weighed = weigh(CAUSE, said, broken)

    for kind, kept in (
        (Clue, weighed.clues),
        (Proof, weighed.proofs),
        (RuledOut, weighed.ruled_out),
        (Unseen, weighed.unseen),
    ):
        assert list(kept) == [each for each in said if isinstance(each, kind)]


@given(said=everything, seed=st.integers())
def test_the_order_of_the_sentences_does_not_change_the_sum(
    said: list[Statement], seed: int
) -> None:
    """A judge may speak as it likes."""
    # Of one fact with two weights as far from nothing as each other, the first is kept.
    clues = [each for each in said if isinstance(each, Clue) and each.fact]
    if len({(each.fact, abs(each.weight)) for each in clues}) < len(clues):
        return
    other = list(said)
    random.Random(seed).shuffle(other)

    assert weigh(CAUSE, other, None).score == pytest.approx(weigh(CAUSE, said, None).score)


@given(
    weights=st.lists(
        st.floats(min_value=0.1, max_value=4) | st.floats(min_value=-4, max_value=-0.1), min_size=1
    )
)
def test_clues_that_are_one_fact_seen_twice_count_once(weights: list[float]) -> None:
    """The strongest of them, for or against."""
    weighed = weigh(CAUSE, [clue(each, "silence") for each in weights], AT_THE_DIAL)

    assert weighed.score - CAUSE.prior == pytest.approx(max(weights, key=abs))


@given(weights=st.lists(st.floats(min_value=-4, max_value=4).filter(bool)))
def test_clues_that_are_facts_of_their_own_add_up(weights: list[float]) -> None:
    """Without a word that they share, no two are taken for one."""
    said = [clue(each).replace(because=f"fact {at}") for at, each in enumerate(weights)]
    weighed = weigh(CAUSE, said, AT_THE_DIAL)

    assert weighed.score == pytest.approx(CAUSE.prior + sum(weights))


def test_what_is_said_twice_counts_once() -> None:
    """A quick look and a deeper one at the same host say the same."""
    once, twice = ([clue(1.3)] * count for count in (1, 2))

    assert weigh(CAUSE, twice, AT_THE_DIAL).score == weigh(CAUSE, once, AT_THE_DIAL).score


@given(said=st.lists(gaps, max_size=4), broken=BROKEN)
def test_a_cause_that_nothing_speaks_for_does_not_count(
    said: list[Statement], broken: Broken | None
) -> None:
    """What was not seen accuses nobody, and a prior alone does not either."""
    assert not weigh(CAUSE, said, broken).counts
    assert not weigh(CAUSE, [*said, clue(-1.0)], broken).counts


@pytest.mark.parametrize(("broken", "counts"), [(AT_THE_DIAL, True), (AT_THE_NAME, False), (None, False)])  # fmt: skip
def test_a_clue_counts_only_at_a_hop_where_the_cause_shows(
    broken: Broken | None, counts: bool
) -> None:
    """What hides behind an earlier broken hop is not guessed at."""
    assert weigh(CAUSE, [clue(2.0)], broken).counts is counts


@pytest.mark.parametrize("broken", [AT_THE_DIAL, AT_THE_NAME, None])
def test_a_proof_counts_wherever_the_path_broke(broken: Broken | None) -> None:
    """It holds the failure that was seen in itself."""
    assert weigh(CAUSE, [Proof(because="the rule denies it")], broken).counts


def test_a_contradiction_rules_out_unless_there_is_a_proof() -> None:
    """Clues, however many, do not weigh against a contradiction."""
    against = RuledOut(because="the cache has no endpoint")

    assert weigh(CAUSE, [clue(6.0), against], AT_THE_DIAL).is_ruled_out
    assert not weigh(CAUSE, [Proof(because="seen"), against], AT_THE_DIAL).is_ruled_out
