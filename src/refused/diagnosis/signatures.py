"""The signatures of all causes and the wordings of all symptoms, as one catalogue of patterns.

Pure: nothing is compiled here. Whoever matches many lines compiles with what suits it, and the
answers are the same, because the patterns keep to what all engines read alike.
"""

from __future__ import annotations

from refused.causes import modules
from refused.evidence.error_words import WORDINGS
from refused.evidence.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from refused.causes.statements import Signature
    from refused.evidence.error_text import Match


class Pattern(Record):
    """One thing to search for in a line.

    Attributes:
        id: The signature's or wording's id; unique.
        cause: The id of the cause it speaks for; ``""`` for the wording of a mere symptom.
        symptom: The symptom it words; ``""`` for a signature.
    """

    id: str
    pattern: str
    ignores_case: bool
    family: str
    cause: str = ""
    symptom: str = ""


def all_signatures() -> tuple[tuple[str, Signature], ...]:
    """Return every signature with the id of its cause."""
    return tuple(
        (module.CAUSE.id, signature)
        for module in modules()
        for signature in getattr(module, "SIGNATURES", ())
    )


def all_patterns() -> tuple[Pattern, ...]:
    """Return everything a matcher searches for: signatures first, then wordings of symptoms."""
    signed = [
        Pattern(
            id=each.id,
            pattern=each.pattern,
            ignores_case=each.ignores_case,
            family=each.family,
            cause=cause,
        )
        for cause, each in all_signatures()
    ]
    worded = [
        Pattern(
            id=each.id,
            pattern=each.pattern,
            ignores_case=each.ignores_case,
            family=each.family,
            symptom=each.symptom,
        )
        for each in WORDINGS
    ]
    return (*signed, *worded)


def matcher() -> Match:
    """Return the portable matcher: a line in, the ids of the patterns found in it out."""
    from refused.evidence.matching import Matcher

    return Matcher((each.id, each.pattern, each.ignores_case) for each in all_patterns()).ids


def own_ids() -> frozenset[str]:
    """Return the ids of signatures in the words of a Redis client or server, not of a system or runtime."""
    from refused.evidence.error_text import GENERAL

    return frozenset(each.id for _, each in all_signatures() if each.family not in GENERAL)
