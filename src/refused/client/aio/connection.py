"""Asynchronous connections that know when to give up.

No timer is set for a command: the pool looks at all connections that wait, ten times a second, and
ends what has waited too long. redis-py sets up a time-out for each write and each read.
"""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING, Any

import redis.exceptions as theirs
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.maint_notifications import MaintenanceState

from refused.client import dialling, settings
from refused.client.calls import AsyncCall
from refused.client.errors import GaveUp

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Sequence

    from refused.client.aio.shared import AsyncShared


class _Steady:
    """What our connections do differently; goes before redis-py's class."""

    # what redis-py's class beside us has
    _reader: Any
    retry: Any
    _writer: Any
    _parser: Any
    protocol: Any

    def __init__(self, *, shared: AsyncShared, **keywords: Any) -> None:
        self.shared = shared
        self._is_made = False
        self._told = MaintenanceState.NONE
        own = keywords.pop("retry", None)
        super().__init__(retry=own or shared.new_async_call(), **keywords)  # type: ignore[call-arg]
        self._is_made = True
        kept = self.retry  # redis-py has made a copy
        self.call: AsyncCall = kept if isinstance(kept, AsyncCall) else shared.new_async_call()
        self.renewal = 0
        self.login: tuple[str, ...] | None = None
        self.renew_login_at: float | None = None
        self.stage = "dns"  # how far a dial has come: its failure is of this stage
        self.is_waiting = False  # for an answer, or for room to write: the pool keeps an eye on it
        self._is_shaking_hands = False
        self._logins = 0
        self._verdict: theirs.TimeoutError | None = None
        self._others_answered = 0.0

    # --- connecting -------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Connect unless connected; try until the call's time is up."""
        if self._reader is not None:
            return
        call = self.call
        if call.give_up_at <= time.monotonic():
            call.give_up_at = time.monotonic() + call.deadline_s
        failures = 0
        while True:
            call.sent = False
            try:
                await self.connect_check_health(check_health=True)
            except theirs.RedisError as error:
                failures += 1
                if not call.is_worth_it(error):
                    raise
                pause = call.rest_s(failures)
                if pause is None:
                    call.explain(error, gave_up_after=failures)
                    raise
            else:
                return
            await asyncio.sleep(pause)

    async def connect_check_health(
        self,
        check_health: bool = True,  # noqa: FBT001, FBT002  # redis-py's signature
        retry_socket_connect: bool = True,  # noqa: FBT001, FBT002, ARG002
    ) -> None:
        """Dial and log in, once."""
        if self._reader is not None:
            return
        shared = self.shared
        shared.stop_if_refused()
        async with shared.async_gate(self.call.give_up_at):
            self.renewal = shared.renewal
            self._logins = min(self._logins + 1, 4)
            self._is_shaking_hands = True
            self._verdict = None
            try:
                async with asyncio.timeout(self._handshake_s()):
                    await super().connect_check_health(check_health, retry_socket_connect=False)  # type: ignore[misc]
            except TimeoutError:
                self._close()  # type: ignore[attr-defined]
                late = theirs.TimeoutError("Timeout connecting to server")
                shared.saw_failure(late, self.stage)
                raise late from None
            except theirs.RedisError as error:
                shared.saw_failure(error, self.stage)
                raise
            except BaseException:
                self._close()  # type: ignore[attr-defined]
                raise
            finally:
                self._is_shaking_hands = False
            self._logins = 0
            shared.let_in()
        self.login, self.renew_login_at = shared.login_in_force()

    def _handshake_s(self) -> float:
        """Limit the dial and the handshake; the limit doubles with each try that follows another."""
        first_s: float = self.socket_connect_timeout or settings.LOGIN_S  # type: ignore[attr-defined]
        left_s = self.call.give_up_at - time.monotonic()
        return max(0.01, min(settings.DIAL_S + first_s * 2.0 ** (self._logins - 1), left_s))

    async def _connect(self) -> None:
        """Look the name up, and dial its addresses."""
        place: Any = self
        left_s = self.call.give_up_at - time.monotonic()
        self.stage = "dns"
        found = await self.shared.names.look_up_async(place.host, place.port, max(0.0, left_s))
        left_s = self.call.give_up_at - time.monotonic()
        self.stage = "tcp"
        sock = await dialling.dial_async(
            found, max(0.01, min(settings.DIAL_S, left_s)), self._prepare
        )
        await self._open(sock)

    async def _open(self, sock: socket.socket) -> None:
        context = self.context
        named: dict[str, Any] = {"server_hostname": self.server_name} if context is not None else {}
        self.stage = "tls" if context is not None else "auth"
        try:
            self._reader, self._writer = await asyncio.open_connection(
                sock=sock, ssl=context, **named
            )
        except BaseException:
            sock.close()
            raise
        self.stage = "auth"

    @property
    def context(self) -> ssl.SSLContext | None:
        """The TLS context; ``None``: in the clear."""
        return None

    @property
    def server_name(self) -> str:
        """The name that the certificate must be for, and that SNI sends."""
        place: Any = self
        return self.shared.server_name or str(place.host)

    def _prepare(self, sock: socket.socket) -> None:
        place: Any = self
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if place.socket_keepalive:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in place.socket_keepalive_options.items():
                sock.setsockopt(socket.IPPROTO_TCP, option, value)

    # --- between two calls ------------------------------------------------------------------------

    async def is_alive(self) -> bool:
        """Whether the server answers on this connection within the silence that we grant."""
        try:
            async with asyncio.timeout(self.shared.settings.silence_s):
                await self.send_command("PING", check_health=False)
                await self.read_response()
        except theirs.ResponseError:
            return True  # a refusal is an answer
        except (theirs.RedisError, TimeoutError):
            return False
        return True

    async def renew_login(self) -> None:
        """Log in again on the same connection, before the token that it was opened with lapses."""
        credentials = self.shared.credentials
        if credentials is None:
            return
        new = await credentials.get_credentials_async()
        if new != self.login:
            self._is_shaking_hands = True
            try:
                async with asyncio.timeout(self._handshake_s()):
                    await self.send_command("AUTH", *new, check_health=False)
                    await self.read_response()
            finally:
                self._is_shaking_hands = False
        self.login, self.renew_login_at = self.shared.login_in_force()

    async def check_health(self) -> None:
        """Do nothing: the pool looks after idle connections when it hands them out."""

    def update_current_socket_timeout(self, relaxed_timeout: float | None = None) -> None:
        """Leave time limits alone during maintenance: the call's deadline stands."""

    def judge(self, now: float) -> None:
        """End a wait that has lasted too long; called by the pool, ten times a second."""
        call = self.call
        if now - call.sent_at < self.shared.settings.silence_s:
            return
        place: Any = self
        at = place._host_error()  # noqa: SLF001
        if now >= call.limit(place.socket_timeout):
            waited_s = now - call.sent_at
            gave_up = GaveUp(f"Timeout reading from {at}: no answer within {waited_s:.1f} s")
            self.shared.saw_no_answer(gave_up, waited_s)
            self._end(gave_up)
        elif call.may_be_judged() and self.shared.looker is not None and not self._has_begun():
            if not self.shared.looker.has_answered(call.sent_at):
                self.shared.looker.ask()
            elif self._others_answered != call.sent_at:
                self._others_answered = call.sent_at  # ours may be on its way: until the next look
            else:
                silent = theirs.TimeoutError(
                    f"Timeout reading from {at}: it answers others, and is silent on this "
                    f"connection for {now - call.sent_at:.1f} s"
                )
                self.shared.saw_silence(silent)
                self._end(silent)

    def _has_begun(self) -> bool:
        """Whether a part of the answer is here."""
        parser = self._parser
        reader = getattr(parser, "_reader", None)
        if reader is not None and reader.has_data():
            return True
        return bool(self._reader._buffer or getattr(parser, "_chunks", None))  # noqa: SLF001

    def _end(self, verdict: theirs.TimeoutError) -> None:
        self.is_waiting = False
        self._verdict = verdict
        if self._reader is not None:
            self._reader.set_exception(verdict)
        if self._writer is not None:
            self._writer.transport.abort()

    @property
    def maintenance_state(self) -> MaintenanceState:
        """What redis-py has been told on this connection (RESP3)."""
        return self._told

    @maintenance_state.setter
    def maintenance_state(self, state: MaintenanceState) -> None:
        self._told = state
        if self._is_made:
            self.shared.saw_maintenance(is_under_way=state is not MaintenanceState.NONE)

    # --- sending and reading ----------------------------------------------------------------------

    async def send_command(self, *args: Any, **keywords: Any) -> None:  # noqa: ARG002
        """Send a command, and note what it was."""
        if self._reader is None:
            await self.connect_check_health(check_health=False)
        if not self._is_shaking_hands:
            self.call.commands = (args,)
        await self.send_packed_command(self.pack_command(*args), check_health=False)  # type: ignore[attr-defined]

    def pack_commands(self, commands: Iterable[Sequence[Any]]) -> list[bytes]:
        """Pack a pipeline, and note what is in it."""
        noted = list(commands)
        self.call.commands = noted
        packed: list[bytes] = super().pack_commands(noted)  # type: ignore[misc]
        return packed

    async def send_packed_command(
        self,
        command: str | bytes | Iterable[bytes],
        check_health: bool = True,  # noqa: FBT001, FBT002, ARG002  # redis-py's signature
    ) -> None:
        """Send what is packed."""
        if self._reader is None:
            await self.connect_check_health(check_health=False)
        if isinstance(command, (str, bytes)):
            command = [command.encode() if isinstance(command, str) else command]
        call = self.call
        if not self._is_shaking_hands:
            call.sent = True
            self.is_waiting = True
        call.sent_at = time.monotonic()
        try:
            self._writer.writelines(command)
            await self._writer.drain()
        except OSError as error:
            await self._lose()
            if self._verdict is not None:
                raise self._verdict from None
            number = error.errno if error.errno is not None else "UNKNOWN"
            said = error.strerror or str(error)
            raise theirs.ConnectionError(
                f"Error {number} while writing to socket. {said}."
            ) from error
        except BaseException:
            await self._lose()
            raise
        finally:
            self.is_waiting = False

    async def read_response(
        self,
        disable_decoding: bool = False,  # noqa: FBT001, FBT002  # redis-py's signature
        timeout: float | None = None,  # noqa: ASYNC109  # redis-py's signature
        *,
        disconnect_on_error: bool = True,
        push_request: bool | None = False,
    ) -> Any:
        """Read an answer; wait for it as long as the call may take, unless *timeout* says else."""
        if timeout is not None:
            return await super().read_response(  # type: ignore[misc]
                disable_decoding,
                timeout,
                disconnect_on_error=disconnect_on_error,
                push_request=push_request,
            )
        self.is_waiting = not self._is_shaking_hands
        try:
            if self.protocol in (3, "3"):
                response = await self._parser.read_response(
                    disable_decoding=disable_decoding, push_request=push_request
                )
            else:
                response = await self._parser.read_response(disable_decoding=disable_decoding)
        except OSError as error:
            if disconnect_on_error:
                await self._lose()
            if self._verdict is not None:
                raise self._verdict from None
            at = self._host_error()  # type: ignore[attr-defined]
            broken = theirs.ConnectionError(f"Error while reading from {at} : {error.args}")
            broken.__cause__ = error
            self._tell_of(broken)
            raise broken from error
        except BaseException as error:
            if disconnect_on_error:
                await self._lose()
            self._tell_of(error)
            raise
        finally:
            self.is_waiting = False
        if isinstance(response, theirs.ResponseError):
            self.shared.saw_refusal(response)
            raise response from None
        return response

    async def _lose(self) -> None:
        """Close a connection that has broken under a command, if one was under way."""
        if not self._is_shaking_hands:
            self.shared.lost(self.call)
        await self.disconnect(nowait=True)  # type: ignore[attr-defined]

    def _tell_of(self, error: BaseException) -> None:
        if type(error) is theirs.ConnectionError and not self._is_shaking_hands:
            self.shared.saw_loss(error)


class SteadyConnection(_Steady, Connection):  # type: ignore[misc]  # pack_commands() takes more
    """A connection in the clear."""


class SteadyTlsConnection(_Steady, SSLConnection):  # type: ignore[misc]
    """A connection through TLS, with one context for the pool."""

    @property
    def context(self) -> ssl.SSLContext:
        """The pool's TLS context."""
        return self.shared.tls_context


class SteadyUnixConnection(_Steady, UnixDomainSocketConnection):  # type: ignore[misc]
    """A connection through a socket in the file system."""

    async def _connect(self) -> None:
        self._reader, self._writer = await asyncio.open_unix_connection(path=self.path)
