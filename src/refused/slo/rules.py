"""What an alert rule is, for metrics and for the activity log, whichever tool it is said to.

Sources of the semantics:
    https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-types
    https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-overview
    https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-troubleshoot-metric
"""

from __future__ import annotations

from refused.evidence.record import Record, nested

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Aggregation = Literal["Average", "Minimum", "Maximum", "Total", "Count"]
    Operator = Literal["GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual"]
    Scope = Literal["resource", "group", "subscription"]

# What Azure's severities are used for here; the numbers are Azure's, the use is ours.
# Shape: (severity, Azure's word, when somebody has to act).
SEVERITIES: tuple[tuple[int, str, str], ...] = (
    (0, "critical", "users are turned away now: wake somebody"),
    (1, "error", "the next rise turns users away: act within minutes"),
    (2, "warning", "act in working hours, before it is a fault"),
    (3, "informational", "read it with the next review"),
    (4, "verbose", "kept for whoever looks for what happened"),
)

# The windows and frequencies that Azure takes, in seconds.
# https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-create-metric-alert-rule
WINDOWS_S: dict[str, int] = {
    "PT1M": 60,
    "PT5M": 300,
    "PT15M": 900,
    "PT30M": 1800,
    "PT1H": 3600,
    "PT6H": 21600,
    "PT12H": 43200,
    "P1D": 86400,
}
FREQUENCIES_S: dict[str, int] = {
    name: WINDOWS_S[name] for name in ("PT1M", "PT5M", "PT15M", "PT30M", "PT1H")
}


@nested
class MetricRule(Record):
    """A static threshold on one metric of a cache.

    Attributes:
        id: Short and stable, unique within a plan: the rule's name in Azure is made of it.
        cause: The root cause that it warns of, an id of the catalogue.
        threshold: In the metric's unit.
        severity: 0 (worst) to 4, see :data:`SEVERITIES`.
        window: Over what the metric is aggregated, as ``PT5M``.
        every: How often it is evaluated, as ``PT1M``; never longer than *window*.
        why: Why this threshold, with the figures it is made of.
        timing: Why this window and this frequency.
        source: Where the threshold is from; it says so where it is our own proposal.
        dimensions: ``(name, values)``; each combination is watched for itself, ``*`` is any value.
    """

    id: str
    cause: str
    title: str
    metric: str
    aggregation: Aggregation
    operator: Operator
    threshold: float
    severity: int
    window: str
    every: str
    why: str
    timing: str
    source: str
    unit: str = ""
    dimensions: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def window_s(self) -> int:
        """The window in seconds."""
        return WINDOWS_S[self.window]

    @property
    def every_s(self) -> int:
        """The frequency in seconds."""
        return FREQUENCIES_S[self.every]

    def holds(self, value: float) -> bool:
        """Whether *value* meets the condition."""
        if self.operator == "GreaterThan":
            return value > self.threshold
        if self.operator == "GreaterThanOrEqual":
            return value >= self.threshold
        if self.operator == "LessThan":
            return value < self.threshold
        return value <= self.threshold


@nested
class Term(Record):
    """One condition on a record of the activity log: the field has one of the values.

    Attributes:
        field: As Azure writes it: ``category``, ``operationName``, ``properties.incidentType`` …
        is_list: Whether the field holds a list, of which one element has to match (``containsAny``).
    """

    field: str
    values: tuple[str, ...]
    is_list: bool = False


@nested
class LogRule(Record):
    """A rule on the activity log: every term has to hold.

    Attributes:
        id: As for :class:`MetricRule`.
        category: ``Administrative``, ``ResourceHealth`` or ``ServiceHealth``.
        scope: What it watches. Service Health takes a whole subscription and nothing else.
    """

    id: str
    cause: str
    title: str
    category: str
    terms: tuple[Term, ...]
    scope: Scope
    why: str
    source: str


@nested
class Gap(Record):
    """An alert that would help and cannot be made, and why not.

    Attributes:
        how: What would help; ``""`` where nothing does.
    """

    what: str
    why: str
    how: str = ""


class Rules(Record):
    """What is to be watched at one cache.

    Attributes:
        left_out: What this service or size does not offer, so that nobody believes it watched.
    """

    metric: tuple[MetricRule, ...]
    log: tuple[LogRule, ...]
    left_out: tuple[Gap, ...] = ()

    @property
    def all(self) -> tuple[MetricRule | LogRule, ...]:
        """Every rule, metrics first."""
        return (*self.metric, *self.log)
