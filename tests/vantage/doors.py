"""Ways into other places, made for a test: a real sshd on loopback, and stand-ins for two programs."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")


def python_of(version: str) -> str:
    """Return an interpreter of ``3.8`` and so on, or skip visibly where there is none."""
    found = [*map(str, sorted(PYENV.glob(f"{version}.*/bin/python"))), f"python{version}"]
    for python in filter(shutil.which, found):
        said = subprocess.run([python, "-V"], capture_output=True, text=True, check=False)
        # pyenv leaves programs on the path that only say that there is none.
        if (said.stdout + said.stderr).startswith(f"Python {version}."):
            return shutil.which(python) or python
    is_old = version in ("2.7", "3.7", "3.8")
    pytest.skip(f"needs Python 3.8 or older: {version}" if is_old else f"needs Python {version}")


class Door:
    """A real sshd with keys of its own, and an ``ssh`` on PATH that knows them.

    Attributes:
        port: Where it listens on 127.0.0.1.
        programs: A folder for PATH with the ``ssh`` in it.
        home: The home of whoever logs in, and in *temporary* the place for temporary files.
        there: A folder on that one's PATH: its ``python3`` is the one to be found.
    """

    def __init__(self, folder: Path, *, before: str = "") -> None:
        folder.chmod(0o755)
        self.folder = folder
        self.programs, self.there = folder / "programs", folder / "there"
        self.programs.mkdir()
        self.there.mkdir()
        for name in ("host", "user"):
            key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(key, check=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.home = folder / "home"
        self.home.mkdir()
        # Root's own profile must not decide which Python is found.
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        clean = (
            f"exec env -i HOME={self.home} TMPDIR={self.temporary} PATH={self.there}:/usr/bin:/bin"
        )
        (folder / "enter").write_text(f'#!/bin/sh\n{clean} sh -c "$SSH_ORIGINAL_COMMAND"\n')
        (folder / "enter").chmod(0o755)
        (folder / "authorized").write_text(
            f'command="{folder}/enter" {(folder / "user.pub").read_text()}'
        )
        (folder / "authorized").chmod(0o600)
        (folder / "known").write_text(
            f"[127.0.0.1]:{self.port} {(folder / 'host.pub').read_text()}"
        )
        words = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {folder / 'host'}",
            f"AuthorizedKeysFile {folder / 'authorized'}",
            f"PidFile {folder / 'sshd.pid'}",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password",
            "UsePAM no",
            "StrictModes no",
        ]
        (folder / "sshd_config").write_text("\n".join(words) + "\n")
        self.use(sys.executable)
        self.wrap("ssh", f'exec /usr/bin/ssh -F {folder}/ssh_config "$@"')
        (folder / "ssh_config").write_text(
            f"IdentityFile {folder}/user\nIdentitiesOnly yes\nUserKnownHostsFile {folder}/known\n"
            "GlobalKnownHostsFile none\n" + before
        )

    def use(self, python: str | None) -> None:
        """Let whoever logs in find this Python, or none at all."""
        for name in ("python3", "python", *(f"python3.{minor}" for minor in range(8, 15))):
            there = self.there / name
            is_it = python is not None and name == "python3"
            there.write_text(
                f'#!/bin/sh\nexec {python} "$@"\n' if is_it else "#!/bin/sh\nexit 127\n"
            )
            there.chmod(0o755)

    def wrap(self, name: str, line: str) -> None:
        """Put a program of one line on PATH."""
        (self.programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (self.programs / name).chmod(0o755)

    def start(self) -> subprocess.Popen[bytes]:
        """Start sshd; the caller ends it."""
        Path("/run/sshd").mkdir(exist_ok=True)
        log = self.folder / "sshd.log"
        started = subprocess.Popen(
            [SSHD, "-D", "-E", str(log), "-f", str(self.folder / "sshd_config")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 10
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return started
            assert started.poll() is None, log.read_text()
            assert time.monotonic() < until
            time.sleep(0.02)


@contextlib.contextmanager
def door(folder: Path) -> Iterator[Door]:
    """Give a host to log in to, or skip visibly where there is no sshd."""
    if not os.access(SSHD, os.X_OK) or os.geteuid() != 0:
        pytest.skip("needs sshd, and root to run one")
    made = Door(folder)
    started = made.start()
    try:
        yield made
    finally:
        started.terminate()
        started.wait()
