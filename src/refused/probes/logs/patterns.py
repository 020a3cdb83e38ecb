r"""Regular expressions that are matched in linear time, whatever they are matched against.

The subset is that of RE2, for single lines of bytes: literals, classes, groups, alternation,
repetition, ``^ $ \b \B``, ``(?i)``. Nothing that needs backtracking can be written in it. A pattern
is parsed once, and the tree serves both who match: :func:`emit` writes it for hyperscan so
that no match crosses a line end, and :class:`Automaton` matches it where that is not installed.

Semantics: bytes, not letters (``.`` is one byte of a longer letter); ``\d \w \s \b`` and ``(?i)``
are ASCII's. Whether a line matches is all that is asked, so greedy and lazy are one.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    # ("set", frozenset of bytes) | ("cat" | "alt", nodes) | ("rep", node, least, most or None) |
    # ("at", one of "^", "$", "b", "B")
    Node = tuple[Any, ...]


class BadPattern(ValueError):
    """The pattern is outside the subset; one line says where and why."""

    for_people = True


_ALL = frozenset(range(256))
_LINE_END = 10
_ANY = _ALL - {_LINE_END}
_DIGITS = frozenset(b"0123456789")
_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_SPACE = frozenset(b" \t\r\f\v")
_CLASSES = {
    "d": _DIGITS,
    "D": _ANY - _DIGITS,
    "w": _WORD,
    "W": _ANY - _WORD,
    "s": _SPACE,
    "S": _ANY - _SPACE,
}
_CONTROL = {"t": 9, "r": 13, "f": 12, "v": 11, "a": 7}
_POSIX = {
    "digit": _DIGITS,
    "space": _SPACE,
    "word": _WORD,
    "alnum": _WORD - {95},
    "alpha": _WORD - {95} - _DIGITS,
    "upper": frozenset(range(65, 91)),
    "lower": frozenset(range(97, 123)),
    "xdigit": frozenset(b"0123456789abcdefABCDEF"),
    "punct": frozenset(b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
}
# Repetitions are written out as states, so a count costs that many of them.
_MOST_REPEATS = 1000
_MOST_STATES = 20_000
EMPTY: Node = ("cat", ())


def parse(pattern: str, *, ignores_case: bool = False) -> Node:
    """Return the tree of *pattern*.

    Raises:
        BadPattern: It uses what the subset lacks, or is no regular expression.
    """
    reader = _Reader(pattern)
    node = reader.alternatives(folds=ignores_case)
    if reader.at < len(pattern):
        raise reader.wrong("a closing parenthesis too many")
    return node


class _Reader:
    """A reader of one pattern: recursive descent, one letter ahead."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def wrong(self, why: str) -> BadPattern:
        return BadPattern(f"pattern {self.text[:80]!r}, letter {self.at + 1}: {why}")

    def peek(self, length: int = 1) -> str:
        return self.text[self.at : self.at + length]

    def take(self) -> str:
        letter = self.text[self.at : self.at + 1]
        if not letter:
            raise self.wrong("the pattern ends too early")
        self.at += 1
        return letter

    def alternatives(self, *, folds: bool) -> Node:
        self.depth += 1
        if self.depth > 100:
            raise self.wrong("nested deeper than 100")
        branches = [self.sequence(folds=folds)]
        while self.peek() == "|":
            self.at += 1
            branches.append(self.sequence(folds=folds))
        self.depth -= 1
        return branches[0] if len(branches) == 1 else ("alt", tuple(branches))

    def sequence(self, *, folds: bool) -> Node:
        items: list[Node] = []
        while self.peek() not in ("", "|", ")"):
            if self.text.startswith("(?", self.at) and self._is_bare_flag():
                folds = self._flags(folds)
                self.at += 1
                continue
            item = self.repeated(self.atom(folds=folds))
            items += item[1] if item[0] == "cat" else (item,)
        if _doubles_anchors(items):
            raise self.wrong("two of ^ and $ may meet")
        return items[0] if len(items) == 1 else ("cat", tuple(items))

    def _is_bare_flag(self) -> bool:
        """Whether ``(?i)`` stands here, which holds until the group ends."""
        end = self.text.find(")", self.at)
        inside = self.text[self.at + 2 : end]
        return end > 0 and bool(inside) and not inside.strip("imsU-")

    def _flags(self, folds: bool) -> bool:  # noqa: FBT001
        """Read ``(?ims-…`` up to its end; lines have no line ends, so ``m`` and ``s`` say nothing."""
        self.at += 2
        is_on = True
        while self.peek() not in (")", ":"):
            letter = self.take()
            if letter == "-":
                is_on = False
            elif letter == "i":
                folds = is_on
            elif letter not in "msU":
                raise self.wrong(f"the flag {letter!r} is not in the subset")
        return folds

    def atom(self, *, folds: bool) -> Node:
        letter = self.take()
        if letter == "(":
            return self._group(folds=folds)
        if letter == "[":
            return self._class(folds=folds)
        if letter == "\\":
            return self._escape(folds=folds)
        if letter == ".":
            return ("set", _ANY)
        if letter in "^$":
            return ("at", letter)
        if letter in "*+?":
            raise self.wrong("nothing to repeat")
        return _literal(letter, folds=folds)

    def _group(self, *, folds: bool) -> Node:
        if self.peek() == "?":
            if self.peek(3) == "?P<" or (
                self.peek(2) == "?<" and self.peek(3) not in ("?<=", "?<!")
            ):
                end = self.text.find(">", self.at)
                if end < 0:
                    raise self.wrong("a group's name does not end")
                self.at = end + 1
            elif self.peek(2) in ("?=", "?!") or self.peek(3) in ("?<=", "?<!"):
                raise self.wrong("looking ahead or behind is not in the subset")
            elif self.peek(2) in ("?>", "?(", "?#") or self.peek(3) == "?P=":
                raise self.wrong("this kind of group is not in the subset")
            else:
                self.at -= 1
                folds = self._flags(folds)
                self.at += 1
        node = self.alternatives(folds=folds)
        if self.take() != ")":
            raise self.wrong("a parenthesis is not closed")
        return node

    def repeated(self, node: Node) -> Node:
        while True:
            letter = self.peek()
            if letter and letter in "*+?":
                self.at += 1
                least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[letter]
            elif letter == "{" and (bounds := self._bounds()) is not None:
                least, most = bounds
            else:
                return node
            if self.peek() == "?":  # lazy: the same lines match
                self.at += 1
            elif self.peek() == "+":
                raise self.wrong("possessive repetition is not in the subset")
            repeats_anchor = _has_anchor_at(node, 0) and _has_anchor_at(node, -1)
            if node[0] == "at" or (most != 1 and repeats_anchor):
                raise self.wrong("an anchor cannot be repeated")
            node = ("rep", node, least, most)

    def _bounds(self) -> tuple[int, int | None] | None:
        """Read ``{2}``, ``{2,}`` or ``{2,5}``; any other brace is a letter."""
        end = self.text.find("}", self.at)
        low, comma, high = self.text[self.at + 1 : end].partition(",") if end > 0 else ("", "", "")
        if not low.isdecimal() or (high and not high.isdecimal()):
            return None
        self.at = end + 1
        least = int(low)
        most = int(high) if high else (None if comma else least)
        if least > _MOST_REPEATS or (most is not None and not least <= most <= _MOST_REPEATS):
            raise self.wrong(f"a repetition must be at most {_MOST_REPEATS}, the lower bound first")
        return least, most

    def _escape(self, *, folds: bool) -> Node:
        letter = self.take()
        if letter in _CLASSES:
            return ("set", _CLASSES[letter])
        if letter in "bB":
            return ("at", letter)
        if letter in "AzZ":
            return ("at", "^" if letter == "A" else "$")
        if letter == "n":
            raise self.wrong("a pattern is matched against single lines, and they hold no line end")
        return _literal(self._escaped(letter), folds=folds)

    def _escaped(self, letter: str) -> str:
        """Return the letter that an escape stands for."""
        if letter in _CONTROL:
            return chr(_CONTROL[letter])
        if letter == "x":
            if self.peek() == "{":
                end = self.text.find("}", self.at)
                digits, self.at = self.text[self.at + 1 : end], end + 1
            else:
                digits, self.at = self.peek(2), self.at + 2
            try:
                return chr(int(digits, 16))
            except ValueError:
                raise self.wrong("\\x takes two hexadecimal digits, or any in braces") from None
        if letter.isalnum():
            raise self.wrong(f"the escape \\{letter} is not in the subset")
        return letter

    def _class(self, *, folds: bool) -> Node:
        is_negated = self.peek() == "^"
        self.at += is_negated
        found: set[int] = set()
        wide: list[str] = []
        is_first = True
        while is_first or self.peek() != "]":
            is_first = False
            posix = _POSIX.get(self.text[self.at + 2 : self.text.find(":]", self.at)])
            if self.peek(2) == "[:" and posix is not None:
                found |= posix
                self.at = self.text.find(":]", self.at) + 2
                continue
            low = self._member()
            if isinstance(low, frozenset):
                found |= low
                continue
            high = low
            if self.peek() == "-" and self.peek(2) != "-]":
                self.at += 1
                last = self._member()
                if isinstance(last, frozenset) or last < low:
                    raise self.wrong("a range of a class is upside down")
                high = last
            if high < "\x80":
                found.update(range(ord(low), ord(high) + 1))
            elif low == high and not is_negated:
                wide.append(low)
            else:
                raise self.wrong(
                    "beyond ASCII a class takes single letters, not ranges or their rest"
                )
        self.at += 1
        if folds:
            found |= {ord(chr(each).swapcase()) for each in found if chr(each).isalpha()}
        if is_negated:
            found = set(_ALL - found)
        narrow: Node = ("set", frozenset(found) - {_LINE_END})
        if not wide:
            return narrow
        letters = tuple(_literal(letter, folds=False) for letter in wide)
        # Not every engine takes a class that nothing is in.
        branches = (narrow, *letters) if narrow[1] else letters
        return branches[0] if len(branches) == 1 else ("alt", branches)

    def _member(self) -> str | frozenset[int]:
        letter = self.take()
        if letter != "\\":
            return letter
        letter = self.take()
        if letter in _CLASSES:
            return _CLASSES[letter]
        if letter == "b":
            return "\b"
        return "\n" if letter == "n" else self._escaped(letter)


