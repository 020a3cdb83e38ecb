"""Keep what happened, and make something of it.

  refused incident open TARGET          look at TARGET now and open an incident with what is seen
  refused incident add ID …             errors, notes, request ids, evidence, actions, times
  refused incident list | show ID       what is kept
  refused incident why ID               the five whys: filled in from the evidence, the rest is asked
  refused incident review ID            the blameless review, as Markdown or HTML
  refused incident close ID             end it, with its cause
  refused incident stats                causes over time, and where to invest next
  refused incident bundle ID -o FILE    what a support case needs, in one file
  refused incident regression ID -o DIR a world of the lab and a pytest file that reproduce it

Incidents lie in SQLite in your data folder, or in a team's PostgreSQL: --store URL (REFUSED_STORE).
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from refused.cli.options import looking, print_json, probing, with_environment
from refused.vantage.words import BadOption

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

    from refused.incidents.record import Incident
    from refused.incidents.store import Store
    from refused.report import Report

ACTIONS = ("open", "add", "list", "show", "why", "review", "close", "stats", "bundle", "regression")


def arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    made = {name: actions.add_parser(name, allow_abbrev=False) for name in ACTIONS}
    for each in made.values():
        each.add_argument("--store", metavar="URL|FILE", help="where incidents are kept")
        each.add_argument("--json", action="store_true", default=None, help="print JSON")
    looking(made["open"], needs_target=False)
    made["open"].add_argument("--title", help="what went wrong, in one line")
    for name in ("add", "show", "why", "review", "close", "bundle", "regression"):
        made[name].add_argument(
            "id", metavar="ID", help="of the incident, or the beginning of it; latest"
        )
    for name in ("open", "add"):
        _facts(made[name])
    for name in ("add", "close"):
        made[name].add_argument("--resolved", metavar="TIME", help="when it worked again")
        made[name].add_argument(
            "--cause", metavar="CAUSE", help="the root cause, an id of refused causes"
        )
    made["add"].add_argument(
        "--note", action="append", metavar="TEXT", help="what somebody saw or did"
    )
    made["add"].add_argument(
        "--action-item",
        dest="actions",
        action="append",
        metavar="TEXT",
        help="what is to be done so that it stays away",
    )
    made["close"].add_argument(
        "--unknown", action="store_true", help="close it although nobody found the cause"
    )
    made["why"].add_argument(
        "--answer",
        nargs=2,
        action="append",
        metavar=("LEVEL", "TEXT"),
        help="answer one of the five",
    )
    made["review"].add_argument("--html", metavar="FILE")
    made["review"].add_argument("--markdown", metavar="FILE")
    made["stats"].add_argument("--since", metavar="TIME", help="only those opened since")
    made["stats"].add_argument("--html", metavar="FILE")
    made["bundle"].add_argument("-o", "--output", metavar="FILE", required=True)
    made["regression"].add_argument("-o", "--output", metavar="FOLDER", required=True)


def _facts(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--error", action="append", metavar="TEXT|@FILE|-", help="the error, letter for letter"
    )
    parser.add_argument(
        "--request-id", action="append", metavar="ID", help="a request or correlation id"
    )
    parser.add_argument("--bundle", action="append", metavar="FILE", help="evidence that was saved")
    parser.add_argument(
        "--began", metavar="TIME", help="the first failure: 2026-11-26T02:51Z, 02:51, 20m"
    )
    parser.add_argument("--detected", metavar="TIME", help="when somebody noticed")
    parser.add_argument("--impact", metavar="TEXT", help="who felt what")


def run(options: Namespace) -> int:
    """Do what was asked. Returns the exit code."""
    with_environment(options, os.environ)
    store = opened(options.store)
    try:
        return _DO[options.action](store, options)
    finally:
        store.close()


def opened(where: str | None) -> Store:
    """Return the store.

    Raises:
        BadOption: What the store needs is not installed.
        StoreFailed: It cannot be opened.
    """
    from refused.remedies.journal import data_folder

    try:
        from refused.incidents.store import Store as Opened
    except ImportError:
        raise BadOption("incidents need a database library: pip install 'refused[store]'") from None
    return Opened(
        where or os.environ.get("REFUSED_STORE") or data_folder(os.environ) / "incidents.db"
    )


# --- the actions ----------------------------------------------------------------------------------


def _open(store: Store, options: Namespace) -> int:
    from refused.api import judge, probe

    report = None
    if options.target:
        report = judge(probe(options.target, **probing(options, os.environ)))
    elif not (options.title or options.error or options.bundle):
        raise BadOption("give a TARGET to look at, or a --title, an --error or a --bundle")
    title = options.title or (_title(report) if report else "A Redis connection fails")
    incident = store.open(
        title,
        report.bundle.target.text if report else "",
        **_told(report),
        scope=options.scope,
        impact=options.impact or "",
        began_at=moment(options.began),
        detected_at=moment(options.detected) or time.time(),
    )
    if report is not None:
        keep_report(store, incident.id, report)
    _add_facts(store, incident.id, options)
    print(incident.id)
    print(f"opened; refused incident show {incident.id}", file=sys.stderr)
    return 0


def _title(report: Report) -> str:
    failed = next((hop for hop in report.diagnosis.path if hop.status == "failed"), None)
    where = f"{report.bundle.target.host}:{report.bundle.target.port}"
    return (
        f"{where} fails at {failed.hop}: {failed.said}"
        if failed
        else f"{where} is {report.verdict}"
    )


def _told(report: Report | None) -> dict[str, Any]:
    """Return the fields that a diagnosis fills in; a cause that is only possible is not one."""
    if report is None:
        return {}
    first = next((cause for cause in report.causes if cause.certainty != "possible"), None)
    said: dict[str, Any] = {"service": report.bundle.target.service, "severity": report.severity}
    if first is not None:
        said |= {"cause": first.id, "bucket": first.bucket, "diagnosed_at": time.time()}
    return said


def keep_report(store: Store, id_: str, report: Report) -> None:
    """Keep the evidence of a diagnosis with an incident."""
    from json import dumps

    causes = ", ".join(f"{cause.id} ({cause.probability:.0%})" for cause in report.causes[:3])
    title = f"diagnosis: {report.verdict}{', ' + causes if causes else ''}"
    store.add(
        id_, "evidence", title, at=report.bundle.taken_at, data=dumps(report.bundle.to_json())
    )
    store.add(id_, "state", title, at=report.bundle.taken_at)


def _add(store: Store, options: Namespace) -> int:
    incident = store.find(options.id)
    changed = {
        name: moment(getattr(options, word))
        for name, word in (
            ("began_at", "began"),
            ("detected_at", "detected"),
            ("resolved_at", "resolved"),
        )
        if getattr(options, word)
    }
    words: dict[str, Any] = {**changed, **_cause(options.cause)}
    if options.impact:
        words["impact"] = options.impact
    if words:
        store.change(incident.id, **words)
    for text in options.note or ():
        store.add(incident.id, "note", text)
    for text in options.actions or ():
        store.add(incident.id, "action", text)
    _add_facts(store, incident.id, options)
    print(incident.id)
    return 0


def _add_facts(store: Store, id_: str, options: Namespace) -> None:
    from json import dumps

    from refused.api import load

    for given in options.error or ():
        text = _text(given)
        store.add(id_, "error", next(iter(text.strip().splitlines()), "")[:200], data=text)
    for each in options.request_id or ():
        store.add(id_, "request", each)
    for path in options.bundle or ():
        bundle = load(path.removeprefix("@"))
        data = dumps(bundle.to_json())
        store.add(
            id_,
            "evidence",
            f"saved evidence {os.path.basename(path)}",
            at=bundle.taken_at,
            data=data,
        )


def _text(given: str) -> str:
    if given == "-":
        return sys.stdin.read()
    if given.startswith("@"):
        with open(given[1:], encoding="utf-8", errors="replace") as file:
            return file.read()
    return given


def _cause(id_: str | None) -> dict[str, Any]:
    if not id_:
        return {}
    from refused.causes import catalogue

    known = {cause.id: cause for cause, _ in catalogue()}
    if id_ not in known:
        from difflib import get_close_matches

        near = get_close_matches(id_, known, 1)
        hint = f"; did you mean {near[0]}?" if near else "; refused causes lists them"
        raise BadOption(f"--cause: there is no cause {id_[:40]!r}{hint}")
    return {"cause": id_, "bucket": known[id_].bucket}


def _list(store: Store, options: Namespace) -> int:
    from json import dumps

    found = store.all()
    if options.json:
        print_json(dumps([each.to_json() for each in found], indent=2))
        return 0
    for each in reversed(found):
        state = "open" if each.is_open else "closed"
        level = f"severity {each.severity}" if each.severity else ""
        print("  ".join(filter(None, (each.id, state, level, each.cause, each.title))))
    if not found:
        print(
            "No incident has been kept yet; refused incident open TARGET begins.", file=sys.stderr
        )
    return 0


def _show(store: Store, options: Namespace) -> int:
    from json import dumps

    from refused.cli.config import responses
    from refused.incidents.review import protocol, took, utc
    from refused.incidents.timeline import durations, timeline

    incident = store.find(options.id)
    if options.json:
        print_json(dumps(incident.to_json(), indent=2))
        return 0
    print(f"{incident.id}  {'open' if incident.is_open else 'closed'}  {incident.title}")
    print(
        f"target {incident.target or '-'}  severity {incident.severity or '-'}  cause {incident.cause or 'not known'}"
    )
    print("  ".join(f"{name} {took(seconds)}" for name, seconds in durations(incident)))
    if incident.is_open:
        print(protocol(responses(os.environ).get(incident.severity or 0)))
    for each in timeline(incident):
        print(f"  {utc(each.at)}  {each.says}  ({each.source})")
    return 0


def _close(store: Store, options: Namespace) -> int:
    incident = store.find(options.id)
    cause = _cause(options.cause)
    if not (cause or incident.cause or options.unknown):
        raise BadOption(
            f"{incident.id} has no cause yet: give --cause ID, or --unknown if nobody found it"
        )
    resolved = moment(options.resolved) or incident.resolved_at or time.time()
    store.change(incident.id, **cause, resolved_at=resolved, closed_at=time.time())
    store.add(incident.id, "state", "closed")
    print(f"{incident.id}: closed; refused incident review {incident.id} writes the review")
    return 0


def _why(store: Store, options: Namespace) -> int:
    from json import dumps

    from refused.incidents.whys import whys

    incident = store.find(options.id)
    for level, text in options.answer or ():
        if level not in "12345" or len(level) != 1:
            raise BadOption("--answer: the level is 1 to 5, from the symptom to the process")
        data = dumps({"level": int(level), "answer": text})
        store.add(incident.id, "why", f"why {level}: {text}"[:200], data=data)
    if not options.answer and not options.json and sys.stdin.isatty():
        _ask_whys(store, incident)
    incident = store.find(options.id)
    if options.json:
        print_json(dumps([why.to_json() for why in whys(incident)], indent=2))
        return 0
    for why in whys(incident):
        print(f"{why.level}. {why.name}: {why.question}")
        print(f"   {why.answer or '(still to be answered: --answer ' + str(why.level) + ' TEXT)'}")
        if why.evidence:
            print(f"   evidence: {why.evidence}")
    return 0


def _ask_whys(store: Store, incident: Incident) -> None:
    from json import dumps

    from refused.incidents.whys import whys

    for why in whys(incident):
        if why.answer:
            continue
        print(
            f"{why.level}. {why.question}\n   ({why.evidence})\n> ",
            end="",
            file=sys.stderr,
            flush=True,
        )
        text = sys.stdin.readline().strip()
        if text:
            data = dumps({"level": why.level, "answer": text})
            store.add(incident.id, "why", f"why {why.level}: {text}"[:200], data=data)


def _review(store: Store, options: Namespace) -> int:
    from refused.cli.config import responses
    from refused.evidence.redaction import redact_ours
    from refused.incidents.review import html, markdown

    incident, asked = store.find(options.id), responses(os.environ)
    if options.html:
        write_file(options.html, redact_ours(html(incident, asked)))
    if options.markdown:
        write_file(options.markdown, redact_ours(markdown(incident, asked)))
    if not (options.html or options.markdown):
        print(redact_ours(markdown(incident, asked)))
    return 0


def _stats(store: Store, options: Namespace) -> int:
    from json import dumps

    from refused.incidents import picture
    from refused.incidents.stats import stats

    found = stats(store.all(moment(options.since) or 0.0))
    if options.html:
        write_file(options.html, picture.html(found))
    if options.json:
        print_json(dumps(found.to_json(), indent=2))
    elif not options.html:
        print(picture.text(found))
    return 0


def _bundle(store: Store, options: Namespace) -> int:
    from json import dumps

    from refused.api import read_text
    from refused.incidents.support import support_case

    found = store.find(options.id)
    errors = [error for said in found.of("error") for error in read_text(said.data or said.title)]
    case = support_case(found, errors)
    write_file(options.output, dumps(case, indent=1, ensure_ascii=False) + "\n")
    return 0


def _regression(store: Store, options: Namespace) -> int:
    from refused.incidents.regression import regression

    files = regression(store.find(options.id))
    os.makedirs(options.output, exist_ok=True)
    for name, text in files.items():
        write_file(os.path.join(options.output, name), text)
    return 0


def write_file(path: str, text: str) -> None:
    """Write a file whole or not at all, for its owner alone."""
    beside = f"{path}.{os.getpid()}.part"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
    print(f"written: {path}", file=sys.stderr)


_DO = {
    "open": _open,
    "add": _add,
    "list": _list,
    "show": _show,
    "why": _why,
    "review": _review,
    "close": _close,
    "stats": _stats,
    "bundle": _bundle,
    "regression": _regression,
}


def moment(text: str | None) -> float | None:
    """Read a moment: ISO 8601, a time of today (UTC), or so long ago (``20m``, ``90d``).

    Raises:
        BadOption: *text* is none of these.
    """
    if not text:
        return None
    from datetime import UTC, datetime

    word = text.strip()
    units = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
    if word[-1:] in units and word[:-1].replace(".", "", 1).isdigit():
        return time.time() - float(word[:-1]) * units[word[-1]]
    try:
        if ":" in word and "-" not in word and "T" not in word:
            today = datetime.now(UTC).date().isoformat()
            word = f"{today}T{word.rstrip('Z')}"
        found = datetime.fromisoformat(word)
    except ValueError:
        raise BadOption(
            f"{text[:40]!r} is no moment; give 2026-11-26T02:51Z, 02:51 (UTC, today) or 20m (ago)"
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
