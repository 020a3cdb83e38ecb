"""The same faults for several Redis clients, side by side: who is back first, and at what price.

    python benchmarks/client_faults.py [--kernel] [--only FAULT,…] [--clients CLIENT;…] [--seed N]

Every client has a process, a real server and a gate (a TCP relay that we can close, cut or silence)
of its own; the fault happens to all of them at the same moment. Each makes forty calls a second at
fixed times, GET and SET in turn, from four threads or tasks; a call whose time comes while its thread
still hangs in the one before counts as missed, so that nobody looks better by hanging.

Columns: ``gap`` the longest time without any call that succeeded, in seconds; ``back`` from the
end of the fault to the first success, where the fault has an end; ``errors`` calls that failed;
``missed`` calls that could not begin; ``worst`` the longest call, in seconds; ``conns`` connections
that reached the gate after the fault began.

The relay's own kernel acknowledges what the relay keeps to itself, so that TCP_USER_TIMEOUT plays no
part. With ``--kernel`` (as root, with nft) all of it happens in a network namespace of its own, and
the packets themselves are dropped: nothing is acknowledged, no SYN is answered, and what was sent into
a black hole comes again after the kernel's growing pauses.

The jitter of the clients written in Python is drawn from ``--seed``, the same for all; ioredis and
valkey-glide cannot be told one. Where a client is not installed, or has no part in a fault, the cell says so.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import dataclasses
import functools
import itertools
import json
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from refused.lab import kernel
from refused.lab.cluster import Cluster, Node
from refused.lab.servers import Server, in_parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).resolve()
LANES = 4
EVERY_S = 0.1  # per lane
HANG_S = 8.0  # after the last call's time, a call that has not ended hangs
NODE_MODULES = os.environ.get("REFUSED_NODE_MODULES", "")
CLIENTS = (
    "redis-py",
    "redis-py, guide",
    "coredis",
    "valkey-glide",
    "ioredis",
    "ours",
    "ours, asyncio",
)


# --- a relay that can be closed, cut and silenced -----------------------------------------------


class Gates:
    """An event loop in a thread, for all gates."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def call(self, deed: Callable[[], Any]) -> Any:
        """Do something in the loop, and wait for it."""
        done: Any = asyncio.run_coroutine_threadsafe(_async(deed), self.loop)
        return done.result(10)

    def close(self) -> None:
        """End the loop."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


async def _async(deed: Callable[[], Any]) -> Any:
    return deed()


class Gate:
    """A TCP relay on an address of loopback.

    Args:
        backend: The port that new connections are led to; may be changed.
    """

    def __init__(self, gates: Gates, backend: int, host: str = "127.0.0.1", port: int = 0) -> None:
        self.gates, self.loop = gates, gates.loop
        self.backend = backend
        self.accepted = 0
        self.host = host
        self.lets_pass = asyncio.Event()
        self._relays: set[_Relay] = set()
        self._stuffing: list[socket.socket] = []
        self.port = port
        self.listener: socket.socket | None = None
        self.gates.call(self.lets_pass.set)
        self.gates.call(self._listen)

    def _listen(self) -> None:
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((self.host, self.port))
        self.port = self.listener.getsockname()[1]
        self.listener.listen(512)
        self.listener.settimeout(0)
        self.loop.add_reader(self.listener, self._accept)

    def _accept(self) -> None:
        assert self.listener is not None
        with contextlib.suppress(BlockingIOError):
            while True:
                sock, _ = self.listener.accept()
                self.accepted += 1
                sock.settimeout(0)
                relay = _Relay(self, sock)
                self._relays.add(relay)
                relay.task = self.loop.create_task(relay.run())
                relay.task.add_done_callback(functools.partial(self._done, relay))

    def _done(self, relay: _Relay, _task: object) -> None:
        self._relays.discard(relay)

    def _stop_listening(self) -> None:
        if self.listener is not None:
            self.loop.remove_reader(self.listener)
            self.listener.close()
            self.listener = None

    def refuse(self) -> None:
        """Reset every connection, and refuse new ones."""

        def deed() -> None:
            self._stop_listening()
            for relay in tuple(self._relays):
                relay.reset()

        self.gates.call(deed)

    def let_in(self) -> None:
        """Listen again, after :meth:`refuse`."""
        self.gates.call(self._listen)

    def cut(self) -> None:
        """Reset every connection."""

        def deed() -> None:
            for relay in tuple(self._relays):
                relay.reset()

        self.gates.call(deed)

    def forget(self) -> None:
        """Let every connection that is open go silent for good, as a middlebox does."""
        self._forget(lambda _: True)

    def forget_those_of(self, backend: int) -> None:
        """Let the connections that were led to *backend* go silent for good."""
        self._forget(lambda relay: relay.backend == backend)

    def _forget(self, is_meant: Callable[[_Relay], bool]) -> None:
        def deed() -> list[int]:
            ports = []
            for relay in filter(is_meant, self._relays):
                relay.is_forgotten = True
                with contextlib.suppress(OSError):  # gone meanwhile
                    ports.append(relay.client.getpeername()[1])
            return ports

        ports = self.gates.call(deed)
        if kernel.is_inside() and ports:
            self._drop("{{ {} }}".format(", ".join(map(str, ports))))

    def _drop(self, ports: str = "") -> None:
        """Drop what goes through the gate, both ways: all, or what these ports of clients send."""
        to, back = (f"tcp dport {ports}", f"tcp sport {ports}") if ports else ("", "")
        chain = f"gate{self.port}at{self.host.replace('.', '-')}"
        kernel.nft(
            f"table inet faults {{\nchain {chain} {{\ntype filter hook input priority 0;\n"
            f"ip saddr {self.host} tcp sport {self.port} {to} drop\n"
            f"ip daddr {self.host} tcp dport {self.port} {back} drop\n}}\n}}\n"
        )

    def swallow(self) -> None:
        """Let nothing pass, and answer no dial: a black hole."""
        if kernel.is_inside():
            self._drop()
            return

        def deed() -> None:
            self.lets_pass.clear()
            assert self.listener is not None
            self.loop.remove_reader(self.listener)
            self.listener.listen(0)  # a full backlog leaves SYNs unanswered
            for _ in range(3):
                sock = socket.socket()
                sock.settimeout(0)
                sock.connect_ex((self.host, self.port))
                self._stuffing.append(sock)

        self.gates.call(deed)

    def disgorge(self) -> None:
        """Let everything pass again."""
        if kernel.is_inside():
            kernel.nft("table inet faults {}\ndelete table inet faults\n")  # of all gates
            return

        def deed() -> None:
            assert self.listener is not None
            for sock in self._stuffing:
                sock.close()
            self._stuffing.clear()
            self.listener.listen(512)
            self.loop.add_reader(self.listener, self._accept)
            self.lets_pass.set()

        self.gates.call(deed)

    def close(self) -> None:
        """Close everything."""

        def deed() -> None:
            self._stop_listening()
            for relay in tuple(self._relays):
                relay.reset()
            for sock in self._stuffing:
                sock.close()

        self.gates.call(deed)
        time.sleep(0.05)


class _Relay:
    def __init__(self, gate: Gate, client: socket.socket) -> None:
        self.gate = gate
        self.client = client
        self.backend = gate.backend
        self.server: socket.socket | None = None
        self.is_forgotten = False
        self.task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        loop = self.gate.loop
        pumps: list[asyncio.Task[None]] = []
        try:
            self.server = socket.socket()
            self.server.settimeout(0)
            await loop.sock_connect(self.server, ("127.0.0.1", self.gate.backend))
            for source, target in ((self.client, self.server), (self.server, self.client)):
                pumps.append(loop.create_task(self._pump(source, target)))
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            if self.is_forgotten:  # by the one side; the other is not told
                await asyncio.Event().wait()
        except (OSError, asyncio.CancelledError):
            for sock in (self.client, self.server):
                if sock is not None:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        finally:
            # Not before nobody waits for them: the loop would mistake their numbers' next bearers.
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for sock in (self.client, self.server):
                if sock is not None:
                    sock.close()

    async def _pump(self, source: socket.socket, target: socket.socket) -> None:
        loop = self.gate.loop
        while data := await loop.sock_recv(source, 65536):
            await self.gate.lets_pass.wait()
            if not self.is_forgotten:
                await loop.sock_sendall(target, data)

    def reset(self) -> None:
        """Close both sides with a reset."""
        if self.task is not None:
            self.task.cancel()


_ABORT = struct.pack("ii", 1, 0)


# --- the workers ----------------------------------------------------------------------------------


class Log:
    """What became of each call: one line of JSON each, written at the end."""

    def __init__(self) -> None:
        self.lines: list[tuple[float, float, str]] = []
        self.under_way: dict[int, float] = {}

    def begin(self, lane: int, due: float) -> None:
        """Note that a call begins."""
        self.under_way[lane] = due

    def stop_at(self, ends_at: float) -> None:
        """Write the log and end the process at that time, though calls may hang."""

        def stop() -> None:
            time.sleep(max(0.0, ends_at - time.monotonic()))
            now = time.monotonic()
            for due in self.under_way.values():
                self.note(due, now, "hung")
                self.lines += [
                    (due + n * EVERY_S, due + n * EVERY_S, "missed")
                    for n in range(1, int((now - HANG_S - due) / EVERY_S))
                ]
            self.write()
            sys.stdout.flush()
            os._exit(0)

        threading.Thread(target=stop, daemon=True).start()

    def note(self, due: float, ended: float, said: str) -> None:
        """Note one call."""
        self.lines.append((due, ended, said))

    def write(self) -> None:
        """Print everything."""
        print()
        json.dump(self.lines, sys.stdout)


def lanes(call: Callable[[int], None], ends_at: float, log: Log) -> None:
    """Make the calls of a synchronous client, in threads."""

    def lane(at: int) -> None:
        due = time.monotonic() + at * EVERY_S / LANES
        n = at
        while due < ends_at:
            time.sleep(max(0.0, due - time.monotonic()))
            log.begin(at, due)
            try:
                call(n)
                said = ""
            except Exception as error:  # noqa: BLE001  # it is what we count
                said = type(error).__name__
            del log.under_way[at]
            log.note(due, time.monotonic(), said)
            n += LANES
            due += EVERY_S
            while due < time.monotonic() - EVERY_S:
                log.note(due, due, "missed")
                due += EVERY_S

    threads = [threading.Thread(target=lane, args=(at,)) for at in range(LANES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


async def lanes_async(call: Callable[[int], Any], ends_at: float, log: Log) -> None:
    """Make the calls of an asynchronous client, in tasks."""

    async def lane(at: int) -> None:
        due = time.monotonic() + at * EVERY_S / LANES
        n = at
        while due < ends_at:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            log.begin(at, due)
            try:
                await call(n)
                said = ""
            except Exception as error:  # noqa: BLE001  # it is what we count
                said = type(error).__name__
            del log.under_way[at]
            log.note(due, time.monotonic(), said)
            n += LANES
            due += EVERY_S
            while due < time.monotonic() - EVERY_S:
                log.note(due, due, "missed")
                due += EVERY_S

    await asyncio.gather(*(lane(at) for at in range(LANES)))


def _until(log: Log) -> float:
    """Say that we are ready, and wait to be told until when to make calls."""
    print("ready", file=sys.stderr, flush=True)
    ends_at = float(sys.stdin.readline())
    log.stop_at(ends_at + HANG_S)
    return ends_at


def _token(folder: str) -> tuple[str, str]:
    told = json.loads((Path(folder) / "token.json").read_text())
    return told["user"], told["token"]


def work(name: str, job: dict[str, Any]) -> None:  # noqa: C901, PLR0915  # one client each
    """Be a worker: make the calls of one client until the time is over."""
    import logging

    logging.disable()
    random.seed(job["seed"])
    log = Log()
    host, port, key = job["host"], int(job["port"]), job["key"]
    password = job.get("password") or ""
    user = job.get("user") or ""
    folder = job.get("tokens") or ""
    login = f"{user}:{password}@" if password and not folder else ""
    url = f"redis://{login}{host}:{port}"
    is_cluster = bool(job["cluster"])

    if name in ("redis-py", "redis-py, guide", "ours"):
        import redis
        from redis.backoff import ExponentialBackoff
        from redis.credentials import CredentialProvider
        from redis.retry import Retry

        class Provider(CredentialProvider):
            def get_credentials(self) -> tuple[str, str]:
                return _token(folder)

        extra: dict[str, Any] = {"credential_provider": Provider()} if folder else {}
        client: Any
        if name == "ours":
            import refused.client

            more: dict[str, Any] = {"maintenance": True} if job.get("maintenance") else {}
            client = refused.client.connect(url, cluster=is_cluster, **extra, **more)
        else:
            if name == "redis-py, guide":
                # Time-outs, keep-alive, health checks and three retries with back-off: the settings
                # of Microsoft's client-library guidance, as far as it names any for Python.
                # https://learn.microsoft.com/azure/azure-cache-for-redis/cache-best-practices-client-libraries
                extra |= {
                    "socket_timeout": 5,
                    "socket_connect_timeout": 5,
                    "socket_keepalive": True,
                    "health_check_interval": 60,
                    "retry": Retry(ExponentialBackoff(cap=3, base=0.1), 3),
                }
                if not is_cluster:
                    extra["retry_on_error"] = [redis.ConnectionError, redis.TimeoutError]
            if password and not folder:
                extra |= {"username": user or None, "password": password}
            # Not from_url(): that has no retries at all, where the constructor has ten.
            kind = redis.RedisCluster if is_cluster else redis.Redis
            client = kind(host=host, port=port, **extra)

        def call(n: int) -> None:
            if n % 2:
                client.get(key)
            else:
                client.set(key, n)

        client.ping()
        lanes(call, _until(log), log)
        client.close()
    elif name == "ours, asyncio":
        from redis.credentials import CredentialProvider as Base

        import refused.client.aio

        class AsyncProvider(Base):
            def get_credentials(self) -> tuple[str, str]:
                return _token(folder)

        async def go() -> None:
            more: dict[str, Any] = {"credential_provider": AsyncProvider()} if folder else {}
            if job.get("maintenance"):
                more["maintenance"] = True
            client = refused.client.aio.connect(url, cluster=is_cluster, **more)

            async def call(n: int) -> None:
                if n % 2:
                    await client.get(key)
                else:
                    await client.set(key, n)

            await client.ping()
            await lanes_async(call, await asyncio.to_thread(_until, log), log)
            await client.aclose()

        asyncio.run(go())
    elif name == "coredis":
        import coredis
        from coredis.credentials import AbstractCredentialProvider, UserPass

        class CoredisProvider(AbstractCredentialProvider):
            async def get_credentials(self) -> UserPass:
                return UserPass(*_token(folder))

        async def go_coredis() -> None:
            more: dict[str, Any] = {}
            if folder:
                more["credential_provider"] = CoredisProvider()
            elif password:
                more |= {"username": user or None, "password": password}
            client: Any
            if is_cluster:
                client = coredis.RedisCluster(host, port, **more)
            else:
                client = coredis.Redis(host, port, **more)

            async def call(n: int) -> None:
                if n % 2:
                    await client.get(key)
                else:
                    await client.set(key, n)

            async with client:
                await client.ping()
                await lanes_async(call, await asyncio.to_thread(_until, log), log)

        asyncio.run(go_coredis())
    elif name == "valkey-glide":
        import glide

        async def go_glide() -> None:
            address = [glide.NodeAddress(host, port)]
            credentials = None
            if folder:
                credentials = glide.ServerCredentials(*reversed(_token(folder)))
            elif password:
                credentials = glide.ServerCredentials(password, user or None)
            client: Any
            if is_cluster:
                client = await glide.GlideClusterClient.create(
                    glide.GlideClusterClientConfiguration(address, credentials=credentials)
                )
            else:
                client = await glide.GlideClient.create(
                    glide.GlideClientConfiguration(address, credentials=credentials)
                )

            async def call(n: int) -> None:
                if n % 2:
                    await client.get(key)
                else:
                    await client.set(key, str(n))

            await client.ping()
            await lanes_async(call, await asyncio.to_thread(_until, log), log)
            await client.close()

        asyncio.run(go_glide())
    log.write()


IOREDIS = """
const Redis = require('ioredis');
const job = JSON.parse(process.argv[2]);
const now = () => Number(process.hrtime.bigint()) / 1e9;
const lines = [], underWay = {};
const options = {};
if (job.password) { options.password = job.password; if (job.user) options.username = job.user; }
const client = job.cluster
  ? new Redis.Cluster([{host: job.host, port: job.port}], {redisOptions: options})
  : new Redis({host: job.host, port: job.port, ...options});
