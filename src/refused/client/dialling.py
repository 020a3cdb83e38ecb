"""Looking a name up and dialling its addresses, both within a time limit."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import os
import selectors
import socket
import threading
import time
from typing import TYPE_CHECKING, Final

from refused.client.errors import NoAddress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Address = tuple[socket.AddressFamily, int, int, tuple[str, int] | tuple[str, int, int, int]]

STAGGER_S: Final = 0.3  # RFC 8305 section 5 has 250 ms between attempts


class Names:
    """Looks names up anew for each dial, and remembers the last answer for when DNS is down.

    ``getaddrinfo`` knows no time limit: a resolver that is silent holds it for as long as
    resolv.conf says, 5 s and more. So it runs in a thread, one for each name at a time, and who
    has waited long enough goes on without it.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], list[Address]] = {}
        self._asking: dict[tuple[str, int], _Question] = {}
        self._lock = threading.Lock()

    def look_up(self, host: str, port: int, within_s: float) -> list[Address]:
        """Return the addresses of *host*, in the system's order.

        Raises:
            socket.gaierror: There is no such name.
            NoAddress: No answer came in time, and there never was one.
        """
        literal = _literal(host, port)
        if literal is not None:
            return [literal]
        question = self._ask(host, port)
        question.done.wait(within_s)
        return self._outcome(question, within_s)

    async def look_up_async(self, host: str, port: int, within_s: float) -> list[Address]:
        """Return the addresses of *host* without holding up the event loop; else as above."""
        literal = _literal(host, port)
        if literal is not None:
            return [literal]
        loop = asyncio.get_running_loop()
        told = asyncio.Event()
        question = self._ask(host, port, lambda: _tell(loop, told))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await told.wait()
        return self._outcome(question, within_s)

    def _ask(self, host: str, port: int, when_done: Callable[[], None] | None = None) -> _Question:
        key = (host, port)
        with self._lock:
            question = self._asking.get(key)
            is_new = question is None
            if question is None:
                question = self._asking[key] = _Question(host, port, self._answered)
            if when_done is not None:
                question.when_done.append(when_done)
        if is_new:
            question.start()
        return question

    def _outcome(self, question: _Question, within_s: float) -> list[Address]:
        host, port = question.host, question.port
        if question.answer:
            return question.answer
        known = self._known.get((host, port))
        if known and (question.failure is None or _may_pass(question.failure)):
            return known
        if question.failure is not None:
            raise question.failure
        raise NoAddress(
            f"Error connecting to {host}:{port}. The name was not looked up within {within_s:.1f} s"
        )

    def forked(self) -> None:
        """Forget threads that are not here any more."""
        self._lock = threading.Lock()
        self._asking = {}

    def _answered(self, question: _Question) -> None:
        key = (question.host, question.port)
        with self._lock:
            if self._asking.get(key) is question:
                del self._asking[key]
            if question.answer:
                self._known[key] = question.answer
            waiting = question.when_done
        question.done.set()
        for tell in waiting:
            tell()


class _Question(threading.Thread):
    def __init__(self, host: str, port: int, told: Callable[[_Question], None]) -> None:
        super().__init__(name="refused-client-dns", daemon=True)
        self.host, self.port = host, port
        self.answer: list[Address] = []
        self.failure: OSError | None = None
        self.done = threading.Event()
        self.when_done: list[Callable[[], None]] = []
        self._told = told

    def run(self) -> None:
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
            self.answer = addresses(found)
        except OSError as failure:
            self.failure = failure
        except UnicodeError as failure:  # a label that is too long
            self.failure = socket.gaierror(socket.EAI_NONAME, str(failure))
        self._told(self)


def addresses(found: Iterable[tuple[object, ...]]) -> list[Address]:
    """Return what ``getaddrinfo`` has found, each address once."""
    return list(dict.fromkeys((one[0], one[1], one[2], one[4]) for one in found))  # type: ignore[misc]


