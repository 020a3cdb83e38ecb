"""Runs in a network and mount namespace of its own: brings a cache up, and clients to it.

The cache's name, address and ports are the service's own, so that generated code runs to the
letter. Standard input has the jobs as JSON: ``{"cache", "jobs": [{"name", "argv", "cwd", "env"}]}``;
standard output gets ``{name: [exit code, output]}``. In a job's words ``{ca}`` is the CA file.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from refused.lab import kernel
from refused.lab.azure import acr, amr
from refused.lab.world import World

OID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
LONGEST_S = 60
SIDE_BY_SIDE = 3


def main() -> None:
    """Do the jobs, one after the other."""
    told = json.load(sys.stdin)
    world = World(control_plane=False)
    kind = told["cache"]
    if kind == "acr":
        cache = acr(world, "contoso")
    elif kind == "acr-cluster":
        cache = acr(world, "contoso", shards=3)
    elif kind == "amr-cluster":
        cache = amr(world, "fabrikam")
    else:
        cache = amr(world, "fabrikam", policy="EnterpriseCluster")
    kernel.make_real(world)
    with world, tempfile.TemporaryDirectory() as folder:
        hosts = Path(folder, "hosts")
        hosts.write_text(f"127.0.0.1 localhost\n{cache.address} {cache.host}\n")
        subprocess.run(["mount", "--bind", str(hosts), "/etc/hosts"], check=True)
        signed = _token()
        for server in cache.servers:
            server.command("ACL", "SETUSER", OID, "on", f">{signed}", "~*", "&*", "+@all")
        token = Path(folder, "token")
        token.write_text(f"{signed}\n")
        ca = world.ca_file or ""
        environ = {
            **os.environ,
            "REDIS_KEY": cache.key or "",
            "REDIS_USER": OID,
            "REDIS_TOKEN": signed,
            "REDIS_TOKEN_FILE": str(token),
            "SSL_CERT_FILE": ca,
            "NODE_EXTRA_CA_CERTS": ca,
        }
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            ran = pool.map(lambda job: _run(job, environ, ca), told["jobs"])
        done = {job["name"]: found for job, found in zip(told["jobs"], ran, strict=True)}
    sys.stdout.write(json.dumps(done))


def _token() -> str:
    """Return what looks like a token of Entra ID for an hour, and is signed by nobody."""

    def part(data: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")

    claims = {
        "oid": OID,
        "aud": "https://redis.azure.com",
        "exp": int(time.time()) + 3600,
        "iat": int(time.time()),
    }
    return f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims)}.bm9ib2R5"


def _run(job: dict[str, object], environ: dict[str, str], ca: str) -> tuple[int, str]:
    argv = [str(word).replace("{ca}", ca) for word in job["argv"]]  # type: ignore[attr-defined]
    env = {**environ, **dict(job.get("env", {}))}  # type: ignore[call-overload]
    try:
        ran = subprocess.run(
            argv,
            cwd=str(job["cwd"]),
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=float(str(job.get("limit_s", LONGEST_S))),
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return 124, (late.stdout or b"").decode("utf-8", "replace")
    return ran.returncode, ran.stdout.decode("utf-8", "replace")


if __name__ == "__main__":
    main()
