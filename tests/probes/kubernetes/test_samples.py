"""Deployments as people write them, in several layouts: what is wrong is found, and what is right is left alone."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from refused.causes.service_mesh_intercept import (
    CAUSE,
    ENDS,
    EXCLUDE,
    ONE_TLS,
    REGISTER,
    judge,
)
from refused.causes.statements import Clue
from refused.evidence.kubernetes_faults import dns_faults, mesh_faults, policy_faults
from refused.evidence.observations import NodeVisit, Platform, TcpDial
from tests.probes.kubernetes.scenery import HERE, MANIFESTS, NODES, client, evidence, facts

if TYPE_CHECKING:
    from pathlib import Path

# Shape: file: the faults of the mesh, as (kind, sure).
WRONG = {
    "istio-namespace.yaml": {("port-clash", True)},
    "istio-pod-label.yaml": {("port-clash", True)},
    "istio-revision.yaml": {("port-clash", True), ("no-entry", False)},
    "istio-injected.yaml": {("port-clash", True), ("garbled", False)},
    "istio-list.json": {("port-clash", True)},
    "istio-helm.yaml": {("port-clash", True)},
    "istio-operator.yaml": {("port-clash", True), ("entry-port", True)},
    "istio-double-tls.yaml": {("double-tls", True)},
    "linkerd-deny.yaml": {("egress-network", False)},
}
RIGHT = (
    "istio-correct.yaml",
    "istio-not-injected.yaml",
    "linkerd-correct.yaml",
    "linkerd-skips.yaml",
)
# The exact line that ends the clash of ports, beside what was excluded before.
CURES = {
    "istio-namespace.yaml": '"3306,15000,15001"',
    "istio-pod-label.yaml": '"15000,15001"',
    "istio-revision.yaml": '"15000,15001"',
    "istio-injected.yaml": '"15000,15001"',
    "istio-list.json": '"15000,15001"',
    "istio-helm.yaml": '"15000,15001"',
    "istio-operator.yaml": '"15000,15001"',
}
INSIDE = Platform(**HERE, system="Linux", kind="kubernetes", mesh="istio")
FAILED = NodeVisit(
    **HERE,
    host="20.0.0.1",
    port=15001,
    address="20.0.0.1",
    role="primary",
    stage="tls",
    outcome="closed",
)


def test_every_sample_is_told_to_be_wrong_or_right() -> None:
    """One that no test reads shows nothing."""
    assert {path.name for path in MANIFESTS.iterdir()} == {*WRONG, *RIGHT}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_found(name: str) -> None:
    """And nothing else."""
    found = mesh_faults(evidence(*facts(MANIFESTS / name), NODES))

    assert {(each.kind, each.sure) for each in found} == WRONG[name]


@pytest.mark.parametrize("name", RIGHT)
def test_a_correct_manifest_gives_no_finding(name: str) -> None:
    """Of the mesh, of the policies, of the names; and no judge speaks for the cause."""
    seen = evidence(*facts(MANIFESTS / name), NODES)

    assert mesh_faults(seen) == ()
    assert policy_faults(seen) == ()
    assert dns_faults(seen) == ()
    assert [each for each in judge(seen) if getattr(each, "weight", -1) > 0] == []


@pytest.mark.parametrize("name", CURES)
def test_the_clash_of_ports_names_the_annotation_that_ends_it(name: str) -> None:
    """To be typed as it stands."""
    found = mesh_faults(evidence(*facts(MANIFESTS / name), NODES))
    (clash,) = [each for each in found if each.kind == "port-clash"]

    wanted = f"traffic.sidecar.istio.io/excludeOutboundPorts: {CURES[name]}"
    assert clash.cure == f"the pods need the annotation {wanted}"
    assert set(clash.ports) <= {15000, 15001}


@pytest.mark.parametrize("name", CURES)
def test_the_annotation_does_end_it(name: str) -> None:
    """With it in place, the clash is gone."""
    found = facts(MANIFESTS / name)
    (clash,) = [each for each in mesh_faults(evidence(*found, NODES)) if each.kind == "port-clash"]
    before = clash.workload.sidecars[0]
    after = before.replace(
        excluded_ports=(*before.excluded_ports, *((port, port) for port in clash.ports)), garbled=()
    )
    cured = [each.replace(sidecars=(after,)) if each == clash.workload else each for each in found]

    assert "port-clash" not in {each.kind for each in mesh_faults(evidence(*cured, NODES))}


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("istio-operator.yaml", REGISTER),
        ("linkerd-deny.yaml", REGISTER),
        ("istio-double-tls.yaml", ONE_TLS),
        ("istio-namespace.yaml", EXCLUDE),
    ],
)
def test_what_is_advised_is_what_ends_it(name: str, first: str) -> None:
    """Above all, no port is led past a rule of the mesh that keeps hosts out."""
    nodes = [NODES] if first == EXCLUDE else []
    said = judge(evidence(*facts(MANIFESTS / name), *nodes))

    assert {each.ends for each in said if isinstance(each, Clue)} == {first}
    assert set(ENDS.values()) <= set(CAUSE.remedies)


def test_what_kustomize_prints_is_what_is_judged(tmp_path: Path) -> None:
    """An overlay's patch ends the clash of its base, by the real ``kubectl kustomize``."""
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl")
    base, overlay = tmp_path / "base", tmp_path / "prod"
    base.mkdir()
    overlay.mkdir()
    shutil.copy(MANIFESTS / "istio-namespace.yaml", base / "shop.yaml")
    (base / "kustomization.yaml").write_text("resources: [shop.yaml]\n")
    note = {"traffic.sidecar.istio.io/excludeOutboundPorts": "3306,15000,15001"}
    patch = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {"template": {"metadata": {"annotations": note}}},
    }
    (overlay / "patch.json").write_text(json.dumps(patch))
    (overlay / "kustomization.yaml").write_text(
        "resources: [../base]\npatches: [{path: patch.json}]\n"
    )

    def printed(folder: Path) -> set[str]:
        done = subprocess.run(
            ["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=True
        )
        return {each.kind for each in mesh_faults(evidence(*facts(done.stdout), NODES))}

    assert printed(base) == {"port-clash"}
    assert printed(overlay) == set()


def test_a_node_that_fails_from_inside_the_pod_is_the_proof() -> None:
    """The clash by the manifest, and the failure seen at that very port."""
    dial = TcpDial(**HERE, address="20.0.0.1", port=6380, outcome="accepted")
    seen = evidence(*facts(MANIFESTS / "istio-namespace.yaml"), INSIDE, dial, NODES, FAILED)

    (said,) = judge(seen)

    assert type(said).__name__ == "Proof"
    assert "15001 (outbound traffic)" in said.because  # type: ignore[union-attr]
    assert 'excludeOutboundPorts: "3306,15000,15001"' in said.because  # type: ignore[union-attr]
    assert "the nodes at 15001 fail at tls (closed)" in said.because  # type: ignore[union-attr]


def test_seen_from_elsewhere_it_is_a_clue() -> None:
    """The manifest holds for the pod; that the pod fails, nobody saw."""
    laptop = INSIDE.replace(kind="host", mesh="")
    seen = evidence(*facts(MANIFESTS / "istio-namespace.yaml"), laptop, NODES, FAILED)

    (said,) = judge(seen)
    assert type(said).__name__ == "Clue"
    assert said.foretells  # type: ignore[union-attr]


def test_whose_namespace_is_not_among_the_manifests_may_have_a_sidecar() -> None:
    """Whether it is injected hangs on a label that nobody showed."""
    whole = (MANIFESTS / "istio-namespace.yaml").read_text()
    without = whole.partition("---\n")[2]
    found = facts(without)

    assert client(found).sidecars[0].present is None
    assert {(each.kind, each.sure) for each in mesh_faults(evidence(*found, NODES))} == {
        ("port-clash", False)
    }


def test_a_cache_without_a_cluster_has_no_clash() -> None:
    """6380 is no port of a sidecar's own, and nobody dials the nodes."""
    assert mesh_faults(evidence(*facts(MANIFESTS / "istio-namespace.yaml"))) == ()
