"""Manifests beside the walk, as a user names them: on the command line, beside a saved bundle, beside the lab."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from refused import api
from refused.cli.main import main
from refused.evidence.bundle import Evidence
from refused.evidence.kubernetes import KubernetesWorkload
from refused.evidence.kubernetes_mesh import is_walked_inside
from refused.evidence.observations import Unseen
from refused.probes.kubernetes.beside import Wanted
from refused.probes.kubernetes.documents import BadManifest
from refused.probes.kubernetes.workloads import BadWorkload
from tests.probes.kubernetes.scenery import MANIFESTS, client, facts

if TYPE_CHECKING:
    from pathlib import Path

    from refused.evidence.bundle import Bundle

NOWHERE = "127.0.0.1:1"
TWO = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {selector: {}, template: {spec: {containers: [{name: web, image: web}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec: {selector: {}, template: {spec: {containers: [{name: api, image: api}]}}}
"""


def probed(*manifests: Path, **options: Any) -> Bundle:
    """Look at a port where nobody listens, beside manifests."""
    named = tuple(str(each) for each in manifests)
    return api.probe(NOWHERE, timeout_s=1, manifests=named, **options)


def workloads(bundle: Bundle) -> list[KubernetesWorkload]:
    """Return those that were read."""
    return [each for each in bundle.facts if isinstance(each, KubernetesWorkload)]


def test_manifests_are_evidence_and_survive_being_saved(tmp_path: Path) -> None:
    """A bundle that was saved gives the same facts again."""
    bundle = probed(MANIFESTS / "istio-namespace.yaml")
    api.save(bundle, str(tmp_path / "b.json"))

    assert api.load(str(tmp_path / "b.json")) == bundle
    assert workloads(bundle)[0].source.endswith("istio-namespace.yaml:9")


def test_manifests_can_be_laid_beside_a_saved_bundle(tmp_path: Path) -> None:
    """Whoever was sent one may have the manifests at hand."""
    api.save(probed(), str(tmp_path / "b.json"))

    bundle = api.probe(
        f"@{tmp_path / 'b.json'}", manifests=[str(MANIFESTS / "istio-helm.yaml")], workload="shop/deployment/release-name-shop"
    )  # fmt: skip

    assert [each.title for each in workloads(bundle)] == ["shop/deployment/release-name-shop"]


def test_beside_the_lab_a_sidecar_is_told_by_its_manifest() -> None:
    """The world plays a sidecar that has no route; the manifest says why."""
    report = api.diagnose(
        "lab:service-mesh-intercept", manifests=[str(MANIFESTS / "istio-double-tls.yaml")]
    )

    assert (report.causes[0].id, report.causes[0].certainty) == (
        "service-mesh-intercept",
        "confirmed",
    )
    assert any("adds TLS (SIMPLE)" in each for each in report.causes[0].because)


def test_a_repeated_look_reads_no_manifest_again() -> None:
    """A watch asks whether the path works, once a second."""
    assert workloads(probed(MANIFESTS / "istio-namespace.yaml", reads_cluster=False)) == []


def test_the_workload_is_the_one_that_names_the_target() -> None:
    """By a variable, an argument, or a config map that it reads."""
    assert client(facts(MANIFESTS / "istio-pod-label.yaml")).chosen.startswith("it names contoso")
    assert client(facts(MANIFESTS / "istio-revision.yaml")).title == "pay/cronjob/settle"
    assert client(facts(MANIFESTS / "istio-correct.yaml")).chosen == "it is the only workload"


