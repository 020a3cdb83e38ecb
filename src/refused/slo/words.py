"""A plan of alerts as a person reads it, and as JSON (schema ``refused.alerts/1``)."""

from __future__ import annotations

from refused.slo.rules import SEVERITIES, MetricRule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from refused.evidence.control_plane import AzureCache, Metric
    from refused.slo.bodies import Document
    from refused.slo.replay import Span, Verdict
    from refused.slo.rules import LogRule, Rules
    from refused.slo.standing import Standing

SCHEMA = "refused.alerts/1"
STATES = {
    "missing": "is missing in Azure",
    "same": "stands in Azure as planned",
    "different": "stands in Azure otherwise",
    "elsewhere": "another rule does the same",
}


def to_data(
    cache: AzureCache,
    rules: Rules,
    documents: Sequence[Document],
    standing: Sequence[Standing],
) -> dict[str, Any]:
    """Return the plan as JSON-ready objects."""
    states = {each.document.id: each for each in standing}
    return {
        "schema": SCHEMA,
        "resource": cache.id,
        "service": cache.service,
        "rules": [
            {"type": "metric" if isinstance(each, MetricRule) else "activity-log", **each.to_json()}
            for each in rules.all
        ],
        "left_out": [each.to_json() for each in rules.left_out],
        "documents": [
            {
                "id": each.id,
                "rule": each.rule,
                "api_version": each.api_version,
                "body": each.data,
                "state": states[each.id].state if each.id in states else "unknown",
                "differences": list(states[each.id].differences) if each.id in states else [],
            }
            for each in documents
        ],
    }


def to_text(
    cache: AzureCache,
    rules: Rules,
    standing: Sequence[Standing],
    *,
    nobody: bool = False,
    verbose: bool = False,
    width: int = 80,
) -> str:
    """Return the plan for a terminal."""
    states = {each.document.rule: each for each in standing}
    size = f"{cache.sku or ''} {cache.family or ''}{cache.capacity or ''}".strip()
    blocks = [_wrap(f"{cache.name} ({cache.service}, {size}): {len(rules.all)} alerts", width)]
    blocks += [list(_rule(rule, states.get(rule.id), width, verbose=verbose)) for rule in rules.all]
    for gap in rules.left_out:
        how = f" {gap.how[0].upper()}{gap.how[1:]}." if gap.how else ""
        blocks.append(
            _wrap(f"Not watched: {gap.what}. {gap.why[0].upper()}{gap.why[1:]}.{how}", width)
        )
    if nobody:
        said = "Nobody is told yet: give --email ADDRESS or --action-group ARM_ID."
        blocks.append(_wrap(said, width))
    return "\n\n".join("\n".join(block) for block in blocks)


def _rule(
    rule: MetricRule | LogRule, now: Standing | None, width: int, *, verbose: bool
) -> Iterator[str]:
    yield from _wrap(f"{rule.id}: {rule.title}", width)
    if isinstance(rule, MetricRule):
        word = next(word for number, word, _ in SEVERITIES if number == rule.severity)
        split = "".join(f", {name} {' or '.join(values)}" for name, values in rule.dimensions)
        sign = {"GreaterThan": ">", "GreaterThanOrEqual": ">=", "LessThan": "<"}.get(
            rule.operator, "<="
        )
        lines = [
            (
                "when",
                f"{rule.aggregation} {rule.metric} {sign} {_figure(rule.threshold)} {rule.unit}".rstrip()
                + f"{split}, over {rule.window}, every {rule.every}",
            ),
            ("severity", f"{rule.severity} ({word})" if verbose else ""),
            ("why", rule.why),
            ("timing", rule.timing if verbose else ""),
        ]
    else:
        terms = "; ".join(f"{each.field} is {' or '.join(each.values)}" for each in rule.terms)
        lines = [("when", f"{rule.category}: {terms}"), ("why", rule.why)]
    lines += [("warns of", rule.cause), ("source", rule.source if verbose else "")]
    if now is not None:
        other = f": {now.other}" if now.other else ""
        lines.append(("state", f"{STATES[now.state]}{other}"))
        lines += [("", line) for line in now.differences]
    for name, said in lines:
        if said:
            yield from _wrap(f"   {name:<9} {said}", width, indent=13)


# --- replays --------------------------------------------------------------------------------------

REPLAY = "refused.alerts-replay/1"
BOUNDS = {
    "upper": "the history is of the highest values and the rule of others: it may ring too often here",
    "lower": "the history is of lower values than the rule's: it may ring too seldom here",
    "unsaid": "the file does not say how its values were aggregated",
}


