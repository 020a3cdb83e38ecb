"""Redisson, for Java.

Sources: https://github.com/redisson/redisson/blob/HEAD/docs/configuration.md (4.x) and Microsoft's
page on client libraries. The library's documentation and its source differ on some defaults, so
that what matters is set.
"""

from __future__ import annotations

from refused.remedies.clients import figures, notes
from refused.remedies.clients.advice import Advice, ClientConfig, File, Page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.remedies.clients.wanted import Wanted

NAME = "Redisson"
ALIASES = ("redisson-spring-boot-starter",)
TITLE = "Redisson"
VERSIONS = "4.x; in 3.x the TCP and TLS settings stand on the server's settings"
_DOCS = "https://github.com/redisson/redisson/blob/HEAD/docs/configuration.md"
_BASELINE = (
    "https://learn.microsoft.com/azure/azure-cache-for-redis/cache-best-practices-client-libraries"
)
_NODES = "https://github.com/redisson/redisson/issues/1296"
_POOL, _SUBSCRIPTIONS = 24, 4
_CLUSTER_ONLY = ("setScanInterval", "setNatMapper", "setReadMode")


def settings(wanted: Wanted) -> Iterator[Advice]:
    """Yield what is advised; names with ``Config.`` belong to the configuration as a whole."""
    pool = min(_POOL, max(1, wanted.pool(_POOL + _SUBSCRIPTIONS) - _SUBSCRIPTIONS))
    yield Advice(
        name="Config.setTcpKeepAlive",
        value="true",
        default="true in the source, false in the documentation",
        why=figures.KEEPALIVE_WHY,
        source=figures.KEEPALIVE_SOURCE,
    )
    for name, value in (
        ("Config.setTcpKeepAliveIdle", figures.KEEP_IDLE_S),
        ("Config.setTcpKeepAliveInterval", figures.KEEP_EVERY_S),
        ("Config.setTcpKeepAliveCount", figures.KEEP_PROBES),
    ):
        yield Advice(
            name=name,
            value=str(value),
            default="the system's (2 hours until the first)",
            why="the times of keep-alive; it needs Netty's native epoll",
            source=_DOCS,
        )
    yield Advice(
        name="Config.setTcpUserTimeout",
        value=str(figures.USER_TIMEOUT_S * 1000),
        default="0 (off)",
        why=figures.USER_TIMEOUT_WHY,
        source=figures.connection_source(wanted),
        guess=True,
    )
    if wanted.tls:
        yield Advice(
            name="Config.setSslVerificationMode",
            value="strict",
            literal="SslVerificationMode.STRICT",
            default="STRICT",
            why=figures.TLS_WHY,
            source=figures.tls_source(wanted),
        )
        yield Advice(
            name="Config.setSslProtocols",
            value="TLS 1.2 and 1.3",
            literal='new String[] {"TLSv1.2", "TLSv1.3"}',
            default="the JVM's choice",
            why=figures.MIN_TLS_WHY,
            source=figures.tls_source(wanted),
        )
    yield Advice(
        name="setConnectTimeout",
        value="15000",
        default="10000",
        why="15 s to connect, as Microsoft's baseline for Redisson has it; a cache under load answers late",
        source=_BASELINE,
    )
    yield Advice(
        name="setTimeout",
        value=str(figures.COMMAND_S * 1000),
        default="3000",
        why=figures.COMMAND_WHY,
        source=_BASELINE,
    )
    yield Advice(
        name="setRetryAttempts",
        value=str(figures.TRIES),
        default="4",
        why="how often a command is tried again",
        source=_BASELINE,
    )
    yield Advice(
        name="setRetryDelay",
        value="1 to 3 s, with jitter",
        literal=f"new EqualJitterDelay(Duration.ofSeconds(1), Duration.ofSeconds({figures.LONGEST_WAIT_S:g}))",
        default="1 to 2 s, with jitter",
        why="clients that lost their connections together do not come back together",
        source=figures.BACKOFF_SOURCE,
        guess=True,
    )
    yield Advice(
        name="setIdleConnectionTimeout",
        value="30000",
        default="10000",
        why="connections beyond the least are closed after so long a rest",
        source=_BASELINE,
    )
    yield Advice(
        name="setPingConnectionInterval",
        value=str(figures.PING_S * 1000),
        default="30000",
        why=figures.PING_WHY,
        source=_BASELINE,
    )
    size, least = ("setConnectionPoolSize", "setConnectionMinimumIdleSize")
    if wanted.cluster:
        size, least = "setMasterConnectionPoolSize", "setMasterConnectionMinimumIdleSize"
    yield Advice(
        name=size,
        value=str(pool),
        default="64",
        why=f"{wanted.pool_why(_POOL + _SUBSCRIPTIONS)}, subscriptions' {_SUBSCRIPTIONS} included; Microsoft's baseline is {_POOL}",
        source=_BASELINE if wanted.limit is None else wanted.pool_source(),
    )
    yield Advice(
        name=least,
        value=str(min(2, pool)),
        default="24, for the primary and each replica: a storm of connections at every start",
        why="few at the start, for all pods start at once",
        source=_BASELINE,
    )
    yield Advice(
        name="setSubscriptionConnectionPoolSize",
        value=str(_SUBSCRIPTIONS),
        default="50",
        why="topics, locks and semaphores subscribe; more than a few connections is seldom of use",
        source=_DOCS,
        guess=True,
    )
    yield Advice(
        name="setDnsMonitoringInterval",
        value="5000",
        default="5000",
        why="the name is looked up again: a cache's address may change",
        source=_DOCS,
    )
    if wanted.cluster:
        yield Advice(
            name="setReadMode",
            value="primaries alone",
            literal="ReadMode.MASTER",
            default="SLAVE",
            why="what was just written is read back; and half as many connections",
            source=_BASELINE,
        )
        yield Advice(
            name="setScanInterval",
            value="5000",
            default="5000 in the source, 1000 in the documentation",
            why="how often the topology is asked for",
            source=_DOCS,
        )
        yield Advice(
            name="setNatMapper",
            value="every node by the target's name",
            literal=f'node -> new RedisURI(node.getScheme(), "{wanted.host}", node.getPort())',
            default="as the nodes are announced",
            why=figures.SERVER_NAME_WHY,
            source=_NODES,
        )


