"""Tests of the judge of cache-not-running."""

from __future__ import annotations

from refused.causes.cache_not_running import judge
from refused.causes.statements import Clue
from refused.evidence.bundle import Evidence
from refused.evidence.observations import DnsRecord, NameLookup
from tests.causes.server_scenery import (
    AZURE,
    CACHE,
    ILL_ELSEWHERE,
    OWN,
    STAMP,
    UNANSWERED,
    UNKNOWN_NAME,
    UNKNOWN_ON_THE_WIRE,
    WELL_ELSEWHERE,
    kinds,
)

KNOWN = NameLookup(**STAMP, host=AZURE, outcome="answered", addresses=("20.42.65.90",))


def test_a_name_of_the_right_form_that_nobody_knows_speaks_for_it() -> None:
    """The name goes with the cache; only the control plane could prove it."""
    said = list(judge(Evidence(UNKNOWN_NAME, UNKNOWN_ON_THE_WIRE, target=CACHE)))

    assert kinds(said) == ["Clue", "Unseen"]


def test_a_misspelt_suffix_was_never_a_cache() -> None:
    """No cache could bear that name."""
    host = "contoso.redis.cache.windows.com"
    target = CACHE.replace(host=host)
    lookup = UNKNOWN_NAME.replace(host=host)

    assert "Clue" not in kinds(judge(Evidence(lookup, target=target)))


def test_a_name_that_leads_into_a_private_zone_is_no_cache_that_is_gone() -> None:
    """It exists, and this network cannot see its address."""
    alias = DnsRecord(
        name=AZURE, type="CNAME", value="contoso.privatelink.redis.cache.windows.net", ttl_s=10
    )
    private = UNKNOWN_ON_THE_WIRE.replace(chain=(alias,))
    said = list(judge(Evidence(UNKNOWN_NAME, private, target=CACHE)))

    assert sum(each.weight for each in said if isinstance(each, Clue)) < 0


def test_one_place_from_which_it_works_rules_it_out() -> None:
    """It is in service."""
    assert kinds(judge(Evidence(UNKNOWN_NAME, WELL_ELSEWHERE, target=CACHE))) == ["RuledOut"]


def test_silence_is_a_weak_clue_and_a_little_more_where_it_meets_everybody() -> None:
    """A firewall is silent as well."""
    alone = list(judge(Evidence(KNOWN, UNANSWERED, target=CACHE)))
    all_over = list(judge(Evidence(KNOWN, UNANSWERED, ILL_ELSEWHERE, target=CACHE)))

    assert kinds(alone) == ["Clue", "Unseen"]
    assert kinds(all_over) == ["Clue", "Clue", "Unseen"]
    assert sum(each.weight for each in all_over if isinstance(each, Clue)) < 1


def test_another_port_that_accepts_shows_that_it_is_in_service() -> None:
    """Only the port is wrong."""
    sibling = UNANSWERED.replace(port=6379, outcome="accepted", purpose="sibling-port")

    assert kinds(judge(Evidence(KNOWN, UNANSWERED, sibling, target=CACHE))) == ["RuledOut"]


def test_a_server_of_ones_own_is_another_causes() -> None:
    """local-server-not-running and its neighbours speak of those."""
    assert list(judge(Evidence(UNKNOWN_NAME.replace(host=OWN.host), target=OWN))) == []
