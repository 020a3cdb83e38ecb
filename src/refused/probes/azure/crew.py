"""A few threads that share the work of one look; what one of them learns may ask for more."""

from __future__ import annotations

import threading
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from refused.probes.stopwatch import Deadline

# Azure Resource Manager counts requests, not connections; a handful side by side is what a person
# with two terminals and a portal would do.
MOST_THREADS = 6


class Crew:
    """Does work side by side, and knows what was not done in time.

    The threads are daemons: no read that hangs can keep the program alive.

    Args:
        on_failure: What to do with an exception that a piece of work let out, and what it was for.
    """

    def __init__(
        self, on_failure: Callable[[str, BaseException], None], most: int = MOST_THREADS
    ) -> None:
        self._on_failure, self._most = on_failure, most
        self._waiting: deque[tuple[str, Callable[..., object], tuple[Any, ...]]] = deque()
        self._under_way: list[str] = []
        self._threads = self._free = 0
        self._closed = False
        self._changed = threading.Condition()

    def add(self, what: str, work: Callable[..., object], *given: Any) -> None:
        """Have *work* done; *what* names the kind of fact that is missing where it is not."""
        with self._changed:
            if self._closed:
                return
            self._waiting.append((what, work, given))
            if self._free >= len(self._waiting) or self._threads >= self._most:
                self._changed.notify()
                return
            self._threads += 1
        threading.Thread(target=self._work, name="control-plane", daemon=True).start()

    def wait(self, deadline: Deadline) -> tuple[str, ...]:
        """Wait until all is done or the time is up. Returns what was not done."""
        with self._changed:
            while self._waiting or self._under_way:
                left = deadline.left()
                if left <= 0:
                    break
                self._changed.wait(min(left, 0.2))  # short, so that Ctrl-C is heard everywhere
            return tuple(dict.fromkeys([*self._under_way, *(what for what, _, _ in self._waiting)]))

    def close(self) -> None:
        """Begin nothing more."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._free += 1
                while not self._waiting and not self._closed:
                    self._changed.wait()
                self._free -= 1
                if self._closed:
                    return
                what, work, given = self._waiting.popleft()
                self._under_way.append(what)
            try:
                work(*given)
            except Exception as failure:  # noqa: BLE001 - handed to whoever may say it
                self._on_failure(what, failure)
            finally:
                with self._changed:
                    self._under_way.remove(what)
                    self._changed.notify_all()
