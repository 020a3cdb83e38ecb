"""The public endpoint is switched off, and the client comes from outside.

What is wrong
    ``publicNetworkAccess`` is Disabled, the cache has no private endpoint this client could use,
    and the client dials the public address.
How it looks
    A time-out, or a connection that is accepted and ended without a word; which of the two is not
    documented.
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
    dialled,
    fails_elsewhere,
    is_public,
    met_silence,
    privatelink_alias,
    service_behind,
    without_a_word,
    works_elsewhere,
)
from refused.causes.statements import Cause, Clue, RuledOut
from refused.evidence.observations import DnsAnswer, Elsewhere, TcpDial, Unseen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="public-access-disabled",
    title="the public endpoint is switched off, and the client comes from outside",
    hop="tcp",
    shows_at=("tcp", "tls", "resp"),
    bucket="configuration",
    needs=(DnsAnswer, Elsewhere, TcpDial),
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
    broken = evidence.broken
    silent, wordless = met_silence(broken), without_a_word(broken)
    service = service_behind(evidence.target, answers)
    if not (silent or wordless) or service == "redis":
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
    yield Unseen(
        vantage=evidence.vantage,
        what="publicNetworkAccess of the cache",
        why="the control plane was not asked",
        how_to_see="az redis show (or az redisenterprise show) --query publicNetworkAccess",
    )
