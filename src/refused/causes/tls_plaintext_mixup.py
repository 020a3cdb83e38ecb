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

from refused.causes.statements import Cause, Clue, Proof, RuledOut
from refused.evidence.observations import PlainTalk, RedisReply, TlsHandshake
from refused.service.ports import tls_expected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="tls-plaintext-mixup",
    title="one side speaks TLS and the other plain text",
    hop="tls",
    shows_at=("tls", "resp"),
    bucket="configuration",
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
