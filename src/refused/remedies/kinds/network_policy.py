"""Let exactly one workload out to exactly the cache, or to the cluster's DNS, by a policy beside those there.

Policies add up, so that none of the others is touched. What a rule of Cilium's denies outright no other
rule allows again: there its owner has to decide.

Sources:
    https://kubernetes.io/docs/concepts/services-networking/network-policies/
    https://docs.cilium.io/en/stable/security/policy/layer3/#dns-based
"""

from __future__ import annotations

from json import dumps, loads

from refused.evidence.kubernetes import KubernetesPolicy
from refused.evidence.kubernetes_faults import (
    addresses_of,
    dns_faults,
    policy_faults,
    wanted_ports,
)
from refused.evidence.kubernetes_policy import DNS_LABELS, DNS_NAMESPACE, NAME_LABEL
from refused.evidence.path import is_literal
from refused.remedies.change import Change, Missing, Setting
from refused.remedies.kubernetes import kubectl_create, object_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from refused.evidence.bundle import Evidence
    from refused.evidence.kubernetes_faults import PolicyFault

ENDS = ("egress-blocked", "dns-resolver-failure")
RANK = 10


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose a policy for each workload whose packets are dropped."""
    is_dns = cause == "dns-resolver-failure"
    faults = dns_faults(evidence) if is_dns else policy_faults(evidence)
    for fault in faults:
        if not fault.sure:
            continue
        denied = fault.decision.allowing
        if denied is not None:
            yield Missing(
                kind="network-policy",
                cause=cause,
                what="a way out through the network policies",
                needs=f"an exception in {denied.name}, whose rule denies it before any other is asked",
                how="ask its owner to leave exactly this host and port out of egressDeny",
            )
            continue
        made = _dns(fault) if is_dns else _target(fault, evidence)
        if isinstance(made, str):
            yield Missing(
                kind="network-policy",
                cause=cause,
                what="a policy that lets the workload out to exactly the cache",
                needs=made,
                how="look from where the name resolves, or give the address as the target",
            )
            continue
        body, what = made
        yield _change(cause, fault, body, what)


def _uses_cilium(policies: Sequence[KubernetesPolicy]) -> bool:
    return any(each.flavour != "kubernetes" for each in policies)


def _target(fault: PolicyFault, evidence: Evidence) -> tuple[dict[str, Any], str] | str:
    target, packet = evidence.target, fault.packet
    if target is None:
        return "a target"
    ports = [packet.port]
    if packet.place != "pod" and target.cluster_aware is not False:
        known = wanted_ports(evidence, target)
        ports = list(known[0]) if known[2] else ports
    listed = [{"protocol": "TCP", "port": port} for port in ports]
    shown = ", ".join(str(each) for each in ports)
    if packet.place == "pod":
        peer = {
            "namespaceSelector": {"matchLabels": {NAME_LABEL: packet.to_namespace}},
            "podSelector": {"matchLabels": dict(packet.to_labels)},
        }
        return _kubernetes(fault, [peer], listed), f"TCP {shown} to the pods of {target.host}"
    if not is_literal(target.host) and _uses_cilium(evidence.all(KubernetesPolicy)):
        return _cilium(fault, target.host, ports), f"TCP {shown} to {target.host}"
    addresses = addresses_of(evidence)
    if not addresses:
        return "the address that the name leads to"
    peers = [{"ipBlock": {"cidr": f"{each}/{128 if ':' in each else 32}"}} for each in addresses]
    return _kubernetes(fault, peers, listed), f"TCP {shown} to {', '.join(addresses)}"


def _dns(fault: PolicyFault) -> tuple[dict[str, Any], str]:
    peer = {
        "namespaceSelector": {"matchLabels": {NAME_LABEL: DNS_NAMESPACE}},
        "podSelector": {"matchLabels": dict(DNS_LABELS)},
    }
    ports = [{"protocol": each, "port": 53} for each in ("UDP", "TCP")]
    return _kubernetes(fault, [peer], ports), "UDP and TCP 53 to the cluster's DNS"


def _kubernetes(
    fault: PolicyFault, peers: Sequence[dict[str, Any]], ports: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(fault),
        "spec": {
            "podSelector": {"matchLabels": _labels(fault)},
            "policyTypes": ["Egress"],
            "egress": [{"to": list(peers), "ports": list(ports)}],
        },
    }


def _cilium(fault: PolicyFault, host: str, ports: Sequence[int]) -> dict[str, Any]:
    """Return a policy by name: Cilium learns its addresses from the answers that it sees."""
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": _metadata(fault),
        "spec": {
            "endpointSelector": {"matchLabels": _labels(fault)},
            "egress": [
                {
                    "toEndpoints": [
                        {
                            "matchLabels": {
                                "k8s:io.kubernetes.pod.namespace": DNS_NAMESPACE,
                                "k8s:k8s-app": "kube-dns",
                            }
                        }
                    ],
                    "toPorts": [
                        {
                            "ports": [{"port": "53", "protocol": "ANY"}],
                            # All names are asked for through the proxy once it reads any.
                            "rules": {"dns": [{"matchPattern": "*"}]},
                        }
                    ],
                },
                {
                    "toFQDNs": [{"matchName": host}],
                    "toPorts": [
                        {"ports": [{"port": str(port), "protocol": "TCP"} for port in ports]}
                    ],
                },
            ],
        },
    }


def _metadata(fault: PolicyFault) -> dict[str, str]:
    name = "dns" if fault.packet.port == 53 else "redis"
    return {
        "name": object_name(fault.workload.name, f"{name}-from"),
        "namespace": fault.workload.namespace,
    }


# Labels that change from one pod to the next, or with every roll-out, choose none of the next ones.
_PASSING = frozenset(
    {
        "pod-template-hash",
        "controller-revision-hash",
        "pod-template-generation",
        "controller-uid",
        "batch.kubernetes.io/controller-uid",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
    }
)


def _labels(fault: PolicyFault) -> dict[str, str]:
    return {key: value for key, value in fault.workload.labels if key not in _PASSING}


def _change(cause: str, fault: PolicyFault, body: dict[str, Any], what: str) -> Change:
    name, workload = body["metadata"]["name"], fault.workload
    return Change(
        kind="network-policy",
        cause=cause,
        title=f"let {workload.title} out to {what}",
        where="kubernetes",
        settings=(Setting(name=f"{body['kind']} {name}", before=None, after=f"allow {what}"),),
        facts=(("body", dumps(body)),),
        why=fault.said,
        affects=f"the pods of {workload.title}, for this destination alone; no other policy is touched",
        interruption="none",
        proof="the dial is accepted from inside the pod",
        hop="name" if fault.packet.port == 53 else "tcp",
        undo_says=f"delete the policy {name}",
    )


def render(change: Change) -> dict[str, str]:
    """Say it as an object to create."""
    return {"kubectl": kubectl_create(loads(change.fact("body")))}
