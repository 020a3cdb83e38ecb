"""Manifests as facts, and the cache that their workloads want."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from refused.evidence.bundle import Evidence
from refused.evidence.kubernetes import KubernetesWorkload
from refused.evidence.observations import ClusterNode, ClusterTopology
from refused.evidence.target import Target
from refused.probes.kubernetes.documents import parse, read
from refused.probes.kubernetes.facts import Stamp, facts_of
from refused.probes.kubernetes.objects import flatten
from refused.probes.kubernetes.workloads import Named

if TYPE_CHECKING:
    from refused.evidence.bundle import Fact

MANIFESTS = Path(__file__).parent / "manifests"
HOST = "contoso.redis.cache.windows.net"
CACHE = Target(text=f"{HOST}:6380", form="host", host=HOST, port=6380, tls=True, service="acr")
HERE: dict[str, Any] = {"vantage": "here", "at": 1.0, "took_ms": 1.0, "source": "test"}
# Two shards of two nodes begin at 15000: Istio's administration and its outbound port.
NODES = ClusterTopology(
    **HERE,
    enabled=True,
    nodes=tuple(ClusterNode(host="20.0.0.1", port=port, role="primary") for port in (15000, 15001)),
)


def facts(*paths: str | Path, host: str = HOST, workload: str = "") -> list[Fact]:
    """Return what manifests say; a text that is no path is a manifest itself."""
    named = Named(workload) if workload else None
    home = named.namespace if named else "default"
    documents = []
    for path in paths:
        if isinstance(path, Path):
            documents += read([str(path)])[0]
        else:
            documents += parse(path, "given")
    return facts_of(list(flatten(documents, home)), host, named=named, stamp=Stamp(1.0, 1.0))


def evidence(*found: Fact, target: Target = CACHE) -> Evidence:
    """Return it as a judge gets it."""
    return Evidence(*found, target=target, vantage="here")


def client(found: list[Fact]) -> KubernetesWorkload:
    """Return the one client."""
    (one,) = [
        each for each in found if isinstance(each, KubernetesWorkload) and each.role == "client"
    ]
    return one
