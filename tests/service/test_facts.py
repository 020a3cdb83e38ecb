"""Every fact has a source and says how sure it is; no fact costs start-up time."""

from __future__ import annotations

import doctest
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import refused.service

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULES = sorted(module.name for module in pkgutil.iter_modules(refused.service.__path__))
CERTAINTIES = {"sure", "likely", "unsure"}

# Everything that is dear to import, and what a room of facts has no business with.
DEAR = (
    "typing",
    "re",
    "enum",
    "dataclasses",
    "datetime",
    "ipaddress",
    "logging",
    "asyncio",
    "socket",
    "ssl",
    "pathlib",
    "json",
    "urllib",
)


def rows() -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield each row of each public table with the name of its table."""
    for module in MODULES:
        for name, table in vars(import_module(f"refused.service.{module}")).items():
            if not (name.isupper() and not name.startswith("_") and isinstance(table, tuple)):
                continue
            for row in table if isinstance(table[0], tuple) else (table,):
                yield f"{module}.{name}", row


ROWS = list(rows())


def test_the_room_is_furnished() -> None:
    """The walk below sees the tables, so that its silence means something."""
    assert len({table for table, _ in ROWS}) > 30
    assert len(ROWS) > 300


@pytest.mark.parametrize("table", sorted({table for table, _ in ROWS}))
def test_each_row_ends_in_its_source_and_its_certainty(table: str) -> None:
    """A public page or file, and one of three words."""
    for row in (row for name, row in ROWS if name == table):
        source, certainty = row[-2:]
        assert isinstance(source, str), row
        assert source.startswith("https://"), row
        assert " " not in source, row
        assert certainty in CERTAINTIES, row


@pytest.mark.parametrize("table", sorted({table for table, _ in ROWS}))
def test_no_row_stands_twice(table: str) -> None:
    """A row repeated is a slip of the pen."""
    own = [row for name, row in ROWS if name == table]
    assert len(set(own)) == len(own)


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_said_of_the_workplace(module: str) -> None:
    """No path of a machine, and no note that only its writer can open."""
    text = Path(str(import_module(f"refused.service.{module}").__file__)).read_text("utf-8")
    assert "/work" not in text
    assert "azure-facts" not in text


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_in_the_docstrings_hold(module: str) -> None:
    """What a docstring shows is what happens."""
    assert doctest.testmod(import_module(f"refused.service.{module}")).failed == 0


@pytest.mark.parametrize("module", MODULES)
def test_a_module_of_facts_imports_nothing_dear(module: str) -> None:
    """Start-up is a feature: facts are literals and need no machinery."""
    program = (
        f"import sys; sys.path.insert(0, {str(Path(refused.__path__[0]).parent)!r})\n"
        "before = set(sys.modules)\n"
        f"import refused.service.{module}\n"
        f"print(*[name for name in {DEAR!r} if name in set(sys.modules) - before])"
    )
    said = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, check=True, text=True
    )
    assert said.stdout.strip() == ""


def test_a_fixed_record_keeps_its_word() -> None:
    """Equal by content, usable as a key, and not to be changed."""
    from refused.service.clouds import Hosting, service_of

    one, other = service_of("shop.redis.cache.windows.net"), service_of("10.0.0.4")
    assert one == service_of("shop.redis.cache.windows.net") != other
    assert len({one, service_of("SHOP.redis.cache.windows.net"), other}) == 2
    assert "cache_name='shop'" in repr(one)
    with pytest.raises(AttributeError, match="frozen"):
        one.cloud = "china"  # type: ignore[misc] # that is the point
    with pytest.raises(AttributeError, match="frozen"):
        del one.cloud
    with pytest.raises(TypeError, match="region"):
        Hosting(service="acr")  # type: ignore[call-arg] # likewise
