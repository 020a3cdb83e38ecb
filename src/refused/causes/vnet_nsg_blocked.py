"""A security rule in front of the server drops the port.

What is wrong
    A network security group of the virtual network, a cloud's security group, or the server host's
    own packet filter does not let this port through from this client.
How it looks
    Silence at a private address; from other networks, or on other ports, the same host answers.
    Where Azure may be asked, the client's packet is put to the groups of both subnets, and the rule
    that decides is named.
What ends it
    A rule for exactly the port, the protocol and this client's subnet, above the rule that denies.
What it is not
    ``route-blackhole``: there no packet arrives, on any port. ``egress-blocked``: there the
    client's own side holds the packets back.
Sources
    https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-how-to-premium-vnet
"""

from __future__ import annotations

from refused.causes.readings import (
    about_changes,
    accepted,
    changed_so,
    dialled,
    in_subnet,
    is_here,
    is_private,
    is_public,
    last_name,
    met_silence,
    onset,
    privatelink_alias,
    rule_said,
    same_id,
    settled,
    surroundings,
    unread,
    what_changed,
    works_elsewhere,
)
from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.control_plane import (
    AzureCache,
    AzureSubnet,
    ClientAddress,
    Metric,
    NetworkSecurityGroup,
    ResourceChange,
    RouteTable,
)
from refused.evidence.nsg import (
    blocked_requirements,
    through,
)
from refused.evidence.observations import DnsAnswer, Elsewhere, RouteLookup, TcpDial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.nsg import Blocked
    from refused.evidence.told import Told

CAUSE = Cause(
    id="vnet-nsg-blocked",
    title="a security rule in front of the server drops the port",
    hop="tcp",
    shows_at=("tcp",),
    bucket="configuration",
    traits=("between", "start"),
    prior=0.2,
    needs=(
        AzureCache,
        AzureSubnet,
        ClientAddress,
        DnsAnswer,
        Elsewhere,
        Metric,
        NetworkSecurityGroup,
        ResourceChange,
        RouteLookup,
        RouteTable,
        TcpDial,
    ),
    remedies=(
        "allow exactly this port, over TCP, from this client's subnet, above the rule that denies it",
        "on an injected Azure cache, add every rule that the service needs, and reboot it afterwards",
    ),
    verify="the dial is accepted from this client",
    prevent="rules kept in code beside the client that needs them; effective rules checked after each change",
    expects=(
        ("network-rules", "blocks"),
        ("elsewhere", "works"),
        ("server-side", "listens"),
        ("other-destination", "works"),
    ),
)

