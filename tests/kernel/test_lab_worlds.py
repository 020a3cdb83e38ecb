"""Every kernel world of the lab, diagnosed by the program itself from where its client stands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from refused.causes import catalogue
from refused.cli.lab_kernel import diagnosed, row
from refused.lab.kernel_stage import KEY, command, missing
from refused.lab.kernel_worlds import WORLDS, KernelWorld, by_id

KERNEL = [pytest.mark.kernel, pytest.mark.timeout(90)]
FAULTS = [each for each in WORLDS if each.cause is not None]
HEALTHY = [each for each in WORLDS if each.cause is None]
HOPS = {"name", "address", "route", "tcp", "tls", "resp", "auth", "topology", "command"}


def pytestmarked(worlds: list[KernelWorld]) -> list[Any]:
    """Return the worlds as parameters that need a kernel."""
    return [pytest.param(each, id=each.id, marks=KERNEL) for each in worlds]


def test_there_are_as_many_healthy_worlds_as_the_promise_asks_for() -> None:
    """At least forty of each kind, over all hops, singly and in pairs."""
    known = {cause.id: cause for cause, _ in catalogue()}

    assert len(FAULTS) >= 40
    assert len(HEALTHY) >= 40
    assert sum(each.behind is not None for each in FAULTS) >= 15
    assert {each.cause for each in FAULTS} <= set(known)
    assert {known[each.cause].hop for each in FAULTS if each.cause} == HOPS
    assert {each.behind for each in FAULTS} - {None} <= set(known)
    assert len({each.id for each in WORLDS}) == len(WORLDS)


@pytest.mark.parametrize("world", pytestmarked(FAULTS))
def test_the_cause_stands_first_and_nothing_false_is_confirmed(world: KernelWorld) -> None:
    """Of two faults the one whose hop comes first; the evidence is the kernel's own."""
    report = diagnosed(world)

    assert report["verdict"] == "fault"
    assert [each["id"] for each in report["causes"]][:1] == [world.cause], report["causes"]
    sure = {each["id"] for each in report["causes"] if each["certainty"] == "confirmed"}
    assert sure <= {world.cause, world.behind}
    assert not [each for each in report["causes"] if each["id"] not in (world.cause, world.behind) and each["probability"] > 0.9]  # fmt: skip
    assert KEY not in json.dumps(report)


@pytest.mark.parametrize("world", pytestmarked(HEALTHY))
def test_what_is_odd_and_well_gives_no_false_alarm(world: KernelWorld) -> None:
    """Slow, far, lossy, redirected, translated, filtered; and it works."""
    report = diagnosed(world)

    assert (report["verdict"], report["causes"]) == ("healthy", []), report["path"]
    assert KEY not in json.dumps(report)


def inside(world_id: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program where the client of a world stands."""
    return subprocess.run(
        command(world_id, *words), capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture(scope="module")
def far() -> dict[str, Any]:
    """Give the report of a world whose relay takes 150 ms each way."""
    return diagnosed(by_id("healthy.very-far-away"))


@pytest.mark.kernel
@pytest.mark.timeout(90)
def test_the_oddities_are_felt() -> None:
    """A world whose oddity does nothing would be healthy for the wrong reason."""
    answered = ["sh", "-c", "nft list ruleset; ip -4 route; ss -Htn; cat /etc/hosts"]

    assert "redirect to :15001" in inside("healthy.mesh", *answered).stdout
    assert "blackhole 10.50.0.0/16" in inside("healthy.black-hole-for-others", *answered).stdout
    assert inside("healthy.many-sockets", *answered).stdout.count("10.99.2.2:6379") >= 300
    assert "redis.corp.example" in inside("healthy.hosts-file", *answered).stdout


@pytest.mark.kernel
@pytest.mark.timeout(90)
def test_a_relay_that_delays_is_seen_in_the_evidence(far: dict[str, Any]) -> None:
    """Each way takes 150 ms, so that no command is answered in less than 300."""
    replies = [f for f in far["evidence"]["facts"] if f["fact"] == "RedisReply"]

    assert replies
    assert min(reply["took_ms"] for reply in replies[:1]) > 290


@pytest.mark.kernel
@pytest.mark.timeout(90)
def test_a_world_ends_with_its_command_and_leaves_nothing(tmp_path: Path) -> None:
    """Its exit code is the command's, its processes are gone, and so are its files."""
    done = subprocess.run(
        command("healthy.tls", "sh", "-c", "cat /proc/net/dev; ip netns list; exit 7"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR": str(tmp_path)},
    )

    assert done.returncode == 7
    assert {"router", "server", "office"} <= set(done.stdout.replace("(id:", " ").split())
    assert list(tmp_path.iterdir()) == []
    assert not Path("/run/netns/office").exists()


@pytest.mark.kernel
@pytest.mark.timeout(90)
def test_it_needs_no_root() -> None:
    """In a user namespace without a single capability the same worlds come up."""
    nobody = ["unshare", "-U", "--map-user=1000", "--map-group=1000", "--"]
    program = [sys.executable, "-m", "refused.cli.main", "lab", "run", "--kernel"]
    done = subprocess.run(
        [*nobody, *program, "egress-blocked.own-drop", "healthy.nat", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=80,
    )

    rows = json.loads(done.stdout)
    assert [each["right"] for each in rows] == [True, True], rows
    assert done.returncode == 0


def test_where_there_is_no_kernel_to_harm_a_world_is_passed_over_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A skip is shown; it is neither right nor wrong."""
    monkeypatch.setattr("refused.lab.kernel_stage.NEEDED", ("a-tool-that-nobody-has",))

    told = row(by_id("healthy.tls"))

    assert missing() == "needs a-tool-that-nobody-has"
    assert (told["right"], told["skipped"]) == (False, "needs a-tool-that-nobody-has")
