"""StackExchange.Redis, for .NET.

Sources: https://stackexchange.github.io/StackExchange.Redis/Configuration (2.13, 3.0); the
force-reconnect pattern: Microsoft's page on connections.
"""

from __future__ import annotations

from refused.remedies.clients import figures, notes
from refused.remedies.clients.advice import Advice, ClientConfig, File, Page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.remedies.clients.wanted import Wanted

NAME = "StackExchange.Redis"
ALIASES = ("stackexchange", "se.redis", "dotnet", ".net", "csharp", "c#")
TITLE = "StackExchange.Redis"
VERSIONS = "2.8 and later, 3.x"
_DOCS = "https://stackexchange.github.io/StackExchange.Redis/Configuration"
_RESP3 = "https://stackexchange.github.io/StackExchange.Redis/Resp3"
_BASICS = "https://stackexchange.github.io/StackExchange.Redis/Basics"
_EXTENSION = "https://github.com/Azure/Microsoft.Azure.StackExchangeRedis"


def _is_resp3(wanted: Wanted) -> bool:
    return wanted.service == "amr" or wanted.auth == "entra"


def settings(wanted: Wanted) -> Iterator[Advice]:
    """Yield what is advised."""
    yield Advice(
        name="AbortOnConnectFail",
        value="false",
        default="true, but false on Azure's host names",
        why="an application that starts during an outage goes on trying, and does not have to be started again",
        source=_DOCS,
    )
    yield Advice(
        name="ConnectTimeout",
        value=str(figures.CONNECT_S * 1000),
        default="5000",
        why=figures.CONNECT_WHY,
        source=figures.connection_source(wanted),
    )
    yield Advice(
        name="ConnectRetry",
        value="3",
        default="3",
        why="of the first connection alone; what comes later is ReconnectRetryPolicy's",
        source=_DOCS,
    )
    yield Advice(
        name="SyncTimeout",
        value=str(figures.COMMAND_S * 1000),
        default="5000",
        why=figures.COMMAND_WHY,
        source=figures.connection_source(wanted),
    )
    yield Advice(
        name="AsyncTimeout",
        value=str(figures.COMMAND_S * 1000),
        default="as SyncTimeout",
        why="the same for asynchronous calls",
        source=_DOCS,
    )
    yield Advice(
        name="KeepAlive",
        value=str(figures.PING_S),
        default="60",
        why=figures.PING_WHY,
        source=_DOCS,
    )
    yield Advice(
        name="ReconnectRetryPolicy",
        value="exponential from 5 s, at most 10 s",
        literal="new ExponentialRetry(5000, 10000)",
        default="exponential from half of ConnectTimeout",
        why="clients that lost their connections together do not come back together; the policy has jitter of its own",
        source=figures.connection_source(wanted),
        guess=True,
    )
    yield Advice(
        name="BacklogPolicy",
        value="queue while reconnecting",
        literal="BacklogPolicy.Default",
        default="Default",
        why=(
            "commands wait for the connection until their time-out, which bridges the second of a planned failover; "
            "BacklogPolicy.FailFast is for who rather has the error at once"
        ),
        source=_DOCS,
    )
    if _is_resp3(wanted):
        yield Advice(
            name="Protocol",
            value="RESP3",
            literal="RedisProtocol.Resp3",
            default="RESP2 (2.x), RESP3 (3.0)",
            why=(
                "one connection to each node rather than two; and with Entra ID on RESP2 the connection for "
                "subscriptions is not logged in again, so that the service cuts it when the token ends"
            ),
            source=_RESP3,
        )
    if wanted.tls:
        yield Advice(
            name="Ssl",
            value="true",
            default="false, but true on Managed Redis's host names",
            why=figures.TLS_WHY,
            source=figures.tls_source(wanted),
        )
        yield Advice(
            name="SslHost",
            value=wanted.host,
            literal=f'"{wanted.host}"',
            default="the host as it is connected to",
            why=figures.SERVER_NAME_WHY,
            source=_DOCS,
        )
        yield Advice(
            name="SslProtocols",
            value="TLS 1.2 and 1.3",
            literal="SslProtocols.Tls12 | SslProtocols.Tls13",
            default="the system's choice",
            why=figures.MIN_TLS_WHY,
            source=figures.tls_source(wanted),
        )
    yield Advice(
        name="ForceReconnectAfter",
        value=f"{figures.FORCE_AFTER_S} s of errors",
        literal=f"TimeSpan.FromSeconds({figures.FORCE_AFTER_S})",
        default="never",
        why=figures.FORCE_WHY,
        source=figures.connection_source(wanted),
    )
    yield Advice(
        name="ForceReconnectAtMostEvery",
        value=f"{figures.FORCE_AT_MOST_EVERY_S} s",
        literal=f"TimeSpan.FromSeconds({figures.FORCE_AT_MOST_EVERY_S})",
        default="never",
        why="new connections cost the cache more than commands do, and all instances would make them at once",
        source=figures.connection_source(wanted),
    )


