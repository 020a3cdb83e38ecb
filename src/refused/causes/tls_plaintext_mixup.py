"""One side speaks TLS and the other plain text.

What is wrong
    The client begins TLS on a port that expects plain commands, or sends plain commands to a port
    that expects TLS. On Azure Managed Redis the same port is one or the other, by clientProtocol.
How it looks
    TLS to a plain port hangs: the server waits for the end of a line that never comes, which is
    easily taken for a firewall. Plain text to a TLS port is reset or closed without a word.
What ends it
    TLS on both sides: ``rediss://``, ``ssl=True``, and the port that belongs to it.
What it is not
    ``egress-blocked``, ``max-clients-reached``: there the other language fares no better.
    ``not-redis``: there neither language is Redis.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-configure
    https://learn.microsoft.com/azure/redis/tls-configuration
    RFC 8446, 4.1.1
"""

from __future__ import annotations

from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.observations import PlainTalk, RedisReply, TlsHandshake
from refused.service.ports import tls_expected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="tls-plaintext-mixup",
    title="one side speaks TLS and the other plain text",
    hop="tls",
    shows_at=("tls", "resp"),
    bucket="configuration",
    traits=("start",),
    prior=0.3,
    needs=(PlainTalk, RedisReply, TlsHandshake),
    remedies=(
        "switch TLS on in the client (rediss://, ssl=True) and give it the server's TLS port",
        "where the server has no TLS yet, give it a certificate and a TLS port before the client",
        "on Azure Managed Redis set clientProtocol to Encrypted, and TLS on in every client",
    ),
    verify="TLS completes and PING is answered on the same port",
    prevent="keep port and TLS in one setting (a rediss:// URL), so that neither changes alone",
    expects=(("certificate", "no-tls"), ("elsewhere", "fails"), ("server-side", "runs")),
)

