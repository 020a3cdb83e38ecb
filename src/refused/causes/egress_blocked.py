"""Something on the client's side of the network holds the connection back.

What is wrong
    This host's packet filter, a network policy of the pod's cluster, a corporate firewall, a web
    application firewall or a forced proxy does not let this port out. Redis clients ignore HTTP
    proxy variables.
How it looks
    Silence, an immediate refusal, or "administratively prohibited" from a router near by; other
    destinations on the same port fail as well, and from another network it works.
What ends it
    An outbound rule for exactly this host name or address and port.
What it is not
    ``firewall-ip-blocked``: there the service turns the client away.
Sources
    RFC 1812 section 5.2.7.1 (ICMP code 13)
    https://kubernetes.io/docs/concepts/services-networking/network-policies/
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-troubleshoot-connectivity
"""

from __future__ import annotations

from refused.causes.readings import (
    dialled,
    fails_elsewhere,
    is_here,
    is_public,
    met_silence,
    service_behind,
    surroundings,
    without_a_word,
    works_elsewhere,
)
from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.control_plane import (
    AzureSubnet,
    RouteTable,
)
from refused.evidence.kubernetes import (
    POLICY_KINDS,
    KubernetesPolicy,
    KubernetesWorkload,
    clients,
    has_client,
)
from refused.evidence.nsg import (
    way_to,
)
from refused.evidence.observations import (
    ClusterTopology,
    DnsAnswer,
    Elsewhere,
    NodeVisit,
    ProxyVariables,
    RedirectRules,
    RouteLookup,
    TcpDial,
)
from refused.service.ports import expected_ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="egress-blocked",
    title="something on the client's side of the network holds the connection back",
    hop="tcp",
    shows_at=("tcp", "tls", "resp", "topology"),
    bucket="configuration",
    traits=("between", "start"),
    needs=(
        *POLICY_KINDS,
        AzureSubnet,
        ClusterTopology,
        DnsAnswer,
        Elsewhere,
        NodeVisit,
        ProxyVariables,
        RedirectRules,
        RouteLookup,
        RouteTable,
        TcpDial,
    ),
    remedies=(
        "allow outbound TCP from this client to exactly this host and port, and nothing wider",
        "on Kubernetes, a network policy that lets this workload out to exactly this address and port",
        "use a private endpoint, where the way out leads through a firewall that cannot be opened",
    ),
    verify="the dial is accepted from this client",
    prevent="hand the firewall team names, ports and directions before the first deployment",
    expects=(
        ("other-destination", "blocked"),
        ("elsewhere", "works"),
        ("network-rules", "blocks"),
        ("firewall-rules", "fine"),
    ),
)

