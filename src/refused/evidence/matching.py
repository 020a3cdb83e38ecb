"""Find many patterns in a line with nothing but :mod:`re`, and compile only what may match.

Compiling three hundred patterns costs more than reading a message; so each pattern is first
known by literal words of which a matching line must hold one, and compiled when it does.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, List, Optional, Pattern, Tuple

# Behind one of these the letter before may be missing.
_MAYBE = frozenset("?*{")
_SHORTEST = 3


def literals(pattern: str) -> Tuple[str, ...]:
    """Return words, in small letters, of which every match of *pattern* holds at least one.

    Empty where no such words can be told: then the pattern must always be tried.
    """
    found, at = _alternatives(pattern, 0)
    return found if found and at == len(pattern) else ()


def _alternatives(pattern: str, at: int) -> Tuple[Tuple[str, ...], int]:
    """Read branches up to the closing bracket or the end; return one word set for each, joined."""
    words: List[str] = []
    sure = True
    while True:
        branch, at = _branch(pattern, at)
        sure = sure and bool(branch)
        words.extend(branch)
        if at >= len(pattern) or pattern[at] == ")":
            return (tuple(words) if sure else ()), at
        at += 1  # the bar


def _branch(pattern: str, at: int) -> Tuple[Tuple[str, ...], int]:
    """Read one branch; return the best word set that it needs."""
    best: Tuple[str, ...] = ()
    run = ""

    def better(one: Tuple[str, ...], two: Tuple[str, ...]) -> Tuple[str, ...]:
        def worth(words: Tuple[str, ...]) -> int:
            return min((len(word) for word in words), default=0)

        return two if worth(two) > worth(one) else one

    while at < len(pattern) and pattern[at] not in "|)":
        letter = pattern[at]
        words: Optional[Tuple[str, ...]] = None
        single = ""
        if letter == "\\":
            following = pattern[at + 1]
            single = "" if following.isalnum() else following
            at += 2
            if following == "b":
                continue  # a word boundary takes no letter, and does not end a run
        elif letter == "[":
            at = _end_of_class(pattern, at)
        elif letter == "(":
            inner = at + 3 if pattern.startswith("(?:", at) else at + 1
            words, at = _alternatives(pattern, inner)
            at += 1
        else:
            single = "" if letter in ".^$" else letter
            at += 1
        may_lack = at < len(pattern) and pattern[at] in _MAYBE
        repeats = at < len(pattern) and pattern[at] == "+"
        if may_lack or repeats:
            at = _end_of_repeat(pattern, at)
        if single and not may_lack:
            run += single.lower()
            if not repeats:
                continue
        best, run = better(best, (run,)), ""
        if words and not may_lack:
            best = better(best, words)
    best = better(best, (run,))
    return (best if min(map(len, best), default=0) >= _SHORTEST else ()), at


def _end_of_class(pattern: str, at: int) -> int:
    at += 1
    if pattern[at] == "^":
        at += 1
    if pattern[at] == "]":
        at += 1
    while pattern[at] != "]":
        at += 2 if pattern[at] == "\\" else 1
    return at + 1


def _end_of_repeat(pattern: str, at: int) -> int:
    if pattern[at] == "{":
        at = pattern.index("}", at)
    at += 1
    return at + 1 if at < len(pattern) and pattern[at] == "?" else at


class Matcher:
    """Many patterns at once.

    Args:
        patterns: ``(id, pattern, ignores case)`` each.
    """

    def __init__(self, patterns: Iterable[Tuple[str, str, bool]]) -> None:
        self._always: List[Tuple[str, str, bool]] = []
        self._words: Dict[str, List[Tuple[str, str, bool]]] = {}
        self._compiled: Dict[str, Pattern[str]] = {}
        for each in patterns:
            words = literals(each[1])
            if not words:
                self._always.append(each)
            for word in words:
                self._words.setdefault(word, []).append(each)

    def ids(self, line: str) -> Tuple[str, ...]:
        """Return the ids of the patterns that are found in *line*, each once."""
        # Lower-casing maps a few letters beyond ASCII to longer forms; literals are ASCII, so that
        # a match can gain candidates by it but lose none.
        lowered = line.lower()
        found: Dict[str, None] = {}
        tried = set()
        for word, entries in self._words.items():
            if word in lowered:
                for entry in entries:
                    if entry[0] not in tried:
                        tried.add(entry[0])
                        if self._search(entry, line):
                            found[entry[0]] = None
        for entry in self._always:
            if self._search(entry, line):
                found[entry[0]] = None
        return tuple(found)

    def _search(self, entry: Tuple[str, str, bool], line: str) -> bool:
        name, pattern, folds = entry
        compiled = self._compiled.get(name)
        if compiled is None:
            # ASCII, because Hyperscan and RE2 know no other classes without being told.
            flags = re.ASCII | (re.IGNORECASE if folds else 0)
            compiled = self._compiled[name] = re.compile(pattern, flags)
        return compiled.search(line) is not None
