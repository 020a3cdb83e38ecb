r"""How Redis clients, and Redis and its likes themselves, word a failure.

Rows are symptom, family (``family-in-…`` where one has several), pattern, example, and whether case is
ignored. What a pattern may be made of is said in :mod:`refused.evidence.error_words`.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

ROWS = (
    # --- name-unknown
    (
        "name-unknown",
        "redis-py",
        r"Error (?:-2|-5|11001) connecting to |Error 8 connecting to [^\n]{1,255}\. (?:8|nodename)",
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
        "redis-rb",
        r"connecting to Redis on [^\n]{1,255}\((?:SocketError|Socket::ResolutionError)|getaddrinfo(?:\(3\))?: (?:Name|nodename|No address|No such)",
        "Error connecting to Redis on cache:6379 (SocketError)",
        False,
    ),
    # --- connect-timeout
    (
        "connect-timeout",
        "redis-py",
        r"Error (?:110|60|10060) connecting to |Timeout connecting to server",
        "redis.exceptions.TimeoutError: Timeout connecting to server",
        False,
    ),
    (
        "connect-timeout",
        "stackexchange",
        r"(?:^|[^.A-Za-z\n])ConnectTimeout\b",
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
        "redis-rb-in-errno",
        r"connecting to Redis on [^\n]{1,255}\((?:Errno::ETIMEDOUT|[A-Za-z:]{0,40}TimeoutError|IO::EINPROGRESSWaitWritable)|Errno::ETIMEDOUT[^\n]{0,60}connect",
        "Error connecting to Redis on cache:6379 (Errno::ETIMEDOUT)",
        False,
    ),
    (
        "connect-timeout",
        "lua-resty-redis",
        r"lua tcp socket connect timed out",
        "lua tcp socket connect timed out, when connecting to 10.1.2.3:6379",
        False,
    ),
    (
        "connect-timeout",
        "glide",
        r"connection attempt timed out",
        "ConnectionError: connection attempt timed out",
        False,
    ),
    (
        "connect-timeout",
        "bun",
        r"\bERR_REDIS_CONNECTION_TIMEOUT\b",
        "RedisError: Connection timeout reached after 10000ms code: ERR_REDIS_CONNECTION_TIMEOUT",
        False,
    ),
    (
        "connect-timeout",
        "server",
        r"Timeout connecting to the (?:MASTER|PRIMARY)\b",
        "Timeout connecting to the MASTER...",
        False,
    ),
    # --- unreachable
    (
        "unreachable",
        "redis-rb",
        r"Errno::(?:ENETUNREACH|EHOSTUNREACH)",
        "Error connecting to Redis on cache:6379 (Errno::EHOSTUNREACH)",
        False,
    ),
    # --- tls-cut
    # OpenSSL's queue of errors is empty where the other side hung up in the handshake.
    (
        "tls-cut",
        "server",
        r"Error accepting a client connection: (?:\(null\)|error:00000000|Success|[Cc]onnection reset)",
        "# Error accepting a client connection: (null)",
        False,
    ),
    # --- tls-refused
    (
        "tls-refused",
        "bun",
        r"\bERR_REDIS_TLS_",
        "RedisError: code: ERR_REDIS_TLS_UPGRADE_FAILED",
        False,
    ),
    # --- tls-unverified
    (
        "tls-unverified",
        "stackexchange",
        r"\(AuthenticationException\)",
        "check that passwords (or client certificates) are configured correctly: (AuthenticationException) x",
        False,
    ),
    # --- auth-or-tls
    (
        "auth-or-tls",
        "stackexchange",
        r"There was an authentication failure; check that passwords|AuthenticationFailure(?: \([^)\n]{0,80}\))? on ",
        "There was an authentication failure; check that passwords (or client certificates) are configured correctly",
        False,
    ),
    (
        "auth-or-tls",
        "reactphp",
        r"failed (?:because|during) (?:the )?AUTH command",
        "Connection to Redis server failed because AUTH command failed",
        False,
    ),
    # --- reset
    (
        "reset",
        "redis-py",
        r"Error while reading from (?:socket|[^ \n]{1,255}) ?: (?:\((?:10[0-9]|54|32)|$)|Error while reading from (?:socket|[^ \n]{1,255}) ?: \($",
        "redis.exceptions.ConnectionError: Error while reading from cache:6379 : (104, 'x')",
        False,
    ),
    (
        "reset",
        "codis",
        r"backend conn reset",
        "ERR handle request, backend conn reset",
        False,
    ),
    # --- closed
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
        r"Connection closed by server|Socket closed on remote end|Connection (?:was )?closed (?:by|while)|Server closed the connection|IncompleteReadError|Connection lost\b",
        "redis.exceptions.ConnectionError: Connection closed by server.",
        False,
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
        r"Connection lost \(ECONNRESET\)|Redis::ConnectionError|RedisClient::ConnectionError|end of file reached|\bEOFError",
        "Redis::ConnectionError: Connection lost",
        False,
    ),
    # --- socket-failure
    (
        "socket-failure",
        "stackexchange",
        r"\bSocketFailure\b",
        "SocketFailure on cache:6380/Interactive, Idle/Faulted",
        False,
    ),
    (
        "socket-failure",
        "phpredis",
        r"socket error on read socket",
        "RedisException: socket error on read socket",
        False,
    ),
    # --- stalled
    (
        "stalled",
        "server",
        r"Disconnecting timedout (?:replica|slave)",
        "Disconnecting timedout replica (streaming sync): 10.1.2.4:6379",
        False,
    ),
    # --- no-greeting
    (
        "no-greeting",
        "redis-rb",
        r"CannotConnectError[^\n]{0,120}ReadTimeoutError",
        "Redis::CannotConnectError: RedisClient::ReadTimeoutError",
        False,
    ),
    # --- no-answer
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
        # "The read operation timed out" is _ssl.c's word for the socket's own limit, not the kernel's.
        r"Timeout reading from |Timeout writing to |timed out reading|TimeoutError: timed out$|The (?:read|write) operation timed out|Error while reading from [^\n]{1,255} ?: [(]?'timed out'",
        "redis.exceptions.TimeoutError: Timeout reading from socket",
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
        "lua-resty-redis",
        r"lua tcp socket read timed out",
        "lua tcp socket read timed out",
        False,
    ),
    (
        "no-answer",
        "hiredis",
        r"[Ff]ailed to get reply: Resource temporarily|Error: Resource temporarily unavailable|redis[A-Z][A-Za-z]{1,30}: Resource temporarily unavailable",
        "failed to get reply: Resource temporarily unavailable",
        False,
    ),
    (
        "no-answer",
        "fred",
        r"Timeout Error: Request timed out|kind: Timeout, details",
        "Timeout Error: Request timed out.",
        False,
    ),
    (
        "no-answer",
        "keyv",
        r"\bRedis timed out after [0-9]{1,9}ms",
        "Error: Redis timed out after 2000ms",
        False,
    ),
    # --- not-sent
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
    # --- still-connecting
    (
        "still-connecting",
        "stackexchange",
        r"message timed out in the backlog|Connection to Redis never succeeded|\brs: NotStarted\b",
        "The message timed out in the backlog attempting to send because no connection became available (5000ms)",
        False,
    ),
    # --- cannot-connect
    (
        "cannot-connect",
        "stackexchange",
        r"not possible to connect to the redis server|UnableToConnect\b|Error connecting right now",
        "It was not possible to connect to the redis server(s). Error connecting right now.",
        False,
    ),
    (
        "cannot-connect",
        "stackexchange-in-log",
        r"OnConnectedAsync completed \(Disconnected\)|Endpoint is \(Interactive: Disconnected|not in use: DidNotRespond",
        "cache:6379: OnConnectedAsync completed (Disconnected)",
        False,
    ),
    # --- not-connected
    (
        "not-connected",
        "stackexchange",
        r"No connection (?:\([^)\n]{0,80}\) )?is (?:active/)?available to service this operation",
        "No connection is active/available to service this operation: GET k",
        False,
    ),
    (
        "not-connected",
        "celery",
        r"Retry limit exceeded while trying to reconnect|Maximum number of retries exceeded[^\n]{0,60}redis|retries? exhausted[^\n]{0,60}redis",
        "Retry limit exceeded while trying to reconnect to the Celery result store backend",
        False,
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
        "not-connected",
        "ioredis-in-cluster",
        r"Cluster isn't ready and enableOfflineQueue|(?:Redis|Valkey) connection is not ready|Connection ended before ready event",
        "Error: Cluster isn't ready and enableOfflineQueue options is false",
        False,
    ),
    # --- reconnecting
    (
        "reconnecting",
        "lettuce",
        r"Reconnecting, last destination was",
        "Reconnecting, last destination was /10.1.2.3:6379",
        False,
    ),
    (
        "reconnecting",
        "server",
        r"Reconnecting to (?:MASTER|PRIMARY) [^ \n]{1,255} after failure",
        "Reconnecting to MASTER 10.1.2.3:6379 after failure",
        False,
    ),
    # --- pool-empty
    (
        "pool-empty",
        "redis-py",
        r"\bMaxConnectionsError\b|ConnectionError: Too many connections|No connection available\.",
        "redis.exceptions.ConnectionError: Too many connections",
        False,
    ),
    (
        "pool-empty",
        "redis-rb",
        r"ConnectionPool::TimeoutError|Waited [0-9.]{1,9} sec(?:, | for|$)|ConnectionPool::[A-Za-z]{0,20}Timeout|could not obtain a connection from the pool",
        "ConnectionPool::TimeoutError: Waited 5 sec, 0/5 available",
        False,
    ),
    # --- odd-reply
    (
        "odd-reply",
        "servicestack",
        r"Unknown reply on (?:multi|integer)|Unexpected reply: |ERR_REDIS_INVALID_(?:RESPONSE|BULK|ARRAY|INTEGER|SIMPLE|ERROR)|redis: invalid reply",
        "RedisResponseException: Unexpected reply: +PONG, sPort: 50123, LastCommand: GET",
        False,
    ),
    # --- no-login
    (
        "no-login",
        "server",
        r"\bNOAUTH\b|(?:[Rr]edis|[Vv]alkey|kombu|celery|Response|Authentication|Operational)[^\n]{0,80}: Authentication required\b|(?:^|\(error\) )Authentication required\.?[ \t]{0,8}$|HELLO must be called with the client already authenticated",
        "(error) NOAUTH Authentication required.",
        False,
    ),
    # --- bad-login
    (
        "bad-login",
        "redis-rs",
        r"- AuthenticationFailed\b|Password authentication failed- |Failed to authenticate, please check the username or password",
        "Password authentication failed- AuthenticationFailed",
        False,
    ),
    (
        "bad-login",
        "server",
        r"\bWRONGPASS\b|invalid username-password pair|(?:ERR|[Rr]edis|[Vv]alkey)[^\n]{0,120}[Ii]nvalid [Uu]sername or [Pp]assword|\bERR invalid password|AUTH failed: [^\n]{0,60}(?:invalid|WRONG)",
        "(error) WRONGPASS invalid username-password pair or user is disabled.",
        False,
    ),
    (
        "bad-login",
        "redis-rb-in-exceptions",
        r"\bRedisWrongPasswordException\b|\bRedisClient::AuthenticationError\b",
        "RedisClient::AuthenticationError: x",
        False,
    ),
    # --- read-only
    (
        "read-only",
        "server",
        r"\bREADONLY (?:You|Can|can)|-READONLY\b|Redis[Rr]ead[Oo]nly|write against a read only|No primary node found|Command cannot be issued to a (?:replica|slave)|requires writable - not eligible for replica",
        "READONLY You can't write against a read only replica.",
        False,
    ),
    (
        "read-only",
        "server-in-exceptions",
        r"\bReadOnlyError\b|write flag on (?:a )?read-?only replica|exceptions\.ConnectionError: READONLY command failed|\bRedisClient::ReadOnlyError\b",
        "redis.exceptions.ReadOnlyError: x",
        False,
    ),
    # --- busy-script
    (
        "busy-script",
        "server",
        r"\bBUSY Redis is busy|Redis is busy running a (?:script|module)",
        "BUSY Redis is busy running a script.",
        False,
    ),
    (
        "busy-script",
        "valkey",
        r"\bBUSY [A-Z][A-Za-z]{2,20} is busy|(?:Redis|Valkey|KeyDB) is busy running a|\bUNKILLABLE Sorry",
        "BUSY Valkey is busy running a script.",
        False,
    ),
    # --- moved
    (
        "moved",
        "server",
        r"\b(?:MOVED|ASK) [0-9]{1,5} |MovedDataException|MovedError|AskDataException|Key has MOVED",
        "MOVED 1234 10.1.2.3:6379",
        False,
    ),
    (
        "moved",
        "rust",
        r"\b(?:Moved|Ask): [0-9]{1,5} [^ \n]{0,255}:[0-9]{2,5}\b",
        "An error was signalled by the server - Moved: 7365 10.1.2.3:6379",
        False,
    ),
    (
        "moved",
        "spring",
        r"Redirect: slot [0-9]{1,5} to ",
        "ClusterRedirectException: Redirect: slot 9189 to 10.1.2.4:6379.",
        False,
    ),
    (
        "moved",
        "redisson-in-exceptions",
        r"\bRedis(?:Moved|Ask)Exception\b|\bexceptions\.(?:Moved|Ask)Error\b",
        "org.redisson.client.RedisMovedException: x",
        False,
    ),
    # --- redirects
    (
        "redirects",
        "phpredis",
        r"Timed out attempting to find data in the correct node|No connections left in the pool",
        "Timed out attempting to find data in the correct node!",
        False,
    ),
    # --- no-topology
    (
        "no-topology",
        "redis-rs",
        r"Failed to create initial connections|No topology views found|Slot refresh error|cannot load cluster slots|unable to (?:load|fetch|get) cluster (?:slots|topology)",
        "redis: cannot load cluster slots",
        False,
    ),
    (
        "no-topology",
        "redigo",
        r"redisc: all nodes failed|[Cc]luster refresh failed",
        "redisc: all nodes failed",
        False,
    ),
    # --- aborted
    (
        "aborted",
        "server",
        r"\bEXECABORT\b",
        "EXECABORT Transaction discarded because of previous errors.",
        False,
    ),
    # --- no-primary-link
    (
        "no-primary-link",
        "server",
        r"\bMASTERDOWN\b|master_link_status:down",
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        False,
    ),
    (
        "no-primary-link",
        "server-bare",
        r"[Ll]ink with (?:MASTER|PRIMARY) is down|\bMasterDown(?:Error|Exception)\b",
        "Link with MASTER is down",
        False,
    ),
    # --- chained-replica
    (
        "chained-replica",
        "server",
        r"\bNOMASTERLINK\b|Can't SYNC while not connected",
        "-NOMASTERLINK Can't SYNC while not connected with my master",
        False,
    ),
    # --- cannot-reconnect
    (
        "cannot-reconnect",
        "lettuce",
        r"Cannot reconnect to \[?",
        "Cannot reconnect to [10.1.2.3:6379]: x",
        False,
    ),
    # --- no-node
    (
        "no-node",
        "redis-rb",
        r"Errors occurred on any node|NodeMightBeDown|Error processing response from Redis node",
        "Redis::Cluster::NodeMightBeDown: The node might be down",
        False,
    ),
    (
        "no-node",
        "predis",
        r"ClientException: No connections available in the pool",
        "Predis\\ClientException: No connections available in the pool",
        False,
    ),
    # --- cannot-reach
    (
        "cannot-reach",
        "insight",
        r"Could not connect to [^ \n]{1,255}, please check|Couldn't connect to [Rr]edis instance|Can't connect to the server",
        "Could not connect to cache:6379, please check the connection details.",
        False,
    ),
    # --- pool-misused
    (
        "pool-misused",
        "jedis",
        r"Could not return the (?:broken )?resource to the pool|Returned object not currently part of this pool|already been returned to (?:this|the) pool",
        "Could not return the resource to the pool",
        False,
    ),
    # --- went-away
    (
        "went-away",
        "phpredis",
        r"Redis server[^\n]{0,120} went away|server went away",
        "Redis server cache:6379 went away",
        True,
    ),
    # --- queue-full
    (
        "queue-full",
        "fred",
        r"Redis Error - kind: Backpressure|max in-flight commands",
        "Redis Error - kind: Backpressure, details: x",
        False,
    ),
    # --- hangs
    # Stacks of a process that does not go on, as py-spy and gdb print them.
    (
        "hangs",
        "redis-py",
        r"(?:_?read_from_socket|read_response|_recv_into|readline) \([^\n]{0,80}redis[/\\][^\n]{1,60}\.py:[0-9]{1,5}\)|Frame 0x[0-9a-f]{1,16}, for file [^\n]{1,200}redis[/\\][^\n]{1,60}\.py, line [0-9]{1,6}, in (?:_?read_from_socket|_?read_response|readline|recv)",
        "read_from_socket (redis/connection.py:198)",
        False,
    ),
)
