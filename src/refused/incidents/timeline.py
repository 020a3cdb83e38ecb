"""What happened, in order: the incident's own marks, what was noted, and what its evidence tells of.

Times out of logs and out of Azure are as those clocks had them.
"""

from __future__ import annotations

from json import loads

from refused.evidence.bundle import BadBundle, Bundle
from refused.evidence.control_plane import ResourceChange, ResourceHealth, ServiceEvent
from refused.evidence.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.incidents.record import Incident


class Moment(Record):
    """One moment of an incident.

    Attributes:
        source: Who says so: ``incident``, ``activity log``, ``service health``, the kind of an entry.
    """

    at: float
    says: str
    source: str


MARKS = (
    ("began_at", "the first failure"),
    ("detected_at", "somebody noticed"),
    ("opened_at", "the incident was opened"),
    ("diagnosed_at", "the cause was found"),
    ("resolved_at", "it worked again"),
    ("closed_at", "the incident was closed"),
)
# How far before the first failure a change is still told.
BEFORE_S = 24 * 3600.0


def timeline(incident: Incident) -> tuple[Moment, ...]:
    """Return every moment, in order; what two sources tell alike is told once."""
    moments = [
        Moment(at=at, says=says, source="incident")
        for name, says in MARKS
        if (at := getattr(incident, name)) is not None
    ]
    moments += [
        Moment(at=entry.at, says=entry.title, source=entry.kind)
        for entry in incident.entries
        if entry.kind not in ("why", "action", "evidence")
    ]
    for bundle in bundles(incident):
        moments += _told_by(bundle, incident)
    ordered = sorted(set(moments), key=lambda each: (each.at, each.source != "incident", each.says))
    return tuple(ordered)


def bundles(incident: Incident) -> Iterator[Bundle]:
    """Return the evidence bundles that were kept, oldest first; what cannot be read is passed over."""
    for entry in incident.of("evidence"):
        try:
            yield Bundle.from_json(loads(entry.data))
        except (ValueError, BadBundle):
            continue


def _told_by(bundle: Bundle, incident: Incident) -> Iterator[Moment]:
    since = (incident.began_at or incident.opened_at) - BEFORE_S
    for fact in bundle.facts:
        if isinstance(fact, ResourceChange) and fact.when >= since:
            who = f" by {fact.caller}" if fact.caller else ""
            says = f"{fact.summary or fact.operation}{who} ({fact.status})"
            yield Moment(at=fact.when, says=says, source=fact.found_in.replace("-", " "))
        elif isinstance(fact, ResourceHealth) and fact.since is not None and fact.since >= since:
            said = f"{fact.state}: {fact.title or fact.cause}".rstrip(": ")
            yield Moment(at=fact.since, says=said, source="resource health")
        elif isinstance(fact, ServiceEvent) and fact.starts is not None and fact.starts >= since:
            yield Moment(at=fact.starts, says=f"{fact.kind}: {fact.title}", source="service health")


def durations(incident: Incident) -> tuple[tuple[str, float | None], ...]:
    """Return how long it took to detect, diagnose and resolve, each from the first failure, in seconds."""
    began = incident.began_at
    return tuple(
        (name, None if began is None or at is None or at < began else at - began)
        for name, at in (
            ("time to detect", incident.detected_at),
            ("time to diagnose", incident.diagnosed_at),
            ("time to resolve", incident.resolved_at),
        )
    )
