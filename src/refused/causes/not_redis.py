"""What answers at this port is not Redis.

What is wrong
    The port belongs to another service, a load balancer sends to the wrong backend, or a proxy
    answers in the server's place.
How it looks
    Protocol errors at the first reply, "wrong version number", or HTML where ``PONG`` was due.
What ends it
    The right host and port, or a proxy that lets the connection pass.
What it is not
    ``tls-plaintext-mixup``: there Redis is behind the port, in the other language.
    ``wrong-port``: there nothing answers at all.
Sources
    https://redis.io/docs/latest/develop/reference/protocol-spec/
    RFC 9112, 4 · RFC 4253, 4.2
"""

from __future__ import annotations

from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.observations import PlainTalk, RedisReply, TlsHandshake
from refused.service.ports import expected_ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="not-redis",
    title="what answers at this port is not Redis",
    hop="resp",
    shows_at=("tls", "resp", "auth"),
    bucket="configuration",
    needs=(PlainTalk, RedisReply, TlsHandshake),
    remedies=(
        "set the host and port at which Redis listens",
        "point the load balancer, tunnel or port forward at the Redis server",
        "where a proxy answers in its place, have the host name let through",
    ),
    verify="PING is answered with PONG",
    prevent="a health check that speaks Redis instead of one that only dials",
    expects=(("server-side", "other-port"), ("elsewhere", "fails"), ("certificate", "no-tls")),
)

# Words of "protocol" that name nobody.
NOBODY = ("resp", "tls", "unknown", "nothing")


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Look at the language of whatever answered."""
    talks, replies = evidence.all(PlainTalk), evidence.all(RedisReply)
    shakes = evidence.all(TlsHandshake)
    broken, target = evidence.broken, evidence.target
    if broken is None or target is None or broken.hop not in ("tls", "resp", "auth"):
        return
    if any(each.protocol == "resp" and each.outcome in ("ok", "error") for each in replies):
        yield RuledOut(because="a Redis server answered here", seen=replies)
        return
    if any(each.protocol == "resp" and each.first_bytes for each in talks):
        yield RuledOut(because="a Redis server answers plain text here", seen=talks)
        return
    spoken: list[RedisReply | PlainTalk] = [*replies, *talks]
    foreign = [each for each in spoken if each.outcome == "not-resp"]
    named = next((each for each in foreign if each.protocol not in NOBODY), None)
    ours = target.service != "redis" and target.port in expected_ports(target.service)  # type: ignore[arg-type]
    if named is not None:
        said = f"{named.address} port {named.port} speaks {named.protocol}: {named.first_bytes}"
        if ours:
            # At a cache's own door it is somebody on the way who speaks, not the cache.
            yield Clue(weight=2.0, because=said, seen=(named,))
        else:
            yield Proof(because=said, seen=(named,))
        return
    odd = next((each for each in shakes if each.outcome == "not-tls"), None)
    if odd is not None:
        said = f"port {odd.port} answers TLS with something else: {odd.first_bytes}"
        yield Clue(weight=1.6, because=said, seen=(odd, *talks))
    elif any(each.protocol == "unknown" for each in foreign):
        said = f"what came back is neither Redis nor TLS: {foreign[0].first_bytes}"
        yield Clue(weight=1.6, because=said, seen=tuple(foreign))


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="not-redis-http-answers",
        pattern="got \\\"?'?H\\\"?'? as reply|first byte: 72\\b|Unknown reply: H|RESP (?:data )?type:? ?['\\\"`]?(?:H|72)\\b|(?:Protocol Error|InvalidResponse|Invalid response)[^\\n]{0,40}HTTP/1",
        family="socket",
        weight=3.7,
        says="an HTTP server answers on the port",
        example='Protocol error, got "H" as reply type byte',
    ),
    Signature(
        id="not-redis-other-service-answers",
        pattern='first byte: (?:74|83|50|53|91)\\b|Unknown reply: [JSR5]\\b|got \\"?[JS]\\"? as reply|RESP (?:data )?type:? ?[\'\\"`]?(?:[JSR]|74|83)\\b',
        family="socket",
        weight=3.5,
        says="another protocol answers on the port",
        example="Invalid first byte: 74",
    ),
    Signature(
        id="not-redis-other-greeting",
        pattern=r"(?:reply|response|byte|got)[^\n]{0,40}(?:SSH-2\.0|220 [^\n]{0,40}SMTP|mysql_native_password|AMQP)",
        family="socket",
        weight=4.6,
        says="another service's greeting was read",
        example="unexpected reply: SSH-2.0-OpenSSH",
    ),
    Signature(
        id="not-redis-http-reply",
        pattern=r"(?:can't parse|unexpected response line|invalid reply|bad reply)[^\n]{0,12}HTTP/1",
        family="go",
        weight=3.7,
        says="a web server answers",
        example="redis: can't parse HTTP/1.1 400 Bad Request",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "no-greeting": 0.8,
    "odd-reply": 1.5,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.saw("odd-reply") and told.marked("byte=72"):
        yield Clue(
            weight=3.7, because="what came back begins as HTTP does", seen=told.errors, fact="said"
        )
    if told.saw("odd-reply") and told.marked("byte=74", "byte=83"):
        yield Clue(
            weight=3.5,
            because="what came back begins as the greeting of another service does",
            seen=told.errors,
            fact="said",
        )
