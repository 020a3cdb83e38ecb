"""The next check: the look that tells rivals apart for the least of a person's time."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.causes.statements import Proof
from refused.diagnosis.checks import CHECKS
from refused.diagnosis.next_check import _expected_drop, next_check
from refused.diagnosis.rank import rank
from tests.diagnosis.scenery import CHECK_IDS, SERVICES, a_weighed, findings

if TYPE_CHECKING:
    from refused.diagnosis.rank import Finding


def uncertainty(found: tuple[Finding, ...]) -> float:
    """Return the entropy over the causes and something else, in nats."""
    shares = [each.probability for each in found]
    shares.append(max(0.0, 1 - sum(shares)))
    return -sum(share * log(share) for share in shares if share > 0)


@given(found=findings, check=st.sampled_from(CHECK_IDS))
def test_a_look_never_costs_knowledge_and_never_gives_more_than_there_is_to_know(
    found: tuple[Finding, ...], check: str
) -> None:
    """Mutual information lies between nothing and the entropy."""
    nats, tells = _expected_drop(check, found)

    assert -1e-9 <= nats <= uncertainty(found) + 1e-9
    assert tells == tuple(
        each.weighed.cause.id for each in found if check in dict(each.weighed.cause.expects)
    )


@given(found=findings, service=SERVICES, done=st.frozensets(st.sampled_from(CHECK_IDS)))
def test_the_chosen_look_is_the_best_per_second_of_those_that_can_be_made(
    found: tuple[Finding, ...], service: str, done: frozenset[str]
) -> None:
    """Not one that was made already, and not one of another service."""
    chosen = next_check(found, service, done)

    open_to_us = [
        check
        for check in CHECKS
        if check.id not in done
        and (not check.services or service in check.services)
        and (not check.after or check.after in done)
        and check.until not in done
    ]
    rates = [_expected_drop(check.id, found)[0] / check.seconds for check in open_to_us]
    if chosen is None:
        assert all(_expected_drop(check.id, found)[0] <= 0.005 for check in open_to_us)
    else:
        assert chosen.check in open_to_us
        assert chosen.nats > 0
        assert chosen.tells
        best = max(
            rate
            for rate, check in zip(rates, open_to_us, strict=True)
            if _expected_drop(check.id, found)[0] > 0.005
        )
        assert chosen.nats / chosen.check.seconds == best


def test_two_rivals_are_split_by_the_look_on_which_they_differ() -> None:
    """What both expect to look alike tells nothing of which it is."""
    found = rank(
        [
            a_weighed("a", 4.0, expects=(("elsewhere", "fails"), ("again", "same"))),
            a_weighed("b", 4.0, expects=(("elsewhere", "works"), ("again", "same"))),
        ]
    )

    chosen = next_check(found, "redis")

    assert chosen is not None
    assert chosen.check.id == "elsewhere"
    assert chosen.tells == ("a", "b")


def test_of_two_looks_that_tell_as_much_the_quicker_is_named() -> None:
    """A person's time is what is spent."""
    found = rank(
        [
            a_weighed("a", 4.0, expects=(("elsewhere", "fails"), ("other-resolver", "same"))),
            a_weighed("b", 4.0, expects=(("elsewhere", "works"), ("other-resolver", "differs"))),
        ]
    )

    chosen = next_check(found, "redis")

    assert chosen is not None
    assert chosen.check.id == "other-resolver"


def test_a_look_that_was_made_is_not_asked_for_again() -> None:
    """The next best is."""
    found = rank(
        [
            a_weighed("a", 4.0, expects=(("elsewhere", "fails"), ("again", "same"))),
            a_weighed("b", 4.0, expects=(("elsewhere", "works"), ("again", "recovers"))),
        ]
    )

    assert next_check(found, "redis", frozenset({"again"})).check.id == "elsewhere"  # type: ignore[union-attr]
    assert next_check(found, "redis", frozenset({"again", "elsewhere"})) is None


def test_nothing_is_asked_for_where_a_cause_is_proved_or_none_is_left() -> None:
    """Neither leaves anything that a look could tell apart."""
    proved = a_weighed("a", proofs=(Proof(because="seen"),), expects=(("again", "same"),))
    rival = a_weighed("b", 2.0, expects=(("again", "recovers"),))

    assert next_check(rank([proved, rival]), "redis") is None
    assert next_check((), "redis") is None


def test_a_look_of_azures_is_not_advised_for_another_server() -> None:
    """There is no resource to list."""
    found = rank(
        [
            a_weighed("a", 3.0, expects=(("resource", "stopped"),)),
            a_weighed("b", 3.0, expects=(("resource", "fine"),)),
        ]
    )

    assert next_check(found, "redis") is None
    assert next_check(found, "acr").check.id == "resource"  # type: ignore[union-attr]


@pytest.mark.parametrize("service", ["acr", "acre", "amr", "redis"])
def test_where_the_password_is_in_doubt_it_is_looked_at(service: str) -> None:
    """On every service, by the means that it has; another network knows nothing of passwords."""
    rivals = (
        ("auth-wrong-key", 2.5, (("keys", "differs"), ("elsewhere", "fails"))),
        ("auth-entra-token-expired", 0.5, (("again", "same"), ("elsewhere", "fails"))),
    )
    found = rank([a_weighed(cause, weight, expects=expects) for cause, weight, expects in rivals])

    chosen = next_check(found, service)

    assert chosen is not None
    assert chosen.check.id == "keys"
    assert ("az " in chosen.check.command) == (service != "redis")


def test_what_a_look_usually_shows_tells_against_a_cause_that_says_so_of_another() -> None:
    """Only one of the two has signs on this host, so that a look at the host parts them."""
    found = rank(
        [
            a_weighed("a", 4.0, expects=(("deeper", "local"), ("again", "same"))),
            a_weighed("b", 4.0, expects=(("again", "same"),)),
        ]
    )

    chosen = next_check(found, "redis")

    assert chosen is not None
    assert (chosen.check.id, chosen.tells) == ("deeper", ("a",))


def test_a_look_may_bring_up_a_cause_of_which_nothing_was_seen_yet() -> None:
    """It has its part of "something else", and makes a look worth more that would show it."""
    found = rank([a_weighed("a", 1.0, expects=(("elsewhere", "works"), ("deeper", "quiet")))])
    unheard = a_weighed("b", 0.0, expects=(("deeper", "local"),)).cause

    without, _ = _expected_drop("deeper", found)
    with_it, tells = _expected_drop("deeper", found, (unheard,))

    assert with_it > without
    assert tells == ("a",)


def test_a_look_that_no_finding_says_anything_of_names_what_it_would_bring_up() -> None:
    """A reader is told what the look is for."""
    found = rank([a_weighed("a", 1.0, expects=())])
    unheard = tuple(
        a_weighed(name, 0.0, expects=(("deeper", shows),)).cause
        for name, shows in (("b", "local"), ("c", "quiet"))
    )

    chosen = next_check(found, "redis", silent=unheard)

    assert chosen is not None
    assert (chosen.check.id, chosen.tells) == ("deeper", ("b",))
