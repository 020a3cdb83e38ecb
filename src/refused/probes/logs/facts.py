"""Groups of events as evidence: the record that a pasted message gives, with the log's counts."""

from __future__ import annotations

from refused.probes.logs.read import UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from refused.evidence.error_text import Match
    from refused.evidence.observations import LoggedError
    from refused.probes.logs.read import LogRead
    from refused.probes.logs.tally import Group

# The rest is in the timeline; a judge needs the kinds, not the rarest of them.
MOST_GROUPS = 150
_MOST_ELSEWHERE = 5
_FEWEST_ELSEWHERE = 3


def facts_of(
    read: LogRead, match: Match, own: frozenset[str]
) -> dict[Group, tuple[LoggedError, ...]]:
    """Return what the groups tell of failed Redis connections, in the order of their first events.

    A group of another service's errors, or of lines that only sound like one, gives no record.

    Args:
        match: How patterns are found in a line.
        own: The ids of patterns that nobody but a Redis client or server utters.
    """
    from refused.evidence.error_text import read_errors

    known = [group for group in read.tally if read.names(group) != (UNKNOWN,)]
    known.sort(key=lambda group: -group.count)
    elsewhere = _elsewhere(read, known, own)
    found: dict[Group, tuple[LoggedError, ...]] = {}
    for group in known[:MOST_GROUPS]:
        if not group.is_redis and not own.intersection(read.names(group)):
            continue
        errors: list[LoggedError] = []
        for example in group.examples:
            errors += read_errors(
                example.text, match, own, file=example.file, first_line=example.line
            )
            if not errors:
                break
        if errors:
            found[group] = tuple(_counted(errors, group, elsewhere))
    return dict(sorted(found.items(), key=_first))


def _first(entry: tuple[Group, tuple[LoggedError, ...]]) -> tuple[float, str, int]:
    group, errors = entry
    at = group.first_at if group.first_at is not None else float("inf")
    return at, errors[0].file, errors[0].line


def _elsewhere(read: LogRead, known: list[Group], own: frozenset[str]) -> tuple[str, ...]:
    """Return the endpoints of other services that fail in the same log, the most frequent first."""
    return tuple(
        group.endpoint
        for group in known
        if group.endpoint
        and not group.is_redis
        and not own.intersection(read.names(group))
        and group.count >= _FEWEST_ELSEWHERE
    )[:_MOST_ELSEWHERE]


def _counted(
    errors: list[LoggedError], group: Group, elsewhere: tuple[str, ...]
) -> list[LoggedError]:
    """Give the group's count and times to the records of its first event; the others stand for one."""
    first = errors[0]
    kinds = {(each.symptoms, each.signatures) for each in errors if each.line <= first.line}
    more = len(group.examples) - 1
    counted = []
    for each in errors:
        is_leading = each is first or (each.symptoms, each.signatures) in kinds
        if is_leading:
            kinds.discard((each.symptoms, each.signatures))
        counted.append(
            each.replace(
                source="log",
                count=max(1, group.count - more) if is_leading else 1,
                first_at=group.first_at,
                last_at=group.last_at,
                at=group.last_at if group.last_at is not None else 0.0,
                gaps_s=tuple(group.gaps_s) if is_leading else (),
                elsewhere=tuple(dict.fromkeys((*each.elsewhere, *elsewhere)))[:_MOST_ELSEWHERE],
            )
        )
    return counted
