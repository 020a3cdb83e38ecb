"""Who probes, when, and what is made of it."""

from __future__ import annotations

import _thread
import json
import os
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from refused.client.readiness.dependencies import PROBE_S, Dependency, Unusable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

FRESH_S: Final = 1.0
SPARED_S: Final = 3.0  # between two looks at what has not answered at all three times running
_SILENT: Final = ("timeout", "deadline", "silent")


@dataclass(frozen=True)
class Report:
    """What was found last.

    Attributes:
        is_ready: Whether every required dependency is usable.
        is_degraded: Whether some dependency, required or not, is not.
        dependencies: One tree for each, as in the JSON.
    """

    is_ready: bool
    is_degraded: bool
    dependencies: tuple[dict[str, Any], ...]

    def to_json(self) -> str:
        """Return it as JSON."""
        return json.dumps(
            {
                "ready": self.is_ready,
                "degraded": self.is_degraded,
                "dependencies": self.dependencies,
            }
        )


class _Watched:
    """The state of one dependency."""

    def __init__(self, dependency: Dependency) -> None:
        self.dependency = dependency
        self.is_usable: bool | None = None  # nobody has looked yet
        self.since_s = time.time()
        self.failed: Unusable | None = None
        self.in_a_row = 0  # successes above 0, failures below
        self.silent_in_a_row = 0
        self.next_at = 0.0
        self.looking: threading.Event | None = None  # set when the look is over
        self.looking_since = 0.0

    def learn(self, failure: Unusable | None, fails_after: int, recovers_after: int) -> None:
        """Take in the outcome of one look."""
        self.failed = failure
        if failure is None:
            self.in_a_row = max(self.in_a_row, 0) + 1
            self.silent_in_a_row = 0
        else:
            self.in_a_row = min(self.in_a_row, 0) - 1
            self.silent_in_a_row += failure.reason in _SILENT
        usable = self.is_usable
        if usable is None:
            usable = failure is None
        elif usable and self.in_a_row <= -fails_after:
            usable = False
        elif not usable and self.in_a_row >= recovers_after:
            usable = True
        if usable is not self.is_usable:
            self.is_usable, self.since_s = usable, time.time()

    def tree(self) -> dict[str, Any]:
        """Return the dependency and its parts."""
        one = self.dependency
        states = {True: "usable", False: "unusable", None: "unknown"}
        tree: dict[str, Any] = {
            "name": one.name,
            "kind": one.kind,
            "required": one.is_required,
            "state": states[self.is_usable],
            "since": round(self.since_s, 3),
            "parts": self._parts(),
        }
        if self.failed is not None:
            tree["reason"] = self.failed.reason
        return tree

    def _parts(self) -> list[dict[str, str]]:
        stages = self.dependency.stages
        if self.failed is None:
            state = "ok" if self.in_a_row > 0 else "unknown"
            return [{"part": stage, "state": state} for stage in stages]
        failed_at = stages.index(self.failed.stage) if self.failed.stage in stages else 0
        return [
            {"part": stage, "state": "ok" if at < failed_at else "unknown"}
            if at != failed_at
            else {"part": stage, "state": "failed"}
            for at, stage in enumerate(stages)
        ]


