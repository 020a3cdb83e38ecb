"""Let the sidecar of a service mesh leave the Redis ports alone.

Only the ports that this client needs: taking all of a range out of the mesh takes more out than Redis
wants. Exclusions are annotations of the pod, so the pods start anew.

Sources:
    https://istio.io/latest/docs/reference/config/annotations/
    https://linkerd.io/2/features/protocol-detection/
    https://developer.hashicorp.com/consul/docs/k8s/annotations-and-labels
"""

from __future__ import annotations

from json import dumps

from refused.evidence.observations import Platform, Unseen
from refused.remedies.change import Change, Missing, Setting
from refused.remedies.reading import the_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Evidence

ENDS = ("service-mesh-intercept",)
RANK = 10
ANNOTATIONS = {
    "istio": "traffic.sidecar.istio.io/excludeOutboundPorts",
    "linkerd": "config.linkerd.io/skip-outbound-ports",
    "consul": "consul.hashicorp.com/transparent-proxy-exclude-outbound-ports",
}


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose an annotation for the mesh that was seen."""
    target, platform = evidence.target, evidence.one(Platform)
    if target is None:
        return
    mesh = "" if isinstance(platform, Unseen) else platform.mesh
    name = ANNOTATIONS.get(mesh)
    if name is None:
        yield Missing(
            kind="mesh-exclusion",
            cause=cause,
            what="an annotation that takes the Redis port out of the mesh",
            needs="which mesh it is",
            how="look from inside the pod: --from k8s:NAMESPACE/POD",
        )
        return
    cache, ports = the_cache(evidence), str(target.port)
    # Linkerd takes ranges; Istio and Consul take single ports, so a cluster's are listed by node.
    nodes = (
        []
        if cache is None
        else [str(tls or plain) for plain, tls, _ in cache.node_ports if tls or plain]
    )
    others = [each for each in dict.fromkeys(nodes) if each != ports]
    value = ",".join([ports, *others])
    yield Change(
        kind="mesh-exclusion",
        cause=cause,
        title=f"take port {value} of this workload out of {mesh}",
        where="kubernetes",
        settings=(Setting(name=name, before=None, after=value),),
        facts=(("annotation", name), ("ports", value), ("mesh", mesh)),
        why=f"the sidecar of {mesh} accepts the connection itself and does not carry Redis through",
        affects="the pods of this workload, which start anew; the mesh no longer sees this traffic, TLS of its own stays",
        interruption="a rolling restart",
        proof="from inside the pod TLS completes with the cache's own certificate, and PING is answered",
        hop="resp",
        undo_says="remove the annotation",
    )


def render(change: Change) -> dict[str, str]:
    """Say the annotation as a patch of a deployment, and as what to type."""
    patch = {
        "spec": {
            "template": {
                "metadata": {"annotations": {change.fact("annotation"): change.fact("ports")}}
            }
        }
    }
    return {
        "kubectl": f"kubectl --namespace NAMESPACE patch deployment NAME --type merge --patch '{dumps(patch)}'"
    }
