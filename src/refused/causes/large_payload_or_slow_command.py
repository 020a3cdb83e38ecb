"""Large values, or commands that handle many elements, hold everybody else up.

What is wrong
    One reply of megabytes, a batch of thousands of commands, ``KEYS`` or ``HGETALL`` over a large
    collection, or a long script occupies the connection or the server's one thread, and what
    stands behind it waits past its limit.
How it looks
    ``BUSY Redis is busy running a script``; time-outs with ``in: 65536`` (the receive buffer is
    full) or ``qu``/``qs`` in the thousands (StackExchange.Redis); clients dropped for their output
    buffers.
What ends it
    Smaller values (below 100 KiB), SCAN in place of KEYS, batches of hundreds, short scripts; large
    transfers on a connection of their own.
What it is not
    ``bandwidth-exceeded``: there the limit of the node is reached by the sum of all.
    ``server-overloaded``: there no single command is to blame.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-best-practices-development
    https://redis.io/docs/latest/operate/oss_and_stack/management/optimization/latency/
"""

from __future__ import annotations

from refused.causes.statements import Cause, Clue, Signature
from refused.evidence.observations import RedisReply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="large-payload-or-slow-command",
    title="large values or slow commands hold everybody else up",
    hop="command",
    shows_at=("resp", "auth", "command"),
    bucket="code",
    needs=(RedisReply,),
    remedies=(
        "find the commands in SLOWLOG and the large keys with redis-cli --bigkeys",
        "replace KEYS by SCAN, HGETALL by HSCAN or HMGET, and cut long scripts and batches short",
        "split values above 100 KiB, or move them to a blob store",
    ),
    verify="SLOWLOG stays empty, and the small commands of others are answered in milliseconds",
    prevent="a limit on the size of values in the code that writes them; a time limit for scripts",
    expects=(("again", "recovers"), ("more-time", "answers"), ("elsewhere", "fails")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether the server says that a script keeps it busy."""
    replies = evidence.all(RedisReply)
    busy = next((reply for reply in replies if reply.error_code == "BUSY"), None)
    if busy is not None:
        yield Clue(weight=2.0, because=f"the server says: {busy.error_text}", seen=(busy,))


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="large-payload-or-slow-command-busy-script",
        pattern=r"\bBUSY Redis is busy|Redis is busy running a (?:script|module)",
        family="server",
        weight=2.4,
        says="a script keeps the server busy",
        example="BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    ),
    Signature(
        id="large-payload-or-slow-command-too-large",
        pattern=r"invalid bulk length|string exceeds maximum allowed size|proto-max-bulk-len|query buffer limit|value (?:is )?too (?:large|big)|Message size too large|closing client that reached max query buffer",
        family="server",
        weight=4.2,
        says="a value is too large for the server or the client",
        example="ERR string exceeds maximum allowed size (proto-max-bulk-len)",
        ignores_case=True,
    ),
    Signature(
        id="large-payload-or-slow-command-buffer-kill",
        pattern=r"overcoming of output buffer limits",
        family="server",
        weight=2.8,
        says="the server dropped a client whose replies piled up",
        example="Client id=5 scheduled to be closed ASAP for overcoming of output buffer limits.",
    ),
    Signature(
        id="large-payload-or-slow-command-script-runs",
        pattern=r"(?:[Ss]low|Lua) (?:slow )?script detected|script detected: still in execution|\bBUSY [A-Z][A-Za-z]{2,20} is busy|(?:Redis|Valkey|KeyDB) is busy running a|\bUNKILLABLE Sorry",
        family="server",
        weight=2.4,
        says="the server runs a script, and answers nothing else",
        example="BUSY Valkey is busy running a script.",
    ),
    Signature(
        id="large-payload-or-slow-command-over-limit",
        pattern=r"max (?:request|(?:single )?(?:record|key|value)) size (?:is |was )?exceeded|too big (?:m|multi)?bulk count|exceeds the maximum (?:allowed )?(?:request|value|key|record) size",
        family="any",
        weight=4.2,
        says="the request is larger than the service takes",
        example="ERR max request size exceeded. Limit: 1048576 bytes",
        ignores_case=True,
    ),
    Signature(
        id="large-payload-or-slow-command-script-bare",
        pattern=r"the script already executed write commands|[Ss]cript killed by user with (?:SCRIPT|FUNCTION) KILL|\b(?:JedisBusyException|RedisBusyException)\b",
        family="server",
        weight=2.8,
        says="a script runs on and on",
        example="Error running script: Script killed by user with SCRIPT KILL...",
    ),
    # maxmemory-clients: what clients have waiting for them counts as memory, and the greediest goes.
    Signature(
        id="large-payload-or-slow-command-client-evicted",
        pattern=r"Over client maxmemory after evicting|Evicting client: id=",
        family="server",
        weight=2.8,
        says="the server drops clients whose buffers are too large",
        example="Evicting client: id=12 addr=10.1.2.3:50123",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "broken-pipe": 0.7,
    "read-error": 0.5,
    "no-answer": 0.8,
    "reset": 0.1,
    "closed": 0.2,
    "not-sent": 1.8,
    "pool-empty": 0.3,
    "busy-script": 2.4,
    "timed-out": 0.2,
    "queue-full": 0.7,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.starved_threads and not told.marked("slow-command"):
        yield Clue(
            weight=-1.4,
            because="no thread was free to fetch replies: that they lie unread tells nothing of their size",
            seen=told.errors,
        )
    if told.count("in") >= 60000:
        yield Clue(
            weight=2.4,
            because="the receive buffer is full: a large reply is being read",
            seen=told.errors,
            fact="payload",
        )
    if 8192 <= told.count("in") < 60000:
        yield Clue(
            weight=1.2,
            because="kilobytes of a reply have come and lie unread",
            seen=told.errors,
            fact="payload",
        )
    if told.count("cur-in") >= 16384 or told.count("in-pipe") >= 65536:
        yield Clue(
            weight=1.8, because="a large reply is being taken in", seen=told.errors, fact="payload"
        )
    # What was received and sent since the command was asked for (ExceptionFactory.cs: deltas).
    if told.count("inbound") >= 200:
        yield Clue(
            weight=1.4,
            because="hundreds of KiB came in while the command waited",
            seen=told.errors,
            fact="payload",
        )
    if told.count("qu") >= 1000:
        yield Clue(
            weight=1.4,
            because="thousands of commands wait to be sent",
            seen=told.errors,
            fact="payload",
        )
    elif told.count("outbound") >= 1024 or told.count("out-pipe") >= 65536:
        yield Clue(
            weight=1.2,
            because="much was sent, or waits to be, while the command waited",
            seen=told.errors,
            fact="payload",
        )
    if told.saw("no-answer") and told.is_counted:
        yield Clue(
            weight=0.5,
            because="commands share one connection, and wait behind a large reply",
            seen=told.errors,
        )
    if told.saw("closed", "reset", "read-error") and told.marked("subscriber"):
        yield Clue(
            weight=1.6,
            because="a subscriber's connection ended: a server drops one that does not keep up (client-output-buffer-limit)",
            seen=told.errors,
            fact="subscriber",
        )
    if told.saw("closed", "reset", "read-error") and told.marked("mid-reply"):
        yield Clue(
            weight=1.0,
            because="the connection ended in the middle of a reply",
            seen=told.errors,
            fact="mid-reply",
        )
    if told.marked("slow-command") and told.saw("no-answer", "not-sent"):
        yield Clue(
            weight=1.4,
            because="a command that handles many elements was waited for",
            seen=told.errors,
            fact="command",
        )
    if told.marked("script-command") and told.saw("no-answer"):
        yield Clue(weight=0.5, because="a script was waited for", seen=told.errors, fact="command")
    if told.saw("no-answer") and told.is_here and told.is_counted:
        yield Clue(weight=0.4, because="the server stands on the same host", seen=told.errors)
