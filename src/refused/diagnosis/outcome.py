"""What is concluded from a bundle: the path from each place, the causes, and what could not be seen."""

from __future__ import annotations

from refused.evidence.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from refused.diagnosis.compare import Difference
    from refused.diagnosis.next_check import NextCheck
    from refused.diagnosis.rank import Finding
    from refused.diagnosis.weigh import Weighed
    from refused.evidence.observations import Elsewhere, Unseen
    from refused.evidence.path import HopSeen


class PlaceSeen(Record):
    """The path as one vantage point walked it.

    Attributes:
        not_reached: Why nothing was seen from there, and what would help; ``""`` where something was.
    """

    vantage: str
    path: tuple[HopSeen, ...]
    verdict: str
    not_reached: str = ""


class Diagnosis(Record):
    """Everything we conclude from one bundle, and everything we could not.

    Attributes:
        places: The path from each vantage point; the first is the one that is explained.
        severity_because: Why the severity is what it is, or why it is not known.
        heard: Every cause that was weighed, for whoever wants the reasons.
        elsewhere: What each vantage point saw, summed up, where there are several.
        differences: In what they differ.
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
    elsewhere: tuple[Elsewhere, ...] = ()
    differences: tuple[Difference, ...] = ()

    @property
    def path(self) -> tuple[HopSeen, ...]:
        """The path that is explained."""
        return self.places[0].path
