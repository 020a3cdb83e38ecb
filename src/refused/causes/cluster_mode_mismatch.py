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

from refused.causes.statements import Cause, Clue, Proof, Signature
from refused.evidence.control_plane import (
    AzureCache,
)
from refused.evidence.observations import ClusterTopology, RedisReply
from refused.service.features import (
    suits_cluster_client,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="cluster-mode-mismatch",
    title="client and server do not agree on whether this is a cluster",
    hop="topology",
    shows_at=("topology", "command"),
    bucket="configuration",
    needs=(
        AzureCache,
        ClusterTopology,
        RedisReply,
    ),
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
    caches, target = evidence.all(AzureCache), evidence.target
    policy = next((cache.clustering_policy for cache in caches if cache.clustering_policy), None)
    by_policy = f"; its clustering policy is {policy}" if policy else ""
    wants_cluster = target is not None and target.cluster_aware is True
    moved = next(
        (reply for reply in replies if reply.error_code in ("MOVED", "CROSSSLOT", "ASK")), None
    )
    if moved is not None and not wants_cluster:
        said = f"a plain client asks for a key, and is turned away: {moved.error_text}"
        yield Proof(because=f"{said}{by_policy}", seen=(moved, *clusters, *caches))
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
        asked = [
            each
            for each in replies
            if each.command.startswith("CLUSTER") and each.outcome == "error"
        ]
        if policy and asked and suits_cluster_client(policy) is False:
            said = f"the client is cluster-aware, and under the policy {policy} there is no cluster to see"
            yield Proof(because=f"{said}: {asked[0].error_text}", seen=(*caches, *asked))


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="cluster-mode-mismatch-rehashing",
        pattern=r"\bTRYAGAIN\b|Multiple keys request during rehashing",
        family="server",
        weight=2.3,
        says="keys of one command lie in a slot that is being moved",
        example="TRYAGAIN Multiple keys request during rehashing of slot",
    ),
    Signature(
        id="cluster-mode-mismatch-crossslot",
        pattern=r"\bCROSSSLOT\b|Keys in request don't hash to the same slot|Multi-key operations must involve a single slot|keys must map to the same (?:key )?slot|All keys in the pipeline should belong to the same slots|Cannot use '[A-Z]{2,30}' (?:over|with) (?:clusters of connections|redis-cluster)",
        family="server",
        weight=5.2,
        says="keys of one command lie in different slots of a cluster",
        example="CROSSSLOT Keys in request don't hash to the same slot",
    ),
    Signature(
        id="cluster-mode-mismatch-not-a-cluster",
        pattern="cluster support disabled|Cluster mode is not enabled on this node|ERR [^\\n]{0,40}CLUSTER[^\\n]{0,40}not (?:supported|allowed|enabled)|ERR unknown command [`'\\\"]?CLUSTER",
        family="server",
        weight=5.0,
        says="a cluster client asks a server that is no cluster",
        example="ERR This instance has cluster support disabled",
    ),
    Signature(
        id="cluster-mode-mismatch-no-slots",
        pattern=r"because the node does not hold any slot",
        family="ioredis",
        weight=4.2,
        says="the node that the client was given holds no slot",
        example="Disconnect cache:6380 because the node does not hold any slot",
    ),
    Signature(
        id="cluster-mode-mismatch-keys-or-node",
        pattern=r"keys have different slots|different key slots are not allowed|\bCrossSlot\b|[Cc]ross slot keys|CrossSlotPipelining|AmbiguousNodeError|doesn't know which node the",
        family="any",
        weight=4.8,
        says="keys of one command lie in different slots of a cluster",
        example="No way to dispatch this command to Redis Cluster because keys have different slots.",
    ),
    # script.c in cluster mode; servers that are run by others word it in their own way.
    Signature(
        id="cluster-mode-mismatch-script-keys",
        pattern=r"Script attempted to access (?:a non local key|keys that do not hash)|access(?:ing|ed)? (?:an )?undeclared keys?|script tried accessing|keys must be (?:passed|declared)[^\n]{0,60}KEYS",
        family="server",
        weight=4.6,
        says="a script touches keys of other slots than those it was called with",
        example="ERR Script attempted to access a non local key in a cluster node",
    ),
    Signature(
        id="cluster-mode-mismatch-said-not-a-cluster",
        pattern=r"Cluster is disabled\. Use --cluster_mode|\[ERR\] Node [^\n]{1,255} is not configured as a cluster node",
        family="server",
        weight=4.8,
        says="a cluster client asks a server that is no cluster",
        example="[ERR] Node 10.1.2.3:6379 is not configured as a cluster node.",
    ),
    # The server says so in cluster mode alone; a plain client that is given a database index sends SELECT.
    Signature(
        id="cluster-mode-mismatch-select",
        pattern=r"SELECT is not allowed in cluster mode|ERR SELECT is not (?:allowed|supported)[^\n]{0,20}cluster",
        family="server",
        weight=5.4,
        says="a client that chooses a database meets a cluster, which has but one",
        example="ERR SELECT is not allowed in cluster mode",
    ),
    # A cluster has one database, and its roles are its own affair (db.c, replication.c, failover in server.c).
    Signature(
        id="cluster-mode-mismatch-not-in-a-cluster",
        pattern=r"\b(?:MOVE|SWAPDB|COPY|REPLICAOF|SLAVEOF|FAILOVER|[Cc]opying to another database)\b (?:is )?not allowed in cluster mode|[\'`]?\bdb\b[\'`]{0,2}[^\n]{0,40}(?:not possible to use|can only be 0|must be 0[^\n]{0,12}) in cluster mode|keys in a DB different than DB 0 when in Cluster mode",
        family="server",
        weight=4.8,
        says="what is asked for does not exist in a cluster",
        example="ERR SWAPDB is not allowed in cluster mode",
    ),
    # What cluster clients say of keys before they send them: redis-py, coredis, ioredis.
    Signature(
        id="cluster-mode-mismatch-keys-apart",
        pattern=r"\bClusterCrossSlotError\b|\bCrossSlotTransactionError\b|[Kk]eys (?:involved )?in a (?:cluster transaction|pipeline command|transaction) (?:must|should) (?:map|belong) to the same slot|commands on different slots|[Mm]ultiple slots involved in transaction",
        family="redis-py",
        weight=4.8,
        says="keys of one command or transaction lie in different slots of a cluster",
        example="redis.exceptions.CrossSlotTransactionError: Cannot watch or send commands on different slots",
    ),
    Signature(
        id="cluster-mode-mismatch-blocked-in-client",
        pattern=r"is blocked (?:when running|in) (?:redis|valkey)(?: in)? cluster mode|\bis disabled for cluster client\b",
        family="redis-py",
        weight=4.0,
        says="a cluster client does not offer that",
        example="Calling pipelined function mset is blocked when running redis in cluster mode...",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "moved": 2.4,
    "redirects": 0.5,
    "no-topology": 2.1,
    "slot-missing": 0.3,
    "no-node": 1.2,
    "aborted": 1.4,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.saw("moved") and told.runtime == "node" and not told.saw("redirects"):
        yield Clue(weight=0.3, because="a redirection reached the application", seen=told.errors)
    if told.saw("moved") and told.marked("topology") and not told.saw("redirects"):
        yield Clue(
            weight=-1.0,
            because="the client that shows the redirection is one for clusters",
            seen=told.errors,
        )
    if told.marked("asked-cluster") and _NOT_OFFERED in told.signatures:
        yield Clue(
            weight=5.4,
            because="the command that is refused asks for a cluster's nodes: a cluster client before another server",
            seen=told.errors,
        )
    if told.marked("copies") and "cluster-mode-mismatch-select" in told.signatures:
        yield Clue(
            weight=-1.2,
            because="a program that copies goes through all databases, and knows clusters",
            seen=told.errors,
        )
    if told.saw("moved") and told.saw("redirects"):
        yield Clue(weight=-1.0, because="the client does follow redirections", seen=told.errors)


_NOT_OFFERED = "unsupported-command-or-db-unknown-command"


def against_now(told: Told, well: Evidence) -> Iterator[Statement]:
    """Remember what is known of the client."""
    if told.saw("moved", "redirects") and well.target is not None and well.target.cluster_aware:
        said = "the client knows clusters, as it was said, and follows redirections"
        yield Clue(weight=-2.5, because=said, seen=told.errors)
