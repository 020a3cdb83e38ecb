"""Read logs: bytes in, groups of events out, in one pass and in memory that does not grow."""

from __future__ import annotations

import re

from refused.evidence.redaction import redact
from refused.probes.logs.endpoints import endpoint_of, is_about_redis
from refused.probes.logs.events import REACH_BACK, end_of, head_of
from refused.probes.logs.lines import JOINED, expand, unwrap
from refused.probes.logs.scan import Scanner
from refused.probes.logs.sources import POLL_S, Source
from refused.probes.logs.tally import KEPT, Quote, Tally
from refused.probes.logs.templates import Templates
from refused.probes.logs.times import Clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from refused.probes.logs.scan import Given, Hit
    from refused.probes.logs.sources import Chunk
    from refused.probes.logs.tally import Group

# Errors that speak of Redis in words that no pattern knows are shown, too.
UNKNOWN = "unknown"
_CLIENTS = "redis|valkey|jedis|lettuce|redlock|bullmq|sidekiq|predis|resque|celery|kombu"
_TROUBLE = (
    "error|exception|fail|refused|timed out|timeout|time-out|denied|cannot|can't|could not|unable|"
    "lost|reset by|unavailable|abort|panic|fatal|reject|unreachable|invalid|disconnect|not connected"
)
_UNKNOWN = (UNKNOWN, f"(?:{_CLIENTS}).*(?:{_TROUBLE})|(?:{_TROUBLE}).*(?:{_CLIENTS})", True)

_EXAMPLE_BYTES = 8 << 10
_PART_BYTES = 2 << 10
_LINES_KEPT = 60
_UNDATED_GIVEN_UP = 50
_LOOK_UP = 20
# Lines of at most a kilobyte each.
_MOST_KNOWN = 16_384


class LogRead:
    """What was read.

    Attributes:
        ids: The ids of the patterns, as given, with :data:`UNKNOWN` behind them.
        tally: The groups of events that match a pattern, and of unknown ones by template.
        templates: The templates of unknown messages.
        files: The names of what was read; ``""`` is standard input.
        lines, size: How much that was, in lines and bytes.
        events: How many events matched.
        first_at, last_at: The first and the last time of any line, in seconds since 1970.
        notes: What was odd, as sentences for people.
        engine: What found the lines.
        was_interrupted: Whether reading was ended from outside.
    """

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = tuple(ids)
        self.tally = Tally()
        self.templates = Templates()
        self.files: list[str] = []
        self.lines = 0
        self.size = 0
        self.events = 0
        self.first_at: float | None = None
        self.last_at: float | None = None
        self.lacks_zone = False
        self.lacks_year = False
        self.notes: list[str] = []
        self.engine = ""
        self.was_interrupted = False

    def names(self, group: Group) -> tuple[str, ...]:
        """Return the ids of the patterns that a group's events match."""
        return tuple(self.ids[at] for at in group.which)

    def saw(self, at: float) -> None:
        """Note that the log covers a time."""
        self.first_at = at if self.first_at is None else min(self.first_at, at)
        self.last_at = at if self.last_at is None else max(self.last_at, at)


def scanner_for(patterns: Iterable[Given], engine: str = "auto") -> Scanner:
    """Return what looks for the patterns, and for trouble in words that they do not know."""
    return Scanner((*patterns, _UNKNOWN), engine)


def read_logs(
    sources: Sequence[Source],
    patterns: Iterable[Given] | Scanner,
    *,
    now: float,
    sleep: Callable[[float], None] | None = None,
    on_new: Callable[[LogRead, Group], None] | None = None,
) -> LogRead:
    """Read all sources to their ends; sources that are followed, until interrupted.

    Args:
        sources: What to read, in turn; followed ones side by side.
        patterns: ``(id, pattern, ignores case)`` of what to look for, or what :func:`scanner_for`
            made of them.
        now: Seconds since 1970; dates without a year are not later.
        sleep: Waits, between looks at files that may grow.
        on_new: Is told of every group when its first event is complete.

    Raises:
        BadLog: A source cannot be read; nothing has been read from any.
        BadPattern: A pattern is outside the subset.
    """
    scanner = patterns if isinstance(patterns, Scanner) else scanner_for(patterns)
    result = LogRead(scanner.ids)
    readers = [_Reader(source, scanner, result, now, on_new) for source in sources]
    for reader in readers:
        reader.open()
        result.files.append(reader.source.name)
    try:
        if any(source.follows for source in sources):
            _side_by_side(readers, sleep)
        else:
            for reader in readers:
                while reader.step():
                    pass
    except KeyboardInterrupt:
        result.was_interrupted = True
    for reader in readers:
        reader.close()
    result.engine = scanner.engine
    if result.tally.lost or result.templates.overflow:
        result.notes.append(
            f"{result.tally.lost + result.templates.overflow} rare events of ever new kinds were "
            "counted and not kept"
        )
    return result


