"""A security rule that lets exactly this traffic through, just before the rule that blocks it.

Exactly: from the client's subnet to the cache's address, at the ports that the service needs there,
in the one direction in which it is blocked. Rules of others stay as they are.

Source: https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview
"""

from __future__ import annotations

from json import dumps

from refused.evidence.control_plane import ClientAddress, NetworkSecurityGroup
from refused.evidence.nsg import Flow, decide
from refused.evidence.observations import TcpDial, Unseen
from refused.remedies.arm_id import take_apart
from refused.remedies.change import ArmWrite, Change, Missing, Setting
from refused.remedies.reading import settles, subnet, surroundings, the_cache
from refused.remedies.say import az, bicep_resource, powershell, symbol, terraform
from refused.service.arm import api_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Evidence
    from refused.evidence.control_plane import AzureCache, SecurityRule

ENDS = ("vnet-nsg-blocked",)
RANK = 10
API = api_version("Microsoft.Network")
# Priorities that a rule of one's own may have.
FIRST, LAST = 100, 4096


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose a rule for each group that was seen to block the way, the client's first."""
    cache, target = the_cache(evidence), evidence.target
    address = next((dial.address for dial in evidence.all(TcpDial) if dial.purpose == "client"), "")
    if cache is None or target is None or not address:
        return
    groups = sorted(evidence.all(NetworkSecurityGroup), key=lambda each: each.role != "client")
    for group in groups:
        direction = "Outbound" if group.role == "client" else "Inbound"
        source = _client(evidence)
        if not source:
            yield Missing(
                kind="nsg-rule",
                cause=cause,
                what=f"a rule in {take_apart(group.id).name} for exactly this client",
                needs="the address or the subnet from which the client comes",
                how="--client-subnet ARM-ID, or --client-ip ADDRESS",
            )
            continue
        decision = decide(
            group.rules,
            Flow(
                direction=direction,
                protocol="tcp",
                source=source[0],
                destination=address,
                port=target.port,
            ),
            surroundings(evidence, group.role, address),
        )
        if decision.access != "Deny":
            continue
        yield _change(
            cause,
            group,
            decision.rule,
            direction,
            cache=cache,
            source=source,
            address=address,
            ports=_ports(evidence),
        )


def _client(evidence: Evidence) -> tuple[str, ...]:
    """Return where the client comes from, as narrowly as it is known."""
    here = subnet(evidence, "client")
    if here is not None and here.prefixes:
        return here.prefixes
    given = evidence.one(ClientAddress)
    if not isinstance(given, Unseen) and given.how != "metadata":
        return (given.address,)
    return ()


def _ports(evidence: Evidence) -> tuple[str, ...]:
    """Return the ports that a client of this cache needs, and no other."""
    target, cache = evidence.target, the_cache(evidence)
    ports = [str(target.port)] if target is not None else []
    if cache is not None and cache.service == "acr" and cache.shards:
        ports.append("15000-15999" if target is None or target.tls else "13000-13999")
    if cache is not None and cache.service == "amr" and cache.clustering_policy == "OSSCluster":
        ports.append("8500-8599")
    return tuple(ports)


def _change(
    cause: str,
    group: NetworkSecurityGroup,
    blocking: SecurityRule,
    direction: str,
    *,
    cache: AzureCache,
    source: tuple[str, ...],
    address: str,
    ports: tuple[str, ...],
) -> Change | Missing:
    taken = {rule.priority for rule in group.rules if rule.direction.lower() == direction.lower()}
    before = min(blocking.priority, LAST + 1)
    free = next((each for each in range(before - 1, FIRST - 1, -1) if each not in taken), None)
    name = take_apart(group.id).name
    if free is None:
        return Missing(
            kind="nsg-rule",
            cause=cause,
            what=f"a rule in {name} before {blocking.name}",
            needs=f"a free priority below {blocking.priority}",
            how=f"move {blocking.name} to a higher number first",
        )
    rule = f"refused-allow-redis-{direction.lower()}"
    path = f"{group.id}/securityRules/{rule}"
    properties = {
        "access": "Allow",
        "direction": direction,
        "priority": free,
        "protocol": "Tcp",
        "sourcePortRange": "*",
        **_one_or_many("sourceAddressPrefix", "sourceAddressPrefixes", source),
        "destinationAddressPrefix": address,
        "destinationPortRanges": list(ports),
    }
    return Change(
        kind="nsg-rule",
        cause=cause,
        title=f"let TCP {', '.join(ports)} from {', '.join(source)} to {address} through {name}",
        where="azure",
        resource_id=group.id,
        write=ArmWrite(
            method="PUT", id=path, api_version=API, body=dumps({"properties": properties})
        ),
        undo=ArmWrite(method="DELETE", id=path, api_version=API),
        settings=(
            Setting(
                name=f"{direction.lower()} rule {rule}",
                before=None,
                after=f"allow TCP {', '.join(ports)} at priority {free}",
            ),
        ),
        facts=(
            ("rule", rule),
            ("direction", direction),
            ("priority", str(free)),
            ("source", " ".join(source)),
            ("destination", address),
            ("ports", " ".join(ports)),
        ),
        why=f"the rule {blocking.name} (priority {blocking.priority}) of the {group.role}'s subnet blocks it; "
        f"priority {free} is asked just before",
        affects=f"hosts of {', '.join(source)}, for this address and these ports alone",
        interruption=_restart(cache.id) if group.role == "cache" else "none",
        proof="the dial is accepted and PING is answered",
        hop="resp",
        **settles("nsg-rule", ""),
    )


