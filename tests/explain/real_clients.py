"""Run real clients against the lab's faults, and hand back what they print.

Each client is a program under ``clients/`` that is told where to dial and sets one key. What has to
be installed for it is said by :func:`lacking`; what has to be compiled is compiled once.
"""

from __future__ import annotations

import functools
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from refused.evidence.parse_target import parse_target
from refused.lab.network import Door
from refused.lab.scenario import by_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HERE = Path(__file__).parent / "clients"
# The folder in which npm installed ioredis and redis; read before the environment is cleared.
NODE_MODULES = Path(
    os.environ.get("REFUSED_NODE_MODULES")
    or HERE.parent.parent / "tools" / "redis-clients" / "node_modules"
)
PYTHON = ("redis-py", "redis-py-async", "coredis", "valkey-glide")
NODE = ("ioredis", "node-redis")
PHP = ("phpredis", "predis")
GO = ("redigo", "go-redis")
CLIENTS = (*PYTHON, *NODE, "redis-cli", *PHP, "redis-rb", *GO, "hiredis")
# Debian's hiredis is built without TLS, and GLIDE can be led to the lab's address by no name.
WITHOUT_TLS = ("hiredis", "valkey-glide")

# Where Debian puts what is written in Go.
GO_PATH = "/usr/share/gocode"
GO_NEEDS = {
    "redigo": ("github.com/gomodule/redigo", "golang-github-gomodule-redigo-dev"),
    "go-redis": ("gopkg.in/redis.v5", "golang-gopkg-redis.v5-dev"),
}
_MODULES = {"coredis": "coredis", "valkey-glide": "glide"}
_AT_ONCE = 4
# redis-cli waits for a TLS handshake without end; each other gives up by itself.
PATIENCE_S = 30
# What passes by itself is met by a few at a time, each few in a world of their own.
FLEETING = ("server-loading",)


@functools.cache
def lacking(client: str) -> str:
    """Return what *client* needs and is not installed, as a reason to skip; ``""`` if nothing."""
    if client in PYTHON:
        module = _MODULES.get(client, "redis")
        return "" if find_spec(module) else f"needs {client}"
    if client in NODE:
        folder = "redis" if client == "node-redis" else client
        if shutil.which("node") is None:
            return "needs node"
        return "" if (NODE_MODULES / folder).is_dir() else f"needs npm's {folder}"
    if client in PHP:
        asked = "extension_loaded('redis')" if client == "phpredis" else _HAS_PREDIS
        return (
            "" if _says_yes("php", "-r", f"exit({asked} ? 0 : 1);") else f"needs php with {client}"
        )
    if client == "redis-rb":
        return "" if _says_yes("ruby", "-rredis", "-e", "0") else "needs ruby with redis"
    if client in GO:
        path, package = GO_NEEDS[client]
        there = shutil.which("go") and all(
            Path(GO_PATH, "src", each).is_dir() for each, _ in GO_NEEDS.values()
        )
        return "" if there else f"needs go with {path} ({package})"
    if client == "hiredis":
        there = shutil.which("gcc") and Path("/usr/include/hiredis/hiredis.h").is_file()
        return "" if there else "needs gcc and libhiredis-dev"
    return "" if shutil.which(client) else f"needs {client}"


_HAS_PREDIS = "stream_resolve_include_path('Predis/autoload.php')"


def _says_yes(*command: str) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return not subprocess.run(command, capture_output=True, timeout=60, check=False).returncode


def printed(scenario: str, clients: Iterable[str]) -> dict[str, str]:
    """Return what each client prints when it meets the fault."""
    every = tuple(clients)
    size = _AT_ONCE if scenario in FLEETING else len(every)
    found: dict[str, str] = {}
    for at in range(0, len(every), size or 1):
        found.update(_printed(scenario, every[at : at + size]))
    return found


def _printed(scenario: str, clients: Sequence[str]) -> dict[str, str]:
    with by_id(scenario).up() as world:
        parsed = parse_target(world.target)
        target, secret = parsed.target, parsed.credentials.password
        front = next(
            each for (_, port), each in world.network.fronts.items() if port == target.port
        )
        # A loopback address of its own, because the port must be the real one.
        address = f"127.0.{random.randint(1, 250)}.{random.randint(2, 250)}"
        words = [
            target.host,
            str(target.port),
            "1" if target.tls else "0",
            parsed.credentials.user or "",
            secret.reveal() if secret else "",
            str(world.ca_file or ""),
            address,
        ]
        meeting = [each for each in clients if not (target.tls and each in WITHOUT_TLS)]
        with Door(front, address, target.port), ThreadPoolExecutor(_AT_ONCE) as pool:
            said = pool.map(lambda client: run(client, words), meeting)
            return dict(zip(meeting, said, strict=True))


def run(client: str, words: Sequence[str]) -> str:
    """Run one client, and return all it prints."""
    environ = dict(os.environ)
    command = _command(client, words, environ)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environ
    ) as process:
        try:
            return process.communicate(timeout=PATIENCE_S)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            return process.communicate()[0]


def _command(client: str, words: Sequence[str], environ: dict[str, str]) -> list[str]:
    """Return the program and its words; what it needs of the environment is put there."""
    if client in PYTHON:
        return [sys.executable, str(HERE / "python_client.py"), client, *words]
    if client in NODE:
        environ["NODE_PATH"] = str(NODE_MODULES)
        return ["node", str(HERE / "node_client.js"), client, *words]
    if client in PHP:
        return ["php", str(HERE / "php_client.php"), client, *words]
    if client == "redis-rb":
        return ["ruby", str(HERE / "ruby_client.rb"), client, *words]
    if client in GO:
        return [compiled("go"), client, *words]
    if client == "hiredis":
        return [compiled("c"), client, *words]
    host, port, tls, user, password, ca_file, address = words
    command = ["redis-cli", "-h", address, "-p", port]
    command += ["--tls", "--sni", host] if tls == "1" else []
    command += ["--cacert", ca_file] if tls == "1" and ca_file else []
    command += ["--user", user] if user else []
    if password:
        environ["REDISCLI_AUTH"] = password
    return [*command, "SET", "k", "v"]


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="refused-clients-")


@functools.cache
def compiled(language: str) -> str:
    """Compile the client of *language*, and return the program. Raises CalledProcessError."""
    folder = _folder().name
    program = str(Path(folder, language))
    if language == "c":
        source = str(HERE / "hiredis_client.c")
        command, more = ["gcc", "-o", program, source, "-lhiredis"], {}
    else:
        command = ["go", "build", "-o", program, str(HERE / "go_client.go")]
        # As Debian packages Go: sources in one tree, no modules and no network.
        more = {"GO111MODULE": "off", "GOFLAGS": "", "GOPATH": GO_PATH}
        more["GOCACHE"] = str(Path(folder, "cache"))
    subprocess.run(
        command, env={**os.environ, **more}, capture_output=True, timeout=180, check=True
    )
    return program


def without_frames(text: str) -> str:
    """Return the lines that say something: no frames, no places of files."""
    kept = [
        line.strip(" |")
        for line in text.splitlines()
        if not re.match(
            r"^[ |+]{0,8}(?:at |File |raise |return |await |async |\^|self|[a-z_.]+\(|-+|#[0-9])",
            line.strip(" |") or "-",
        )
    ]
    said = "\n".join(line for line in kept if re.search(r"[A-Za-z]{3,}[^=]*[:\]]? ", line))
    return re.sub(r"(?:/[\w.-]+)+/(?=[\w.-]+\.(?:php|rb|js|py))", "", said)[:2000]
