"""How many connections the clients may want, and how many their way out bears, by the numbers given.

A port of the way out is spent for each connection to one address and port. The nodes of a cluster
have ports of their own, so that they do not share that budget; but the server's limit of clients
counts all of them together.

The module keeps to Python 3.8 and the standard library.
"""

from __future__ import annotations

from refused.evidence.record import Record
from refused.service.limits import connections_wanted, outbound_ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Tuple

    from refused.evidence.observations import ClientFleet, ClientSettings, Platform

# The way out that a platform has unless it was given another: ours to guess, the user's to tell.
# Sources: https://learn.microsoft.com/azure/aks/load-balancer-standard
#          https://learn.microsoft.com/azure/app-service/troubleshoot-intermittent-outbound-connection-errors
USUAL_WAY = {
    "kubernetes": "load-balancer",
    "app-service": "app-service",
    "functions": "app-service",
}


class Demand(Record):
    """Connections that the clients may open together.

    Attributes:
        to_one: To one address and port of the server.
        in_all: To all its nodes.
        said: The sum, for people.
    """

    to_one: int
    in_all: int
    said: str


class Supply(Record):
    """Connections to one address and port that the way out bears.

    Attributes:
        is_guess: Whether the way out is the platform's usual one, and nobody said so.
    """

    ports: int
    path: str
    said: str
    is_guess: bool = False


def demand(fleet: ClientFleet, settings: Iterable[ClientSettings] = ()) -> Demand | None:
    """Add up what pods, processes and pools may open; ``None`` where the size of a pool is unknown.

    The pool's size is the user's word, else the client's setting. StackExchange.Redis has no pool:
    it keeps one connection, and on RESP2 a second one for subscriptions.
    """
    if _is_odd(fleet):
        return None
    given = next(iter(settings), None)
    sockets, pool = 1, fleet.pool_size
    if pool is None and given is not None:
        pool = given.pool_size
        if pool is None and given.client == "StackExchange.Redis":
            pool, sockets = 1, 1 if given.protocol == 3 else 2
    if pool is None or pool < 1:
        return None
    pods, processes, shards = fleet.pods or 1, fleet.processes or 1, fleet.shards or 1
    to_one = connections_wanted(
        processes=pods * processes, pool_size=pool, sockets_per_connection=sockets
    )
    parts = [_of(pods, "pod"), _of(processes, "process"), _of(pool * sockets, "connection")]
    said = f"{' x '.join(parts)} = {to_one:,} connections to one port of the server"
    if shards > 1:
        said += f", {to_one * shards:,} to its {shards} nodes together"
    return Demand(to_one=to_one, in_all=to_one * shards, said=said)


def supply(fleet: ClientFleet, platforms: Iterable[Platform] = ()) -> Supply | None:
    """Reckon what the way out bears; ``None`` where it is not known, or no figure is published."""
    if _is_odd(fleet):
        return None
    path, is_guess, nodes = fleet.outbound, False, fleet.nodes
    if not path:
        kind = next((USUAL_WAY[each.kind] for each in platforms if each.kind in USUAL_WAY), "")
        path, is_guess = kind, True
    if path == "app-service" and nodes is None:
        nodes = fleet.pods
    found: Tuple[int, str] | None = outbound_ports(
        path,
        nodes=nodes,
        addresses=fleet.outbound_addresses or 1,
        by_hand=fleet.ports_per_node,
    )
    if found is None:
        return None
    return Supply(ports=found[0], path=path, said=found[1], is_guess=is_guess)


def _is_odd(fleet: ClientFleet) -> bool:
    """Whether a number is none of anything: a bundle may come from anybody."""
    numbers = (
        fleet.pods,
        fleet.processes,
        fleet.pool_size,
        fleet.shards,
        fleet.nodes,
        fleet.outbound_addresses,
        fleet.ports_per_node,
    )
    return any(number is not None and number < 1 for number in numbers)


def _of(number: int, what: str) -> str:
    plural = f"{what}es" if what.endswith("s") else f"{what}s"
    return f"{number:,} {what if number == 1 else plural}"
