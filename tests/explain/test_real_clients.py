"""Real clients meet the lab's faults, and what they print names the fault.

What they printed once is kept in ``printed.jsonl``, frames left out, so that a change is judged
against it where no client is installed. ``python -m tests.explain.test_real_clients`` prints anew.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from refused.api import explain
from refused.evidence.parse_target import parse_target
from refused.lab.network import Door
from refused.lab.scenario import by_id

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
PRINTED = HERE / "printed.jsonl"
# The folder in which npm installed ioredis and redis.
NODE_MODULES = os.environ.get("REFUSED_NODE_MODULES", "")
PYTHON = ("redis-py", "redis-py-async", "coredis")
NODE = ("ioredis", "node-redis")
CLIENTS = (*PYTHON, *NODE, "redis-cli")

# What each fault makes its clients print names it, or fits it and others.
NAMED = """
    auth-missing auth-wrong-key auth-acl-no-permission.own max-clients-reached.plain memory-pressure-oom
    server-persistence-failure cluster-mode-mismatch cluster-slots-uncovered
    server-failover-maintenance.primary-lost tls-certificate-untrusted tls-certificate-untrusted.expired
    tls-certificate-untrusted.private tls-hostname-mismatch
""".split()  # noqa: SIM905  # one word for a line each says nothing more
OPEN = """
    server-overloaded.script not-redis not-redis.ssh geo-secondary-readonly
""".split()  # noqa: SIM905  # one word for a line each says nothing more
# ioredis drops what the server says before it hangs up.
SAYS_LESS = {("max-clients-reached.plain", "ioredis")}


def is_installed(client: str) -> bool:
    """Whether *client* can be run here."""
    from importlib.util import find_spec

    if client in NODE:
        return bool(NODE_MODULES) and shutil.which("node") is not None
    if client == "redis-cli":
        return shutil.which("redis-cli") is not None
    return find_spec(client.split("-", maxsplit=1)[0]) is not None


def printed(scenario: str, clients: Iterator[str] | tuple[str, ...]) -> dict[str, str]:
    """Return what each client prints when it meets the fault."""
    found = {}
    with by_id(scenario).up() as world:
        parsed = parse_target(world.target)
        target, secret = parsed.target, parsed.credentials.password
        front = next(
            each for (_, port), each in world.network.fronts.items() if port == target.port
        )
        # A loopback address of its own, because the port must be the real one.
        address = f"127.0.{random.randint(1, 250)}.{random.randint(2, 250)}"
        with Door(front, address, target.port):
            for client in clients:
                words = [
                    target.host,
                    str(target.port),
                    "1" if target.tls else "0",
                    parsed.credentials.user or "",
                    secret.reveal() if secret else "",
                    str(world.ca_file or ""),
                    address,
                ]
                found[client] = run(client, words)
    return found


def run(client: str, words: list[str]) -> str:
    """Run one client, and return all it prints."""
    host, port, tls, user, password, ca_file, address = words
    environ = dict(os.environ)
    if client in PYTHON:
        command = [sys.executable, str(HERE / "clients" / "python_client.py"), client, *words]
    elif client in NODE:
        command = ["node", str(HERE / "clients" / "node_client.js"), client, *words]
        environ["NODE_PATH"] = NODE_MODULES
    else:
        command = ["redis-cli", "-h", address, "-p", port]
        command += ["--tls", "--sni", host] if tls == "1" else []
        command += ["--cacert", ca_file] if tls == "1" and ca_file else []
        command += ["--user", user] if user else []
        command += ["SET", "k", "v"]
        if password:
            environ["REDISCLI_AUTH"] = password
    done = subprocess.run(
        command, capture_output=True, text=True, env=environ, timeout=60, check=False
    )
    return done.stdout + done.stderr


def without_frames(text: str) -> str:
    """Return the lines that say something: no frames, no places of files."""
    kept = [
        line.strip(" |")
        for line in text.splitlines()
        if not re.match(
            r"^[ |+]{0,8}(?:at |File |raise |return |await |async |\^|self|[a-z_.]+\(|-+)",
            line.strip(" |") or "-",
        )
    ]
    return "\n".join(line for line in kept if re.search(r"[A-Za-z]{3,}[^=]*[:\]]? ", line))[:2000]


@pytest.mark.parametrize("scenario", [*NAMED, *OPEN])
def test_what_real_clients_print_names_the_fault(scenario: str) -> None:
    """Words change with versions; this is how it is noticed."""
    installed = tuple(client for client in CLIENTS if is_installed(client))
    if not installed:
        pytest.skip("no client is installed")
    wrong = {}
    for client, text in printed(scenario, installed).items():
        if text.strip() in ("", "OK") or (scenario, client) in SAYS_LESS:
            continue  # this client does not meet the fault, or keeps it to itself
        named = [each.id for each in explain(text).causes]
        if by_id(scenario).cause not in named[: 1 if scenario in NAMED else 3]:
            wrong[client] = (named[:3], text[-300:])

    assert wrong == {}


def kept() -> list[tuple[str, str, str]]:
    """Return scenario, client and text of what was printed once."""
    lines = PRINTED.read_text("utf-8").splitlines()
    return [(each["scenario"], each["client"], each["text"]) for each in map(json.loads, lines)]


@pytest.mark.parametrize(
    ("scenario", "client", "text"), kept(), ids=lambda each: each[:40].replace("\n", " ")
)
def test_what_they_printed_once_names_the_fault(scenario: str, client: str, text: str) -> None:
    """Without frames, as people paste it."""
    named = [each.id for each in explain(text).causes]

    assert by_id(scenario).cause in named[: 1 if scenario in NAMED else 3], client


def main() -> None:
    """Print anew."""
    with PRINTED.open("w", encoding="utf-8") as file:
        for scenario in (*NAMED, *OPEN):
            installed = tuple(client for client in CLIENTS if is_installed(client))
            for client, text in printed(scenario, installed).items():
                said = without_frames(text)
                if said and text.strip() != "OK" and (scenario, client) not in SAYS_LESS:
                    entry = {"scenario": scenario, "client": client, "text": said}
                    file.write(json.dumps(entry, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