def _has_anchor_at(node: Node, end: int) -> bool:
    """Whether ``^`` or ``$`` may be the first (*end* 0) or the last (-1) of what the node needs."""
    kind = node[0]
    if kind == "at":
        return str(node[1]) in "^$"
    if kind == "rep":
        return _has_anchor_at(node[1], end)
    if kind == "alt":
        return any(_has_anchor_at(each, end) for each in node[1])
    if kind == "set":
        return False
    for each in node[1] if end == 0 else reversed(node[1]):
        if _has_anchor_at(each, end):
            return True
        if not matches_nothing(each):
            break
    return False


def _doubles_anchors(items: list[Node]) -> bool:
    """Whether two anchors may stand side by side: each is a byte of its own to hyperscan."""
    is_behind = False
    for item in items:
        if is_behind and _has_anchor_at(item, 0):
            return True
        is_behind = _has_anchor_at(item, -1) or (is_behind and matches_nothing(item))
    return False


def matches_nothing(node: Node) -> bool:
    """Whether the empty text satisfies the pattern, and so every line would."""
    kind = node[0]
    if kind == "rep":
        return node[2] == 0 or matches_nothing(node[1])
    if kind == "cat":
        return all(matches_nothing(each) for each in node[1])
    return any(matches_nothing(each) for each in node[1]) if kind == "alt" else kind == "at"


