"""What the options of each library mean: one table, from an option's name to a field that is judged.

Names are compared in lower case, without underscores, hyphens, and a leading ``set`` or ``with``;
a dotted name by its last parts. Units are those in which the library counts a bare number.

Sources: the libraries' own documentation, named in :mod:`refused.remedies.clients`.
"""

from __future__ import annotations

import re

from refused.evidence.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MS, S = 0.001, 1.0

# What a library looks like in a text; the first that is found counts.
# Shape: (library, pattern).
MARKS: tuple[tuple[str, str], ...] = (
    ("StackExchange.Redis", r"StackExchange\.Redis|ConnectionMultiplexer|abortConnect\s*="),
    ("Spring Boot", r"\bspring\.(?:data\.)?redis\b|^\s*spring:\s*$[\s\S]*?^\s+redis:\s*$|Lettuce\w*Customizer"),
    ("Redisson", r"org\.redisson|singleServerConfig|clusterServersConfig|useSingleServer|useClusterServers"),
    ("Lettuce", r"io\.lettuce|RedisURI\.|SocketOptions\.builder"),
    ("Jedis", r"redis\.clients\.jedis|\bJedis(?:Pool|Pooled|Cluster|PoolConfig|ClientConfig)?\b"),
    ("ioredis", r"\bioredis\b"),
    ("node-redis", r"require\(['\"](?:redis|@redis/client)['\"]\)|from ['\"](?:redis|@redis/client)['\"]"),
    ("go-redis", r"\bgo-redis|redis\.(?:Universal|Cluster|Failover)?Options\s*\{"),
    ("Predis", r"Predis\\"),
    ("phpredis", r"new \\?Redis(?:Cluster)?\s*\(|\bphpredis\b|->pconnect\s*\("),
    ("redis-rb", r"\bRedis(?:Client)?(?:::Cluster)?\.(?:new|config)\b|require ['\"]redis['\"]|Sidekiq\.configure"),
    ("Celery", r"\bbroker_url\b|\bCELERY_|broker_transport_options|result_backend\b|\bCelery\("),
    ("Django", r"\bCACHES\s*=|django_redis|django\.core\.cache"),
    ("redis-py", r"^\s*(?:import|from) redis\b|\bredis\.(?:Redis|RedisCluster|ConnectionPool|from_url)\b"),
)  # fmt: skip

_TLS_OFF = {"none": False, "optional": True, "required": True}

