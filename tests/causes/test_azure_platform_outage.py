"""Tests of the judge of azure-platform-outage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refused.causes.azure_platform_outage import judge
from refused.evidence.bundle import Evidence
from refused.evidence.control_plane import ResourceHealth, ServiceEvent
from tests.causes.azure_scenery import (
    ACCEPTED,
    ACR,
    CACHE_ID,
    CONTROL,
    SILENCE,
    denied,
    excuses,
    proofs,
    weight,
)
from tests.causes.server_scenery import ILL_ELSEWHERE, PONG, SHAKE, WELL_ELSEWHERE
from tests.causes.tls_scenery import CACHE, NOW

if TYPE_CHECKING:
    from refused.causes.statements import Statement
    from refused.evidence.bundle import Fact

ILL = ResourceHealth(
    **CONTROL,
    resource_id=CACHE_ID,
    state="Unavailable",
    cause="PlatformInitiated",
    since=NOW - 600,
    title="the node does not answer",
)
WELL = ILL.replace(state="Available", cause="", since=NOW - 90_000, title="Available")
INCIDENT = ServiceEvent(
    **CONTROL,
    tracking_id="VT4K-9P0",
    kind="ServiceIssue",
    status="Active",
    title="connections fail in West Europe",
    regions=("West Europe",),
    services=("Azure Cache for Redis",),
)


def heard(*facts: Fact) -> list[Statement]:
    """Return what the judge says of a cache that does not answer."""
    return list(judge(Evidence(SILENCE, *facts, target=CACHE)))


def test_a_cache_that_azure_calls_ill_by_its_own_doing_and_that_is_silent_is_proof() -> None:
    """Azure's word and the failure seen."""
    assert proofs(heard(ACR, ILL)) == [
        "Azure calls the cache Unavailable by its own doing: the node does not answer"
    ]


def test_what_its_owner_did_is_no_fault_of_the_platforms() -> None:
    """cache-not-running speaks of that."""
    assert heard(ACR, ILL.replace(cause="CustomerInitiated")) == []


def test_degraded_is_less_than_unavailable() -> None:
    """A clue."""
    said = heard(ACR, ILL.replace(state="Degraded"))

    assert proofs(said) == []
    assert weight(said) > 2


def test_a_cache_that_azure_calls_available_is_a_clue_against_it() -> None:
    """Health lags, and looks from inside: it rules nothing out."""
    said = heard(ACR, WELL)

    assert excuses(said) == []
    assert weight(said) < 0


@pytest.mark.parametrize(
    ("event", "counts"),
    [
        (INCIDENT, True),
        (INCIDENT.replace(regions=("Global",)), True),
        (INCIDENT.replace(regions=("East US",)), False),
        (INCIDENT.replace(services=("Azure SQL Database",)), False),
        (INCIDENT.replace(status="Resolved"), False),
        (INCIDENT.replace(kind="PlannedMaintenance"), False),
    ],
    ids=["here", "global", "other-region", "other-service", "over", "planned"],
)
def test_an_incident_counts_where_and_while_it_touches_the_cache(
    event: ServiceEvent, *, counts: bool
) -> None:
    """One in another region is no excuse here."""
    assert (weight(heard(ACR, event)) > 2) is counts
    assert proofs(heard(ACR, event)) == []


def test_one_place_from_which_it_works_rules_it_out() -> None:
    """The platform fails for everybody."""
    assert excuses(heard(ACR, INCIDENT, WELL_ELSEWHERE))
    assert proofs(heard(ACR, ILL, WELL_ELSEWHERE)) == []
    assert weight(heard(ACR, INCIDENT, ILL_ELSEWHERE)) > weight(heard(ACR, INCIDENT))


def test_a_denied_read_says_nothing_either_way() -> None:
    """Neither ill nor well."""
    assert heard(ACR, denied("ResourceHealth")) == []


def test_a_path_that_works_is_left_alone() -> None:
    """Whatever Azure says."""
    assert list(judge(Evidence(ACCEPTED, SHAKE, PONG, ACR, ILL, target=CACHE))) == []
