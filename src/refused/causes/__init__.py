"""One room for each root cause; a new cause is a new module here, and nothing else is edited.

A module holds ``CAUSE`` (what it is) and ``judge`` (what the evidence says of it); its docstring is
its page. Causes are found by walking the folder.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from refused.causes.statements import Cause, Statement
    from refused.evidence.bundle import Evidence

    Judge = Callable[[Evidence], Iterator[Statement]]

# What stands in this folder and is no cause.
_NOT_CAUSES = frozenset({"__init__", "statements", "readings"})


def names() -> tuple[str, ...]:
    """Return the module names of all causes, in alphabetical order."""
    import os

    try:
        # pkgutil would do, and loads typing and ast for it; a folder can be read without.
        found = [name[:-3] for name in os.listdir(__path__[0]) if name.endswith(".py")]
    except OSError:
        from pkgutil import iter_modules  # the package lies in an archive

        found = [each.name for each in iter_modules(__path__)]
    return tuple(sorted(name for name in found if name not in _NOT_CAUSES))


def modules() -> tuple[ModuleType, ...]:
    """Import every cause and return its module, in alphabetical order."""
    from importlib import import_module

    return tuple(import_module(f"{__name__}.{name}") for name in names())


def catalogue() -> tuple[tuple[Cause, Judge], ...]:
    """Import every cause and return it with its judge."""
    return tuple((module.CAUSE, module.judge) for module in modules())


def page(cause_id: str) -> str:
    """Return the page of one cause: its module's docstring.

    Raises:
        KeyError: There is no such cause.
    """
    from importlib import import_module

    name = cause_id.replace("-", "_")
    if name not in names():
        raise KeyError(cause_id)
    return import_module(f"{__name__}.{name}").__doc__ or ""
