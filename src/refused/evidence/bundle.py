"""The evidence of one diagnosis: a file that can be saved, sent, and judged again anywhere.

Judging a bundle again gives the same report, because judges see nothing else.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

from refused.evidence import observations
from refused.evidence.observations import Elsewhere, Observation, Unseen
from refused.evidence.record import MalformedRecord, Record
from refused.evidence.target import Target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Tuple, Type, TypeVar, Union

    from refused.evidence.path import Broken

    Fact = Union[Observation, Unseen]
    Kind = TypeVar("Kind", bound=Observation)

SCHEMA = "refused.bundle/1"
# A bundle is read by people and mailed around; one that is larger is not one of ours.
LARGEST_BYTES = 64 * 1024 * 1024


class BadBundle(ValueError):
    """A file is not an evidence bundle that we can read; the message says why, in one line."""

    for_people = True


class Evidence:
    """What one vantage point saw, as a judge gets it.

    A judge asks by kind. What was asked for is noted, so that a test can hold a cause to the
    kinds it declares.
    """

    def __init__(self, *facts: Fact, target: Target | None = None, vantage: str = "") -> None:
        self.target = target
        self.vantage = vantage or next((fact.vantage for fact in facts), "here")
        self.facts: Tuple[Fact, ...] = facts
        self.asked_for: set[type] = set()
        self._broken: Any = _NOT_WALKED

    def all(self, kind: Type[Kind]) -> Tuple[Kind, ...]:
        """Return every observation of *kind*, in the order in which they were made."""
        self.asked_for.add(kind)
        return self.look(kind)

    def one(self, kind: Type[Kind]) -> Union[Kind, Unseen]:
        """Return the latest observation of *kind*, or why there is none."""
        found = self.all(kind)
        return found[-1] if found else self.gap(kind)

    def gap(self, kind: Type[Kind]) -> Unseen:
        """Return why *kind* was not seen."""
        for fact in self.facts:
            if isinstance(fact, Unseen) and fact.what == kind.__name__:
                return fact
        return Unseen(vantage=self.vantage, what=kind.__name__, why="nobody looked", how_to_see="")

    def look(self, kind: Type[Kind]) -> Tuple[Kind, ...]:
        """Return what :meth:`all` does, without noting the question; for whoever is not a judge."""
        return tuple(fact for fact in self.facts if isinstance(fact, kind))

    @property
    def unseen(self) -> Tuple[Unseen, ...]:
        """Everything that was wanted and could not be had."""
        return tuple(fact for fact in self.facts if isinstance(fact, Unseen))

    @property
    def broken(self) -> Broken | None:
        """The first hop of the path that was seen to fail, and how; ``None`` where none was."""
        if self._broken is _NOT_WALKED:
            from refused.evidence.path import first_broken

            self._broken = first_broken(self)
        broken: Broken | None = self._broken
        return broken


_NOT_WALKED = object()


class Bundle(Record):
    """All facts of one diagnosis, from all vantage points.

    Attributes:
        taken_at: Seconds since 1970 UTC.
        tool: Name and version of what took it.
        limit_s: The time limit that the probes kept to.
        scope: Who is affected, where the user said so: ``all``, ``some`` or ``one``.
    """

    target: Target
    taken_at: float
    tool: str
    facts: tuple[Fact, ...]
    took_ms: float = 0.0
    limit_s: float = 5.0
    scope: str | None = None

    @property
    def vantages(self) -> Tuple[str, ...]:
        """The places we looked from, in order of appearance; what was summed up elsewhere is not one."""
        seen: Dict[str, None] = {}
        for fact in self.facts:
            if not isinstance(fact, Elsewhere) and fact.vantage not in _EVERYWHERE:
                seen[fact.vantage] = None
        return tuple(seen) or ("here",)

    def view(self, vantage: str) -> Evidence:
        """Return what a judge of *vantage* may see: its own facts, the control plane's, and summaries."""
        return Evidence(
            *(
                fact
                for fact in self.facts
                if fact.vantage == vantage
                or fact.vantage in _EVERYWHERE
                or (isinstance(fact, Elsewhere) and fact.vantage != vantage)
            ),
            target=self.target,
            vantage=vantage,
        )

    def to_json(self) -> Dict[str, Any]:
        """Return the bundle as JSON-ready objects, each fact under the name of its kind."""
        return {
            "schema": SCHEMA,
            "tool": self.tool,
            "taken_at": self.taken_at,
            "took_ms": self.took_ms,
            "limit_s": self.limit_s,
            "scope": self.scope,
            "target": self.target.to_json(),
            "facts": [{"fact": type(fact).__name__, **fact.to_json()} for fact in self.facts],
        }

    @classmethod
    def from_json(cls, data: object) -> Bundle:
        """Rebuild a bundle.

        Raises:
            BadBundle: *data* is no bundle, of a schema we don't know, or has an ill-formed fact.
        """
        if not isinstance(data, dict) or not isinstance(data.get("schema"), str):
            raise BadBundle('not an evidence bundle: it has no "schema"')
        if data["schema"] != SCHEMA:
            raise BadBundle(
                f"schema {data['schema'][:40]!r} is not one I can read; I know {SCHEMA}"
            )
        body = dict(data)
        del body["schema"]
        facts = body.pop("facts", None)
        if not isinstance(facts, list):
            raise BadBundle("the bundle has no list of facts")
        try:
            read = tuple(_fact(item, at) for at, item in enumerate(facts))
            target = Target.from_json(body.pop("target", None))
            known = {name: body.pop(name) for name in list(body) if name in _HEAD}
            if body:
                raise BadBundle(f"unknown field {next(iter(body))[:40]!r}")
            return cls(target=target, facts=read, **_head(known))
        except (MalformedRecord, TypeError) as wrong:
            raise BadBundle(str(wrong)) from None


# Facts that hold wherever one stands.
_EVERYWHERE = frozenset({"control-plane", "user"})


class _Head(Record):
    taken_at: float
    tool: str
    took_ms: float = 0.0
    limit_s: float = 5.0
    scope: str | None = None


_HEAD = frozenset(_Head._fields)


def _head(values: Dict[str, Any]) -> Dict[str, Any]:
    head = _Head.from_json(values)
    if head.scope not in (None, "all", "some", "one"):
        raise BadBundle("the scope is none of all, some and one")
    return dict(head.__dict__)


def _fact(item: object, at: int) -> Fact:
    if not isinstance(item, dict):
        raise BadBundle(f"fact {at} is not an object")
    fields = dict(item)
    kind = _kinds().get(str(fields.pop("fact", None)))
    if kind is None:
        raise BadBundle(f"fact {at} is of kind {str(item.get('fact'))[:40]!r}, which I don't know")
    try:
        read: Fact = kind.from_json(fields)
    except MalformedRecord as wrong:
        raise BadBundle(f"fact {at}: {wrong}") from None
    return read


_KINDS: Dict[str, Any] = {}


def _kinds() -> Dict[str, Any]:
    """Return every kind of fact by name; only who reads a bundle pays for those of the control plane."""
    if not _KINDS:
        from refused.evidence import control_plane, kubernetes

        _KINDS.update(  # in one step: another thread may be reading a bundle as well
            {
                name: each
                for module in (observations, control_plane, kubernetes)
                for name, each in vars(module).items()
                if isinstance(each, type)
                and (each is Unseen or (issubclass(each, Observation) and each is not Observation))
            }
        )
    return _KINDS
