"""Network policies are decided as Kubernetes decides them: held against an evaluator that counts everything out.

The oracle shares nothing with the code under test: it reads policies as they are written, and asks for
every address, pod and port of a small world whether the letter of the documentation lets it through.
Source: https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/
"""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.evidence.kubernetes import KubernetesNamespace
from refused.evidence.kubernetes_policy import Packet, decide, dns_packets, is_named, selects
from refused.probes.kubernetes.objects import Object, selector
from refused.probes.kubernetes.policies import policies

SPACES = {"shop": {"team": "a"}, "data": {"team": "b", "tier": "back"}}
PODS: list[tuple[str, str, dict[str, str]]] = [
    ("shop", "10.0.0.1", {"app": "cart"}),
    ("shop", "10.0.0.2", {"app": "redis", "tier": "back"}),
    ("data", "10.0.1.1", {"app": "redis"}),
    ("data", "10.0.1.2", {}),
]
OUTSIDE = ["20.0.0.1", "20.0.0.9", "172.16.0.4", "2001:db8::5"]
PORTS = [53, 6379, 6380, 15000, 15999]
NAMED = {"redis": 6379}
STAMP: dict[str, Any] = {"vantage": "control-plane", "at": 1.0, "took_ms": 1.0, "source": "test"}
NAMESPACES = [
    KubernetesNamespace(
        **STAMP,
        name=name,
        labels=tuple({**labels, "kubernetes.io/metadata.name": name}.items()),
    )
    for name, labels in SPACES.items()
]

# --- policies as they are written ----------------------------------------------------------------

keys = st.sampled_from(["app", "tier", "team"])
values = st.sampled_from(["cart", "redis", "back", "a", "b"])
tests = st.one_of(
    st.builds(
        lambda key, operator, some: {"key": key, "operator": operator, "values": some},
        keys,
        st.sampled_from(["In", "NotIn"]),
        st.lists(values, min_size=1, max_size=2, unique=True),
    ),
    st.builds(
        lambda key, operator: {"key": key, "operator": operator},
        keys,
        st.sampled_from(["Exists", "DoesNotExist"]),
    ),
)
selectors = st.fixed_dictionaries(
    {},
    optional={
        "matchLabels": st.dictionaries(keys, values, max_size=2),
        "matchExpressions": st.lists(tests, max_size=2),
    },
)
blocks = st.one_of(
    st.just({"cidr": "0.0.0.0/0"}),
    st.just({"cidr": "20.0.0.0/24", "except": ["20.0.0.8/29"]}),
    st.just({"cidr": "20.0.0.1/32"}),
    st.just({"cidr": "172.16.0.0/12", "except": ["172.16.0.0/24", "172.17.0.0/16"]}),
    st.just({"cidr": "2001:db8::/32"}),
)
peers = st.one_of(
    st.builds(lambda block: {"ipBlock": block}, blocks),
    st.builds(lambda pods: {"podSelector": pods}, selectors),
    st.builds(lambda spaces: {"namespaceSelector": spaces}, selectors),
    st.builds(
        lambda pods, spaces: {"podSelector": pods, "namespaceSelector": spaces},
        selectors,
        selectors,
    ),
)
ports = st.one_of(
    st.just({}),
    st.builds(lambda protocol: {"protocol": protocol}, st.sampled_from(["TCP", "UDP"])),
    st.builds(lambda port: {"port": port}, st.sampled_from(PORTS)),
    st.builds(
        lambda protocol, port: {"protocol": protocol, "port": port},
        st.sampled_from(["TCP", "UDP", "SCTP"]),
        st.sampled_from([*PORTS, "redis", "other"]),
    ),
    st.just({"protocol": "TCP", "port": 15000, "endPort": 15500}),
    st.just({"port": 6379, "endPort": 6380}),
)
rules = st.fixed_dictionaries(
    {},
    optional={"to": st.lists(peers, max_size=2), "ports": st.lists(ports, max_size=2)},
)
specs = st.fixed_dictionaries(
    {"podSelector": selectors},
    optional={
        "egress": st.lists(rules, max_size=3),
        "policyTypes": st.sampled_from([["Egress"], ["Ingress"], ["Ingress", "Egress"]]),
        "ingress": st.just([{}]),
    },
)


