"""Read what belongs to a text as a whole: who speaks, to which endpoint, and what is counted.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import re

from refused.evidence.host_names import oddities
from refused.evidence.matching import Late, WordTable
from refused.evidence.path import is_literal
from refused.evidence.redaction import redact
from refused.service.addresses import address_class

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Tuple

_TLS_SPOKEN = re.compile(
    r"TLSSocket|SSLConnection|SslStream|AuthenticateAs|_ssl\.c|ssl\.py|SSLSocket|SSLHandler|SSLEngine|SslHandler|"
    r"rediss://|ssl=true|tls://|OpenSSL|SSLContext|_tls_wrap|tls\.Dial|\btls\.Client|SSLParameters|ssl\.SSL",
    re.IGNORECASE,
)
# Which client speaks, the most telling first.
_CLIENTS = WordTable(
    (
        # Its frames read like ioredis's: "at redis.clients.jedis…", "at Redis.connect (…".
        ("jedis", r"redis\.clients\.(?:jedis|util)\b"),
        ("bullmq", r"bullmq|\bbull\b|\[bull"),
        ("ioredis", r"ioredis|redis-parser|\bat Redis\.|MaxRetriesPerRequest|ClusterAllFailed"),
        (
            "node-redis",
            r"@redis/client|node[_-]redis|Redis connection to [^\n]{1,200} failed|SocketClosedUnexpectedly|Socket closed unexpectedly|kue\b|AbortError: Redis",
        ),
        ("sidekiq", r"sidekiq|\bTID-[a-z0-9]{4,}"),
        ("redis-rb", r"redis-rb|redis-client-|RedisClient::|Redis::[A-Z]|gems/redis|redis_client"),
        ("celery", r"celery|kombu"),
        ("django", r"django_redis|channels_redis|django"),
        (
            "redis-py",
            r"redis\.exceptions|redis/connection\.py|redis\\connection\.py|Error -?[0-9]{1,5} connecting to |aioredis|redis[/\\]client\.py|redis/asyncio|huey",
        ),
        ("redisson", r"redisson|hasn't been discovered yet"),
        ("lettuce", r"lettuce|lambdaworks"),
        ("jedis", r"jedis"),
        ("spring", r"springframework\.data\.redis"),
        (
            "stackexchange",
            r"StackExchange|serverEndpoint|\bmgr: [0-9]|IOCP: \(|to service this operation|not possible to connect to the redis server|/Interactive|SE\.Redis",
        ),
        ("csredis", r"CSRedis|FreeRedis"),
        ("go-redis", r"go-redis|redis: |\bpkg/redis|asynq"),
        ("redigo", r"redigo"),
        (
            "phpredis",
            r"phpredis|RedisException|read error on connection|went away|socket error on read socket|Credis",
        ),
        ("predis", r"predis|\[tcp://|reading line from the server"),
        (
            "redis-cli",
            r"redis-cli|\(error\) |^[^ \n]{1,80}:[0-9]{2,5}> |Could not connect to Redis at|redis-benchmark|memtier",
        ),
        ("hiredis", r"hiredis|RcppRedis|rspamd"),
        ("lua-resty-redis", r"\[lua\]|resty"),
        ("dapr", r"\bdapr|pub sub pubsub"),
        ("linkerd", r"linkerd"),
        ("envoy", r"\benvoy\b|istio"),
    ),
    ignores_case=True,
)
_RUNTIMES = WordTable(
    (
        ("dotnet", r"System\.[A-Z]|StackExchange|SocketException|\.cs:line|serverEndpoint|IOCP"),
        (
            "jvm",
            r"java[x]?\.|\.java:[0-9]|netty|Caused by: |jedis|lettuce|redisson|springframework",
        ),
        (
            "python",
            r"Traceback|File \"|\.py\b|\[Errno |redis\.exceptions|Error -?[0-9]{1,5} connecting to",
        ),
        ("ruby", r"Errno::[A-Z]|\.rb:[0-9]|Redis::|RedisClient::|TID-|gems/"),
        ("php", r"PHP |\.php|RedisException|Predis|phpredis|read error on connection"),
        (
            "go",
            r"dial tcp|read tcp|write tcp|goroutine|x509: |go-redis|redigo|level=(?:error|warning|info) msg=",
        ),
        (
            "node",
            r"\bat [A-Za-z<].{0,120}\((?:node:|internal/|/|events\.js|net\.js|_tls_wrap)|syscall:|\"syscall\"|\bE(?:CONN|ADDR|NOTFOUND|TIMEDOUT|AI_AGAIN|PIPE|MFILE)|TLSSocket|ERR_TLS|ioredis|ReplyError|node-redis|bullmq",
        ),
    ),
    ignores_case=False,
)

_HOST = r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_-]{1,63}){0,10})"
_V4 = r"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3})"
_ENDPOINT = re.compile(
    rf"(?<![A-Za-z0-9_.-])(?:({_HOST})/)?(?:({_V4})|\[?((?:[0-9a-fA-F]{{0,4}}:){{2,7}}[0-9a-fA-F]{{1,4}})\]?|({_HOST})):([0-9]{{2,5}})(?![0-9]|[.:][0-9])"
)
_BARE_ADDRESS = re.compile(rf"(?:(?<!illegal )address\"?'?: ?[\"']?|E[A-Z]{{4,16}} )({_V4}|::1)\b")
_BARE_PORT = Late(r"\bport\"?'?[:=] ?[\"']?([0-9]{2,5})\b", "port")
_NAMED = re.compile(
    rf"(?:ENOTFOUND|EAI_AGAIN|UnknownHostException:(?: Failed to resolve)?|lookup|Can't resolve:|hostname\"?'?:|tcp connection to \(|(?:to|not) resolve) (?:host(?:name| name)?:? )?[\"']?"
    rf"(?!(?:address|host|hostname|name|the)\b[ :])({_HOST})"
)
_SE_HOST = Late(
    rf" on ({_HOST})(?::([0-9]{{2,5}}))?/(Interactive|Subscription)",
    "/Interactive",
    "/Subscription",
)
# PHP prints what a function was called with, asyncio whom it dialled; command-line tools name host and port apart.
_CALLED = Late(
    rf"[Cc]onnect\(['\"](?:tcp://|tls://|rediss?://)?({_HOST}|{_V4})['\"], ?['\"]?([0-9]{{2,5}})|"
    rf"connect to ({_HOST}|{_V4}) port ([0-9]{{2,5}})\b|"
    rf"\bfor host \"?({_HOST}|{_V4})\"? port ([0-9]{{2,5}})\b|"
    rf"Connect call failed \('({_V4}|[0-9a-f:]{{2,39}})', ([0-9]{{2,5}})\b|"
    rf"\b(?:telnet|nc(?: -[a-z0-9]{{1,5}})*|tcpping) ({_HOST}|{_V4})[ :]([0-9]{{2,5}})\b",
    "onnect(",
    "connect to ",
    "for host ",
    "onnect call failed",
    "telnet ",
    "nc ",
    "tcpping ",
)
_SERVER_ENDPOINT = Late(
    rf"serverEndpoint: (?:Unspecified/)?({_HOST}|{_V4}):([0-9]{{2,5}})", "serverEndpoint"
)
_AZURE_HOST = re.compile(
    r"\b([a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,4}\.redis(?:enterprise)?\.(?:cache\.|azure\.)[a-z.]{3,40})",
    re.IGNORECASE,
)
_GETADDRINFO = Late(
    rf"getaddrinfo[^\n]{{0,200}}?({_V4})|\('({_V4})', [0-9]{{2,5}}\)", "getaddrinfo", "('"
)
# What nslookup and dig print below the privatelink name.
_PRIVATELINK_ANSWER = Late(
    rf"\.privatelink\.redis[a-z.]{{0,80}}\.?(?:[ \t]*\n[ \t]*Address(?:es)?:[ \t]*({_V4})|[ \t]+[0-9]{{1,9}}[ \t]+IN[ \t]+A[ \t]+({_V4}))",
    "privatelink",
)
_SOURCE_FILE = re.compile(
    r"\.(?:js|ts|jsx|tsx|mjs|cjs|py|rb|java|go|php|cs|fs|vb|c|cc|cpp|h|rs|lua|ex|exs|erl|hrl|clj|kt|scala|swift|dart|jar)$",
    re.IGNORECASE,
)

# Whom a client speaks to besides: its resolver, and who hands out tokens on some of Azure's hosts.
_OTHERS_PORTS = frozenset((53, 2377, 41741, 41742, 42356))
_USUAL_PORTS = (6379, 6380, 10000, 26379)
_WEB = ("http://", "https://")
# .NET puts the family of an address before it.
_FAMILIES = ("Unspecified", "InterNetwork", "InterNetworkV6")
# Hash sums in pairs look like an address of IPv6 and its port.
_PAIRS = re.compile(r"(?:[0-9A-Fa-f]{2}:){7}[0-9A-Fa-f]{2}$")
# Before the address of one who dialled, rather than was dialled.
_DIALLED = re.compile(
    r"(?:(?:^|[ \[])L:/?|(?:^|[ (])addr=/?|\b(?:peer|client)[._]addr(?:ess)?[=:] ?|[ ,]client: |\b(?:serving|illegal address:|accepted) )$",
    re.IGNORECASE,
)
# A field of INFO: alone on its line.
_FIELD = re.compile(
    r"^[a-z0-9]{1,32}(?:_[a-z0-9]{1,32}){1,8}:(?!6379|6380)[0-9]{2,5}\r?$", re.MULTILINE
)
# Where Azure hands out tokens.
_IDENTITY = "169.254.169.254"
_NUMBERS = Late(
    r"\b(inst|qu|qs|qc|queue|in|in-pipe|out-pipe|wr|wq|ar|last-in|cur-in|sync-ops|async-ops|conn-sec|aoc|"
    r"outstanding|pending|input-buffer|last-read|last-write|unanswered-write|keep-alive|inbound|outbound)"
    r"(?:: ?|=)(-?[0-9]{1,15}(?:\.[0-9]{1,6})?)"
)
_POOLS = Late(r"\b(IOCP|WORKER|POOL):? \(([A-Za-z0-9=,]{1,160})", "IOCP", "WORKER", "POOL")
_MANAGER = Late(r"\bmgr: ([0-9]{1,4}) of ([0-9]{1,4})", "mgr: ")
# How many multiplexers live, of how many that were ever made (ExceptionFactory.cs).
_LIVE = Late(r"\blm: ([0-9]{1,9})/([0-9]{1,9})/", "lm: ")
_CLIENT_CPU = Late(r"\bLocal-CPU: ([0-9]{1,3}(?:\.[0-9]{1,3})?) ?%", "Local-CPU")
_CONNECTS = Late(r"\bmc: ([0-9]{1,9})/([0-9]{1,9})/([0-9]{1,9})", "mc: ")
_STATES = Late(r"\b(rs|ws|bw|state|aw|origin): ?([A-Za-z]{2,30})")
_SE_VERSION = Late(r"\bv: ([0-9])\.([0-9]{1,3})\.", "v: ")
_LIMITS = (
    Late(
        r"(?P<elapsed>[0-9]{1,9})ms elapsed, timeout is (?P<limit>[0-9]{1,9})ms",
        "elapsed, timeout is",
    ),
    Late(r"timeout is (?P<limit>[0-9]{1,9})ms", "timeout is"),
    Late(r"Timeout performing [^\n]{1,200}?\((?P<limit>[0-9]{1,9})ms\)", "Timeout performing"),
    Late(r"\btimeout: (?P<limit>[0-9]{1,9})\b", "timeout: "),
    Late(
        r"[Tt]imed out after (?P<limit>[0-9]{1,9}) ?(?P<unit>ms|milli|sec|min|s\b)",
        "imed out after",
    ),
    Late(r"response timeout \((?P<limit>[0-9]{1,9}) ms\)", "response timeout"),
    Late(r"any in (?P<limit>[0-9]{1,9})ms", "any in "),
)
_UNITS = {"ms": 1.0, "milli": 1.0, "sec": 1000.0, "s": 1000.0, "min": 60_000.0}
_ERRNO = re.compile(
    r"\berrno\"?'?[:=] ?(-?[0-9]{1,6})|\[Errno (-?[0-9]{1,6})\]|\bError (-?[0-9]{1,6}) (?:connecting|while)|SocketException \(([0-9]{1,6})\)"
)
_COMMAND = re.compile(
    r"(?:performing|command=|operation: ?|name: '|next: |last: |command ?\[?\"?)([A-Za-z]{3,20})\b"
)
_ODD_BYTE = Late(
    r"[Gg]ot \"?'?(.)[\"']? as (?:initial )?reply|(?:Unknown reply: |response prefix: ')(.)|(?:first byte: |RESP type )([0-9]{1,3})|"
    r"(?:reply|response|[Ee]rror): {1,2}b?[\"']([A-Z])(?:TTP/1|SH-2)|Protocol Error: b?[\"']([^HJS+:$*-])",
    "eply",
    "byte",
    "prefix",
    "RESP",
    "rror",
)
_CONNECTED_TO = Late(
    r"[Cc]onnected to:? (?:rediss?://)?(?:[^ \n@]{1,200}@)?\[?([A-Za-z0-9_.:-]{1,200}?)\]?:[0-9]{2,5}\b",
    "onnected to",
)
_NODE_ADVERTISED = Late(
    r"(?:MOVED|ASK|Moved:|Ask:) [0-9]{1,5} (\S{0,255}):([0-9]{2,5})",
    "MOVED",
    "ASK",
    "Moved:",
    "Ask:",
)

# Who counts connections has seen too many: netstat, ss or lsof with what they count, INFO's own figure.
_COUNTED = Late(
    r"(?:netstat|\bss |lsof|(?i:client list))[^\n]{0,200}wc -l[^\n]{0,40}\n+[ \t]*([0-9]{1,9})\b|"
    r"\bconnected_clients:[ ]?([0-9]{1,9})|\b([0-9]{1,9}) clients connected\b",
    "wc -l",
    "connected_clients",
    "clients connected",
)
# Beyond what a process of good manners keeps open.
_VERY_MANY = 2000

_SLOW = frozenset(
    [
        "HGETALL",
        "KEYS",
        "SMEMBERS",
        "LRANGE",
        "ZRANGE",
        "ZREVRANGE",
        "MGET",
        "MSET",
        "HMGET",
        "HMSET",
        "SUNION",
        "SINTER",
        "SORT",
        "SCAN",
        "HVALS",
        "ZRANGEBYSCORE",
        "FLUSHALL",
        "FLUSHDB",
    ]
)
_SCRIPT = frozenset(["EVAL", "EVALSHA", "SCRIPT", "FCALL"])
_BLOCKING = frozenset(
    [
        "BLPOP",
        "BRPOP",
        "BRPOPLPUSH",
        "BLMOVE",
        "XREAD",
        "XREADGROUP",
        "BZPOPMIN",
        "BZPOPMAX",
        "WAIT",
        "SUBSCRIBE",
    ]
)

_MARKS = WordTable(
    (
        (
            "cluster",
            r"\bcluster\b|createCluster|RedisCluster|ClusterClient|cluster error|Cluster\.|clustercfg|-000[0-9]-00[0-9]|keyHashSlot|slots? cache",
        ),
        ("sentinel", r"sentinel"),
        # Where clients keep and renew what they know of a cluster's nodes.
        (
            "topology",
            r"ClusterTopologyRefresh|ClusterConnectionManager|JedisCluster(?:InfoCache|ConnectionHandler)|ClusterConnectionProvider|nodes_manager|NodesManager|\bredis_node\b|redis[/\\](?:asyncio[/\\])?cluster\.py|osscluster\.go|ClusterSubscriber|cluster-slots\.[jt]s|redis_cluster\.cc|RedisClusterImpl",
        ),
        (
            "asked-cluster",
            r"\bclusterSlots\b|\bclusterNodes\(|\bclusterShards\b|discoverCluster(?:NodesAndSlots|Slots)|\bCLUSTER (?:SLOTS|SHARDS|NODES|INFO|MYID|KEYSLOT)\b|name: '?\"?cluster\b|command(?:\.name)?: ?'?\"?cluster\b|command=CLUSTER\b",
        ),
        # What goes through all databases of a server, to copy them.
        ("copies", r"redis-?shake|\bdbId=\[|\briot-(?:redis|file)\b|redis-?dump|redis-port\b"),
        ("subscription", r"/Subscription\b"),
        (
            "token",
            # At ElastiCache and MemoryDB the token is a signed URL; Google's access tokens begin with "ya29.".
            r"\btoken\b|\bAAD\b|\bEntra\b|managed ?identity|Microsoft\.Azure\.StackExchangeRedis|re-?authenticat|X-Amz-(?:Signature|Credential|SignedHeaders)|\bya29\.",
        ),
        ("mesh", r"istio|\benvoy\b|linkerd|\bdaprd\b|sidecar|:15006\b"),
        ("kubernetes", r"\.svc\b|svc\.cluster\.local|kubernetes|\bpod\b|\bk8s\b"),
        ("worker", r"sidekiq|celery|bull|resque|huey|fetching (?:job|message)"),
        ("serverless", r"lambda|serverless|azure functions|WEBSITE_"),
        (
            "at-once",
            r"\blast: NONE\b|Initializing/NotStarted|last-recv: 0\b.{0,80}Initializing|0-read",
        ),
        # PhysicalConnection.ConnectedAsync records as such what goes wrong in SslStream, before any login.
        ("tls-failed", r"AuthenticationFailure[^\n]{0,400}origin: ConnectedAsync"),
        # What is kept of a cluster was asked for, and not told in time.
        ("slots-timeout", r"\bgetInfoFromNode\b|slotsRefreshTimeout"),
        ("lived", r"state: ConnectedEstablished|Idle/(?:MarkProcessed|Faulted)|conn-sec: [1-9]"),
        ("eviction", r"CLIENT KILL|scheduled to be closed ASAP|output buffer limits"),
        ("login", r"\bon AUTH\b|command=AUTH|\bAUTH \*|\[runCommand\] AUTH"),
        ("deploy", r"node\.?js|starting up|startup|application failed to start"),
        ("time-wait", r"\bTIME_WAIT\b"),
        ("provision", r"provisioningState|waiting for (?:the )?(?:create|creation|update|delet)"),
        ("dns-debug", r"DnsNameResolver|DatagramDnsResponse|NoError\(0\)"),
        (
            "redirected",
            r"Redirected to slot \[|redirect=(?:MOVED|ASK)|moved to [0-9.]{7,15}:|-> MOVED",
        ),
        # StackExchange.Redis up to version 2.0; "active/available" since (ExceptionFactory.cs).
        ("old-stackexchange", r"to create a disconnected multiplexer"),
        ("old-words", r"No connection is available to service this operation"),
        # Flagged as writes by the server since each can store (hence GEORADIUS_RO, SORT_RO, BITFIELD_RO).
        (
            "writes-unawares",
            r"(?:command|cmd|name|args)[^\n]{0,12}\b(?:GEORADIUS(?:BYMEMBER)?|SORT|BITFIELD)\b",
        ),
        ("local-socket", r"Local \("),
        # What SLOWLOG GET prints: a number, a time, microseconds (here a tenth of a second or more), the words.
        (
            "slow-command",
            r"\bSLOWLOG GET\b|\(integer\) 1[0-9]{9}\n[^\n]{0,20}\(integer\) [0-9]{6,9}\n[^\n]{0,20}1\) \"",
        ),
        ("expires", r"expires?_?(?:on|in|at)\b|expiry|valid (?:until|for [0-9])|X-Amz-Expires"),
        (
            "tls-alert",
            r"alert handshake failure|handshake_failure|alert number 40\b|tls: handshake failure",
        ),
        # A scheme without TLS; whoever also writes the other has both in mind.
        ("plain-url", r"\bredis://"),
        ("tls-url", r"\b(?:rediss|tls|valkeys)://"),
        # Netty prints "!" between the ends of a channel that was open and is no more.
        (
            "once-up",
            r" ! R:|Reconnecting, last destination was|ConnectionWatchdog|Unable to unfreeze entry|freezeReason=",
        ),
        # The side that is dialled: what it says of a handshake is said of the client.
        ("server-accepts", r"Error accepting a client connection"),
        # Where the client lives, by its own host's name: EC2's default, App Service's workers, Windows' default.
        ("client=aws", r"\bclientName: ip-[0-9]{1,3}-[0-9]{1,3}-"),
        (
            "client=azure",
            r"\bclientName: (?:RD[0-9A-F]{8}|[dlp][wd][0-9a-z]{1,4}-?(?:mdwk|sdwk|wk))",
        ),
        (
            "client=desk",
            r"\bclientName: (?:DESKTOP|LAPTOP)-|/Users/[a-z0-9._-]{1,40}/|[A-Z]:\\{1,2}Users\\|\byarn run |\bnpx |> nodemon\b|\bts-node\b|/opt/(?:homebrew|anaconda3)/",
        ),
        # Where Lambda, Cloud Functions, App Engine and Cloud Run's buildpacks keep the code.
        (
            "managed-runtime",
            r"/var/task/|/layers/google|/workspace/(?:node_modules|main|index|server|app)|/srv/(?:index|main|node_modules)|functions[-_]framework",
        ),
        # Where images of containers, and Heroku, keep the program.
        (
            "image",
            r"(?:File \"|\(|\bat |\bin |^)/(?:app|usr/src/app|code|home/node/app)/|\bapp\[[a-z_-]{1,30}\.[0-9]{1,5}\]:",
        ),
        # The client's own host has no route; another's word on a host that is gone is EHOSTUNREACH.
        (
            "no-network",
            r"network is unreachable|ENETUNREACH|\bError (?:101|51|10051) connecting|\[Errno (?:101|51)\]|unreachable network",
        ),
        ("tls-up", r"TLS connection established successfully"),
        # The client was still setting the connection up when it ended.
        (
            "cut-at-start",
            r"(?:connection failed|failed to (?:connect|open a connection|create (?:a )?connection)[^\n]{0,80}): (?:unexpected )?(?:EOF\b|end of file)",
        ),
        ("turned-replica", r"REPLICAOF [^\n]{1,80} enabled|turning into a replica"),
        ("sync", r"for SYNC\b|MASTER <-> (?:REPLICA|SLAVE)|Connecting to MASTER\b"),
        (
            "made-replica",
            r"(?:REPLICAOF|SLAVEOF) [^ \n]{1,200}:[0-9]{1,5} enabled \(user request|enabled \(user request from [^\n]{0,400}cmd=(?:slaveof|replicaof)",
        ),
        # Calls that wait for something to come, in the frames of many clients: the server keeps them open on purpose.
        (
            "waits-blocking",
            (
                r"(?:\bin [`'\"]?|->|\.|::|#|type=|called ')(?:b[lr]pop|brpoplpush|blmove|blmpop|bzpop(?:min|max)|bzmpop|xread(?:group)?|get_message|_brpop_read|_brpop_start|retrieve_work)\b[`'\"(:,\s\]]|"
                r"\.(?:blpop|brpop|brpoplpush|xread(?:group)?)$|Jedis[A-Za-z]{0,20}\.p?subscribe\(|->p?subscribe\(|JedisPubSub\.(?:proceed|process)|pubSubLoop|PubSub[/\\](?:Abstract)?Consumer|"
                r"StreamPollTask|DefaultStreamMessageListenerContainer|ListCommands\.b[lr]Pop|parse_response\(block=|\bpubsub thread\b|\.(?:BRPop|BLPop|BRPopLPush|BLMove|XRead(?:Group)?|ReceiveMessage)\("
            ),
        ),
        # Frames that read the rest of a reply whose beginning had come: RedisInputStream below Protocol.process of
        # Jedis, resp2.py of redis-py, StreamConnection of Predis, which says "line" of a beginning.
        (
            "mid-reply",
            r"Protocol\.process(?:Bulk|MultiBulk)Reply\(|_buffer\.read\(|rror while reading bytes from the server",
        ),
        (
            "subscriber",
            r"JedisPubSub\b|Jedis[A-Za-z]{0,20}\.p?subscribe\(|->p?subscribe\(|cmd=p?subscribe\b|PubSub[/\\](?:Abstract)?Consumer|pubSubLoop|RedisMessageListenerContainer|pubsub\.(?:listen|get_message|parse_response)|RedisSubscriber",
        ),
        # Who waits for a reply on the thread that reads replies waits for ever.
        (
            "waits-on-loop",
            (
                r"\[[^\]\n]{0,20}(?:lettuce|redisson)-[a-z0-9-]{0,20}(?:EventLoop|netty)[^\]\n]{0,20}\][^\n]{0,200}(?:RedisChannelHandler\.dispatch|dispatching command|\bblock(?:ing|ed)\b|AsyncCommand\.await)|"
                r"\"(?:lettuce|redisson)-[^\"\n]{1,60}\"[^\n]{0,200}(?:waiting on condition|TIMED_WAITING|parking)"
            ),
        ),
        # What clients print when they follow a primary to another node.
        (
            "new-primary",
            r"sentinel: new master=|\bhas changed to \S{1,200}:[0-9]{2,5}|Created Jedis(?:Sentinel)?Pool to master at|Lost connection to Sentinel at|promoted to (?:master|primary)",
        ),
        ("listeners", r"MaxListenersExceededWarning"),
        # The clock of asyncio's debug mode.
        (
            "slow-loop",
            r"Executing <(?:Task|Handle|TimerHandle)[^\n]{1,400} took [0-9]{1,6}\.[0-9]{1,3} seconds",
        ),
        # The kernel's own error, which no limit of a client's brings about.
        (
            "kernel-gave-up",
            r"os error (?:110|60|10060)\)|\bcode: (?:110|60|10060), kind: TimedOut|\[Errno (?:110|60)\]|\bread ETIMEDOUT|\((?:110|60), '",
        ),
        # A scheme without TLS before a port that speaks nothing else.
        ("plain-scheme", r"(?:redis|tcp)://[^ \n\]]{1,255}:(?:6380|10000)\b"),
    ),
    ignores_case=True,
)


def context_of(whole: str) -> Dict[str, Any]:
    """Read what belongs to the block as a whole."""
    elapsed, limit = _limits(whole)
    return {
        "client": _CLIENTS.first(whole),
        "runtime": _RUNTIMES.first(whole),
        "endpoint": endpoint_of(whole) or {},
        "elapsed": elapsed,
        "limit": limit,
        "counters": _counters(whole),
        "marks": _marks(whole),
        "errno": _first_number(_ERRNO, whole),
        "over_tls": True if _TLS_SPOKEN.search(whole) else None,
    }


def endpoint_of(text: str) -> Optional[Dict[str, Any]]:
    """Return host, address and port as a client names them; ``None`` where nothing is named."""
    own = _SERVER_ENDPOINT.search(text) or _SE_HOST.search(text)
    if own:
        return _place(own.group(1), int(own.group(2)) if own.group(2) else None)
    for found in _ENDPOINT.finditer(text):
        before, v4, v6, name, port = found.groups()
        number = int(port)
        host = v4 or v6 or name or ""
        if number > 65535 or _SOURCE_FILE.search(host) or (name and not _is_endpoint(text, found)):
            continue
        if _is_near_end(text, found) or _is_anothers(text, found):
            continue
        if before in _FAMILIES:
            before = None
        place = _place(before or host, number)
        if before and (v4 or v6):
            place.update(address=host, address_class=address_class(host))
        return place
    called = _CALLED.search(text)
    if called:
        host, port = (part for part in called.groups() if part)
        return _place(host, int(port))
    bare = _BARE_ADDRESS.search(text)
    if bare and bare.group(1) != _IDENTITY:
        port_found = _BARE_PORT.search(text)
        return _place(bare.group(1), int(port_found.group(1)) if port_found else None)
    named = _NAMED.search(text) or _AZURE_HOST.search(text)
    if named:
        return _place(named.group(1), None)
    return None


def _is_anothers(text: str, found: Any) -> bool:
    """Whether a place is a resolver's, a giver's of tokens or a page's, or none at all but a hash sum."""
    v4, v6, number = found.group(2), found.group(3), int(found.group(5))
    if number in _OTHERS_PORTS or v4 == _IDENTITY or (v6 and not _is_address(v6)):
        return True
    return number not in _USUAL_PORTS and text.endswith(_WEB, 0, found.start())


