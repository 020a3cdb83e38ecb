"""The user's own history of changes: a file, or what a command prints.

What is read, told apart by its first letters:

- JSON lines, or one JSON list, of objects. Of each, the first field that is there counts:
  *when* ``when time timestamp date datetime created_at createdAt finished_at committed_at``;
  *what* ``operation what title summary message subject name description``;
  *who* ``caller who author user actor by committer``;
  *where* ``resource_id resource target service environment repository``;
  *status* ``status state result conclusion``; *id* ``id sha commit revision version correlation_id``.
- CSV with a heading of the same names.
- ``git log`` as it comes, with any of its ``--date`` forms that name the year, or one line for each
  change that begins with an ISO 8601 time: ``git log --format='%cI %an: %s'``.

Whatever has no time is left out and counted; a history of which nothing could be read is *unseen*.
"""

from __future__ import annotations

import os
import re

from refused.evidence.control_plane import ChangeSearch, ResourceChange
from refused.evidence.observations import Unseen
from refused.evidence.redaction import redact
from refused.probes.azure.ways import dig, number, seconds_of, text
from refused.probes.stopwatch import Stopwatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Fact = ChangeSearch | ResourceChange | Unseen

LARGEST_BYTES = 8 * 1024 * 1024
MOST_CHANGES = 200

_WHEN = (
    "when", "time", "timestamp", "date", "datetime", "created_at", "createdAt", "finished_at",
    "finishedAt", "committed_at", "deployed_at",
)  # fmt: skip
_WHAT = ("operation", "what", "title", "summary", "message", "subject", "name", "description")
_WHO = ("caller", "who", "author", "user", "actor", "by", "committer")
_WHERE = ("resource_id", "resourceId", "resource", "target", "service", "environment", "repository")
_STATUS = ("status", "state", "result", "conclusion")
_ID = ("correlation_id", "correlationId", "id", "sha", "commit", "revision", "version")

_EXAMPLE = "give a file of JSON lines, CSV or git log, or a command that prints one"


class Change:
    """One change as it was read, before it is evidence."""

    __slots__ = ("when", "what", "who", "where", "status", "id")

    def __init__(
        self,
        when: float,
        what: str,
        *,
        who: str = "",
        where: str = "",
        status: str = "",
        id: str = "",  # noqa: A002 - as everybody's histories call it
    ) -> None:
        self.when, self.what, self.who = when, what, who
        self.where, self.status, self.id = where, status, id


def look(source: str, *, since: float, until: float, wait_s: float) -> tuple[Fact, ...]:
    """Read a history and return what of it lies between *since* and *until*."""
    watch = Stopwatch("user")
    try:
        said, how = (
            (_of_file(source), "a file")
            if os.path.isfile(source)
            else (
                _of_command(source, wait_s),
                "a command",
            )
        )
    except _Unreadable as why:
        return (_unseen(str(why)),)
    changes, skipped = read(said)
    if not changes and said.strip():
        return (_unseen(f"nothing in it could be read as a change ({skipped} entries)"),)
    stamp = watch.stamp(f"--changes, {how}")
    inside = [each for each in changes if since <= each.when <= until][-MOST_CHANGES:]
    facts: list[Fact] = [
        ResourceChange(
            **stamp,
            when=each.when,
            operation=redact(each.what)[:200],
            resource_id=redact(each.where)[:300],
            status=each.status or "Succeeded",
            caller=redact(each.who)[:100],
            correlation_id=redact(each.id)[:80],
            found_in="own",
        )
        for each in sorted(inside, key=lambda change: change.when)
    ]
    facts.append(ChangeSearch(**stamp, found_in="own", from_s=since, to_s=until, count=len(inside)))
    if skipped:
        facts.append(_unseen(f"{skipped} of its entries say no time that I can read"))
    return tuple(facts)


def _unseen(why: str) -> Unseen:
    return Unseen(
        vantage="user", what="your own changes", why=f"--changes: {why}", how_to_see=_EXAMPLE
    )


class _Unreadable(Exception):
    """The history cannot be had."""


