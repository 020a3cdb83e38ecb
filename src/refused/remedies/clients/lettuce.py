"""Lettuce, for Java and what stands on it.

Sources: https://github.com/redis/lettuce (6.6, 7.x); Microsoft's notes on Lettuce.
"""

from __future__ import annotations

from refused.remedies.clients import figures, notes
from refused.remedies.clients.advice import Advice, ClientConfig, File, Page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.remedies.clients.wanted import Wanted

NAME = "Lettuce"
ALIASES = ("lettuce-core",)
TITLE = "Lettuce"
VERSIONS = "6.6 and later, 7.x"
SOCKETS = (
    "https://github.com/redis/lettuce/blob/HEAD/src/main/java/io/lettuce/core/SocketOptions.java"
)
NOTES = "https://github.com/Azure/AzureCacheForRedis/blob/HEAD/Lettuce%20Best%20Practices.md"
STALL = "https://github.com/redis/lettuce/issues/1428"
_ENTRA = "https://redis.io/docs/latest/develop/clients/lettuce/amr"
REFRESH_S = 5


def settings(wanted: Wanted) -> Iterator[Advice]:
    """Yield what is advised."""
    yield Advice(
        name="connectTimeout",
        value=f"{figures.CONNECT_S} s",
        literal=f"Duration.ofSeconds({figures.CONNECT_S})",
        default="10 s",
        why=figures.CONNECT_WHY,
        source=figures.connection_source(wanted),
    )
    yield Advice(
        name="keepAlive",
        value=f"idle {figures.KEEP_IDLE_S} s, every {figures.KEEP_EVERY_S} s, {figures.KEEP_PROBES} probes",
        literal=(
            f"KeepAliveOptions.builder().enable().idle(Duration.ofSeconds({figures.KEEP_IDLE_S}))"
            f".interval(Duration.ofSeconds({figures.KEEP_EVERY_S})).count({figures.KEEP_PROBES}).build()"
        ),
        default="idle 13 s, every 13 s, 3 probes (7.x); off before",
        why=figures.KEEPALIVE_WHY,
        source=figures.KEEPALIVE_SOURCE,
    )
    yield Advice(
        name="tcpUserTimeout",
        value=f"{figures.USER_TIMEOUT_S} s",
        literal=(
            f"TcpUserTimeoutOptions.builder().enable().tcpUserTimeout(Duration.ofSeconds({figures.USER_TIMEOUT_S})).build()"
        ),
        default="off",
        why=f"{figures.USER_TIMEOUT_WHY} ({STALL}); it needs Netty's native epoll",
        source=SOCKETS,
    )
    yield Advice(
        name="timeout",
        value=f"{figures.COMMAND_S} s",
        literal=f"Duration.ofSeconds({figures.COMMAND_S})",
        default="60 s",
        why=figures.COMMAND_WHY,
        source=figures.connection_source(wanted),
    )
    yield Advice(
        name="timeoutOptions",
        value="enabled",
        literal="TimeoutOptions.enabled()",
        default="asynchronous commands never end",
        why="without it the time-out holds for synchronous calls alone",
        source=NOTES,
    )
    yield Advice(
        name="autoReconnect",
        value="true",
        default="true",
        why="a lost connection is made again, with a wait that grows",
        source=NOTES,
    )
    yield Advice(
        name="disconnectedBehavior",
        value="reject commands while there is no connection",
        literal="ClientOptions.DisconnectedBehavior.REJECT_COMMANDS",
        default="they queue up without end",
        why="an outage of the cache fails fast, rather than filling the heap with commands that wait",
        source=NOTES,
        guess=True,
    )
    yield Advice(
        name="pingBeforeActivateConnection",
        value="true",
        default="true",
        why="a connection is used after a PING came back",
        source=NOTES,
    )
    if wanted.tls:
        yield Advice(
            name="withVerifyPeer",
            value="full",
            literal="SslVerifyMode.FULL",
            default="FULL",
            why=figures.TLS_WHY,
            source=figures.tls_source(wanted),
        )
        yield Advice(
            name="sslOptions",
            value="TLS 1.2 and 1.3",
            literal='SslOptions.builder().jdkSslProvider().protocols("TLSv1.2", "TLSv1.3").build()',
            default="the JVM's choice",
            why=figures.MIN_TLS_WHY,
            source=figures.tls_source(wanted),
        )
    if wanted.cluster:
        yield Advice(
            name="socketAddressResolver",
            value="every node by the target's name",
            literal=(
                "MappingSocketAddressResolver.create(DnsResolver.unresolved(), "
                f'node -> HostAndPort.of("{wanted.host}", node.getPort()))'
            ),
            default="as the nodes are announced",
            why=figures.SERVER_NAME_WHY,
            source=NOTES,
        )
        yield Advice(
            name="enablePeriodicRefresh",
            value=f"{REFRESH_S} s",
            literal=f"Duration.ofSeconds({REFRESH_S})",
            default="off: a failover is never noticed",
            why="how often the topology is asked for",
            source=NOTES,
        )
        yield Advice(
            name="adaptiveRefreshTriggersTimeout",
            value=f"{REFRESH_S} s",
            literal=f"Duration.ofSeconds({REFRESH_S})",
            default="30 s",
            why="and at once after MOVED, ASK and lost connections, but no more often than this",
            source=NOTES,
        )
        yield Advice(
            name="dynamicRefreshSources",
            value="false",
            default="true",
            why="the name that always answers is asked, and not nodes that may be gone",
            source=NOTES,
        )
        yield Advice(
            name="validateClusterNodeMembership",
            value="false",
            default="true",
            why="a node that was added a moment ago may be followed to",
            source=NOTES,
        )


