"""Tests of the judge of clock-skew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.causes.clock_skew import judge
from refused.causes.statements import Clue, Proof
from refused.evidence.bundle import Evidence
from tests.causes.tls_scenery import (
    DAY_S,
    HOST,
    LEAF,
    NOW,
    OWN,
    SHAKE,
    UNTRUSTED,
    WELL_ELSEWHERE,
    shown,
)

if TYPE_CHECKING:
    from refused.evidence.observations import Observation

EARLY = SHAKE.replace(outcome="not-yet-valid", verify_code=9)
YOUNG = shown(LEAF.replace(not_before=NOW + 3 * DAY_S))
EXPIRED = SHAKE.replace(outcome="expired", verify_code=10)
OLD = shown(LEAF.replace(not_after=NOW - 3 * DAY_S))


def weight(*facts: Observation) -> float:
    """Return the sum of all clues."""
    said = judge(Evidence(*facts, target=OWN))
    return sum(each.weight for each in said if isinstance(each, Clue))


def test_a_certificate_from_the_future_accuses_the_clock() -> None:
    """And says by how much."""
    said = list(judge(Evidence(EARLY, YOUNG, HOST, target=OWN)))

    assert "by 3.0 days" in getattr(said[0], "because", "")
    assert getattr(said[-1], "what", "") == "the state of the clock"


def test_a_clock_before_this_programs_making_proves_it() -> None:
    """No right clock can stand there."""
    said = list(judge(Evidence(EARLY, YOUNG, HOST.replace(clock_before_build=True), target=OWN)))

    assert isinstance(said[-1], Proof)


def test_an_expired_certificate_hardly_accuses_the_clock() -> None:
    """Certificates run out more often than clocks run fast."""
    assert weight(EXPIRED, OLD) < weight(EARLY, YOUNG)


def test_a_clock_that_is_kept_is_acquitted() -> None:
    """The kernel vouches for it."""
    assert weight(EXPIRED, OLD, HOST.replace(clock_synchronised=True)) < 0


def test_signs_add_up() -> None:
    """The clock is not kept, and from elsewhere the path is well."""
    loose = HOST.replace(clock_synchronised=False)

    assert weight(EXPIRED, OLD, loose, WELL_ELSEWHERE) > weight(EXPIRED, OLD, loose) > 0


def test_an_unknown_issuer_is_no_matter_of_time() -> None:
    """Nothing is said, an empty chain included."""
    empty = YOUNG.replace(chain=())

    assert list(judge(Evidence(UNTRUSTED, YOUNG, HOST, target=OWN))) == []
    assert list(judge(Evidence(EARLY, empty, target=OWN)))