_OF_OPTIONS = (
    "AbortOnConnectFail", "ConnectTimeout", "ConnectRetry", "SyncTimeout", "AsyncTimeout",
    "KeepAlive", "ReconnectRetryPolicy", "BacklogPolicy", "Protocol", "Ssl", "SslHost",
    "SslProtocols",
)  # fmt: skip


def config(wanted: Wanted) -> ClientConfig:
    """Return what is advised, as data and as a class ``RedisConnection``."""
    advised = tuple(settings(wanted))
    page = Page(advised, "//")
    page.add("using System;\nusing System.Threading;\nusing System.Threading.Tasks;")
    if wanted.tls:
        page.add("using System.Security.Authentication;")
    if wanted.auth == "entra":
        page.add("using Azure.Identity;")
    page.add("using StackExchange.Redis;\n")
    page.remark(
        "One multiplexer for the whole process: it is safe for threads, and one connection carries every command."
    )
    page.add("public static class RedisConnection\n{")
    page.set(
        "    private static readonly TimeSpan ForceReconnectAfter = {};", "ForceReconnectAfter"
    )
    page.set(
        "    private static readonly TimeSpan ForceReconnectAtMostEvery = {};",
        "ForceReconnectAtMostEvery",
    )
    page.add(_FIELDS)
    page.add("    private static async Task<ConfigurationOptions> OptionsAsync()\n    {")
    page.add("        var options = new ConfigurationOptions\n        {")
    page.add(f'            EndPoints = {{ {{ "{wanted.host}", {wanted.port} }} }},')
    if wanted.db:
        page.add(f"            DefaultDatabase = {wanted.db},")
    if wanted.auth == "key":
        if wanted.user:
            page.add(f'            User = Environment.GetEnvironmentVariable("{notes.USER}"),')
        page.add(f'            Password = Environment.GetEnvironmentVariable("{notes.KEY}"),')
    for name in _OF_OPTIONS:
        if page.has(name):
            page.set(f"            {name} = {{}},", name)
    page.add("        };")
    if wanted.auth == "entra":
        page.remark(
            f"Tokens are renewed by Microsoft.Azure.StackExchangeRedis: {_EXTENSION}", "        "
        )
        page.add(
            "        await options.ConfigureForAzureWithTokenCredentialAsync(new DefaultAzureCredential());"
        )
        page.add("        return options;\n    }\n")
    else:
        page.add("        return await Task.FromResult(options);\n    }\n")
    page.add(_METHODS)
    each = 1 if _is_resp3(wanted) else 2
    why = "one socket (RESP3)" if each == 1 else "two sockets (RESP2: commands and subscriptions)"
    connections = wanted.connections_note(each, f"Each process has {why} to each node")
    extension = (
        ", Microsoft.Azure.StackExchangeRedis, Azure.Identity" if wanted.auth == "entra" else ""
    )
    return ClientConfig(
        client=NAME,
        title=TITLE,
        versions=VERSIONS,
        install=f"dotnet add package StackExchange.Redis{extension and ' (and ' + extension[2:] + ')'}",
        settings=advised,
        files=(
            File(
                name="RedisConnection.cs",
                language="csharp",
                text=page.text(notes.head(wanted, TITLE, VERSIONS)),
            ),
        ),
        notes=(
            *notes.common(wanted),
            connections,
            f"As a connection string, the key to be added from the environment: {connection_string(wanted)}",
            (
                "Never make a multiplexer for each request, and never dispose of it after one: that is a connection leak or "
                f"a storm of TLS handshakes ({_BASICS})."
            ),
            (
                "Time-outs with WORKER: (Busy >= Min) are a starved thread pool: ThreadPool.SetMinThreads(200, 200) at the "
                "start, and no .Result or .Wait() in request code "
                "(https://stackexchange.github.io/StackExchange.Redis/Timeouts)."
            ),
        ),
        executed="parsed by tree-sitter; no .NET is run in our tests",
    )


