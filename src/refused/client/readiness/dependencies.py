"""What an application depends on, and how each is probed: once, within a time limit."""

from __future__ import annotations

import contextlib
import http.client
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import redis.exceptions as theirs

from refused.client import dialling, reasons, settings
from refused.client.connection import SteadyConnection, SteadyTlsConnection, SteadyUnixConnection
from refused.client.events import Events
from refused.client.shared import Shared

if TYPE_CHECKING:
    import socket

PROBE_S: Final = 2.0
Probe = Callable[[float], None]


class Unusable(Exception):
    """A dependency is not usable.

    Attributes:
        stage: The part of it that failed, one of the dependency's ``stages``.
        reason: Why, in one word; nothing that was said by the other side.
    """

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(f"{stage}: {reason}")
        self.stage = stage
        self.reason = reason


@dataclass(frozen=True)
class Dependency:
    """One thing that an application depends on.

    Attributes:
        name: What it is called in reports.
        kind: ``redis``, ``dns``, ``tcp``, ``http``, ``database`` or ``call``.
        stages: Its parts, in the order in which they are reached.
        probe: Looks at it, within so many seconds; raises :class:`Unusable`.
        is_required: Whether the application is not ready without it.
        close: Lets go of what the probe has kept open.
    """

    name: str
    kind: str
    stages: tuple[str, ...]
    probe: Probe
    is_required: bool
    close: Callable[[], None] = lambda: None


def redis(name: str, where: Any, *, required: bool = False, **keywords: Any) -> Dependency:
    """Return a Redis server: its name, address, TLS, login and a PING, on a connection of its own.

    Args:
        where: A URL, with *keywords* as for :func:`refused.client.connect`; or a client that one of
            our ``connect`` functions has made.
        required: A cache is not, by default.
    """
    if isinstance(where, str):
        wanted = settings.read(where, **keywords)
    else:
        found = getattr(where, "steady_settings", None) or getattr(
            getattr(where, "connection_pool", None), "settings", None
        )
        if not isinstance(found, settings.Settings):
            raise TypeError("a URL, or a client of refused.client.connect, is wanted here")
        wanted = found
    probe = _RedisProbe(wanted)
    stages = ("name", "address", *(("tls",) if wanted.is_tls else ()), "auth", "command")
    return Dependency(name, "redis", stages, probe, required, probe.close)


class _RedisProbe:
    """A PING on one connection, which stays open between the looks."""

    _STAGES: Final = {"dns": "name", "tcp": "address"}

    def __init__(self, wanted: settings.Settings) -> None:
        self._wanted = wanted
        self._connection: Any = None

    def __call__(self, within_s: float) -> None:
        until = time.monotonic() + within_s
        connection = self._connection
        if connection is not None and connection.is_connected and self._pings(connection, until):
            return
        connection = self._connection = connection or self._make()
        connection.disconnect()
        connection.call.begin(until)
        try:
            connection.connect()
        except (theirs.RedisError, OSError) as error:
            stage, reason = reasons.meaning(error)
            if not reasons.is_final(error) or reason == "certificate":
                stage = connection.stage
            raise Unusable(self._STAGES.get(stage, stage), reason) from error
        if not self._pings(connection, until, first=True):
            raise Unusable("command", "timeout")

    def _pings(self, connection: Any, until: float, *, first: bool = False) -> bool:
        connection.call.begin(until)
        try:
            connection.send_command("PING", check_health=False)
            connection.read_response()
        except theirs.NoPermissionError:
            return True  # an answer: the user may simply not PING
        except theirs.ResponseError as error:
            if str(error).startswith(("NOAUTH", "Authentication required")):
                raise Unusable("auth", "wrong-password") from error
            raise Unusable("command", reasons.meaning(error)[1]) from error
        except (theirs.RedisError, OSError) as error:
            if first or isinstance(error, (theirs.BusyLoadingError, theirs.AuthenticationError)):
                stage, reason = reasons.meaning(error)
                raise Unusable("auth" if stage == "auth" else "command", reason) from error
            return False  # an old connection may have ended; a new one will tell
        return True

    def _make(self) -> Any:
        wanted = self._wanted
        shared = Shared(wanted, Events(wanted.address, metrics=False), tries_once=True)
        shared.events.tell = lambda *_, **__: None  # type: ignore[method-assign]  # one voice is enough
        kind: Any = SteadyTlsConnection if wanted.is_tls else SteadyConnection
        if wanted.is_unix:
            kind = SteadyUnixConnection
        own = {"credential_provider": shared.credentials} if shared.credentials else {}
        return kind(shared=shared, **wanted.connection, **own)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.disconnect()