def _side_by_side(readers: Sequence[_Reader], sleep: Callable[[float], None] | None) -> None:
    if sleep is None:
        import time

        sleep = time.sleep
    left = list(readers)
    while left:
        before = sum(reader.size for reader in left)
        left = [reader for reader in left if reader.step()]
        if left and sum(reader.size for reader in left) == before:
            sleep(POLL_S)


class _Open:
    """An event whose end has not been seen."""

    __slots__ = ("first_hit", "head", "hit_line", "hits", "known_end", "seen", "which")

    def __init__(self, head: int, hit: tuple[int, int], hit_line: int) -> None:
        self.head = head  # places are in the stream
        self.first_hit = hit
        self.hit_line = hit_line
        self.hits = [hit]
        self.known_end = hit[1]
        self.which: set[int] = set()
        self.seen: _Seen | None = None


# A line dated to the second or finer, with a point: the minute, the seconds, and the rest up to
# the message.
_DATED_LINE = re.compile(
    rb"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d):(\d\d(?:\.\d{1,9})?)(?:Z|[+-]\d\d:?\d\d)? (?=[\[(<A-Za-z])"
)


class _Layout:
    """How the lines of a log are dated: all in one way, mostly."""

    __slots__ = ("seconds_end", "tail", "width")

    def __init__(self, found: re.Match[bytes]) -> None:
        self.seconds_end = found.end(2)
        self.width = found.end()
        self.tail = found[0][self.seconds_end :]

    def is_like(self, other: _Layout) -> bool:
        """Whether lines of the one are laid out as lines of the other."""
        return self.width == other.width and self.tail == other.tail


class _Pending:
    """A line that repeats another, word for word but for its time."""

    __slots__ = ("at", "end", "group", "line", "start", "which")

    def __init__(
        self, group: Group, start: int, end: int, which: tuple[int, ...], *, line: int, at: float
    ) -> None:
        self.group = group
        self.start = start  # in the stream
        self.end = end
        self.which = which
        self.line = line
        self.at = at

    def as_event(self) -> _Open:
        """Return it as an event whose end has not been seen."""
        event = _Open(self.start, (self.start, self.end), self.line)
        event.which.update(self.which)
        return event


class _Seen:
    """What is told of an event by its text, for when that is out of sight."""

    __slots__ = ("around", "at", "example", "first_line", "quote")

    def __init__(self, quote: bytes, around: bytes, first_line: str, at: float | None) -> None:
        self.quote = quote
        self.around = around
        self.first_line = first_line
        self.at = at
        self.example: str | None = None  # the whole event, where it must be kept


