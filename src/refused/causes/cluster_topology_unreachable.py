"""The front door works, and the nodes it names cannot be reached.

What is wrong
    A cluster client is sent to every node at the address and port that the cluster announces. Those
    ports (15000 and up, 13000 and up, 85xx) are closed on the way, or the addresses hold only inside
    another network, or the certificate does not hold the announced name.
How it looks
    The first connect is fine; then a share of the keys times out. "Failed to refresh slots cache".
What ends it
    The node ports let through, or the client set to map announced addresses to the host name.
What it is not
    ``cluster-mode-mismatch``: there the client is of the wrong kind.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-how-to-premium-clustering
    https://learn.microsoft.com/azure/redis/architecture
"""

from __future__ import annotations

from refused.causes.readings import is_here, is_private, is_public
from refused.causes.statements import Cause, Clue, Proof
from refused.evidence.observations import ClusterTopology, NodeVisit, TcpDial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="cluster-topology-unreachable",
    title="the front door works, and the nodes it names cannot be reached",
    hop="topology",
    shows_at=("topology",),
    bucket="configuration",
    prior=0.5,
    needs=(ClusterTopology, NodeVisit, TcpDial),
    remedies=(
        "let the node ports through to exactly these addresses (15000-15999 with TLS on Azure Cache for Redis, 8500-8599 on Azure Managed Redis)",
        "set the client to map announced addresses to the host name (address_remap, natMapper, nodeAddressMap)",
        "have own clusters announce names or addresses that clients can reach (cluster-announce-hostname)",
    ),
    verify="every announced node accepts, and answers PING",
    prevent="firewall rules for the whole range of node ports; a test that visits every node after each scaling",
    expects=(("elsewhere", "works"), ("network-rules", "blocks"), ("other-destination", "blocked")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Compare what works at the front door with what fails at the nodes."""
    clusters, visits, dials = (
        evidence.all(ClusterTopology),
        evidence.all(NodeVisit),
        evidence.all(TcpDial),
    )
    lost = [visit for visit in visits if visit.failed and visit.stage in ("name", "tcp", "tls")]
    given_up = {
        (node.host, node.port)
        for cluster in clusters
        for node in cluster.nodes
        if "fail" in node.health or node.health == "offline"
    }
    front = next((dial for dial in dials if dial.purpose == "client" and not dial.failed), None)
    if not lost or front is None:
        return
    first = lost[0]
    node = f"{first.host}:{first.port} ({first.stage}: {first.outcome})"
    said = f"{front.address}:{front.port} answers, and {len(lost)} of {len(visits)} announced nodes do not: {node}"
    if all((visit.host, visit.port) in given_up for visit in lost):
        yield Clue(weight=0.8, because=said, seen=(front, *lost, *clusters))
        said = "the cluster itself has given up these nodes, so that they are down for everybody"
        yield Clue(weight=-0.4, because=said, seen=clusters)
        return
    yield Proof(because=said, seen=(front, *lost, *clusters))
    if (is_private(first.address) or is_here(first.address)) and is_public(front.address):
        said = f"the nodes announce {first.address}, which holds only inside their own network"
        yield Clue(weight=1.5, because=said, seen=(first,))
    if first.outcome == "name-mismatch":
        said = f"the certificate is not for {first.host}, as the node is announced: {first.detail}"
        yield Clue(weight=1.5, because=said, seen=(first,))
    if first.outcome == "silent":
        said = f"port {first.port} met the dial with silence, as closed ranges do"
        yield Clue(weight=0.8, because=said, seen=(first,))