def written(spec: dict[str, Any], name: str = "p", namespace: str = "shop") -> dict[str, Any]:
    """Return a policy as a manifest has it."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


# --- the oracle ------------------------------------------------------------------------------------


def chosen(wanted: dict[str, Any], labels: dict[str, str]) -> bool:
    """Whether a selector chooses what has *labels*, by the letter."""
    by_label = all(labels.get(key) == value for key, value in wanted.get("matchLabels", {}).items())
    outcomes = []
    for test in wanted.get("matchExpressions", []):
        have, some = labels.get(test["key"]), set(test.get("values", []))
        outcomes.append(
            {
                "In": have in some,
                "NotIn": have is None or have not in some,
                "Exists": have is not None,
                "DoesNotExist": have is None,
            }[test["operator"]]
        )
    return by_label and all(outcomes)


def allowed(
    specs_there: list[dict[str, Any]],
    *,
    address: str,
    pod: tuple[str, dict[str, str]] | None,
    port: int,
    protocol: str,
) -> bool:
    """Count out whether a pod ``app=cart`` of ``shop`` may send there."""
    isolated, let_out = False, False
    for spec in specs_there:
        if not chosen(spec["podSelector"], {"app": "cart"}):
            continue
        types = spec.get("policyTypes") or (
            ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
        )
        if "Egress" not in types:
            continue
        isolated = True
        for rule in spec.get("egress", []):
            numbers: set[tuple[str, int]] = set()
            for each in rule.get("ports") or [
                {"protocol": kind} for kind in ("TCP", "UDP", "SCTP")
            ]:
                kind, first = each.get("protocol", "TCP"), each.get("port")
                if isinstance(first, str):
                    if pod is not None and first in NAMED:
                        numbers.add((kind, NAMED[first]))
                elif first is None:
                    numbers |= {(kind, one) for one in PORTS}
                else:
                    numbers |= {(kind, one) for one in range(first, each.get("endPort", first) + 1)}
            there = not rule.get("to")
            for peer in rule.get("to", []):
                if "ipBlock" in peer:
                    where = ipaddress.ip_address(address)
                    inside = where in ipaddress.ip_network(peer["ipBlock"]["cidr"])
                    out = any(
                        where in ipaddress.ip_network(each)
                        for each in peer["ipBlock"].get("except", [])
                    )
                    there = there or (inside and not out)
                elif pod is not None:
                    space = {**SPACES[pod[0]], "kubernetes.io/metadata.name": pod[0]}
                    of_space = (
                        chosen(peer["namespaceSelector"], space)
                        if "namespaceSelector" in peer
                        else pod[0] == "shop"
                    )
                    there = there or (of_space and chosen(peer.get("podSelector", {}), pod[1]))
            let_out = let_out or (there and (protocol, port) in numbers)
    return let_out or not isolated


def read(specs_there: list[dict[str, Any]]) -> list[Any]:
    """Bring policies to the shape of evidence, as a manifest's are."""
    return [
        policy
        for number, spec in enumerate(specs_there)
        for policy in policies(Object(written(spec, f"p{number}"), "test"))
    ]


SENDER = (("app", "cart"),)
protocols = st.sampled_from(["TCP", "UDP"])


@given(
    st.lists(specs, max_size=4),
    st.sampled_from(OUTSIDE),
    st.sampled_from(PORTS),
    protocols,
)
def test_what_lies_outside_is_let_out_as_the_letter_says(
    some: list[dict[str, Any]], address: str, port: int, protocol: str
) -> None:
    """With the address known there is nothing left open."""
    packet = Packet(namespace="shop", labels=SENDER, port=port, protocol=protocol, address=address)

    decision = decide(read(some), packet, NAMESPACES)

    wanted = allowed(some, address=address, pod=None, port=port, protocol=protocol)
    assert decision.access == ("allow" if wanted else "deny")