# ICMP codes that mean "prohibited": RFC 1812 section 5.2.7.1, RFC 4443 section 3.1.
PROHIBITED = frozenset({"3/9", "3/10", "3/13", "1/1", "1/5", "1/6"})


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether it is this port alone, and who says no."""
    answers, others, dials = evidence.all(DnsAnswer), evidence.all(Elsewhere), evidence.all(TcpDial)
    own = {route.local_address for route in evidence.all(RouteLookup)}
    azure = tuple(_azure_says(evidence))
    broken, tried = evidence.broken, dialled(dials)
    if broken is None or broken.hop != "tcp" or not tried:
        return
    first = tried[0]
    if is_here(first.address) or first.address in own:
        yield RuledOut(because=f"{first.address} is this host itself", seen=tried)
        return
    rejected = next((dial for dial in tried if dial.icmp_from), None)
    if rejected is not None and rejected.icmp_from == rejected.address:
        said = f"{rejected.address} itself rejects port {rejected.port} by ICMP {rejected.icmp}"
        # A closed port is answered with RST; a host that answers TCP with ICMP has a filter that does so.
        yield Proof(because=f"{said}: a packet filter on that host", seen=(rejected,))
        return
    if rejected is not None and rejected.icmp in PROHIBITED:
        yield Clue(
            weight=1.2,
            because=f"{rejected.icmp_from} on the way prohibits it (ICMP {rejected.icmp})",
            seen=(rejected,),
        )
    yield from azure
    if settled(azure) or not met_silence(broken):
        return
    yield Clue(
        weight=0.6,
        because=f"{first.address} port {first.port} met the dial with silence",
        seen=tried,
    )
    if is_private(first.address):
        yield Clue(
            weight=1.0,
            because=f"{first.address} lies in a private network, where such rules stand",
            seen=tried,
        )
    if is_public(first.address):
        yield Clue(weight=-0.7, because=f"{first.address} is public", seen=tried)
    if privatelink_alias(answers):
        yield Clue(
            weight=-0.5,
            because="rules in front of a private endpoint hold only if its subnet enforces them",
            seen=answers,
        )
    control = next(
        (dial for dial in dialled(dials, "control") if dial.outcome in ("refused", "accepted")),
        None,
    )
    if control is not None and control.outcome == "refused":
        yield Clue(
            weight=1.8,
            because=f"{control.address} answers on port {control.port} (refused), so only this port is dropped",
            seen=(control,),
            fact="host answers",
        )
    if any(dial.outcome == "silent" for dial in dialled(dials, "control")):
        yield Clue(
            weight=-0.6,
            because="another port of the same address is silent as well",
            seen=dialled(dials, "control"),
        )
    sibling = accepted(dials, "sibling-port")
    if sibling is not None:
        yield Clue(
            weight=1.0,
            because=f"port {sibling.port} of the same host accepts",
            seen=(sibling,),
            fact="host answers",
        )
    well = works_elsewhere(others)
    if well is not None:
        yield Clue(weight=1.0, because=f"it works from {well.vantage}", seen=(well,))


CHANGES = (
    "securityRules/write",
    "securityRules/delete",
    "networkSecurityGroups/write",
    "subnets/write",
)
# Values of privateEndpointNetworkPolicies under which rules hold for private endpoints.
# Source: https://learn.microsoft.com/azure/private-link/disable-private-endpoint-network-policy
ENFORCED = ("enabled", "networksecuritygroupenabled")
NAMED = 3


def _azure_says(evidence: Evidence) -> Iterator[Statement]:
    """Put the client's own packet to every group of rules that it crosses."""
    groups, subnets = evidence.all(NetworkSecurityGroup), evidence.all(AzureSubnet)
    tables, changes = evidence.all(RouteTable), evidence.all(ResourceChange)
    metrics, caches = evidence.all(Metric), evidence.all(AzureCache)
    addresses, routes = evidence.all(ClientAddress), evidence.all(RouteLookup)
    tried, broken = dialled(evidence.all(TcpDial)), evidence.broken
    if broken is None or not met_silence(broken) or not tried:
        return
    began = onset(tried, metrics)
    if not groups:
        if caches or is_private(tried[0].address):
            changed = about_changes(changes, CHANGES, began)
            if changed is not None:
                yield changed
            unguarded = [each for each in subnets if each.nsg_id is None]
            if not unguarded and caches and (subnets or is_private(tried[0].address)):
                yield unread(
                    evidence.gap(NetworkSecurityGroup),
                    evidence.gap(AzureCache),
                    "the security rules on the way",
                    "az network nsg rule list --include-default, for the subnets of client and cache",
                    asked=True,
                )
        return
    client = next((each for each in subnets if each.role == "client"), None)
    dial = tried[0]
    sources = in_subnet(
        client,
        [
            *(each.address for each in addresses),
            *(r.local_address for r in routes),
            dial.local_address,
        ],
    )
    let_through = []
    for group in groups:
        subnet = next((each for each in subnets if same_id(each.id, group.subnet_id)), None)
        outside = (dial.address,) if is_public(dial.address) else ()
        around = surroundings(subnet, subnets, tables, *outside)
        if not around.inside:
            around = around.replace(inside=group.subnet_prefixes)
        if group.role == "endpoint" and not _enforces(subnet):
            continue
        decision = through(group, sources, dial.address, dial.port, around)
        if decision is None:
            continue
        said = f"{rule_said(decision, group)} decides on port {dial.port} from {sources[0]}"
        if decision.access == "Deny":
            change = what_changed(changes, CHANGES, began)
            after = f"; {changed_so(change, began)}" if change is not None else ""
            if decision.rule.default and subnet is not None and subnet.closed_peers:
                peers = ", ".join(last_name(each) for each in subnet.closed_peers[:NAMED])
                after = f"; the peering of its network with {peers} gives no access{after}"
            seen = (group, *tried, *((change,) if change else ()))
            yield Proof(because=f"{said}{after}", seen=seen)
            return
        if decision.access == "unknown":
            names = ", ".join(each.name for each in decision.perhaps[:NAMED])
            said = f"whether {names} of the group {last_name(group.id)} holds for port {dial.port} cannot be told"
            yield Clue(weight=0.5, because=said, seen=(group,))
        else:
            let_through.append(said)
    yield from _needs_said(groups, subnets, tables)
    if let_through:
        yield Clue(weight=-2.0, because=let_through[0], seen=groups)


