"""Files of the host are written as the kernel writes them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from refused.lab.host import QUIET_LINUX, Socket, tcp_table

REAL = Path("/proc/net/tcp")


@pytest.mark.skipif(not REAL.exists(), reason="needs Linux")
def test_a_row_reads_like_the_kernels_own() -> None:
    """A listening socket of this process, written by both."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        rows = REAL.read_text(encoding="ascii").splitlines()
    ours = tcp_table([Socket(f"127.0.0.1:{port}", "0.0.0.0:0", "LISTEN")]).splitlines()
    kernels = next(row for row in rows if f":{port:04X} " in row.split(" rem")[0] and " 0A " in row)
    assert ours[0].split() == rows[0].split()
    assert ours[1].split()[1:5] == kernels.split()[1:5]
    assert len(ours[1].split()) == len(kernels.split())


def test_a_stuck_socket_shows_its_queue_and_retries() -> None:
    """In hexadecimal, as proc(5) has it."""
    row = tcp_table(
        [Socket("10.1.1.20:40112", "20.42.65.90:6380", unsent_bytes=300, retries=9)]
    ).splitlines()[1]
    assert row.split()[1:7] == [
        "1401010A:9CB0",
        "5A412A14:18EC",
        "01",
        "0000012C:00000000",
        "01:00000000",
        "00000009",
    ]


@pytest.mark.parametrize(
    "path",
    [path for path in QUIET_LINUX if path.startswith("/proc/sys") and Path(path).exists()],
)
def test_settings_have_the_shape_of_real_ones(path: str) -> None:
    """As many words as on a real host."""
    real = Path(path).read_text(encoding="ascii")
    assert len(QUIET_LINUX[path].split()) == len(real.split())
