"""A link that lets the client's virtual network see the private DNS zone of its cache.

Without the link Azure's resolver gives the network the public answer. A link never registers names
of its own here (``registrationEnabled`` is false).

Sources:
    https://learn.microsoft.com/azure/dns/private-dns-virtual-network-links
    https://learn.microsoft.com/azure/private-link/private-endpoint-dns
"""

from __future__ import annotations

from json import dumps

from refused.remedies.arm_id import take_apart
from refused.remedies.change import ArmWrite, Change, Missing, Setting
from refused.remedies.reading import endpoints, links_to, settles, subnet, the_cache, zones
from refused.remedies.say import az, bicep_resource, powershell, symbol, terraform
from refused.service.arm import api_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Evidence

ENDS = ("private-endpoint-dns",)
RANK = 10
API = api_version("Microsoft.Network/privateDnsZones")


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose a link from a zone that knows the cache to the network that the client is in."""
    cache = the_cache(evidence)
    addresses = {address for each in endpoints(evidence, "Approved") for address in each.addresses}
    knowing = [zone for zone in zones(evidence) if addresses & set(zone.addresses)]
    if cache is None or not knowing:
        return
    here = subnet(evidence, "client")
    if not all(zone.links_seen for zone in knowing) and not (
        here and any(links_to(each, here.network_id) for each in knowing)
    ):
        yield Missing(
            kind="private-dns-link",
            cause=cause,
            what=f"a link from the zone {knowing[0].name} to the client's virtual network, if it lacks one",
            needs="to which networks the zone is linked",
            how="a role with Microsoft.Network/privateDnsZones/virtualNetworkLinks/read on the zone",
        )
        return
    if here is None:
        if not any(zone.links for zone in knowing):
            yield Missing(
                kind="private-dns-link",
                cause=cause,
                what=f"a link from the zone {knowing[0].name} to the client's virtual network",
                needs="which virtual network the client is in",
                how="--client-subnet ARM-ID",
            )
        return
    zone = knowing[0]
    if any(links_to(each, here.network_id) for each in knowing):
        return
    network = take_apart(here.network_id)
    name = f"refused-{network.name}"[:80]
    path = f"{zone.id}/virtualNetworkLinks/{name}"
    body = {
        "location": "global",
        "properties": {"virtualNetwork": {"id": here.network_id}, "registrationEnabled": False},
    }
    yield Change(
        kind="private-dns-link",
        cause=cause,
        title=f"link the zone {zone.name} to the virtual network {network.name}",
        where="azure",
        resource_id=zone.id,
        write=ArmWrite(method="PUT", id=path, api_version=API, body=dumps(body)),
        undo=ArmWrite(method="DELETE", id=path, api_version=API),
        settings=(Setting(name=f"link {name}", before=None, after=here.network_id),),
        facts=(("link", name), ("network", here.network_id)),
        why=f"the zone knows {', '.join(zone.addresses)}, and {network.name} does not see the zone",
        affects=f"every host in {network.name}: names in {zone.name} are then answered from the zone alone, "
        "and those that it lacks no longer resolve",
        interruption="none; resolvers keep old answers for their time to live",
        proof=f"from this client the name leads to {', '.join(zone.addresses)}, and PING is answered",
        hop="resp",
        **settles("private-dns", cache.service),
    )


def render(change: Change) -> dict[str, str]:
    """Say the link for ``az``, PowerShell, Bicep and Terraform."""
    zone, name, network = (
        take_apart(change.resource_id),
        change.fact("link"),
        change.fact("network"),
    )
    return {
        "az": az(
            "network private-dns link vnet create",
            subscription=zone.subscription,
            resource_group=zone.group,
            zone_name=zone.name,
            name=name,
            virtual_network=network,
            registration_enabled="false",
        ),
        "powershell": powershell(
            "New-AzPrivateDnsVirtualNetworkLink",
            ResourceGroupName=zone.group,
            ZoneName=zone.name,
            Name=name,
            VirtualNetworkId=network,
        ),
        "bicep": bicep_resource(
            "zone", "Microsoft.Network/privateDnsZones", API, {"name": zone.name}, existing=True
        )
        + "\n"
        + bicep_resource(
            symbol(name),
            "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
            API,
            {
                "parent": "zone",
                "name": name,
                "location": "global",
                "properties": {"virtualNetwork": {"id": network}, "registrationEnabled": False},
            },
        ),
        "terraform": terraform(
            "azurerm_private_dns_zone_virtual_network_link",
            symbol(name),
            {
                "name": name,
                "resource_group_name": zone.group,
                "private_dns_zone_name": zone.name,
                "virtual_network_id": network,
                "registration_enabled": False,
            },
        ),
    }