@given(st.lists(specs, max_size=4), st.sampled_from(PODS), st.sampled_from(PORTS), protocols)
def test_pods_are_chosen_by_their_labels_and_their_namespace_s(
    some: list[dict[str, Any]],
    pod: tuple[str, str, dict[str, str]],
    port: int,
    protocol: str,
) -> None:
    """Whether a prefix holds for a pod, network plugins disagree on: then it is left open."""
    space, address, labels = pod
    packet = Packet(
        namespace="shop",
        labels=SENDER,
        port=port,
        protocol=protocol,
        address=address,
        place="pod",
        to_namespace=space,
        to_labels=tuple(labels.items()),
        labels_complete=True,
        to_ports=tuple(NAMED.items()),
    )

    decision = decide(read(some), packet, NAMESPACES)

    wanted = allowed(some, address=address, pod=(space, labels), port=port, protocol=protocol)
    if decision.access == "unknown":
        assert any(
            "ipBlock" in p for s in some for r in s.get("egress", []) for p in r.get("to", [])
        )
    else:
        assert decision.access == ("allow" if wanted else "deny")


@given(st.lists(specs, max_size=3), st.sampled_from(PODS), st.sampled_from(PORTS), st.data())
def test_with_less_known_nothing_is_decided_otherwise(
    some: list[dict[str, Any]],
    pod: tuple[str, str, dict[str, str]],
    port: int,
    data: st.DataObject,
) -> None:
    """What was not read leaves a decision open, and never turns it round."""
    space, _, labels = pod
    known = {key: value for key, value in labels.items() if data.draw(st.booleans())}
    spaces = NAMESPACES if data.draw(st.booleans()) else []
    whole = Packet(
        namespace="shop",
        labels=SENDER,
        port=port,
        place="pod",
        to_namespace=space,
        to_labels=tuple(labels.items()),
        labels_complete=True,
        to_ports=tuple(NAMED.items()),
    )
    part = whole.replace(
        to_labels=tuple(known.items()),
        labels_complete=False,
        to_namespace=space if data.draw(st.booleans()) else None,
        to_ports=tuple(NAMED.items()) if data.draw(st.booleans()) else None,
        place="pod" if data.draw(st.booleans()) else "unknown",
    )
    there = read(some)

    before, after = decide(there, whole, NAMESPACES).access, decide(there, part, spaces).access

    assert after in (before, "unknown") or before == "unknown"


@given(st.lists(specs, max_size=3), st.sampled_from(PORTS))
def test_an_unknown_address_turns_nothing_round(some: list[dict[str, Any]], port: int) -> None:
    """Before the name is looked up, only what holds for all addresses is said."""
    there = read(some)
    packet = Packet(namespace="shop", labels=SENDER, port=port)

    without = decide(there, packet).access
    outcomes = {decide(there, packet.replace(address=each)).access for each in OUTSIDE[:3]}

    if without != "unknown":
        assert without in outcomes


@given(selectors, st.dictionaries(keys, values, max_size=3))
def test_a_selector_chooses_by_the_letter(wanted: dict[str, Any], labels: dict[str, str]) -> None:
    """All labels and all tests."""
    assert selects(selector(wanted), labels.items()) is chosen(wanted, labels)


def test_pods_without_a_namespace_are_those_of_the_policy_s_own() -> None:
    """The same labels elsewhere are let in by nobody."""
    some = read([{"podSelector": {}, "egress": [{"to": [{"podSelector": {}}]}]}])
    there = Packet(namespace="shop", labels=SENDER, port=6379, place="pod", labels_complete=True)

    outcomes = [decide(some, there.replace(to_namespace=each)).access for each in ("shop", "data")]

    assert outcomes == ["allow", "deny"]


# --- cilium ----------------------------------------------------------------------------------------


def cilium(*egress: dict[str, Any], deny: list[dict[str, Any]] | None = None, **spec: Any) -> Any:
    """Return a policy of Cilium's for all pods of the shop."""
    whole = {"endpointSelector": {}, "egress": list(egress), **spec}
    if deny is not None:
        whole["egressDeny"] = deny
    item = {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": "c", "namespace": "shop"},
        "spec": whole,
    }
    (policy,) = policies(Object(item, "test"))
    return policy


