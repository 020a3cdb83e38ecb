"""A private endpoint in the client's subnet, where the cache has none that works.

A connection that was disconnected cannot be revived: its endpoint is made anew. On Azure Cache for
Redis the first endpoint of a cache that says nothing of public access switches that off, which is
said before anybody agrees.

Sources:
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-private-link
    https://learn.microsoft.com/azure/redis/private-link
"""

from __future__ import annotations

from json import dumps

from refused.remedies.arm_id import take_apart
from refused.remedies.change import ArmWrite, Change, Missing, Setting
from refused.remedies.reading import endpoints, settles, subnet, the_cache
from refused.remedies.say import az, bicep_resource, powershell, symbol, terraform
from refused.service.arm import api_version
from refused.service.clouds import group_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Evidence

ENDS = ("private-endpoint-missing", "public-access-disabled")
RANK = 20
API = api_version("Microsoft.Network")


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose an endpoint in the subnet that the client is in."""
    cache = the_cache(evidence)
    # What waits or was rejected is its owner's to decide, and a second endpoint would not change that.
    decided = [each for each in endpoints(evidence) if each.state != "Disconnected"]
    if cache is None or decided:
        return
    if cache.subnet_id:
        return  # an injected cache takes no private endpoint
    here = subnet(evidence, "client")
    if here is None:
        yield Missing(
            kind="private-endpoint",
            cause=cause,
            what="a private endpoint in the client's virtual network",
            needs="which subnet the client is in",
            how="--client-subnet ARM-ID",
        )
        return
    home = take_apart(here.id)
    name = f"refused-{cache.name}"
    path = f"/subscriptions/{home.subscription}/resourceGroups/{home.group}/providers/Microsoft.Network/privateEndpoints/{name}"
    group = group_id(cache.service) or "redisCache"  # type: ignore[arg-type]
    location = cache.location.replace(" ", "").lower()
    body = {
        "location": location,
        "properties": {
            "subnet": {"id": here.id},
            "privateLinkServiceConnections": [
                {
                    "name": name,
                    "properties": {"privateLinkServiceId": cache.id, "groupIds": [group]},
                }
            ],
        },
    }
    shuts = (
        "; public access is not set on this cache, and its first endpoint switches it off"
        if cache.service == "acr" and cache.public_access is None
        else ""
    )
    yield Change(
        kind="private-endpoint",
        cause=cause,
        title=f"create a private endpoint to {cache.name} in {'/'.join(home.names)}",
        where="azure",
        resource_id=cache.id,
        write=ArmWrite(method="PUT", id=path, api_version=API, body=dumps(body)),
        undo=ArmWrite(method="DELETE", id=path, api_version=API),
        settings=(Setting(name=f"private endpoint {name}", before=None, after=here.id),),
        facts=(
            ("endpoint", path),
            ("subnet", here.id),
            ("location", location),
            ("group", group),
            ("cache", cache.id),
        ),
        why="the cache is open to private endpoints alone, and has none that works",
        affects=f"hosts of {home.names[0]}, which then reach the cache without the internet{shuts}",
        interruption="none for others" if not shuts else "whoever uses the public address",
        proof="the endpoint is approved; its name in private DNS comes next",
        hop="resp",
        price="an endpoint is billed by the hour and by what passes",
        prepares="the endpoint's record in private DNS, by a zone group and a link",
        **settles("private-endpoint", cache.service),
    )


def render(change: Change) -> dict[str, str]:
    """Say the endpoint for ``az``, PowerShell, Bicep and Terraform."""
    endpoint, cache = take_apart(change.fact("endpoint")), change.fact("cache")
    inside, group, location = change.fact("subnet"), change.fact("group"), change.fact("location")
    connection = {
        "name": endpoint.name,
        "properties": {"privateLinkServiceId": cache, "groupIds": [group]},
    }
    return {
        "az": az(
            "network private-endpoint create",
            subscription=endpoint.subscription,
            resource_group=endpoint.group,
            name=endpoint.name,
            location=location,
            subnet=inside,
            private_connection_resource_id=cache,
            group_id=group,
            connection_name=endpoint.name,
        ),
        "powershell": f"$subnet = Get-AzVirtualNetworkSubnetConfig -ResourceId '{inside}'\n"
        f"$connection = New-AzPrivateLinkServiceConnection -Name '{endpoint.name}' -PrivateLinkServiceId '{cache}' -GroupId '{group}'\n"
        + powershell(
            "New-AzPrivateEndpoint",
            ResourceGroupName=endpoint.group,
            Name=endpoint.name,
            Location=location,
        )
        + " -Subnet $subnet -PrivateLinkServiceConnection $connection",
        "bicep": bicep_resource(
            "endpoint",
            "Microsoft.Network/privateEndpoints",
            API,
            {
                "name": endpoint.name,
                "location": location,
                "properties": {
                    "subnet": {"id": inside},
                    "privateLinkServiceConnections": [connection],
                },
            },
        ),
        "terraform": terraform(
            "azurerm_private_endpoint",
            symbol(endpoint.name),
            {
                "name": endpoint.name,
                "resource_group_name": endpoint.group,
                "location": location,
                "subnet_id": inside,
                "private_service_connection": {
                    "name": endpoint.name,
                    "private_connection_resource_id": cache,
                    "subresource_names": [group],
                    "is_manual_connection": False,
                },
            },
        ),
    }
