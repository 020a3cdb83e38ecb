"""The name resolves past the private endpoint.

What is wrong
    The cache has a private endpoint, and the client's resolver hands out the public address, no
    address, or that of an endpoint that is gone: the private DNS zone is missing, not linked to the
    client's network, has no record or a stale one, or the forwarder asks the wrong server.
How it looks
    A time-out like any other. The DNS chain gives it away: an alias in a privatelink zone that ends
    at a public address. Where Azure may be asked, the answer is held against the endpoint's own
    address, and the zone's links and records say why it differs.
What ends it
    A link from the zone to the client's virtual network (registration off), a zone group on the
    endpoint, or a forwarder of the public suffix to 168.63.129.16.
What it is not
    ``dns-resolver-failure``: there nobody answers. ``private-endpoint-missing``: there the private
    address is right and nobody stands there. ``public-access-disabled``: there is no endpoint.
Sources
    https://learn.microsoft.com/azure/private-link/private-endpoint-dns
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-private-link
"""

from __future__ import annotations

from refused.causes.readings import (
    DEAD,
    NAMELESS,
    changed_so,
    endpoint_count,
    endpoint_said,
    is_literal,
    is_private,
    is_public,
    last_name,
    onset,
    privatelink_alias,
    public_door,
    same_id,
    settled,
    unread,
    what_changed,
    wire_addresses,
)
from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.control_plane import (
    AzureCache,
    AzureSubnet,
    Metric,
    PrivateDnsZone,
    PrivateDnsZoneList,
    PrivateEndpoint,
    PrivateEndpointList,
    ResourceChange,
)
from refused.evidence.kubernetes import ClusterDns, KubernetesWorkload, clients
from refused.evidence.observations import DnsAnswer, Elsewhere, NameLookup, TcpDial
from refused.evidence.path import resolved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.path import Broken
    from refused.evidence.told import Told

