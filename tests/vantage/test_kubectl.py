"""The real ``kubectl`` carries the probes into a pod of a cluster that is made for the test."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from refused import api
from refused.evidence.observations import Unseen
from refused.lab.servers import Server
from tests.vantage.cluster import Cluster, cluster
from tests.vantage.test_remote import KEY, facts_of, gap, look

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POD, CART = "k8s:shop/cart-7/app", "k8s:shop/deployment/cart"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Give a real server that asks for a password."""
    with Server(password=KEY) as started:
        yield started


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Give a cluster whose one pod runs its commands on this host, with a Python."""
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "python3").symlink_to(sys.executable)
    path = f"PATH={inside}:/usr/bin:/bin"
    with cluster(prefix=["/usr/bin/env", path]) as made:
        # kubectl keeps what it has discovered in the home.
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("KUBECONFIG", str(made.kubeconfig(tmp_path / "kubeconfig")))
        yield made


@pytest.mark.parametrize("place", [POD, "k8s:shop/cart-7", CART])
def test_a_pod_sees_what_this_host_sees(place: str, shop: Cluster, server: Server) -> None:
    """It is this very host, so that all but the moment is equal."""
    bundle = look(server, "here", place)

    assert facts_of(bundle, place) == facts_of(bundle, "here")
    assert api.judge(bundle).verdict == "healthy"
    assert shop.debugged == []


def test_neither_secret_nor_target_is_in_a_request(shop: Cluster, server: Server) -> None:
    """An audit log of the cluster keeps the words of every command."""
    look(server, POD)

    asked = "\n".join(shop.asked)
    assert "/exec?command=sh&command=-c&" in asked
    assert KEY not in asked
    assert str(server.port) not in asked


def test_a_pod_that_is_not_there_is_unseen(shop: Cluster, server: Server) -> None:
    """With kubectl's own words, and what would have to work."""
    said = gap(look(server, "k8s:shop/cart-8"), "k8s:shop/cart-8")

    assert "NotFound" in said.why
    assert said.how_to_see == "make this work first: kubectl exec -n shop cart-8 -- python3 -V"
    assert shop.asked


def test_an_image_with_python_and_no_shell_is_enough(shop: Cluster, server: Server) -> None:
    """As distroless images are."""
    shop.lacking = {"sh"}

    bundle = look(server, "here", POD)

    assert facts_of(bundle, POD) == facts_of(bundle, "here")


def test_an_image_without_python_is_left_alone(shop: Cluster, server: Server) -> None:
    """Unless the user allows more."""
    shop.lacking = {"sh", "python3"}

    said = gap(look(server, POD), POD)

    assert said.why.startswith("there is no Python 3.8 or newer")
    assert said.how_to_see.startswith("with --deep an ephemeral debug container")
    assert shop.debugged == []


@pytest.mark.parametrize("place", [POD, CART])
def test_with_deep_a_debug_container_looks(
    place: str, shop: Cluster, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """One, with a public image and no right that it does not need; and it is said aloud."""
    shop.lacking = {"sh", "python3"}

    bundle = look(server, place, deep=True)

    assert [each["image"] for each in shop.debugged] == ["docker.io/library/python:3.13-alpine"]
    assert not shop.debugged[0].get("securityContext")
    assert shop.debugged[0].get("targetContainerName") == ("app" if place == POD else None)
    gaps = {each.what for each in bundle.facts if isinstance(each, Unseen)}
    assert {"ProxyVariables", "DescriptorUse", "Platform"} <= gaps
    assert api.judge(bundle).verdict == "healthy"
    assert "stays listed in the pod cart-7" in capsys.readouterr().err


def test_another_image_may_be_named(shop: Cluster, server: Server) -> None:
    """For clusters that reach no public registry."""
    shop.lacking = {"sh", "python3"}
    environ = {"REFUSED_DEBUG_IMAGE": "registry.corp.example/python:3"}

    look(server, POD, deep=True, environ=environ)

    assert [each["image"] for each in shop.debugged] == ["registry.corp.example/python:3"]
