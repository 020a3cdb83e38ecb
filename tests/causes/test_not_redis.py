"""Tests of the judge of not-redis."""

from __future__ import annotations

from refused.causes.not_redis import judge
from refused.causes.statements import Clue, Proof, RuledOut
from refused.evidence.bundle import Evidence
from tests.causes.tls_scenery import CACHE, OWN, REPLY, SHAKE, SILENT, TALK

HTTP = REPLY.replace(outcome="not-resp", protocol="http", first_bytes="HTTP/1.1 400 Bad Request")
NOT_TLS = SHAKE.replace(outcome="not-tls", server_spoke=False, first_bytes="SSH-2.0-OpenSSH_9.6")


def test_another_protocol_on_ones_own_port_proves_it() -> None:
    """A web server answers the PING."""
    (said,) = judge(Evidence(SHAKE, HTTP, target=OWN))

    assert isinstance(said, Proof)
    assert "speaks http" in said.because


def test_at_a_caches_own_door_somebody_on_the_way_may_answer() -> None:
    """So it is likely, not proved."""
    (said,) = judge(Evidence(SHAKE, HTTP, target=CACHE))

    assert isinstance(said, Clue)


def test_a_plain_word_tells_what_the_handshake_met() -> None:
    """The TLS client met a banner; plain text names it."""
    ssh = TALK.replace(outcome="not-resp", protocol="ssh", first_bytes="SSH-2.0-OpenSSH_9.6")

    assert [type(each) for each in judge(Evidence(NOT_TLS, ssh, target=OWN))] == [Proof]


def test_bytes_that_nobody_knows_prove_nothing() -> None:
    """They are neither Redis nor anything with a name."""
    odd = REPLY.replace(outcome="not-resp", protocol="unknown", first_bytes="??")

    assert [type(each) for each in judge(Evidence(SHAKE, odd, target=OWN))] == [Clue]


def test_redis_in_plain_text_rules_it_out() -> None:
    """That is a mixup of languages."""
    pong = TALK.replace(outcome="ok", protocol="resp", first_bytes="+PONG")

    assert [type(each) for each in judge(Evidence(SILENT, pong, target=OWN))] == [RuledOut]


def test_tls_where_plain_text_was_spoken_is_no_foreign_protocol() -> None:
    """The port answers in TLS; what is behind it nobody has seen."""
    tls = HTTP.replace(protocol="tls")

    assert list(judge(Evidence(tls, target=OWN.replace(tls=False)))) == []


def test_silence_accuses_nobody() -> None:
    """No word came, so no language was heard."""
    assert list(judge(Evidence(SILENT, TALK, target=OWN))) == []