FACES = ("closed", "reset", "silent", "not-tls", "error", "alert", "not-resp")


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether the port answers in the language that the client does not speak."""
    talks, replies = evidence.all(PlainTalk), evidence.all(RedisReply)
    shakes = evidence.all(TlsHandshake)
    broken, target = evidence.broken, evidence.target
    if broken is None or target is None or broken.hop not in ("tls", "resp"):
        return
    if broken.how not in FACES:
        return
    if target.tls and broken.hop == "tls":
        yield from _tls_client(evidence, broken.how, talks, shakes)
    elif not target.tls and broken.hop == "resp":
        yield from _plain_client(evidence, broken.how, replies, shakes)


def _tls_client(
    evidence: Evidence, how: str, talks: tuple[PlainTalk, ...], shakes: tuple[TlsHandshake, ...]
) -> Iterator[Statement]:
    own = tuple(each for each in shakes if each.purpose == "client")
    if any(each.server_spoke for each in shakes):
        yield RuledOut(because="the server did answer in TLS", seen=shakes)
        return
    port = own[-1].port if own else 0
    redis = next((talk for talk in talks if talk.protocol == "resp" and talk.first_bytes), None)
    if redis is not None:
        answer = redis.first_bytes
        said = f"TLS on port {port} ended {how}, and a plain PING is answered {answer!r}"
        yield Proof(because=said, seen=(redis, *own))
        return
    if how in ("silent", "not-tls"):
        said = f"port {port} accepts and gives no TLS answer ({how})"
        yield Clue(weight=0.6, because=said, seen=own)
    if talks:
        said = f"plain text is not answered by a Redis either ({talks[-1].outcome})"
        yield Clue(weight=-2.5, because=said, seen=talks)
    elif how in ("silent", "not-tls"):
        yield evidence.gap(PlainTalk)


def _plain_client(
    evidence: Evidence, how: str, replies: tuple[RedisReply, ...], shakes: tuple[TlsHandshake, ...]
) -> Iterator[Statement]:
    target = evidence.target
    if target is None:
        return
    tls = next((shake for shake in shakes if shake.server_spoke), None)
    answered = next((reply for reply in replies if reply.protocol == "tls"), None)
    if tls is not None or answered is not None:
        said = f"plain text met {how} on port {target.port}, and the port answers in TLS"
        yield Proof(because=said, seen=tuple(each for each in (tls, answered, *replies) if each))
        return
    if shakes:
        said = f"port {target.port} does not answer in TLS either ({shakes[-1].outcome})"
        yield Clue(weight=-2.5, because=said, seen=shakes)
        return
    if tls_expected(target.port, target.service):  # type: ignore[arg-type]
        said = f"port {target.port} is a TLS port of this service, and the client speaks plain text"
        yield Clue(weight=2.0, because=said, seen=replies)
    else:
        yield Clue(weight=0.4, because=f"plain text met {how} on port {target.port}", seen=replies)
    yield evidence.gap(TlsHandshake)


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="tls-plaintext-mixup-wrong-version",
        pattern=r"WRONG_VERSION_NUMBER|wrong version number|packet length too long|record layer failure|\bUNKNOWN_PROTOCOL\b|unknown protocol\b[^\n]{0,40}s23|http request\b[^\n]{0,40}SSL|HTTP_REQUEST\b|EPROTO\b",
        family="tls",
        weight=4.6,
        says="a TLS client was answered in plain text, or the other way about",
        example="[SSL: WRONG_VERSION_NUMBER] wrong version number",
    ),
    Signature(
        id="tls-plaintext-mixup-own-settings",
        pattern=r"initialized with (?:SSL|TLS) but [^\n]{0,40}plain|initialized (?:with plain|without (?:SSL|TLS))[^\n]{0,40}(?:SSL|TLS)|(?:scheme|URL|URI|url) [^\n]{0,60}(?:contradicts|conflicts with|does not match) [^\n]{0,30}(?:SSL|TLS|ssl|tls)",
        family="tls",
        weight=4.6,
        says="one setting of the client asks for TLS, and another for plain text",
        example="Pool initialized with SSL but connection requested plain socket",
    ),
    Signature(
        id="tls-plaintext-mixup-not-a-record",
        pattern=r"not an SSL/TLS record|NotSslRecordException|Unsupported or unrecognized SSL message|Unrecognized SSL message, plaintext connection|first record does not look like a TLS handshake|InvalidMessage\(InvalidContentType\)|received corrupt message of type InvalidContentType|Cannot determine the frame size or a corrupted frame|frame size or a corrupted frame",
        family="tls",
        weight=4.8,
        says="what came back is no TLS record",
        example="tls: first record does not look like a TLS handshake",
    ),
    Signature(
        id="tls-plaintext-mixup-server-saw-tls",
        pattern=r"Error accepting a client connection: [^\n]{0,60}(?:wrong version|http request|unknown protocol)|ERR unknown command [`']\\x16",
        family="server",
        weight=3.2,
        says="the server was sent something that is not what its port speaks",
        example="# Error accepting a client connection: error:0A00010B:SSL routines::wrong version number",
    ),
    Signature(
        id="tls-plaintext-mixup-alert-as-reply",
        pattern="got \\\"?'?(?:\\\\x15|\\\\u0015|\\x15)\\\"?'? as reply|first byte: 21\\b|Unknown reply: \\x15|unexpected (?:response|reply)[^\\n]{0,30}\\\\x15",
        family="tls",
        weight=4.8,
        says="a TLS alert came where a reply of Redis was awaited",
        example='Protocol error, got "\\x15" as reply type byte',
    ),
    Signature(
        id="tls-plaintext-mixup-garbage-at-server",
        pattern=r"ERR Protocol error: (?:invalid multibulk length|unbalanced quotes|too big inline)|ERR unknown command .?\\x16",
        family="server",
        weight=1.8,
        says="the server is sent bytes that are no command",
        example="ERR Protocol error: invalid multibulk length",
    ),
    # The proxy of Redis Enterprise, and of Redis Cloud; Dragonfly looks at the first five bytes.
    Signature(
        id="tls-plaintext-mixup-service-said",
        pattern=r"unencrypted connection is prohibited|Bad TLS header",
        family="server",
        weight=5.4,
        says="the server speaks TLS alone, and was spoken to without",
        example="ERR unencrypted connection is prohibited",
    ),
    # OpenSSL's reasons, as sentences and as constants; Schannel calls the same an invalid token.
    Signature(
        id="tls-plaintext-mixup-reason",
        pattern=r"wrong[ _]version[ _]number|packet[ _]length[ _]too[ _]long|record[ _]layer[ _]failure|SSL routines:[a-z0-9_]{0,60}:https?[ _](?:proxy[ _])?request|SSL[:_] ?https?_(?:proxy_)?request\b|SSL23_GET_SERVER_HELLO:unknown[ _]protocol|ERR_SSL_UNKNOWN_PROTOCOL|SEC_E_INVALID_TOKEN|0x80090308",
        family="tls",
        weight=4.6,
        says="the other side does not speak TLS on this port",
        example="error:0A00009C:SSL routines::http request",
        ignores_case=True,
    ),
    # net_ssl_io_frame of .NET Framework, what newer versions call a corrupted frame.
    Signature(
        id="tls-plaintext-mixup-no-frame",
        pattern=r"handshake failed due to an unexpected packet format|Received data in non-data mode",
        family="tls",
        weight=4.4,
        says="the other side answered with bytes that are no TLS record",
        example="The handshake failed due to an unexpected packet format.",
    ),
    # A TLS record of type 21 and version 3.x; a server that speaks TLS answers plain bytes with it.
    Signature(
        id="tls-plaintext-mixup-alert-record",
        pattern=r"\\{1,2}x15\\{1,2}x03|\\{1,2}u0015\\{1,2}u0003",
        family="tls",
        weight=4.8,
        says="what came back begins like an alert of TLS",
        example="Protocol Error: b'\\x15\\x03\\x03'",
    ),
    # celery/backends/redis.py.
    Signature(
        id="tls-plaintext-mixup-scheme",
        pattern=r"SSL connection parameters have been provided but the specified URL scheme is redis",
        family="celery",
        weight=4.6,
        says="the settings want TLS and the URL does not",
        example="SSL connection parameters have been provided but the specified URL scheme is redis://.",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "no-greeting": 1.9,
    "connect-timeout": 0.5,
    "tls-cut": 1.4,
    "tls-silent": 1.8,
    "tls-refused": 1.2,
    "reset": 1.7,
    "closed": 1.4,
    "broken-pipe": 0.3,
    "read-error": 0.5,
    "cannot-connect": 0.5,
    "gave-up": 1.0,
    "odd-reply": 1.4,
    "timed-out": 0.2,
    "used-closed": 0.3,
    "no-sentinel": 0.7,
    "went-away": 0.2,
    "lost-command": 1.6,
    "cannot-reach": 0.5,
}

# How a server that wants TLS ends a connection that speaks plain text.
_CUT = ("reset", "closed", "broken-pipe", "read-error", "lost-command")


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.is_cut_again and not told.over_tls:
        said = "each new connection is ended within seconds, as by a side that waits for TLS"
        yield Clue(weight=0.6, because=said, seen=told.errors)
    if (
        told.hosted is not None
        and told.hosted.speaks_tls_alone
        and not told.over_tls
        and not told.marked("kernel-gave-up")
        and told.saw(*_CUT, "no-greeting", "no-answer", "timed-out")
    ):
        yield Clue(
            weight=3.2,
            because=f"the host is of {told.hosted.name}, which takes TLS alone, and no TLS shows in the text",
            seen=told.errors,
            fact="scheme",
        )
    elif told.hosted is not None and told.hosted.speaks_tls_alone and told.over_tls:
        yield Clue(
            weight=-2.0,
            because=f"TLS was spoken to {told.hosted.name}, which is what it takes",
            seen=told.errors,
            fact="scheme",
        )
    elif told.marked("plain-url") and not told.marked("tls-url") and told.saw(*_CUT, "no-greeting"):
        yield Clue(
            weight=0.5,
            because="the URL asks for plain text, and the first words were cut off",
            seen=told.errors,
            fact="scheme",
        )
    if told.service == "acr" and told.port == 6379 and not told.over_tls:
        yield Clue(
            weight=-2.5,
            because="6379 of an Azure Cache for Redis takes plain text, which is what was spoken",
            seen=told.errors,
        )
    if (
        told.saw("closed")
        and told.speaks("redis-py", "hiredis", "redis-cli", "lettuce")
        and not told.marked("lived")
    ):
        yield Clue(
            weight=0.45,
            because="the connection was closed before anything was answered",
            seen=told.errors,
        )
    if told.saw("reset") and told.runtime == "ruby":
        yield Clue(weight=-0.5, because="the client had been at work", seen=told.errors)
    if (
        told.saw("connect-timeout")
        and told.over_tls
        and told.runtime == "node"
        and not told.elsewhere
    ):
        yield Clue(
            weight=1.8,
            because="the client's limit ran out on a TLS socket: TCP may have been accepted, and TLS not",
            seen=told.errors,
        )
    if told.saw("closed", "reset", "no-answer") and told.marked("login"):
        yield Clue(
            weight=2.2,
            because="the other side closed as soon as the login was sent in plain text",
            seen=told.errors,
        )
    if told.saw("closed") and told.runtime == "go" and not told.over_tls:
        yield Clue(weight=0.8, because="the connection ended before any answer", seen=told.errors)
    if told.saw("no-topology", "no-node") and told.saw("no-answer"):
        yield Clue(
            weight=2.4,
            because="the first thing that was asked of every node was never answered",
            seen=told.errors,
        )
    if (
        told.is_azure
        and told.port in (6380, 10000)
        and told.saw("read-error")
        and not told.over_tls
    ):
        yield Clue(
            weight=0.6,
            because="the port speaks TLS alone, and PHP says no more than that nothing could be read",
            seen=told.errors,
        )
    if told.saw("tls-refused") and told.marked("tls-alert"):
        yield Clue(weight=-1.5, because="the other side answered in TLS", seen=told.errors)
    if told.saw("closed", "reset", "read-error", "broken-pipe") and told.marked("plain-scheme"):
        yield Clue(
            weight=1.6,
            because="the address says plain text, and its port speaks TLS alone",
            seen=told.errors,
        )
    if (
        told.saw("closed", "reset", "read-error")
        and told.port in (6380, 10000)
        and not told.over_tls
    ):
        yield Clue(
            weight=1.0,
            because="a TLS port is dialled, and no TLS shows in the text",
            seen=told.errors,
        )
    if told.saw("closed", "reset") and told.marked("lived"):
        yield Clue(weight=-1.5, because="the connection had lived", seen=told.errors)
    if told.saw("reset") and told.runtime == "node" and not told.over_tls:
        yield Clue(
            weight=0.35, because="the first writes were answered with a reset", seen=told.errors
        )