# At the nodes of a cluster, network policies alone are held against what was seen.
WALKED = ("tcp", "tls", "resp")
PROHIBITED = frozenset({"3/9", "3/10", "3/13", "1/1", "1/5", "1/6"})


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See who says no, and how near they are."""
    answers, others, proxies = (
        evidence.all(DnsAnswer),
        evidence.all(Elsewhere),
        evidence.all(ProxyVariables),
    )
    rules, routes, dials = (
        evidence.all(RedirectRules),
        evidence.all(RouteLookup),
        evidence.all(TcpDial),
    )
    tables, subnets = evidence.all(RouteTable), evidence.all(AzureSubnet)
    policies = tuple(_policies_say(evidence))
    yield from policies
    broken, tried = evidence.broken, dialled(dials)
    if any(isinstance(each, Proof) for each in policies):
        return
    if broken is None or not tried or broken.hop not in WALKED:
        return
    first = tried[0]
    blocks = tuple(text for rule in rules for text in rule.blocks)
    if blocks and broken.hop == "tcp":
        yield Proof(
            because=f"this host's own packet filter has: {blocks[0]}", seen=(*rules, *tried)
        )
        return
    if broken.hop == "tcp" and broken.how == "denied":
        yield Proof(
            because=f"this host denies the connection itself (error {first.errno})", seen=tried
        )
        return
    if is_here(first.address):
        yield RuledOut(
            because=f"{first.address} is this host itself, and no filter of it was seen", seen=tried
        )
        return
    rejected = next(
        (dial for dial in tried if dial.icmp_from and dial.icmp_from != dial.address), None
    )
    if rejected is not None and rejected.icmp in PROHIBITED | {"3/3", "1/4"}:
        near = {route.gateway for route in routes} | {route.local_address for route in routes}
        said = f"{rejected.icmp_from} prohibits it (ICMP {rejected.icmp})"
        if rejected.icmp_from in near:
            yield Proof(
                because=f"{said}, and that is this client's own gateway", seen=(rejected, *routes)
            )
        else:
            yield Clue(weight=2.5, because=f"{said}, on the way", seen=(rejected,))
    service = service_behind(evidence.target, answers)
    if met_silence(broken):
        yield Clue(
            weight=0.4,
            because=f"{first.address} port {first.port} met the dial with silence",
            seen=tried,
        )
        if is_public(first.address):
            yield Clue(
                weight=0.5,
                because="the way to a public address leads through this network's own filters",
                seen=tried,
            )
    elif broken.how == "refused" and service != "redis" and first.port in expected_ports(service):  # type: ignore[arg-type]
        yield Clue(
            weight=1.4,
            because=f"port {first.port} of this service always listens, so somebody on the way refused",
            seen=tried,
        )
    elif without_a_word(broken):
        yield Clue(
            weight=0.2, because="filters that look at TLS end connections in this way", seen=tried
        )
    else:
        return
    yield from _through_an_appliance(subnets, tables, first.address)
    named = tuple(name for each in proxies for name, _ in each.variables)
    if named:
        yield Clue(
            weight=0.7,
            because=f"this network wants proxies ({named[0]} is set), which Redis clients do not use",
            seen=proxies,
        )
    control = next(iter(dialled(dials, "control")), None)
    if control is not None and control.outcome == "refused":
        yield Clue(
            weight=-0.5, because=f"{control.address} is reached on another port", seen=(control,)
        )
    well, ill = works_elsewhere(others), fails_elsewhere(others)
    if well is not None:
        yield Clue(weight=1.0, because=f"it works from {well.vantage}", seen=(well,))
    elif ill is not None:
        yield Clue(weight=-1.2, because=f"it fails from {ill.vantage} as well", seen=(ill,))


def _policies_say(evidence: Evidence) -> Iterator[Statement]:
    """Put the client's packet to every network policy that selects its pods."""
    if not has_client(evidence, (*POLICY_KINDS, ClusterTopology, NodeVisit)):
        return
    from refused.evidence.kubernetes_faults import policy_faults
    from refused.evidence.kubernetes_mesh import is_walked_inside

    faults, broken = policy_faults(evidence), evidence.broken
    policies, workloads = evidence.all(KubernetesPolicy), clients(evidence.all(KubernetesWorkload))
    for fault in faults:
        inside = is_walked_inside(evidence, fault.workload)
        nodes = tuple(
            each
            for each in evidence.all(NodeVisit)
            if each.failed and each.stage == "tcp" and each.port == fault.packet.port
        )
        if fault.sure and inside and broken is not None and broken.hop == "topology" and nodes:
            said = f"{fault.said}, and the node at {nodes[0].port} met the dial with: {nodes[0].outcome}"
            yield Proof(because=said, seen=(*fault.seen, *nodes))
            return
        # Plugins drop what a policy denies; some reject it. Neither shows a connection that was accepted.
        is_seen = (
            broken is not None
            and broken.hop == "tcp"
            and broken.how in ("silent", "refused", "unreachable")
            and not fault.to_node
        )
        if fault.sure and is_seen and inside:
            dials = tuple(dial for dial in dialled(evidence.all(TcpDial)) if dial.failed)
            said = f"{fault.said}, and the dial met {dials[0].outcome if dials else 'nobody'}"
            yield Proof(because=said, seen=(*fault.seen, *dials))
            return
        yield Clue(
            weight=3.0 if fault.sure else 0.8,
            because=fault.said,
            seen=fault.seen,
            foretells=fault.sure and not inside,
        )
    if policies and workloads and not faults and broken is not None and broken.hop == "tcp":
        workload = workloads[0]
        said = f"no network policy that was read keeps {workload.title} from this port"
        yield Clue(weight=-0.8, because=said, seen=(workload,))


