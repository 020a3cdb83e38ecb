"""Tell Istio of the cache: its host and ports, or the port or protocol that its entry has wrong.

The proxy then lets the connection out under a name of its own, and carries the client's TLS through
unread. Nothing else is let out.

Sources:
    https://istio.io/latest/docs/reference/config/networking/service-entry/
    https://istio.io/latest/docs/tasks/traffic-management/egress/egress-control/
"""

from __future__ import annotations

from json import dumps, loads

from refused.evidence.kubernetes import IstioServiceEntry
from refused.evidence.kubernetes_faults import addresses_of, mesh_faults, wanted_ports
from refused.evidence.path import is_literal
from refused.remedies.change import Change, Missing, Setting
from refused.remedies.kubernetes import kubectl_create, kubectl_patch, object_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from refused.evidence.bundle import Evidence
    from refused.evidence.kubernetes_faults import MeshFault
    from refused.evidence.target import Target

ENDS = ("service-mesh-intercept",)
RANK = 5


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose an entry where one lacks, and a patch where one is wrong."""
    target = evidence.target
    if target is None:
        return
    entries = {(each.namespace, each.name): each for each in evidence.all(IstioServiceEntry)}
    proposed = set()
    for fault in mesh_faults(evidence):
        entry = entries.get(fault.subject)
        hidden = next((each for each in fault.seen if isinstance(each, IstioServiceEntry)), None)
        if fault.kind == "no-entry" and hidden is not None:
            yield Missing(
                kind="service-entry",
                cause=cause,
                what=f"the service entry {hidden.namespace}/{hidden.name} in sight of {fault.workload.namespace}",
                needs="the word of whoever keeps it from there",
                how=f"add {fault.workload.namespace} to its exportTo, or {hidden.namespace}/{target.host} to the "
                "egress hosts of the Sidecar",
            )
            continue
        if fault.kind == "no-entry":
            made: Change | None = _new(cause, fault, target, evidence)
        elif fault.kind == "entry-port" and entry is not None:
            made = _port(cause, fault, entry, target)
        elif fault.kind == "entry-protocol" and entry is not None:
            made = _protocol(cause, fault, entry, target)
        else:
            continue
        if made is not None and made.title not in proposed:
            proposed.add(made.title)
            yield made


def _protocol_for(target: Target) -> str:
    # TLS leads by the server name that the client sends; without a name, and in plain text, by address.
    return "TLS" if target.tls and not is_literal(target.host) else "TCP"


def _new(cause: str, fault: MeshFault, target: Target, evidence: Evidence) -> Change:
    protocol = _protocol_for(target)
    ports = wanted_ports(evidence, target)[0] if target.cluster_aware else (target.port,)
    listed = [
        {"number": port, "name": f"{protocol.lower()}-{port}", "protocol": protocol}
        for port in ports
    ]
    spec: dict[str, Any] = {
        "hosts": [target.host],
        "ports": listed,
        "location": "MESH_EXTERNAL",
        "resolution": "DNS",
        # Shown to the client's namespace alone.
        "exportTo": ["."],
    }
    if is_literal(target.host):
        spec |= {"hosts": ["redis.invalid"], "addresses": [target.host], "resolution": "NONE"}
    elif protocol == "TCP":
        # A port without TLS has no name in it: the proxy needs the addresses to know the host by.
        known = addresses_of(evidence)
        spec |= {"addresses": list(known)} if known else {}
    name = object_name(target.host, "redis")
    body = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": name, "namespace": fault.workload.namespace},
        "spec": spec,
    }
    shown = ", ".join(str(each) for each in ports)
    return Change(
        kind="service-entry",
        cause=cause,
        title=f"register {target.host} and port {shown} with the mesh",
        where="kubernetes",
        settings=(Setting(name=f"ServiceEntry {name}", before=None, after=f"{protocol} {shown}"),),
        facts=(("how", "create"), ("body", dumps(body))),
        why=fault.said,
        affects=f"pods of the namespace {fault.workload.namespace}, which may then leave the mesh to this host and port",
        interruption="none",
        proof="from inside the pod TLS completes with the cache's own certificate, and PING is answered",
        hop="resp",
        undo_says="delete the service entry",
    )


def _port(cause: str, fault: MeshFault, entry: IstioServiceEntry, target: Target) -> Change:
    protocol = _protocol_for(target)
    added = [
        {"number": port, "name": f"{protocol.lower()}-{port}", "protocol": protocol}
        for port in fault.ports
    ]
    patch = [{"op": "add", "path": "/spec/ports/-", "value": each} for each in added]
    shown = ", ".join(str(each) for each in fault.ports)
    return _patched(cause, fault, entry, patch, f"add port {shown} ({protocol})", None, shown)


def _protocol(
    cause: str, fault: MeshFault, entry: IstioServiceEntry, target: Target
) -> Change | None:
    protocol = _protocol_for(target)
    place = next((n for n, each in enumerate(entry.ports) if each.number == target.port), None)
    if place is None:
        return None
    before, path = entry.ports[place].protocol, f"/spec/ports/{place}"
    patch: list[dict[str, Any]] = [
        {"op": "test", "path": f"{path}/number", "value": target.port},
        {"op": "add", "path": f"{path}/protocol", "value": protocol},
    ]
    what = f"call port {target.port} {protocol}"
    return _patched(cause, fault, entry, patch, what, before, protocol)


def _patched(  # noqa: PLR0917 - what a change is made of
    cause: str,
    fault: MeshFault,
    entry: IstioServiceEntry,
    patch: list[dict[str, Any]],
    what: str,
    before: str | None,
    after: str,
) -> Change:
    return Change(
        kind="service-entry",
        cause=cause,
        title=f"{what} in the service entry {entry.namespace}/{entry.name}",
        where="kubernetes",
        settings=(Setting(name=f"ServiceEntry {entry.name}", before=before, after=after),),
        facts=(
            ("how", "patch"),
            ("body", dumps(patch)),
            ("namespace", entry.namespace),
            ("resource", "serviceentries.networking.istio.io"),
            ("name", entry.name),
        ),
        why=fault.said,
        affects="every pod that the entry shows itself to",
        interruption="none; connections that are open stay",
        proof="from inside the pod TLS completes with the cache's own certificate, and PING is answered",
        hop="resp",
        undo_says=f"set it back: {before or 'without the port'}",
    )


def render(change: Change) -> dict[str, str]:
    """Say it as an object to create, or as a patch."""
    body = loads(change.fact("body"))
    if change.fact("how") == "create":
        return {"kubectl": kubectl_create(body)}
    return {"kubectl": kubectl_patch(change, body, kind="json")}
