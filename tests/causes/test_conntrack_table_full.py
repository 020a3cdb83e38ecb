"""Tests of the judge of conntrack-table-full."""

from __future__ import annotations

from refused.causes.conntrack_table_full import judge
from refused.causes.statements import Clue, Proof, RuledOut
from refused.evidence.bundle import Evidence
from refused.evidence.observations import ConntrackUse
from tests.causes.server_scenery import ACCEPTED, CACHE, STAMP, kinds

SILENT = ACCEPTED.replace(outcome="silent")
ROOMY = ConntrackUse(**STAMP, entries=100, limit=1000, drops=5)


def test_a_full_table_and_silence_are_proof_and_room_rules_it_out() -> None:
    """By the share of its entries."""
    (full,) = judge(Evidence(SILENT, ROOMY.replace(entries=999), target=CACHE))
    (roomy,) = judge(Evidence(SILENT, ROOMY, target=CACHE))

    assert isinstance(full, Proof)
    assert isinstance(roomy, RuledOut)


def test_packets_that_found_no_room_between_two_looks_are_a_clue() -> None:
    """The count of entries alone may have fallen again."""
    near = ROOMY.replace(entries=850)
    later = near.replace(drops=12)
    (said,) = judge(Evidence(SILENT, near, later, target=CACHE))

    assert isinstance(said, Clue)
    assert said.because.startswith("7 packets found no room")
    assert kinds(judge(Evidence(SILENT, near, near, target=CACHE))) == []


def test_where_dials_are_accepted_nothing_is_said() -> None:
    """A full table that harms nobody yet."""
    assert list(judge(Evidence(ACCEPTED, ROOMY.replace(entries=999), target=CACHE))) == []
