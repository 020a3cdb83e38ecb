"""One change, made once: kept where it helped, taken back where it did not, whatever happens between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from refused.remedies.apply import (
    ChangedMeanwhile,
    CouldNotApply,
    Seen,
    apply,
    differences,
    resume,
    snapshot,
    undo,
)
from refused.remedies.change import ArmWrite
from refused.remedies.journal import Busy, Journal
from tests.remedies.plane import CACHE, RULE, Plane, rule_change

if TYPE_CHECKING:
    from pathlib import Path


def silent() -> Seen:
    """See what a client sees that is still shut out."""
    return Seen(works=False, says="silence")


def asleep(_seconds: float) -> None:
    """Lose no time."""


@pytest.fixture
def plane(tmp_path: Path) -> Plane:
    """Return a control plane that holds one cache."""
    return Plane(tmp_path / "plane.json")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """Return an empty journal."""
    return Journal(tmp_path / "changes")


def test_what_helps_is_kept(plane: Plane, journal: Journal) -> None:
    """One write, one proof, and the resource is free again."""
    change = rule_change()

    outcome = apply(change, plane, journal, plane.look, planned=snapshot(change, plane))

    assert (outcome.state, outcome.cured) == ("kept", True)
    assert plane.writes == [f"PUT {RULE}"]
    assert [step["step"] for step in journal.find().steps] == [
        "planned",
        "exported",
        "writing",
        "written",
        "settled",
        "made",
        "looked",
        "kept",
    ]
    assert journal.open_on(CACHE) is None


def test_what_does_not_help_is_taken_back(plane: Plane, journal: Journal) -> None:
    """A wrong diagnosis leaves nothing behind but what was learnt."""
    before, change = plane.documents, rule_change()

    outcome = apply(change, plane, journal, silent, planned=snapshot(change, plane))

    assert (outcome.state, outcome.cured) == ("undone", False)
    assert outcome.learnt == "it did not help: silence"
    assert plane.documents == before


def test_nothing_is_taken_back_before_its_time(plane: Plane, journal: Journal) -> None:
    """Azure may be late; a change that shows on the third look has helped."""
    change = rule_change(settles_s=60)
    looks: list[int] = []
    slept: list[float] = []

    def look() -> Seen:
        looks.append(1)
        return Seen(works=len(looks) == 3, says="answered" if len(looks) == 3 else "silence")

    outcome = apply(
        change, plane, journal, look, planned=snapshot(change, plane), sleep=slept.append
    )

    assert outcome.cured
    assert len(slept) == 2


def test_the_owner_may_keep_what_did_not_help(plane: Plane, journal: Journal) -> None:
    """`--keep` wins."""
    change = rule_change()

    outcome = apply(change, plane, journal, silent, planned=snapshot(change, plane), keep=True)

    assert (outcome.state, outcome.cured) == ("kept", False)
    assert RULE in plane.documents


def test_a_long_operation_is_followed(plane: Plane, journal: Journal) -> None:
    """What Azure has only accepted is not looked at yet."""
    plane.slow = 3
    change, said = rule_change(), list[str]()

    outcome = apply(
        change,
        plane,
        journal,
        plane.look,
        planned=snapshot(change, plane),
        tell=said.append,
        sleep=asleep,
    )

    assert outcome.cured
    assert any("InProgress" in line for line in said)


def test_who_was_faster_is_not_overwritten(plane: Plane, journal: Journal) -> None:
    """The plan was for another state of the resource; the difference is shown."""
    change = rule_change()
    planned = snapshot(change, plane)
    plane.edit(CACHE, {"id": CACHE, "properties": {"publicNetworkAccess": "Disabled"}})

    with pytest.raises(
        ChangedMeanwhile, match='publicNetworkAccess was not there and is "Disabled"'
    ):
        apply(change, plane, journal, plane.look, planned=planned)

    assert plane.writes == []
    assert not journal.find().is_open


def test_an_etag_catches_who_writes_at_the_same_moment(plane: Plane, journal: Journal) -> None:
    """Between our last look and our write lies a moment."""
    plane.edit(RULE, {"id": RULE, "etag": "1", "properties": {}})
    change = rule_change()
    planned = snapshot(change, plane)

    class Interrupted(Plane):
        def write(self, write: ArmWrite, if_match: str | None) -> Any:
            self.edit(RULE, {"id": RULE, "etag": "2", "properties": {}})
            return super().write(write, if_match)

    with pytest.raises(ChangedMeanwhile, match="412"):
        apply(change, Interrupted(plane.file), journal, plane.look, planned=planned)

    assert plane.documents[RULE]["etag"] == "2"


def test_one_resource_takes_one_change(plane: Plane, journal: Journal) -> None:
    """Two changes at once teach nobody which of them helped."""
    journal.begin(rule_change())

    with pytest.raises(Busy, match="still open"):
        apply(rule_change(), plane, journal, plane.look, planned={})


def test_what_weakens_security_is_not_sent(plane: Plane, journal: Journal) -> None:
    """However it came into a plan."""
    everybody = ArmWrite(
        method="PUT",
        id=RULE,
        api_version="2024-11-01",
        body='{"properties": {"startIP": "0.0.0.0", "endIP": "255.255.255.255"}}',
    )

    with pytest.raises(CouldNotApply, match="every host of the internet"):
        apply(rule_change(write=everybody), plane, journal, plane.look, planned={})

    assert plane.writes == []


def test_a_lost_answer_is_looked_after(plane: Plane, journal: Journal) -> None:
    """The write arrived, its answer did not: it is not sent again."""
    plane.lose_answers = True
    change = rule_change()

    outcome = apply(
        change, plane, journal, plane.look, planned=snapshot(change, plane), sleep=asleep
    )

    assert outcome.cured
    assert plane.writes == [f"PUT {RULE}"]


def test_what_was_kept_can_be_undone_once(plane: Plane, journal: Journal) -> None:
    """The state after undo is the state before."""
    before, change = plane.documents, rule_change()
    apply(change, plane, journal, plane.look, planned=snapshot(change, plane))

    undo(journal.find(), plane)

    assert plane.documents == before
    with pytest.raises(CouldNotApply, match="undone already"):
        undo(journal.find(), plane)


def test_an_undo_throws_nobody_s_edit_away(plane: Plane, journal: Journal) -> None:
    """Somebody went on from what we made."""
    change = rule_change()
    apply(change, plane, journal, plane.look, planned=snapshot(change, plane))
    plane.edit(RULE, {"id": RULE, "properties": {"startIP": "203.0.113.0"}})

    with pytest.raises(ChangedMeanwhile, match="would be lost"):
        undo(journal.find(), plane)

    assert RULE in plane.documents
    assert journal.open_on(CACHE) is None


def test_what_somebody_took_away_already_needs_no_undo(plane: Plane, journal: Journal) -> None:
    """It is as before: nothing is written, and the resource is free."""
    change = rule_change()
    apply(change, plane, journal, plane.look, planned=snapshot(change, plane))
    held = plane.documents
    del held[RULE]
    plane.replace(held)
    sent = len(plane.writes)

    outcome = undo(journal.find(), plane)

    assert outcome.state == "undone"
    assert len(plane.writes) == sent
    journal.begin(rule_change())


def test_what_did_not_help_and_was_edited_since_is_left_and_shuts_nothing(
    plane: Plane, journal: Journal
) -> None:
    """Whoever edited it decides; another change may be made meanwhile."""
    change = rule_change()

    def look() -> Seen:
        plane.edit(RULE, {"id": RULE, "properties": {"startIP": "203.0.113.0"}})
        return silent()

    outcome = apply(change, plane, journal, look, planned=snapshot(change, plane))

    assert (outcome.state, outcome.cured) == ("kept", False)
    assert "left in place" in outcome.learnt
    assert RULE in plane.documents
    assert journal.open_on(CACHE) is None


def test_without_an_undo_of_its_own_the_export_is_put_back(plane: Plane, journal: Journal) -> None:
    """The document as it was, without what only Azure writes."""
    old = {
        "id": RULE,
        "etag": "7",
        "properties": {"startIP": "198.51.100.1", "endIP": "198.51.100.1"},
    }
    plane.edit(RULE, old)
    change = rule_change(undo=None)

    apply(change, plane, journal, silent, planned=snapshot(change, plane))

    assert plane.documents[RULE]["properties"] == old["properties"]


def test_differences_pass_over_what_changes_by_itself() -> None:
    """An etag is new after every write, and tells nothing."""
    before = {"/a/b": {"etag": "1", "properties": {"provisioningState": "Succeeded", "x": 1}}}
    after = {"/a/b": {"etag": "2", "properties": {"provisioningState": "Updating", "x": 2}}}

    assert differences(before, after) == ["b.properties.x was 1 and is 2"]


# --- kill -9 at every step ------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from pathlib import Path
from refused.remedies import journal as journals
from refused.remedies.apply import apply, snapshot
from tests.remedies.plane import Plane, rule_change
from refused.remedies.apply import Seen

folder, at = Path(sys.argv[1]), int(sys.argv[2])
count = 0

def die_at() -> None:
    global count
    count += 1
    if count == at:
        os.kill(os.getpid(), signal.SIGKILL)

note = journals.Entry.note
def noting(self, step, **facts):
    die_at()
    note(self, step, **facts)
    die_at()
journals.Entry.note = noting

plane = Plane(folder / "plane.json")
plane.on_write = die_at
look = plane.look if sys.argv[3] == "helps" else lambda: Seen(works=False, says="silence")
change = rule_change()
apply(change, plane, journals.Journal(folder / "changes"), look, planned=snapshot(change, plane))
print(count)
"""


