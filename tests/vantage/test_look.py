"""Evidence from several places is put together so that each keeps a name of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused import api
from refused.evidence.bundle import BadBundle, Bundle
from refused.evidence.observations import ClientSettings, Elsewhere, TcpDial
from refused.evidence.parse_target import parse_target
from refused.vantage import BadVantage, open_vantage
from refused.vantage.look import join
from refused.vantage.saved import Saved

if TYPE_CHECKING:
    from pathlib import Path

HOST = "redis.corp.example"


def dial(vantage: str, outcome: Any = "accepted", at: float = 1.0) -> TcpDial:
    """Return one thing seen from a place."""
    return TcpDial(
        vantage=vantage, at=at, took_ms=1.0, source="test", address="10.0.0.4", port=6379,
        outcome=outcome,
    )  # fmt: skip


def settings(library: str) -> ClientSettings:
    """Return what the user's client is set to."""
    return ClientSettings(vantage="user", at=1.0, took_ms=0.0, source="target", client=library)


def bundle(*facts: Any, target: str = f"redis://{HOST}:6379") -> Bundle:
    """Return a bundle with these facts."""
    return Bundle(target=parse_target(target).target, taken_at=1.0, tool="test", facts=facts)


PLACES = st.lists(st.lists(st.sampled_from(["here", "here (2)", "a", "b"]), max_size=4), max_size=5)


@given(PLACES)
def test_no_two_walks_share_a_name_and_nothing_is_lost(walks: list[list[str]]) -> None:
    """Whatever the places are called, and however often."""
    found = [tuple(dial(name, at=float(at)) for name in walk) for at, walk in enumerate(walks)]

    joined = join(found)

    assert len(joined) == sum(map(len, walks))
    walk_of: dict[str, float] = {}
    for fact in joined:
        assert isinstance(fact, TcpDial)
        assert walk_of.setdefault(fact.vantage, fact.at) == fact.at
    for at, walk in enumerate(walks):
        names = [f.vantage for f in joined if isinstance(f, TcpDial) and f.at == at]
        assert len(set(names)) == len(set(walk))


def test_a_clash_gets_a_number() -> None:
    """The first keeps its name."""
    joined = join([(dial("here"),), (dial("here"), dial("web")), (dial("here"),)])

    assert [fact.vantage for fact in joined] == ["here", "here (2)", "web", "here (3)"]


def test_the_users_settings_are_those_of_the_first() -> None:
    """Another bundle's client is not the one that is looked for."""
    joined = join([(settings("redis-py"), dial("here")), (settings("jedis"), dial("web"))])

    assert [f.client for f in joined if isinstance(f, ClientSettings)] == ["redis-py"]


def test_summaries_are_told_anew() -> None:
    """A saved one knows nothing of the places beside which its bundle is laid."""
    old = Elsewhere(vantage="x", at=1.0, took_ms=0.0, source="test", healthy=True, path=())

    assert join([(dial("here"),), (old, dial("web"))]) == (dial("here"), dial("web"))


# --- saved bundles -----------------------------------------------------------------------------------


def test_bundles_are_laid_side_by_side_without_looking(tmp_path: Path) -> None:
    """``refused diagnose @a.json --from @b.json``: where the second was taken is not here."""
    api.save(bundle(dial("here", "silent")), str(tmp_path / "a.json"))
    api.save(bundle(dial("here")), str(tmp_path / "b.json"))

    both = api.probe(f"@{tmp_path}/a.json", vantages=["here", f"@{tmp_path}/b.json"])
    alone = api.probe(f"@{tmp_path}/a.json", vantages=["here"])

    assert both.vantages == ("here", "@b.json")
    assert [fact.outcome for fact in both.facts if isinstance(fact, TcpDial)] == [
        "silent",
        "accepted",
    ]
    assert alone.vantages == ("here",)


@pytest.mark.parametrize(
    "other", [f"redis://{HOST}:6380", f"rediss://{HOST}:6379", "redis://other.corp.example:6379"]
)
def test_a_bundle_about_something_else_is_no_place(other: str, tmp_path: Path) -> None:
    """One line names both."""
    api.save(bundle(dial("web"), target=other), str(tmp_path / "other.json"))

    with pytest.raises(BadVantage) as said:
        Saved(f"{tmp_path}/other.json").facts_about(bundle().target)

    assert HOST in str(said.value)
    assert "\n" not in str(said.value)


@pytest.mark.parametrize("path", ["none.json", "a\nb", "a\0b", "/"])
def test_a_file_that_cannot_be_read_is_one_line(path: str) -> None:
    """Whatever its name is."""
    with pytest.raises(BadBundle) as said:
        open_vantage(f"@{path}")

    assert "\n" not in str(said.value)
