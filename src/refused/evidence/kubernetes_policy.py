"""What the network policies of a cluster do with a packet, worked out from the policies alone.

Kubernetes adds policies up: a pod that none selects may do anything; one that some select may do what
any rule of theirs allows. Cilium's own policies join in, and what they deny comes first. Where what was
read does not suffice (an address that is not known, labels that were not read) a rule fits *perhaps*,
and a decision on which it bears is ``unknown``, never guessed.

Sources:
    https://kubernetes.io/docs/concepts/services-networking/network-policies/
    https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/
    https://docs.cilium.io/en/stable/security/policy/

The module keeps to Python 3.8 and the standard library: bundles are judged anywhere.
"""

from __future__ import annotations

from refused.evidence.record import Record
from refused.service.addresses import in_network, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, Literal, Mapping, Optional, Sequence, Tuple

    from refused.evidence.kubernetes import (
        KubernetesNamespace,
        KubernetesPolicy,
        PolicyPeer,
        PolicyPort,
        PolicyRule,
        Selector,
    )

    Access = Literal["allow", "deny", "unknown"]
    Place = Literal["outside", "pod", "unknown"]
    # Whether something fits: yes, no, or not to be told from what was read.
    Perhaps = Optional[bool]

# Every namespace bears its own name under this label since Kubernetes 1.22.
# Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/#automatic-labelling
NAME_LABEL = "kubernetes.io/metadata.name"
# The cluster's DNS, by the labels that every distribution keeps for the sake of such policies.
# Source: https://kubernetes.io/docs/tasks/administer-cluster/dns-custom-nameservers/
DNS_NAMESPACE = "kube-system"
DNS_LABELS = (("k8s-app", "kube-dns"),)
# Entities of Cilium that hold what is outside the cluster, and what is a pod of it.
# Source: https://docs.cilium.io/en/stable/security/policy/layer3/#entities-based
_OUTSIDE = frozenset({"world", "all"})
_OUTSIDE_BY_VERSION = {"world-ipv4": 4, "world-ipv6": 6}
_PODS = frozenset({"cluster", "all"})


class Packet(Record):
    """One packet that opens a connection from a pod.

    Attributes:
        namespace, labels: The pod's that sends it.
        port: At the other end.
        protocol: ``TCP`` or ``UDP``.
        address: Where it goes; ``""`` where no address is known.
        host: The name that was looked up for it.
        place: What stands at the other end.
        to_namespace, to_labels: Of the pod at the other end, as far as known.
        labels_complete: Whether *to_labels* are all that it has.
        to_ports: ``(name, number)`` of the ports of the pod at the other end.
    """

    namespace: str
    labels: tuple[tuple[str, str], ...]
    port: int
    protocol: str = "TCP"
    address: str = ""
    host: str = ""
    place: Place = "outside"
    to_namespace: str | None = None
    to_labels: tuple[tuple[str, str], ...] = ()
    labels_complete: bool = False
    to_ports: tuple[tuple[str, int], ...] | None = None


class PolicyDecision(Record):
    """What the policies do with a packet.

    Attributes:
        access: ``unknown`` where a rule that may fit would decide otherwise.
        isolating: The policies that deny what no rule allows.
        allowing: The policy whose rule lets it through, or whose rule denies it.
        perhaps: Policies with a rule that may fit.
        unlearnt: Policies that name the host, whose addresses nobody learns for want of a DNS rule.
    """

    access: Access
    isolating: tuple[KubernetesPolicy, ...] = ()
    allowing: KubernetesPolicy | None = None
    perhaps: tuple[KubernetesPolicy, ...] = ()
    unlearnt: tuple[KubernetesPolicy, ...] = ()


def selects(
    selector: Selector, labels: Iterable[Tuple[str, str]], *, complete: bool = True
) -> Perhaps:
    """Whether *selector* means something with *labels*.

    Args:
        complete: Whether *labels* are all that it has.
    """
    have = dict(labels)
    fits = [_has(have, key, (value,), complete) for key, value in selector.labels]
    for test in selector.tests:
        if test.operator == "In":
            fits.append(_has(have, test.key, test.values, complete))
        elif test.operator == "NotIn":
            # A label that is not there is none of the values, too.
            fits.append(_not(_has(have, test.key, test.values, complete)))
        elif test.operator == "Exists":
            fits.append(True if test.key in have else (False if complete else None))
        elif test.operator == "DoesNotExist":
            fits.append(False if test.key in have else (True if complete else None))
        else:
            fits.append(None)  # no operator that Kubernetes knows
    return _all(fits)


