"""Tests of the judge of ip-address-changed."""

from __future__ import annotations

from refused.causes.ip_address_changed import judge
from refused.evidence.bundle import Evidence
from refused.evidence.observations import HostsEntry
from tests.causes.azure_scenery import (
    ACR,
    ANSWER,
    AT_ENDPOINT,
    ENDPOINT,
    LOOKUP,
    PEER,
    SILENCE,
    change,
    excuses,
    proofs,
    weight,
)
from tests.causes.server_scenery import CACHE
from tests.causes.tls_scenery import STAMP

INJECTED = ACR.replace(subnet_id="/subnets/caches", static_ip="10.1.0.9")


def test_an_address_that_is_no_longer_the_injected_caches_is_proof() -> None:
    """Azure says which one it has."""
    assert proofs(judge(Evidence(AT_ENDPOINT, INJECTED, target=PEER))) == [
        "the client is given the address 10.1.0.4, and Azure says that the cache's is 10.1.0.9"
    ]
    right = INJECTED.replace(static_ip="10.1.0.4")
    assert excuses(judge(Evidence(AT_ENDPOINT, right, target=PEER)))


def test_an_address_that_is_no_longer_the_endpoints_is_proof() -> None:
    """The endpoint was made anew; one that was not read proves nothing."""
    moved = ENDPOINT.replace(addresses=("10.1.0.9",))
    dark = ENDPOINT.replace(endpoint_seen=False, addresses=())

    assert proofs(judge(Evidence(AT_ENDPOINT, ACR, moved, target=PEER)))
    assert excuses(judge(Evidence(AT_ENDPOINT, ACR, ENDPOINT, target=PEER)))
    assert proofs(judge(Evidence(AT_ENDPOINT, ACR, dark, target=PEER))) == []


def test_a_scaling_before_it_failed_is_a_clue_for_a_written_down_address() -> None:
    """A scaling may move the public address."""
    target = PEER.replace(host="20.42.65.90")
    scaled = change("Microsoft.Cache/redis/write", "")

    assert weight(judge(Evidence(SILENCE, ACR, scaled, target=target))) > weight(
        judge(Evidence(SILENCE, ACR, target=target))
    )


def test_a_hosts_file_that_overrules_dns_is_proof_where_dns_is_right() -> None:
    """One address works, the other is used."""
    line = HostsEntry(**STAMP, host=CACHE.host, addresses=("203.0.113.99",), lines=(3,))
    lookup = LOOKUP.replace(addresses=("203.0.113.99",))
    old = SILENCE.replace(address="203.0.113.99")
    fresh = SILENCE.replace(outcome="accepted", purpose="dns-address")

    assert proofs(judge(Evidence(line, lookup, ANSWER, old, fresh, target=CACHE)))


def test_an_address_that_dns_gives_today_rules_it_out() -> None:
    """Whatever is silent there."""
    assert excuses(judge(Evidence(LOOKUP, ANSWER, SILENCE, target=CACHE)))
