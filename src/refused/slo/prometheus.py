"""The same thresholds as Prometheus rules: for redis_exporter, for our own metrics, and burn rates.

The exporter's names: https://github.com/oliver006/redis_exporter (``exporter/exporter.go``). On Azure
it cannot read CONFIG, so limits stand as numbers in the rules. Its view is the server's; ours is the
client's, and sees what never reaches the server.
"""

from __future__ import annotations

import json

from refused.evidence.record import Record
from refused.slo.bodies import command, properties
from refused.slo.budget import BURNS, Objective

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from refused.evidence.control_plane import AzureCache
    from refused.slo.rules import MetricRule, Rules

# Azure's severities in the words that most Alertmanagers are set up for.
WORDS = {0: "critical", 1: "critical", 2: "warning", 3: "info", 4: "info"}


class PrometheusRule(Record):
    """One alerting rule.

    Attributes:
        lasts: How long the expression has to hold (``for``).
        labels: ``(name, value)``; severity is one of them.
        notes: Annotations as ``(name, value)``.
    """

    group: str
    alert: str
    expr: str
    lasts: str
    labels: tuple[tuple[str, str], ...]
    notes: tuple[tuple[str, str], ...]


def for_cache(
    cache: AzureCache,
    rules: Rules,
    target: str,
    cause: str = "",
    objective: Objective | None = None,
) -> tuple[PrometheusRule, ...]:
    """Return the rules for one cache.

    Args:
        target: ``host:port``, as the label of our own metrics has it.
        cause: What recurred, where an incident asks for it.
        objective: What the service promises itself; 99.9 % of 30 days where nothing is said.
    """
    host = target.rpartition(":")[0] or target
    made = [
        *_exporter(cache, rules, host, target),
        *_own(cache, target, cause),
        *_burns(cache, target, objective or Objective()),
    ]
    return tuple(made)


def to_yaml(rules: Sequence[PrometheusRule]) -> str:
    """Return a rule file. Texts are written as JSON, which YAML reads as it is."""
    lines = ["groups:"]
    for group in dict.fromkeys(each.group for each in rules):
        lines += [f"  - name: {_text(group)}", "    rules:"]
        for rule in rules:
            if rule.group != group:
                continue
            lines += [
                f"      - alert: {_text(rule.alert)}",
                f"        expr: {_text(rule.expr)}",
                f"        for: {rule.lasts}",
                "        labels:",
                *(f"          {name}: {_text(value)}" for name, value in rule.labels),
                "        annotations:",
                *(f"          {name}: {_text(value)}" for name, value in rule.notes),
            ]
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


# --- redis_exporter -------------------------------------------------------------------------------


def _exporter(cache: AzureCache, rules: Rules, host: str, target: str) -> Iterator[PrometheusRule]:
    pick = f'{{instance=~"(.*[/@])?{_pattern(host)}(:.*)?"}}'
    group = f"redis-exporter-{cache.name}"
    for rule in rules.metric:
        expr = _expression(rule, pick)
        if not expr:
            continue
        what = properties(rule, cache.id, target)
        yield PrometheusRule(
            group=group,
            alert=_camel(f"redis-{rule.id}"),
            expr=expr,
            lasts="0m",  # the window is in the expression, as Azure has it
            labels=(("severity", WORDS[rule.severity]), ("cause", rule.cause)),
            notes=(
                ("summary", f"{cache.name}: {rule.title}"),
                ("description", f"{rule.why}. The value is {{{{ $value }}}}."),
                *((name, value) for name, value in what.items() if value),
            ),
        )
    run = command(cache.id, target)
    watched = {rule.cause for rule in rules.all}
    for name, cause, expr, lasts, severity, summary in (
        (
            "redis-down",
            "cache-not-running",
            f"redis_up{pick} == 0",
            "1m",
            1,
            "does not answer the exporter",
        ),
        (
            "redis-rejected-connections",
            "max-clients-reached",
            f"increase(redis_rejected_connections_total{pick}[5m]) > 0",
            "0m",
            0,
            "turns connections away",
        ),
    ):
        if cause not in watched:
            continue
        yield PrometheusRule(
            group=group,
            alert=_camel(name),
            expr=expr,
            lasts=lasts,
            labels=(("severity", WORDS[severity]), ("cause", cause)),
            notes=(
                ("summary", f"{cache.name} {summary}"),
                ("command", run),
                ("page", f"refused causes {cause}"),
            ),
        )


