"""Rank the causes: probabilities that add up to one with "something else".

A proof is not weighed against guesses. What is proved stands at the top, each proof for itself:
two faults at once are two findings. What is left of the probability is shared by the others.
"""

from __future__ import annotations

from math import exp

from refused.evidence.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from refused.diagnosis.weigh import Weighed

# A proof rests on our reading of observations, and readings can be wrong: one in fifty.
PROVED = 0.98
# Log-odds of "something else", a cause nobody has written down yet, and by how much the sums of clues
# are drawn in, since clues within one cause are not independent. Both are fitted to the lab's faults
# by cross-validation over causes, on the cautious side: docs/calibration.md, docs/build_calibration.py.
SOMETHING_ELSE = 0.8
TEMPERATURE = 1.0
# Without a proof no cause is stated higher, however much speaks for it: readings can be wrong together,
# and one in twenty is kept for what nobody has written down.
AT_MOST = 0.95
LEAST = 0.02
MOST_FINDINGS = 8


class Finding(Record):
    """A cause as judged on this evidence."""

    weighed: Weighed
    certainty: str
    probability: float


def rank(
    weighed: Iterable[Weighed],
    *,
    something_else: float = SOMETHING_ELSE,
    temperature: float = TEMPERATURE,
    at_most: float = AT_MOST,
) -> tuple[Finding, ...]:
    """Return the findings, best first; the rest of the probability is "something else"."""
    counted = [each for each in weighed if each.counts and not each.is_ruled_out]
    proved = [each for each in counted if each.proofs]
    guessed = [each for each in counted if not each.proofs]
    share = 1 - PROVED if proved else at_most
    odds = [exp(each.score / temperature) for each in guessed]
    total = sum(odds) + exp(something_else / temperature)
    findings = [Finding(weighed=each, certainty="confirmed", probability=PROVED) for each in proved]
    for each, odd in zip(guessed, odds, strict=True):
        probability = share * odd / total
        certainty = "likely" if probability >= 0.5 else "possible"
        findings.append(Finding(weighed=each, certainty=certainty, probability=probability))
    findings.sort(key=lambda each: (-each.probability, -each.weighed.score, each.weighed.cause.id))
    kept = [each for each in findings if each.probability >= LEAST or each.certainty == "confirmed"]
    return tuple((kept or findings[:1])[:MOST_FINDINGS])