def decide(
    policies: Iterable[KubernetesPolicy],
    packet: Packet,
    namespaces: Iterable[KubernetesNamespace] = (),
) -> PolicyDecision:
    """Return what *policies* do with *packet*.

    Args:
        policies: Those of the sender's namespace and the cluster-wide ones; others are left out.
        namespaces: Those that were read; of the others the name alone is known.
    """
    around = {each.name: each.labels for each in namespaces}
    near = [each for each in policies if each.namespace in ("", packet.namespace)]
    sure = [each for each in near if selects(each.selects, packet.labels)]
    maybe = [each for each in near if selects(each.selects, packet.labels) is None]
    learnt = _learns(sure, packet.host)
    unlearnt, allowing, perhaps = [], [], []
    for policy in (*sure, *maybe):
        allows, denies = _said(policy, packet, around, learnt=learnt)
        if policy in maybe:
            allows, denies = allows and None, denies and None
        if denies:
            return PolicyDecision(access="deny", isolating=tuple(sure), allowing=policy)
        if allows:
            allowing.append(policy)
        elif denies is None or allows is None:
            perhaps.append(policy)
        elif not learnt and _said(policy, packet, around, learnt=True)[0]:
            unlearnt.append(policy)
    isolating = tuple(each for each in sure if each.isolates)
    may_deny = any(_said(each, packet, around, learnt=learnt)[1] is not False for each in perhaps)
    if may_deny or (not isolating and not allowing and any(each.isolates for each in maybe)):
        return PolicyDecision(
            access="unknown", isolating=isolating, perhaps=tuple(perhaps or maybe)
        )
    if allowing:
        return PolicyDecision(access="allow", isolating=isolating, allowing=allowing[0])
    if not isolating:
        return PolicyDecision(access="allow")
    return PolicyDecision(
        access="unknown" if perhaps else "deny",
        isolating=isolating,
        perhaps=tuple(perhaps),
        unlearnt=tuple(unlearnt),
    )


def dns_packets(namespace: str, labels: Tuple[Tuple[str, str], ...]) -> Tuple[Packet, ...]:
    """Return the packets with which a pod asks the cluster's DNS: over UDP, and over TCP for long answers."""
    return tuple(
        Packet(
            namespace=namespace,
            labels=labels,
            port=53,
            protocol=protocol,
            place="pod",
            to_namespace=DNS_NAMESPACE,
            to_labels=DNS_LABELS,
            to_ports=(("dns", 53), ("dns-tcp", 53)),
        )
        for protocol in ("UDP", "TCP")
    )


def _said(
    policy: KubernetesPolicy,
    packet: Packet,
    around: Mapping[str, Tuple[Tuple[str, str], ...]],
    *,
    learnt: bool,
) -> Tuple[Perhaps, Perhaps]:
    """Return whether *policy*'s rules allow the packet, and whether they deny it."""
    fits = [
        (rule.denies, _rule_fits(rule, policy, packet, around, learnt=learnt))
        for rule in policy.rules
    ]
    return (
        _any(each for denies, each in fits if not denies),
        _any(each for denies, each in fits if denies),
    )


def _rule_fits(
    rule: PolicyRule,
    policy: KubernetesPolicy,
    packet: Packet,
    around: Mapping[str, Tuple[Tuple[str, str], ...]],
    *,
    learnt: bool,
) -> Perhaps:
    port: Perhaps = True
    if rule.ports:
        port = _any(_port_fits(each, packet) for each in rule.ports)
    if port is False:
        return False
    peer: Perhaps = True
    if not rule.any_peer:
        peer = _any(_peer_fits(each, policy, packet, around, learnt=learnt) for each in rule.peers)
    return _all((port, peer))


def _port_fits(port: PolicyPort, packet: Packet) -> Perhaps:
    if port.protocol not in ("ANY", packet.protocol):
        return False
    if port.name:
        if packet.place == "outside":
            return False  # the name is one of a pod's port, and there is no pod
        if packet.to_ports is None:
            return None
        return (port.name, packet.port) in packet.to_ports
    if port.first is None:
        return True
    last = port.first if port.last is None else port.last
    return port.first <= packet.port <= last


