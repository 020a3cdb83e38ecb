"""Events counted in groups, of which there are never more than fit into memory.

A group is one kind of error at one endpoint. Where there would be too many, the rarest give up
their endpoint: whoever is frequent keeps it (the idea of Misra and Gries, "Finding repeated
elements", 1982), and what was put together is counted and said.
"""

from __future__ import annotations

from refused.probes.logs.rates import Series

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.probes.logs.templates import Template

    Key = tuple[tuple[int, ...], str, bool, int]

# A group is at most fifty kilobytes: its examples, and its counts by time.
MOST_GROUPS = 1000
_MOST_GAPS = 100
_MOST_SPANS = 256
# The events of a group that are kept word for word: the first, the tenth, the hundredth.
KEPT = frozenset((1, 10, 100))
_MANY = "(many)"


class Quote:
    """Where an event stands, and what it says, secrets removed."""

    __slots__ = ("at", "file", "line", "text")

    def __init__(self, file: str, line: int, text: str, at: float | None) -> None:
        self.file = file
        self.line = line
        self.text = text
        self.at = at


class Group:
    """Events of one kind.

    Attributes:
        which: The places of the patterns that matched.
        endpoint: ``host:port``, ``host/address:port``; ``""`` where none is said, and
            ``(many)`` where endpoints were put together.
        is_redis: Whether the event itself speaks of Redis.
        template: For messages that no pattern knows.
        examples: A few events as a whole.
        last: The last event, as ``(file, line)``.
        files: Events by file.
        gaps_s: The first times from one event to the next.
    """

    __slots__ = (
        "count", "endpoint", "examples", "files", "first_at", "gaps_s", "is_redis", "last",
        "last_at", "series", "template", "which",
    )  # fmt: skip

    def __init__(self, key: Key, template: Template | None) -> None:
        self.which, self.endpoint, self.is_redis, _ = key
        self.template = template
        self.count = 0
        self.first_at: float | None = None
        self.last_at: float | None = None
        self.last = ("", 0)
        self.series = Series(_MOST_SPANS)
        self.gaps_s: list[float] = []
        self.examples: list[Quote] = []
        self.files: dict[str, int] = {}

    def add(self, file: str, line: int, at: float | None) -> None:
        """Count one event."""
        self.count += 1
        self.last = file, line
        self.files[file] = self.files.get(file, 0) + 1
        if at is None:
            return
        self.series.add(at)
        last = self.last_at
        if last is None:
            self.first_at = self.last_at = at
        elif at >= last:
            self.last_at = at
            if len(self.gaps_s) < _MOST_GAPS:
                self.gaps_s.append(at - last)
        elif self.first_at is None or at < self.first_at:
            self.first_at = at

    def merge(self, other: Group) -> None:
        """Take in a group of the same kind elsewhere."""
        self.count += other.count
        self.series.merge(other.series)
        self.last = other.last
        for file, count in other.files.items():
            self.files[file] = self.files.get(file, 0) + count
        if not self.examples:
            self.examples = other.examples
        for name, choose in (("first_at", min), ("last_at", max)):
            times = [
                each for each in (getattr(self, name), getattr(other, name)) if each is not None
            ]
            setattr(self, name, choose(times) if times else None)


class Tally:
    """All groups of one reading.

    Attributes:
        put_together: How many groups gave up their endpoint.
        lost: How many events were let go with groups for which there was no room.
        generation: Changes whenever a group that was given out may be one of these no more.
    """

    def __init__(self, most: int = MOST_GROUPS) -> None:
        self.put_together = 0
        self.lost = 0
        self.generation = 0
        self._most = most
        self._groups: dict[Key, Group] = {}

    def __iter__(self) -> Iterator[Group]:
        return iter(self._groups.values())

    def __len__(self) -> int:
        return len(self._groups)

    def of(
        self,
        which: tuple[int, ...],
        endpoint: str,
        *,
        is_redis: bool,
        template: Template | None = None,
    ) -> Group:
        """Return the group that such an event belongs to."""
        key = which, endpoint, is_redis, -1 if template is None else template.number
        found = self._groups.get(key)
        if found is None:
            if len(self._groups) >= self._most:
                self._shrink()
            found = self._groups[key] = Group(key, template)
        return found

    def _shrink(self) -> None:
        """Take the endpoint from the rarest half; drop what is rare and had none to give."""
        self.generation += 1
        ordered = sorted(self._groups.items(), key=lambda entry: entry[1].count)
        for key, group in ordered[: len(ordered) // 2]:
            which, endpoint, is_redis, template = key
            del self._groups[key]
            general = which, _MANY, is_redis, template
            if endpoint == _MANY:
                self._groups[key] = group
                continue
            self.put_together += 1
            into = self._groups.get(general)
            if into is None:
                into = self._groups[general] = Group(general, group.template)
            into.merge(group)
        if len(self._groups) >= self._most:  # as many kinds as groups: the rarest are let go
            ordered = sorted(self._groups.items(), key=lambda entry: entry[1].count)
            for key, group in ordered[: len(ordered) // 2]:
                self.lost += group.count
                del self._groups[key]
