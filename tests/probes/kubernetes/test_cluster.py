"""The real ``kubectl`` reads an API server that answers as the published API does; no cluster can be had here.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from __future__ import annotations

import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pytest

from refused.evidence.kubernetes import (
    ClusterDns,
    IstioServiceEntry,
    KubernetesLook,
    KubernetesNamespace,
    KubernetesPolicy,
    KubernetesWorkload,
    MeshSettings,
)
from refused.evidence.kubernetes_faults import mesh_faults
from refused.evidence.observations import Unseen
from refused.probes.kubernetes.cluster import look
from refused.probes.stopwatch import Deadline
from tests.probes.kubernetes.scenery import HOST, evidence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from refused.evidence.bundle import Fact

SHOP = "/namespaces/shop"
CART: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "cart", "namespace": "shop"},
    "spec": {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "cart"}},
        "template": {
            "metadata": {"labels": {"app": "cart"}},
            "spec": {"containers": [{"name": "app", "image": "cart:1"}]},
        },
    },
}
POD: dict[str, Any] = {
    "metadata": {
        "name": "cart-5d9-x7",
        "namespace": "shop",
        "uid": "0-1",
        "labels": {"app": "cart", "pod-template-hash": "5d9"},
    },
    "spec": {
        "containers": [
            {
                "name": "app",
                "image": "cart:1",
                "env": [{"name": "REDIS_PASSWORD", "value": "hunter2hunter2"}],
            },
            {"name": "istio-proxy", "image": "proxyv2"},
        ]
    },
    "status": {"phase": "Running"},
}
COREFILE = """\
.:53 {
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
    }
    forward . /etc/resolv.conf
}
corp.example:53 {
    forward . 10.1.0.53 10.1.0.54
}
"""


def items(kind: str, version: str, *some: dict[str, Any]) -> dict[str, Any]:
    """Return a list as the API gives it: its items bear no kind."""
    return {"kind": f"{kind}List", "apiVersion": version, "metadata": {}, "items": list(some)}


def api() -> dict[str, Any]:
    """Return what each path answers; a path that is not there is not found."""
    istio = "networking.istio.io/v1"
    return {
        "/apis": {
            "kind": "APIGroupList",
            "apiVersion": "v1",
            "groups": [
                {
                    "name": name,
                    "preferredVersion": {"groupVersion": f"{name}/{version}", "version": version},
                }
                for name, version in (
                    ("apps", "v1"),
                    ("networking.k8s.io", "v1"),
                    ("networking.istio.io", "v1"),
                    ("security.istio.io", "v1"),
                )
            ],
        },
        f"/apis/apps/v1{SHOP}/deployments/cart": CART,
        f"/api/v1{SHOP}/pods": items("Pod", "v1", POD),
        "/api/v1/namespaces": items(
            "Namespace",
            "v1",
            {"metadata": {"name": "shop", "labels": {"istio-injection": "enabled"}}},
        ),
        f"/apis/networking.k8s.io/v1{SHOP}/networkpolicies": items(
            "NetworkPolicy",
            "networking.k8s.io/v1",
            {
                "metadata": {"name": "deny", "namespace": "shop"},
                "spec": {"podSelector": {}, "policyTypes": ["Egress"]},
            },
        ),
        f"/apis/{istio}/sidecars": items("Sidecar", istio),
        f"/apis/{istio}/serviceentries": items(
            "ServiceEntry",
            istio,
            {
                "metadata": {"name": "other", "namespace": "shop"},
                "spec": {"hosts": ["other.example"]},
            },
        ),
        f"/apis/{istio}/destinationrules": items("DestinationRule", istio),
        "/apis/security.istio.io/v1/peerauthentications": items(
            "PeerAuthentication", "security.istio.io/v1"
        ),
        "/api/v1/namespaces/istio-system/configmaps": items(
            "ConfigMap",
            "v1",
            {
                "metadata": {"name": "istio", "namespace": "istio-system"},
                "data": {"mesh": "outboundTrafficPolicy:\n  mode: REGISTRY_ONLY\n"},
            },
        ),
        "/api/v1/namespaces/aks-istio-system/configmaps": items("ConfigMap", "v1"),
        "/api/v1/namespaces/kube-system/configmaps/coredns": {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "coredns", "namespace": "kube-system"},
            "data": {"Corefile": COREFILE},
        },
        "/apis/apps/v1/namespaces/kube-system/deployments/coredns": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "name": "coredns",
                "namespace": "kube-system",
                "labels": {"k8s-app": "kube-dns"},
            },
            "spec": {"replicas": 2},
            "status": {"readyReplicas": 1},
        },
    }


class Api:
    """An API server; *forbidden* are paths that this user may not read."""

    def __init__(self) -> None:
        self.paths = api()
        self.forbidden: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        made = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                """Stay silent."""

            def _any(self) -> None:
                path = unquote(urlsplit(self.path).path)
                made.asked.append((self.command, unquote(self.path)))
                if path in made.forbidden:
                    resource = path.rpartition("/")[2]
                    said = f'{resource} is forbidden: User "jo" cannot list resource "{resource}"'
                    self._say(403, _status(403, "Forbidden", said))
                elif path in made.paths:
                    self._say(200, made.paths[path])
                else:
                    self._say(404, _status(404, "NotFound", f"{path} not found"))

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815

            def _say(self, code: int, body: dict[str, Any]) -> None:
                raw = json.dumps(body).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True


def _status(code: int, reason: str, message: str) -> dict[str, Any]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """Give a cluster that the user's configuration leads to."""
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl")
    made = Api()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "nowhere",
        "clusters": [
            {
                "name": "made",
                "cluster": {"server": f"http://127.0.0.1:{made.server.server_address[1]}"},
            },
            {"name": "gone", "cluster": {"server": "http://127.0.0.1:9"}},
        ],
        "users": [{"name": "jo", "user": {"token": "none"}}],
        "contexts": [
            {"name": "made", "context": {"cluster": "made", "user": "jo"}},
            {"name": "nowhere", "context": {"cluster": "gone", "user": "jo"}},
        ],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def seen(
    place: tuple[str, str, str] | None = ("shop", "deployment", "cart"), context: str = "made"
) -> tuple[Fact, ...]:
    """Look."""
    return look(place, HOST, context=context, deadline=Deadline(10))


