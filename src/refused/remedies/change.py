"""What a change is: one write, its undo, and everything a person wants to know before it.

A change is data. Kinds of change make it from evidence, renderers say it in the language of a tool,
and only :mod:`refused.remedies.apply` carries it out.
"""

from __future__ import annotations

from refused.evidence.record import Record, nested

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Where = Literal["azure", "client", "host", "kubernetes", "others", "nowhere"]

# The languages in which a change can be said; a kind offers those that fit.
FORMS = ("az", "powershell", "bicep", "terraform", "kubectl", "sysctl", "shell", "diff")


@nested
class ArmWrite(Record):
    """One request to Azure Resource Manager.

    Attributes:
        method: ``PUT``, ``PATCH``, ``DELETE`` or ``POST``.
        id: The resource or action, from ``/subscriptions`` on.
        body: JSON text, keys in order; ``""`` for none.
    """

    method: str
    id: str
    api_version: str
    body: str = ""


@nested
class Setting(Record):
    """One setting before and after; ``None`` is "not there"."""

    name: str
    before: str | None
    after: str | None


class Change(Record):
    """One change that would end one cause.

    Attributes:
        kind: The module under ``kinds/`` that made it, with hyphens.
        cause: The id of the cause that it ends.
        title: What is changed, in the imperative.
        where: Where it is carried out. ``others``: by whoever runs the network or the server.
            ``nowhere``: nothing is to be changed, and *why* says so.
        resource_id: The resource that is exported, locked and compared before anything is written.
        write: What is sent to Azure; ``None`` for changes on the client's side.
        undo: What takes it back; ``None`` where the document as exported is put back, or where
            nothing can (then *reversible* is false and *undo_says* tells the reader).
        settings: What differs afterwards.
        facts: What renderers need besides: names, addresses, ports.
        why: Why this change ends the cause, and why it stands where it stands in the plan.
        affects: Who else feels it: the blast radius.
        interruption: What breaks meanwhile, and for how long.
        reversible: Whether it can be taken back without loss.
        proof: What must come out different afterwards, in words.
        hop: The hop of the path that must work afterwards.
        settles_s: How long Azure may take until it shows, in seconds; nothing is undone before.
        settles_source: Where that figure is from.
        price: Whether the bill goes up or down; ``""`` where it does not move.
        owner_word: Why the owner has to say yes explicitly; ``""`` where nobody has to.
        prepares: What this makes possible, where it cures nothing by itself; it is kept then without
            the failing probe having to work.
    """

    kind: str
    cause: str
    title: str
    where: Where
    why: str
    affects: str
    interruption: str
    proof: str
    hop: str
    resource_id: str = ""
    write: ArmWrite | None = None
    undo: ArmWrite | None = None
    settings: tuple[Setting, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    reversible: bool = True
    undo_says: str = ""
    settles_s: int = 0
    settles_source: str = ""
    price: str = ""
    owner_word: str = ""
    prepares: str = ""

    def fact(self, name: str) -> str:
        """Return what renderers need by name.

        Raises:
            KeyError: The change carries no such fact.
        """
        return dict(self.facts)[name]


class Missing(Record):
    """A change that would help and cannot be written down yet, for want of a fact.

    Attributes:
        what: The change, in words.
        needs: The fact that is missing.
        how: How to give it.
    """

    kind: str
    cause: str
    what: str
    needs: str
    how: str


class Refused(Record):
    """A change that would make the error go away and is not made, because it weakens security.

    Attributes:
        asked: What was asked for.
        because: What it would weaken.
        instead: The safe way.
    """

    asked: str
    because: str
    instead: str