client.on('error', () => {});
const sleep = (s) => new Promise((done) => setTimeout(done, Math.max(0, s * 1000)));
async function lane(at) {
  let due = now() + at * job.every / job.lanes, n = at;
  while (due < job.ends_at) {
    await sleep(due - now());
    let said = '';
    underWay[at] = due;
    try { await (n % 2 ? client.get(job.key) : client.set(job.key, n)); }
    catch (error) { said = error.name || 'Error'; }
    delete underWay[at];
    lines.push([due, now(), said]);
    n += job.lanes; due += job.every;
    while (due < now() - job.every) { lines.push([due, due, 'missed']); due += job.every; }
  }
}
(async () => {
  await client.ping();
  console.error('ready');
  job.ends_at = Number(await new Promise((done) => process.stdin.once('data', done)));
  const all = [];
  for (let at = 0; at < job.lanes; at++) all.push(lane(at));
  await Promise.race([Promise.all(all), sleep(job.ends_at - now() + job.hang)]);
  for (const due of Object.values(underWay)) {
    lines.push([due, now(), 'hung']);
    for (let t = due + job.every; t < job.ends_at; t += job.every) lines.push([t, t, 'missed']);
  }
  process.stdout.write('\\n' + JSON.stringify(lines), () => process.exit(0));
})();
"""


# --- the faults -----------------------------------------------------------------------------------


@dataclasses.dataclass
class Stand:
    """What one client faces: its servers, its gate, and what it is told."""

    client: str
    key: str
    server: Server
    spare: Server
    gate: Gate
    job: dict[str, Any]
    folder: Path
    hosts: Path | None = None
    second: Gate | None = None
    accepted_before: int = 0


@dataclasses.dataclass(frozen=True)
class Fault:
    """One fault: what is prepared, what happens when, and how long it is watched.

    Attributes:
        happen: Called with all stands at the moment of the fault; returns when it is over.
        is_final: Whether no call can succeed any more; then it counts how soon each ends, and how
            often the server is asked.
        has_end: Whether time is counted from the end of the fault, too.
    """

    name: str
    happen: Callable[[list[Stand]], None]
    watch_s: float
    has_end: bool = False
    prepare: Callable[[Stand], None] = lambda _: None
    cluster: bool = False
    needs_hosts: bool = False
    is_final: bool = False


def restart(stands: list[Stand]) -> None:
    """Kill the servers, and start them again after 1.5 s."""
    for stand in stands:
        stand.gate.refuse()
        stand.server.kill()
    time.sleep(1.5)
    in_parallel([stand.server.start for stand in stands])  # so that nobody's is up before others'
    for stand in stands:
        stand.gate.let_in()


def fail_over(stands: list[Stand]) -> None:
    """Promote the replica; old connections stay with the old primary, which takes no writes now."""
    for stand in stands:
        stand.spare.command("REPLICAOF", "NO", "ONE")
        stand.gate.backend = stand.spare.port
        stand.server.command("REPLICAOF", "127.0.0.1", stand.spare.port)


def half_open(stands: list[Stand]) -> None:
    """Let a middlebox forget every connection; new ones pass."""
    for stand in stands:
        stand.gate.forget()


def change_dns(stands: list[Stand]) -> None:
    """Silence the old address, and have the name lead to a new one."""
    for stand in stands:
        assert stand.hosts is not None
        stand.gate.swallow()
        stand.hosts.write_text(f"127.0.0.1 localhost\n127.0.0.2 {stand.job['host']}\n")


def fill_up(stands: list[Stand]) -> None:
    """Let strangers take every connection for 3 s."""
    hogs: list[socket.socket] = []
    for stand in stands:
        stand.gate.refuse()  # so that no slot is left for whoever is quick
        stand.server.command("CONFIG", "SET", "maxclients", "20")
    time.sleep(0.05)
    for stand in stands:
        hogs += [socket.create_connection(("127.0.0.1", stand.server.port)) for _ in range(40)]
    for stand in stands:
        stand.gate.let_in()
    time.sleep(3.0)
    for hog in hogs:
        hog.close()


def black_hole(stands: list[Stand]) -> None:
    """Let nothing pass for 10 s."""
    for stand in stands:
        stand.gate.swallow()
    time.sleep(10.0)
    for stand in stands:
        stand.gate.disgorge()


TOKEN_S = 6.0


def _jwt(user: str, ends_at: float) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": ends_at, "oid": user}).encode())
    return f"e30.{claims.decode().rstrip('=')}.c2ln"


def _issue(stand: Stand, user: str, ends_at: float) -> None:
    token = _jwt(user, ends_at)
    stand.server.command("ACL", "SETUSER", user, "reset", "on", f">{token}", "~*", "&*", "+@all")
    path = stand.folder / "token.json"
    path.with_suffix(".new").write_text(json.dumps({"user": user, "token": token}))
    path.with_suffix(".new").replace(path)
    stand.job["user"], stand.job["password"] = user, token


def give_token(stand: Stand) -> None:
    """Have the server know one user, by a token that ends."""
    _issue(stand, "app-1", time.time() + TOKEN_S + 8)  # with the time that a start takes
    stand.server.command("ACL", "SETUSER", "default", "off")
    stand.job["tokens"] = str(stand.folder)


def expire_token(stands: list[Stand]) -> None:
    """Issue a new token 3 s ahead; then let the old one lapse, with the connections it opened."""
    for stand in stands:
        _issue(stand, "app-2", time.time() + 3600)
    time.sleep(9.0)
    for stand in stands:
        stand.server.command("ACL", "DELUSER", "app-1")  # which closes its connections


def announce(stands: list[Stand]) -> None:
    """Announce maintenance, fail over, say so, and let the old node vanish 2 s later."""

    def say(kind: str, server: str = "server") -> None:
        text = (
            f"NotificationType|{kind}|StartTimeInUTC|2026-11-26T03:00:00|IsReplica|False"
            "|IPAddress|127.0.0.1|SSLPort|15001|NonSSLPort|13001"
        )
        for stand in stands:
            getattr(stand, server).command("PUBLISH", "AzureRedisEvents", text)

    say("NodeMaintenanceStarting")
    time.sleep(1.0)
    say("NodeMaintenanceStart")
    for stand in stands:
        stand.spare.command("REPLICAOF", "NO", "ONE")
        stand.gate.backend = stand.spare.port
    say("NodeMaintenanceFailoverComplete")
    time.sleep(2.0)
    for stand in stands:
        stand.gate.forget_those_of(stand.server.port)


def rotate_key(stands: list[Stand]) -> None:
    """Change the password, and close every connection."""
    for stand in stands:
        stand.server.command("CONFIG", "SET", "requirepass", "another")
        stand.gate.cut()


def lock(stand: Stand) -> None:
    """Have the server ask for a password, from the start."""
    stand.server.command("CONFIG", "SET", "requirepass", "the-first")
    stand.job["password"], stand.job["user"] = "the-first", ""


FAULTS = (
    Fault("server restart, 1.5 s", restart, 6, has_end=True),
    Fault("failover to a replica", fail_over, 6),
    Fault("half-open peer", half_open, 14),
    Fault("DNS change, old address silent", change_dns, 16, needs_hosts=True),
    Fault("connection limit, 3 s", fill_up, 9, has_end=True),
    Fault("blackhole, 10 s", black_hole, 22, has_end=True),
    Fault("token expiry", expire_token, 14, prepare=give_token),
    Fault("maintenance event", announce, 14),
    Fault("cluster slot move", lambda _: None, 6, cluster=True),
    Fault("WRONGPASS", rotate_key, 6, prepare=lock, is_final=True),
)


class Row(NamedTuple):
    """What became of one client in one fault."""

    client: str
    gap_s: float
    back_s: float | None
    errors: int
    missed: int
    worst_s: float
    connections: int | None
    calls: int
    kinds: str


def judge(
    client: str, lines: list[list[Any]], began: float, ended: float | None, connections: int | None
) -> Row:
    """Sum up a worker's log, from the moment of the fault on."""
    after = [line for line in lines if line[1] >= began]
    good = sorted(line[1] for line in lines if line[2] == "")
    last = max((line[1] for line in lines), default=began)
    marks = [began, *(at for at in good if at >= began), last]
    gap = max((b - a for a, b in itertools.pairwise(marks)), default=0.0)
    back = None
    if ended is not None:
        back = next((at - ended for at in good if at >= ended), None)
    failed = [line[2] for line in after if line[2] not in ("", "missed")]
    return Row(
        client,
        gap,
        back,
        len(failed),
        sum(line[2] == "missed" for line in after),
        max((line[1] - line[0] for line in after if line[2] != "missed"), default=0.0),
        connections,
        len(after),
        ", ".join(sorted(set(failed))),
    )


