"""Every command that the documentation shows is one that the program takes."""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from refused.cli.main import COMMANDS
from refused.cli.parser import Parser

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted(page for page in (ROOT / "docs").glob("*.md"))
FENCE = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^ {4,}\S.*$", re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"(?:^\s*(?:\$ )?|\| |; |&& )(refused [a-z][^|\n]*)", re.MULTILINE)
# Words that stand for something, and what may stand there.
STANDS_FOR = (
    (r"\[[^\]]*\]", ""),
    (r"#.*$", ""),
    (r"\s(?:>|<|2>)\s*\S+", ""),
    (r"&\s*$", ""),
    (r"\\\\\s*$", ""),
    (r"…|\.\.\.", ""),
)


def commands() -> list[tuple[str, str]]:
    """Return every command shown, with the page it stands on."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        code = [*FENCE.findall(text), *INLINE.findall(text), *INDENTED.findall(text)]
        for line in (each for part in code for each in COMMAND.findall(part)):
            command = line.strip()
            for pattern, instead in STANDS_FOR:
                command = re.sub(pattern, instead, command).strip()
            found.append((page.name, command))
    return sorted(set(found))


def test_there_are_some() -> None:
    """A pattern that finds nothing would pass."""
    assert len(commands()) > 30


@pytest.mark.parametrize(("page", "command"), commands())
def test_a_command_of_the_docs_is_taken(page: str, command: str) -> None:
    """Its name is known, and its options are those that there are."""
    try:
        _, *words = shlex.split(command)
    except ValueError:
        pytest.fail(f"{page}: {command} is no line for a shell")
    name = words[0].rstrip(".,;:")
    assert name in COMMANDS or name.startswith("-"), (page, command)
    options = [word.partition("=")[0] for word in words[1:] if re.match(r"--?[a-z]", word)]
    if not options or name.startswith("-"):
        return
    module = import_module(f"refused.cli.{name.replace('-', '_')}")
    parser = Parser(prog=name, description="", allow_abbrev=False)
    module.arguments(parser)
    known = (
        parser.format_help()
        + "".join(
            each.format_help()
            for action in parser._subparsers._group_actions
            for each in action.choices.values()  # type: ignore[union-attr]
        )
        if parser._subparsers
        else parser.format_help()
    )
    for option in options:
        assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", known), (page, command, option)
