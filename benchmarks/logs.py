"""Explain a big log against ``rg -c -f`` with the same patterns, and time a single message.

    python benchmarks/logs.py [MEGABYTES] [ROUNDS]

The log is generated: access lines, application lines and JSON lines, and among them two in a hundred
errors in the words of every signature and every symptom, with times, addresses and counters of
their own. Each program reads the same file, on the same one core, in the same rounds. ``rg`` counts
lines that match any pattern; ``refused explain`` finds which patterns match which line, reads time,
endpoint and trace, groups, counts, and judges. Prints the ratio of the best rounds, the most memory,
and the time of one message from a cold start. Needs ripgrep, and hyperscan for the fast engine.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cold_start import install

from refused.diagnosis.signatures import all_patterns, all_signatures
from refused.evidence.error_words import WORDINGS
from refused.probes.logs.patterns import emit, parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

MEGABYTES, ROUNDS = 1000, 1
MESSAGES = 20
PART_MEGABYTES = 20
ERROR_SHARE = 0.02
START = 1_764_000_000
ORDINARY = (
    "INFO 1 --- [nio-8080-exec-{a}] c.e.shop.CartController : GET /cart/{b} answered 200 in {c} ms",
    '10.0.{d}.{a} - - "GET /api/v1/items/{b} HTTP/1.1" 200 {c} "-" "Mozilla/5.0 (X11; Linux x86_64)"',
    "INFO worker {a}: processed job {b} of queue mail in {c} ms (redis cache hit)",
    "DEBUG [pool-{d}-thread-{a}] session {b} refreshed; ttl={c} host=web-7",
    '{{"level":"info","thread":{a},"msg":"order {b} accepted","took_ms":{c}}}',
    "INFO  Microsoft.AspNetCore.Hosting.Diagnostics[2] Request finished HTTP/1.1 POST /orders/{b} - 201 in {c}ms",
)
MESSAGE = (
    "StackExchange.Redis.RedisTimeoutException: Timeout performing GET (5000ms), next: GET k, inst: 0, "
    "qu: 0, qs: 11, aw: False, rs: ReadAsync, ws: Idle, in: 1454, serverEndpoint: "
    "contoso.redis.cache.windows.net:6380, mc: 1/1/0, mgr: 9 of 10 available, IOCP: "
    "(Busy=4,Free=996,Min=2,Max=1000), WORKER: (Busy=141,Free=32626,Min=2,Max=32767), v: 2.8.0.27420\n"
)


def examples() -> list[str]:
    """Return a line for every signature and every wording."""
    lines = [signature.example for _, signature in all_signatures()]
    return lines + [wording.example for wording in WORDINGS]


def generate(file: Path, megabytes: int) -> int:
    """Write the log; return how many of its lines are errors."""
    chance = random.Random(4)
    errors, written, at, count = examples(), 0, START * 1000, 0
    with file.open("w", encoding="utf-8") as log:
        while written < megabytes * 1_000_000:
            lines = []
            for _ in range(10_000):
                at += chance.randrange(20)
                moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at // 1000))
                if chance.random() < ERROR_SHARE:
                    count += 1
                    said = "ERROR " + varied(chance.choice(errors), chance)
                else:
                    said = chance.choice(ORDINARY).format(
                        a=chance.randrange(64),
                        b=chance.randrange(1_000_000),
                        c=chance.randrange(900),
                        d=chance.randrange(200),
                    )
                lines.append(f"{moment}.{at % 1000:03d}Z {said}\n")
            text = "".join(lines)
            log.write(text)
            written += len(text.encode())
    return count


def varied(line: str, chance: random.Random) -> str:
    """Give a line a client address of its own, as the errors of a fleet have."""
    return re.sub(r"\b10\.\d+\.\d+\.\d+", f"10.1.2.{chance.randrange(1, 20)}", line)


def write_patterns(file: Path) -> int:
    """Write the catalogue as ripgrep takes it, one pattern a line; return how many.

    ``(?-u)``: our classes and capitals are ASCII's, and ripgrep is many times slower on Unicode's.
    """
    lines = [
        b"(?-u)" + _anchored(parse(each.pattern, ignores_case=each.ignores_case))
        for each in all_patterns()
    ]
    file.write_bytes(b"\n".join(lines) + b"\n")
    return len(lines)


def write_patterns_as_they_are(file: Path) -> None:
    """Write the catalogue letter for letter, but for escapes that ripgrep calls needless."""
    lines = [
        re.sub(
            r"""\\(["'`/<>])""",
            r"\1",
            f"(?i:{each.pattern})" if each.ignores_case else each.pattern,
        )
        for each in all_patterns()
    ]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def measure_as_they_are(log: Path, folder: Path) -> None:
    """Time ripgrep with its own, Unicode's, reading of the patterns; on a part of the log."""
    part, patterns = folder / "part.log", folder / "as-they-are"
    write_patterns_as_they_are(patterns)
    with log.open("rb") as file:
        part.write_bytes(file.read(PART_MEGABYTES * 1_000_000))
    took, cpu, _, _ = timed(["rg", "-c", "-f", str(patterns), str(part)])
    print(
        f"  rg, with the patterns letter for letter, on {PART_MEGABYTES} MB: {took:.1f} s, "
        f"{PART_MEGABYTES / took:.1f} MB/s, {cpu:.1f} s of CPU"
    )


