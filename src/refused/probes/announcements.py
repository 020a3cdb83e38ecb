"""Hear what the service announces before it works on a node, and read it strictly.

Azure Cache for Redis publishes to the channel ``AzureRedisEvents``. A server that pushes (RESP3:
MOVING, MIGRATING, FAILING_OVER …) does so once the client has asked with ``CLIENT
MAINT_NOTIFICATIONS ON``; that Azure Managed Redis offers it is not documented, so it is asked, and
a refusal is noted.

Sources: https://github.com/Azure/AzureCacheForRedis/blob/main/AzureRedisEvents.md;
https://github.com/StackExchange/StackExchange.Redis/blob/HEAD/src/StackExchange.Redis/Maintenance/AzureMaintenanceEvent.cs;
https://github.com/redis/redis-py/blob/HEAD/redis/maint_notifications.py

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import time

from refused.evidence.observations import MaintenanceEvent, Unseen
from refused.evidence.redaction import redact
from refused.probes.wire.first_bytes import printable_text
from refused.probes.wire.resp import Decoder, NotResp, RedisError, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

    from refused.probes.over_time import Watch

CHANNEL = "AzureRedisEvents"
PUSHES = (
    "MOVING",
    "MIGRATING",
    "MIGRATED",
    "FAILING_OVER",
    "FAILED_OVER",
    "SMIGRATING",
    "SMIGRATED",
)
# Which announcements a service may have.
LISTENS = {"acr": "channel", "amr": "push", "acre": "push"}

MOST_EVENTS = 64
LONGEST_TEXT = 300
# Longer messages are none of the service's.
_LONGEST_MESSAGE = 4096
_LONGEST_KIND = 60
_LOOK_EVERY_S = 0.5
_PING_EVERY_S = 60.0
# No maintenance is announced for longer ahead than a month.
_LONGEST_AHEAD_S = 31 * 86400


class NoAnnouncement(ValueError):
    """A message is not of the form in which the service announces; the text says why."""


def read_channel(message: str, *, vantage: str, at: float) -> MaintenanceEvent:
    """Read ``NotificationType|…|StartTimeInUTC|…|IsReplica|…|IPAddress|…|SSLPort|…|NonSSLPort|…``.

    Capitals vary, and the time has two names, ``StartTimeInUTC`` and ``StartTimeUtc``. A field that
    is there must be what its name says.

    Raises:
        NoAnnouncement: It is something else.
    """
    if len(message) > _LONGEST_MESSAGE:
        raise NoAnnouncement(f"{len(message)} characters are too many")
    parts = message.strip().split("|")
    if len(parts) % 2:
        raise NoAnnouncement("it does not come in pairs")
    told: Dict[str, str] = {}
    for name, value in zip(parts[::2], parts[1::2]):
        key = name.strip().lower()
        if key in told:
            raise NoAnnouncement(f"it says {printable_text(key)[:20]} twice")
        told[key] = value.strip()
    kind = told.get("notificationtype", "")
    if not kind or len(kind) > _LONGEST_KIND or not kind.isascii() or not kind.isalnum():
        raise NoAnnouncement("it names no kind of notification")
    starts = told.get("starttimeinutc") or told.get("starttimeutc") or ""
    replica = told.get("isreplica", "").lower()
    if replica not in ("", "true", "false"):
        raise NoAnnouncement("IsReplica is neither true nor false")
    port = _port(told.get("sslport", "")) or _port(told.get("nonsslport", ""))
    return MaintenanceEvent(
        vantage=vantage,
        at=at,
        took_ms=0.0,
        source=f"SUBSCRIBE {CHANNEL}",
        channel=CHANNEL,
        event=kind,
        starts_at=_utc(starts) if starts else None,
        is_replica=replica == "true" if replica else None,
        address=_address(told.get("ipaddress", "")),
        port=port,
        text=redact(printable_text(message))[:LONGEST_TEXT],
    )


def read_push(value: object, *, vantage: str, at: float) -> MaintenanceEvent:
    """Read ``[NAME, sequence number, seconds or slots …]`` as a RESP3 push brings it.

    ``MOVING n seconds host:port`` · ``MIGRATING n seconds …`` · ``FAILING_OVER n seconds …`` ·
    ``MIGRATED n`` · ``FAILED_OVER n``; what follows is kept as text.

    Raises:
        NoAnnouncement: It is something else.
    """
    if not isinstance(value, list) or not 2 <= len(value) <= 16:
        raise NoAnnouncement("it is no list of words")
    name = _word(value[0])
    if name not in PUSHES:
        raise NoAnnouncement("it names no kind of maintenance")
    if _number(value[1]) is None:
        raise NoAnnouncement("it bears no sequence number")
    starts: float | None = None
    if name in ("MOVING", "MIGRATING", "FAILING_OVER"):
        ahead = _number(value[2]) if len(value) > 2 else None
        if ahead is None or not 0 <= ahead <= _LONGEST_AHEAD_S:
            raise NoAnnouncement("it does not say when")
        starts = at + ahead
    address, port = "", None
    if name == "MOVING" and len(value) > 3 and value[3] is not None:
        host, colon, digits = _word(value[3]).rpartition(":")
        port = _port(digits)
        if not colon or port is None or len(host) > 253:
            raise NoAnnouncement("it does not say where to")
        address = redact(host)
    text = " ".join(_word(each) for each in value)
    return MaintenanceEvent(
        vantage=vantage,
        at=at,
        took_ms=0.0,
        source="RESP3 push",
        channel="push",
        event=name,
        starts_at=starts,
        address=address,
        port=port,
        text=redact(text)[:LONGEST_TEXT],
    )


def _word(value: object) -> str:
    if isinstance(value, bytes):
        value = value[:_LONGEST_MESSAGE].decode("utf-8", "backslashreplace")
    if isinstance(value, list):
        return f"[{len(value)} entries]"
    return printable_text(str(value)[:_LONGEST_MESSAGE])


def _number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    text = _word(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _port(text: str) -> int | None:
    """Return a port; ``None`` for none, which the service writes as 0.

    Raises:
        NoAnnouncement: *text* is no port.
    """
    if text in ("", "0"):
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise NoAnnouncement(f"{printable_text(text)[:20]!r} is no port")
    return int(text)


def _address(text: str) -> str:
    from refused.probes.tcp import is_address

    if text and not is_address(text):
        raise NoAnnouncement(f"{printable_text(text)[:40]!r} is no address")
    return text


def _utc(text: str) -> float:
    """Read ``2024-01-31T09:05:00``, with or without ``Z`` and fractions, as seconds since 1970.

    Raises:
        NoAnnouncement: It is no such time.
    """
    import calendar

    bare = text[:-1] if text.endswith(("Z", "z")) else text
    whole, _, fraction = bare.partition(".")
    digits = fraction or "0"
    try:
        at = calendar.timegm(time.strptime(whole.replace(" ", "T"), "%Y-%m-%dT%H:%M:%S"))
    except (ValueError, OverflowError):
        at = -1
    if at < 0 or not (digits.isascii() and digits.isdigit() and len(digits) <= 9):
        raise NoAnnouncement(f"{printable_text(text)[:40]!r} is no time")
    return at + float(f"0.{digits}")


# --- listening ---------------------------------------------------------------------------------


def listen(watch: Watch, how: str) -> None:
    """Listen on a connection of its own until the watch is over; what is heard is noted there.

    Args:
        how: ``channel`` or ``push``.
    """
    reached = watch.connect(3 if how == "push" else None, counted=False)
    if reached is None or reached.talk is None or reached.stage != "done":
        why = "no connection was left for it" if reached is None else "no connection was to be had"
        _unseen(watch, why, "look again when the server is well")
        if reached is not None:
            reached.close()
        return
    try:
        _hear(watch, reached.talk.channel, how)
    finally:
        reached.close()


def _hear(watch: Watch, channel: Any, how: str) -> None:
    asking = ("SUBSCRIBE", CHANNEL) if how == "channel" else ("CLIENT", "MAINT_NOTIFICATIONS", "ON")
    decoder, heard, confirmed = Decoder(), 0, False
    asked_at = time.monotonic()
    try:
        channel.send(encode(*asking))
        while not watch.over.is_set() and heard < MOST_EVENTS:
            if time.monotonic() - asked_at > _PING_EVERY_S:
                asked_at = time.monotonic()
                channel.send(encode("PING"))
            try:
                data = channel.recv(_LOOK_EVERY_S)
            except TimeoutError as quiet:
                if quiet.errno is not None:  # the kernel's, which has given up
                    return
                continue
            if not data:
                return
            decoder.feed(data)
            for value in _values(decoder):
                if isinstance(value, RedisError) and not confirmed:
                    how_to_see = f"log in as a user that may use {' '.join(asking[:2])}"
                    if how == "push":
                        how_to_see = "the activity log and Resource Health of the cache"
                    _unseen(
                        watch, f"{asking[0]} is refused: {redact(value.text)[:120]}", how_to_see
                    )
                    return
                confirmed = True
                if heard < MOST_EVENTS:
                    heard += _note(watch, value, how)
    except (OSError, NotResp):
        return  # how the connection ended is the attempts' part to tell


def _values(decoder: Decoder) -> List[object]:
    found: List[object] = []
    while True:
        reply = decoder.next()
        if reply is None:
            return found
        found.append(reply.value)


def _note(watch: Watch, value: object, how: str) -> int:
    """Note an announcement; what is none counts for nothing."""
    try:
        if how == "push":
            event = read_push(value, vantage=watch.vantage, at=time.time())
        else:
            event = read_channel(_message(value), vantage=watch.vantage, at=time.time())
    except NoAnnouncement:
        return 0
    watch.note(event)
    return 1


def _message(value: object) -> str:
    """Return what was published to our channel.

    Raises:
        NoAnnouncement: *value* is something else, such as the word that we are subscribed.
    """
    if isinstance(value, list) and len(value) == 3:
        kind, channel, payload = value
        if kind in (b"message", "message") and channel in (CHANNEL.encode(), CHANNEL):
            return (
                payload.decode("utf-8", "replace") if isinstance(payload, bytes) else str(payload)
            )
    raise NoAnnouncement("it is no message of the channel")


def _unseen(watch: Watch, why: str, how_to_see: str) -> None:
    watch.note(
        Unseen(vantage=watch.vantage, what="MaintenanceEvent", why=why, how_to_see=how_to_see)
    )
