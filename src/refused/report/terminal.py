"""The report as a person reads it at three in the morning: the verdict first, then why.

Plain lines of words: eighty columns, no colour needed, nothing drawn that a screen reader would
spell out. Marks are words ("ok", "FAILED"), colour only repeats them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from refused.diagnosis.compare import Difference
    from refused.diagnosis.outcome import PlaceSeen
    from refused.diagnosis.severity import Response
    from refused.evidence.observations import Unseen
    from refused.evidence.path import HopSeen
    from refused.evidence.target import Target
    from refused.report import FoundCause, Report

    Paint = Callable[[str, str], str]

_STATUS = {"ok": "ok", "failed": "FAILED", "skipped": "-", "unknown": "?"}
_COLORS = {
    "ok": "32",
    "FAILED": "1;31",
    "-": "2",
    "?": "33",
    "healthy": "1;32",
    "fault": "1;31",
    "inconclusive": "1;33",
}


def render(report: Report, *, width: int = 80, color: bool = False, verbose: bool = False) -> str:
    """Return the whole report, lines at most *width* wide where words allow."""
    width = max(40, width)
    paint = _paint if color else _bare
    lines: list[str] = []
    for block in _blocks(report, width, paint, verbose=verbose):
        if block:
            lines.extend(block)
            lines.append("")
    return "\n".join(lines[:-1])


def _bare(text: str, _: str) -> str:
    return text


def _paint(text: str, kind: str) -> str:
    code = _COLORS.get(kind)
    return f"\x1b[{code}m{text}\x1b[0m" if code else text


def _blocks(report: Report, width: int, paint: Paint, *, verbose: bool) -> Iterator[list[str]]:
    said = report.diagnosis
    target = report.bundle.target
    yield [
        *_wrap(_where(target), width),
        paint(_verdict_line(report), said.verdict),
    ]
    places = said.places if verbose or len(said.places) > 1 else said.places[:1]
    yield from (list(_path(place, width, paint, named=len(places) > 1)) for place in places)
    if said.differences:
        yield list(_side_by_side(said.differences, width, verbose=verbose))
    yield list(_quotes(report, width, verbose=verbose))
    for number, cause in enumerate(report.causes, 1):
        if number > 3 and not verbose:
            rest = report.causes[3:]
            yield _wrap(
                "Also possible: " + ", ".join(f"{each.id} ({_percent(each)})" for each in rest),
                width,
            )
            break
        yield list(_cause(number, cause, width, verbose=verbose))
    if said.verdict == "fault" and not report.causes:
        yield _wrap("The hop is seen to fail, but no cause that I know fits what was seen.", width)
    if said.ruled_out:
        if verbose:
            yield [
                "Ruled out",
                *_items((f"{e.cause.id}: {e.ruled_out[0].because}" for e in said.ruled_out), width),
            ]
        else:
            names = ", ".join(each.cause.id for each in said.ruled_out)
            yield _wrap(f"Ruled out: {names} (--verbose says why)", width, "           ")
    if said.unseen and said.verdict != "healthy":
        yield [
            "Could not see",
            *_items(_unseen(said.unseen), width),
        ]
    if verbose:
        from refused.report.sockets import sockets_block

        yield sockets_block(report.bundle)
    if said.notes:
        yield ["Note", *_items(iter(said.notes), width)]
    yield from _what_next(report, width)


def _what_next(report: Report, width: int) -> Iterator[list[str]]:
    """Say what to look at, how to go on, and how soon."""
    said = report.diagnosis
    if said.next_check is not None:
        # A command is never broken over lines: people paste it.
        yield [
            *_wrap(f"Next, look at {said.next_check.check.what}:", width),
            f"  {plain(report.command(said.next_check.check.command))}",
        ]
    if _can_be_planned(report):
        yield [
            "To plan what ends it, one change at a time:",
            f"  {plain(report.command('refused fix {target}'))}",
        ]
    if said.verdict == "fault":
        level = f"Severity {said.severity}" if said.severity else "Severity unknown"
        yield _wrap(f"{level}: {said.severity_because}.{_response(report.response)}", width)


def _can_be_planned(report: Report) -> bool:
    """Whether a plan is worth asking for: a live target, and a cause that is more than possible."""
    first = next(iter(report.causes), None)
    is_live = report.bundle.target.form != "text"
    return is_live and first is not None and first.certainty != "possible"


_SERVICES = {
    "acr": " (Azure Cache for Redis)",
    "acre": " (Azure Cache for Redis Enterprise)",
    "amr": " (Azure Managed Redis)",
}


def _where(target: Target) -> str:
    """Say what was looked at; a text names it, in part, or not at all."""
    if target.form == "text":
        named = f", which names {target.text}" if target.host else ""
        return f"What a text tells{named}{_SERVICES.get(target.service, '')}"
    how = "TLS" if target.tls else "plain text"
    return f"{target.host} port {target.port}, {how}{_SERVICES.get(target.service, '')}"


def _verdict_line(report: Report) -> str:
    said = report.diagnosis
    took = f"in {report.bundle.took_ms / 1000:.1f} s"
    if said.verdict == "healthy":
        return f"HEALTHY: every hop that could be tried works ({took})"
    if report.bundle.target.form == "text":
        return _verdict_of_text(report)
    if said.verdict == "inconclusive" and said.places[0].verdict == "healthy":
        named = said.findings[0].weighed.cause.id
        return f"INCONCLUSIVE: it works from here, and not where the client runs, as far as was read: {named} ({took})"
    if said.verdict == "inconclusive":
        return f"INCONCLUSIVE: no hop could be shown to fail or to work ({took})"
    broken = next((hop for hop in said.path if hop.status == "failed"), None)
    if broken is None:
        first = report.causes[0]
        return f"FAULT in the log: {first.certainty} {first.id}; the path is well now ({took})"
    if report.causes:
        first = report.causes[0]
        return f"FAULT at {broken.hop}: {first.certainty} {first.id} ({took})"
    return f"FAULT at {broken.hop}: cause not known ({took})"


def _response(asked: Response | None) -> str:
    if asked is None:
        return ""
    within, every = _span(asked.resolve_within_s), _span(asked.every_s)
    told = f"; tell {', '.join(asked.tell)} every {every}" if asked.tell else ""
    return f" Aim to end it within {within}{told}."


def _span(seconds: float) -> str:
    """Say a time in its largest whole unit."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length and seconds % length == 0:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds:.0f} seconds"


