"""redis-py, for Python.

Sources: https://github.com/redis/redis-py (8.x); azure-facts of ``service/``.
"""

from __future__ import annotations

from refused.remedies.clients import figures, notes
from refused.remedies.clients.advice import Advice, ClientConfig, File, Page
from refused.service.facts import AMR_ARCHITECTURE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.remedies.clients.wanted import Wanted

NAME = "redis-py"
ALIASES = ("redispy", "py-redis", "python", "redis.py")
TITLE = "redis-py"
VERSIONS = "8.x; 5.3 and later have the same names"
_DOCS = "https://redis.readthedocs.io/en/stable/connections.html"
_ENTRA = "https://github.com/redis/redis-py-entraid"
_CLUSTER = "https://redis.readthedocs.io/en/stable/clustering.html"


def settings(wanted: Wanted) -> Iterator[Advice]:
    """Yield what is advised."""
    yield Advice(
        name="socket_connect_timeout",
        value=str(figures.CONNECT_S),
        default="5 (None before 8)",
        why=figures.CONNECT_WHY,
        source=figures.connection_source(wanted),
    )
    yield Advice(
        name="socket_timeout",
        value=str(figures.COMMAND_S),
        default="5 (None before 8)",
        why=figures.COMMAND_WHY,
        source=figures.connection_source(wanted),
    )
    yield Advice(
        name="socket_keepalive",
        value="True",
        default="True (False before 8)",
        why=figures.KEEPALIVE_WHY,
        source=figures.KEEPALIVE_SOURCE,
    )
    yield Advice(
        name="socket_keepalive_options",
        value=(
            f"TCP_KEEPIDLE {figures.KEEP_IDLE_S}, TCP_KEEPINTVL {figures.KEEP_EVERY_S}, TCP_KEEPCNT "
            f"{figures.KEEP_PROBES}, TCP_USER_TIMEOUT {figures.USER_TIMEOUT_S * 1000}"
        ),
        default="without TCP_USER_TIMEOUT",
        literal="socket_options",
        why=figures.USER_TIMEOUT_WHY,
        source=figures.connection_source(wanted),
        guess=True,
    )
    yield Advice(
        name="health_check_interval",
        value=str(figures.KEEP_IDLE_S),
        default="0 (never)",
        why=(
            f"a PING before a connection is used that was quiet for {figures.KEEP_IDLE_S} s: what the service or the "
            "network closed meanwhile is found before a command is lost on it"
        ),
        source=_DOCS,
        guess=True,
    )
    yield Advice(
        name="max_connections",
        value=str(wanted.pool()),
        default="100",
        why=wanted.pool_why(),
        source=wanted.pool_source(),
        guess=wanted.limit is None,
    )
    if not wanted.cluster:
        yield Advice(
            name="timeout",
            value=str(figures.COMMAND_S),
            default="20",
            why=(
                "who finds no connection free waits in line for so long, where the ordinary pool raises "
                '"Too many connections" at once'
            ),
            source=_DOCS,
            guess=True,
        )
    yield Advice(
        name="retry",
        value=f"exponential with jitter, {figures.TRIES} tries",
        literal=(
            f"Retry(ExponentialWithJitterBackoff(base={figures.FIRST_WAIT_S}, cap={figures.LONGEST_WAIT_S:g}), "
            f"{figures.TRIES})"
        ),
        default="10 tries in Redis(), none in Redis.from_url() (8.x)",
        why=figures.RETRY_WHY,
        source=figures.BACKOFF_SOURCE,
        guess=True,
    )
    if wanted.tls:
        yield Advice(
            name="ssl_cert_reqs",
            value="required",
            literal='"required"',
            default="required",
            why=figures.TLS_WHY,
            source=figures.tls_source(wanted),
        )
        yield Advice(
            name="ssl_check_hostname",
            value="True",
            default="True (False before 8)",
            why="before 8 redis-py took any certificate of a known authority, whoever's it was",
            source="https://github.com/redis/redis-py/blob/HEAD/redis/connection.py",
        )
        yield Advice(
            name="ssl_min_version",
            value="TLS 1.2",
            literal="ssl.TLSVersion.TLSv1_2",
            why=figures.MIN_TLS_WHY,
            source=figures.tls_source(wanted),
        )
    if wanted.cluster:
        yield Advice(
            name="address_remap",
            value="every node by the target's name",
            literal="by_name",
            default="as the nodes are announced",
            why=figures.SERVER_NAME_WHY,
            source=AMR_ARCHITECTURE if wanted.service == "amr" else _CLUSTER,
        )


