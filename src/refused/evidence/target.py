"""What the user wants to reach, and with which credentials.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

from refused.evidence.record import Record, nested

TYPE_CHECKING = False
if TYPE_CHECKING:
    from refused.evidence.observations import ClientSettings
    from refused.evidence.redaction import Secret


@nested
class Target(Record):
    """One endpoint as the client would reach it.

    Attributes:
        text: The target as the user gave it, secrets removed.
        form: Which form it was read as: ``host``, ``url``, ``stackexchange``, ``jedis`` …
        host: A name or an address literal, in lower case, without brackets.
        port_given: Whether the user wrote the port; a default of ours proves nothing.
        tls: Whether the client speaks TLS.
        service: ``acr``, ``acre``, ``amr``, or ``redis`` for any other.
        auth: ``key``, ``entra`` or ``none``: how the client logs in.
        cluster_aware: True: it follows the cluster's topology and nothing else; False: it talks to one
            endpoint; ``None``: it adapts itself (StackExchange.Redis), or nobody said.
    """

    text: str
    form: str
    host: str
    port: int
    tls: bool
    port_given: bool = True
    service: str = "redis"
    db: int | None = None
    user: str | None = None
    auth: str = "none"
    cluster_aware: bool | None = None


class Credentials:
    """User and secret; apart from :class:`Target`, so that evidence cannot hold them."""

    __slots__ = ("user", "password")

    def __init__(self, user: str | None, password: Secret | None) -> None:
        self.user = user
        self.password = password

    def __repr__(self) -> str:
        return f"Credentials(user={self.user!r}, password={self.password!r})"


class Parsed:
    """A target string, taken apart: what may be kept as evidence, and what may not."""

    __slots__ = ("target", "settings", "credentials")

    def __init__(
        self, target: Target, settings: ClientSettings | None, credentials: Credentials
    ) -> None:
        self.target = target
        self.settings = settings
        self.credentials = credentials
