"""A real cluster, formed in a blink, that announces logical addresses.

Slots, redirections, states and epochs are the servers' own. Only the addresses are not: the bus
needs the real ones, so what leads out of the cluster (:meth:`Cluster.front`) puts the announced
ones in their place in ``MOVED``, ``ASK`` and the answers to ``CLUSTER``, as Azure's own data plane
does when it tells a TLS client the TLS ports of the nodes.
"""

from __future__ import annotations

import itertools
import re
import secrets
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from refused.lab import resp
from refused.lab.fronts import Answers, Front, Line, Redis, Rewritten
from refused.lab.servers import NoServer, Server, free_port, in_parallel, version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SLOTS = 16384
FORM_WAIT_S = 15.0


@dataclass(frozen=True)
class Node:
    """How one node is announced: where clients are sent, and what it is called if it has a name."""

    address: str
    port: int
    hostname: str = ""


class Cluster:
    """Servers in cluster mode; a context manager.

    Args:
        primaries: How the primaries are announced, in the order of their slots.
        replicas: How the replicas are announced; each copies the primary at its place, over and
            over.
        slots: Slot ranges of each primary; all 16,384 in equal parts if not given. What nobody
            has stays uncovered, and the cluster is down.
        endpoint: What the nodes tell clients to dial: ``ip``, ``hostname`` or
            ``unknown-endpoint`` (the address they have dialled already).
        server: What every node's :class:`Server` is made with.
    """

    def __init__(
        self,
        primaries: Sequence[Node],
        replicas: Sequence[Node] = (),
        *,
        slots: Sequence[Sequence[tuple[int, int]]] | None = None,
        endpoint: str = "ip",
        data: Mapping[str, str | bytes] | None = None,
        **server: Any,  # as Server takes them
    ) -> None:
        self.nodes = (*primaries, *replicas)
        self.endpoint = endpoint
        self.data = dict(data or {})
        self.slots = tuple(tuple(each) for each in (slots or _shares(len(primaries))))
        config = (
            *server.pop("config", ()),
            f"cluster-preferred-endpoint-type {endpoint}",
            "cluster-node-timeout 5000",
            "cluster-replica-validity-factor 0",
            "repl-diskless-sync-delay 0",
            "repl-ping-replica-period 1",
        )
        self.servers: tuple[Server, ...] = tuple(
            Server(
                cluster=True,
                config=(
                    *config,
                    *([f"cluster-announce-hostname {node.hostname}"] * bool(node.hostname)),
                ),
                name=f"node {node.address}:{node.port}",
                **server,
            )
            for node in self.nodes
        )
        self._count = len(primaries)

    @property
    def is_covered(self) -> bool:
        """Whether every slot has a node."""
        return sum(last - first + 1 for each in self.slots for first, last in each) == SLOTS

    def start(self) -> Self:
        """Run the nodes and wait until they agree.

        A primary that has just started keeps its cluster down for two seconds
        (``CLUSTER_WRITABLE_DELAY``), a replica does not. So every node begins as the replica of a
        primary that never was, and takes over from it.

        Raises:
            NoServer: A node did not start, or they did not agree in time.
        """
        for last_try in (False, False, True):
            try:
                self._run()
                self._take_over()
            except NoServer as failure:
                self.stop()
                if last_try or "in use" not in str(failure):
                    raise
            except BaseException:
                self.stop()
                raise
            else:
                break
        for server in self.servers[: self._count]:
            if self.data:
                server.command_all([("SET", key, value) for key, value in self.data.items()])
        return self

    def stop(self) -> None:
        """End every node."""
        for server in self.servers:
            server.stop()

    def announce(self, address: str) -> None:
        """Have every node announced at another address, as from behind a private endpoint."""
        self.nodes = tuple(replace(node, address=address) for node in self.nodes)

    def front(self, node: int = 0) -> Front:
        """Return what stands before a node: it tells the announced addresses."""
        return Answers(Redis(self.servers[node]), Announced(self).line)

    def _run(self) -> None:
        self._ids = [secrets.token_hex(20) for _ in self.nodes]
        self._shards = [secrets.token_hex(20) for _ in range(self._count)]
        self._ghosts = [secrets.token_hex(20) for _ in range(self._count)]
        for server in self.servers:
            server.port, server.bus_port = free_port(), free_port()
        for at, server in enumerate(self.servers):
            server.file("nodes.conf").write_text(self._table(at), encoding="ascii")
        in_parallel([server.start for server in self.servers])

    def _table(self, own: int) -> str:
        """Write the cluster's table as one node remembers it.

        Source: https://redis.io/docs/latest/commands/cluster-nodes/; that shards have ids since
        7.2: redis, src/cluster_legacy.c, clusterLoadConfig.
        """
        lines = []
        has_shards = not version(self.servers[own].program).startswith("Redis 7.0.")
        for at, ghost in enumerate(self._ghosts):
            shard = f",,shard-id={self._shards[at]}" if has_shards else ""
            slots = " ".join(f"{first}-{last}" for first, last in self.slots[at])
            place = f"127.0.0.1:9@9{shard}"
            lines.append(f"{ghost} {place} master - 0 0 {at + 1} connected {slots}".rstrip())
        for at, (node, server) in enumerate(zip(self._ids, self.servers, strict=True)):
            of = at % self._count
            shard = f",,shard-id={self._shards[of]}" if has_shards else ""
            flags = "myself,slave" if at == own else "slave"
            place = f"127.0.0.1:{server.port}@{server.bus_port}{shard}"
            lines.append(f"{node} {place} {flags} {self._ghosts[of]} 0 0 {of + 1} connected")
        # Each takes over in an epoch of its own, so that there is nothing to settle afterwards.
        lines.append(f"vars currentEpoch {self._count + 1 + own} lastVoteEpoch 0")
        return "\n".join(lines) + "\n"

    def _take_over(self) -> None:
        if self.is_covered:
            # A primary that has not been well yet waits its two seconds all the same.
            self._until(lambda at: "cluster_state:ok" in self._told(at, "INFO"))
        for server in self.servers[: self._count]:
            server.command("CLUSTER", "FAILOVER", "TAKEOVER")
        self._until(self._knows_its_primaries)
        # Not before: one node's forgetting spreads, and slots of a forgotten primary are nobody's.
        for server in self.servers:
            server.command_all([("CLUSTER", "FORGET", ghost) for ghost in self._ghosts])
        self._until(self._is_settled)

    def _until(self, is_so: Callable[[int], bool]) -> None:
        """Wait until something is so of every node."""
        until = time.monotonic() + FORM_WAIT_S
        waiting = list(range(len(self.servers)))
        while waiting := [at for at in waiting if not is_so(at)]:
            if time.monotonic() > until:
                raise NoServer("the nodes of the cluster did not come to terms")
            time.sleep(0.005)

    def _told(self, at: int, what: str) -> str:
        return _text(self.servers[at].command("CLUSTER", what))

    def _knows_its_primaries(self, at: int) -> bool:
        """Whether a node has heard of every take-over; a replica is sent to its primary."""
        known = self._primary_of(at)
        own, ours = self._ids[at], self._ids[: self._count]
        if any(known.get(node) != "-" for node in ours):
            return False
        wanted = self._wanted()[own]
        if known[own] != wanted:
            self.servers[at].command_all([("CLUSTER", "REPLICATE", wanted)])
        return known[own] == wanted

    def _is_settled(self, at: int) -> bool:
        """Whether a node sees what every node shall see."""
        state = "ok" if self.is_covered else "fail"
        if f"cluster_state:{state}" not in self._told(at, "INFO"):
            return False
        # A replica is not told to clients before it has copied something.
        slots = str(self.servers[at].command("CLUSTER", "SLOTS"))
        return self._primary_of(at) == self._wanted() and all(node in slots for node in self._ids)

    def _primary_of(self, at: int) -> dict[str, str]:
        """Return whose replica each node is, as one node sees it; ``-`` for a primary."""
        rows = [line.split() for line in self._told(at, "NODES").splitlines()]
        return {row[0]: row[3] for row in rows}

    def _wanted(self) -> dict[str, str]:
        return {
            node: "-" if at < self._count else self._ids[at % self._count]
            for at, node in enumerate(self._ids)
        }

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class Announced:
    """Puts announced addresses where a node names real ones."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    @property
    def _places(self) -> dict[int, Node]:
        nodes = zip(self._cluster.servers, self._cluster.nodes, strict=True)
        return {server.port: node for server, node in nodes}

    def line(self, words: Sequence[bytes]) -> Line | None:
        """Return what is done with the reply to a request."""
        command = words[0].upper()
        if command in (b"CLUSTER", b"INFO", b"ROLE"):
            return Rewritten(self.everything)
        return Rewritten(self.redirection, only_errors=True)

    def redirection(self, reply: resp.Reply) -> resp.Reply:
        """Rewrite ``MOVED 12182 127.0.0.1:7001`` and ``ASK``."""
        if not isinstance(reply, resp.ServerError):
            return reply
        word, _, rest = str(reply).partition(" ")
        if word not in ("MOVED", "ASK"):
            return reply
        slot, _, place = rest.partition(" ")
        host, _, port = place.rpartition(":")
        node = self._places.get(int(port))
        if node is None:
            return reply
        return resp.ServerError(f"{word} {slot} {self._host(host, node)}:{node.port}")

    def everything(self, reply: resp.Reply) -> resp.Reply:
        """Rewrite the texts, lists and maps of ``CLUSTER``, ``INFO`` and ``ROLE``."""
        if isinstance(reply, resp.ServerError):
            return self.redirection(reply)
        if isinstance(reply, bytes):
            return self._text(reply.decode()).encode()
        if not isinstance(reply, list):
            return reply
        # Ports are unique, so the list that holds one tells which node it speaks of: a node of
        # CLUSTER SLOTS, of CLUSTER SHARDS, or the primary in ROLE.
        node = next((self._places[i] for i in reply if type(i) is int and i in self._places), None)
        if node is None:
            return _like(reply, [self.everything(item) for item in reply])
        return _like(reply, [self._of_node(item, node) for item in reply])

    def _of_node(self, item: resp.Reply, node: Node) -> resp.Reply:
        if isinstance(item, list):
            return _like(item, [self._of_node(inner, node) for inner in item])
        if isinstance(item, bytes):
            return self._host(item.decode(), node).encode()
        return node.port if type(item) is int and item in self._places else item

    def _text(self, text: str) -> str:
        def table(found: re.Match[str]) -> str:
            node = self._places.get(int(found[1]))
            return f"{node.address}:{node.port}@{node.port + 10000}" if node else found[0]

        def pair(found: re.Match[str]) -> str:
            node = self._places.get(int(found[3]))
            return f"{found[1]}{node.address}{found[2]}{node.port}" if node else found[0]

        text = re.sub(r"127\.0\.0\.1:(\d+)@(\d+)", table, text)
        return re.sub(r"(master_host:|ip=)127\.0\.0\.1(,port=|\r\nmaster_port:)(\d+)", pair, text)

    @staticmethod
    def _host(host: str, node: Node) -> str:
        return node.address if host == "127.0.0.1" else host


def _shares(count: int) -> list[list[tuple[int, int]]]:
    """Deal the slots out in equal parts."""
    edges = [SLOTS * at // count for at in range(count + 1)]
    return [[(first, after - 1)] for first, after in itertools.pairwise(edges)]


def _like(old: list[resp.Reply], items: list[resp.Reply]) -> list[resp.Reply]:
    """Return *items* as the kind of list that *old* is."""
    return old.like(items) if isinstance(old, resp.Flat) else items


def _text(reply: resp.Reply) -> str:
    return reply.decode() if isinstance(reply, bytes) else str(reply)
