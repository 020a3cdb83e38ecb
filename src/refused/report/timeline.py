"""What a log tells over time: which errors, whence and when, with their exact words.

Built from what was read and what it was taken for; shown as text or as JSON-ready objects.
"""

from __future__ import annotations

from refused.probes.logs.rates import Series, course
from refused.probes.logs.read import UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from refused.evidence.observations import LoggedError
    from refused.probes.logs.rates import Course
    from refused.probes.logs.read import LogRead
    from refused.probes.logs.tally import Group, Quote

    Facts = Mapping[Group, tuple[LoggedError, ...]]

SHOWN = 8
_QUOTE = 300


class Timeline:
    """The errors of one reading, grouped by cause, host, client and address.

    Args:
        read: What was read.
        facts: What its groups were taken for.
        cause_of: The cause that a pattern speaks for, by the pattern's id.
    """

    def __init__(self, read: LogRead, facts: Facts, cause_of: Mapping[str, str]) -> None:
        self.read = read
        self._facts = facts
        self._cause_of = cause_of
        self._known = sorted(facts, key=lambda group: -group.count)
        self._unknown = sorted(
            (group for group in read.tally if read.names(group) == (UNKNOWN,)),
            key=lambda group: -group.count,
        )
        self._others = sorted(
            (group for group in read.tally if group not in facts and group.template is None),
            key=lambda group: -group.count,
        )

    def __bool__(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self._known or self._unknown)

    def to_data(self) -> dict[str, Any]:
        """Return the timeline as JSON-ready objects."""
        read = self.read
        return {
            "from": self._time(read.first_at),
            "to": self._time(read.last_at),
            "files": read.files,
            "lines": read.lines,
            "bytes": read.size,
            "engine": read.engine,
            "overall": self._course_data(self._known),
            "groups": [self._group_data(group) for group in self._known],
            "unknown": [
                {
                    "template": str(group.template),
                    "count": group.count,
                    "first_at": self._time(group.first_at),
                    "last_at": self._time(group.last_at),
                    "quotes": [self._quote_data(each) for each in group.examples],
                }
                for group in self._unknown
            ],
            "other_services": [
                {"endpoint": group.endpoint, "count": group.count} for group in self._others
            ],
            "notes": list(self._notes()),
        }

    def _group_data(self, group: Group) -> dict[str, Any]:
        first = self._facts[group][0]
        return {
            "causes": list(self.causes_of(group)),
            "symptoms": list(first.symptoms),
            "signatures": list(first.signatures),
            "client": first.client,
            "host": first.host,
            "address": first.address,
            "port": first.port,
            "endpoint": group.endpoint,
            "count": group.count,
            "first_at": self._time(group.first_at),
            "last_at": self._time(group.last_at),
            "files": group.files,
            **self._course_data((group,)),
            "quotes": [self._quote_data(each) for each in group.examples],
            "last": {"file": group.last[0], "line": group.last[1]},
        }

    def _course_data(self, groups: Iterable[Group]) -> dict[str, Any]:
        found = self._course(groups)
        if found is None:
            return {"onset": None, "normal_per_minute": None, "stretches": [], "bursts": [],
                    "quiet_since": None, "every_s": None, "is_enough": False}  # fmt: skip
        normal = found.normal_per_minute
        return {
            "onset": self._time(found.onset),
            "normal_per_minute": None if normal is None else round(normal, 4),
            "stretches": [
                {
                    "from": self._time(each.start),
                    "to": self._time(each.end),
                    "count": each.count,
                    "per_minute": round(each.per_minute, 4),
                }
                for each in found.stretches
            ],
            "bursts": [
                {"from": self._time(each.start), "to": self._time(each.end), "count": each.count}
                for each in found.bursts
            ],
            "quiet_since": self._time(found.quiet_since),
            "every_s": None if found.every_s is None else round(found.every_s, 1),
            "is_enough": found.is_enough,
        }

    def causes_of(self, group: Group) -> tuple[str, ...]:
        """Return the causes that the group's signatures speak for; none where it is a mere symptom."""
        names = self.read.names(group)
        return tuple(dict.fromkeys(filter(None, (self._cause_of.get(name, "") for name in names))))

    def _course(self, groups: Iterable[Group]) -> Course | None:
        """Say how the rate of some groups went, over the time that the log covers."""
        read, together = self.read, Series()
        first_at, last_at, gaps = None, None, []
        for group in groups:
            if group.last_at is None:
                continue
            together.merge(group.series)
            began = group.last_at if group.first_at is None else group.first_at
            first_at = began if first_at is None else min(first_at, began)
            last_at = group.last_at if last_at is None else max(last_at, group.last_at)
            gaps = group.gaps_s
        if last_at is None or read.first_at is None or read.last_at is None:
            return None
        return course(
            together,
            read.first_at,
            read.last_at,
            last_at=last_at,
            first_at=first_at,
            gaps_s=gaps,
        )

    def _time(self, at: float | None) -> str | None:
        """Write a time as the log has it: with a zone only where the log gives one."""
        if at is None:
            return None
        from datetime import UTC, datetime

        try:
            written = datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
        except (ValueError, OverflowError, OSError):
            return None
        return written[:-6] + ("" if self.read.lacks_zone else "Z")

    def _quote_data(self, quote: Quote) -> dict[str, Any]:
        return {
            "file": quote.file,
            "line": quote.line,
            "at": self._time(quote.at),
            "text": quote.text,
        }

    def _notes(self) -> Iterator[str]:
        read = self.read
        yield from read.notes
        if read.lacks_zone and read.first_at is not None:
            yield "times are as the log has them: it gives no zone"
        if read.lacks_year:
            yield "times without a year or a date are taken as the latest that fit the file's own time"
        if read.first_at is None and read.events:
            yield "no line carries a time that I can read: nothing is said of rates"
        if read.tally.put_together:
            yield (
                f"{read.tally.put_together} rare groups were put together across their endpoints "
                "to bound memory"
            )

    # --- text

    def to_lines(self, width: int = 80, *, verbose: bool = False) -> list[str]:
        """Return the timeline for a terminal, as lines of at most *width* where words allow."""
        from textwrap import wrap

        lines: list[str] = []

        def say(text: str, indent: str = "", hanging: str | None = None) -> None:
            lines.extend(
                wrap(
                    text,
                    width,
                    initial_indent=indent,
                    subsequent_indent=indent if hanging is None else hanging,
                    break_on_hyphens=False,
                )
                or [""]
            )

        say(self._headline())
        overall = self._course(self._known)
        if overall is not None and self._known:
            say(self._course_said(overall, "Errors of Redis connections"))
        shown = self._known if verbose else self._known[:SHOWN]
        for group in shown:
            first = self._facts[group][0]
            cause = (
                ", ".join(self.causes_of(group)) or f"fits several ({', '.join(first.symptoms)})"
            )
            where = f" at {group.endpoint}" if group.endpoint else ""
            client = f", {first.client}" if first.client else ""
            say(f"- {group.count} times {cause}{where}{client}", hanging="  ")
            found = self._course((group,))
            if group.first_at is not None:
                say(f"first {self._time(group.first_at)}, last {self._time(group.last_at)}", "  ")
            if found is not None and (found.onset is not None or found.every_s is not None):
                say(self._course_said(found, "this error"), "  ")
            for quote in group.examples if verbose else group.examples[:1]:
                say(_quoted(quote), "  ", "    ")
        if len(self._known) > len(shown):
            say(f"- and {len(self._known) - len(shown)} more groups (--verbose shows them)")
        if self._unknown:
            total = sum(group.count for group in self._unknown)
            say(f"Not known to me, but speaking of Redis and of trouble: {total}")
            for group in self._unknown if verbose else self._unknown[:3]:
                say(f"- {group.count} times {group.template}"[:_QUOTE], "", "  ")
                say(_quoted(group.examples[0]), "  ", "    ")
        for note in self._notes():
            say(f"Note: {note}", "", "  ")
        return lines

    def _headline(self) -> str:
        read = self.read
        span = (
            f", {self._time(read.first_at)} to {self._time(read.last_at)}" if read.first_at else ""
        )
        files = f" of {len(read.files)} files" if len(read.files) > 1 else ""
        errors = sum(group.count for group in self._known)
        return f"Timeline: {errors} errors of Redis connections in {read.lines} lines{files}{span}"

    def _course_said(self, found: Course, what: str) -> str:
        said = []
        if not found.is_enough:
            said.append("too few to tell a change from chance")
        elif found.onset is not None:
            normal = found.normal_per_minute or 0.0
            after = next(each for each in found.stretches if each.start >= found.onset)
            said.append(
                f"left the normal {_rate(normal)} at {self._time(found.onset)}, then {_rate(after.per_minute)}"
            )
        else:
            said.append(
                f"an even {_rate(found.stretches[0].per_minute)}"
                if len(found.stretches) == 1
                else "no rise"
            )
        said += [
            f"burst of {each.count} from {self._time(each.start)} to {self._time(each.end)}"
            for each in found.bursts[:3]
        ]
        if found.quiet_since is not None:
            said.append(f"quiet since {self._time(found.quiet_since)}")
        if found.every_s is not None:
            said.append(f"one about every {found.every_s:.0f} s")
        return f"{what}: {'; '.join(said)}."


def _rate(per_minute: float) -> str:
    if per_minute and per_minute < 0.1:
        return f"{per_minute * 60:.2g} an hour"
    return f"{per_minute:.2g} a minute" if per_minute < 100 else f"{per_minute:.0f} a minute"


def _quoted(quote: Quote) -> str:
    where = f"{quote.file}:{quote.line}" if quote.file else f"line {quote.line}"
    text = " ".join(quote.text.split())
    return f"{where}: {text[:_QUOTE]}{'…' if len(text) > _QUOTE else ''}"
