"""Build a page for every root cause from its module; nobody edits docs/causes by hand.

    python docs/build_causes.py            write the pages
    python docs/build_causes.py --check    say which pages are stale, write nothing

A cause's docstring is its page: a first sentence, then sections, each a heading at the margin with
its text indented below. What the ``CAUSE`` record knows besides is set around it.
"""

from __future__ import annotations

import re
import sys
import textwrap
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import refused.causes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from refused.causes.statements import Cause

FOLDER = Path(__file__).parent / "causes"
HOPS = ("name", "address", "route", "tcp", "tls", "resp", "auth", "topology", "command")
NOTICE = "<!-- Built by docs/build_causes.py from {source}; edit that. -->"


class Page(NamedTuple):
    """A cause and what its module says about it."""

    cause: Cause
    source: str
    summary: str
    sections: dict[str, str]


def pages() -> list[Page]:
    """Read every cause, in the order of the path and then of the alphabet."""
    found = []
    for name in refused.causes.names():
        module = import_module(f"refused.causes.{name}")
        summary, sections = split(module.__doc__ or "")
        found.append(Page(module.CAUSE, f"src/refused/causes/{name}.py", summary, sections))
    return sorted(found, key=lambda page: (HOPS.index(page.cause.hop), page.cause.id))


def split(docstring: str) -> tuple[str, dict[str, str]]:
    """Take a docstring apart: what stands before the first section, and the sections by heading.

    A heading is a line at the margin with indented text right below it.
    """
    lead, *blocks = re.split(
        r"^(?=\S[^\n]*\n[ \t]+\S)", docstring.strip() + "\n", flags=re.MULTILINE
    )
    sections = {}
    for block in blocks:
        heading, _, body = block.partition("\n")
        sections[heading.strip()] = textwrap.dedent(body).strip()
    return lead.strip(), sections


def markdown(text: str, known: Sequence[str]) -> str:
    """Turn the few marks that docstrings use into Markdown; a cause's id becomes a link."""

    def word(match: re.Match[str]) -> str:
        name = match[1]
        return f"[`{name}`]({name}.md)" if name in known else f"`{name}`"

    text = re.sub(r":\w+:`~?\.?([^`]+)`", r"``\1``", text)
    text = re.sub(r"``([^`]+)``", word, text)
    return re.sub(r"(?<![<(\w])(https?://[^\s<>)]+[^\s<>).,;:])", r"<\1>", text)


def sentence(text: str) -> str:
    """Begin with a capital and end with a full stop."""
    return text[:1].upper() + text[1:].rstrip(".") + "."


def paragraphs(page: Page) -> Iterator[str]:
    """Give the page's parts: facts at a glance, then the sections, the sources last."""
    cause = page.cause
    yield NOTICE.format(source=page.source)
    yield f"# {sentence(cause.title)[:-1]}"
    if page.summary != sentence(cause.title):
        yield page.summary
    yield "\n".join(
        (
            "| | |",
            "| --- | --- |",
            f"| id | `{cause.id}` |",
            f"| hop | {cause.hop} |",
            f"| shows at | {', '.join(cause.shows_at)} |",
            f"| bucket | {cause.bucket} |",
            f"| looks at | {', '.join(f'`{kind.__name__}`' for kind in cause.needs)} |",
        )
    )
    told = dict(page.sections)
    sources = told.pop("Sources", "")
    remedies = "\n".join(f"1. {sentence(remedy)}" for remedy in cause.remedies)
    told["What ends it"] = f"{told.get('What ends it', '')}\n\n{remedies}".strip()
    told.setdefault("How to verify", sentence(cause.verify))
    told.setdefault("How to prevent it", sentence(cause.prevent))
    if sources:
        told["Sources"] = re.sub(r"^(?=\S)", "- ", sources, flags=re.MULTILINE)
    for heading, body in told.items():
        yield f"## {heading}\n\n{body}"


def overview(found: Sequence[Page]) -> str:
    """Give the catalogue's first page: every cause, in the order of the path."""
    rows = [
        f"| {page.cause.hop} | [`{page.cause.id}`]({page.cause.id}.md) | {page.cause.title} "
        f"| {page.cause.bucket} |"
        for page in found
    ]
    table = ["| hop | id | because | bucket |", "| --- | --- | --- | --- |", *rows]
    return "\n".join(
        [
            NOTICE.format(source="src/refused/causes/"),
            "",
            "# Root causes",
            "",
            "A connection is a path with hops in a fixed order; one hop is the first to break, and",
            "a cause explains why. These are the causes that refused knows, in the order of the",
            "path. Their ids are stable.",
            "",
            *table,
            "",
        ]
    )


def build() -> dict[str, str]:
    """Give every file's name in docs/causes and what it should hold."""
    found = pages()
    known = [page.cause.id for page in found]
    files = {
        f"{page.cause.id}.md": markdown("\n\n".join(paragraphs(page)), known) + "\n"
        for page in found
    }
    return {"index.md": overview(found), **files}


def stale(folder: Path = FOLDER) -> list[str]:
    """Name the files in *folder* that are missing, left over, or not what they should be."""
    wanted = build()
    there = {path.name: path.read_text("utf-8") for path in folder.glob("*.md")}
    return sorted(
        name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name)
    )


def main(arguments: Sequence[str]) -> int:
    """Write what is stale, or with ``--check`` only name it. Returns the exit code."""
    names = stale()
    if "--check" in arguments:
        for name in names:
            print(f"docs/causes/{name} is stale: run python docs/build_causes.py", file=sys.stderr)
        return int(bool(names))
    wanted = build()
    FOLDER.mkdir(exist_ok=True)
    for name in names:
        if name in wanted:
            (FOLDER / name).write_text(wanted[name], "utf-8")
        else:
            (FOLDER / name).unlink()
    print(f"{len(wanted)} pages in docs/causes, {len(names)} of them new, changed or gone")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