def _is_address(v6: str) -> bool:
    return ("::" in v6 or v6.count(":") == 7) and _PAIRS.match(v6) is None


def _is_near_end(text: str, found: Any) -> bool:
    """Whether a place is the client's own: before an arrow, Netty's "L:", or whom a server speaks of as "addr="."""
    if text[found.end() : found.end() + 3].lstrip(" ").startswith("->"):
        return True
    return _DIALLED.search(text[max(0, found.start() - 24) : found.start()]) is not None


def _is_endpoint(text: str, found: Any) -> bool:
    """Whether ``word:number`` is a place rather than a time, a line of a file or a counter."""
    name, number = found.group(4), int(found.group(5))
    if name.isdigit() or _FIELD.match(text, found.start()):
        return False
    if "." in name or name.lower() == "localhost" or number in _USUAL_PORTS:
        return any(letter.isalpha() for letter in name)
    before = text[max(0, found.start() - 4) : found.start()]
    # Behind a password there is no blank; behind one, a script of the server's own is named.
    return before.endswith(("to ", "at ", "//", "@", "tcp ")) and not before.endswith((" @", "(@"))


def _place(host: str, port: Optional[int]) -> Dict[str, Any]:
    literal = is_literal(host)
    kind = address_class(host) if literal else ("loopback" if host.lower() == "localhost" else "")
    return {
        "host": "" if literal else redact(host.lower())[:253].rstrip("."),
        "port": port,
        "address": host if literal else "",
        "address_class": kind if kind != "not-an-address" else "",
    }


