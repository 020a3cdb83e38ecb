"""Read an error message, a stack trace or a log, and name the causes that it speaks for.

Without FILE, or with -, standard input is read. Nothing is dialled. Exit code: 1 a cause is named,
3 the text cannot tell (or tells of no failed connection).
"""

from __future__ import annotations

import os
import sys

from refused.cli.diagnose import EXIT, show
from refused.cli.options import showing, with_environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from refused.evidence.bundle import Bundle

# A text that is typed or piped in; more is a log, and read as a stream.
LARGEST_BYTES = 4 * 1024 * 1024


class CannotRead(ValueError):
    """A file cannot be read; the message is one line for people."""

    for_people = True


def arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="logs or messages; - or none is standard input"
    )
    parser.add_argument(
        "--scope", choices=("all", "some", "one"), help="who is affected, for the severity"
    )
    parser.add_argument(
        "--save", metavar="BUNDLE", help="keep the evidence in this file, secrets removed"
    )
    showing(parser)


def run(options: Namespace) -> int:
    """Read, judge and explain. Returns the exit code."""
    from refused.api import judge, save

    files = options.files
    with_environment(options, os.environ)
    bundle = gather(files, options)
    if options.save:
        save(bundle, options.save)
        print(f"evidence saved to {options.save}", file=sys.stderr)
    report = judge(bundle)
    show(report, options)
    return EXIT[report.verdict]


def gather(files: Sequence[str], options: Namespace) -> Bundle:
    """Return what the files tell, as evidence."""
    import time

    from refused.api import bundle_of, read_text

    started = time.monotonic()
    facts = [
        fact
        for file in (files or ("-",))
        for fact in read_text(_read(file), "" if file == "-" else file)
    ]
    return bundle_of(facts, scope=options.scope, took_ms=(time.monotonic() - started) * 1000)


def _read(file: str) -> str:
    try:
        if file == "-":
            data = sys.stdin.buffer.read(LARGEST_BYTES)
        else:
            with open(file, "rb") as source:
                data = source.read(LARGEST_BYTES)
    except OSError as gone:
        raise CannotRead(f"{file}: {gone.strerror or gone}") from None
    return data.decode("utf-8", "replace")
