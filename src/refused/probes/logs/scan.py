"""Find the lines that any of many patterns matches, in chunks of many lines.

Two engines give the same answers. Hyperscan, where it is installed, walks a whole chunk once for
all patterns. The portable one looks for words that the patterns cannot do without, and runs the
automata of those patterns on the lines that hold one. Either takes time in proportion to the text.
"""

from __future__ import annotations

from contextlib import suppress

from refused.probes.logs import compiled
from refused.probes.logs.patterns import Automaton, BadPattern, emit, matches_nothing, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any, Protocol

    from refused.probes.logs.patterns import Node

    # A line that matched: where it starts and ends in the chunk, and the places of its patterns.
    Hit = tuple[int, int, tuple[int, ...]]
    # As handed in: id, pattern, whether it ignores case.
    Given = tuple[str, str, bool]

    class Engine(Protocol):
        """What finds lines."""

        name: str

        def hits(self, data: bytes) -> list[Hit]:
            """Return the lines of *data* that match, in their order."""


# Compiling for hyperscan takes a second, in which the portable engine reads this much.
PORTABLE_BYTES = 256 << 10
# In less, it does not pay to prepare for any of the words: each is looked for in turn.
_MUCH_BYTES = 64 << 10
_NEVER = float("inf")


class NotForHyperscan(BadPattern):
    """Hyperscan refuses a pattern of the subset: it is too large, or can never match."""


class Scanner:
    """Patterns, ready to be looked for.

    Args:
        patterns: ``(id, pattern, ignores case)`` each; ids are unique.
        engine: ``hyperscan``, ``portable``, or ``auto``, which begins with the portable one and
            turns to hyperscan, where it is installed, once there is more to read than that costs.
    """

    def __init__(self, patterns: Iterable[Given], engine: str = "auto") -> None:
        self._given = tuple(patterns)
        self.ids = tuple(name for name, _, _ in self._given)
        self._left: float = PORTABLE_BYTES if engine == "auto" else _NEVER
        make = Hyperscan if engine == "hyperscan" else Portable
        self._engine: Engine = make(self._given)

    @property
    def engine(self) -> str:
        """The name of the engine at work."""
        return self._engine.name

    def hits(self, data: bytes) -> list[Hit]:
        r"""Return the lines of *data* that match, in their order; a line ends with ``\n`` or *data*.

        Raises:
            BadPattern: A pattern is outside the subset; it may take a line to notice.
        """
        if self._left != _NEVER:
            self._consider(len(data))
        return self._engine.hits(data)

    def _consider(self, size: int) -> None:
        """Turn to hyperscan where that pays: at once where it need not compile, else later."""
        self._left -= size
        if size < _MUCH_BYTES or not (self._left < 0 or compiled.is_kept(self._given)):
            return
        self._left = _NEVER
        if is_installed():
            with suppress(NotForHyperscan):
                self._engine = Hyperscan(self._given)


def is_installed() -> bool:
    """Whether hyperscan can be imported here."""
    try:
        import hyperscan  # noqa: F401
    except ImportError:
        return False
    return True


def _tree(given: Given) -> Node:
    _, pattern, ignores_case = given
    node = parse(pattern, ignores_case=ignores_case)
    if matches_nothing(node):
        raise BadPattern(f"pattern {pattern[:80]!r} matches every line")
    return node


class Hyperscan:
    """All patterns as one hyperscan database, in block mode over chunks cut at line ends.

    No flag is set. MULTILINE is not needed, because anchors are written as line ends, which the
    chunk has around every line. SINGLEMATCH would tell of the first line of a chunk alone.
    SOM_LEFTMOST costs more than looking backwards for the line's start. UTF8 would leave undefined
    what happens on bytes that are none, and logs hold such. DOTALL: no set holds the line end, so
    that no match crosses lines. CASELESS is written into the sets.
    """

    name = "hyperscan"

    def __init__(self, patterns: Sequence[Given]) -> None:
        import hyperscan

        self._is_empty = not patterns
        if not patterns:
            return
        kept = compiled.path_for(patterns)
        self._database: Any = compiled.load(kept)
        if self._database is not None:
            return
        self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        try:
            self._database.compile(
                expressions=[emit(_tree(given)) for given in patterns],
                ids=list(range(len(patterns))),
                flags=[0] * len(patterns),
            )
        except hyperscan.error as refused:
            raise NotForHyperscan(f"hyperscan does not take the patterns: {refused}") from None
        compiled.save(kept, self._database)

    def hits(self, data: bytes) -> list[Hit]:
        """Return the lines of *data* that match, in their order."""
        if self._is_empty or not data:
            return []
        reports: list[tuple[int, int]] = []
        report = reports.append

        def matched(pattern: int, _from: int, to: int, _flags: int, _context: object) -> None:
            report((to, pattern))

        self._database.scan(b"".join((b"\n", data, b"\n")), match_event_handler=matched)
        reports.sort()
        found: list[Hit] = []
        start, end, which = 0, -1, set[int]()
        for to, pattern in reports:
            # One byte stands before the data, so the match's last byte is at to - 2; it may be the
            # line's end.
            if to > end + 2:
                if which:
                    found.append((start, end, tuple(sorted(which))))
                    which = set()
                start = data.rfind(b"\n", 0, to - 2) + 1
                end = data.find(b"\n", to - 2)
                if end < 0:
                    end = len(data)
            which.add(pattern)
        if which:
            found.append((start, end, tuple(sorted(which))))
        return found