def _first_number(pattern: Any, text: str) -> Optional[int]:
    found = pattern.search(text)
    if not found:
        return None
    return next((int(part) for part in found.groups() if part), None)


def _limits(text: str) -> Tuple[Optional[float], Optional[float]]:
    for pattern in _LIMITS:
        found = pattern.search(text)
        if found:
            parts = found.groupdict()
            unit = _UNITS.get(parts.get("unit") or "ms", 1.0)
            elapsed = parts.get("elapsed")
            return (float(elapsed) if elapsed else None), float(parts["limit"]) * unit
    return None, None


def _counters(text: str) -> Tuple[Tuple[str, float], ...]:
    """Return what StackExchange.Redis counts; the first mention of each name."""
    if (
        "mgr:" not in text
        and "inst:" not in text
        and "last-read:" not in text
        and "qs:" not in text
        and "WORKER:" not in text
    ):
        return ()
    found: Dict[str, float] = {}
    for name, value in _NUMBERS.findall(text):
        found.setdefault(name, float(value))
    for pool, inner in _POOLS.findall(text):
        for pair in inner.split(","):
            key, _, value = pair.partition("=")
            if value.isdigit():
                found.setdefault(f"{pool.lower()}-{key.lower()}", float(value[:15]))
    manager = _MANAGER.search(text)
    if manager:
        found["mgr-free"], found["mgr-all"] = float(manager.group(1)), float(manager.group(2))
    live = _LIVE.search(text)
    if live:
        found["multiplexers"], found["multiplexers-made"] = map(float, live.groups())
    cpu = _CLIENT_CPU.search(text)
    if cpu:
        found["client-cpu"] = float(cpu.group(1))
    connects = _CONNECTS.search(text)
    if connects:
        found["connects"], found["connects-done"] = (
            float(connects.group(1)),
            float(connects.group(2)),
        )
    version = _SE_VERSION.search(text)
    if version:
        found["version"] = float(f"{version.group(1)}.{int(version.group(2)):03d}")
    return tuple(found.items())