def of(kind: type, facts: tuple[Fact, ...]) -> list[Any]:
    """Return the facts of one kind."""
    return [each for each in facts if isinstance(each, kind)]


def test_everything_that_bears_on_the_client_is_read(cluster: Api) -> None:
    """Its workload with the pods as they run, the policies, the mesh, the names."""
    facts = seen()

    (workload,) = of(KubernetesWorkload, facts)
    assert (workload.title, workload.replicas, workload.is_running) == (
        "shop/deployment/cart",
        3,
        True,
    )
    assert workload.sidecars[0].said == "the pod has the container istio-proxy"
    assert [each.name for each in of(KubernetesPolicy, facts)] == ["deny"]
    assert of(MeshSettings, facts)[0].outbound == "REGISTRY_ONLY"
    (dns,) = of(ClusterDns, facts)
    assert (dns.ready, dns.wanted) == (1, 2)
    assert [(each.zones, each.forwards) for each in dns.rules] == [
        ((".",), ("/etc/resolv.conf",)),
        (("corp.example",), ("10.1.0.53", "10.1.0.54")),
    ]
    assert of(Unseen, facts) == []
    assert cluster.asked


def test_that_an_entry_lacks_is_sure_where_all_were_read(cluster: Api) -> None:
    """In a cluster absence is a fact; in manifests it may be somewhere else."""
    facts = seen()

    assert of(IstioServiceEntry, facts) == []
    assert "ServiceEntry" in of(KubernetesLook, facts)[0].kinds
    assert {(each.kind, each.sure) for each in mesh_faults(evidence(*facts))} == {
        ("no-entry", True)
    }

    cluster.forbidden.add("/apis/networking.istio.io/v1/serviceentries")
    assert {(each.kind, each.sure) for each in mesh_faults(evidence(*seen()))} == {
        ("no-entry", False)
    }


def test_only_reads_are_sent_and_no_secret_is_read_or_kept(cluster: Api) -> None:
    """A pod's variables may hold a key; nothing of their values comes along."""
    facts = seen()

    assert {verb for verb, _ in cluster.asked} == {"GET"}
    assert not [path for _, path in cluster.asked if "secret" in path]
    assert "hunter2" not in repr(facts)


