"""Tests of the judge of tls-client-certificate-required."""

from __future__ import annotations

from refused.causes.statements import Clue, Proof, RuledOut
from refused.causes.tls_client_certificate_required import judge
from refused.evidence.bundle import Evidence
from tests.causes.tls_scenery import CLOSED, OWN, REPLY, SHAKE

ASKED = SHAKE.replace(client_certificate_wanted=True)


def test_the_alert_of_that_name_proves_it() -> None:
    """TLS 1.3 says it outright."""
    alert = ASKED.replace(outcome="alert", alert="certificate_required")

    assert [type(each) for each in judge(Evidence(alert, target=OWN))] == [Proof]


def test_a_failure_after_the_request_proves_it() -> None:
    """TLS 1.2 knows no better word than handshake_failure."""
    alert = ASKED.replace(outcome="alert", alert="handshake_failure")

    assert [type(each) for each in judge(Evidence(alert, target=OWN))] == [Proof]


def test_a_failure_before_any_request_proves_nothing() -> None:
    """It may as well be the ciphers."""
    alert = SHAKE.replace(outcome="alert", alert="handshake_failure")

    assert [type(each) for each in judge(Evidence(alert, target=OWN))] == [Clue]


def test_a_close_at_the_first_command_is_a_clue() -> None:
    """Some servers just close."""
    closed = REPLY.replace(outcome="closed")

    assert [type(each) for each in judge(Evidence(ASKED, closed, target=OWN))] == [Clue]


def test_a_server_that_did_not_ask_rules_it_out() -> None:
    """The close has another reason."""
    unasked = ASKED.replace(client_certificate_wanted=False)
    closed = REPLY.replace(outcome="closed")

    assert [type(each) for each in judge(Evidence(unasked, closed, target=OWN))] == [RuledOut]


def test_a_close_before_any_word_accuses_nobody() -> None:
    """A full server closes just so."""
    assert list(judge(Evidence(CLOSED, target=OWN))) == []