def _literal(letter: str, *, folds: bool) -> Node:
    if ord(letter) < 128:
        both = {ord(letter), ord(letter.swapcase())} if folds else {ord(letter)}
        return ("set", frozenset(both))
    return ("cat", tuple(("set", frozenset((byte,))) for byte in letter.encode()))


# --- for hyperscan -------------------------------------------------------------------------------


def emit(node: Node) -> bytes:
    """Write the tree as a pattern for hyperscan, to be scanned over lines with a line end around each.

    The last repetitions are at their shortest: hyperscan reports every position at which a match
    may end, and ``.*`` at the end of a pattern would be one report for each byte of the line. The
    anchors are line ends, as bytes: of alternatives with ``^`` among them, vectorscan 5.4.12, which
    PyPI's hyperscan 0.7.12 to 0.9.1 is made of, may miss the others from the 36th byte on.
    """
    return _emit(_shortest(node))


def _shortest(node: Node) -> Node:
    if node[0] == "rep" and node[3] != node[2]:
        return EMPTY if node[2] == 0 else _shortest(("rep", node[1], node[2], node[2]))
    if node[0] == "rep" and node[2] == 1:
        return _shortest(node[1])
    if node[0] == "alt":
        return ("alt", tuple(_shortest(each) for each in node[1]))
    if node[0] == "cat" and node[1]:
        last = _shortest(node[1][-1])
        # Nothing left of the last item: then the one before it is the last.
        return _shortest(("cat", node[1][:-1])) if last == EMPTY else ("cat", (*node[1][:-1], last))
    return node


def _emit(node: Node) -> bytes:
    kind = node[0]
    if kind == "set":
        return _emit_set(node[1])
    if kind == "cat":
        return b"".join(_emit(each) for each in node[1])
    if kind == "alt":
        return b"(?:" + b"|".join(_emit(each) for each in node[1]) + b")"
    if kind == "at":
        return b"\\n" if node[1] in "^$" else b"\\%c" % ord(node[1])
    least, most = node[2], node[3]
    count = (
        b"{%d}" % least
        if least == most
        else b"{%d,%s}" % (least, b"" if most is None else b"%d" % most)
    )
    return b"(?:" + _emit(node[1]) + b")" + count