def test_of_two_that_name_nothing_neither_is_accused() -> None:
    """The user knows which it is."""
    (gap,) = [each for each in facts(TWO) if isinstance(each, Unseen)]

    assert "there are 2 workloads, and none names" in gap.why
    assert gap.how_to_see == "name it with --workload namespace/kind/name"
    assert client(facts(TWO, workload="shop/deploy/api")).title == "shop/deployment/api"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"workload": "shop/deployment/nobody"}, "there is shop/deployment/cart"),
        ({"workload": "cart"}, "give namespace/kind/name"),
        ({"workload": "shop/secret/cart"}, "give namespace/kind/name"),
        ({"workload": "shop/deployment/--all"}, "give namespace/kind/name"),
    ],
)
def test_a_workload_that_is_none_is_said_in_one_line(options: dict[str, str], said: str) -> None:
    """With what would be right."""
    with pytest.raises(BadWorkload, match=said):
        probed(MANIFESTS / "istio-namespace.yaml", **options)


def test_a_mistake_in_a_manifest_costs_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And exit code 2, before anything is dialled."""
    file = tmp_path / "x.yaml"
    file.write_text("a: [1\nb: 2\n")

    code = main(["diagnose", NOWHERE, "--manifest", str(file)])

    said = capsys.readouterr()
    assert (code, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert f"{file}:2: not YAML" in said.err
    with pytest.raises(BadManifest):
        probed(file)


def test_the_command_line_takes_several_and_the_environment_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As every option has its twin."""
    monkeypatch.setenv("REFUSED_MANIFEST", str(MANIFESTS / "istio-list.json"))
    main(["probe", NOWHERE, "--timeout", "1", "--no-azure"])

    told = json.loads(capsys.readouterr().out)

    assert "edge" in [
        each.get("name") for each in told["facts"] if each["fact"] == "KubernetesWorkload"
    ]


SECRET = """\
apiVersion: v1
kind: Pod
metadata: {name: cart, annotations: {note: "hunter2hunter2"}}
spec:
  containers:
    - name: app
      image: cart
      env:
        - {name: REDIS_PASSWORD, value: hunter2hunter2}
        - {name: REDIS_URL, value: "rediss://:hunter2hunter2@contoso.redis.cache.windows.net:6380"}
        - {name: POOL_SIZE, value: "20"}
      livenessProbe: {exec: {command: [redis-cli, -a, hunter2hunter2, ping]}}
"""


def test_what_a_manifest_holds_besides_is_not_kept() -> None:
    """Keys stand in variables, arguments and probes."""
    found = facts(SECRET)

    assert "hunter2" not in repr(found)
    assert client(found).pool_sizes == (("POOL_SIZE", 20),)
    (probe,) = client(found).probes
    assert (probe.how, probe.names_cache) == ("exec redis-cli", True)


@pytest.mark.parametrize(
    ("vantage", "is_inside"),
    [
        ("k8s:shop/cart-7f9c6d5b8-x2x9k/app", True),
        ("k8s:shop/cart-0", True),
        ("k8s:shop/cart", True),
        ("k8s:shop/deployment/cart", True),
        ("k8s:shop/deploy/cart/app (2)", True),
        ("k8s:shop/cart-api-7f9c6d5b8-x2x9k", False),
        ("k8s:shop/cart-worker", False),
        ("k8s:shop/deployment/cart-api", False),
        ("k8s:pay/cart-0", False),
        ("ssh:jump", None),
    ],
)
def test_a_walk_is_from_the_workload_whose_pod_it_was_made_in(
    vantage: str, *, is_inside: bool | None
) -> None:
    """Names that begin alike are other workloads' pods."""
    found = facts(MANIFESTS / "istio-namespace.yaml")

    assert is_walked_inside(Evidence(*found, vantage=vantage), client(found)) is is_inside


@pytest.mark.parametrize(
    ("vantages", "pod"),
    [
        (("k8s:shop/cart-7/app",), ("shop", "pod", "cart-7")),
        (("here", "k8s:shop/deploy/cart"), ("shop", "deploy", "cart")),
        (("here",), None),
    ],
)
def test_a_pod_to_walk_from_is_the_workload_to_read(
    vantages: tuple[str, ...], pod: tuple[str, str, str] | None
) -> None:
    """Its cluster is asked without another word."""
    assert Wanted(vantages=vantages).pod == pod
