"""A replay tells a warning from a late alarm, from a false one, and from not knowing."""

from __future__ import annotations

import pytest

from refused.slo.for_cache import rules_for
from refused.slo.replay import Span, Verdict, replay
from tests.slo.scenery import BEGAN, acr, series

RULES = {each.id: each for each in rules_for(acr()).metric}
INCIDENT = Span(id="it", began=BEGAN, ended=BEGAN + 1200)


def verdict(rule: str, *found: object, spans: tuple[Span, ...] = (INCIDENT,)) -> Verdict:
    """Return what one rule would have done."""
    return replay([RULES[rule]], found, spans)[0]  # type: ignore[arg-type]


def test_a_rise_before_the_incident_is_a_warning() -> None:
    """The C1 has 1,000 connections; at 80 % it rings, and so many minutes before."""
    rising = series("connectedclients", [100.0] * 60 + [850.0] * 10, ends=BEGAN)
    found = verdict("connections-80", rising)

    assert found.state == "rang"
    assert found.before_s == 540.0
    assert (found.cried_wolf, found.missed) == (0, ())


def test_an_alarm_after_the_beginning_is_late_and_counts() -> None:
    """With a minus."""
    late = series("connectedclients", [100.0] * 60 + [990.0] * 5, ends=BEGAN + 300)
    found = verdict("connections-95", late)

    assert found.before_s == -60.0
    assert found.cried_wolf == 0


def test_an_alarm_the_day_before_is_for_nothing() -> None:
    """And the incident is missed."""
    day = [100.0] * 1440
    day[100:105] = [900.0] * 5
    found = verdict("connections-80", series("connectedclients", day, ends=BEGAN + 60))

    assert found.cried_wolf == 1
    assert found.missed == ("it",)
    assert found.before_s is None


def test_an_incident_outside_of_the_history_says_nothing_of_a_rule() -> None:
    """It is neither rung for nor missed."""
    old = series("connectedclients", [100.0] * 60, ends=BEGAN - 86400)

    assert verdict("connections-80", old).missed == ()


def test_what_rings_where_late_values_end_rang_for_the_incident_behind_them() -> None:
    """Values come in late, and an incident begins now; what had not rung by then may still have."""
    full = series("connectedclients", [1000.0] * 60, ends=BEGAN - 120)
    found = verdict("connections-95", full)

    assert found.before_s == pytest.approx(3600 + 120 - 60, abs=60)
    assert (found.cried_wolf, found.missed) == (0, ())
    quiet = series("connectedclients", [100.0] * 60, ends=BEGAN - 120)
    assert verdict("connections-95", quiet).missed == ()


def test_no_history_is_not_silence() -> None:
    """What was not looked at is not well."""
    assert verdict("memory-85", series("connectedclients", [1.0] * 9)).state == "no-history"
    assert verdict("errors-failover", series("errors", [1.0] * 9)).state == "no-history"


def test_each_type_of_error_is_its_own_history() -> None:
    """A failover is no refused login."""
    errors = series("errors", [0.0, 0.0, 1.0], dimension=("ErrorType", "Failover"))

    assert verdict("errors-failover", errors).state == "rang"
    assert verdict("errors-entra-failure", errors).state == "no-history"


@pytest.mark.parametrize(
    ("how", "bound"),
    [("Average", ""), ("Maximum", "upper"), ("Minimum", "lower"), ("", "unsaid")],
)
def test_history_of_another_aggregation_says_how_it_errs(how: str, bound: str) -> None:
    """A rule of averages on the highest values rings too often."""
    found = verdict("server-load-80", series("serverLoad", [90.0] * 9, aggregation=how))

    assert (found.state, found.bound) == ("rang", bound)


def test_totals_and_averages_do_not_compare() -> None:
    """So nothing is said."""
    counted = series("serverLoad", [900.0] * 9, aggregation="Total")

    assert verdict("server-load-80", counted).state == "no-history"


def test_coarse_history_is_said_to_be() -> None:
    """An hour tells nothing of five minutes."""
    hours = series("connectedclients", [900.0] * 9, interval_s=3600)

    assert verdict("connections-80", hours).state == "too-coarse"