def available(client: str) -> str:
    """Return why a client cannot take part; empty: it can."""
    import importlib.util

    module = {"coredis": "coredis", "valkey-glide": "glide"}.get(client)
    if module is not None and importlib.util.find_spec(module) is None:
        return "not installed"
    if client == "ioredis":
        if shutil.which("node") is None:
            return "no node"
        if not (Path(NODE_MODULES) / "ioredis").is_dir():
            return "not installed (REFUSED_NODE_MODULES)"
    return ""


def can_have_hosts() -> bool:
    """Whether a process may be given a hosts file of its own here."""
    tried = (
        subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
        if shutil.which("unshare")
        else None
    )
    return tried is not None and tried.returncode == 0


def start(stand: Stand) -> subprocess.Popen[str]:
    """Start a worker."""
    job = {**stand.job, "key": stand.key, "lanes": LANES, "every": EVERY_S, "hang": HANG_S}
    job.setdefault("cluster", False)
    if stand.client == "ioredis":
        script = stand.folder / "worker.js"
        script.write_text(IOREDIS)
        command = ["node", str(script), json.dumps(job)]
    else:
        command = [sys.executable, str(HERE), "--worker", stand.client, json.dumps(job)]
    if stand.hosts is not None:
        mount = f'mount --bind "{stand.hosts}" /etc/hosts && exec "$@"'
        command = ["unshare", "-m", "sh", "-c", mount, "sh", *command]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NODE_PATH": NODE_MODULES},
    )


