"""Take the cache out of what the kubelet ends pods for.

The probe goes; a process that hangs is then not noticed until the owner gives it one that asks the process
alone, and says so.

Source: https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
"""

from __future__ import annotations

from refused.evidence.kubernetes import KubernetesWorkload, clients
from refused.remedies.change import Change, Missing, Setting
from refused.remedies.kubernetes import kubectl_patch, nested_under, place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Evidence

ENDS = ("kubernetes-liveness-restart",)
RANK = 10


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose to remove each liveness probe that asks the cache."""
    for workload in clients(evidence.all(KubernetesWorkload)):
        for probe in workload.probes:
            if probe.purpose != "liveness" or not probe.names_cache:
                continue
            after = probe.period_s * probe.failures
            if not workload.template:
                yield Missing(
                    kind="liveness-probe",
                    cause=cause,
                    what=f"the pods of {workload.title} without that probe",
                    needs="the workload that makes them: probes of a pod cannot be changed",
                    how="name it with --workload namespace/kind/name",
                )
                continue
            yield Change(
                kind="liveness-probe",
                cause=cause,
                title=f"remove the liveness probe of {probe.container} in {workload.title} that asks the cache",
                where="kubernetes",
                settings=(
                    Setting(name="livenessProbe", before=f"{probe.how}, {after} s", after=None),
                ),
                facts=(("container", probe.container), *place_of(workload)),
                why=f"it ends every pod once the cache is away for {after} s, and all come back at once",
                affects="the pods of this workload, which start anew; one that hangs is not ended until it has a probe of its own",
                interruption="a rolling restart",
                proof="restart counts stay as they are while the cache fails over",
                hop="resp",
                undo_says="put the probe back: kubectl rollout undo",
            )


def render(change: Change) -> dict[str, str]:
    """Say it as a strategic patch, which finds the container by its name."""
    container = {"name": change.fact("container"), "livenessProbe": None}
    patch = nested_under(change.fact("template"), {"spec": {"containers": [container]}})
    return {"kubectl": kubectl_patch(change, patch, kind="strategic")}
