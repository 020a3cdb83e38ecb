"""The parser of the command line: a mistake costs one line, and nothing that was typed is in it.

What was typed in the wrong place may be a password (``redis-cli`` takes it behind ``-a``), and
argparse quotes every word that it does not understand.
"""

from __future__ import annotations

from argparse import ArgumentParser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence
    from typing import NoReturn


class Parser(ArgumentParser):
    """An ArgumentParser whose complaints name the option and the place, never the value."""

    def read(self, words: Sequence[str]) -> Namespace:
        """Return what the words mean; leave with one line and exit code 2 where they mean nothing."""
        options, strange = self.parse_known_args(words)
        if strange:
            self._leave(self._misplaced(strange[0], words))
        return options

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and leave with exit code 2."""
        name, _, said = message.removeprefix("argument ").partition(": ")
        if " (choose from " in said:
            allowed = said.rpartition(" (choose from ")[2].rstrip(")").replace("'", "")
            self._leave(f"{name}: give one of {allowed}")
        if said.startswith("invalid int value"):
            self._leave(f"{name}: give a number")
        if said.startswith("ignored explicit argument"):
            self._leave(f"{name} takes no value")
        # Of what argparse may yet learn to say, no quoted word is kept.
        self._leave(f"{name}: {said}".partition("'")[0].strip(": "))

    def _misplaced(self, strange: str, words: Sequence[str]) -> str:
        """Say where the word stands, and which option it may be meant for."""
        from difflib import get_close_matches

        where = f"word {words.index(strange) + 1}" if strange in words else "a word"
        said = f"{where} after {self.prog} is none that I take"
        if not strange.startswith("--"):
            return said
        known = [each for each in self._option_string_actions if each.startswith("--")]
        near = get_close_matches(strange.partition("=")[0], known, 1)
        return f"{said} (did you mean {near[0]}?)" if near else said

    def _leave(self, said: str) -> NoReturn:
        self.exit(2, f"refused: {said}; {self.prog} --help says what there is\n")
