"""One look with refused against the four programs that a person would type instead.

    python benchmarks/against_the_shell.py [ROUNDS]

Whole processes, on a healthy TLS server behind a real resolver, all in the same interleaved rounds:
``refused diagnose --json --no-azure`` against ``nslookup``, ``nc -z``, ``openssl s_client`` and
``redis-cli --tls ping`` run one after the other. Prints the ratio of the medians, and the most
memory that refused took. Needs redis-server with TLS, dnsmasq, bind's nslookup, nc and openssl.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import trustme
from cold_start import install

from refused.lab.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 30
HOST, KEY = "cache.bench.example", "a-key-of-the-bench"
TOOLS = ("redis-server", "redis-cli", "dnsmasq", "nslookup", "nc", "openssl")


@contextlib.contextmanager
def running(*command: str) -> Iterator[None]:
    """Run a server until the block ends."""
    started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        started.kill()
        started.wait()


def run_all(commands: list[tuple[list[str], str]], environ: dict[str, str]) -> float:
    """Run the commands one after the other and return the milliseconds they took together."""
    started = time.perf_counter()
    for command, given in commands:
        ran = subprocess.run(
            command, input=given.encode(), capture_output=True, env=environ, check=False
        )
        if ran.returncode:
            sys.exit(f"{command[0]} has failed with {ran.returncode}: {ran.stderr.decode()}")
    return (time.perf_counter() - started) * 1000


def main(rounds: int) -> None:
    """Start the servers, install, warm up, time, print."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        sys.exit(f"needs {', '.join(missing)}")
    port, dns = free_port(), free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ca = trustme.CA()
        papers = ca.issue_cert(HOST)
        ca.cert_pem.write_to_path(str(folder / "ca.pem"))
        papers.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
        papers.private_key_pem.write_to_path(str(folder / "key.pem"))
        redis = ["redis-server", "--port", "0", "--tls-port", str(port), "--requirepass", KEY]
        redis += ["--tls-cert-file", f"{name}/cert.pem", "--tls-key-file", f"{name}/key.pem"]
        redis += ["--tls-ca-cert-file", f"{name}/ca.pem", "--tls-auth-clients", "no", "--save", ""]
        resolver = ["dnsmasq", "--keep-in-foreground", f"--port={dns}", "--no-resolv", "--no-hosts"]
        resolver += ["--conf-file=/dev/null", "--listen-address=127.0.0.1", "--bind-interfaces"]
        resolver += [f"--host-record={HOST},127.0.0.1", "--local=/#/", f"--pid-file={name}/pid"]
        ours = str(install(folder) / "refused")
        environ = {"PATH": os.environ["PATH"], "HOME": name, "REDISCLI_AUTH": KEY}
        look = [ours, "diagnose", f"rediss://{HOST}:{port}", "--json", "--no-azure"]
        look += ["--resolver", f"127.0.0.1:{dns}", "--ca-file", f"{name}/ca.pem"]
        at = f"127.0.0.1:{port}"
        shell = [
            (["nslookup", f"-port={dns}", HOST, "127.0.0.1"], ""),
            (["nc", "-z", "127.0.0.1", str(port)], ""),
            (
                [
                    "openssl",
                    "s_client",
                    "-connect",
                    at,
                    "-servername",
                    HOST,
                    "-CAfile",
                    f"{name}/ca.pem",
                ],
                "Q\n",
            ),
            (
                [
                    "redis-cli",
                    "-p",
                    str(port),
                    "--tls",
                    "--sni",
                    HOST,
                    "--cacert",
                    f"{name}/ca.pem",
                    "ping",
                ],
                "",
            ),
        ]
        python = [(["/bin/sh", "-c", f"exec {Path(ours).parent}/python -c pass"], "")]
        with running(*redis), running(*resolver):
            time.sleep(0.5)  # both are up long before
            timed = {"refused": [(look, "")], "the four by hand": shell, "python -c pass": python}
            for commands in timed.values():
                run_all(commands, environ)
            times: dict[str, list[float]] = {what: [] for what in timed}
            for _ in range(rounds):
                for what, commands in timed.items():
                    times[what].append(run_all(commands, environ))
            memory = _memory_mb(look, environ)
    print(f"{rounds} rounds on Python {sys.version.split()[0]}; milliseconds")
    for what, values in times.items():
        print(f"{what:<18} least {min(values):6.1f}  median {statistics.median(values):6.1f}")
    ratio = statistics.median(times["refused"]) / statistics.median(times["the four by hand"])
    print(
        f"ratio of the medians: {ratio:.2f}; ratio of the least: {min(times['refused']) / min(times['the four by hand']):.2f}"
    )
    print(f"the most memory of refused: {memory:.0f} MB")


def _memory_mb(command: list[str], environ: dict[str, str]) -> float:
    """Return the largest resident size of one run, as the kernel counts it at its end."""
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environ)
    _, _, usage = os.wait4(started.pid, 0)
    started.returncode = 0
    return usage.ru_maxrss / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
