"""What a port means depends on the service."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.service.ports import (
    LINKERD_OPAQUE_PORTS,
    PORTS,
    SIDECAR_PORTS,
    default_port,
    default_tls,
    expected_ports,
    is_node_port,
    meaning_of,
    sidecar_port,
    title_of,
    tls_expected,
)

if TYPE_CHECKING:
    from refused.service.facts import Service

SERVICES: tuple[Service, ...] = ("acr", "acre", "amr", "redis")


@pytest.mark.parametrize(
    ("service", "tls", "port"),
    [
        ("acr", True, 6380),
        ("acr", False, 6379),
        ("acr", None, 6380),
        ("acre", True, 10000),
        ("amr", True, 10000),
        ("amr", False, 10000),
        ("amr", None, 10000),
        ("redis", True, 6379),
        ("redis", None, 6379),
        ("memcached", None, None),
    ],
)
def test_the_port_to_try_first(service: Service, tls: bool | None, port: int | None) -> None:
    """Two ports on one service, one port for both modes on the other."""
    assert default_port(service, tls) == port


def test_only_azure_s_own_services_want_tls_by_themselves() -> None:
    """A Redis of one's own speaks whatever it was told to."""
    assert [default_tls(service) for service in SERVICES] == [True, True, True, None]


def test_a_client_first_knocks_at_the_front_door() -> None:
    """Node ports come later, from the cluster itself."""
    assert expected_ports("acr") == (6380, 6379)
    assert expected_ports("amr") == (10000,)
    assert 26379 not in expected_ports("redis")


@pytest.mark.parametrize(
    ("port", "service", "is_node", "tls"),
    [
        (15000, "acr", True, True),
        (15007, "acr", True, True),
        (13019, "acr", True, False),
        (6380, "acr", False, True),
        (6379, "acr", False, False),
        (16000, "acr", False, None),
        (8501, "amr", True, None),
        (8599, "acre", True, None),
        (8501, "acr", False, None),
        (10000, "amr", False, None),
        (15000, "amr", False, None),
        (7001, "redis", False, None),
    ],
)
def test_fifteen_thousand_is_tls_and_thirteen_thousand_plain(
    port: int,
    service: Service,
    is_node: bool,
    tls: bool | None,
) -> None:
    """And neither exists on Managed Redis, whose one port speaks what it is set to."""
    assert is_node_port(port, service) is is_node
    assert tls_expected(port, service) is tls


@pytest.mark.parametrize(
    ("port", "service", "said"),
    [
        (6379, "acr", "the plain-text port, closed unless the cache's owner opened it"),
        (
            6380,
            "amr",
            "no port of Azure Managed Redis; on Azure Cache for Redis it is the TLS port",
        ),
        (
            10000,
            "redis",
            "no port of Redis; on Azure Managed Redis it is the only client port",
        ),
        (
            26379,
            "acr",
            "no port of Azure Cache for Redis; on Redis it is Sentinel",
        ),
        (8500, "acr", "a port of Azure's load balancer"),
        (443, "amr", "no known port of Azure Managed Redis"),
        (8443, "amr", "no known port of Azure Managed Redis"),
    ],
)
def test_a_port_is_explained_even_where_it_is_another_service_s(
    port: int, service: Service, said: str
) -> None:
    """The commonest slip is the port of the other service."""
    assert meaning_of(port, service) == said


@given(st.integers(-1, 70_000), st.sampled_from(SERVICES))
def test_every_port_has_something_to_be_said_of(port: int, service: Service) -> None:
    """No number is too odd, and node ports always have a meaning of their own."""
    said = meaning_of(port, service)
    assert said
    if is_node_port(port, service):
        assert not said.startswith("no ")


def test_ranges_of_one_service_do_not_overlap() -> None:
    """A port has one meaning; otherwise the order of the table would decide."""
    for service in SERVICES:
        own = sorted((row[1], row[2]) for row in PORTS if row[0] == service)
        assert all(last < first for (_, last), (first, _) in pairwise(own))
        assert all(1 <= first <= last <= 65535 for first, last in own)


def test_istio_meets_the_tls_ports_of_a_cluster_and_no_others() -> None:
    """15xxx clashes; 13xxx, 6380, 10000 and 85xx do not."""
    clashing = {port for mesh, port, *_ in SIDECAR_PORTS if mesh == "istio"}
    assert {15000, 15001, 15006} <= clashing
    assert all(is_node_port(port, "acr") and tls_expected(port, "acr") for port in clashing)
    assert not any(is_node_port(port, "amr") for port in clashing)
    assert sidecar_port(15006) == "inbound traffic"
    assert sidecar_port(15007) is sidecar_port(13000) is None
    assert sidecar_port(4143, "linkerd") == "inbound traffic"
    assert sidecar_port(15006, "linkerd") is None


def test_linkerd_lets_the_plain_port_pass_and_reads_the_others() -> None:
    """Of the ports of caches, 6379 alone is opaque."""
    opaque = {row[0] for row in LINKERD_OPAQUE_PORTS}
    assert 6379 in opaque
    assert opaque.isdisjoint({6380, 10000, 15000, 8500})


def test_services_have_names() -> None:
    """What is not ours keeps the word it came with."""
    assert title_of("amr") == "Azure Managed Redis"
    assert title_of("dragonfly") == "dragonfly"  # type: ignore[arg-type] # a word from outside
