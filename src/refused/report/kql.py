"""The catalogue's signatures as Kusto queries, for logs that are too big for one machine.

Kusto's ``matches regex`` takes RE2's syntax, as the signatures do
(https://learn.microsoft.com/kusto/query/regex). A message there may hold several lines, and a
signature is for one: ``(?m)`` makes its anchors the line's. Pure: text in, text out.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from refused.causes.statements import Signature

# How each table of Log Analytics says who wrote what; columns as in the tables' references,
# https://learn.microsoft.com/azure/azure-monitor/reference/tables/apptraces and its neighbours.
TABLES = {
    "AppTraces": ("Message", "AppRoleName"),
    "AppExceptions": (
        'strcat(ExceptionType, ": ", OuterMessage, "\\n", InnermostMessage, "\\n", tostring(Details))',
        "AppRoleName",
    ),
    "ContainerLogV2": ("tostring(LogMessage)", "PodName"),
}
UNION = "union"
_CREDENTIAL = r"(?i)((?:password|pwd|accesskey|secret|token)\s*[=:]\s*)[^\s,;&]+"
_MASKED = r"\1***"


class BadQuestion(ValueError):
    """A query is asked for that cannot be made; the message is one line for people."""

    for_people = True


def kql(
    signatures: Iterable[tuple[str, Signature]],
    causes: Sequence[str] = (),
    *,
    table: str = UNION,
    span: str = "24h",
    step: str = "5m",
) -> str:
    """Return a query: errors by cause over time, and when each cause left its normal rate.

    Args:
        signatures: The signatures with the ids of their causes.
        causes: The causes to ask for; all by default.
        table: One of :data:`TABLES`, or ``union`` for whichever of them exist.
        span: How far back, as a Kusto timespan.
        step: The width of a span of the row, as a Kusto timespan.

    Raises:
        BadQuestion: A cause, the table or a timespan is not one.
    """
    by_cause: dict[str, list[Signature]] = {}
    for cause, signature in signatures:
        by_cause.setdefault(cause, []).append(signature)
    for cause in causes:
        if cause not in by_cause:
            raise BadQuestion(_unknown(cause, by_cause))
    for given in (span, step):
        if not _is_timespan(given):
            raise BadQuestion("a time span is a number with d, h, m or s, as in 24h")
    chosen = sorted(set(causes) or by_cause)
    found = [*_lines(table, span), *_causes({cause: by_cause[cause] for cause in chosen})]
    # The example leaves the workspace in screenshots and tickets: no secret in it.
    masked = f"replace_regex(take_any(Text), {literal(_CREDENTIAL)}, {literal(_MASKED)})"
    query = [
        "// Errors of Redis connections by cause, over time; made by refused explain --kql.",
        "// Onset: the first span in which a cause was far above its own row (series_decompose_anomalies).",
        "let Found = materialize(",
        *(f"    {line}" for line in found),
        ");",
        "let Onsets = Found",
        f"| make-series Events = count() default = 0 on TimeGenerated from ago({span}) to now() step {step} by Cause",
        "| extend (Flags, Score, Baseline) = series_decompose_anomalies(Events, 3.0)",
        "| mv-expand TimeGenerated to typeof(datetime), Flags to typeof(int), Baseline to typeof(real)",
        "| where Flags > 0",
        "| summarize Onset = min(TimeGenerated), Normal = min(Baseline) by Cause;",
        "Found",
        "| summarize Events = count(), FirstSeen = min(TimeGenerated), LastSeen = max(TimeGenerated),",
        f"    Writers = dcount(Writer), Example = substring({masked}, 0, 500)",
        f"    by Cause, Span = bin(TimeGenerated, {step})",
        "| join kind = leftouter Onsets on Cause",
        "| project Span, Cause, Events, Writers, FirstSeen, LastSeen, Onset, Normal, Example",
        "| order by Span asc, Events desc",
    ]
    return "\n".join(query) + "\n"


def literal(text: str) -> str:
    """Return *text* as a verbatim string of Kusto's, in which only the quotation mark is doubled."""
    return '@"' + text.replace('"', '""') + '"'


def pattern_of(signatures: Iterable[Signature]) -> str:
    """Return one regular expression for all of them."""
    parts = [
        f"(?i:{each.pattern})" if each.ignores_case else f"(?:{each.pattern})"
        for each in signatures
    ]
    return "(?m)" + "|".join(parts)


def _unknown(cause: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(cause, known, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"no signature is known for such a cause{hint} (refused causes lists them)"


def _is_timespan(text: str) -> bool:
    return text[-1:] in ("d", "h", "m", "s") and text[:-1].isdecimal() and text.isascii()


def _lines(table: str, span: str) -> list[str]:
    """Return the start of a query: what was written, when and by whom."""
    if table == UNION:
        asked = list(TABLES)
    elif table in TABLES:
        asked = [table]
    else:
        raise BadQuestion(f"the table is one of {', '.join((UNION, *TABLES))}")
    rows = [
        f"{name} | where TimeGenerated > ago({span}) | project TimeGenerated, Text = {text}, Writer = {writer}"
        for name, (text, writer) in ((name, TABLES[name]) for name in asked)
    ]
    if len(rows) == 1:
        return rows
    # Fuzzy: a workspace seldom has all of them.
    last = len(rows) - 1
    return [
        "union isfuzzy=true",
        *(f"    ({row})" + ("" if at == last else ",") for at, row in enumerate(rows)),
    ]


def _causes(by_cause: dict[str, list[Signature]]) -> list[str]:
    """Return the lines that find the causes of a message; one may speak for several."""
    last = len(by_cause) - 1
    return [
        "| extend Cause = pack_array(",
        *(
            f"    iff(Text matches regex {literal(pattern_of(signatures))}, {literal(cause)}, '')"
            + (")" if at == last else ",")
            for at, (cause, signatures) in enumerate(by_cause.items())
        ),
        "| mv-expand Cause to typeof(string)",
        "| where isnotempty(Cause)",
    ]
