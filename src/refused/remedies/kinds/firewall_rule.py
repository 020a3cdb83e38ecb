"""A firewall rule of Azure Cache for Redis for exactly the address, or range, that this client comes from.

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
from refused.remedies.refusals import range_word
from refused.remedies.say import az, bicep_resource, powershell, symbol, terraform
from refused.service.addresses import in_range, parse
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
    alone = (client.address, client.address)
    yield _rule(
        cause, cache.id, cache.location, alone, str(len(rules.rules)), client=client.address
    )


class BadRange(ValueError):
    """What was given is no range that a rule could be made for; one line says why."""

    for_people = True


def range_of(word: str) -> tuple[str, str]:
    """Return the first and last address of ``203.0.113.0/28`` or ``203.0.113.4-203.0.113.9``.

    Raises:
        BadRange: It is neither.
    """
    from ipaddress import IPv4Network

    first, dash, last = (part.strip() for part in word.partition("-"))
    if not dash:
        try:
            network = IPv4Network(first)
        except ValueError:
            first = ""
        else:
            first, last = str(network[0]), str(network[-1])
    low, high = parse(first), parse(last)
    if low is None or high is None or (low[0], high[0]) != (4, 4) or low > high:
        raise BadRange(
            f"{word[:40]!r} is no range of IPv4 addresses; give one, as 203.0.113.0/28 or 203.0.113.4-203.0.113.9"
        )
    return first, last


def widened(change: Change, first: str, last: str) -> Change:
    """Return the rule of *change* for a whole range, at the owner's word where it is wide.

    Raises:
        BadRange: The client is not in it, so that the rule would not end the fault.
    """
    address = change.fact("first")
    if not in_range(address, first, last):
        raise BadRange(
            f"the service sees this client at {address}, which {first} to {last} does not hold"
        )
    return _rule(
        change.cause,
        change.resource_id,
        change.fact("location"),
        (first, last),
        change.fact("others"),
        client=address,
    )


def _rule(
    cause: str, cache: str, location: str, held: tuple[str, str], others: str, *, client: str
) -> Change:
    first, last = held
    is_one = first == last
    whom = first if is_one else f"{first} to {last}"
    name = "refused_" + "_".join(dict.fromkeys((first, last))).replace(".", "_")
    write = f"{cache}/firewallRules/{name}"
    adds = "one address"
    if not is_one:
        low, high = parse(first), parse(last)
        adds = f"{high[1] - low[1] + 1} addresses" if low and high else "a range"
    return Change(
        kind="firewall-rule",
        cause=cause,
        title=f"let {whom} in with a firewall rule of {'its' if is_one else 'their'} own",
        where="azure",
        resource_id=cache,
        write=ArmWrite(
            method="PUT",
            id=write,
            api_version=API,
            body=dumps({"properties": {"startIP": first, "endIP": last}}),
        ),
        undo=ArmWrite(method="DELETE", id=write, api_version=API),
        settings=(Setting(name=f"firewall rule {name}", before=None, after=whom),),
        facts=(
            ("rule", name),
            ("first", first),
            ("last", last),
            ("location", location),
            ("others", others),
        ),
        why=f"none of the cache's {others} rules holds {client}; it adds {adds} and changes nobody else's",
        affects="nobody: addresses that were let in still are"
        if is_one
        else "whoever is at these addresses may then try to log in",
        interruption="none",
        proof="from this client TLS completes and PING is answered",
        hop="resp",
        owner_word=range_word(first, last),
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
