"""A bundle may come from anybody, and a terminal obeys what it is shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from refused import api
from refused.evidence.bundle import Bundle
from refused.evidence.observations import NameLookup, TcpDial, Unseen
from refused.evidence.parse_target import parse_target
from refused.report.terminal import plain

if TYPE_CHECKING:
    from refused.evidence.bundle import Fact

TEXTS = st.text(max_size=20) | st.sampled_from(
    ["\x1b[2J", "\x1b]0;title\x07", "\u202egnp", "\x9b1m"]
)


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_nothing_that_a_terminal_obeys_is_printed(
    name: str, other: str, said: str, host: str
) -> None:
    """Whatever places, names and reasons a bundle holds, in either order of working and failing."""
    target = parse_target("redis://redis.corp.example:6379").target
    common: dict[str, Any] = {"at": 1.0, "took_ms": 1.0}
    bundle = Bundle(
        target=target.replace(host=host, text=host),
        taken_at=1.0,
        tool="test",
        facts=(
            NameLookup(
                vantage=f"a{name}",
                host=host,
                outcome="failed",
                error_text=said,
                source=said,
                **common,
            ),
            TcpDial(
                vantage=f"b{other}", address=said, port=1, outcome="silent", source=said, **common
            ),
            Unseen(vantage=f"c{other}", what=said, why=said, how_to_see=said),
        ),
    )

    text = api.judge(bundle).to_text(verbose=True)

    assert [line for line in text.split("\n") if not line.isprintable()] == []


@given(TEXTS)
def test_what_is_plain_stays_as_it_is(text: str) -> None:
    """And doing it twice changes nothing more."""
    assert plain(plain(text)) == plain(text)
    if text.isprintable():
        assert plain(text) == text


def unseen(*gaps: tuple[str, str, str]) -> tuple[list[str], list[dict[str, str]]]:
    """Return what a report says of gaps (what, why, how to see): its lines, and its JSON."""
    common: dict[str, Any] = {"vantage": "here", "at": 1.0, "took_ms": 1.0, "source": "test"}
    lookup = NameLookup(host="redis.corp.example", outcome="not-found", **common)
    facts: tuple[Fact, ...] = (
        lookup,
        *(
            Unseen(vantage="control-plane", what=what, why=why, how_to_see=how)
            for what, why, how in gaps
        ),
    )
    target = parse_target("redis://redis.corp.example:6379").target
    report = api.judge(Bundle(target=target, taken_at=1.0, tool="test", facts=facts))
    text = report.to_text(width=400)
    _, found, rest = text.partition("Could not see\n")
    lines = rest.partition("\n\n")[0].split("\n") if found else []
    return [line for line in lines if "here" in line], json.loads(report.to_json())["unseen"]


def test_what_one_reason_hides_is_said_in_one_line() -> None:
    """Six lines of one closed door say no more than one; a program gets each by itself."""
    lines, data = unseen(
        ("AzureCache", "denied here", "ask for Reader"),
        ("Metric", "denied here", "ask for Reader"),
        ("ResourceHealth", "late here", "ask for Reader"),
        ("FirewallRules", "denied here", "ask for Reader"),
        ("ResourceChange", "denied here", "ask twice"),
    )

    assert lines == [
        "- the cache's resource, the metrics and firewall rules: denied here; ask for Reader",
        "- resource health: late here; ask for Reader",
        "- what was changed: denied here; ask twice",
    ]
    assert {each["what"] for each in data} >= {
        "AzureCache",
        "Metric",
        "FirewallRules",
        "ResourceHealth",
        "ResourceChange",
    }


@given(st.lists(st.tuples(*[st.sampled_from("ABC")] * 3), max_size=12))
def test_nothing_unseen_is_lost_in_joining(gaps: list[tuple[str, str, str]]) -> None:
    """Every name stands in the line of its reason."""
    marked = [(f"what-{what}", f"here {why}", f"how-{how}") for what, why, how in gaps]
    lines, _ = unseen(*marked)

    for what, why, how in {
        (what, why): (what, why, how) for what, why, how in marked[::-1]
    }.values():
        assert any(what in line and f"{why}; {how}" in line for line in lines)
    assert len(lines) <= len({(why, how) for _, why, how in marked})
