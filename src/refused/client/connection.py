"""Connections that know when to give up; redis-py's, with dialling, reading and waiting replaced."""

from __future__ import annotations

import select
import socket
import time
from typing import TYPE_CHECKING, Any

import redis.exceptions as theirs
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.maint_notifications import MaintenanceState
from redis.utils import SENTINEL

from refused.client import dialling, settings
from refused.client.calls import Call
from refused.client.errors import GaveUp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from refused.client.shared import Shared

SMALL_BYTES = 16 * 1024  # the kernel takes so much at once from a connection with nothing under way
TICK_S = 0.1


class _Steady:
    """What our connections do differently; goes before redis-py's class.

    Args:
        shared: What the connections of one pool have in common.
        call: The account of its calls; one is made unless another connection's is meant.
    """

    # what redis-py's class beside us has
    _sock: Any
    retry: Any
    _parser: Any
    _command_packer: Any
    protocol: Any
    pid: int

    def __init__(self, *, shared: Shared, **keywords: Any) -> None:
        self.shared = shared
        self._is_made = False
        self._told = MaintenanceState.NONE
        own = keywords.pop("retry", None)
        super().__init__(retry=own or shared.new_call(), **keywords)  # type: ignore[call-arg]
        self._is_made = True
        kept = self.retry  # redis-py has made a copy
        self.call: Call = kept if isinstance(kept, Call) else shared.new_call()
        self.renewal = 0  # of the pool, when we dialled
        self.login: tuple[str, ...] | None = None
        self.renew_login_at: float | None = None
        self.stage = "dns"  # how far a dial has come: its failure is of this stage
        self._is_shaking_hands = False
        self._logins = 0
        self._poller: select.poll | None = None

    # --- connecting -------------------------------------------------------------------------------

    def connect(self) -> None:
        """Connect unless connected; try until the call's time is up."""
        if self._sock is not None:
            return
        call = self.call
        if call.give_up_at <= time.monotonic():  # nobody has begun a call: a subscription, a test
            call.give_up_at = time.monotonic() + call.deadline_s
        failures = 0
        while True:
            call.sent = False
            try:
                self.connect_check_health(check_health=True)
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
            time.sleep(pause)

    def connect_check_health(
        self,
        check_health: bool = True,  # noqa: FBT001, FBT002  # redis-py's signature
        retry_socket_connect: bool = True,  # noqa: FBT001, FBT002, ARG002
    ) -> None:
        """Dial and log in, once."""
        if self._sock is not None:
            return
        shared = self.shared
        shared.stop_if_refused()
        with shared.gate(self.call.give_up_at):
            self.renewal = shared.renewal
            self._logins = min(self._logins + 1, 4)
            self._is_shaking_hands = True
            try:
                if shared.credentials is not None:
                    shared.credentials.wait_until(self.call.give_up_at)
                super().connect_check_health(check_health, retry_socket_connect=False)  # type: ignore[misc]
            except theirs.RedisError as error:
                shared.saw_failure(error, self.stage)
                raise
            finally:
                self._is_shaking_hands = False
            self._logins = 0
            self.stage = "command"
            shared.let_in()
        sock: Any = self._sock
        sock.settimeout(shared.settings.silence_s)
        if hasattr(select, "poll"):  # not on Windows
            self._poller = select.poll()
            self._poller.register(sock, select.POLLIN)
        self.login, self.renew_login_at = shared.login_in_force()
        self._limit_reads()

    def _limit_reads(self) -> None:
        """Have the parser look at the clock after each piece of an answer that trickles in."""
        place: Any = self
        call, own_s = self.call, place.socket_timeout

        def look(*, is_ours: bool) -> None:
            if not is_ours or (now := time.monotonic()) <= call.give_up_at:
                return
            if now > call.limit(own_s):
                raise TimeoutError

        parser = self._parser
        inner = getattr(parser, "read_from_socket", None)
        if inner is None:  # the parsers in Python read on and on by themselves
            buffer = parser._buffer  # noqa: SLF001
            buffer._sock = _Watched(buffer._sock, look)  # noqa: SLF001
            return

        def read(*, timeout: Any = SENTINEL, **keywords: Any) -> Any:
            got = inner(timeout=timeout, **keywords)
            look(is_ours=timeout is SENTINEL)
            return got

        parser.read_from_socket = read

    def _has_begun(self) -> bool:
        """Whether a part of the answer is here."""
        parser = self._parser
        reader = getattr(parser, "_reader", None)
        if reader is not None:
            return bool(reader.has_data())
        return bool(parser._buffer.unread_bytes())  # noqa: SLF001

    def _connect(self) -> socket.socket:
        """Look the name up, and dial its addresses."""
        left_s = self.call.give_up_at - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the call's time is up")
        place: Any = self
        self.stage = "dns"
        found = self.shared.names.look_up(place.host, place.port, left_s)
        left_s = self.call.give_up_at - time.monotonic()
        self.stage = "tcp"
        sock = dialling.dial(found, max(0.01, min(settings.DIAL_S, left_s)), self._prepare)
        self._wait_at_most(sock)
        self.stage = "auth"
        return sock

    def _prepare(self, sock: socket.socket) -> None:
        place: Any = self
        if sock.family != getattr(socket, "AF_UNIX", None):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if place.socket_keepalive:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                for option, value in place.socket_keepalive_options.items():
                    sock.setsockopt(socket.IPPROTO_TCP, option, value)

    def _wait_at_most(self, sock: socket.socket) -> None:
        """Limit each step of a handshake; the limit doubles with each try that follows another."""
        first_s: float = self.socket_connect_timeout or settings.LOGIN_S  # type: ignore[attr-defined]
        left_s = self.call.give_up_at - time.monotonic()
        sock.settimeout(max(0.01, min(first_s * 2 ** (self._logins - 1), left_s)))

    def disconnect(self, *args: Any, **keywords: Any) -> None:
        """Close the socket."""
        self._poller = None
        super().disconnect(*args, **keywords)  # type: ignore[misc]

    # --- between two calls ------------------------------------------------------------------------

    def is_quiet(self) -> bool:
        """Whether nothing waits to be read: neither data nor the end of the connection."""
        poller = self._poller
        return not self.can_read() if poller is None else not poller.poll(0)  # type: ignore[attr-defined]

    def is_alive(self) -> bool:
        """Whether the server answers on this connection within the silence that we grant."""
        try:
            self.call.begin(time.monotonic() + self.shared.settings.silence_s)
            self.send_command("PING", check_health=False)
            self.read_response()
        except theirs.ResponseError:
            return True  # a refusal is an answer
        except theirs.RedisError:
            return False
        return True

    def renew_login(self) -> None:
        """Log in again on the same connection, before the token that it was opened with lapses."""
        credentials = self.shared.credentials
        if credentials is None:
            return
        new = credentials.get_credentials()
        if new != self.login:
            self.call.commands, self._is_shaking_hands = (("AUTH",),), True
            try:
                self.send_command("AUTH", *new, check_health=False)
                self.read_response()
            finally:
                self._is_shaking_hands = False
        self.login, self.renew_login_at = self.shared.login_in_force()

    def check_health(self) -> None:
        """Do nothing: the pool looks after idle connections when it hands them out."""

    def update_current_socket_timeout(self, relaxed_timeout: float | None = None) -> None:
        """Leave time limits alone during maintenance: the call's deadline stands."""

    @property
    def maintenance_state(self) -> MaintenanceState:
        """What redis-py has been told on this connection (RESP3)."""
        return self._told

    @maintenance_state.setter
    def maintenance_state(self, state: MaintenanceState) -> None:
        self._told = state
        if self._is_made:
            self.shared.saw_maintenance(is_under_way=state is not MaintenanceState.NONE)

    # --- sending ----------------------------------------------------------------------------------

    def send_command(self, *args: Any, **keywords: Any) -> None:  # noqa: ARG002
        """Send a command, and note what it was."""
        if self._sock is None:
            self.connect_check_health(check_health=False)
        if not self._is_shaking_hands:
            self.call.commands = (args,)
        self.send_packed_command(self._command_packer.pack(*args), check_health=False)

    def pack_commands(self, commands: Iterable[Sequence[Any]]) -> list[bytes]:
        """Pack a pipeline, and note what is in it."""
        noted = list(commands)
        self.call.commands = noted
        packed: list[bytes] = super().pack_commands(noted)  # type: ignore[misc]
        return packed

    def send_packed_command(
        self,
        command: str | bytes | Sequence[bytes],
        check_health: bool = True,  # noqa: FBT001, FBT002, ARG002  # redis-py's signature
    ) -> None:
        """Send what is packed."""
        if self._sock is None:
            self.connect_check_health(check_health=False)
        if isinstance(command, (str, bytes)):
            command = [command.encode() if isinstance(command, str) else command]
        sock = self._sock
        call = self.call
        if not self._is_shaking_hands:
            call.sent = True
        call.sent_at = time.monotonic()
        try:
            if len(command) == 1 and len(command[0]) <= SMALL_BYTES:
                sock.sendall(command[0])
            else:
                self._send_much(sock, command)
        except TimeoutError:
            self._lose()
            raise theirs.TimeoutError("Timeout writing to socket") from None
        except OSError as error:
            self._lose()
            number = error.errno if error.errno is not None else "UNKNOWN"
            said = error.strerror or str(error)
            raise theirs.ConnectionError(
                f"Error {number} while writing to socket. {said}."
            ) from error
        except BaseException:
            self._lose()  # half a command is out: nothing can follow it
            raise

    def _lose(self) -> None:
        """Close a connection that has broken under a command, if one was under way."""
        if not self._is_shaking_hands:
            self.shared.lost(self.call)
        self.disconnect()

    def _send_much(self, sock: Any, pieces: Sequence[bytes]) -> None:
        """Send what the kernel may not take at once: it may take as long as the call does."""
        before_s = sock.gettimeout()
        limit = self.call.limit(self.socket_timeout)  # type: ignore[attr-defined]
        for piece in pieces:
            sock.settimeout(max(0.01, limit - time.monotonic()))
            sock.sendall(piece)
        sock.settimeout(before_s)

    # --- reading ----------------------------------------------------------------------------------

    def read_response(
        self,
        disable_decoding: bool = False,  # noqa: FBT001, FBT002  # redis-py's signature
        *,
        timeout: float | object | None = SENTINEL,
        disconnect_on_error: bool = True,
        push_request: bool = False,
    ) -> Any:
        """Read an answer; wait for it as long as the call may take, unless *timeout* says else."""
        keywords: dict[str, Any] = {"disable_decoding": disable_decoding}
        if self.protocol in (3, "3"):
            keywords["push_request"] = push_request
        read = self._parser.read_response
        try:
            if timeout is not SENTINEL:
                response = self._read_within(timeout, read, keywords)
            else:
                try:
                    response = read(**keywords)
                except (theirs.TimeoutError, TimeoutError):
                    response = self._keep_reading(read, keywords)
        except TimeoutError:
            if disconnect_on_error:
                self._lose()
            raise theirs.TimeoutError(f"Timeout reading from {self._at()}") from None
        except OSError as error:
            if disconnect_on_error:
                self._lose()
            broken = theirs.ConnectionError(f"Error while reading from {self._at()} : {error.args}")
            broken.__cause__ = error
            self._tell_of(broken)
            raise broken from error
        except BaseException as error:
            if disconnect_on_error:
                self._lose()
            self._tell_of(error)
            raise
        if isinstance(response, theirs.ResponseError):
            try:
                self.shared.saw_refusal(response)
                raise response
            finally:
                del response  # no cycle of references
        return response

    def _tell_of(self, error: BaseException) -> None:
        if type(error) is theirs.ConnectionError and not self._is_shaking_hands:
            self.shared.saw_loss(error)

    def _at(self) -> str:
        at: str = self._host_error()  # type: ignore[attr-defined]
        return at

    def _read_within(self, timeout: Any, read: Callable[..., Any], keywords: dict[str, Any]) -> Any:
        try:
            return read(timeout=timeout, **keywords)
        finally:
            place: Any = self
            place.next_health_check = time.monotonic() + place.health_check_interval
            if self._sock is not None:
                self._sock.settimeout(self.shared.settings.silence_s)

    def _keep_reading(self, read: Callable[..., Any], keywords: dict[str, Any]) -> Any:
        """Go on waiting after a silence, while somebody looks whether the server is there."""
        call = self.call
        if self._is_shaking_hands:
            raise theirs.TimeoutError("Timeout connecting to server") from None
        sock = self._sock
        limit = call.limit(self.socket_timeout)  # type: ignore[attr-defined]
        may_judge = call.may_be_judged() and self.shared.liveness is not None
        while (now := time.monotonic()) < limit:
            was_answered = False
            if may_judge and self.shared.liveness is not None and not self._has_begun():
                was_answered = self.shared.liveness.has_answered(call.sent_at)
                if not was_answered:
                    self.shared.liveness.ask()
            sock.settimeout(max(0.001, min(TICK_S if may_judge else 1.0, limit - now)))
            try:
                response = read(**keywords)
            except (theirs.TimeoutError, TimeoutError):
                if was_answered:
                    error = theirs.TimeoutError(
                        f"Timeout reading from {self._at()}: it answers others, and is silent on "
                        f"this connection for {time.monotonic() - call.sent_at:.1f} s"
                    )
                    self.shared.saw_silence(error)
                    raise error from None
            else:
                sock.settimeout(self.shared.settings.silence_s)
                return response
        gave_up = GaveUp(
            f"Timeout reading from {self._at()}: no answer within "
            f"{time.monotonic() - call.sent_at:.1f} s"
        )
        self.shared.saw_no_answer(gave_up, time.monotonic() - call.sent_at)
        raise gave_up from None


