"""The watch after a fix: attempt after attempt, each one noted, until it may be said that it holds.

The notes are on the disk after each attempt, so that Ctrl-C, a crash or a restart loses nothing: the
watch goes on from where it was. What is attempted is handed in; here is counted.
"""

from __future__ import annotations

import json
import os
import time

from refused.evidence.record import MalformedRecord, Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

# Fewer attempts than this say nothing: a fault that strikes one time in ten is missed by them.
LEAST_ATTEMPTS = 10


class Attempt(Record):
    """One attempt.

    Attributes:
        at: When it ended, in seconds since 1970 UTC.
        what: The vantage point, or what else was asked: a URL, a command.
        ms: How long it took.
        why: What failed, one line; ``""`` where nothing did.
    """

    at: float
    what: str
    ok: bool
    ms: float
    why: str = ""


class Figures(Record):
    """What the attempts come to, for one of the things that were attempted.

    Attributes:
        longest_gap_s: The longest time without a success, from the last one before to the first after;
            0 where nothing failed.
        p50_ms, p99_ms: Of the successes.
    """

    what: str
    attempts: int
    failures: int
    longest_gap_s: float
    p50_ms: float | None
    p99_ms: float | None
    first_failure_at: float | None = None
    last_failure_at: float | None = None
    reasons: tuple[tuple[str, int], ...] = ()


class Watched(Record):
    """The verdict of a watch.

    Attributes:
        verdict: ``holds``, ``fails``, or ``too-few`` attempts to say.
        seconds: How long was watched, pauses between two runs left out.
        complete: Whether it went on for as long as was wanted.
    """

    verdict: str
    figures: tuple[Figures, ...]
    seconds: float
    complete: bool


def watched(attempts: Sequence[Attempt], seconds: float, *, complete: bool) -> Watched:
    """Judge a watch. One failure is a failure: what is fixed does not fail."""
    what = list(dict.fromkeys(each.what for each in attempts))
    figures = tuple(figures_of(each, [a for a in attempts if a.what == each]) for each in what)
    if any(each.failures for each in figures):
        verdict = "fails"
    elif not figures or max(each.attempts for each in figures) < LEAST_ATTEMPTS:
        verdict = "too-few"
    else:
        verdict = "holds"
    return Watched(verdict=verdict, figures=figures, seconds=seconds, complete=complete)


def figures_of(what: str, attempts: Sequence[Attempt]) -> Figures:
    """Count the attempts at one thing, in order of time."""
    good = sorted(each.ms for each in attempts if each.ok)
    bad = [each for each in attempts if not each.ok]
    reasons: dict[str, int] = {}
    for each in bad:
        reasons[each.why] = reasons.get(each.why, 0) + 1
    return Figures(
        what=what,
        attempts=len(attempts),
        failures=len(bad),
        longest_gap_s=_longest_gap(attempts),
        p50_ms=percentile(good, 50),
        p99_ms=percentile(good, 99),
        first_failure_at=bad[0].at if bad else None,
        last_failure_at=bad[-1].at if bad else None,
        reasons=tuple(sorted(reasons.items(), key=lambda each: -each[1])[:5]),
    )


def percentile(ordered: Sequence[float], percent: float) -> float | None:
    """Return the nearest-rank percentile of values in order; ``None`` where there is none."""
    if not ordered:
        return None
    rank = -(-len(ordered) * percent // 100)  # rounded up
    return ordered[max(int(rank), 1) - 1]


def _longest_gap(attempts: Iterable[Attempt]) -> float:
    """Return the longest time from one success to the next with a failure in between."""
    longest, last, failed = 0.0, None, False
    end = 0.0
    for each in attempts:
        end = each.at
        if not each.ok:
            failed, last = True, each.at - each.ms / 1000 if last is None else last
            continue
        if failed and last is not None:
            longest = max(longest, each.at - last)
        last, failed = each.at, False
    return max(longest, end - last) if failed and last is not None else longest


class Notes:
    """The attempts of one watch, in a file.

    Args:
        path: Where they lie. What lies there already is gone on with.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.attempts: list[Attempt] = []
        self.seconds = 0.0
        if path.exists():
            for line in path.read_bytes().split(b"\n"):
                self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            data = json.loads(line)
            self.seconds = max(self.seconds, float(data.pop("seconds")))
            self.attempts.append(Attempt.from_json(data))
        except (ValueError, KeyError, TypeError, AttributeError, MalformedRecord):
            return  # half a line: the attempt that was under way when the run ended

    def add(self, attempt: Attempt, seconds: float) -> None:
        """Write one attempt down; when this returns, it is on the disk."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**attempt.to_json(), "seconds": seconds}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.attempts.append(attempt)
        self.seconds = seconds


def watch(
    attempts: Callable[[], Iterable[Attempt]],
    notes: Notes,
    *,
    for_s: float,
    every_s: float,
    tell: Callable[[Attempt], None],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Watched:
    """Attempt again and again until *for_s* seconds are watched in all, earlier runs included.

    Ctrl-C ends it early, and the verdict is about what was seen by then.

    Args:
        attempts: Makes one round of attempts.
        tell: Is told of each, the moment it was made.
    """
    before, started = notes.seconds, clock()
    complete = True
    try:
        while True:
            round_began = clock()
            for attempt in attempts():
                notes.add(attempt, before + clock() - started)
                tell(attempt)
            gone = before + clock() - started
            if gone >= for_s:
                break
            # The pace is kept from start to start; a slow round is followed by the next at once.
            sleep(max(0.0, min(every_s - (clock() - round_began), for_s - gone)))
            if before + clock() - started >= for_s:
                break
    except KeyboardInterrupt:
        complete = False
    return watched(notes.attempts, before + clock() - started, complete=complete)
