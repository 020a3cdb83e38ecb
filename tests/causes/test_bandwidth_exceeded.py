"""Tests of the judge of bandwidth-exceeded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refused.causes.bandwidth_exceeded import judge
from refused.evidence.bundle import Evidence
from refused.evidence.observations import Unseen
from tests.causes.azure_scenery import ACCEPTED, ACR, AMR, denied, metric, proofs, weight, words
from tests.causes.server_scenery import CACHE, INFO, PONG, SHAKE

if TYPE_CHECKING:
    from refused.causes.statements import Statement
    from refused.evidence.bundle import Fact

LATE = PONG.replace(outcome="silent", reply="", took_ms=2000.0)
# A C1 was measured at 500 Mb/s.
CEILING = 62_500_000.0


def heard(*facts: Fact) -> list[Statement]:
    """Return what the judge says of a command that was not answered in time."""
    return list(judge(Evidence(ACCEPTED, SHAKE, LATE, *facts, target=CACHE)))


def test_bytes_at_the_ceiling_are_a_strong_clue_and_no_proof() -> None:
    """The figure is a measurement of Microsoft's, and no promise."""
    said = heard(ACR, metric("cacheRead", *[CEILING] * 5))

    assert proofs(said) == []
    assert weight(said) > 3
    assert words(said) == ["62 MB/s were read, and this size was measured to move 62 MB/s"]


def test_little_traffic_speaks_against_it() -> None:
    """Something else is slow."""
    assert weight(heard(ACR, metric("cacheRead", *[CEILING / 10] * 5))) < 0


def test_what_was_written_counts_as_well_as_what_was_read() -> None:
    """And the server's own count, where nobody asked Azure Monitor."""
    assert weight(heard(ACR, metric("cacheWrite", *[CEILING] * 5))) > 3
    assert weight(heard(ACR, INFO.replace(output_kbps=CEILING / 1024))) > 3


@pytest.mark.parametrize("size", [6, 40])
def test_a_bigger_size_moves_more(size: int) -> None:
    """The ceiling is the size's own; an unknown size has none that is known."""
    said = heard(ACR.replace(capacity=size), metric("cacheRead", *[CEILING] * 5))

    assert weight(said) < 0.5


def test_nothing_is_published_for_a_managed_redis() -> None:
    """So the bytes say nothing: a late answer alone is a weak clue."""
    assert weight(heard(AMR, metric("cacheRead", *[CEILING] * 5))) == weight(heard()) < 0.5


def test_metrics_that_were_not_read_are_said_to_be_unseen() -> None:
    """Denied is not little."""
    gap = denied("Metric")

    for facts, why in (
        ((ACR, gap), gap.why),
        ((ACR,), "the control plane was asked, and this was not read"),
    ):
        assert [each.why for each in heard(*facts) if isinstance(each, Unseen)] == [why]
        assert weight(heard(*facts)) == weight(heard())


def test_old_traffic_does_not_count() -> None:
    """Only the minutes before the failure do."""
    assert weight(heard(ACR, metric("cacheRead", CEILING, *[1.0] * 30))) < 0


def test_a_dial_that_failed_is_another_matter() -> None:
    """Connections are accepted, whatever the traffic."""
    silent = ACCEPTED.replace(outcome="silent")

    assert list(judge(Evidence(silent, ACR, metric("cacheRead", CEILING), target=CACHE))) == []
