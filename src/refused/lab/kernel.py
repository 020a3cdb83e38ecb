"""Scenarios that need a real kernel, in a network namespace of their own (Linux).

A relay can play refusal, silence and resets. It cannot play unacknowledged data, ICMP, packet sizes
or a host without ports. Such a scenario runs inside ``unshare`` with a network of its own, in which
the world's logical addresses are real ones on the loopback device, and ``nft``, ``ip`` and sysctls
do the harm. As root, or where the kernel lets users make namespaces of their own; everything ends
with the namespace.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from refused.lab.network import Door

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.lab.scenario import Scenario
    from refused.lab.world import World

# Set in the process that runs inside the namespace.
INSIDE = "REFUSED_LAB_INSIDE"
TOOLS = ("unshare", "ip", "nft")


def is_inside() -> bool:
    """Whether this process already has a network of its own."""
    return os.environ.get(INSIDE) == "1"


def cannot_run(scenario: Scenario) -> str:
    """Say why a scenario cannot run on this machine; ``""`` where it can."""
    if "kernel" not in scenario.needs or is_inside():
        return ""
    if sys.platform != "linux":
        return "needs a Linux kernel"
    missing = [tool for tool in TOOLS if _path(tool) is None]
    if missing:
        return f"needs {', '.join(missing)}"
    tried = subprocess.run(  # noqa: S603  # a fixed command
        [*prefix(), "true"], capture_output=True, check=False, timeout=20
    )
    return "" if tried.returncode == 0 else "needs root, or user namespaces (unshare -Urn)"


def prefix() -> list[str]:
    """Return what to put before a command to give it a network of its own."""
    unshare = _path("unshare") or "unshare"
    return [unshare, "-n", "--"] if os.geteuid() == 0 else [unshare, "-Urn", "--"]


def _path(tool: str) -> str | None:
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def run(*words: str, given: str | None = None) -> str:
    """Run one command of the namespace's set-up and return what it printed.

    Raises:
        RuntimeError: It failed; the message is what it said.
    """
    path = _path(words[0]) or words[0]
    done = subprocess.run(  # noqa: S603  # commands of our own scenarios
        [path, *words[1:]], input=given, capture_output=True, text=True, check=False, timeout=20
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def nft(rules: str) -> None:
    """Load packet-filter rules into this namespace."""
    run("nft", "-f", "-", given=rules)


def filter_output(*rules: str) -> None:
    """Filter what this namespace sends, by rules such as ``tcp dport 6380 drop``."""
    lines = "\n".join(rules)
    nft(f"table inet lab {{\nchain out {{\ntype filter hook output priority 0;\n{lines}\n}}\n}}\n")


def make_real(world: World) -> None:
    """Turn a declared world's logical addresses into real ones; call it before the world starts.

    Raises:
        RuntimeError: This process has no network of its own.
    """
    if not is_inside():
        raise RuntimeError("logical addresses are made real only inside a namespace of their own")
    run("ip", "link", "set", "lo", "up")
    for address in sorted({address for address, _ in world.network.fronts}):
        length = "128" if ":" in address else "32"
        run("ip", "address", "add", f"{address}/{length}", "dev", "lo")
    for door in _doors(world):
        world.once_up(door.start, before_others=True)
        world.at_end(door.stop)


def _doors(world: World) -> Iterator[Door]:
    for (address, port), front in world.network.fronts.items():
        yield Door(front, address, port)
