"""The words a judge has.

A judge reads evidence and utters statements; it never adds them up. Adding up is
:mod:`refused.diagnosis`'s part, so that all causes are weighed by one rule.
"""

from __future__ import annotations

from refused.evidence.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, Union

    from refused.evidence.observations import Observation, Unseen

    Hop = Literal["name", "address", "route", "tcp", "tls", "resp", "auth", "topology", "command"]
    Bucket = Literal["configuration", "capacity", "code", "dependency", "process"]
    Trait = Literal["between", "azure", "start"]
    Statement = Union["Clue", "Proof", "RuledOut", Unseen]  # noqa: UP007  # | takes no forward names


class Cause(Record):
    """What a root cause is, apart from any evidence. Its page is its module's docstring.

    Attributes:
        id: Public and stable; the module's name with hyphens.
        title: One line, reads after "because".
        hop: The hop to which it belongs in the catalogue.
        shows_at: The hops that break when it strikes. A cause is weighed only when the first
            broken hop is one of these, or when its proof needs no broken hop.
        traits: What holds of it as of others, for what speaks against all of them: ``between``, it
            stands between two hosts or before a service that others run; ``azure``, Azure alone has
            it; ``start``, it lets no connection come about in the first place.
        prior: Log-odds before any evidence, among the causes that show at the same hop; 0 is
            as common as any, 1 is about thrice as common. How often each is met is our
            estimate; no public statistics exist.
        needs: The kinds of observation that the judge asks for, all of them.
        remedies: What would end it, in words; the safest first.
        verify: What must come out different afterwards.
        prevent: How not to meet it again.
        expects: ``(check, outcome)`` pairs: what a check of :mod:`refused.diagnosis.checks` would
            show if this were the cause. The next check is chosen from these.
    """

    id: str
    title: str
    hop: Hop
    shows_at: tuple[Hop, ...]
    bucket: Bucket
    needs: tuple[type, ...]
    remedies: tuple[str, ...]
    verify: str
    prevent: str
    traits: tuple[Trait, ...] = ()
    prior: float = 0.0
    expects: tuple[tuple[str, str], ...] = ()


class Clue(Record):
    """An observation read as speaking for (weight above 0) or against (below 0) the cause.

    Attributes:
        weight: Log-odds: 0.7 is about two to one, 1.6 five to one, 3.0 twenty to one.
        because: One sentence a person can check, without the weight.
        seen: The observations it rests on.
        fact: Clues that are one fact seen twice share this word; only the strongest counts.
        foretells: Whether it speaks of a place that was read and not walked, as a pod by its manifest: what
            it says of that place counts, whatever hop broke here or none did.
        ends: Which of the cause's remedies it asks for; ``""`` where it speaks for none above the others.
    """

    weight: float
    because: str
    seen: tuple[Observation, ...] = ()
    fact: str = ""
    foretells: bool = False
    ends: str = ""


class Proof(Record):
    """A fact that implies the failure, together with the failure seen.

    Attributes:
        ends: Which of the cause's remedies it asks for; ``""`` where it speaks for none above the others.
    """

    because: str
    seen: tuple[Observation, ...] = ()
    ends: str = ""


class RuledOut(Record):
    """A contradiction: with this seen, the cause cannot be what broke the hop."""

    because: str
    seen: tuple[Observation, ...] = ()


class Signature(Record):
    """What a client, a runtime or a server prints when the cause strikes.

    The pattern is of the subset that RE2, Hyperscan, Kusto and :mod:`re` read alike: no look-around,
    no back-reference, bounded repetition, and it never crosses the end of a line.

    Attributes:
        id: Public and stable, unique in the whole catalogue, kebab-case.
        pattern: A regular expression, searched for anywhere in a line.
        family: Whose words they are: a client (``ioredis``), ``server``, ``tls``, ``socket``, ``azure`` …
        weight: Log-odds that the line lends the cause; 4.5 where it names it, less where it points.
        says: One sentence a person can check.
        example: A line of that kind, in our words and the software's format.
        ignores_case: Whether capitals and small letters are alike.
    """

    id: str
    pattern: str
    family: str
    weight: float
    says: str
    example: str
    ignores_case: bool = False
