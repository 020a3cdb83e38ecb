"""What a client is to reach and who it is: service, tier, policy, login, processes and pods.

The one piece of arithmetic that all clients share is here: how many connections each process may
open so that all of them together stay below the tier's limit.
"""

from __future__ import annotations

from refused.evidence.record import Record
from refused.service.facts import ACR_CONFIGURE, SKILL_SKUS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Auth = Literal["key", "entra", "none"]

# Four fifths of the limit: a rolling update starts a quarter more pods than it has
# (maxSurge 25 %), and 0.8 x 1.25 is the whole. Beyond it alerts ring, too.
SHARE = 0.8
SURGE_SOURCE = "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/"
# More connections than this help no process: one Redis thread serves them all. redis-py's own
# blocking pool has as many.
USUAL_POOL = 50


class NoRoom(ValueError):
    """The tier has no room for so many processes; the message is one line for people."""

    for_people = True


class Wanted(Record):
    """One client of one target.

    Attributes:
        service: ``acr``, ``acre``, ``amr`` or ``redis``.
        cluster: Whether the client must follow the cluster's topology.
        shards: To how many nodes each process connects; 1 without a cluster.
        shards_known: Whether somebody said so, or it is the most there can be.
        sku: As the user gave it, or Azure says; ``""`` where nobody did.
        limit: Connections that the tier takes; ``None`` where it is not known.
        pods: Instances of the application, on whatever they run.
        processes: Of each of them; each process has a pool of its own.
    """

    host: str
    port: int
    tls: bool
    service: str
    auth: Auth
    db: int = 0
    user: bool = False
    cluster: bool = False
    policy: str = ""
    shards: int = 1
    shards_known: bool = True
    sku: str = ""
    limit: int | None = None
    limit_source: str = ""
    pods: int = 1
    processes: int = 1

    @property
    def is_azure(self) -> bool:
        """Whether the target is one of Azure's services."""
        return self.service != "redis"

    @property
    def address(self) -> str:
        """``host:port``, as programs take it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def all_processes(self) -> int:
        """How many pools there are in all."""
        return self.pods * self.processes

    def share(self, pools: int = 1) -> int | None:
        """Return how many connections each pool of a process may open to each node.

        Args:
            pools: How many pools each process has.

        Raises:
            NoRoom: Not even one.
        """
        if self.limit is None:
            return None
        found = int(self.limit * SHARE) // (self.all_processes * self.shards * pools)
        if found < 1:
            raise NoRoom(
                f"{self.sku} takes {self.limit} connections, of which {int(self.limit * SHARE)} are to be used: "
                f"not one for each of {self.pods} x {self.processes} processes, {self.shards} shards and {pools} "
                "pools; take a larger size, fewer processes, or a client that shares one connection"
            )
        return found

    def pool(self, usual: int = USUAL_POOL, pools: int = 1) -> int:
        """Return the size of a pool: what the tier allows, and no more than is of use.

        Raises:
            NoRoom: The tier does not allow one connection.
        """
        share = self.share(pools)
        return usual if share is None else min(usual, share)

    def pool_why(self, usual: int = USUAL_POOL, pools: int = 1) -> str:
        """Say how :meth:`pool` comes about."""
        share = self.share(pools)
        if share is None:
            return f"no tier was given, so {usual} is a usual size and not this cache's: --sku says how many it takes"
        shards = "" if self.shards == 1 else f" x {self.shards} shards"
        each = "" if pools == 1 else f" x {pools} pools"
        sum_ = (
            f"{self.limit} connections ({self.sku}) x {SHARE} / ({self.pods} pods x {self.processes} "
            f"processes{shards}{each}) = {share}"
        )
        if share <= usual:
            return sum_
        return f"{sum_}, of which more than {usual} help no process"

    def pool_source(self) -> str:
        """Return where the limit is from."""
        return self.limit_source or (SKILL_SKUS if self.service == "amr" else ACR_CONFIGURE)

    def connections_note(self, each: int, what: str) -> str:
        """Say what a client that shares its connections comes to, in all.

        Args:
            each: Connections of a process to each node.

        Raises:
            NoRoom: All of them together are above four fifths of the limit.
        """
        total = self.all_processes * self.shards * each
        if self.limit is None:
            return f"{what}: {total} in all; --sku says whether they fit"
        most = int(self.limit * SHARE)
        if total > most:
            raise NoRoom(
                f"{what} make {total} connections, and {self.sku} has room for {most} (four fifths of {self.limit}); "
                "take a larger size or fewer processes"
            )
        return f"{what}: {total} in all, of {most} that {self.sku} has room for (four fifths of {self.limit})"
