"""The client waits for less time than the answer takes.

What is wrong
    The client's limit is shorter than a usual round trip at a busy moment, than the TLS handshake,
    or than the command itself may take: a blocking command that waits for 30 s under a limit of 5.
How it looks
    Time-outs a little above the limit, spread over all commands; the same command answers well a
    moment later, or from ``redis-cli``. "read error on connection" (phpredis), ``EAGAIN`` "Timeout
    reading from the socket" (redis-rb).
What ends it
    A limit well above the slowest usual answer: 5 s for connecting, 1 s and more for commands;
    blocking commands on a connection whose limit is longer than theirs.
What it is not
    ``server-overloaded``: there a longer limit would only wait longer.
    ``client-threadpool-starvation``: there the reply had come in time.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-best-practices-connection
    https://github.com/phpredis/phpredis#connect-open
"""

from __future__ import annotations

from refused.causes.statements import Cause, Clue, Signature
from refused.evidence.observations import ClientSettings, ServerPace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="client-timeout-too-short",
    title="the client waits for less time than the answer takes",
    hop="command",
    shows_at=("tcp", "tls", "resp", "command"),
    bucket="configuration",
    needs=(ClientSettings, ServerPace),
    remedies=(
        "set the limit for commands to 1 s or more, and that for connecting to 5 s",
        "run blocking commands on a connection whose limit is longer than theirs",
    ),
    verify="the same commands are answered within the new limit, at the busiest hour too",
    prevent="limits derived from measured round trips (ten times the 99th percentile), not from wishes",
    expects=(("more-time", "answers"), ("elsewhere", "works"), ("again", "recovers")),
)

SHORT_MS = 500.0


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Hold the client's limits against the round trips that were measured."""
    settings, paces, broken = (
        evidence.all(ClientSettings),
        evidence.all(ServerPace),
        evidence.broken,
    )
    if broken is None or broken.how not in ("silent", "slow"):
        return
    for each in settings:
        limits = [
            limit
            for limit in (each.connect_timeout_ms, each.command_timeout_ms)
            if limit is not None
        ]
        if not limits or min(limits) <= 0:
            continue
        slowest = max((max(pace.round_trips_ms, default=0.0) for pace in paces), default=0.0)
        if slowest > min(limits):
            said = f"round trips take up to {slowest:.0f} ms, and the client waits {min(limits):.0f} ms"
            yield Clue(weight=2.5, because=said, seen=(each, *paces), fact="limit")
        elif min(limits) <= SHORT_MS:
            said = f"the client waits {min(limits):.0f} ms only"
            yield Clue(weight=0.9, because=said, seen=(each,), fact="limit")


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="client-timeout-too-short-eagain",
        pattern=r"Resource temporarily unavailable[^\n]{0,10}-? ?Timeout reading|EAGAIN[^\n]{0,60}[Tt]imeout reading|[Bb]locking command[^\n]{0,60}timeout|timeout (?:is )?(?:too short|shorter than|too low)",
        family="redis-rb",
        weight=3.2,
        says="the client's own limit on waiting ran out while it read",
        example="EAGAIN (Resource temporarily unavailable - Timeout reading from the socket)",
    ),
    # lib/internal/timers.js of Node.js makes one millisecond of what is no number, negative, or above 2^31 - 1.
    Signature(
        id="client-timeout-too-short-overflow",
        pattern=r"Timeout(?:Overflow|NaN|Negative)Warning|Timeout duration was set to 1\b|does not fit into a 32-bit signed integer",
        family="node",
        weight=4.4,
        says="a limit does not fit into a timer, which then takes one millisecond",
        example="(node:1) TimeoutOverflowWarning: 2592000000 does not fit into a 32-bit signed integer.",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "no-greeting": 0.6,
    "read-error": 1.5,
    "no-answer": 1.3,
    "timed-out": 0.7,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.marked("slots-timeout") and told.saw("no-topology"):
        said = "the table of slots has a limit of its own, a second unless told otherwise"
        yield Clue(weight=2.0, because=said, seen=told.errors)
    if told.timeout_ms is not None and told.timeout_ms < 1000 and told.saw("no-answer"):
        yield Clue(
            weight=2.0 if told.timeout_ms <= 300 else 1.2,
            because=f"a command may take no more than {told.timeout_ms:.0f} ms",
            seen=told.errors,
        )
    if told.timeout_ms is not None and told.timeout_ms >= 10000 and told.saw("no-answer"):
        yield Clue(weight=-0.6, because="the limit is long", seen=told.errors)
    if told.marked("waits-blocking") and told.saw("no-answer", "read-error", "timed-out"):
        yield Clue(
            weight=2.4,
            because="the call waits for something to come, and the socket's own limit is no longer than the wait",
            seen=told.errors,
            fact="blocking",
        )
    if told.marked("blocking-command") and told.saw("no-answer", "read-error"):
        yield Clue(
            weight=0.9,
            because="a blocking command was waited for",
            seen=told.errors,
            fact="blocking",
        )
    if told.timeout_ms is not None and told.timeout_ms <= 500 and told.saw("connect-timeout"):
        yield Clue(
            weight=2.4 if told.timeout_ms <= 50 else 1.2,
            because=f"a dial may take no more than {told.timeout_ms:.0f} ms",
            seen=told.errors,
        )
