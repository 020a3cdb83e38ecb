"""The pod is ended because its liveness probe asks the cache.

What is wrong
    The liveness probe of the application's container fails when Redis does. The kubelet then ends a
    process that could have waited and recovered, in every pod at once; each comes back with a storm of
    new connections, which keeps the cache from recovering.
How it looks
    Restarts that rise together in all pods, "Liveness probe failed", exit codes 137 and 143, and
    connections that are cut in the middle; the first failure was another one, often a short failover.
What ends it
    A liveness probe that asks the process alone. That the cache is away belongs into the readiness
    probe, if anywhere: whoever cannot serve without it takes no requests, and lives on.
What it is not
    ``server-failover-maintenance``: that is over in seconds, and these restarts go on.
    ``client-timeout-too-short``: there the process lives.
Sources
    https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-best-practices-kubernetes
"""

from __future__ import annotations

from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.kubernetes import KubernetesWorkload, clients

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="kubernetes-liveness-restart",
    title="the pod is ended because its liveness probe asks the cache",
    hop="command",
    shows_at=("tcp", "tls", "resp", "command"),
    bucket="configuration",
    # It follows another fault and makes it worse; alone it breaks nothing.
    prior=-1.5,
    needs=(KubernetesWorkload,),
    remedies=(
        "let the liveness probe ask the process alone, and the readiness probe whether the cache is there",
        "give a probe that stays more time: a higher failureThreshold, and a timeoutSeconds above the client's own",
    ),
    verify="the pods' restart counts stay as they are while the cache fails over",
    prevent="no liveness probe that reaches beyond its own process; a look at restarts after each failover test",
)

# How a container ends that the kubelet ended: by SIGKILL, or by SIGTERM that it obeyed.
# Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
ENDED = ("(137)", "(143)")


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See what the pods' liveness probes try, and whether pods were started anew."""
    workloads = clients(evidence.all(KubernetesWorkload))
    if evidence.broken is None:
        return
    for workload in workloads[:1]:
        lethal = [each for each in workload.probes if each.purpose == "liveness"]
        asking = next((each for each in lethal if each.names_cache), None)
        if asking is None:
            if workload.restarts == 0 or not lethal:
                said = f"no liveness probe of {workload.title} asks the cache"
                yield RuledOut(because=said, seen=(workload,))
            continue
        after = asking.period_s * asking.failures
        said = f"the liveness probe of {workload.title} tries {asking.how}, and ends the pod after {after} s without it"
        is_ended = "OOMKilled" not in workload.last_end and workload.last_end.endswith(ENDED)
        if workload.restarts and is_ended:
            yield Proof(
                because=f"{said}; {workload.restarts} restarts were counted, the last of {workload.last_end}",
                seen=(workload,),
            )
        else:
            yield Clue(weight=0.8, because=said, seen=(workload,))


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="kubernetes-liveness-restart-said-so",
        pattern=r"failed liveness probe, will be restarted|Liveness probe failed: [^\n]{0,200}(?:redis|valkey|6379|6380|cache)",
        family="kubernetes",
        weight=4.5,
        says="the kubelet ends a container whose liveness probe failed",
        example="Container app failed liveness probe, will be restarted",
        ignores_case=True,
    ),
    Signature(
        id="kubernetes-liveness-restart-unhealthy",
        pattern=r"Unhealthy\b[^\n]{0,80}Liveness probe failed",
        family="kubernetes",
        weight=3.0,
        says="the kubelet tells that a liveness probe failed",
        example="Warning  Unhealthy  2m  kubelet  Liveness probe failed: HTTP probe failed with statuscode: 503",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS: dict[str, float] = {}
