"""Read errors out of a text: an exception, a stack trace, a few lines of a log.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Sequence, Tuple

    from refused.evidence.observations import LoggedError

    # Takes one line, gives the ids of the patterns (signatures and wordings) that are found in it.
    Match = Callable[[str], Sequence[str]]


def read_errors(
    text: str, match: Match, *, file: str = "", first_line: int = 1
) -> Tuple[LoggedError, ...]:
    """Return what *text* tells of failed Redis connections; nothing where it tells of none.

    Args:
        text: One block: a message with its trace, or lines that belong together.
        match: How signatures and wordings are found in a line.
        file: Where the text comes from.
        first_line: The number of its first line there.
    """
    raise NotImplementedError
