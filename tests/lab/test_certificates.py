"""Certificates to order."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys, tempfile, threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from refused.lab.certificates import Authority
sys.setswitchinterval(1e-6)
begin = threading.Barrier(8)
def make(at):
    folder = Path(tempfile.mkdtemp(dir=sys.argv[1]))
    begin.wait()
    authority = Authority(folder)
    authority.issue("cache.example")
    return Path(authority.ca_file).read_bytes()
with ThreadPoolExecutor(8) as pool:
    print(len(set(pool.map(make, range(8)))))
"""


def test_worlds_that_come_up_at_once_share_one_root(tmp_path: str) -> None:
    """Else the chain of one would end at the root of another, and nobody would trust it."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path)], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "1"
