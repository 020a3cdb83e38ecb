"""phpredis, the extension for PHP.

Source: https://github.com/phpredis/phpredis (5.3 and 6.x): README and cluster.md.
"""

from __future__ import annotations

from refused.remedies.clients import figures, notes
from refused.remedies.clients.advice import Advice, ClientConfig, File, Page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.remedies.clients.wanted import Wanted

NAME = "phpredis"
ALIASES = ("php-redis", "ext-redis", "php", "laravel")
TITLE = "phpredis"
VERSIONS = "5.3 and later, 6.x"
_README = "https://github.com/phpredis/phpredis/blob/HEAD/README.md"
_CLUSTER = "https://github.com/phpredis/phpredis/blob/HEAD/cluster.md"


def settings(wanted: Wanted) -> Iterator[Advice]:
    """Yield what is advised; names with ``OPT_`` are set on the connection."""
    yield Advice(
        name="connect timeout",
        value=f"{figures.CONNECT_S} s",
        literal=f"{figures.CONNECT_S}.0",
        default="0: without end, or default_socket_timeout (60 s)",
        why=figures.CONNECT_WHY,
        source=figures.connection_source(wanted),
    )
    yield Advice(
        name="read timeout",
        value=f"{figures.COMMAND_S} s",
        literal=f"{figures.COMMAND_S}.0",
        default="0: without end, or default_socket_timeout (60 s)",
        why=figures.COMMAND_WHY,
        source=figures.connection_source(wanted),
    )
    yield Advice(
        name="persistent",
        value="true",
        literal="true" if wanted.cluster else "pconnect",
        default="a new connection, with its TLS handshake, for each request",
        why=(
            "a worker of PHP-FPM keeps its connection: thousands of handshakes a second are what loads a cache's processor "
            "most"
        ),
        source=_README,
    )
    if wanted.tls:
        yield Advice(
            name="stream",
            value=f"peer_name {wanted.host}, verified",
            literal=f"['verify_peer' => true, 'verify_peer_name' => true, 'peer_name' => '{wanted.host}']",
            default="verified, too; the name is taken from the address",
            why=f"{figures.TLS_WHY}; peer_name is {figures.SERVER_NAME_WHY}",
            source=figures.tls_source(wanted),
        )
    if not wanted.cluster:
        yield Advice(
            name="OPT_TCP_KEEPALIVE",
            value="1",
            default="0",
            why="TCP keep-alive; its times are the system's, so that idle workers rely on the tries below (`refused host`)",
            source=_README,
        )
        yield Advice(
            name="OPT_MAX_RETRIES",
            value=str(figures.TRIES),
            default="10",
            why=f"so often a lost connection is made again, the wait growing: {figures.RETRY_WHY}",
            source=_README,
            guess=True,
        )
        yield Advice(
            name="OPT_BACKOFF_ALGORITHM",
            value="decorrelated jitter",
            literal="Redis::BACKOFF_ALGORITHM_DECORRELATED_JITTER",
            default="none: tries follow each other at once",
            why="workers that lost their connections together do not come back together",
            source=_README,
        )
        yield Advice(
            name="OPT_BACKOFF_BASE",
            value=f"{figures.FIRST_WAIT_S * 1000:g}",
            default="0",
            why="the first wait, in milliseconds",
            source=_README,
            guess=True,
        )
        yield Advice(
            name="OPT_BACKOFF_CAP",
            value="1000",
            default="0",
            why="the longest: a request cannot wait for long",
            source=_README,
            guess=True,
        )


def config(wanted: Wanted) -> ClientConfig:
    """Return what is advised, as data and as a file ``redis_client.php``."""
    advised = tuple(settings(wanted))
    page = Page(advised, "//")
    page.add("function redis_client()\n{")
    login = _login(wanted, page)
    if wanted.cluster:
        _cluster(wanted, page, login)
    else:
        _single(wanted, page, login)
    page.add("    return $redis;\n}")
    file = page.text(notes.head(wanted, TITLE, VERSIONS))
    workers = wanted.connections_note(
        1, "Each worker of PHP-FPM keeps one connection (processes = pm.max_children), to each node"
    )
    return ClientConfig(
        client=NAME,
        title=TITLE,
        versions=VERSIONS,
        install="pecl install redis (Debian: php-redis)",
        settings=advised,
        files=(File(name="redis_client.php", language="php", text=f"<?php\n{file}"),),
        notes=(
            *notes.common(wanted),
            *((notes.NO_PROVIDER,) if wanted.auth == "entra" else ()),
            workers,
            "In php.ini: redis.pconnect.pooling_enabled=1 and redis.pconnect.connection_limit=1 keep it at one.",
        ),
        executed="run against the lab over TLS with PHP 8.2 and phpredis 5.3: standalone and cluster, key and token file",
    )


def _login(wanted: Wanted, page: Page) -> str:
    if wanted.auth == "key":
        key = f"getenv('{notes.KEY}')"
        return f"[getenv('{notes.USER}'), {key}]" if wanted.user else key
    if wanted.auth == "entra":
        page.add(
            f"    $token = trim((string) file_get_contents((string) getenv('{notes.TOKEN_FILE}')));"
        )
        return f"[getenv('{notes.USER}'), $token]"
    return ""


def _single(wanted: Wanted, page: Page, login: str) -> None:
    scheme = "tls://" if wanted.tls else ""
    page.add("    $redis = new Redis();")
    page.set("    $redis->{}(", "persistent")
    page.add(f"        '{scheme}{wanted.host}',\n        {wanted.port},")
    page.set("        {},", "connect timeout")
    page.add("        'cache',")
    page.add("        0, // a wait between tries, in ms; the back-off below takes its place")
    page.set("        {},", "read timeout")
    if wanted.tls:
        page.set("        ['stream' => {}]", "stream")
    else:
        page.add("        []")
    page.add("    );")
    for name in (
        "OPT_TCP_KEEPALIVE",
        "OPT_MAX_RETRIES",
        "OPT_BACKOFF_ALGORITHM",
        "OPT_BACKOFF_BASE",
        "OPT_BACKOFF_CAP",
    ):
        page.set(f"    $redis->setOption(Redis::{name}, {{}});", name)
    if login:
        page.add(f"    $redis->auth({login});")
    if wanted.db:
        page.add(f"    $redis->select({wanted.db});")


def _cluster(wanted: Wanted, page: Page, login: str) -> None:
    scheme = "tls://" if wanted.tls else ""
    page.set("    $connectTimeout = {};", "connect timeout")
    page.set("    $readTimeout = {};", "read timeout")
    page.set("    $persistent = {};", "persistent")
    stream = "null"
    if wanted.tls:
        page.set("    $stream = {};", "stream")
        stream = "$stream"
    page.add(
        "    $redis = new RedisCluster(\n"
        f"        null,\n        ['{scheme}{wanted.address}'],\n        $connectTimeout,\n        $readTimeout,\n"
        f"        $persistent,\n        {login or 'null'},\n        {stream}\n    );"
    )
    page.add("    // A failed primary's reads go to its replicas; writes wait for the failover.")
    page.add(
        "    $redis->setOption(RedisCluster::OPT_SLAVE_FAILOVER, RedisCluster::FAILOVER_ERROR);"
    )
