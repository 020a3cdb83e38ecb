"""A sidecar takes the connection, and does not bring it to the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from refused.lab.azure import acr
from refused.lab.fronts import AcceptsFirst, Refuse
from refused.lab.scenario import scenario

if TYPE_CHECKING:
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
