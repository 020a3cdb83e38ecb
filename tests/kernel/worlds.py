"""Small real worlds: a client, a router and a server host, with programs that we did not write.

The server is Debian's ``redis-server`` with TLS, the resolver is ``dnsmasq``, filters are ``nft``'s.
Nothing of the lab is used here, so that lab and judges cannot share a mistake.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trustme

from tests.probes.networks import Namespace, Routed, routed, run

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "Zm9yIHRoZSBrZXJuZWwgd29ybGRzIG9ubHkgMDEyMzQ="
AZURE_HOST = "contoso.redis.cache.windows.net"
AZURE_ADDRESS = "20.42.65.90"
OWN_HOST = "redis.corp.example"


class World:
    """A routed network with a Redis server and a resolver in it.

    Attributes:
        net: The network; its router stands between client and server.
        folder: For files; gone with the test.
        ca: Who signed the server's certificate, and what the client trusts.
    """

    def __init__(self, net: Routed, folder: Path) -> None:
        self.net = net
        self.folder = folder
        self.ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(self.ca_file))
        self._programs: list[subprocess.Popen[bytes]] = []
        self._held: list[socket.socket] = []
        net.server.ip(f"addr add {AZURE_ADDRESS}/32 dev eth0")
        net.router.ip(f"route add {AZURE_ADDRESS}/32 via {net.SERVER}")

    # --- what runs where ---------------------------------------------------------------------

    def program(self, place: Namespace, *command: str) -> subprocess.Popen[bytes]:
        """Start a program that runs until the world ends."""
        with (self.folder / f"{Path(command[0]).name}-{len(self._programs)}.log").open("wb") as log:
            started = subprocess.Popen(
                ["ip", "netns", "exec", place.name, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._programs.append(started)
        return started

    def papers(self, *names: str, ca: trustme.CA | None = None) -> tuple[str, str]:
        """Return certificate and key files for *names*."""
        issued = (ca or self.ca).issue_cert(*names)
        stem = self.folder / f"cert-{names[0]}-{time.monotonic_ns()}"
        chain, key = stem.with_suffix(".pem"), stem.with_suffix(".key")
        chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(key))
        return str(chain), str(key)

    def redis(
        self, *options: str, tls: bool = True, names: tuple[str, ...] = (OWN_HOST, AZURE_HOST)
    ) -> None:
        """Start the server: plain on 6379, TLS on 6380, with a password."""
        words = [
            "redis-server",
            "--bind",
            "0.0.0.0",
            "--port",
            "6379",
            "--requirepass",
            KEY,
            "--save",
            "",
        ]
        words += ["--dir", str(self.folder), "--protected-mode", "no"]
        if tls:
            chain, key = self.papers(*names)
            words += ["--tls-port", "6380", "--tls-cert-file", chain, "--tls-key-file", key]
            words += ["--tls-ca-cert-file", str(self.ca_file), "--tls-auth-clients", "no"]
        self.program(self.net.server, *words, *options)
        port = (
            6379 if "--port" not in options else int(options[options.index("--port") + 1]) or 6380
        )
        self.await_port(self.net.server, port)

    def resolver(self, *options: str) -> None:
        """Start dnsmasq beside the server, which knows nothing but what it is told."""
        self.program(
            self.net.server,
            "dnsmasq",
            "--keep-in-foreground",
            "--no-resolv",
            "--no-hosts",
            "--conf-file=/dev/null",
            "--local=/#/",
            "--user=root",
            f"--pid-file={self.folder}/dnsmasq.pid",
            f"--host-record={OWN_HOST},{self.net.SERVER}",
            *options,
        )
        self.await_port(self.net.server, 53)

    def await_port(self, place: Namespace, port: int) -> None:
        """Wait until something listens in *place*."""

        def listens() -> bool:
            with socket.socket() as sock:
                return sock.connect_ex(("127.0.0.1", port)) == 0

        until = time.monotonic() + 10
        while not place.inside(listens):
            assert time.monotonic() < until, f"nothing listens on {port}"
            time.sleep(0.02)

    def hold(self, count: int, port: int = 6379) -> None:
        """Take *count* connections of the server and keep them."""

        def take() -> socket.socket:
            sock = socket.create_connection((self.net.SERVER, port), timeout=5)
            sock.sendall(b"PING\r\n")
            sock.recv(64)
            return sock

        self._held += [self.net.client.inside(take) for _ in range(count)]

    # --- the client --------------------------------------------------------------------------

    def client_file(self, name: str, text: str) -> None:
        """Give the client's network a file of its own in /etc, as ``ip netns exec`` lays it."""
        folder = Path("/etc/netns", self.net.client.name)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)

    def diagnose(self, target: str, *options: str) -> dict[str, Any]:
        """Run the program itself where the client stands, and return its report."""
        environment = {
            name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")
        }
        for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"):
            environment.pop(name, None)
        done = subprocess.run(
            [
                *("ip", "netns", "exec", self.net.client.name),
                *(sys.executable, "-m", "refused.cli.main", "diagnose", target),
                *("--json", "--ca-file", str(self.ca_file), *options),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=environment,
        )
        assert done.returncode in (0, 1, 3), done.stderr
        assert KEY not in done.stdout + done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def stop(self) -> None:
        """End everything that was started."""
        for sock in self._held:
            sock.close()
        for program in self._programs:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
            program.wait()
        shutil.rmtree(Path("/etc/netns", self.net.client.name), ignore_errors=True)


@contextlib.contextmanager
def world(folder: Path) -> Iterator[World]:
    """Give a world whose client asks the resolver beside the server."""
    with routed() as net:
        made = World(net, folder)
        try:
            made.client_file(
                "resolv.conf", f"nameserver {net.SERVER}\noptions timeout:1 attempts:1\n"
            )
            made.client_file("hosts", "127.0.0.1 localhost\n")
            yield made
        finally:
            made.stop()


__all__ = ["AZURE_ADDRESS", "AZURE_HOST", "KEY", "OWN_HOST", "World", "run", "world"]