class _Watched:
    """A socket with somebody who looks at the clock after each piece that is read."""

    def __init__(self, sock: Any, look: Callable[..., None]) -> None:
        self._sock = sock
        self._look = look
        self._is_ours = True

    def recv(self, size: int) -> bytes:
        """Read a piece."""
        got: bytes = self._sock.recv(size)
        self._look(is_ours=self._is_ours)
        return got

    def settimeout(self, timeout: float | None) -> None:
        """Set the socket's time limit; none, as a subscription has it, is none for us."""
        self._is_ours = timeout is not None
        self._sock.settimeout(timeout)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class SteadyConnection(_Steady, Connection):
    """A connection in the clear."""


class SteadyTlsConnection(_Steady, SSLConnection):
    """A connection through TLS, with one context for the pool."""

    def _connect(self) -> socket.socket:
        sock = _Steady._connect(self)  # noqa: SLF001  # not redis-py's, which wraps by itself
        try:
            self.stage = "tls"
            wrapped = self.shared.tls_context.wrap_socket(sock, server_hostname=self.server_name)
            self._wait_at_most(wrapped)
            self.stage = "auth"
        except BaseException:
            sock.close()
            raise
        return wrapped

    @property
    def server_name(self) -> str:
        """The name that the certificate must be for, and that SNI sends."""
        return self.shared.server_name or self.host


class SteadyUnixConnection(_Steady, UnixDomainSocketConnection):
    """A connection through a socket in the file system."""

    def _connect(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.stage = "tcp"
            self._wait_at_most(sock)
            sock.connect(self.path)
            self.stage = "auth"
        except BaseException:
            sock.close()
            raise
        return sock
