r"""The words in which clients, runtimes and servers tell of a failure, and what each says was seen.

A symptom is what happened to the connection or the command, never why: a dozen causes share "the
connection was reset". The wordings are our own short patterns for the message templates of the
libraries named as family; they keep to what RE2, Hyperscan, Kusto and :mod:`re` read alike, and
never cross the end of a line.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

from refused.evidence.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Tuple


class Symptom(Record):
    """What was seen to fail.

    Attributes:
        hop: The hop of the path that it shows to be broken; ``""`` where it does not tell.
        says: Reads after "a line says that".
        is_wrapper: Whether it only tells that something beneath went wrong: it counts where
            nothing more exact is said.
    """

    id: str
    hop: str
    says: str
    is_wrapper: bool = False


class Wording(Record):
    """How one family words a symptom. Fields as in the causes' signatures."""

    id: str
    symptom: str
    family: str
    pattern: str
    example: str
    ignores_case: bool = False


def _symptoms(*rows: Tuple[str, str, str, bool]) -> Dict[str, Symptom]:
    return {
        name: Symptom(id=name, hop=hop, says=says, is_wrapper=wraps)
        for name, hop, says, wraps in rows
    }


SYMPTOMS = _symptoms(
    ("name-unknown", "name", "the name has no address", False),
    ("resolver-failed", "name", "the resolver gave no answer", False),
    ("refused", "tcp", "the connection was refused", False),
    ("connect-timeout", "tcp", "the dial was not answered in time", False),
    ("unreachable", "route", "there is no route to the address", False),
    ("denied", "tcp", "the system forbade the socket", False),
    ("tls-cut", "tls", "the connection was cut during the TLS handshake", False),
    ("tls-silent", "tls", "the TLS handshake was not answered in time", False),
    ("tls-refused", "tls", "the TLS handshake failed without a stated reason", False),
    ("tls-unverified", "tls", "the certificate was not accepted", False),
    (
        "auth-or-tls",
        "tls",
        "the login or the TLS handshake failed; the client does not say which",
        True,
    ),
    ("reset", "", "an open connection was reset", False),
    ("closed", "", "the other side closed the connection", False),
    ("broken-pipe", "", "the client wrote to a connection that was closed already", False),
    ("read-error", "", "reading from the connection failed; the client does not say how", False),
    ("socket-failure", "", "an open connection failed", False),
    ("no-answer", "command", "a command was not answered in time", False),
    ("not-sent", "command", "a command could not be sent in time", False),
    ("still-connecting", "", "a command waited for a connection that never came up", True),
    ("cannot-connect", "", "no connection could be made", True),
    ("not-connected", "", "there was no connection to use", True),
    ("gave-up", "", "the client gave up after its retries", True),
    ("reconnecting", "", "the client reconnects", False),
    ("reconnected", "", "the client is connected again", True),
    ("pool-empty", "", "the client's own pool had no connection to give", False),
    ("pool-failed", "", "the client's pool could give no connection", True),
    ("odd-reply", "resp", "what came back is no Redis reply", False),
    ("no-login", "auth", "the server asks for credentials", False),
    ("bad-login", "auth", "the server refuses the credentials", False),
    ("no-token", "auth", "no token could be had", False),
    ("read-only", "command", "the server is a read-only replica", False),
    ("busy-script", "command", "the server is busy with a script", False),
    ("moved", "topology", "the server sends the client to another node", False),
    ("redirects", "topology", "redirections lead nowhere", False),
    ("no-topology", "topology", "the client could not learn the cluster's nodes", False),
    ("slot-missing", "topology", "the client knows no node for a slot", False),
    ("aborted", "command", "a transaction was discarded because of an earlier error", True),
    ("no-primary-link", "command", "a replica has lost its primary", False),
    ("descriptors", "tcp", "no file descriptor is left", False),
    ("local-ports", "tcp", "no local port is left", False),
    ("pool-misused", "", "a connection was given back to the pool wrongly", False),
    ("went-away", "", "the server is gone, or was never there", False),
    ("no-sentinel", "", "no sentinel could be reached", False),
    ("used-closed", "", "a client was used that is closed", True),
    ("queue-full", "command", "commands pile up in the client", False),
    ("timed-out", "", "something was not answered in time; the client does not say what", True),
)


def _wordings(*rows: Tuple[str, str, str, str, bool]) -> Tuple[Wording, ...]:
    """Build the table; rows are symptom, family, pattern, example, ignores case."""
    return tuple(
        Wording(
            id=f"{symptom}.{family}",
            symptom=symptom,
            family=family.partition("-in-")[0],
            pattern=pattern,
            example=example,
            ignores_case=folds,
        )
        for symptom, family, pattern, example, folds in rows
    )


