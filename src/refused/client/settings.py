"""What a client is set to: the URL and the keywords, read once and checked."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from redis.connection import UnixDomainSocketConnection, parse_url

from refused.client.errors import WeakTls

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

# Host names and ports of the services, in the clouds of the world.
# https://learn.microsoft.com/azure/azure-cache-for-redis/cache-configure (6380 with TLS)
# https://learn.microsoft.com/azure/redis/architecture (10000; a proxy in front of the shards)
ACR: Final = (
    ".redis.cache.windows.net",
    ".redis.cache.chinacloudapi.cn",
    ".redis.cache.usgovcloudapi.net",
)
BEHIND_A_PROXY: Final = (
    ".redis.azure.net",
    ".redisenterprise.cache.azure.net",
    ".redis.chinacloudapi.cn",
    ".redis.usgovcloudapi.net",
)

DEADLINE_S: Final = 5.0
MAX_CONNECTIONS: Final = 50  # C0 takes 256 in all: https://learn.microsoft.com/azure/azure-cache-for-redis/cache-configure
DIAL_S: Final = 1.5  # a SYN is sent again after 1 s; a fresh dial finds a fresh port and address
LOGIN_S: Final = 2.0  # TLS, login and what else is said first; doubled with each try
SILENCE_S: Final = 1.0
SILENCE_BEHIND_A_PROXY: Final = 0.6  # of the deadline
IDLE_LOOK_S: Final = 30.0  # Azure's own idle limits: 4 min (load balancer), 10 min (service)
KEEPALIVE: Final = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
_CLIENTS_OWN: Final = ("single_connection_client",)


@dataclass(frozen=True)
class Settings:
    """What a pool and its connections are made with.

    Attributes:
        deadline_s: How long a call takes at most, everything included.
        silence_s: How long an answer may be missing before somebody looks whether the server is
            there and only this connection is dead.
        is_proxied: Whether a proxy answers for several servers, so that its PING proves less.
        also_repeat: Commands that the application allows to be sent twice.
        pool: Keywords of the pool, for redis-py.
        connection: Keywords of each connection, for redis-py.
        client: Keywords of the client itself, for redis-py.
    """

    host: str
    port: int
    is_tls: bool
    is_unix: bool
    deadline_s: float
    silence_s: float
    is_proxied: bool
    is_acr: bool
    also_repeat: frozenset[str]
    pool: Mapping[str, Any]
    connection: Mapping[str, Any]
    client: Mapping[str, Any]
    provider: Any = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """``host:port``, or the path of a socket."""
        return self.host if self.is_unix else f"{self.host}:{self.port}"


def read(
    url: str,
    *,
    deadline: float = DEADLINE_S,
    silence: float | None = None,
    also_repeat: Collection[str] = (),
    **keywords: Any,
) -> Settings:
    """Read a URL and the keywords; redis-py's own pass through.

    Raises:
        ValueError: The URL or a keyword is none of redis-py's, or makes no sense.
        WeakTls: A keyword would switch off a check of the server's certificate.
    """
    if not deadline > 0:
        raise ValueError("deadline is a number of seconds above 0")
    read_url: Any = parse_url  # untyped in redis-py
    given: dict[str, Any] = {**keywords, **read_url(url)}  # as in redis-py, the URL wins
    kind = given.pop("connection_class", None)
    is_unix = kind is UnixDomainSocketConnection
    is_tls = bool(given.pop("ssl", False)) or (
        kind is not None and not is_unix and urlsplit(url).scheme == "rediss"
    )
    host = str(given.get("path" if is_unix else "host", "localhost"))
    is_proxied = host.lower().endswith(BEHIND_A_PROXY)
    is_acr = host.lower().endswith(ACR)
    if not is_unix:
        given["host"] = host
        given["port"] = int(given.get("port") or _usual_port(is_tls, is_proxied, is_acr))
    port = int(given.get("port", 0))
    if is_tls:
        _keep_strong(given)
    else:
        for name in [name for name in given if name.startswith("ssl_")]:
            del given[name]  # redis.Redis() does not look at them either
    provider = given.pop("credential_provider", None)
    if provider is not None and (given.get("username") or given.get("password")):
        raise ValueError(
            "credential_provider takes the place of a user and a password: give one of them"
        )
    client = {name: given.pop(name) for name in _CLIENTS_OWN if name in given}
    pool: dict[str, Any] = {
        name: given.pop(name)
        for name in ("cache", "cache_config", "maint_notifications_config", "event_dispatcher")
        if name in given
    }
    pool["max_connections"] = int(given.pop("max_connections", None) or MAX_CONNECTIONS)
    if not is_unix:
        given.setdefault("socket_keepalive", True)
        given.setdefault("socket_keepalive_options", keepalive(deadline))
    given.setdefault("socket_timeout", deadline)
    given.setdefault("socket_connect_timeout", LOGIN_S)
    given.setdefault("health_check_interval", IDLE_LOOK_S)
    if silence is None:
        silence = min(SILENCE_S, deadline / 2)
        if is_proxied:
            silence = SILENCE_BEHIND_A_PROXY * deadline
    return Settings(
        host=host,
        port=port,
        is_tls=is_tls,
        is_unix=is_unix,
        deadline_s=float(deadline),
        silence_s=float(silence),
        is_proxied=is_proxied,
        is_acr=is_acr,
        also_repeat=frozenset(name.upper() for name in also_repeat),
        pool=pool,
        connection=given,
        client=client,
        provider=provider,
    )


def keepalive(deadline_s: float) -> dict[int, int]:
    """Return the socket options that find a dead peer; what this system has not is left out.

    ``TCP_USER_TIMEOUT`` ends a connection whose peer's kernel has not acknowledged what was sent;
    without it Linux goes on for 15 minutes (``tcp_retries2``). It is no shorter than the deadline,
    since it also ends a connection to a peer that is merely slow to read.
    https://man7.org/linux/man-pages/man7/tcp.7.html
    """
    options = {getattr(socket, name): value for name, value in KEEPALIVE if hasattr(socket, name)}
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        options[socket.TCP_USER_TIMEOUT] = int(max(deadline_s, 3.0) * 1000)
    return options


def _usual_port(is_tls: bool, is_proxied: bool, is_acr: bool) -> int:  # noqa: FBT001  # of a name
    if is_proxied:
        return 10000
    return 6380 if is_acr and is_tls else 6379


def _keep_strong(given: dict[str, Any]) -> None:
    """Set what verifies the server, and refuse what would not."""
    required = given.setdefault("ssl_cert_reqs", "required")
    if required not in ("required", ssl.CERT_REQUIRED):
        raise WeakTls(
            f"ssl_cert_reqs={required!r} would accept any server's certificate: "
            "name the authority that vouches for it in ssl_ca_certs instead"
        )
    if not given.setdefault("ssl_check_hostname", True):
        raise WeakTls(
            "ssl_check_hostname=False would accept another server's certificate: "
            "connect by the name that the certificate is for (address_remap for a cluster's nodes)"
        )
    least = given.setdefault("ssl_min_version", ssl.TLSVersion.TLSv1_2)
    if least is None or least < ssl.TLSVersion.TLSv1_2:
        raise WeakTls("ssl_min_version below TLS 1.2: the Azure services speak 1.2 and 1.3 alone")


def tls_context(given: Mapping[str, Any]) -> ssl.SSLContext:
    """Make the TLS context of redis-py's keywords, once for all connections of a pool.

    redis-py makes one for each connection, which reads the system's authorities each time.
    """
    context = ssl.create_default_context()
    context.minimum_version = given.get("ssl_min_version") or ssl.TLSVersion.TLSv1_2
    for flag in given.get("ssl_include_verify_flags") or ():
        context.verify_flags |= flag
    for flag in given.get("ssl_exclude_verify_flags") or ():
        context.verify_flags &= ~flag
    if given.get("ssl_certfile") or given.get("ssl_keyfile"):
        context.load_cert_chain(
            certfile=given["ssl_certfile"],
            keyfile=given.get("ssl_keyfile"),
            password=given.get("ssl_password"),
        )
    places = [given.get(name) for name in ("ssl_ca_certs", "ssl_ca_path", "ssl_ca_data")]
    if any(place is not None for place in places):
        context.load_verify_locations(*places)
    if given.get("ssl_ciphers"):
        context.set_ciphers(given["ssl_ciphers"])
    return context