# Shape: library: {option: (field, seconds in each of a bare number; 0: no time)}.
_PYTHON = {
    "socketconnecttimeout": ("connect_s", S), "sockettimeout": ("command_s", S),
    "socketkeepalive": ("keepalive", 0), "maxconnections": ("pool", 0), "retry": ("retries", 0),
    "sslcertreqs": ("verify", 0), "sslcheckhostname": ("check_hostname", 0), "ssl": ("tls", 0),
    "password": ("key", 0), "host": ("host", 0), "port": ("port", 0), "db": ("db", 0),
    "sslminversion": ("min_tls", 0),
}  # fmt: skip
_JAVA_POOL = {
    "maxtotal": ("pool", 0),
    "maxwait": ("pool_wait_s", S),
    "maxwaitmillis": ("pool_wait_s", MS),
}
OPTIONS: dict[str, dict[str, tuple[str, float]]] = {
    "redis-py": _PYTHON,
    "Django": {
        **_PYTHON, "location": ("url", 0), "redismaxconnections": ("pool", 0),
    },
    "Celery": {
        **_PYTHON, "redissockettimeout": ("command_s", S), "redissocketconnecttimeout": ("connect_s", S),
        "redissocketkeepalive": ("keepalive", 0), "redismaxconnections": ("pool", 0),
        "brokerpoollimit": ("broker_pool", 0), "brokerconnectionmaxretries": ("reconnect_most", 0),
        "brokerurl": ("url", 0), "resultbackend": ("url", 0),
    },
    "StackExchange.Redis": {
        "abortonconnectfail": ("abort", 0), "connecttimeout": ("connect_s", MS), "synctimeout": ("command_s", MS),
        "asynctimeout": ("command_s", MS), "keepalive": ("keepalive_s", S), "ssl": ("tls", 0),
        "sslprotocols": ("min_tls", 0), "password": ("key", 0), "connectretry": ("retries", 0),
        "allowadmin": ("admin", 0), "certificatevalidation": ("trusts_all", 0), "defaultdatabase": ("db", 0),
        "checkcertificaterevocation": ("revocation", 0),
    },
    "Jedis": {
        "connectiontimeoutmillis": ("connect_s", MS), "sockettimeoutmillis": ("command_s", MS),
        "timeoutmillis": ("command_s", MS), "ssl": ("tls", 0), "password": ("key", 0), **_JAVA_POOL,
        "hostnameverifier": ("trusts_all", 0), "database": ("db", 0), "maxattempts": ("retries", 0),
    },
    "Lettuce": {
        "connecttimeout": ("connect_s", MS), "timeout": ("command_s", MS), "ssl": ("tls", 0),
        "verifypeer": ("verify", 0), "autoreconnect": ("reconnect", 0), "password": ("key", 0),
        "keepalive": ("keepalive", 0), "tcpusertimeout": ("user_timeout", 0), "database": ("db", 0),
        "enableperiodicrefresh": ("refresh", 0), **_JAVA_POOL,
    },
    "Redisson": {
        "connecttimeout": ("connect_s", MS), "timeout": ("command_s", MS), "connectionpoolsize": ("pool", 0),
        "masterconnectionpoolsize": ("pool", 0), "retryattempts": ("retries", 0),
        "pingconnectioninterval": ("ping_s", MS), "keepalive": ("keepalive", 0), "tcpkeepalive": ("keepalive", 0),
        "tcpusertimeout": ("user_timeout", 0), "sslverificationmode": ("verify", 0),
        "sslenableendpointidentification": ("check_hostname", 0), "password": ("key", 0), "address": ("url", 0),
        "connectionminimumidlesize": ("pool_least", 0), "masterconnectionminimumidlesize": ("pool_least", 0),
        "dnsmonitoringinterval": ("dns_s", MS), "database": ("db", 0),
    },
    "Spring Boot": {
        "connecttimeout": ("connect_s", MS), "timeout": ("command_s", MS), "sslenabled": ("tls", 0),
        "ssl": ("tls", 0), "password": ("key", 0), "host": ("host", 0), "port": ("port", 0),
        "poolmaxactive": ("pool", 0), "poolmaxwait": ("pool_wait_s", MS), "database": ("db", 0),
        "refreshadaptive": ("refresh", 0), "refreshperiod": ("refresh", 0), "url": ("url", 0),
        "tcpusertimeout": ("user_timeout", 0), "nodes": ("nodes", 0),
    },
    "ioredis": {
        "connecttimeout": ("connect_s", MS), "commandtimeout": ("command_s", MS), "keepalive": ("keepalive_s", MS),
        "maxretriesperrequest": ("retries_or_ever", 0), "retrystrategy": ("reconnect", 0), "rejectunauthorized": ("verify", 0),
        "tls": ("tls", 0), "password": ("key", 0), "host": ("host", 0), "port": ("port", 0), "db": ("db", 0),
        "minversion": ("min_tls", 0), "checkserveridentity": ("trusts_all", 0), "on": ("listens", 0),
        "sockettimeout": ("user_timeout", 0),
    },
    "node-redis": {
        "connecttimeout": ("connect_s", MS), "pinginterval": ("ping_s", MS), "rejectunauthorized": ("verify", 0),
        "reconnectstrategy": ("reconnect", 0), "tls": ("tls", 0), "password": ("key", 0), "host": ("host", 0),
        "port": ("port", 0), "database": ("db", 0), "keepalive": ("keepalive", 0), "minversion": ("min_tls", 0),
        "url": ("url", 0), "checkserveridentity": ("trusts_all", 0), "on": ("listens", 0),
        "sockettimeout": ("user_timeout", 0),
    },
    "go-redis": {
        "dialtimeout": ("connect_s", 1e-9), "readtimeout": ("command_s", 1e-9), "poolsize": ("pool", 0),
        "maxactiveconns": ("pool", 0), "maxretries": ("retries", 0), "connmaxidletime": ("idle_s", 1e-9),
        "idletimeout": ("idle_s", 1e-9), "insecureskipverify": ("trusts_all", 0), "minversion": ("min_tls", 0),
        "tlsconfig": ("tls", 0), "password": ("key", 0), "addr": ("address", 0), "db": ("db", 0),
    },
    "phpredis": {
        "verifypeer": ("verify", 0), "verifypeername": ("check_hostname", 0), "allowselfsigned": ("trusts_all", 0),
        "readtimeout": ("command_s", S), "timeout": ("connect_s", S), "password": ("key", 0), "auth": ("key", 0),
        "host": ("host", 0), "port": ("port", 0), "persistent": ("persistent", 0), "scheme": ("scheme", 0),
        "connect": ("connects", 0), "pconnect": ("pconnects", 0), "database": ("db", 0),
    },
    "Predis": {
        "verifypeer": ("verify", 0), "verifypeername": ("check_hostname", 0), "allowselfsigned": ("trusts_all", 0),
        "timeout": ("connect_s", S), "readwritetimeout": ("command_s", S), "persistent": ("persistent", 0),
        "password": ("key", 0), "host": ("host", 0), "port": ("port", 0), "scheme": ("scheme", 0), "database": ("db", 0),
    },
    "redis-rb": {
        "connecttimeout": ("connect_s", S), "readtimeout": ("command_s", S), "timeout": ("command_s", S),
        "verifymode": ("verify", 0), "ssl": ("tls", 0), "password": ("key", 0), "host": ("host", 0),
        "port": ("port", 0), "reconnectattempts": ("retries", 0), "url": ("url", 0), "size": ("pool", 0), "db": ("db", 0),
        "minversion": ("min_tls", 0),
    },
}  # fmt: skip


