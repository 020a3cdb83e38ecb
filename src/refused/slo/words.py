"""A plan of alerts as a person reads it, and as JSON (schema ``refused.alerts/1``)."""

from __future__ import annotations

from refused.slo.rules import SEVERITIES, MetricRule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from refused.evidence.control_plane import AzureCache
    from refused.slo.bodies import Document
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
