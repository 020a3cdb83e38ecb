"""Add up what a judge said about one cause."""

from __future__ import annotations

from refused.causes.statements import Clue, Proof, RuledOut
from refused.evidence.observations import Unseen
from refused.evidence.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from refused.causes.statements import Cause, Statement
    from refused.evidence.path import Broken


class Weighed(Record):
    """One cause with everything that was said about it.

    Attributes:
        score: Log-odds against the other causes that show at the same hop; not a probability.
        counts: Whether it may explain the hop that broke, or is proved by itself.
        is_foretold: Whether it is said of a place that was read and not walked.
    """

    cause: Cause
    score: float
    counts: bool
    proofs: tuple[Proof, ...]
    clues: tuple[Clue, ...]
    ruled_out: tuple[RuledOut, ...]
    unseen: tuple[Unseen, ...]
    is_foretold: bool = False

    @property
    def is_ruled_out(self) -> bool:
        """Whether a contradiction was seen, and no proof."""
        return bool(self.ruled_out) and not self.proofs


def weigh(cause: Cause, said: Iterable[Statement], broken: Broken | None) -> Weighed:
    """Sum the clues of one cause.

    Clues that share a ``fact``, or say the same, are one fact seen twice: the strongest of them
    counts, once.
    A cause that nothing speaks for does not count: its prior alone accuses nobody.
    """
    statements = tuple(said)
    clues = tuple(each for each in statements if isinstance(each, Clue))
    proofs = tuple(each for each in statements if isinstance(each, Proof))
    strongest: dict[str, float] = {}
    for clue in clues:
        key = f"fact {clue.fact}" if clue.fact else clue.because
        if abs(clue.weight) > abs(strongest.get(key, 0.0)):
            strongest[key] = clue.weight
    fits = broken is not None and broken.hop in cause.shows_at
    is_foretold = any(clue.foretells and clue.weight > 0 for clue in clues)
    return Weighed(
        cause=cause,
        score=cause.prior + sum(strongest.values()),
        counts=bool(proofs) or is_foretold or (fits and any(clue.weight > 0 for clue in clues)),
        proofs=proofs,
        clues=clues,
        ruled_out=tuple(each for each in statements if isinstance(each, RuledOut)),
        unseen=tuple(each for each in statements if isinstance(each, Unseen)),
        is_foretold=is_foretold,
    )
