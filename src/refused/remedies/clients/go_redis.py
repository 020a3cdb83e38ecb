"""go-redis, for Go.

Source: https://github.com/redis/go-redis/blob/HEAD/options.go (v9).
"""

from __future__ import annotations

from refused.remedies.clients import figures, notes
from refused.remedies.clients.advice import Advice, ClientConfig, File, Page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.remedies.clients.wanted import Wanted

NAME = "go-redis"
ALIASES = ("goredis", "go", "golang")
TITLE = "go-redis"
VERSIONS = "v9"
_OPTIONS = "https://github.com/redis/go-redis/blob/HEAD/options.go"
_ENTRA = "https://github.com/redis/go-redis-entraid"


def settings(wanted: Wanted) -> Iterator[Advice]:
    """Yield what is advised; names with ``Dialer.`` go into the dialler."""
    yield Advice(
        name="Dialer.Timeout",
        value=f"{figures.CONNECT_S} s",
        literal=f"{figures.CONNECT_S} * time.Second",
        default="5 s",
        why=figures.CONNECT_WHY,
        source=figures.connection_source(wanted),
    )
    yield Advice(
        name="Dialer.KeepAliveConfig",
        value=f"idle {figures.KEEP_IDLE_S} s, every {figures.KEEP_EVERY_S} s, {figures.KEEP_PROBES} probes",
        literal=(
            f"net.KeepAliveConfig{{Enable: true, Idle: {figures.KEEP_IDLE_S} * time.Second, "
            f"Interval: {figures.KEEP_EVERY_S} * time.Second, Count: {figures.KEEP_PROBES}}}"
        ),
        default="5 minutes, which is beyond the idle limit of a load balancer",
        why=figures.KEEPALIVE_WHY,
        source=figures.KEEPALIVE_SOURCE,
    )
    yield Advice(
        name="ReadTimeout",
        value=f"{figures.COMMAND_S} s",
        literal=f"{figures.COMMAND_S} * time.Second",
        default="5 s (3 s in older v9)",
        why=figures.COMMAND_WHY,
        source=figures.connection_source(wanted),
    )
    yield Advice(
        name="WriteTimeout",
        value=f"{figures.COMMAND_S} s",
        literal=f"{figures.COMMAND_S} * time.Second",
        default="as ReadTimeout",
        why="the same for sending, which a peer that is gone stops, too",
        source=figures.connection_source(wanted),
    )
    yield Advice(
        name="ContextTimeoutEnabled",
        value="true",
        default="false",
        why="the deadline of a caller's context ends a command, where it is sooner than ReadTimeout",
        source=_OPTIONS,
    )
    yield Advice(
        name="MaxRetries",
        value=str(figures.TRIES),
        default="3",
        why=figures.RETRY_WHY,
        source=figures.BACKOFF_SOURCE,
        guess=True,
    )
    yield Advice(
        name="MinRetryBackoff",
        value=f"{figures.FIRST_WAIT_S * 1000:g} ms",
        literal=f"{figures.FIRST_WAIT_S * 1000:g} * time.Millisecond",
        default="8 ms",
        why="the least wait; the library's own three tries are over before a failover's first second is",
        source=_OPTIONS,
        guess=True,
    )
    yield Advice(
        name="MaxRetryBackoff",
        value=f"{figures.LONGEST_WAIT_S:g} s",
        literal=f"{figures.LONGEST_WAIT_S:g} * time.Second",
        default="512 ms",
        why="the longest",
        source=_OPTIONS,
        guess=True,
    )
    yield Advice(
        name="PoolSize",
        value=str(wanted.pool()),
        default="10 for each processor",
        why=wanted.pool_why(),
        source=wanted.pool_source(),
        guess=wanted.limit is None,
    )
    yield Advice(
        name="MaxActiveConns",
        value=str(wanted.pool()),
        default="without end: PoolSize alone is exceeded under load",
        why="so that the pool's size really is the most",
        source=_OPTIONS,
    )
    yield Advice(
        name="PoolTimeout",
        value=f"{figures.COMMAND_S + 1} s",
        literal=f"{figures.COMMAND_S + 1} * time.Second",
        default="ReadTimeout + 1 s",
        why="who finds no connection free waits in line for so long",
        source=_OPTIONS,
    )
    yield Advice(
        name="ConnMaxIdleTime",
        value=f"{figures.EVICT_S // 60} minutes",
        literal=f"{figures.EVICT_S // 60} * time.Minute",
        default="30 minutes, which is beyond the service's 10: EOF at the first use",
        why=figures.EVICT_WHY,
        source=figures.connection_source(wanted),
        guess=True,
    )
    if wanted.tls:
        yield Advice(
            name="TLSConfig",
            value=f"ServerName {wanted.host}, TLS 1.2 or newer",
            literal=f'&tls.Config{{ServerName: "{wanted.host}", MinVersion: tls.VersionTLS12}}',
            default="no TLS",
            why=f"{figures.TLS_WHY}; ServerName is {figures.SERVER_NAME_WHY}",
            source=figures.tls_source(wanted),
        )