def config(wanted: Wanted) -> ClientConfig:
    """Return what is advised, as data and as a class ``Cache``."""
    advised = tuple(settings(wanted))
    page = Page(advised, "//")
    client = "RedisClusterClient" if wanted.cluster else "RedisClient"
    connection = "StatefulRedisClusterConnection" if wanted.cluster else "StatefulRedisConnection"
    options = "ClusterClientOptions" if wanted.cluster else "ClientOptions"
    page.add("import java.time.Duration;")
    page.add(_imports(wanted, connection))
    page.remark(
        "One connection for the whole process: it is safe for threads, and carries every command."
    )
    page.add(
        f"public final class Cache {{\n    public static final {connection}<String, String> CONNECTION = connect();\n"
    )
    page.add(f"    private static {connection}<String, String> connect() {{")
    page.add("        SocketOptions sockets = SocketOptions.builder()")
    for name in ("connectTimeout", "keepAlive", "tcpUserTimeout"):
        page.set(f"            .{name}({{}})", name)
    page.add("            .build();")
    if wanted.cluster:
        page.add(
            "        ClusterTopologyRefreshOptions topology = ClusterTopologyRefreshOptions.builder()"
        )
        page.add("            .enableAllAdaptiveRefreshTriggers()")
        for name in (
            "enablePeriodicRefresh",
            "adaptiveRefreshTriggersTimeout",
            "dynamicRefreshSources",
        ):
            page.set(f"            .{name}({{}})", name)
        page.add("            .build();")
    page.add(
        f"        {options} options = {options}.builder()\n            .socketOptions(sockets)"
    )
    for name in (
        "timeoutOptions",
        "autoReconnect",
        "disconnectedBehavior",
        "pingBeforeActivateConnection",
        "sslOptions",
        "validateClusterNodeMembership",
    ):
        if page.has(name):
            page.set(f"            .{name}({{}})", name)
    if wanted.cluster:
        page.add("            .topologyRefreshOptions(topology)")
    if wanted.auth == "entra":
        page.remark("Open connections are logged in again with each new token.", "            ")
        page.add(
            "            .reauthenticateBehavior(ClientOptions.ReauthenticateBehavior.ON_NEW_CREDENTIALS)"
        )
    page.add("            .build();")
    page.add(
        f'        RedisURI.Builder uri = RedisURI.builder()\n            .withHost("{wanted.host}")\n            .withPort({wanted.port})'
    )
    page.set("            .withTimeout({})", "timeout")
    if wanted.db and not wanted.cluster:
        page.add(f"            .withDatabase({wanted.db})")
    if wanted.tls:
        page.add("            .withSsl(true)")
        page.set("            .withVerifyPeer({})", "withVerifyPeer")
    page.end(";")
    _login(wanted, page)
    resources = ""
    if wanted.cluster:
        page.add("        ClientResources resources = ClientResources.builder()")
        page.set("            .socketAddressResolver({})", "socketAddressResolver")
        page.add("            .build();")
        resources = "resources, "
    page.add(f"        {client} client = {client}.create({resources}uri.build());")
    page.add(
        "        client.setOptions(options);\n        return client.connect();\n    }\n\n    private Cache() {\n    }\n}"
    )
    entra = " and redis.clients.authentication:redis-authx-entraid, com.azure:azure-identity"
    return ClientConfig(
        client=NAME,
        title=TITLE,
        versions=VERSIONS,
        install=f"io.lettuce:lettuce-core:6.6.0 or later, io.netty:netty-transport-native-epoll{entra if wanted.auth == 'entra' else ''} (Maven)",
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
            wanted.connections_note(1, "One connection for each process and node"),
            (
                "The JVM may keep an address for ever: set networkaddress.cache.ttl=30 (java.security), so that a new address "
                "of the cache is found."
            ),
            "Blocking commands, MULTI and subscriptions want a connection of their own.",
        ),
        executed="parsed by tree-sitter; no Java library is run in our tests",
    )


