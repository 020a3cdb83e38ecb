"""Vantage points as the user names them, and this host as one of them."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.evidence.bundle import BadBundle
from refused.vantage import FORMS, BadVantage, open_vantage
from refused.vantage.here import Here
from refused.vantage.socks5 import Socks5

SOURCES = Path(__file__).resolve().parents[2] / "src"


def test_here_is_this_host() -> None:
    """Its own names, routes and files speak of it."""
    here = open_vantage(" here ")

    assert isinstance(here, Here)
    assert (here.name, here.is_local) == ("here", True)


def test_a_proxy_is_somewhere_else() -> None:
    """In either spelling, in whatever letters."""
    for text in ("socks5://127.0.0.1:1080", "SOCKS5H://127.0.0.1:1080"):
        far = open_vantage(text)
        assert isinstance(far, Socks5)
        assert (far.name, far.is_local) == ("socks5://127.0.0.1:1080", False)


@pytest.mark.parametrize("text", ["", "there", "here:1", "scp://host", "127.0.0.1:1080"])
def test_other_forms_are_answered_with_those_there_are(text: str) -> None:
    """One line, and no promises."""
    with pytest.raises(BadVantage) as said:
        open_vantage(text)

    assert str(said.value) == f"--from takes {FORMS}"


@given(st.sampled_from(["", "ssh:", "k8s:", "docker:", "socks5://", "@"]), st.text(max_size=30))
def test_no_text_does_worse_than_that(kind: str, text: str) -> None:
    """A vantage point, or one line; so after any kind of place."""
    try:
        open_vantage(kind + text)
    except (BadVantage, BadBundle) as said:
        assert "\n" not in str(said)  # noqa: PT017 - most texts raise, and some may not


def test_from_here_a_dial_is_a_plain_one() -> None:
    """The connection is ready to talk over, and nothing stands between."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        sock, seen = Here().dial("127.0.0.1", port, 2.0, "sibling-port")

    assert sock is not None
    with sock:
        assert sock.gettimeout() is None
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert (seen.outcome, seen.vantage, seen.via) == ("accepted", "here", "")
    assert seen.purpose == "sibling-port"


@pytest.mark.parametrize(
    "module",
    ["refused.vantage.here", "refused.vantage.socks5", "refused.probes.names"],
)
def test_a_cold_start_loads_nothing_heavy(module: str) -> None:
    """What every diagnosis imports competes with nc for start-up time."""
    heavy = "asyncio dataclasses http ipaddress logging pathlib re typing urllib.parse"
    script = (
        f"import socket, select, sys; before = set(sys.modules); import {module}; "
        f"print(*sorted(set({heavy.split()!r}) & (set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        env={"PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == []
