"""What goes wrong most, and where to invest next according to it.

The weight of a cause is the time it took people to resolve, not how often it came: ten blips of a
second cost less than one night.
"""

from __future__ import annotations

from refused.evidence.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from refused.incidents.record import Incident


class Row(Record):
    """One bucket or cause.

    Attributes:
        repeats: Incidents beyond the first on the same target with the same cause.
        mean_resolve_s: Of those whose beginning and end are known; ``None`` where none is.
        total_resolve_s: All of it together.
    """

    name: str
    count: int
    share: float
    repeats: int
    mean_resolve_s: float | None
    total_resolve_s: float


class Stats(Record):
    """The distribution of causes over a time.

    Attributes:
        months: ``(month as 2026-11, incidents)``, months without any included.
        unknown: Incidents whose cause nobody found.
    """

    count: int
    open: int
    unknown: int
    by_bucket: tuple[Row, ...]
    by_cause: tuple[Row, ...]
    months: tuple[tuple[str, int], ...]
    mean_detect_s: float | None
    mean_resolve_s: float | None


# What pays against each bucket: a sentence for whoever plans the next quarter.
INVEST = {
    "configuration": "keep settings in code, lint them before they are applied, and alert on changes",
    "capacity": "alert at 80 % of each limit, and share connections before buying more",
    "code": "hardened clients: one shared pool, time-outs, retries with back-off",
    "dependency": "see dependencies fail early: readiness, service health alerts, a second region",
    "process": "rehearse: runbooks, rotation of keys and certificates that does not rest on memory",
}


def stats(incidents: Sequence[Incident]) -> Stats:
    """Count incidents by bucket and cause, over time."""
    known = [each for each in incidents if each.cause]
    return Stats(
        count=len(incidents),
        open=sum(each.is_open for each in incidents),
        unknown=len(incidents) - len(known),
        by_bucket=_rows(known, "bucket"),
        by_cause=_rows(known, "cause"),
        months=_months(incidents),
        mean_detect_s=_mean([_between(each, "detected_at") for each in incidents]),
        mean_resolve_s=_mean([_between(each, "resolved_at") for each in incidents]),
    )


def advice(found: Stats) -> str:
    """Return where to invest next, one sentence, or that there is too little to say."""
    if sum(row.count for row in found.by_bucket) < 3:
        return "Too few incidents with a known cause to say where to invest."
    first = max(found.by_bucket, key=lambda row: (row.total_resolve_s, row.count))
    repeated = [row for row in found.by_cause if row.repeats]
    tail = (
        f" {repeated[0].name} came back {repeated[0].repeats} times on the same target."
        if repeated
        else ""
    )
    return f"Most time went into {first.name} ({first.count} of {found.count} incidents): {INVEST.get(first.name, 'look at its causes')}.{tail}"


def _rows(incidents: Sequence[Incident], field: str) -> tuple[Row, ...]:
    names: dict[str, list[Incident]] = {}
    for each in incidents:
        names.setdefault(getattr(each, field) or "not said", []).append(each)
    rows = []
    for name, of_it in names.items():
        took = [time for each in of_it if (time := _between(each, "resolved_at")) is not None]
        places = {(each.target, each.cause) for each in of_it}
        rows.append(
            Row(
                name=name,
                count=len(of_it),
                share=len(of_it) / len(incidents),
                repeats=len(of_it) - len(places),
                mean_resolve_s=_mean(took),
                total_resolve_s=sum(took),
            )
        )
    return tuple(sorted(rows, key=lambda row: (-row.count, -row.total_resolve_s, row.name)))


def _between(incident: Incident, name: str) -> float | None:
    began, until = incident.began_at, getattr(incident, name)
    return None if began is None or until is None or until < began else float(until - began)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [each for each in values if each is not None]
    return sum(known) / len(known) if known else None


def _months(incidents: Sequence[Incident]) -> tuple[tuple[str, int], ...]:
    from datetime import UTC, datetime

    counts: dict[tuple[int, int], int] = {}
    for each in incidents:
        when = datetime.fromtimestamp(each.began_at or each.opened_at, UTC)
        counts[when.year, when.month] = counts.get((when.year, when.month), 0) + 1
    if not counts:
        return ()
    (year, month), last = min(counts), max(counts)
    found = []
    while (year, month) <= last:
        found.append((f"{year}-{month:02}", counts.get((year, month), 0)))
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return tuple(found)
