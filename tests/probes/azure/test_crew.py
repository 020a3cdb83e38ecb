"""Work is shared by a few threads, and what was not done in time is known."""

from __future__ import annotations

import threading
import time

from refused.probes.azure.crew import Crew
from refused.probes.stopwatch import Deadline


def test_work_that_asks_for_more_work_is_all_done() -> None:
    """Waiting ends when nothing is left, not when nothing is left of the first."""
    done: list[int] = []
    crew = Crew(lambda *_: None)

    def work(depth: int) -> None:
        time.sleep(0.002)
        done.append(depth)
        if depth:
            crew.add("more", work, depth - 1)
            crew.add("more", work, depth - 1)

    crew.add("first", work, 5)
    assert crew.wait(Deadline(10)) == ()
    crew.close()

    assert len(done) == 2**6 - 1


def test_no_more_threads_than_were_agreed_on() -> None:
    """However much there is to do."""
    most, now, lock = 0, 0, threading.Lock()
    crew = Crew(lambda *_: None, 3)

    def work() -> None:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.005)
        with lock:
            now -= 1

    for _ in range(40):
        crew.add("x", work)
    assert crew.wait(Deadline(10)) == ()
    crew.close()

    assert most == 3


def test_what_hangs_and_what_never_began_is_named() -> None:
    """Each once, in order."""
    over = threading.Event()
    crew = Crew(lambda *_: None, 1)
    crew.add("the first", over.wait)
    crew.add("the second", over.wait)
    crew.add("the second", over.wait)

    assert crew.wait(Deadline(0.05)) == ("the first", "the second")
    crew.close()
    over.set()


def test_an_exception_is_handed_over_and_the_rest_goes_on() -> None:
    """With the name of what it was for."""
    seen: list[tuple[str, str]] = []
    crew = Crew(lambda what, failure: seen.append((what, str(failure))), 1)

    def fail() -> None:
        raise ValueError("no")

    crew.add("this", fail)
    crew.add("that", seen.append, ("that", "done"))
    assert crew.wait(Deadline(10)) == ()
    crew.close()

    assert seen == [("this", "no"), ("that", "done")]


def test_after_the_end_nothing_begins() -> None:
    """Whoever comes too late does not know it, and needs not."""
    done: list[int] = []
    crew = Crew(lambda *_: None)
    crew.close()
    crew.add("late", done.append, 1)

    assert crew.wait(Deadline(0.1)) == ()
    assert done == []
