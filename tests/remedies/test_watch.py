"""The figures of a watch, held against counting by hand; and a watch that is interrupted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.remedies.watch import Attempt, Notes, figures_of, percentile, watch, watched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def attempt(at: float, *, ok: bool = True, ms: float = 0.0, why: str = "silence") -> Attempt:
    """Return one attempt."""
    return Attempt(at=at, what="here", ok=ok, ms=ms, why="" if ok else why)


def series(marks: str) -> list[Attempt]:
    """Return an attempt a second: ``.`` worked, ``x`` failed."""
    return [attempt(float(at), ok=mark == ".") for at, mark in enumerate(marks)]


@pytest.mark.parametrize(
    ("marks", "gap"),
    [
        ("....", 0.0),
        ("..xx..", 3.0),  # from the success at 1 to the one at 4
        (".x.xxx.", 4.0),
        ("..xxx", 3.0),  # it has not ended yet
        ("xxx..", 3.0),  # it had begun before
        ("xxxx", 3.0),
    ],
)
def test_the_longest_gap_runs_from_success_to_success(marks: str, gap: float) -> None:
    """What an application feels."""
    assert figures_of("here", series(marks)).longest_gap_s == gap


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_the_gap_is_none_only_where_nothing_failed(marks: list[bool]) -> None:
    """Whatever the order; and never longer than the watch."""
    attempts = [attempt(float(at), ok=ok) for at, ok in enumerate(marks)]

    seen = figures_of("here", attempts)

    assert seen.failures == marks.count(False)
    assert (seen.longest_gap_s == 0.0) == (all(marks) or len(marks) == 1)
    assert seen.longest_gap_s <= len(marks) - 1


@given(st.lists(st.floats(0, 1e6), min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_least_value_that_covers_so_many(
    values: list[float], percent: int
) -> None:
    """By definition of the nearest rank."""
    ordered = sorted(values)

    found = percentile(ordered, percent)

    assert found is not None
    assert sum(value <= found for value in ordered) * 100 >= percent * len(ordered)
    below = [value for value in ordered if value < found]
    assert len(below) * 100 < percent * len(ordered)


def test_one_failure_is_a_failure() -> None:
    """What is fixed does not fail."""
    assert watched(series("." * 50 + "x"), 50.0, complete=True).verdict == "fails"
    assert watched(series("." * 50), 50.0, complete=True).verdict == "holds"
    assert watched(series("..."), 3.0, complete=True).verdict == "too-few"
    assert watched([], 0.0, complete=False).verdict == "too-few"


class Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let it pass."""
        self.now += seconds


def test_a_watch_goes_on_from_where_it_was_interrupted(tmp_path: Path) -> None:
    """Ctrl-C after six seconds, then the rest; nothing is counted twice, nothing lost."""
    clock, path = Clock(), tmp_path / "notes.jsonl"
    made: list[float] = []

    def once(stop_at: int | None = None) -> Iterator[Attempt]:
        if stop_at is not None and len(made) == stop_at:
            raise KeyboardInterrupt
        made.append(clock.now)
        yield attempt(clock.now)

    first = watch(
        lambda: once(6),
        Notes(path),
        for_s=20,
        every_s=1,
        tell=lambda _: None,
        clock=clock,
        sleep=clock.sleep,
    )
    clock.now += 3600  # the night
    second = watch(
        once, Notes(path), for_s=20, every_s=1, tell=lambda _: None, clock=clock, sleep=clock.sleep
    )

    assert (first.complete, first.seconds) == (False, 6.0)
    assert second.complete
    assert second.seconds == 20.0
    assert second.figures[0].attempts == len(made)
    assert 20 <= len(made) <= 22


def test_half_a_note_is_left_out(tmp_path: Path) -> None:
    """The machine went down in the middle of a line."""
    path = tmp_path / "notes.jsonl"
    notes = Notes(path)
    notes.add(attempt(1.0), 1.0)
    path.write_bytes(path.read_bytes() + b'{"at": 2.0, "wh')

    assert len(Notes(path).attempts) == 1


def test_notes_hold_no_secret_of_their_own(tmp_path: Path) -> None:
    """They hold the attempts, and these what the attempt says."""
    path = tmp_path / "notes.jsonl"
    Notes(path).add(attempt(1.0, ok=False, why="silence"), 1.0)

    assert json.loads(path.read_text()) == {
        "at": 1.0,
        "what": "here",
        "ok": False,
        "ms": 0.0,
        "why": "silence",
        "seconds": 1.0,
    }