def dial(
    where: Sequence[Address], within_s: float, prepare: Callable[[socket.socket], None]
) -> socket.socket:
    """Connect to the first of several addresses that lets us.

    A further address is tried :data:`STAGGER_S` after the one before it, without giving that up:
    one dead address among several costs a moment, not the time limit.

    Args:
        prepare: Sets each socket's options before it dials.

    Raises:
        OSError: Nobody let us in; the last refusal, or ``TimeoutError``.
    """
    until = time.monotonic() + within_s
    queue = list(where)
    dialling: dict[int, socket.socket] = {}
    selector = selectors.DefaultSelector()
    failure: OSError | None = None
    next_at = time.monotonic()
    try:
        while queue or dialling:
            now = time.monotonic()
            if now >= until:
                raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
            if queue and (now >= next_at or not dialling):
                address = queue.pop(0)
                next_at = now + STAGGER_S
                sock = None
                try:
                    sock = socket.socket(*address[:3])
                    prepare(sock)
                    sock.settimeout(0)
                    number = sock.connect_ex(address[3])
                except OSError as refusal:
                    failure, number = refusal, -1
                if number not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
                    failure = failure if number == -1 else OSError(number, os.strerror(number))
                    if sock is not None:
                        sock.close()
                    continue
                assert sock is not None  # noqa: S101  # connect_ex() was called on it
                dialling[sock.fileno()] = sock
                selector.register(sock, selectors.EVENT_WRITE)
            wait_s = min(until, next_at if queue else until) - time.monotonic()
            for key, _ in selector.select(max(0.001, wait_s)):
                sock = dialling.pop(key.fd)
                selector.unregister(sock)
                number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if number == 0:
                    return sock
                failure = OSError(number, os.strerror(number))
                sock.close()
    finally:
        selector.close()
        for other in dialling.values():
            other.close()
    raise failure or OSError("there is no address to dial")


async def dial_async(
    where: Sequence[Address], within_s: float, prepare: Callable[[socket.socket], None]
) -> socket.socket:
    """Connect to the first of several addresses that lets us, as :func:`dial` does.

    Raises:
        OSError: Nobody let us in; the last refusal, or ``TimeoutError``.
    """
    async with asyncio.timeout(within_s):
        if len(where) == 1:
            return await _dial_one(where[0], prepare)
        queue = list(where)
        dialling: set[asyncio.Task[socket.socket]] = set()
        failure: BaseException | None = None
        won: socket.socket | None = None
        try:
            while won is None and (queue or dialling):
                if queue:
                    dialling.add(asyncio.ensure_future(_dial_one(queue.pop(0), prepare)))
                done, dialling = await asyncio.wait(
                    dialling,
                    timeout=STAGGER_S if queue else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for task in done:
                    failure = task.exception() or failure
                    if task.exception() is None:
                        if won is not None:
                            won.close()
                        won = task.result()
        finally:
            for task in dialling:
                task.cancel()
    if won is not None:
        return won
    raise failure or OSError("there is no address to dial")


async def _dial_one(address: Address, prepare: Callable[[socket.socket], None]) -> socket.socket:
    sock = socket.socket(*address[:3])
    try:
        prepare(sock)
        sock.settimeout(0)
        await asyncio.get_running_loop().sock_connect(sock, address[3])
    except BaseException:
        sock.close()
        raise
    return sock


def _tell(loop: asyncio.AbstractEventLoop, told: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
        loop.call_soon_threadsafe(told.set)


def _literal(host: str, port: int) -> Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if address.version == 4:
        return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, (host, port))
    scope = getattr(address, "scope_id", None)
    if scope is not None:
        return None  # getaddrinfo() knows the number of an interface
    return (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, (host, port, 0, 0))


def _may_pass(failure: OSError) -> bool:
    """Whether a failed look-up says nothing about the name: the resolver was out of reach."""
    return failure.errno in (socket.EAI_AGAIN, socket.EAI_FAIL, socket.EAI_SYSTEM)
