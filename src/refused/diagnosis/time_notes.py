"""What a watch showed beside the verdict, and what time has to do with the fault.

None of it is a fault by itself: a name that leads elsewhere now, segments that were lost and sent
again, an announcement, how long it takes until a client notices.
"""

from __future__ import annotations

from refused.diagnosis.noticed import noticed_said, until_noticed
from refused.evidence.fleet import demand, supply
from refused.evidence.observations import (
    ClientFleet,
    ClientSettings,
    DescriptorUse,
    IdleHold,
    KernelSettings,
    MaintenanceEvent,
    NamesOverTime,
    OverTime,
    PeerCertificates,
    Platform,
    PortUse,
    ServerInfo,
    TcpDial,
)
from refused.evidence.over_time import dials, outages
from refused.service.addresses import address_class
from refused.service.limits import FUNCTIONS_CONNECTIONS, idle_limit_s

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Evidence

# A path on which one segment in a hundred is lost is felt; in a watch of few segments, two are news.
LOSSY, FEWEST_LOST = 0.01, 2
NEAR = 0.8
DAY_S = 86400
MOST_MOMENTS = 4
MOST_EVENTS = 5
MOST_STRETCHES = 3


def time_notes(view: Evidence) -> Iterator[str]:
    """Return one sentence for each thing worth knowing."""
    watches = view.look(OverTime)
    for watch in watches:
        yield from _of_watch(watch)
    for names in view.look(NamesOverTime):
        yield from _of_names(names)
    yield from _of_quiet(view)
    yield from _of_certificates(view)
    events = view.look(MaintenanceEvent)
    for event in events[:MOST_EVENTS]:
        which = " of a replica" if event.is_replica else ""
        yield f"the service announced {event.event}{which}"
    if len(events) > MOST_EVENTS:
        yield f"the service announced {len(events) - MOST_EVENTS} more things"
    for fleet in view.look(ClientFleet)[-1:]:
        yield from _of_fleet(view, fleet)
    broken = view.broken
    waits = broken is not None and (broken.how == "stalled" or broken.how.startswith("idle-"))
    if (watches or waits) and not _is_loopback(view):
        kernel = next(iter(view.look(KernelSettings)), None)
        settings = next(iter(view.look(ClientSettings)), None)
        if kernel is not None and kernel.tcp_retries2 is not None:
            library = settings.client if settings is not None else ""
            yield noticed_said(until_noticed(kernel, settings), library)


def _is_loopback(view: Evidence) -> bool:
    """Whether the server is on this very host, whose kernel tells of every end."""
    addresses = [dial.address for dial in view.look(TcpDial) if dial.purpose == "client"]
    return bool(addresses) and all(address_class(each) == "loopback" for each in addresses)


def _of_watch(watch: OverTime) -> Iterator[str]:
    made = dials((watch,))
    tried = len(made) + max(0, watch.pings)
    failed = sum(each.failed for each in watch.attempts)
    if tried and not failed:
        # With nothing failed in n tries, three in n is what may still be: the 95 % end of it.
        most = min(100.0, 300 / tried)
        yield (
            f"over {watch.took_ms / 1000:.0f} s {len(made)} new connections and {watch.pings} PINGs were all "
            f"answered; with 95 % confidence fewer than {most:.0f} % of them fail"
        )
    stretches = outages((watch,))
    for each in stretches[:MOST_STRETCHES]:
        if each.tries > 1:
            yield f"{each.tries} attempts in a row failed, over {each.said} ({', '.join(each.outcomes)})"
    if len(stretches) > MOST_STRETCHES:
        yield f"there were {len(stretches)} such stretches in all"
    lost, sent = watch.segments_resent, watch.segments_sent
    if lost is not None and lost >= FEWEST_LOST and lost >= LOSSY * (sent or 0):
        of = f" beside {sent} sent on the open one" if sent else ""
        yield (
            f"the kernel sent {lost} segments again on the connections of the watch{of}: packets are lost on the way, "
            "or answered late"
        )
    if (
        len(watch.ping_ms) == 4
        and watch.ping_ms[3] > 100
        and watch.ping_ms[3] > 20 * watch.ping_ms[1]
    ):
        yield (
            f"a PING took {watch.ping_ms[1]:.1f} ms as a rule, and {watch.ping_ms[3]:.0f} ms once: something pauses now "
            "and then"
        )
    if watch.ended != "done":
        yield f"the watch ended after {watch.took_ms / 1000:.0f} of {watch.planned_s:.0f} s: {watch.ended}"