def dns(name: str, host: str, *, required: bool = False) -> Dependency:
    """Return a host name that has to have an address."""
    names = dialling.Names()

    def probe(within_s: float) -> None:
        _look_up(names, host, 0, within_s)

    return Dependency(name, "dns", ("name",), probe, required)


def tcp(name: str, host: str, port: int, *, required: bool = False) -> Dependency:
    """Return a port that has to accept connections; each look opens one and closes it."""
    names = dialling.Names()

    def probe(within_s: float) -> None:
        until = time.monotonic() + within_s
        found = _look_up(names, host, port, within_s)
        try:
            sock = dialling.dial(found, max(0.01, until - time.monotonic()), lambda _: None)
        except OSError as error:
            raise Unusable("address", _reason(error)) from error
        sock.close()

    return Dependency(name, "tcp", ("name", "address"), probe, required)


def http_address(
    name: str, url: str, *, required: bool = False, headers: dict[str, str] | None = None
) -> Dependency:
    """Return an address of the web that has to answer with a status below 400.

    A redirection is an answer; it is not followed. TLS is verified.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an address that begins with http:// or https:// is wanted")
    host, is_tls = parts.hostname, parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    names = dialling.Names()
    context = ssl.create_default_context() if is_tls else None

    def probe(within_s: float) -> None:
        until = time.monotonic() + within_s
        found = _look_up(names, host, port, within_s)
        stage = "address"
        sock: socket.socket | None = None
        try:
            sock = dialling.dial(found, max(0.01, until - time.monotonic()), lambda _: None)
            sock.settimeout(max(0.01, until - time.monotonic()))
            if context is not None:
                stage = "tls"
                sock = context.wrap_socket(sock, server_hostname=host)
            stage = "answer"
            asking = http.client.HTTPConnection(host, port)
            asking.sock = sock
            asking.request("GET", path, headers={"Connection": "close", **(headers or {})})
            status = asking.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise Unusable(stage, _reason(error)) from error
        finally:
            if sock is not None:
                sock.close()
        if status >= 400:
            raise Unusable("answer", f"status-{status}")

    stages = ("name", "address", *(("tls",) if is_tls else ()), "answer")
    return Dependency(name, "http", stages, probe, required)


def database(
    name: str, connect: Callable[[], Any], *, required: bool = True, statement: str = "SELECT 1"
) -> Dependency:
    """Return a database: *connect* opens a DB-API connection, on which *statement* is run.

    The connection stays open between the looks. The time limit is the driver's to keep; a look that
    takes longer counts as a failure, and no other is begun before it ends.
    """
    held: list[Any] = []

    def probe(within_s: float) -> None:  # noqa: ARG001  # see above
        stage = "command"
        try:
            if not held:
                stage = "login"
                held.append(connect())
                stage = "command"
            cursor = held[0].cursor()
            cursor.execute(statement)
            cursor.fetchall()
            cursor.close()
            with contextlib.suppress(Exception):
                held[0].rollback()  # no transaction is left open by a look
        except Exception as error:
            close()
            raise Unusable(stage, type(error).__name__) from error

    def close() -> None:
        while held:
            with contextlib.suppress(Exception):
                held.pop().close()

    return Dependency(name, "database", ("login", "command"), probe, required, close)


def call(name: str, ask: Callable[[], object], *, required: bool = False) -> Dependency:
    """Return anything else: usable unless *ask* raises or returns ``False``."""

    def probe(within_s: float) -> None:  # noqa: ARG001  # the function's own to keep
        try:
            answer = ask()
        except Exception as error:
            raise Unusable("answer", type(error).__name__) from error
        if answer is False:
            raise Unusable("answer", "said-no")

    return Dependency(name, "call", ("answer",), probe, required)


def _look_up(names: dialling.Names, host: str, port: int, within_s: float) -> list[Any]:
    try:
        return names.look_up(host, port, within_s)
    except (OSError, theirs.RedisError) as error:
        raise Unusable("name", reasons.meaning(error)[1]) from error


def _reason(error: BaseException) -> str:
    reason = reasons.meaning(error)[1]
    return type(error).__name__ if reason == "other" else reason
