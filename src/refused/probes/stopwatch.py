"""Time for probes: how long a thing took, and how long there is left for it."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict


class Stopwatch:
    """Starts when it is made; stamps an observation with place, time, duration and means."""

    __slots__ = ("vantage", "started")

    def __init__(self, vantage: str) -> None:
        self.vantage = vantage
        self.started = time.monotonic()

    def stamp(self, source: str) -> Dict[str, Any]:
        """Return the fields that every observation begins with."""
        return {
            "vantage": self.vantage,
            "at": time.time(),
            "took_ms": (time.monotonic() - self.started) * 1000,
            "source": source,
        }


class Deadline:
    """The moment at which the user gets an answer, whatever is still missing."""

    __slots__ = ("ends", "limit_s")

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.ends = time.monotonic() + limit_s

    def left(self, most_s: float | None = None) -> float:
        """Return the seconds left, at most *most_s*, never below 0."""
        left = max(0.0, self.ends - time.monotonic())
        return left if most_s is None else min(left, most_s)

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self.ends
