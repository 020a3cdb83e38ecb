"""This host, as any program on it would connect.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

from refused.probes import tcp

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Tuple

    from refused.evidence.observations import DialPurpose, TcpDial


class Here:
    """The place where this program runs, under the name by which whoever sent it here calls it."""

    is_local = True

    def __init__(self, name: str = "here") -> None:
        self.name = name

    def dial(
        self, address: str, port: int, wait_s: float, purpose: DialPurpose = "client"
    ) -> Tuple[socket.socket | None, TcpDial]:
        """Open a TCP connection directly; the socket is blocking and has no time limit."""
        return tcp.dial(address, port, vantage=self.name, wait_s=wait_s, purpose=purpose)
