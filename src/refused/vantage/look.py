"""Walk the path from every vantage point at once, and join what was seen.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

from refused.evidence.observations import ClientSettings, Elsewhere, Unseen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Sequence, Tuple

    from refused.evidence.bundle import Fact
    from refused.evidence.target import Parsed
    from refused.probes.gather import Wishes
    from refused.vantage import Place

# Facts that hold wherever one stands bear these names; they are no place.
EVERYWHERE = ("control-plane", "user")


def look(parsed: Parsed, places: Sequence[Place], wishes: Wishes) -> Tuple[Fact, ...]:
    """Return the evidence from all *places*, in the user's order; Ctrl-C ends it with what has come.

    Raises:
        ValueError: An option cannot be used, such as a CA file that cannot be read.
    """
    if len(places) == 1:
        return join([_walk(places[0], parsed, wishes)])
    from refused.probes.gather import side

    found: Dict[int, Tuple[Fact, ...]] = {}

    def walk(at: int) -> None:
        found[at] = _walk(places[at], parsed, wishes)

    jobs = [side(walk, at) for at in range(len(places))]
    try:
        for job in jobs:
            job.join()
    except KeyboardInterrupt:
        # What has come by now is worth having; those still on their way are not waited for. (A thread
        # whose join() was interrupted may pass for dead, so that is not asked.)
        pass
    for job in jobs:
        if job.failure is not None:
            raise job.failure
    return join([found.get(at, (_interrupted(each.name),)) for at, each in enumerate(places)])


def _interrupted(name: str) -> Unseen:
    why, how_to_see = "you interrupted it", "let it run to its end"
    return Unseen(vantage=name, what=f"the path from {name}", why=why, how_to_see=how_to_see)


def _walk(place: Place, parsed: Parsed, wishes: Wishes) -> Tuple[Fact, ...]:
    elsewhere = getattr(place, "gather", None)
    if elsewhere is not None:
        seen: Tuple[Fact, ...] = elsewhere(parsed, wishes)
        return seen
    from refused.probes.gather import gather

    return gather(parsed.target, parsed.credentials, parsed.settings, place, wishes)  # type: ignore[arg-type]


def join(found: Sequence[Tuple[Fact, ...]]) -> Tuple[Fact, ...]:
    """Put evidence from several walks together so that no two places bear one name.

    A walk may hold several places (a saved bundle does). The later of two equal names gets a number:
    ``here``, ``here (2)``. What the user said, and summaries of other places, are taken from the
    first walk that has them, for they are told anew when the whole is judged.
    """
    taken: Dict[str, None] = {}
    joined: List[Fact] = []
    settings_known = False
    for facts in found:
        names = _names(facts, taken)
        for fact in facts:
            if isinstance(fact, Elsewhere) and len(found) > 1:
                continue
            if isinstance(fact, ClientSettings):
                if settings_known:
                    continue
                settings_known = True
            if fact.vantage in EVERYWHERE:
                joined.append(fact)
                continue
            name = names[fact.vantage]
            joined.append(fact if name == fact.vantage else fact.replace(vantage=name))
        taken.update(dict.fromkeys(names.values()))
    return tuple(joined)


def _names(facts: Tuple[Fact, ...], taken: Dict[str, None]) -> Dict[str, str]:
    """Give each place of one walk a name that no other has."""
    own = dict.fromkeys(fact.vantage for fact in facts if fact.vantage not in EVERYWHERE)
    names: Dict[str, str] = {}
    for name in own:
        wanted, number = name, 1
        while wanted in taken or wanted in names.values() or (wanted != name and wanted in own):
            number += 1
            wanted = f"{name} ({number})"
        names[name] = wanted
    return names
