"""Ranking: probabilities are some, the order is theirs, and a proof stands above every guess."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.causes.statements import Proof, RuledOut
from refused.diagnosis.rank import AT_MOST, LEAST, MOST_FINDINGS, PROVED, SOMETHING_ELSE, rank
from tests.diagnosis.scenery import a_weighed, heard

if TYPE_CHECKING:
    from refused.diagnosis.weigh import Weighed

A_PROOF = (Proof(because="port 6380 was never open"),)
A_CONTRADICTION = (RuledOut(because="the cache has no endpoint"),)


@given(said=heard())
def test_probabilities_are_probabilities(said: tuple[Weighed, ...]) -> None:
    """Each lies between 0 and 1, and what is no proof shares what the proofs left."""
    found = rank(said)

    assert all(0 < each.probability < 1 for each in found)
    proved = [each for each in found if each.certainty == "confirmed"]
    guessed = sum(each.probability for each in found if each.certainty != "confirmed")
    assert guessed <= (1 - PROVED if proved else 1.0) + 1e-9
    if len(proved) < 2:
        assert sum(each.probability for each in found) <= 1 + 1e-9


@given(said=heard())
def test_the_best_stands_first(said: tuple[Weighed, ...]) -> None:
    """In order of probability, and a guess never above a proof."""
    found = rank(said)

    probabilities = [each.probability for each in found]
    assert probabilities == sorted(probabilities, reverse=True)
    certain = [each.certainty == "confirmed" for each in found]
    assert certain == sorted(certain, reverse=True)


@given(said=heard())
def test_confirmed_is_what_has_a_proof_and_nothing_else(said: tuple[Weighed, ...]) -> None:
    """However strong the clues are, they confirm nothing; and half the probability is likely."""
    for each in rank(said):
        assert (each.certainty == "confirmed") == bool(each.weighed.proofs)
        if each.certainty != "confirmed":
            assert each.certainty == ("likely" if each.probability >= 0.5 else "possible")


@given(said=heard())
def test_who_is_ruled_out_or_does_not_count_is_not_found(said: tuple[Weighed, ...]) -> None:
    """Unless a proof stands against the contradiction."""
    found = [each.weighed for each in rank(said)]

    assert all(each.counts for each in found)
    assert not [each for each in found if each.is_ruled_out]
    assert len({each.cause.id for each in found}) == len(found) <= MOST_FINDINGS
    counted = [each for each in said if each.counts and not each.is_ruled_out]
    assert bool(found) == bool(counted)


@given(said=heard(), seed=st.integers())
def test_the_order_of_hearing_decides_nothing(said: tuple[Weighed, ...], seed: int) -> None:
    """The same evidence gives the same answer, wherever the modules' names come in the alphabet."""
    other = list(said)
    random.Random(seed).shuffle(other)

    there, back = rank(said), rank(other)

    assert [each.weighed.cause.id for each in there] == [each.weighed.cause.id for each in back]
    assert [each.probability for each in there] == pytest.approx(
        [each.probability for each in back]
    )


@given(said=heard(may_be_proved=False), more=st.floats(min_value=0.1, max_value=5))
def test_more_that_speaks_for_a_cause_never_lowers_it(
    said: tuple[Weighed, ...], more: float
) -> None:
    """And never raises another."""
    before = {each.weighed.cause.id: each.probability for each in rank(said)}
    if not before:
        return
    first = next(iter(before))
    raised = [
        each.replace(score=each.score + more) if each.cause.id == first else each for each in said
    ]

    after = {each.weighed.cause.id: each.probability for each in rank(raised)}

    assert after[first] >= before[first] - 1e-12
    assert all(after[other] <= before[other] + 1e-12 for other in after if other in before and other != first)  # fmt: skip


def test_two_faults_at_once_are_two_findings() -> None:
    """Neither proof takes anything from the other."""
    found = rank([a_weighed("a", proofs=A_PROOF), a_weighed("b", proofs=A_PROOF)])

    assert [(each.certainty, each.probability) for each in found] == [("confirmed", PROVED)] * 2


def test_a_proof_outweighs_a_contradiction() -> None:
    """A contradiction rests on what we believe of a cause, a proof on what was seen."""
    (found,) = rank([a_weighed("a", proofs=A_PROOF, ruled_out=A_CONTRADICTION)])

    assert found.certainty == "confirmed"


def test_as_much_as_speaks_for_something_else_is_half_of_what_a_guess_may_have() -> None:
    """A cause without rivals is not thereby proved."""
    (found,) = rank([a_weighed("a", SOMETHING_ELSE)])

    assert found.probability == pytest.approx(AT_MOST / 2)


@given(said=heard(may_be_proved=False), more=st.floats(min_value=0, max_value=50))
def test_a_guess_is_never_stated_as_high_as_a_proof(said: tuple[Weighed, ...], more: float) -> None:
    """However much speaks for it."""
    loud = [each.replace(score=each.score + more) for each in said]

    assert sum(each.probability for each in rank(loud)) <= AT_MOST + 1e-9 < PROVED


def test_the_best_of_bad_answers_is_still_given() -> None:
    """Below the least that is worth a line, one is better than none."""
    found = rank([a_weighed("a", -9.0), a_weighed("b", -8.0)])

    assert [each.weighed.cause.id for each in found] == ["b"]
    assert found[0].probability < LEAST