def _anchored(node: Any) -> bytes:
    """Write a tree with its anchors as ripgrep writes them, not as hyperscan is given them."""
    written = emit(_marked(node))
    return written.replace(b"\\x01", b"^").replace(b"\\x02", b"$")


def _marked(node: Any) -> Any:
    if node[0] == "at" and node[1] in "^$":
        return ("set", frozenset((1 if node[1] == "^" else 2,)))
    if node[0] in ("cat", "alt"):
        return (node[0], tuple(_marked(each) for each in node[1]))
    return ("rep", _marked(node[1]), *node[2:]) if node[0] == "rep" else node


def timed(command: list[str], given: str = "") -> tuple[float, float, float, str]:
    """Run a program; return (seconds, seconds of CPU, most megabytes, what it printed)."""
    started = time.perf_counter()
    # Files, not pipes: nobody reads while we wait.
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as into,
        tempfile.TemporaryFile() as complaints,
    ):
        into.write(given.encode())
        into.seek(0)
        process = subprocess.Popen(
            command,
            stdin=into,
            stdout=out,
            stderr=complaints,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        took = time.perf_counter() - started
        if process.returncode not in (0, 1, 3):
            complaints.seek(0)
            said = complaints.read().decode(errors="replace")
            sys.exit(f"{command[0]} has failed with {process.returncode}: {said[-500:]}")
        out.seek(0)
        cpu = usage.ru_utime + usage.ru_stime
        return took, cpu, usage.ru_maxrss / 1024, out.read().decode(errors="replace")


def measure(megabytes: int, rounds: int, folder: Path, ours: str) -> None:
    """Generate, run the rounds, print."""
    log, patterns = folder / "app.log", folder / "patterns"
    errors, count = generate(log, megabytes), write_patterns(patterns)
    size = log.stat().st_size / 1e6
    print(f"{size:.0f} MB, {errors} lines are errors; {count} patterns; {rounds} rounds")
    commands = {
        "rg -c -f": ["rg", "-c", "-f", str(patterns), str(log)],
        "refused explain": [ours, "explain", "--json", str(log)],
    }
    best: dict[str, tuple[float, float, float]] = {}
    for _ in range(rounds):
        for name, command in commands.items():
            took, cpu, memory, said = timed(command)
            lines = f"{said.strip()} lines"
            if not name.startswith("rg"):
                told = json.loads(said)["timeline"]
                lines = f"{told['engine']}, {len(told['groups'])} groups"
            print(
                f"  {name:<16} {took:7.1f} s  {size / took:7.1f} MB/s  {cpu:7.1f} s of CPU  "
                f"{memory:6.0f} MB  {lines}"
            )
            before = best.get(name, (took, cpu, memory))
            best[name] = min(took, before[0]), min(cpu, before[1]), max(memory, before[2])
    us = best["refused explain"]
    measure_as_they_are(log, folder)
    theirs = best["rg -c -f"]
    by_clock, by_cpu = theirs[0] / us[0], theirs[1] / us[1]
    print(f"throughput against ripgrep: {by_clock:.2f} by the clock, {by_cpu:.2f} by CPU")
    print(f"most memory: {us[2]:.0f} MB")


def cold(command: list[str]) -> Iterator[float]:
    """Time one message, a new process each time, in milliseconds."""
    timed(command, MESSAGE)
    for _ in range(MESSAGES):
        yield timed(command, MESSAGE)[0] * 1000


def main(megabytes: int, rounds: int) -> None:
    """Install, measure, print."""
    if shutil.which("rg") is None:
        sys.exit("needs ripgrep (the package ripgrep of Debian)")
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # the programs inherit it
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = str(install(folder) / "refused")
        environment = folder / "venv"
        _lend(environment, "hyperscan")
        bare = [str(Path(ours).parent / "python"), "-c", "pass"]
        for said, command in (("one message, cold", [ours, "explain"]), ("python -c pass", bare)):
            times = sorted(cold(command))
            middle = statistics.median(times)
            print(f"{said}: least {times[0]:.0f} ms, median {middle:.0f} ms")
        measure(megabytes, rounds, folder, ours)


def _lend(environment: Path, package: str) -> None:
    """Let the fresh environment see a package of ours, if we have it; installing needs a network."""
    from importlib.util import find_spec

    found = find_spec(package)
    if found is None or found.origin is None:
        print(f"{package} is not installed here: the portable engine is measured")
        return
    (site,) = environment.glob("lib/python*/site-packages")
    (site / package).symlink_to(Path(found.origin).parent)


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main(*(given + [MEGABYTES, ROUNDS][len(given) :]))