def connection_string(wanted: Wanted) -> str:
    """Return the settings as a connection string, without the key."""
    parts = [
        wanted.address,
        f"ssl={'True' if wanted.tls else 'False'}",
        "abortConnect=False",
        f"connectTimeout={figures.CONNECT_S * 1000}",
        "connectRetry=3",
        f"syncTimeout={figures.COMMAND_S * 1000}",
        f"keepAlive={figures.PING_S}",
    ]
    if wanted.tls:
        parts.append(f"sslHost={wanted.host}")
    if _is_resp3(wanted):
        parts.append("protocol=resp3")
    if wanted.db:
        parts.append(f"defaultDatabase={wanted.db}")
    return ",".join(parts)


_FIELDS = """\

    private static readonly SemaphoreSlim Gate = new SemaphoreSlim(1, 1);
    private static ConnectionMultiplexer _multiplexer;
    private static DateTimeOffset _madeAt = DateTimeOffset.MinValue;
    private static DateTimeOffset _firstErrorAt = DateTimeOffset.MinValue;
    private static DateTimeOffset _lastErrorAt = DateTimeOffset.MinValue;
"""

_METHODS = """\
    public static async Task<IDatabase> DatabaseAsync()
    {
        var found = Volatile.Read(ref _multiplexer);
        if (found != null)
        {
            return found.GetDatabase();
        }
        await Gate.WaitAsync();
        try
        {
            if (_multiplexer == null)
            {
                var made = await ConnectionMultiplexer.ConnectAsync(await OptionsAsync());
                made.ConnectionFailed += (_, e) => Console.Error.WriteLine($"redis: {e.EndPoint} {e.FailureType}");
                made.ConnectionRestored += (_, e) => Console.Error.WriteLine($"redis: {e.EndPoint} restored");
                _madeAt = DateTimeOffset.UtcNow;
                Volatile.Write(ref _multiplexer, made);
            }
            return _multiplexer.GetDatabase();
        }
        finally
        {
            Gate.Release();
        }
    }

    // Runs work, and makes the multiplexer anew where errors of the connection go on and on.
    public static async Task<T> RunAsync<T>(Func<IDatabase, Task<T>> work)
    {
        try
        {
            return await work(await DatabaseAsync());
        }
        catch (Exception error) when (error is RedisConnectionException || error is RedisTimeoutException || error is ObjectDisposedException)
        {
            await ForceReconnectAsync();
            throw;
        }
    }

    private static async Task ForceReconnectAsync()
    {
        await Gate.WaitAsync();
        try
        {
            var now = DateTimeOffset.UtcNow;
            if (_multiplexer == null || now - _madeAt < ForceReconnectAtMostEvery)
            {
                return;
            }
            // A pause as long as the limit means that the trouble before it was over.
            if (_firstErrorAt == DateTimeOffset.MinValue || now - _lastErrorAt > ForceReconnectAfter)
            {
                _firstErrorAt = now;
                _lastErrorAt = now;
                return;
            }
            _lastErrorAt = now;
            if (now - _firstErrorAt < ForceReconnectAfter)
            {
                return;
            }
            var old = _multiplexer;
            Volatile.Write(ref _multiplexer, null);
            _firstErrorAt = DateTimeOffset.MinValue;
            _madeAt = now;
            // Not awaited by callers: what is under way on it may still end.
            _ = Task.Run(async () =>
            {
                try { await old.CloseAsync(); } catch (Exception) { }
                old.Dispose();
            });
        }
        finally
        {
            Gate.Release();
        }
    }
}
"""
