"""What differs between places: a path that works from one and not from the other is evidence.

Only what was seen is compared. A place that could not tell has no value, which is no difference.
"""

from __future__ import annotations

from refused.evidence.observations import (
    DnsAnswer,
    Elsewhere,
    KernelSettings,
    Observation,
    PathMtu,
    PeerCertificates,
    Platform,
    ProxyVariables,
    RedirectRules,
    ResolverSettings,
    RouteLookup,
    TcpDial,
    TlsHandshake,
    Unseen,
)
from refused.evidence.path import resolved, walk
from refused.evidence.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from refused.evidence.bundle import Evidence

# Two looks further apart than this may have met two states of the service.
SAME_TIME_S = 120.0

# The kernel's settings that change how a connection comes about or ends.
# Source: Documentation/networking/ip-sysctl.rst of the kernel.
_KERNEL = (
    "tcp_syn_retries",
    "tcp_retries2",
    "keepalive_time_s",
    "port_first",
    "port_last",
    "tcp_mtu_probing",
    "ipv6_disabled",
)


class Difference(Record):
    """One thing in which places differ.

    Attributes:
        what: In words, as in ``addresses given``.
        values: ``(vantage, value)`` for each place that was looked at; ``?`` where it did not tell.
        separates: Whether no working place has the value of one that fails.
    """

    what: str
    values: tuple[tuple[str, str], ...]
    separates: bool

    def __str__(self) -> str:
        told = "; ".join(f"{vantage}: {value}" for vantage, value in self.values)
        return f"{self.what} differs between the vantage points: {told}"


def is_blind(view: Evidence) -> bool:
    """Whether nothing at all was seen from a place, because it was not reached."""
    return bool(view.unseen) and all(
        isinstance(fact, (Unseen, Elsewhere)) or fact.vantage != view.vantage for fact in view.facts
    )


def summary(view: Evidence, *, healthy: bool) -> Elsewhere:
    """Sum up what one place saw, for those that judge another."""
    path = walk(view)
    broken = view.broken
    own = (fact for fact in view.look(Observation) if fact.vantage == view.vantage)
    dial = next((each for each in view.look(TcpDial) if each.local_address), None)
    shown = next((each.chain[0].issuer for each in view.look(PeerCertificates) if each.chain), None)
    shake = next((each for each in view.look(TlsHandshake) if each.purpose == "client"), None)
    platform = next(iter(reversed(view.look(Platform))), None)
    route = next(iter(view.look(RouteLookup)), None)
    told = next(iter(view.look(ResolverSettings)), None)
    proxies = next(iter(view.look(ProxyVariables)), None)
    rules = next(iter(view.look(RedirectRules)), None)
    mtu = next(iter(view.look(PathMtu)), None)
    return Elsewhere(
        vantage=view.vantage,
        at=max((fact.at for fact in own), default=0.0),
        took_ms=0.0,
        source=f"the walk from {view.vantage}",
        healthy=healthy,
        path=tuple((hop.hop, hop.status) for hop in path),
        addresses=resolved(view),
        source_address=dial.local_address if dial else None,
        certificate_issuer=shown,
        broken_at="" if broken is None else broken.hop,
        broken_how="" if broken is None else broken.how,
        resolvers=() if told is None else told.nameservers,
        answers=_answers(view),
        route=None if route is None else _route(route),
        tls_version=None if shake is None else shake.version,
        platform=None if platform is None else platform.kind,
        mesh=None if platform is None else platform.mesh,
        proxies=None if proxies is None else proxies.variables,
        filters=None if rules is None else (*rules.redirects, *rules.blocks),
        path_mtu=None if mtu is None else mtu.path_mtu,
        kernel=_kernel(view),
    )


def _answers(view: Evidence) -> tuple[tuple[str, str], ...]:
    """Return what each resolver says on the wire: names of the chain, then addresses."""
    told: dict[str, list[str]] = {}
    for answer in view.look(DnsAnswer):
        if view.target is not None and answer.host != view.target.host:
            continue
        said = told.setdefault(answer.resolver, [])
        if answer.outcome == "answered":
            said += [each for each in (*answer.aliases, *answer.addresses) if each not in said]
        elif answer.outcome != "no-address" and answer.outcome not in said:
            said.append(answer.outcome)
    return tuple((resolver, ", ".join(said) or "no address") for resolver, said in told.items())


