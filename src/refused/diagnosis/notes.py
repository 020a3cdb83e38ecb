"""What a reader should know beside the verdict; none of it is a fault by itself."""

from __future__ import annotations

from refused.evidence.observations import (
    ClientFleet,
    DescriptorUse,
    MaintenanceEvent,
    NamesOverTime,
    NodeVisit,
    OverTime,
    PeerCertificates,
    ServerInfo,
    TcpDial,
    TlsHandshake,
)
from refused.evidence.path import client_dials, dial_said, is_bare, wants_password

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from refused.diagnosis.outcome import PlaceSeen
    from refused.evidence.bundle import Evidence

# Microsoft's guidance plans for at most four fifths of a limit.
# Source: https://learn.microsoft.com/azure/azure-cache-for-redis/cache-best-practices-server-load
NEAR = 0.8
DAY_S = 86400
SOON_DAYS = 30
UNLIMITED = 2**62
OWN = ("/proc/self/fd", "/dev/fd")


def notes(
    view: Evidence,
    places: Sequence[PlaceSeen],
    *,
    taken_at: float = 0.0,
    told: Sequence[str] = (),
) -> tuple[str, ...]:
    """Return one sentence for each thing worth knowing.

    Args:
        taken_at: When the evidence was taken, in seconds since 1970 UTC.
        told: What the findings say already.
    """
    found = list(_notes(view, places))
    found += _of_descriptors(view)
    if _is_about_time(view):
        from refused.diagnosis.time_notes import time_notes

        found += time_notes(view)
    # Only who asked the control plane pays for the records of its facts.
    if any(fact.vantage == "control-plane" for fact in view.facts):
        from refused.diagnosis.azure_notes import azure_notes

        noted = azure_notes(view, taken_at, is_fault=view.broken is not None)
        found += [note for note in noted if not _is_told(note, told)]
        found += _of_pods(view)
    return tuple(found)


def _of_pods(view: Evidence) -> Iterator[str]:
    """Say of the client's pods what breaks nothing now, on a path that is well."""
    if view.broken is not None or view.target is None:
        return
    if not any(type(fact).__name__ == "KubernetesWorkload" for fact in view.facts):
        return
    from refused.evidence.kubernetes import ClusterDns, KubernetesWorkload, clients
    from refused.evidence.kubernetes_names import name_faults
    from refused.service.addresses import address_class

    workloads = clients(view.all(KubernetesWorkload))
    for fault in name_faults(view.target.host, workloads, view.all(ClusterDns)):
        # A public address that DNS does not give is held against ip-address-changed.
        if fault.kind == "pinned" and address_class(fault.address) != "public":
            yield f"{fault.said}, whatever DNS gives: when the cache's address changes, the pods stay behind"
    for workload in workloads[:1]:
        for probe in workload.probes:
            if probe.purpose == "liveness" and probe.names_cache:
                yield (
                    f"the liveness probe of {workload.title} tries {probe.how}, and ends the pod after "
                    f"{probe.period_s * probe.failures} s without it: let it ask the process alone"
                )


def _is_about_time(view: Evidence) -> bool:
    """Whether there was a watch, or a fault in which it counts how long a client waits."""
    if any(isinstance(fact, _OVER_TIME) for fact in view.facts):
        return True
    broken = view.broken
    return broken is not None and (broken.how == "stalled" or broken.how.startswith("idle-"))


_OVER_TIME = (ClientFleet, MaintenanceEvent, NamesOverTime, OverTime)


def _is_told(note: str, told: Sequence[str]) -> bool:
    """Whether a finding says already what was done before it failed."""
    lead, _, change = note.partition("before it failed: ")
    return not lead and bool(change) and any(change in each for each in told)


def _notes(view: Evidence, places: Sequence[PlaceSeen]) -> Iterator[str]:
    if wants_password(view) is not None and is_bare(view):
        yield "the server asks for credentials; none were given, so nothing behind the login was looked at"
    for place in places[1:]:
        if place.not_reached:
            yield f"from {place.vantage} nothing was seen: {place.not_reached}"
        else:
            yield f"from {place.vantage} the path is {place.verdict}"
    yield from _of_addresses(view)
    bare = [visit for visit in view.look(NodeVisit) if visit.detail.startswith("checked as ")]
    if bare:
        yield (
            f"the nodes announce addresses ({bare[0].host}), which no certificate holds: a cluster client must be set "
            "to check them under the cache's name"
        )
    for info in view.look(ServerInfo):
        yield from _of_server(info)
    yield from _of_tls(view)


def _of_descriptors(view: Evidence) -> Iterator[str]:
    """Say what a process has open that was asked about; our own tells nothing of the application's."""
    # A deep look counts a second time, at the end: the process as it was seen last.
    last = {files.pid: files for files in view.look(DescriptorUse) if files.source not in OWN}
    for files in last.values():
        limit = f" of {files.soft_limit}" if files.soft_limit < UNLIMITED else ""
        count = f"process {files.pid} has {files.open}{limit} descriptors open"
        if files.open >= files.soft_limit:
            yield f"{count}: it can open no further connection, although this look could"
        elif files.open >= NEAR * files.soft_limit:
            yield f"{count}: at the limit it can open no further connection"
        else:
            yield count
    # A path that is well lists nothing as unseen; who asks about a process waits for an answer.
    for gap in view.unseen if view.broken is None else ():
        if gap.what == "DescriptorUse" and gap.why.startswith("process "):
            yield f"descriptors were not counted: {gap.why}"


def _of_addresses(view: Evidence) -> Iterator[str]:
    dials = client_dials(view)
    if any(not dial.failed for dial in dials):
        for dial in dials:
            if dial.failed:
                yield f"{dial.address} is not reached ({dial_said(dial)}); a client that tries it first loses that time"
    for dial in view.look(TcpDial):
        if dial.purpose == "control" and not dial.failed:
            yield (
                f"{dial.address} accepts even port {dial.port}, where nothing listens: something in between "
                "answers for it, so an accepted connection proves nothing here"
            )


def _of_tls(view: Evidence) -> Iterator[str]:
    for seen in view.look(PeerCertificates):
        if seen.chain:
            left = (seen.chain[0].not_after - seen.at) / DAY_S
            if 0 < left < SOON_DAYS:
                yield f"the certificate expires in {left:.0f} days"
            break
    for shake in view.look(TlsHandshake):
        if shake.purpose == "client" and not shake.failed and not shake.verified:
            yield "the client is set not to check the certificate: anybody on the way can read and change what is sent"
            break


def _of_server(info: ServerInfo) -> Iterator[str]:
    if info.role == "replica":
        yield f"this is a replica of {info.primary_host}:{info.primary_port}: writes are refused with READONLY"
    if (
        info.max_clients
        and info.connected_clients
        and info.connected_clients >= NEAR * info.max_clients
    ):
        yield f"{info.connected_clients} of {info.max_clients} connections are in use"
    if info.rejected_connections:
        yield f"the server has turned away {info.rejected_connections} connections at its limit since it started"
    if (
        info.max_memory_bytes
        and info.used_memory_bytes
        and info.used_memory_bytes >= 0.9 * info.max_memory_bytes
    ):
        used = 100 * info.used_memory_bytes / info.max_memory_bytes
        yield f"{used:.0f} % of the memory limit is in use (policy {info.eviction_policy or 'unknown'})"
    if info.uptime_s is not None and info.uptime_s < 600:
        yield f"the server started {info.uptime_s} s ago"
    if info.clock_offset_s is not None and abs(info.clock_offset_s) > 60:
        yield f"the server's clock and this host's differ by {info.clock_offset_s:.0f} s"
