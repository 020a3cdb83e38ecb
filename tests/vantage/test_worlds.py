"""Pods and containers in networks of their own: one works, one does not, one report says why.

No cluster can be had here: ``kubectl`` and ``docker`` are stand-ins that write down how they were
called and run the command in a network namespace. What they would do with the words that they get is
held to their documentation by nobody but the reader.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from refused import api
from refused.evidence.bundle import Bundle
from refused.evidence.observations import Unseen
from refused.report import schema
from tests.kernel.worlds import KEY, OWN_HOST, World, world
from tests.probes.networks import Namespace, namespaces, run

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(90)]

TARGET = f"{OWN_HOST}:6380,password={KEY},ssl=True,abortConnect=False"
CART, TILL = "k8s:shop/cart-0/app", "docker:till"
# What container runtimes say of an image without the program.
# Source: opencontainers/runc, libcontainer (exec.LookPath's error is passed on).
_NO_SHELL = 'OCI runtime exec failed: exec: \\"sh\\": executable file not found in $PATH: unknown'


class Shop:
    """The world's client as a pod, and a second client as a container; the router stands between.

    Attributes:
        calls: Where the stand-ins write down their words.
    """

    def __init__(self, made: World, till: Namespace, folder: Path) -> None:
        self.world, self.till = made, till
        self.folder, self.calls = folder, folder / "calls"
        router = made.net.router
        run(*f"ip link add eth0 netns {till.name} type veth peer rt netns {router.name}".split())
        for place, device, last in ((till, "eth0", 2), (router, "rt", 1)):
            place.ip(f"addr add 10.99.3.{last}/24 dev {device}")
            place.ip(f"link set {device} up")
        till.ip("route add default via 10.99.3.1")
        made.net.server.ip("route replace 10.99.3.0/24 via 10.99.2.1")
        home = Path("/etc/netns", till.name)
        home.mkdir(parents=True)
        (home / "resolv.conf").write_text(f"nameserver {made.net.SERVER}\noptions timeout:1\n")
        inside = 'while [ "$1" != -- ]; do shift; done; shift;'
        self.program("kubectl", f'{inside} exec ip netns exec {made.net.client.name} "$@"')
        self.program("docker", f'shift 3; exec ip netns exec {till.name} "$@"')

    def program(self, name: str, line: str) -> None:
        """Put a stand-in on PATH."""
        path = self.folder / name
        path.write_text(
            f'#!/bin/sh\nprintf "{name}\\\\n" >> {self.calls}\n'
            f'printf "%s\\\\n" "$@" >> {self.calls}\n{line}\n'
        )
        path.chmod(0o755)

    def look(self, *vantages: str, **options: Any) -> Bundle:
        """Gather from these places."""
        ca_file = str(self.world.ca_file)
        return api.probe(TARGET, vantages=vantages, ca_file=ca_file, timeout_s=3, **options)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """Give two clients of a server with TLS, both of which reach it."""
    programs = tmp_path / "programs"
    programs.mkdir()
    with world(tmp_path) as made, namespaces("till") as (till,):
        try:
            made.redis()
            made.resolver()
            python = programs / "python3"
            python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
            python.chmod(0o755)
            monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
            yield Shop(made, till, programs)
        finally:
            with contextlib.suppress(OSError):
                Path("/etc/netns", till.name, "resolv.conf").unlink()
                Path("/etc/netns", till.name).rmdir()


def report_of(bundle: Bundle) -> dict[str, Any]:
    """Judge, and hold the report to its schema."""
    told: dict[str, Any] = json.loads(api.judge(bundle).to_json())
    jsonschema.validate(told, schema())
    assert KEY not in json.dumps(told)
    return told


def test_two_that_work_do_not_differ_in_what_matters(shop: Shop) -> None:
    """Both paths are shown, and nothing is called a difference."""
    bundle = shop.look(CART, TILL)

    report = api.judge(bundle)

    assert bundle.vantages == (CART, TILL)
    assert report.verdict == "healthy", report.to_text()
    assert report.diagnosis.differences == ()
    assert "What differs" not in report.to_text()


def test_one_allowed_and_one_blocked_is_one_report_that_names_the_difference(shop: Shop) -> None:
    """A filter on the way knows the source address, and nothing else sets the two apart."""
    shop.world.net.router.filter("forward", "ip saddr 10.99.1.2 tcp dport 6380 drop")

    bundle = shop.look(CART, TILL)
    report, told = api.judge(bundle), report_of(bundle)

    assert told["verdict"] == "fault"
    assert (told["severity"], told["severity_because"]) == (
        2,
        "it fails from 1 of 2 vantage points",
    )
    assert {each["vantage"]: each["verdict"] for each in told["vantages"]} == {
        CART: "fault",
        TILL: "healthy",
    }
    differing = {each.what: dict(each.values) for each in report.diagnosis.differences}
    assert differing == {
        "path": {CART: "fails at tcp: silent", TILL: "works"},
        "source address": {CART: "10.99.1.2", TILL: "10.99.3.2"},
        "route": {CART: "by 10.99.1.1 on eth0", TILL: "by 10.99.3.1 on eth0"},
    }
    assert (
        "source address differs between the vantage points: "
        f"{CART}: 10.99.1.2; {TILL}: 10.99.3.2" in told["notes"]
    )
    summed = {each["vantage"] for each in told["evidence"]["facts"] if each["fact"] == "Elsewhere"}
    assert summed == {CART, TILL}


def test_the_report_shows_them_side_by_side(shop: Shop) -> None:
    """A name in front of each value, in a column."""
    shop.world.net.router.filter("forward", "ip saddr 10.99.1.2 tcp dport 6380 drop")

    lines = api.judge(shop.look(CART, TILL)).to_text().splitlines()

    at = lines.index("- source address")
    assert lines[at + 1 : at + 3] == [
        "  k8s:shop/cart-0/app  10.99.1.2",
        "  docker:till          10.99.3.2",
    ]


def test_another_answer_of_the_resolver_is_the_difference(shop: Shop) -> None:
    """The pod is told another address than the container, by a hosts file of its own."""
    shop.world.client_file("hosts", f"10.99.2.77 {OWN_HOST}\n")

    report = api.judge(shop.look(CART, TILL))

    differing = {each.what: dict(each.values) for each in report.diagnosis.differences}
    assert differing["addresses given"] == {CART: "10.99.2.77", TILL: "10.99.2.2"}
    assert "resolver answer" not in differing


def test_another_kernel_setting_and_filter_are_the_difference(shop: Shop) -> None:
    """The pod's own packet filter drops, and its kernel gives up sooner."""
    shop.world.net.client.set("net.ipv4.tcp_syn_retries=2")
    shop.world.net.client.filter("output", "tcp dport 6380 drop")

    report = api.judge(shop.look(CART, TILL))

    differing = {each.what: dict(each.values) for each in report.diagnosis.differences}
    assert differing["kernel's tcp_syn_retries"] == {CART: "2", TILL: "6"}
    assert report.causes[0].id == "egress-blocked"


