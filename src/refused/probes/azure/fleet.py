"""Many caches read in one process: a few at a time, and what they share asked for once."""

from __future__ import annotations

import threading
import time

from refused.evidence.control_plane import CONTROL_PLANE
from refused.evidence.observations import Unseen
from refused.probes.azure.crew import Crew
from refused.probes.azure.read import Book, Memory, Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from refused.evidence.bundle import Fact
    from refused.probes.azure.client import Plane

SIDE_BY_SIDE = 3
_THREADS_EACH = 2  # six requests at a time in all, as for one cache


def read_all(plane: Plane, cache_ids: Iterable[str]) -> Generator[tuple[str, tuple[Fact, ...]]]:
    """Yield each cache's id with what the control plane says of it, as soon as it is known.

    Nothing of a cache is kept once it was yielded, so that memory does not grow with their number;
    what the caches of one group share (its log, its zones) is asked for once and kept.
    """
    from queue import Full, Queue

    begun, memory = time.time(), Memory()
    waiting, lock = iter(cache_ids), threading.Lock()
    # Whoever does not take the results holds the readers up, rather than filling the memory.
    done: Queue[tuple[str, tuple[Fact, ...]] | None] = Queue(maxsize=2 * SIDE_BY_SIDE)
    over = threading.Event()

    def work() -> None:
        try:
            while not over.is_set():
                with lock:
                    cache_id = next(waiting, None)
                if cache_id is None:
                    break
                hand_over((cache_id, _read(plane, cache_id, begun, memory)))
        finally:
            hand_over(None)

    def hand_over(found: tuple[str, tuple[Fact, ...]] | None) -> None:
        while not over.is_set():  # nobody may be there to take it any more
            try:
                done.put(found, timeout=0.2)
            except Full:
                continue
            return

    for _ in range(SIDE_BY_SIDE):
        threading.Thread(target=work, name="fleet", daemon=True).start()
    left = SIDE_BY_SIDE
    try:
        while left:
            found = done.get()
            if found is None:
                left -= 1
            else:
                yield found
    finally:
        over.set()


def _read(plane: Plane, cache_id: str, begun: float, memory: Memory) -> tuple[Fact, ...]:
    book = Book()

    def failed(what: str, failure: BaseException) -> None:
        why = f"reading it failed within refused ({type(failure).__name__})"
        book.write(Unseen(vantage=CONTROL_PLANE, what=what, why=why, how_to_see="please report it"))

    crew = Crew(failed, _THREADS_EACH)
    reader = Reader(plane, crew, book, cache_id, begun=begun, memory=memory)
    reader.begin()
    undone = crew.wait(plane.deadline)
    reader.close()
    crew.close()
    for what in undone:
        if not book.holds(what):
            why, how = "the time was up", "give more of it with --timeout"
            book.write(Unseen(vantage=CONTROL_PLANE, what=what, why=why, how_to_see=how))
    return book.close()