def _route(route: RouteLookup) -> str:
    if route.local_address is None:
        return "no route"
    by = f"by {route.gateway}" if route.gateway else "direct"
    return f"{by} on {route.device}" if route.device else by


def _kernel(view: Evidence) -> tuple[tuple[str, str], ...]:
    seen = next(iter(reversed(view.look(KernelSettings))), None)
    if seen is None:
        return ()
    values = ((name, getattr(seen, name)) for name in _KERNEL)
    return tuple((name, str(value)) for name, value in values if value is not None)


# --- side by side --------------------------------------------------------------------------------

_NONE = "none"
# In the order of the path. A text of None says that the place did not tell.
_ASPECTS: tuple[tuple[str, Callable[[Elsewhere], str | None]], ...] = (
    ("addresses given", lambda seen: ", ".join(seen.addresses) or None),
    ("resolvers", lambda seen: ", ".join(seen.resolvers) or None),
    ("resolver answer", lambda seen: _told(seen.answers)),
    ("source address", lambda seen: seen.source_address),
    ("route", lambda seen: seen.route),
    ("packet filter", lambda seen: _listed(seen.filters)),
    ("path MTU", lambda seen: None if seen.path_mtu is None else str(seen.path_mtu)),
    ("TLS version", lambda seen: seen.tls_version),
    ("TLS issuer", lambda seen: seen.certificate_issuer),
    ("platform", lambda seen: seen.platform),
    ("mesh", lambda seen: None if seen.mesh is None else seen.mesh or _NONE),
    ("proxy variables", lambda seen: None if seen.proxies is None else _set(seen.proxies)),
)


def differences(
    summaries: Sequence[Elsewhere], verdicts: Mapping[str, str]
) -> tuple[Difference, ...]:
    """Return in what the places differ, in the order of the path.

    Where one works and another fails, only what may explain that counts: a difference that is also
    found among those that work says nothing.

    Args:
        summaries: One for each place that was looked at.
        verdicts: ``healthy``, ``fault`` or ``inconclusive`` by vantage point.
    """
    if len(summaries) < 2 or all(verdicts[seen.vantage] == "healthy" for seen in summaries):
        return ()
    works = {seen.vantage for seen in summaries if verdicts[seen.vantage] == "healthy"}
    found: list[tuple[str, list[str | None]]] = [("path", [_path(seen) for seen in summaries])]
    found += [(what, [read(seen) for seen in summaries]) for what, read in _ASPECTS]
    found += [
        (f"kernel's {name}", [dict(seen.kernel).get(name) for seen in summaries])
        for name in _KERNEL
    ]
    if max(seen.at for seen in summaries) - min(seen.at for seen in summaries) > SAME_TIME_S:
        found.append(("time of the look", [_moment(seen.at) for seen in summaries]))
    made = []
    for what, values in found:
        if len({value for value in values if value is not None}) < 2:
            continue
        named = [(seen.vantage, value) for seen, value in zip(summaries, values, strict=True)]
        well = {value for vantage, value in named if vantage in works and value is not None}
        ill = {value for vantage, value in named if vantage not in works and value is not None}
        separates = bool(well and ill) and not well & ill
        if works and not separates:
            continue
        made.append(
            Difference(
                what=what,
                values=tuple((vantage, value or "?") for vantage, value in named),
                separates=separates,
            )
        )
    return tuple(made)


def _path(seen: Elsewhere) -> str | None:
    if seen.healthy:
        return "works"
    return (
        f"fails at {seen.broken_at}: {seen.broken_how}" if seen.broken_at else "not shown to work"
    )


def _told(answers: Sequence[tuple[str, str]]) -> str | None:
    return "; ".join(dict.fromkeys(said for _, said in answers)) or None


def _listed(texts: Sequence[str] | None) -> str | None:
    return None if texts is None else "; ".join(texts) or _NONE


def _set(pairs: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{name}={value}" for name, value in pairs) or _NONE


def _moment(at: float) -> str:
    """Return UTC as ``2026-01-31 12:00:00``, and a time that no calendar has as its number."""
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"{at:.0f}"