def _enforces(subnet: AzureSubnet | None) -> bool:
    """Whether security rules hold for private endpoints in *subnet*; they do not by default."""
    return subnet is not None and (subnet.endpoint_policies or "").lower() in ENFORCED


def _needs_said(
    groups: tuple[NetworkSecurityGroup, ...],
    subnets: tuple[AzureSubnet, ...],
    tables: tuple[RouteTable, ...],
) -> Iterator[Statement]:
    """Hold the group of an injected cache's subnet against everything that the service needs."""
    for group in groups:
        if group.role != "cache":
            continue
        subnet = next((each for each in subnets if same_id(each.id, group.subnet_id)), None)
        prefixes = group.subnet_prefixes or (subnet.prefixes if subnet is not None else ())
        around = surroundings(subnet, subnets, tables)
        missing = blocked_requirements(
            group.rules,
            subnet=prefixes,
            around=around if around.inside else around.replace(inside=prefixes),
            dns_servers=subnet.dns_servers if subnet is not None else (),
        )
        sure = [each for each in missing if each.certain]
        if sure:
            # Without the balancer's probes and the nodes' own traffic the cache is taken for dead.
            vital = [each for each in sure if each.peer in ("AzureLoadBalancer", "redis-subnet")]
            said = f"the group {last_name(group.id)} blocks what an injected cache needs: "
            said += "; ".join(dict.fromkeys(_need_said(each) for each in (vital or sure)[:NAMED]))
            yield Clue(weight=2.5 if vital else 1.2, because=said, seen=(group,))


def _need_said(blocked: Blocked) -> str:
    ports = (
        f"{blocked.first}" if blocked.first == blocked.last else f"{blocked.first}-{blocked.last}"
    )
    way = "from" if blocked.direction == "Inbound" else "to"
    return f"{ports}/{blocked.protocol} {way} {blocked.peer} ({blocked.purpose}), by the rule {blocked.rule.name}"


# What is printed when it strikes.
SIGNATURES = (
    # What networks write of packets that a rule drops: GKE's policies, Cilium, flow logs of Azure, AWS and Calico.
    Signature(
        id="vnet-nsg-blocked-flow-denied",
        pattern=r"\bdisposition\b[\"']?: ?[\"']?deny|Policy denied|policy-verdict:[a-z0-9:-]{1,40}[^\n]{0,80} DENIED|\bpolicy-denied\b|,(?:6379|6380|10000),[TU],[IO],D\b|\b(?:6379|6380|10000) 6 [0-9]{1,12} [0-9]{1,15} [0-9]{9,11} [0-9]{9,11} REJECT\b|\bcalico[^\n]{0,20}-(?:drop|DROP)\b|UserRule_[^\n\"]{1,100}\",? ?\"flows[^\n]{0,400},D\b",
        family="azure",
        weight=4.6,
        says="a log of the network says that a rule denied the packets",
        example="xx drop (Policy denied) flow 0x0 to endpoint 12, identity 34->56: 10.1.2.3:40000 -> 10.1.2.4:6379 tcp SYN",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "connect-timeout": 1.0,
    "unreachable": 1.2,
    "still-connecting": 0.8,
    "cannot-connect": 0.7,
    "gave-up": 0.3,
    "pool-failed": 0.5,
    "timed-out": 0.7,
    "no-sentinel": 0.7,
    "cannot-reach": 0.5,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.saw("connect-timeout", "cannot-connect", "still-connecting") and told.is_private:
        yield Clue(weight=0.9, because="a private address does not answer", seen=told.errors)
    if told.saw("connect-timeout", "not-connected") and told.marked("client=aws"):
        yield Clue(
            weight=0.8,
            because="the client is at AWS, where security groups decide who may dial whom",
            seen=told.errors,
        )
    elif told.saw("connect-timeout") and told.speaks("stackexchange") and not told.address:
        yield Clue(weight=-0.4, because="the client dials by name", seen=told.errors)
    if told.saw("connect-timeout") and told.is_public:
        yield Clue(weight=-0.3, because="a public address was dialled", seen=told.errors)
    if told.saw("no-answer") and told.marked("rs=NotStarted"):
        yield Clue(
            weight=0.9,
            because="the reader never started: the connection never came about",
            seen=told.errors,
        )
    if (
        told.saw("no-answer")
        and "connects" in told.counters
        and told.count("conn-sec") == 0
        and told.is_private
        and told.count("version") >= 2.006
    ):
        yield Clue(
            weight=2.0,
            because="the connection to a private address never came about",
            seen=told.errors,
        )
