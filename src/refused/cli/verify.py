"""Watch TARGET after a fix: the path again and again, and what else depends on it.

One failure is told the moment it happens. Ctrl-C ends the watch with a verdict on what was seen; the
same command with --resume goes on from there. Exit code: 0 it holds, 1 it fails, 3 too few attempts
to say.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from refused.cli.options import looking, probing, with_environment
from refused.vantage.words import BadOption, seconds

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator
    from pathlib import Path

    from refused.remedies.watch import Attempt, Watched

HOLDS, FAILS, TOO_FEW = 0, 1, 3
LONGEST_S = 7 * 24 * 3600.0
# How long one attempt may take, where nothing else is said: what takes longer is as good as failed.
TIMEOUT_S = 5.0


def arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    looking(parser, holds=False)
    parser.add_argument(
        "--for", dest="for_", default="30m", metavar="TIME", help="watch for so long (default 30m)"
    )
    parser.add_argument(
        "--every", default="5s", metavar="TIME", help="one attempt in so long (default 5s)"
    )
    parser.add_argument(
        "--write",
        action="store_true",
        help="write, read and delete a key of its own each time (it goes by itself after a minute)",
    )
    parser.add_argument(
        "--http",
        action="append",
        metavar="URL",
        help="ask a service that depends on it as well (repeatable)",
    )
    parser.add_argument(
        "--run",
        dest="commands",
        action="append",
        metavar="COMMAND",
        help="run a test of your own at the beginning and at the end (repeatable)",
    )
    parser.add_argument(
        "--incident", metavar="ID", help="keep the verdict with this incident, or latest"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with the watch that was interrupted"
    )
    parser.add_argument(
        "--json", action="store_true", default=None, help="print the verdict as JSON"
    )


def run(options: Namespace) -> int:
    """Watch, and say whether it holds. Returns the exit code."""
    from refused.remedies.watch import Notes, watch

    with_environment(options, os.environ)
    if options.target.strip().startswith("@"):
        raise BadOption("a saved bundle stays as it is: give the live target to watch")
    for_s = seconds(options.for_, "--for", LONGEST_S)
    every_s = seconds(options.every, "--every", for_s)
    for url in options.http or ():
        if not url.startswith(("http://", "https://")):
            raise BadOption("--http: give a URL that begins with http:// or https://")
    path = _notes_of(options)
    if not options.resume:
        path.unlink(missing_ok=True)
    elif not path.exists():
        raise BadOption("--resume: there is no watch of this target to go on with")
    notes = Notes(path)
    say = _Teller(for_s, notes.seconds)
    for attempt in _commands(options):
        notes.add(attempt, notes.seconds)
        say(attempt)
    rounds = _Rounds(options)
    result = watch(rounds, notes, for_s=for_s, every_s=every_s, tell=say)
    if result.complete and options.commands:
        from refused.remedies.watch import watched

        for attempt in _commands(options):
            notes.add(attempt, result.seconds)
            say(attempt)
        result = watched(notes.attempts, result.seconds, complete=True)
    say.end()
    if result.complete:
        path.unlink(missing_ok=True)
    _keep(result, options)
    _print(result, options)
    return {"holds": HOLDS, "fails": FAILS}.get(result.verdict, TOO_FEW)


# Azure is asked once in so long: its own figures come by the minute.
AZURE_EVERY_S = 60.0


class _Rounds:
    """One round of attempts after the other."""

    def __init__(self, options: Namespace) -> None:
        from refused.api import led_to

        self.options = options
        self._place = led_to(options.target, probing(options, os.environ))
        self._ask_azure_at = 0.0

    def __call__(self) -> Iterator[Attempt]:
        from refused.api import attempt

        options = self.options
        told = probing(options, os.environ)
        if not options.timeout:
            told["timeout_s"] = TIMEOUT_S
        if time.monotonic() < self._ask_azure_at:
            told |= {"azure": False, "resource": None}
        else:
            self._ask_azure_at = time.monotonic() + AZURE_EVERY_S
        yield from attempt(self._place, write=options.write, **told)
        for url in options.http or ():
            yield _http(url, told["timeout_s"])


def _http(url: str, limit_s: float) -> Attempt:
    """Ask a service that depends on the cache; anything but 2xx is a failure."""
    import urllib.error
    import urllib.request

    from refused.remedies.watch import Attempt as Made

    started, why = time.monotonic(), ""
    try:
        # Only http and https get here: run() has looked.
        with urllib.request.urlopen(url, timeout=limit_s) as answer:  # noqa: S310
            answer.read(65536)
            if not 200 <= answer.status < 300:
                why = f"HTTP {answer.status}"
    except urllib.error.HTTPError as status:
        why = f"HTTP {status.code}"
    except (OSError, ValueError) as gone:
        why = str(getattr(gone, "reason", gone))[:120]
    took_ms = (time.monotonic() - started) * 1000
    return Made(at=time.time(), what=_without_query(url), ok=not why, ms=took_ms, why=why)


def _without_query(url: str) -> str:
    from refused.evidence.redaction import redact

    return redact(url.partition("?")[0])


def _commands(options: Namespace) -> Iterator[Attempt]:
    """Run the user's own tests; they are theirs, so a shell reads them."""
    import subprocess

    from refused.evidence.redaction import redact
    from refused.remedies.watch import Attempt as Made

    for command in options.commands or ():
        started = time.monotonic()
        done = subprocess.run(command, shell=True, check=False, stdout=sys.stderr)  # noqa: S602
        why = "" if done.returncode == 0 else f"exit code {done.returncode}"
        took_ms = (time.monotonic() - started) * 1000
        yield Made(at=time.time(), what=f"$ {redact(command)}", ok=not why, ms=took_ms, why=why)