def run(fault: Fault, clients: list[str], *, quick: float = 1.0, seed: int = 1) -> list[Row]:
    """Have a fault happen to some clients, and sum up what became of them."""
    with contextlib.ExitStack() as stack:
        gates = Gates()
        stack.callback(gates.close)
        cluster = stack.enter_context(_cluster()) if fault.cluster else None
        stands = [
            stack.enter_context(_stand(client, at, fault, gates, cluster))
            for at, client in enumerate(clients)
        ]
        warm_s = 2.0
        for stand in stands:
            stand.job["seed"] = seed
        workers = [start(stand) for stand in stands]
        _wait_ready(workers)
        ends_at = time.monotonic() + warm_s + fault.watch_s * quick
        for worker in workers:
            assert worker.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                worker.stdin.write(f"{ends_at}\n")
                worker.stdin.flush()
        time.sleep(warm_s)
        for stand in stands:
            stand.accepted_before = _accepted(stand)
        began = time.monotonic()
        if cluster is not None:
            _move_slots(cluster, [stand.key for stand in stands])
        fault.happen(stands)
        ended = time.monotonic() if fault.has_end else None
        rows = []
        for stand, worker in zip(stands, workers, strict=True):
            try:
                out, err = worker.communicate(timeout=max(1.0, ends_at - time.monotonic()) + 40)
            except subprocess.TimeoutExpired:
                worker.kill()
                out, err = worker.communicate()
            told = out[out.rfind("\n[[") + 1 :] if "\n[[" in out else out  # some talk before
            lines = json.loads(told) if told.startswith("[") else []
            if not lines:
                print(f"  {stand.client}: {(err or out).strip()[-300:]}", file=sys.stderr)
            taken = None if cluster is not None else _accepted(stand) - stand.accepted_before
            rows.append(judge(stand.client, lines, began, ended, taken))
        return rows


