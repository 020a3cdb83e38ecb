"""After an incident: the alert on what recurred, every minute, from the incident's own evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from refused.causes import catalogue
from refused.evidence.bundle import Bundle
from refused.evidence.control_plane import ResourceChange
from refused.slo.evaluate import evaluate
from refused.slo.recurred import DONE, SHOWS, rules_after
from tests.remedies.scenery import target
from tests.slo.scenery import ACR, BEGAN, STAMP, acr, amr, series

if TYPE_CHECKING:
    from refused.slo.rules import Rules


def bundle(*facts: Any) -> Bundle:
    """Return evidence that was kept with an incident."""
    return Bundle(target=target(), taken_at=BEGAN, tool="test", facts=facts)


def after(cause: str, *facts: Any, cache: Any = None) -> Rules:
    """Return the rules after an incident of that cause."""
    return rules_after(cause, cache or acr(), (bundle(*facts),), BEGAN, BEGAN + 900)


def test_every_cause_here_exists() -> None:
    """An id with a slip in it would never be asked for."""
    causes = {cause.id for cause, _ in catalogue()}

    assert set(SHOWS) <= causes
    assert {row[0] for row in DONE} <= causes


def test_it_is_looked_at_every_minute() -> None:
    """The shortest that Azure offers."""
    (rule,) = after("max-clients-reached").metric

    assert (rule.window, rule.every, rule.severity) == ("PT1M", "PT1M", 1)
    assert rule.threshold == 950
    assert rule.cause == "max-clients-reached"


def test_its_threshold_lies_between_the_quiet_and_the_incident() -> None:
    """The leak broke it at 600 of 1,000: a rule at 95 % would not have rung."""
    history = series("connectedclients", [100.0] * 120 + [600.0] * 10, ends=BEGAN)
    (rule,) = [
        each
        for each in after("connection-leak-client", history).metric
        if each.metric == "connectedclients"
    ]

    assert rule.threshold == 350.0
    assert "half way between" in rule.why
    (fired,) = evaluate(rule, history.points)
    assert fired.at < BEGAN


def test_a_threshold_that_would_have_rung_stays() -> None:
    """It is the one that is reasoned."""
    history = series("connectedclients", [100.0] * 120 + [999.0] * 10, ends=BEGAN)
    (rule,) = after("max-clients-reached", history).metric

    assert rule.threshold == 950
    assert "999 was the highest" in rule.why


def test_a_metric_that_did_not_move_is_said_not_to_have() -> None:
    """Rather than a threshold in the noise."""
    history = series("connectedclients", [100.0] * 130, ends=BEGAN)
    (rule,) = after("max-clients-reached", history).metric

    assert rule.threshold == 950
    assert "would not have rung" in rule.why


def test_the_very_operation_that_came_before_is_watched() -> None:
    """And not its neighbours, where the log says which it was."""
    change = ResourceChange(
        **STAMP,
        when=BEGAN - 600,
        operation="MICROSOFT.CACHE/REDIS/FIREWALLRULES/DELETE",
        resource_id=f"{ACR}/firewallRules/office",
        status="Succeeded",
    )
    (rule,) = after("firewall-ip-blocked", change).log

    assert rule.terms[0].values == ("Microsoft.Cache/redis/firewallRules/delete",)
    assert rule.scope == "resource"
    (blind,) = after("firewall-ip-blocked").log
    assert len(blind.terms[0].values) == 3


def test_what_is_done_around_the_cache_is_watched_in_its_group() -> None:
    """A zone is no part of the cache."""
    (rule,) = after("private-endpoint-dns").log

    assert rule.scope == "group"
    assert all(each.startswith("Microsoft.Network/") for each in rule.terms[0].values)


def test_managed_redis_has_its_keys_at_the_database() -> None:
    """Its operations are named otherwise."""
    (rule,) = after("auth-wrong-key", cache=amr()).log

    assert rule.terms[0].values == (
        "Microsoft.Cache/redisEnterprise/databases/regenerateKey/action",
    )


@pytest.mark.parametrize("cause", ["dns-resolver-failure", "client-pool-exhausted", ""])
def test_what_azure_cannot_see_is_a_gap(cause: str) -> None:
    """With where it can be seen."""
    found = after(cause)

    assert found.all == ()
    assert found.left_out[0].how
