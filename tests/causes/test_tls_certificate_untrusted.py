"""Tests of the judge of tls-certificate-untrusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.causes.statements import Clue, Proof
from refused.causes.tls_certificate_untrusted import judge
from refused.evidence.bundle import Evidence
from tests.causes.tls_scenery import (
    CACHE,
    DAY_S,
    HOST,
    LEAF,
    NOW,
    OWN,
    PROXY_ISSUER,
    SHOWN,
    SIGNER,
    UNTRUSTED,
    WELL_ELSEWHERE,
    shown,
)

if TYPE_CHECKING:
    from refused.evidence.observations import Observation
    from refused.evidence.target import Target

EXPIRED = UNTRUSTED.replace(outcome="expired", verify_code=10)
OLD = shown(LEAF.replace(not_after=NOW - 2 * DAY_S), SIGNER)


def weight(*facts: Observation, target: Target = CACHE) -> float:
    """Return the sum of all clues."""
    said = judge(Evidence(*facts, target=target))
    return sum(each.weight for each in said if isinstance(each, Clue))


def test_azures_own_issuer_means_that_the_client_lacks_a_root() -> None:
    """The chain is as it should be, and the bundle does not lead to it."""
    assert weight(UNTRUSTED, SHOWN) > 3


def test_a_client_that_trusts_nobody_proves_it() -> None:
    """SSL_CERT_FILE names a file that is not there."""
    nobody = UNTRUSTED.replace(error_text="no CA certificates: SSL_CERT_FILE names /x")

    assert isinstance(list(judge(Evidence(nobody, SHOWN, target=CACHE)))[-1], Proof)


def test_a_foreign_issuer_on_an_azure_name_points_elsewhere() -> None:
    """That is the face of inspection."""
    assert weight(UNTRUSTED, shown(LEAF.replace(issuer=PROXY_ISSUER))) < 0


def test_a_lone_leaf_is_a_missing_intermediate() -> None:
    """The server of one's own sends only its own certificate."""
    said = list(judge(Evidence(UNTRUSTED, shown(LEAF.replace(issuer="CN=Inner CA")), target=OWN)))

    assert any("only its own certificate" in getattr(each, "because", "") for each in said)


def test_a_self_signed_certificate_is_called_one() -> None:
    """Subject and issuer are one name."""
    own = shown(LEAF.replace(subject="CN=r", issuer="CN=r"))
    said = list(judge(Evidence(UNTRUSTED, own, target=OWN)))

    assert any("signed by itself" in getattr(each, "because", "") for each in said)


def test_an_expired_certificate_is_proved_by_a_clock_that_is_kept() -> None:
    """The kernel vouches for the clock."""
    kept = HOST.replace(clock_synchronised=True)
    (said,) = judge(Evidence(EXPIRED, OLD, kept, target=OWN))

    assert isinstance(said, Proof)
    assert "ended 2 days ago" in said.because


def test_an_expired_certificate_alone_proves_nothing() -> None:
    """The clock may be the one that is wrong."""
    (said,) = judge(Evidence(EXPIRED, OLD, HOST, target=OWN))

    assert isinstance(said, Clue)


def test_a_path_that_is_well_elsewhere_speaks_for_the_certificate() -> None:
    """Another clock finds it valid."""
    assert weight(EXPIRED, OLD, WELL_ELSEWHERE) <= 0


def test_without_the_chain_we_say_so() -> None:
    """The certificates could not be read."""
    said = list(judge(Evidence(UNTRUSTED, target=OWN)))

    assert getattr(said[-1], "what", "") == "PeerCertificates"


def test_a_server_of_ones_own_may_have_a_public_issuer_too() -> None:
    """Azure's issuers sign for others as well; then the chain's end is what is missing."""
    said = list(judge(Evidence(UNTRUSTED, SHOWN, target=OWN)))

    assert any("the chain ends at" in getattr(each, "because", "") for each in said)
