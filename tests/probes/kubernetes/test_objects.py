"""Whatever stands in a manifest or in an API's answer, facts come of it or nothing does; nothing breaks."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from refused.evidence.bundle import Bundle
from refused.evidence.kubernetes import DnsZoneRule
from refused.evidence.kubernetes_faults import dns_faults, mesh_faults, policy_faults
from refused.evidence.kubernetes_names import rule_for
from refused.probes.kubernetes.documents import Document
from refused.probes.kubernetes.facts import Stamp, facts_of, service_name
from refused.probes.kubernetes.names import corefile
from refused.probes.kubernetes.objects import flatten, ranges
from tests.probes.kubernetes.scenery import CACHE, HOST, MANIFESTS, NODES, client, evidence, facts

SAMPLES = [
    document
    for path in sorted(MANIFESTS.iterdir())
    for document in yaml.safe_load_all(path.read_text())
    if document
]
CILIUM = {
    "apiVersion": "cilium.io/v2",
    "kind": "CiliumNetworkPolicy",
    "metadata": {"name": "c", "namespace": "shop"},
    "spec": {
        "endpointSelector": {"matchLabels": {"app": "cart"}},
        "egress": [{"toFQDNs": [{"matchName": HOST}], "toPorts": [{"ports": [{"port": "6380"}]}]}],
    },
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "redis", "namespace": "shop"},
    "spec": {"selector": {"app": "cart"}, "ports": [{"port": 6379, "targetPort": "redis"}]},
}
ALL = [*SAMPLES, CILIUM, SERVICE]
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every value of a document."""
    inner = (
        data.items()
        if isinstance(data, dict)
        else enumerate(data)
        if isinstance(data, list)
        else ()
    )
    return [path, *(each for key, value in inner for each in places(value, (*path, key)))]


def spoilt(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a document in which something else stands in one place."""
    if not path:
        return value
    whole = copy.deepcopy(document)
    at = whole
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return whole


@given(st.data())
def test_a_spoilt_document_breaks_nothing(data: st.DataObject) -> None:
    """One value of one document is something else, of any type."""
    which = data.draw(st.integers(0, len(ALL) - 1))
    path = data.draw(st.sampled_from(places(ALL[which])))
    documents = [*ALL[:which], spoilt(ALL[which], path, data.draw(junk)), *ALL[which + 1 :]]
    host = data.draw(st.sampled_from([HOST, "redis.shop.svc.cluster.local", "redis"]))
    items = flatten(
        [Document(each, "x.yaml:1") for each in documents], "shop", is_live=data.draw(st.booleans())
    )

    found = facts_of(list(items), host, named=None, stamp=Stamp(1.0, 1.0))

    bundle = Bundle(target=CACHE, taken_at=1.0, tool="test", facts=tuple(found))
    assert Bundle.from_json(json.loads(json.dumps(bundle.to_json()))) == bundle
    seen = evidence(*found, NODES, target=CACHE.replace(host=host))
    for faults in (mesh_faults, policy_faults, dns_faults):
        assert all(each.said for each in faults(seen))


@given(junk)
def test_any_document_is_flattened_or_left(data: Any) -> None:
    """A scalar, a list of lists, an object of nobody's kind."""
    facts_of(
        list(flatten([Document(data, "x.yaml:1")], "shop")), HOST, named=None, stamp=Stamp(1.0, 1.0)
    )


@pytest.mark.parametrize(
    ("value", "found", "is_whole"),
    [
        ("6379,6380", ((6379, 6379), (6380, 6380)), True),
        (" 15000-15010 , 6380", ((15000, 15010), (6380, 6380)), True),
        ("", (), True),
        ("6379;6380", (), False),
        ("6380,all", ((6380, 6380),), False),
        ("0,70000,9-3", (), False),
    ],
)
def test_ports_are_read_as_the_meshes_write_them(
    value: str, found: tuple[tuple[int, int], ...], *, is_whole: bool
) -> None:
    """And what is none is told."""
    assert ranges(value) == (found, is_whole)


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("redis", ("redis", "shop")),
        ("redis.data", ("redis", "data")),
        ("redis.data.svc", ("redis", "data")),
        ("redis.data.svc.cluster.local", ("redis", "data")),
        (HOST, None),
    ],
)
def test_a_service_is_told_by_its_name(host: str, found: tuple[str, str] | None) -> None:
    """In each of the forms in which pods may say it."""
    assert service_name(host, "shop") == found


COREFILE = """\
.:53 {
    errors   # a comment
    hosts /etc/coredns/hosts example.org {
        10.0.0.1 a.example b.example
        fallthrough
    }
    rewrite name exact old.example new.example
    forward . tls://9.9.9.9 /etc/resolv.conf {
        max_concurrent 1000
    }
    import custom/*.override
}
dns://corp.example:1053, other.example {
    forward . 10.1.0.53
}
bad.example {
    template ANY ANY {
        rcode NXDOMAIN
    }
}
(snippet) {
    errors
}
"""


