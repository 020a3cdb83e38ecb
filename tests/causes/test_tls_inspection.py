"""Tests of the judge of tls-inspection."""

from __future__ import annotations

from refused.causes.statements import Clue, Proof
from refused.causes.tls_inspection import judge
from refused.evidence.bundle import Evidence
from tests.causes.tls_scenery import (
    AZURE_ISSUER,
    CACHE,
    LEAF,
    OWN,
    PROXY_ISSUER,
    REPLY,
    SHAKE,
    SHOWN,
    UNTRUSTED,
    WELL_ELSEWHERE,
    shown,
)

FOREIGN = shown(LEAF.replace(issuer="CN=Contoso Private Root CA,O=Contoso Ltd"))


def test_an_issuer_that_azure_never_has_is_a_strong_sign() -> None:
    """The proxy bears the company's own name, and no vendor's."""
    (said,) = judge(Evidence(UNTRUSTED, FOREIGN, target=CACHE))

    assert isinstance(said, Clue)
    assert said.weight == 3.0


def test_a_vendors_words_support_it() -> None:
    """On any service, and by name."""
    shows = shown(LEAF.replace(issuer=PROXY_ISSUER))
    (said,) = judge(Evidence(UNTRUSTED, shows, target=OWN))

    assert isinstance(said, Clue)
    assert "Zscaler" in said.because


def test_another_issuer_elsewhere_proves_it() -> None:
    """The office is shown Azure's certificate, this place is not."""
    said = list(judge(Evidence(UNTRUSTED, FOREIGN, WELL_ELSEWHERE, target=CACHE)))

    assert isinstance(said[0], Proof)


def test_a_place_that_fails_as_well_proves_nothing() -> None:
    """Its other issuer may be a proxy's, too."""
    other = WELL_ELSEWHERE.replace(healthy=False)
    said = list(judge(Evidence(UNTRUSTED, FOREIGN, other, target=CACHE)))

    assert [type(each) for each in said] == [Clue]


def test_a_private_authority_of_ones_own_is_no_inspection() -> None:
    """Nothing speaks for somebody on the way."""
    assert list(judge(Evidence(UNTRUSTED, FOREIGN, target=OWN))) == []


def test_the_same_issuer_elsewhere_speaks_against_it() -> None:
    """Both places are shown the same certificate."""
    issuer = FOREIGN.chain[0].issuer
    other = WELL_ELSEWHERE.replace(certificate_issuer=issuer)
    (said,) = judge(Evidence(UNTRUSTED, FOREIGN, other, target=OWN))

    assert isinstance(said, Clue)
    assert said.weight < 0


def test_azures_issuer_speaks_against_it() -> None:
    """The client lacks a root, that is all."""
    (said,) = judge(Evidence(UNTRUSTED, SHOWN, target=CACHE))

    assert isinstance(said, Clue)
    assert said.weight < 0
    assert AZURE_ISSUER in said.because


def test_a_proxy_that_is_trusted_and_knows_no_redis_is_found() -> None:
    """TLS is well, then the connection is closed."""
    closed = REPLY.replace(outcome="closed")
    shows = shown(LEAF.replace(issuer=PROXY_ISSUER))
    said = list(judge(Evidence(SHAKE, shows, closed, target=CACHE)))

    assert sum(each.weight for each in said if isinstance(each, Clue)) >= 2


def test_without_the_certificate_we_say_so() -> None:
    """The issuer could not be read."""
    (said,) = judge(Evidence(UNTRUSTED, target=CACHE))

    assert getattr(said, "what", "") == "PeerCertificates"
