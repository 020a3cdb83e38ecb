"""What the answers about the network around a cache say."""

from __future__ import annotations

from typing import Any

from refused.probes.azure import network

STAMP: dict[str, Any] = {"vantage": "control-plane", "at": 0.0, "took_ms": 0.0, "source": "ARM"}
NETWORKS = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks"


def peering(name: str, prefix: str, state: str = "Connected", **said: Any) -> dict[str, Any]:
    """Return a peering with another network."""
    return {
        "name": f"to-{name}",
        "properties": {
            "peeringState": state,
            "remoteVirtualNetwork": {"id": f"{NETWORKS}/{name}"},
            "remoteAddressSpace": {"addressPrefixes": [prefix]},
            **said,
        },
    }


def test_a_peering_without_access_adds_nothing_to_the_network() -> None:
    """It is connected all the same, and so is not one that no longer stands."""
    subnet = {"id": f"{NETWORKS}/shop/subnets/pods", "properties": {"addressPrefix": "10.1.0.0/24"}}
    around = {
        "properties": {
            "virtualNetworkPeerings": [
                peering("hub", "10.2.0.0/16", allowVirtualNetworkAccess=True),
                peering("old", "10.3.0.0/16"),
                peering("lab", "10.4.0.0/16", allowVirtualNetworkAccess=False),
                peering("gone", "10.5.0.0/16", "Disconnected", allowVirtualNetworkAccess=True),
            ]
        }
    }
    made = network.subnet_of(subnet, around, subnet["id"], "client", STAMP)  # type: ignore[arg-type]

    assert made.peer_prefixes == ("10.2.0.0/16", "10.3.0.0/16")
    assert made.closed_peers == (f"{NETWORKS}/lab",)
    assert [state for _, state in made.peers] == ["Connected"] * 3 + ["Disconnected"]
