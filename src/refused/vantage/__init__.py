"""Where probes run: here, on another host, in a pod or a container, or through a SOCKS5 proxy.

The room keeps to Python 3.8 and the standard library: it travels to remote hosts. Its modules
``remote``, ``build`` and ``saved`` stay at home, and are imported when a user asks for them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Protocol, Tuple, Union

    from refused.evidence.bundle import Fact
    from refused.evidence.observations import DialPurpose, TcpDial
    from refused.evidence.target import Parsed
    from refused.probes.gather import Wishes

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

    class Delegate(Protocol):
        """A place that walks the path by itself and sends the evidence back.

        Attributes:
            name: As observations bear it.
        """

        name: str

        def gather(self, parsed: Parsed, wishes: Wishes) -> Tuple[Fact, ...]:
            """Return what was seen there; a place that cannot be reached gives one ``Unseen``."""

    Place = Union[Vantage, Delegate]


class BadVantage(ValueError):
    """A vantage point cannot be understood; the message is one line for people."""

    for_people = True


FORMS = (
    "here, ssh:[user@]host[:port], k8s:namespace/pod[/container], k8s:namespace/deployment/name, "
    "docker:name, socks5://host:port or @bundle.json"
)
_REMOTE = ("ssh:", "k8s:", "docker:")


def open_vantage(text: str) -> Place:
    """Return the vantage point that *text* names; nothing is reached yet.

    Raises:
        BadVantage: It names none.
    """
    word = text.strip()
    kind = word.lower()
    if kind == "here":
        from refused.vantage.here import Here

        return Here()
    if kind.startswith(("socks5://", "socks5h://")):
        from refused.vantage.socks5 import Socks5

        return Socks5(word)
    if not kind.startswith((*_REMOTE, "@")):
        raise BadVantage(f"--from takes {FORMS}")
    try:
        from refused.vantage.remote import open_remote
        from refused.vantage.saved import Saved
    except ImportError:
        raise BadVantage(
            "this file looks from here and socks5://… alone; the installed program also reaches other places"
        ) from None
    return Saved(word[1:]) if word.startswith("@") else open_remote(word)
