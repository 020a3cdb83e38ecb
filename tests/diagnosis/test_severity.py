"""Severity: four levels from scope, persistence and cause, and what each asks for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from refused.api import explain
from refused.cli.config import BadConfig, path, responses
from refused.diagnosis.rank import Finding
from refused.diagnosis.severity import FLAWS, PASSING, RESPONSES, severity
from refused.evidence.bundle import Evidence
from tests.diagnosis.scenery import a_weighed

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMED = "redis: WRONGPASS invalid username-password pair or user is disabled."
PAGE = Path(__file__).parents[2] / "docs" / "severity.md"


def level(verdicts: Sequence[str], scope: str | None = None, cause: str = "") -> int | None:
    """Return the level for these verdicts."""
    named = Finding(weighed=a_weighed(cause), certainty="likely", probability=0.9)
    return severity(verdicts, scope, Evidence(), (named,) if cause else ())[0]


@pytest.mark.parametrize(("scope", "wanted"), [("all", 1), ("some", 2), ("one", 3), (None, None)])
def test_the_scope_makes_the_level(scope: str | None, wanted: int | None) -> None:
    """And without one there is none."""
    assert level(["fault"], scope) == wanted


def test_several_places_tell_the_scope() -> None:
    """All of them, or some."""
    assert level(["fault", "fault"]) == 1
    assert level(["fault", "healthy"]) == 2
    assert level(["healthy", "healthy"]) is None


@pytest.mark.parametrize("cause", sorted(FLAWS))
@pytest.mark.parametrize("scope", ["all", "some", "one", None])
def test_what_leaves_the_service_usable_is_a_flaw(cause: str, scope: str | None) -> None:
    """However many meet it."""
    assert level(["fault"], scope, cause) == 4


def test_a_flaw_that_is_only_possible_excuses_nothing() -> None:
    """It has to be named."""
    finding = Finding(weighed=a_weighed("idle-timeout"), certainty="possible", probability=0.4)

    assert severity(["fault"], "all", Evidence(), [finding])[0] == 1


@pytest.mark.parametrize(
    ("text", "scope", "wanted"),
    [
        (NAMED, "all", 1),
        (NAMED, None, None),
        ("Error: read ECONNRESET", "all", None),
        ("ERR DB index is out of range", "all", 4),
        ("LOADING Redis is loading the dataset in memory", None, 3),
        ("LOADING Redis is loading the dataset in memory", "all", 1),
        (f"{NAMED}\nRedis is ready", "all", 3),
    ],
)
def test_a_text_tells_what_it_tells(text: str, scope: str | None, wanted: int | None) -> None:
    """Where no cause is named, nothing is known to be bad."""
    report = explain(text, scope=scope)

    assert report.severity == wanted
    assert (report.response is None) is (wanted is None)


def test_the_causes_that_are_spoken_of_exist() -> None:
    """Ids are stable, and these are written by hand."""
    from refused.causes import names

    assert {*FLAWS, *PASSING} <= {name.replace("_", "-") for name in names()}


def test_a_worse_level_asks_for_more() -> None:
    """Sooner, and more often."""
    asked = [RESPONSES[each] for each in (1, 2, 3, 4)]

    assert sorted(asked, key=lambda each: each.resolve_within_s) == asked
    assert sorted(asked, key=lambda each: each.every_s) == asked


def test_the_page_says_what_is_asked_for() -> None:
    """The table is the program's."""
    page = PAGE.read_text("utf-8")

    for at, asked in RESPONSES.items():
        (row,) = re.findall(rf"^\| {at} \| .*$", page, re.MULTILINE)
        assert ", ".join(asked.tell) in row


def test_a_file_changes_what_it_names(tmp_path: Path) -> None:
    """And nothing else."""
    file = tmp_path / "mine.toml"
    file.write_text('[severity.1]\nresolve_within = "30m"\ntell = ["the bridge"]\n')

    found = responses({"REFUSED_CONFIG": str(file)})

    assert (found[1].resolve_within_s, found[1].tell, found[1].every_s) == (
        1800.0,
        ("the bridge",),
        RESPONSES[1].every_s,
    )
    assert found[2] == RESPONSES[2]


def test_the_page_shows_a_file_that_is_understood(tmp_path: Path) -> None:
    """Whoever copies it gets what it says."""
    (shown,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    file = tmp_path / "refused.toml"
    file.write_text(shown)

    assert responses({"REFUSED_CONFIG": str(file)})[4].tell == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[severity", "not TOML"),
        ("severity = 1", "no table"),
        ("[severity.5]", "none of severity.1"),
        ('[severity.1]\nevery = "soon"', "30m"),
        ('[severity.1]\nevery = "0m"', "above 0"),
        ("[severity.1]\nevery = 30", "30m"),
        ('[severity.1]\ntell = "support"', "list"),
        ('[severity.1]\nwhom = ["support"]', "none of resolve_within"),
    ],
)
def test_what_cannot_be_meant_is_said_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    """With the file's name and what would be right."""
    file = tmp_path / "refused.toml"
    file.write_text(text)

    with pytest.raises(BadConfig) as caught:
        responses({"REFUSED_CONFIG": str(file)})

    assert said in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_named_and_missing_is_an_error(tmp_path: Path) -> None:
    """Whoever names it wants it read."""
    with pytest.raises(BadConfig, match=r"nowhere\.toml"):
        path({"REFUSED_CONFIG": str(tmp_path / "nowhere.toml")})


def test_the_home_is_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the working folder."""
    home, work = tmp_path / "config", tmp_path / "work"
    (home / "refused").mkdir(parents=True)
    work.mkdir()
    (home / "refused" / "refused.toml").write_text("")
    monkeypatch.chdir(work)

    assert path({"XDG_CONFIG_HOME": str(home)}) == str(home / "refused" / "refused.toml")
    (work / "refused.toml").write_text("")
    assert path({"XDG_CONFIG_HOME": str(home)}) == "refused.toml"
    assert path({}) == "refused.toml"
