"""The cache's own firewall rules do not hold this client's address.

What is wrong
    Azure Cache for Redis lets everybody in until the first firewall rule exists, and from then on
    only the listed addresses. This client comes from another one: its outbound address changed, or
    it goes out through a NAT gateway, a load balancer or a proxy that is not listed. A Redis of one's
    own has such a rule as well: in protected mode it turns everybody away but this host itself.
How it looks
    Not documented. Reports tell of a time-out, and of a connection that is accepted and closed
    without a word. It is hardly ever "connection refused". Protected mode says ``-DENIED``.
What ends it
    A rule for exactly this client's outbound address, as the service sees it.
What it is not
    ``public-access-disabled``: then nobody outside gets in. ``egress-blocked``: then it is this
    client's own network that holds the packets. Azure Managed Redis has no firewall rules.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-network-isolation
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-configure
"""

from __future__ import annotations

from refused.causes.readings import (
    dialled,
    fails_elsewhere,
    is_private,
    met_silence,
    privatelink_alias,
    service_behind,
    without_a_word,
    works_elsewhere,
)
from refused.causes.statements import Cause, Clue, Proof, RuledOut
from refused.evidence.observations import DnsAnswer, Elsewhere, RedisReply, TcpDial, Unseen
from refused.service.features import has

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="firewall-ip-blocked",
    title="the cache's own firewall rules do not hold this client's address",
    hop="tcp",
    shows_at=("tcp", "tls", "resp"),
    bucket="configuration",
    prior=0.3,
    needs=(DnsAnswer, Elsewhere, RedisReply, TcpDial),
    remedies=(
        "on Azure Cache for Redis, add a firewall rule for exactly this client's outbound address",
        "give the client a private endpoint, so that no address has to be listed",
        "on a Redis of one's own in protected mode, give it users or a password, and bind the address that clients use",
    ),
    verify="from this client TLS completes and PING is answered, a minute or two after the rule",
    prevent="a fixed outbound address (NAT gateway) for clients of public endpoints, and rules kept in code beside it",
    expects=(
        ("elsewhere", "works"),
        ("firewall-rules", "lacks-client"),
        ("other-destination", "works"),
        ("resource", "fine"),
    ),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether the service could filter by address, and whether it is this client alone."""
    answers, others, dials = evidence.all(DnsAnswer), evidence.all(Elsewhere), evidence.all(TcpDial)
    broken = evidence.broken
    denied = next((each for each in evidence.all(RedisReply) if each.error_code == "DENIED"), None)
    if denied is not None:
        yield Proof(because=f"the server says: {denied.error_text[:120]}", seen=(denied,))
        return
    silent, wordless = met_silence(broken), without_a_word(broken)
    if not (silent or wordless):
        return
    service = service_behind(evidence.target, answers)
    if has(service, "firewall-rules") is False:  # type: ignore[arg-type]
        yield RuledOut(because="this service has no firewall rules", seen=())
        return
    addresses = [dial.address for dial in dialled(dials)]
    face = (
        "the dial met silence" if silent else "the connection was accepted and ended without a word"
    )
    yield Clue(
        weight=0.6 if silent else 0.3,
        because=f"{face}, as reports of blocked addresses tell",
        seen=dialled(dials),
    )
    if service == "acr":
        yield Clue(
            weight=0.9,
            because="this service filters by client address once it has a first rule",
            seen=answers,
        )
    else:
        yield Clue(
            weight=-0.6, because="whether this server filters by address is not known", seen=answers
        )
    if privatelink_alias(answers):
        yield Clue(
            weight=-2.0,
            because="the cache has a private endpoint, with which firewall rules cannot be used",
            seen=answers,
        )
    if addresses and all(is_private(address) for address in addresses):
        yield Clue(
            weight=-2.0,
            because=f"{addresses[0]} is private; firewall rules are for public clients",
            seen=dials,
        )
    well, ill = works_elsewhere(others), fails_elsewhere(others)
    if well is not None:
        yield Clue(
            weight=2.2,
            because=f"the same works from {well.vantage}, which comes from another address",
            seen=(well,),
        )
    elif ill is not None:
        yield Clue(weight=-1.0, because=f"it fails from {ill.vantage} as well", seen=(ill,))
    yield Unseen(
        vantage=evidence.vantage,
        what="the cache's firewall rules",
        why="the control plane was not asked",
        how_to_see="az redis firewall-rules list, against the address the service sees of this client",
    )
