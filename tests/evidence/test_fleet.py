"""The arithmetic of clients and their way out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.evidence.fleet import demand, supply
from refused.evidence.observations import ClientFleet, ClientSettings, Platform

STAMP: dict[str, Any] = {"vantage": "user", "at": 1.0, "took_ms": 0.0, "source": "a test"}
FLEET = ClientFleet(**STAMP, pods=40, processes=2, pool_size=50)
AKS = Platform(**STAMP, system="Linux", kind="kubernetes")


def test_nodes_of_a_cluster_count_for_the_server_and_not_for_one_port() -> None:
    """Each node has a port of its own, and the limit of clients counts them all."""
    wanted = demand(FLEET.replace(shards=3))

    assert wanted is not None
    assert (wanted.to_one, wanted.in_all) == (4000, 12_000)
    assert wanted.said == (
        "40 pods x 2 processes x 50 connections = 4,000 connections to one port of the server, "
        "12,000 to its 3 nodes together"
    )


@pytest.mark.parametrize(("protocol", "sockets"), [(None, 2), (2, 2), (3, 1)])
def test_stackexchange_needs_no_pool_and_has_a_second_socket_on_resp2(
    protocol: int | None, sockets: int
) -> None:
    """Subscriptions have one of their own there."""
    client = ClientSettings(**STAMP, client="StackExchange.Redis", protocol=protocol)
    wanted = demand(FLEET.replace(pool_size=None), [client])

    assert wanted is not None
    assert wanted.to_one == 80 * sockets


def test_without_the_size_of_a_pool_nothing_is_made_up() -> None:
    """No library's default stands for what was not said."""
    assert demand(FLEET.replace(pool_size=None)) is None
    assert demand(FLEET.replace(pool_size=None), [ClientSettings(**STAMP, client="jedis")]) is None


@pytest.mark.parametrize(
    ("said", "ports"),
    [
        ({"outbound": "load-balancer", "nodes": 50}, 50 * 1024),
        ({"outbound": "load-balancer", "nodes": 51}, 51 * 512),
        ({"outbound": "load-balancer", "nodes": 3, "outbound_addresses": 2}, 3 * 2 * 1024),
        ({"outbound": "load-balancer", "nodes": 3, "ports_per_node": 4000}, 12_000),
        ({"outbound": "nat-gateway", "outbound_addresses": 2}, 100_000),
        ({"outbound": "azure-firewall", "outbound_addresses": 1}, 4992),
        ({"outbound": "app-service"}, 40 * 128),
        ({"outbound": "public-ip", "nodes": 2}, 2 * 28_232),
    ],
)
def test_the_way_out_bears_what_is_published(said: dict[str, Any], ports: int) -> None:
    """A load balancer by its nodes, a gateway by its addresses, App Service by its instances."""
    way = supply(FLEET.replace(**said))

    assert way is not None
    assert way.ports == ports
    assert not way.is_guess


def test_the_platforms_usual_way_out_is_called_a_guess() -> None:
    """Nobody said that the cluster has no NAT gateway."""
    way = supply(FLEET.replace(nodes=3), [AKS])

    assert way is not None
    assert (way.path, way.is_guess) == ("load-balancer", True)
    assert supply(FLEET, [AKS]) is None
    assert supply(FLEET) is None


NUMBERS = st.none() | st.integers(-3, 10**9)


FIELDS = (
    "pods",
    "processes",
    "pool_size",
    "shards",
    "nodes",
    "outbound_addresses",
    "ports_per_node",
)


@given(
    st.fixed_dictionaries(dict.fromkeys(FIELDS, NUMBERS)),
    st.sampled_from(
        ["", "load-balancer", "nat-gateway", "azure-firewall", "app-service", "public-ip", "x"]
    ),
)
def test_any_numbers_give_a_figure_or_none(numbers: dict[str, int | None], outbound: str) -> None:
    """A bundle may come from anybody."""
    fleet = FLEET.replace(**numbers, outbound=outbound)
    wanted, way = demand(fleet), supply(fleet, [AKS])

    assert wanted is None or wanted.to_one >= 1
    assert way is None or way.ports >= 1
