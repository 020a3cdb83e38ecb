"""The cluster client: redis-py's, with one deadline over all nodes and tries."""

from __future__ import annotations

import contextlib
import ipaddress
import time
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import redis
import redis.exceptions as theirs
from redis.backoff import NoBackoff
from redis.retry import Retry

from refused.client import settings, underway
from refused.client.events import Events
from refused.client.pool import Pool
from refused.client.shared import Shared
from refused.client.underway import Underway

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from refused.client.calls import Account
    from refused.client.events import Listener
    from refused.client.settings import Settings

Address = tuple[str, int]


class SteadyCluster(redis.RedisCluster):
    """redis-py's cluster client, which gives up in time and does not repeat what adds.

    Only the command loop is replaced. Pipelines are redis-py's own: a command whose connection
    breaks is sent once more by itself, whatever it is; see the documentation.
    """

    def __init__(self, wanted: Settings, events: Events, **keywords: Any) -> None:
        self.steady_settings = wanted
        self.steady_events = events
        self.steady_pools: weakref.WeakSet[Pool] = weakref.WeakSet()
        self._listening: Pool | None = None
        super().__init__(**keywords)

    def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command until it is answered, is refused for good, or its time is up."""
        if underway.current.get() is not None:  # one command of another's
            return self._run(*args, **kwargs)
        call = Underway(self.steady_settings)
        token = underway.current.set(call)
        try:
            while True:
                try:
                    return self._run(*args, **kwargs)
                except underway.AGAIN as error:
                    time.sleep(call.next_try_s(error))
                    self._ask_the_endpoint(error)
        finally:
            underway.current.reset(token)

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        theirs_: Any = super()  # untyped in redis-py
        return theirs_.execute_command(*args, **kwargs)

    def _ask_the_endpoint(self, error: Exception) -> None:
        """Have the map of the slots drawn anew, from where we came in if need be.

        All nodes that are known may be gone; the name that the application gave leads to new ones.
        """
        with contextlib.suppress(*underway.AGAIN):
            if isinstance(error, theirs.RedisClusterException):
                wanted = self.steady_settings
                self.nodes_manager.initialize(
                    additional_startup_nodes_info=[(wanted.host, wanted.port)]
                )
            elif isinstance(error, (theirs.ReadOnlyError, theirs.BusyLoadingError)):
                self.nodes_manager.initialize()
            self.replace_default_node()

    def listen_to_maintenance(self, pool: Pool) -> None:
        """Listen to what the service announces, on a connection to the endpoint."""
        self._listening = pool
        pool.hear_maintenance()

    def close(self) -> None:
        """Close every connection, and end whatever works beside them."""
        super().close()
        if self._listening is not None:
            self._listening.close()
        for pool in list(self.steady_pools):
            pool.close()


class NodeShared(Shared):
    """What the connections to one node have in common."""

    def give_up_at(self, now: float) -> float:
        """Return when the call under way gives up."""
        call = underway.current.get()
        return now + self.settings.deadline_s if call is None else call.give_up_at

    def lost(self, call: Account) -> None:
        """Tell the call under way."""
        underway.note_loss(call)


class NodePool(Pool):
    """The pool of one node; a call that fails is tried again by the cluster client."""

    def _make_ready(self, connection: Any, now: float, give_up_at: float) -> None:
        super()._make_ready(connection, now, give_up_at)
        underway.note_begin()


class EndpointShared(Shared):
    """What listens to announcements; what it hears concerns every node."""

    cluster: weakref.ref[SteadyCluster] | None = None

    def renew(self, reason: str, *, stage: str = "command") -> None:
        """Have every node's connections replaced."""
        super().renew(reason, stage=stage)
        cluster = self.cluster() if self.cluster is not None else None
        if cluster is not None:
            for pool in list(cluster.steady_pools):
                pool.shared.renewal += 1


