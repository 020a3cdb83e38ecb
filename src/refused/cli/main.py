"""Find the command, run it, and leave with its exit code.

0 healthy · 1 fault · 2 the call's words are off · 3 inconclusive · 4 the tool itself failed
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

COMMANDS = {
    "diagnose": "find out why a connection fails (the main job)",
    "explain": "name the causes from an error message, a stack trace or a log",
    "fix": "plan what would end the fault; with --apply make the first change and prove it",
    "verify": "the watch after a fix",
    "alerts": "alerts that fit this cache: plan, apply, undo, replay on history",
    "incident": "keep what happened: five whys, review, figures, a regression test",
    "client-config": "hardened settings for a client library, as code; --check judges existing ones",
    "host": "the kernel's TCP settings that matter for Redis clients; --apply sets them",
    "probe": "the evidence alone, unjudged, as JSON",
    "allow-list": "what a firewall team has to let through",
    "agent": "the probes as one file, for places that only a person can reach",
    "causes": "the catalogue of root causes, or one cause's page",
    "lab": "a working twin of the service, with faults to order",
}

USAGE, FAILED, INTERRUPTED = 2, 4, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    # A thread that was just started holds the interpreter for 5 ms unless told otherwise, and the
    # walk starts one for each thing it looks at.
    sys.setswitchinterval(0.0005)
    # A terminal that cannot show a letter shows its number; it is no reason to show nothing.
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    try:
        return _run(sys.argv[1:] if arguments is None else list(arguments))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has heard enough; the interpreter must not complain of it at exit.
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILED


def _run(arguments: list[str]) -> int:
    name = arguments[0] if arguments else ""
    if name not in COMMANDS:
        return _without_command(arguments)
    from argparse import RawDescriptionHelpFormatter
    from importlib import import_module

    from refused.cli.parser import Parser

    module = import_module(f"refused.cli.{name.replace('-', '_')}")
    parser = Parser(
        prog=f"refused {name}",
        description=module.__doc__,
        # argparse asks the terminal's width for every option it is told of, and imports shutil
        # with four compressors for that.
        formatter_class=lambda prog: RawDescriptionHelpFormatter(prog, width=90),
        allow_abbrev=False,
    )
    module.arguments(parser)
    options = parser.read(arguments[1:])
    return _guarded(module.run, options)


def _guarded(run: object, options: Namespace) -> int:
    """Run a command; what it cannot understand is one line, and a failure of ours never shows a secret."""
    from refused.evidence.redaction import redact

    try:
        return run(options)  # type: ignore[operator, no-any-return]
    except (KeyboardInterrupt, BrokenPipeError):
        raise
    except ValueError as wrong:
        if not getattr(wrong, "for_people", False):
            return _own_failure(options)
        print(f"refused: {redact(str(wrong))}", file=sys.stderr)
        return USAGE
    except OSError as gone:
        print(f"refused: {redact(str(gone))}", file=sys.stderr)
        return FAILED
    except Exception:  # noqa: BLE001 - the last line of defence: exit code 4, and no secret in it
        return _own_failure(options)


def _own_failure(options: Namespace) -> int:
    from traceback import format_exc

    from refused.evidence.redaction import redact

    said = redact(format_exc())
    if not getattr(options, "verbose", False):
        said = f"{said.strip().splitlines()[-1]} (--verbose shows where)"
    print(f"refused: this is a fault of refused itself: {said}", file=sys.stderr)
    return FAILED


def _without_command(arguments: list[str]) -> int:
    from refused import __version__

    if arguments and arguments[0] in ("--version", "-V"):
        print(f"refused {__version__}")
        return 0
    lines = [
        "usage: refused COMMAND …",
        "",
        "Find out why a Redis connection fails.",
        "",
        "commands:",
    ]
    lines += [f"  {name:<10} {what}" for name, what in COMMANDS.items()]
    lines += [
        "",
        "refused COMMAND --help says more; exit codes: 0 healthy, 1 fault, 2 usage, 3 inconclusive, 4 own failure",
    ]
    if arguments and arguments[0] in ("-h", "--help", "help"):
        print("\n".join(lines))
        return 0
    if arguments:
        from difflib import get_close_matches

        near = get_close_matches(arguments[0], COMMANDS, 1)
        hint = (
            f"did you mean {near[0]}?"
            if near
            else f"to look at a target: refused diagnose {'TARGET'}"
        )
        # The unknown word may be a target with a password in it: it is never repeated.
        print(f"refused: there is no such command; {hint}", file=sys.stderr)
        return USAGE
    print("\n".join(lines), file=sys.stderr)
    return USAGE


if __name__ == "__main__":
    sys.exit(main())