@pytest.mark.parametrize(
    ("path", "right"),
    [
        (f"/apis/networking.k8s.io/v1{SHOP}/networkpolicies", "list networkpolicies.networking.k8s.io in the namespace shop"),
        ("/api/v1/namespaces", "list namespaces"),
        ("/apis/networking.istio.io/v1/serviceentries", "list serviceentries.networking.istio.io in all namespaces"),
        ("/api/v1/namespaces/kube-system/configmaps/coredns", "get configmaps in the namespace kube-system"),
        (f"/apis/apps/v1{SHOP}/deployments/cart", "get deployments.apps in the namespace shop"),
        (f"/api/v1{SHOP}/pods", "list pods in the namespace shop"),
    ],
)  # fmt: skip
def test_a_read_that_is_denied_names_the_right_that_it_needs(
    path: str, right: str, cluster: Api
) -> None:
    """And what else can be read is."""
    cluster.forbidden.add(path)

    (gap,) = of(Unseen, seen())

    assert gap.how_to_see == f"it needs the right to {right}"
    assert "forbidden" in gap.why


def test_where_all_may_not_be_read_what_is_near_is(cluster: Api) -> None:
    """Many may read their own namespace and no other; what lacks there is not known to lack."""
    istio = "/apis/networking.istio.io/v1"
    entry = {"metadata": {"name": "own", "namespace": "shop"}, "spec": {"hosts": [HOST]}}
    cluster.forbidden |= {"/api/v1/namespaces", f"{istio}/serviceentries"}
    cluster.paths["/api/v1/namespaces/shop"] = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "shop", "labels": {"team": "a"}},
    }
    cluster.paths[f"{istio}{SHOP}/serviceentries"] = items(
        "ServiceEntry", "networking.istio.io/v1", entry
    )

    facts = seen()

    assert [each.labels for each in of(KubernetesNamespace, facts)] == [(("team", "a"),)]
    assert [each.name for each in of(IstioServiceEntry, facts)] == ["own"]
    assert "ServiceEntry" not in of(KubernetesLook, facts)[0].kinds
    assert len(of(Unseen, facts)) == 2


def test_what_the_cluster_does_not_know_is_not_asked_for(cluster: Api) -> None:
    """Without Cilium there are no policies of its."""
    seen()

    assert not [path for _, path in cluster.asked if "cilium" in path]


def test_a_workload_that_is_not_there_is_unseen(cluster: Api) -> None:
    """It may have another name, or stand in another cluster."""
    del cluster.paths[f"/apis/apps/v1{SHOP}/deployments/cart"]

    (gap,) = seen()

    assert isinstance(gap, Unseen)
    assert gap.why == "there is no deployment cart in the namespace shop"


def test_a_single_pod_can_be_read(cluster: Api) -> None:
    """As ``--from k8s:shop/cart-5d9-x7`` names one."""
    cluster.paths[f"/api/v1{SHOP}/pods/cart-5d9-x7"] = {"apiVersion": "v1", "kind": "Pod", **POD}

    (workload,) = of(KubernetesWorkload, seen(("shop", "pod", "cart-5d9-x7")))

    assert workload.title == "shop/pod/cart-5d9-x7"
    assert workload.is_running


def test_a_pod_leads_to_the_workload_that_made_it(cluster: Api) -> None:
    """By its owners: patches are of the deployment, and what runs is the pod's."""

    def owned(kind: str, name: str) -> list[dict[str, Any]]:
        return [
            {"kind": kind, "name": name, "controller": True, "apiVersion": "apps/v1", "uid": "1"}
        ]

    pod = {
        **POD,
        "metadata": {**POD["metadata"], "ownerReferences": owned("ReplicaSet", "cart-5d9")},
    }
    cluster.paths[f"/api/v1{SHOP}/pods/cart-5d9-x7"] = {"apiVersion": "v1", "kind": "Pod", **pod}
    cluster.paths[f"/apis/apps/v1{SHOP}/replicasets/cart-5d9"] = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": "cart-5d9",
            "namespace": "shop",
            "ownerReferences": owned("Deployment", "cart"),
        },
        "spec": CART["spec"],
    }

    (workload,) = of(KubernetesWorkload, seen(("shop", "pod", "cart-5d9-x7")))

    assert (workload.title, workload.replicas) == ("shop/deployment/cart", 3)
    assert workload.sidecars[0].present


def test_a_cluster_that_is_not_reached_is_unseen(cluster: Api) -> None:
    """With kubectl's own words."""
    (gap,) = seen(context="nowhere")

    assert isinstance(gap, Unseen)
    assert "127.0.0.1:9" in gap.why
    assert cluster.asked == []


def test_without_kubectl_the_cluster_is_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the manifests are the other way."""
    monkeypatch.setenv("PATH", "/nowhere")

    (gap,) = seen()

    assert isinstance(gap, Unseen)
    assert gap.why == "kubectl is not installed here"
