"""When errors came: how many in which time, when their rate changed, bursts, quiet, rhythm.

Change points: the counts of equal spans are taken as Poisson with a rate that is constant between
changes, and the row is split where that raises the likelihood most, again and again (binary
segmentation: Scott and Knott, Biometrics 30, 1974; for Poisson counts the gain is a likelihood
ratio). A split is kept where the log of the ratio exceeds 4 plus the log of the number of spans,
which chance alone exceeds in fewer than one in a hundred even rows. Errors come in clusters,
though, and clusters are no chance: a short one shows as a burst.
"""

from __future__ import annotations

from math import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# With less than this, nothing is said of a change.
FEWEST_EVENTS = 8
FEWEST_SPANS = 12
MOST_SPANS = 480
_MOST_SEGMENTS = 12
_BURST = 3.0
_SHORTEST_S = 1.0


class Series:
    """Counts by time in spans that grow so that there are never more than *most* of them."""

    __slots__ = ("_most", "counts", "width_s")

    def __init__(self, most: int = 512) -> None:
        self._most = most
        self.width_s = 1.0
        self.counts: dict[int, int] = {}

    def add(self, at: float, count: int = 1) -> None:
        """Count *count* events at a time in seconds since 1970."""
        place = int(at // self.width_s)
        self.counts[place] = self.counts.get(place, 0) + count
        while len(self.counts) > self._most:
            self.widen()

    def widen(self) -> None:
        """Make the spans twice as wide."""
        self.width_s *= 2
        wider: dict[int, int] = {}
        for place, count in self.counts.items():
            wider[place // 2] = wider.get(place // 2, 0) + count
        self.counts = wider

    def merge(self, other: Series) -> None:
        """Add the counts of another series."""
        while self.width_s < other.width_s:
            self.widen()
        for place, count in other.counts.items():
            self.add((place + 0.5) * other.width_s, count)

    def row(self, start: float, end: float) -> tuple[float, list[int]]:
        """Return (width of a span, counts of all spans from *start* to *end*, none left out)."""
        width = self.width_s
        while (end - start) / width > MOST_SPANS:
            width *= 2
        first = int(start // width)
        row = [0] * (int(end // width) - first + 1)
        for place, count in self.counts.items():
            at = int(place * self.width_s // width) - first
            if 0 <= at < len(row):
                row[at] += count
        return width, row


class Stretch:
    """A time in which the rate was even.

    Attributes:
        start: Seconds since 1970; so is end.
        count: The events in it.
    """

    __slots__ = ("count", "end", "start")

    def __init__(self, start: float, end: float, count: int) -> None:
        self.start = start
        self.end = end
        self.count = count

    @property
    def per_minute(self) -> float:
        """Events per minute."""
        return self.count * 60 / max(self.end - self.start, 1e-9)

    def is_within(self, width_s: float) -> bool:
        """Whether it is no longer than one span of the row."""
        return self.end - self.start <= width_s * 1.001

    def with_next(self, following: Stretch) -> Stretch:
        """Return both as one."""
        return Stretch(self.start, following.end, self.count + following.count)


class Course:
    """How the rate went.

    Attributes:
        stretches: Times of even rate, in order; a single one where no change can be told.
        is_enough: Whether there are events and time enough to tell a change from chance.
        onset: When the rate first rose above what it was before, if it did.
        bursts: Stretches whose rate is at least thrice that of both neighbours.
        quiet_since: The last event, where by the rate before at least five should have followed.
        every_s: The usual time from one event to the next, where that is regular.
    """

    __slots__ = ("bursts", "every_s", "is_enough", "onset", "quiet_since", "stretches")

    def __init__(self, stretches: tuple[Stretch, ...], *, is_enough: bool) -> None:
        self.stretches = stretches
        self.is_enough = is_enough
        self.onset: float | None = None
        self.bursts: tuple[Stretch, ...] = ()
        self.quiet_since: float | None = None
        self.every_s: float | None = None

    @property
    def normal_per_minute(self) -> float | None:
        """The rate before the onset; None where nothing came before it, or it is not known."""
        if self.onset is None:
            return None
        before = [each for each in self.stretches if each.end <= self.onset + 1e-6]
        time = sum(each.end - each.start for each in before)
        return sum(each.count for each in before) * 60 / time if time > 0 else None


def course(
    series: Series,
    start: float,
    end: float,
    *,
    last_at: float,
    first_at: float | None = None,
    gaps_s: Sequence[float] = (),
) -> Course:
    """Say how the rate went between *start* and *end*, which the log covers.

    Args:
        last_at: When the last event was.
        first_at: When the first event was, where that is known: nothing began before it.
        gaps_s: Some times from one event to the next.
    """
    width, row = series.row(start, end)
    total = sum(row)
    is_enough = total >= FEWEST_EVENTS and len(row) >= FEWEST_SPANS
    cuts = _cuts(row) if is_enough else []
    bounds = [0, *cuts, len(row)]
    origin = int(start // width) * width
    stretches = tuple(
        Stretch(origin + a * width, origin + b * width, sum(row[a:b]))
        for a, b in zip(bounds, bounds[1:], strict=False)
    )
    begun = stretches[0].end if first_at is None else first_at
    stretches = _trimmed(stretches, begun, last_at, width)
    found = Course(stretches, is_enough=is_enough)
    for before, after in zip(stretches, stretches[1:], strict=False):
        if after.per_minute > before.per_minute:
            found.onset = after.start
            break
    found.bursts = tuple(
        each
        for at, each in enumerate(stretches)
        if 0 < at < len(stretches) - 1
        and each.per_minute
        >= _BURST * max(stretches[at - 1].per_minute, stretches[at + 1].per_minute)
    )
    since = end - last_at
    lively = [each for each in stretches if each.count]
    if lively and total >= FEWEST_EVENTS and lively[-1].per_minute * since / 60 >= 5:
        found.quiet_since = last_at
    found.every_s = regular(gaps_s)
    return found


def _trimmed(
    stretches: Sequence[Stretch], first_at: float, last_at: float, width_s: float
) -> tuple[Stretch, ...]:
    """Let what follows on nothing begin with its first event, and what nothing follows end with its last.

    The first or last span of errors is seldom full, and may have been taken for a change of the rate.
    """
    found = list(stretches)
    if len(found) > 1 and not found[0].count:
        if len(found) > 2 and found[1].is_within(width_s) and found[2].count:
            found[1:3] = [found[1].with_next(found[2])]
        if found[1].start < first_at < found[1].end:
            found[0].end = found[1].start = first_at
    if len(found) > 1 and not found[-1].count:
        if len(found) > 2 and found[-2].is_within(width_s) and found[-3].count:
            found[-3:-1] = [found[-3].with_next(found[-2])]
        until = max(last_at, found[-2].start + _SHORTEST_S)
        if until < found[-2].end:
            found[-2].end = found[-1].start = until
    return tuple(found)


def regular(gaps_s: Sequence[float]) -> float | None:
    """Return the usual gap where at least three in four gaps are within a tenth of it."""
    if len(gaps_s) < 4:
        return None
    middle = sorted(gaps_s)[len(gaps_s) // 2]
    near = sum(abs(gap - middle) <= 0.1 * middle for gap in gaps_s)
    return middle if middle >= 1 and near >= 0.75 * len(gaps_s) else None


def _cuts(row: Sequence[int]) -> list[int]:
    """Return the places before which the rate changed."""
    sums = [0]
    for count in row:
        sums.append(sums[-1] + count)
    threshold = 4 + log(len(row))
    cuts: list[int] = []
    left = [(0, len(row))]
    while left and len(cuts) < _MOST_SEGMENTS - 1:
        start, end = left.pop(0)
        at, gain = _best_cut(sums, start, end)
        if gain > threshold:
            cuts.append(at)
            left += [(start, at), (at, end)]
    return sorted(cuts)


def _best_cut(sums: Sequence[int], start: int, end: int) -> tuple[int, float]:
    best, most = start, 0.0
    whole = _likelihood(sums[end] - sums[start], end - start)
    for at in range(start + 1, end):
        gain = (
            _likelihood(sums[at] - sums[start], at - start)
            + _likelihood(sums[end] - sums[at], end - at)
            - whole
        )
        if gain > most:
            best, most = at, gain
    return best, most


def _likelihood(count: int, spans: int) -> float:
    """Return the log-likelihood of *count* in *spans* at its own rate, but for what cancels out."""
    return count * log(count / spans) if count else 0.0