def _accepted(stand: Stand) -> int:
    return stand.gate.accepted + (stand.second.accepted if stand.second is not None else 0)


def _wait_ready(workers: list[subprocess.Popen[str]]) -> None:
    for worker in workers:
        assert worker.stderr is not None
        heard = []
        while line := worker.stderr.readline():
            if "ready" in line:
                break
            heard.append(line)
        else:
            print("".join(heard)[-600:], file=sys.stderr)


@contextlib.contextmanager
def _stand(
    client: str, at: int, fault: Fault, gates: Gates, cluster: Cluster | None
) -> Iterator[Stand]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if cluster is None:
            server = stack.enter_context(Server())
            spare = stack.enter_context(Server(replica_of=server))
            backend = server.port
        else:
            server = spare = cluster.servers[0]
            backend = server.port
        gate = Gate(gates, backend)
        stack.callback(gate.close)
        job: dict[str, Any] = {"host": "127.0.0.1", "port": gate.port, "cluster": False}
        if cluster is not None:
            job |= {"port": server.port, "cluster": True}
        stand = Stand(client, f"key:{at}", server, spare, gate, job, folder)
        if fault.needs_hosts:
            stand.hosts = folder / "hosts"
            job["host"] = "cache.test"
            stand.hosts.write_text("127.0.0.1 localhost\n127.0.0.1 cache.test\n")
            stand.second = Gate(gates, backend, "127.0.0.2", gate.port)
            stack.callback(stand.second.close)
        if fault.happen is announce:
            job["maintenance"] = True
        fault.prepare(stand)
        yield stand


