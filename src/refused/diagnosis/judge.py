"""From evidence to a diagnosis: every cause is heard, the answers are weighed, and said aloud."""

from __future__ import annotations

from refused.causes import catalogue
from refused.diagnosis.next_check import next_check
from refused.diagnosis.notes import notes
from refused.diagnosis.rank import rank
from refused.diagnosis.severity import severity
from refused.diagnosis.weigh import weigh
from refused.evidence.observations import Elsewhere, PeerCertificates, TcpDial, Unseen
from refused.evidence.path import resolved, walk
from refused.evidence.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from refused.diagnosis.next_check import NextCheck
    from refused.diagnosis.rank import Finding
    from refused.diagnosis.weigh import Weighed
    from refused.evidence.bundle import Bundle, Evidence
    from refused.evidence.path import HopSeen


class PlaceSeen(Record):
    """The path as one vantage point walked it."""

    vantage: str
    path: tuple[HopSeen, ...]
    verdict: str


class Diagnosis(Record):
    """Everything we conclude from one bundle, and everything we could not.

    Attributes:
        places: The path from each vantage point; the first is the one that is explained.
        severity_because: Why the severity is what it is, or why it is not known.
        heard: Every cause that was weighed, for whoever wants the reasons.
    """

    verdict: str
    severity: int | None
    severity_because: str
    places: tuple[PlaceSeen, ...]
    findings: tuple[Finding, ...]
    ruled_out: tuple[Weighed, ...]
    unseen: tuple[Unseen, ...]
    next_check: NextCheck | None
    notes: tuple[str, ...]
    heard: tuple[Weighed, ...]

    @property
    def path(self) -> tuple[HopSeen, ...]:
        """The path that is explained."""
        return self.places[0].path


def diagnose(bundle: Bundle) -> Diagnosis:
    """Judge a bundle. Pure: the same bundle gives the same diagnosis anywhere."""
    views = with_elsewhere(tuple(bundle.view(vantage) for vantage in bundle.vantages))
    places = [
        (view, PlaceSeen(vantage=view.vantage, path=(path := walk(view)), verdict=_verdict(path)))
        for view in views
    ]
    # The place that fails is the one to explain; among several, the user's first.
    places.sort(key=lambda each: each[1].verdict != "fault")
    view, first = places[0]
    verdict = first.verdict
    heard = _hear(view) if verdict != "healthy" else ()
    findings = rank(heard) if verdict == "fault" else rank(_without_hop(heard))
    found = {each.weighed.cause.id for each in findings}
    level, because = severity(tuple(place.verdict for _, place in places), bundle.scope, view)
    return Diagnosis(
        verdict=verdict,
        severity=level,
        severity_because=because,
        places=tuple(place for _, place in places),
        findings=findings,
        ruled_out=tuple(each for each in heard if each.is_ruled_out and each.cause.id not in found),
        unseen=_unseen(view, heard, found),
        next_check=next_check(findings, bundle.target.service, _done(view)),
        notes=notes(view, tuple(place for _, place in places)),
        heard=heard,
    )


def _verdict(path: tuple[HopSeen, ...]) -> str:
    """Say what the path comes to.

    Healthy needs an answer from a Redis server: a path on which nothing failed because nothing was
    tried is inconclusive.
    """
    status = {hop.hop: hop.status for hop in path}
    if "failed" in status.values():
        return "fault"
    return "healthy" if status.get("resp") == "ok" else "inconclusive"


def _hear(view: Evidence) -> tuple[Weighed, ...]:
    return tuple(weigh(cause, judge(view), view.broken) for cause, judge in catalogue())


def _without_hop(heard: tuple[Weighed, ...]) -> tuple[Weighed, ...]:
    """Without a broken hop only what speaks for itself counts."""
    return tuple(each if each.proofs else each.replace(counts=False) for each in heard)


def _unseen(view: Evidence, heard: tuple[Weighed, ...], found: set[str]) -> tuple[Unseen, ...]:
    """Return what could not be seen, by the probes and by the judges of what is still possible."""
    gaps: dict[tuple[str, str], Unseen] = {}
    for gap in view.unseen:
        gaps.setdefault((gap.what, gap.why), gap)
    for each in heard:
        if each.cause.id in found:
            for gap in each.unseen:
                # "Nobody looked" with no way to look says nothing a reader could use.
                if gap.how_to_see or gap.why != "nobody looked":
                    gaps.setdefault((gap.what, gap.why), gap)
    return tuple(gaps.values())


def _done(view: Evidence) -> frozenset[str]:
    """Return the checks that this evidence already holds."""
    return frozenset({"elsewhere"} if view.look(Elsewhere) else ())


def with_elsewhere(views: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """Let every vantage point know, in short, what the others saw."""
    if len(views) < 2:
        return views
    summaries = [_summary(view) for view in views]
    from refused.evidence.bundle import Evidence as View

    return tuple(
        View(
            *view.facts,
            *(each for each in summaries if each.vantage != view.vantage),
            target=view.target,
            vantage=view.vantage,
        )
        for view in views
    )


def _summary(view: Evidence) -> Elsewhere:
    path = walk(view)
    dial = next((each for each in view.look(TcpDial) if each.local_address), None)
    shown = next((each.chain[0].issuer for each in view.look(PeerCertificates) if each.chain), None)
    return Elsewhere(
        vantage=view.vantage,
        at=max((fact.at for fact in view.facts if not isinstance(fact, Unseen)), default=0.0),
        took_ms=0.0,
        source=f"the walk from {view.vantage}",
        healthy=_verdict(path) == "healthy",
        path=tuple((hop.hop, hop.status) for hop in path),
        addresses=resolved(view),
        source_address=dial.local_address if dial else None,
        certificate_issuer=shown,
    )
