"""Tests of the judge of non-ssl-port-disabled."""

from __future__ import annotations

from refused.causes.non_ssl_port_disabled import judge
from refused.evidence.bundle import Evidence
from tests.causes.azure_scenery import ACR, SILENCE, change, excuses, proofs, weight
from tests.causes.server_scenery import CACHE, OWN

PLAIN = CACHE.replace(port=6379, tls=False)
DIAL = SILENCE.replace(port=6379)


def test_a_plain_port_that_azure_calls_closed_and_a_dead_dial_are_proof() -> None:
    """With who closed it."""
    closed = change("Microsoft.Cache/redis/write", "")
    (said,) = proofs(judge(Evidence(DIAL, ACR, closed, target=PLAIN)))

    assert said.startswith(
        "Azure says that the plain-text port is closed, and the client dials 6379 (silent); the cache contoso"
    )


def test_a_plain_port_that_azure_calls_open_rules_it_out() -> None:
    """Something else is silent."""
    assert excuses(judge(Evidence(DIAL, ACR.replace(plain_port=6379), target=PLAIN)))


def test_without_azure_the_tls_port_that_accepts_is_proof() -> None:
    """The cache is there, and that port is not."""
    other = SILENCE.replace(outcome="accepted", purpose="sibling-port")

    assert proofs(judge(Evidence(DIAL, other, target=PLAIN)))
    assert proofs(judge(Evidence(DIAL, target=PLAIN))) == []
    assert weight(judge(Evidence(DIAL, target=PLAIN))) > 1


def test_a_server_of_ones_own_is_no_azure_cache() -> None:
    """6379 is its usual port."""
    assert excuses(judge(Evidence(DIAL, target=OWN)))
