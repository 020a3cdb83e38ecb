"""Where probes run: here, or through a SOCKS5 proxy such as a jump host.

The room keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Protocol, Tuple

    from refused.evidence.observations import DialPurpose, TcpDial

    class Vantage(Protocol):
        """A place to look from.

        Attributes:
            name: As observations bear it.
            is_local: Whether this host's own names, routes and files speak of the place.
        """

        name: str
        is_local: bool

        def dial(
            self, address: str, port: int, wait_s: float, purpose: DialPurpose = "client"
        ) -> Tuple[socket.socket | None, TcpDial]:
            """Open a TCP connection from there; its socket is blocking and has no time limit."""


class BadVantage(ValueError):
    """A vantage point cannot be understood; the message is one line for people."""

    for_people = True


def open_vantage(text: str) -> Vantage:
    """Return the vantage point that *text* names.

    Raises:
        BadVantage: It names none.
    """
    word = text.strip()
    if word == "here":
        from refused.vantage.here import Here

        return Here()
    if word.lower().startswith(("socks5://", "socks5h://")):
        from refused.vantage.socks5 import Socks5

        return Socks5(word)
    raise BadVantage("--from takes here or socks5://[user:password@]host:port")
