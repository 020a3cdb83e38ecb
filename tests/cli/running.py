"""Run the program in this process, or as one of its own."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from typing import NamedTuple

from refused.cli.main import main


class Said(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


def here(*words: str) -> Said:
    """Run the program in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(list(words))
        except SystemExit as leaving:  # argparse's way out
            code = int(leaving.code or 0)
    return Said(code, out.getvalue(), err.getvalue())


def apart(*words: str, **environ: str) -> Said:
    """Run the program as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "refused.cli.main", *words],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        encoding=environ.get("PYTHONIOENCODING", "utf-8").partition(":")[0],
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)
