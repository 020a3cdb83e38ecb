"""DNS servers for tests: one that says what a test wants, and real ones where installed."""

from __future__ import annotations

import contextlib
import shutil
import socket
import struct
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Self

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    Answering = Callable[["Asked"], Iterable[bytes]]

# The same zone for every server: an alias, a name with IPv6 alone, and more than a datagram holds.
ZONE = {
    "cache.test.": ("CNAME", ("cache.privatelink.test.",)),
    "cache.privatelink.test.": ("A", ("10.0.0.5",)),
    "six.test.": ("AAAA", ("fd00::6",)),
    "big.test.": ("A", tuple(f"10.1.0.{last}" for last in range(1, 121))),
}


class Asked:
    """One question that came in."""

    def __init__(self, data: bytes, transport: str, caller: tuple[str, int]) -> None:
        self.message = dns.message.from_wire(data)
        self.transport = transport
        self.caller = caller

    def reply(self, *lines: str, rcode: str = "NOERROR", flags: int = 0) -> bytes:
        """Return an answer whose records are ``name ttl IN type value``."""
        answer = dns.message.make_response(self.message, recursion_available=True)
        answer.set_rcode(dns.rcode.from_text(rcode))
        answer.flags |= flags
        for line in lines:
            name, ttl, _, kind, value = line.split()
            answer.answer.append(dns.rrset.from_text(name, int(ttl), "IN", kind, value))
        return answer.to_wire(max_size=65535)


class Resolver:
    """Answers by UDP and TCP on one port as a test says; a context manager.

    Attributes:
        asked: Every question, in order.
    """

    def __init__(
        self,
        answering: Answering,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        hears_tcp: bool = True,
    ) -> None:
        self.asked: list[Asked] = []
        self._answering = answering
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.udp = socket.socket(family, socket.SOCK_DGRAM)
        self._tcp = socket.socket(family)
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            for _ in range(50):
                self.udp.bind((host, port))
                try:
                    self._tcp.bind(self.udp.getsockname())
                    break
                except OSError:
                    if port:
                        raise
                    self.udp.close()
                    self.udp = socket.socket(family, socket.SOCK_DGRAM)
            if hears_tcp:
                self._tcp.listen()
        except OSError:
            self.udp.close()
            self._tcp.close()
            raise
        self.address: tuple[str, int] = self.udp.getsockname()[:2]

    def _by_udp(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                data, caller = self.udp.recvfrom(65535)
                if not data:
                    return
                self.asked.append(Asked(data, "udp", caller))
                for answer in self._answering(self.asked[-1]):
                    self.udp.sendto(answer, caller)

    def _by_tcp(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, caller = self._tcp.accept()
                with sock, contextlib.suppress(OSError, struct.error):
                    size = struct.unpack("!H", sock.recv(2, socket.MSG_WAITALL))[0]
                    data = sock.recv(size, socket.MSG_WAITALL)
                    self.asked.append(Asked(data, "tcp", caller))
                    for answer in self._answering(self.asked[-1]):
                        sock.sendall(struct.pack("!H", len(answer)) + answer)

    def __enter__(self) -> Self:
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._by_udp, self._by_tcp)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # An empty datagram ends the one thread, a shutdown the other.
        self.udp.sendto(b"", self.udp.getsockname())
        with contextlib.suppress(OSError):
            self._tcp.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self.udp.close()
        self._tcp.close()


def from_zone(asked: Asked) -> Iterable[bytes]:
    """Answer from :data:`ZONE`, truncated where a datagram is too short."""
    name = asked.message.question[0].name.to_text().lower()
    wanted = asked.message.question[0].rdtype.name
    lines: list[str] = []
    known = name in ZONE
    while name in ZONE:
        kind, values = ZONE[name]
        if kind in (wanted, "CNAME"):
            lines += [f"{name} 60 IN {kind} {value}" for value in values]
        name = values[0] if kind == "CNAME" else ""
    if asked.transport == "udp" and len(lines) > 20:
        return [asked.reply(flags=dns.flags.TC)]
    return [asked.reply(*lines, rcode="NOERROR" if known else "NXDOMAIN")]


def installed() -> list[str]:
    """Return which servers this machine has; the one of the test itself is always there."""
    return ["dnspython", *(name for name in ("dnsmasq", "unbound") if shutil.which(name))]


@contextlib.contextmanager
def serving(server: str, folder: Path) -> Iterator[tuple[str, int]]:
    """Run a server with :data:`ZONE`, and give its address."""
    if server == "dnspython":
        with Resolver(from_zone) as made:
            yield made.address
        return
    process, port = _started(server, folder)
    try:
        yield "127.0.0.1", port
    finally:
        process.terminate()
        process.wait(10)


def _started(server: str, folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server that listens; somebody else may take a free port first, so try some."""
    for _ in range(5):
        # By UDP and TCP, of which the latter is taken more often.
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        command = {"dnsmasq": _dnsmasq, "unbound": _unbound}[server](port, folder)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < until:
            with socket.socket() as trying:
                if trying.connect_ex(("127.0.0.1", port)) == 0:
                    return process, port
            time.sleep(0.02)
        process.kill()
        process.wait(10)
    raise AssertionError(f"{server} does not come up")


def _dnsmasq(port: int, folder: Path) -> list[str]:
    lines = ["local=/test/"]
    for name, (kind, values) in ZONE.items():
        bare = name.rstrip(".")
        if kind == "CNAME":
            lines.append(f"cname={bare},{values[0].rstrip('.')}")
        else:
            lines += [f"host-record={bare},{value}" for value in values]
    (folder / "dnsmasq.conf").write_text("\n".join(lines))
    return [
        *("dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--user=", "--pid-file="),
        *("--listen-address=127.0.0.1", "--bind-interfaces", f"--port={port}"),
        f"--conf-file={folder}/dnsmasq.conf",
    ]


def _unbound(port: int, folder: Path) -> list[str]:
    lines = ["test. 60 IN SOA ns.test. root.test. 1 60 60 60 60", "test. 60 IN NS ns.test."]
    for name, (kind, values) in ZONE.items():
        lines += [f"{name} 60 IN {kind} {value}" for value in values]
    (folder / "test.zone").write_text("\n".join(lines) + "\n")
    (folder / "unbound.conf").write_text(
        f"""server:
  interface: 127.0.0.1
  port: {port}
  chroot: ""
  username: ""
  directory: "{folder}"
  pidfile: ""
  do-daemonize: no
  use-syslog: no
  logfile: "{folder}/log"
  auto-trust-anchor-file: ""
  module-config: "iterator"
  local-zone: "test." nodefault
auth-zone:
  name: "test."
  zonefile: "{folder}/test.zone"
  for-downstream: yes
  for-upstream: no
remote-control:
  control-enable: no
"""
    )
    return ["unbound", "-d", "-c", f"{folder}/unbound.conf"]
