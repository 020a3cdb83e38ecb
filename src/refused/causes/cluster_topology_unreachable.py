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

from refused.causes.readings import (
    given_up,
    in_subnet,
    is_here,
    is_private,
    is_public,
    kept_by_sidecar,
    may_be_kept,
    rule_said,
    same_id,
    surroundings,
)
from refused.causes.statements import Cause, Clue, Proof, Signature
from refused.evidence.control_plane import (
    AzureSubnet,
    ClientAddress,
    NetworkSecurityGroup,
)
from refused.evidence.nsg import (
    through,
)
from refused.evidence.observations import ClusterTopology, NodeVisit, Platform, TcpDial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="cluster-topology-unreachable",
    title="the front door works, and the nodes it names cannot be reached",
    hop="topology",
    shows_at=("topology",),
    bucket="configuration",
    prior=0.5,
    needs=(
        AzureSubnet,
        ClientAddress,
        ClusterTopology,
        NetworkSecurityGroup,
        NodeVisit,
        Platform,
        TcpDial,
    ),
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
    platforms = evidence.all(Platform)
    evidence.all(NetworkSecurityGroup)
    evidence.all(AzureSubnet)
    evidence.all(ClientAddress)
    lost = [visit for visit in visits if visit.failed and visit.stage in ("name", "tcp", "tls")]
    down = given_up(clusters)
    front = next((dial for dial in dials if dial.purpose == "client" and not dial.failed), None)
    if not lost or front is None:
        return
    first = lost[0]
    node = f"{first.host}:{first.port} ({first.stage}: {first.outcome})"
    said = f"{front.address}:{front.port} answers, and {len(lost)} of {len(visits)} announced nodes do not: {node}"
    if all((visit.host, visit.port) in down for visit in lost):
        yield Clue(weight=0.8, because=said, seen=(front, *lost, *clusters))
        said = "the cluster itself has given up these nodes, so that they are down for everybody"
        yield Clue(weight=-0.4, because=said, seen=clusters)
        return
    if kept_by_sidecar(visits, platforms, clusters):
        yield Clue(weight=0.8, because=said, seen=(front, *lost, *clusters))
        return
    if may_be_kept(visits, platforms, clusters):
        guarded = "the ports are ones that Istio's sidecar keeps for itself, and whether there is one was not seen"
        yield Clue(weight=2.0, because=said, seen=(front, *lost, *clusters))
        yield Clue(weight=-0.5, because=guarded, seen=tuple(lost))
        return
    denied = _denied(evidence, first)
    yield Proof(because=f"{said}{denied}", seen=(front, *lost, *clusters))
    if (is_private(first.address) or is_here(first.address)) and is_public(front.address):
        said = f"the nodes announce {first.address}, which holds only inside their own network"
        yield Clue(weight=1.5, because=said, seen=(first,))
    if first.outcome == "name-mismatch":
        said = f"the certificate is not for {first.host}, as the node is announced: {first.detail}"
        yield Clue(weight=1.5, because=said, seen=(first,))
    if first.outcome == "silent":
        said = f"port {first.port} met the dial with silence, as closed ranges do"
        yield Clue(weight=0.8, because=said, seen=(first,))


