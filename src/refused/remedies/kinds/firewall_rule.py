"""A firewall rule of Azure Cache for Redis for exactly the address that this client comes from.

Rules filter the public address alone: with a private endpoint, or with public access off, a rule
helps nobody. Azure Managed Redis has none.

Sources:
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-configure
    https://learn.microsoft.com/rest/api/redis/firewall-rules
"""

from __future__ import annotations

from json import dumps

from refused.evidence.control_plane import AzureCache, ClientAddress, FirewallRules, PrivateEndpoint
from refused.evidence.observations import Unseen
from refused.remedies.arm_id import take_apart
from refused.remedies.change import ArmWrite, Change, Missing, Setting
from refused.remedies.reading import settles
from refused.remedies.say import az, bicep_resource, powershell, symbol, terraform
from refused.service.arm import api_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Evidence

ENDS = ("firewall-ip-blocked",)
RANK = 10
API = api_version("Microsoft.Cache/redis")


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose a rule for the client's address as the service sees it."""
    cache, rules = evidence.one(AzureCache), evidence.one(FirewallRules)
    client = evidence.one(ClientAddress)
    if isinstance(cache, Unseen) or isinstance(rules, Unseen):
        gap = cache if isinstance(cache, Unseen) else rules
        yield Missing(
            kind="firewall-rule",
            cause=cause,
            what="a firewall rule for exactly this client",
            needs="the cache's resource and its rules",
            how=gap.how_to_see if isinstance(gap, Unseen) and gap.how_to_see else "--resource ID",
        )
        return
    if cache.service != "acr" or evidence.all(PrivateEndpoint):
        return
    if isinstance(client, Unseen) or client.how == "metadata" or ":" in client.address:
        yield Missing(
            kind="firewall-rule",
            cause=cause,
            what="a firewall rule for exactly this client",
            needs="the public IPv4 address from which the service sees this client",
            how="--client-ip ADDRESS (an address of this host's own proves nothing behind a NAT)",
        )
        return
    address = client.address
    name = f"refused_{address.replace('.', '_')}"  # letters, digits and underscores alone
    write = f"{cache.id}/firewallRules/{name}"
    yield Change(
        kind="firewall-rule",
        cause=cause,
        title=f"let {address} in with a firewall rule of its own",
        where="azure",
        resource_id=cache.id,
        write=ArmWrite(
            method="PUT",
            id=write,
            api_version=API,
            body=dumps({"properties": {"startIP": address, "endIP": address}}),
        ),
        undo=ArmWrite(method="DELETE", id=write, api_version=API),
        settings=(Setting(name=f"firewall rule {name}", before=None, after=address),),
        facts=(("rule", name), ("first", address), ("last", address), ("location", cache.location)),
        why=f"none of the cache's {len(rules.rules)} rules holds {address}; it adds one address and changes nobody else's",
        affects="nobody: addresses that were let in still are",
        interruption="none",
        proof="from this client TLS completes and PING is answered",
        hop="resp",
        **settles("firewall-rule", "acr"),
    )


def render(change: Change) -> dict[str, str]:
    """Say the rule for ``az``, PowerShell, Bicep and Terraform."""
    cache = take_apart(change.resource_id)
    rule, first, last = change.fact("rule"), change.fact("first"), change.fact("last")
    return {
        "az": az(
            "redis firewall-rules create",
            subscription=cache.subscription,
            resource_group=cache.group,
            name=cache.name,
            rule_name=rule,
            start_ip=first,
            end_ip=last,
        ),
        "powershell": powershell(
            "New-AzRedisCacheFirewallRule",
            ResourceGroupName=cache.group,
            Name=cache.name,
            RuleName=rule,
            StartIP=first,
            EndIP=last,
        ),
        "bicep": bicep_resource(
            "cache", "Microsoft.Cache/redis", API, {"name": cache.name}, existing=True
        )
        + "\n"
        + bicep_resource(
            symbol(rule),
            "Microsoft.Cache/redis/firewallRules",
            API,
            {"parent": "cache", "name": rule, "properties": {"startIP": first, "endIP": last}},
        ),
        "terraform": terraform(
            "azurerm_redis_firewall_rule",
            symbol(rule),
            {
                "name": rule,
                "redis_cache_name": cache.name,
                "resource_group_name": cache.group,
                "start_ip": first,
                "end_ip": last,
            },
        ),
    }