class Portable:
    """The standard library alone: a search for needed words, then automata on the lines with one.

    What is not needed is not made: a single message is read in the time that a list of words takes.
    """

    name = "portable"

    def __init__(self, patterns: Sequence[Given]) -> None:
        from refused.evidence.matching import literals

        self._patterns = patterns
        self._automata: dict[int, Automaton] = {}
        self._always: list[int] = []
        self._needing: dict[bytes, list[int]] = {}
        self._by_longest: dict[bytes, frozenset[int]] = {}
        self._any_word: re.Pattern[bytes] | None = None
        self._words: re.Pattern[bytes]
        for at, (_, pattern, ignores_case) in enumerate(patterns):
            words = () if "(?" in pattern.replace("(?:", "") else literals(pattern)
            pieces = [_as_written(word, "" if ignores_case else pattern) for word in words]
            if not all(pieces) or not pieces:
                self._always.append(at)
                continue
            for piece in pieces:
                self._needing.setdefault(piece.encode(), []).append(at)

    def hits(self, data: bytes) -> list[Hit]:
        """Return the lines of *data* that match, in their order."""
        found = []
        for start, end, maybe in self._candidates(data):
            line = data[start:end]
            which = tuple(at for at in sorted(maybe) if self._automaton(at).matches(line))
            if which:
                found.append((start, end, which))
        return found

    def _candidates(self, data: bytes) -> Iterator[tuple[int, int, set[int]]]:
        """Give the lines that may match, and the patterns of which they hold a needed word."""
        lowered = data.lower()
        if len(data) < _MUCH_BYTES:
            yield from self._every_line(lowered)
            return
        if self._any_word is None:
            self._any_word, self._words = _any_of(self._needing)
        end = -1
        while end < len(data):
            start = end + 1
            if not self._always:
                found = self._any_word.search(lowered, start)
                if found is None:
                    return
                start = lowered.rfind(b"\n", start, found.start()) + 1 or start
            end = lowered.find(b"\n", start)
            end = len(data) if end < 0 else end
            maybe = set(self._always)
            for place in self._words.finditer(lowered, start, end):
                maybe |= self._needing_it_or_shorter(place[1])
            yield start, end, maybe

    def _needing_it_or_shorter(self, word: bytes) -> frozenset[int]:
        """Return the patterns that need *word*, or a word that it begins with."""
        found = self._by_longest.get(word)
        if found is None:
            shorter = (self._needing.get(word[:size], ()) for size in range(len(word) + 1))
            found = self._by_longest[word] = frozenset().union(*shorter)
        return found

    def _every_line(self, lowered: bytes) -> Iterator[tuple[int, int, set[int]]]:
        """Give every line: to look for each word in turn costs less than to prepare for all."""
        start = 0
        while start < len(lowered):
            end = lowered.find(b"\n", start)
            end = len(lowered) if end < 0 else end
            line = lowered[start:end]
            maybe = set(self._always)
            for word, needing in self._needing.items():
                if word in line:
                    maybe.update(needing)
            yield start, end, maybe
            start = end + 1

    def _automaton(self, at: int) -> Automaton:
        found = self._automata.get(at)
        if found is None:
            found = self._automata[at] = Automaton(_tree(self._patterns[at]))
        return found


# A shorter piece of a word would be found nearly everywhere.
_SHORTEST = 3


def _as_written(word: str, pattern: str) -> str:
    """Return the longest piece of *word* that is found in bytes whose ASCII letters alone were made small.

    A letter beyond ASCII is such only as the pattern has it, and not at all where either case will do
    (*pattern* is empty). ``""`` where no piece is long enough.
    """
    small = pattern.lower()
    at = small.find(word) if len(small) == len(pattern) else -1
    written = pattern[at : at + len(word)] if at >= 0 else ""
    best = run = ""
    for place, letter in enumerate(word):
        is_sure = letter.isascii() or letter.lower() == letter.upper()
        run = run + letter if is_sure or written[place : place + 1] == letter else ""
        best = max(best, run, key=len)
    return best if len(best) >= _SHORTEST else ""


def _any_of(words: Iterable[bytes]) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Return a pattern that finds the next word fast, and one that finds all words, inside each other.

    Both are trees of letters, which never go back far. The second looks ahead, which takes no
    letter, and its group is the longest of the words that begin there.
    """
    import re

    tree: dict[int, Any] = {}
    for word in words:
        branch = tree
        for byte in word:
            branch = branch.setdefault(byte, {})
        branch[_ENDS] = {}
    longest = _branches(tree, is_longest=True)
    return re.compile(_branches(tree, is_longest=False)), re.compile(b"(?=(" + longest + b"))")


_ENDS = -1


def _branches(tree: dict[int, Any], *, is_longest: bool) -> bytes:
    from re import escape

    rest = sorted(each for each in tree.items() if each[0] != _ENDS)
    if not rest or (_ENDS in tree and not is_longest):
        return b""
    parts = [
        escape(bytes((byte,))) + _branches(below, is_longest=is_longest) for byte, below in rest
    ]
    if _ENDS in tree:
        return b"(?:" + b"|".join(parts) + b")?"
    return parts[0] if len(parts) == 1 else b"(?:" + b"|".join(parts) + b")"
