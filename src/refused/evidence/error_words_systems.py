r"""How operating systems, runtimes and TLS libraries word what befalls an open connection.

Rows are symptom, family (``family-in-…`` where one has several), pattern, example, and whether case is
ignored. What a pattern may be made of is said in :mod:`refused.evidence.error_words`.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

ROWS = (
    # --- reset
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
        "reset",
        "rust",
        r"os error (?:104|54|10054)",
        "Connection reset by peer (os error 104)",
        False,
    ),
    (
        "reset",
        "windows-in-other-languages",
        r"强迫关闭了一个现有的连接|vorhandene Verbindung wurde vom Remotehost geschlossen|connexion existante a dû être fermée|forzado la interrupción de una conexión|リモート ホストに強制的に切断|принудительно разорвал существующее подключение",
        "远程主机强迫关闭了一个现有的连接。",
        False,
    ),
    (
        "reset",
        "posix-in-other-languages",
        r"vom Kommunikationspartner zurückgesetzt|ré-?initialisée par le correspondant|reinicializada por la máquina remota|interrotta dal corrispondente|fechada pela outra ponta|разорвано другой стороной|相手からリセット|连接被对(?:方|端)重[设置]|連線被對方重設|상대편에 의해 끊어짐|zerwane przez drugą stronę",
        "Die Verbindung wurde vom Kommunikationspartner zurückgesetzt",
        False,
    ),
    (
        "reset",
        "windows-in-more-languages",
        r"conexão existente pelo host remoto|interrotta forzatamente dall'host remoto|원격 호스트에 의해 강제로|gwałtownie zamknięte przez zdalnego hosta|強制關閉",
        "Foi forçado o cancelamento de uma conexão existente pelo host remoto",
        False,
    ),
    # --- closed
    (
        "closed",
        "node",
        r"Socket closed unexpectedly|connections? (?:is|to [^\n]{1,120} is|was|has been) (?:closed|lost)|SocketClosedUnexpectedlyError|close -> end\b|(?:Redis )?connection gone from",
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
        "rust",
        r"unexpected end of file|driver unexpectedly terminated|Multiplexed connection driver|early eof\b|tcp_closed|reason: :closed|Disconnected by peer",
        "unexpected end of file",
        False,
    ),
    (
        "closed",
        "any",
        r"Zero length response|No more data, sPort|Reader at end of file|ConnectionForcedCloseError|\bERR_REDIS_CONNECTION_CLOSED\b|FatalReceiveError|\bCONNECTION_CLOSED\b",
        "RedisError: Connection has failed. code: ERR_REDIS_CONNECTION_CLOSED",
        False,
    ),
    # --- broken-pipe
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
        "broken-pipe",
        "php",
        r"Error while writing bytes to the server|fwrite\(\): [Ss]end of",
        "Error while writing bytes to the server. [tcp://10.1.2.3:6379]",
        False,
    ),
    ("broken-pipe", "rust", r"os error (?:32|10053)", "Broken pipe (os error 32)", False),
    (
        "broken-pipe",
        "windows-in-other-languages",
        r"主机中的软件中止了一个已建立的连接|hergestellte Verbindung wurde durch die Software",
        "您的主机中的软件中止了一个已建立的连接。",
        False,
    ),
    (
        "broken-pipe",
        "posix-in-abort",
        r"\bECONNABORTED\b|software caused connection abort",
        "read ECONNABORTED",
        True,
    ),
    (
        "broken-pipe",
        "posix-in-other-languages",
        r"Datenübergabe unterbrochen|Relais brisé|Tubería rota|断开的管道|パイプが(?:壊れ|切断)|Обрыв канала|Przerwany potok",
        "Datenübergabe unterbrochen (broken pipe)",
        False,
    ),
    # --- read-error
    (
        "read-error",
        "php",
        r"read error on connection|error on read\b|errors? while reading (?:line|bytes) from the server|fgets\(\): ",
        "RedisException: read error on connection to cache:6379",
        True,
    ),
    # --- socket-failure
    (
        "socket-failure",
        "dotnet",
        r"Unable to (?:read|write) data (?:from|to) the transport connection",
        "Unable to read data from the transport connection: x",
        False,
    ),
    (
        "socket-failure",
        "windows",
        r"broken due to keep-alive activity",
        "The connection has been broken due to keep-alive activity detecting a failure",
        False,
    ),
    (
        "socket-failure",
        "any-in-ended",
        r"\bENOTCONN\b|(?:read|write|recv|send|socket)[^\n]{0,80}[Tt]ransport endpoint is not connected|\bESHUTDOWN\b|[Cc]annot send after (?:transport endpoint|socket) shutdown|\bENETRESET\b|[Nn]etwork dropped connection on reset",
        "read tcp 10.0.0.5:4444->10.1.2.3:6379: read: transport endpoint is not connected",
        False,
    ),
    # --- stalled
    (
        "stalled",
        "any",
        r"\bread: (?:connection|operation) timed out|\bread connection timed out|\bread ETIMEDOUT|(?:recv|recvfrom|recvmsg|readv?|readAddress|read0)\([^\n)]{0,40}\) failed: (?:connection|operation) timed out|timed out \(read failed\)|Error (?:110|60|10060) while reading|while reading from [^\n]{1,255} ?: \((?:110|60|10060),|(?:reading|to read)[^\n]{0,60}: (?:connection|operation) timed out|transport connection: (?:(?:connection|operation) timed out|a connection attempt failed)|read[^\n]{0,40}\(os error (?:110|60|10060)\)",
        "read tcp 10.0.0.5:40000->10.1.2.3:6379: read: connection timed out",
        True,
    ),
    # --- no-answer
    (
        "no-answer",
        "node",
        r"Command timed out|Socket timeout timeout|Socket timeout\. Expecting data|Timed? ?out waiting for (?:a )?(?:reply|response|command)|\bCommandTimeoutError\b",
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
        r"(?:read|write) tcp [^\n]{1,160}: i/o timeout|redigo: [^\n]{0,40}timeout|redis(?: cluster| sentinel)? failed: i/o timeout",
        "read tcp 10.0.0.5:40000->10.1.2.3:6379: i/o timeout",
        False,
    ),
    (
        "no-answer",
        "any",
        r"Execution timeout|redis[^\n]{0,60}(?:read|command|request) timed? ?out|Connection timed out while reading|operation timed out waiting for redis",
        "Connection error on AUTH: Execution timeout",
        True,
    ),
    # --- cannot-connect
    (
        "cannot-connect",
        "jvm",
        r"Could not establish connection to [Rr]edis|redis_error: connect\(\) failure|Unable to connect to(?: Redis|:| \[?[a-z0-9][^ \n]{1,255}:[0-9])|Cannot get Jedis connection|Failed to (?:connect to any host|create socket)|Failed to connect to [^ \n]{1,255}|Could not connect to Redis|RedisConnectionFailureException|Cannot connect: |Can't connect to servers|Unable to init enough connections|Failed connecting to (?:host|\"?[a-z0-9])",
        "io.lettuce.core.RedisConnectionException: Unable to connect to cache:6380",
        False,
    ),
    # --- not-connected
    (
        "not-connected",
        "node",
        r"Stream isn't writeable|ClientClosedError|ClientOfflineError",
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
        "not-connected",
        "node-in-streams",
        r"can't be processed\. Stream not writeable|Redis Error - kind: Canceled",
        "AbortError: GET can't be processed. Stream not writeable.",
        False,
    ),
    # --- gave-up
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
        r"Exceeded timeout of [0-9]{2}:[0-9]{2}:|Max(?:imum)? reconnect(?:ion)? attempts? reached|Redis connection in broken state|[Rr]econnect(?:ion)? (?:attempts? |retries )?(?:exhausted|exceeded)",
        "Max reconnection attempts reached",
        False,
    ),
    # --- reconnecting
    (
        "reconnecting",
        "node",
        r"[Rr]edis (?:will )?reconnect|ioredis:[a-z]{1,20} reconnect",
        "Redis reconnecting in 50 ms",
        False,
    ),
    # --- reconnected
    (
        "reconnected",
        "any",
        r"\bReconnected to |[Rr]edis (?:is )?(?:connected|ready|online)\b",
        "Reconnected to 10.1.2.3:6379",
        False,
    ),
    # --- pool-empty
    (
        "pool-empty",
        "jvm",
        r"Timeout waiting for idle object|Pool exhausted|pool is exhausted|JedisExhaustedPoolException|Unable to (?:acquire|get) connection!|PoolAcquireTimeout|Pool#acquire\(Duration\) has been pending",
        "java.util.NoSuchElementException: Timeout waiting for idle object",
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
        "any-in-pool-libraries",
        r"ConnectionLimitExceeded|kombu\.exceptions\.LimitExceeded|\bTimeout\(Wait\)|Timed out in bb8|:poolboy\.checkout|Acquire operation took longer th[ae]n configured|Too many outstanding acquire operations|max(?:imum)? (?:number of )?connections? (?:in (?:the )?)?pool (?:reached|exceeded)",
        "kombu.exceptions.ConnectionLimitExceeded: 10",
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
        "pool-empty",
        "any-in-object-pools",
        r"Redis Timeout expired\.|ObjectPool\.Get[^\n]{0,20}(?:获取超时|[Tt]imed? ?out)|connection pool is empty|no connections? (?:available )?in (?:the )?pool|(?:[Tt]imed? ?out|exceeded)[^\n]{0,20} waiting for (?:a |an |the )?(?:free |idle |available )?(?:client|connection)\b|waiting for a slot to become available|ResourceRequest timed out|PoolError: Timeout|ConnectionPoolTooBusy|max wait queue size of",
        "redis: connection pool is empty",
        False,
    ),
    # --- pool-failed
    (
        "pool-failed",
        "jvm",
        r"Could not get a resource from (?:the )?pool|PoolException",
        "JedisConnectionException: Could not get a resource from the pool",
        False,
    ),
    # --- odd-reply
    (
        "odd-reply",
        "any",
        r"Protocol error, got \"?[^\n]{1,8}\"? as reply type byte|protocol error, got '[^\n]{1,6}' as reply|Unknown reply: |Invalid first byte: |unknown response type|unexpected response line|invalid RESP|redis: can't parse|Invalid response: |InvalidResponse|Unknown RESP (?:data )?type|Protocol Error: |ProtocolFailure|Unknown response prefix|as initial reply byte|Can't decode",
        'Protocol error, got "H" as reply type byte',
        False,
    ),
    # --- bad-login
    (
        "bad-login",
        "any",
        r"AuthenticationError[^\n]{0,20}: (?:invalid password|Authentication failed)|Failed to AUTH connection|ERR_REDIS_AUTHENTICATION_FAILED|invalid (?:or missing|http) auth token",
        "redis.exceptions.AuthenticationError: invalid password",
        False,
    ),
    # --- no-token
    (
        "no-token",
        "rust",
        r"Entra ID authentication failed|token provider|credentials? provider[^\n]{0,40}(?:fail|error)",
        "Entra ID authentication failed",
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
        "no-token",
        "azure-in-exceptions",
        r"Credential authentication (?:failed|unavailable)|\bMsal(?:Client|UiRequired)Exception|AggregateAuthenticationError|ChainedTokenCredential|Multiple user assigned identities|\bRequestTokenErr\b|\bTokenRenewalErr\b|IMDS token request",
        "AggregateAuthenticationError: ChainedTokenCredential authentication failed.",
        False,
    ),
    # --- redirects
    (
        "redirects",
        "any",
        r"Too many [Cc]luster redirections|[Tt]oo many redirect|No more cluster attempts left|Cluster retry deadline exceeded|MOVED redirection loop|Cannot follow Cluster Redirects|ClusterMaxRedirect|TTL exhausted",
        "Too many Cluster redirections. Last error: Error: Connection is closed.",
        False,
    ),
    # --- no-topology
    (
        "no-topology",
        "any",
        r"Failed to refresh slots cache|ClusterAllFailedError|root nodes are unavailable|RootNodesUnavailable|initialize cluster slots cache|[Cc]annot (?:retrieve initial cluster partitions|obtain initial Redis Cluster topology|reload Redis Cluster topology)|Redis Cluster cannot be connected|Couldn't map cluster keyspace|cluster has no nodes|does not hold any slot|got no elements in cluster slots|CLUSTER SLOTS[^\n]{0,40}(?:failed|error)|startup nodes",
        "ClusterAllFailedError: Failed to refresh slots cache.",
        False,
    ),
    (
        "no-topology",
        "any-in-sentences",
        r"Could not retrieve cluster information|could not fetch cluster information|ERROR sending '??cluster slots|Cluster::InitialSetupError",
        "Redis client could not fetch cluster information: x",
        False,
    ),
    # --- slot-missing
    (
        "slot-missing",
        "any",
        r"Node(?:: [^ \n]{1,200})? for slot: ?[0-9]{1,5} hasn't been discovered|NodeSource \[slot=[^\n]{1,120}hasn't been discovered|Cannot determine a partition for slot|SlotNotCovered|[Ss]lot \"?[0-9]{1,5}\"? (?:is )?not covered|Not all slots covered|slots (?:list is empty|have holes)|No (?:way|node) (?:to dispatch|for slot)",
        "Node for slot: 1234 hasn't been discovered yet.",
        False,
    ),
    (
        "slot-missing",
        "any-in-sentences",
        r"[Ss]lot (?:[0-9]{1,5} )?has no redis node|Missing (?:cluster )?slot (?:owner|coverage)|\bslot-[0-9]{1,5} is not ready",
        "the slot has no redis node",
        False,
    ),
    # --- no-node
    (
        "no-node",
        "any",
        r"None of startup nodes is available|Can't communicate with any node in the cluster|No reachable node in cluster|No (?:random )?connections? found|AllConnectionsUnavailable|no (?:reachable|available) nodes?\b",
        "Error: None of startup nodes is available",
        False,
    ),
    (
        "no-node",
        "any-in-sources",
        r"(?:[Cc]an't|[Cc]ant|[Cc]annot) reach a single startup node|Local cluster layout cache is empty|all ring shards are down|No database connections currently available|no active database found|No valid database available for communication|JedisNoReachableClusterNodeException",
        "redis: all ring shards are down",
        False,
    ),
    # --- cannot-reach
    (
        "cannot-reach",
        "any",
        r"[Ff]ailed to connect to (?:the )?[Rr]edis|[Ee]rror connecting to (?:the )?[Rr]edis|[Cc]annot connect to (?:the )?[Rr]edis|[Cc]ouldn't connect to redis|Cannot connect to redis|Redis connection to [^\n]{1,255} failed|[Rr]edis (?:failed to connect|connection (?:error|failed))|consumer: Cannot connect to|Redis Client Error|Unable to establish a connection to |CannotConnectError",
        "Redis connection to cache:6379 failed - x",
        False,
    ),
    (
        "cannot-reach",
        "any-in-sentences",
        r"(?:fail(?:ed|ure)|error|unable|cannot|can't|can not|could ?n[o']t|couldn't|could not) (?:to )?connect(?:ing)? (?:to )?(?:the |your |an? )?(?:redis|valkey|keydb|dragonfly)\b|backend [^ \n]{0,60}(?:redis|valkey|sentinel)[^ \n]{0,60} has no server available",
        "could not connect to redis Instance at cache:6379",
        True,
    ),
    (
        "cannot-reach",
        "any-in-limits",
        r"[Rr]ate limit storage unreachable",
        "Rate limit storage unreachable - falling back to in-memory storage",
        False,
    ),
    # --- lost-command
    (
        "lost-command",
        "node",
        r"Redis connection lost and command aborted|It might have been processed|\bUNCERTAIN_STATE\b",
        "AbortError: Redis connection lost and command aborted. It might have been processed.",
        False,
    ),
    (
        "lost-command",
        "node-in-5",
        r"Client reconnected after WATCH",
        "WatchError: Client reconnected after WATCH",
        False,
    ),
    # --- no-sentinel
    (
        "no-sentinel",
        "any",
        r"[Aa]ll sentinels (?:are unreachable|down|specified in configuration are unreachable)|No sentinels available|MasterNotFoundError|No master found for",
        "redis: all sentinels specified in configuration are unreachable",
        False,
    ),
    (
        "no-sentinel",
        "any-in-sentences",
        r"No sentinel server available|Can connect to sentinel, but|No more master could be found|No such master with that name|GET-MASTER-ADDR-BY-NAME command returns empty|GetMasterAddrByName",
        "Predis: No sentinel server available for autodiscovery.",
        False,
    ),
    (
        "no-sentinel",
        "any-in-sources",
        r"No slave found for |Failed to find a sentinel from the endpoints|Unable to subscribe to Sentinel PUBSUB|\b(?:Slave|Replica|Primary)NotFoundError",
        "redis.sentinel.SlaveNotFoundError: No slave found for m",
        False,
    ),
    # --- used-closed
    (
        "used-closed",
        "jvm",
        r"Attempting to (?:read from|write to) a broken connection|Connection is broken",
        "JedisConnectionException: Attempting to read from a broken connection.",
        False,
    ),
    (
        "used-closed",
        "any",
        r"The client is (?:closed|offline)|ConnectionError: Connection not ready|Connection has data|redis: client is closed|redigo: closed|client is already closed|Connection is closed\.|connection is (?:already )?closed|ERR_CLOSED|This (?:socket|connection) has been ended",
        "redis: client is closed",
        False,
    ),
    (
        "used-closed",
        "any-in-sentences",
        r"PoolClosedError|\bPool is closed|get on closed pool|Connection is closed(?:[^A-Za-z0-9 \n]|$)",
        "redigo: get on closed pool",
        False,
    ),
    (
        "used-closed",
        "node",
        r"DisconnectsClientError|NR_CLOSED|The connection is already closed|client is closed\. Please create|\bClosingError\b|redis client is closing",
        "AbortError: GET can't be processed. The connection is already closed.",
        False,
    ),
    # --- queue-full
    (
        "queue-full",
        "any",
        r"(?:Request queue|Command buffer|Internal stack) size exceeded|queue is full|offline queue[^\n]{0,20}(?:full|exceed)|too many (?:pending|queued) (?:commands|requests)",
        "RedisException: Request queue size exceeded: 10000. Commands are not accepted until the queue size drops.",
        False,
    ),
    # --- timed-out
    # Python names an exception that says nothing by its type alone.
    (
        "timed-out",
        "posix-in-python",
        r"^[ \t]{0,8}(?:[A-Za-z_]{1,30}\.){0,4}(?:TimeoutError|CancelledError|socket\.timeout):?[ \t]{0,4}$",
        "asyncio.exceptions.TimeoutError",
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
        "timed-out",
        "erlang",
        r"reason: :timeout\b|timed out ?- IoError",
        "Redix.ConnectionError{reason: :timeout}",
        False,
    ),
    (
        "timed-out",
        "posix-in-other-languages",
        r"Wartezeit für die Verbindung ist abgelaufen|expiration du délai d'attente|[Ee]xpiró el tiempo de conexión|[Tt]empo esgotado para conexão|[Cc]onnessione scaduta|ожидания соединения истекло|接続がタイムアウト|连接超时|連線逾時|연결 시간 초과|czas oczekiwania na połączenie",
        "Die Wartezeit für die Verbindung ist abgelaufen",
        False,
    ),
)
