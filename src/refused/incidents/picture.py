"""The distribution of causes as a picture: bars in text for a terminal, bars in SVG for a page."""

from __future__ import annotations

from refused.incidents.review import page, took
from refused.incidents.stats import advice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from refused.incidents.stats import Row, Stats

WIDTH = 30


def text(found: Stats) -> str:
    """Return the figures for a terminal."""
    if not found.count:
        return "No incident has been kept yet."
    lines = [
        f"{found.count} incidents, {found.open} open, {found.unknown} without a known cause.",
        f"Mean time to detect {took(found.mean_detect_s)}, to resolve {took(found.mean_resolve_s)}.",
    ]
    for title, rows in (("By bucket", found.by_bucket), ("By cause", found.by_cause)):
        if rows:
            lines += ["", title, *_bars(rows)]
    if found.months:
        most = max(count for _, count in found.months) or 1
        lines += ["", "By month"]
        lines += [
            f"  {month}  {'#' * round(WIDTH * count / most)} {count}"
            for month, count in found.months
        ]
    return "\n".join([*lines, "", advice(found)])


def _bars(rows: Sequence[Row]) -> list[str]:
    width = max(len(row.name) for row in rows)
    most = max(row.count for row in rows)
    return [
        f"  {row.name:<{width}}  {'#' * max(1, round(WIDTH * row.count / most)):<{WIDTH}} "
        f"{row.count} ({row.share:.0%}), {row.repeats} repeats, mean {took(row.mean_resolve_s)}"
        for row in rows
    ]


def html(found: Stats) -> str:
    """Return the figures as one HTML page with bars."""
    from html import escape

    parts = [
        "<h1>Root causes</h1>\n",
        (
            f"<p>{found.count} incidents, {found.open} open, {found.unknown} without a known cause. "
            f"Mean time to detect {took(found.mean_detect_s)}, to resolve {took(found.mean_resolve_s)}.</p>\n"
        ),
    ]
    for title, rows in (("By bucket", found.by_bucket), ("By cause", found.by_cause)):
        if rows:
            parts.append(
                f"<h2>{title}</h2>\n{_svg([(row.name, row.count, took(row.mean_resolve_s)) for row in rows])}\n"
            )
    if found.months:
        parts.append(
            f"<h2>By month</h2>\n{_svg([(month, count, '') for month, count in found.months])}\n"
        )
    parts.append(f"<p>{escape(advice(found))}</p>\n")
    return page("Root causes", "".join(parts))


def _svg(rows: Sequence[tuple[str, int, str]]) -> str:
    from html import escape

    most = max(count for _, count, _ in rows) or 1
    height, bars = 26 * len(rows), []
    for at, (name, count, note) in enumerate(rows):
        y, width = 26 * at, round(360 * count / most)
        bars.append(
            f'<text x="250" y="{y + 17}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="260" y="{y + 4}" width="{width}" height="18" fill="#4477aa"/>'
            f'<text x="{268 + width}" y="{y + 17}">{count}{" · " + escape(note) if note else ""}</text>'
        )
    said = ", ".join(f"{name} {count}" for name, count, _ in rows)
    return (
        f'<svg viewBox="0 0 800 {height}" width="100%" role="img" aria-label="{escape(said, quote=True)}" '
        f'font-size="13" fill="currentColor">{"".join(bars)}</svg>'
    )
