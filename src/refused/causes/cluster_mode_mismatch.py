"""A plain client talks to a cluster, or a cluster client to a server that is none.

What is wrong
    Azure Managed Redis is a cluster by default (OSSCluster), a clustered Premium cache is one, too. A
    plain client is sent away for every key that lives on another node. The reverse: a cluster client
    asks for a topology that a single server, or the EnterpriseCluster policy, does not give.
How it looks
    ``MOVED 1234 10.0.0.5:8501``, ``CROSSSLOT``; or "Cluster mode is not enabled", "cluster support
    disabled".
What ends it
    A cluster-aware client; or the EnterpriseCluster or NoCluster policy, for which the database has
    to be made anew.
What it is not
    ``cluster-topology-unreachable``: there the client is right, and the nodes cannot be reached.
Sources
    https://learn.microsoft.com/azure/redis/architecture
    https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
"""

from __future__ import annotations

from refused.causes.statements import Cause, Clue, Proof
from refused.evidence.observations import ClusterTopology, RedisReply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="cluster-mode-mismatch",
    title="client and server do not agree on whether this is a cluster",
    hop="topology",
    shows_at=("topology", "command"),
    bucket="configuration",
    needs=(ClusterTopology, RedisReply),
    remedies=(
        "use the library's cluster client (RedisCluster, JedisCluster, Redis.Cluster, ClusterClient)",
        "for clients without cluster support, plan a database with the EnterpriseCluster or NoCluster policy: it is made anew",
        "use the plain client where the server is no cluster",
    ),
    verify="a key of every slot can be read",
    prevent="choose the clustering policy together with the client library; test with keys of many slots",
    expects=(("elsewhere", "fails"), ("again", "same"), ("resource", "fine")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See who was sent away, and what the server says it is."""
    clusters, replies = evidence.all(ClusterTopology), evidence.all(RedisReply)
    target = evidence.target
    wants_cluster = target is not None and target.cluster_aware is True
    moved = next(
        (reply for reply in replies if reply.error_code in ("MOVED", "CROSSSLOT", "ASK")), None
    )
    if moved is not None and not wants_cluster:
        said = f"a plain client asks for a key, and is turned away: {moved.error_text}"
        yield Proof(because=said, seen=(moved, *clusters))
    disabled = next((cluster for cluster in clusters if cluster.enabled is False), None)
    refused = next(
        (reply for reply in replies if "cluster support disabled" in reply.error_text), None
    )
    if wants_cluster and disabled is not None:
        yield Proof(
            because="the client is cluster-aware, and the server says that it is no cluster",
            seen=(disabled,),
        )
    elif wants_cluster and refused is not None:
        yield Proof(
            because=f"the client is cluster-aware, and the server says: {refused.error_text}",
            seen=(refused,),
        )
    elif (
        wants_cluster
        and not clusters
        and any(reply.command.startswith("CLUSTER") for reply in replies)
    ):
        yield Clue(
            weight=1.5, because="the server does not answer the cluster's commands", seen=replies
        )
