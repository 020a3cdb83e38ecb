"""A zone group: the private endpoint writes its own record, and keeps it in step from then on.

Source: https://learn.microsoft.com/azure/private-link/private-endpoint-dns-integration
"""

from __future__ import annotations

from json import dumps

from refused.remedies.arm_id import take_apart
from refused.remedies.change import ArmWrite, Change, Missing, Setting
from refused.remedies.reading import endpoints, settles, the_cache, zones
from refused.remedies.say import az, bicep_resource, powershell, symbol
from refused.service.arm import api_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Evidence

ENDS = ("private-endpoint-dns",)
RANK = 20
API = api_version("Microsoft.Network")


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose a zone group for an approved endpoint that has none, where its zone is there."""
    cache, found = the_cache(evidence), zones(evidence)
    if cache is None or not found:
        return
    for endpoint in endpoints(evidence, "Approved"):
        if not endpoint.endpoint_seen or endpoint.zone_ids or endpoint.endpoint_id is None:
            continue
        if any(set(zone.addresses) & set(endpoint.addresses) for zone in found):
            continue
        zone = found[0]
        path = f"{endpoint.endpoint_id}/privateDnsZoneGroups/default"
        config = zone.name.replace(".", "-")
        body = {
            "properties": {
                "privateDnsZoneConfigs": [
                    {"name": config, "properties": {"privateDnsZoneId": zone.id}}
                ]
            }
        }
        name = take_apart(endpoint.endpoint_id).name
        yield Change(
            kind="private-dns-zone-group",
            cause=cause,
            title=f"let the private endpoint {name} keep its record in {zone.name}",
            where="azure",
            resource_id=endpoint.endpoint_id,
            write=ArmWrite(method="PUT", id=path, api_version=API, body=dumps(body)),
            undo=ArmWrite(method="DELETE", id=path, api_version=API),
            settings=(Setting(name="zone group default", before=None, after=zone.id),),
            facts=(("zone", zone.id), ("config", config)),
            why="the endpoint has no zone group, so nobody writes its record",
            affects=f"every network that is linked to {zone.name}",
            interruption="none; resolvers keep old answers for their time to live",
            proof=f"the name leads to {', '.join(endpoint.addresses) or 'the endpoint'}, and PING is answered",
            hop="resp",
            **settles("private-dns", cache.service),
        )
        return


def render(change: Change) -> dict[str, str]:
    """Say the zone group for ``az``, PowerShell, Bicep and Terraform."""
    endpoint = take_apart(change.resource_id)
    zone, config = change.fact("zone"), change.fact("config")
    return {
        "az": az(
            "network private-endpoint dns-zone-group create",
            subscription=endpoint.subscription,
            resource_group=endpoint.group,
            endpoint_name=endpoint.name,
            name="default",
            private_dns_zone=zone,
            zone_name=config,
        ),
        "powershell": f"$config = New-AzPrivateDnsZoneConfig -Name '{config}' -PrivateDnsZoneId '{zone}'\n"
        + powershell(
            "New-AzPrivateDnsZoneGroup",
            ResourceGroupName=endpoint.group,
            PrivateEndpointName=endpoint.name,
            Name="default",
        )
        + " -PrivateDnsZoneConfig $config",
        "bicep": bicep_resource(
            "endpoint",
            "Microsoft.Network/privateEndpoints",
            API,
            {"name": endpoint.name},
            existing=True,
        )
        + "\n"
        + bicep_resource(
            "zoneGroup",
            "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
            API,
            {
                "parent": "endpoint",
                "name": "default",
                "properties": {
                    "privateDnsZoneConfigs": [
                        {"name": config, "properties": {"privateDnsZoneId": zone}}
                    ]
                },
            },
        ),
        # azurerm knows the group as a part of the endpoint alone.
        "terraform": f"# inside azurerm_private_endpoint.{symbol(endpoint.name)}\n"
        f'private_dns_zone_group {{\n  name                 = "default"\n  private_dns_zone_ids = ["{zone}"]\n}}\n',
    }
