"""The cluster is down: some slots have no node.

What is wrong
    A primary is lost without a replica to take over, or slots were never assigned; by default the
    whole cluster then refuses commands.
How it looks
    ``CLUSTERDOWN The cluster is down``, ``CLUSTERDOWN Hash slot not served``.
What ends it
    The node brought back, its replica promoted, or the slots assigned.
What it is not
    ``cluster-topology-unreachable``: there the nodes are well, and this client cannot reach them.
Sources
    https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
"""

from __future__ import annotations

from refused.causes.statements import Cause, Clue, Proof, Signature
from refused.evidence.observations import ClusterTopology, RedisReply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="cluster-slots-uncovered",
    title="the cluster is down: some slots have no node",
    hop="topology",
    shows_at=("topology", "command"),
    bucket="dependency",
    needs=(ClusterTopology, RedisReply),
    remedies=(
        "bring the lost primary back, or promote its replica (CLUSTER FAILOVER on the replica)",
        "assign the open slots (redis-cli --cluster fix), where nobody holds their data any more",
    ),
    verify="CLUSTER INFO says cluster_state:ok and 16384 slots",
    prevent="a replica for every primary, on another host; an alert on cluster_state",
    expects=(("again", "same"), ("elsewhere", "fails")),
)

SLOTS = 16384


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Believe the cluster, which counts its slots."""
    clusters, replies = evidence.all(ClusterTopology), evidence.all(RedisReply)
    down = next((reply for reply in replies if reply.error_code == "CLUSTERDOWN"), None)
    if down is not None:
        yield Proof(because=f"the server says: {down.error_text}", seen=(down, *clusters))
    for cluster in clusters:
        covered = f"{cluster.slots_covered} of {SLOTS} slots have a node"
        if cluster.enabled and cluster.state == "fail":
            yield Proof(
                because=f"CLUSTER INFO says that the cluster is down; {covered}", seen=(cluster,)
            )
        elif (
            cluster.enabled and cluster.slots_covered is not None and cluster.slots_covered < SLOTS
        ):
            yield Clue(weight=3.0, because=f"only {covered}", seen=(cluster,))


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="cluster-slots-uncovered-clusterdown",
        pattern=r"\bCLUSTERDOWN\b|Hash slot not served|cluster_state:fail|The cluster is down|Not all [0-9]{1,5} slots are covered|slots (?:list is empty|have holes)|[Nn]ot all slots (?:are )?covered|All slots are not covered",
        family="server",
        weight=5.0,
        says="slots of the cluster have no node",
        example="CLUSTERDOWN Hash slot not served",
    ),
    Signature(
        id="cluster-slots-uncovered-node-failing",
        pattern=r"Marking node [0-9a-f]{40} (?:\([^\n)]{0,80}\) )?as failing|FAIL message received from [0-9a-f]{40}",
        family="server",
        weight=2.4,
        says="the nodes of a cluster have given one of them up",
        example="Marking node 07c37dfeb235213a872192d90877d0cd55635b91 () as failing (quorum reached).",
    ),
    Signature(
        id="cluster-slots-uncovered-state-fail",
        pattern=r"Cluster state changed: fail|Cluster is currently down: (?:At least|I am part)|The Redis Cluster is down",
        family="server",
        weight=5.0,
        says="the cluster says that it is down",
        example="Cluster state changed: fail",
    ),
    # script.c and the scripts of modules, in a cluster that is down.
    Signature(
        id="cluster-slots-uncovered-script",
        pattern=r"(?:execute|run) a (?:write )?command[^\n]{0,60} while the cluster is down|attempted to access a slot not served",
        family="server",
        weight=5.0,
        says="the server says that its cluster is down",
        example="Script attempted to execute a write command while the cluster is down and readonly",
    ),
    # redis-py, coredis, Redisson and redis-rs.
    Signature(
        id="cluster-slots-uncovered-exception",
        pattern=r"\bClusterDown(?:Error|Exception)\b|\bRedisClusterDownException\b|signalled by the server[^\n]{0,20}\bClusterDown\b",
        family="redis-py",
        weight=4.8,
        says="the client raises what it has for a cluster that is down",
        example="redis.exceptions.ClusterDownError: x",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "slot-missing": 1.9,
}
