"""Stores for tests: SQLite files, and a PostgreSQL of one's own on a socket in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, Debian's or those on the path."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = debian[-1] if debian else shutil.which("initdb")
    return Path(found).parent if found else None


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """Run a PostgreSQL that listens on a socket alone, and give its URL."""
    bin_folder = programs()
    assert bin_folder is not None
    folder = Path(tempfile.mkdtemp(prefix="refused-pg-"))
    # PostgreSQL does not run as root; Debian's package makes a user for it.
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, pwd.getpwnam("postgres").pw_name)

    def run(*command: str) -> None:
        subprocess.run([*as_user, *command], check=True, capture_output=True, timeout=60, cwd="/")

    data = str(folder / "data")
    try:
        run(
            str(bin_folder / "initdb"),
            "-D",
            data,
            "-A",
            "trust",
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--no-sync",
        )
        settings = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        run(
            str(bin_folder / "pg_ctl"),
            "-D",
            data,
            "-w",
            "-o",
            settings,
            "-l",
            f"{data}/log",
            "start",
        )
        try:
            yield f"postgresql://postgres@/postgres?host={folder}"
        finally:
            run(str(bin_folder / "pg_ctl"), "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
