"""A bundle may come from anybody, and a terminal obeys what it is shown."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from refused import api
from refused.evidence.bundle import Bundle
from refused.evidence.observations import NameLookup, TcpDial, Unseen
from refused.evidence.parse_target import parse_target
from refused.report.terminal import plain

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
