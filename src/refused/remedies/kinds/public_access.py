"""Public access for exactly this client: the last resort, at the owner's word.

Two changes in a fixed order: first the rule that shuts everybody else out, then the door. Without
firewall rules (Azure Managed Redis) the open door would be open to all, so nothing is planned there.

Source: https://learn.microsoft.com/azure/azure-cache-for-redis/cache-private-link
"""

from __future__ import annotations

from json import dumps

from refused.evidence.control_plane import ClientAddress, FirewallRules
from refused.evidence.observations import Unseen
from refused.remedies.arm_id import take_apart
from refused.remedies.change import ArmWrite, Change, Missing, Setting
from refused.remedies.kinds.firewall_rule import API
from refused.remedies.kinds.firewall_rule import render as render_rule
from refused.remedies.reading import endpoints, settles, the_cache
from refused.remedies.say import az, powershell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Evidence

ENDS = ("public-access-disabled",)
RANK = 90


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose the rule, and once it is there the door."""
    cache, client = the_cache(evidence), evidence.one(ClientAddress)
    rules = evidence.one(FirewallRules)
    if cache is None or cache.service != "acr" or endpoints(evidence) or isinstance(rules, Unseen):
        return
    if isinstance(client, Unseen) or client.how == "metadata" or ":" in client.address:
        return
    address = client.address
    word = "this opens the cache's public address, if only to one client; a private endpoint needs no such door"
    if not any(rule.first == rule.last == address for rule in rules.rules):
        name = f"refused_{address.replace('.', '_')}"
        path = f"{cache.id}/firewallRules/{name}"
        yield Change(
            kind="public-access",
            cause=cause,
            title=f"first a firewall rule for {address} alone",
            where="azure",
            resource_id=cache.id,
            write=ArmWrite(
                method="PUT",
                id=path,
                api_version=API,
                body=dumps({"properties": {"startIP": address, "endIP": address}}),
            ),
            undo=ArmWrite(method="DELETE", id=path, api_version=API),
            settings=(Setting(name=f"firewall rule {name}", before=None, after=address),),
            facts=(("rule", name), ("first", address), ("last", address)),
            why="the rule has to stand before the door is opened, or everybody is let in",
            affects="nobody: public access is off",
            interruption="none",
            proof="the rule is there",
            hop="resp",
            owner_word=word,
            prepares=f"public access, which then lets in {address}",
            **settles("firewall-rule", "acr"),
        )
        return
    yield Change(
        kind="public-access",
        cause=cause,
        title=f"switch public access on; the rules let in {', '.join(_range(rule.first, rule.last) for rule in rules.rules)}",
        where="azure",
        resource_id=cache.id,
        write=ArmWrite(
            method="PATCH",
            id=cache.id,
            api_version=API,
            body=dumps({"properties": {"publicNetworkAccess": "Enabled"}}),
        ),
        undo=ArmWrite(
            method="PATCH",
            id=cache.id,
            api_version=API,
            body=dumps({"properties": {"publicNetworkAccess": "Disabled"}}),
        ),
        settings=(Setting(name="publicNetworkAccess", before="Disabled", after="Enabled"),),
        facts=(),
        why="public access is off, and the cache has no private endpoint",
        affects="whoever the firewall rules hold",
        interruption="none",
        proof="from this client PING is answered",
        hop="resp",
        owner_word=word,
        **settles("public-access", "acr"),
    )


def _range(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"


def render(change: Change) -> dict[str, str]:
    """Say either step."""
    if dict(change.facts).get("rule"):
        return render_rule(change)
    cache = take_apart(change.resource_id)
    return {
        "az": az(
            "redis update",
            subscription=cache.subscription,
            resource_group=cache.group,
            name=cache.name,
            set="publicNetworkAccess=Enabled",
        ),
        "powershell": powershell(
            "Set-AzRedisCache",
            ResourceGroupName=cache.group,
            Name=cache.name,
            PublicNetworkAccess="Enabled",
        ),
        "terraform": f"# in azurerm_redis_cache.{cache.name}\npublic_network_access_enabled = true\n",
        "bicep": f"// in the resource {cache.name}\nparam publicNetworkAccess string = 'Enabled'\n",
    }