def _restart(cache_id: str) -> str:
    """Say how an injected cache is restarted, which Azure wants after a change of its subnet's rules.

    Source: https://learn.microsoft.com/azure/azure-cache-for-redis/cache-how-to-premium-vnet
    """
    cache = take_apart(cache_id)
    command = az(
        "redis force-reboot",
        subscription=cache.subscription,
        resource_group=cache.group,
        name=cache.name,
        reboot_type="SecondaryNode",
    )
    return (
        "none by itself; where an injected cache does not notice it (--keep it then), restart one node"
        f" and then PrimaryNode, with a second's interruption each: {command}"
    )


def _one_or_many(one: str, many: str, values: tuple[str, ...]) -> dict[str, object]:
    return {one: values[0]} if len(values) == 1 else {many: list(values)}


def render(change: Change) -> dict[str, str]:
    """Say the rule for ``az``, PowerShell, Bicep and Terraform."""
    group, rule, direction = (
        take_apart(change.resource_id),
        change.fact("rule"),
        change.fact("direction"),
    )
    priority, source = change.fact("priority"), change.fact("source").split()
    destination, ports = change.fact("destination"), change.fact("ports").split()
    listed = ", ".join(f"'{each}'" for each in ports)
    return {
        "az": az(
            "network nsg rule create",
            subscription=group.subscription,
            resource_group=group.group,
            nsg_name=group.name,
            name=rule,
            priority=priority,
            direction=direction,
            access="Allow",
            protocol="Tcp",
            source_address_prefixes=source,
            source_port_ranges="*",
            destination_address_prefixes=destination,
            destination_port_ranges=ports,
        ),
        "powershell": f"$nsg = Get-AzNetworkSecurityGroup -ResourceGroupName '{group.group}' -Name '{group.name}'\n"
        + powershell(
            "Add-AzNetworkSecurityRuleConfig",
            Name=rule,
            Priority=priority,
            Direction=direction,
            Access="Allow",
            Protocol="Tcp",
            SourcePortRange="*",
            DestinationAddressPrefix=destination,
        )
        + " -SourceAddressPrefix @("
        + ", ".join(f"'{each}'" for each in source)
        + f") -DestinationPortRange @({listed}) -NetworkSecurityGroup $nsg\n"
        "$nsg | Set-AzNetworkSecurityGroup",
        "bicep": bicep_resource(
            "nsg",
            "Microsoft.Network/networkSecurityGroups",
            API,
            {"name": group.name},
            existing=True,
        )
        + "\n"
        + bicep_resource(
            symbol(rule),
            "Microsoft.Network/networkSecurityGroups/securityRules",
            API,
            {
                "parent": "nsg",
                "name": rule,
                "properties": {
                    "access": "Allow",
                    "direction": direction,
                    "priority": int(priority),
                    "protocol": "Tcp",
                    "sourcePortRange": "*",
                    **_one_or_many("sourceAddressPrefix", "sourceAddressPrefixes", tuple(source)),
                    "destinationAddressPrefix": destination,
                    "destinationPortRanges": ports,
                },
            },
        ),
        "terraform": terraform(
            "azurerm_network_security_rule",
            symbol(rule),
            {
                "name": rule,
                "resource_group_name": group.group,
                "network_security_group_name": group.name,
                "priority": int(priority),
                "direction": direction,
                "access": "Allow",
                "protocol": "Tcp",
                "source_port_range": "*",
                **_one_or_many("source_address_prefix", "source_address_prefixes", tuple(source)),
                "destination_address_prefix": destination,
                "destination_port_ranges": ports,
            },
        ),
    }
