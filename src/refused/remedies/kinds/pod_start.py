"""Let the application wait until the sidecar beside it is ready.

Source: https://istio.io/latest/docs/ops/common-problems/injection/#pod-or-containers-start-with-network-issues-if-istio-proxy-is-not-ready
"""

from __future__ import annotations

from json import dumps

from refused.evidence.kubernetes import KubernetesWorkload, clients
from refused.evidence.kubernetes_mesh import captures
from refused.remedies.change import Change, Missing, Setting
from refused.remedies.kubernetes import kubectl_patch, nested_under, place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Evidence

ENDS = ("service-mesh-intercept",)
RANK = 30
ANNOTATION = "proxy.istio.io/config"
VALUE = dumps({"holdApplicationUntilProxyStarts": True})


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose the annotation for pods whose application does not wait, where the connection was refused."""
    target, broken = evidence.target, evidence.broken
    if target is None or broken is None or broken.how != "refused":
        return
    for workload in clients(evidence.all(KubernetesWorkload)):
        for sidecar in workload.sidecars:
            if sidecar.mesh != "istio" or sidecar.holds_application:
                continue
            if captures(sidecar, target.port) is False:
                continue
            if sidecar.has_config:
                yield Missing(
                    kind="pod-start",
                    cause=cause,
                    what=f"an application of {workload.title} that waits for its sidecar",
                    needs=f"what else the annotation {ANNOTATION} says",
                    how="add holdApplicationUntilProxyStarts: true to it",
                )
                continue
            yield Change(
                kind="pod-start",
                cause=cause,
                title=f"let the application of {workload.title} wait until its sidecar is ready",
                where="kubernetes",
                settings=(Setting(name=ANNOTATION, before=None, after=VALUE),),
                facts=place_of(workload),
                why="until the sidecar listens, connections that are redirected to it are refused",
                affects="the pods of this workload, which start anew, and a little later than before",
                interruption="a rolling restart",
                proof="pods that have just started connect at once",
                hop="tcp",
                undo_says="remove the annotation",
            )


def render(change: Change) -> dict[str, str]:
    """Say the annotation as a patch of the workload."""
    note = {"metadata": {"annotations": {ANNOTATION: VALUE}}}
    return {"kubectl": kubectl_patch(change, nested_under(change.fact("template"), note))}
