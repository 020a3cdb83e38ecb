"""What Azure says of a cache, in the few lines that everybody asks for first, and what ends when.

The classic checklist of the shell (state, public access, minimum TLS, plain port, firewall rules,
connected clients, private endpoints), read once; none of it is a fault by itself.
"""

from __future__ import annotations

from datetime import UTC, datetime

from refused.causes.readings import (
    HOUR_S,
    changed_so,
    client_limit,
    endpoint_said,
    onset,
)
from refused.evidence.control_plane import (
    AccessKeys,
    AzureCache,
    AzureSubscription,
    FirewallRules,
    Metric,
    PrivateEndpoint,
    PrivateEndpointList,
    ResourceChange,
    ScheduledMaintenance,
    ServiceEvent,
)
from refused.evidence.observations import NameLookup, RedisReply, TcpDial, TlsHandshake
from refused.service.features import has
from refused.service.ports import title_of
from refused.service.retirement import days_left, retires_on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Evidence

# Microsoft's guidance plans for at most four fifths of a limit.
# Source: https://learn.microsoft.com/azure/azure-cache-for-redis/cache-best-practices-server-load
NEAR = 0.8
NAMED = 3
CLIENTS = ("connectedclients", "allconnectedclients")


def azure_notes(view: Evidence, taken_at: float, *, is_fault: bool) -> Iterator[str]:
    """Return one sentence for each thing worth knowing.

    Args:
        taken_at: When the evidence was taken; days are counted from there.
        is_fault: Whether something was seen to fail, so that what was changed before is of interest.
    """
    for cache in view.look(AzureCache)[-1:]:
        yield _state(cache)
        yield _doors(view, cache)
        yield from _clients(view, cache)
        yield from _end(cache, taken_at)
    for subscription in view.look(AzureSubscription)[-1:]:
        if (subscription.state or "Enabled") != "Enabled":
            yield f"the subscription {subscription.name or subscription.id} is {subscription.state}"
    for keys in view.look(AccessKeys)[-1:]:
        if keys.matches == "secondary":
            yield "the client uses the cache's secondary key"
    yield from _announced(view, taken_at)
    if is_fault:
        yield from _changed(view)


def _state(cache: AzureCache) -> str:
    """Say state, size, TLS and login of a cache."""
    size = f"{cache.sku or ''} {cache.family or ''}{cache.capacity if cache.family else ''}".strip()
    states = dict.fromkeys(
        each for each in (cache.provisioning_state, cache.resource_state) if each
    )
    parts = [
        f"state {', '.join(states) or 'not said'}",
        f"minimum TLS {cache.min_tls or 'not set'}",
    ]
    if cache.service == "acr":
        is_open = cache.plain_port is not None
        parts.append(f"plain port {'open' if is_open else 'closed'}")
    elif cache.tls is not None:
        parts.append(f"port {cache.tls_port} speaks {'TLS' if cache.tls else 'plain text'}")
    if cache.clustering_policy:
        parts.append(f"clustering policy {cache.clustering_policy}")
    elif cache.shards:
        parts.append(f"{cache.shards} shards")
    if cache.access_keys is False:
        parts.append("access keys off")
    return f"Azure says of {cache.name} ({title_of(cache.service)}, {size}): {'; '.join(parts)}"  # type: ignore[arg-type]


def _doors(view: Evidence, cache: AzureCache) -> str:
    """Say who is let in, as far as that was read."""
    parts = [f"public access {cache.public_access or 'not set'}"]
    if has(cache.service, "firewall-rules"):  # type: ignore[arg-type]
        sets = view.look(FirewallRules)
        if not sets:
            parts.append("firewall rules not read")
        elif sets[-1].rules:
            shown = ", ".join(
                f"{rule.name} {rule.first}"
                + (f" to {rule.last}" if rule.last != rule.first else "")
                for rule in sets[-1].rules[:NAMED]
            )
            more = f" and {len(sets[-1].rules) - NAMED} more" if len(sets[-1].rules) > NAMED else ""
            parts.append(f"firewall rules {shown}{more}")
        else:
            open_to_all = (cache.public_access or "Enabled") == "Enabled"
            tail = ", so that every address is let in" if open_to_all else ""
            parts.append(f"no firewall rules{tail}")
    endpoints, lists = view.look(PrivateEndpoint), view.look(PrivateEndpointList)
    if endpoints:
        parts += [endpoint_said(each) for each in endpoints[:NAMED]]
    else:
        parts.append("no private endpoint" if lists else "private endpoints not read")
    if cache.subnet_id:
        parts.append(f"inside a virtual network, at {cache.static_ip or 'an address not said'}")
    return f"doors: {'; '.join(parts)}"


def _clients(view: Evidence, cache: AzureCache) -> Iterator[str]:
    limit = client_limit(cache)
    counts = [
        value
        for metric in view.look(Metric)
        if metric.name.lower() in CLIENTS
        for _, value in metric.points
    ]
    if not counts:
        yield "connected clients were not read"
        return
    most = max(counts)
    said = f"up to {most:.0f} {'client was' if most == 1 else 'clients were'} connected lately"
    if limit is None:
        yield f"{said}; the limit of this size is not published"
    elif most >= NEAR * limit:
        yield f"{said}, {100 * most / limit:.0f} % of the limit of {limit}: the next ones will be turned away soon"
    else:
        yield f"{said}, of {limit}"


def _end(cache: AzureCache, taken_at: float) -> Iterator[str]:
    """Say when the service of the cache ends."""
    day = _day(taken_at)
    left = days_left(cache.service, day) if day else None  # type: ignore[arg-type]
    last = retires_on(cache.service)  # type: ignore[arg-type]
    if left is None or last is None:
        return
    title = title_of(cache.service)  # type: ignore[arg-type]
    when = f"in {left} days" if left >= 0 else f"{-left} days ago"
    yield f"{title} retires on {last}, {when}; Azure Managed Redis takes its place"
    if cache.redirected_to:
        yield f"this cache was moved to {cache.redirected_to.rpartition('/')[2]}"


def _announced(view: Evidence, taken_at: float) -> Iterator[str]:
    for each in view.look(ScheduledMaintenance):
        if each.when is not None and each.when >= taken_at - HOUR_S:
            yield f"maintenance of the cache is announced for {_day(each.when)}: {each.name}"
    for event in view.look(ServiceEvent):
        if event.status == "Active" and event.kind != "SecurityAdvisory":
            yield f"Service Health ({event.kind}, {event.tracking_id}): {event.title[:160]}"


def _changed(view: Evidence) -> Iterator[str]:
    """Say what was done last before the failure, by whomever."""
    failed = [each for each in view.look(TcpDial) if each.failed]
    shaken = [each for each in view.look(TlsHandshake) if each.failed]
    looked = [each for each in view.look(NameLookup) if each.outcome != "answered"]
    replies = [each for each in view.look(RedisReply) if each.outcome != "ok"]
    began = onset([*failed, *shaken, *looked, *replies], view.look(Metric))
    if began is None:
        return
    recent = [
        change
        for change in view.look(ResourceChange)
        if began - 24 * HOUR_S <= change.when <= began + 60
    ]
    for change in sorted(recent, key=lambda each: -each.when)[:NAMED]:
        yield f"before it failed: {changed_so(change, began)}"


def _day(moment: float) -> str:
    try:
        return datetime.fromtimestamp(moment, UTC).date().isoformat()
    except (OverflowError, OSError, ValueError):
        return ""  # a bundle is read as it comes
