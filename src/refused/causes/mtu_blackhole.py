"""Small packets pass, large ones vanish: a black hole for the path's MTU.

What is wrong
    Somewhere on the way a link takes smaller packets than both ends think (VPN, tunnel, overlay),
    and the ICMP messages that would say so are filtered. The dial succeeds; the first full-sized
    packet, usually the server's certificate, never arrives.
How it looks
    The connection is accepted and the TLS handshake stalls; small plain-text commands work, large
    values hang.
What ends it
    ICMP "fragmentation needed" let through; MSS clamping on the tunnel; the right MTU on the link.
What it is not
    ``server-overloaded``: there small answers do not come either.
Sources
    RFC 1191; RFC 2923 section 2.1; RFC 4821
"""

from __future__ import annotations

from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.observations import PathMtu, TlsHandshake

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="mtu-blackhole",
    title="small packets pass and large ones vanish on the way",
    hop="tcp",
    shows_at=("tls", "resp", "command"),
    bucket="dependency",
    prior=-0.5,
    needs=(PathMtu, TlsHandshake),
    remedies=(
        "let ICMP type 3 code 4 (IPv6: type 2) through on the way",
        "clamp the MSS to the path's MTU on the tunnel or gateway",
        "set net.ipv4.tcp_mtu_probing=1 on the client as a stopgap",
    ),
    verify="the handshake completes with segments of full size",
    prevent="the same MTU on both ends of every tunnel; ICMP errors never filtered wholesale",
    expects=(("elsewhere", "works"), ("more-time", "same")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Compare the stalled handshake with one in small segments, and with a small answer."""
    evidence.all(PathMtu)
    shakes, broken = evidence.all(TlsHandshake), evidence.broken
    if broken is None or broken.how != "silent" or broken.hop not in CAUSE.shows_at:
        return
    stalled = next(
        (shake for shake in shakes if shake.purpose == "client" and shake.outcome == "silent"), None
    )
    small = next((shake for shake in shakes if shake.purpose == "small-segments"), None)
    reply = next((shake for shake in shakes if shake.purpose == "small-reply"), None)
    if stalled is None:
        return
    if small is not None and small.outcome == "ok":
        yield Proof(
            because="the handshake stalls with full segments and completes with segments of 536 bytes",
            seen=(stalled, small),
        )
        return
    yield Clue(
        weight=0.2,
        because="the handshake stalls after the connection was accepted",
        seen=(stalled,),
    )
    if reply is not None and reply.outcome == "alert":
        yield Clue(
            weight=2.2,
            because="a small answer does come: the server sent a short alert at once",
            seen=(reply,),
        )
    elif reply is not None and reply.outcome == "silent":
        yield RuledOut(because="not even a small answer comes", seen=(reply,))
    if small is not None and small.outcome == "silent":
        yield Clue(weight=-0.8, because="it stalls in small segments as well", seen=(small,))
    if stalled.server_spoke:
        yield Clue(weight=0.6, because="the answer began and then stopped", seen=(stalled,))


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="mtu-blackhole-said-so",
        pattern=r"frag(?:mentation)? needed|message too long|\bEMSGSIZE\b",
        family="os",
        weight=3.5,
        says="a packet is too long for the path",
        example="write: message too long",
        ignores_case=True,
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "tls-silent": 0.6,
}
