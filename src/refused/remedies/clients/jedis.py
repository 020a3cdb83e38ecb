"""Jedis, for Java.

Sources: https://github.com/redis/jedis (7.x, 8.0): ``DefaultJedisClientConfig``,
``RedisClient.builder()``; https://redis.io/docs/latest/develop/clients/jedis/amr.
"""

from __future__ import annotations

from refused.remedies.clients import figures, notes
from refused.remedies.clients.advice import Advice, ClientConfig, File, Page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.remedies.clients.wanted import Wanted

NAME = "Jedis"
ALIASES = ("java",)
TITLE = "Jedis"
VERSIONS = "7.1 and later (RedisClient, RedisClusterClient)"
_CONFIG = (
    "https://github.com/redis/jedis/blob/HEAD/src/main/java/redis/clients/jedis/"
    "DefaultJedisClientConfig.java"
)
_NOTES = "https://github.com/Azure/AzureCacheForRedis/blob/HEAD/Redis-BestPractices-Java-Jedis.md"
_ENTRA = "https://redis.io/docs/latest/develop/clients/jedis/amr"
_OF_POOL = (
    "setMaxTotal", "setMaxIdle", "setMinIdle", "setMaxWait", "setTestWhileIdle",
    "setTimeBetweenEvictionRuns", "setMinEvictableIdleDuration", "setBlockWhenExhausted",
)  # fmt: skip


def settings(wanted: Wanted) -> Iterator[Advice]:
    """Yield what is advised; names of the pool begin with ``set``."""
    yield Advice(
        name="connectionTimeoutMillis",
        value=str(figures.CONNECT_S * 1000),
        default="2000",
        why=figures.CONNECT_WHY,
        source=figures.connection_source(wanted),
    )
    yield Advice(
        name="socketTimeoutMillis",
        value=str(figures.COMMAND_S * 1000),
        default="2000",
        why=figures.COMMAND_WHY,
        source=figures.connection_source(wanted),
    )
    if wanted.tls:
        yield Advice(
            name="ssl",
            value="true",
            default="false",
            why=figures.TLS_WHY,
            source=figures.tls_source(wanted),
        )
        yield Advice(
            name="sslParameters",
            value="host name compared, TLS 1.2 and 1.3",
            literal="tls",
            default="the host name is compared from 8.0 on, and before that not at all",
            why="without an endpoint identification algorithm any certificate of a known authority would do",
            source=_CONFIG,
        )
    if wanted.cluster:
        yield Advice(
            name="hostAndPortMapper",
            value="every node by the target's name",
            literal=f'node -> new HostAndPort("{wanted.host}", node.getPort())',
            default="as the nodes are announced",
            why=figures.SERVER_NAME_WHY,
            source=_CONFIG,
        )
    yield Advice(
        name="setMaxTotal",
        value=str(wanted.pool()),
        default="8",
        why=wanted.pool_why(),
        source=wanted.pool_source(),
        guess=wanted.limit is None,
    )
    yield Advice(
        name="setMaxIdle",
        value=str(wanted.pool()),
        default="8",
        why="as many as may be open: else each peak closes connections that the next one makes anew, TLS and all",
        source=_NOTES,
    )
    yield Advice(
        name="setMinIdle",
        value="2",
        default="0",
        why="the first command after a quiet time finds a connection",
        source=_NOTES,
        guess=True,
    )
    yield Advice(
        name="setMaxWait",
        value=f"{figures.COMMAND_S} s",
        literal=f"Duration.ofSeconds({figures.COMMAND_S})",
        default="for ever",
        why="who finds no connection free waits in line for so long, and not for ever",
        source="https://commons.apache.org/proper/commons-pool/",
        guess=True,
    )
    yield Advice(
        name="setTestWhileIdle",
        value="true",
        default="true",
        why="connections at rest are tried with a PING, which also keeps them below every idle limit",
        source=_NOTES,
    )
    yield Advice(
        name="setTimeBetweenEvictionRuns",
        value=f"{figures.KEEP_IDLE_S} s",
        literal=f"Duration.ofSeconds({figures.KEEP_IDLE_S})",
        default="30 s",
        why="how often they are",
        source=_NOTES,
    )
    yield Advice(
        name="setMinEvictableIdleDuration",
        value=f"{figures.EVICT_S} s",
        literal=f"Duration.ofSeconds({figures.EVICT_S})",
        default="60 s",
        why=figures.EVICT_WHY,
        source=figures.connection_source(wanted),
        guess=True,
    )
    if wanted.cluster:
        yield Advice(
            name="maxAttempts",
            value=str(figures.TRIES + 1),
            default="5",
            why=f"a command is tried so often; the wait grows by itself: {figures.RETRY_WHY}",
            source=figures.BACKOFF_SOURCE,
            guess=True,
        )