WORDINGS = _wordings(
    # --- names
    (
        "name-unknown",
        "node",
        r"\bENOTFOUND\b|errno: ?-3008\b",
        "Error: getaddrinfo ENOTFOUND cache.invalid",
        False,
    ),
    (
        "name-unknown",
        "posix",
        r"name or service not known|nodename nor servname provided|name does not resolve|no address associated with hostname",
        "socket.gaierror: [Errno -2] Name or service not known",
        True,
    ),
    (
        "name-unknown",
        "windows",
        r"no such host is known|no such host found|the requested name is valid, but no data|getaddrinfo failed|\b11001\b[^\n]{0,40}(?:host|connecting)|0x2af9\b",
        "SocketException (11001): No such host is known.",
        True,
    ),
    (
        "name-unknown",
        "jvm",
        r"\bUnknownHostException\b|Unknown host |Failed to resolve '[^'\n]{1,200}'",
        "java.net.UnknownHostException: cache.invalid",
        False,
    ),
    (
        "name-unknown",
        "go",
        r"lookup [^ \n]{1,255}[^\n]{0,60}: no such host",
        "dial tcp: lookup cache.invalid on 10.0.0.10:53: no such host",
        False,
    ),
    (
        "name-unknown",
        "php",
        r"php_network_getaddresses: getaddrinfo (?:for [^\n]{1,255} )?failed: |getaddrinfo failed: (?:Name|nodename|No such)",
        "php_network_getaddresses: getaddrinfo failed: Name does not resolve",
        False,
    ),
    (
        "name-unknown",
        "redis-py",
        r"Error (?:-2|-5|8|11001) connecting to ",
        "redis.exceptions.ConnectionError: Error -2 connecting to cache:6379. -2.",
        False,
    ),
    (
        "name-unknown",
        "hiredis",
        r"Can't resolve: |could not be resolved \(3: Host not found\)",
        "Could not connect to Redis at cache:6379: Can't resolve: cache",
        False,
    ),
    (
        "name-unknown",
        "erlang",
        r":nxdomain\b|failed to lookup address information: (?:Name|nodename|No address)",
        "** (Redix.ConnectionError) reason: :nxdomain",
        False,
    ),
    (
        "resolver-failed",
        "node",
        r"\bEAI_AGAIN\b|query(?:A|Aaaa|Srv) ETIMEOUT|querySrv ESERVFAIL|\bESERVFAIL\b",
        "Error: getaddrinfo EAI_AGAIN cache.internal",
        False,
    ),
    (
        "resolver-failed",
        "posix",
        r"temporary failure in name resolution|try again later[^\n]{0,20}name|Error -3 connecting to ",
        "Error -3 connecting to cache:6379. Temporary failure in name resolution.",
        True,
    ),
    (
        "resolver-failed",
        "go",
        r"lookup [^ \n]{1,255}[^\n]{0,80}: (?:i/o timeout|server misbehaving|Temporary failure)|lookup [^ \n]{1,255} on [^ \n]{1,80}: (?:read|dial) udp",
        "dial tcp: lookup cache on 10.0.0.10:53: server misbehaving",
        False,
    ),
    (
        "resolver-failed",
        "windows",
        r"non-authoritative host not found|\bWSATRY_AGAIN\b|\b11002\b[^\n]{0,40}host|usually a temporary error during hostname resolution",
        "SocketException (11002): This is usually a temporary error during hostname resolution",
        True,
    ),
    (
        "resolver-failed",
        "jvm",
        r"DnsNameResolverTimeoutException|DnsResolveContext\$|DnsErrorCauseException|query (?:via UDP |via TCP )?timed out after [0-9]{1,9} milliseconds",
        "io.netty.resolver.dns.DnsNameResolverTimeoutException: query timed out after 5000 milliseconds",
        False,
    ),
    # --- dials
    ("refused", "node", r"\bECONNREFUSED\b", "Error: connect ECONNREFUSED 10.1.2.3:6379", False),
    (
        "refused",
        "posix",
        r"connection refused\b|Error (?:111|61|10061) connecting to ",
        "Could not connect to Redis at 10.1.2.3:6379: Connection refused",
        True,
    ),
    (
        "refused",
        "windows",
        r"actively refused it|\b10061\b",
        "No connection could be made because the target machine actively refused it 10.1.2.3:6379",
        False,
    ),
    (
        "refused",
        "erlang",
        r":econnrefused\b",
        "Redix.ConnectionError{reason: :econnrefused}",
        False,
    ),
    (
        "connect-timeout",
        "node",
        r"connect ETIMEDOUT|\bConnectionTimeoutError\b|\bConnection timeout\b",
        "Error: connect ETIMEDOUT 10.1.2.3:6380",
        False,
    ),
    (
        "connect-timeout",
        "redis-py",
        r"Error (?:110|60|10060) connecting to |Timeout connecting to server",
        "redis.exceptions.TimeoutError: Timeout connecting to server",
        False,
    ),
    (
        "connect-timeout",
        "jvm",
        r"connect timed out|ConnectTimeoutException|connection timed out(?:: | after [0-9]{1,9} ms: )[^ \n]{0,255}[:/]|Connection timed out: no further information",
        "io.netty.channel.ConnectTimeoutException: connection timed out: cache/10.1.2.3:6380",
        True,
    ),
    (
        "connect-timeout",
        "go",
        r"dial tcp [^ \n]{1,255}: (?:i/o timeout|connect: (?:connection|operation) timed out)|dial tcp [^\n]{1,255}: context deadline exceeded",
        "dial tcp 10.1.2.3:6380: i/o timeout",
        False,
    ),
    (
        "connect-timeout",
        "stackexchange",
        r"\bConnectTimeout\b",
        "It was not possible to connect to the redis server(s). ConnectTimeout",
        False,
    ),
    (
        "connect-timeout",
        "predis",
        r"(?:Connection|Operation) timed out \[(?:tcp|tls|rediss?)://",
        "Connection timed out [tcp://10.1.2.3:6379]",
        False,
    ),
    (
        "connect-timeout",
        "redis-rb",
        r"CannotConnectError[^\n]{0,120}(?:timed out|Timeout)|Timed out connecting to Redis|Connection timed out - user specified timeout",
        "Redis::CannotConnectError: Timed out connecting to Redis on cache:6380",
        False,
    ),
    (
        "connect-timeout",
        "hiredis",
        r"Could not connect to Redis at [^\n]{1,255}: (?:Connection timed out|Operation timed out|Resource temporarily unavailable)|failed to connect[^\n]{0,80}: timeout",
        "Could not connect to Redis at cache:6380: Connection timed out",
        False,
    ),
    (
        "connect-timeout",
        "php",
        r"\"?Operation timed out\"?|RedisException: Connection timed out|failed to connect[^\n]{0,120}[Tt]imed out",
        "RedisException: Operation timed out",
        False,
    ),
    (
        "connect-timeout",
        "windows",
        r"connection attempt failed because the connected party did not properly respond",
        "A connection attempt failed because the connected party did not properly respond after a period of time",
        False,
    ),
    (
        "connect-timeout",
        "posix",
        r"\[Errno (?:110|60)\] ?(?:Connection|Operation)? ?(?:timed out|Connect call failed)|TimeoutError: timed out\b",
        "TimeoutError: [Errno 110] Connection timed out",
        False,
    ),
    (
        "unreachable",
        "node",
        r"\bENETUNREACH\b|\bEHOSTUNREACH\b",
        "Error: connect EHOSTUNREACH 10.1.2.3:6379",
        False,
    ),
    (
        "unreachable",
        "posix",
        r"network is unreachable|no route to host|host is unreachable|unreachable network|Error (?:101|113|51|65|10051|10065) connecting to ",
        "Error 113 connecting to 10.1.2.3:6379. No route to host.",
        True,
    ),
    (
        "denied",
        "windows",
        r"access a socket in a way forbidden by its access permissions|\b10013\b",
        "An attempt was made to access a socket in a way forbidden by its access permissions 10.1.2.3:6380",
        False,
    ),
    (
        "denied",
        "posix",
        r"connect EACCES|connect EPERM|Error (?:1|13|10013) connecting to [^\n]{1,255}\. (?:Permission denied|Operation not permitted)|connect: (?:permission denied|operation not permitted)|Permission denied \[tcp://",
        "Error: connect EACCES 10.1.2.3:6380",
        False,
    ),
    (
        "descriptors",
        "posix",
        r"too many open files|\bEMFILE\b|\bENFILE\b|no file descriptors available|file descriptor limit",
        "socket: too many open files",
        True,
    ),
    (
        "local-ports",
        "posix",
        r"(?:cannot|can't) assign requested address|\bEADDRNOTAVAIL\b|Error (?:99|49|10049) connecting to |only one usage of each socket address|\bWSAENOBUFS\b|insufficient buffer space or because a queue was full",
        "connect: cannot assign requested address",
        True,
    ),
    # --- tls
    (
        "tls-cut",
        "node",
        r"socket disconnected before secure TLS connection was established|socket hang up",
        "Error: Client network socket disconnected before secure TLS connection was established",
        False,
    ),
    (
        "tls-cut",
        "openssl",
        r"EOF occurred in violation of protocol|UNEXPECTED_EOF_WHILE_READING|unexpected eof while reading|SSL_connect: (?:Connection reset by peer|Success|SYSCALL)|SSL_connect (?:SYSCALL|returned=5)|SSL: Connection reset by peer|SSL SYSCALL error: EOF",
        "ssl.SSLEOFError: EOF occurred in violation of protocol",
        False,
    ),
    (
        "tls-cut",
        "jvm",
        r"(?:Remote host (?:closed connection during|terminated the) handshake)|SSLHandshakeException: Connection (?:closed|reset)|StacklessSSLHandshakeException|ClosedChannelException[^\n]{0,40}SSL",
        "javax.net.ssl.SSLHandshakeException: Remote host terminated the handshake",
        False,
    ),
    (
        "tls-cut",
        "dotnet",
        r"Authentication failed because the remote party has closed the transport stream|handshake failed due to an unexpected packet format|Received an unexpected EOF or 0 bytes from the transport stream",
        "System.IO.IOException: Authentication failed because the remote party has closed the transport stream.",
        False,
    ),
    (
        "tls-cut",
        "go",
        r"tls: (?:handshake failure: EOF|first record)|tls: EOF|remote error: tls: internal error",
        "remote error: tls: internal error",
        False,
    ),
    (
        "tls-silent",
        "any",
        r"TLS handshake timeout|handshake timed out|The handshake operation timed out|_ssl\.c:[0-9]{1,5}: The handshake operation|SSL handshake timed? ?out|handshake did not complete in time",
        "net/http: TLS handshake timeout",
        True,
    ),
    (
        "tls-refused",
        "any",
        r"handshake[_ ]failure|sslv3 alert|tlsv1 alert|fatal alert|SSLHandshakeException|A call to SSPI failed|SSL_connect failed|SSL routines:|ERR_SSL_|SSL: (?:TLSV1|SSLV3)_ALERT|stream_socket_enable_crypto|Failed to enable crypto|AuthenticateAsClient|SEC_E_ILLEGAL_MESSAGE|The message received was unexpected or badly formatted",
        "javax.net.ssl.SSLHandshakeException: Received fatal alert: handshake_failure",
        True,
    ),
    (
        "tls-unverified",
        "any",
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|certificate verification failed|remote certificate (?:is|was) (?:invalid|rejected)|RemoteCertificate(?:ChainErrors|NotAvailable)|x509: |CertificateException|bad certificate",
        "ssl.SSLError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed",
        True,
    ),
    (
        "auth-or-tls",
        "stackexchange",
        r"There was an authentication failure; check that passwords|AuthenticationFailure(?: \([^)\n]{0,80}\))? on ",
        "There was an authentication failure; check that passwords (or client certificates) are configured correctly",
        False,
    ),
    # --- open connections
    (
        "reset",
        "posix",
        r"connection reset by peer|\bECONNRESET\b|connection reset\b|Errno 104\b|\(104,|Errno 54\b|read: connection reset",
        "read tcp 10.0.0.5:40000->10.1.2.3:6379: read: connection reset by peer",
        True,
    ),
    (
        "reset",
        "windows",
        r"existing connection was forcibly closed by the remote host|\b10054\b|connection was forcibly closed",
        "An existing connection was forcibly closed by the remote host",
        False,
    ),
    (
        "closed",
        "stackexchange",
        r"SocketClosed(?: \([^)\n]{0,80}\))? on |SocketClosed\b",
        "SocketClosed on cache:6380/Interactive, Idle/MarkProcessed",
        False,
    ),
    (
        "closed",
        "redis-py",
        r"Connection closed by server|Connection (?:was )?closed (?:by|while)|Server closed the connection|IncompleteReadError|Connection lost\b",
        "redis.exceptions.ConnectionError: Connection closed by server.",
        False,
    ),
    (
        "closed",
        "node",
        r"Socket closed unexpectedly|Redis connection lost|Connection is closed\.|connections? (?:is|to [^\n]{1,120} is|was|has been) (?:closed|lost)|SocketClosedUnexpectedlyError|close -> end\b|(?:Redis )?connection gone from",
        "Error: Socket closed unexpectedly",
        False,
    ),
    (
        "closed",
        "jvm",
        r"Unexpected end of stream|server has closed the connection|Connection closed prematurely|connection closed by (?:peer|remote)|Channel(?: [^\n]{1,80})? (?:was )?closed|ClosedChannelException",
        "JedisConnectionException: Unexpected end of stream.",
        True,
    ),
    (
        "closed",
        "go",
        r"(?:: |^|err(?:or)?=\"?)(?:unexpected )?EOF\"?(?:[ ,;)\]}]|$)|use of closed network connection|redigo: (?:unexpected EOF|connection closed)",
        "failed to get key: EOF",
        False,
    ),
    (
        "closed",
        "php",
        r"went away\b|connection lost\b|Connection closed\b|server closed the connection",
        "RedisException: Connection lost",
        True,
    ),
    (
        "closed",
        "hiredis",
        r"Server closed the connection|remote host closed the connection|lost connection\b",
        "Error: Server closed the connection",
        True,
    ),
    (
        "closed",
        "redis-rb",
        r"Connection lost \(ECONNRESET\)|Redis::ConnectionError|RedisClient::ConnectionError|end of file reached|EOFError",
        "Redis::ConnectionError: Connection lost",
        False,
    ),
    (
        "broken-pipe",
        "posix",
        r"broken pipe|\bEPIPE\b|Errno 32\b|Error 32 while writing",
        "write tcp 10.0.0.5:40000->10.1.2.3:6379: write: broken pipe",
        True,
    ),
    (
        "broken-pipe",
        "windows",
        r"established connection was aborted by the software in your host machine|\b10053\b|WSACancelBlockingCall",
        "An established connection was aborted by the software in your host machine",
        False,
    ),
    (
        "read-error",
        "php",
        r"read error on connection|socket error on read socket|error on read|errors? while reading (?:line|bytes) from the server|fwrite\(\): [Ss]end of|fgets\(\): |Error while writing bytes to the server",
        "RedisException: read error on connection to cache:6379",
        True,
    ),
    (
        "read-error",
        "redis-py",
        r"Error while reading from ",
        "redis.exceptions.ConnectionError: Error while reading from cache:6379 : (104, 'x')",
        False,
    ),
    (
        "read-error",
        "jvm",
        r"Attempting to (?:read from|write to) a broken connection|Connection is broken",
        "JedisConnectionException: Attempting to read from a broken connection.",
        False,
    ),
    (
        "socket-failure",
        "stackexchange",
        r"\b(?:SocketFailure|ProtocolFailure|ConnectionDisposed|InternalFailure)\b",
        "SocketFailure on cache:6380/Interactive, Idle/Faulted",
        False,
    ),
    (
        "socket-failure",
        "dotnet",
        r"Unable to (?:read|write) data (?:from|to) the transport connection",
        "Unable to read data from the transport connection: x",
        False,
    ),
    # --- commands
    (
        "no-answer",
        "stackexchange",
        r"Timeout performing [A-Z]|Timeout awaiting response|\binst: [0-9]{1,9}, (?:mgr|queue|qu):",
        "Timeout performing GET (5000ms), next: GET k, inst: 0, qs: 1",
        False,
    ),
    (
        "no-answer",
        "redis-py",
        r"Timeout reading from |Timeout writing to |timed out reading|TimeoutError: timed out$",
        "redis.exceptions.TimeoutError: Timeout reading from socket",
        False,
    ),
    (
        "no-answer",
        "node",
        r"Command timed out|Socket timeout timeout|Timed? ?out waiting for (?:a )?(?:reply|response|command)|\bCommandTimeoutError\b",
        "Error: Command timed out",
        False,
    ),
    (
        "no-answer",
        "jvm",
        r"Read timed out|Command timed out after|RedisCommandTimeoutException|Redis command timed out|Redis server response timeout|RedisResponseTimeoutException",
        "RedisCommandTimeoutException: Command timed out after 1 second(s)",
        False,
    ),
    (
        "no-answer",
        "go",
        r"(?:read|write) tcp [^\n]{1,160}: i/o timeout|redigo: [^\n]{0,40}timeout",
        "read tcp 10.0.0.5:40000->10.1.2.3:6379: i/o timeout",
        False,
    ),
    (
        "no-answer",
        "redis-rb",
        r"Redis::TimeoutError|RedisClient::(?:Read|Write)?TimeoutError|Error fetching (?:job|message): [^\n]{0,60}(?:timed? ?out|Timeout|Waited)|Timeout reading from the socket|Waited [0-9.]{1,9} seconds",
        "Redis::TimeoutError: Connection timed out",
        False,
    ),
    (
        "no-answer",
        "any",
        r"Execution timeout|redis[^\n]{0,60}(?:read|command|request) timed? ?out|Connection timed out while reading|operation timed out waiting for redis",
        "Connection error on AUTH: Execution timeout",
        True,
    ),
    (
        "not-sent",
        "stackexchange",
        r"timeout was reached before the message could be written to the output buffer",
        "The timeout was reached before the message could be written to the output buffer, and it was not sent",
        False,
    ),
    (
        "not-sent",
        "redisson",
        r"Command still hasn't been written into connection",
        "RedisTimeoutException: Command still hasn't been written into connection! Check CPU usage",
        False,
    ),
    (
        "still-connecting",
        "stackexchange",
        r"message timed out in the backlog|Connection to Redis never succeeded|\brs: NotStarted\b",
        "The message timed out in the backlog attempting to send because no connection became available (5000ms)",
        False,
    ),
    (
        "cannot-connect",
        "stackexchange",
        r"not possible to connect to the redis server|UnableToConnect\b|Error connecting right now",
        "It was not possible to connect to the redis server(s). Error connecting right now.",
        False,
    ),
    (
        "cannot-connect",
        "jvm",
        r"Unable to connect to(?: Redis|:| \[?[a-z0-9][^ \n]{1,255}:[0-9])|Cannot get Jedis connection|Failed to (?:connect to any host|create socket)|Failed to connect to [^ \n]{1,255}|Could not connect to Redis|RedisConnectionFailureException|Cannot connect: |Can't connect to servers",
        "io.lettuce.core.RedisConnectionException: Unable to connect to cache:6380",
        False,
    ),
    (
        "cannot-connect",
        "any",
        r"[Ff]ailed to connect to (?:the )?[Rr]edis|[Ee]rror connecting to (?:the )?[Rr]edis|[Cc]annot connect to (?:the )?[Rr]edis|[Cc]ouldn't connect to redis|Cannot connect to redis|Redis connection to [^\n]{1,255} failed|[Rr]edis (?:failed to connect|connection (?:error|failed))|consumer: Cannot connect to|Redis Client Error|CannotConnectError",
        "Redis connection to cache:6379 failed - x",
        False,
    ),
    (
        "not-connected",
        "stackexchange",
        r"No connection (?:\([^)\n]{0,80}\) )?is (?:active/)?available to service this operation",
        "No connection is active/available to service this operation: GET k",
        False,
    ),
    (
        "not-connected",
        "node",
        r"Stream isn't writeable|The client is (?:closed|offline)|ClientClosedError|ClientOfflineError",
        "Error: Stream isn't writeable and enableOfflineQueue options is false",
        False,
    ),
    (
        "not-connected",
        "jvm",
        r"Currently not connected\. Commands are rejected|Connection is not active|RedisConnectionClosedException",
        "io.lettuce.core.RedisException: Currently not connected. Commands are rejected.",
        False,
    ),
    (
        "not-connected",
        "any",
        r"Redix\.ConnectionError\{reason: :(?:closed|disconnected)|Status unavailable, waiting for recovery|Connection to (?:broker|Redis) lost",
        "consumer: Connection to broker lost. Trying to re-establish the connection",
        False,
    ),
    (
        "gave-up",
        "node",
        r"max retries per request limit|Retry time exhausted|maximum connection attempts exceeded|MaxRetriesPerRequestError",
        "MaxRetriesPerRequestError: Reached the max retries per request limit (which is 20).",
        False,
    ),
    (
        "gave-up",
        "any",
        r"Retry limit exceeded while trying to reconnect|Maximum number of retries exceeded[^\n]{0,60}redis|retries? exhausted[^\n]{0,60}redis",
        "Retry limit exceeded while trying to reconnect to the Celery result store backend",
        False,
    ),
    (
        "reconnecting",
        "lettuce",
        r"Reconnecting, last destination was|Cannot reconnect to \[?",
        "Reconnecting, last destination was /10.1.2.3:6379",
        False,
    ),
    (
        "reconnecting",
        "node",
        r"[Rr]edis (?:will )?reconnect|ioredis:[a-z]{1,20} reconnect",
        "Redis reconnecting in 50 ms",
        False,
    ),
    (
        "reconnected",
        "any",
        r"\bReconnected to |[Rr]edis (?:is )?(?:connected|ready|online)\b",
        "Reconnected to 10.1.2.3:6379",
        False,
    ),
    # --- pools
    (
        "pool-empty",
        "jvm",
        r"Timeout waiting for idle object|Pool exhausted|pool is exhausted|JedisExhaustedPoolException|Unable to (?:acquire|get) connection!|PoolAcquireTimeout|Pool#acquire\(Duration\) has been pending",
        "java.util.NoSuchElementException: Timeout waiting for idle object",
        False,
    ),
    (
        "pool-empty",
        "redis-py",
        r"\bMaxConnectionsError\b|ConnectionError: Too many connections|No connection available\.",
        "redis.exceptions.ConnectionError: Too many connections",
        False,
    ),
    (
        "pool-empty",
        "go",
        r"redis: connection pool (?:timeout|exhausted)|redigo: connection pool exhausted|connection pool exhausted",
        "redis: connection pool timeout",
        False,
    ),
    (
        "pool-empty",
        "redis-rb",
        r"ConnectionPool::TimeoutError|Waited [0-9.]{1,9} sec(?:, | for)|ConnectionPool::[A-Za-z]{0,20}Timeout|could not obtain a connection from the pool",
        "ConnectionPool::TimeoutError: Waited 5 sec, 0/5 available",
        False,
    ),
    (
        "pool-failed",
        "jvm",
        r"Could not get a resource from (?:the )?pool|PoolException",
        "JedisConnectionException: Could not get a resource from the pool",
        False,
    ),
    (
        "timed-out",
        "posix",
        r"(?:connection|operation) timed out|\bETIMEDOUT\b|os error (?:110|60|10060)|deadline exceeded|connect(?:ion)? time-?out|:etimedout\b",
        "Connection timed out",
        True,
    ),
    (
        "queue-full",
        "any",
        r"(?:Request queue|Command buffer|Internal stack) size exceeded|queue is full|offline queue[^\n]{0,20}(?:full|exceed)|too many (?:pending|queued) (?:commands|requests)",
        "RedisException: Request queue size exceeded: 10000. Commands are not accepted until the queue size drops.",
        False,
    ),
    (
        "used-closed",
        "any",
        r"redis: client is closed|redigo: closed|client is already closed|Connection is closed\.|connection is (?:already )?closed|ERR_CLOSED|This (?:socket|connection) has been ended",
        "redis: client is closed",
        False,
    ),
    (
        "no-sentinel",
        "any",
        r"[Aa]ll sentinels (?:are unreachable|down|specified in configuration are unreachable)|No sentinels available|MasterNotFoundError|No master found for",
        "redis: all sentinels specified in configuration are unreachable",
        False,
    ),
    (
        "went-away",
        "phpredis",
        r"Redis server[^\n]{0,120} went away|server went away",
        "Redis server cache:6379 went away",
        True,
    ),
    (
        "pool-misused",
        "jedis",
        r"Could not return the (?:broken )?resource to the pool|Returned object not currently part of this pool|already been returned to (?:this|the) pool",
        "Could not return the resource to the pool",
        False,
    ),
    (
        "connect-timeout",
        "php-in-streams",
        r"unable to connect to (?:tcp|tls|ssl|rediss?)://[^\n]{1,255} \((?:Connection|Operation) timed out|connect\(\) failed: (?:connection|operation) timed out",
        "stream_socket_client(): unable to connect to tcp://10.1.2.3:6379 (Connection timed out)",
        True,
    ),
    (
        "connect-timeout",
        "redis-rb-in-errno",
        r"connecting to Redis on [^\n]{1,255}\((?:Errno::ETIMEDOUT|[A-Za-z:]{0,40}TimeoutError|IO::EINPROGRESSWaitWritable)|Errno::ETIMEDOUT[^\n]{0,60}connect",
        "Error connecting to Redis on cache:6379 (Errno::ETIMEDOUT)",
        False,
    ),
    (
        "unreachable",
        "redis-rb",
        r"Errno::(?:ENETUNREACH|EHOSTUNREACH)",
        "Error connecting to Redis on cache:6379 (Errno::EHOSTUNREACH)",
        False,
    ),
    (
        "name-unknown",
        "redis-rb",
        r"connecting to Redis on [^\n]{1,255}\((?:SocketError|Socket::ResolutionError)|getaddrinfo(?:\(3\))?: (?:Name|nodename|No address|No such)",
        "Error connecting to Redis on cache:6379 (SocketError)",
        False,
    ),
    ("refused", "rust", r"os error (?:111|61|10061)", "Connection refused (os error 111)", False),
    (
        "reset",
        "rust",
        r"os error (?:104|54|10054)",
        "Connection reset by peer (os error 104)",
        False,
    ),
    ("broken-pipe", "rust", r"os error (?:32|10053)", "Broken pipe (os error 32)", False),
    (
        "cannot-connect",
        "insight",
        r"Could not connect to [^ \n]{1,255}, please check|Couldn't connect to [Rr]edis instance|Can't connect to the server",
        "Could not connect to cache:6379, please check the connection details.",
        False,
    ),
    (
        "bad-login",
        "rust",
        r"AuthenticationFailed|Password authentication failed|Failed to authenticate, please check the username or password",
        "Password authentication failed- AuthenticationFailed",
        False,
    ),
    (
        "no-topology",
        "rust",
        r"Failed to create initial connections|Slot refresh error|cannot load cluster slots|Can't communicate with any node in the cluster|No connections found|unable to (?:load|fetch|get) cluster (?:slots|topology)",
        "redis: cannot load cluster slots",
        False,
    ),
    (
        "redirects",
        "phpredis",
        r"Timed out attempting to find data in the correct node|No connections left in the pool",
        "Timed out attempting to find data in the correct node!",
        False,
    ),
    (
        "tls-refused",
        "rust",
        r"SSL Handshake error|Unable to build client with TLS|TLS (?:error|handshake failed)|tls connection init failed",
        "SSL Handshake error",
        False,
    ),
    (
        "tls-unverified",
        "stackexchange",
        r"\(AuthenticationException\)",
        "check that passwords (or client certificates) are configured correctly: (AuthenticationException) x",
        False,
    ),
    (
        "pool-empty",
        "any",
        r"\bToo many connections$|Couldn't checkout a connection in time|timed out (?:while )?waiting for (?:a |an )?(?:free |idle |available )?connection|no (?:idle|free|available) connections? (?:in|left in) (?:the )?pool|PoolTimeoutError|bb8[^\n]{0,40}Timed|deadpool[^\n]{0,40}Timeout|connection pool is (?:full|exhausted)",
        "RedisClient::Pooled: Couldn't checkout a connection in time",
        True,
    ),
    (
        "not-connected",
        "csredis",
        r"状态不可用|Status unavailable",
        "Status unavailable, waiting for recovery. Connection refused",
        False,
    ),
    (
        "not-connected",
        "redis-rs",
        r"Too many connection errors happened recently|Ready check failed|[Nn]ot connected to (?:the )?[Rr]edis|Redis (?:client )?is not (?:connected|ready)",
        "Redis is not connected",
        False,
    ),
    (
        "closed",
        "rust",
        r"unexpected end of file|driver unexpectedly terminated|Multiplexed connection driver|early eof\b|tcp_closed|reason: :closed",
        "unexpected end of file",
        False,
    ),
    (
        "no-token",
        "rust",
        r"Entra ID authentication failed|token provider|credentials? provider[^\n]{0,40}(?:fail|error)",
        "Entra ID authentication failed",
        False,
    ),
    # --- replies
    (
        "odd-reply",
        "any",
        r"Protocol error, got \"?[^\n]{1,8}\"? as reply type byte|protocol error, got '[^\n]{1,6}' as reply|Unknown reply: |Invalid first byte: |unknown response type|unexpected response line|invalid RESP|redis: can't parse|Invalid response: |InvalidResponse|Unknown RESP type|Protocol Error: |ProtocolFailure|Can't decode|ERR Protocol error",
        'Protocol error, got "H" as reply type byte',
        False,
    ),
    (
        "no-login",
        "server",
        r"\bNOAUTH\b|Authentication required\b|HELLO must be called with the client already authenticated",
        "(error) NOAUTH Authentication required.",
        False,
    ),
    (
        "bad-login",
        "server",
        r"\bWRONGPASS\b|invalid username-password pair|[Ii]nvalid [Uu]sername or [Pp]assword|\bERR invalid password|AUTH failed: [^\n]{0,60}(?:invalid|WRONG)",
        "(error) WRONGPASS invalid username-password pair or user is disabled.",
        False,
    ),
    (
        "no-token",
        "azure",
        r"Failed to acquire token|DefaultAzureCredential failed|ManagedIdentityCredential authentication|CredentialUnavailable|MsalServiceException|EnvironmentCredential authentication|AADSTS[0-9]{5,7}|managed_identity_request_failed|failed to (?:acquire|get|fetch|obtain|refresh) (?:an? )?(?:new )?(?:access )?token[^\n]{0,80}redis|Invalid token cannot be read|oid not found in token",
        "Azure.Identity.CredentialUnavailableException: ManagedIdentityCredential authentication unavailable",
        False,
    ),
    (
        "read-only",
        "server",
        r"\bREADONLY\b|write against a read only|Command cannot be issued to a (?:replica|slave)|requires writable - not eligible for replica",
        "READONLY You can't write against a read only replica.",
        False,
    ),
    (
        "busy-script",
        "server",
        r"\bBUSY Redis is busy|Redis is busy running a (?:script|module)",
        "BUSY Redis is busy running a script.",
        False,
    ),
    (
        "moved",
        "server",
        r"\b(?:MOVED|ASK) [0-9]{1,5} |MovedDataException|MovedError|AskDataException|Key has MOVED",
        "MOVED 1234 10.1.2.3:6379",
        False,
    ),
    (
        "redirects",
        "any",
        r"Too many [Cc]luster redirections|[Tt]oo many redirect|No more cluster attempts left|Cluster retry deadline exceeded|MOVED redirection loop|Cannot follow Cluster Redirects|ClusterMaxRedirect|TTL exhausted|No reachable node in cluster",
        "Too many Cluster redirections. Last error: Error: Connection is closed.",
        False,
    ),
    (
        "no-topology",
        "any",
        r"Failed to refresh slots cache|ClusterAllFailedError|None of startup nodes is available|root nodes are unavailable|RootNodesUnavailable|initialize cluster slots cache|[Cc]annot (?:retrieve initial cluster partitions|obtain initial Redis Cluster topology|reload Redis Cluster topology)|Redis Cluster cannot be connected|Couldn't map cluster keyspace|cluster has no nodes|does not hold any slot|got no elements in cluster slots|CLUSTER SLOTS[^\n]{0,40}(?:failed|error)|startup nodes",
        "ClusterAllFailedError: Failed to refresh slots cache.",
        False,
    ),
    (
        "slot-missing",
        "any",
        r"Node for slot: ?[0-9]{1,5} hasn't been discovered|Cannot determine a partition for slot|SlotNotCovered|[Ss]lot \"?[0-9]{1,5}\"? (?:is )?not covered|Not all slots covered|slots (?:list is empty|have holes)|No (?:way|node) (?:to dispatch|for slot)",
        "Node for slot: 1234 hasn't been discovered yet.",
        False,
    ),
    (
        "aborted",
        "server",
        r"\bEXECABORT\b",
        "EXECABORT Transaction discarded because of previous errors.",
        False,
    ),
    (
        "no-primary-link",
        "server",
        r"\bMASTERDOWN\b|master_link_status:down",
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        False,
    ),
)
