"""What is advised for a client: settings as data, each with its reason and where its figure is from.

A renderer writes the settings as code through a :class:`Page`, which puts each reason beside its
setting and numbers the sources; a setting that a renderer leaves out is a mistake that it raises.
"""

from __future__ import annotations

from refused.evidence.record import Record, nested

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@nested
class Advice(Record):
    """One setting.

    Attributes:
        name: As the library has it.
        value: As a person reads it, and as the code has it where *literal* is empty.
        why: One sentence, without a full stop.
        source: Where the figure, or the advice, is from.
        default: What the library does unless told; ``""`` where that is not worth saying.
        literal: The value in the library's language.
        guess: Whether the figure is ours, from experience and arithmetic, and the source only says
            what it is about.
    """

    name: str
    value: str
    why: str
    source: str
    default: str = ""
    literal: str = ""
    guess: bool = False

    @property
    def code(self) -> str:
        """The value as the code has it."""
        return self.literal or self.value


@nested
class File(Record):
    """One piece of code, to be put where *name* says."""

    name: str
    language: str
    text: str


class ClientConfig(Record):
    """Everything that is advised for one client at one target.

    Attributes:
        install: How to get the library.
        notes: What the reader has to know besides: what was assumed, what does not fit.
        executed: Whether this code is run against a server in our tests, or only parsed.
    """

    client: str
    title: str
    versions: str
    install: str
    settings: tuple[Advice, ...]
    files: tuple[File, ...]
    notes: tuple[str, ...]
    executed: str


class Page:
    """Lines of code with the settings' reasons as comments.

    Args:
        comment: What begins a comment: ``#`` or ``//``.
    """

    WIDTH = 100

    def __init__(self, settings: Iterable[Advice], comment: str) -> None:
        self._settings = {each.name: each for each in settings}
        self._left = dict(self._settings)
        self._comment = comment
        self._sources: list[str] = []
        self._lines: list[str] = []

    def add(self, text: str = "") -> None:
        """Add lines as they are."""
        self._lines += text.removesuffix("\n").split("\n")

    def end(self, text: str) -> None:
        """Put text at the end of the last line."""
        self._lines[-1] += text

    def remark(self, text: str, indent: str = "") -> None:
        """Add a comment, wrapped."""
        from textwrap import wrap

        sign = f"{indent}{self._comment} "
        self._lines += wrap(
            text,
            self.WIDTH,
            initial_indent=sign,
            subsequent_indent=sign,
            break_long_words=False,
            break_on_hyphens=False,
        )

    def set(self, template: str, *names: str) -> None:
        """Add the lines that set *names*, the reasons before them.

        *template* has ``{}`` for each value in turn; its indentation is the comment's too. Braces
        are doubled, as in :meth:`str.format`. Where none of *names* is advised here nothing is added.
        """
        found = [self._settings[name] for name in names if name in self._settings]
        if len(found) != len(names):
            return
        indent = template[: len(template) - len(template.lstrip())]
        for each in found:
            self._left.pop(each.name, None)
            guess = " (our figure)" if each.guess else ""
            why = each.why[:1].upper() + each.why[1:]
            self.remark(f"{why}{guess} [{self._number(each.source)}].", indent)
        self._lines += template.format(*(each.code for each in found)).split("\n")

    def has(self, name: str) -> bool:
        """Whether a setting is advised here."""
        return name in self._settings

    def value(self, name: str) -> str:
        """Return a setting's value as code, for a place where its reason is told elsewhere."""
        return self._settings[name].code

    def _number(self, source: str) -> int:
        if source not in self._sources:
            self._sources.append(source)
        return self._sources.index(source) + 1

    def text(self, head: Sequence[str] = ()) -> str:
        """Return the page: *head* as comments, the lines, and the sources.

        Raises:
            ValueError: A setting was never set.
        """
        if self._left:
            raise ValueError(f"the code leaves out {', '.join(self._left)}")
        body, self._lines = self._lines, []
        for each in head:
            self.remark(each)
        top, self._lines = self._lines, []
        if self._sources:
            self.add()
            self.remark("Sources:")
            self._lines += [
                f"{self._comment} [{number}] {source}"
                for number, source in enumerate(self._sources, 1)
            ]
        return "\n".join([*top, *body, *self._lines]).rstrip("\n") + "\n"


def sources(settings: Iterable[Advice]) -> tuple[str, ...]:
    """Return where the settings are from, each once."""
    return tuple(dict.fromkeys(each.source for each in settings))