def _peer_fits(
    peer: PolicyPeer,
    policy: KubernetesPolicy,
    packet: Packet,
    around: Mapping[str, Tuple[Tuple[str, str], ...]],
    *,
    learnt: bool,
) -> Perhaps:
    if peer.other:
        return None
    if peer.block:
        return _block_fits(peer, policy, packet)
    if peer.fqdn:
        if packet.place == "pod":
            return False  # addresses of pods have an identity of their own
        return learnt and is_named(peer.fqdn, packet.host)
    if peer.entity:
        return _entity_fits(peer.entity, packet)
    if packet.place == "outside":
        return False
    fits: Perhaps = None if packet.place == "unknown" else True
    # Without labels of the namespace, the policy's own is meant; a cluster-wide policy has none.
    if peer.namespaces is not None:
        fits = _all((fits, _namespace_fits(peer.namespaces, packet.to_namespace, around)))
    elif policy.namespace:
        here = None if packet.to_namespace is None else packet.to_namespace == policy.namespace
        fits = _all((fits, here))
    if peer.pods is not None:
        pods = selects(peer.pods, packet.to_labels, complete=packet.labels_complete)
        fits = _all((fits, pods))
    return fits


def _block_fits(peer: PolicyPeer, policy: KubernetesPolicy, packet: Packet) -> Perhaps:
    everything = peer.block in ("0.0.0.0/0", "::/0") and not peer.excepted
    if not packet.address:
        # Which version it would be is not known either, but who lets all of one out means both.
        return None if packet.place != "outside" or not everything else True
    inside = in_network(packet.address, peer.block) and not any(
        in_network(packet.address, each) for each in peer.excepted
    )
    if not inside:
        return False
    if packet.place == "outside":
        return True
    # Whether a prefix holds for pods differs between network plugins, and Cilium's does not.
    return False if packet.place == "pod" and policy.flavour != "kubernetes" else None


def _entity_fits(entity: str, packet: Packet) -> Perhaps:
    if packet.place == "unknown":
        return True if entity == "all" else None
    if packet.place == "pod":
        return entity in _PODS
    if entity in _OUTSIDE_BY_VERSION:
        found = parse(packet.address) if packet.address else None
        return None if found is None else found[1] == _OUTSIDE_BY_VERSION[entity]
    return entity in _OUTSIDE


def _namespace_fits(
    selector: Selector,
    name: str | None,
    around: Mapping[str, Tuple[Tuple[str, str], ...]],
) -> Perhaps:
    if name is None:
        return True if not selector.labels and not selector.tests else None
    known = around.get(name)
    have: Dict[str, str] = dict(known or ())
    have[NAME_LABEL] = name
    return selects(selector, have.items(), complete=known is not None)


def _learns(policies: Sequence[KubernetesPolicy], host: str) -> bool:
    """Whether a DNS rule lets the agent see the answers for *host*, by which it knows its addresses."""
    return any(
        is_named(pattern, host)
        for policy in policies
        for rule in policy.rules
        if not rule.denies
        for pattern in rule.dns_names
    )


def is_named(pattern: str, host: str) -> bool:
    """Whether Cilium's *pattern* means *host*: ``*`` is any part of one label, alone any name.

    Source: https://docs.cilium.io/en/stable/security/policy/layer3/#dns-based
    """
    if pattern == "*":
        return bool(host)
    import re

    wanted = pattern.lower().rstrip(".")
    deep = wanted.startswith("**.")
    parts = (wanted[3:] if deep else wanted).split("*")
    source = "[-a-z0-9_]*".join(re.escape(part) for part in parts)
    if deep:
        source = r"([-a-z0-9_]+\.)+" + source
    return re.fullmatch(source, host.lower().rstrip(".")) is not None


# --- yes, no and perhaps -----------------------------------------------------------------------


def _has(have: Mapping[str, str], key: str, values: Sequence[str], complete: bool) -> Perhaps:  # noqa: FBT001
    if key in have:
        return have[key] in values
    return False if complete else None


def _not(value: Perhaps) -> Perhaps:
    return None if value is None else not value


def _all(values: Iterable[Perhaps]) -> Perhaps:
    """Return whether all hold: one that does not decides, one that cannot be told leaves it open."""
    found: Perhaps = True
    for value in values:
        if value is False:
            return False
        if value is None:
            found = None
    return found


def _any(values: Iterable[Perhaps]) -> Perhaps:
    """Return whether one holds: one that does decides, one that cannot be told leaves it open."""
    found: Perhaps = False
    for value in values:
        if value:
            return True
        if value is None:
            found = None
    return found
