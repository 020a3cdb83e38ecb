"""What only others can change: a firewall, a proxy, a NAT, a permission. Said so that they can do it.

refused writes nothing there. The request names exactly what is needed, and no more.
"""

from __future__ import annotations

from shlex import quote

from refused.evidence.observations import PeerCertificates, RedisReply
from refused.remedies.change import Change, Missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Evidence

RANK = 40

# Shape: cause -> (who, what they are asked for, why, what must come out different).
_ASKED: dict[str, tuple[str, str, str, str]] = {
    "egress-blocked": (
        "the network team",
        "let this client out to the cache, at exactly the ports that the service needs",
        "something on the client's side of the network holds the packets",
        "the dial is accepted and PING is answered",
    ),
    "tls-inspection": (
        "the network team",
        "leave TLS to this host name undecrypted",
        "a proxy replaces the certificate; trusting its CA would let it read keys and data",
        "the certificate is the cache's own",
    ),
    "snat-port-exhaustion": (
        "the network team",
        "a NAT gateway, or more outbound addresses, for this client's subnet",
        "ports run out on the way; shared connections need fewer, and come first",
        "no dial is lost under full load",
    ),
    "cluster-topology-unreachable": (
        "the network team",
        "let this client reach the ports of the cluster's nodes as well",
        "the front door answers, and the nodes that it names do not",
        "every node is visited",
    ),
    "auth-acl-no-permission": (
        "the owner of the cache",
        "allow this user the commands and keys that it needs, and no more",
        "the user may log in and may not run the command",
        "the command is answered",
    ),
    "cluster-slots-uncovered": (
        "whoever runs the cluster",
        "give every slot a node again",
        "a part of the keys has no node",
        "all 16,384 slots are covered",
    ),
    "server-persistence-failure": (
        "whoever runs the server",
        "make room on the disk that takes the snapshots, or mend what keeps it from being written",
        "writes stop while a snapshot fails",
        "a write is answered",
    ),
    "cache-not-running": (
        "the owner of the cache",
        "put the cache back into service, or name its successor",
        "the cache is gone, or Azure does not run it",
        "the name leads to a cache that answers",
    ),
}
ENDS = tuple(_ASKED)
_NEEDS_PORTS = frozenset({"egress-blocked", "cluster-topology-unreachable", "tls-inspection"})


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose the request."""
    target = evidence.target
    if target is None:
        return
    who, what, why, proof = _ASKED[cause]
    if cause == "tls-inspection":
        issuer = next(
            (each.chain[-1].issuer for each in evidence.all(PeerCertificates) if each.chain), ""
        )
        why = f"{why}; it signs as {issuer}" if issuer else why
    if cause == "auth-acl-no-permission":
        said = next(
            (r.error_text for r in evidence.all(RedisReply) if r.error_code == "NOPERM"), ""
        )
        why = f"{why}: {said[:120]}" if said else why
    yield Change(
        kind="request",
        cause=cause,
        title=f"ask {who}: {what}",
        where="others",
        why=why,
        affects="this client; what others need is theirs to know",
        interruption="none of ours",
        proof=proof,
        hop="resp",
        facts=(("target", target.text), ("ports", "yes" if cause in _NEEDS_PORTS else "")),
        undo_says="theirs to take back",
    )


def render(change: Change) -> dict[str, str]:
    """Say how the request is written, where it is about names and ports."""
    if not change.fact("ports"):
        return {}
    return {"shell": f"refused allow-list {quote(change.fact('target'))}"}
