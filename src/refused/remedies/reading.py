"""What several kinds of change ask of evidence: small, pure questions."""

from __future__ import annotations

from refused.evidence.control_plane import (
    AzureCache,
    AzureSubnet,
    NetworkSecurityGroup,
    PrivateDnsZone,
    PrivateEndpoint,
    RouteTable,
)
from refused.evidence.nsg import Surroundings
from refused.evidence.observations import Unseen
from refused.remedies.arm_id import same
from refused.service.addresses import address_class
from refused.service.limits import settling_s, settling_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from refused.evidence.bundle import Evidence


def the_cache(evidence: Evidence) -> AzureCache | None:
    """Return the cache's own resource, where the control plane showed it."""
    found = evidence.one(AzureCache)
    return None if isinstance(found, Unseen) else found


def endpoints(evidence: Evidence, state: str = "") -> tuple[PrivateEndpoint, ...]:
    """Return the private endpoint connections, all or those in one state."""
    return tuple(
        each
        for each in evidence.all(PrivateEndpoint)
        if not state or (each.state or "").lower() == state.lower()
    )


def subnet(evidence: Evidence, role: str) -> AzureSubnet | None:
    """Return the subnet of the cache, its endpoint or the client."""
    return next((each for each in evidence.all(AzureSubnet) if each.role == role), None)


def group_of(evidence: Evidence, role: str) -> NetworkSecurityGroup | None:
    """Return the security group that guards the subnet of that role."""
    return next((each for each in evidence.all(NetworkSecurityGroup) if each.role == role), None)


def routes_of(evidence: Evidence, role: str) -> RouteTable | None:
    """Return the route table of the subnet of that role."""
    return next((each for each in evidence.all(RouteTable) if each.role == role), None)


def surroundings(evidence: Evidence, role: str, address: str) -> Surroundings:
    """Return what is known of the network around the subnet of that role, for a way to *address*."""
    around = subnet(evidence, role)
    return Surroundings(
        inside=around.network_prefixes if around else (),
        outside=(address,) if address_class(address) == "public" else (),
        complete=around is not None and not around.peers,
    )


def zones(evidence: Evidence) -> tuple[PrivateDnsZone, ...]:
    """Return the private DNS zones that were read."""
    return evidence.all(PrivateDnsZone)


def links_to(zone: PrivateDnsZone, network_id: str) -> bool:
    """Whether *zone* is seen from a virtual network."""
    return any(same(link.network_id, network_id) for link in zone.links)


def settles(change: str, service: str) -> dict[str, Any]:
    """Return the fields of a change that say how long it may take to show."""
    return {
        "settles_s": settling_s(change, service) or 0,  # type: ignore[arg-type]
        "settles_source": settling_source(change, service),  # type: ignore[arg-type]
    }
