"""Join the lines of one event: a message and the trace below it, in the ways of many languages.

A line starts an event unless it has the look of a continuation. In logs whose lines carry times
this is plain; a trace alone goes by its indentation and the words of its runtime.
"""

from __future__ import annotations

import re

from refused.probes.logs.lines import JOINED, PREFIX

TYPE_CHECKING = False

# A trace that is longer is cut: what is needed of it stands near its start or in lines that match.
MOST_LINES_BACK = 400
REACH_BACK = 32 << 10

_TIME = rb"(?:[\[<(\"]?\d{2,4}[-/.:T]|[A-Z][a-z]{2} {1,2}\d{1,2} |[IWEF]\d{4} )"
_CONTINUES = re.compile(
    rb"\s*$|" + JOINED + rb"|" + PREFIX + rb"?"
    # A collector may have dated every line of a trace: then the indentation comes behind that.
    rb"(?:(?:[A-Z][a-z]{2} {1,2}\d{1,2} [\d:]{8}|\d{4}-\d\d-\d\d[T ][\d:.,]{8,}\S*) \S{1,80} {2,}(?=at |from |File )|"
    rb"[ \t]+(?!" + _TIME + rb")\S|"
    rb"at [\w.$<>`]+[ (]|"
    rb"Caused by: |Suppressed: |\.\.\. \d|---> |--- End of |During handling of the above|"
    rb"The above exception was|Stack trace:|#\d{1,3}:? |goroutine \d|created by |\S+\(0x|"
    rb"from /|thrown in |[})\]]+[,;]?(?:\s*$|\",)|\tfrom |Wrapped by: |"
    rb"[\w./-]{1,200}(?:\(\*\w{1,100}\)\.)?[\w.]{0,200}\([^ \n]{0,400}\)$)"
)
# The common case, told at once: a dated line whose message is not indented.
_HEAD = re.compile(
    rb"\[?\d{4}-\d\d-\d\d[T ][\d:.,]{8,16}(?:Z|[+-]\d\d:?\d\d)?\]? {1,2}[\[(<A-Za-z](?!\S{0,80} {2,}(?:at |from |File ))"
)
_TRACEBACK = re.compile(PREFIX + rb"?Traceback \(most recent call last")
_DATED = re.compile(PREFIX + rb"?\W{0,3}" + _TIME)
# The last line of a Python traceback stands at the margin again, below a line of source.
_EXCEPTION = re.compile(PREFIX + rb"?[A-Za-z_][\w.]{2,120}(?:: |$)")
_SOURCE_ABOVE = re.compile(PREFIX + rb"?[ \t]+(?!at |from )\S")
# A logger may put the exception on a line of its own, below the one that it dates.
_LOGGED = re.compile(rb"(?i)error|warn|fatal|severe|crit|fail|exception|panic|alert")
_NAMED = re.compile(
    PREFIX + rb"?[A-Za-z_][\w.$]{0,150}(?:Exception|Error|Failure|Fault|Timeout)(?:: |$)"
)
_HANDLING = re.compile(PREFIX + rb"?(?:During handling of|The above exception)")


def head_of(data: bytes, start: int, end: int, known_end: int = -1) -> int:
    """Return where the event begins that the line at *start* to *end* belongs to.

    Args:
        known_end: Where a line of the event before ends; -1 is returned where it is the same event.
    """
    for _ in range(MOST_LINES_BACK):
        if start == 0 or not _belongs_to_above(data, start, end):
            break
        end = start - 1
        start = data.rfind(b"\n", 0, end) + 1
        if end <= known_end:
            return -1
    return start


def _belongs_to_above(data: bytes, start: int, end: int) -> bool:
    if _HEAD.match(data, start, end) is not None:
        return False
    if _CONTINUES.match(data, start, end) is not None:
        return True
    above_end = start - 1
    above_start = data.rfind(b"\n", 0, above_end) + 1
    if _TRACEBACK.match(data, start, end) is not None:
        while above_start == above_end and above_start > 0:  # blank
            above_end = above_start - 1
            above_start = data.rfind(b"\n", 0, above_end) + 1
        is_handled = _HANDLING.match(data, above_start, above_end) is not None
        return is_handled or _DATED.match(data, above_start, above_end) is not None
    if _DATED.match(data, start, end) is not None:
        return False
    if _NAMED.match(data, start, end) is not None and (
        _DATED.match(data, above_start, above_end) is not None
        and _LOGGED.search(data, above_start, min(above_end, above_start + 400)) is not None
    ):
        return True
    return (
        _EXCEPTION.match(data, start, end) is not None
        and _SOURCE_ABOVE.match(data, above_start, above_end) is not None
        and _in_traceback(data, above_start)
    )


def _in_traceback(data: bytes, start: int) -> bool:
    """Whether the indented lines that end here began with a Python traceback."""
    for _ in range(MOST_LINES_BACK):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        if _TRACEBACK.match(data, start, end) is not None:
            return True
        if start == 0 or _SOURCE_ABOVE.match(data, start, end) is None:
            return False
        start = data.rfind(b"\n", 0, start - 1) + 1
    return False


def end_of(data: bytes, end: int) -> int:
    """Return where the event ends whose last known line ends at *end*."""
    for _ in range(MOST_LINES_BACK):
        start = end + 1
        if start >= len(data):
            return min(end, len(data))
        following = data.find(b"\n", start)
        following = len(data) if following < 0 else following
        if not _belongs_to_above(data, start, following):
            return end
        end = following
    return end
