"""Let the sidecar of a service mesh leave the Redis ports alone.

Only the ports that this client needs: taking all of a range out of the mesh takes more out than Redis
wants. Exclusions are annotations of the pod, so the pods start anew. Where the mesh lets out to registered
hosts alone, an exclusion would lead past that rule: there :mod:`refused.remedies.kinds.service_entry`
registers the host instead.

Sources:
    https://istio.io/latest/docs/reference/config/annotations/
    https://linkerd.io/2/features/protocol-detection/
    https://developer.hashicorp.com/consul/docs/k8s/annotations-and-labels
"""

from __future__ import annotations

from refused.evidence.kubernetes import (
    IstioSidecarScope,
    KubernetesWorkload,
    MeshSettings,
    Sidecar,
    clients,
)
from refused.evidence.kubernetes_faults import (
    EXCLUSIONS,
    exclusion,
    mesh_faults,
    wanted_ports,
)
from refused.evidence.kubernetes_mesh import captures, outbound
from refused.evidence.observations import Platform, Unseen
from refused.remedies.change import Change, Missing, Setting
from refused.remedies.kubernetes import PLACE, kubectl_patch, nested_under, place_of
from refused.remedies.reading import the_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Evidence

ENDS = ("service-mesh-intercept",)
RANK = 10
# Faults that a port which is left alone does not end, or that it would lead past.
_NOT_BY_EXCLUSION = frozenset({"no-entry", "entry-port", "egress-network", "strict-mtls"})


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose an annotation for the mesh that was seen."""
    target = evidence.target
    if target is None:
        return
    workloads = clients(evidence.all(KubernetesWorkload))
    if not workloads:
        yield from _by_sign(cause, evidence)
        return
    faults = mesh_faults(evidence)
    for workload in workloads:
        own = [each for each in faults if each.workload == workload]
        for sidecar in workload.sidecars:
            if sidecar.mesh not in EXCLUSIONS or captures(sidecar, target.port) is False:
                clash = [each for each in own if each.kind == "port-clash"]
                if sidecar.mesh not in EXCLUSIONS or not clash:
                    continue
            struck = [each for each in own if each.mesh == sidecar.mesh]
            if struck and all(each.kind in _NOT_BY_EXCLUSION for each in struck):
                continue
            clashing = [port for each in struck if each.kind == "port-clash" for port in each.ports]
            ports = clashing or wanted_ports(evidence, target)[0]
            if workload.template:
                yield _change(cause, sidecar, tuple(ports), workload, evidence)
            else:
                yield _of_its_maker(cause, workload)
            break


def _of_its_maker(cause: str, workload: KubernetesWorkload) -> Missing:
    """Say that a pod is too late for an annotation, which is read when it is made."""
    return Missing(
        kind="mesh-exclusion",
        cause=cause,
        what=f"an annotation that takes the Redis port of {workload.title} out of the mesh",
        needs="the workload that makes the pod: the sidecar reads annotations when it is injected",
        how="name it with --workload namespace/kind/name",
    )


def _by_sign(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose it for a workload that nobody described, in whose pod signs of a mesh were seen."""
    target, platform = evidence.target, evidence.one(Platform)
    mesh = "" if isinstance(platform, Unseen) else platform.mesh
    if target is None or mesh not in EXCLUSIONS:
        yield Missing(
            kind="mesh-exclusion",
            cause=cause,
            what="an annotation that takes the Redis port out of the mesh",
            needs="which mesh it is",
            how="look from inside the pod (--from k8s:NAMESPACE/POD), or give the manifests (--manifest)",
        )
        return
    cache = the_cache(evidence)
    nodes = () if cache is None else cache.node_ports
    others = [tls or plain for plain, tls, _ in nodes if tls or plain]
    seen = Sidecar(mesh=mesh, present=True, said="")  # type: ignore[arg-type]
    yield _change(cause, seen, (target.port, *others), None, evidence)


def _change(
    cause: str,
    sidecar: Sidecar,
    ports: tuple[int, ...],
    workload: KubernetesWorkload | None,
    evidence: Evidence,
) -> Change:
    name, value = exclusion(sidecar, ports)
    _, before = exclusion(sidecar, ())
    whose = "this workload" if workload is None else workload.title
    only = workload is not None and (
        outbound(workload, evidence.all(IstioSidecarScope), evidence.all(MeshSettings)).policy
        == "REGISTRY_ONLY"
    )
    shown = ",".join(str(each) for each in dict.fromkeys(ports))
    return Change(
        kind="mesh-exclusion",
        cause=cause,
        title=f"take port {shown} of {whose} out of {sidecar.mesh}",
        where="kubernetes",
        settings=(Setting(name=name, before=before or None, after=value),),
        facts=(("annotation", name), ("ports", value), ("mesh", sidecar.mesh), *place_of(workload)),
        why=f"the sidecar of {sidecar.mesh} accepts the connection itself and does not carry Redis through",
        affects="the pods of this workload, which start anew; the mesh no longer sees this traffic, TLS of its own stays",
        interruption="a rolling restart",
        proof="from inside the pod TLS completes with the cache's own certificate, and PING is answered",
        hop="resp",
        undo_says="remove the annotation" if not before else f"set the annotation back to {before}",
        owner_word="the mesh lets out to registered hosts alone, and connections to these ports would pass by that"
        if only
        else "",
    )


def render(change: Change) -> dict[str, str]:
    """Say the annotation as a patch of the workload."""
    place = dict(change.facts)
    note = {"metadata": {"annotations": {change.fact("annotation"): change.fact("ports")}}}
    patch = nested_under(place.get("template", PLACE["template"]), note)
    return {"kubectl": kubectl_patch(change, patch)}