def config(wanted: Wanted) -> ClientConfig:
    """Return what is advised, as data and as a module ``redis_client.py``."""
    advised = tuple(settings(wanted))
    page = Page(advised, "#")
    page.add(_imports(wanted))
    _socket_options(page)
    if wanted.cluster:
        page.add(f'def by_name(address):\n    return "{wanted.host}", address[1]\n\n')
    login = _login(wanted, page)
    if wanted.cluster:
        page.remark("One client for the whole process; it is safe for threads.")
        page.add("client = redis.RedisCluster(")
        page.add(f'    host="{wanted.host}",\n    port={wanted.port},')
        if wanted.tls:
            page.add("    ssl=True,")
    else:
        page.remark("One pool for the whole process; it is safe for threads.")
        page.add("pool = redis.BlockingConnectionPool(")
        if wanted.tls:
            page.add("    connection_class=redis.SSLConnection,")
        page.add(f'    host="{wanted.host}",\n    port={wanted.port},')
        if wanted.db:
            page.add(f"    db={wanted.db},")
    page.add(login) if login else None
    for each in advised:
        page.set(f"    {each.name}={{}},", each.name)
    page.add(")")
    if not wanted.cluster:
        page.add("client = redis.Redis(connection_pool=pool)")
    extra = (
        (
            "Our own refused.client.connect() has all of this and more: a deadline for a call in all, a look at silent "
            "connections, a circuit breaker."
        ),
        "asyncio: the same names in redis.asyncio; one client for each event loop.",
    )
    entra = " redis-entraid" if wanted.auth == "entra" else ""
    return ClientConfig(
        client=NAME,
        title=TITLE,
        versions=VERSIONS,
        install=f'pip install "redis>=8"{entra}',
        settings=advised,
        files=(
            File(
                name="redis_client.py",
                language="python",
                text=page.text(notes.head(wanted, TITLE, VERSIONS)),
            ),
        ),
        notes=(*notes.common(wanted), *notes.outbound(wanted, wanted.pool()), *extra),
        executed="run against the lab over TLS: standalone and cluster, key and Entra ID (a token of our own making)",
    )


def _imports(wanted: Wanted) -> str:
    modules = ["import os"] if wanted.auth == "key" else []
    modules += ["import socket"]
    modules += ["import ssl"] if wanted.tls else []
    theirs = [
        "import redis",
        "from redis.backoff import ExponentialWithJitterBackoff",
        "from redis.retry import Retry",
    ]
    if wanted.auth == "entra":
        theirs.append(
            "from redis_entraid.cred_provider import create_from_default_azure_credential"
        )
    return "\n".join([*modules, "", *theirs, ""])


def _socket_options(page: Page) -> None:
    page.remark("What this system does not have (macOS, Windows) is left out.")
    page.add(
        "socket_options = {\n"
        "    getattr(socket, name): value\n"
        "    for name, value in (\n"
        f'        ("TCP_KEEPIDLE", {figures.KEEP_IDLE_S}),\n'
        f'        ("TCP_KEEPINTVL", {figures.KEEP_EVERY_S}),\n'
        f'        ("TCP_KEEPCNT", {figures.KEEP_PROBES}),\n'
        f'        ("TCP_USER_TIMEOUT", {figures.USER_TIMEOUT_S * 1000}),\n'
        "    )\n"
        "    if hasattr(socket, name)\n"
        "}"
    )
    page.add()


def _login(wanted: Wanted, page: Page) -> str:
    if wanted.auth == "entra":
        page.remark(
            f"Tokens are renewed, and open connections logged in again, by redis-entraid: {_ENTRA}"
        )
        page.add(
            "credentials = create_from_default_azure_credential(\n"
            '    ("https://redis.azure.com/.default",)\n'
            ")\n"
        )
        return "    credential_provider=credentials,"
    if wanted.auth == "key":
        user = f'    username=os.environ["{notes.USER}"],\n' if wanted.user else ""
        return f'{user}    password=os.environ["{notes.KEY}"],'
    return ""
