"""The public endpoint is switched off, and the client comes from outside.

What is wrong
    ``publicNetworkAccess`` is Disabled, the cache has no private endpoint this client could use,
    and the client dials the public address.
How it looks
    A time-out, or a connection that is accepted and ended without a word; which of the two is not
    documented. Where Azure may be asked, ``publicNetworkAccess`` tells.
What ends it
    A private endpoint for the client's network. Switching public access on again weakens security
    and is the owner's decision.
What it is not
    ``private-endpoint-dns``: there an endpoint exists and the name leads past it.
    ``firewall-ip-blocked``: there others get in from outside.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-private-link
    https://learn.microsoft.com/azure/redis/private-link
"""

from __future__ import annotations

from refused.causes.readings import (
    about_changes,
    az,
    changed_so,
    dialled,
    endpoint_count,
    fails_elsewhere,
    is_public,
    met_silence,
    of_cache,
    onset,
    privatelink_alias,
    public_door,
    service_behind,
    settled,
    turned_away,
    unread,
    what_changed,
    without_a_word,
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
from refused.evidence.observations import DnsAnswer, Elsewhere, TcpDial, TlsHandshake

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="public-access-disabled",
    title="the public endpoint is switched off, and the client comes from outside",
    hop="tcp",
    shows_at=("tcp", "tls", "resp"),
    bucket="configuration",
    traits=("between", "start"),
    needs=(
        AzureCache,
        DnsAnswer,
        Elsewhere,
        Metric,
        PrivateEndpoint,
        PrivateEndpointList,
        ResourceChange,
        TcpDial,
        TlsHandshake,
    ),
    remedies=(
        "give the client's network a private endpoint, with its DNS zone linked",
        "have the owner decide whether public access may be on again, with the narrowest filter the service has",
    ),
    verify="from this client TLS completes and PING is answered",
    prevent="decide on private or public access when the cache is made, and test from every client's network",
    expects=(
        ("elsewhere", "fails"),
        ("resource", "public-off"),
        ("other-destination", "works"),
        ("firewall-rules", "fine"),
    ),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether an Azure service's public address turns everybody away."""
    answers, others, dials = evidence.all(DnsAnswer), evidence.all(Elsewhere), evidence.all(TcpDial)
    azure, broken = tuple(_azure_says(evidence)), evidence.broken
    yield from azure
    silent, wordless = met_silence(broken), without_a_word(broken)
    service = service_behind(evidence.target, answers)
    if settled(azure) or not (silent or wordless) or service == "redis":
        return
    addresses = [dial.address for dial in dialled(dials)]
    if addresses and not any(is_public(address) for address in addresses):
        yield RuledOut(
            because=f"the client dials {addresses[0]}, which is not the public endpoint",
            seen=dialled(dials),
        )
        return
    well = works_elsewhere(others)
    if well is not None and set(well.addresses) & set(addresses):
        yield RuledOut(because=f"the public endpoint works from {well.vantage}", seen=(well,))
        return
    face = (
        "the public address met the dial with silence"
        if silent
        else "the public address ended it without a word"
    )
    yield Clue(weight=0.6 if silent else 0.3, because=face, seen=dialled(dials))
    if service != "acr":
        yield Clue(
            weight=1.0,
            because="this service has no other switch that turns public clients away",
            seen=answers,
        )
    if privatelink_alias(answers):
        yield Clue(
            weight=-2.0,
            because="the cache has a private endpoint, whose name or state is the cause then",
            seen=answers,
        )
    ill = fails_elsewhere(others)
    if ill is not None:
        yield Clue(weight=1.0, because=f"it fails from {ill.vantage} as well", seen=(ill,))


# The setting is one of the cache's own (of the cluster, on Managed Redis); policies change it too.
CHANGES = (
    "Microsoft.Cache/redis/write",
    "Microsoft.Cache/redisEnterprise/write",
    "policies/modify/action",
    "policies/deployIfNotExists/action",
)
SEE = "show --query publicNetworkAccess"


def _azure_says(evidence: Evidence) -> Iterator[Statement]:
    """Read whether the public door is open, and whether there is a private one."""
    caches, shakes = evidence.all(AzureCache), evidence.all(TlsHandshake)
    lists, endpoints = evidence.all(PrivateEndpointList), evidence.all(PrivateEndpoint)
    changes = of_cache(evidence.all(ResourceChange), caches, evidence.target)
    metrics = evidence.all(Metric)
    answers, tried = evidence.all(DnsAnswer), dialled(evidence.all(TcpDial))
    broken = evidence.broken
    if not (turned_away(broken, shakes) or without_a_word(broken)):
        return
    if not caches:
        service = service_behind(evidence.target, answers)
        if service != "redis":
            yield unread(
                evidence.gap(AzureCache),
                evidence.gap(AzureCache),
                "publicNetworkAccess of the cache",
                f"{az(service)} {SEE}",
                asked=False,
            )
        return
    count = endpoint_count(lists, endpoints)
    cache, seen = caches[-1], (caches[-1], *lists, *endpoints)
    is_open = public_door(cache, count)
    public = next((dial.address for dial in tried if is_public(dial.address)), None)
    if is_open:
        yield RuledOut(because="Azure says that public access is enabled", seen=seen)
    elif cache.subnet_id:
        said = "the cache lives in a virtual network, which lets in whom its rules let in"
        yield RuledOut(because=said, seen=seen)
    elif count:
        said = "the cache has a private endpoint, whose state or name is the cause then"
        yield RuledOut(because=said, seen=seen)
    elif is_open is False and public is not None:
        began = onset([*tried, *shakes[-1:]], metrics)
        said = f"public access is {cache.public_access or 'off'}, and the client dials the public {public}"
        change = what_changed(changes, CHANGES, began)
        if change is not None:
            said = f"{said}; {changed_so(change, began)}"
            seen = (*seen, change)
        if count == 0 or privatelink_alias(answers) is None:
            yield Proof(because=said, seen=(*seen, *tried))
        else:
            yield Clue(weight=1.5, because=said, seen=(*seen, *tried))
            yield unread(
                evidence.gap(PrivateEndpointList),
                evidence.gap(AzureCache),
                "whether the cache has a private endpoint",
                f"{az(cache.service)} show --query privateEndpointConnections",
                asked=True,
            )
    elif is_open is None:
        changed = about_changes(changes, CHANGES, onset([*tried, *shakes[-1:]], metrics))
        if changed is not None:
            yield changed


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="public-access-disabled-said-so",
        pattern=r"public network access[^\n]{0,40}disabled|publicNetworkAccess\W{1,6}Disabled|PublicNetworkAccessDisabled",
        family="azure",
        weight=4.0,
        says="the text says that public network access is disabled",
        example='"publicNetworkAccess": "Disabled"',
        ignores_case=True,
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "connect-timeout": 0.6,
    "still-connecting": 0.5,
    "cannot-connect": 0.8,
    "not-connected": 0.8,
    "timed-out": 0.2,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if (
        told.hosted is not None
        and not told.hosted.has_public_side
        and not told.is_private
        and told.saw("connect-timeout", "cannot-connect", "timed-out", "cannot-reach")
    ):
        # 60 is what BSD and macOS call a dial without an answer: somebody's desk, not the provider's network.
        weight = 2.6 if told.errno == 60 else 1.6
        yield Clue(
            weight=weight,
            because=f"{told.hosted.name} has no public side, and answers within its own network alone",
            seen=told.errors,
        )
    if (
        told.saw("connect-timeout")
        and not told.address
        and not told.host
        and told.runtime not in ("", "dotnet")
    ):
        yield Clue(
            weight=0.4,
            because="hosted caches mostly answer within their own network alone",
            seen=told.errors,
        )
    if told.saw("connect-timeout") and told.marked("serverless", "managed-runtime"):
        yield Clue(
            weight=1.6,
            because="a function runs outside of any private network until it is put into one",
            seen=told.errors,
        )
    if (
        told.saw("connect-timeout", "not-connected")
        and told.speaks("stackexchange")
        and not told.address
    ):
        yield Clue(
            weight=0.3,
            because="a client of .NET, mostly met on Azure, dials by name",
            seen=told.errors,
        )
    if told.saw("connect-timeout", "cannot-connect", "not-connected") and told.is_private:
        yield Clue(weight=-1.5, because="a private address was dialled", seen=told.errors)
