"""ioredis, for Node.js.

Source: https://github.com/redis/ioredis (6.0), ``lib/redis/RedisOptions.ts`` and the README.
"""

from __future__ import annotations

from refused.remedies.clients import figures, notes
from refused.remedies.clients.advice import Advice, ClientConfig, File, Page
from refused.service.addresses import parse as is_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.remedies.clients.wanted import Wanted

NAME = "ioredis"
ALIASES = ("io-redis", "bull", "bullmq")
TITLE = "ioredis"
VERSIONS = "5.x and 6.x"
_OPTIONS = "https://github.com/redis/ioredis/blob/HEAD/lib/redis/RedisOptions.ts"
_README = "https://github.com/redis/ioredis/blob/HEAD/README.md"


def settings(wanted: Wanted) -> Iterator[Advice]:
    """Yield what is advised."""
    yield Advice(
        name="connectTimeout",
        value=str(figures.CONNECT_S * 1000),
        default="10000",
        why=figures.CONNECT_WHY,
        source=figures.connection_source(wanted),
    )
    yield Advice(
        name="commandTimeout",
        value=str(figures.COMMAND_S * 1000),
        default="none: a command waits as long as the socket lives",
        why=figures.COMMAND_WHY,
        source=figures.connection_source(wanted),
    )
    yield Advice(
        name="socketTimeout",
        value=str(2 * figures.COMMAND_S * 1000),
        default="none",
        why=(
            "a socket on which commands wait and nothing arrives is closed and made anew: Node.js cannot set "
            "TCP_USER_TIMEOUT, and Linux by itself takes a quarter of an hour"
        ),
        source=_OPTIONS,
        guess=True,
    )
    yield Advice(
        name="keepAlive",
        value=str(figures.KEEP_IDLE_S * 1000),
        default="30000 (0 before 6)",
        why=figures.KEEPALIVE_WHY,
        source=figures.KEEPALIVE_SOURCE,
    )
    yield Advice(
        name="maxRetriesPerRequest",
        value=str(figures.TRIES),
        default="20",
        why=f"a command is sent again after {figures.TRIES} reconnections at most, and then fails where it can be seen",
        source=_README,
        guess=True,
    )
    yield Advice(
        name="retryStrategy",
        value=f"doubled from {figures.FIRST_WAIT_S:g} s to {figures.LONGEST_WAIT_S:g} s, with jitter, for ever",
        literal="wait",
        default="up to 2 s without jitter (5.x), up to 5 s (6.x)",
        why="clients that lost their connections together do not come back together; it never gives up",
        source=figures.BACKOFF_SOURCE,
        guess=True,
    )
    yield Advice(
        name="reconnectOnError",
        value="on READONLY, and the command is sent again",
        literal="(error) => (error.message.startsWith('READONLY') ? 2 : false)",
        default="never",
        why="after a failover the connection may lead to the old primary, which is read-only now",
        source=_README,
    )
    if wanted.tls:
        yield Advice(
            name="tls",
            value=f"servername {wanted.host}, TLS 1.2 or newer",
            literal=node_tls(wanted),
            default="no TLS",
            why=f"{figures.TLS_WHY}; servername is {figures.SERVER_NAME_WHY}",
            source=figures.tls_source(wanted),
        )
    if wanted.cluster:
        yield Advice(
            name="dnsLookup",
            value="names are not resolved by ioredis",
            literal="(address, callback) => callback(null, address)",
            why="so that TLS and each new dial have the name, and not an address of long ago",
            source=_README,
        )
        yield Advice(
            name="slotsRefreshTimeout",
            value=str(figures.CONNECT_S * 1000),
            default="1000",
            why="the topology is asked over a new TLS connection, for which a second is short",
            source=figures.connection_source(wanted),
            guess=True,
        )
        yield Advice(
            name="clusterRetryStrategy",
            value="as retryStrategy",
            literal="wait",
            default="up to 2 s, without jitter",
            why="the same for the cluster as a whole",
            source=figures.BACKOFF_SOURCE,
            guess=True,
        )


def node_tls(wanted: Wanted) -> str:
    """Return what Node.js's ``tls.connect`` takes; it wants no bare address for a server's name."""
    name = "" if is_address(wanted.host) else f"servername: '{wanted.host}', "
    return f"{{ {name}minVersion: 'TLSv1.2' }}"


