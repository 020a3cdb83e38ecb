"""Time what a cold start costs: the wheel as it is installed, and a new process for each look.

    python benchmarks/cold_start.py [ROUNDS]

The rounds are interleaved, so that a noisy neighbour harms all rows alike. The plain server is a
real one on loopback; the commands that a person would type instead stand beside ours where this
machine has them.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from refused.lab.servers import Server, free_port

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 20
VERDICTS = (0, 1, 3)  # healthy, fault, inconclusive: each is a job done


def install(folder: Path) -> Path:
    """Build the wheel, install it into an environment of its own, and return the bin folder."""
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    wheels, home = folder / "wheels", folder / "venv"
    options = ("--no-deps", "--no-index")
    build = (*pip, "wheel", *options, "--no-build-isolation", "--wheel-dir", str(wheels), str(ROOT))
    subprocess.run(build, check=True)
    subprocess.run((sys.executable, "-m", "venv", "--without-pip", str(home)), check=True)
    (wheel,) = wheels.glob("refused-*.whl")
    python = str(home / "bin" / "python")
    subprocess.run((*pip, "--python", python, "install", *options, str(wheel)), check=True)
    return home / "bin"


def rows(bin_folder: Path, open_port: int, closed_port: int) -> dict[str, list[list[str]]]:
    """Give what is timed: a name, and the programs that run one after the other."""
    python, ours = str(bin_folder / "python"), str(bin_folder / "refused")
    found: dict[str, list[list[str]]] = {
        "python -c pass": [[python, "-c", "pass"]],
        "refused --version": [[ours, "--version"]],
        "refused causes": [[ours, "causes"]],
        "refused diagnose, nobody listens": [[ours, "diagnose", f"127.0.0.1:{closed_port}"]],
        "refused diagnose, a healthy server": [[ours, "diagnose", f"127.0.0.1:{open_port}"]],
    }
    port = str(open_port)
    by_hand = [
        ["getent", "hosts", "localhost"],
        ["nc", "-z", "127.0.0.1", port],
        ["redis-cli", "-h", "127.0.0.1", "-p", port, "ping"],
    ]
    if all(shutil.which(command[0]) for command in by_hand):
        found["getent; nc -z; redis-cli ping"] = by_hand
    return found


def took_ms(commands: list[list[str]]) -> float:
    """Run the commands one after the other and return the time they took together."""
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    started = time.perf_counter()
    for command in commands:
        ran = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environ,
            check=False,
        )
        if ran.returncode not in VERDICTS:
            sys.exit(f"{' '.join(command)} has failed with {ran.returncode}: nothing to time")
    return (time.perf_counter() - started) * 1000


def main(rounds: int) -> None:
    """Install, warm up, time, print."""
    with tempfile.TemporaryDirectory() as folder, Server() as server:
        timed = rows(install(Path(folder)), server.port, free_port())
        for commands in timed.values():
            took_ms(commands)
        times: dict[str, list[float]] = {name: [] for name in timed}
        for _ in range(rounds):
            for name, commands in timed.items():
                times[name].append(took_ms(commands))
    print(f"{rounds} rounds on Python {sys.version.split()[0]}; milliseconds")
    print(f"{'':<36} {'least':>7} {'median':>7} {'most':>7}")
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"{name:<36} {min(values):>7.1f} {middle:>7.1f} {max(values):>7.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
