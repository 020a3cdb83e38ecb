"""node-redis, for Node.js.

Source: https://github.com/redis/node-redis/blob/HEAD/docs/client-configuration.md (6.x) and
docs/clustering.md.
"""

from __future__ import annotations

from refused.remedies.clients import figures, notes
from refused.remedies.clients.advice import Advice, ClientConfig, File, Page
from refused.service.addresses import parse as is_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.remedies.clients.wanted import Wanted

NAME = "node-redis"
ALIASES = ("noderedis", "redis.js", "nodejs", "node", "javascript")
TITLE = "node-redis"
VERSIONS = "4.7 and later; commandOptions since 5"
_DOCS = "https://github.com/redis/node-redis/blob/HEAD/docs/client-configuration.md"
_CLUSTER = "https://github.com/redis/node-redis/blob/HEAD/docs/clustering.md"
_ENTRA = "https://github.com/redis/node-redis/blob/HEAD/packages/entraid/README.md"


def settings(wanted: Wanted) -> Iterator[Advice]:
    """Yield what is advised; names with ``socket.`` go into the socket's settings."""
    yield Advice(
        name="pingInterval",
        value=str(figures.PING_S * 1000),
        default="never",
        why=figures.PING_WHY,
        source=_DOCS,
    )
    yield Advice(
        name="commandOptions",
        value=f"timeout {figures.COMMAND_S * 1000}",
        literal=f"{{ timeout: {figures.COMMAND_S * 1000} }}",
        default="5000 (6.x), none before",
        why=figures.COMMAND_WHY,
        source=figures.connection_source(wanted),
    )
    yield Advice(
        name="commandsQueueMaxLength",
        value="10000",
        default="without end",
        why="commands queue up while the connection is down; a queue without end turns an outage of the cache into one of memory",
        source=_DOCS,
        guess=True,
    )
    yield Advice(
        name="socket.connectTimeout",
        value=str(figures.CONNECT_S * 1000),
        default="5000",
        why=figures.CONNECT_WHY,
        source=figures.connection_source(wanted),
    )
    yield Advice(
        name="socket.keepAlive",
        value="true",
        default="true",
        why=figures.KEEPALIVE_WHY,
        source=figures.KEEPALIVE_SOURCE,
    )
    yield Advice(
        name="socket.keepAliveInitialDelay",
        value=str(figures.KEEP_IDLE_S * 1000),
        default="30000 (5000 before 6)",
        why="the quiet after which keep-alive begins",
        source=figures.KEEPALIVE_SOURCE,
    )
    yield Advice(
        name="socket.socketTimeout",
        value=str(2 * figures.PING_S * 1000),
        default="never",
        why=(
            "a socket on which nothing arrives for two PINGs is closed: Node.js cannot set TCP_USER_TIMEOUT, and Linux "
            "by itself takes a quarter of an hour"
        ),
        source=_DOCS,
        guess=True,
    )
    yield Advice(
        name="socket.reconnectStrategy",
        value=f"doubled from {figures.FIRST_WAIT_S:g} s to {figures.LONGEST_WAIT_S:g} s, with jitter, for ever",
        literal="wait",
        default="up to 2 s with jitter, but never after a SocketTimeoutError",
        why=(
            "clients that lost their connections together do not come back together; it never gives up, not even after "
            "a socket's time-out, where the library's own does"
        ),
        source=_DOCS,
        guess=True,
    )
    if wanted.tls:
        yield Advice(
            name="socket.tls",
            value="true",
            default="false",
            why=figures.TLS_WHY,
            source=figures.tls_source(wanted),
        )
        yield Advice(
            name="socket.minVersion",
            value="TLSv1.2",
            literal="'TLSv1.2'",
            default="TLSv1.2 in Node.js 12 and later",
            why=figures.MIN_TLS_WHY,
            source=figures.tls_source(wanted),
        )
        if is_address(wanted.host) is None:
            yield Advice(
                name="socket.servername",
                value=wanted.host,
                literal=f"'{wanted.host}'",
                default="none",
                why=figures.SERVER_NAME_WHY,
                source=_DOCS,
            )
    if wanted.cluster:
        yield Advice(
            name="nodeAddressMap",
            value="every node by the target's name",
            literal="byName",
            default="as the nodes are announced",
            why="names are looked up anew at each dial, and certificates are for them",
            source=_CLUSTER,
        )


