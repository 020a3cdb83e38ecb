"""Tests of the judge of resource-retired-or-migrated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refused.causes.resource_retired_or_migrated import judge
from refused.evidence.bundle import Evidence
from refused.evidence.control_plane import ResourceSearch
from refused.evidence.observations import DnsRecord
from tests.causes.azure_scenery import (
    ACCEPTED,
    ACR,
    AMR,
    ANSWER,
    CONTROL,
    LOOKUP,
    SILENCE,
    change,
    excuses,
    proofs,
    weight,
)
from tests.causes.server_scenery import PONG, SHAKE, UNKNOWN_NAME, refused
from tests.causes.tls_scenery import CACHE

if TYPE_CHECKING:
    from refused.causes.statements import Statement
    from refused.evidence.bundle import Fact

SUCCESSOR = ResourceSearch(
    **CONTROL,
    name="contoso",
    found=(),
    subscriptions=("s",),
    elsewhere=((AMR.id, "contoso.westeurope.redis.azure.net"),),
)
MOVED = ACR.replace(provisioning_state="MigrationSucceeded", redirected_to=AMR.id)
# The first day after Azure Cache for Redis, in seconds since 1970.
OVER = 1_853_971_200.0


def heard(*facts: Fact) -> list[Statement]:
    """Return what the judge says of a client with the old name."""
    return list(judge(Evidence(*facts, target=CACHE)))


def test_an_unknown_old_name_and_a_managed_redis_of_that_name_are_a_strong_clue() -> None:
    """It may still be that somebody wrote the wrong suffix."""
    said = heard(UNKNOWN_NAME, SUCCESSOR)

    assert proofs(said) == []
    assert weight(said) > 4


def test_another_cache_of_the_old_kind_is_no_successor() -> None:
    """wrong-hostname speaks of that."""
    other = SUCCESSOR.replace(elsewhere=((ACR.id, "contoso.redis.cache.usgovcloudapi.net"),))

    assert weight(heard(UNKNOWN_NAME, other)) == 0


def test_what_the_successor_does_not_have_is_proof_after_a_move() -> None:
    """Azure's tooling keeps name, port and keys; no second database and no node ports."""
    second = refused("SELECT", "ERR DB index is out of range")
    target = CACHE.replace(db=3)
    said = list(judge(Evidence(ACCEPTED, SHAKE, second, MOVED, target=target)))

    assert proofs(said) == [
        "Azure says that this cache was moved to fabrikam (MigrationSucceeded), which has no database 3"
    ]


def test_a_move_alone_is_a_clue() -> None:
    """The old name goes on working for a while."""
    wrote = change("Microsoft.Cache/redisEnterprise/migrations/write", "migrations/default")
    said = heard(SILENCE, MOVED)

    assert proofs(said) == []
    assert weight(said) > 2
    assert weight(heard(SILENCE, MOVED, wrote)) > weight(said)


def test_a_name_that_leads_on_to_a_managed_redis_gives_the_move_away() -> None:
    """Without the control plane."""
    alias = DnsRecord(
        name=CACHE.host, type="CNAME", value="contoso.westeurope.redis.azure.net", ttl_s=10
    )
    led = ANSWER.replace(chain=(alias, *ANSWER.chain))

    assert weight(heard(LOOKUP, led, SILENCE)) > 2
    assert weight(heard(LOOKUP, ANSWER, SILENCE)) == 0


@pytest.mark.parametrize(("moment", "is_proof"), [(OVER, True), (OVER - 86_400, False)])
def test_a_cache_that_is_disabled_after_its_services_last_day_is_proof(
    moment: float, *, is_proof: bool
) -> None:
    """Before that day somebody else disabled it."""
    late = SILENCE.replace(at=moment)
    disabled = ACR.replace(provisioning_state="Disabled")

    assert bool(proofs(heard(late, disabled))) is is_proof


def test_a_cache_that_is_in_its_place_was_not_moved() -> None:
    """Azure says so."""
    assert excuses(heard(SILENCE, ACR))


def test_a_path_that_works_is_left_alone() -> None:
    """Moved or not."""
    assert heard(ACCEPTED, SHAKE, PONG, MOVED) == []
