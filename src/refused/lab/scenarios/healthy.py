"""Nothing is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refused.lab.azure import acr, amr, plain_redis, private_endpoint
from refused.lab.fronts import Slow, Unreachable
from refused.lab.names import Entry
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.world import World


@scenario("healthy", "An Azure Cache for Redis as it should be", service="acr")
def build(world: World) -> None:
    """The application works; somebody only wants to know."""
    acr(world, "contoso")


@scenario(
    "healthy.amr-cluster",
    "An Azure Managed Redis under the OSS cluster policy, and a client that knows clusters",
    service="amr",
    options={"cluster": True},
)
def amr_cluster(world: World) -> None:
    """The team has moved to Managed Redis and its client follows redirections."""
    amr(world, "fabrikam")


@scenario("healthy.amr-enterprise", "An Azure Managed Redis with one endpoint", service="amr")
def amr_enterprise(world: World) -> None:
    """The policy was chosen for clients that know no clusters."""
    cache = amr(world, "fabrikam", policy="EnterpriseCluster")
    world.target = cache.target(form="url")


@scenario(
    "healthy.acr-cluster",
    "A clustered Premium cache, and a client that knows clusters",
    service="acr",
    options={"cluster": True},
)
def acr_cluster(world: World) -> None:
    """Three shards, all of them in reach."""
    acr(world, "contoso", shards=3)


@scenario(
    "healthy.private-endpoint", "A cache behind a private endpoint, its zone linked", service="acr"
)
def endpoint(world: World) -> None:
    """Everything is as the guide says."""
    cache = acr(world, "contoso")
    private_endpoint(world, cache)


@scenario(
    "healthy.no-credentials", "A cache that asks for a key, and a target without one", service="acr"
)
def no_credentials(world: World) -> None:
    """Only the network is to be tried."""
    cache = acr(world, "contoso")
    world.target = cache.target(key="", form="host")


@scenario(
    "healthy.plain", "A server of one's own, without TLS and without a password", service="redis"
)
def plain(world: World) -> None:
    """It stands in the same rack."""
    plain_redis(world)


@scenario("healthy.replica", "A replica of one's own, for reads", service="redis")
def replica(world: World) -> None:
    """The reports read from it, so that the primary need not."""
    primary = world.server()
    reads = plain_redis(world, "reads.example.net", replica_of=primary)
    # Both start at once, and the primary may not have had its port when the replica asked for it.
    world.once_up(lambda: reads.server.command("REPLICAOF", "127.0.0.1", primary.port))


@scenario("healthy.slow", "A cache on another continent", service="acr")
def slow(world: World) -> None:
    """Each round trip takes 300 ms more, and nothing else is wrong."""
    cache = acr(world, "contoso")
    world.at(cache.address, 6380, Slow(cache.front, 0.3))


@scenario("healthy.slow-dns", "A resolver that takes its time", service="redis")
def slow_dns(world: World) -> None:
    """Every answer takes half a second."""
    plain_redis(world)
    world.zone.slow_s = 0.5


@scenario(
    "healthy.ipv6-half", "A name with both families, of which one leads nowhere", service="redis"
)
def ipv6_half(world: World) -> None:
    """The server has IPv6, this network has not; clients go on to IPv4."""
    server = plain_redis(world)
    world.zone.says(server.host, Entry(a=(server.address,), aaaa=("2001:db8::20",)))
    world.at("2001:db8::20", 6379, Unreachable("network"))
