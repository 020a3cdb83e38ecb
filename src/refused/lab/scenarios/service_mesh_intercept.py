"""A sidecar takes the connection, and does not bring it to the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from refused.lab.azure import acr, plain_redis
from refused.lab.fronts import AcceptsFirst, Refuse
from refused.lab.host import TCP_TABLE, Socket, tcp_table
from refused.lab.scenario import scenario

if TYPE_CHECKING:
    from refused.lab.fronts import Call, Front
    from refused.lab.world import World


@scenario("service-mesh-intercept", "The sidecar has no route to the cache", service="acr")
def build(world: World) -> None:
    """The mesh was told to let only registered hosts out; the cache is none."""
    acr(world, "contoso")

    def sidecar(front: Any, call: Any) -> AcceptsFirst:  # noqa: ARG001  # whatever stands there
        return AcceptsFirst(Refuse(), "reset")

    world.vantage(way=sidecar)
    world.client_environ["ISTIO_META_MESH_ID"] = "cluster.local"
    world.client_environ["KUBERNETES_SERVICE_HOST"] = "10.0.0.1"


@scenario(
    "service-mesh-intercept.not-ready",
    "The sidecar accepts, and hangs up, because it is still starting",
    service="redis",
)
def not_ready(world: World) -> None:
    """The application starts before its proxy, and gives up at once."""
    plain_redis(world)

    def sidecar(front: Any, call: Any) -> AcceptsFirst:  # noqa: ARG001  # whatever stands there
        return AcceptsFirst(Refuse(), "close")

    world.vantage(way=sidecar)
    # The containers of a pod share one network: the application sees where Linkerd's proxy listens.
    own = (("127.0.0.1", 4140), ("0.0.0.0", 4143), ("0.0.0.0", 4190), ("0.0.0.0", 4191))
    rows = [Socket(f"{host}:{port}", "0.0.0.0:0", "LISTEN") for host, port in own]
    world.host_file(TCP_TABLE, tcp_table(rows))
    world.client_environ["KUBERNETES_SERVICE_HOST"] = "10.0.0.1"


@scenario(
    "service-mesh-intercept.shards",
    "The sidecar keeps the port of a shard for itself",
    service="acr",
    options={"cluster": True},
)
def shards(world: World) -> None:
    """A third of the keys fails in the mesh, and none outside of it."""
    cache = acr(world, "contoso", shards=3)

    def sidecar(front: Front, call: Call) -> Front:
        # Which of its ports an Envoy in front of the application really ends differs with its version.
        own = (call.address, call.port) == (cache.address, 15001)
        return AcceptsFirst(Refuse() if own else front)

    world.vantage(way=sidecar)
    world.client_environ["ISTIO_META_MESH_ID"] = "cluster.local"
    world.client_environ["KUBERNETES_SERVICE_HOST"] = "10.0.0.1"