def config(wanted: Wanted) -> ClientConfig:
    """Return what is advised, as data and as a class ``Cache``."""
    advised = tuple(settings(wanted))
    page = Page(advised, "//")
    client = "RedisClusterClient" if wanted.cluster else "RedisClient"
    _imports(wanted, page, client)
    page.remark("One pooled client for the whole process; it is safe for threads.")
    page.add(f"public final class Cache {{\n    public static final {client} CLIENT = make();\n")
    page.add(f"    private static {client} make() {{")
    if wanted.tls:
        page.add(
            "        SSLParameters tls = new SSLParameters();\n"
            '        tls.setEndpointIdentificationAlgorithm("HTTPS");\n'
            '        tls.setProtocols(new String[] {"TLSv1.2", "TLSv1.3"});'
        )
    page.add(
        "        DefaultJedisClientConfig.Builder settings = DefaultJedisClientConfig.builder();"
    )
    for name in (
        "connectionTimeoutMillis",
        "socketTimeoutMillis",
        "ssl",
        "sslParameters",
        "hostAndPortMapper",
    ):
        if page.has(name):
            page.set(f"        settings.{name}({{}});", name)
    if wanted.db and not wanted.cluster:
        page.add(f"        settings.database({wanted.db});")
    _login(wanted, page)
    page.add("        ConnectionPoolConfig pool = new ConnectionPoolConfig();")
    for name in _OF_POOL:
        if page.has(name):
            page.set(f"        pool.{name}({{}});", name)
    place = f'new HostAndPort("{wanted.host}", {wanted.port})'
    page.add(f"        return {client}.builder()")
    page.add(
        f"            .nodes(Set.of({place}))"
        if wanted.cluster
        else f"            .hostAndPort({place})"
    )
    if wanted.cluster:
        page.set("            .maxAttempts({})", "maxAttempts")
    page.add(
        "            .clientConfig(settings.build())\n            .poolConfig(pool)\n            .build();"
    )
    page.add("    }\n\n    private Cache() {\n    }\n}")
    entra = " and redis.clients.authentication:redis-authx-entraid, com.azure:azure-identity"
    return ClientConfig(
        client=NAME,
        title=TITLE,
        versions=VERSIONS,
        install=f"redis.clients:jedis:7.1.0{entra if wanted.auth == 'entra' else ''} (Maven)",
        settings=advised,
        files=(
            File(
                name="Cache.java",
                language="java",
                text=page.text(notes.head(wanted, TITLE, VERSIONS)),
            ),
        ),
        notes=(
            *notes.common(wanted),
            *notes.outbound(wanted, wanted.pool()),
            "Before 7.1: JedisPooled and JedisCluster take the same DefaultJedisClientConfig and pool.",
            (
                "Jedis tries no command of a single server again by itself: wrap what may be repeated, with back-off and "
                "jitter (Resilience4j), on JedisConnectionException alone."
            ),
            (
                f"Jedis cannot set TCP_USER_TIMEOUT; socketTimeoutMillis bounds the wait. {figures.FORCE_WHY[0].upper()}"
                f"{figures.FORCE_WHY[1:]} ({_NOTES})."
            ),
        ),
        executed="parsed by tree-sitter; no Java library is run in our tests",
    )


def _imports(wanted: Wanted, page: Page, client: str) -> None:
    page.add("import java.time.Duration;")
    if wanted.cluster:
        page.add("import java.util.Set;")
    if wanted.tls:
        page.add("import javax.net.ssl.SSLParameters;")
    if wanted.auth == "entra":
        page.add(
            "import com.azure.identity.DefaultAzureCredentialBuilder;\n"
            "import redis.clients.authentication.entraid.AzureTokenAuthConfigBuilder;\n"
            "import redis.clients.jedis.authentication.AuthXManager;"
        )
    page.add(
        "import redis.clients.jedis.ConnectionPoolConfig;\n"
        "import redis.clients.jedis.DefaultJedisClientConfig;\n"
        "import redis.clients.jedis.HostAndPort;\n"
        f"import redis.clients.jedis.{client};\n"
    )


def _login(wanted: Wanted, page: Page) -> None:
    if wanted.auth == "entra":
        page.remark(
            f"Tokens are renewed, and pooled connections logged in again: {_ENTRA}", "        "
        )
        page.add(
            "        settings.authXManager(new AuthXManager(AzureTokenAuthConfigBuilder.builder()\n"
            "            .defaultAzureCredential(new DefaultAzureCredentialBuilder().build())\n"
            "            .tokenRequestExecTimeoutInMs(2000)\n"
            "            .build()));"
        )
    elif wanted.auth == "key":
        if wanted.user:
            page.add(f'        settings.user(System.getenv("{notes.USER}"));')
        page.add(f'        settings.password(System.getenv("{notes.KEY}"));')
