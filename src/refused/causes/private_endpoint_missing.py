"""The private endpoint is gone, was rejected, or was never approved.

What is wrong
    The name still leads to a private address, and nobody stands there: the endpoint was deleted and
    its record stayed, or its connection is pending, rejected or disconnected.
How it looks
    Silence at the private address, from every network. Only an approved endpoint carries traffic.
    Where Azure may be asked, the states of the cache's endpoint connections tell.
What ends it
    The connection approved, or the endpoint made again with a zone group that keeps its record.
What it is not
    ``private-endpoint-dns``: there the name leads past an endpoint that works.
    ``vnet-nsg-blocked``: there other networks get in.
Sources
    https://learn.microsoft.com/azure/private-link/manage-private-endpoint
"""

from __future__ import annotations

from refused.causes.readings import (
    DEAD,
    NAMELESS,
    az,
    changed_so,
    dialled,
    endpoint_count,
    endpoint_said,
    fails_elsewhere,
    is_private,
    is_public,
    onset,
    privatelink_alias,
    public_door,
    service_behind,
    settled,
    unread,
    what_changed,
    works_elsewhere,
)
from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.control_plane import (
    AzureCache,
    Metric,
    PrivateEndpoint,
    PrivateEndpointList,
    ResourceChange,
)
from refused.evidence.observations import DnsAnswer, Elsewhere, NameLookup, TcpDial
from refused.evidence.path import resolved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="private-endpoint-missing",
    title="the private endpoint is gone, was rejected, or was never approved",
    hop="tcp",
    shows_at=("tcp", "tls", "resp"),
    bucket="configuration",
    traits=("between", "azure", "start"),
    needs=(
        AzureCache,
        DnsAnswer,
        Elsewhere,
        Metric,
        NameLookup,
        PrivateEndpoint,
        PrivateEndpointList,
        ResourceChange,
        TcpDial,
    ),
    remedies=(
        "approve the endpoint's connection on the cache",
        "make the endpoint again, with a DNS zone group that keeps its record in step",
    ),
    verify="the private address accepts, and PING is answered",
    prevent="an alert on deleted or disconnected endpoint connections; approval as part of the deployment",
    expects=(("resource", "endpoint"), ("elsewhere", "fails"), ("network-rules", "allows")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether a private endpoint's own address is dead for everybody."""
    answers, others, dials = evidence.all(DnsAnswer), evidence.all(Elsewhere), evidence.all(TcpDial)
    azure = tuple(_azure_says(evidence))
    broken, alias = evidence.broken, privatelink_alias(answers)
    yield from azure
    if settled(azure):
        return
    if broken is None or broken.hop not in CAUSE.shows_at or alias is None:
        return
    if broken.how not in ("silent", "refused", "unreachable", "closed", "reset"):
        return
    tried = dialled(dials)
    well = works_elsewhere(others)
    if well is not None and {dial.address for dial in tried} & set(well.addresses):
        yield RuledOut(because=f"the same address works from {well.vantage}", seen=(well,))
        return
    private = [dial for dial in tried if is_private(dial.address)]
    if private:
        yield Clue(
            weight=2.2,
            because=f"{alias} leads to the private {private[0].address}, and nobody answers there ({broken.how})",
            seen=(*answers, *private),
        )
    else:
        yield Clue(weight=0.4, because=f"{alias} has no private address any more", seen=answers)
    ill = fails_elsewhere(others)
    if ill is not None:
        yield Clue(weight=1.0, because=f"it fails from {ill.vantage} as well", seen=(ill,))
    if not evidence.look(PrivateEndpointList):
        yield unread(
            evidence.gap(PrivateEndpointList),
            evidence.gap(AzureCache),
            "the state of the private endpoint's connection",
            f"{az(service_behind(evidence.target, answers))} show --query privateEndpointConnections",
            asked=bool(evidence.look(AzureCache)),
        )


CHANGES = (
    "privateEndpointConnections/write",
    "privateEndpointConnections/delete",
    "privateEndpointConnectionsApproval/action",
    "Microsoft.Network/privateEndpoints/delete",
    "Microsoft.Network/privateEndpoints/write",
)


def _azure_says(evidence: Evidence) -> Iterator[Statement]:
    """Read the states of the cache's endpoints, and hold their addresses against the dialled one."""
    caches, lists = evidence.all(AzureCache), evidence.all(PrivateEndpointList)
    endpoints, changes = evidence.all(PrivateEndpoint), evidence.all(ResourceChange)
    metrics, lookups = evidence.all(Metric), evidence.all(NameLookup)
    answers = evidence.all(DnsAnswer)
    tried, broken = dialled(evidence.all(TcpDial)), evidence.broken
    count = endpoint_count(lists, endpoints)
    if broken is None or count is None or broken.how not in DEAD | NAMELESS:
        return
    cache = caches[-1] if caches else None
    if cache is not None and cache.subnet_id:
        yield RuledOut(because="the cache lives in a virtual network, and needs no endpoint")
        return
    used = [dial.address for dial in tried] or list(resolved(evidence))
    private = next((address for address in used if is_private(address)), None)
    public = next((address for address in used if is_public(address)), None)
    mine = next((each for each in endpoints if set(used) & set(each.addresses)), None)
    approved = [each for each in endpoints if (each.state or "").lower() == "approved"]
    began = onset([*tried, *lookups], metrics)
    change = what_changed(changes, CHANGES, began)
    after = f"; {changed_so(change, began)}" if change is not None else ""
    seen = (*lists, *endpoints, *tried, *((change,) if change else ()))
    if mine is not None and mine in approved:
        said = f"{endpoint_said(mine)}, and {private or used[0]} is its address"
        yield RuledOut(because=said, seen=(mine,))
    elif mine is not None:
        said = f"{endpoint_said(mine)}, and the name leads to its address {private or used[0]}"
        yield Proof(because=f"{said}: only an approved one carries traffic{after}", seen=seen)
    elif count == 0 and private is not None:
        said = f"the cache has no private endpoint, and the name leads to the private {private}"
        said = f"{said}, where nobody stands for it{after}"
        # Without a sign that an endpoint was there, the address may be a proxy's of one's own.
        if change is not None or privatelink_alias(answers) is not None:
            yield Proof(because=said, seen=seen)
        else:
            yield Clue(weight=2.2, because=said, seen=seen)
    elif count == 0:
        yield RuledOut(because="the cache has no private endpoint, and needs none here", seen=lists)
    elif approved:
        if private is not None and all(each.endpoint_seen for each in approved):
            said = f"{endpoint_said(approved[0])}; {private} is not its address"
            yield RuledOut(because=said, seen=tuple(approved))
        else:
            yield Clue(weight=-1.0, because=endpoint_said(approved[0]), seen=tuple(approved))
    elif not endpoints:
        return
    elif public is not None and public_door(cache, count) is not False:
        said = f"{endpoint_said(endpoints[0])}, and the client dials the public {public}"
        yield Clue(weight=-0.5, because=said, seen=seen)
    else:
        shut = "" if public is None else ", and public access is off"
        yield Proof(
            because=f"{endpoint_said(endpoints[0])}, no other is approved{shut}{after}", seen=seen
        )


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="private-endpoint-missing-said-so",
        pattern=r"private ?endpoint ?connection[^\n]{0,60}(?:Rejected|Disconnected|Pending)|privateLinkServiceConnectionState\W{1,6}[^\n]{0,60}(?:Rejected|Disconnected|Pending)",
        family="azure",
        weight=4.5,
        says="the private endpoint is not approved",
        example="privateEndpointConnections: status Rejected for the private endpoint connection Rejected",
        ignores_case=True,
    ),
)


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.saw("connect-timeout") and told.is_private:
        yield Clue(weight=-0.5, because="a private address was dialled", seen=told.errors)
    if told.marked("resolves-public", "resolves-documentation") and told.is_azure:
        yield Clue(weight=0.9, because="the name resolves to a public address", seen=told.errors)