def killed(folder: Path, at: int, how: str) -> subprocess.CompletedProcess[str]:
    """Apply a change in a process of its own that is killed at the *at*-th moment."""
    return subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), str(at), how],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


@pytest.mark.parametrize("how", ["helps", "helps-not"])
def test_a_kill_at_any_moment_loses_nothing_and_repeats_nothing(tmp_path: Path, how: str) -> None:
    """The next run finishes it or undoes it; the write is sent at most once."""
    whole = tmp_path / "whole"
    whole.mkdir()
    moments = int(killed(whole, 10_000, how).stdout)
    assert moments > 12

    for at in range(1, moments + 1):
        folder = tmp_path / str(at)
        folder.mkdir()
        dead = killed(folder, at, how)
        assert dead.returncode == -signal.SIGKILL, dead.stderr
        plane, journal = Plane(folder / "plane.json"), Journal(folder / "changes")
        look = plane.look if how == "helps" else silent
        left = journal.open_on(CACHE)
        if left is not None:
            resume(left, plane, look, sleep=asleep)
        assert journal.open_on(CACHE) is None
        assert plane.writes.count(f"PUT {RULE}") <= 1
        entries = journal.entries()
        ended = entries[-1].state if entries else "abandoned"
        assert (RULE in plane.documents) == (ended == "kept"), (at, ended)
        # And the resource is free for the next change.
        journal.begin(rule_change(resource_id=CACHE))


def test_half_a_line_is_a_step_not_begun(plane: Plane, journal: Journal) -> None:
    """The disk was full, or the power went, in the middle of a line."""
    entry = journal.begin(rule_change())
    path = journal.folder / f"{entry.id}.jsonl"
    path.write_bytes(path.read_bytes() + json.dumps({"step": "exported"}).encode()[:9])

    left = journal.open_on(CACHE)

    assert left is not None
    assert resume(left, plane, silent).state == "abandoned"