def _imports(wanted: Wanted, connection: str) -> str:
    names = [
        "ClientOptions",
        "RedisURI",
        "SocketOptions",
        "SocketOptions.KeepAliveOptions",
        "SocketOptions.TcpUserTimeoutOptions",
        "TimeoutOptions",
    ]
    if wanted.tls:
        names += ["SslOptions", "SslVerifyMode"]
    if wanted.cluster:
        names += [
            "cluster.ClusterClientOptions",
            "cluster.ClusterTopologyRefreshOptions",
            "cluster.RedisClusterClient",
            f"cluster.api.{connection}",
            "internal.HostAndPort",
            "resource.ClientResources",
            "resource.DnsResolver",
            "resource.MappingSocketAddressResolver",
        ]
    else:
        names += ["RedisClient", f"api.{connection}"]
    lines = [f"import io.lettuce.core.{name};" for name in names]
    if wanted.auth == "entra":
        lines += [
            "import com.azure.identity.DefaultAzureCredentialBuilder;",
            "import io.lettuce.authx.TokenBasedRedisCredentialsProvider;",
            "import redis.clients.authentication.entraid.AzureTokenAuthConfigBuilder;",
        ]
    return "\n".join(sorted(lines)) + "\n"


def _login(wanted: Wanted, page: Page) -> None:
    if wanted.auth == "entra":
        page.remark(f"Tokens are renewed by redis-authx-entraid: {_ENTRA}", "        ")
        page.add(
            "        uri.withAuthentication(TokenBasedRedisCredentialsProvider.create(AzureTokenAuthConfigBuilder.builder()\n"
            "            .defaultAzureCredential(new DefaultAzureCredentialBuilder().build())\n"
            "            .tokenRequestExecTimeoutInMs(2000)\n"
            "            .build()));"
        )
    elif wanted.auth == "key":
        key = f'System.getenv("{notes.KEY}").toCharArray()'
        if wanted.user:
            page.add(f'        uri.withAuthentication(System.getenv("{notes.USER}"), {key});')
        else:
            page.add(f"        uri.withPassword({key});")
