"""The table of faults, on a short form: two clients, and the faults that tell them apart."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "client_faults.py"


def _load() -> Any:
    """Return the script as a module; it is part of no package."""
    spec = importlib.util.spec_from_file_location("client_faults", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["client_faults"] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


pytestmark = pytest.mark.timeout(180)  # servers and processes have to start

faults = _load()
BY_NAME = {fault.name: fault for fault in faults.FAULTS}


def two(name: str, quick: float = 0.5) -> tuple[Any, Any]:
    """Have a fault happen to plain redis-py and to ours."""
    plain, ours = faults.run(BY_NAME[name], ["redis-py", "ours"], quick=quick)
    assert plain.calls > 0
    assert ours.calls > 0
    return plain, ours


def test_a_half_open_peer_costs_ours_less() -> None:
    """A lane of calls that hangs five seconds misses many; a noisy machine does not make up that."""
    plain, ours = two("half-open peer")
    assert ours.errors == 0
    assert ours.missed < plain.missed


def test_a_failover_shows_ours_no_error() -> None:
    """Plain redis-py goes on writing to what is a replica now."""
    plain, ours = two("failover to a replica")
    assert plain.errors > 0
    assert ours.errors == 0


def test_a_restart_shows_ours_no_error() -> None:
    """It is waited for."""
    _, ours = two("server restart, 1.5 s", 1.0)
    assert ours.errors == 0
    assert ours.back_s is not None


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["maintenance event", "token expiry", "cluster slot move", "connection limit, 3 s"]
)
def test_what_is_foreseen_shows_ours_no_error(name: str) -> None:
    """Announced maintenance, a token that ends, a slot that moves, places that come free."""
    _, ours = two(name, 1.0)
    assert ours.errors == 0


@pytest.mark.kernel
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("nft") is None, reason="needs root, and nft")
def test_where_packets_are_lost_ours_is_back_before_the_kernel_is() -> None:
    """Nothing is acknowledged for ten seconds; then the kernel still waits to send it again."""
    words = ["--kernel", "--only", "blackhole", "--clients", "redis-py;ours", "--seed", "7"]
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    rows = [line.split() for line in ran.stdout.splitlines()]
    (back,) = [float(row[2]) for row in rows if row[:1] == ["ours"] and row[1] != "is"]
    assert back <= 2.0, ran.stdout
    assert any(row[:1] == ["redis-py"] for row in rows)


def test_the_verdict_says_where_ours_is_not_best() -> None:
    """A table that cannot say so would be worth nothing."""
    fault = BY_NAME["half-open peer"]
    better = faults.Row("redis-py", 0.5, None, 0, 0, 0.5, 3, 100, "")
    worse = faults.Row("ours", 4.0, None, 9, 0, 4.0, 3, 100, "")
    assert faults.verdict(fault, [better, worse]).startswith("NOT best: gap")
    assert faults.verdict(
        fault, [worse._replace(client="redis-py"), better._replace(client="ours")]
    ) == ("ours is best or equal")