def test_judging_the_evidence_of_the_report_again_gives_the_same_report(shop: Shop) -> None:
    """The summaries in it are told anew, and not twice."""
    shop.world.net.router.filter("forward", "ip saddr 10.99.1.2 tcp dport 6380 drop")
    told = report_of(shop.look(CART, TILL))

    again = report_of(Bundle.from_json(told["evidence"]))

    assert again == told


def test_a_saved_bundle_stands_for_a_place(shop: Shop, tmp_path: Path) -> None:
    """Saved from where it works, laid beside where it does not; names that clash get a number."""
    saved = str(tmp_path / "till.json")
    api.save(shop.look(TILL), saved)
    shop.world.net.router.filter("forward", "ip saddr 10.99.1.2 tcp dport 6380 drop")

    beside = shop.look(CART, f"@{saved}")
    twice = shop.look(TILL, f"@{saved}")

    assert beside.vantages == (CART, TILL)
    assert dict(api.judge(beside).diagnosis.differences[0].values)[TILL] == "works"
    assert twice.vantages == (TILL, f"{TILL} (2)")


# --- how the programs are called -----------------------------------------------------------------


def test_secrets_and_targets_are_in_no_argument(shop: Shop) -> None:
    """The words are the same whatever is looked at."""
    shop.look(CART, TILL, user="alice")

    words = shop.calls.read_text().splitlines()

    assert KEY not in shop.calls.read_text()
    assert OWN_HOST not in shop.calls.read_text()
    # The cluster is read as well, by calls of its own.
    wanted = ["kubectl", "exec", "-i", "-n", "shop", "cart-0", "-c", "app", "--"]
    assert any(words[at : at + len(wanted)] == wanted for at in range(len(words)))
    at = words.index("docker")
    assert words[at + 1 : at + 6] == ["exec", "-i", "till", "sh", "-c"]