class Absent(Record):
    """What it means that a library was not told something."""

    field: str
    setting: str
    severity: str
    why: str
    better: str
    source: str


_STALL = "https://github.com/redis/lettuce/issues/1428"
_GO = "https://github.com/redis/go-redis/blob/HEAD/options.go"
_IO = "https://github.com/redis/ioredis/blob/HEAD/lib/redis/RedisOptions.ts"
_NODE = "https://github.com/redis/node-redis/blob/HEAD/docs/client-configuration.md"
PHP = "https://github.com/phpredis/phpredis/blob/HEAD/README.md"
_KOMBU = "https://docs.celeryq.dev/projects/kombu/en/stable/reference/kombu.transport.redis.html"
BASELINE = (
    "https://learn.microsoft.com/azure/azure-cache-for-redis/cache-best-practices-client-libraries"
)
_JEDIS = "https://github.com/redis/jedis/blob/HEAD/src/main/java/redis/clients/jedis/Protocol.java"

# Shape: library: (field, setting, severity, why, better, source).
ABSENT: dict[str, tuple[tuple[str, str, str, str, str, str], ...]] = {
    "Lettuce": (
        ("command_s", "timeout", "medium", "a command waits for 60 s by default", "Duration.ofSeconds(5)", _STALL),
        ("user_timeout", "tcpUserTimeout", "high", "without it a peer that is gone holds commands for a quarter of an hour", "TcpUserTimeoutOptions of 30 s", _STALL),
    ),
    "Spring Boot": (
        ("command_s", "spring.data.redis.timeout", "medium", "a command waits for 60 s by default", "5s", _STALL),
        ("connect_s", "spring.data.redis.connect-timeout", "low", "10 s by default", "5s", _STALL),
        ("user_timeout", "TcpUserTimeoutOptions, in a bean", "low", "without it a peer that is gone holds commands for a quarter of an hour", "LettuceClientOptionsBuilderCustomizer with 30 s", _STALL),
    ),
    "Jedis": (
        ("connect_s", "connectionTimeoutMillis", "medium", "2 s by default: a cache under load answers later", "5000", _JEDIS),
        ("pool", "setMaxTotal", "low", "8 by default, and more threads wait for ever", "a figure from the tier's limit", _JEDIS),
    ),
    "Redisson": (
        ("pool", "connectionPoolSize", "medium", "64 by default, for the primary and each replica of each process", "24 or fewer", BASELINE),
        ("pool_least", "connectionMinimumIdleSize", "medium", "24 by default: every start is a storm of connections", "2", BASELINE),
        ("user_timeout", "tcpUserTimeout", "medium", "off by default: a peer that is gone is noticed late", "30000", _STALL),
    ),
    "go-redis": (
        ("idle_s", "ConnMaxIdleTime", "high", "30 minutes by default, and the service closes after 10: EOF at the first use", "5 * time.Minute", _GO),
    ),
    "ioredis": (
        ("command_s", "commandTimeout", "high", "a command waits without end by default", "5000", _IO),
        ("listens", "on('error')", "medium", "nobody hears of lost connections", "client.on('error', …)", _IO),
    ),
    "node-redis": (
        ("listens", "on('error')", "high", "without a listener the process ends at the first lost connection", "client.on('error', …)", _NODE),
        ("ping_s", "pingInterval", "medium", "the service closes a connection that is quiet for 10 minutes", "60000", _NODE),
    ),
    "phpredis": (
        ("pconnects", "pconnect", "medium", "a new TLS connection for each request is what loads a cache's processor most", "pconnect, or persistent", PHP),
    ),
    "Predis": (
        ("persistent", "persistent", "medium", "off by default: a new TLS connection for each request", "true", "https://github.com/predis/predis/blob/HEAD/README.md"),
    ),
    "Celery": (
        ("command_s", "broker_transport_options socket_timeout", "high", "none by default: a dead peer holds a worker for a quarter of an hour", "10", _KOMBU),
    ),
    "redis-rb": (
        ("connect_s", "connect_timeout", "low", "1 s by default in 5.x: a cache under load answers later", "5", "https://github.com/redis-rb/redis-client/blob/HEAD/README.md"),
    ),
}  # fmt: skip


