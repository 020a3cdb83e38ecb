"""Let pods ask the cluster's DNS for a name that only the cluster gives, and DNS for one that they pin.

Source: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-s-dns-policy
"""

from __future__ import annotations

from json import dumps, loads

from refused.evidence.kubernetes import ClusterDns, KubernetesWorkload, clients
from refused.evidence.kubernetes_names import name_faults
from refused.remedies.change import Change, Missing, Setting
from refused.remedies.kubernetes import kubectl_patch, nested_under, place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from refused.evidence.bundle import Evidence

ENDS = ("dns-resolver-failure", "ip-address-changed")
RANK = 12


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose another DNS policy, or no pinned address, for each client that needs it."""
    target = evidence.target
    if target is None:
        return
    workloads, names = clients(evidence.all(KubernetesWorkload)), evidence.all(ClusterDns)
    wanted = "not-cluster" if cause == "dns-resolver-failure" else "pinned"
    for fault in name_faults(target.host, workloads, names):
        workload = fault.workload
        if fault.kind == "swallowed" and cause == "dns-resolver-failure":
            yield Missing(
                kind="pod-dns",
                cause=cause,
                what="the cluster's DNS that asks on for names that it does not know",
                needs="the word of whoever looks after CoreDNS",
                how="add the line fallthrough to its block hosts, or take the template out",
            )
        if fault.kind != wanted or workload is None:
            continue
        spec: dict[str, Any]
        after: str | None = None
        if fault.kind == "pinned":
            others: dict[str, list[str]] = {}
            for address, name in workload.host_aliases:
                if name.lower().rstrip(".") != target.host:
                    others.setdefault(address, []).append(name)
            kept = [{"ip": ip, "hostnames": hostnames} for ip, hostnames in others.items()]
            spec, what = {"hostAliases": kept or None}, f"pin {target.host} to no address"
            before: str | None = fault.address
        else:
            after = "ClusterFirstWithHostNet" if workload.host_network else "ClusterFirst"
            spec, what = {"dnsPolicy": after}, "ask the cluster's DNS"
            before = workload.dns_policy
        yield Change(
            kind="pod-dns",
            cause=cause,
            title=f"let the pods of {workload.title} {what}",
            where="kubernetes",
            settings=(Setting(name=next(iter(spec)), before=before, after=after),),
            facts=(("spec", dumps(spec)), *place_of(workload)),
            why=fault.said,
            affects="the pods of this workload, which start anew",
            interruption="a rolling restart",
            proof="from inside the pod the name leads to the address that DNS gives",
            hop="name",
            undo_says=f"set {next(iter(spec))} back: kubectl rollout undo",
        )


def render(change: Change) -> dict[str, str]:
    """Say it as a patch of the workload."""
    patch = nested_under(change.fact("template"), {"spec": loads(change.fact("spec"))})
    return {"kubectl": kubectl_patch(change, patch)}
