"""What a client tells about itself: to callbacks, to a log, and to OpenTelemetry.

The names follow StackExchange.Redis where it has one. Labels are bounded: ``event``, ``stage`` and
``reason`` come from closed sets, and nothing that an application chooses (keys, users, addresses)
becomes one.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

log = logging.getLogger("refused.client")

NAMES: Final = (
    "connection_failed",
    "connection_restored",
    "connections_renewed",
    "gave_up",
    "pool_exhausted",
    "circuit_opened",
    "circuit_closed",
    "maintenance",
    "token_renewed",
    "token_failed",
)
_QUIET: Final = frozenset(("token_renewed", "connections_renewed"))
LOG_EVERY_S: Final = 10.0  # per name, stage and reason: an outage is no reason to fill a disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a client's connections.

    Attributes:
        name: One of :data:`NAMES`.
        stage: Where: ``dns``, ``tcp``, ``tls``, ``auth``, ``pool``, ``command``, ``maintenance``,
            ``circuit``.
        reason: Why, from a closed set.
        address: ``host:port`` as the application wrote it.
        error: What was raised, if anything was.
        lasted_s: For how long it had been so, in seconds: how long a call or an outage took.
        said: More for people, such as what a maintenance message holds.
    """

    name: str
    stage: str
    reason: str
    address: str
    error: BaseException | None = None
    lasted_s: float = 0.0
    said: str = ""
    at_s: float = field(default_factory=time.time)


Listener = Callable[[Event], object]


class Events:
    """Hands each event to everybody who wants it; a listener that fails harms nobody.

    Args:
        address: ``host:port``.
        listeners: Called in the thread or task in which it happened, so they must be quick.
        metrics: Whether to count with OpenTelemetry; ``None``: where the application has imported
            its metrics API already.
    """

    def __init__(
        self, address: str, listeners: Iterable[Listener] = (), *, metrics: bool | None = None
    ) -> None:
        self.address = address
        self.listeners = list(listeners)
        self._logged: dict[tuple[str, str, str], tuple[float, int]] = {}
        self._lock = threading.Lock()
        if metrics is None:
            metrics = "opentelemetry.metrics" in sys.modules
        self._count = _counter() if metrics else None

    def tell(
        self,
        name: str,
        stage: str,
        reason: str,
        *,
        error: BaseException | None = None,
        lasted_s: float = 0.0,
        said: str = "",
    ) -> None:
        """Tell of something that happened."""
        event = Event(
            name=name,
            stage=stage,
            reason=reason,
            address=self.address,
            error=error,
            lasted_s=lasted_s,
            said=said,
        )
        if self._count is not None:
            self._count.add(1, {"event": name, "stage": stage, "reason": reason})
        self._write(event)
        for listener in tuple(self.listeners):
            try:
                listener(event)
            except Exception:
                log.exception("a listener to %s failed", name)

    def forked(self) -> None:
        """Start with a lock of our own: another thread may have held it when we were forked."""
        self._lock = threading.Lock()

    def _write(self, event: Event) -> None:
        level = logging.WARNING
        if event.name in _QUIET or event.name.endswith(("_restored", "_closed")):
            level = logging.INFO
        if not log.isEnabledFor(level):
            return
        key = (event.name, event.stage, event.reason)
        now = time.monotonic()
        with self._lock:
            last, kept_back = self._logged.get(key, (-LOG_EVERY_S, 0))
            if now - last < LOG_EVERY_S:
                self._logged[key] = (last, kept_back + 1)
                return
            self._logged[key] = (now, 0)
        more = f" (and {kept_back} more like it)" if kept_back else ""
        what = event.said or (str(event.error) if event.error is not None else "")
        log.log(
            level,
            "%s: %s at %s, %s%s%s",
            event.address,
            event.name,
            event.stage,
            event.reason,
            f": {what}" if what else "",
            more,
            extra={"stage": event.stage, "reason": event.reason, "event": event.name},
        )


def _counter() -> Any:
    """Return OpenTelemetry's counter, or ``None`` where its API is not installed."""
    try:
        from opentelemetry import metrics
    except ImportError:
        return None
    meter = metrics.get_meter("refused.client")
    return meter.create_counter(
        "refused.client.events", unit="{event}", description="What happened to Redis connections"
    )
