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
# Log-odds of "something else": a cause nobody has written down yet. A cause with one weak clue
# stands about even with it.
SOMETHING_ELSE = 0.5
# Clues within one cause are not independent, whatever their authors hoped; the sum is drawn in.
TEMPERATURE = 1.25
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
) -> tuple[Finding, ...]:
    """Return the findings, best first; the rest of the probability is "something else"."""
    counted = [each for each in weighed if each.counts and not each.is_ruled_out]
    proved = [each for each in counted if each.proofs]
    guessed = [each for each in counted if not each.proofs]
    share = 1 - PROVED if proved else 1.0
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
