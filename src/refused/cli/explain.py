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
    from refused.evidence.observations import LoggedError
    from refused.probes.logs.read import LogRead
    from refused.probes.logs.sources import Source
    from refused.probes.logs.tally import Group
    from refused.report.timeline import Timeline

# A text that is typed or piped in is read as a whole; more is a log, and read as a stream.
LARGEST_TEXT = 64 << 10
# From so many lines on, when they came is worth a word.
FEWEST_LINES = 12


def arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="logs or messages, also .gz and .zst; - or none is standard input",
    )
    parser.add_argument(
        "--follow",
        action="store_true",
        help="read on as the files grow; Ctrl-C ends with the report",
    )
    parser.add_argument(
        "--kql",
        nargs="*",
        metavar="CAUSE",
        help="print a Kusto query for Log Analytics instead, for these causes or all",
    )
    parser.add_argument(
        "--kql-table",
        default="union",
        metavar="TABLE",
        help="the table to ask: AppTraces, AppExceptions, ContainerLogV2, or union (the default)",
    )
    parser.add_argument("--kql-span", default="24h", metavar="TIME", help="how far back (24h)")
    parser.add_argument("--kql-step", default="5m", metavar="TIME", help="in steps of (5m)")
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

    if options.kql is not None:
        return _print_query(options)
    with_environment(options, os.environ)
    bundle, timeline = gather(options.files or ("-",), options)
    if options.save:
        save(bundle, options.save)
        print(f"evidence saved to {options.save}", file=sys.stderr)
    report = judge(bundle)
    report.timeline = timeline
    show(report, options)
    return EXIT[report.verdict]


def gather(files: Sequence[str], options: Namespace) -> tuple[Bundle, Timeline | None]:
    """Return what the files tell, as evidence, and over time where there is more than a message."""
    import time

    from refused.api import bundle_of, read_text
    from refused.probes.logs.sources import Source

    started = time.monotonic()
    sources = [Source(file, follows=options.follow) for file in files]
    facts: Sequence[LoggedError]
    texts = [None] if options.follow else [source.head(LARGEST_TEXT) for source in sources]
    whole = [text.decode("utf-8", "replace") for text in texts if text is not None]
    timeline = None
    if len(whole) < len(texts) or sum(text.count("\n") for text in whole) >= FEWEST_LINES:
        facts, timeline = _read_log(sources, options)
    if len(whole) == len(texts):
        # What belongs together in a short text may stand anywhere in it.
        facts = [
            fact
            for source, text in zip(sources, whole, strict=True)
            for fact in read_text(text, source.name)
        ]
    took_ms = (time.monotonic() - started) * 1000
    return bundle_of(facts, scope=options.scope, took_ms=took_ms), timeline


def _read_log(
    sources: Sequence[Source], options: Namespace
) -> tuple[tuple[LoggedError, ...], Timeline]:
    from refused.api import read_log
    from refused.diagnosis.signatures import all_patterns
    from refused.report.timeline import Timeline

    read, found = read_log(sources, _say_new if options.follow else None)
    timeline = Timeline(read, found, {each.id: each.cause for each in all_patterns()})
    return tuple(error for errors in found.values() for error in errors), timeline


def _say_new(_: LogRead, group: Group) -> None:
    """Tell whoever waits of a kind of error that has not been seen before."""
    example = group.examples[0]
    where = f"{example.file}:{example.line}" if example.file else f"line {example.line}"
    print(f"new: {where}: {' '.join(example.text.split())[:160]}", file=sys.stderr, flush=True)


def _print_query(options: Namespace) -> int:
    from refused.diagnosis.signatures import all_signatures
    from refused.report.kql import kql

    query = kql(
        all_signatures(),
        options.kql,
        table=options.kql_table,
        span=options.kql_span,
        step=options.kql_step,
    )
    print(query, end="")
    return 0