def _of_quiet(view: Evidence) -> Iterator[str]:
    """Say what a connection that was held for too short a time leaves open."""
    target = view.target
    if target is None or target.service not in ("acr", "acre", "amr"):
        return
    limits = (idle_limit_s("load-balancer") or 0, idle_limit_s("acr") or 0)
    for hold in view.look(IdleHold):
        if hold.outcome == "ok" and hold.idle_s < limits[1]:
            yield (
                f"a quiet connection outlived {hold.idle_s:.0f} s; ways out of Azure may end one after {limits[0]} s, and "
                f"the service does after {limits[1]} s, which --for 11m would show"
            )
            return


def _of_names(names: NamesOverTime) -> Iterator[str]:
    well = [each for each in names.moments if each.outcome == "answered"]
    sets = list(dict.fromkeys(each.addresses for each in well))
    if len(sets) > 1:
        shown = " -> ".join(", ".join(each.addresses[:3]) for each in well[:MOST_MOMENTS])
        ttl = next((f", TTL {each.ttl_s} s" for each in well if each.ttl_s is not None), "")
        if len(well) > len(sets):
            yield f"{names.host} goes back and forth between {len(sets)} sets of addresses: {shown}{ttl}"
        else:
            yield (
                f"{names.host} led elsewhere from one moment to the next: {shown}{ttl}; who keeps the old address "
                "loses the server"
            )
    ill = [each for each in names.moments if each.outcome not in ("answered", "no-address")]
    if ill and well:
        count = sum(each.count for each in ill)
        yield f"{count} of {names.asked} lookups of {names.host} failed ({ill[0].outcome})"


def _of_certificates(view: Evidence) -> Iterator[str]:
    """Tell of several certificates behind one name, of which one may end before the others."""
    leaves = {
        seen.chain[0].sha256: seen.chain[0] for seen in view.look(PeerCertificates) if seen.chain
    }
    if len(leaves) > 1 and view.look(OverTime):
        now = max(seen.at for seen in view.look(PeerCertificates))
        left = min(each.not_after for each in leaves.values()) - now
        yield (
            f"{len(leaves)} different certificates were shown during the watch; the first of them to expire does so in "
            f"{left / DAY_S:.0f} days"
        )


def _most_clients(view: Evidence) -> int | None:
    """Return the server's limit of clients: the control plane's word, else its own."""
    if any(fact.vantage == "control-plane" for fact in view.facts):
        from refused.causes.readings import client_limit
        from refused.evidence.control_plane import AzureCache

        for cache in view.look(AzureCache)[-1:]:
            limit = client_limit(cache)
            if limit is not None:
                return limit
    return next((info.max_clients for info in view.look(ServerInfo) if info.max_clients), None)


def _of_fleet(view: Evidence, fleet: ClientFleet) -> Iterator[str]:
    settings, platforms = view.look(ClientSettings), view.look(Platform)
    wanted = demand(fleet, settings)
    if wanted is None:
        yield "how many connections the clients may open cannot be told without the size of their pools; give it with --pool"
        return
    yield wanted.said
    way = supply(fleet, platforms)
    if way is not None:
        guess = " if it is this platform's usual one" if way.is_guess else ""
        verdict = (
            "which is too few: new ones are dropped at times"
            if wanted.to_one > way.ports
            else "of which more than four fifths would be in use"
            if wanted.to_one >= NEAR * way.ports
            else "which is enough"
        )
        yield f"the way out ({way.path}{guess}) bears {way.ports:,} connections to one port ({way.said}), {verdict}"
    most = _most_clients(view)
    if most is not None and wanted.in_all > NEAR * most:
        yield f"the server takes {most:,} clients, and these may open {wanted.in_all:,} connections"
    own = wanted.to_one // (fleet.pods or 1)
    each_instance = wanted.in_all // (fleet.pods or 1)
    if (
        any(each.kind == "functions" for each in platforms)
        and each_instance > FUNCTIONS_CONNECTIONS
    ):
        yield (
            f"one instance of the Functions app may want {each_instance:,} connections; the Consumption plan is said to "
            f"bear {FUNCTIONS_CONNECTIONS}"
        )
    for use in view.look(PortUse)[:1]:
        if own > NEAR * use.available:
            yield f"one host has {use.available:,} local ports to one server, and may want {own:,}"
    for files in view.look(DescriptorUse)[:1]:
        each = wanted.in_all // ((fleet.pods or 1) * (fleet.processes or 1))
        if files.open + each > files.soft_limit:
            yield (
                f"process {files.pid} has {files.open} of {files.soft_limit} descriptors open, and its pool may want "
                f"{each} more"
            )
