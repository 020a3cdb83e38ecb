"""A compiled database is kept for the next time, and never trusted from a stranger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refused.probes.logs import compiled
from refused.probes.logs.scan import Scanner, is_installed
from tests.probes.logs.catalogue import FEW

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not is_installed(), reason="hyperscan is not installed")

DATA = b"x: ECONNREFUSED\nfine\nNOAUTH\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the cache folder of this test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "refused"


def kept(folder: Path) -> list[Path]:
    """Return the files that are kept."""
    return sorted(folder.iterdir()) if folder.exists() else []


def test_the_second_start_loads_and_finds_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is compiled again."""
    first = Scanner(FEW, "hyperscan").hits(DATA)
    assert len(kept(folder)) == 1
    assert kept(folder)[0].stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr("refused.probes.logs.scan.emit", None)
    assert Scanner(FEW, "hyperscan").hits(DATA) == first
    assert [hit[2] for hit in first] == [(0,), (2,)]


def test_other_patterns_have_another_file_and_the_old_one_goes(folder: Path) -> None:
    """A catalogue that grows leaves nothing behind."""
    Scanner(FEW, "hyperscan")
    (one,) = kept(folder)
    assert Scanner(FEW[:2], "hyperscan").hits(DATA) == [(0, 15, (0,))]
    (other,) = kept(folder)
    assert one != other


@pytest.mark.parametrize("damage", ["cut", "rubbish", "empty", "open to others"])
def test_what_is_damaged_or_could_be_a_strangers_is_made_again(folder: Path, damage: str) -> None:
    """And the answers are right."""
    expected = Scanner(FEW, "hyperscan").hits(DATA)
    (file,) = kept(folder)
    whole = file.read_bytes()
    if damage == "open to others":
        file.chmod(0o666)
    else:
        file.write_bytes({"cut": whole[:-100], "rubbish": bytes(len(whole)), "empty": b""}[damage])
    assert compiled.load(str(file)) is None
    assert Scanner(FEW, "hyperscan").hits(DATA) == expected
    assert compiled.load(str(file)) is not None


def test_without_a_cache_folder_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that cannot be written is no error."""
    for place in ("relative", str(tmp_path / "file" / "below")):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("XDG_CACHE_HOME", place)
        assert len(Scanner(FEW, "hyperscan").hits(DATA)) == 2
