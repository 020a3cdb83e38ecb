"""The client library, or the way it is used, is at fault.

What is wrong
    A known fault of the client's version, or a use that it does not allow: one connection shared by
    threads, a handle used after it was closed, settings that never reach the library, a redirection
    that it should have followed.
How it looks
    Replies out of step ("Protocol error", "Unknown reply"), ``MOVED`` in the application's log from
    a client that knows clusters, errors that a restart ends and another client never has.
What ends it
    The newest version of the library; its documented way of use; a report to its maintainers with
    a case that can be run.
What it is not
    ``cluster-mode-mismatch``: there the client was never told of the cluster. ``wrong-hostname``:
    there the settings themselves are wrong.
Sources
    https://github.com/StackExchange/StackExchange.Redis/blob/main/docs/ReleaseNotes.md
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-best-practices-client-libraries
"""

from __future__ import annotations

from refused.causes.statements import Cause, Clue, Signature
from refused.evidence.observations import Elsewhere, NodeVisit, TlsHandshake

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="client-library-bug",
    title="the client library, or the way it is used, is at fault",
    hop="command",
    shows_at=("resp", "command"),
    bucket="code",
    needs=(Elsewhere,),
    remedies=(
        "update the client library to its newest version, and read its release notes for the error",
        "use one connection for each thread, or the library's own pool or multiplexer",
        "repeat the same with redis-cli: where that works, report the case to the library's maintainers",
    ),
    verify="the same call works with the new version, and went on failing with the old one",
    prevent="client libraries kept current, with a test of the real path in the build",
    prior=-0.5,
    expects=(("elsewhere", "works"), ("again", "same")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether the same command works from elsewhere; a library's fault no probe of ours can show."""
    others, broken = evidence.all(Elsewhere), evidence.broken
    if broken is None or broken.hop != "command":
        return
    well = next((other for other in others if other.healthy), None)
    if well is not None:
        yield Clue(weight=0.2, because=f"all is well from {well.vantage}", seen=(well,))


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="client-library-bug-please-report",
        pattern=r"please report (?:this|it)\b",
        family="ioredis",
        weight=1.6,
        says="the client asks for a report of its fault",
        example="Command queue state error. If you can reproduce this, please report it.",
        ignores_case=True,
    ),
    Signature(
        id="client-library-bug-own-words",
        pattern=r"[Tt]his is a bug|\bgot [0-9]{1,2} elements in [^\n]{1,40}, (?:expected|wanted)|Bad response from PING health check|\bConnectionDisposed\b|\bInternalFailure\b|ResponseIntegrityFailure|UnableToResolvePhysicalConnection|feature is not enabled|without the tls feature|Cannot connect to a wildcard address",
        family="any",
        weight=2.2,
        says="the client stumbles over itself",
        example="Bad response from PING health check",
    ),
    # Words of the runtime, as every program may print them: not where the frames beside them are all of others.
    Signature(
        id="client-library-bug-stumbles",
        pattern=r"IndexOutOfRangeException|NullReferenceException|NullPointerException|ObjectDisposedException|AttributeError: 'NoneType'|Cannot read propert(?:y|ies) of (?:undefined|null)|nil pointer dereference|ClassCastException|unexpected type|is not a function",
        family="any",
        weight=2.2,
        says="the client stumbles over itself",
        example="System.NullReferenceException: Object reference not set to an instance of an object.",
    ),
    # Words of the runtime, of a crash or of a library that does not fit it: they count where a frame beside them
    # is of the client (evidence/error_trace.py).
    Signature(
        id="client-library-bug-crash",
        pattern=r"runtime error: (?:slice bounds|index) out of range|\bindex out of bounds\b|(?:[Pp]anic|IndexError|IndexOutOfRange)[^\n]{0,80}\bindex out of range\b|ArrayIndexOutOfBoundsException|attempt to (?:subtract|add) with overflow|PlatformNotSupportedException|MissingMethodException|TypeLoadException|NoSuchMethodError|NoClassDefFoundError|AbstractMethodError|assignment to entry in nil map|panicked at|\bSIGSEGV\b|[Ss]egmentation fault",
        family="go",
        weight=3.0,
        says="the program crashed where it calls the client",
        example="thread 'main' panicked at /cargo/registry/src/redis-0.25.0/src/cluster.rs:612:9: index out of bounds",
    ),
    Signature(
        id="client-library-bug-setting-refused",
        pattern=r"\brediss?[^\n]{0,80}(?:must have parameter|unexpected keyword argument|unknown (?:option|keyword|parameter))|\b(?:Abstract|SSL|UnixDomainSocket|Blocking|Redis)?(?:Connection|ConnectionPool|StrictRedis|Redis|RedisCluster)\.?(?:__init__)?\(\) got an unexpected keyword argument",
        family="redis-py",
        weight=2.8,
        says="the client refuses how it is set up, before it dials",
        example="A rediss:// URL must have parameter ssl_cert_reqs",
    ),
    Signature(
        id="client-library-bug-out-of-step",
        pattern="got '?\\\"?[^HJS<\\\\\\n]\\\"?'? as reply|Unknown reply: [a-zA-Z0-9]|unexpected (?:reply|response)|Protocol [Ee]rror|threads? sharing|concurrent(?:ly)? us",
        family="any",
        weight=1.0,
        says="replies are read out of step",
        example="protocol error, got '\"' as reply type byte",
    ),
    # networking.c closes after it; threads or forks that share a connection write such.
    Signature(
        id="client-library-bug-server-saw-garbage",
        pattern=r"ERR Protocol error: |Protocol error \([^)\n]{1,60}\) from client|only \(P(?:\|S)?\)SUBSCRIBE ?/|QUIT[^\n]{0,20} allowed in this context",
        family="server",
        weight=2.8,
        says="the server is sent what no client should send",
        example="ERR Protocol error: unbalanced quotes in request",
    ),
    Signature(
        id="client-library-bug-shared-or-late",
        pattern=r"connection from a child process|InheritedError|reconnect to Redis after forking|[Ee]vent loop is closed|attached to a different (?:event )?loop|called while another coroutine is already waiting|in subscriber mode, only subscriber commands|close pipeline or multi block|either ServerName or InsecureSkipVerify",
        family="any",
        weight=3.4,
        says="the client is used as it does not allow",
        example="Redis::InheritedError: Tried to use a connection from a child process without reconnecting.",
    ),
    Signature(
        id="client-library-bug-setting",
        pattern=r"[Kk]eyword '[^'\n]{1,60}' is not supported|maxRetriesPerRequest must be null|Class [^\n]{0,4}Redis[^\n]{0,4} not found|Unable to find the socket transport|Redis connection \[[^\]\n]{1,80}\] not configured|[Pp]lease remove or rename the Redis facade|requires redis-py versions|Invalid SSL Certificate Requirements|undefined method Redis(?:Cluster|Sentinel)?::|module '(?:aio)?redis[a-z.]{0,30}' has no attribute|cannot import name '[A-Za-z_]{1,40}' from (?:partially initialized module )?'(?:aioredis|redis|rediscluster|valkey)\b|with no ssl options",
        family="any",
        weight=3.0,
        says="the client refuses how it is set up, before it dials",
        example="Class 'Redis' not found",
    ),
    # pool.go of go-redis 9; 9.15 and 9.16 turned sound connections away.
    Signature(
        id="client-library-bug-pool-hook",
        pattern=r"conn\[[0-9]{1,12}\] (?:rejected by hook|marked for removal by hook)|was not able to get a healthy connection after [0-9]{1,4} attempts",
        family="go-redis",
        weight=2.8,
        says="the client's pool turns its own connections away",
        example="redis: connection pool: was not able to get a healthy connection after 3 attempts",
    ),
    # ResultProcessor of StackExchange.Redis, output classes of Lettuce, replies of redigo and go-redis.
    Signature(
        id="client-library-bug-reply-of-another-kind",
        pattern=r"Unexpected response to [A-Z]{2,20}: (?:SimpleString|BulkString|Integer|MultiBulk|Array|Error|Null|None|Map|Set|Double|Boolean|Push)\b|lettuce\.core\.output\.[A-Za-z]{1,40} does not support set|redigo: unexpected type for|redis: unexpected type=|can't parse (?:int|float|bool|map|array|slice|string) reply: |\[B cannot be cast to|cannot be cast to (?:class )?\[B",
        family="any",
        weight=2.8,
        says="a reply of another kind than the command has is read, as when replies are out of step",
        example="Unexpected response to HLEN: SimpleString: PONG",
    ),
    # cluster.py tries its start-up nodes in a loop and keeps the last error: None means that there was none to try.
    Signature(
        id="client-library-bug-no-nodes-left",
        pattern=r"at least one reachable node: None\b",
        family="redis-py",
        weight=3.4,
        says="the client had no start-up node left to try",
        example="Redis Cluster cannot be connected. Please provide at least one reachable node: None",
    ),
    Signature(
        id="client-library-bug-reply-of-another",
        pattern=r"Unexpected reply: [+:$*]|Unknown reply on (?:multi|integer)|expected [+:$*], got [+:$*]",
        family="servicestack",
        weight=2.6,
        says="the reply of another command is read",
        example="RedisResponseException: Unexpected reply: +PONG, sPort: 50123, LastCommand: GET",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "name-unknown": 0.3,
    "reset": 0.1,
    "closed": 0.2,
    "broken-pipe": 0.1,
    "not-connected": 0.1,
    "pool-failed": 0.2,
    "odd-reply": 1.4,
    "no-login": 0.8,
    "moved": 1.4,
    "redirects": 1.0,
    "hangs": 1.2,
    "used-closed": 1.9,
    "pool-misused": 1.7,
    "lost-command": 0.1,
    "aborted": 1.1,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.saw("odd-reply") and told.marked(
        *(f"byte={ord(each)}" for each in '"{}[],abcdefghijklmnopqrstuvwxyz0123456789')
    ):
        yield Clue(
            weight=1.2,
            because="a piece of a value stands where a reply should begin: replies are read out of step",
            seen=told.errors,
        )
    if told.saw("moved") and told.speaks("stackexchange"):
        yield Clue(
            weight=1.0,
            because="StackExchange.Redis follows redirections itself, and showed one",
            seen=told.errors,
        )
    if told.saw("moved") and told.marked("topology") and not told.saw("redirects"):
        yield Clue(
            weight=1.0,
            because="a client for clusters shows a redirection that it should follow",
            seen=told.errors,
        )
    if told.saw("read-only") and told.marked("writes-unawares"):
        yield Clue(
            weight=3.4,
            because="the command reads, and counts as a write: the client sent it to a replica",
            seen=told.errors,
        )
    if (
        "cluster-topology-unreachable-shard-port" in told.signatures
        and told.speaks("stackexchange")
        and told.marked("subscription")
    ):
        yield Clue(
            weight=1.2,
            because="releases of the client went on to dial nodes that had left the cluster",
            seen=told.errors,
        )
    if (
        told.saw("not-sent")
        and told.is_counted
        and not told.saw("refused", "connect-timeout")
        and not told.marked("rs=NotStarted")
        and max(map(told.count, ("qs", "out-pipe", "in", "in-pipe"))) == 0
        and told.count("outbound") < 1024
    ):
        yield Clue(
            weight=1.6,
            because="nothing is under way and the way out is free, yet the command was not written: its turn never came",
            seen=told.errors,
        )
    if told.saw("moved") and "aborted" in told.wrappers:
        yield Clue(
            weight=1.2,
            because="a transaction met a redirection that the client should have followed",
            seen=told.errors,
        )
    if told.saw("refused") and told.is_here and told.runtime == "node":
        yield Clue(
            weight=0.4,
            because="a client for Node.js dials its own host, which is what it does when its settings do not reach it",
            seen=told.errors,
        )
    if told.saw("pool-empty") and told.speaks("jedis"):
        yield Clue(
            weight=0.3,
            because="Jedis counts connections that threads share or break as taken",
            seen=told.errors,
        )


def against_now(told: Told, well: Evidence) -> Iterator[Statement]:
    """See whether what the client complains of is well when it is done by the rules."""
    visits = well.look(NodeVisit)
    is_cluster_client = well.target is not None and well.target.cluster_aware
    if told.saw("moved") and is_cluster_client and visits and not any(v.failed for v in visits):
        said = f"the client knows clusters, and all {len(visits)} nodes answer: it shows a redirection that it should follow"
        yield Clue(weight=2.4, because=said, seen=visits)
    mismatch = any(name.startswith("tls-hostname-mismatch-") for name in told.signatures)
    for shake in well.look(TlsHandshake):
        if mismatch and not shake.failed and shake.verified and shake.sni == told.host:
            said = (
                f"the certificate holds {shake.sni} by the rules, wildcards included: a client that says otherwise "
                "compares it by rules of its own"
            )
            yield Clue(weight=3.2, because=said, seen=(shake,))
            break
