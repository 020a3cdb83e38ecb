"""What Istio and Linkerd are told: the mesh's settings, and the objects that bear on the way out.

Sources:
    https://istio.io/latest/docs/reference/config/
    https://learn.microsoft.com/azure/aks/istio-meshconfig
    https://linkerd.io/2/reference/egress-network/
"""

from __future__ import annotations

from refused.evidence.kubernetes import (
    IstioDestinationRule,
    IstioPeerAuthentication,
    IstioServiceEntry,
    IstioSidecarScope,
    LinkerdEgress,
    MeshPort,
    MeshSettings,
)
from refused.probes.kubernetes.objects import (
    VANTAGE,
    at,
    number,
    pairs,
    rows,
    table,
    text,
    texts,
    truth,
    words,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from refused.evidence.observations import Observation
    from refused.probes.kubernetes.objects import Object

ISTIO_GROUPS = ("networking.istio.io", "security.istio.io", "install.istio.io", "sailoperator.io")
# Config maps in which Istio, and AKS for its add-on, keep the mesh's settings.
_MAPS = ("istio", "istio-asm", "istio-shared-configmap")


def is_istio(item: Object) -> bool:
    """Whether *item* shows that Istio is, or shall be, there."""
    return item.group in ISTIO_GROUPS or _is_mesh_map(item)


def _is_mesh_map(item: Object) -> bool:
    name = item.name
    return (
        item.kind == "ConfigMap"
        and "mesh" in table(item.data.get("data"))
        and any(name == each or name.startswith(f"{each}-") for each in _MAPS)
    )


def settings(objects: Sequence[Object]) -> tuple[list[MeshSettings], dict[str, Any]]:
    """Return what meshes are told as a whole, and what Istio's sidecars are told unless a pod says otherwise."""
    defaults: dict[str, Any] = {}
    # What operators of AKS's add-on change stands in the shared map, and goes first.
    maps = sorted(
        (each for each in objects if _is_mesh_map(each)), key=lambda each: "shared" not in each.name
    )
    found = [
        _mesh_config(item, _config(texts(item.data.get("data")).get("mesh", ""))) for item in maps
    ]
    for item in objects:
        if item.kind == "IstioOperator" or (
            item.kind == "Istio" and item.group == "sailoperator.io"
        ):
            values = table(item.spec.get("values"))
            config = table(item.spec.get("meshConfig")) or table(values.get("meshConfig"))
            found.append(_mesh_config(item, config))
            defaults.update(_proxy_defaults(values))
    for one in found:
        if one.holds_application is not None:
            defaults.setdefault("holds", one.holds_application)
    return found, defaults


def _proxy_defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    proxy = table(at(values, "global", "proxy"))
    names = ("excludeOutboundPorts", "includeOutboundPorts", "includeIPRanges", "excludeIPRanges")
    said: dict[str, Any] = {name: proxy[name] for name in names if isinstance(proxy.get(name), str)}
    holds = truth(proxy.get("holdApplicationUntilProxyStarts"))
    return {**said, "holds": holds} if holds is not None else said


def _mesh_config(item: Object, config: Mapping[str, Any]) -> MeshSettings:
    mode = text(at(config, "outboundTrafficPolicy", "mode")).upper()
    return MeshSettings(
        vantage=VANTAGE,
        at=0.0,
        took_ms=0.0,
        source=item.source,
        mesh="istio",
        root_namespace=text(config.get("rootNamespace"))
        or (item.namespace if item.kind == "ConfigMap" else "istio-system"),
        outbound=mode or None,
        holds_application=truth(at(config, "defaultConfig", "holdApplicationUntilProxyStarts")),
        export_services=words(config.get("defaultServiceExportTo")),
    )


def _config(value: str) -> dict[str, Any]:
    from refused.probes.kubernetes.documents import BadManifest, parse

    try:
        found = parse(value, "the mesh's settings")
    except BadManifest:
        return {}
    return table(found[0].data) if found else {}


def facts(item: Object) -> Iterator[Observation]:
    """Give what an object of a mesh says of the way out."""
    stamp: dict[str, Any] = {
        "vantage": VANTAGE,
        "at": 0.0,
        "took_ms": 0.0,
        "source": item.source,
        "namespace": item.namespace,
        "name": item.name,
    }
    spec = item.spec
    if item.group == "networking.istio.io":
        if item.kind == "Sidecar":
            yield _scope(spec, stamp)
        elif item.kind == "ServiceEntry":
            yield _entry(spec, stamp)
        elif item.kind == "DestinationRule":
            yield _destination(spec, stamp)
    elif item.group == "security.istio.io" and item.kind == "PeerAuthentication":
        ports = table(spec.get("portLevelMtls"))
        yield IstioPeerAuthentication(
            **stamp,
            mode=text(at(spec, "mtls", "mode")) or None,
            port_modes=tuple(
                (int(port), text(at(each, "mode")))
                for port, each in ports.items()
                if port.isdigit()
            ),
            selects=pairs(at(spec, "selector", "matchLabels")),
        )
    elif item.kind == "EgressNetwork" and item.group == "policy.linkerd.io":
        yield LinkerdEgress(
            **stamp,
            policy=text(spec.get("trafficPolicy")) or "Allow",
            blocks=tuple(
                (text(each.get("cidr")), *words(each.get("except")))
                for each in rows(spec.get("networks"))
            ),
        )


def _scope(spec: Mapping[str, Any], stamp: dict[str, Any]) -> IstioSidecarScope:
    listeners = rows(spec.get("egress"))
    hosts, ports = [], []
    for listener in listeners:
        for host in words(listener.get("hosts")):
            hosts.append(host)
            ports.append(number(at(listener, "port", "number")) or 0)
    return IstioSidecarScope(
        **stamp,
        selects=pairs(at(spec, "workloadSelector", "labels")),
        outbound=text(at(spec, "outboundTrafficPolicy", "mode")).upper() or None,
        hosts=tuple(hosts) if listeners else None,
        ports=tuple(ports) if listeners else (),
    )


def _entry(spec: Mapping[str, Any], stamp: dict[str, Any]) -> IstioServiceEntry:
    ports = []
    for each in rows(spec.get("ports")):
        port = number(each.get("number"))
        if port is not None:
            name = text(each.get("name"))
            # Without a protocol the name's first word says it.
            protocol = text(each.get("protocol")) or name.partition("-")[0]
            ports.append(MeshPort(number=port, protocol=protocol.upper(), name=name))
    return IstioServiceEntry(
        **stamp,
        hosts=words(spec.get("hosts")),
        ports=tuple(ports),
        addresses=words(spec.get("addresses")),
        location=text(spec.get("location")),
        resolution=text(spec.get("resolution")),
        export_to=words(spec.get("exportTo")),
    )


def _destination(spec: Mapping[str, Any], stamp: dict[str, Any]) -> IstioDestinationRule:
    policy = table(spec.get("trafficPolicy"))
    modes = []
    for each in rows(policy.get("portLevelSettings")):
        port = number(at(each, "port", "number"))
        # The settings of a port replace the whole policy: without a word on TLS there is none.
        if port is not None:
            modes.append((port, text(at(each, "tls", "mode")).upper() or "DISABLE"))
    return IstioDestinationRule(
        **stamp,
        host=text(spec.get("host")),
        mode=text(at(policy, "tls", "mode")).upper() or None,
        port_modes=tuple(modes),
        selects=pairs(at(spec, "workloadSelector", "matchLabels")),
        export_to=words(spec.get("exportTo")),
    )


def with_routes(egress: LinkerdEgress, objects: Sequence[Object]) -> LinkerdEgress:
    """Return what leads out through an EgressNetwork, by the routes that name it."""
    routes = []
    for item in objects:
        if item.kind not in ("TLSRoute", "TCPRoute", "HTTPRoute", "GRPCRoute"):
            continue
        for parent in rows(item.spec.get("parentRefs")):
            there = text(parent.get("namespace")) or item.namespace
            if text(parent.get("kind")) == "EgressNetwork" and (
                there,
                text(parent.get("name")),
            ) == (egress.namespace, egress.name):
                port = number(parent.get("port"))
                routes.append(
                    (
                        item.kind,
                        item.name,
                        words(item.spec.get("hostnames")),
                        () if port is None else (port,),
                    )
                )
    return egress.replace(routes=tuple(routes))
