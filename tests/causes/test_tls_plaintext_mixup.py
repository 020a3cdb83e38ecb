"""Tests of the judge of tls-plaintext-mixup."""

from __future__ import annotations

from refused.causes.statements import Clue, Proof, RuledOut
from refused.causes.tls_plaintext_mixup import judge
from refused.evidence.bundle import Evidence
from tests.causes.tls_scenery import CACHE, CLOSED, OWN, REPLY, SHAKE, SILENT, TALK

PLAIN = CACHE.replace(tls=False)
PONG = TALK.replace(outcome="ok", protocol="resp", first_bytes="+PONG")


def test_a_stalled_handshake_and_a_plain_answer_prove_it() -> None:
    """A Redis without TLS waits for the end of a line, and answers PING."""
    said = list(judge(Evidence(SILENT, PONG, target=OWN)))

    assert [type(each) for each in said] == [Proof]
    assert "'+PONG'" in said[0].because  # type: ignore[union-attr]


def test_a_refusal_in_plain_text_is_an_answer_as_well() -> None:
    """NOAUTH is Redis, too."""
    noauth = PONG.replace(outcome="error", first_bytes="-NOAUTH Authentication required.")

    assert [type(each) for each in judge(Evidence(SILENT, noauth, target=OWN))] == [Proof]


def test_silence_in_both_languages_speaks_against_it() -> None:
    """Where plain text is not answered either, the fault lies elsewhere."""
    said = [each for each in judge(Evidence(SILENT, TALK, target=OWN)) if isinstance(each, Clue)]

    assert sum(each.weight for each in said) < 0


def test_without_a_plain_word_the_gap_is_told() -> None:
    """Nobody spoke plain text, so nobody knows."""
    said = list(judge(Evidence(SILENT, target=OWN)))

    assert getattr(said[-1], "what", "") == "PlainTalk"
    assert not any(isinstance(each, Proof) for each in said)


def test_a_server_that_answered_in_tls_speaks_tls() -> None:
    """A stall after the hello is another fault."""
    said = list(judge(Evidence(SILENT.replace(server_spoke=True), PONG, target=OWN)))

    assert [type(each) for each in said] == [RuledOut]


def test_a_plain_client_on_a_port_that_shakes_hands_is_proved() -> None:
    """The client's PING was reset; a handshake on the same port gets an answer."""
    reset = REPLY.replace(outcome="reset")
    shake = SHAKE.replace(purpose="unverified")

    assert [type(each) for each in judge(Evidence(reset, shake, target=PLAIN))] == [Proof]


def test_a_close_on_both_is_no_mixup() -> None:
    """A port that closes on TLS as on plain text has another reason."""
    closed = REPLY.replace(outcome="closed")
    other = CLOSED.replace(purpose="unverified")
    said = list(judge(Evidence(closed, other, target=PLAIN)))

    assert [type(each) for each in said] == [Clue]
    assert said[0].weight < 0  # type: ignore[union-attr]
