"""The blameless post-incident review: what happened, why, and what is done so that it stays away.

One list of sections, written as Markdown or as HTML; both say the same. Nobody is named as its cause: who
made a change stands in the incident and in the activity log, for whoever has to ask them.
"""

from __future__ import annotations

from json import loads

from refused.causes import catalogue
from refused.diagnosis.severity import RESPONSES
from refused.evidence.control_plane import ResourceChange
from refused.evidence.record import Record
from refused.incidents.timeline import bundles, durations, timeline
from refused.incidents.whys import whys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from refused.causes.statements import Cause
    from refused.diagnosis.severity import Response
    from refused.incidents.record import Entry, Incident


class Section(Record):
    """A heading with paragraphs, a list, or a table under it."""

    title: str
    paragraphs: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    quoted: tuple[str, ...] = ()


LEVELS = {1: "nothing works, for everybody", 2: "nothing works for some", 3: "it works at times", 4: "it works, with a flaw"}  # fmt: skip


def sections(
    incident: Incident, responses: Mapping[int, Response] | None = None
) -> tuple[Section, ...]:
    """Return the review, section by section.

    Args:
        responses: What each level of severity asks for, where a team has set its own.
    """
    cause = next((each for each, _ in catalogue() if each.id == incident.cause), None)
    asked = (responses or RESPONSES).get(incident.severity or 0)
    return tuple(_sections(incident, cause, asked))


def protocol(asked: Response | None) -> str:
    """Return in words what a level asks for: until when, and whom to tell how often."""
    if asked is None:
        return "The severity is not settled, so nothing is asked for yet."
    whom = ", ".join(asked.tell)
    told = f" Tell {whom} every {took(asked.every_s)}." if whom else ""
    return f"Aim to end it within {took(asked.resolve_within_s)}.{told}"


def _sections(incident: Incident, cause: Cause | None, asked: Response | None) -> Iterator[Section]:
    people = _people(incident)
    yield Section(title="Summary", paragraphs=(_summary(incident, cause),))
    yield Section(
        title="Impact",
        paragraphs=(incident.impact or "Not written down yet: who felt what, and how many.",),
    )
    yield Section(
        title="Severity and communication", paragraphs=(protocol(asked), _kept_to(incident, asked))
    )
    yield Section(
        title="Timeline",
        head=("UTC", "what", "source"),
        rows=tuple(
            (utc(each.at), _nameless(each.says, people), each.source) for each in timeline(incident)
        ),
    )
    yield Section(
        title="How long it took",
        head=("", "from the first failure"),
        rows=tuple((name, took(seconds)) for name, seconds in durations(incident)),
    )
    root = (
        f"{cause.title[:1].upper()}{cause.title[1:]} ({cause.id}; bucket: {incident.bucket or cause.bucket})."
        if cause
        else "Not found yet."
    )
    yield Section(title="Root cause", paragraphs=(root,))
    yield Section(
        title="Five whys",
        head=("", "question", "answer", "evidence"),
        rows=tuple(
            (
                f"{why.level} {why.name}",
                why.question,
                _nameless(why.answer, people) or "(still to be answered)",
                _nameless(why.evidence, people),
            )
            for why in whys(incident)
        ),
    )
    yield Section(
        title="Errors, letter for letter",
        quoted=tuple(_text_of(each) for each in incident.of("error")),
    )
    yield Section(
        title="What was changed",
        points=tuple(_change(each) for each in incident.of("change"))
        or ("Nothing was changed with refused.",),
    )
    yield Section(
        title="How it was verified",
        points=tuple(_verified(each) for each in incident.of("verification"))
        or ("No watch was kept; refused verify TARGET --for 30m --incident ID keeps one.",),
    )
    yield Section(title="What went well", points=tuple(_well(incident)))
    yield Section(title="Actions", points=tuple(_actions(incident, cause)))
    yield Section(
        title="Regression case",
        paragraphs=(
            f"refused incident regression {incident.id} -o tests/ writes a world of the lab and a pytest file that reproduce it.",
        ),
    )


def _people(incident: Incident) -> tuple[str, ...]:
    """Return the people whom the evidence names as the authors of changes, longest name first."""
    callers = {
        fact.caller
        for bundle in bundles(incident)
        for fact in bundle.facts
        if isinstance(fact, ResourceChange) and "@" in fact.caller
    }
    return tuple(sorted(callers, key=lambda each: (-len(each), each)))


def _nameless(text: str, people: Sequence[str]) -> str:
    for name in people:
        text = text.replace(name, "a person")
    return text


def _summary(incident: Incident, cause: Cause | None) -> str:
    level = LEVELS.get(incident.severity or 0, "not settled")
    words = f"{incident.title}. Target: {incident.target}. Severity: {incident.severity or '-'} ({level})."
    if cause is not None:
        words += f" Cause: {cause.title}."
    return words + (" The incident is still open." if incident.is_open else "")


