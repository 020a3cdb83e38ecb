"""Causes and statements that are made up, to hold the weighing to its rules whatever the causes say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from refused.causes.statements import Cause, Clue, Proof, RuledOut
from refused.diagnosis.checks import CHECKS
from refused.diagnosis.rank import rank
from refused.diagnosis.weigh import Weighed
from refused.evidence.observations import Unseen

if TYPE_CHECKING:
    from refused.causes.statements import Statement

SENTENCES = st.sampled_from(
    ["the dial was met with silence", "the key differs", "a route leads on"]
)
CHECK_IDS = sorted({check.id for check in CHECKS})
SERVICES = st.sampled_from(["acr", "acre", "amr", "redis"])


def a_cause(name: str, **changes: Any) -> Cause:
    """Return a cause of that name which shows at the dial."""
    plain = Cause(
        id=name,
        title=f"{name} it is",
        hop="tcp",
        shows_at=("tcp",),
        bucket="configuration",
        needs=(),
        remedies=("end it",),
        verify="it has ended",
        prevent="never begin",
    )
    return plain.replace(**changes)


def a_weighed(name: str, score: float = 0.0, **changes: Any) -> Weighed:
    """Return a cause that counts, with *score*."""
    cause = a_cause(name, expects=changes.pop("expects", ()))
    plain = Weighed(
        cause=cause, score=score, counts=True, proofs=(), clues=(), ruled_out=(), unseen=()
    )
    return plain.replace(**changes)


weights = st.floats(min_value=-6, max_value=6).filter(bool)
clues = st.builds(
    Clue, weight=weights, because=SENTENCES, fact=st.sampled_from(["", "silence", "address"])
)
proofs = st.builds(Proof, because=SENTENCES)
contradictions = st.builds(RuledOut, because=SENTENCES)
gaps = st.builds(
    Unseen, vantage=st.just("here"), what=SENTENCES, why=SENTENCES, how_to_see=SENTENCES
)
statements: st.SearchStrategy[Statement] = clues | proofs | contradictions | gaps

expectations = st.dictionaries(
    st.sampled_from(CHECK_IDS), st.sampled_from(["fails", "works", "same"]), max_size=4
).map(lambda chosen: tuple(chosen.items()))


@st.composite
def heard(draw: st.DrawFn, *, may_be_proved: bool = True) -> tuple[Weighed, ...]:
    """Return what was heard of several causes, each once."""
    few = st.lists(proofs, max_size=1).map(tuple) if may_be_proved else st.just(())
    return tuple(
        a_weighed(
            f"cause-{at}",
            draw(st.floats(min_value=-20, max_value=20)),
            counts=draw(st.booleans()),
            expects=draw(expectations),
            proofs=draw(few),
            ruled_out=draw(st.lists(contradictions, max_size=1).map(tuple)),
        )
        for at in range(draw(st.integers(0, 12)))
    )


findings = heard(may_be_proved=False).map(rank)
