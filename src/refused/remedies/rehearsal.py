"""What a rehearsal in the lab came to."""

from __future__ import annotations

from refused.evidence.record import Record


class Rehearsal(Record):
    """One change, rehearsed in a lab that was built from the exported resource.

    Attributes:
        world: The world file, for ``refused lab up``.
        reproduced: Whether the lab showed the same cause first.
        verdict: Of the diagnosis in the lab, before the change.
        causes: Its first causes.
        change: What was changed there; ``""`` where the lab has no such change to make.
        cured: Whether it worked afterwards.
    """

    world: str
    reproduced: bool
    verdict: str
    causes: tuple[str, ...] = ()
    change: str = ""
    state: str = ""
    cured: bool = False
    learnt: str = ""
    took_s: float = 0.0