QUOTES = 5


def _quotes(report: Report, width: int, *, verbose: bool) -> Iterator[str]:
    """Quote the errors, where they stand and how often, so that a reader can disagree with us."""
    from refused.evidence.observations import LoggedError

    if report.timeline:  # it quotes them, too
        yield from report.timeline.to_lines(width, verbose=verbose)
        return
    errors = [fact for fact in report.bundle.facts if isinstance(fact, LoggedError)]
    if not errors:
        return
    yield "Read in the text"
    for error in errors if verbose else errors[:QUOTES]:
        where = f"{error.file}:{error.line}" if error.file else f"line {error.line}"
        times = f", {error.count} times" if error.count > 1 else ""
        yield from _wrap(f"- {where}{times}: {error.quote}", width, "  ")
    if len(errors) > QUOTES and not verbose:
        yield f"- and {len(errors) - QUOTES} more (--verbose shows them)"


def _verdict_of_text(report: Report) -> str:
    if not report.causes:
        return "INCONCLUSIVE: the text tells of no failed Redis connection"
    first = report.causes[0]
    if report.verdict == "fault":
        return f"FAULT: {first.certainty} {first.id}"
    return "INCONCLUSIVE: cannot tell from the text alone; several causes fit it"


def _path(place: PlaceSeen, width: int, paint: Paint, *, named: bool) -> Iterator[str]:
    if place.not_reached:
        yield from _wrap(f"Path from {place.vantage}: not looked at: {place.not_reached}", width)
        return
    if named:
        yield plain(f"Path from {place.vantage}: {place.verdict}")
    for hop in place.path:
        # Of a path that nobody walked, only what the text tells is worth a line.
        if place.vantage != "user" or hop.status != "unknown":
            yield from _hop(hop, width, paint)


def _hop(hop: HopSeen, width: int, paint: Paint) -> Iterator[str]:
    mark = _STATUS[hop.status]
    ms = f"{hop.ms:.0f} ms" if hop.ms is not None else ""
    said = _wrap(hop.said, width - 27)
    arrow = ">" if hop.status == "failed" else " "
    yield f"{arrow} {hop.hop:<9} {paint(f'{mark:<6}', mark)} {ms:>7} {said[0] if said else ''}".rstrip()
    for line in said[1:]:
        yield " " * 27 + line


