"""A routed network of namespaces with real servers, a resolver and packet filters (Linux).

    client ── router ── server
                └────── office

The client's network is this process's own; the others are namespaces beside it. It all stands inside
one ``unshare``, as root or in a user namespace, and is gone with its first process. Nothing here is
played: servers are ``redis-server`` (or ``valkey-server``), the resolver is ``dnsmasq``, filters are
``nft``'s, and the kernel itself drops, rejects, routes and translates.

    python -m refused.lab.kernel_stage ID -- COMMAND …

brings the world of :mod:`refused.lab.kernel_worlds` up, runs COMMAND where the client stands, and
ends with its exit code; without COMMAND it says how to get in and waits.

What a namespace cannot have is said in :data:`SKIPPED`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from refused.lab.certificates import CORPORATE, Authority
from refused.lab.kernel import TOOLS, run
from refused.lab.servers import program

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from refused.lab.certificates import Certificate
    from refused.lab.kernel_worlds import KernelWorld

T = TypeVar("T")

_NETWORK = 0x40000000  # CLONE_NEWNET of sched.h

KEY = "Zm9yIHRoZSBrZXJuZWwgbGFib3JhdG9yeSBvbmx5ISE="
OWN_HOST = "redis.corp.example"
AZURE_HOST = "contoso.redis.cache.windows.net"
AZURE_ADDRESS = "20.42.65.90"
SERVER, SERVER6 = "10.99.2.2", "fd99:2::2"
CLIENT, ROUTER = "10.99.1.2", "10.99.1.1"
RESOLVER = "10.99.2.53"
PLACES = ("client", "router", "server", "office")
NEEDED = (*TOOLS, "sysctl", "mount", "nsenter", "dnsmasq")
# Where the sidecar or proxy of a world listens; Envoy's port for outbound traffic under Istio.
RELAY_PORT = 15001
# What the relay's own packets bear, so that they are not led back into it.
RELAY_MARK = 1337

SKIPPED = (
    ("nf_conntrack_max", "belongs to the whole host; rules that count connections stand in for it"),
    (
        "delay and jitter by netem",
        "kernels in containers seldom have it; a relay in user space delays",
    ),
    ("the clock", "time namespaces move the monotonic clocks alone, not the one certificates use"),
    (
        "net.core and fs sysctls",
        "belong to the whole host (backlogs, descriptors); rlimits stand in for the latter",
    ),
)


def missing() -> str:
    """Say what this machine lacks for kernel worlds; ``""`` where it lacks nothing."""
    if sys.platform != "linux":
        return "needs a Linux kernel"
    lacking = [tool for tool in NEEDED if _path(tool) is None]
    if lacking:
        return f"needs {', '.join(lacking)}"
    if not any(shutil.which(name) for name in ("redis-server", "valkey-server")):
        return "needs redis-server or valkey-server, with TLS"
    tried = subprocess.run(  # noqa: S603  # a fixed command
        [*prefix(), "true"], capture_output=True, check=False, timeout=20
    )
    return "" if tried.returncode == 0 else "needs root, or user namespaces (unshare -Urnm)"


def prefix() -> list[str]:
    """Return what to put before a command to give it networks, mounts and processes of its own."""
    unshare = _path("unshare") or "unshare"
    kinds = "-nmp" if os.geteuid() == 0 else "-Urnmp"
    return [unshare, kinds, "--fork", "--kill-child", "--propagation", "private", "--"]


def command(world_id: str, *words: str) -> list[str]:
    """Return the command that brings a world up and runs *words* in it."""
    stage = [sys.executable, "-m", "refused.lab.kernel_stage", world_id]
    return [*prefix(), *stage, *(("--", *words) if words else ())]


def _path(tool: str) -> str | None:
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def entering(place: str) -> list[str]:
    """Return what to put before a command to have it run in a place beside the client's."""
    return ["nsenter", f"--net=/run/netns/{place}"]