OUTSIDE = (
    "for a client outside every linked network, ask the cache's owner: an endpoint in its network, or public "
    "access with a narrow filter"
)
CAUSE = Cause(
    id="private-endpoint-dns",
    title="the name resolves past the private endpoint",
    hop="address",
    shows_at=("name", "address", "route", "tcp", "tls", "resp"),
    bucket="configuration",
    traits=("between", "azure", "start"),
    needs=(
        AzureCache,
        AzureSubnet,
        ClusterDns,
        DnsAnswer,
        Elsewhere,
        KubernetesWorkload,
        Metric,
        NameLookup,
        PrivateDnsZone,
        PrivateDnsZoneList,
        PrivateEndpoint,
        PrivateEndpointList,
        ResourceChange,
        TcpDial,
    ),
    remedies=(
        "link the private DNS zone to this client's virtual network, with registration off",
        "give the endpoint a DNS zone group, so that the record follows it",
        "on own DNS servers, forward the public suffix (not the privatelink one) to 168.63.129.16",
        OUTSIDE,
    ),
    verify="the name leads to the endpoint's private address from where the client runs",
    prevent="link zones by policy when a network is made; check the answer from each network after every change",
    expects=(("other-resolver", "differs"), ("elsewhere", "works"), ("resource", "endpoint")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Read the DNS chain: an alias in a privatelink zone should end at a private address."""
    answers, others = evidence.all(DnsAnswer), evidence.all(Elsewhere)
    azure, broken = tuple(_azure_says(evidence)), evidence.broken
    cluster = tuple(_cluster_says(evidence))
    yield from azure
    if broken is None or settled(azure):
        return
    yield from cluster
    alias = privatelink_alias(answers)
    if alias is None:
        if answers and all(
            answer.outcome == "answered" for answer in answers if answer.qtype == "A"
        ):
            yield RuledOut(
                because="the name does not lead through a privatelink zone, so the cache has no private endpoint",
                seen=answers,
            )
        return
    addresses = resolved(evidence)
    public = [address for address in addresses if is_public(address)]
    private = [address for address in addresses if is_private(address)]
    if public and not private:
        yield Clue(
            weight=3.0,
            because=f"the name leads by way of {alias}, a private endpoint's alias, to the public {public[0]}",
            seen=answers,
        )
        there = next(
            (
                o
                for o in others
                if o.healthy and any(is_private(address) for address in o.addresses)
            ),
            None,
        )
        if there is not None:
            yield Proof(
                because=f"{there.vantage} is given {there.addresses[0]} and works; here the name leads to {public[0]} and fails",
                seen=(there, *answers),
            )
    elif broken.hop in ("name", "address"):
        yield Clue(
            weight=3.0,
            because=f"the name leads to {alias}, and there the chain ends without an address",
            seen=answers,
        )
    elif private:
        yield Clue(
            weight=0.6,
            because=f"{private[0]} may be the stale record of an endpoint that was made anew",
            seen=answers,
        )
        same = next((o for o in others if o.healthy and set(o.addresses) & set(addresses)), None)
        if same is not None:
            yield RuledOut(
                because=f"{same.vantage} is given the same {private[0]} and works", seen=(same,)
            )


def _cluster_says(evidence: Evidence) -> Iterator[Statement]:
    """See whether the cluster's DNS asks somebody who does not know the private zones."""
    workloads, names = clients(evidence.all(KubernetesWorkload)), evidence.all(ClusterDns)
    answers, target = evidence.all(DnsAnswer), evidence.target
    if target is None or not names or privatelink_alias(answers) is None:
        return
    if any(is_private(address) for address in resolved(evidence)):
        return
    from refused.evidence.kubernetes_names import name_faults

    for fault in name_faults(target.host, workloads, names):
        if fault.kind in ("astray", "wrong-zone"):
            yield Clue(weight=1.5, because=fault.said, seen=fault.seen, fact="cluster dns")


CHANGES = (
    "virtualNetworkLinks/delete",
    "virtualNetworkLinks/write",
    "privateDnsZones/delete",
    "privateDnsZones/A/delete",
    "privateDnsZones/A/write",
    "privateDnsZoneGroups/delete",
    "privateDnsZoneGroups/write",
    "Microsoft.Network/privateEndpoints/write",
    "Microsoft.Network/virtualNetworks/write",
    # Switching public access off leaves the endpoint as the only door.
    "Microsoft.Cache/redis/write",
    "Microsoft.Cache/redisEnterprise/write",
)


def _azure_says(evidence: Evidence) -> Iterator[Statement]:
    """Hold what the client's resolver answers against the endpoint's own addresses."""
    caches, lists = evidence.all(AzureCache), evidence.all(PrivateEndpointList)
    endpoints, answers = evidence.all(PrivateEndpoint), evidence.all(DnsAnswer)
    broken, count = evidence.broken, endpoint_count(lists, endpoints)
    zone, began = _ZoneSaid(evidence), _began(evidence)
    change = what_changed(evidence.all(ResourceChange), CHANGES, began)
    if broken is None or broken.how not in DEAD | NAMELESS:
        return
    if evidence.target is not None and is_literal(evidence.target.host):
        return
    if count is None:
        if privatelink_alias(answers) is not None:
            yield unread(
                evidence.gap(PrivateEndpointList),
                evidence.gap(AzureCache),
                "the private endpoint's own addresses",
                "az network private-endpoint list, and the private DNS zone's links and records",
                asked=bool(caches),
            )
        return
    approved = [each for each in endpoints if (each.state or "").lower() == "approved"]
    if count == 0:
        yield RuledOut(because="the cache has no private endpoint", seen=lists)
        return
    if not approved:
        if endpoints:
            said = f"{endpoint_said(endpoints[0])}, and no name could lead to it"
            yield RuledOut(because=said, seen=endpoints)
        return
    given = resolved(evidence)
    if any({*each.addresses} & {*wire_addresses(answers)} - {*given} for each in approved):
        said = "DNS gives the endpoint's own address, and the client uses another"
        yield RuledOut(because=said, seen=(*answers, *approved))
        return
    is_open = public_door(caches[-1] if caches else None, count)
    why = zone.fault(approved[0], given)
    after = (f"; {why}" if why else "") + (f"; {changed_so(change, began)}" if change else "")
    seen = (*approved, *caches, *answers, *zone.seen, *((change,) if change else ()))
    for each in _held(approved, given, broken, is_open=is_open, zone=zone):
        if isinstance(each, Proof):
            yield each.replace(because=f"{each.because}{after}", seen=seen)
        else:
            yield each
            if why and not isinstance(each, RuledOut):
                yield Clue(weight=0.8, because=why, seen=zone.seen)


def _began(evidence: Evidence) -> float | None:
    """Return when the failure was first seen."""
    failed = [each for each in evidence.all(TcpDial) if each.failed]
    looked = (*evidence.all(NameLookup), *evidence.all(DnsAnswer))
    return onset([*failed, *looked], evidence.all(Metric))


def _held(
    approved: list[PrivateEndpoint],
    given: tuple[str, ...],
    broken: Broken,
    *,
    is_open: bool | None,
    zone: _ZoneSaid,
) -> Iterator[Statement]:
    """Hold the addresses that the client was *given* against those of the approved endpoints."""
    addresses = {address for each in approved for address in each.addresses}
    best = approved[0]
    own = ", ".join(best.addresses)
    if addresses & set(given):
        said = f"the name leads to {', '.join(sorted(addresses & set(given)))}, the endpoint's own address"
        yield RuledOut(because=said, seen=tuple(approved))
        return
    at = f" at {own}" if own else ""
    public = next((address for address in given if is_public(address)), None)
    if not given:
        said = f"{endpoint_said(best)}{at}, and the name leads to no address here"
        if broken.hop in ("name", "address") and zone.is_without_record:
            yield Proof(because=said)
        elif broken.how in NAMELESS:
            yield Clue(weight=2.0, because=said, seen=tuple(approved))
    elif public is not None and is_open is False:
        said = f"{endpoint_said(best)}{at}, and the name leads past it to the public {public}"
        ends = OUTSIDE if zone.serves_others else ""
        yield Proof(because=f"{said}, which is shut", ends=ends)
    elif public is not None:
        said = "public access is on beside the private endpoint, so that the public address should answer"
        yield Clue(weight=-1.2, because=said, seen=tuple(approved))
    elif all(each.endpoint_seen and each.addresses for each in approved):
        said = f"{endpoint_said(best)}{at}, and the name leads to {given[0]}, another address"
        yield Proof(because=said)


class _ZoneSaid:
    """The private DNS zones, as far as they were read, and what is wrong with them."""

    def __init__(self, evidence: Evidence) -> None:
        self.zones, self.lists = evidence.all(PrivateDnsZone), evidence.all(PrivateDnsZoneList)
        self.client = next(
            (each for each in evidence.all(AzureSubnet) if each.role == "client"), None
        )
        self.alias = privatelink_alias(evidence.all(DnsAnswer))
        self.seen = (*self.zones, *self.lists, *((self.client,) if self.client else ()))

    def _linked(self) -> list[PrivateDnsZone]:
        """Return the zones that the client's network sees."""
        network = self.client.network_id if self.client is not None else None
        return [
            zone
            for zone in self.zones
            if any(
                same_id(link.network_id, network) and (link.state or "Completed") == "Completed"
                for link in zone.links
            )
        ]

    @property
    def is_without_record(self) -> bool:
        """Whether the name ends in a private zone without an address, by DNS or by the zone itself."""
        return self.alias is not None or any(not zone.addresses for zone in self._linked())

    @property
    def serves_others(self) -> bool:
        """Whether the zones are linked and filled, and nothing says that this client's network is any of theirs."""
        return self.client is None and any(zone.links and zone.addresses for zone in self.zones)

    def fault(self, endpoint: PrivateEndpoint, given: tuple[str, ...]) -> str:
        """Say what in the zones explains that the client was given other addresses; ``""`` if nothing does."""
        if not self.zones:
            if not self.lists:
                return ""
            return f"no private DNS zone {self.lists[-1].name} is in sight (it may lie in a subscription that is not)"
        linked = self._linked()
        zone = (linked or list(self.zones))[0]
        links = ", ".join(last_name(link.network_id) for link in zone.links[:3]) or "no network"
        wrong = [each for each in zone.addresses if each not in endpoint.addresses]
        if not zone.links and zone.links_seen:
            return f"the zone {zone.name} is linked to no network"
        if self.client is not None and not linked and zone.links_seen:
            mine = last_name(self.client.network_id)
            return f"the zone {zone.name} is not linked to this client's network {mine}, but to {links}"
        if not zone.addresses:
            return f"the zone {zone.name} has no record {zone.record}".rstrip()
        if wrong and endpoint.endpoint_seen and endpoint.addresses:
            said = f"the zone {zone.name} says {wrong[0]} for {zone.record or 'the cache'}"
            return f"{said}, and the endpoint has {endpoint.addresses[0]}"
        if set(zone.addresses) & set(given):
            return ""
        said = f"the zone {zone.name} says {zone.addresses[0]}"
        if not linked and not zone.links_seen:
            return f"{said}; to which networks it is linked was not seen"
        if self.client is not None and self.client.dns_servers:
            servers = ", ".join(self.client.dns_servers[:3])
            return f"{said}, but this client's network asks its own DNS servers ({servers})"
        if self.client is None:
            return f"{said} to networks that are linked to it ({links}); the resolver asked here does not see it"
        return f"{said}; the resolver that was asked here does not see it"


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="private-endpoint-dns-privatelink-name",
        pattern="(?:ENOTFOUND|EAI_AGAIN|lookup|UnknownHostException:|connecting to|resolve:|could not resolve) ?['\\\"]?[a-z0-9.-]{1,120}privatelink\\.redis",
        family="azure",
        weight=4.0,
        says="a name in the privatelink zone is dialled and has no address",
        example="getaddrinfo ENOTFOUND one.privatelink.redis.cache.windows.net",
        ignores_case=True,
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "name-unknown": 1.1,
    "connect-timeout": 0.8,
    "still-connecting": 0.7,
    "cannot-connect": 0.7,
    "not-connected": 0.5,
    "gave-up": 0.2,
    "timed-out": 0.3,
    "cannot-reach": 0.2,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.marked("privatelink-public"):
        yield Clue(
            weight=3.4,
            because="the name in the privatelink zone has a public address where the client asks",
            seen=told.errors,
        )
    if told.saw("connect-timeout") and told.speaks("stackexchange") and not told.address:
        yield Clue(
            weight=0.4,
            because="a client of .NET, mostly met on Azure, dials by name",
            seen=told.errors,
        )
    if (
        told.saw("connect-timeout")
        and not told.is_azure
        and not told.address
        and told.runtime not in ("", "dotnet")
        and not told.speaks("stackexchange")
    ):
        yield Clue(
            weight=-0.6,
            because="nothing in the text is of Azure, or of what is mostly met there",
            seen=told.errors,
        )
    if told.saw("name-unknown") and told.is_azure:
        yield Clue(
            weight=0.6,
            because="the name is the service's own; behind a private zone that lacks it, it has no address",
            seen=told.errors,
        )
    if told.saw("name-unknown") and not told.is_azure and bool(told.host):
        yield Clue(weight=-2.0, because="the name is not one of Azure's", seen=told.errors)
    if told.saw("connect-timeout", "cannot-connect", "still-connecting") and told.is_private:
        yield Clue(weight=-1.5, because="a private address was dialled", seen=told.errors)
    if told.saw("connect-timeout", "cannot-connect") and bool(told.host) and not told.is_azure:
        yield Clue(weight=-1.0, because="the name is not one of Azure's", seen=told.errors)