def _expression(rule: MetricRule, pick: str) -> str:
    """Return the exporter's own way to say a rule; ``""`` where it has none."""
    window = {"PT1M": "1m", "PT5M": "5m", "PT15M": "15m", "PT30M": "30m", "PT1H": "1h"}.get(
        rule.window, ""
    )
    if not window:
        return ""
    sign = {"GreaterThan": ">", "GreaterThanOrEqual": ">=", "LessThan": "<"}.get(
        rule.operator, "<="
    )
    # Two scrapes at least have to lie in a window of a rate.
    wide = "5m" if window == "1m" else window
    busy = " + ".join(
        f"rate(redis_cpu_{part}_main_thread_seconds_total{pick}[{wide}])"
        for part in ("sys", "user")
    )
    spent, run = "redis_commands_duration_seconds_total", "redis_commands_total"
    values = {
        "connectedclients": f"max_over_time(redis_connected_clients{pick}[{window}])",
        "usedmemorypercentage": (
            f"max_over_time((100 * redis_memory_used_bytes{pick} / (redis_memory_max_bytes{pick} > 0))[{window}:30s])"
        ),
        # What the exporter has nearest: the share of time that the main thread computes.
        "serverLoad": f"100 * ({busy})",
        "cacheRead": f"rate(redis_net_output_bytes_total{pick}[{wide}])",
        "cacheWrite": f"rate(redis_net_input_bytes_total{pick}[{wide}])",
        "allConnectionsCreatedPerSecond": f"rate(redis_connections_received_total{pick}[{wide}])",
        "evictedkeys": f"increase(redis_evicted_keys_total{pick}[{wide}])",
        "cacheLatency": (
            f"1e6 * sum by (instance) (rate({spent}{pick}[{wide}])) / sum by (instance) (rate({run}{pick}[{wide}]))"
        ),
    }
    value = values.get(rule.metric)
    return f"{value} {sign} {rule.threshold:.15g}" if value else ""


def _pattern(host: str) -> str:
    """Return a host name for a regular expression inside a text of PromQL."""
    return host.replace(".", "\\\\.")


# --- our own metrics ------------------------------------------------------------------------------


def _own(cache: AzureCache, target: str, cause: str) -> Iterator[PrometheusRule]:
    from refused.causes import catalogue

    group = f"refused-{cache.name}"
    pick = f'target="{target}"'
    run = command(cache.id, target)
    rows = [
        (
            "refused-path-broken",
            f"refused_hop_ok{{{pick}}} == 0",
            "1m",
            1,
            "the path breaks at {{ $labels.hop }}, seen from {{ $labels.vantage }}",
        ),
        (
            "refused-not-looked",
            f"absent(refused_hop_ok{{{pick}}})",
            "5m",
            2,
            "nobody looks at it: what is not seen is not well",
        ),
        (
            "refused-certificate-ends",
            f"refused_certificate_expires_seconds{{{pick}}} - time() < 14 * 86400",
            "1h",
            2,
            "the certificate ends within two weeks",
        ),
        (
            "refused-client-connections-fail",
            'sum by (stage, reason) (rate(refused_client_events_total{event="connection_failed"}[5m])) > 0.1',
            "5m",
            2,
            "applications lose connections at {{ $labels.stage }}: {{ $labels.reason }}",
        ),
    ]
    known = next((each for each, _ in catalogue() if each.id == cause), None)
    if known is not None:
        rows.append(
            (
                f"refused-again-{cause}",
                f'refused_hop_ok{{{pick},hop="{known.hop}"}} == 0 or refused_cause_probability{{{pick},cause="{cause}"}} > 0.5',
                "0m",
                1,
                f"it recurs: {known.title}",
            )
        )
    for name, expr, lasts, severity, summary in rows:
        yield PrometheusRule(
            group=group,
            alert=_camel(name),
            expr=expr,
            lasts=lasts,
            labels=(("severity", WORDS[severity]),),
            notes=(("summary", f"{cache.name}: {summary}"), ("command", run)),
        )


# --- burn rates -----------------------------------------------------------------------------------


def _burns(cache: AzureCache, target: str, objective: Objective) -> Iterator[PrometheusRule]:
    def failed(window_s: int) -> str:
        pick, span = f'target="{target}"', _span(window_s)
        bad = f'sum(rate(refused_probes_total{{{pick},outcome="failed"}}[{span}]))'
        every = f'sum(rate(refused_probes_total{{{pick},outcome=~"ok|failed"}}[{span}]))'
        return f"{bad} / {every}"

    for name, long_s, short_s, factor, severity in BURNS:
        limit = f"{factor * objective.allowed:.6g}"
        yield PrometheusRule(
            group=f"refused-budget-{cache.name}",
            alert=_camel(f"refused-budget-burns-{name}"),
            expr=f"({failed(long_s)} > {limit}) and ({failed(short_s)} > {limit})",
            lasts="0m",
            labels=(("severity", WORDS[severity]),),
            notes=(
                (
                    "summary",
                    f"{cache.name}: the error budget of {objective.share:.4g} over {objective.days} days burns {factor:g} times too fast",
                ),
                ("command", command(cache.id, target)),
            ),
        )


def _span(seconds: int) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("-"))