def config(wanted: Wanted) -> ClientConfig:
    """Return what is advised, as data and as a module ``redis-client.js``."""
    advised = tuple(settings(wanted))
    page = Page(advised, "//")
    page.add("'use strict';\n\nconst Redis = require('ioredis');")
    if wanted.auth == "entra":
        page.add("const { DefaultAzureCredential } = require('@azure/identity');")
    page.add()
    page.add(
        "const wait = (times) => {\n"
        f"  const most = Math.min({figures.FIRST_WAIT_S * 1000:g} * 2 ** Math.min(times, 10), "
        f"{figures.LONGEST_WAIT_S * 1000:g});\n"
        "  return Math.round(most / 2 + (Math.random() * most) / 2);\n"
        "};\n"
    )
    page.add()
    page.remark(
        "The process makes one client, and everybody shares it: commands are pipelined on its connection."
    )
    page.add("const settings = {")
    if not wanted.cluster:
        page.add(f"  host: '{wanted.host}',\n  port: {wanted.port},")
        if wanted.db:
            page.add(f"  db: {wanted.db},")
    if wanted.auth == "key":
        if wanted.user:
            page.add(f"  username: process.env.{notes.USER},")
        page.add(f"  password: process.env.{notes.KEY},")
    of_cluster = ("dnsLookup", "slotsRefreshTimeout", "clusterRetryStrategy")
    for each in advised:
        if each.name not in of_cluster:
            page.set(f"  {each.name}: {{}},", each.name)
    page.add("};\n")
    page.add()
    indent = "  " if wanted.auth == "entra" else ""
    made: list[str] = []
    if wanted.cluster:
        page.add("const clusterSettings = {")
        for name in of_cluster:
            page.set(f"  {name}: {{}},", name)
        page.add("};\n")
        page.add()
        made = [
            f"new Redis.Cluster([{{ host: '{wanted.host}', port: {wanted.port} }}], {{",
            "  ...clusterSettings,",
            "  redisOptions: settings,",
            "})",
        ]
    else:
        made = ["new Redis(settings)"]
    if wanted.auth == "entra":
        page.add(_ENTRA.replace("MAKE", f"\n{indent}".join(made)))
    else:
        page.add("const client = " + "\n".join(made) + ";")
        page.add(_LISTEN + "\nmodule.exports = { client };")
    own = (_ENTRA_NOTE,) if wanted.auth == "entra" else ()
    connections = wanted.connections_note(1, "One connection for each process and node")
    blocking = (
        (
            "Subscriptions and blocking commands (BLPOP, and so BullMQ's workers) need a client of their own, with "
            "commandTimeout and socketTimeout left out: client.duplicate({ commandTimeout: undefined, socketTimeout: undefined }). "
            "BullMQ wants maxRetriesPerRequest: null for it."
        ),
    )
    install = "npm install ioredis" + (" @azure/identity" if wanted.auth == "entra" else "")
    return ClientConfig(
        client=NAME,
        title=TITLE,
        versions=VERSIONS,
        install=install,
        settings=advised,
        files=(
            File(
                name="redis-client.js",
                language="javascript",
                text=page.text(notes.head(wanted, TITLE, VERSIONS)),
            ),
        ),
        notes=(*notes.common(wanted), connections, *own, *blocking),
        executed="run against the lab over TLS: standalone and cluster, key and Entra ID (a token of our own making)",
    )


_ENTRA_NOTE = (
    "ioredis has no token provider: the code gets a token, logs open connections in again before it ends, and gives "
    f"the new one to later connections. {notes.USER} is the object id of the identity."
)

_LISTEN = """\
// Without a listener Node.js ends the process at the first lost connection.
client.on('error', (error) => console.error('redis:', error.message));
"""

_ENTRA = f"""\
const credential = new DefaultAzureCredential();

async function login() {{
  const token = await credential.getToken('https://redis.azure.com/.default');
  settings.username = process.env.{notes.USER};
  settings.password = token.token;
  return token.expiresOnTimestamp;
}}

async function connect() {{
  let ends = await login();
  const client = MAKE;
  // Without a listener Node.js ends the process at the first lost connection.
  client.on('error', (error) => console.error('redis:', error.message));
  const renew = async () => {{
    try {{
      ends = await login();
      const nodes = client.nodes ? client.nodes('all') : [client];
      for (const node of nodes) {{
        node.options.username = settings.username;
        node.options.password = settings.password;
        await node.auth(settings.username, settings.password);
      }}
    }} catch (error) {{
      console.error('redis: token not renewed:', error.message);
    }}
    // Three minutes before the token ends, and again in half a minute where that failed.
    setTimeout(renew, Math.max(ends - Date.now() - 180000, 30000)).unref();
  }};
  setTimeout(renew, Math.max(ends - Date.now() - 180000, 30000)).unref();
  return client;
}}

module.exports = {{ connect }};"""
