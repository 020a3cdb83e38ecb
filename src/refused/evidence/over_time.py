"""Readings of a watch: how often it failed, how sure that figure is, and for how long at a time.

Pure descriptions that the path, the judges and the notes share. A failure that was seen is a
failure, however rare; what is uncertain is its rate, so that a rate comes with its interval.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

from refused.evidence.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, List, Sequence, Tuple

    from refused.evidence.observations import Attempt, IdleHold, OverTime

# The stages of an attempt in the order of the path.
STAGES = ("tcp", "tls", "resp", "auth", "command", "done")
# The 97.5th percentile of the normal distribution: an interval of 95 %.
_Z = 1.959963984540054
# What this host is short of says nothing of the path.
OWN_SHORTAGES = ("no-descriptor", "no-local-port")


def wilson(failed: int, tried: int) -> Tuple[float, float]:
    """Return the 95 % confidence interval of a rate, both ends between 0 and 1.

    Wilson's score interval holds for few attempts and for rates near 0 and 1, where the plain
    one does not.

    >>> [round(end, 3) for end in wilson(1, 10)]
    [0.018, 0.404]

    Raises:
        ValueError: Nothing was tried, or more failed than was tried.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference,
    JASA 22 (1927), 209-212.
    """
    if tried < 1 or not 0 <= failed <= tried:
        raise ValueError(f"{failed} of {tried} is no rate")
    rate, square = failed / tried, _Z * _Z
    centre = rate + square / (2 * tried)
    spread = _Z * (rate * (1 - rate) / tried + square / (4 * tried * tried)) ** 0.5
    below, above = (
        (centre - spread) / (1 + square / tried),
        (centre + spread) / (1 + square / tried),
    )
    # At the ends the exact value is 0 or 1; rounding would miss it by a hair.
    return (0.0 if failed == 0 else below), (1.0 if failed == tried else above)


class Tally(Record):
    """How the attempts of a watch fared at one hop.

    Attributes:
        failed: Attempts that ended there.
        tried: Attempts that came so far.
        outcomes: ``(outcome word, how often)``, the most frequent first.
    """

    failed: int
    tried: int
    outcomes: tuple[tuple[str, int], ...] = ()

    @property
    def said(self) -> str:
        """The rate with its interval, for people."""
        return rate_said(self.failed, self.tried)


def rate_said(failed: int, tried: int) -> str:
    """Say a rate with its interval.

    >>> rate_said(3, 36)
    '3 of 36 attempts failed (8 %; 95 % interval 3 to 22 %)'
    """
    low, high = wilson(failed, tried)
    return (
        f"{failed} of {tried} attempts failed ({_percent(failed / tried)} %; "
        f"95 % interval {_percent(low)} to {_percent(high)} %)"
    )


def _percent(share: float) -> str:
    value = 100 * share
    return f"{value:.1f}" if 0 < value < 1 or 99 < value < 100 else f"{value:.0f}"


def dials(watches: Iterable[OverTime]) -> Tuple[Attempt, ...]:
    """Return the attempts that made a connection of their own."""
    return tuple(each for watch in watches for each in watch.attempts if each.kind == "dial")


def tally(watches: Sequence[OverTime], hop: str) -> Tally | None:
    """Count how attempts fared at *hop*; ``None`` where none came so far.

    PINGs on the connection that was kept count at ``command``, together with those of dials.
    """
    if hop not in STAGES:
        return None
    at = STAGES.index(hop)
    reached = [
        each
        for each in dials(watches)
        if STAGES.index(each.stage if each.stage in STAGES else "done") >= at
    ]
    counts: Dict[str, int] = {}
    failed = [each for each in reached if each.stage == hop]
    tried = len(reached)
    if hop == "command":
        cut = [
            each
            for watch in watches
            for each in watch.attempts
            if each.kind == "ping" and each.failed
        ]
        failed += cut
        tried += sum(max(0, watch.pings) for watch in watches)
    for each in failed:
        counts[each.outcome] = counts.get(each.outcome, 0) + 1
    if not tried:
        return None
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return Tally(failed=len(failed), tried=max(tried, len(failed)), outcomes=tuple(ordered))


class Outage(Record):
    """One stretch of failures between two moments at which all was well.

    Attributes:
        began_at: When the first attempt that failed began, in seconds since 1970 UTC.
        least_s: From there to the beginning of the last that failed: so long it lasted at least.
        most_s: From the end of the last good one before to the beginning of the first good one
            after; ``None`` where one of them is missing: it began before the watch, or outlived it.
        tries: How many attempts failed.
        outcomes: Their outcome words, each once, in order.
    """

    began_at: float
    least_s: float
    most_s: float | None
    tries: int
    outcomes: tuple[str, ...]

    @property
    def said(self) -> str:
        """How long it lasted, for people."""
        if self.most_s is None:
            return f"at least {self.least_s:.1f} s"
        if self.most_s - self.least_s < 0.1:
            return f"{self.most_s:.1f} s"
        return f"{self.least_s:.1f} to {self.most_s:.1f} s"


def outages(watches: Sequence[OverTime]) -> Tuple[Outage, ...]:
    """Return the stretches in which nothing worked, of all attempts in order of time."""
    attempts = sorted(
        (each for watch in watches for each in watch.attempts), key=lambda each: each.at
    )
    found: List[Outage] = []
    bad: List[Attempt] = []
    good_until: float | None = None
    for each in attempts:
        if each.failed:
            if each.outcome not in OWN_SHORTAGES:
                bad.append(each)
            continue
        if bad:
            found.append(_outage(bad, good_until, each.at))
            bad = []
        ended = each.at + each.took_ms / 1000
        good_until = ended if good_until is None else max(good_until, ended)
    if bad:
        found.append(_outage(bad, good_until, None))
    return tuple(found)


def _outage(bad: Sequence[Attempt], before: float | None, after: float | None) -> Outage:
    began = bad[0].at
    # An attempt that hung began in good times, perhaps, and ended in bad ones.
    least = max(0.0, bad[-1].at - began)
    most = None if before is None or after is None else max(least, after - min(before, began))
    return Outage(
        began_at=began,
        least_s=least,
        most_s=most,
        tries=len(bad),
        outcomes=tuple(dict.fromkeys(each.outcome for each in bad)),
    )


def is_scattered(watches: Sequence[OverTime]) -> bool | None:
    """Whether failures come singly, good attempts between them, rather than in one stretch.

    ``None`` where there are fewer than three failures: two may stand anywhere.
    """
    stretches = outages(watches)
    failures = sum(each.tries for each in stretches)
    if failures < 3:
        return None
    return len(stretches) >= 3 and len(stretches) > failures / 2


def answered_around(watches: Iterable[OverTime], since: float, until: float) -> int:
    """Return how many attempts with a connection of their own were answered in a stretch of time.

    Those count that began in it. Times are in seconds since 1970 UTC.
    """
    return sum(since <= each.at <= until and not each.failed for each in dials(watches))


# Two connections that end within so many seconds of each other end for one reason.
TOGETHER_S = 3.0


def cut_together(watches: Sequence[OverTime], hold: IdleHold) -> bool:
    """Whether connections in use failed when a quiet one ended: then its quiet is not why."""
    return any(
        stretch.began_at - TOGETHER_S
        <= hold.at
        <= stretch.began_at + (stretch.most_s or stretch.least_s) + TOGETHER_S
        for stretch in outages(watches)
    )