def config(wanted: Wanted) -> ClientConfig:
    """Return what is advised, as data and as a module ``redis-client.js``."""
    advised = tuple(settings(wanted))
    page = Page(advised, "//")
    maker = "createCluster" if wanted.cluster else "createClient"
    page.add(f"'use strict';\n\nconst {{ {maker} }} = require('redis');")
    if wanted.auth == "entra":
        page.add(
            "const { DefaultAzureCredential } = require('@azure/identity');\n"
            "const { EntraIdCredentialsProviderFactory, REDIS_SCOPE_DEFAULT } = require('@redis/entraid');"
        )
    page.add(
        "\nconst wait = (retries) => {\n"
        f"  const most = Math.min({figures.FIRST_WAIT_S * 1000:g} * 2 ** Math.min(retries, 10), "
        f"{figures.LONGEST_WAIT_S * 1000:g});\n"
        "  return Math.round(most / 2 + (Math.random() * most) / 2);\n"
        "};\n"
    )
    page.remark(
        "The process makes one client, and everybody shares it: commands are pipelined on its connection."
    )
    page.add("const settings = {")
    _login(wanted, page)
    for each in advised:
        if not each.name.startswith("socket.") and each.name != "nodeAddressMap":
            page.set(f"  {each.name}: {{}},", each.name)
    if not wanted.cluster and wanted.db:
        page.add(f"  database: {wanted.db},")
    page.add("  socket: {")
    if not wanted.cluster:
        page.add(f"    host: '{wanted.host}',\n    port: {wanted.port},")
    for each in advised:
        if each.name.startswith("socket."):
            page.set(f"    {each.name.partition('.')[2]}: {{}},", each.name)
    page.add("  },\n};\n")
    if wanted.cluster:
        scheme = "rediss" if wanted.tls else "redis"
        page.add(
            f"const byName = (address) => ({{\n  host: '{wanted.host}',\n"
            "  port: Number(address.slice(address.lastIndexOf(':') + 1)),\n});\n"
        )
        page.add("const client = createCluster({")
        page.add(f"  rootNodes: [{{ url: '{scheme}://{wanted.address}' }}],")
        page.remark(
            "TLS and login belong here: what rootNodes say is not passed on to the other nodes.",
            "  ",
        )
        page.add("  defaults: settings,")
        page.set("  nodeAddressMap: {},", "nodeAddressMap")
        page.add("});")
    else:
        page.add("const client = createClient(settings);")
    page.add(
        "// Without a listener Node.js ends the process at the first lost connection.\n"
        "client.on('error', (error) => console.error('redis:', error.message));\n\n"
        "module.exports = { client, connected: client.connect() };"
    )
    entra = " @redis/entraid @azure/identity" if wanted.auth == "entra" else ""
    return ClientConfig(
        client=NAME,
        title=TITLE,
        versions=VERSIONS,
        install=f"npm install redis{entra}",
        settings=advised,
        files=(
            File(
                name="redis-client.js",
                language="javascript",
                text=page.text(notes.head(wanted, TITLE, VERSIONS)),
            ),
        ),
        notes=(
            *notes.common(wanted),
            wanted.connections_note(1, "One connection for each process and node"),
            (
                "Subscriptions and blocking commands need a client of their own: client.duplicate(); leave socketTimeout and "
                "the commands' time-out out there."
            ),
        ),
        executed="run against the lab over TLS: standalone and cluster, key and Entra ID (a token of our own making)",
    )


def _login(wanted: Wanted, page: Page) -> None:
    if wanted.auth == "key":
        if wanted.user:
            page.add(f"  username: process.env.{notes.USER},")
        page.add(f"  password: process.env.{notes.KEY},")
    elif wanted.auth == "entra":
        page.remark(f"Tokens are renewed, and open connections logged in again: {_ENTRA}", "  ")
        page.add(
            "  credentialsProvider: EntraIdCredentialsProviderFactory.createForDefaultAzureCredential({\n"
            "    credential: new DefaultAzureCredential(),\n"
            "    scopes: REDIS_SCOPE_DEFAULT,\n"
            "    tokenManagerConfig: { expirationRefreshRatio: 0.8 },\n"
            "  }),"
        )