def _cluster() -> Cluster:
    return Cluster([Node("127.0.0.1", port) for port in (7001, 7002, 7003)])


def _move_slots(cluster: Cluster, keys: list[str]) -> None:
    """Move each key's slot to the next node, with the key, as ``redis-cli --cluster`` does."""
    from redis.crc import key_slot

    ids = [server.command("CLUSTER", "MYID") for server in cluster.servers]
    for key in keys:
        slot = key_slot(key.encode())
        owner = next(
            at for at, ranges in enumerate(cluster.slots) if any(a <= slot <= b for a, b in ranges)
        )
        after = (owner + 1) % len(cluster.servers)
        source, target = cluster.servers[owner], cluster.servers[after]
        target.command("CLUSTER", "SETSLOT", slot, "IMPORTING", _text(ids[owner]))
        source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", _text(ids[after]))
        time.sleep(0.2)  # calls meet ASK meanwhile
        source.command("MIGRATE", "127.0.0.1", target.port, key, 0, 2000, "REPLACE")
        for server in (target, source, *cluster.servers):
            server.command("CLUSTER", "SETSLOT", slot, "NODE", _text(ids[after]))


def _text(reply: Any) -> str:
    return reply.decode() if isinstance(reply, bytes) else str(reply)


def table(fault: Fault, rows: list[Row], absent: dict[str, str]) -> None:
    """Print one fault's part of the table."""
    print(f"\n{fault.name}")
    print(
        f"  {'client':17} {'gap':>6} {'back':>6} {'errors':>6} {'missed':>6} {'worst':>6} {'conns':>5}"
    )
    for row in rows:
        back = "never" if fault.has_end and row.back_s is None else _number(row.back_s)
        conns = "-" if row.connections is None else str(row.connections)
        print(
            f"  {row.client:17} {row.gap_s:6.2f} {back:>6} {row.errors:6} {row.missed:6} "
            f"{row.worst_s:6.2f} {conns:>5}  {row.kinds}"
        )
    for client, why in absent.items():
        print(f"  {client:17} {why}")
    print(f"  {verdict(fault, rows)}", flush=True)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def verdict(fault: Fault, rows: list[Row]) -> str:
    """Say where ours is best or equal, and where it is not."""
    ours = [row for row in rows if row.client == "ours"]
    others = [row for row in rows if not row.client.startswith("ours")]
    if not ours or not others:
        return ""
    (own,) = ours
    if not all(row.calls for row in rows):
        return "no log from " + ", ".join(row.client for row in rows if not row.calls)
    said = []
    looks: dict[str, tuple[Callable[[Row], float], float]] = {
        "gap": (lambda row: row.gap_s, 0.25),
        "errors": (lambda row: float(row.errors), 0.0),
        "errors + missed": (lambda row: float(row.errors + row.missed), 4.0),
        "connections": (lambda row: float(row.connections or 0), 4.0),
    }
    if fault.is_final:
        looks = {
            "longest call": (lambda row: row.worst_s, 0.25),
            "connections": (lambda row: float(row.connections or 0), 4.0),
        }
    # Who never came back made no connections, which is no merit.
    came_back = [row for row in others if "hung" not in row.kinds and row.gap_s < own.gap_s + 2.0]
    for what, (look, slack) in looks.items():
        compared = came_back if what == "connections" else others
        if not compared:
            continue
        best = min(compared, key=look)
        if look(own) > look(best) * 1.1 + slack:
            said.append(f"{what}: {best.client} {look(best):g} against our {look(own):g}")
    return "NOT best: " + "; ".join(said) if said else "ours is best or equal"


