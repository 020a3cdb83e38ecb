"""From objects to facts: who is the client, what stands around it, and what bears on the target."""

from __future__ import annotations

from refused.evidence.kubernetes import (
    IstioDestinationRule,
    IstioServiceEntry,
    KubernetesLook,
    KubernetesNamespace,
    KubernetesService,
    LinkerdEgress,
)
from refused.evidence.kubernetes_mesh import is_meant
from refused.evidence.observations import Unseen
from refused.probes.kubernetes import meshes
from refused.probes.kubernetes.names import cluster_dns
from refused.probes.kubernetes.objects import VANTAGE, number, pairs, rows, text
from refused.probes.kubernetes.policies import policies
from refused.probes.kubernetes.sidecars import Around
from refused.probes.kubernetes.workloads import choose, pod_of, workload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from refused.evidence.bundle import Fact
    from refused.evidence.kubernetes import KubernetesWorkload
    from refused.evidence.observations import Observation
    from refused.probes.kubernetes.objects import Object
    from refused.probes.kubernetes.workloads import Named

# Of what bears on the target without naming it, so much at most is kept.
MOST_OF_A_KIND = 200
HOW_TO_NAME = "name it with --workload namespace/kind/name"


class Stamp:
    """When and how long was looked."""

    __slots__ = ("at", "took_ms")

    def __init__(self, at: float, took_ms: float) -> None:
        self.at, self.took_ms = at, took_ms


def facts_of(
    objects: Sequence[Object],
    host: str,
    *,
    named: Named | None,
    stamp: Stamp,
    kinds: Iterable[str] = (),
    context: str = "",
    means: str = "manifests",
) -> list[Fact]:
    """Return what *objects* say of the way from the client to *host*.

    Args:
        kinds: Kinds of which all were read.

    Raises:
        BadWorkload: The named workload is not among them.
    """
    name = host.lower().rstrip(".")
    chosen, why_none = choose(objects, name, named)
    settings, defaults = meshes.settings(objects)
    has_istio = any(meshes.is_istio(each) for each in objects)
    spaces = {each.name: each for each in objects if each.kind == "Namespace" and not each.group}
    clients = [
        workload(
            each.item,
            _around(each.item.namespace, spaces, has_istio=has_istio, defaults=defaults),
            role="client",
            chosen=each.because,
            host=name,
        )
        for each in chosen
    ]
    found: list[Observation] = [
        KubernetesLook(
            vantage=VANTAGE,
            at=0.0,
            took_ms=0.0,
            source=means,
            means=means,
            kinds=tuple(kinds),
            objects=len(objects),
            context=context,
        ),
        *clients,
        *_server(objects, name, clients, spaces, has_istio=has_istio, defaults=defaults),
        *settings[:3],
    ]
    homes = {each.namespace for each in clients}
    found += [
        KubernetesNamespace(
            vantage=VANTAGE,
            at=0.0,
            took_ms=0.0,
            source=space.source,
            name=space.name,
            labels=pairs(space.labels),
        )
        for space in list(spaces.values())[:MOST_OF_A_KIND]
    ]
    for item in objects:
        found += [each for each in policies(item) if each.namespace in ("", *homes)][
            :MOST_OF_A_KIND
        ]
    bearing = [fact for item in objects for fact in meshes.facts(item) if _bears(fact, name)]
    found += [
        meshes.with_routes(each, objects) if isinstance(each, LinkerdEgress) else each
        for each in bearing[:MOST_OF_A_KIND]
    ]
    dns = cluster_dns(objects)
    if dns is not None:
        found.append(dns)
    said: list[Fact] = [each.replace(at=stamp.at, took_ms=stamp.took_ms) for each in found]
    if not clients:
        said.append(
            Unseen(
                vantage=VANTAGE,
                what="KubernetesWorkload",
                why=f"which workload is the client cannot be told: {why_none}",
                how_to_see=HOW_TO_NAME,
            )
        )
    return said


def _around(
    namespace: str, spaces: Mapping[str, Object], *, has_istio: bool, defaults: Mapping[str, Any]
) -> Around:
    space = spaces.get(namespace)
    return Around(
        namespace,
        None if space is None else space.labels,
        None if space is None else space.annotations,
        has_istio=has_istio,
        defaults=defaults,
    )


def _bears(fact: Observation, host: str) -> bool:
    """Whether an object of a mesh has to do with *host*; what is for all hosts does."""
    if isinstance(fact, IstioServiceEntry):
        return bool(fact.addresses) or any(is_meant(each, host) for each in fact.hosts)
    if isinstance(fact, IstioDestinationRule):
        if fact.mode is None and not fact.port_modes:
            return False
        return is_meant(fact.host, host) or host.startswith(f"{fact.host}.")
    return True


def service_name(host: str, home: str) -> tuple[str, str] | None:
    """Return name and namespace of the cluster's service that *host* may be; ``None`` where it is none's.

    >>> service_name("redis.shop.svc.cluster.local", "default")
    ('redis', 'shop')
    """
    parts = host.split(".")
    if len(parts) == 1:
        return parts[0], home
    if len(parts) == 2 or (len(parts) >= 3 and parts[2] == "svc"):
        return parts[0], parts[1]
    return None


def _server(
    objects: Sequence[Object],
    host: str,
    clients: Sequence[KubernetesWorkload],
    spaces: Mapping[str, Object],
    *,
    has_istio: bool,
    defaults: Mapping[str, Any],
) -> Iterator[Observation]:
    """Give the service that bears the target's name, and the workload behind it."""
    home = clients[0].namespace if clients else "default"
    wanted = service_name(host, home)
    if wanted is None:
        return
    for item in objects:
        if item.kind != "Service" or (item.name, item.namespace) != wanted or item.group:
            continue
        service = KubernetesService(
            vantage=VANTAGE,
            at=0.0,
            took_ms=0.0,
            source=item.source,
            namespace=item.namespace,
            name=item.name,
            selects=pairs(item.spec.get("selector")),
            ports=tuple(_service_ports(item)),
            cluster_ip=text(item.spec.get("clusterIP")) or None,
            external_name=text(item.spec.get("externalName")) or None,
        )
        yield service
        for each in objects:
            pod = pod_of(each)
            if (
                pod is not None
                and service.selects
                and each.namespace == item.namespace
                and all(pod.labels.get(key) == value for key, value in service.selects)
            ):
                around = _around(each.namespace, spaces, has_istio=has_istio, defaults=defaults)
                because = f"the service {item.name} leads to it"
                yield workload(each, around, role="server", chosen=because, host=host)
                return


def _service_ports(item: Object) -> Iterator[tuple[int, str]]:
    for each in rows(item.spec.get("ports")):
        port, there = number(each.get("port")), each.get("targetPort")
        if port is not None:
            yield port, str(port if there is None else there)