def connect(
    wanted: Settings,
    listeners: Sequence[Listener],
    *,
    metrics: bool | None,
    hears_maintenance: bool,
) -> SteadyCluster:
    """Return a cluster client; its nodes are asked for at once.

    Raises:
        redis.RedisError: No node answers within the deadline.
    """
    events = Events(wanted.address, listeners, metrics=metrics)
    endpoint = EndpointShared(wanted, events)
    connection = dict(wanted.connection)
    cluster_words = {name: connection.pop(name) for name in _CLUSTER_WORDS if name in connection}
    cluster_words.setdefault("address_remap", remap(wanted))
    made: list[Pool] = []
    pools: list[weakref.WeakSet[Pool]] = []

    def node_pool(**keywords: Any) -> Pool:
        node = _node_settings(wanted, keywords)
        shared = NodeShared(
            node,
            Events(node.address, events.listeners, metrics=metrics),
            tries_once=True,
            server_name=server_name(wanted, node.host),
            names=endpoint.names,
            credentials=endpoint.credentials,
            tls_context=endpoint.tls_context if wanted.is_tls else None,
        )
        pool = NodePool(node, shared)
        made.append(pool)
        for each in pools:
            each.add(pool)
        return pool

    def once() -> SteadyCluster:
        return SteadyCluster(
            wanted,
            events,
            url=_bare_url(wanted),
            connection_pool_class=node_pool,
            retry=Retry(NoBackoff(), 0),
            **connection,
            **cluster_words,
        )

    cluster = _until_it_answers(once, Underway(wanted), made)
    cluster.steady_pools.update(made)
    pools.append(cluster.steady_pools)
    endpoint.cluster = weakref.ref(cluster)
    if hears_maintenance:
        cluster.listen_to_maintenance(Pool(wanted, endpoint))
    return cluster


def _until_it_answers(
    once: Callable[[], SteadyCluster], call: Underway, made: list[Pool]
) -> SteadyCluster:
    """Open a cluster client; try again until the deadline."""
    token = underway.current.set(call)
    try:
        while True:
            try:
                return once()
            except (*underway.AGAIN, theirs.ResponseError) as error:
                for pool in made:
                    pool.close()
                made.clear()
                time.sleep(call.next_try_s(error))
    finally:
        underway.current.reset(token)


_CLUSTER_WORDS = (
    "address_remap",
    "dynamic_startup_nodes",
    "event_dispatcher",
    "load_balancing_strategy",
    "policy_resolver",
    "read_from_replicas",
    "reinitialize_steps",
    "require_full_coverage",
)


def _bare_url(wanted: Settings) -> str:
    """Return what redis-py reads again; the login is passed beside it, and stays out of errors."""
    host = f"[{wanted.host}]" if ":" in wanted.host else wanted.host
    return f"{'rediss' if wanted.is_tls else 'redis'}://{host}:{wanted.port}"


def _node_settings(wanted: Settings, keywords: dict[str, Any]) -> Settings:
    """Return the settings of one node, from what redis-py makes its pool with."""
    connection = {
        name: value
        for name, value in keywords.items()
        if name not in ("connection_class", "connection_pool_class", "retry", "max_connections")
        and name not in _POOLS
    }
    pool = dict(wanted.pool) | {
        name: keywords[name] for name in _POOLS if keywords.get(name) is not None
    }
    return replace(
        wanted,
        host=connection["host"],
        port=int(connection["port"]),
        connection=dict(wanted.connection) | connection,
        pool=pool,
    )


_POOLS = ("cache", "cache_config", "maint_notifications_config", "event_dispatcher")


def remap(wanted: Settings) -> Callable[[Address], Address] | None:
    """Return what maps a node's announced address back to the name that its certificate is for.

    The Azure services have all nodes behind the cache's own name, told apart by the port, and
    announce bare addresses, which no certificate is for and a private endpoint may not reach.
    Elsewhere nodes have addresses of their own, and stay where they are; the certificate is then
    verified against the name that the application gave (:func:`server_name`).
    """
    host = wanted.host
    if not (wanted.is_tls and host.lower().endswith((*settings.ACR, *settings.BEHIND_A_PROXY))):
        return None

    def to_name(announced: Address) -> Address:
        return (host, announced[1]) if _is_address(announced[0]) else announced

    return to_name


def server_name(wanted: Settings, node_host: str) -> str:
    """Return the name that a node's certificate must be for; empty: its own."""
    if _is_address(node_host) and not _is_address(wanted.host):
        return wanted.host
    return ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
