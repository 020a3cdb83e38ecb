"""From a diagnosis to a plan: what to change, in which order, and what not to change at all.

The likeliest cause comes first; among changes that end the same cause, the one that disturbs
least. A plan is a list and not a script: only its first change is ever made, then we look again.
"""

from __future__ import annotations

from refused.evidence.record import Record
from refused.remedies.change import Change, Missing, Refused
from refused.remedies.kinds import all_kinds, firewall_rule
from refused.remedies.refusals import weakens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from refused.diagnosis.outcome import Diagnosis
    from refused.evidence.bundle import Bundle


class Step(Record):
    """One change of a plan, and how sure it is that its cause is the one.

    Attributes:
        certainty: ``confirmed``, ``likely`` or ``possible``.
        probability: That the cause is the one, 0 to 1.
        tried: What it taught when it was made before and taken back; such a change stands last.
        before: Why it stands before the next one; ``""`` for the last.
    """

    change: Change
    certainty: str
    probability: float
    tried: str = ""
    before: str = ""


class Plan(Record):
    """What would end the causes that were found.

    Attributes:
        steps: First things first.
        missing: What cannot be written down for want of a fact.
        refused: What was thought of and weakens security.
        without: Found causes that no change of ours ends.
    """

    steps: tuple[Step, ...]
    missing: tuple[Missing, ...] = ()
    refused: tuple[Refused, ...] = ()
    without: tuple[str, ...] = ()


def plan(
    bundle: Bundle,
    diagnosis: Diagnosis,
    tried: Mapping[str, str] | None = None,
    let_in: tuple[str, str] | None = None,
) -> Plan:
    """Plan what would end what was found. Pure: the same bundle gives the same plan.

    Args:
        tried: What changes taught that were made before and taken back, by title.
        let_in: First and last address of the range that a firewall rule is to hold, beside the client.

    Raises:
        BadRange: The range does not hold the client.
    """
    learnt = tried or {}
    evidence = bundle.view(diagnosis.places[0].vantage)
    steps: list[tuple[tuple[float, float, int, str], Step]] = []
    missing, refused, without = [], [], []
    for finding in diagnosis.findings:
        cause, some = finding.weighed.cause.id, False
        for kind in all_kinds():
            if cause not in kind.ENDS:
                continue
            for each in kind.propose(cause, evidence):
                some = True
                if isinstance(each, Missing):
                    missing.append(each)
                    continue
                widen = let_in if each.kind == "firewall-rule" else None
                proposed = each if widen is None else firewall_rule.widened(each, *widen)
                objection = weakens(proposed)
                if objection is not None:
                    refused.append(objection)
                    continue
                step = Step(
                    change=proposed,
                    certainty=finding.certainty,
                    probability=finding.probability,
                    tried=learnt.get(proposed.title, ""),
                )
                # What needs the owner's word is the last resort for its cause.
                rank = kind.RANK + (1000 if proposed.owner_word else 0)
                last = 1.0 if step.tried else 0.0
                steps.append(((last, -finding.probability, rank, proposed.title), step))
        if not some:
            without.append(cause)
    steps.sort(key=lambda each: each[0])
    ordered = [step for _, step in steps]
    return Plan(
        steps=tuple(
            step.replace(before=_before(step, following))
            for step, following in zip(ordered, [*ordered[1:], None], strict=False)
        ),
        missing=tuple(missing),
        refused=tuple(refused),
        without=tuple(without),
    )


def _before(step: Step, following: Step | None) -> str:
    """Return why one step stands before the next, by the rule that put them in order."""
    if following is None:
        return ""
    if following.tried and not step.tried:
        return "the next was tried and did not help"
    if step.probability > following.probability:
        one, other = step.change.cause, following.change.cause
        return (
            f"{one} ({step.probability:.0%}) is likelier than {other} ({following.probability:.0%})"
        )
    if following.change.owner_word and not step.change.owner_word:
        return "the next wants its owner's word"
    return "of what ends the same cause it disturbs or costs least"
