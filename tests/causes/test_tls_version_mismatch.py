"""Tests of the judge of tls-version-mismatch."""

from __future__ import annotations

from refused.causes.statements import Clue, Proof, RuledOut
from refused.causes.tls_version_mismatch import judge
from refused.evidence.bundle import Evidence
from refused.evidence.observations import ClientSettings, TlsHandshake
from tests.causes.azure_scenery import (
    ACR,
    proofs,
)
from tests.causes.tls_scenery import CACHE, CLOSED, SHAKE, STAMP

ALERT = SHAKE.replace(outcome="alert", alert="protocol_version", max_tls="1.1")


def tried(version: str, outcome: str) -> TlsHandshake:
    """Return how a single version fared."""
    return SHAKE.replace(purpose="version", min_tls=version, max_tls=version, outcome=outcome)


NEW_SERVER = (tried("1.1", "alert"), tried("1.2", "ok"), tried("1.3", "ok"))


def test_a_capped_client_and_a_newer_server_prove_it() -> None:
    """The client stops at 1.1, and the server begins at 1.2."""
    said = list(judge(Evidence(ALERT, *NEW_SERVER, target=CACHE)))

    assert [type(each) for each in said] == [Proof]
    assert said[0].because == "the server accepts TLS 1.2, 1.3; the client speaks 1.1"  # type: ignore[union-attr]


def test_an_old_server_is_found_as_well() -> None:
    """The server accepts 1.1 alone, and the client offers what is usual."""
    own = ALERT.replace(max_tls=None)
    said = list(judge(Evidence(own, tried("1.1", "ok"), tried("1.2", "alert"), target=CACHE)))

    assert [type(each) for each in said] == [Proof]


def test_a_version_in_common_rules_it_out() -> None:
    """Whatever ended the handshake, it was not the version."""
    own = ALERT.replace(max_tls=None, alert="handshake_failure")

    assert [type(each) for each in judge(Evidence(own, *NEW_SERVER, target=CACHE))] == [RuledOut]


def test_a_server_that_closes_on_every_version_has_another_reason() -> None:
    """At the connection limit each hello meets the same close."""
    shut = (tried("1.2", "closed"), tried("1.3", "closed"))
    said = list(judge(Evidence(CLOSED, *shut, target=CACHE)))

    assert [each.weight for each in said if isinstance(each, Clue)] == [-1.6]


def test_what_the_service_accepts_counts_where_nothing_could_be_tried() -> None:
    """This library speaks no 1.1 any more, and the setting says enough."""
    own = ALERT.replace(outcome="error", alert=None, max_tls=None, bytes_in=None)
    settings = ClientSettings(**STAMP, client="StackExchange.Redis", max_tls="1.1")
    said = list(judge(Evidence(own, settings, target=CACHE)))

    assert [each.weight for each in said if isinstance(each, Clue)] == [3.0]
    assert getattr(said[-1], "what", "") == "TLS versions"


def test_a_close_alone_accuses_nobody() -> None:
    """A client of today and a close before any word."""
    assert not any(
        isinstance(each, (Clue, Proof)) for each in judge(Evidence(CLOSED, target=CACHE))
    )


def test_a_minimum_that_azure_names_above_the_clients_cap_is_proof() -> None:
    """The client stops at 1.2, and the cache was set to 1.3."""
    own = ALERT.replace(max_tls="1.2")

    assert proofs(judge(Evidence(own, ACR.replace(min_tls="1.3"), target=CACHE))) == [
        "the client speaks TLS 1.2, and the cache is set to accept 1.3 and higher"
    ]
    assert proofs(judge(Evidence(own, ACR, target=CACHE))) == []