HOST = "contoso.redis.cache.windows.net"
OUT = Packet(namespace="shop", labels=SENDER, port=6380, address="20.0.0.1", host=HOST)
REDIS = {"ports": [{"port": "6380", "protocol": "TCP"}]}
DNS = {
    "toEndpoints": [
        {"matchLabels": {"k8s:io.kubernetes.pod.namespace": "kube-system", "k8s-app": "kube-dns"}}
    ],
    "toPorts": [{"ports": [{"port": "53"}], "rules": {"dns": [{"matchPattern": "*"}]}}],
}
BY_NAME = {"toFQDNs": [{"matchName": HOST}], "toPorts": [REDIS]}


@pytest.mark.parametrize(
    ("access", "policy"),
    [
        ("allow", cilium({"toEntities": ["world"]})),
        ("deny", cilium({"toEntities": ["cluster"]})),
        ("deny", cilium({})),
        ("allow", cilium()),
        ("allow", cilium({"toPorts": [REDIS]})),
        ("deny", cilium({"toPorts": [{"ports": [{"port": "6379"}]}]})),
        ("allow", cilium({"toCIDRSet": [{"cidr": "20.0.0.0/8"}], "toPorts": [REDIS]})),
        ("deny", cilium({"toCIDRSet": [{"cidr": "20.0.0.0/8", "except": ["20.0.0.0/24"]}]})),
        ("deny", cilium({"toEntities": ["all"]}, deny=[{"toCIDR": ["20.0.0.1/32"]}])),
        ("deny", cilium(deny=[{"toPorts": [REDIS]}])),
        ("allow", cilium({"toEntities": ["kube-apiserver"]}, enableDefaultDeny={"egress": False})),
        ("unknown", cilium({"toServices": [{"k8sService": {"serviceName": "x"}}]})),
        ("allow", cilium(DNS, BY_NAME)),
        ("deny", cilium(BY_NAME)),
        ("deny", cilium({"toEndpoints": [{}]})),
    ],
)
def test_cilium_says(access: str, policy: Any) -> None:
    """By the kinds of peers that its documentation names."""
    assert decide([policy], OUT).access == access


def test_a_name_whose_answers_cilium_does_not_see_lets_nothing_out() -> None:
    """The rule is there, and knows no address: this is told apart."""
    decision = decide([cilium(BY_NAME)], OUT)

    assert [each.name for each in decision.unlearnt] == ["c"]


def test_what_cilium_denies_no_policy_of_kubernetes_allows_again() -> None:
    """Denials come first."""
    open_door = read([{"podSelector": {}, "egress": [{}]}])

    assert decide([*open_door, cilium(deny=[{"toEntities": ["world"]}])], OUT).access == "deny"


def test_the_cluster_s_dns_is_let_in_by_its_usual_labels() -> None:
    """By the labels that every distribution keeps."""
    udp, tcp = dns_packets("shop", SENDER)

    assert decide([cilium(DNS)], udp).access == "allow"
    assert decide([cilium(DNS)], tcp).access == "allow"
    assert decide([cilium(BY_NAME)], udp).access == "deny"
    only_udp = read([{"podSelector": {}, "egress": [{"ports": [{"protocol": "UDP", "port": 53}]}]}])
    assert [decide(only_udp, each).access for each in (udp, tcp)] == ["allow", "deny"]


@pytest.mark.parametrize(
    ("pattern", "host", "fits"),
    [
        ("*", HOST, True),
        ("*.redis.cache.windows.net", HOST, True),
        ("*.cache.windows.net", HOST, False),
        ("**.cache.windows.net", HOST, True),
        ("contoso.*.cache.windows.net", HOST, True),
        (HOST.upper() + ".", HOST, True),
        ("cache.windows.net", HOST, False),
    ],
)
def test_a_star_is_a_part_of_one_label(pattern: str, host: str, *, fits: bool) -> None:
    """As in Cilium's documentation; two of them are any number of labels."""
    assert is_named(pattern, host) is fits