def _emit_set(members: frozenset[int]) -> bytes:
    if len(members) == 1:
        (only,) = members
        return b"%c" % only if only in _WORD else b"\\x%02x" % only
    if not members:
        return b"[^\\x00-\\xff]"
    parts, ordered = [], sorted(members)
    start = last = ordered[0]
    for each in [*ordered[1:], 999]:
        if each != last + 1:
            parts.append(b"\\x%02x-\\x%02x" % (start, last))
            start = each
        last = each
    return b"[" + b"".join(parts) + b"]"


# --- without hyperscan ---------------------------------------------------------------------------

_START, _MID_WORD, _MID_OTHER = 0, 1, 2  # what stood before: nothing, a word letter, another


class Automaton:
    """A pattern as a deterministic automaton whose states are made when they are first met.

    Each byte costs one look-up, so a line costs time in proportion to its length, and no line
    costs more.
    """

    _MOST_CACHED = 2000

    def __init__(self, node: Node) -> None:
        self._sets: list[frozenset[int] | None] = []
        self._steps: list[list[int]] = []  # without a byte
        self._asserts: dict[int, str] = {}
        self._next: list[int] = []
        self._accept = self._state()
        self._first = self._build(node, self._accept)
        self._forget()

    def matches(self, line: bytes) -> bool:
        """Whether the pattern matches somewhere in *line*, which holds no line end."""
        state = self._initial
        for byte in line:
            following = state[byte]
            if following is None:
                following = self._step(state, byte)
            if following is True:
                return True
            state = following
        if state[256] is None:
            state[256] = self._accept in self._closure(state[257], state[258], None)
        return bool(state[256])

    # Building: a state waits for a byte of its set, or moves on without one, perhaps asserting.

    def _state(self) -> int:
        if len(self._sets) > _MOST_STATES:
            raise BadPattern("a pattern repeats too much")
        self._sets.append(None)
        self._steps.append([])
        self._next.append(-1)
        return len(self._sets) - 1

    def _build(self, node: Node, then: int) -> int:
        """Add states that match *node* and go on to *then*; return the first of them."""
        kind = node[0]
        if kind == "cat":
            for each in reversed(node[1]):
                then = self._build(each, then)
            return then
        if kind == "rep":
            return self._build_repeated(node, then)
        here = self._state()
        if kind == "set":
            self._sets[here] = node[1]
            self._next[here] = then
        elif kind == "at":
            self._asserts[here] = node[1]
            self._steps[here] = [then]
        else:
            self._steps[here] = [self._build(each, then) for each in node[1]]
        return here

    def _build_repeated(self, node: Node, then: int) -> int:
        _, inner, least, most = node
        if most is None:
            loop = self._state()
            self._steps[loop] = [self._build(inner, loop), then]
            then = loop
        else:
            for _ in range(most - least):
                maybe = self._state()
                self._steps[maybe] = [self._build(inner, then), then]
                then = maybe
        for _ in range(least):
            then = self._build(inner, then)
        return then

    # Running. A met state is a list: 256 followers, whether it matches at the line's end, its set
    # of states, and what stood before. A follower is a state, or True where the match is complete.

    def _forget(self) -> None:
        self._met: dict[tuple[frozenset[int], int], list[Any]] = {}
        self._initial = self._meet(frozenset((self._first,)), _START)

    def _meet(self, states: frozenset[int], before: int) -> list[Any]:
        key = states, before
        found = self._met.get(key)
        if found is None:
            found = self._met[key] = [None] * 257 + [states, before]
        return found

    def _step(self, state: list[Any], byte: int) -> Any:
        reached = self._closure(state[257], state[258], byte)
        if self._accept in reached:
            state[byte] = True
            return True
        following = {
            self._next[each]
            for each in reached
            if (members := self._sets[each]) is not None and byte in members
        }
        following.add(self._first)
        if len(self._met) > self._MOST_CACHED:
            self._forget()
        found = self._meet(frozenset(following), _MID_WORD if byte in _WORD else _MID_OTHER)
        state[byte] = found
        return found

    def _closure(self, states: Iterable[int], before: int, byte: int | None) -> set[int]:
        """Return all states that are reached without a byte, between what stood before and *byte*."""
        reached, left = set(states), list(states)
        is_edge = (before == _MID_WORD) != (byte is not None and byte in _WORD)
        holds = {"^": before == _START, "$": byte is None, "b": is_edge, "B": not is_edge}
        while left:
            each = left.pop()
            if each in self._asserts and not holds[self._asserts[each]]:
                continue
            for following in self._steps[each]:
                if following not in reached:
                    reached.add(following)
                    left.append(following)
        return reached
