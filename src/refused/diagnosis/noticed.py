"""How long until an application notices that its peer is gone without a word.

Two cases differ by hours. While a command waits for its answer, data is in flight, and the kernel
sends it again (tcp_retries2, TCP_USER_TIMEOUT) unless the client gives up before. While the
connection is quiet, nothing is sent at all, and only keep-alive, TCP's or the client's own, finds
out. Commands that fail are not enough: what counts is when the connection itself is given up, for
until then every command on it fails.
"""

from __future__ import annotations

from refused.evidence.record import Record
from refused.service.limits import (
    DROPS_SINCE,
    client_liveness,
    client_timeouts_s,
    gives_up_s,
    unnoticed_s,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from refused.evidence.observations import ClientSettings, KernelSettings
    from refused.service.limits import Liveness


class Noticed(Record):
    """What is to be expected, in seconds; ``None``: never, as far as the settings tell.

    Attributes:
        in_flight_s: Until the connection is given up that a command waits on.
        in_flight_by: What gives it up.
        idle_s: Until a quiet connection is given up.
        idle_by: What gives it up.
        command_fails_s: Until a single command fails; the connection may outlive it.
    """

    in_flight_s: float | None
    in_flight_by: str
    idle_s: float | None
    idle_by: str
    command_fails_s: float | None = None


def until_noticed(
    kernel: KernelSettings | None,
    settings: ClientSettings | None = None,
    *,
    user_timeout_s: float | None = None,
    version: str = "",
) -> Noticed:
    """Reckon both cases from the kernel's settings and the client's, or its library's own.

    Args:
        kernel: ``None`` where it does not tell; then only what the client does counts.
        user_timeout_s: TCP_USER_TIMEOUT of the client's sockets, where it sets one.
        version: The library's version; the newest where nothing is said.
    """
    library = settings.client if settings is not None else ""
    own = client_liveness(library, version)
    limit_s = _command_s(settings, version)
    flight: list[tuple[float, str]] = []
    retries = kernel.tcp_retries2 if kernel is not None else None
    if retries is not None and not 0 <= retries <= 255:
        retries = None  # no kernel's: a bundle may come from anybody
    if user_timeout_s is not None:
        flight.append((gives_up_s(15, user_timeout_s=user_timeout_s), "TCP_USER_TIMEOUT"))
    elif retries is not None:
        flight.append((gives_up_s(retries), f"the kernel, with tcp_retries2 = {retries}"))
    if limit_s is not None and own is not None and own.drops_after is not None:
        times = "" if own.drops_after == 1 else f" {own.drops_after} times over"
        since = f", from version {DROPS_SINCE[library]} on" if library in DROPS_SINCE else ""
        flight.append((limit_s * own.drops_after, f"{library}, by its time-out{times}{since}"))
    in_flight = min(flight, default=None)
    idle = _idle(kernel, settings, own, user_timeout_s, in_flight[0] if in_flight else None)
    return Noticed(
        in_flight_s=in_flight[0] if in_flight else None,
        in_flight_by=in_flight[1] if in_flight else "",
        idle_s=idle[0] if idle else None,
        idle_by=idle[1] if idle else "",
        command_fails_s=limit_s,
    )


def _command_s(settings: ClientSettings | None, version: str) -> float | None:
    if settings is None:
        return None
    if settings.command_timeout_ms is not None:
        limit_s = settings.command_timeout_ms / 1000
        return limit_s if limit_s > 0 else None
    found = client_timeouts_s(settings.client, version)
    return found[1] if found is not None else None


def _idle(
    kernel: KernelSettings | None,
    settings: ClientSettings | None,
    own: Liveness | None,
    user_timeout_s: float | None,
    in_flight_s: float | None,
) -> tuple[float, str] | None:
    """Return what finds a quiet connection dead first; ``None`` where nothing does."""
    found: list[tuple[float, str]] = []
    set_s = settings.keepalive_s if settings is not None else None
    library = settings.client if settings is not None else ""
    pings = own is not None and own.ping_s is not None
    ping_s = (set_s if set_s is not None else own.ping_s) if own is not None and pings else None
    if ping_s and ping_s > 0 and in_flight_s is not None:
        # The PING is a command like any other: it waits as long as one.
        found.append((ping_s + in_flight_s, f"{library}'s own PING after {ping_s:.0f} s"))
    keep_s = set_s if set_s is not None and not pings else own.keepalive_s if own else None
    if keep_s == 0 and not pings and set_s == 0:
        keep_s = None  # the user switched it off
    if keep_s is not None:
        after = keep_s or (kernel.keepalive_time_s if kernel is not None else None)
        every = (own.interval_s if own else None) or (kernel and kernel.keepalive_interval_s)
        times = (own.probes if own else None) or (kernel and kernel.keepalive_probes)
        if after and every and times and min(after, every, times) > 0:
            lasts = unnoticed_s(
                idle_s=max(1, round(after)),
                interval_s=every,
                probes=times,
                user_timeout_s=user_timeout_s,
            )
            found.append((lasts, f"TCP keep-alive: {after:.0f} s, then {times} x {every} s"))
    return min(found, default=None)


def noticed_said(noticed: Noticed, library: str) -> str:
    """Say it in one sentence."""
    who = library or "a client without limits of its own"
    flight = (
        f"{span(noticed.in_flight_s)} while a command waits ({noticed.in_flight_by})"
        if noticed.in_flight_s is not None
        else "never while a command waits"
    )
    idle = (
        f"{span(noticed.idle_s)} on a quiet connection ({noticed.idle_by})"
        if noticed.idle_s is not None
        else "never on a quiet connection, for nothing is sent on it"
    )
    said = f"a peer that vanishes is noticed by {who} after {flight}, and {idle}"
    fails = noticed.command_fails_s
    if fails is not None and (noticed.in_flight_s is None or fails < noticed.in_flight_s / 2):
        said += f"; commands fail after {span(fails)} each, and go on failing on that connection"
    return said


def span(seconds: float) -> str:
    """Say a time as people do.

    >>> span(13.4), span(935), span(7875)
    ('13 s', '16 min', '2 h 11 min')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