class _Teller:
    """Tells of each failure in a line of its own, and shows how far it is where somebody watches."""

    def __init__(self, for_s: float, before_s: float) -> None:
        self.for_s, self.before_s = for_s, before_s
        self.started = time.monotonic()
        self.counts: dict[bool, int] = {True: 0, False: 0}
        self.is_shown = sys.stderr.isatty()

    def __call__(self, attempt: Attempt) -> None:
        self.counts[attempt.ok] += 1
        if not attempt.ok:
            clock = time.strftime("%H:%M:%S", time.localtime(attempt.at))
            self._line(f"{clock} FAILED {attempt.what}: {attempt.why}", keep=True)
        gone = self.before_s + time.monotonic() - self.started
        good, bad = self.counts[True], self.counts[False]
        self._line(f"{gone:.0f} of {self.for_s:.0f} s: {good} worked, {bad} failed")

    def _line(self, text: str, *, keep: bool = False) -> None:
        if self.is_shown:
            print(f"\r\x1b[K{text}", end="\n" if keep else "", file=sys.stderr, flush=True)
        elif keep:
            print(text, file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the line of progress."""
        if self.is_shown:
            print(file=sys.stderr)


def _notes_of(options: Namespace) -> Path:
    """Return where the notes of this very watch lie."""
    from hashlib import sha256

    from refused.evidence.redaction import redact
    from refused.remedies.journal import data_folder

    same = "\n".join([redact(options.target), *(options.vantages or ()), *(options.http or ())])
    return data_folder(os.environ) / "watches" / f"{sha256(same.encode()).hexdigest()[:16]}.jsonl"


def _keep(result: Watched, options: Namespace) -> None:
    """Keep the verdict with an incident, where one was named; what holds has resolved it."""
    if not options.incident:
        return
    from json import dumps

    from refused.cli.incident import opened
    from refused.report.watch import to_text

    store = opened(None)
    title = " ".join(to_text(result).split())[:300]
    store.add(options.incident, "verification", title, data=dumps(result.to_json()))
    incident = store.find(options.incident, with_entries=False)
    if result.verdict == "holds" and incident.resolved_at is None:
        store.change(incident.id, resolved_at=time.time() - result.seconds)
    store.close()


def _print(result: Watched, options: Namespace) -> None:
    from json import dumps

    from refused.cli.options import print_json
    from refused.report.watch import to_text

    if options.json:
        print_json(dumps({"schema": "refused.watch/1", **result.to_json()}, indent=2))
        return
    print(to_text(result))
    if not result.complete:
        print("interrupted; the same with --resume goes on from here", file=sys.stderr)
