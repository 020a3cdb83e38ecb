"""One look with the control plane against the classic checklist of six `az` commands, on the twin.

    python benchmarks/control_plane.py [ROUNDS] [--az PATH] [--caches N]

Both work against the lab's twin of Azure Resource Manager, whole processes from cold, in the same
interleaved rounds. ``az`` is the real azure-cli, from an environment of its own (``--az``, or the one
on the PATH); ours is the wheel as it is installed. Prints the ratios of the medians, and what each
got to see. Then the caches of a subscription are read in one process, ever more of them, with time and
memory for each number (``--caches 0`` leaves that out).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any

from cold_start import install

from refused.lab.arm import documents, routes, worlds
from refused.lab.arm.server import ArmServer
from refused.lab.arm.state import GROUP, SUBSCRIPTION, State
from refused.lab.certificates import Authority
from refused.lab.world import World

ROUNDS, CACHES = 7, 500

# Reads N caches and prints seconds and the most memory in MB; run in a process of its own.
MANY = """
import json, resource, sys, time
from refused.evidence.redaction import Secret
from refused.probes.azure.client import Plane
from refused.probes.azure.endpoint import Endpoint
from refused.probes.azure.fleet import read_all
from refused.probes.stopwatch import Deadline
told = json.load(sys.stdin)
environ = {"REQUESTS_CA_BUNDLE": told["ca"]}
plane = Plane(Endpoint(told["url"]), lambda: Secret(told["token"]), deadline=Deadline(600), environ=environ)
started, facts, gaps = time.perf_counter(), 0, 0
for _, found in read_all(plane, told["ids"]):
    facts += len(found)
    gaps += sum(type(each).__name__ == "Unseen" for each in found)
took = time.perf_counter() - started
plane.close()
print(json.dumps([took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, facts, gaps]))
"""


def checklist(az: str, group: str, name: str, resource: str) -> list[list[str]]:
    """Return the classic list: state, public access, TLS, plain port, firewall rules, clients."""
    show = [az, "redis", "show", "-g", group, "-n", name, "-o", "tsv", "--query"]
    return [
        [*show, "provisioningState"],
        [*show, "publicNetworkAccess"],
        [*show, "minimumTlsVersion"],
        [*show, "enableNonSslPort"],
        [az, "redis", "firewall-rules", "list", "-g", group, "-n", name, "-o", "table"],
        [az, "monitor", "metrics", "list", "--resource", resource, "--metrics", "connectedclients", "--interval", "PT5M", "-o", "json"],
    ]  # fmt: skip


def run_all(commands: list[list[str]], environ: dict[str, str]) -> float:
    """Run the commands one after the other and return the milliseconds they took together."""
    started = time.perf_counter()
    for command in commands:
        ran = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, env=environ, check=False
        )
        if ran.returncode:
            sys.exit(
                f"{command[:4]} has failed with {ran.returncode}: {ran.stderr.decode()[-500:]}"
            )
    return (time.perf_counter() - started) * 1000


def compare(rounds: int, az: str) -> None:
    """Time the list and the look, in turn."""
    with tempfile.TemporaryDirectory() as name, worlds.default(World()) as world:
        ours = install(Path(name))
        told = {**world.environment(), "PATH": os.environ["PATH"], "HOME": name}
        group, cache = told["REFUSED_LAB_GROUP"], told["REFUSED_LAB_CACHE"]
        by_hand = checklist(az, group, cache, told["REFUSED_LAB_RESOURCE"])
        look = [[str(ours / "refused"), "diagnose", world.target, "--json"]]
        # The identity chain comes from this very environment; the wheel itself needs nothing.
        chain = {name: value for name, value in told.items() if name != "REFUSED_ARM_TOKEN"}
        chain["PYTHONPATH"] = sysconfig.get_paths()["purelib"]
        quiet = [[*look[0], "--no-azure"]]
        timed = {
            "az, the six of the checklist": (by_hand, told),
            "refused, a token at hand": (look, told),
            "refused, azure-identity's chain": (look, chain),
            "refused --no-azure": (quiet, told),
        }
        for commands, environ in timed.values():
            run_all(commands, environ)
        times: dict[str, list[float]] = {what: [] for what in timed}
        for _ in range(rounds):
            for what, (commands, environ) in timed.items():
                times[what].append(run_all(commands, environ))
        done = subprocess.run(look[0], capture_output=True, env=told, check=True)
    print(f"{rounds} rounds on Python {sys.version.split()[0]}; milliseconds")
    first = statistics.median(next(iter(times.values())))
    for what, values in times.items():
        middle = statistics.median(values)
        print(
            f"{what:<34} least {min(values):7.1f}  median {middle:7.1f}  ratio {middle / first:.3f}"
        )
    facts = [
        f for f in json.loads(done.stdout)["evidence"]["facts"] if f["vantage"] == "control-plane"
    ]
    kinds = sorted({fact["fact"] for fact in facts} - {"Unseen"})
    print(f"the checklist sees 6 things; the look {len(kinds)} kinds of them: {', '.join(kinds)}")


def many(most: int) -> None:
    """Read ever more caches in one process, and hold time and memory against their number."""
    routes.load()
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(Path(folder))
        state, made = State(), _documents(most)
        for each in made:
            state.put(each["id"], each, quiet=True)
        with ArmServer(state, authority.issue("127.0.0.1", "localhost")) as server:
            told = {
                "url": server.url,
                "ca": authority.ca_file,
                "token": server.identity.issue("https://management.azure.com"),
            }
            ids = [doc["id"] for doc in made if doc.get("type") == documents.REDIS]
            print(
                f"\n{'caches':>7} {'seconds':>8} {'ms each':>8} {'MB':>6} {'facts':>7} {'unseen':>7}"
            )
            for count in sorted({max(1, most // 10), most // 4 or 1, most // 2 or 1, most}):
                given = json.dumps({**told, "ids": ids[:count]}).encode()
                done = subprocess.run(
                    [sys.executable, "-c", MANY], input=given, capture_output=True, check=True
                )
                took, memory, facts, gaps = json.loads(done.stdout)
                print(
                    f"{count:>7} {took:>8.2f} {took / count * 1000:>8.1f} {memory:>6.0f} "
                    f"{facts:>7} {gaps:>7}"
                )


def _documents(count: int) -> list[dict[str, Any]]:
    place = f"/subscriptions/{SUBSCRIPTION}"
    group = f"{place}/resourceGroups/{GROUP}"
    found: list[dict[str, Any]] = [
        {"id": place, "subscriptionId": SUBSCRIPTION, "state": "Enabled", "displayName": "Many"},
        {"id": group, "name": GROUP, "location": "westeurope", "properties": {}},
    ]
    provider = f"{group}/providers/Microsoft.Cache/Redis"
    for at in range(count):
        cache = documents.redis(f"{provider}/cache{at}")
        found += [cache, documents.firewall_rule(cache["id"], "app", "203.0.113.7", "203.0.113.7")]
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=ROUNDS)
    parser.add_argument("--az", default=shutil.which("az"), help="the real az")
    parser.add_argument("--caches", type=int, default=CACHES)
    wanted = parser.parse_args()
    if wanted.az is None:
        sys.exit(
            "needs the real az: pip install azure-cli into an environment of its own, and --az"
        )
    compare(wanted.rounds, wanted.az)
    if wanted.caches:
        many(wanted.caches)
