"""What was seen of a server, its cluster and its connections, to be varied with ``replace``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.evidence.observations import (
    ClientList,
    ClusterNode,
    ClusterTopology,
    DnsAnswer,
    Elsewhere,
    NameLookup,
    NodeVisit,
    ServerInfo,
    TcpDial,
)
from refused.evidence.target import Target
from tests.causes.login_scenery import PONG, refused
from tests.causes.tls_scenery import AZURE, CLOSED, OFFICE, SHAKE, SILENT, STAMP, WELL_ELSEWHERE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from refused.causes.statements import Statement

__all__ = [
    "ACCEPTED",
    "AZURE",
    "CACHE",
    "CLOSED",
    "CLUSTER",
    "CROWD",
    "FRONT",
    "ILL_ELSEWHERE",
    "INFO",
    "OWN",
    "PONG",
    "SHAKE",
    "SILENT",
    "STAMP",
    "UNANSWERED",
    "UNKNOWN_NAME",
    "UNKNOWN_ON_THE_WIRE",
    "VISITED",
    "WELL_ELSEWHERE",
    "kinds",
    "refused",
]

CACHE = Target(text=AZURE, form="host", host=AZURE, port=6380, tls=True, service="acr")
OWN = Target(
    text="redis://redis.example.net",
    form="url",
    host="redis.example.net",
    port=6379,
    tls=False,
)
ACCEPTED = TcpDial(**STAMP, address="20.42.65.90", port=6380, outcome="accepted")
FRONT = ACCEPTED.replace(port=6379)
UNANSWERED = ACCEPTED.replace(outcome="silent")
INFO = ServerInfo(
    **STAMP,
    address="20.42.65.90",
    port=6380,
    role="primary",
    uptime_s=86_400,
    connected_clients=40,
    max_clients=1000,
)
CROWD = ClientList(**STAMP, total=40, by_address=(("10.0.0.4", 36), ("10.0.0.5", 4)))
ILL_ELSEWHERE = Elsewhere(**OFFICE, healthy=False, path=())
UNKNOWN_NAME = NameLookup(
    **STAMP, host=AZURE, outcome="not-found", error=-2, error_text="Name or service not known"
)
UNKNOWN_ON_THE_WIRE = DnsAnswer(
    **STAMP,
    host=AZURE,
    resolver="10.0.0.2:53",
    transport="udp",
    qtype="A",
    outcome="nxdomain",
    rcode=3,
)
CLUSTER = ClusterTopology(
    **STAMP,
    enabled=True,
    state="ok",
    slots_covered=16384,
    nodes=(
        ClusterNode(host="20.42.65.90", port=15000, role="primary", slots=((0, 8191),)),
        ClusterNode(host="20.42.65.90", port=15001, role="primary", slots=((8192, 16383),)),
    ),
)
VISITED = NodeVisit(
    **STAMP,
    host="20.42.65.90",
    port=15001,
    address="20.42.65.90",
    role="primary",
    stage="done",
    outcome="ok",
)


def kinds(said: Iterable[Statement]) -> list[str]:
    """Return what sort each statement is of, in order."""
    return [type(each).__name__ for each in said]