def test_a_workload_is_named_as_kubectl_names_it(shop: Shop) -> None:
    """Which of its pods is kubectl's choice."""
    shop.look("k8s:shop/deployment/cart")

    assert "shop\ndeployment/cart\n--\nsh\n" in shop.calls.read_text()


def test_an_image_without_a_shell_is_entered_by_its_python(shop: Shop) -> None:
    """Distroless images have the one and not the other."""
    shop.program(
        "docker",
        f'[ "$4" = sh ] && {{ echo "{_NO_SHELL}" >&2; exit 127; }}; shift 3; '
        f'exec ip netns exec {shop.till.name} "$@"',
    )

    assert len(shop.look(TILL).view(TILL).facts) > 5


def test_an_image_without_python_says_what_to_do(shop: Shop) -> None:
    """Nothing is put into the pod unasked."""
    shop.program("kubectl", f'echo "{_NO_SHELL}" >&2; exit 127')
    shop.program("docker", f'echo "{_NO_SHELL}" >&2; exit 126')

    bundle = shop.look(CART, TILL)

    gaps = {each.vantage: each for each in bundle.facts if isinstance(each, Unseen)}
    assert gaps[CART].why.startswith("there is no Python 3.8 or newer (OCI runtime exec failed")
    assert "with --deep an ephemeral debug container" in gaps[CART].how_to_see
    assert "docker run --rm -i --network container:till" in gaps[TILL].how_to_see
    assert "debug" not in shop.calls.read_text().splitlines()


def test_with_deep_a_debug_container_looks_in_its_stead(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said aloud, and what it cannot know of the application is unseen."""
    pods = '{"spec": {"selector": {"matchLabels": {"app": "cart"}}}}'
    shop.program(
        "kubectl",
        f"""case "$1 $4" in
"exec "*) echo "{_NO_SHELL}" >&2; exit 127;;
"get deployment/cart") echo '{pods}'; exit 0;;
"get pods") echo pod/cart-7; exit 0;;
esac
while [ "$1" != -- ]; do shift; done; shift; exec ip netns exec {shop.world.net.client.name} "$@\"""",
    )
    place = "k8s:shop/deployment/cart"

    bundle = shop.look(place, deep=True)

    words = shop.calls.read_text()
    assert "debug\n-i\n-q\n-n\nshop\ncart-7\n--image=docker.io/library/python:" in words
    assert "app=cart\n" in words
    assert "stays listed in the pod cart-7" in capsys.readouterr().err
    gaps = {each.what for each in bundle.facts if isinstance(each, Unseen)}
    assert {"ProxyVariables", "DescriptorUse", "Platform"} <= gaps
    assert api.judge(bundle).verdict == "healthy"


def test_a_place_that_was_not_reached_is_no_witness(shop: Shop) -> None:
    """It neither fails nor works, so that nothing is concluded from it."""
    shop.program("docker", 'echo "Error: No such container: till" >&2; exit 1')
    shop.world.net.router.filter("forward", "ip saddr 10.99.1.2 tcp dport 6380 drop")

    bundle = shop.look(TILL, CART)
    report, told = api.judge(bundle), report_of(bundle)

    assert told["verdict"] == "fault"
    assert [each.vantage for each in report.diagnosis.elsewhere] == [CART]
    assert (report.diagnosis.differences, told["severity"]) == ((), None)
    assert told["unseen"][0]["why"] == "Error: No such container: till"
