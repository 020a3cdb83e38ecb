"""Network policies of Kubernetes and of Cilium, of outbound traffic, brought to one shape.

Sources:
    https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/
    https://docs.cilium.io/en/stable/security/policy/
"""

from __future__ import annotations

from refused.evidence.kubernetes import (
    KubernetesPolicy,
    LabelTest,
    PolicyPeer,
    PolicyPort,
    PolicyRule,
    Selector,
)
from refused.evidence.kubernetes_policy import NAME_LABEL
from refused.probes.kubernetes.objects import (
    VANTAGE,
    at,
    number,
    rows,
    selector,
    table,
    text,
    truth,
    words,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from refused.evidence.kubernetes import PolicyFlavour
    from refused.probes.kubernetes.objects import Object

_CILIUM: dict[str, PolicyFlavour] = {
    "CiliumNetworkPolicy": "cilium",
    "CiliumClusterwideNetworkPolicy": "cilium-cluster",
}
# Under this label Cilium knows an endpoint's namespace, and under the prefix the namespace's labels.
# Source: https://docs.cilium.io/en/stable/security/policy/kubernetes/
_NAMESPACE = "io.kubernetes.pod.namespace"
_NAMESPACE_LABELS = "io.cilium.k8s.namespace.labels."
_PEERS = (
    "toEndpoints",
    "toCIDR",
    "toCIDRSet",
    "toFQDNs",
    "toEntities",
    "toServices",
    "toGroups",
    "toNodes",
)


def policies(item: Object) -> Iterator[KubernetesPolicy]:
    """Give what *item* says of outbound traffic; nothing where it is no policy."""
    if item.kind == "NetworkPolicy" and item.group == "networking.k8s.io":
        yield _kubernetes(item)
    elif item.kind in _CILIUM and item.group == "cilium.io":
        specs = rows(item.data.get("specs")) or ([item.spec] if item.spec else [])
        for spec in specs:
            if "nodeSelector" not in spec:  # of nodes, not of pods
                yield _cilium(item, spec, _CILIUM[item.kind])


def _kubernetes(item: Object) -> KubernetesPolicy:
    spec = item.spec
    egress = spec.get("egress")
    types = words(spec.get("policyTypes"))
    isolates = "Egress" in types if types else bool(egress)
    return KubernetesPolicy(
        vantage=VANTAGE,
        at=0.0,
        took_ms=0.0,
        source=item.source,
        flavour="kubernetes",
        namespace=item.namespace,
        name=item.name,
        selects=selector(spec.get("podSelector")),
        isolates=isolates,
        rules=tuple(_rule(each) for each in rows(egress)) if isolates else (),
    )


def _rule(rule: Mapping[str, Any]) -> PolicyRule:
    peers = tuple(_peer(each) for each in rows(rule.get("to")))
    ports = tuple(_port(each) for each in rows(rule.get("ports")))
    return PolicyRule(peers=peers, any_peer=not peers, ports=ports)


def _peer(peer: Mapping[str, Any]) -> PolicyPeer:
    block = at(peer, "ipBlock", "cidr")
    if block is not None:
        return PolicyPeer(block=text(block), excepted=words(at(peer, "ipBlock", "except")))
    pods, namespaces = peer.get("podSelector"), peer.get("namespaceSelector")
    if pods is None and namespaces is None:
        return PolicyPeer(other="a peer that says nothing")
    return PolicyPeer(
        pods=None if pods is None else selector(pods),
        namespaces=None if namespaces is None else selector(namespaces),
    )


def _port(port: Mapping[str, Any]) -> PolicyPort:
    protocol = text(port.get("protocol")).upper() or "TCP"
    value = port.get("port")
    # A name holds a letter; digits in quotes are a name that no port may bear, and fit nothing.
    if isinstance(value, str):
        return PolicyPort(protocol=protocol, name=value)
    first = number(value)
    return PolicyPort(protocol=protocol, first=first, last=number(port.get("endPort")) or first)


# --- cilium ----------------------------------------------------------------------------------------


def _cilium(item: Object, spec: Mapping[str, Any], flavour: PolicyFlavour) -> KubernetesPolicy:
    allows, denies = rows(spec.get("egress")), rows(spec.get("egressDeny"))
    default = truth(at(spec, "enableDefaultDeny", "egress"))
    rules = [_cilium_rule(each, denies=False, flavour=flavour) for each in allows]
    rules += [_cilium_rule(each, denies=True, flavour=flavour) for each in denies]
    selects, _ = _endpoints(table(spec.get("endpointSelector")))
    return KubernetesPolicy(
        vantage=VANTAGE,
        at=0.0,
        took_ms=0.0,
        source=item.source,
        flavour=flavour,
        namespace="" if flavour == "cilium-cluster" else item.namespace,
        name=item.name,
        selects=selects,
        isolates=bool(allows or denies) if default is None else default,
        rules=tuple(rules),
    )


def _cilium_rule(rule: Mapping[str, Any], *, denies: bool, flavour: PolicyFlavour) -> PolicyRule:
    ports: list[PolicyPort] = []
    names: list[str] = []
    reads = ""
    for each in rows(rule.get("toPorts")):
        ports += [_cilium_port(port) for port in rows(each.get("ports"))]
        told = table(each.get("rules"))
        names += [_fqdn(name) for name in rows(told.get("dns"))]
        reads = reads or next((kind for kind in told if kind != "dns"), "")
    peers = list(_cilium_peers(rule, flavour))
    speaks = any(key in rule for key in _PEERS)
    return PolicyRule(
        peers=tuple(peers),
        # Without any peer a rule with ports speaks of everybody, and one without ports of nobody.
        any_peer=not speaks and bool(ports),
        ports=tuple(ports),
        denies=denies,
        dns_names=tuple(each for each in names if each),
        reads=reads,
    )


def _cilium_port(port: Mapping[str, Any]) -> PolicyPort:
    protocol = text(port.get("protocol")).upper() or "ANY"
    value = port.get("port")
    first = number(value)
    if first is None:
        return PolicyPort(protocol=protocol, name=text(value))
    if first == 0:
        return PolicyPort(protocol=protocol)
    return PolicyPort(protocol=protocol, first=first, last=number(port.get("endPort")) or first)


def _cilium_peers(rule: Mapping[str, Any], flavour: PolicyFlavour) -> Iterator[PolicyPeer]:
    for block in words(rule.get("toCIDR")):
        yield PolicyPeer(block=block)
    for each in rows(rule.get("toCIDRSet")):
        if text(each.get("cidr")):
            yield PolicyPeer(block=text(each.get("cidr")), excepted=words(each.get("except")))
        else:
            yield PolicyPeer(other="a group of prefixes")
    for each in rows(rule.get("toFQDNs")):
        yield PolicyPeer(fqdn=_fqdn(each))
    for word in words(rule.get("toEntities")):
        yield PolicyPeer(entity=word)
    for each in rows(rule.get("toEndpoints")):
        pods, namespaces = _endpoints(each)
        if any(key.startswith("reserved") for key, _ in pods.labels):
            yield PolicyPeer(other="a reserved label")
            continue
        if namespaces is None and flavour == "cilium-cluster":
            namespaces = Selector()
        yield PolicyPeer(pods=pods, namespaces=namespaces)
    for kind in ("toServices", "toGroups", "toNodes"):
        if rule.get(kind):
            yield PolicyPeer(other=kind)


def _fqdn(said: Mapping[str, Any]) -> str:
    return text(said.get("matchName")) or text(said.get("matchPattern"))


def _endpoints(said: Mapping[str, Any]) -> tuple[Selector, Selector | None]:
    """Part a selector of Cilium's into what it says of pods and what of their namespace."""
    whole = selector(said)
    pods: list[tuple[str, str]] = []
    spaces: list[tuple[str, str]] = []
    pod_tests: list[LabelTest] = []
    space_tests: list[LabelTest] = []
    for key, value in whole.labels:
        name, is_space = _label(key)
        (spaces if is_space else pods).append((name, value))
    for test in whole.tests:
        name, is_space = _label(test.key)
        (space_tests if is_space else pod_tests).append(test.replace(key=name))
    about_spaces = bool(spaces or space_tests)
    return (
        Selector(labels=tuple(pods), tests=tuple(pod_tests)),
        Selector(labels=tuple(spaces), tests=tuple(space_tests)) if about_spaces else None,
    )


def _label(key: str) -> tuple[str, bool]:
    """Return a label without the prefix of its source, and whether it is the namespace's."""
    for prefix in ("k8s:", "any:", "k8s.", "any."):
        if key.startswith(prefix):
            key = key[len(prefix) :]
            break
    if key == _NAMESPACE:
        return NAME_LABEL, True
    if key.startswith(_NAMESPACE_LABELS):
        return key[len(_NAMESPACE_LABELS) :], True
    return key, False