def _kept_to(incident: Incident, asked: Response | None) -> str:
    seconds = dict(durations(incident))["time to resolve"]
    if asked is None or seconds is None:
        return "Whether that was met is not known."
    return f"It took {took(seconds)}: {'within' if seconds <= asked.resolve_within_s else 'longer than'} the aim."


def _text_of(entry: Entry) -> str:
    return entry.data or entry.title


def _change(entry: Entry) -> str:
    data = _data(entry)
    state = f" ({data['state']}: {data['learnt']})" if data.get("state") else ""
    return f"{utc(entry.at)} {entry.title}{state}"


def _verified(entry: Entry) -> str:
    return f"{utc(entry.at)} {entry.title}"


def _well(incident: Incident) -> Iterator[str]:
    """Say what the record shows that helped; the rest is for the people who were there."""
    before = [
        each
        for each in incident.of("evidence")
        if incident.resolved_at is None or each.at <= incident.resolved_at
    ]
    if before:
        yield "evidence was kept before anything was changed"
    kept = [each for each in incident.of("change") if _data(each).get("cured")]
    if len(kept) == 1:
        yield "one change ended it, and it is known which"
    if incident.of("verification"):
        yield "the fix was watched afterwards"
    if (
        incident.detected_at is not None
        and incident.began_at is not None
        and incident.detected_at - incident.began_at <= 300
    ):
        yield "it was noticed within five minutes"
    yield "to be added by those who were there"


def _actions(incident: Incident, cause: Cause | None) -> Iterator[str]:
    for entry in incident.of("action"):
        yield entry.title
    if cause is not None:
        yield f"prevent: {cause.prevent}"
        yield f"alert on the condition: refused alerts plan TARGET --cause {cause.id}"
    yield "add the regression case to the test suite"
    if any(not why.answer for why in whys(incident)):
        yield f"answer the whys that are open: refused incident why {incident.id}"


def _data(entry: Entry) -> dict[str, Any]:
    try:
        data = loads(entry.data)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


# --- the two languages ----------------------------------------------------------------------------


def markdown(incident: Incident, responses: Mapping[int, Response] | None = None) -> str:
    """Return the review as Markdown."""
    lines = [f"# Review of {incident.id}: {_plain(incident.title)}", ""]
    for section in sections(incident, responses):
        lines += [f"## {section.title}", ""]
        for text in section.paragraphs:
            lines += [_plain(text), ""]
        if section.points:
            lines += [*(f"- {_plain(point)}" for point in section.points), ""]
        if section.rows:
            lines += [
                _row(section.head),
                _row(["---"] * len(section.head)),
                *map(_row, section.rows),
                "",
            ]
        for quote in section.quoted:
            fence = "`" * max(3, _longest_run(quote) + 1)
            lines += [fence, quote, fence, ""]
        if section.title.startswith("Errors") and not section.quoted:
            lines += ["None was kept.", ""]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Return text that Markdown does not read as anything else."""
    escaped = "".join(f"\\{letter}" if letter in "\\`*_[]<>#|" else letter for letter in text)
    return " ".join(escaped.split())


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell if cell == "---" else _plain(cell) for cell in cells) + " |"


def _longest_run(text: str) -> int:
    longest = run = 0
    for letter in text:
        run = run + 1 if letter == "`" else 0
        longest = max(longest, run)
    return longest


STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;width:100%}"
    "td,th{border-bottom:1px solid #ddd;padding:.35rem .6rem .35rem 0;text-align:left;vertical-align:top}"
    "pre{background:#f5f5f5;padding:.7rem;overflow:auto;white-space:pre-wrap}"
    "@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}pre{background:#222}td,th{border-color:#333}}"
)


def page(title: str, body: str) -> str:
    """Return a whole HTML page that loads nothing from anywhere."""
    from html import escape

    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )


def html(incident: Incident, responses: Mapping[int, Response] | None = None) -> str:
    """Return the review as one HTML page."""
    from html import escape

    parts = [f"<h1>Review of {escape(incident.id)}: {escape(incident.title)}</h1>\n"]
    for section in sections(incident, responses):
        parts.append(f"<h2>{escape(section.title)}</h2>\n")
        parts += [f"<p>{escape(text)}</p>\n" for text in section.paragraphs]
        if section.points:
            points = "".join(f"<li>{escape(point)}</li>\n" for point in section.points)
            parts.append(f"<ul>\n{points}</ul>\n")
        if section.rows:
            head = "".join(f"<th>{escape(cell)}</th>" for cell in section.head)
            rows = "".join(
                "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n"
                for row in section.rows
            )
            parts.append(f"<table>\n<tr>{head}</tr>\n{rows}</table>\n")
        parts += [f"<pre>{escape(quote)}</pre>\n" for quote in section.quoted]
        if section.title.startswith("Errors") and not section.quoted:
            parts.append("<p>None was kept.</p>\n")
    return page(f"{incident.id}: {incident.title}", "".join(parts))


def utc(at: float) -> str:
    """Return a moment as ``2026-11-26 03:12:05``, UTC."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def took(seconds: float | None) -> str:
    """Return a duration in words; what is not known says so."""
    if seconds is None:
        return "not known"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
