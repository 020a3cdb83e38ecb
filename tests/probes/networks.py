"""Networks made for a test: namespaces with real kernels' rules, gone when the test is over."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

_CLONE_NEWNET = 0x40000000
_count = itertools.count()


class Namespace:
    """A network of its own, with nothing in it but a loopback device that is up."""

    def __init__(self, role: str) -> None:
        self.name = f"refused-{os.getpid()}-{next(_count)}-{role}"

    def run(self, *command: str, given: str | None = None) -> None:
        """Run a program inside."""
        run("ip", "netns", "exec", self.name, *command, given=given)

    def output(self, *command: str) -> str:
        """Return what a program says that runs inside."""
        return run("ip", "netns", "exec", self.name, *command)

    def ip(self, text: str) -> None:
        """Run an ``ip`` command inside."""
        run("ip", "-n", self.name, *text.split())

    def set(self, *settings: str) -> None:
        """Set sysctls."""
        self.run("sysctl", "-qw", *settings)

    def filter(self, hook: str, *rules: str) -> None:
        """Replace the packet filter by *rules* in one chain."""
        chain = f"chain c {{ type filter hook {hook} priority 0;\n" + "\n".join(rules) + "\n}\n"
        self.run("nft", "-f", "-", given="flush ruleset\ntable inet t {\n" + chain + "}\n")

    def inside(self, work: Callable[[], T]) -> T:
        """Return what *work* gives in a thread that stands inside."""
        given: list[T] = []
        raised: list[BaseException] = []

        def enter() -> None:
            try:
                with Path("/run/netns", self.name).open("rb") as door:
                    libc = ctypes.CDLL(None, use_errno=True)
                    assert libc.setns(door.fileno(), _CLONE_NEWNET) == 0, ctypes.get_errno()
                given.append(work())
            except BaseException as failure:  # noqa: BLE001 - it is raised again, over there
                raised.append(failure)

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        if raised:
            raise raised[0]
        return given[0]


def run(*command: str, given: str | None = None) -> str:
    """Run a program that must succeed, and return what it says."""
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


@contextlib.contextmanager
def namespaces(*roles: str) -> Iterator[list[Namespace]]:
    """Give one namespace for each role, and take them away whatever happens."""
    made = [Namespace(role) for role in roles]
    try:
        for each in made:
            run("ip", "netns", "add", each.name)
            each.ip("link set lo up")
            # Nobody else is there, so that no address need be probed for a second first.
            each.set("net.ipv6.conf.default.accept_dad=0")
        yield made
    finally:
        for each in made:
            subprocess.run(["ip", "netns", "del", each.name], capture_output=True, check=False)


class Routed:
    """A client and a server, each on its own network, and the router between them."""

    CLIENT, SERVER, ROUTER = "10.99.1.2", "10.99.2.2", "10.99.1.1"
    CLIENT6, SERVER6, ROUTER6 = "fd99:1::2", "fd99:2::2", "fd99:1::1"

    def __init__(self, client: Namespace, router: Namespace, server: Namespace) -> None:
        self.client = client
        self.router = router
        self.server = server
        for near, far, at in ((client, "rc", 1), (server, "rs", 2)):
            run(
                *f"ip link add eth0 netns {near.name} type veth peer {far} netns".split(),
                router.name,
            )
            for place, device, last in ((near, "eth0", 2), (router, far, 1)):
                place.ip(f"addr add 10.99.{at}.{last}/24 dev {device}")
                place.ip(f"addr add fd99:{at}::{last}/64 dev {device} nodad")
                place.ip(f"link set {device} up")
            near.ip(f"route add default via 10.99.{at}.1")
            near.ip(f"-6 route add default via fd99:{at}::1")
        router.set(
            "net.ipv4.ip_forward=1",
            "net.ipv6.conf.all.forwarding=1",
            # Errors are rationed, which a test that wants each of them cannot use.
            "net.ipv4.icmp_ratelimit=0",
            "net.ipv6.icmp.ratelimit=0",
        )


@contextlib.contextmanager
def routed() -> Iterator[Routed]:
    """Give a routed network."""
    with namespaces("client", "router", "server") as made:
        yield Routed(*made)