class _Reader:
    """One source on its way: the text at hand, and the event that is open.

    Positions are counted in the expanded stream. The text at hand is the chunk with some of what
    came before it, so that an event that a chunk's end cut in two is one.
    """

    def __init__(
        self,
        source: Source,
        scanner: Scanner,
        result: LogRead,
        now: float,
        on_new: Callable[[LogRead, Group], None] | None,
    ) -> None:
        self.source = source
        self.size = 0
        self._scanner = scanner
        self._result = result
        self._now = now
        self._on_new = on_new
        self._chunks: Iterator[Chunk] = iter(())
        self._first: Chunk | None = None
        self._clock = Clock(now)
        self._undated = 0
        self._open: _Open | None = None
        self._text = b""  # expanded
        self._original = b""
        self._origin = 0  # of the text in the stream
        self._end_line = 1
        self._original_lines: list[bytes] | None = None
        self._unknown = len(scanner.ids) - 1
        self._unknowns = {self._unknown}
        self._known: dict[bytes, tuple[str, bool]] = {}
        # What has been seen before, word for word but for its time, is counted without a look.
        self._layout: _Layout | None = None
        self._minutes: dict[bytes, float] = {}
        self._repeats: dict[bytes, tuple[Group, tuple[int, ...]]] = {}
        self._repeats_of = 0
        self._pending: _Pending | None = None

    def open(self) -> None:
        """Look at the first bytes, so that what cannot be read is said before anything is."""
        self._chunks = self.source.chunks()
        self._first = next(self._chunks, None)
        if self.source.modified_at is not None and not self.source.follows:
            self._clock.written_at = min(self.source.modified_at, self._now)

    def step(self) -> bool:
        """Read one chunk; return whether there may be more."""
        chunk, self._first = self._first, None
        if chunk is None:
            chunk = next(self._chunks, None)
        if chunk is None:
            return False
        if chunk.data:
            self._read(chunk)
        else:  # all is read for now: the last event is as complete as it will be
            self._finish()
        return True

    def close(self) -> None:
        """Count the last event, and tell what was odd."""
        self._finish()
        result = self._result
        result.lines += self._end_line - 1
        if self._text and not self._text.endswith(b"\n"):
            result.lines += 1
        result.size += self.size
        result.lacks_zone = result.lacks_zone or self._clock.lacks_zone
        result.lacks_year = result.lacks_year or self._clock.lacks_year
        result.notes += self.source.notes
        if self._clock.is_ambiguous:
            result.notes.append(
                f"{self.source.name or 'standard input'}: dates such as 3/4 are read as month/day"
            )

    # --- chunks

    def _read(self, chunk: Chunk) -> None:
        self.size += len(chunk.data)
        expanded = chunk.data if chunk.is_piece else expand(chunk.data)
        hits = self._scanner.hits(expanded)
        self._slide(chunk, expanded)
        offset = len(self._text) - len(expanded)
        self._cover(offset)
        line, counted = chunk.line, offset
        for start, end, which in hits:
            at = start + offset
            line += self._lines_between(counted, at)
            counted = at
            if self._layout is None or not self._repeat(at, end + offset, which, line):
                self._hit((at, end + offset, which), line)
        chunk.line_ends = line - chunk.line + self._lines_between(counted, len(self._text))
        self._end_line = chunk.line + chunk.line_ends

    def _slide(self, chunk: Chunk, expanded: bytes) -> None:
        """Make the chunk the text at hand, behind as much of the text before as may be needed."""
        keep = b""
        if not chunk.is_piece and self._text.endswith(b"\n"):
            far = len(self._text) - REACH_BACK
            at = self._text.find(b"\n", far) + 1 if far > 0 else 0
            while self._text.startswith(JOINED, at):
                at = self._text.find(b"\n", at) + 1
            keep = self._text[at:]
        self._settle(self._origin + len(self._text) - len(keep))
        event = self._open
        if event is not None:
            gone = self._origin + len(self._text) - len(keep)
            if event.known_end < gone or chunk.is_piece:
                self._finish()
            elif event.head < gone and event.seen is None:
                event.seen = self._see(event)
                event.seen.example = self._example(event)
        kept = keep
        if self._original is not self._text:
            lines = keep.count(b"\n") - keep.count(b"\n" + JOINED)
            kept = self._original[_start_of_last(self._original, lines) :] if lines else b""
        self._origin += len(self._text) - len(keep)
        self._text = keep + expanded
        is_plain = expanded is chunk.data and (kept is keep or kept == keep)
        self._original = self._text if is_plain else kept + chunk.data
        self._original_lines = None

    def _lines_between(self, start: int, end: int) -> int:
        """Return how many lines of the log begin behind *start*, up to the line that begins at *end*."""
        count = self._text.count(b"\n", start, end)
        if self._original is not self._text:
            count -= self._text.count(b"\n" + JOINED, start, end + 1)
        return count

    def _cover(self, offset: int) -> None:
        """Note the times of the first and the last line: the log covers what is between."""
        text = self._text
        first_end = text.find(b"\n", offset)
        last = text.rfind(b"\n", offset, len(text) - 1) + 1
        for start, end in ((offset, first_end if first_end > 0 else len(text)), (last, len(text))):
            at = self._time_of(start, end)
            if at is not None:
                self._result.saw(at)

    # --- events

    def _repeat(self, start: int, end: int, which: tuple[int, ...], line: int) -> bool:
        """Count a line that was seen before, but for its time; return whether it was."""
        layout, text = self._layout, self._text
        message, seconds_end = start + layout.width, start + layout.seconds_end  # type: ignore[union-attr]
        known = self._repeats.get(text[message:end])
        if known is None or known[1] != which:
            return False
        minute = self._minutes.get(text[start : start + 16])
        if minute is None or text[seconds_end:message] != layout.tail:  # type: ignore[union-attr]
            return False
        try:
            at = minute + float(text[start + 17 : seconds_end])
        except ValueError:
            return False
        if self._pending is not None:
            self._settle()
        elif self._open is not None:
            self._finish()
        origin = self._origin
        self._pending = _Pending(known[0], origin + start, origin + end, which, line=line, at=at)
        return True

    def _settle(self, gone: int | None = None) -> None:
        """Count the line that repeats another, unless lines that belong to it may still come.

        Args:
            gone: The place in the stream up to which text goes out of sight; None if another event
                has begun.
        """
        pending = self._pending
        if pending is None or (gone is not None and pending.start >= gone):
            return
        self._pending = None
        group, result = pending.group, self._result
        if group.count + 1 in KEPT or self._repeats_of != result.tally.generation:
            self._open = pending.as_event()
            self._finish()
            return
        result.events += 1
        group.add(self.source.name, pending.line, pending.at)

    def _learn(self, event: _Open, group: Group, seen: _Seen) -> None:
        """Remember an event of one line, dated as most are, to know it when it comes again."""
        if len(event.hits) > 1 or event.head != event.first_hit[0] or seen.at is None:
            return
        found = _DATED_LINE.match(seen.quote)
        if found is None or found.end() >= len(seen.quote) or len(seen.quote) > _EXAMPLE_BYTES // 8:
            return
        tally = self._result.tally
        layout = _Layout(found)
        if len(self._repeats) >= _MOST_KNOWN or self._repeats_of != tally.generation:
            self._repeats.clear()
            self._repeats_of = tally.generation
        if self._layout is None or not self._layout.is_like(layout):
            self._repeats.clear()
            self._minutes.clear()
            self._layout = layout
        if len(self._minutes) >= _MOST_KNOWN:
            self._minutes.clear()
        self._minutes[found[1]] = seen.at - float(found[2])
        self._repeats[seen.quote[layout.width :]] = group, tuple(sorted(event.which))

    def _hit(self, hit: Hit, line: int) -> None:
        start, end, which = hit
        if self._pending is not None:
            self._open, self._pending = self._pending.as_event(), None
        known = self._open
        known_end = -1 if known is None else known.known_end - self._origin
        head = head_of(self._text, start, end, known_end)
        place = self._origin + start, self._origin + end
        if known is None or head >= 0:
            self._finish()
            known = self._open = _Open(self._origin + head, place, line)
        elif len(known.hits) < _LINES_KEPT:
            known.hits.append(place)
        known.known_end = place[1]
        if self._unknown not in which and known.which == self._unknowns and known.seen is None:
            # The first line that a pattern knows is the one to quote.
            known.first_hit, known.hit_line = place, line
        known.which.update(which)

    def _see(self, event: _Open) -> _Seen:
        """Read what is wanted of an event out of the text at hand."""
        start, end = (place - self._origin for place in event.first_hit)
        head = event.head - self._origin
        quote = self._text[start:end]
        if len(quote) > _EXAMPLE_BYTES:
            quote = self._telling_part(quote)
        around = quote
        if start != head:
            around = self._text[head : min(head + 2048, start)] + b"\n" + quote
        first_line = self._said(start, end) if event.which == self._unknowns else ""
        return _Seen(quote, around, first_line, self._dated(head, start, end))

    def _finish(self) -> None:
        """Count the open event in its group."""
        self._settle()
        event, self._open = self._open, None
        if event is None:
            return
        result = self._result
        seen = event.seen or self._see(event)
        which = tuple(sorted(event.which - self._unknowns)) or (self._unknown,)
        template = None
        if which[0] == self._unknown:
            template = result.templates.of(redact(_without_time(seen.first_line)))
            if template is None:
                return
        result.events += 1
        endpoint, is_redis = self._told(seen)
        group = result.tally.of(which, endpoint, is_redis=is_redis, template=template)
        is_new = not group.count
        if group.count + 1 in KEPT:
            text = redact(self._example(event) if seen.example is None else seen.example)
            group.examples.append(Quote(self.source.name, event.hit_line, text, seen.at))
        group.add(self.source.name, event.hit_line, seen.at)
        if seen.at is not None:
            result.saw(seen.at)
        self._learn(event, group, seen)
        if is_new and self._on_new is not None:
            self._on_new(result, group)

    def _told(self, seen: _Seen) -> tuple[str, bool]:
        """Return whom the event speaks of, and whether of Redis."""
        quote = seen.quote
        if seen.around is not quote:
            return (
                endpoint_of(quote) or endpoint_of(seen.around),
                is_about_redis(seen.around) or is_about_redis(quote),
            )
        # Errors repeat word for word, but for the time in front.
        is_dated = quote[:4].isdigit() and quote[4:5] == b"-"
        key = quote[23 if quote[19:20] in (b".", b",") else 19 :] if is_dated else quote
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = self._known[key] = endpoint_of(quote), is_about_redis(quote)
        return known

    def _dated(self, head: int, start: int, end: int) -> float | None:
        """Return the event's time: its head's, its line's, or that of a line shortly above."""
        head_end = self._text.find(b"\n", head)
        at = self._time_of(head, head_end if head_end > 0 else len(self._text))
        if at is None and start != head:
            at = self._time_of(start, end)
        if at is not None:
            self._undated = 0
            return at
        if self._undated >= _UNDATED_GIVEN_UP:
            return None
        for _ in range(_LOOK_UP):
            if head == 0:
                break
            above = self._text.rfind(b"\n", 0, head - 1) + 1
            at = self._time_of(above, head - 1)
            if at is not None:
                self._undated = 0
                return at
            head = above
        self._undated += 1
        return None

    def _time_of(self, start: int, end: int) -> float | None:
        line = self._text[start:end]
        stamp = None
        if b"{" in line[:120]:
            original = self._original_line(start)
            stamp = self._clock.read(unwrap(original).when)
        if stamp is None:
            stamp = self._clock.read(line)
        return None if stamp is None else stamp.at

    # --- words

    def _original_line(self, start: int) -> bytes:
        if self._original is self._text:
            end = self._text.find(b"\n", start)
            return self._text[start : end if end >= 0 else len(self._text)]
        if self._original_lines is None:
            self._original_lines = self._original.split(b"\n")
        at = self._lines_between(0, start)
        return self._original_lines[at] if at < len(self._original_lines) else b""

    def _said(self, start: int, end: int) -> str:
        line = self._text[start:end]
        if b"{" in line[:120]:
            line = unwrap(self._original_line(start)).text.split(b"\n", 1)[0] or line
        return line.decode("utf-8", "replace")

    def _example(self, event: _Open) -> str:
        """Return the event's text: all of it, or its head and the lines that matched."""
        head = event.head - self._origin
        end = end_of(self._text, event.hits[-1][1] - self._origin)
        lines = self._text[head:end].count(b"\n") + 1
        if lines <= _LINES_KEPT and end - head <= _EXAMPLE_BYTES:
            starts = [head]
            while (following := self._text.find(b"\n", starts[-1], end) + 1) > 0:
                starts.append(following)
        else:
            hits = [start - self._origin for start, _ in event.hits]
            starts = sorted({head, *hits})
        said = []
        for start in starts:
            if self._text.startswith(JOINED, start):
                continue  # its record is read as a whole
            line = unwrap(self._original_line(start)).text
            said.append(line if len(line) <= _EXAMPLE_BYTES else self._telling_part(line))
        return b"\n".join(said)[:_EXAMPLE_BYTES].decode("utf-8", "replace")

    def _telling_part(self, line: bytes) -> bytes:
        """Return a part of a line that is too long to keep: one that matches, if one does."""
        for start in range(0, len(line), _PART_BYTES // 2):
            part = line[start : start + _PART_BYTES]
            if self._scanner.hits(part):
                return part
        return line[:_PART_BYTES]


def _start_of_last(data: bytes, lines: int) -> int:
    at = len(data)
    for _ in range(lines):
        at = data.rfind(b"\n", 0, at - 1) + 1
    return at


def _without_time(message: str) -> str:
    """Return the message without what a logger puts in front, as far as that is a time."""
    found = re.match(r"\W{0,3}\d{2,4}[-/.:][\d\-/.:,TZ+ ]{4,40}\W{0,3}", message)
    return message[found.end() :] if found is not None else message
