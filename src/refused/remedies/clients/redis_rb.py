"""redis-rb, for Ruby (and so Rails, Sidekiq).

Sources: https://github.com/redis/redis-rb (4.8, 5.x), https://github.com/redis-rb/redis-client.
"""

from __future__ import annotations

from refused.remedies.clients import figures, notes
from refused.remedies.clients.advice import Advice, ClientConfig, File, Page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.remedies.clients.wanted import Wanted

NAME = "redis-rb"
ALIASES = ("redisrb", "redis-client", "ruby", "rails", "sidekiq")
TITLE = "redis-rb"
VERSIONS = "4.8 and 5.x"
_CLIENT = "https://github.com/redis-rb/redis-client/blob/HEAD/README.md"
_CLUSTER = "https://github.com/redis-rb/redis-cluster-client/blob/HEAD/README.md"


def settings(wanted: Wanted) -> Iterator[Advice]:
    """Yield what is advised."""
    yield Advice(
        name="connect_timeout",
        value=str(figures.CONNECT_S),
        default="1 (5 in 4.x)",
        why=figures.CONNECT_WHY,
        source=figures.connection_source(wanted),
    )
    for name, why in (
        ("read_timeout", figures.COMMAND_WHY),
        ("write_timeout", "the same for sending, which a peer that is gone stops, too"),
    ):
        yield Advice(
            name=name,
            value=str(figures.COMMAND_S),
            default="1 (5 in 4.x)",
            why=why,
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
            name="ssl_params",
            value="verified, TLS 1.2 or newer",
            literal="{ verify_mode: OpenSSL::SSL::VERIFY_PEER, min_version: OpenSSL::SSL::TLS1_2_VERSION }",
            default="verified",
            why=figures.MIN_TLS_WHY,
            source=figures.tls_source(wanted),
        )
    if wanted.cluster:
        yield Advice(
            name="fixed_hostname",
            value=wanted.host,
            literal=f'"{wanted.host}"',
            default="as the nodes are announced",
            why=figures.SERVER_NAME_WHY,
            source=_CLUSTER,
        )
    yield Advice(
        name="reconnect_attempts (5.x)",
        value="after 0.1, 0.5 and 2 s",
        literal="[0.1, 0.5, 2.0]",
        default="1, at once",
        why="how long to wait before each further try; the list is redis-client's",
        source=_CLIENT,
        guess=True,
    )
    yield Advice(
        name="reconnect (4.x)",
        value="3 tries, 0.1 to 3 s apart; keep-alive",
        literal=(
            f"\n      reconnect_attempts: {figures.TRIES}, reconnect_delay: {figures.FIRST_WAIT_S},\n      "
            f"reconnect_delay_max: {figures.LONGEST_WAIT_S}, tcp_keepalive: {{ time: {figures.KEEP_IDLE_S}, "
            f"intvl: {figures.KEEP_EVERY_S}, probes: {figures.KEEP_PROBES} }}"
        ),
        default="1 try, at once; no keep-alive",
        why=f"4.x takes it in other words, and has to be told of keep-alive, which 5.x sets by itself: {figures.KEEPALIVE_WHY}",
        source="https://github.com/redis/redis-rb/blob/v4.8.0/README.md",
        guess=True,
    )
    yield Advice(
        name="pool size",
        value=str(wanted.pool(25)),
        default="one connection for each Redis.new",
        why=f"as many as the process has threads, and no more: {wanted.pool_why(25)}",
        source=wanted.pool_source(),
        guess=wanted.limit is None,
    )


_SHARED = (
    "connect_timeout",
    "read_timeout",
    "write_timeout",
    "ssl",
    "ssl_params",
    "fixed_hostname",
)


def config(wanted: Wanted) -> ClientConfig:
    """Return what is advised, as data and as a file ``redis_client.rb``."""
    advised = tuple(settings(wanted))
    page = Page(advised, "#")
    _constants(wanted, page)
    _maker(wanted, page)
    page.remark(
        "A connection serves one thread at a time: threads take theirs from a pool (gem connection_pool)."
    )
    page.set("REDIS_POOL_SIZE = {}", "pool size")
    page.add(
        f'def redis_pool\n  require "connection_pool"\n  @redis_pool ||= ConnectionPool.new(size: REDIS_POOL_SIZE, timeout: {figures.COMMAND_S}) {{ new_redis }}\nend'
    )
    return ClientConfig(
        client=NAME,
        title=TITLE,
        versions=VERSIONS,
        install="gem install redis connection_pool"
        + (" redis-clustering" if wanted.cluster else ""),
        settings=advised,
        files=(
            File(
                name="redis_client.rb",
                language="ruby",
                text=page.text(notes.head(wanted, TITLE, VERSIONS)),
            ),
        ),
        notes=(
            *notes.common(wanted),
            *((notes.NO_PROVIDER,) if wanted.auth == "entra" else ()),
            *notes.outbound(wanted, wanted.pool(25)),
            "After a fork (Puma's workers, Sidekiq) each process makes its own: call redis_pool after the fork.",
        ),
        executed="run against the lab over TLS with Ruby 3.1 and redis-rb 4.8: standalone and cluster, key and token file; "
        "the branch for 5.x is only parsed, for no gem of it is on Debian 12",
    )


def _constants(wanted: Wanted, page: Page) -> None:
    page.add('require "openssl"\nrequire "redis"' if wanted.tls else 'require "redis"')
    page.add('\nREDIS_5 = Gem::Version.new(Redis::VERSION) >= Gem::Version.new("5")')
    if wanted.cluster:
        scheme = "rediss" if wanted.tls else "redis"
        page.add('require "redis-clustering" if REDIS_5')
        page.add(f'REDIS_NODES = ["{scheme}://{wanted.address}"]')
    page.add("REDIS_SETTINGS = {")
    if not wanted.cluster:
        page.add(f'  host: "{wanted.host}",\n  port: {wanted.port},')
        if wanted.db:
            page.add(f"  db: {wanted.db},")
    if wanted.user or wanted.auth == "entra":
        page.add(f'  username: ENV.fetch("{notes.USER}"),')
    if wanted.auth == "key":
        page.add(f'  password: ENV.fetch("{notes.KEY}"),')
    for name in _SHARED:
        if page.has(name):
            page.set(f"  {name}: {{}},", name)
    page.add("}")
    if wanted.auth == "entra":
        page.remark("5.x asks for the password at each login; 4.x takes it once, as text.")
        page.add(
            f'REDIS_TOKEN = ->(_user = nil) {{ File.read(ENV.fetch("{notes.TOKEN_FILE}")).strip }}'
        )


def _maker(wanted: Wanted, page: Page) -> None:
    new, old = "Redis.new(", ""
    if wanted.cluster:
        new, old = "Redis::Cluster.new(nodes: REDIS_NODES, ", "cluster: REDIS_NODES, "
    is_entra = wanted.auth == "entra"
    token = ", password: REDIS_TOKEN" if is_entra else ""
    page.add("\ndef new_redis\n  if REDIS_5")
    page.set(
        f"    {new}**REDIS_SETTINGS, reconnect_attempts: {{}}{token})",
        "reconnect_attempts (5.x)",
    )
    page.add("  else")
    page.set(
        f"    Redis.new({old}**REDIS_SETTINGS, {{}}{token + '.call' if token else ''})",
        "reconnect (4.x)",
    )
    page.add("  end\nend\n")