def client_in(text: str) -> str:
    """Return the client library that a text configures; ``""`` for none that we know."""
    for library, pattern in MARKS:
        if re.search(pattern, text, re.MULTILINE):
            return library
    return ""


def field_of(library: str, name: str) -> tuple[str, float] | None:
    """Return what an option means, by its name; ``None`` for one that says nothing to us."""
    table = OPTIONS[library]
    parts = [part for part in re.split(r"\.|->|::|\\|\?\.", name) if part]
    for take in (2, 1):
        plain = _plain("".join(parts[-take:]))
        for each in (plain, _plain(parts[-1]) if take == 1 and parts else plain):
            if each in table:
                return table[each]
    return None


def _plain(name: str) -> str:
    word = re.sub(r"[_\-\s\"']", "", name).lower()
    for before in ("set", "with"):
        if word.startswith(before) and len(word) > len(before) + 1:
            word = word.removeprefix(before)
            break
    return word


def absent(library: str, seen: Iterable[str]) -> tuple[Absent, ...]:
    """Return what was not said and ought to be."""
    said = set(seen)
    return tuple(
        Absent(
            field=field, setting=setting, severity=severity, why=why, better=better, source=source
        )
        for field, setting, severity, why, better, source in ABSENT.get(library, ())
        if field not in said
    )
