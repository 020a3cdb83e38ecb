"""Group messages that no pattern knows by what stays the same in them.

After Drain (He, Zhu, Zheng, Lyu, "Drain: An Online Log Parsing Approach with Fixed Depth Tree",
ICWS 2017): what is surely a variable is masked first, messages of equal length that share enough
words are one template, and where they differ a template has a gap. Written here because it is
sixty lines, and the packaged implementation has not moved since 2022.
"""

from __future__ import annotations

import re

MOST_WORDS = 40
GAP = "<*>"
_ALIKE = 0.6
_VARIABLES = (
    (re.compile(r"https?://\S+|rediss?://\S+"), "<url>"),
    (re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?(?![\w.])"), "<address>"),
    (re.compile(r"\b(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{8,}\b|\b0x[0-9a-fA-F]+\b"), "<id>"),
    (re.compile(r"'[^'\n]{1,200}'|\"[^\"\n]{1,200}\"|`[^`\n]{1,200}`"), "<text>"),
    (re.compile(r"(?<![A-Za-z_])[-+]?\d+(?:\.\d+)?"), "<n>"),
)


class Template:
    """One kind of message: its words, with gaps where its messages differ."""

    __slots__ = ("number", "words")

    def __init__(self, number: int, words: list[str]) -> None:
        self.number = number
        self.words = words

    def __str__(self) -> str:
        return " ".join(self.words)


class Templates:
    """All templates of one reading; at most *most* of them.

    Attributes:
        overflow: How many messages fitted none when no more could be kept.
    """

    def __init__(self, most: int = 200) -> None:
        self.overflow = 0
        self._most = most
        self._count = 0
        self._by_shape: dict[tuple[int, str], list[Template]] = {}

    def of(self, message: str) -> Template | None:
        """Return the template of *message*, a new one if need be; None when there are too many."""
        for pattern, name in _VARIABLES:
            message = pattern.sub(name, message)
        words = message.split()[:MOST_WORDS]
        if not words:
            return None
        # As in Drain: messages of one kind are mostly as long as each other, and begin alike.
        alike = self._by_shape.setdefault((len(words), words[0]), [])
        best, most = None, 0.0
        for template in alike:
            same = sum(a == b for a, b in zip(template.words, words, strict=True)) / len(words)
            if same > most:
                best, most = template, same
        if best is not None and most >= _ALIKE:
            best.words = [a if a == b else GAP for a, b in zip(best.words, words, strict=True)]
            return best
        if self._count >= self._most:
            self.overflow += 1
            if not alike:
                del self._by_shape[len(words), words[0]]
            return None
        made = Template(self._count, words)
        self._count += 1
        alike.append(made)
        return made
