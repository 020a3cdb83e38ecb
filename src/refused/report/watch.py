"""The verdict of a watch, as a person reads it: in words first, then the figures."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from refused.remedies.watch import Figures, Watched

_WORDS = {
    "holds": "It holds",
    "fails": "It does not hold",
    "too-few": "Too few attempts to say",
}


def to_text(result: Watched) -> str:
    """Return the verdict and one line of figures for each thing that was attempted."""
    lines = [f"{_WORDS[result.verdict]}: watched for {_time(result.seconds)}."]
    for each in result.figures:
        lines.append(f"  {each.what}: {_counts(each)}")
        lines += [f"    {times} times: {why}" for why, times in each.reasons]
    return "\n".join(lines)


def _counts(each: Figures) -> str:
    words = [f"{each.attempts} attempts, {each.failures} failed"]
    if each.failures:
        words.append(f"longest gap {_time(each.longest_gap_s)}")
    if each.p50_ms is not None and each.p99_ms is not None:
        words.append(f"p50 {each.p50_ms:.1f} ms, p99 {each.p99_ms:.1f} ms")
    return "; ".join(words)


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"
