"""What a port means on each service, and whether TLS is spoken there.

Azure Cache for Redis has one port for plain text and one for TLS; Managed Redis has a single port
that speaks whichever the database is set to. Ports of nodes matter to cluster clients alone, and on
Managed Redis they change over time: discover them, do not write them down.

In Azure Cache for Redis 15000+N is the TLS port of a node and 13000+N its plain one. Some migration
pages say the reverse; the clustering and TLS pages and real maintenance events do not.
"""

from __future__ import annotations

from refused.service.facts import (
    ACR_CLUSTERING,
    ACR_CONFIGURE,
    ACR_VNET,
    AMR_ARCHITECTURE,
    AMR_TLS,
    ISTIO_PORTS,
    LIKELY,
    LINKERD_PORTS,
    REDIS_CLUSTER,
    REDIS_SECURITY,
    REDIS_SENTINEL,
    SKILL_FEATURES,
    SURE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from refused.service.facts import Certainty, Service

    PortKind = Literal["client", "node", "internal", "sentinel", "bus"]

# Shape: (service, first port, last port, kind, whether TLS is spoken (None: as it is set), meaning,
# source, certainty).
PORTS: tuple[tuple[Service, int, int, PortKind, bool | None, str, str, Certainty], ...] = (
    ("acr", 6380, 6380, "client", True, "the TLS port, always open", ACR_CONFIGURE, SURE),
    (
        "acr",
        6379,
        6379,
        "client",
        False,
        "the plain-text port, closed unless the cache's owner opened it",
        ACR_CONFIGURE,
        SURE,
    ),
    ("acr", 15000, 15999, "node", True, "the TLS port of a cluster node", ACR_CLUSTERING, SURE),
    (
        "acr",
        13000,
        13999,
        "node",
        False,
        "the plain-text port of a cluster node, closed unless the plain-text port is open",
        ACR_CLUSTERING,
        SURE,
    ),
    (
        "acr",
        10221,
        10231,
        "internal",
        None,
        "a port inside a virtual network, between nodes and for cluster clients",
        ACR_VNET,
        SURE,
    ),
    ("acr", 8443, 8443, "internal", None, "a port between the cache's own nodes", ACR_VNET, SURE),
    ("acr", 20226, 20226, "internal", None, "a port between the cache's own nodes", ACR_VNET, SURE),
    ("acr", 8500, 8500, "internal", None, "a port of Azure's load balancer", ACR_VNET, SURE),
    ("acr", 16001, 16001, "internal", None, "a port of Azure's load balancer", ACR_VNET, SURE),
    ("acre", 10000, 10000, "client", None, "the only client port", SKILL_FEATURES, SURE),
    ("acre", 8500, 8599, "node", None, "the port of a cluster node", SKILL_FEATURES, SURE),
    (
        "amr",
        10000,
        10000,
        "client",
        None,
        "the only client port; TLS unless the database is set to plain text",
        AMR_TLS,
        SURE,
    ),
    (
        "amr",
        8500,
        8599,
        "node",
        None,
        "the port of a cluster node under the OSS cluster policy",
        AMR_ARCHITECTURE,
        SURE,
    ),
    ("redis", 6379, 6379, "client", None, "the usual Redis port", REDIS_SECURITY, SURE),
    ("redis", 6380, 6380, "client", True, "a common choice for TLS", ACR_CONFIGURE, LIKELY),
    (
        "redis",
        26379,
        26379,
        "sentinel",
        None,
        "Sentinel, which tells where the primary is and serves no data",
        REDIS_SENTINEL,
        SURE,
    ),
    (
        "redis",
        16379,
        16379,
        "bus",
        None,
        "the cluster bus, which nodes speak among themselves",
        REDIS_CLUSTER,
        SURE,
    ),
)

# Ports that a sidecar keeps for itself inside a pod: traffic to them never leaves it.
# Shape: (mesh, port, meaning, source, certainty).
SIDECAR_PORTS: tuple[tuple[str, int, str, str, Certainty], ...] = (
    ("istio", 15000, "Envoy's administration", ISTIO_PORTS, SURE),
    ("istio", 15001, "outbound traffic", ISTIO_PORTS, SURE),
    ("istio", 15002, "a check of the port itself", ISTIO_PORTS, SURE),
    ("istio", 15004, "debugging", ISTIO_PORTS, SURE),
    ("istio", 15006, "inbound traffic", ISTIO_PORTS, SURE),
    ("istio", 15008, "the mesh's tunnel", ISTIO_PORTS, SURE),
    ("istio", 15020, "merged metrics", ISTIO_PORTS, SURE),
    ("istio", 15021, "health", ISTIO_PORTS, SURE),
    ("istio", 15053, "DNS", ISTIO_PORTS, SURE),
    ("istio", 15090, "Envoy's metrics", ISTIO_PORTS, SURE),
    ("linkerd", 4140, "outbound traffic", LINKERD_PORTS, SURE),
    ("linkerd", 4143, "inbound traffic", LINKERD_PORTS, SURE),
    ("linkerd", 4190, "control", LINKERD_PORTS, SURE),
    ("linkerd", 4191, "administration and metrics", LINKERD_PORTS, SURE),
)

# Ports that Linkerd passes through unread. On any other it waits up to ten seconds for the client
# to speak first, which a pool that opens plain connections ahead of need does not.
# Shape: (port, source, certainty).
LINKERD_OPAQUE_PORTS: tuple[tuple[int, str, Certainty], ...] = (
    (25, LINKERD_PORTS, SURE),
    (587, LINKERD_PORTS, SURE),
    (3306, LINKERD_PORTS, SURE),
    (4444, LINKERD_PORTS, SURE),
    (5432, LINKERD_PORTS, SURE),
    (6379, LINKERD_PORTS, SURE),
    (9300, LINKERD_PORTS, SURE),
    (11211, LINKERD_PORTS, SURE),
)

# Shape: (service, title).
_TITLES: tuple[tuple[Service, str], ...] = (
    ("acr", "Azure Cache for Redis"),
    ("acre", "Azure Cache for Redis Enterprise"),
    ("amr", "Azure Managed Redis"),
    ("redis", "Redis"),
)


def title_of(service: Service) -> str:
    """Return the name that people know *service* by."""
    for name, title in _TITLES:
        if name == service:
            return title
    return service


def meaning_of(port: int, service: Service) -> str:
    """Say in words what *port* is on *service*, or whose port it is instead.

    >>> meaning_of(10000, "acr")
    'no port of Azure Cache for Redis; on Azure Managed Redis it is the only client port'
    """
    own = _row(port, service)
    if own is not None:
        return own[5]
    title = title_of(service)
    for other in ("amr", "acr", "redis"):
        foreign = _row(port, other)
        if foreign is not None and foreign[3] != "internal":
            short = foreign[5].split(";")[0].split(",")[0]
            return f"no port of {title}; on {title_of(other)} it is {short}"
    return f"no known port of {title}"


def expected_ports(service: Service) -> tuple[int, ...]:
    """Return the ports at which a client first connects to *service*, the usual one first."""
    return tuple(
        first for name, first, _, kind, _, _, _, _ in PORTS if (name, kind) == (service, "client")
    )


def default_port(service: Service, tls: bool | None = None) -> int | None:  # noqa: FBT001
    """Return the port to try when none was given; *tls* is ``None`` where that was not said either.

    A ``rediss://`` URL without a port means 6379 on a Redis that is not Azure's.
    """
    if service == "redis":
        return 6379
    ports = [
        (first, speaks_tls)
        for name, first, _, kind, speaks_tls, _, _, _ in PORTS
        if (name, kind) == (service, "client")
    ]
    wanted = True if tls is None else tls
    for port, speaks_tls in ports:
        if speaks_tls is None or speaks_tls == wanted:
            return port
    return None


def is_node_port(port: int, service: Service) -> bool:
    """Whether *port* is one that a cluster of *service* announces for its nodes."""
    row = _row(port, service)
    return row is not None and row[3] == "node"


def tls_expected(port: int, service: Service) -> bool | None:
    """Whether TLS is spoken at *port*; ``None`` where that depends on settings or is not known."""
    row = _row(port, service)
    return None if row is None else row[4]


def default_tls(service: Service) -> bool | None:
    """Whether a client of *service* needs TLS unless somebody chose otherwise.

    Source: learn.microsoft.com, ``cache-configure`` and ``redis/tls-configuration`` (sure). A Redis
    of one's own has no default that one could rely on.
    """
    return None if service == "redis" else True


def sidecar_port(port: int, mesh: str = "istio") -> str | None:
    """Say what *mesh* uses *port* for inside a pod; ``None`` where it leaves it alone.

    A Premium cluster's TLS node ports start at 15000 and so meet Istio's; no port of Managed Redis,
    and no plain node port, does.
    """
    for name, number, meaning, _, _ in SIDECAR_PORTS:
        if (name, number) == (mesh, port):
            return meaning
    return None


def _row(
    port: int, service: str
) -> tuple[Service, int, int, PortKind, bool | None, str, str, Certainty] | None:
    for row in PORTS:
        if row[0] == service and row[1] <= port <= row[2]:
            return row
    return None
