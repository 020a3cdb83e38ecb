"""Look at TARGET from where this runs, and say which hop broke, why, and what to do.

Nothing is changed by looking. Passwords come from the target or from REDISCLI_AUTH, and are never
shown. Exit code: 0 healthy, 1 fault, 3 inconclusive.
"""

from __future__ import annotations

import os
import sys

from refused.cli.options import (
    fleet,
    looking,
    print_json,
    probing,
    sharing,
    showing,
    with_environment,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from refused.report import Report

EXIT = {"healthy": 0, "fault": 1, "inconclusive": 3}


def arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    looking(parser)
    sharing(parser)
    parser.add_argument(
        "--log",
        dest="logs",
        action="append",
        metavar="FILE",
        help="a log of the application, as further evidence (also .gz, .zst; repeatable)",
    )
    showing(parser)


def run(options: Namespace) -> int:
    """Probe, judge and explain; change nothing. Returns the exit code."""
    from refused.api import judge, probe, save, with_fleet, with_logs

    with_environment(options, os.environ)
    shared = fleet(options)
    bundle = with_fleet(probe(options.target, **probing(options, os.environ)), shared)
    if options.logs:
        bundle = with_logs(bundle, options.logs)
    if options.save:
        save(bundle, options.save)
        print(f"evidence saved to {options.save}", file=sys.stderr)
    report = judge(bundle)
    show(report, options)
    return EXIT[report.verdict]


def show(report: Report, options: Namespace) -> None:
    """Print the report in the way that was asked for."""
    if report.severity is not None:
        from refused.cli.config import responses

        report.responses = responses(os.environ)
    if options.json:
        print_json(report.to_json())
        return
    color = sys.stdout.isatty() and not options.no_color and not os.environ.get("NO_COLOR")
    text = report.to_text(
        width=min(_width(), 100),
        color=color,
        verbose=bool(options.verbose),
    )
    print("\n".join(text.split("\n", 2)[:2]) if options.quiet else text)


def _width() -> int:
    """Return the columns of the terminal; what shutil says, which loads three kinds of archive for it."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told[:6]) > 0:
        return int(told[:6])
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return 80
