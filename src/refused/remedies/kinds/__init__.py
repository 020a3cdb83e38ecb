"""One module for each kind of change. None is listed anywhere: the folder is walked.

A kind says which causes it ends (``ENDS``), proposes changes from evidence (``propose``), and says
each in the languages that fit (``render``). All of it is pure.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from refused.evidence.bundle import Evidence
    from refused.remedies.change import Change, Missing

    class Kind(Protocol):
        """What a module under ``kinds/`` offers.

        Attributes:
            ENDS: The causes that it can end.
            RANK: Its place among the changes that end the same cause; what disturbs least is first.
        """

        __name__: str
        ENDS: tuple[str, ...]
        RANK: int

        def propose(self, cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
            """Propose what would end *cause* on this evidence."""

        def render(self, change: Change) -> dict[str, str]:
            """Say *change* in each form that fits, by the name of the form."""


def all_kinds() -> tuple[Kind, ...]:
    """Return every kind of change, by name."""
    return tuple(
        import_module(f"{__name__}.{found.name}")
        for found in sorted(pkgutil.iter_modules(__path__), key=lambda each: each.name)
    )


def kind_of(change: Change) -> Kind:
    """Return the kind that made *change*."""
    return import_module(f"{__name__}.{change.kind.replace('-', '_')}")