def config(wanted: Wanted) -> ClientConfig:
    """Return what is advised, as data and as a package ``cache``."""
    advised = tuple(settings(wanted))
    page = Page(advised, "//")
    tls = '\t"crypto/tls"\n' if wanted.tls else ""
    env = '\t"os"\n' if wanted.auth == "key" else ""
    entra = '\t"github.com/redis/go-redis-entraid/entraid"\n' if wanted.auth == "entra" else ""
    page.add(
        f'package cache\n\nimport (\n\t"context"\n{tls}\t"net"\n{env}\t"time"\n\n'
        f'{entra}\t"github.com/redis/go-redis/v9"\n)\n'
    )
    kind = "ClusterClient" if wanted.cluster else "Client"
    options = "ClusterOptions" if wanted.cluster else "Options"
    page.remark(
        "New is called once in a process: the client is safe for goroutines, and holds the pool."
    )
    page.add(f"func New() (*redis.{kind}, error) {{\n\tdialer := &net.Dialer{{")
    for each in advised:
        if each.name.startswith("Dialer."):
            page.set(f"\t\t{each.name.partition('.')[2]}: {{}},", each.name)
    page.add("\t}")
    if wanted.auth == "entra":
        page.remark(f"Tokens are renewed, and open connections logged in again: {_ENTRA}", "\t")
        page.add(
            "\tprovider, err := entraid.NewDefaultAzureCredentialsProvider("
            "entraid.DefaultAzureCredentialsProviderOptions{})\n"
            "\tif err != nil {\n\t\treturn nil, err\n\t}"
        )
    page.add(f"\toptions := &redis.{options}{{")
    page.add(
        f'\t\tAddrs: []string{{"{wanted.address}"}},'
        if wanted.cluster
        else f'\t\tAddr: "{wanted.address}",'
    )
    if wanted.db and not wanted.cluster:
        page.add(f"\t\tDB: {wanted.db},")
    if wanted.auth == "entra":
        page.add("\t\tStreamingCredentialsProvider: provider,")
    elif wanted.auth == "key":
        if wanted.user:
            page.add(f'\t\tUsername: os.Getenv("{notes.USER}"),')
        page.add(f'\t\tPassword: os.Getenv("{notes.KEY}"),')
    for each in advised:
        if not each.name.startswith("Dialer.") and each.name != "TLSConfig":
            page.set(f"\t\t{each.name}: {{}},", each.name)
    page.add("\t}")
    if wanted.tls:
        page.set("\ttlsConfig := {}", "TLSConfig")
        dial = "tls.Dialer{NetDialer: dialer, Config: tlsConfig}"
        page.add(f"\tsecure := &{dial}")
    by_name = ""
    if wanted.cluster:
        by_name = (
            "\t\t// Nodes are announced as addresses; the name is looked up anew at each dial.\n"
            "\t\t_, port, err := net.SplitHostPort(address)\n\t\tif err != nil {\n\t\t\treturn nil, err\n\t\t}\n"
            f'\t\taddress = net.JoinHostPort("{wanted.host}", port)\n'
        )
    through = "secure" if wanted.tls else "dialer"
    page.add(
        "\toptions.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {\n"
        f"{by_name}\t\treturn {through}.DialContext(ctx, network, address)\n\t}}"
    )
    page.add(f"\treturn redis.New{kind}(options), nil\n}}")
    install = "go get github.com/redis/go-redis/v9"
    return ClientConfig(
        client=NAME,
        title=TITLE,
        versions=VERSIONS,
        install=install + (" github.com/redis/go-redis-entraid" if wanted.auth == "entra" else ""),
        settings=advised,
        files=(
            File(
                name="cache.go",
                language="go",
                text=page.text(notes.head(wanted, TITLE, VERSIONS)),
            ),
        ),
        notes=(
            *notes.common(wanted),
            *notes.outbound(wanted, wanted.pool()),
            (
                "PoolSize counts for each node of a cluster. net.KeepAliveConfig needs Go 1.23; before it, KeepAlive: "
                f"{figures.KEEP_IDLE_S} * time.Second. Older releases of the provider are "
                "github.com/redis-developer/go-redis-entraid."
            ),
        ),
        executed="parsed by tree-sitter; no Go is run in our tests",
    )