def test_a_corefile_is_read_block_by_block() -> None:
    """With comments, schemes, ports and blocks within blocks."""
    first, second, third = corefile(COREFILE)

    assert first == DnsZoneRule(
        zones=(".",),
        forwards=("tls://9.9.9.9", "/etc/resolv.conf"),
        hosts=(("10.0.0.1", "a.example"), ("10.0.0.1", "b.example")),
        falls_through=True,
        rewrites=(("old.example", "new.example"),),
    )
    assert (second.zones, second.forwards) == (("corp.example", "other.example"), ("10.1.0.53",))
    assert third.refuses == "NXDOMAIN"


@pytest.mark.parametrize(
    ("template", "refused"),
    [
        ("template IN A cache.example { rcode NXDOMAIN }", "NXDOMAIN"),
        ("template ANY ANY other.example cache.example { rcode NXDOMAIN }", "NXDOMAIN"),
        ("template IN AAAA cache.example { rcode NXDOMAIN }", ""),
        ("template IN A cache.example { match ^db\\. ; rcode NXDOMAIN }", ""),
        ("template IN A example { answer x }", ""),
    ],
)
def test_a_template_in_the_root_refuses_the_zones_that_it_names(
    template: str, refused: str
) -> None:
    """To every question for an address; what it picks by a pattern, or for IPv6, is not all."""
    head, _, body = template.partition(" { ")
    inner = body.rstrip(" }").split(" ; ")
    text = ".:53 {\n" + head + " {\n" + "\n".join(inner) + "\n}\nforward . /etc/resolv.conf\n}\n"

    _, rule = rule_for("shop.cache.example", corefile(text))

    assert rule is not None
    assert rule.refuses == refused


@given(st.text(alphabet="{}. \nforwadhsts#10:/", max_size=80))
def test_any_corefile_is_read_or_left(text: str) -> None:
    """Braces that do not close, lines of nothing."""
    for rule in corefile(text):
        assert rule.zones


POD = """\
apiVersion: v1
kind: Pod
metadata: {{name: cart, namespace: shop, labels: {{{labels}}}, annotations: {{{annotations}}}}}
spec: {{containers: [{{name: app, image: cart}}]}}
"""
SPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{{labels}}}}}\n---\n"


@pytest.mark.parametrize(
    ("space", "labels", "annotations", "mesh", "present"),
    [
        ("istio-injection: enabled", "", "", "istio", True),
        ("istio-injection: disabled", 'sidecar.istio.io/inject: "true"', "", "istio", False),
        ("istio-injection: enabled", 'sidecar.istio.io/inject: "false"', "", "istio", False),
        ("", "", 'sidecar.istio.io/inject: "true"', "istio", True),
        ("istio.io/rev: canary", "", "", "istio", True),
        ("", "istio.io/rev: canary", "", "istio", True),
        ("", "", 'traffic.sidecar.istio.io/excludeOutboundPorts: "1"', "istio", False),
        ("istio.io/dataplane-mode: ambient", "", "", "istio-ambient", True),
        (
            "istio.io/dataplane-mode: ambient",
            "istio.io/dataplane-mode: none",
            "",
            "istio-ambient",
            False,
        ),
        ("", "", "linkerd.io/inject: enabled", "linkerd", True),
        ("", "", "linkerd.io/inject: disabled", "linkerd", False),
        ("", "", 'consul.hashicorp.com/connect-inject: "true"', "consul", True),
        ("", "", 'dapr.io/enabled: "true"', "dapr", True),
    ],
)
def test_labels_and_annotations_say_whether_there_is_a_sidecar(
    space: str, labels: str, annotations: str, mesh: str, *, present: bool
) -> None:
    """By the rules of each mesh, the pod's word and the namespace's."""
    text = SPACE.format(labels=space) + POD.format(labels=labels, annotations=annotations)

    found = {each.mesh: each for each in client(facts(text)).sidecars}

    assert found[mesh].present is present  # type: ignore[index]
    assert found[mesh].said  # type: ignore[index]


def test_where_nothing_speaks_of_a_mesh_there_is_none() -> None:
    """A pod is not suspected for want of labels."""
    assert client(facts(POD.format(labels="app: a", annotations=""))).sidecars == ()


@pytest.mark.parametrize(
    ("annotations", "taken"),
    [
        ('traffic.sidecar.istio.io/includeOutboundIPRanges: "10.0.0.0/8"', False),
        ('traffic.sidecar.istio.io/includeOutboundIPRanges: ""', False),
        ('traffic.sidecar.istio.io/includeOutboundIPRanges: "*"', True),
        ('traffic.sidecar.istio.io/excludeOutboundIPRanges: "20.0.0.0/8"', False),
        ('traffic.sidecar.istio.io/excludeOutboundIPRanges: "10.0.0.0/8"', True),
        ("sidecar.istio.io/interceptionMode: NONE", False),
        ('traffic.sidecar.istio.io/includeOutboundIPRanges: "", traffic.sidecar.istio.io/includeOutboundPorts: "15001"', True),
    ],
)  # fmt: skip
def test_what_the_sidecar_is_told_to_take(annotations: str, *, taken: bool) -> None:
    """By address, by port, or nothing at all: what it does not take it cannot clash with."""
    text = SPACE.format(labels="istio-injection: enabled") + POD.format(
        labels="", annotations=annotations
    )
    there = CACHE.replace(host="20.0.0.1", port=15001)

    kinds = {each.kind for each in mesh_faults(evidence(*facts(text), target=there))}

    assert ("port-clash" in kinds) is taken
