"""A watch in real networks: what is forgotten on the way, lost, or out of ports."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.kernel.test_worlds import AZURE_RECORD, AZURE_TLS, OWN_PLAIN, confirmed, first
from tests.kernel.worlds import World, world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(120)]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    """Give a world with a server, a resolver, and nothing in between."""
    with world(tmp_path) as made:
        made.redis()
        made.resolver(*AZURE_RECORD)
        yield made


def meanwhile(deed: Callable[[], None], after_s: float) -> threading.Timer:
    """Do something after a while."""
    timer = threading.Timer(after_s, deed)
    timer.start()
    return timer


def strict(here: World, established_s: int) -> None:
    """Have the router forget quiet connections, and drop without a word what it does not know."""
    here.net.router.filter(
        "forward",
        "ct state invalid drop",
        "tcp dport { 6379, 6380 } ct state new tcp flags & (syn|ack) != syn drop",
    )
    here.net.router.set(
        f"net.netfilter.nf_conntrack_tcp_timeout_established={established_s}",
        "net.netfilter.nf_conntrack_tcp_loose=0",
    )


def test_a_quiet_connection_that_the_way_forgot_is_half_open(here: World) -> None:
    """The question is not even acknowledged, while connections in use and new ones are answered."""
    strict(here, 2)

    report = here.diagnose(OWN_PLAIN, "--for", "5")

    assert (first(report), confirmed(report)) == ("idle-timeout", {"idle-timeout"})
    (hold,) = [fact for fact in report["evidence"]["facts"] if fact["fact"] == "IdleHold"]
    assert hold["outcome"] == "silent"
    assert hold["unacked_bytes"] > 0
    assert report["severity"] == 4


def test_a_connection_in_use_that_falls_silent_is_a_stall(here: World) -> None:
    """What was open is dropped from one moment on; who dials anew is let through."""

    def cut() -> None:
        table = here.net.client.output("cat", "/proc/net/tcp").splitlines()[1:]
        mine = [
            int(line.split()[1].partition(":")[2], 16) for line in table if line.split()[3] == "01"
        ]
        ports = ", ".join(map(str, mine))
        here.net.router.filter("forward", f"tcp sport {{ {ports} }} drop")

    timer = meanwhile(cut, 3.0)
    report = here.diagnose(OWN_PLAIN, "--for", "8")
    timer.join()

    assert "linux-tcp-stall" in confirmed(report), report["path"]
    assert any("noticed" in note for note in report["notes"])


def test_packets_that_are_lost_and_sent_again_are_a_note_and_no_fault(here: World) -> None:
    """One in nine of the client's segments is dropped; TCP mends it within the time."""
    here.net.router.filter("forward", "tcp dport 6379 numgen inc mod 9 0 drop")

    report = here.diagnose(OWN_PLAIN, "--for", "8")

    assert report["verdict"] == "healthy", report["path"]
    assert any("segments again" in note for note in report["notes"]), report["notes"]


def test_a_translation_that_runs_out_of_ports(here: World) -> None:
    """The router has three ports for this server, and the watch's own open connections take them."""
    here.net.router.run(
        "nft",
        "-f",
        "-",
        given="table ip n {\nchain p {\ntype nat hook postrouting priority 100;\n"
        "oifname rs tcp dport 6380 masquerade to :40000-40002\n}\n}\n",
    )
    report = here.diagnose(
        AZURE_TLS,
        "--for",
        "14",
        "--pods",
        "30",
        "--pool",
        "50",
        "--nodes",
        "1",
        "--outbound",
        "load-balancer",
    )

    hop = next(each for each in report["path"] if each["status"] == "failed")
    assert hop["hop"] == "tcp"
    assert "95 % interval" in hop["said"]
    assert first(report) == "snat-port-exhaustion"
    assert report["severity"] == 3
    assert not confirmed(report)
