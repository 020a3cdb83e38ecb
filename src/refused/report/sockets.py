"""This host's sockets to the target, as ``ss`` would show them: counts, and those that are stuck."""

from __future__ import annotations

from refused.evidence.observations import PortUse, SocketsToTarget

TYPE_CHECKING = False
if TYPE_CHECKING:
    from refused.evidence.bundle import Bundle
    from refused.evidence.observations import OpenSocket

MOST_SHOWN = 16
_HEAD = ("state", "local", "remote", "unacked", "resent", "pid")


def sockets_block(bundle: Bundle) -> list[str]:
    """Return the lines, none where nobody looked at the table (``--deep``, or a fault, does)."""
    tables = [fact for fact in bundle.facts if isinstance(fact, SocketsToTarget)]
    lines: list[str] = []
    several = len({table.vantage for table in tables}) > 1
    # The last look of each place is the one that counts.
    for table in {each.vantage: each for each in tables}.values():
        where = f" of {_plain(table.vantage)}" if several else ""
        counts = ", ".join(f"{count} {_plain(state)}" for state, count in table.by_state)
        lines.append(f"Sockets{where} to the target: {counts or 'none'}")
        lines += [
            f"  local ports: {use.used} of {use.available} in use; {use.time_wait} connections in TIME_WAIT"
            for use in _ports_of(bundle, table.vantage)
        ]
        lines += _table(table.stuck[:MOST_SHOWN])
        if len(table.stuck) > MOST_SHOWN:
            lines.append(f"  and {len(table.stuck) - MOST_SHOWN} more that are stuck")
    return lines


def _ports_of(bundle: Bundle, vantage: str) -> list[PortUse]:
    found = [f for f in bundle.facts if isinstance(f, PortUse) and f.vantage == vantage]
    return found[-1:]


def _table(stuck: tuple[OpenSocket, ...]) -> list[str]:
    if not stuck:
        return []
    rows = [
        (
            each.state,
            each.local,
            each.remote,
            str(each.unacked_bytes),
            str(each.retransmits),
            "" if each.pid is None else str(each.pid),
        )
        for each in stuck
    ]
    wide = [max(len(row[at]) for row in (_HEAD, *rows)) for at in range(len(_HEAD))]
    return [
        "  "
        + "  ".join(_plain(cell).ljust(size) for cell, size in zip(row, wide, strict=True)).rstrip()
        for row in (_HEAD, *rows)
    ]


def _plain(text: str) -> str:
    from refused.report.terminal import plain

    return plain(text)
