"""Read a text as a log, in tests."""

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING

from refused.probes.logs.read import read_logs, scanner_for
from refused.probes.logs.sources import Source
from tests.probes.logs.catalogue import whole

if TYPE_CHECKING:
    from refused.probes.logs.read import LogRead
    from refused.probes.logs.scan import Scanner
    from refused.probes.logs.tally import Group

NOW = 1_795_665_600.0  # 2026-11-26T04:00:00Z


def read(text: str | bytes, *, engine: str = "portable") -> LogRead:
    """Read *text* as standard input with the whole catalogue."""
    data = text.encode() if isinstance(text, str) else text
    return read_logs([Source("-", stdin=io.BytesIO(data))], _scanner(engine), now=NOW)


@cache
def _scanner(engine: str) -> Scanner:
    return scanner_for(whole(), engine)


def groups(result: LogRead) -> list[Group]:
    """Return the groups, the most frequent first, in the order of their first lines."""
    return sorted(result.tally, key=lambda group: (-group.count, group.examples[0].line))