def _side_by_side(told: tuple[Difference, ...], width: int, *, verbose: bool) -> Iterator[str]:
    """Show what differs, a line for each place, its name in front."""
    yield "What differs"
    names = [plain(vantage) for vantage, _ in told[0].values]
    # A name that takes half the line stands on its own.
    column = max(len(name) for name in names) + 2
    for each in told:
        yield f"- {each.what}"
        for name, value in each.values:
            vantage = plain(name)
            said = value if verbose or len(value) <= _MOST_SHOWN else value[:_MOST_SHOWN] + "…"
            if column > width // 2:
                yield f"  {vantage}"
                yield from _wrap(f"    {said}", width, "    ")
                continue
            first, *rest = _wrap(said, width - column - 2)
            yield f"  {vantage:<{column}}{first}"
            yield from (" " * (column + 2) + line for line in rest)


_MOST_SHOWN = 200


def _percent(cause: FoundCause) -> str:
    return f"{cause.probability:.0%}"


def _cause(number: int, cause: FoundCause, width: int, *, verbose: bool) -> Iterator[str]:
    yield from _wrap(f"{number}. {cause.id}: {cause.certainty}, {_percent(cause)}", width, "   ")
    yield from _wrap(f"   {cause.title}.", width, "   ")
    yield from _items((f"for: {each}" for each in cause.because), width, "   ")
    yield from _items((f"against: {each}" for each in cause.against), width, "   ")
    if number == 1 or verbose:
        yield from _items(
            (f"fix: {each}" for each in cause.remedies[: None if verbose else 2]), width, "   "
        )
        yield from _wrap(f"   - check after: {cause.verify}", width, "     ")


def _unseen(gaps: tuple[Unseen, ...]) -> Iterator[str]:
    """Say what could not be seen, once for each reason: one closed door hides many things."""
    behind: dict[tuple[str, str], list[str]] = {}
    for gap in gaps:
        behind.setdefault((gap.why, gap.how_to_see), []).append(_in_words(gap.what))
    for (why, how), hidden in behind.items():
        yield f"{_listed(hidden)}: {why}" + (f"; {how}" if how else "")


# Kinds of facts whose name, taken apart, is not what people call the thing.
_CALLED = {
    "ArmAnswer": "Azure's raw answers",
    "AzureCache": "the cache's resource",
    "Metric": "the metrics",
    "NodeVisit": "the cluster's nodes",
    "ResourceChange": "what was changed",
    "ResourceSearch": "the cache's resource",
    "TlsHandshake": "a TLS handshake",
}


def _in_words(what: str) -> str:
    """Say the kind of a fact as people would; what is in words already stays as it is."""
    if what in _CALLED:
        return _CALLED[what]
    if not what.isalpha() or what[1:].islower() or not what[:1].isupper():
        return what
    return "".join(f" {each.lower()}" if each.isupper() else each for each in what).strip()


def _listed(names: list[str]) -> str:
    """Join names as a sentence has them: "A, B and C"."""
    *most, last = dict.fromkeys(names)
    return f"{', '.join(most)} and {last}" if most else last


def _items(texts: Iterator[str], width: int, indent: str = "") -> Iterator[str]:
    for text in texts:
        yield from _wrap(f"{indent}- {text}", width, f"{indent}  ")


def plain(text: str) -> str:
    """Return *text* without what a terminal would obey: a bundle may come from anybody."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else (" " if letter.isspace() else ascii(letter)[1:-1])
        for letter in text
    )


def _wrap(text: str, width: int, indent: str = "") -> list[str]:
    """Break *text* at spaces; later lines begin with *indent*. Longer words stand on their own line."""
    lines: list[str] = []
    text = plain(text)
    lead = text[: len(text) - len(text.lstrip())]
    line = lead
    empty = True
    for word in text.split():
        if not empty and len(line) + 1 + len(word) > width:
            lines.append(line)
            line, empty = indent, True
        line = line + word if empty else f"{line} {word}"
        empty = False
    lines.append(line)
    return lines