def _marks(text: str) -> Tuple[str, ...]:
    """Return further words on the whole, each from a fixed list."""
    found = [*(f"host={kind}" for kind in oddities(text)), *_MARKS.all(text)]
    if "mgr:" in text or "rs:" in text or "state:" in text:
        found += [f"{name}={value}" for name, value in _STATES.findall(text)]
    commands = {word.upper() for word in _COMMAND.findall(text)}
    for name, words in (
        ("slow-command", _SLOW),
        ("script-command", _SCRIPT),
        ("blocking-command", _BLOCKING),
    ):
        if commands & words:
            found.append(name)
    odd = _ODD_BYTE.search(text)
    if odd:
        letter = odd.group(1) or odd.group(2) or odd.group(4) or odd.group(5)
        byte = letter or chr(min(int(odd.group(3) or 0), 255))
        found.append(f"byte={ord(byte)}")
    if any(
        _place(host, None)["address_class"] != "loopback" for host in _CONNECTED_TO.findall(text)
    ):
        found.append("up-elsewhere")
    moved = _NODE_ADVERTISED.search(text)
    if moved:
        found.append(f"moved-to={int(moved.group(2))}")
    if any(int(next(filter(None, each))) >= _VERY_MANY for each in _COUNTED.findall(text)):
        found.append("very-many-connections")
    private = _PRIVATELINK_ANSWER.search(text)
    if private:
        found.append(f"privatelink-{address_class(private.group(1) or private.group(2))}")
    resolved = _GETADDRINFO.search(text)
    if resolved:
        found.append(f"resolves-{address_class(resolved.group(1) or resolved.group(2))}")
    return tuple(dict.fromkeys(found))[:40]