class Stage:
    """The four networks, and what runs in them.

    Attributes:
        folder: For files; gone with the stage.
        authority: Who signed the server's certificate, and whom the client trusts.
        trusts: The CA file of the client.
        environ: What the client's environment has besides.
        spare: Room for what must not be collected while the world stands.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder)
        self.trusts = self.authority.ca_file
        self.environ: dict[str, str] = {}
        self.spare: list[object] = []
        self._programs: list[subprocess.Popen[bytes]] = []

    # --- the networks -------------------------------------------------------------------------

    def lay(self) -> None:
        """Make the namespaces and the wires between them."""
        run("mount", "-t", "tmpfs", "none", "/run")
        Path("/run/netns").mkdir()
        run("ip", "link", "set", "lo", "up")
        for place in PLACES[1:]:
            run("ip", "netns", "add", place)
            self.ip(place, "link set lo up")
        # Nobody else is there, so that no address need be probed for a second first.
        for place in PLACES:
            self.sysctl(place, "net.ipv6.conf.default.accept_dad=0")
        for at, place in ((1, "client"), (2, "server"), (3, "office")):
            far = f"to-{place}"
            self.ip(
                place,
                f"link add eth0 type veth peer name {far} netns router",
                f"addr add 10.99.{at}.2/24 dev eth0",
                f"addr add fd99:{at}::2/64 dev eth0 nodad",
                "link set eth0 up",
            )
            self.ip(
                "router",
                f"addr add 10.99.{at}.1/24 dev {far}",
                f"addr add fd99:{at}::1/64 dev {far} nodad",
                f"link set {far} up",
            )
            self.ip(
                place,
                f"route add default via 10.99.{at}.1",
                f"route add ::/0 via fd99:{at}::1",
            )
        # Errors are rationed, which would make worlds differ from one run to the next.
        self.sysctl("router", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        self.sysctl("router", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0")
        self.ip("server", f"addr add {RESOLVER}/24 dev eth0")
        self.ip("server", f"addr add {AZURE_ADDRESS}/32 dev eth0")
        self.ip("router", f"route add {AZURE_ADDRESS}/32 via {SERVER}")
        self.client_file("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
        self.client_file(
            "/etc/resolv.conf", f"nameserver {RESOLVER}\noptions timeout:1 attempts:1\n"
        )

    def enter(self, place: str) -> list[str]:
        """Return what to put before a command to run it in a place."""
        return [] if place == "client" else entering(place)

    def ip(self, place: str, *lines: str) -> None:
        """Run ``ip`` commands in a place."""
        run(*self.enter(place), "ip", "-batch", "-", given="\n".join(lines) + "\n")

    def sysctl(self, place: str, *settings: str) -> None:
        """Set sysctls of a place."""
        run(*self.enter(place), "sysctl", "-qw", *settings)

    def nft(self, place: str, rules: str) -> None:
        """Load packet-filter rules into a place."""
        run(*self.enter(place), "nft", "-f", "-", given=rules)

    def filter(self, place: str, hook: str, *rules: str) -> None:
        """Add a chain of filter rules to a place."""
        self._chain("filter", place, hook, 0, rules)

    def translate(self, place: str, hook: str, *rules: str) -> None:
        """Add a chain of address-translation rules to a place."""
        self._chain("nat", place, hook, {"output": -100, "prerouting": -100}.get(hook, 100), rules)

    def _chain(self, kind: str, place: str, hook: str, order: int, rules: Sequence[str]) -> None:
        body = "\n".join(rules)
        chain = f"chain {kind}_{hook} {{\ntype {kind} hook {hook} priority {order};\n{body}\n}}"
        self.nft(place, f"table inet lab {{\n{chain}\n}}\n")

    def inside(self, place: str, work: Callable[[], T]) -> T:
        """Return what *work* gives in a thread that stands in a place."""
        given: list[T] = []
        raised: list[BaseException] = []

        def entered() -> None:
            try:
                if place != "client":
                    with Path("/run/netns", place).open("rb") as door:
                        libc = ctypes.CDLL(None, use_errno=True)
                        if libc.setns(door.fileno(), _NETWORK) != 0:
                            raise OSError(ctypes.get_errno(), place)  # noqa: TRY301
                given.append(work())
            except BaseException as failure:  # noqa: BLE001  # raised again by the caller
                raised.append(failure)

        thread = threading.Thread(target=entered)
        thread.start()
        thread.join()
        if raised:
            raise raised[0]
        return given[0]

    # --- what runs in them --------------------------------------------------------------------

    def program(self, place: str, *words: str) -> subprocess.Popen[bytes]:
        """Start a program in a place; it runs until the stage ends."""
        name = f"{Path(words[0]).name}-{len(self._programs)}.log"
        with (self.folder / name).open("wb") as log:
            started = subprocess.Popen(  # noqa: S603  # commands of our own worlds
                [*self.enter(place), *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._programs.append(started)
        return started

    def papers(self, *names: str, **options: object) -> Certificate:
        """Return a certificate for *names*, from the authority that the client trusts."""
        return self.authority.issue(*(names or (OWN_HOST, AZURE_HOST)), **options)  # type: ignore[arg-type]

    def redis(self, *options: str, papers: Certificate | None = None, tls: bool = True) -> None:
        """Start the server: plain on 6379, TLS on 6380, with a password; later options win."""
        words = [program(), "--bind", "*", "-::*", "--port", "6379", "--requirepass", KEY]
        words += ["--save", "", "--dir", str(self.folder), "--protected-mode", "no"]
        if tls:
            shown = papers or self.papers()
            words += ["--tls-port", "6380", "--tls-cert-file", shown.chain_file]
            words += ["--tls-key-file", shown.key_file, "--tls-ca-cert-file", self.trusts]
            words += ["--tls-auth-clients", "no"]
        self.program("server", *words, *options)
        ports = [options[at + 1] for at, word in enumerate(options) if word == "--port"]
        self.await_port("server", int((ports or ["6379"])[-1]) or 6380)

    def resolver(self, *options: str, place: str = "server") -> None:
        """Start dnsmasq, which knows nothing but what it is told."""
        self.program(
            place,
            *("dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts"),
            *("--conf-file=/dev/null", "--local=/#/", "--pid-file"),
            *(f"--listen-address={RESOLVER}", "--bind-interfaces", "--cache-size=0"),
            *options,
        )
        self.await_port(place, 53, RESOLVER)

    def await_port(self, place: str, port: int, address: str = "127.0.0.1") -> None:
        """Wait until something listens in a place.

        Raises:
            RuntimeError: Nothing does, within ten seconds.
        """

        def listens() -> bool:
            until = time.monotonic() + 10
            while time.monotonic() < until:
                with socket.socket() as sock:
                    if sock.connect_ex((address, port)) == 0:
                        return True
                time.sleep(0.01)
            return False

        if not self.inside(place, listens):
            logs = [path.read_text("utf-8", "replace") for path in self.folder.glob("*.log")]
            raise RuntimeError(f"nothing listens on {port}: {' '.join(logs)[-400:]}")

    def relay(self, place: str, mode: str, *words: str, port: int = RELAY_PORT) -> None:
        """Start a real proxy in a place; see :mod:`refused.lab.kernel_relay`."""
        relay = [sys.executable, "-m", "refused.lab.kernel_relay", str(port), mode, *words]
        self.program(place, *relay)
        self.await_port(place, port)

    def inspector(self, place: str) -> None:
        """Start a proxy that breaks TLS open, with a company's own authority."""
        company = Authority(self.folder, root=CORPORATE, issuer=None)
        shown = company.issue(AZURE_HOST, OWN_HOST)
        self.relay(place, "inspect", shown.chain_file, shown.key_file)

    def ask(self, *command: str, count: int = 1, port: int = 6379, password: str = KEY) -> None:
        """Open connections from the server's own host, send one command on each, and keep them."""
        from refused.lab import resp

        def take() -> None:
            for _ in range(count):
                seat = resp.Conversation(port)
                self.spare.append(seat)
                if password:
                    seat.ask("AUTH", password)
                if command:
                    seat.ask(*command)

        self.inside("server", take)

    def answer(self, *command: str) -> bytes:
        """Return what the server answers to one command."""
        from refused.lab import resp

        def given() -> bytes:
            with contextlib.closing(resp.Conversation(6379)) as seat:
                seat.ask("AUTH", KEY)
                return str(seat.ask(*command)).encode()

        return self.inside("server", given)

    def start_asking(self, *command: str) -> None:
        """Send the server a command whose answer nobody waits for."""
        from refused.lab import resp

        def send() -> None:
            seat = resp.Conversation(6379)
            self.spare.append(seat)
            seat.ask("AUTH", KEY)
            thread = threading.Thread(target=seat.ask, args=command, daemon=True)
            thread.start()
            time.sleep(0.1)

        self.inside("server", send)

    def hold(self, count: int, port: int = 6379, address: str = SERVER) -> None:
        """Dial from the client *count* times, and keep the connections that come about."""
        for _ in range(count):
            sock = socket.create_connection((address, port), timeout=5)
            self.spare.append(sock)

    # --- the client ---------------------------------------------------------------------------

    def client_file(self, path: str, text: str) -> None:
        """Lay a file over the client's own."""
        laid = self.folder / path.strip("/").replace("/", "-")
        is_first = not laid.exists()
        laid.write_text(text, encoding="utf-8")
        if is_first:
            run("mount", "--bind", str(laid), path)

    def told(self) -> dict[str, str]:
        """Return the environment of what runs where the client stands."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.upper().endswith("_PROXY")
            and not name.startswith(("REFUSED_", "AZURE_", "KUBE", "REQUESTS_", "SSL_", "REDISCLI"))
        }
        return {
            **kept,
            "REFUSED_CA_FILE": self.trusts,
            "SSL_CERT_FILE": self.trusts,
            **self.environ,
        }

    def stop(self) -> None:
        """End what was started."""
        for each in self._programs:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(each.pid, signal.SIGKILL)
            each.wait()


def up(world: KernelWorld, stage: Stage) -> None:
    """Bring a world up: networks, servers and resolver, then what is wrong with it."""
    stage.lay()
    for deed in world.before:
        deed(stage)
    if world.redis is not None:
        world.redis(stage)
    if world.names is not None:
        stage.resolver(*world.names)
    for deed in world.deeds:
        deed(stage)


def main(words: Sequence[str]) -> int:
    """Bring a world up, run a command in it, and return its exit code."""
    from refused.lab.kernel_worlds import by_id

    world = by_id(words[0])
    asked = list(words[2:]) if words[1:2] == ["--"] else []
    with tempfile.TemporaryDirectory(prefix="refused-kernel-") as folder:
        stage = Stage(Path(folder))
        try:
            up(world, stage)
            if asked:
                return subprocess.run(asked, env=stage.told(), check=False).returncode  # noqa: S603
            _stand(world, stage)
        finally:
            stage.stop()
    return 0


def _stand(world: KernelWorld, stage: Stage) -> None:
    """Say how to get in, and wait for Ctrl-C."""
    from shlex import quote

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    told = {
        "REFUSED_LAB_TARGET": world.target,
        "REFUSED_CA_FILE": stage.trusts,
        "SSL_CERT_FILE": stage.trusts,
        **stage.environ,
    }
    sys.stdout.writelines(f"export {name}={quote(value)}\n" for name, value in told.items())
    sys.stdout.write("\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
