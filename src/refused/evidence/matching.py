"""Find many patterns in a line with nothing but :mod:`re`, and compile only what may match.

Compiling three hundred patterns costs more than reading a message; so each pattern is first
known by literal words of which a matching line must hold one, and compiled when it does.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Match, Optional, Pattern, Tuple

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
    longest = _SHORTEST - 1
    run, end = "", len(pattern)
    while at < end and pattern[at] not in "|)":
        words: Tuple[str, ...] = ()
        plain = _PLAIN.match(pattern, at)
        if plain is not None:
            single, at = plain.group(), plain.end()
        else:
            single, words, at = _special(pattern, at)
            if single == _BOUNDARY:
                continue  # it takes no letter, and does not end a run
        suffix = pattern[at] if at < end else ""
        if suffix and suffix in _REPEATS:
            at = _end_of_repeat(pattern, at)
            if suffix == "+":
                run += single
            else:  # the last letter, or the group, may lack
                run += single[:-1]
                words = ()
        elif single:
            run += single
            continue
        if len(run) > longest:
            best, longest = (run.lower(),), len(run)
        run = ""
        if words:
            worth = min(map(len, words))
            if worth > longest:
                best, longest = words, worth
    if len(run) > longest:
        best = (run.lower(),)
    return best, at


_PLAIN = re.compile(r"[^\\\[\](){}|.?*+^$]+")
_BOUNDARY = "\0"
_REPEATS = "?*+{"


def _special(pattern: str, at: int) -> Tuple[str, Tuple[str, ...], int]:
    """Read what is no plain letter: return the letter it stands for, if one, and a group's words."""
    letter = pattern[at]
    if letter == "\\":
        following = pattern[at + 1]
        if following == "b":
            return _BOUNDARY, (), at + 2
        return ("" if following.isalnum() else following), (), at + 2
    if letter == "[":
        return "", (), _end_of_class(pattern, at)
    if letter == "(":
        words, at = _alternatives(pattern, at + 3 if pattern.startswith("(?:", at) else at + 1)
        return "", words, at + 1
    return ("" if letter in ".^$" else letter), (), at + 1


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


class Late:
    """A pattern that is compiled when a text may hold it, which most texts never do.

    Args:
        pattern: As for :mod:`re`.
        words: Of these every match holds one; none: any text may hold it.
    """

    def __init__(self, pattern: str, *words: str) -> None:
        self._pattern = pattern
        self._words = words
        self._compiled: Optional[Pattern[str]] = None

    def search(self, text: str) -> Optional[Match[str]]:
        """Return the first match in *text*, if there is one."""
        return self._ready().search(text) if self._may_hold(text) else None

    def findall(self, text: str) -> List[Any]:
        """Return what is found all over *text*, as :meth:`re.Pattern.findall` does."""
        return self._ready().findall(text) if self._may_hold(text) else []

    def _may_hold(self, text: str) -> bool:
        return not self._words or any(word in text for word in self._words)

    def _ready(self) -> Pattern[str]:
        if self._compiled is None:
            self._compiled = re.compile(self._pattern)
        return self._compiled


class WordTable:
    """Names that a text earns by its words, in the order of the table; built at first use.

    Args:
        rows: ``(name, pattern)`` each.
        ignores_case: Whether capitals and small letters are alike.
    """

    def __init__(self, rows: Tuple[Tuple[str, str], ...], *, ignores_case: bool) -> None:
        self._rows = rows
        self._ignores_case = ignores_case
        self._matcher: Optional[Matcher] = None

    def all(self, text: str) -> Tuple[str, ...]:
        """Return every name whose words are found in *text*."""
        if self._matcher is None:
            self._matcher = Matcher((name, words, self._ignores_case) for name, words in self._rows)
        found = frozenset(self._matcher.ids(text))
        return tuple(name for name, _ in self._rows if name in found)

    def first(self, text: str) -> str:
        """Return the first such name, or ``""``."""
        return next(iter(self.all(text)), "")