def _of_file(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(LARGEST_BYTES).decode("utf-8-sig", "replace")
    except OSError as gone:
        raise _Unreadable(f"the file cannot be read: {gone.strerror or gone}") from None


def _of_command(command: str, wait_s: float) -> str:
    """Run the user's command, without a shell, and return what it prints."""
    import shlex
    import shutil
    import subprocess

    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if not words or shutil.which(words[0]) is None:
        raise _Unreadable("there is no such file, and no such command")
    try:
        done = subprocess.run(  # noqa: S603 - the user asked for exactly this
            words,
            capture_output=True,
            check=False,
            timeout=max(0.1, wait_s),
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise _Unreadable("the command had not ended when the time was up") from None
    except OSError as gone:
        raise _Unreadable(f"the command cannot be run: {gone.strerror or gone}") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or [""]
        raise _Unreadable(redact(f"the command failed with {done.returncode}: {said[0]}")[:200])
    return done.stdout[:LARGEST_BYTES].decode("utf-8", "replace")


# --- reading ---------------------------------------------------------------------------------------


def read(said: str) -> tuple[list[Change], int]:
    """Return the changes in *said*, and how many entries could not be read."""
    start = said.lstrip()[:64]
    if start.startswith(("{", "[")):
        found = list(_of_json(said))
    elif start.startswith("commit "):
        found = list(_of_git(said))
    elif "," in start and not re.match(r"\d{4}-\d\d-\d\d", start):
        found = list(_of_csv(said))
    else:
        found = [_of_line(line) for line in said.splitlines() if line.strip()]
    changes = [each for each in found if each is not None]
    return changes, len(found) - len(changes)


def _of_json(said: str) -> Iterator[Change | None]:
    from json import loads

    try:
        whole = loads(said)
    except (ValueError, RecursionError):
        for line in said.splitlines():
            if line.strip():
                try:
                    yield _of_object(loads(line))
                except (ValueError, RecursionError):
                    yield None
        return
    if isinstance(whole, dict):
        inner = next((each for each in whole.values() if isinstance(each, list)), None)
        whole = [whole] if any(name in whole for name in _WHEN) or inner is None else inner
    yield from (_of_object(each) for each in whole)


def _of_csv(said: str) -> Iterator[Change | None]:
    import csv

    try:
        for row in csv.DictReader(said.splitlines()):
            yield _of_object({(name or "").strip(): value for name, value in row.items()})
    except csv.Error:
        yield None


def _of_object(data: Any) -> Change | None:
    if not isinstance(data, dict):
        return None
    when = next((found for found in (_time(dig(data, name)) for name in _WHEN) if found), None)
    if when is None:
        return None
    return Change(
        when,
        (_pick(data, _WHAT) or "a change").splitlines()[0],
        who=_pick(data, _WHO),
        where=_pick(data, _WHERE),
        status=_pick(data, _STATUS),
        id=_pick(data, _ID),
    )


def _pick(data: Any, names: tuple[str, ...]) -> str:
    for name in names:
        found = text(data, name) or text(data, name, "name") or text(data, name, "login")
        if found:
            return found.strip()
    return ""


def _time(word: Any) -> float | None:
    """Read a time: ISO 8601, seconds or milliseconds since 1970, or as git and mail write it."""
    value = None if isinstance(word, str) else number(word)
    if value is not None:
        return value / (1000 if value > 1e11 else 1)
    if not isinstance(word, str) or not word.strip():
        return None
    clean = word.strip()
    if clean.isdigit():
        # Eight digits are a day, ten are seconds.
        return seconds_of(clean) if len(clean) == 8 else _time(int(clean))
    found = seconds_of(re.sub(r" ([+-]\d{2}):?(\d{2})$", r"\1:\2", clean))
    if found is not None:
        return found
    from email.utils import parsedate_to_datetime

    # "Mon Nov 23 02:51:00 2026 +0100" is git's own; mail has day, month, year in another order.
    git = re.fullmatch(r"(\w{3}) (\w{3}) +(\d+) ([\d:]+) (\d{4})(?: ([+-]\d{4}))?", clean)
    if git:
        clean = f"{git[1]}, {git[3]} {git[2]} {git[5]} {git[4]} {git[6] or '+0000'}"
    try:
        return parsedate_to_datetime(clean).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _of_git(said: str) -> Iterator[Change | None]:
    for block in re.split(r"(?m)^commit ", said)[1:]:
        lines = block.splitlines()
        heads = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines[1:8])
            if value and not name.startswith(" ")
        }
        when = _time(heads.get("commitdate") or heads.get("date"))
        subject = next((line.strip() for line in lines[1:] if line.startswith("    ")), "a change")
        if when is None:
            yield None
            continue
        yield Change(
            when,
            subject.strip(),
            who=re.sub(r" *<[^>]*>", "", heads.get("author", "")),
            id=lines[0].split()[0] if lines[0].split() else "",
        )


_LINE = re.compile(
    r"(?:(?P<id>[0-9a-f]{7,40})[ \t]+)?"
    r"(?P<when>\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?: ?(?:Z|[+-]\d\d:?\d\d))?)"
    r"[ \t,:|-]*(?:(?P<who>[^:|]{1,60})[:|] *)?(?P<what>.*)"
)


def _of_line(line: str) -> Change | None:
    """Read ``[sha] TIME [who:] what``."""
    match = _LINE.fullmatch(line.strip())
    when = _time(match["when"]) if match else None
    if match is None or when is None:
        return None
    return Change(when, match["what"] or "a change", who=match["who"] or "", id=match["id"] or "")