def replay_data(
    verdicts: Sequence[Verdict], spans: Sequence[Span], gaps: Sequence[str], where: str
) -> dict[str, Any]:
    """Return a replay as JSON-ready objects."""
    return {
        "schema": REPLAY,
        "history": where,
        "incidents": [each.to_json() for each in spans],
        "rules": [each.to_json() for each in verdicts],
        "unseen": list(gaps),
    }


def replay_text(
    rules: Rules,
    verdicts: Sequence[Verdict],
    series: Sequence[Metric],
    spans: Sequence[Span],
    *,
    gaps: Sequence[str],
    where: str,
    width: int = 80,
) -> str:
    """Return a replay for a terminal: what rang first comes first."""
    known = {each.id: each for each in rules.metric}
    blocks = [_wrap(f"Replayed on {where}, against {_told(spans)}.", width)]
    rung = sorted(
        (each for each in verdicts if each.state == "rang"),
        key=lambda each: (each.before_s is None, -(each.before_s or 0.0), each.cried_wolf),
    )
    blocks += [list(_verdict(each, known.get(each.rule), spans, width)) for each in rung]
    for state, words in (
        ("silent", "Would not have rung"),
        ("no-history", "No history of their metric, so nothing is known of"),
        ("too-coarse", "The history is too coarse for"),
    ):
        names = [each for each in verdicts if each.state == state]
        if names:
            said = ", ".join(
                f"{each.rule}{_distance(known.get(each.rule), series)}" for each in names
            )
            blocks.append(_wrap(f"{words}: {said}.", width))
    blocks += [_wrap(f"Could not be read: {gap}", width) for gap in gaps]
    if rules.log:
        left = ", ".join(each.id for each in rules.log)
        blocks.append(
            _wrap(f"Not replayed: {left}; they ring on events and have no threshold to try.", width)
        )
    return "\n\n".join("\n".join(block) for block in blocks)


def _told(spans: Sequence[Span]) -> str:
    if not spans:
        return "no incident: none is known of this time"
    return ", ".join(f"{each.id} (began {_clock(each.began)})" for each in spans)


def _verdict(
    verdict: Verdict, rule: MetricRule | None, spans: Sequence[Span], width: int
) -> Iterator[str]:
    title = f": {rule.title}" if rule is not None else ""
    yield from _wrap(f"{verdict.rule}{title}", width)
    if verdict.before_s is not None:
        word = "before" if verdict.before_s >= 0 else "after"
        yield from _line("rang", f"{_span(abs(verdict.before_s))} {word} the incident began", width)
    elif spans:
        yield from _line("rang", "not for the incident", width)
    if verdict.missed:
        yield from _line("missed", ", ".join(verdict.missed), width)
    rate = verdict.cried_wolf / verdict.days * 7 if verdict.days >= 1 else None
    weekly = f", {rate:.1f} a week" if rate is not None and verdict.cried_wolf else ""
    days = f"{verdict.days:.1f} days" if verdict.days >= 1 else _span(verdict.days * 86400)
    yield from _line(
        "for nothing",
        f"{verdict.cried_wolf} of {len(verdict.firings)} times in {days}{weekly}",
        width,
    )
    shown = verdict.firings[:5]
    times = ", ".join(
        f"{_clock(each.at)} ({each.value:g}"
        + (f", for {_span(each.until - each.at)})" if each.until is not None else ", still on)")
        for each in shown
    )
    more = len(verdict.firings) - len(shown)
    yield from _line("times", times + (f" and {more} more" if more else ""), width)
    if verdict.bound:
        yield from _line("but", BOUNDS[verdict.bound], width)


def _line(name: str, said: str, width: int) -> list[str]:
    return _wrap(f"   {name:<12} {said}", width, indent=16)


def _distance(rule: MetricRule | None, series: Sequence[Metric]) -> str:
    """Return how far a metric usually is from the threshold, where a day of it is known."""
    from refused.slo.baselines import baseline

    points = [
        point
        for each in series
        if rule is not None and each.name.lower() == rule.metric.lower()
        for point in each.points
    ]
    usual = baseline(points)
    if rule is None or usual is None or not usual.is_enough or not rule.threshold:
        return ""
    return f" (usually up to {usual.p99:.0f} of {_figure(rule.threshold)})"


def _clock(at: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _span(seconds: float) -> str:
    if seconds >= 2 * 86400:
        return f"{seconds / 86400:.1f} days"
    if seconds >= 2 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.0f} min"


# --- small things ---------------------------------------------------------------------------------


def _figure(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:g}"


def _wrap(text: str, width: int, indent: int = 3) -> list[str]:
    from textwrap import wrap

    return wrap(
        text,
        max(width, 40),
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]
