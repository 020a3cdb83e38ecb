"""Tests of the judge of unsupported-command-or-db."""

from __future__ import annotations

import pytest

from refused.causes.statements import Clue, Proof, RuledOut
from refused.causes.unsupported_command_or_db import judge
from refused.evidence.bundle import Evidence
from refused.evidence.observations import ClientSettings
from tests.causes.login_scenery import CACHE, KEY, LOGGED_IN, PONG, STAMP, refused

RESP3 = ClientSettings(**STAMP, client="redis-py", protocol=3)


@pytest.mark.parametrize(
    "text", ["ERR DB index is out of range", "ERR SELECT is not allowed in cluster mode"]
)
def test_a_database_that_is_not_there_is_proof(text: str) -> None:
    """The server says so while the client connects."""
    target = CACHE.replace(db=9)
    (said,) = judge(Evidence(KEY, LOGGED_IN, refused("SELECT", text), target=target))

    assert isinstance(said, Proof)
    assert "database 9" in said.because


def test_an_unknown_command_is_proof() -> None:
    """The server does not know what breaks the hop."""
    ping = refused("PING", "ERR unknown command 'PING', with args beginning with: ")

    assert [type(each) for each in judge(Evidence(KEY, LOGGED_IN, ping, target=CACHE))] == [Proof]


def test_a_user_name_on_a_server_without_users_is_proof() -> None:
    """AUTH took one word before Redis 6."""
    arity = refused("AUTH", "ERR wrong number of arguments for 'auth' command")

    assert [type(each) for each in judge(Evidence(KEY, arity, target=CACHE))] == [Proof]


def test_a_protocol_that_is_refused_is_a_clue_for_who_insists_on_it() -> None:
    """Others fall back to AUTH, and never notice."""
    hello = refused("HELLO", "NOPROTO unsupported protocol version")
    insists = list(judge(Evidence(KEY, RESP3, hello, LOGGED_IN, PONG, target=CACHE)))

    assert [type(each) for each in insists] == [Clue]
    assert list(judge(Evidence(KEY, hello, LOGGED_IN, PONG, target=CACHE))) == []


def test_a_select_that_is_denied_is_another_cause() -> None:
    """The database is there, the permission is not."""
    denied = refused("SELECT", "NOPERM this user has no permissions to run the 'select' command")
    said = list(judge(Evidence(KEY, LOGGED_IN, denied, target=CACHE)))

    assert not any(isinstance(each, (Clue, Proof, RuledOut)) for each in said)


def test_a_command_that_is_asked_out_of_curiosity_breaks_nothing() -> None:
    """CONFIG is unknown on Azure, and all is well."""
    config = refused("CONFIG GET", "ERR unknown command 'CONFIG'")

    assert list(judge(Evidence(KEY, LOGGED_IN, PONG, config, target=CACHE))) == []


@pytest.mark.parametrize("text", ["LOADING Redis is loading", "ERR something else"])
def test_a_fault_of_another_kind_is_not_laid_on_what_is_unknown(text: str) -> None:
    """PING fails for its own reason, and CONFIG is unknown on Azure as ever."""
    config = refused("CONFIG GET", "ERR unknown command 'CONFIG'")

    said = judge(Evidence(KEY, LOGGED_IN, refused("PING", text), config, target=CACHE))

    assert list(said) == []


def test_only_what_broke_the_hop_is_blamed() -> None:
    """PING fails first, for a reason of its own."""
    loading = refused("PING", "LOADING Redis is loading the dataset in memory")
    later = refused("EXISTS", "ERR unknown command 'EXISTS'")

    assert list(judge(Evidence(KEY, LOGGED_IN, loading, later, target=CACHE))) == []
