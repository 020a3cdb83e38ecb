"""The address record of the cache in its private DNS zone, where it is missing or names an old endpoint.

Where the endpoint has no zone group, one is the better change (``private-dns-zone-group``): it keeps
the record in step by itself. A record by hand is right where the zone is somebody else's, or where
the group has written and its record was edited since.

Source: https://learn.microsoft.com/azure/private-link/private-endpoint-dns
"""

from __future__ import annotations

from json import dumps

from refused.remedies.arm_id import take_apart
from refused.remedies.change import ArmWrite, Change, Missing, Setting
from refused.remedies.reading import endpoints, settles, the_cache, zones
from refused.remedies.say import az, bicep_resource, powershell, symbol, terraform
from refused.service.arm import api_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Evidence

ENDS = ("private-endpoint-dns",)
RANK = 30
API = api_version("Microsoft.Network/privateDnsZones")
TTL_S = 10


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose the record that leads to the approved endpoint."""
    cache = the_cache(evidence)
    approved = [each for each in endpoints(evidence, "Approved") if each.addresses]
    if cache is None or not approved:
        return
    addresses = approved[0].addresses
    for zone in zones(evidence):
        if not zone.record or set(zone.addresses) & set(addresses):
            continue
        path = f"{zone.id}/A/{zone.record}"
        records = [{"ipv4Address": address} for address in addresses if ":" not in address]
        there = bool(zone.addresses)
        yield Change(
            kind="private-dns-record",
            cause=cause,
            title=f"let {zone.record}.{zone.name} lead to {', '.join(addresses)}",
            where="azure",
            resource_id=zone.id,
            write=ArmWrite(
                method="PUT",
                id=path,
                api_version=API,
                body=dumps({"properties": {"ttl": zone.ttl_s or TTL_S, "aRecords": records}}),
            ),
            # A record that was there is put back as it was exported.
            undo=None if there else ArmWrite(method="DELETE", id=path, api_version=API),
            settings=(
                Setting(
                    name=f"A {zone.record}",
                    before=", ".join(zone.addresses) or None,
                    after=", ".join(addresses),
                ),
            ),
            facts=(
                ("record", zone.record),
                ("addresses", " ".join(addresses)),
                ("ttl", str(zone.ttl_s or TTL_S)),
                ("there", "yes" if there else ""),
                ("old", " ".join(zone.addresses)),
            ),
            why=f"the zone says {', '.join(zone.addresses) or 'nothing'}, and the approved endpoint is at {', '.join(addresses)}",
            affects=f"every network that is linked to {zone.name}",
            interruption="none; resolvers keep old answers for their time to live",
            proof=f"the name leads to {', '.join(addresses)}, and PING is answered",
            hop="resp",
            **settles("private-dns", cache.service),
        )
        return


def render(change: Change) -> dict[str, str]:
    """Say the record for ``az``, PowerShell, Bicep and Terraform."""
    zone, record = take_apart(change.resource_id), change.fact("record")
    addresses, ttl = change.fact("addresses").split(), change.fact("ttl")
    common = {
        "subscription": zone.subscription,
        "resource_group": zone.group,
        "zone_name": zone.name,
        "record_set_name": record,
    }
    lines = [
        az("network private-dns record-set a add-record", **common, ipv4_address=address)
        for address in addresses
    ]
    # The old addresses go last: a record set that is empty for a moment would be removed.
    lines += [
        az("network private-dns record-set a remove-record", **common, ipv4_address=address)
        for address in change.fact("old").split()
    ]
    return {
        "az": "\n".join(lines),
        "powershell": powershell(
            "New-AzPrivateDnsRecordSet",
            ResourceGroupName=zone.group,
            ZoneName=zone.name,
            Name=record,
            RecordType="A",
            Ttl=ttl,
        )
        + " -PrivateDnsRecords @("
        + ", ".join(f"(New-AzPrivateDnsRecordConfig -IPv4Address '{each}')" for each in addresses)
        + ") -Overwrite",
        "bicep": bicep_resource(
            "zone", "Microsoft.Network/privateDnsZones", API, {"name": zone.name}, existing=True
        )
        + "\n"
        + bicep_resource(
            symbol(record),
            "Microsoft.Network/privateDnsZones/A",
            API,
            {
                "parent": "zone",
                "name": record,
                "properties": {
                    "ttl": int(ttl),
                    "aRecords": [{"ipv4Address": each} for each in addresses],
                },
            },
        ),
        "terraform": terraform(
            "azurerm_private_dns_a_record",
            symbol(record),
            {
                "name": record,
                "zone_name": zone.name,
                "resource_group_name": zone.group,
                "ttl": int(ttl),
                "records": addresses,
            },
        ),
    }
