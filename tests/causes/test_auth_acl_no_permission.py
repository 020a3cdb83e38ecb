"""Tests of the judge of auth-acl-no-permission."""

from __future__ import annotations

from refused.causes.auth_acl_no_permission import judge
from refused.causes.statements import Clue, Proof, RuledOut
from refused.evidence.bundle import Evidence
from tests.causes.login_scenery import CACHE, KEY, LOGGED_IN, PONG, WRONGPASS, refused

DENIED = refused("PING", "NOPERM this user has no permissions to run the 'ping' command")


def test_the_servers_word_is_proof() -> None:
    """The user may log in, and not ping."""
    reader = KEY.replace(user="reader")
    (said,) = judge(Evidence(reader, LOGGED_IN, DENIED, target=CACHE))

    assert isinstance(said, Proof)
    assert said.because.startswith("user reader may not run PING")


def test_a_database_that_may_not_be_selected_is_proof_as_well() -> None:
    """SELECT is a command like others."""
    select = refused("SELECT", "NOPERM this user has no permissions to run the 'select' command")

    assert [type(each) for each in judge(Evidence(KEY, LOGGED_IN, select, target=CACHE))] == [Proof]


def test_a_refusal_of_what_is_asked_out_of_curiosity_breaks_nothing() -> None:
    """INFO is denied, PING is answered."""
    info = refused("INFO", "NOPERM this user has no permissions to run the 'info' command")

    assert list(judge(Evidence(KEY, LOGGED_IN, PONG, info, target=CACHE))) == []


def test_a_denied_info_is_not_blamed_for_what_broke_otherwise() -> None:
    """PING met an error of another kind."""
    info = refused("INFO", "NOPERM this user has no permissions to run the 'info' command")
    loading = refused("PING", "LOADING Redis is loading the dataset in memory")

    assert list(judge(Evidence(KEY, LOGGED_IN, loading, info, target=CACHE))) == []


def test_a_denied_info_does_not_stand_in_for_ping() -> None:
    """Both are denied; PING is what a client needs."""
    info = refused("INFO", "NOPERM this user has no permissions to run the 'info' command")
    (said,) = judge(Evidence(KEY, LOGGED_IN, info, DENIED, target=CACHE))

    assert "PING" in getattr(said, "because", "")


def test_a_cluster_client_needs_its_topology() -> None:
    """Without CLUSTER SLOTS it cannot start; a plain client does not care."""
    slots = refused("CLUSTER SLOTS", "NOPERM this user has no permissions")
    plain = list(judge(Evidence(KEY, LOGGED_IN, PONG, slots, target=CACHE)))
    aware = CACHE.replace(cluster_aware=True)

    assert plain == []
    assert [type(each) for each in judge(Evidence(KEY, LOGGED_IN, PONG, slots, target=aware))] == [
        Proof
    ]


def test_a_refused_login_is_another_cause() -> None:
    """No permission was asked for yet."""
    assert not any(
        isinstance(each, (Clue, Proof, RuledOut))
        for each in judge(Evidence(KEY, WRONGPASS, target=CACHE))
    )


def test_only_what_broke_the_hop_is_blamed() -> None:
    """PING fails first, for a reason of its own."""
    loading = refused("PING", "LOADING Redis is loading the dataset in memory")
    later = refused("EXISTS", "NOPERM this user has no permissions to run this")

    assert list(judge(Evidence(KEY, LOGGED_IN, loading, later, target=CACHE))) == []
