"""One incident and what is known of it: records that every part of this room shares."""

from __future__ import annotations

from refused.evidence.record import Record, nested

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Kind = Literal[
        "error", "evidence", "change", "verification", "note", "request", "why", "action", "state"
    ]

# What an entry may be. An error's text and a request's id are kept letter for letter (secrets aside).
KINDS = (
    "error",
    "evidence",
    "change",
    "verification",
    "note",
    "request",
    "why",
    "action",
    "state",
)


@nested
class Entry(Record):
    """Something that belongs to an incident.

    Attributes:
        id: Its number in the store; 0 while it is not stored.
        at: When it happened, in seconds since 1970 UTC.
        noted_at: When it was written down.
        kind: One of :data:`KINDS`.
        title: One line.
        data: JSON text: a bundle, a change, the figures of a watch; ``""`` for none.
    """

    at: float
    kind: str
    title: str
    data: str = ""
    noted_at: float = 0.0
    id: int = 0


class Incident(Record):
    """One incident.

    Attributes:
        id: Public, as ``20261126-0312-7f3a``; sorts by time.
        began_at: When the first failure happened, as far as anybody knows.
        detected_at: When somebody, or an alert, noticed.
        diagnosed_at: When the cause was found.
        resolved_at: When it worked again.
        closed_at: When the work on it ended.
        severity: 1 (worst) to 4; ``None`` while the scope is not known.
        cause: The id of the root cause, from the catalogue; ``""`` while it is not known.
        bucket: Of the cause: configuration, capacity, code, dependency or process.
        scope: ``all``, ``some`` or ``one``.
        impact: Who felt what, in words.
    """

    id: str
    title: str
    target: str
    opened_at: float
    service: str = "redis"
    began_at: float | None = None
    detected_at: float | None = None
    diagnosed_at: float | None = None
    resolved_at: float | None = None
    closed_at: float | None = None
    severity: int | None = None
    cause: str = ""
    bucket: str = ""
    scope: str | None = None
    impact: str = ""
    entries: tuple[Entry, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether somebody still works on it."""
        return self.closed_at is None

    def of(self, kind: str) -> tuple[Entry, ...]:
        """Return the entries of one kind, in order of time."""
        return tuple(each for each in self.entries if each.kind == kind)