def config(wanted: Wanted) -> ClientConfig:
    """Return what is advised, as data and as a class ``Cache``."""
    advised = tuple(settings(wanted))
    page = Page(advised, "//")
    page.add("import java.time.Duration;")
    if wanted.auth == "entra":
        page.add(
            "import com.azure.core.credential.TokenRequestContext;\n"
            "import com.azure.identity.DefaultAzureCredential;\n"
            "import com.azure.identity.DefaultAzureCredentialBuilder;\n"
            "import org.redisson.config.Credentials;"
        )
    page.add("import org.redisson.Redisson;\nimport org.redisson.api.RedissonClient;")
    page.add("import org.redisson.config.Config;\nimport org.redisson.config.EqualJitterDelay;")
    if wanted.tls:
        page.add("import org.redisson.config.SslVerificationMode;")
    if wanted.cluster:
        page.add("import org.redisson.config.ReadMode;\nimport org.redisson.misc.RedisURI;")
    page.add()
    page.remark("One client for the whole process; it is safe for threads, and holds the pools.")
    page.add(
        "public final class Cache {\n    public static final RedissonClient CLIENT = make();\n"
    )
    page.add("    private static RedissonClient make() {\n        Config config = new Config();")
    for each in advised:
        if each.name.startswith("Config."):
            page.set(f"        config.{each.name.partition('.')[2]}({{}});", each.name)
    if wanted.auth == "entra":
        page.add(
            "        DefaultAzureCredential identity = new DefaultAzureCredentialBuilder().build();\n"
            "        TokenRequestContext scope = new TokenRequestContext()\n"
            '            .addScopes("https://redis.azure.com/.default");'
        )
    scheme = "rediss" if wanted.tls else "redis"
    use = "useClusterServers" if wanted.cluster else "useSingleServer"
    place = "addNodeAddress" if wanted.cluster else "setAddress"
    page.add(f'        config.{use}()\n            .{place}("{scheme}://{wanted.address}")')
    if wanted.db and not wanted.cluster:
        page.add(f"            .setDatabase({wanted.db})")
    # The common settings return the type that has them, the cluster's own stand first.
    order = [each for each in advised if each.name in _CLUSTER_ONLY]
    order += [each for each in advised if not each.name.startswith("Config.") and each not in order]
    for each in order:
        page.set(f"            .{each.name}({{}})", each.name)
    _login(wanted, page)
    page.end(";")
    page.add("        return Redisson.create(config);\n    }\n\n    private Cache() {\n    }\n}")
    return ClientConfig(
        client=NAME,
        title=TITLE,
        versions=VERSIONS,
        install="org.redisson:redisson:4.0.0 or later, io.netty:netty-transport-native-epoll"
        + (", com.azure:azure-identity" if wanted.auth == "entra" else "")
        + " (Maven)",
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
            *notes.outbound(wanted, _POOL + _SUBSCRIPTIONS),
            "Of 3.x take 3.14.1 or later (Microsoft's baseline); locks need the ACL categories pubsub and scripting.",
        ),
        executed="parsed by tree-sitter; no Java library is run in our tests",
    )


def _login(wanted: Wanted, page: Page) -> None:
    """Log in through the server's settings, which have it in 3.x and in 4.x."""
    if wanted.auth == "entra":
        page.remark(
            "The resolver is asked at each login; azure-identity keeps the token, and renews it in time.",
            "            ",
        )
        page.add(
            "            .setCredentialsResolver(address -> identity.getToken(scope)\n"
            f'                .map(token -> new Credentials(System.getenv("{notes.USER}"), token.getToken()))\n'
            "                .toFuture())"
        )
        page.remark("Open connections are logged in again every 10 minutes.", "            ")
        page.add("            .setCredentialsReapplyInterval(600000)")
    elif wanted.auth == "key":
        if wanted.user:
            page.add(f'            .setUsername(System.getenv("{notes.USER}"))')
        page.add(f'            .setPassword(System.getenv("{notes.KEY}"))')