def _through_an_appliance(
    subnets: tuple[AzureSubnet, ...], tables: tuple[RouteTable, ...], address: str
) -> Iterator[Statement]:
    """Say where the client's own subnet sends everything through a firewall that was not read."""
    client = next((each for each in subnets if each.role == "client"), None)
    for table in tables:
        if table.role != "client":
            continue
        way = way_to(address, table.routes, surroundings(client, subnets))
        if way is not None and way.next_hop == "VirtualAppliance" and way.route is not None:
            where = way.route.next_hop_address or "of which no address is known"
            said = f"the route {way.route.name} ({way.prefix}) leads it through the appliance {where}, which may hold it back"
            yield Clue(weight=1.2, because=said, seen=(table,))


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="egress-blocked-proxy-said",
        pattern=r"proxy (?:error|connect)[^\n]{0,40}(?:403|407|502)|Proxy Authentication Required|Tunnel connection failed|ERR_TUNNEL|ERR_PROXY|blocked by (?:your|the) (?:administrator|firewall|policy)|Blocked by admin",
        family="socket",
        weight=4.2,
        says="a proxy or firewall on the client's side says no",
        example="OSError: Tunnel connection failed: 403 Forbidden",
        ignores_case=True,
    ),
    Signature(
        id="egress-blocked-revocation-unreachable",
        pattern=r"RevocationStatusUnknown|OfflineRevocation|unable[ _]to[ _](?:get[ _](?:certificate )?CRL|check revocation)|NO_REVOCATION_CHECK|0x80092012|revocation server was offline|CRYPT_E_REVOCATION_OFFLINE|0x80092013",
        family="tls",
        weight=3.2,
        says="the revocation list of the certificate cannot be fetched",
        example="The revocation function was unable to check revocation because the revocation server was offline",
        ignores_case=True,
    ),
    Signature(
        id="egress-blocked-not-permitted",
        pattern=r"connect EPERM|connect EACCES|(?:[Cc]onnect|socket|\bdial\b|sendto|Errno::EPERM)[^\n]{0,200}[^R\n][^A-Za-z\n][Oo]peration not permitted|\[Errno 1\] Operation not permitted[ \t]{0,8}$|[Oo]peration not permitted[^\n]{0,40}(?:connect|socket|\[tcp|/[0-9.]{7,15}:[0-9])|Permission denied[^\n]{0,20}(?:connect|socket|\[tcp)",
        family="socket",
        weight=2.2,
        says="the client's own system forbids the connection",
        example="Error: connect EPERM 203.0.113.5:6380",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "connect-timeout": 0.7,
    "unreachable": 1.0,
    "denied": 1.9,
    "tls-cut": 1.2,
    "tls-silent": 1.1,
    "reset": 0.1,
    "still-connecting": 0.5,
    "cannot-connect": 0.7,
    "not-connected": 0.3,
    "no-token": 0.1,
    "timed-out": 0.6,
    "cannot-reach": 0.2,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.hosted is not None and told.hosted.has_public_side and told.saw("refused"):
        said = f"{told.hosted.name} listens to all; what refuses may stand in between"
        yield Clue(weight=1.0, because=said, seen=told.errors)
    if "egress-blocked-revocation-unreachable" in told.signatures and told.saw("tls-unverified"):
        yield Clue(
            weight=0.8,
            because="the server's certificate came through, and what its issuer publishes on the web did not",
            seen=told.errors,
        )
    if told.saw("unreachable") and told.marked("no-network"):
        yield Clue(
            weight=0.9,
            because="the client's own host, or its container, has no way out",
            seen=told.errors,
        )
    if told.saw("connect-timeout", "timed-out") and told.is_on_desk:
        yield Clue(
            weight=0.9,
            because="the client runs on somebody's own machine, with its VPN and firewall",
            seen=told.errors,
        )
    if told.saw("connect-timeout", "cannot-connect") and told.is_private:
        yield Clue(weight=-0.8, because="a private address was dialled", seen=told.errors)
    if told.saw("connect-timeout", "cannot-connect") and told.is_public:
        yield Clue(weight=0.5, because="a public address does not answer", seen=told.errors)