class Readiness:
    """Answers whether the application is ready, at once and from what was found last.

    Args:
        dependencies: See :func:`redis`, :func:`database`, :func:`http`, :func:`tcp`, :func:`dns`,
            :func:`call`.
        fails_after: How many failures in a row make a dependency unusable.
        recovers_after: How many successes in a row make it usable again.
        details: Whether the answer names the dependencies; the status is the same.
    """

    def __init__(
        self,
        *dependencies: Dependency,
        fails_after: int = 2,
        recovers_after: int = 2,
        details: bool = True,
    ) -> None:
        names = [one.name for one in dependencies]
        if len(set(names)) != len(names):
            raise ValueError("two dependencies have the same name")
        self._watched = [_Watched(one) for one in dependencies]
        self._fails_after, self._recovers_after = fails_after, recovers_after
        self._details = details
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._next_at = 0.0
        self._is_closed = False
        self._report, self._answer = self._summed_up()

    # --- answering --------------------------------------------------------------------------------

    def check(self, *, wait_s: float = 0.0) -> Report:
        """Return what was found last; begin to look anew if that is more than a second old.

        Args:
            wait_s: How long to wait for the first look at everything, if there was none yet.
        """
        self._refresh()
        if wait_s and any(one.is_usable is None for one in self._watched):
            until = time.monotonic() + wait_s
            while time.monotonic() < until and any(one.is_usable is None for one in self._watched):
                time.sleep(0.005)
        return self._report

    def answer(self) -> tuple[int, bytes]:
        """Return a status, 200 or 503, and a body of JSON."""
        self._refresh()
        return self._answer

    async def asgi(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """Answer as an ASGI application; ``/alive`` below its path says 200 whatever is wrong."""
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                if message["type"] == "lifespan.startup":
                    self._refresh()
                    await send({"type": "lifespan.startup.complete"})
                else:
                    self.close()
                    await send({"type": "lifespan.shutdown.complete"})
                    return
        if scope["type"] != "http":
            raise RuntimeError("readiness answers HTTP alone")
        status, body = self._route(scope["method"], scope["path"])
        headers = [(name.lower().encode(), value.encode()) for name, value in _headers(body)]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": body})

    def wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer as a WSGI application."""
        method = environ["REQUEST_METHOD"]
        status, body = self._route(method, environ.get("PATH_INFO", "/"))
        start_response(f"{status} {_WORDS[status]}", _headers(body))
        return [b"" if method == "HEAD" else body]

    def _route(self, method: str, path: str) -> tuple[int, bytes]:
        if method not in ("GET", "HEAD"):
            return 405, b'{"error": "GET or HEAD"}'
        if path.rstrip("/").endswith("/alive"):
            return 200, b'{"alive": true}'
        return self.answer()

    # --- looking ----------------------------------------------------------------------------------

    def _refresh(self) -> None:
        now = time.monotonic()
        if now < self._next_at or self._is_closed:
            return
        with self._lock:
            if self._pid != os.getpid():  # threads of the parent have stayed there
                self._pid = os.getpid()
                for one in self._watched:
                    one.looking = None
            if now < self._next_at:
                return
            self._next_at = now + 0.05
            for one in self._watched:
                if one.looking is None and now >= one.next_at:
                    one.next_at = now + FRESH_S
                    one.looking_since = now
                    one.looking = threading.Event()
                    # Thread.start() would wait until the other has begun: the answer must not.
                    _thread.start_new_thread(self._look, (one,))
                elif one.looking is not None and now - one.looking_since > PROBE_S + 0.5:
                    one.looking_since = now  # counts as a failure each time; no second one is begun
                    self._learn(one, Unusable(one.dependency.stages[-1], "timeout"))

    def _look(self, one: _Watched) -> None:
        failure: Unusable | None = None
        try:
            one.dependency.probe(PROBE_S)
        except Unusable as found:
            failure = found
        except Exception as error:  # noqa: BLE001  # whatever it is, it is no proof of health
            failure = Unusable(one.dependency.stages[-1], type(error).__name__)
        with self._lock:
            looking, one.looking = one.looking, None
            self._learn(one, failure)
            if one.silent_in_a_row >= 3:
                one.next_at = time.monotonic() + SPARED_S
        if looking is not None:
            looking.set()

    def _learn(self, one: _Watched, failure: Unusable | None) -> None:
        one.learn(failure, self._fails_after, self._recovers_after)
        self._report, self._answer = self._summed_up()

    def _summed_up(self) -> tuple[Report, tuple[int, bytes]]:
        ready = all(one.is_usable for one in self._watched if one.dependency.is_required)
        degraded = any(one.is_usable is False for one in self._watched)
        report = Report(ready, degraded, tuple(one.tree() for one in self._watched))
        body = report.to_json() if self._details else json.dumps({"ready": ready})
        return report, (200 if ready else 503, body.encode())

    def close(self) -> None:
        """Let go of all connections; looks that are under way end by themselves, in two seconds."""
        self._is_closed = True
        for one in self._watched:
            looking = one.looking
            if looking is not None:
                looking.wait(PROBE_S + 0.5)
            one.dependency.close()


_WORDS: Final = {200: "OK", 405: "Method Not Allowed", 503: "Service Unavailable"}


def _headers(body: bytes) -> list[tuple[str, str]]:
    return [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