def main() -> int:
    """Print the table."""
    if len(sys.argv) > 1 and sys.argv[1] == "--worker":
        work(sys.argv[2], json.loads(sys.argv[3]))
        return 0
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--only", default="", help="parts of faults' names, with commas between")
    parser.add_argument("--clients", default=";".join(CLIENTS), help="with semicolons between")
    parser.add_argument("--kernel", action="store_true", help="drop the packets themselves")
    parser.add_argument("--seed", type=int, default=1, help="of the clients' jitter")
    chosen = parser.parse_args()
    if chosen.kernel and not kernel.is_inside():
        if not can_have_hosts():
            print("--kernel needs namespaces of its own: run as root")
            return 1
        inside = [*kernel.prefix(), sys.executable, str(HERE), *sys.argv[1:]]
        return subprocess.run(
            inside, env={**os.environ, kernel.INSIDE: "1"}, check=False
        ).returncode
    if chosen.kernel:
        kernel.run("ip", "link", "set", "lo", "up")
    clients = [name.strip() for name in chosen.clients.split(";")]
    parts = [part.strip() for part in chosen.only.split(",") if part.strip()]
    absent = {name: why for name in clients if (why := available(name))}
    for fault in FAULTS:
        if parts and not any(part in fault.name for part in parts):
            continue
        if fault.needs_hosts and not can_have_hosts():
            print(f"\n{fault.name}\n  needs a mount namespace of its own: run as root")
            continue
        takes_part = [name for name in clients if name not in absent]
        table(fault, run(fault, takes_part, seed=chosen.seed), absent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