def _denied(evidence: Evidence, node: NodeVisit) -> str:
    """Name the security rule that denies the port of a node, where one does."""
    if node.stage != "tcp" or not node.address:
        return ""
    groups, subnets = evidence.all(NetworkSecurityGroup), evidence.all(AzureSubnet)
    client = next((each for each in subnets if each.role == "client"), None)
    sources = in_subnet(client, [each.address for each in evidence.all(ClientAddress)])
    for group in groups:
        subnet = next((each for each in subnets if same_id(each.id, group.subnet_id)), None)
        outside = (node.address,) if is_public(node.address) else ()
        around = surroundings(subnet, subnets, (), *outside)
        decision = through(group, sources, node.address, node.port, around)
        if group.role != "endpoint" and decision is not None and decision.access == "Deny":
            return f"; {rule_said(decision, group)} decides on it"
    return ""


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="cluster-topology-unreachable-shard-port",
        pattern=r"(?:UnableToConnect[^\n]{0,40} on |connecting to |dial tcp |ETIMEDOUT |ECONNREFUSED |connection timed out: |moved to )[^ \n]{1,200}:(?:1022[0-9]|1023[01]|13[0-9]{3}|15[0-9]{3}|85[0-9]{2})\b",
        family="socket",
        weight=3.0,
        says="a node's own port is dialled, and does not answer",
        example="dial tcp 10.1.2.3:15002: i/o timeout",
    ),
    Signature(
        id="cluster-topology-unreachable-no-redirect",
        pattern=r"CommandFlags\.NoRedirect was specified|Key has MOVED (?:from|to) Endpoint",
        family="stackexchange",
        weight=3.6,
        says="a redirection could not be followed",
        example="Key has MOVED to Endpoint 10.1.2.3:15001 and hashslot 12 but CommandFlags.NoRedirect was specified",
    ),
    Signature(
        id="cluster-topology-unreachable-redirections",
        pattern=r"Too many [Cc]luster redirections|No more cluster attempts left|Cannot follow Cluster Redirects|MOVED redirection loop",
        family="any",
        weight=2.9,
        says="redirections lead to nodes that cannot be used",
        example="Too many Cluster redirections. Last error: Error: Connection is closed.",
    ),
    Signature(
        id="cluster-topology-unreachable-stranger",
        pattern=r"not allowed\. This (?:partition|connection point) is not known in the cluster view",
        family="lettuce",
        weight=3.8,
        says="the cluster sends the client to a node that its own list does not hold",
        example="Connection to 10.9.8.7:6379 not allowed. This partition is not known in the cluster view.",
    ),
    Signature(
        id="cluster-topology-unreachable-bus",
        pattern=r"Unable to connect to Cluster Node \[",
        family="server",
        weight=3.4,
        says="a node of the cluster cannot reach another on its bus",
        example="Unable to connect to Cluster Node [10.1.2.3]:16379 -> Connection refused",
    ),
)
_DIALS = ("connect-timeout", "refused", "unreachable", "timed-out")
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "chained-replica": 1.0,
    "unreachable": 1.6,
    "moved": 1.1,
    "redirects": 2.4,
    "no-topology": 1.6,
    "slot-missing": 1.2,
    "no-primary-link": 0.5,
    "no-node": 2.1,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if (
        told.port is not None
        and 7000 <= told.port <= 7009
        and told.is_private
        and told.saw("connect-timeout", "refused", "unreachable", "timed-out")
    ):
        # https://redis.io/docs/latest/operate/oss_and_stack/management/scaling/ numbers its nodes from 7000.
        yield Clue(
            weight=1.8,
            because="the port is one that nodes of a cluster are given by custom, at a private address",
            seen=told.errors,
        )
    if told.was_up:
        yield Clue(
            weight=-1.0,
            because="the client had been connected to the address before",
            seen=told.errors,
        )
    if (
        told.port is not None
        and (
            10220 <= told.port <= 10231
            or 13000 <= told.port <= 13999
            or 15000 <= told.port <= 15999
            or 8500 <= told.port <= 8599
        )
        and not told.is_here
        and told.saw("connect-timeout", "cannot-connect", "refused", "unreachable")
    ):
        yield Clue(
            weight=2.6,
            because="the port is that of a node, which the cluster hands out",
            seen=told.errors,
            fact="said",
        )
    failed = told.saw(*_DIALS) or "cannot-connect" in told.wrappers
    inside = told.address and not told.is_public
    if failed and told.marked("topology") and inside and not told.was_up:
        yield Clue(
            weight=3.2,
            because="the code that keeps a cluster's nodes dials an address that no outsider would choose",
            seen=told.errors,
            fact="cluster dials",
        )
    if failed and told.marked("cluster") and told.in_containers and told.address:
        yield Clue(
            weight=0.9,
            because="a node tells its address in a network of containers, which ends at their host",
            seen=told.errors,
        )
    if told.saw("slot-missing") and told.speaks("redisson") and told.is_private:
        # MasterSlaveConnectionManager names the address where a redirection led to a node it has not.
        yield Clue(
            weight=1.6,
            because="the cluster sent the client to a private address that it does not know as a node",
            seen=told.errors,
        )
    if told.marked("redirected") and told.saw(
        "connect-timeout", "refused", "unreachable", "cannot-connect", "pool-empty", "timed-out"
    ):
        yield Clue(
            weight=2.8,
            because="the client was sent on to a node, and the node does not answer",
            seen=told.errors,
        )
    if len(told.addresses) > 1 and told.saw("connect-timeout") and told.is_private:
        yield Clue(
            weight=2.6,
            because="several private addresses of one cluster do not answer",
            seen=told.errors,
        )
    if (
        told.saw("connect-timeout", "refused", "unreachable")
        and told.marked("cluster")
        and told.is_private
    ):
        yield Clue(
            weight=1.3,
            because="a cluster's client dials a private address",
            seen=told.errors,
            fact="cluster dials",
        )
    if told.address.startswith("172.") and told.is_private and told.saw("unreachable"):
        yield Clue(
            weight=1.6, because="an address of a container network was handed out", seen=told.errors
        )
    if told.saw("connect-timeout") and told.is_private:
        yield Clue(weight=0.6, because="a private address does not answer", seen=told.errors)


def against_now(told: Told, well: Evidence) -> Iterator[Statement]:
    """See whether the nodes that are announced now can be reached."""
    visits = well.look(NodeVisit)
    if visits and not any(visit.failed for visit in visits):
        said = f"all {len(visits)} nodes that the cluster announces now answer"
        yield Clue(weight=-1.5, because=said, seen=(*visits, *told.errors))
