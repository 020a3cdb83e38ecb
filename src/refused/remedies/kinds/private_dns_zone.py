"""The private DNS zone itself, where none was found: the ground on which link and record stand.

A zone alone cures nothing, so it is kept without the failing probe having to work; the link and the
zone group are the next changes.

Source: https://learn.microsoft.com/azure/private-link/private-endpoint-dns
"""

from __future__ import annotations

from refused.evidence.control_plane import PrivateDnsZoneList
from refused.remedies.arm_id import take_apart
from refused.remedies.change import ArmWrite, Change, Missing, Setting
from refused.remedies.reading import endpoints, settles, the_cache
from refused.remedies.say import az, bicep_resource, powershell, symbol, terraform
from refused.service.arm import api_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Evidence

ENDS = ("private-endpoint-dns",)
RANK = 40
API = api_version("Microsoft.Network/privateDnsZones")


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose the zone, where all that are visible were listed and none bears its name."""
    cache = the_cache(evidence)
    lists = evidence.all(PrivateDnsZoneList)
    if cache is None or not lists or any(each.ids for each in lists):
        return
    approved = endpoints(evidence, "Approved")
    if not approved:
        return
    home = take_apart(approved[0].endpoint_id or cache.id)
    name = lists[-1].name
    path = f"/subscriptions/{home.subscription}/resourceGroups/{home.group}/providers/Microsoft.Network/privateDnsZones/{name}"
    yield Change(
        kind="private-dns-zone",
        cause=cause,
        title=f"create the private DNS zone {name}",
        where="azure",
        resource_id=path,
        write=ArmWrite(method="PUT", id=path, api_version=API, body='{"location": "global"}'),
        undo=ArmWrite(method="DELETE", id=path, api_version=API),
        settings=(Setting(name=f"zone {name}", before=None, after="global"),),
        why="no zone of that name is visible; zones often lie in a hub's subscription, so ask there first",
        affects="nobody until it is linked to a network",
        interruption="none",
        proof="the zone is there; the link and the zone group come next",
        hop="name",
        prepares="link the zone to the client's network, and give the endpoint a zone group",
        **settles("private-dns", cache.service),
    )


def render(change: Change) -> dict[str, str]:
    """Say the zone for ``az``, PowerShell, Bicep and Terraform."""
    zone = take_apart(change.resource_id)
    return {
        "az": az(
            "network private-dns zone create",
            subscription=zone.subscription,
            resource_group=zone.group,
            name=zone.name,
        ),
        "powershell": powershell(
            "New-AzPrivateDnsZone", ResourceGroupName=zone.group, Name=zone.name
        ),
        "bicep": bicep_resource(
            "zone",
            "Microsoft.Network/privateDnsZones",
            API,
            {"name": zone.name, "location": "global"},
        ),
        "terraform": terraform(
            "azurerm_private_dns_zone",
            symbol(zone.name),
            {"name": zone.name, "resource_group_name": zone.group},
        ),
    }
