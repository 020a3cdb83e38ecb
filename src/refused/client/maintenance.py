"""What Azure Cache for Redis announces before it works on a node, and what we make of it.

The service publishes to the channel ``AzureRedisEvents``: scheduled (up to 15 minutes ahead),
starting (about 20 seconds ahead), start, fail-over complete, ended. When a fail-over is complete,
the name leads to the new primary, and every connection that is still open leads to a node that is
about to go: so they are replaced then, each when nobody uses it, before any command meets the end.
https://github.com/Azure/AzureCacheForRedis/blob/main/AzureRedisEvents.md

Azure Managed Redis has no such channel. What a server announces through the protocol (RESP3:
MOVING, MIGRATING, FAILING_OVER) redis-py hears by itself, and acts on.
"""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import redis.exceptions as theirs

from refused.client import reasons
from refused.client.calls import pause_s

if TYPE_CHECKING:
    from refused.client.pool import Pool
    from refused.client.shared import Shared

CHANNEL: Final = "AzureRedisEvents"
LOOK_EVERY_S: Final = 60.0
REST_AT_MOST_S: Final = 30.0

_REASONS: Final = {
    "nodemaintenancescheduled": "announced",
    "nodemaintenancestarting": "announced",
    "nodemaintenancestart": "started",
    "nodemaintenancefailovercomplete": "failed-over",
    "nodemaintenanceended": "ended",
    "nodemaintenancescalecomplete": "ended",
}


@dataclass(frozen=True, slots=True)
class Announcement:
    """One message of the service.

    Attributes:
        kind: Its ``NotificationType``.
        reason: ``announced``, ``started``, ``failed-over``, ``ended`` or ``other``.
        starts_at: When it begins, as far as the service knows: up to 3 minutes early.
        is_replica: Whether it is about a node that no client has to do with.
        address: The node's IP address.
        tls_port: The node's own port with TLS; 0: it has none.
        plain_port: The one in the clear.
    """

    kind: str
    reason: str
    starts_at: datetime | None
    is_replica: bool
    address: str
    tls_port: int
    plain_port: int


def read(message: str) -> Announcement | None:
    """Read ``NotificationType|…|StartTimeInUTC|…|IsReplica|…``; ``None``: it is something else.

    The names' capitals vary, and the time has two names: see StackExchange.Redis,
    AzureMaintenanceEvent.cs.
    """
    parts = message.split("|")
    told = {
        name.strip().lower(): value.strip()
        for name, value in zip(parts[::2], parts[1::2], strict=False)
    }
    kind = told.get("notificationtype", "")
    if not kind:
        return None
    return Announcement(
        kind=kind,
        reason=_REASONS.get(kind.lower(), "other"),
        starts_at=_time(told.get("starttimeinutc") or told.get("starttimeutc") or ""),
        is_replica=told.get("isreplica", "").lower() == "true",
        address=told.get("ipaddress", ""),
        tls_port=_number(told.get("sslport", "")),
        plain_port=_number(told.get("nonsslport", "")),
    )


def react(shared: Shared, said: Announcement, message: str) -> bool:
    """Tell of an announcement; return whether the connections are to be replaced."""
    shared.events.tell("maintenance", "maintenance", said.reason, said=message[:200])
    if said.reason != "failed-over" or said.is_replica:
        return False
    shared.renew("failed-over", stage="maintenance")
    return True


def text_of(response: Any) -> str | None:
    """Return what a subscription has received, if it is a message."""
    if not isinstance(response, (list, tuple)) or len(response) < 3:
        return None
    kind, data = response[0], response[2]
    if kind not in (b"message", "message"):
        return None
    return data.decode(errors="replace") if isinstance(data, bytes) else str(data)


class Listening:
    """Listens on a connection of its own, in a thread, until it is stopped.

    Args:
        pool: Whose connections are replaced; the one we listen on is not counted among them.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._over = threading.Event()
        self._connection: Any = None
        self._thread = threading.Thread(
            target=self._listen, name="refused-client-maintenance", daemon=True
        )

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and its connection."""
        self._over.set()
        connection = self._connection
        if connection is not None:
            connection.disconnect()
        if self._thread is not threading.current_thread():
            self._thread.join(5.0)

    def _listen(self) -> None:
        failures = 0
        while not self._over.is_set():
            connection = self._connection = self._pool.spare()
            try:
                connection.call.begin(time.monotonic() + connection.call.deadline_s)
                connection.connect()
                connection.send_command("SUBSCRIBE", CHANNEL, check_health=False)
                while not self._over.is_set():
                    self._hear(connection)
                    failures = 0
            except theirs.RedisError as error:
                if reasons.is_final(error):
                    self._pool.shared.events.tell(
                        "maintenance", "maintenance", "no-permission", error=error
                    )
                    return
                failures += 1
            finally:
                with contextlib.suppress(OSError, theirs.RedisError):
                    connection.disconnect()
            self._over.wait(min(REST_AT_MOST_S, pause_s(failures) * 2 ** min(failures, 6)))

    def _hear(self, connection: Any) -> None:
        try:
            response = connection.read_response(
                timeout=LOOK_EVERY_S, disconnect_on_error=False, push_request=True
            )
        except theirs.TimeoutError:
            connection.send_command("PING", check_health=False)
            connection.read_response(timeout=connection.call.deadline_s, push_request=True)
            return
        message = text_of(response)
        said = read(message) if message is not None else None
        if said is not None and message is not None and react(self._pool.shared, said, message):
            self._pool.disconnect(inuse_connections=False)


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
