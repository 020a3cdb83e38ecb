"""Arithmetic of time-outs and ports, held against the systems it describes."""

from __future__ import annotations

import socket
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.service.limits import (
    CLIENT_TIMEOUTS,
    IDLE_LIMITS,
    SNAT_BY_NODES,
    client_timeouts_s,
    connect_timeout_s,
    connections_wanted,
    failover_s,
    idle_limit_s,
    most_nodes,
    new_connections_per_s,
    retransmission_timeout_s,
    settling_s,
    snat_ports_per_node,
    unnoticed_s,
)


def test_the_kernel_s_two_famous_numbers() -> None:
    """924.6 s as Linux ships, 12.6 s as Microsoft advises."""
    assert retransmission_timeout_s(15) == 924.6
    assert retransmission_timeout_s(5) == 12.6
    assert retransmission_timeout_s(0) == 0.2


@given(st.integers(0, 254))
def test_a_further_retry_waits_twice_as_long_but_no_longer_than_two_minutes(retries: int) -> None:
    """The step from one setting to the next is one more wait."""
    step = retransmission_timeout_s(retries + 1) - retransmission_timeout_s(retries)
    assert round(step, 1) == min(round(0.2 * 2 ** (retries + 1), 1), 120.0)


@pytest.mark.parametrize("retries", [-1, 256])
def test_the_kernel_would_refuse_it(retries: int) -> None:
    """What cannot be set has no time-out."""
    with pytest.raises(ValueError, match="0 to 255"):
        retransmission_timeout_s(retries)


@pytest.mark.parametrize(
    ("retries", "linear", "seconds"), [(6, 0, 127), (6, 4, 131), (0, 0, 1), (1, 0, 3), (2, 4, 11)]
)
def test_how_long_a_connect_hangs(retries: int, linear: int, seconds: int) -> None:
    """As the kernel's documentation counts it, before and since Linux 6.5."""
    assert connect_timeout_s(retries, linear) == seconds


@pytest.mark.parametrize(("retries", "linear"), [(-1, 0), (128, 0), (6, -1)])
def test_a_connect_has_bounds(retries: int, linear: int) -> None:
    """The kernel's."""
    with pytest.raises(ValueError, match="tcp_syn_retries"):
        connect_timeout_s(retries, linear)


@given(st.integers(1, 40_000), st.integers(1, 40_000), st.integers(1, 200))
def test_a_vanished_peer_is_noticed_in_the_end(idle: int, interval: int, probes: int) -> None:
    """Never before the first probe, and each probe adds one interval."""
    seconds = unnoticed_s(idle_s=idle, interval_s=interval, probes=probes)
    assert seconds == unnoticed_s(idle_s=idle, interval_s=interval, probes=probes + 1) - interval
    assert seconds > idle


def test_keepalive_settings_start_at_one() -> None:
    """Linux refuses 0 just the same."""
    for wrong in ({"idle_s": 0}, {"interval_s": 0}, {"probes": 0}):
        with pytest.raises(ValueError, match="start at 1"):
            unnoticed_s(**{"idle_s": 1, "interval_s": 1, "probes": 1, **wrong})
    if sys.platform == "linux":
        with socket.socket() as quiet, pytest.raises(OSError, match="Invalid argument"):
            quiet.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 0)


@pytest.mark.parametrize(
    ("nodes", "ports"),
    [
        (1, 1024),
        (50, 1024),
        (51, 512),
        (100, 512),
        (200, 256),
        (400, 128),
        (401, 64),
        (1000, 32),
        (1001, None),
    ],
)
def test_one_node_too_many_halves_the_ports(nodes: int, ports: int | None) -> None:
    """The steps that break clusters when they grow."""
    assert snat_ports_per_node(nodes) == ports


@given(st.integers(1, 1000))
def test_the_steps_have_no_hole_and_fit_one_address(nodes: int) -> None:
    """Every pool up to a thousand nodes has an answer, within the ports of one address."""
    ports = snat_ports_per_node(nodes)
    assert ports is not None
    assert ports * nodes <= 64_000
    assert ports % 8 == 0


def test_an_empty_pool_is_a_mistake() -> None:
    """Not a pool without limits."""
    with pytest.raises(ValueError, match="0 nodes"):
        snat_ports_per_node(0)
    with pytest.raises(ValueError, match="start at 1"):
        most_nodes(addresses=0, ports_per_node=1024)


def test_ports_are_shared_out() -> None:
    """64,000 per address; and one cache is one destination."""
    assert most_nodes(addresses=1, ports_per_node=1024) == 62
    assert most_nodes(addresses=1, ports_per_node=1) == 64_000
    assert most_nodes(addresses=2, ports_per_node=1280) == 100
    assert connections_wanted(processes=40, pool_size=50) == 2000
    assert connections_wanted(processes=40, pool_size=1, sockets_per_connection=2) == 80
    assert [row[0] for row in SNAT_BY_NODES][1:] == [row[1] + 1 for row in SNAT_BY_NODES][:-1]


def test_new_connections_are_limited_by_those_that_rest() -> None:
    """28,232 ports, a minute each."""
    assert int(new_connections_per_s(32_768, 60_999)) == 470
    for first, last, wait in ((2, 1, 60), (1, 2, 0)):
        with pytest.raises(ValueError, match="empty range"):
            new_connections_per_s(first, last, wait)


def test_the_quiet_are_cut_off() -> None:
    """The server after ten minutes, Azure's network after four."""
    assert idle_limit_s("acr") == idle_limit_s("amr") == 600
    assert idle_limit_s("load-balancer") == idle_limit_s("app-service") == 240
    assert idle_limit_s("mars") is None
    assert min(row[1] for row in IDLE_LIMITS) > 60


def test_a_failover_is_short() -> None:
    """Planned under a second, unplanned ten to fifteen."""
    assert failover_s("amr", "planned") == (0, 1)
    assert failover_s("acr", "unplanned") == (10, 15)
    assert failover_s("redis", "planned") is None


def test_changes_take_their_time() -> None:
    """Nothing is judged, or undone, before it can have worked."""
    assert settling_s("firewall-rule", "acr") == 60
    assert settling_s("entra-enabled", "acr") == 1800
    assert settling_s("firewall-rule", "amr") is None


@pytest.mark.parametrize(
    ("library", "version", "expected"),
    [
        ("redis-py", "", (5, 5)),
        ("redis-py", "8.1.0", (5, 5)),
        ("redis-py", "9.0", (5, 5)),
        ("redis-py", "5.0.8", (None, None)),
        ("redis-py", "6.4", (None, None)),
        ("redis-py", "3.5", (None, None)),
        ("REDIS-PY", "dev", (5, 5)),
        ("stackexchange.redis", "2.8", (5, 5)),
        ("jedis", "", (2, 2)),
        ("lettuce", "6", (10, 60)),
        ("telnet", "", None),
    ],
)
def test_a_library_has_time_outs_of_its_own(
    library: str, version: str, expected: tuple[float | None, float | None] | None
) -> None:
    """By version where they changed."""
    assert client_timeouts_s(library, version) == expected


def test_the_newest_version_of_a_library_stands_first() -> None:
    """Otherwise an unknown version would be taken for an old one."""
    for library in {row[0] for row in CLIENT_TIMEOUTS}:
        versions = [int(row[1] or 0) for row in CLIENT_TIMEOUTS if row[0] == library]
        assert versions == sorted(versions, reverse=True)
